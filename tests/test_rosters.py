"""Rosters: the rollouts that an engine knows, in step with its journal."""

from __future__ import annotations

from typing import Any
from unittest.mock import patch

import pytest

from safedeploy import events
from safedeploy.errors import JournalConflictError, JournalUnavailableError, RolloutNotFoundError
from safedeploy.exposures import Exposures
from safedeploy.flags import FeatureFlag
from safedeploy.journals import MemoryJournal
from safedeploy.metrics import Tallies
from safedeploy.rollouts import stream
from safedeploy.rosters import Roster
from safedeploy.testing import FakeClock
from safedeploy.watches import Watches
from tests.laws.histories import START
from tests.laws.shops import Shop, customer, quick
from tests.test_flights import deaf

FLAG = FeatureFlag("checkout", {"old": "old", "new": "new"}, "old")
LATER = events.Unknown(START, "Superseded", "{}")


def opened(journal: MemoryJournal, seen: list[Any] | None = None) -> Roster:
    """Open a roster on a journal."""
    observers = [] if seen is None else [lambda event, after: seen.append((event, after))]
    clock, exposures = FakeClock(), Exposures()
    tallies, watches = Tallies("7-me", clock.monotonic), Watches(clock, exposures, list)
    return Roster(journal, observers, exposures, tallies, watches)


def started(attempt: int = 1, flag: FeatureFlag[str] = FLAG, at: Any = START) -> events.Started:
    """Make the event that a rollout of a flag begins with."""
    definition = flag.serve("new")
    return events.Started(at, definition.change(), quick(), attempt, definition)


def served(roster: Roster) -> str:
    """Return what a customer gets whom every ring reaches."""
    from tests.laws.test_sharing import FIRST

    return str(roster._exposures.serve(FLAG, customer(FIRST)).value)


ABORTED = (
    events.Aborted(START, "7", "better not"),
    events.RecoveryStarted(START, "at once"),
    events.Withdrawn(START),
)


def over(journal: MemoryJournal, attempt: int) -> str:
    """Append a rollout that is over, and return its name."""
    begun = started(attempt)
    name = stream(begun.change, begun.plan, attempt)
    journal.append(name, [begun, *ABORTED], expected=0)
    return name


def test_it_follows_what_others_append() -> None:
    """Caught up, a roster knows what another one began and did, and serves it."""
    journal, seen = MemoryJournal(), list[Any]()
    one, other = opened(journal), opened(journal, seen)
    flight = one.begin(started())
    assert other.get(flight.rollout.id) is None
    other.catch_up()
    flight.record(events.Applied(START, "canary", 1))
    other.catch_up()
    assert ["baking"] == [each.rollout.state.label for each in other]
    assert "new" == served(one) == served(other)
    assert [] == seen  # observers are told of what is recorded here
    assert other.present("checkout") is other.get(flight.rollout.id)
    assert other.present("another") is None


def test_nothing_is_read_while_nothing_is_written() -> None:
    """A mark that stays equal saves reading the entries."""
    journal = MemoryJournal()
    roster = opened(journal)
    roster.catch_up()
    with patch.object(journal, "entries", side_effect=AssertionError):
        roster.catch_up()


def test_what_fails_half_way_is_read_again() -> None:
    """A journal that goes away in the midst of catching up costs nothing."""
    journal = MemoryJournal()
    one, other = opened(journal), opened(journal)
    flight = one.begin(started())
    away = JournalUnavailableError("journal", "rollouts.db", "wait")
    with patch.object(journal, "entries", side_effect=away), pytest.raises(type(away)):
        other.catch_up()
    other.catch_up()
    assert [flight.rollout.id] == [each.rollout.id for each in other.busy()]


def test_a_rollout_begins_only_on_what_was_seen() -> None:
    """Whoever hasn't read the last entry begins nothing."""
    journal = MemoryJournal()
    one, other = opened(journal), opened(journal)
    one.begin(started())
    with pytest.raises(JournalConflictError):
        other.begin(started(2))
    other.catch_up()
    assert 2 == other.begin(started(2)).rollout.attempt


def test_what_is_over_is_read_from_the_journal() -> None:
    """Only the latest of a flag stays; the others are found when they are asked for."""
    journal = MemoryJournal()
    names = [over(journal, attempt) for attempt in (1, 2, 3)]
    roster = opened(journal)
    assert names[2:] == [flight.rollout.id for flight in roster]
    assert names == [rollout.id for rollout in roster.all()]
    assert roster.get(names[0]) is None
    assert 1 == roster.find(names[0]).rollout.attempt
    with pytest.raises(RolloutNotFoundError, match="choose one of"):
        roster.find("nobody's")


def test_what_a_later_version_began_is_left_alone() -> None:
    """A stream that doesn't begin with a start that can be read is no rollout here."""
    journal = MemoryJournal()
    journal.append("r", [LATER], expected=0)
    journal.append("kills/other", [LATER], expected=0)
    roster = opened(journal)
    assert (None, []) == (roster.read("r"), list(roster.all()))
    with pytest.raises(RolloutNotFoundError):
        roster.find("r")


def test_a_kill_is_followed_and_outlives_a_restart() -> None:
    """A flag that was killed elsewhere is off here, and in a process that starts later."""
    journal = MemoryJournal()
    one, other = opened(journal), opened(journal)
    one.kill(events.Killed(START, "checkout", "7", "it burns"), FakeClock())
    other.catch_up()
    for roster in (other, opened(journal)):
        found = roster._exposures.serve(FLAG, customer(1)).resolution
        assert "DISABLED" == found.reason.name


def test_of_an_old_journal_little_is_read() -> None:
    """Whoever opens a journal reads each flag back to its last completion, and no further."""
    journal = MemoryJournal()
    for attempt, variant in enumerate(("new", "old", "new"), start=1):
        definition = Shop.flag.serve(variant)
        Shop(journal=journal, definition=definition, attempt=attempt).open().close()
    with (
        patch.object(journal, "entries", side_effect=AssertionError),
        patch.object(journal, "read", wraps=journal.read) as read,
    ):
        roster = opened(journal)
    streams = ["definitions", journal.streams()[-1], "kills/checkout"]
    assert streams == [call.args[0] for call in read.mock_calls]
    assert [journal.streams()[-1]] == [flight.rollout.id for flight in roster]
    assert Shop.flag.serve("new") == roster._exposures.settled("checkout")


def test_a_child_process_takes_the_journals_word() -> None:
    """What another thread had half done at a fork is read again, once."""
    journal = MemoryJournal()
    roster = opened(journal)
    flight = roster.begin(started())
    journal.append(flight.rollout.id, [ABORTED[0]], expected=1)
    roster._mark = journal.watch()  # the other thread was about to follow
    roster.catch_up()
    assert "pending" == flight.rollout.state.label
    roster.restart()
    roster.catch_up()
    assert "halted" == flight.rollout.state.label
    with patch.object(journal, "read", side_effect=AssertionError):
        roster.catch_up()


def test_what_is_not_saved_is_not_forgotten() -> None:
    """A flight with something to save stays, though another one of its flag has begun."""
    journal = MemoryJournal()
    roster = opened(journal)
    over(journal, 1)
    roster.catch_up()
    [first] = roster
    with patch.object(journal, "append", side_effect=ConnectionError):
        first.record(events.Aborted(START, "7", "once more"))
    over(journal, 2)
    roster.catch_up()
    assert [1, 2] == [flight.rollout.attempt for flight in roster]
    assert [first] == roster.busy()
    assert roster.present("checkout") is not first


def test_an_event_that_is_about_no_rollout_is_passed_over() -> None:
    """What happens in a stream that isn't known here changes nothing, and is read past."""
    journal = MemoryJournal()
    roster = opened(journal)
    journal.append("elsewhere", [*ABORTED], expected=0)
    roster.catch_up()
    assert (3, []) == (roster.position, list(roster))


def test_a_kill_that_cannot_be_written_waits() -> None:
    """A kill is served at once, and written when that can be done, once."""
    journal = MemoryJournal()
    roster = opened(journal)
    with patch.object(journal, "append", side_effect=ConnectionError):
        roster.kill(events.Killed(START, "checkout", "7", "it burns"), FakeClock())
        roster.save_kills(FakeClock())
    assert () == journal.read("kills/checkout")
    for _ in range(2):
        roster.save_kills(FakeClock())
    assert 1 == len(journal.read("kills/checkout"))


def test_a_kill_that_got_through_is_known_when_it_is_read(
    capsys: pytest.CaptureFixture[str],
) -> None:
    """A kill that was appended though that failed isn't appended again, and the trouble is over:
    the next one is told anew.
    """
    journal = MemoryJournal()
    roster = opened(journal)
    for number in (1, 2):
        with deaf(journal):
            roster.kill(events.Killed(START, "checkout", "7", "it burns"), FakeClock())
        roster.save_kills(FakeClock())
        assert number == len(journal.read("kills/checkout"))
    assert 2 == capsys.readouterr().err.count("saving a kill failed")


def test_a_child_process_takes_no_kill_of_its_parents_for_its_own() -> None:
    """What the parent appended as it forked says nothing about what the child has to append."""
    journal = MemoryJournal()
    roster = opened(journal)
    with deaf(journal):
        roster.kill(events.Killed(START, "checkout", "7", "it burns"), FakeClock())
    roster.restart()
    roster.kill(events.Killed(START, "another", "7", "so does this"), FakeClock())
    assert {"kills/checkout", "kills/another"} == set(journal.streams())


def test_a_kill_that_loses_a_race_is_written_after_all() -> None:
    """Who was faster is read first, and what it began is halted, too."""
    journal = MemoryJournal()
    roster, faster = opened(journal), opened(journal)
    append, races = journal.append, [started()]

    def race(stream: str, new: Any, **how: Any) -> int:
        if races:
            faster.begin(races.pop())
        return append(stream, new, **how)

    with patch.object(journal, "append", side_effect=race):
        roster.kill(events.Killed(START, "checkout", "7", "it burns"), FakeClock())
    assert 1 == len(journal.read("kills/checkout"))
    assert ["halted"] == [rollout.state.label for rollout in roster.all()]


def test_what_cannot_be_read_is_named_until_something_comes_after_it() -> None:
    """A flag's latest stream, begun by a later version, is known, opened or followed; and over
    when the next rollout of the flag begins.
    """
    journal = MemoryJournal()
    follower = opened(journal)
    name = over(journal, 1).replace("/1", "/2")
    journal.append(name, [LATER], expected=0)
    follower.catch_up()
    for roster in (follower, opened(journal)):
        assert ({"checkout": name}, False) == (roster.unread, roster.reads_all)
    over(journal, 3)
    follower.catch_up()
    for roster in (follower, opened(journal)):
        assert ({}, True) == (roster.unread, roster.reads_all)
