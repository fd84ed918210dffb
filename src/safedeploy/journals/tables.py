"""Tables: how a journal lies in a file of SQLite."""

from __future__ import annotations

import sqlite3
from contextlib import suppress
from pathlib import Path

from safedeploy.journals.troubles import unavailable, unusable

APPLICATION = 0x53444A4C
"""What SQLite's header names the application by: SDJL."""

VERSION = 1
"""The version of the tables. It changes when an older library couldn't use them any more."""

# Older ones can damage a file in WAL mode when two connections write and checkpoint at once.
SAFE_WAL = (3, 51, 3)

# A text that isn't one any more, though its bytes are, wouldn't be found again: it has no position.
ROWS = """SELECT
    CASE WHEN typeof(stream) = 'text' AND typeof(event) = 'text' THEN position END,
    stream, version, event, digest
    FROM entries WHERE position > ? ORDER BY position LIMIT ?"""
INSERT = "INSERT INTO entries VALUES (?, ?, ?, ?, ?)"
STREAM = "SELECT version, event FROM entries WHERE stream = ? AND version > ? ORDER BY version"
STREAMS = "SELECT stream FROM entries GROUP BY stream ORDER BY min(position)"
LATEST = "SELECT max(version) FROM entries WHERE stream = ?"
DIGEST = "SELECT digest FROM entries WHERE position = ?"
LAST = "SELECT position, digest FROM entries ORDER BY position DESC LIMIT 1"

# A block that was put into another leaves its process and number behind, so that it isn't kept
# again. A process posts the blocks of an exposure in order: one number says it of all before.
POST = """INSERT INTO blocks(exposure, process, sequence, block)
    SELECT ?1, ?2, ?3, ?4 WHERE NOT EXISTS (
        SELECT 1 FROM blocks WHERE process = ?2
        AND (sequence = ?3 OR sequence > ?3 AND exposure = ?1 AND block IS NULL)
    )"""
POSTED = """SELECT number, block FROM blocks
    WHERE exposure = ? AND number > ? AND block IS NOT NULL ORDER BY number"""
REPLACE = """UPDATE blocks SET block = ?
    WHERE exposure = ? AND number = ? AND block IS NOT NULL"""
EMPTY = "UPDATE blocks SET block = NULL WHERE exposure = ? AND number < ? AND block IS NOT NULL"
EXPOSURES = "SELECT DISTINCT exposure FROM blocks"
DROP = "DELETE FROM blocks WHERE exposure = ?"
THIN_OUT = """DELETE FROM blocks WHERE exposure = ? AND block IS NULL AND EXISTS (
        SELECT 1 FROM blocks AS later WHERE later.process = blocks.process
        AND later.exposure = blocks.exposure
        AND later.sequence > blocks.sequence AND later.block IS NULL
    )"""

LEASE = "SELECT holder, token, beat FROM lease"
CLAIM = "UPDATE lease SET holder = ?, token = ?, beat = ?"

_TABLES = (
    """CREATE TABLE entries(
        position INTEGER PRIMARY KEY,
        stream TEXT NOT NULL,
        version INTEGER NOT NULL,
        event TEXT NOT NULL,
        digest BLOB NOT NULL,
        UNIQUE(stream, version)
    )""",
    """CREATE TABLE blocks(
        number INTEGER PRIMARY KEY AUTOINCREMENT,
        exposure TEXT NOT NULL,
        process TEXT NOT NULL,
        sequence INTEGER NOT NULL,
        block TEXT,
        UNIQUE(process, sequence)
    )""",
    "CREATE INDEX blocks_by_exposure ON blocks(exposure, number)",
    """CREATE TABLE lease(
        one INTEGER PRIMARY KEY CHECK (one = 1),
        holder TEXT NOT NULL,
        token INTEGER NOT NULL,
        beat INTEGER NOT NULL
    )""",
    "INSERT INTO lease VALUES (1, '', 0, 0)",
    # For people, and their own tools.
    """CREATE VIEW timeline AS SELECT
        position,
        stream,
        version,
        json_extract(event, '$.at.is') AS at,
        json_extract(event, '$."$"') AS kind,
        event
    FROM entries""",
    f"PRAGMA application_id = {APPLICATION}",
    f"PRAGMA user_version = {VERSION}",
)


def prepare(connection: sqlite3.Connection, path: Path, *, create: bool, write: bool) -> None:
    """Make a new connection ready for use, and the tables if they aren't there yet.

    Args:
        connection: the connection; it is in no transaction.
        path: the file.
        create: whether an empty file is a new journal.
        write: whether anything may be written.

    Raises:
        JournalInvalidError: the file is another application's, of a later version, or cut.
        JournalUnavailableError: the file is empty, and nothing may be written.
        sqlite3.Error: whatever SQLite raises.
    """
    if write:
        connection.execute("PRAGMA synchronous = FULL")
    created = create and write and _is_blank(connection) and _create(connection)
    _refuse_foreign(connection, path, may_be_blank=create)
    if write:
        _choose_mode(connection, created=created)
    _refuse_cut(connection, path)


def _is_blank(connection: sqlite3.Connection) -> bool:
    (tables,) = connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
    return not tables and not _pragma(connection, "application_id")


def _create(connection: sqlite3.Connection) -> bool:
    connection.execute("BEGIN IMMEDIATE")
    missing = _is_blank(connection)  # still: of all processes that start at once, one is the first
    for statement in _TABLES if missing else ():
        connection.execute(statement)
    connection.execute("COMMIT")
    return missing


def _refuse_foreign(connection: sqlite3.Connection, path: Path, *, may_be_blank: bool) -> None:
    if _is_blank(connection):
        if may_be_blank:
            mend = "nothing is in it yet: open it once with leave to write"
            raise unavailable(path, mend)
        raise unusable(path, "it is empty, and wasn't before: restore it from a copy")
    if _pragma(connection, "application_id") != APPLICATION:
        raise unusable(path, "it is another application's: choose another path")
    if _pragma(connection, "user_version") > VERSION:
        raise unusable(path, "a later version wrote it: upgrade safedeploy")


def _choose_mode(connection: sqlite3.Connection, *, created: bool) -> None:
    """Choose how transactions are made whole. A file that exists keeps its mode, if it is safe."""
    is_safe = sqlite3.sqlite_version_info >= SAFE_WAL
    if created and is_safe:
        with suppress(sqlite3.OperationalError):  # others use it already, so it stays as it is
            connection.execute("PRAGMA journal_mode = WAL")
    if not (is_safe and mode(connection) == "wal"):
        connection.execute("PRAGMA journal_mode = TRUNCATE")


def _refuse_cut(connection: sqlite3.Connection, path: Path) -> None:
    """Refuse a file whose last page isn't whole: SQLite would read zeros there."""
    connection.execute("BEGIN")  # so that nobody makes it longer meanwhile
    length = _pragma(connection, "page_count") * _pragma(connection, "page_size")
    # In WAL mode the end may be in the log still, and then all is well.
    if path.stat().st_size < length and not (mode(connection) == "wal" and is_whole(connection)):
        raise unusable(path, "its end is missing: restore it from a copy")
    connection.execute("COMMIT")


def is_whole(connection: sqlite3.Connection) -> bool:
    """Tell whether SQLite finds the file in order: every page, and what indexes say of tables."""
    (found,) = connection.execute("PRAGMA integrity_check(1)").fetchone()
    return found in ("ok", b"ok")


def mode(connection: sqlite3.Connection) -> str:
    """Return how transactions are made whole: "wal", or another."""
    (name,) = connection.execute("PRAGMA journal_mode").fetchone()
    return str(name)


def _pragma(connection: sqlite3.Connection, name: str) -> int:
    (value,) = connection.execute(f"PRAGMA {name}").fetchone()
    return int(value)
