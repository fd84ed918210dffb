"""What can go wrong with a journal's file: it is said in our words, and nothing is lost."""

from __future__ import annotations

import gc
import os
import resource
import shutil
import sqlite3
import tempfile
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from safedeploy.errors import (
    JournalConflictError,
    JournalInvalidError,
    JournalUnavailableError,
)
from safedeploy.forks import at_fork
from safedeploy.journals import Entry, SqliteJournal, tables, troubles
from tests.test_sqlite import EVENTS, filled, query, run_together

AT_ONCE = timedelta(0)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Make a journal of five entries."""
    filled(tmp_path / "journal.db")
    return tmp_path / "journal.db"


@pytest.fixture
def raw(path: Path) -> Iterator[sqlite3.Connection]:
    """Open the file as another program would."""
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        yield connection


def goes_on(journal: SqliteJournal) -> None:
    """Append to the journal as if nothing had happened, and find everything there."""
    version = len(journal.read("a"))
    assert version + 1 == journal.append("a", EVENTS[:1], expected=version)
    assert journal.head() == journal.verify() == SqliteJournal(journal._file.path).head()


def check_unavailable(call: Callable[[], object], mend: str) -> None:
    with pytest.raises(JournalUnavailableError) as caught:
        call()
    assert "journal" == caught.value.field
    assert mend in caught.value.mend


# Locked


def test_a_locked_file_is_unavailable_for_a_while(path: Path, raw: sqlite3.Connection) -> None:
    """Whatever is asked fails while another program has locked the file, and then works."""
    journal = SqliteJournal(path, patience=AT_ONCE)
    raw.execute("BEGIN EXCLUSIVE")
    for call in (
        lambda: journal.append("a", EVENTS[:1], expected=4),
        lambda: journal.read("a"),
        journal.watch,
        journal.verify,
        lambda: SqliteJournal(path, patience=AT_ONCE),
    ):
        check_unavailable(call, "somebody has locked it: try again")
    raw.execute("ROLLBACK")
    goes_on(journal)
    assert 1 == journal._file.opened


def test_a_writer_waits_for_a_reader(path: Path, raw: sqlite3.Connection) -> None:
    """What can't be committed is undone, and nothing of it is seen or remembered."""
    journal = SqliteJournal(path, patience=AT_ONCE)
    raw.execute("BEGIN")
    raw.execute("SELECT * FROM lease").fetchone()
    check_unavailable(lambda: journal.append("a", EVENTS[:3], expected=4), "locked")
    assert 5 == journal.head().position
    raw.execute("ROLLBACK")
    goes_on(journal)


def test_what_a_dead_process_had_half_written_is_undone(
    path: Path, raw: sqlite3.Connection, tmp_path: Path
) -> None:
    """Who may only read says what is left to do; whoever may write finds all as it was before."""
    before = SqliteJournal(path).entries()
    raw.execute("PRAGMA journal_mode = TRUNCATE")
    raw.execute("PRAGMA cache_size = 2")  # so that the file is written before the commit
    raw.execute("BEGIN IMMEDIATE")
    raw.execute("UPDATE entries SET event = hex(zeroblob(20000)), stream = position")
    copy = tmp_path / "copy.db"
    for end in ("", "-journal"):
        shutil.copy(f"{path}{end}", f"{copy}{end}")
    check_unavailable(lambda: SqliteJournal(copy, read_only=True), "open it once to write")
    assert before == SqliteJournal(copy).entries()
    assert before == SqliteJournal(copy, read_only=True).entries()


def test_an_interrupted_call_is_undone(path: Path) -> None:
    """Whoever presses a key in the midst of it leaves nothing half done."""
    journal = SqliteJournal(path)
    for error in (KeyboardInterrupt, JournalConflictError("a", "b", "c")):
        with pytest.raises((KeyboardInterrupt, JournalConflictError)):
            interrupt(journal, error)
    goes_on(journal)


def interrupt(journal: SqliteJournal, error: Any) -> None:
    with journal._file.writing() as connection:
        connection.execute("DELETE FROM entries")
        raise error


def test_a_signals_handler_waits_for_nobody(path: Path) -> None:
    """Whoever calls in the midst of a call of the same thread is refused, and harms nothing."""
    journal = SqliteJournal(path)
    with journal._file.writing() as connection:
        connection.execute("UPDATE lease SET holder = 'me'")
        for call in (lambda: journal.append("a", EVENTS[:1], expected=4), journal.lease):
            check_unavailable(call, "this thread is using it")
    assert "me" == journal.lease().holder
    goes_on(journal)


def test_a_connection_that_breaks_is_replaced(path: Path) -> None:
    """A call that finds its connection closed fails, and the next one opens another."""
    journal = SqliteJournal(path)
    connection = journal._file._connection
    assert connection is not None
    connection.close()
    check_unavailable(lambda: journal.append("a", EVENTS[:1], expected=4), "look after its disk")
    goes_on(journal)
    assert 2 == journal._file.opened


class Broken:
    """A connection that begins well, and then can neither keep nor undo anything."""

    error: type[BaseException] = sqlite3.OperationalError
    late = False

    def __init__(self, connection: Any) -> None:
        self.connection = connection

    @property
    def in_transaction(self) -> bool:
        return bool(self.connection.in_transaction)

    def execute(self, sql: str, *values: Any) -> Any:
        if sql == "COMMIT":
            if self.late:
                self.connection.execute(sql, *values)
            raise self.error
        if sql == "ROLLBACK":
            raise sqlite3.OperationalError
        return self.connection.execute(sql, *values)


def test_what_can_neither_be_kept_nor_undone_is_given_up(path: Path) -> None:
    """Where even undoing fails, the connection is closed, and SQLite undoes it when it can."""
    journal = SqliteJournal(path)
    broken: Any = Broken(journal._file._connection)
    journal._file._connection = broken
    check_unavailable(lambda: journal.append("a", EVENTS[:1], expected=4), "look after its disk")
    assert 5 == journal.head().position
    goes_on(journal)


@pytest.mark.parametrize("late", [False, True])
def test_an_interrupted_commit_is_looked_at_again(path: Path, *, late: bool) -> None:
    """Whoever is interrupted doesn't know whether it was written, and doesn't guess."""
    journal = SqliteJournal(path)
    journal.head()
    before = journal.watch()
    broken: Any = Broken(journal._file._connection)
    broken.error, broken.late = KeyboardInterrupt, late
    journal._file._connection = broken
    with pytest.raises(KeyboardInterrupt):
        journal.append("a", EVENTS[:1], expected=4)
    journal._file._connection = broken.connection if late else None
    assert before != journal.watch()
    assert 5 + late == len(journal.entries())
    goes_on(journal)


@pytest.mark.parametrize(
    ("name", "mend"),
    [
        ("BUSY", "somebody has locked it"),
        ("LOCKED", "somebody has locked it"),
        ("PROTOCOL", "somebody has locked it"),
        ("FULL", "free some space"),
        ("READONLY", "let this process write the file and its folder"),
        ("PERM", "let this process write the file and its folder"),
        ("READONLY_DBMOVED", "another file was put in its place"),
        ("CANTOPEN", "let this process read and write the file and its folder"),
        ("IOERR_FSYNC", "look after its disk"),
        ("NOMEM", "look after its disk"),
        ("CORRUPT_VTAB", None),
        ("NOTADB", None),
        ("CONSTRAINT_UNIQUE", None),
        ("ERROR", None),
    ],
)
def test_what_sqlite_says_is_said_in_our_words(path: Path, name: str, mend: str | None) -> None:
    """Later it may work, with what to do until then; or it never will, and a copy is needed."""
    error = sqlite3.OperationalError("secret")
    error.sqlite_errorcode = getattr(sqlite3, f"SQLITE_{name}")
    told = troubles.translated(error, path, read_only=False)
    assert isinstance(told, JournalUnavailableError if mend else JournalInvalidError)
    assert (mend or "restore it from a copy") in told.mend
    assert ("journal", str(path)) == (told.field, told.value)
    assert "secret" not in str(told)
    assert troubles.is_passing(error) == (name in ("BUSY", "LOCKED", "FULL"))


def test_a_schema_that_is_no_text_is_damage(path: Path) -> None:
    """What SQLite says of it can't even be read."""
    content = path.read_bytes()
    assert b"viewtimeline" in content
    path.write_bytes(content.replace(b"viewtimeline", b"view\xf4imeline"))
    with pytest.raises(JournalInvalidError, match="it isn't a journal, or is damaged"):
        SqliteJournal(path)


# Full


def test_a_full_disk_loses_nothing(path: Path) -> None:
    """What doesn't fit isn't appended, not in part either; once there is space, it is."""
    journal = SqliteJournal(path)
    with journal._file.reading() as connection:
        [pages] = connection.execute("PRAGMA page_count").fetchone()
        connection.execute(f"PRAGMA max_page_count = {pages}")
    check_unavailable(lambda: journal.append("b", EVENTS * 99, expected=1), "free some space")
    assert 5 == journal.head().position
    with journal._file.reading() as connection:
        connection.execute("PRAGMA max_page_count = 9999")
    goes_on(journal)


def test_a_file_that_may_not_grow_loses_nothing(path: Path) -> None:
    """When the system refuses to write, the call fails, and works when it doesn't any more."""

    def limited() -> None:
        journal = SqliteJournal(path)
        journal.head()
        soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
        resource.setrlimit(resource.RLIMIT_FSIZE, (path.stat().st_size, hard))
        check_unavailable(lambda: journal.append("b", EVENTS * 99, expected=1), "its disk")
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        assert 5 == journal.head().position
        goes_on(journal)

    in_child(limited)
    goes_on(SqliteJournal(path))


def in_child(work: Callable[[], object]) -> None:
    """Run something in a forked child, and pass on what it says if it fails."""
    reader, writer = os.pipe()
    child = os.fork()
    if not child:
        try:
            work()
        except BaseException as error:  # noqa: BLE001 - a child that fails must end here
            os.write(writer, repr(error).encode())
            os._exit(1)
        os._exit(0)
    os.close(writer)
    status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    with os.fdopen(reader, "rb") as said:
        assert (b"", 0) == (said.read(), status)


# Not allowed


@pytest.fixture
def shared() -> Iterator[Path]:
    """Make a journal in a folder that every user may look into."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        folder.chmod(0o777)
        filled(folder / "journal.db")
        (folder / "journal.db").chmod(0o666)
        (folder / "journal.db-journal").chmod(0o666)
        yield folder
        folder.chmod(0o777)


def as_nobody(work: Callable[[], object]) -> None:
    def less_mighty() -> None:
        if not os.geteuid():
            os.setuid(65534)
        work()

    in_child(less_mighty)


def test_a_file_that_may_not_be_written_can_be_read(shared: Path) -> None:
    """Who may only read is told so when writing, and reads everything."""
    path = shared / "journal.db"
    path.chmod(0o444)

    def look() -> None:
        journal = SqliteJournal(path, read_only=True)
        assert 5 == journal.verify().position
        journal = SqliteJournal(path)
        assert 5 == journal.head().position
        write = lambda: journal.append("a", EVENTS[:1], expected=4)  # noqa: E731 - is called later
        check_unavailable(write, "let this process write the file and its folder")

    as_nobody(look)
    path.chmod(0o666)
    goes_on(SqliteJournal(path))


def test_a_folder_that_may_not_be_written_is_named(shared: Path) -> None:
    """Who may write the file but not beside it can't write, and is told of the folder."""
    (shared / "journal.db-journal").unlink()
    shared.chmod(0o555)

    def write() -> None:
        with pytest.raises(JournalUnavailableError, match="its folder"):
            SqliteJournal(shared / "journal.db").append("a", EVENTS[:1], expected=4)
        check_unavailable(lambda: SqliteJournal(shared / "new.db"), "it can't be made")
        assert 5 == SqliteJournal(shared / "journal.db", read_only=True).head().position

    as_nobody(write)


def test_a_file_that_may_not_be_read_is_unavailable(shared: Path) -> None:
    """Who may not read is told what to allow."""
    (shared / "journal.db").chmod(0)
    path = shared / "journal.db"
    as_nobody(lambda: check_unavailable(lambda: SqliteJournal(path), "let this process read"))


def test_a_missing_folder_is_named(tmp_path: Path) -> None:
    """Nobody makes folders for a typing error; and a folder is no file."""
    path = tmp_path / "missing" / "journal.db"
    check_unavailable(lambda: SqliteJournal(path), f"make its folder first: {path.parent}")
    check_unavailable(lambda: SqliteJournal(tmp_path), "this is a folder")
    path.parent.mkdir()
    SqliteJournal(path)


# Something else


@pytest.mark.parametrize(
    ("mend", "statements"),
    [
        ("another application's", ["CREATE TABLE mine(a)"]),
        ("another application's", ["CREATE TABLE entries(a)", "PRAGMA user_version = 1"]),
        ("another application's", ["PRAGMA application_id = 5"]),
    ],
)
def test_a_foreign_file_is_left_alone(mend: str, statements: list[str], tmp_path: Path) -> None:
    """A file of another application isn't used, and not a byte of it changes."""
    path = tmp_path / "foreign.db"
    for statement in statements:
        query(path, statement)
    before = path.read_bytes()
    with pytest.raises(JournalInvalidError, match=mend):
        SqliteJournal(path)
    assert before == path.read_bytes()


def test_a_text_is_no_journal(tmp_path: Path) -> None:
    """A file that SQLite can't read is left alone, long or short."""
    path = tmp_path / "text"
    for text in ("no", "no journal" * 999):
        path.write_text(text, encoding="utf-8")
        with pytest.raises(JournalInvalidError, match="it isn't a journal, or is damaged"):
            SqliteJournal(path)
        assert text == path.read_text(encoding="utf-8")


def test_a_journal_of_a_later_version_asks_for_that(path: Path) -> None:
    """Tables that are made otherwise aren't guessed at."""
    query(path, "PRAGMA user_version = 2")
    with pytest.raises(JournalInvalidError, match="upgrade safedeploy"):
        SqliteJournal(path)


@pytest.mark.parametrize("table", ["entries", "lease", "blocks"])
def test_a_missing_table_is_damage(path: Path, table: str) -> None:
    """Whatever needs a table that is gone says so, and asks for a copy."""
    journal = SqliteJournal(path)
    query(path, f"DROP TABLE {table}")
    with pytest.raises(JournalInvalidError, match="restore it from a copy"):
        (journal.entries(), journal.lease(), journal.posted("e"))


# Cut or damaged


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, bytes, tuple[Entry, ...]]:
    """Make a journal, and return its path, its bytes and its entries."""
    path = tmp_path_factory.mktemp("whole") / "journal.db"
    filled(path)
    entries = tuple(SqliteJournal(path).entries())
    return path, path.read_bytes(), entries


def found(whole: tuple[Path, bytes, tuple[Entry, ...]], content: bytes) -> Any:
    """Return what a journal has to say whose file has other content; None where it is refused."""
    path, _, _ = whole
    path.with_name("journal.db-journal").unlink(missing_ok=True)
    path.write_bytes(content)
    try:
        with closing(SqliteJournal(path, patience=AT_ONCE)) as journal:
            return journal.entries(), journal.read("a"), journal.streams(), journal.lease()
    except (JournalUnavailableError, JournalInvalidError):
        return None


@given(data=st.data())
def test_a_cut_file_is_refused(whole: Any, data: st.DataObject) -> None:
    """Wherever a file ends too early, nothing of it is taken for the whole."""
    content = whole[1]
    length = data.draw(st.integers(2, len(content) - 1))  # one byte is nothing yet, to SQLite
    assert found(whole, content[:length]) is None


def test_a_file_that_lacks_pages_is_refused(whole: Any) -> None:
    """A file that ends with a page is as cut as any other."""
    for length in range(4096, len(whole[1]), 4096):
        assert found(whole, whole[1][:length]) is None


@given(data=st.data())
def test_no_damage_makes_a_wrong_entry(whole: Any, data: st.DataObject) -> None:
    """Whatever byte of a file has changed, its entries are right, or it is refused."""
    content = bytearray(whole[1])
    where = st.integers(0, len(content) - 1) | st.integers(0, 99)
    for place in data.draw(st.lists(where, min_size=1, max_size=3)):
        content[place] ^= data.draw(st.integers(1, 255))
    answer = found(whole, bytes(content))
    assert answer is None or answer[0] == whole[2]


# Moved


def replaced(path: Path, copy: Path, *, in_place: bool) -> None:
    """Put a copy in the place of a file."""
    if in_place:
        shutil.copyfile(copy, path)
    else:
        shutil.copyfile(copy, copy.with_suffix(".new"))
        copy.with_suffix(".new").replace(path)


@pytest.mark.law("J4")
@pytest.mark.parametrize("in_place", [True, False])
@pytest.mark.parametrize("look", ["read", "append", "watch"])
def test_an_older_copy_is_noticed(path: Path, look: str, *, in_place: bool) -> None:
    """A journal that has lost what this process knows to have happened isn't gone on with."""
    copy = path.with_name("copy.db")
    shutil.copyfile(path, copy)
    journal = SqliteJournal(path)
    journal.append("b", EVENTS[:3], expected=1)
    before = journal.watch()
    replaced(path, copy, in_place=in_place)
    if look == "watch":
        assert before != journal.watch()
    if look == "append" and not in_place:
        write = lambda: journal.append("a", EVENTS[:1], expected=4)  # noqa: E731 - is called later
        check_unavailable(write, "another file was put in its place")
    calls: list[Callable[[], object]] = [
        lambda: journal.append("a", EVENTS[:1], expected=4),
        lambda: journal.read("a"),
        journal.entries,
        journal.verify,
    ]
    for call in calls[look == "read" :]:
        with pytest.raises(JournalInvalidError):
            call()
    assert copy.read_bytes() == path.read_bytes()


@pytest.mark.parametrize("in_place", [True, False])
def test_a_newer_copy_is_gone_on_with(path: Path, *, in_place: bool) -> None:
    """A file that was moved away, grew and came back has everything that is known of it."""
    journal = SqliteJournal(path)
    journal.head()
    copy = path.with_name("copy.db")
    shutil.copyfile(path, copy)
    with closing(SqliteJournal(copy)) as other:
        other.append("a", EVENTS[:3], expected=4)
    replaced(path, copy, in_place=in_place)
    assert 8 == journal.head().position
    goes_on(journal)


def test_a_copy_is_found_in_the_other_mode_as_well(path: Path, monkeypatch: Any) -> None:
    """Where SQLite doesn't look by itself whether its file was moved, this library does."""
    monkeypatch.setattr(sqlite3, "sqlite_version_info", tables.SAFE_WAL)
    path.unlink()
    filled(path)
    copy = path.with_name("copy.db")
    shutil.copyfile(path, copy)
    with closing(SqliteJournal(copy)) as other:
        other.append("a", EVENTS[:3], expected=4)
    journal = SqliteJournal(path)
    replaced(path, copy, in_place=False)
    with pytest.raises(JournalConflictError, match="a is at 7"):
        journal.append("a", EVENTS[:1], expected=4)
    goes_on(journal)


def test_a_file_that_is_gone_isnt_made_anew(path: Path) -> None:
    """Whoever has taken a journal away is asked for it, and gets no empty one."""
    journal = SqliteJournal(path)
    path.rename(path.with_name("elsewhere"))
    check_unavailable(journal.streams, "there is no such file")
    check_unavailable(lambda: journal.append("a", EVENTS[:1], expected=4), "there is no such file")
    assert not path.exists()
    path.with_name("elsewhere").rename(path)
    goes_on(journal)


# Forks and processes


class Forking:
    """Calls something when a fork has begun, before what was registered earlier is called."""

    def __init__(self, begun: Callable[[], object]) -> None:
        self._begun = begun
        at_fork(self.stop, before=self.begin)

    def begin(self) -> None:
        self._begun()

    def stop(self) -> None:
        pass


@pytest.mark.law("T2")
@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")
def test_a_fork_in_the_midst_of_a_call_harms_nothing(path: Path, raw: sqlite3.Connection) -> None:
    """Another thread is in the midst of an append; parent and child go on, each by itself."""
    journal = SqliteJournal(path, patience=timedelta(minutes=1))
    raw.execute("BEGIN EXCLUSIVE")
    thread = threading.Thread(target=lambda: journal.append("a", EVENTS[:1], expected=4))
    held = threading.Event()
    with journal._file.reading() as connection:
        connection.set_trace_callback(lambda _: held.set())
    thread.start()
    held.wait()
    forking = Forking(lambda: raw.execute("ROLLBACK"))

    def child() -> None:
        assert not journal._file._inherited
        journal.append("child", EVENTS[:2], expected=0)

    in_child(child)
    thread.join()
    del forking
    assert 2 == len(journal.read("child"))
    assert 5 == len(journal.read("a"))
    goes_on(journal)


@pytest.mark.law("T2")
def test_parent_and_child_take_turns(path: Path) -> None:
    """Each has a connection of its own, and sees what the other appended."""
    journal = SqliteJournal(path)
    for version in range(0, 6, 2):
        journal.append("turns", EVENTS[:1], expected=version)

        def child(version: int = version) -> None:
            assert version + 1 == len(journal.read("turns"))
            journal.append("turns", EVENTS[:1], expected=version + 1)

        in_child(child)
        assert version + 2 == len(journal.read("turns"))
    goes_on(journal)


@pytest.mark.law("T2")
def test_a_connection_that_was_inherited_is_left_alone(path: Path) -> None:
    """Where a server forks without saying so before, the child neither uses nor closes it."""
    journal = SqliteJournal(path)
    inherited = journal._file._connection
    assert inherited is not None
    inherited.execute("BEGIN")
    journal._file._in_child()  # what the interpreter calls in the child
    goes_on(journal)
    journal.close()
    assert inherited.in_transaction
    inherited.close()
    journal.close()
    journal._file._in_child()  # with nothing to inherit
    goes_on(journal)


@pytest.mark.law("T2")
def test_what_was_inherited_stays_open_when_its_journal_is_gone(path: Path) -> None:
    """Closing it would undo what the parent is about to commit."""
    journal = SqliteJournal(path)
    inherited = journal._file._connection
    assert inherited is not None
    journal._file._in_child()
    del journal
    gc.collect()
    inherited.execute("SELECT 1")
    inherited.close()


@pytest.mark.law("T2")
def test_a_lock_that_was_held_elsewhere_is_made_anew(path: Path) -> None:
    """The thread that held it isn't there in the child, and never releases it."""
    journal = SqliteJournal(path)
    held, go = threading.Event(), threading.Event()

    def hold() -> None:
        with journal._file.lock:
            held.set()
            go.wait()

    thread = threading.Thread(target=hold)
    thread.start()
    held.wait()
    journal._file._in_child()
    is_free = journal._file.lock.acquire(blocking=False)
    go.set()
    thread.join()
    assert is_free
    journal._file.lock.release()


@pytest.mark.law("T2")
@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")
def test_nobody_uses_the_file_while_the_process_forks(path: Path) -> None:
    """From before the fork until after it, other threads wait."""
    found: list[bool] = []

    def probe() -> None:
        with ThreadPoolExecutor(1) as pool:
            found.append(pool.submit(lock.acquire, blocking=False).result())

    forking = Forking(probe)  # what was registered first is called last
    journal = SqliteJournal(path)
    lock = journal._file.lock
    in_child(lambda: None)
    del forking
    assert [False] == found
    goes_on(journal)


def test_a_closed_journal_may_be_forked(path: Path) -> None:
    """There is nothing to inherit then."""
    journal = SqliteJournal(path)
    journal.close()
    in_child(lambda: goes_on(journal))
    goes_on(journal)


def write_as_others_do(path: Path, together: Any) -> None:
    """Append ten times to a stream of one's own, and ten times to everybody's."""
    journal = SqliteJournal(path, patience=timedelta(minutes=1))
    name = str(os.getpid())
    together.wait()
    for version in range(10):
        journal.append(name, EVENTS[:2], expected=2 * version)
        while True:
            try:
                journal.append("shared", EVENTS[:1], expected=len(journal.read("shared")))
            except JournalConflictError:
                continue
            break


@pytest.mark.long
@pytest.mark.parametrize("method", ["fork", "spawn"])
def test_processes_that_write_at_once_lose_nothing(path: Path, method: str) -> None:
    """Four processes append to one file: versions have no gaps, and the chain is right."""
    run_together(method, write_as_others_do, path)
    journal = SqliteJournal(path)
    assert 5 + 4 * 10 * 3 == journal.verify().position
    assert 40 == len(journal.read("shared"))
    for name in journal.streams():
        versions = [entry.version for entry in journal.entries() if entry.stream == name]
        assert list(range(1, len(versions) + 1)) == versions
