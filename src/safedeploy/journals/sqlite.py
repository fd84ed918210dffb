"""A journal in a file: durable, shared by the processes of one machine, and nothing to install."""

from __future__ import annotations

import sqlite3
from collections.abc import Collection, Hashable, Iterable, Sequence
from datetime import timedelta
from os import PathLike
from pathlib import Path

from safedeploy.blocks import Block
from safedeploy.errors import DefinitionError, JournalInvalidError
from safedeploy.events import Event
from safedeploy.journals import chains, rules, tables
from safedeploy.journals.files import File
from safedeploy.journals.port import HEAD, Entry, Head, Lease
from safedeploy.journals.troubles import unusable
from safedeploy.records import Codec

_LOWEST = -(2**63)  # nothing may hide before the first entry
_CHUNK = 1000
_REMEMBERED = 1000


class SqliteJournal:
    """Keep streams in a SQLite file: one that every process of a machine may open.

    Opening verifies that no entry was altered or removed. A tail that was cut off shows only
    against a head that is kept elsewhere. After `close`, the next call opens the file again.

    Args:
        path: the file; made if it isn't there. Not on a network.
        kinds: the host's own classes that events hold: signals, values of flags.
        head: what must be in the journal: its `head()` as it was before, kept elsewhere.
        read_only: whether to write nothing, to look at a journal that others use.
        patience: how long to wait while somebody else has locked the file.

    Raises:
        DefinitionError: an argument isn't what it should be.
        JournalUnavailableError: the file can't be opened now, or not by this process.
        JournalInvalidError: the file is no journal, or of a later version, or was altered or cut.
    """

    def __init__(
        self,
        path: str | PathLike[str],
        *,
        kinds: Iterable[type] = (),
        head: Head | None = None,
        read_only: bool = False,
        patience: timedelta = timedelta(seconds=1),
    ) -> None:
        _refuse_misuse(path, head, patience)
        self._codec = Codec(kinds)
        create = head is None or not head.position
        self._file = File(Path(path), create=create, read_only=read_only, patience=patience)
        self._verified = self._last = (0, chains.FIRST)
        self._versions: dict[str, int] = {}
        self._current: Hashable = None
        self._verify(head)

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
            DefinitionError: an event holds a kind that wasn't given.
            JournalConflictError: the stream's version isn't the expected one, somebody has
                appended since what was seen, or somebody else has the lease.
        """
        texts = [self._codec.encode(event) for event in events]
        name = stream.encode()
        with self._file.lock:
            with self._file.writing() as connection:
                current = self._refresh(connection)
                before = position, digest = self._last
                rules.refuse_version(stream, self._version(connection, stream), expected)
                rules.refuse_position(position, seen)
                if lease is not None:
                    rules.refuse_lease(lease, self._lease(connection))
                self._current = None  # until it is sure what has become of this
                for version, text in enumerate(texts, expected + 1):
                    position += 1
                    digest = chains.link(digest, position, name, version, text.encode())
                    row = (position, stream, version, text, digest)
                    connection.execute(tables.INSERT, row)
            self._last, self._current = (position, digest), current
            if self._verified == before:
                self._verified = self._last
            self._versions[stream] = expected + len(texts)
        return expected + len(texts)

    def read(self, stream: str, *, after: int = 0) -> Sequence[Event]:
        """Return a stream's events past a version."""
        with self._file.reading() as connection:
            self._refresh(connection)
            rows = connection.execute(tables.STREAM, (stream, after)).fetchall()
        if any(version != number for number, (version, _) in enumerate(rows, after + 1)):
            raise self._damaged()
        return tuple(self._codec.decode(self._text(event)) for _, event in rows)

    def streams(self) -> Sequence[str]:
        """Return the names of all streams, oldest first."""
        with self._file.reading() as connection:
            self._refresh(connection)
            return tuple(self._text(name) for (name,) in connection.execute(tables.STREAMS))

    def entries(self, *, after: int = 0) -> Sequence[Entry]:
        """Return the entries of all streams past a position, in the order of appending.

        Raises:
            JournalInvalidError: one of them isn't as it was appended.
        """
        with self._file.reading() as connection:
            self._refresh(connection)
            rows = self._followed(connection, after)
        return tuple(
            Entry(position, self._text(name), version, self._codec.decode(self._text(event)))
            for position, name, version, event, _ in rows
        )

    def watch(self) -> Hashable:
        """Return a mark that stays equal for as long as nobody writes anything."""
        return self._file.watch()

    def head(self) -> Head:
        """Return what names everything appended so far, once it was verified.

        Raises:
            JournalInvalidError: an entry isn't as it was appended.
        """
        with self._file.reading() as connection:
            self._refresh(connection)
            self._followed(connection, self._verified[0])
            position, digest = self._verified
        return Head(position, digest.hex())

    def verify(self, head: Head | None = None) -> Head:
        """Verify everything in the file, and return its head.

        Args:
            head: what must be in the journal: its `head()` as it was before, kept elsewhere.

        Raises:
            JournalInvalidError: something was altered, removed or cut off.
        """
        _refuse_misuse(self._file.path, head, timedelta(0))
        with self._file.reading() as connection:
            if not tables.is_whole(connection):
                raise self._damaged()
        return self._verify(head)

    def close(self) -> None:
        """Close the file until the next call."""
        self._file.close()

    # Processes that share a journal

    def lease(self) -> Lease:
        """Return the present lease."""
        with self._file.reading() as connection:
            return self._lease(connection)

    def claim(self, holder: str, *, after: Lease) -> Lease:
        """Take the lease, and return it; an empty name gives it back.

        Raises:
            JournalConflictError: the present lease isn't the one that was seen last.
        """
        with self._file.writing() as connection:
            lease = rules.claimed(holder, present=self._lease(connection), after=after)
            row = (lease.holder, lease.token, lease.beat)
            connection.execute(tables.CLAIM, row)
        return lease

    def post(self, block: Block) -> None:
        """Keep a block, once: one of the same process and sequence is dropped."""
        row = (block.exposure, block.process, block.sequence, self._codec.encode(block))
        with self._file.writing() as connection:
            connection.execute(tables.POST, row)

    def posted(self, exposure: str, *, after: int = 0) -> Sequence[tuple[int, Block]]:
        """Return the blocks of an exposure past a number, in order, each with its number."""
        with self._file.reading() as connection:
            rows = connection.execute(tables.POSTED, (exposure, after)).fetchall()
        return tuple((number, self._codec.decode_block(self._text(text))) for number, text in rows)

    def compact(self, exposure: str, block: Block, *, upto: int) -> None:
        """Put one block in the place of all blocks of an exposure up to a number."""
        text = self._codec.encode(block)
        with self._file.writing() as connection:
            if connection.execute(tables.REPLACE, (text, exposure, upto)).rowcount:
                connection.execute(tables.EMPTY, (exposure, upto))
                connection.execute(tables.THIN_OUT, (exposure,))

    def retain(self, exposures: Collection[str]) -> None:
        """Drop the blocks of all other exposures."""
        with self._file.writing() as connection:
            rows = connection.execute(tables.EXPOSURES).fetchall()
            over = {self._text(name) for (name,) in rows}.difference(exposures)
            connection.executemany(tables.DROP, [(exposure,) for exposure in over])

    # What is in the file

    def _refresh(self, connection: sqlite3.Connection) -> Hashable:
        """Look at the end of the journal again if another process may have moved it."""
        current = (self._file.opened, connection.execute("PRAGMA data_version").fetchone())
        if current != self._current:
            if self._digest(connection, self._verified[0]) != self._verified[1]:
                mend = "an older or another file was put in its place: restore the latest copy"
                raise unusable(self._file.path, mend)
            last = connection.execute(tables.LAST).fetchone()
            self._versions.clear()
            self._last, self._current = last or (0, chains.FIRST), current
        return current

    def _digest(self, connection: sqlite3.Connection, position: int) -> bytes | None:
        if not position:
            return chains.FIRST
        row: tuple[bytes] | None = connection.execute(tables.DIGEST, (position,)).fetchone()
        return row[0] if row else None

    def _version(self, connection: sqlite3.Connection, stream: str) -> int:
        version = self._versions.get(stream)
        if version is None:
            version = connection.execute(tables.LATEST, (stream,)).fetchone()[0] or 0
            if len(self._versions) >= _REMEMBERED:
                self._versions.clear()
        return version

    def _followed(self, connection: sqlite3.Connection, after: int) -> list[chains.Row]:
        """Return the entries past a position, once they were verified."""
        position, digest = self._verified
        previous = digest if after == position else self._digest(connection, after)
        rows: list[chains.Row] = connection.execute(tables.ROWS, (after, -1)).fetchall()
        if previous is None:
            if rows:
                raise chains.broken(after)
            return rows
        last = after + len(rows), chains.follow(previous, after, rows)
        if after <= position:
            self._verified = last
        return rows

    def _verify(self, head: Head | None) -> Head:
        last, more = (0, chains.FIRST), True
        while more:  # in between, others may write
            with self._file.reading() as connection:
                rows = connection.execute(tables.ROWS, (last[0] or _LOWEST, _CHUNK)).fetchall()
            last = last[0] + len(rows), chains.follow(last[1], last[0], rows)
            more = len(rows) == _CHUNK
        kept = (head.position, bytes.fromhex(head.digest)) if head else last
        with self._file.reading() as connection:
            for position, digest in (kept, self._verified):
                if self._digest(connection, position) != digest:
                    raise chains.broken(position)
            self._verified = last
        return Head(last[0], last[1].hex())

    def _lease(self, connection: sqlite3.Connection) -> Lease:
        row = connection.execute(tables.LEASE).fetchone()
        if row is None:
            raise self._damaged()
        return Lease(self._text(row[0]), row[1], row[2])

    def _text(self, stored: object) -> str:
        try:
            if isinstance(stored, bytes):
                return stored.decode()
        except UnicodeDecodeError:
            pass
        raise self._damaged()

    def _damaged(self) -> JournalInvalidError:
        return unusable(self._file.path, "it is damaged: restore it from a copy")


def _refuse_misuse(path: object, head: object, patience: object) -> None:
    if path in ("", ":memory:") or not isinstance(path, str | PathLike):
        mend = "give the path of a file; in memory, use MemoryJournal"
        raise DefinitionError("path", str(path), mend)
    if head is not None and not (isinstance(head, Head) and HEAD.fullmatch(str(head))):
        raise DefinitionError("head", head, "give what head() returned, or None")
    if not isinstance(patience, timedelta) or not timedelta(0) <= patience <= timedelta(hours=1):
        raise DefinitionError("patience", patience, "give a timedelta of at most an hour")
