"""Port: MetricSource. What was measured of both arms; by default, tallies kept in this process."""

from __future__ import annotations

import threading
from datetime import datetime
from typing import Protocol

from safedeploy.verdicts import Counts, Measurement, Scope

CAPACITY = 100_000
"""How many units a tally keeps, for judging and for the sample ratio each."""

BACKLOG = 10_000
"""How many outcomes a tally keeps before it counts them."""


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

    def take(self) -> Counts:
        """Return what happened in this block, and begin the next."""
        counts = Counts(self.exposures, len(self.active), len(self.failing), len(self.fresh))
        self.exposures = 0
        for units in (self.active, self.failing, self.fresh):
            units.clear()
        return counts


class Tally:
    """Count both arms of one exposure, distinct units once.

    Recording never waits for I/O, and takes a lock for every `BACKLOG`th outcome only. Memory is
    bounded: past `CAPACITY`, the units of both arms are sampled by the same bits of their hash, so
    the arms stay comparable. Who was ever seen, which only the sample ratio asks, is sampled apart:
    otherwise a large baseline would thin out a small canary.
    """

    def __init__(self, since: datetime) -> None:
        self._lock = threading.Lock()
        self._since = since
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

    def take(self, at: datetime) -> Measurement:
        """Return the block since the last one was taken, and begin the next."""
        with self._lock:
            self._count()
            since, self._since = self._since, at
            return Measurement(since, at, self._canary.take(), self._baseline.take())

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


class Tallies:
    """Measure in this process: what its guarded blocks recorded, of each change's exposure."""

    def __init__(self) -> None:
        self._open: dict[str, tuple[Scope, Tally]] = {}

    def open(self, scope: Scope, since: datetime) -> Tally:
        """Return a new tally for an exposure; that of the change's earlier exposure is dropped.

        Outcomes still under way record where their guard opened, and so are dropped, too.
        """
        tally = Tally(since)
        self._open[scope.change] = (scope, tally)
        return tally

    def close(self, change: str) -> None:
        """Drop the tally of a change."""
        self._open.pop(change, None)

    def measure(self, scope: Scope, at: datetime) -> Measurement:
        """Return the block of an exposure since it was last measured.

        Raises:
            LookupError: the exposure isn't the change's present one.
        """
        present, tally = self._open[scope.change]
        if present != scope:
            raise LookupError("scope")
        return tally.take(at)
