"""A journal in memory: right for tests and for one process that may forget when it ends."""

from __future__ import annotations

import threading
from collections.abc import Sequence

from safedeploy.errors import JournalConflictError
from safedeploy.events import Event


class MemoryJournal:
    """Keep streams in this process, and lose them with it."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._streams: dict[str, list[Event]] = {}

    def append(self, stream: str, events: Sequence[Event], *, expected: int) -> int:
        """Append events to a stream and return its version.

        Raises:
            JournalConflictError: the stream's version isn't the expected one.
        """
        with self._lock:
            past = self._streams.get(stream, [])
            if len(past) != expected:
                raise JournalConflictError(
                    "expected", expected, f"{stream} is at {len(past)}: read on"
                )
            self._streams[stream] = past
            past.extend(events)
            return len(past)

    def read(self, stream: str, *, after: int = 0) -> Sequence[Event]:
        """Return a stream's events past a version."""
        return tuple(self._streams.get(stream, ()))[after:]

    def streams(self) -> Sequence[str]:
        """Return the names of all streams, oldest first."""
        return tuple(self._streams)
