"""Pools: what all processes measured of an exposure becomes one measurement, each unit once."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import datetime
from functools import reduce
from typing import TypeAlias

from safedeploy.blocks import Block
from safedeploy.censuses import Census
from safedeploy.journals import Journal
from safedeploy.metrics import Tallies
from safedeploy.telemetry import Troubles
from safedeploy.verdicts import Counts, Measurement

Pair: TypeAlias = tuple[Counts, Counts]

_NOBODY: Pair = (Counts(), Counts())


class Pool:
    """Post what this process measured, and measure what all have posted.

    One thread uses a pool at a time.

    Args:
        journal: where the processes meet.
        tallies: what this process measured.
    """

    def __init__(self, journal: Journal, tallies: Tallies) -> None:
        self._journal = journal
        self._tallies = tallies
        self._waiting: dict[str, list[Block]] = {}
        self._lent: dict[str, tuple[int, list[Block]]] = {}
        self._judged: dict[str, set[int]] = {}
        self._censuses: dict[str, Census] = {}
        self._silent: dict[str, dict[str, tuple[int, float]]] = {}
        self._troubles = Troubles()

    def post(self, rollout: str, at: datetime, *, last: bool = False) -> None:
        """Post what was tallied of a rollout since last time.

        Args:
            rollout: its id.
            at: now.
            last: whether this process leaves.

        Raises:
            Exception: whatever the journal raises; what couldn't be posted waits.
        """
        if block := self._tallies.take(rollout, at, last=last):
            self._waiting[block.exposure] = _few([*self._waiting.get(block.exposure, []), block])
        for exposure, blocks in list(self._waiting.items()):
            while blocks:
                self._journal.post(blocks[0])
                del blocks[0]
            del self._waiting[exposure]

    def reclaim(self, exposure: str, *, dropped: int, saved: bool) -> None:
        """Settle what was judged though it couldn't be posted: exactly one of two things.

        Args:
            exposure: which.
            dropped: how often what was judged here was given up; since then, it is to be posted.
            saved: whether the journal has what came of judging; then, it isn't.
        """
        lent_at, blocks = self._lent.get(exposure, (dropped, []))
        if lent_at != dropped:
            self._judged[exposure] -= {block.sequence for block in blocks}
            self._waiting[exposure] = _few([*blocks, *self._waiting.get(exposure, [])])
        if saved or lent_at != dropped:
            self._lent.pop(exposure, None)

    def measure(
        self, exposure: str, at: datetime, *, after: int, dropped: int = 0, deadline: float = 60.0
    ) -> Measurement:
        """Return what was posted of an exposure past the last block that was judged.

        What this process couldn't post is in it as well, and is posted only if what comes of
        judging it is given up: harm is seen although the journal can't be written, and counts once.

        Args:
            exposure: which.
            at: now.
            after: the number of the last block that was judged.
            dropped: how often what was judged here was given up.
            deadline: after how many seconds of silence a process is taken for dead.

        Raises:
            Exception: whatever the journal raises, if there isn't anything else to measure.
        """
        own = self._waiting.pop(exposure, [])
        try:
            census, posted = self._read(exposure, after)
        except Exception:
            if not own:
                raise
            census, posted = self._censuses.get(exposure, Census()), []
        self._censuses[exposure] = census
        since, seen, strata = at, None, {"": _NOBODY}
        for number, block in (*posted, *self._unposted(own, posted)):
            counts = census.count(block, number)
            if not self._is_known(block):
                strata |= {name: _sum(strata.get(name, _NOBODY), counts[name]) for name in counts}
                since, seen = min(since, block.since), max(block.until, seen or block.until)
        if own:
            self._judged.setdefault(exposure, set()).update(block.sequence for block in own)
            self._lent[exposure] = (dropped, _few([*self._lent.get(exposure, (0, []))[1], *own]))
        with self._troubles.told_once("telling which process died"):
            self._bury(exposure, at, deadline)
        return _measured(since, at, strata, seen, max(after, census.number))

    def lends(self, exposure: str) -> bool:
        """Tell whether something was judged here that was never posted."""
        return exposure in self._lent

    def compact(self, exposure: str, upto: int) -> None:
        """Keep, of the blocks that a recorded assessment holds, only whom they saw."""
        census = self._censuses.get(exposure)
        if census and census.number == upto and census.blocks > 1:
            self._journal.compact(exposure, census.summary(exposure, upto), upto=upto)
            census.blocks = 1

    def retain(self, exposures: Collection[str]) -> None:
        """Forget all other exposures: they are over."""
        self._censuses = {key: known for key, known in self._censuses.items() if key in exposures}
        self._judged = {key: known for key, known in self._judged.items() if key in exposures}
        self._lent = {key: lent for key, lent in self._lent.items() if key in exposures}
        self._silent = {key: known for key, known in self._silent.items() if key in exposures}
        self._journal.retain(exposures)

    def _read(self, exposure: str, after: int) -> tuple[Census, list[tuple[int, Block]]]:
        census = self._censuses.get(exposure)
        if census and census.number == after:
            return census, list(self._journal.posted(exposure, after=after))
        # Another process has judged meanwhile, or what this one judged wasn't recorded.
        census, posted = Census(), self._journal.posted(exposure)
        for number, block in posted:
            if number <= after:
                census.count(block, number)
        census.number = after
        return census, [each for each in posted if each[0] > after]

    def _bury(self, exposure: str, at: datetime, deadline: float) -> None:
        """Post, for processes that were silent for too long, that the calls that they had hang.

        Once, whoever does it, and judged as any block. Who only was slow is heard again: its calls
        count as unfinished all the same, and how they ended counts, too.
        """
        census, now = self._censuses[exposure], self._tallies.clock()
        known, silent = self._silent.get(exposure, {}), dict[str, tuple[int, float]]()
        for process, sequence in census.lasting():
            last = known.get(process, (0, now))
            silent[process] = last if last[0] == sequence else (sequence, now)
            if now - silent[process][1] > deadline:
                self._journal.post(census.lost(exposure, process, at))
        self._silent[exposure] = silent

    def _unposted(
        self, own: list[Block], posted: list[tuple[int, Block]]
    ) -> list[tuple[int, Block]]:
        """Return, of the own blocks, those whose posting didn't only look as if it had failed."""
        read = {(block.process, block.sequence) for _, block in posted}
        return [(0, block) for block in own if (block.process, block.sequence) not in read]

    def _is_known(self, block: Block) -> bool:
        """Tell whether a block counts nothing: it is a summary, or was judged while it waited."""
        is_own = block.process == self._tallies.process
        judged = self._judged.get(block.exposure, ())
        return not block.process or (is_own and block.sequence in judged)


def _few(blocks: list[Block]) -> list[Block]:
    """Return two blocks at most: the first as it is, as it may have been posted, and the others."""
    while len(blocks) > 2:
        blocks = [*blocks[:-2], blocks[-2].then(blocks[-1])]
    return blocks


def _sum(one: Pair, other: Pair) -> Pair:
    return one[0] + other[0], one[1] + other[1]


def _measured(
    since: datetime, at: datetime, strata: Mapping[str, Pair], seen: datetime | None, block: int
) -> Measurement:
    """Return a measurement of both arms; in strata, if there are any."""
    canary, baseline = reduce(_sum, strata.values())
    told: Mapping[str, Pair] = strata if len(strata) > 1 else {}
    seen = seen and min(at, seen)
    return Measurement(since, at, canary, baseline, block=block, seen=seen, strata=told)
