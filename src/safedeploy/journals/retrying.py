"""A journal that tries again: right in front of one that is reached over a network."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from safedeploy.errors import JournalConflictError
from safedeploy.events import Event
from safedeploy.journals.port import Journal

if TYPE_CHECKING:
    from tenacity import Retrying


class RetryingJournal:
    """Wrap a journal, and try again what fails with an OSError: a broken connection, a timeout.

    Between tries it waits, at random, up to 0.1 s, then 0.2 s, and so on up to a second.

    Args:
        journal: the journal to wrap.
        attempts: how often to try, 1 or more; what the last one raises is passed on.
        sleep: what waits, in seconds.
    """

    def __init__(
        self, journal: Journal, *, attempts: int = 3, sleep: Callable[[float], None] = time.sleep
    ) -> None:
        self._journal = journal
        self._attempts = attempts
        self._sleep = sleep

    def append(self, stream: str, events: Sequence[Event], *, expected: int) -> int:
        """Append events as the journal does.

        A try that failed may have appended all the same. So if a later one finds exactly these
        events where they should be, that is success.
        """
        for attempt in self._tries():
            with attempt:
                try:
                    return self._journal.append(stream, events, expected=expected)
                except JournalConflictError:
                    first = attempt.retry_state.attempt_number == 1
                    if first or tuple(self._journal.read(stream, after=expected)) != tuple(events):
                        raise
        return expected + len(events)

    def read(self, stream: str, *, after: int = 0) -> Sequence[Event]:
        """Read as the journal does."""
        return self._tries()(self._journal.read, stream, after=after)

    def streams(self) -> Sequence[str]:
        """Return the names of all streams, as the journal does."""
        return self._tries()(self._journal.streams)

    def _tries(self) -> Retrying:
        import tenacity

        return tenacity.Retrying(
            retry=tenacity.retry_if_exception_type(OSError),
            stop=tenacity.stop_after_attempt(self._attempts),
            wait=tenacity.wait_random_exponential(multiplier=0.1, max=1),
            sleep=self._sleep,
            reraise=True,
        )
