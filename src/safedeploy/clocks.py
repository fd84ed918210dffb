"""Port: Clock. What time it is, and how much has passed."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta
from typing import Protocol

IDLE = timedelta(seconds=30)
"""How long an engine's ticks may be apart when nothing is in flight and no journal is shared."""

POLL = timedelta(seconds=1)
"""How long they may be apart when one is: other processes' halts and kills are seen that soon."""


class Clock(Protocol):
    """Tell the time. Two times: one to store, one to measure with."""

    def now(self) -> datetime:
        """Return the time in UTC, to be stored. It may be set back."""
        ...

    def monotonic(self) -> float:
        """Return seconds since some moment, to measure with. It never goes back."""
        ...


class SystemClock:
    """The clock of this machine."""

    def now(self) -> datetime:
        """Return the wall clock's time, in UTC."""
        return datetime.now(UTC)

    monotonic = staticmethod(time.monotonic)  # as it is: guards ask it for every request
