"""Pools: what all processes measured of an exposure becomes one measurement, each unit once."""

from __future__ import annotations

from collections.abc import Collection
from datetime import UTC, datetime

import attrs

from safedeploy.blocks import Block, Part
from safedeploy.journals import Journal
from safedeploy.metrics import CAPACITY, Tallies
from safedeploy.verdicts import Counts, Measurement


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

    def post(self, rollout: str, at: datetime) -> None:
        """Post what was tallied of a rollout since last time.

        Raises:
            Exception: whatever the journal raises; what couldn't be posted waits.
        """
        if block := self._tallies.take(rollout, at):
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

    def measure(self, exposure: str, at: datetime, *, after: int, dropped: int = 0) -> Measurement:
        """Return what was posted of an exposure past the last block that was judged.

        What this process couldn't post is in it as well, and is posted only if what comes of
        judging it is given up: harm is seen although the journal can't be written, and counts once.

        Args:
            exposure: which.
            at: now.
            after: the number of the last block that was judged.
            dropped: how often what was judged here was given up.

        Raises:
            Exception: whatever the journal raises, if there isn't anything else to measure.
        """
        own = self._waiting.pop(exposure, [])
        census = self._censuses.get(exposure) or Census()
        try:
            census, posted = self._read(exposure, after)
        except Exception:
            if not own:
                raise
            posted = []
        self._censuses = {**self._censuses, exposure: census}
        since, seen, canary, baseline = at, None, Counts(), Counts()
        for number, block in (*posted, *self._unposted(own, posted)):
            counts = census.count(block, number)
            if self._is_known(block):
                continue
            canary, baseline = canary + counts[0], baseline + counts[1]
            since, seen = min(since, block.since), min(at, max(block.until, seen or block.until))
        if own:
            self._judged.setdefault(exposure, set()).update(block.sequence for block in own)
            self._lent[exposure] = (dropped, _few([*self._lent.get(exposure, (0, []))[1], *own]))
        return Measurement(since, at, canary, baseline, block=max(after, census.number), seen=seen)

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
        self._journal.retain(exposures)

    def _read(self, exposure: str, after: int) -> tuple[Census, list[tuple[int, Block]]]:
        census = self._censuses.get(exposure)
        if census is None or census.number != after:
            # Another process has judged meanwhile, or what this one judged wasn't recorded.
            census = Census()
            for number, block in self._journal.posted(exposure):
                if number <= after:
                    census.count(block, number)
            census.number = after
        return census, list(self._journal.posted(exposure, after=after))

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


class Census:
    """Remember who has failed and who was seen, so that each counts once in all processes.

    Memory is bounded as a tally's is: past `CAPACITY`, by the bits of the hashes.

    Attributes:
        number: the number of the last block that was counted.
        blocks: how many were, since they were last put into one.
    """

    def __init__(self) -> None:
        self.number = 0
        self.blocks = 0
        self._failed, self._known = Sample(), Sample()

    def count(self, block: Block, number: int) -> tuple[Counts, Counts]:
        """Return what canary and baseline did in a block that no earlier block says."""
        self.number = max(self.number, number)
        self.blocks += 1
        if not block.process:
            self._remember(block)
            return Counts(), Counts()
        counts = self._counts(block.canary), self._counts(block.baseline)
        # Only now, so that both arms of a block are sampled by the same bits.
        self._failed.thin()
        self._known.thin()
        return counts

    def summary(self, exposure: str, number: int) -> Block:
        """Return a block that remembers whom all blocks so far saw, and counts nothing.

        It is no process's. In the place of how many units there are, it says their samples' masks.
        """
        at = datetime.min.replace(tzinfo=UTC)
        failed = Part(units=self._failed.mask, failing=frozenset(self._failed.units))
        known = Part(units=self._known.mask, fresh=frozenset(self._known.units))
        return Block(exposure, "", number, at, at, failed, known)

    def _remember(self, summary: Block) -> None:
        failed, known = summary.canary, summary.baseline
        self._failed.mask |= failed.units
        self._known.mask |= known.units
        for sample, units in ((self._failed, failed.failing), (self._known, known.fresh)):
            sample.add(units)
            sample.thin()

    def _counts(self, part: Part) -> Counts:
        failing = self._failed.add(part.failing)
        # Whoever failed elsewhere before isn't among those who could still fail.
        active = (part.units - len(part.failing)) // (self._failed.mask + 1) + failing
        return Counts(part.exposures, active, failing, self._known.add(part.fresh))


class Sample:
    """Hold distinct units; once it is thinned past `CAPACITY`, every other one.

    Attributes:
        units: their hashes.
        mask: the bits that are zero in all of them.
    """

    def __init__(self) -> None:
        self.units: set[int] = set()
        self.mask = 0

    def add(self, units: Collection[int]) -> int:
        """Add units, and return how many are new and in the sample."""
        new = {unit for unit in units if not unit & self.mask} - self.units
        self.units |= new
        return len(new)

    def thin(self) -> None:
        """Drop every other unit until there are few enough."""
        while len(self.units) > CAPACITY:
            self.mask = self.mask << 1 | 1
            self.units = {unit for unit in self.units if not unit & self.mask}


def _few(blocks: list[Block]) -> list[Block]:
    """Return two blocks at most: the first as it is, as it may have been posted, and the others."""
    while len(blocks) > 2:
        blocks = [*blocks[:-2], _merged(blocks[-2], blocks[-1])]
    return blocks


def _merged(one: Block, following: Block) -> Block:
    return attrs.evolve(
        one,
        until=following.until,
        canary=one.canary + following.canary,
        baseline=one.baseline + following.baseline,
    )
