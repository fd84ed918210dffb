"""Logbooks: what breakers do, and what people do to them, is in the journal."""

from __future__ import annotations

from contextlib import suppress
from datetime import timedelta
from typing import Any
from unittest.mock import patch

import pytest

from safedeploy import logbooks
from safedeploy.breakers import CircuitBreaker
from safedeploy.circuits import Cause, Settings
from safedeploy.engine import Engine
from safedeploy.errors import CircuitOpenError, JournalConflictError
from safedeploy.events import Moved, Unknown
from safedeploy.journals import MemoryJournal, SqliteJournal
from safedeploy.testing import FakeClock
from tests.laws.histories import START
from tests.laws.shops import Shop, customer, quick

MINUTE = timedelta(minutes=1)


class Desk:
    """An engine whose breakers trip at once, and its journal."""

    def __init__(self, journal: MemoryJournal | None = None, **rest: Any) -> None:
        self.clock = FakeClock(START)
        self.journal = journal or MemoryJournal()
        settings = Settings(consecutive_failures=1, open_for=timedelta(seconds=50))
        self.engine = Engine(clock=self.clock, journal=self.journal, breakers=settings, **rest)

    @property
    def recorded(self) -> list[Moved]:
        """What the journal has of breakers."""
        found = [entry.event for entry in self.journal.entries()]
        return [event for event in found if isinstance(event, Moved)]

    def fail(self, name: str = "payments", key: str | None = None) -> None:
        """Let a call fail, if the breaker permits it."""
        breaker = self.engine.breakers.breaker(name, key=key)
        with suppress(LookupError, CircuitOpenError), breaker.guard():
            raise LookupError


def test_the_registry_is_the_engines() -> None:
    """Its breakers have the engine's clock and the given defaults, and stay the same ones."""
    desk = Desk()
    breaker = desk.engine.breakers["payments"]
    assert breaker is desk.engine.breakers["payments"]
    assert 1 == breaker.settings.consecutive_failures
    desk.fail()
    assert "open" == breaker.state.label
    desk.clock.advance(MINUTE)
    breaker(lambda: None)()
    assert "closed" == breaker.state.label
    assert Settings() == Engine().breakers["payments"].settings
    desk.engine.breakers.define("mail", window=7)
    assert (1, 7) == (
        desk.engine.breakers["mail"].settings.consecutive_failures,
        desk.engine.breakers["mail"].settings.window,
    )


@pytest.mark.law("J1")
@pytest.mark.parametrize("cause", [*Cause][4:])
def test_who_moves_a_breaker_is_recorded_at_once(cause: Cause) -> None:
    """With the reason, from where, and to where; and that it was moved back."""
    desk = Desk()
    breaker = desk.engine.breakers["payments"]
    breaker.move(cause, reason="maintenance", by="7")
    breaker.move(Cause.RESET, reason="done", by="8")
    state = {Cause.OPENED: "open", Cause.HALF_OPENED: "half-open", Cause.MEASURED: "metrics-only"}
    label = state.get(cause, "closed" if cause is Cause.RESET else cause.value)
    first = Moved(START, "payments", "closed", label, cause.value, "maintenance", "7")
    last = Moved(START, "payments", label, "closed", "reset", "done", "8")
    told = [first, last] if cause is not Cause.CLOSED else [last]
    assert told == [*desk.recorded] or cause is Cause.CLOSED


@pytest.mark.law("J1")
def test_a_trip_is_recorded_at_the_next_tick() -> None:
    """No call that fails waits for a journal. That it tries again, and recovers, isn't kept."""
    desk = Desk()
    desk.fail()
    assert [] == desk.recorded
    desk.clock.advance(MINUTE)
    desk.engine.breakers["payments"](lambda: None)()
    desk.engine.tick()
    reason = "of 1 calls 1 failed, 0 were slow"
    assert [Moved(START, "payments", "closed", "open", "tripped", reason, trips=1)] == desk.recorded


def test_a_trip_wakes_the_ticker() -> None:
    """So it is recorded soon, whatever the intervals are."""
    woken: list[None] = []
    book = logbooks.Logbook(FakeClock(), MemoryJournal(), lambda: woken.append(None))
    breaker = CircuitBreaker("b", consecutive_failures=1, observers=[book.observe])
    call = breaker.acquire()
    breaker.record(call, LookupError())
    assert [None] == woken


@pytest.mark.law("J3")
def test_the_key_of_a_breaker_is_told_nowhere() -> None:
    """What is recorded of a tenant's breaker has the name alone, and so has what observers see."""
    seen: list[str] = []
    desk = Desk(breaker_observers=[lambda breaker, notice: seen.append(f"{breaker.name}{notice}")])
    desk.fail(key="ada@example.com")
    desk.engine.breakers.breaker("payments", key="ada@example.com").isolate(reason="maintenance")
    desk.engine.tick()
    assert {"payments"} == {event.breaker for event in desk.recorded}
    assert len(seen) > 1
    assert "ada" not in f"{seen}{list(desk.journal.entries())}"


@pytest.mark.law("S1")
def test_a_breaker_that_trips_for_ever_writes_ever_less() -> None:
    """Whatever isn't recorded is counted in what is; after an hour of quiet all is told anew."""
    desk = Desk()
    for _ in range(1440):
        desk.fail()
        desk.engine.tick()
        desk.clock.advance(MINUTE)
    recorded = desk.recorded
    assert len(recorded) < 100
    assert 1200 < sum(event.trips for event in recorded) <= 1440
    desk.clock.advance(2 * timedelta(hours=1))
    desk.fail()
    desk.engine.tick()
    assert len(recorded) + 1 == len(desk.recorded)


@pytest.mark.law("S1")
def test_what_waits_is_bounded() -> None:
    """A journal that is away for long costs no memory."""
    desk = Desk()
    desk.fail()
    away = patch.object(desk.journal, "append", side_effect=OSError)
    with away, patch("safedeploy.telemetry.warn"):
        for _ in range(logbooks.MOST):
            desk.engine.breakers["payments"].reset(reason="again")
    desk.engine.tick()
    assert logbooks.MOST == len(desk.recorded)
    assert ["tripped", "reset"] == [event.cause for event in desk.recorded[:2]]


def test_several_processes_write_one_stream() -> None:
    """Whoever is slower looks and writes after the other; times never go back."""
    desk = Desk()
    other = Desk(desk.journal)
    desk.clock.advance(MINUTE)
    desk.engine.breakers["payments"].isolate(reason="maintenance", by="7")
    other.engine.breakers["payments"].isolate(reason="maintenance", by="8")
    desk.engine.breakers["payments"].close(reason="done", by="7")
    assert ["7", "8", "7"] == [event.by for event in desk.recorded]
    assert 3 * [START + MINUTE] == [event.at for event in desk.recorded]


def test_what_could_not_be_recorded_is_recorded_later() -> None:
    """In order, and told once; who is at it is left alone."""
    desk = Desk()
    breaker = desk.engine.breakers["payments"]
    for error in (OSError(), JournalConflictError("stream", "s", "again")):
        with (
            patch.object(desk.journal, "append", side_effect=error),
            patch("safedeploy.telemetry.warn") as warn,
        ):
            breaker.isolate(reason="maintenance")
            breaker.close(reason="done")
        assert warn.call_count <= 1
    book = desk.engine._fleet().logbook
    with book._saving:
        desk.engine.tick()
    assert [] == desk.recorded
    desk.engine.stop()
    assert 2 * ["isolated", "closed"] == [event.cause for event in desk.recorded]


def test_what_no_journal_keeps_stops_nothing_else(tmp_path: Any) -> None:
    """That somebody was no text is told, and what comes after it is recorded."""
    journal = SqliteJournal(tmp_path / "rollouts.db")
    engine = Engine(journal=journal)
    with patch("safedeploy.logbooks.warn") as warn:
        engine.breakers["mail"].isolate(reason="maintenance", by=7j)  # type: ignore[arg-type]
    assert warn.called
    engine.breakers["payments"].isolate(reason="maintenance")
    assert ["payments"] == [getattr(it.event, "breaker", "") for it in journal.entries()]


def test_a_child_leaves_to_its_parent_what_waits() -> None:
    """What tripped before a fork is told once."""
    desk = Desk()
    desk.fail()
    desk.engine._restart()
    desk.engine.tick()
    assert [] == desk.recorded


def test_breakers_and_rollouts_share_a_journal() -> None:
    """What is recorded of breakers is no flag's: neither here, nor for who opens it later, nor in
    what a later version may write there.
    """
    desk = Desk()
    desk.engine.breakers["checkout"].isolate(reason="maintenance")
    desk.journal.append("breakers/other", [Unknown(START, "Later", "{}")], expected=0)
    shop = Shop(plan=quick(), journal=desk.journal)
    shop.open()
    desk.engine.tick()
    late = Engine(clock=shop.clock, journal=desk.journal)
    for engine in (desk.engine, shop.engine, late):
        assert "new" == engine.value(shop.flag, customer(1))
        assert [shop.released.id] == [rollout.id for rollout in engine.rollouts()]
        assert engine._fleet()._roster.reads_all
