"""Windows: the latest calls of a circuit, so many of them or of so long, and how they ended."""

from __future__ import annotations

import math
from typing import ClassVar, TypeAlias

import attrs

BUCKETS = 10
"""Into how many parts a window of time is cut: it slides by a tenth of its length."""

_BITS = 64
_MASK = (1 << _BITS) - 1
_CALL, _FAILURE, _SLOW, _SLOW_FAILURE = (1 << _BITS * place for place in range(4))


@attrs.define(weakref_slot=False)
class CountWindow:
    """Keep the latest calls, so many of them: a bit each for failed and slow.

    Attributes:
        size: how many calls it holds.
        minimum: how many it takes until there is a rate.
        calls: how many there are.
        recent: which of them failed, the last one lowest.
        slows: which of them were slow.
        failures: how many of them failed.
        slow: how many of them were slow.
    """

    # A value, though not a frozen one: one is made for each failure, and attrs would take longer to
    # freeze it than all the rest takes. Nobody sets its fields.

    until: ClassVar[float] = math.inf

    size: int
    minimum: int
    calls: int = 0
    recent: int = 0
    slows: int = 0
    failures: int = 0
    slow: int = 0

    @property
    def depth(self) -> int:
        """How many of the latest calls are in `recent`."""
        return self.size

    @property
    def slow_failures(self) -> int:
        """How many of the calls failed slowly."""
        return (self.recent & self.slows).bit_count()

    def record(self, at: float, failed: bool, slow: bool, passed: int = 0) -> CountWindow:  # noqa: FBT001 - for every failure, and keywords cost
        """Return the window after `passed` fast successes, and then one more call."""
        size = self.size
        # Bounded first: a shift by a million would make a number of a million bits.
        by = passed + 1 if passed < size else size
        full = (1 << size) - 1
        calls = self.calls + by
        recent = (self.recent << by | failed) & full
        slows = (self.slows << by | slow) & full if slow or self.slows else 0
        return CountWindow(
            size,
            self.minimum,
            calls if calls < size else size,  # noqa: FURB136 - a third of the time of `min`
            recent,
            slows,
            recent.bit_count(),
            slows.bit_count(),
        )

    def absorb(self, passed: int) -> CountWindow:
        """Return the window after so many fast successes."""
        return self.mark(passed, 0, 0) if passed else self

    def mark(self, calls: int, failures: int, marks: int) -> CountWindow:
        """Return the window after so many fast calls; marks tell which failed, the last lowest."""
        size = self.size
        by, full = min(calls, size), (1 << size) - 1
        recent, slows = (self.recent << by | marks) & full, self.slows << by & full
        kept = min(self.calls + by, size)
        return CountWindow(
            size, self.minimum, kept, recent, slows, recent.bit_count(), slows.bit_count()
        )

    def turned(self, at: float) -> CountWindow:
        """Return the window: it doesn't change with time."""
        return self


@attrs.frozen
class TimeWindow:
    """Keep the calls of the latest seconds, counted in `BUCKETS` parts.

    Attributes:
        width: the seconds of a part.
        minimum: how many calls it takes until there is a rate.
        depth: how many of the latest calls are in `recent`.
        until: when the newest part ends.
        index: which part of all time the newest one is.
        parts: what each part counts, the newest last: four counts in one number, so that adding
            the numbers adds the counts.
        recent: which of the latest calls failed, the last one lowest.
    """

    width: float
    minimum: int
    depth: int
    until: float
    index: int
    parts: tuple[int, ...] = (0,)
    recent: int = 0

    @classmethod
    def starting(cls, seconds: float, minimum: int, depth: int, at: float) -> TimeWindow:
        """Return an empty window of so many seconds, as of a time."""
        width = seconds / BUCKETS
        index = math.floor(at / width)
        return cls(width, minimum, depth, _end(index, width, at), index)

    @property
    def calls(self) -> int:
        """How many calls there are."""
        return self._count(0)

    @property
    def failures(self) -> int:
        """How many of the calls failed."""
        return self._count(1)

    @property
    def slow(self) -> int:
        """How many of the calls were slow."""
        return self._count(2)

    @property
    def slow_failures(self) -> int:
        """How many of the calls failed slowly."""
        return self._count(3)

    def record(self, at: float, failed: bool, slow: bool, passed: int = 0) -> TimeWindow:  # noqa: FBT001 - as above
        """Return the window after `passed` fast successes, and then a call that ended at `at`."""
        ended = _CALL + failed * _FAILURE + slow * _SLOW + (failed and slow) * _SLOW_FAILURE
        return self.absorb(passed).turned(at).plus(ended, 1, failed)

    def absorb(self, passed: int) -> TimeWindow:
        """Return the window after so many fast successes, all in its newest part."""
        return self.mark(passed, 0, 0) if passed else self

    def mark(self, calls: int, failures: int, marks: int) -> TimeWindow:
        """Return the window after so many fast calls; marks tell which failed, the last lowest."""
        return self.plus(calls * _CALL + failures * _FAILURE, min(calls, self.depth), marks)

    def turned(self, at: float) -> TimeWindow:
        """Return what is left of it at a time. Time that goes back changes nothing."""
        if at < self.until:
            return self
        index = max(self.index + 1, math.floor(at / self.width))
        kept = (*self.parts, *(0,) * min(index - self.index, BUCKETS))[-BUCKETS:]
        until = _end(index, self.width, at)
        return attrs.evolve(self, until=until, index=index, parts=kept)

    def plus(self, counts: int, calls: int, marks: int) -> TimeWindow:
        """Return the window with so much more in its newest part; `recent` gains so many bits."""
        *older, newest = self.parts
        recent = (self.recent << calls | marks) & ((1 << self.depth) - 1)
        return attrs.evolve(self, parts=(*older, newest + counts), recent=recent)

    def _count(self, place: int) -> int:
        return sum(self.parts) >> _BITS * place & _MASK


def _end(index: int, width: float, at: float) -> float:
    # Rounding mustn't let a part end before it begins.
    return max((index + 1) * width, math.nextafter(at, math.inf))


Window: TypeAlias = CountWindow | TimeWindow


def failure_rate(window: Window) -> float | None:
    """Return the share of calls that failed, 0..1; None while there are too few of them."""
    return window.failures / window.calls if window.calls >= window.minimum else None


def slow_call_rate(window: Window) -> float | None:
    """Return the share of calls that were slow, 0..1; None while there are too few of them."""
    return window.slow / window.calls if window.calls >= window.minimum else None
