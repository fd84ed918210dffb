"""Showings: what was shown to the gates of a ring, and until when it counts."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

import attrs


@attrs.frozen
class Opening:
    """Say that a gate has opened, and until when that counts; None for as long as it is asked."""

    gate: str
    until: datetime | None


@attrs.frozen
class Word:
    """Hold the last word of a person on a gate. An approval that was revoked ended as it was."""

    gate: str
    who: str
    at: datetime
    until: datetime

    @property
    def is_revoked(self) -> bool:
        """Whether it takes an approval back."""
        return self.until <= self.at


@attrs.frozen
class Shown:
    """Hold what was shown to the gates of a ring: openings, failures and approvals.

    What ends isn't taken out: it doesn't count any more once `at` has got there. So in whatever
    order approvals and revocations arrive, what each person said last counts.

    Attributes:
        since: nothing older counts.
        at: as of when it is told what counts.
        opened: what has opened, one for each gate.
        failed: the names of the gates that never will.
        words: what people said, one for each gate and person.
    """

    since: datetime
    at: datetime = attrs.Factory(lambda self: self.since, takes_self=True)
    opened: frozenset[Opening] = frozenset()
    failed: frozenset[str] = frozenset()
    words: frozenset[Word] = frozenset()

    def has_opened(self, gate: str) -> bool:
        """Tell whether a gate has opened, and that counts."""
        found = (opening.until for opening in self.opened if opening.gate == gate)
        return any(until is None or until > self.at for until in found)

    def approvers(self, gate: str) -> frozenset[str]:
        """Return the ids of those whose approvals of a gate count."""
        found = (word for word in self.words if word.gate == gate)
        return frozenset(word.who for word in found if word.until > self.at)

    def ends(self, gate: str) -> Iterator[datetime]:
        """Find the times to come at which something ends that counts for a gate."""
        for opening in self.opened:
            if opening.gate == gate and opening.until is not None and opening.until > self.at:
                yield opening.until
        for word in self.words:
            if word.gate == gate and word.until > self.at:
                yield word.until

    def later(self, at: datetime) -> Shown:
        """Return it as of a later time; time never goes back."""
        return attrs.evolve(self, at=max(self.at, at))

    def open(self, gate: str, at: datetime, until: datetime | None) -> Shown:
        """Return it with a gate that has opened."""
        others = frozenset(opening for opening in self.opened if opening.gate != gate)
        return attrs.evolve(self.later(at), opened=others | {Opening(gate, until)})

    def fail(self, gate: str, at: datetime) -> Shown:
        """Return it with a gate that never will."""
        return attrs.evolve(self.later(at), failed=self.failed | {gate})

    def say(self, word: Word) -> Shown:
        """Return it with what a person said, unless they have said something later."""
        found = next((it for it in self.words if (it.gate, it.who) == (word.gate, word.who)), None)
        if word.at < self.since or (found and not _supersedes(word, found)):
            return self
        return attrs.evolve(self.later(word.at), words=(self.words - {found}) | {word})


def _supersedes(word: Word, earlier: Word) -> bool:
    # Of two at one moment, taking back comes after giving.
    return (word.at, word.is_revoked) > (earlier.at, earlier.is_revoked)
