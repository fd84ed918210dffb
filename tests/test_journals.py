"""What every journal does, held against each that there is; and trying again."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor

import pytest

from safedeploy.errors import JournalConflictError
from safedeploy.events import Event, Woken
from safedeploy.journals import Journal, MemoryJournal, RetryingJournal
from tests.laws.histories import EVERY, START

EVENTS: list[Event] = [Woken(START + number * EVERY) for number in range(4)]
JOURNALS: dict[str, Callable[[], Journal]] = {
    "memory": MemoryJournal,
    "retrying": lambda: RetryingJournal(MemoryJournal(), sleep=lambda _: None),
}


@pytest.fixture(params=list(JOURNALS.values()), ids=list(JOURNALS))
def journal(request: pytest.FixtureRequest) -> Journal:
    """Make an empty journal of each kind."""
    made: Journal = request.param()
    return made


def test_what_was_appended_is_read_in_order(journal: Journal) -> None:
    """Streams are apart, in order, and readable from any version."""
    assert 2 == journal.append("a", EVENTS[:2], expected=0)
    assert 1 == journal.append("b", EVENTS[3:], expected=0)
    assert 3 == journal.append("a", EVENTS[2:3], expected=2)
    assert EVENTS[:3] == list(journal.read("a"))
    assert EVENTS[1:3] == list(journal.read("a", after=1))
    assert [] == list(journal.read("c"))
    assert ["a", "b"] == list(journal.streams())


@pytest.mark.parametrize("expected", [0, 2])
def test_an_append_on_another_version_is_refused(journal: Journal, expected: int) -> None:
    """Who decided on another version appends nothing, and learns the right one."""
    journal.append("a", EVENTS[:1], expected=0)
    with pytest.raises(JournalConflictError, match="a is at 1"):
        journal.append("a", EVENTS[1:], expected=expected)
    assert EVENTS[:1] == list(journal.read("a"))


def test_of_many_writers_one_wins_each_version(journal: Journal) -> None:
    """Racing threads append each version once."""

    def race(version: int) -> int:
        try:
            return journal.append("a", EVENTS[:1], expected=version)
        except JournalConflictError:
            return 0

    for version in range(20):
        with ThreadPoolExecutor(8) as pool:
            won = list(pool.map(race, [version] * 8))
        assert [version + 1] == [each for each in won if each]


def test_what_was_read_stays_as_it_was(journal: Journal) -> None:
    """A reader's events don't grow under its hands."""
    journal.append("a", EVENTS[:1], expected=0)
    read = journal.read("a")
    journal.append("a", EVENTS[1:2], expected=1)
    assert 1 == len(read)


class Unreliable(MemoryJournal):
    """A journal whose connection breaks: before an append, or after it."""

    def __init__(self, *, breaks: int, after: bool = False) -> None:
        super().__init__()
        self.breaks = breaks
        self.after = after

    def append(self, stream: str, events: Sequence[Event], *, expected: int) -> int:
        if self.after:
            super().append(stream, events, expected=expected)
        self.trip()
        return super().append(stream, events, expected=expected)

    def streams(self) -> Sequence[str]:
        self.trip()
        return super().streams()

    def trip(self) -> None:
        self.breaks -= 1
        if self.breaks >= 0:
            raise ConnectionError


def retrying(*, breaks: int, after: bool = False) -> tuple[RetryingJournal, list[float]]:
    """Make a journal that tries again, and the list of how long it waited."""
    waited: list[float] = []
    return RetryingJournal(Unreliable(breaks=breaks, after=after), sleep=waited.append), waited


@pytest.mark.parametrize("after", [False, True])
def test_a_broken_connection_is_tried_again(after: bool) -> None:
    """What failed in passing is appended once, though the first try may have done it already."""
    journal, waited = retrying(breaks=1, after=after)
    assert 2 == journal.append("a", EVENTS[:2], expected=0)
    assert EVENTS[:2] == list(journal.read("a"))
    assert 1 == len(waited)


def test_a_connection_that_stays_broken_is_an_error() -> None:
    """After the last try its error is passed on, and waits were short."""
    journal, waited = retrying(breaks=99)
    with pytest.raises(ConnectionError):
        journal.append("a", EVENTS[:2], expected=0)
    with pytest.raises(ConnectionError):
        journal.streams()
    assert 4 == len(waited)
    assert max(waited) <= 1


def test_somebody_elses_events_are_a_conflict() -> None:
    """A retry that finds other events where its own should be has lost."""

    class Overtaken(Unreliable):
        def trip(self) -> None:
            if not self.read("a"):
                MemoryJournal.append(self, "a", EVENTS[3:], expected=0)
                raise ConnectionError

    journal = RetryingJournal(Overtaken(breaks=0), sleep=lambda _: None)
    with pytest.raises(JournalConflictError):
        journal.append("a", EVENTS[:1], expected=0)
