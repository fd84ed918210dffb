"""A journal that tries again: right in front of one that is reached over a network."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Hashable, Sequence
from typing import TYPE_CHECKING

from safedeploy.blocks import Block
from safedeploy.errors import JournalConflictError, JournalUnavailableError
from safedeploy.events import Event
from safedeploy.journals.port import Entry, Head, Journal, Lease
from safedeploy.journals.rules import successor
from safedeploy.retries import retrying

if TYPE_CHECKING:
    from tenacity import Retrying


class RetryingJournal:
    """Wrap a journal, and try again what fails in passing: an OSError, or a journal unavailable.

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

    # Streams

    def append(
        self,
        stream: str,
        events: Sequence[Event],
        *,
        expected: int,
        seen: int | None = None,
        lease: Lease | None = None,
    ) -> int:
        """Append events as the journal does.

        A try that failed may have appended all the same. So if a later one finds exactly these
        events where they should be, that is success.
        """
        for attempt in self._tries():
            with attempt:
                try:
                    return self._journal.append(
                        stream, events, expected=expected, seen=seen, lease=lease
                    )
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

    def entries(self, *, after: int = 0) -> Sequence[Entry]:
        """Return entries as the journal does."""
        return self._tries()(self._journal.entries, after=after)

    def watch(self) -> Hashable:
        """Return a mark as the journal does."""
        return self._tries()(self._journal.watch)

    def head(self) -> Head:
        """Return the head as the journal does."""
        return self._tries()(self._journal.head)

    # Processes that share a journal

    def lease(self) -> Lease:
        """Return the present lease, as the journal does."""
        return self._tries()(self._journal.lease)

    def claim(self, holder: str, *, after: Lease) -> Lease:
        """Take the lease as the journal does.

        A try that failed may have taken it all the same. So if a later one finds exactly the lease
        that it would have made, that is success.
        """
        made = successor(holder, after)
        for attempt in self._tries():
            with attempt:
                try:
                    return self._journal.claim(holder, after=after)
                except JournalConflictError:
                    first = attempt.retry_state.attempt_number == 1
                    if first or self._journal.lease() != made:
                        raise
        return made

    def post(self, block: Block) -> None:
        """Keep a block as the journal does."""
        self._tries()(self._journal.post, block)

    def posted(self, exposure: str, *, after: int = 0) -> Sequence[tuple[int, Block]]:
        """Return blocks as the journal does."""
        return self._tries()(self._journal.posted, exposure, after=after)

    def compact(self, exposure: str, block: Block, *, upto: int) -> None:
        """Put one block in the place of others as the journal does."""
        self._tries()(self._journal.compact, exposure, block, upto=upto)

    def retain(self, exposures: Collection[str]) -> None:
        """Drop blocks as the journal does."""
        self._tries()(self._journal.retain, exposures)

    def _tries(self) -> Retrying:
        return retrying(
            JournalUnavailableError,
            attempts=self._attempts,
            first=0.1,
            longest=1,
            sleep=self._sleep,
        )
