"""A journal in memory: right for tests and for one process that may forget when it ends."""

from __future__ import annotations

import threading
from collections.abc import Collection, Hashable, Iterable, Sequence
from typing import TYPE_CHECKING

from safedeploy.blocks import Block
from safedeploy.events import Event
from safedeploy.forks import at_fork
from safedeploy.journals import chains, rules
from safedeploy.journals.port import Entry, Head, Lease

if TYPE_CHECKING:
    from safedeploy.records import Codec


class MemoryJournal:
    """Keep streams in this process, and lose them with it. A forked child has a copy of its own.

    Args:
        kinds: as for `SqliteJournal`, and needed by `head` alone.

    Raises:
        DefinitionError: a kind can't be kept.
    """

    def __init__(self, *, kinds: Iterable[type] = ()) -> None:
        self._codec = _codec(kinds) if kinds else None
        self._streams: dict[str, list[Event]] = {}
        self._entries: list[Entry] = []
        self._chained = (0, chains.FIRST)
        self._lease = Lease()
        self._blocks: dict[int, Block] = {}
        self._sources: dict[int, tuple[str, int]] = {}
        self._compacted: dict[tuple[str, str], int] = {}
        self._posts = 0
        self._written = 0
        self._lock = threading.RLock()
        at_fork(self._unlock_child, before=self._hold, in_parent=self._unlock)

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
        """Append events to a stream, all or none, and return its version.

        Raises:
            JournalConflictError: the stream's version isn't the expected one, somebody has
                appended since what was seen, or somebody else has the lease.
        """
        with self._lock:
            past = self._streams.get(stream, [])
            rules.refuse_version(stream, len(past), expected)
            rules.refuse_position(len(self._entries), seen)
            rules.refuse_lease(lease, self._lease)
            for event in events:
                past.append(event)
                self._entries.append(Entry(len(self._entries) + 1, stream, len(past), event))
            if past:
                self._streams[stream] = past
            self._written += 1
            return len(past)

    def read(self, stream: str, *, after: int = 0) -> Sequence[Event]:
        """Return a stream's events past a version."""
        with self._lock:
            return tuple(self._streams.get(stream, ())[after:])

    def streams(self) -> Sequence[str]:
        """Return the names of all streams, oldest first."""
        with self._lock:
            return tuple(self._streams)

    def entries(self, *, after: int = 0) -> Sequence[Entry]:
        """Return the entries of all streams past a position, in the order of appending."""
        with self._lock:
            return tuple(self._entries[after:])

    def watch(self) -> Hashable:
        """Return how often anything was written."""
        return self._written

    def head(self) -> Head:
        """Return what names everything appended so far.

        Raises:
            DefinitionError: an event holds a kind that wasn't given.
        """
        with self._lock:
            position, digest = self._chained
            for entry in self._entries[position:]:
                stream, text = entry.stream.encode(), self._write(entry.event).encode()
                digest = chains.link(digest, entry.position, stream, entry.version, text)
            self._chained = (len(self._entries), digest)
            return Head(len(self._entries), digest.hex())

    # Processes that share a journal

    def lease(self) -> Lease:
        """Return the present lease."""
        return self._lease

    def claim(self, holder: str, *, after: Lease) -> Lease:
        """Take the lease, and return it; an empty name gives it back.

        Raises:
            JournalConflictError: the present lease isn't the one that was seen last.
        """
        with self._lock:
            self._lease = rules.claimed(holder, present=self._lease, after=after)
            self._written += 1
            return self._lease

    def post(self, block: Block) -> None:
        """Keep a block, once: one of the same process and sequence is dropped."""
        with self._lock:
            source = (block.process, block.sequence)
            past = self._compacted.get((block.exposure, block.process), -1)
            if source not in self._sources.values() and block.sequence > past:
                self._posts += 1
                self._written += 1
                self._blocks[self._posts] = block
                self._sources[self._posts] = source

    def posted(self, exposure: str, *, after: int = 0) -> Sequence[tuple[int, Block]]:
        """Return the blocks of an exposure past a number, in order, each with its number."""
        with self._lock:
            blocks = self._blocks.items()
            return tuple(
                each for each in blocks if each[0] > after and each[1].exposure == exposure
            )

    def compact(self, exposure: str, block: Block, *, upto: int) -> None:
        """Put one block in the place of all blocks of an exposure up to a number."""
        with self._lock:
            if any(number == upto for number, _ in self.posted(exposure)):
                self._blocks[upto] = block
                self._written += 1
                for number in [each for each, _ in self.posted(exposure) if each < upto]:
                    del self._blocks[number]
                    # A process posts an exposure's blocks in order: one number says it of all.
                    process, sequence = self._sources.pop(number)
                    past = self._compacted.get((exposure, process), -1)
                    self._compacted[exposure, process] = max(sequence, past)

    def retain(self, exposures: Collection[str]) -> None:
        """Drop the blocks of all other exposures."""
        with self._lock:
            for number in [each for each in self._blocks if self._exposure(each) not in exposures]:
                del self._blocks[number], self._sources[number]
            for key in [each for each in self._compacted if each[0] not in exposures]:
                del self._compacted[key]
            self._written += 1

    def _write(self, event: Event) -> str:
        self._codec = self._codec or _codec()
        return self._codec.encode(event)

    def _exposure(self, number: int) -> str:
        return self._blocks[number].exposure

    def _hold(self) -> None:
        """Let nothing be half written in a child process."""
        self._lock.acquire()

    def _unlock(self) -> None:
        self._lock.release()

    def _unlock_child(self) -> None:
        try:
            self._unlock()  # a thread that another owner has begun may wait for it already
        except RuntimeError:
            # Nobody was told before the fork, so a thread that isn't there may hold it.
            self._lock = threading.RLock()


def _codec(kinds: Iterable[type] = ()) -> Codec:
    from safedeploy.records import Codec  # takes a while, and only what is to be named is written

    return Codec(kinds)
