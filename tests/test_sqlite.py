"""A journal in a file: what lies in it, who may open it, and that no change goes unseen."""

from __future__ import annotations

import gc
import multiprocessing
import os
import sqlite3
from collections.abc import Callable
from contextlib import closing
from datetime import timedelta
from pathlib import Path
from typing import Any

import attrs
import pytest

from safedeploy.blocks import Block
from safedeploy.errors import (
    DefinitionError,
    JournalInvalidError,
    JournalUnavailableError,
)
from safedeploy.events import Event, Killed, Woken
from safedeploy.journals import Head, Lease, SqliteJournal, sqlite, tables
from safedeploy.testing import JOURNAL_CONTRACT, Opener
from tests.laws.histories import EVERY, START

EVENTS: list[Event] = [Woken(START + number * EVERY) for number in range(9)]
BLOCK = Block("e", "p", 1, START, START)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Name a file that isn't there yet."""
    return tmp_path / "journal.db"


def query(path: Path, sql: str, *values: Any) -> list[Any]:
    """Run plain SQL on a file, as anybody may."""
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        return connection.execute(sql, values).fetchall()


def filled(path: Path) -> Head:
    """Make a journal with two streams of five entries, and return its head."""
    with closing(SqliteJournal(path)) as journal:
        journal.append("a", EVENTS[:2], expected=0)
        journal.append("b", [Killed(START, "shop", "7", "it burns")], expected=0)
        journal.append("a", EVENTS[2:4], expected=2)
        return journal.head()


# What lies in the file


def test_the_tables_are_frozen(path: Path) -> None:
    """A file that was written years ago has the columns, and the names, that are looked for."""
    filled(path)
    columns = {
        table: [(column[1], column[2]) for column in query(path, f"PRAGMA table_info({table})")]
        for table in ("entries", "blocks", "lease", "timeline")
    }
    assert columns == {
        "entries": [
            ("position", "INTEGER"),
            ("stream", "TEXT"),
            ("version", "INTEGER"),
            ("event", "TEXT"),
            ("digest", "BLOB"),
        ],
        "blocks": [
            ("number", "INTEGER"),
            ("exposure", "TEXT"),
            ("process", "TEXT"),
            ("sequence", "INTEGER"),
            ("block", "TEXT"),
        ],
        "lease": [
            ("one", "INTEGER"),
            ("holder", "TEXT"),
            ("token", "INTEGER"),
            ("beat", "INTEGER"),
        ],
        "timeline": [
            ("position", "INTEGER"),
            ("stream", "TEXT"),
            ("version", "INTEGER"),
            ("at", ""),
            ("kind", ""),
            ("event", "TEXT"),
        ],
    }
    assert [(0x53444A4C,)] == query(path, "PRAGMA application_id")
    assert [(1,)] == query(path, "PRAGMA user_version")


def test_people_read_it_with_plain_sql(path: Path) -> None:
    """A view tells what happened when, without this library."""
    filled(path)
    told = query(path, "SELECT position, stream, version, at, kind FROM timeline ORDER BY position")
    assert (3, "b", 1, "2026-01-01T00:00:00+00:00", "Killed") == told[2]
    assert ["Woken", "Woken", "Killed", "Woken", "Woken"] == [row[4] for row in told]
    [(event,)] = query(path, "SELECT event FROM timeline WHERE kind = 'Killed'")
    assert '"by":"7"' in event


def test_everything_is_there_after_a_restart(path: Path) -> None:
    """Streams, entries, the lease and blocks outlive the process."""
    head = filled(path)
    with closing(SqliteJournal(path)) as journal:
        lease = journal.claim("p", after=Lease())
        journal.post(BLOCK)
    journal = SqliteJournal(path, head=head)
    assert ("a", "b") == journal.streams()
    assert EVENTS[:4] == list(journal.read("a"))
    assert (head, lease) == (journal.head(), journal.lease())
    assert ((1, BLOCK),) == journal.posted("e")
    assert 5 == journal.append("a", EVENTS[4:5], expected=4, seen=5, lease=lease)


def test_blocks_that_became_one_leave_one_row_of_each_process(path: Path) -> None:
    """A file doesn't grow with what was measured and judged long ago."""
    journal = SqliteJournal(path)
    for sequence in range(9):
        for process in ("p", "q"):
            journal.post(attrs.evolve(BLOCK, process=process, sequence=sequence))
        journal.compact("e", BLOCK, upto=journal.posted("e")[-1][0])
    left = query(path, "SELECT process, sequence, block IS NULL FROM blocks ORDER BY number")
    assert [("q", 7, 1), ("p", 8, 1), ("q", 8, 0)] == left
    journal.retain(())
    assert [] == query(path, "SELECT * FROM blocks")


# Opening


@pytest.mark.parametrize("name", ["a b.db", "a?mode=memory", "a#b", "100%41", "ä;☃'\"", "-"])
def test_a_file_may_have_any_name(name: str, tmp_path: Path) -> None:
    """What has a meaning in an address has none in a file's name."""
    filled(tmp_path / name)
    assert 5 == SqliteJournal(str(tmp_path / name), read_only=True).head().position
    assert name in {found.name for found in tmp_path.iterdir()}


def test_a_journal_stays_where_it_was_made(tmp_path: Path, monkeypatch: Any) -> None:
    """A relative path is meant from where the process was when it opened the journal."""
    monkeypatch.chdir(tmp_path)
    journal = SqliteJournal("journal.db")
    journal.close()
    monkeypatch.chdir("/")
    assert 1 == journal.append("a", EVENTS[:1], expected=0)
    assert 1 == SqliteJournal(tmp_path / "journal.db").head().position


def test_an_empty_file_is_a_new_journal(path: Path) -> None:
    """Somebody may have made the file, to give it to a user."""
    path.touch()
    assert 5 == filled(path).position


@pytest.mark.parametrize(
    ("field", "arguments"),
    [
        ("path", {"path": 5}),
        ("path", {"path": ""}),
        ("path", {"path": ":memory:"}),
        ("kinds", {"kinds": [5]}),
        ("head", {"head": "5:00"}),
        ("head", {"head": Head(1, "00")}),
        ("head", {"head": Head(2**70, "00" * 32)}),
        ("patience", {"patience": 1}),
        ("patience", {"patience": timedelta(seconds=-1)}),
        ("patience", {"patience": timedelta(days=1)}),
    ],
)
def test_a_bad_argument_is_named(path: Path, field: str, arguments: dict[str, Any]) -> None:
    """What can't be meant is refused, with what to give instead, and no file is made."""
    with pytest.raises(DefinitionError, match="give ") as caught:
        SqliteJournal(**{"path": path, **arguments})
    assert field == caught.value.field
    assert not path.exists()


def opened_at_once(path: Path, together: Any) -> None:
    together.wait()
    with closing(SqliteJournal(path, patience=timedelta(minutes=1))) as journal:
        journal.post(attrs.evolve(BLOCK, process=str(os.getpid())))


@pytest.mark.long
@pytest.mark.parametrize("method", ["fork", "spawn"])
def test_of_processes_that_start_at_once_one_makes_the_tables(path: Path, method: str) -> None:
    """Each worker of an application opens the journal at import, and all succeed."""
    run_together(method, opened_at_once, path)
    assert [(4,)] == query(path, "SELECT count(*) FROM blocks")
    assert [(1,)] == query(path, "SELECT count(*) FROM lease")


def test_who_comes_second_finds_the_tables(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Between looking and making, somebody else may have made them."""
    filled(path)
    is_blank, answers = tables._is_blank, [True]
    monkeypatch.setattr(
        tables, "_is_blank", lambda one: answers.pop() if answers else is_blank(one)
    )
    assert 5 == SqliteJournal(path).head().position


def run_together(method: str, work: Callable[[Path, Any], None], path: Path) -> None:
    context: Any = multiprocessing.get_context(method)
    together = context.Barrier(4)
    processes = [context.Process(target=work, args=(path, together)) for _ in range(4)]
    for process in processes:
        process.start()
    for process in processes:
        process.join()
    assert [0] * 4 == [process.exitcode for process in processes]


# Modes


@pytest.fixture
def newer(monkeypatch: pytest.MonkeyPatch) -> None:
    """Take this SQLite for one whose WAL mode is safe."""
    monkeypatch.setattr(sqlite3, "sqlite_version_info", tables.SAFE_WAL)


@pytest.fixture
def older(monkeypatch: pytest.MonkeyPatch) -> None:
    """Take this SQLite for one whose WAL mode isn't."""
    monkeypatch.setattr(sqlite3, "sqlite_version_info", (3, 51, 2))


def settings(journal: SqliteJournal) -> tuple[bytes, int]:
    with journal._file.reading() as connection:
        [mode] = connection.execute("PRAGMA journal_mode").fetchone()
        [synchronous] = connection.execute("PRAGMA synchronous").fetchone()
    return mode, synchronous


@pytest.mark.usefixtures("older")
def test_an_older_sqlite_writes_no_ahead_log(path: Path) -> None:
    """Where two connections could damage a log, there is none; every commit is on the disk."""
    assert (b"truncate", 2) == settings(SqliteJournal(path))


@pytest.mark.usefixtures("newer")
def test_a_newer_sqlite_writes_ahead(path: Path) -> None:
    """Where it is safe, readers don't keep writers waiting; every commit is on the disk."""
    assert (b"wal", 2) == settings(SqliteJournal(path))
    assert (b"wal", 2) == settings(SqliteJournal(path))


@pytest.mark.usefixtures("newer")
def test_a_file_keeps_its_mode(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An older process ends the log if it is alone, and a newer one doesn't begin it again."""
    journal = SqliteJournal(path)
    with monkeypatch.context() as patched:
        patched.setattr(sqlite3, "sqlite_version_info", (3, 51, 2))
        with pytest.raises(JournalUnavailableError, match="locked"):
            SqliteJournal(path, patience=timedelta(0))
        journal.close()
        SqliteJournal(path).close()
    assert (b"truncate", 2) == settings(journal)


@pytest.mark.usefixtures("newer")
def test_a_mode_that_cant_be_chosen_is_left(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """While others use the new file already, its mode stays as it is."""
    create = tables._create

    def create_and_read(connection: sqlite3.Connection) -> bool:
        made = create(connection)
        readers.append(sqlite3.connect(path, isolation_level=None))
        readers[0].execute("BEGIN")
        readers[0].execute("SELECT * FROM lease").fetchone()
        return made

    readers: list[sqlite3.Connection] = []
    monkeypatch.setattr(tables, "_create", create_and_read)
    journal = SqliteJournal(path, patience=timedelta(0))
    readers[0].close()
    assert b"truncate" == settings(journal)[0]


@pytest.mark.usefixtures("newer")
@pytest.mark.parametrize("check", JOURNAL_CONTRACT, ids=lambda check: check.__name__)
def test_ahead_logs_keep_the_contract(check: Callable[[Opener], None], tmp_path: Path) -> None:
    """In the other mode, too, all that a host may rely on holds."""
    check(lambda name: SqliteJournal(tmp_path / name))


# Looking only


def test_who_only_reads_changes_nothing(path: Path) -> None:
    """A live journal can be looked at, and what is appended meanwhile is seen."""
    head = filled(path)
    writer, reader = SqliteJournal(path), SqliteJournal(path, read_only=True)
    before = reader.watch()
    writer.append("b", EVENTS[:1], expected=1)
    assert before != reader.watch()
    assert 6 == reader.head().position
    assert 6 == SqliteJournal(path, read_only=True, head=head).verify(head).position
    for write in (
        lambda: reader.append("a", EVENTS[:1], expected=4),
        lambda: reader.claim("p", after=Lease()),
        lambda: reader.post(BLOCK),
    ):
        with pytest.raises(JournalUnavailableError, match="open it without read_only to write"):
            write()
    assert 6 == reader.head().position


def test_who_only_reads_makes_nothing(path: Path) -> None:
    """A file that isn't there isn't made, and an empty one stays empty."""
    with pytest.raises(JournalUnavailableError, match="there is no such file"):
        SqliteJournal(path, read_only=True)
    assert not path.exists()
    path.touch()
    with pytest.raises(JournalUnavailableError, match="nothing is in it yet"):
        SqliteJournal(path, read_only=True)
    assert 0 == path.stat().st_size


# Closing


def test_a_closed_journal_opens_again(path: Path) -> None:
    """Closing is for those who wait for the file; it can be done twice."""
    journal = SqliteJournal(path)
    journal.append("a", EVENTS[:1], expected=0)
    before = journal.watch()
    journal.close()
    journal.close()
    assert 2 == journal.append("a", EVENTS[1:2], expected=1)
    assert before != journal.watch()


def test_a_forgotten_journal_closes_its_file(path: Path) -> None:
    """Nobody is warned of a connection that was left open."""
    journal = SqliteJournal(path)
    connection = journal._file._connection
    assert connection is not None
    del journal
    gc.collect()
    with pytest.raises(sqlite3.ProgrammingError, match="closed"):
        connection.execute("SELECT 1")


# Kinds


@attrs.frozen
class Mine:
    """A kind of the host's own."""

    at: Any = START


def test_an_unknown_kind_is_refused_whole(path: Path) -> None:
    """What can't be read again isn't written, nor is what stands beside it."""
    mine: Any = Mine()
    journal = SqliteJournal(path)
    with pytest.raises(DefinitionError, match="register"):
        journal.append("a", [EVENTS[0], mine], expected=0)
    assert [] == list(journal.entries())
    assert 1 == SqliteJournal(path, kinds=[Mine]).append("a", [mine], expected=0)


# Memory


def test_what_is_remembered_of_streams_is_bounded(path: Path, monkeypatch: Any) -> None:
    """A process that lives long remembers the versions of some streams, and knows those of all."""
    monkeypatch.setattr(sqlite, "_REMEMBERED", 3)
    journal = SqliteJournal(path)
    for version in range(2):
        for stream in range(9):
            assert version + 1 == journal.append(f"{stream}", EVENTS[:1], expected=version)
            assert len(journal._versions) <= 3


# Nothing goes unseen


@pytest.fixture
def small_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    """Verify two entries at a time, so that a few entries are many steps."""
    monkeypatch.setattr(sqlite, "_CHUNK", 2)


ROW = ["stream", "version", "event", "digest"]


def altered(value: Any) -> list[Any]:
    """List what a value could become if one byte of it were changed, moved or lost."""
    if isinstance(value, int):
        return [value + 1, value - 1, -value, 0 if value else 1, str(value) + "x", None]
    if isinstance(value, bytes):
        flipped = [value[:n] + bytes([value[n] ^ 1]) + value[n + 1 :] for n in range(len(value))]
        return [*flipped, value[:-1], value + b"\0", b""]
    flipped = [value[:n] + chr(ord(value[n]) ^ 1) + value[n + 1 :] for n in range(len(value))]
    return [*flipped, value[:-1], value + " ", value + "\0", "", value.encode()]


@pytest.mark.law("J4")
@pytest.mark.usefixtures("small_steps")
@pytest.mark.parametrize("column", ROW)
@pytest.mark.parametrize("position", [1, 3, 5])
def test_any_byte_that_is_altered_shows(path: Path, position: int, column: str) -> None:
    """Whatever is changed in whatever entry, opening the journal says where."""
    filled(path)
    journal = SqliteJournal(path)
    select = f"SELECT {column} FROM entries WHERE position = ?"  # noqa: S608 - one of four names
    change = f"UPDATE OR IGNORE entries SET {column} = ? WHERE position = ?"  # noqa: S608 - as above
    with closing(sqlite3.connect(path, isolation_level=None)) as raw:
        raw.execute("PRAGMA synchronous = OFF")
        [(was,)] = raw.execute(select, (position,)).fetchall()
        for value in altered(was):
            if raw.execute(change, (value, position)).rowcount:
                with pytest.raises(JournalInvalidError) as caught:
                    journal._verify(None)
                assert position == caught.value.value
                raw.execute(change, (was, position))
        assert 5 == journal.verify().position


@pytest.mark.law("J4")
@pytest.mark.usefixtures("small_steps")
@pytest.mark.parametrize(
    ("position", "change"),
    [
        (1, ["DELETE FROM entries WHERE position = 1"]),
        (2, ["DELETE FROM entries WHERE position IN (2, 3)"]),
        (4, ["DELETE FROM entries WHERE position = 4"]),
        (1, ["DELETE FROM entries WHERE position < 5"]),
        (3, [
            "DELETE FROM entries WHERE position = 3",
            "UPDATE entries SET position = 3 WHERE position = 4",
            "UPDATE entries SET position = 4 WHERE position = 5",
        ]),
        (2, [
            "UPDATE entries SET position = 9 WHERE position = 2",
            "UPDATE entries SET position = 2 WHERE position = 3",
            "UPDATE entries SET position = 3 WHERE position = 9",
        ]),
        (5, ["UPDATE entries SET position = 6 WHERE position = 5"]),
        (1, ["UPDATE entries SET position = 0 WHERE position = 5"]),
        (1, ["UPDATE entries SET position = position + 10"]),
    ],
)  # fmt: skip
def test_what_is_removed_or_moved_shows(path: Path, position: int, change: list[str]) -> None:
    """No entry can be taken out, put elsewhere, or change its place with another."""
    filled(path)
    for statement in change:
        query(path, statement)
    with pytest.raises(JournalInvalidError) as caught:
        SqliteJournal(path)
    assert ("position", position) == (caught.value.field, caught.value.value)


@pytest.mark.law("J4")
def test_a_cut_tail_shows_against_a_head(path: Path) -> None:
    """The chain alone can't know of entries that are gone; whoever keeps a head does."""
    head = filled(path)
    journal = SqliteJournal(path)
    query(path, "DELETE FROM entries WHERE position = 5")
    assert 4 == SqliteJournal(path).head().position
    for look in (
        lambda: SqliteJournal(path, head=head),
        lambda: SqliteJournal(path).verify(head),
        journal.verify,  # which remembers what it has verified
        journal.entries,
        journal.head,
        journal.streams,
        lambda: journal.read("a"),
        lambda: journal.append("a", EVENTS[:1], expected=3),
    ):
        with pytest.raises(JournalInvalidError):
            look()
    assert [(4,)] == query(path, "SELECT count(*) FROM entries")


@pytest.mark.law("J4")
def test_another_past_shows_against_a_head(path: Path) -> None:
    """A journal that was written anew has another head, even where it is longer."""
    head = filled(path)
    path.unlink()
    with closing(SqliteJournal(path)) as journal:
        journal.append("a", EVENTS, expected=0)
    with pytest.raises(JournalInvalidError, match="position=5: this entry was altered"):
        SqliteJournal(path, head=head)
    with pytest.raises(JournalInvalidError, match="position=0: "):
        SqliteJournal(path, head=Head(0, head.digest))


def test_a_head_that_is_lost_makes_no_new_journal(path: Path) -> None:
    """Who knows that there were entries isn't given an empty journal in their place."""
    head = filled(path)
    path.unlink()
    with pytest.raises(JournalUnavailableError, match="there is no such file"):
        SqliteJournal(path, head=head)
    assert not path.exists()
    path.touch()
    with pytest.raises(JournalInvalidError, match="it is empty, and wasn't before"):
        SqliteJournal(path, head=head)


def test_a_head_holds_for_ever(path: Path) -> None:
    """A head that was kept long ago is in every journal that went on from there."""
    head = filled(path)
    empty = Head(0, "00" * 32)
    assert f"5:{head.digest}" == str(head)
    with closing(SqliteJournal(path)) as journal:
        journal.append("a", EVENTS, expected=4)
        latest = journal.head()
    for known in (empty, head, latest, None):
        assert latest == SqliteJournal(path, head=known).verify(known)


@pytest.mark.law("J4")
def test_what_others_append_is_verified_as_it_is_read(path: Path) -> None:
    """What was altered since opening shows when it is read, in an old entry and in a new one."""
    filled(path)
    journal, other = SqliteJournal(path), SqliteJournal(path)
    other.append("b", EVENTS, expected=1)
    query(path, "UPDATE entries SET event = replace(event, 'W', 'w') WHERE position = 9")
    for after in (0, 3, 5, 7, 8):
        with pytest.raises(JournalInvalidError, match="position=9"):
            journal.entries(after=after)
    with pytest.raises(JournalInvalidError, match="position=9"):
        journal.head()
    assert 10 == journal.entries(after=9)[0].position
    assert () == journal.entries(after=14)
    assert () == journal.entries(after=99)
    query(path, "DELETE FROM entries WHERE position = 8")
    with pytest.raises(JournalInvalidError, match="position=8"):
        journal.entries(after=8)


def test_damage_that_isnt_in_a_chain_is_found(path: Path) -> None:
    """An index that misses an entry, a lease that is gone, a block that is none: never guessed."""
    filled(path)
    journal = SqliteJournal(path)
    journal.post(BLOCK)
    query(path, "UPDATE blocks SET block = x'ff'")
    query(path, "DELETE FROM lease")
    query(path, "UPDATE entries SET version = 9 WHERE position = 4")
    for look in (lambda: journal.posted("e"), journal.lease, lambda: journal.read("a")):
        with pytest.raises(JournalInvalidError, match="it is damaged: restore it from a copy"):
            look()
    query(path, "UPDATE blocks SET block = 'x'")
    with pytest.raises(JournalInvalidError, match="no record"):
        journal.posted("e")
    with pytest.raises(JournalInvalidError):
        journal._text(5)  # what only a damaged page can hold


@pytest.mark.law("J4")
def test_an_index_that_misses_an_entry_is_found(path: Path) -> None:
    """Verifying looks at everything in the file, not only at the chain."""
    filled(path)
    with closing(sqlite3.connect(path, isolation_level=None)) as raw:
        raw.execute("PRAGMA writable_schema = ON")
        raw.execute("UPDATE sqlite_master SET sql = replace(sql, ', version)', ', digest)')")
    with pytest.raises(JournalInvalidError, match="it is damaged"):
        SqliteJournal(path).verify()
