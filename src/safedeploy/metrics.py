"""Port: MetricSource. What was measured of both arms; and the tallies that this process keeps."""

from __future__ import annotations

import threading
from datetime import datetime
from typing import Protocol

from safedeploy.audiences import multiplier
from safedeploy.blocks import Block, Part
from safedeploy.verdicts import Measurement, Scope

CAPACITY = 100_000
"""How many units a tally keeps, for judging and for the sample ratio each."""

BACKLOG = 10_000
"""How many outcomes a tally keeps before it counts them."""

_MASK = (1 << 64) - 1


class MetricSource(Protocol):
    """Measure both arms of an exposure."""

    def measure(self, scope: Scope, at: datetime) -> Measurement:
        """Return what was seen of an exposure since it was last measured.

        An exception means that nothing could be measured: it holds the rollout, and its type is all
        that is recorded of it.

        Args:
            scope: the exposure. A source that can't tell it from others has to raise.
            at: now; the end of the block.
        """
        ...


class Arm:
    """Hold the outcomes of one arm of an exposure."""

    __slots__ = ("active", "exposures", "failed", "failing", "fresh", "known", "log")

    def __init__(self) -> None:
        self.log: list[tuple[int, bool]] = []
        self.exposures = 0
        self.active: set[int] = set()
        self.failing: set[int] = set()
        self.failed: set[int] = set()
        self.fresh: set[int] = set()
        self.known: set[int] = set()

    def count(self, mask: int, mask_of_known: int) -> None:
        """Count what was logged, units in the samples only."""
        # Others append meanwhile: copy a prefix and cut it off. Swapping the lists could lose one.
        batch = self.log[:]
        del self.log[: len(batch)]
        self.exposures += len(batch)
        for unit, failed in batch:
            if not unit & mask_of_known and unit not in self.known:
                self.known.add(unit)
                self.fresh.add(unit)
            if unit & mask or unit in self.failed:
                continue
            self.active.add(unit)
            if failed:
                self.failed.add(unit)
                self.failing.add(unit)

    def take(self, salt: int) -> Part:
        """Return what happened in this block, and begin the next."""
        failing, fresh = _salted(self.failing, salt), _salted(self.fresh, salt)
        part = Part(self.exposures, len(self.active), failing, fresh)
        self.exposures = 0
        for units in (self.active, self.failing, self.fresh):
            units.clear()
        return part


class Tally:
    """Count both arms of one exposure, distinct units once.

    Recording never waits for I/O, and takes a lock for every `BACKLOG`th outcome only. Memory is
    bounded: past `CAPACITY`, the units of both arms are sampled by the same bits of their hash, so
    the arms stay comparable. Who was ever seen, which only the sample ratio asks, is sampled apart:
    otherwise a large baseline would thin out a small canary.

    Args:
        since: the begin of the first block.
        salt: what units are hashed with before they leave; odd.
    """

    def __init__(self, since: datetime, salt: int = 1) -> None:
        self._since = since
        self._salt = salt
        self.restart()

    def restart(self) -> None:
        """Forget everything: in a child process, another thread's lock would be held for ever."""
        self._lock = threading.Lock()
        self._mask = 0
        self._mask_of_known = 0
        self._canary = Arm()
        self._baseline = Arm()

    def record(self, unit: int, *, canary: bool, failed: bool) -> None:
        """Record one outcome.

        Args:
            unit: the context's 64 mixed bits.
            canary: whether the change had reached it.
            failed: how it went.
        """
        arm = self._canary if canary else self._baseline
        arm.log.append((unit, failed))
        if len(arm.log) >= BACKLOG:
            with self._lock:
                self._count()

    def take(self, at: datetime) -> tuple[datetime, Part, Part]:
        """Return since when, and what the canary and the baseline did; and begin the next block."""
        with self._lock:
            self._count()
            since, self._since = self._since, at
            return since, self._canary.take(self._salt), self._baseline.take(self._salt)

    def _count(self) -> None:
        arms = (self._canary, self._baseline)
        for arm in arms:
            arm.count(self._mask, self._mask_of_known)
        judged = [units for arm in arms for units in (arm.failed, arm.active, arm.failing)]
        self._mask = _thinned(judged, self._mask)
        seen = [units for arm in arms for units in (arm.known, arm.fresh)]
        self._mask_of_known = _thinned(seen, self._mask_of_known)


def _thinned(sets: list[set[int]], mask: int) -> int:
    """Drop every other unit until there are few enough, and return the mask of those that stay."""
    while sum(map(len, sets)) > CAPACITY:
        mask = mask << 1 | 1
        for units in sets:
            units.difference_update([unit for unit in units if unit & mask])
    return mask


def _salted(units: set[int], salt: int) -> frozenset[int]:
    """Return 48 bits of each unit, other ones for every exposure; any JSON reader keeps them."""
    return frozenset((unit * salt & _MASK) >> 16 for unit in units)


class Tallies:
    """Hold this process's tally of each rollout's present exposure.

    Attributes:
        process: the name of the process, which its blocks carry.
    """

    def __init__(self, process: str) -> None:
        self.process = process
        self._sequence = 0
        self._open: dict[str, tuple[str, Tally]] = {}

    def open(self, rollout: str, exposure: str, since: datetime) -> Tally:
        """Return a new tally for an exposure; that of the rollout's earlier exposure is dropped.

        Outcomes still under way record where their guard opened, and so are dropped, too.
        """
        tally = Tally(since, multiplier(exposure))
        self._open[rollout] = (exposure, tally)
        return tally

    def close(self, rollout: str) -> None:
        """Drop the tally of a rollout."""
        self._open.pop(rollout, None)

    def take(self, rollout: str, at: datetime) -> Block | None:
        """Return what was tallied of a rollout since last time; None where nothing happened."""
        exposure, tally = self._open.get(rollout, ("", None))
        if tally is None:
            return None
        since, canary, baseline = tally.take(at)
        if not canary.exposures and not baseline.exposures:
            return None
        self._sequence += 1
        return Block(exposure, self.process, self._sequence, since, at, canary, baseline)

    def restart(self, process: str) -> None:
        """Empty all tallies, in a child process with a name of its own."""
        self.process = process
        for _, tally in self._open.values():
            tally.restart()
