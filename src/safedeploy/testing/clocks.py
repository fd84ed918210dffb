"""A clock that stands still until it is told to go on."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta


class FakeClock:
    """Tell the time that a test says it is.

    Attributes:
        stands_still: an engine waits for a check that it asks, since no time passes meanwhile. Set
            it to False to try out one that is slow or hangs.

    Args:
        start: the first time, with a time zone; the start of 2026 in UTC, unless given.
    """

    def __init__(self, start: datetime = datetime(2026, 1, 1, tzinfo=UTC)) -> None:
        self._now = start
        self._monotonic = 0.0
        self.stands_still = True

    def now(self) -> datetime:
        """Return the wall clock's time."""
        return self._now

    def monotonic(self) -> float:
        """Return the seconds that were advanced so far."""
        return self._monotonic

    def advance(self, by: timedelta) -> None:
        """Let time pass, on both clocks.

        Raises:
            ValueError: `by` is negative; time doesn't go back.
        """
        if by < timedelta(0):
            raise ValueError(f"by={by}: give a timedelta that isn't negative")
        self._now += by
        self._monotonic += by.total_seconds()

    def set_wall(self, now: datetime) -> None:
        """Set the wall clock, forward or back, as an operator or a time server might."""
        self._now = now
