"""What journals say when they refuse; the one in memory; and trying again."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import attrs
import pytest

from safedeploy.blocks import Block
from safedeploy.errors import (
    DefinitionError,
    JournalConflictError,
    JournalInvalidError,
    JournalUnavailableError,
)
from safedeploy.events import Event, Woken
from safedeploy.forks import at_fork
from safedeploy.journals import Journal, Lease, MemoryJournal, RetryingJournal, SqliteJournal
from tests.laws.histories import EVERY, START, started

EVENTS: list[Event] = [Woken(START + number * EVERY) for number in range(4)]
JOURNALS: dict[str, Callable[[Path], Journal]] = {
    "memory": lambda _: MemoryJournal(),
    "retrying": lambda _: RetryingJournal(MemoryJournal(), sleep=lambda _: None),
    "sqlite": SqliteJournal,
}


@pytest.fixture(params=list(JOURNALS))
def journal(request: pytest.FixtureRequest, tmp_path: Path) -> Journal:
    """Make an empty journal of each kind."""
    return JOURNALS[request.param](tmp_path / "journal.db")


@pytest.mark.parametrize("expected", [0, 2])
def test_an_append_on_another_version_is_refused(journal: Journal, expected: int) -> None:
    """Who decided on another version appends nothing, and learns the right one."""
    journal.append("a", EVENTS[:1], expected=0)
    with pytest.raises(JournalConflictError, match="a is at 1: read on"):
        journal.append("a", EVENTS[1:], expected=expected)
    assert EVENTS[:1] == list(journal.read("a"))


def test_a_refusal_says_what_to_do(journal: Journal) -> None:
    """Who hasn't seen everything learns how much there is; who has lost the lease, to whom."""
    journal.append("a", EVENTS[:3], expected=0)
    with pytest.raises(JournalConflictError, match="seen=2: the journal is at 3: read on"):
        journal.append("b", EVENTS, expected=0, seen=2)
    first = journal.claim("one", after=Lease())
    taken = journal.claim("two", after=first)
    with pytest.raises(JournalConflictError, match="two has it, with token 2: leave it to them"):
        journal.append("b", EVENTS, expected=0, lease=first)
    with pytest.raises(JournalConflictError, match="two has it, with token 2: look again"):
        journal.claim("one", after=first)
    journal.claim("", after=taken)
    with pytest.raises(JournalConflictError, match="nobody has it, with token 2"):
        journal.append("b", EVENTS, expected=0, lease=taken)


def test_nothing_appended_is_nothing_changed(journal: Journal) -> None:
    """An empty batch makes no stream, and is refused as any other."""
    assert 0 == journal.append("a", [], expected=0)
    assert [] == list(journal.streams())
    with pytest.raises(JournalConflictError):
        journal.append("a", [], expected=1)


def test_all_journals_have_the_same_heads(tmp_path: Path) -> None:
    """A journal that is copied, event by event, into one of another kind keeps its name."""
    journals = [make(tmp_path / f"{name}.db") for name, make in JOURNALS.items()]
    for one in journals:
        one.append("a", EVENTS[:2], expected=0)
        one.head()
        one.append("b", [started(), *EVENTS], expected=0)
    assert 1 == len({one.head() for one in journals})


# In memory


@attrs.frozen
class Mine:
    """A kind of the host's own."""

    at: Any = START


def test_memory_refuses_at_once_what_cant_be_named() -> None:
    """A kind that no record can hold is told when the journal is made, not when it is named."""
    with pytest.raises(DefinitionError):
        MemoryJournal(kinds=[int])


def test_memory_asks_for_kinds_only_to_name_them() -> None:
    """Whatever is appended is kept; a head needs to know how to write it."""
    mine: Any = Mine()
    journal = MemoryJournal()
    journal.append("a", [mine], expected=0)
    assert [mine] == list(journal.read("a"))
    with pytest.raises(DefinitionError, match="register"):
        journal.head()
    knowing = MemoryJournal(kinds=[Mine])
    knowing.append("a", [mine], expected=0)
    assert 1 == knowing.head().position


def test_readers_in_threads_see_whole_batches() -> None:
    """While one thread appends, others see all of a batch or nothing."""
    journal = MemoryJournal()
    seen: set[int] = set()

    def read() -> None:
        while len(entries := journal.entries()) < 600:
            seen.add(len(entries))
            assert len(entries) == entries[-1].position if entries else True

    with ThreadPoolExecutor(2) as pool:
        readers = [pool.submit(read) for _ in range(2)]
        for version in range(0, 600, 3):
            journal.append("a", EVENTS[:3], expected=version)
        for reader in readers:
            reader.result()
    assert set() == {length for length in seen if length % 3}


@pytest.mark.law("T2")
@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")
def test_a_child_has_a_journal_in_memory_of_its_own() -> None:
    """A fork waits for a thread that is writing; the child goes on from what was written."""
    journal = MemoryJournal()
    journal.append("a", EVENTS[:1], expected=0)
    held, forking = threading.Event(), Forking()

    def hold() -> None:
        with journal._lock:
            held.set()
            forking.begun.wait()

    thread = threading.Thread(target=hold)
    thread.start()
    held.wait()
    child = os.fork()
    if not child:
        os._exit(journal.append("a", EVENTS[1:], expected=1))
    assert 4 == os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    thread.join()
    assert 2 == journal.append("a", EVENTS[1:2], expected=1)


class Beginning:
    """Begins a thread in a child that writes into a journal, before that learns of the fork."""

    def __init__(self) -> None:
        self.journal: MemoryJournal | None = None
        self.thread = threading.Thread(target=self.write, daemon=True)
        at_fork(self.begin)

    def begin(self) -> None:
        self.thread.start()
        self.thread.join(0.1)

    def write(self) -> None:
        if self.journal:
            self.journal.append("a", EVENTS[:1], expected=0)


def test_who_waits_in_a_child_goes_on() -> None:
    """An engine's thread may begin in a child before its journal was told of the fork."""
    beginning = Beginning()
    journal = beginning.journal = MemoryJournal()
    child = os.fork()
    if not child:
        beginning.thread.join(10)
        os._exit(len(journal.read("a")))
    assert 1 == os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def test_a_child_that_was_told_too_late_has_a_lock_of_its_own() -> None:
    """A server that forks in C tells nobody before; who held the lock then isn't there any more."""
    journal = MemoryJournal()
    with ThreadPoolExecutor(1) as other:
        other.submit(journal._lock.acquire).result()
        journal._unlock_child()  # what the interpreter calls in the child
        assert journal._lock.acquire(blocking=False)


class Forking:
    """Tells that a fork has begun, before what was registered earlier is called."""

    def __init__(self) -> None:
        self.begun = threading.Event()
        at_fork(self.begin, before=self.begin)

    def begin(self) -> None:
        self.begun.set()


def test_blocks_are_forgotten_with_their_exposure() -> None:
    """Nothing of an exposure that is over stays in memory, nor of blocks that became one."""
    journal = MemoryJournal()
    for sequence in range(100):
        journal.post(Block("e", "p", sequence, START, START))
    journal.compact("e", Block("e", "", 0, START, START), upto=100)
    assert (1, 1, 1) == sizes(journal)
    journal.retain(())
    assert (0, 0, 0) == sizes(journal)


def sizes(journal: MemoryJournal) -> tuple[int, int, int]:
    return len(journal._blocks), len(journal._sources), len(journal._compacted)


# Trying again


class Line:
    """A line to a journal that breaks some times: before a call gets through, or after it."""

    def __init__(
        self, breaks: int, *, after: bool = False, error: type[OSError] | None = None
    ) -> None:
        self.error: Exception
        self.journal = MemoryJournal()
        self.breaks = breaks
        self.after = after
        self.error = error() if error else JournalUnavailableError("journal", "line", "try again")

    def __getattr__(self, name: str) -> Any:
        def call(*arguments: Any, **named: Any) -> object:
            self.breaks -= 1
            if self.breaks < 0:
                return getattr(self.journal, name)(*arguments, **named)
            if self.after:
                getattr(self.journal, name)(*arguments, **named)
            raise self.error

        return call


def retrying(line: Any) -> tuple[RetryingJournal, list[float]]:
    """Make a journal that tries again, and the list of how long it waited."""
    waited: list[float] = []
    return RetryingJournal(line, sleep=waited.append), waited


BLOCK = Block("e", "p", 1, START, START)
CALLS: dict[str, tuple[tuple[Any, ...], dict[str, Any]]] = {
    "append": (("a", EVENTS[:2]), {"expected": 0, "seen": 0, "lease": Lease()}),
    "read": (("a",), {"after": 0}),
    "streams": ((), {}),
    "entries": ((), {"after": 0}),
    "watch": ((), {}),
    "head": ((), {}),
    "lease": ((), {}),
    "claim": (("p",), {"after": Lease()}),
    "post": ((BLOCK,), {}),
    "posted": (("e",), {"after": 0}),
    "compact": (("e", BLOCK), {"upto": 1}),
    "retain": (([],), {}),
}


@pytest.mark.parametrize("after", [False, True])
@pytest.mark.parametrize("error", [ConnectionError, None])
@pytest.mark.parametrize("name", list(CALLS))
def test_a_broken_line_is_tried_again(name: str, error: type[OSError] | None, after: bool) -> None:
    """What failed in passing is done once, though the first try may have done it already."""
    arguments, named = CALLS[name]
    line = Line(1, after=after, error=error)
    journal, waited = retrying(line)
    wanted = getattr(MemoryJournal(), name)(*arguments, **named)
    assert wanted == getattr(journal, name)(*arguments, **named) or name == "watch"
    assert 1 == len(waited)
    assert len(line.journal.read("a")) == 2 * (name == "append")


@pytest.mark.parametrize("name", list(CALLS))
def test_a_line_that_stays_broken_is_an_error(name: str) -> None:
    """After the last try its error is passed on, and waits were short."""
    arguments, named = CALLS[name]
    journal, waited = retrying(Line(99))
    with pytest.raises(JournalUnavailableError):
        getattr(journal, name)(*arguments, **named)
    assert 2 == len(waited)
    assert max(waited) <= 1


@pytest.mark.parametrize("name", list(CALLS))
def test_what_cant_be_mended_isnt_tried_again(name: str) -> None:
    """An error that no waiting mends is passed on at once."""
    arguments, named = CALLS[name]
    line = Line(1)
    line.error = JournalInvalidError("journal", "line", "restore it")
    journal, waited = retrying(line)
    with pytest.raises(JournalInvalidError):
        getattr(journal, name)(*arguments, **named)
    assert [] == waited


class Overtaken(Line):
    """A line that breaks, and somebody else who is faster meanwhile."""

    def __getattr__(self, name: str) -> Any:
        if self.breaks == 1:
            self.journal.append("a", EVENTS[3:], expected=0)
            self.journal.claim("somebody", after=Lease())
        return super().__getattr__(name)


def test_somebody_elses_events_are_a_conflict() -> None:
    """A retry that finds other events where its own should be has lost; so with a lease."""
    for name in ("append", "claim"):
        arguments, named = CALLS[name]
        journal, _ = retrying(Overtaken(1))
        with pytest.raises(JournalConflictError):
            getattr(journal, name)(*arguments, **named)


def test_a_conflict_of_the_first_try_is_one() -> None:
    """Equal events that were there before aren't taken for one's own; nor is an equal lease."""
    journal, _ = retrying(Line(0))
    journal.append("a", EVENTS[:1], expected=0)
    journal.claim("p", after=Lease())
    with pytest.raises(JournalConflictError):
        journal.append("a", EVENTS[:1], expected=0)
    with pytest.raises(JournalConflictError):
        journal.claim("p", after=Lease())
