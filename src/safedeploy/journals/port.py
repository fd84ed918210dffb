"""What every journal does."""

from __future__ import annotations

import re
from collections.abc import Collection, Hashable, Sequence
from typing import Protocol

import attrs

from safedeploy.blocks import Block
from safedeploy.errors import DefinitionError
from safedeploy.events import Event

RACES = 10
"""How often something is decided anew because another process appended first."""

HEAD = re.compile("([0-9]{1,18}):([0-9a-f]{64})")
"""What a head looks like as text."""


@attrs.frozen
class Entry:
    """Hold one event, and where it stands.

    Attributes:
        position: its number among all entries of the journal, from 1.
        stream: the name of its stream.
        version: its number within the stream, from 1.
        event: what happened.
    """

    position: int
    stream: str
    version: int
    event: Event


@attrs.frozen
class Head:
    """Name everything in a journal up to an entry. Keep one elsewhere, and a cut tail shows.

    Attributes:
        position: the position of the last entry; 0 in an empty journal.
        digest: 64 hex digits that depend on every entry up to there.
    """

    position: int
    digest: str

    def __str__(self) -> str:
        return f"{self.position}:{self.digest}"

    @classmethod
    def parse(cls, text: str) -> Head:
        """Return the head that a text names, as `str` wrote it.

        Raises:
            DefinitionError: it names none.
        """
        if found := HEAD.fullmatch(text):
            return cls(int(found[1]), found[2])
        raise DefinitionError("head", text, "give POSITION:DIGEST, as status and str(head) tell it")


@attrs.frozen
class Lease:
    """Say which process drives the rollouts.

    Attributes:
        holder: the name of the process; empty where there is none.
        token: rises with every holder, so that an earlier one can be refused: a fencing token.
        beat: rises while the holder lives.
    """

    holder: str = ""
    token: int = 0
    beat: int = 0


class Journal(Protocol):
    """Keep streams of events, in order, for ever; and what processes that share them need.

    Every method may raise `JournalUnavailableError` (try again later) and `JournalInvalidError`
    (what is there can't be used). All may be called from any thread.
    """

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
        """Append events to a stream, all or none, and return its version: how many it has.

        Args:
            stream: its name; a stream begins with its first event.
            events: in order, one or more.
            expected: the version of the stream that the events were decided on.
            seen: the position of the last entry that they were decided on, if what is in other
                streams matters as well.
            lease: the lease that they were decided under, if only its holder may append them; its
                beat doesn't matter.

        Raises:
            JournalConflictError: the stream's version is another one, somebody has appended since
                what was seen, or somebody else has the lease; nothing was appended.
        """
        ...

    def read(self, stream: str, *, after: int = 0) -> Sequence[Event]:
        """Return a stream's events past a version; none where there is no such stream."""
        ...

    def streams(self) -> Sequence[str]:
        """Return the names of all streams, oldest first."""
        ...

    def entries(self, *, after: int = 0) -> Sequence[Entry]:
        """Return the entries of all streams past a position, in the order of appending."""
        ...

    def watch(self) -> Hashable:
        """Return a mark that stays equal for as long as nobody writes anything. Cheap: poll it."""
        ...

    def head(self) -> Head:
        """Return what names everything appended so far."""
        ...

    # Processes that share a journal

    def lease(self) -> Lease:
        """Return the present lease; the first one has neither a holder nor a token."""
        ...

    def claim(self, holder: str, *, after: Lease) -> Lease:
        """Take the lease, and return it.

        The holder that has it already keeps its token and gets the next beat. Any other gets the
        next token; an empty name gives the lease back.

        Args:
            holder: who.
            after: the lease as it was seen last.

        Raises:
            JournalConflictError: the present lease is another one, beat included.
        """
        ...

    def post(self, block: Block) -> None:
        """Keep a block, once: one of the same process and sequence is dropped."""
        ...

    def posted(self, exposure: str, *, after: int = 0) -> Sequence[tuple[int, Block]]:
        """Return the blocks of an exposure past a number, in order, each with its number.

        Numbers rise through all exposures. None is given twice.
        """
        ...

    def compact(self, exposure: str, block: Block, *, upto: int) -> None:
        """Put one block in the place of all blocks of an exposure up to a number, as that number.

        There is a block of that number; one that isn't of the exposure is left alone.
        """
        ...

    def retain(self, exposures: Collection[str]) -> None:
        """Drop the blocks of all other exposures."""
        ...
