"""What every journal does."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from safedeploy.events import Event


class Journal(Protocol):
    """Keep streams of events, in order, for ever."""

    def append(self, stream: str, events: Sequence[Event], *, expected: int) -> int:
        """Append events to a stream, all or none, and return its version: how many it has.

        Args:
            stream: its name; a stream begins with its first event.
            events: in order.
            expected: the version that the events were decided on.

        Raises:
            JournalConflictError: the stream's version is another one; nothing was appended.
        """
        ...

    def read(self, stream: str, *, after: int = 0) -> Sequence[Event]:
        """Return a stream's events past a version; none where there is no such stream."""
        ...

    def streams(self) -> Sequence[str]:
        """Return the names of all streams, oldest first."""
        ...
