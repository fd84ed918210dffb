"""Flights and their driver: what happens when the journal or an observer is in trouble."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from typing import Any
from unittest.mock import patch

import attrs
import pytest

from safedeploy import events, rollouts
from safedeploy.blocks import Block
from safedeploy.errors import JournalUnavailableError
from safedeploy.events import Event
from safedeploy.flights import Flight
from safedeploy.gates import Answer
from safedeploy.journals import Journal, Lease, MemoryJournal
from safedeploy.states import Rollout
from safedeploy.verdicts import Verdict
from tests.laws.histories import EVERY, START, USED, assessed, started
from tests.laws.shops import Shop, customer, quick


class FlakyJournal(MemoryJournal):
    """A journal that can be full."""

    full = False

    def append(self, stream: str, events: Sequence[Event], **how: Any) -> int:
        self._refuse_if_full()
        return super().append(stream, events, **how)

    def post(self, block: Block) -> None:
        self._refuse_if_full()
        super().post(block)

    def claim(self, holder: str, *, after: Lease) -> Lease:
        self._refuse_if_full()
        return super().claim(holder, after=after)

    def _refuse_if_full(self) -> None:
        if self.full:
            raise JournalUnavailableError("journal", "rollouts.db", "free some space")


def through(method: Callable[..., object]) -> Callable[..., Any]:
    """Make a method fail after all was done: whoever calls it can't tell."""

    def call(*args: Any, **how: Any) -> Any:
        method(*args, **how)
        raise OSError

    return call


def deaf(journal: Journal) -> AbstractContextManager[object]:
    """Let every append get through and fail all the same."""
    return patch.object(journal, "append", through(journal.append))


def recorded(shop: Shop) -> list[str]:
    """List what the journal holds of a shop's rollout."""
    return [type(event).__name__ for event in shop.journal.read(shop.rollout.id)]


def exposed(shop: Shop) -> bool:
    """Tell whether anybody gets the new value."""
    return "new" in {shop.engine.value(shop.flag, customer(n)) for n in range(100)}


def test_nothing_is_promoted_while_the_journal_is_full() -> None:
    """No ring begins before its beginning is saved; it does as soon as it can be."""
    journal = FlakyJournal()
    shop = Shop(journal=journal)
    journal.full = True
    for _ in range(3):
        shop.serve_an_interval()
        assert not exposed(shop)
    journal.full = False
    shop.engine.tick()
    assert exposed(shop)


def test_a_halt_withdraws_although_the_journal_is_full() -> None:
    """A halt withdraws here at once, and is written when it can be, in order."""
    journal = FlakyJournal()
    shop = Shop(journal=journal)
    shop.serve_an_interval()
    journal.full = True
    rollout = shop.engine.alert(shop.rollout, by_user=True, reason="it hurts")
    assert "halted" == rollout.state.label
    assert not exposed(shop)
    shop.engine.tick()
    journal.full = False
    shop.engine.tick()
    assert "rolled back" == shop.rollout.state.label
    assert shop.rollout.state == rollouts.fold(journal.read(rollout.id)).state


def test_a_halt_that_was_appended_though_that_failed_is_appended_once() -> None:
    """Who can't tell whether a halt was written looks first, and doesn't write it again."""
    shop = Shop()
    with deaf(shop.journal):
        shop.stop("alert")
    shop.engine.tick()
    assert ["Started", "Alerted", "RecoveryStarted", "Withdrawn"] == recorded(shop)


def test_what_got_through_is_known_though_more_has_happened_since() -> None:
    """Of what waits, the part that the journal has already isn't written again."""
    shop = Shop()
    with deaf(shop.journal):
        shop.stop("alert")
    shop.stop("abort")
    shop.engine.tick()
    assert ["Started", "Alerted", "Aborted", "RecoveryStarted", "Withdrawn"] == recorded(shop)


def test_all_that_got_through_at_once_is_known() -> None:
    """Several events that were appended together, though that failed, are known one by one."""
    shop = Shop()
    with patch.object(shop.journal, "append", side_effect=OSError):
        shop.stop("alert")
    with deaf(shop.journal):
        shop.stop("abort")
    shop.stop("alert")
    shop.engine.tick()
    expected = ["Started", "Alerted", "Aborted", "Alerted", "RecoveryStarted", "Withdrawn"]
    assert expected == recorded(shop)


def test_what_got_through_is_known_though_others_have_gone_on_from_it() -> None:
    """What another process made of it stays between what got through and what waits."""
    shop = Shop()
    other = Shop(journal=shop.journal)
    with deaf(shop.journal):
        shop.stop("alert")
    other.engine.recover(other.rollout, by="8", reason="seen")
    shop.stop("abort")
    shop.engine.tick()
    assert ["Started", "Alerted", "RecoveryStarted", "Aborted", "Withdrawn"] == recorded(shop)


def test_an_end_that_could_not_be_written_is_before_the_next_release() -> None:
    """Releasing anew writes how the last rollout ended first, so that everybody knows both."""
    journal = FlakyJournal()
    shop = Shop(journal=journal)
    shop.serve_an_interval()
    journal.full = True
    shop.stop("abort")
    shop.engine.tick()
    journal.full = False
    shop.engine.release(shop.flag.serve("new"), quick(), attempt=2)
    *_, last, begun = [type(entry.event).__name__ for entry in journal.entries()]
    assert ("Withdrawn", "Started") == (last, begun)


def test_health_is_watched_while_the_journal_is_full() -> None:
    """A change that burns is withdrawn although nothing could be saved for a while."""
    journal = FlakyJournal()
    shop = Shop(journal=journal)
    shop.serve_an_interval()
    journal.full = True
    shop.engine.alert(shop.rollout, by_user=False, reason="it looks odd")
    shop.defect = 0.5
    for _ in range(3):
        shop.serve_an_interval()
    assert not exposed(shop)
    journal.full = False
    shop.engine.tick()
    assert "rolled back" == shop.rollout.state.label
    assert shop.rollout.state == rollouts.fold(journal.read(shop.rollout.id)).state


@pytest.mark.parametrize(("defect", "label"), [(0.0, "completed"), (0.5, "rolled back")])
def test_what_was_measured_while_the_journal_was_full_counts(defect: float, label: str) -> None:
    """A completion that couldn't be saved is none, and the health seen meanwhile isn't lost."""
    journal = FlakyJournal()
    shop = Shop(journal=journal)
    while shop.rollout.state.ring < 2 or shop.rollout.reached < 2:
        shop.serve_an_interval()
    journal.full = True
    for _ in range(20):
        shop.serve_an_interval()
    assert "baking" == shop.rollout.state.label
    before = shop.rollout.health.canary
    shop.defect = defect
    shop.serve_an_interval()
    shop.engine.tick()
    journal.full = False
    assert defect or before.exposures < shop.rollout.health.canary.exposures
    shop.open()
    assert label == shop.rollout.state.label


def test_two_engines_on_one_journal_agree() -> None:
    """Who appends second takes over what the first has written, and nothing is written twice."""
    one = Shop(plan=quick())
    other = Shop(plan=quick(), journal=one.journal)
    one.engine.tick()
    other.engine.tick()
    applied = [e for e in one.journal.read(one.rollout.id) if type(e).__name__ == "Applied"]
    assert 1 == len(applied)
    assert exposed(other)


def test_a_halt_reaches_a_journal_that_moved_on() -> None:
    """A halt that lost the race for the journal is applied on top of what was written."""
    one = Shop(plan=quick())
    other = Shop(plan=quick(), journal=one.journal)
    one.engine.tick()
    other.stop("alert")
    one.engine.tick()
    recorded = rollouts.fold(one.journal.read(one.rollout.id))
    assert "rolled back" == recorded.state.label


def test_an_observer_that_fails_breaks_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    """What an observer raises is logged by its type, and the rollout goes on."""

    def observe(event: Event, rollout: Rollout) -> None:
        raise ValueError("user-17")

    shop = Shop(observer=observe).open()
    assert "completed" == shop.rollout.state.label
    assert "an observer failed" in capsys.readouterr().err


def test_what_stops_a_rollout_counts_nothing_that_is_to_be_counted_anew() -> None:
    """Somebody else has judged meanwhile: it pauses all the same, and what it saw is given up."""
    journal = FlakyJournal()
    begun = started()
    applied = events.Applied(START, "canary", 1)
    opened = events.Answered(START, "reviewed", Answer.OPENS)
    name = rollouts.begin(begun).id
    journal.append(name, [begun, opened, applied], expected=0)
    flight = Flight(journal.read(name), journal, lambda *_: None)
    honest = assessed(flight.rollout, Verdict.INVESTIGATE, START + EVERY)
    mine = attrs.evolve(honest, health=attrs.evolve(honest.health, canary=USED))
    theirs = assessed(flight.rollout, Verdict.PASS, START + EVERY)
    journal.full = True
    flight.record(mine)
    journal.full = False
    journal.append(name, [theirs], expected=3)
    flight.reload()

    assert "paused" == flight.rollout.state.label
    assert theirs.health == flight.rollout.health
    assert 1 == flight.dropped
    flight.try_to_save()
    assert rollouts.fold(journal.read(name)) == flight.rollout
