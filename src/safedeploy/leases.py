"""Leases: of the processes that share a journal, one at a time drives the rollouts."""

from __future__ import annotations

from datetime import timedelta

from safedeploy.clocks import Clock
from safedeploy.errors import JournalConflictError
from safedeploy.journals import Journal, Lease

TERM = timedelta(seconds=5)
"""A holder from which no beat was seen for so long is taken to be dead, and is replaced."""


class Tenure:
    """Take the lease when it is free, and keep it alive.

    No clock is shared: who waits for a dead holder's lease watches its beat by a clock of its own.
    So neither a clock that is set back nor a restart of the machine gives one lease to two.

    Args:
        journal: where the lease is.
        clock: the time.
        name: the name of this process, which no other has.
    """

    def __init__(self, journal: Journal, clock: Clock, name: str) -> None:
        self._journal = journal
        self._clock = clock
        self._name = name
        self._seen: Lease | None = None
        self._since = 0.0

    @property
    def lease(self) -> Lease | None:
        """The lease, if this process had it when that was last seen."""
        return self._seen if self._seen and self._seen.holder == self._name else None

    def renew(self) -> None:
        """Look who has the lease; take it if it is free, and keep it alive if it is one's own.

        Raises:
            Exception: whatever the journal raises. Who held the lease then goes on as if it did:
                what lets more people in is refused if somebody else has taken it.
        """
        present, now = self._journal.lease(), self._clock.monotonic()
        if present != self._seen:
            self._seen, self._since = present, now
        age = timedelta(seconds=now - self._since)
        due = TERM / 4 if present.holder == self._name else TERM
        if not present.holder or age >= due:
            self._claim(self._name, present)

    def give_back(self) -> None:
        """Let another process take the lease at once.

        Raises:
            Exception: whatever the journal raises.
        """
        if lease := self.lease:
            self._claim("", lease)

    def _claim(self, holder: str, after: Lease) -> None:
        try:
            self._seen = self._journal.claim(holder, after=after)
        except JournalConflictError:
            self._seen = None  # somebody was faster: look again next time
        self._since = self._clock.monotonic()
