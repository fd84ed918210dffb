"""The engine's API: releasing, refusing, people, ticking, and starting again."""

from __future__ import annotations

import threading
from datetime import datetime, timedelta
from typing import Any

import attrs
import pytest

from safedeploy import rollouts
from safedeploy.audiences import Percentage
from safedeploy.changes import Change
from safedeploy.clocks import IDLE, POLL
from safedeploy.contexts import Context
from safedeploy.engine import Engine
from safedeploy.errors import (
    ReleaseRefusedError,
    RolloutNotFoundError,
    RolloutStateError,
)
from safedeploy.events import Event
from safedeploy.flags import FeatureFlag
from safedeploy.gates import Answer, Check
from safedeploy.health import HealthModel
from safedeploy.journals import MemoryJournal
from safedeploy.plans import Plan, Ring
from safedeploy.signals import UserReports
from safedeploy.states import Rollout
from safedeploy.testing import FakeClock
from safedeploy.verdicts import Counts, Measurement, Scope
from tests.laws.histories import EVERY, HEALTH
from tests.laws.shops import Shop, customer, quick

FLAG = FeatureFlag.boolean("f")


def gated(check: Check) -> Plan:
    """Make a plan with a check before its only ring."""
    return Plan(before=[check], rings=[Ring("all", percent=100)], health=HEALTH)


def test_nobody_is_exposed_before_the_first_tick() -> None:
    """A release alone exposes nobody: nobody would be watching."""
    shop = Shop()
    assert {"old"} == {shop.engine.value(shop.flag, customer(n)) for n in range(100)}
    shop.engine.tick()
    assert {"old", "new"} == {shop.engine.value(shop.flag, customer(n)) for n in range(100)}


def test_the_same_release_is_the_same_rollout() -> None:
    """Asked again, at any time, a release returns its rollout as it is now."""
    shop = Shop()
    shop.engine.tick()
    again = shop.engine.release(shop.flag.serve("new"), quick())
    assert shop.rollout == again
    assert (again,) == shop.engine.rollouts()


def test_after_completion_the_new_definition_serves_everybody() -> None:
    """The holdback is released, and the code's older definition has no say any more."""
    shop = Shop().open()
    assert "completed" == shop.rollout.state.label
    assert {"new"} == {shop.engine.value(shop.flag, customer(n)) for n in range(100)}


def test_a_second_attempt_begins_anew() -> None:
    """A change that was rolled back may be tried again, as an attempt of its own."""
    shop = Shop(defect=1.0).open()
    again = shop.engine.release(shop.flag.serve("new"), quick(), attempt=2)
    assert shop.rollout.id != again.id
    assert "pending" == again.state.label


@pytest.mark.parametrize(
    ("field", "definition", "plan", "attempt"),
    [
        ("definition", "shop", quick(), 1),
        ("definition", FLAG.change(), quick(), 1),
        ("target", Change.code("shop", version="2"), quick(), 1),
        ("plan", FLAG.serve("on"), None, 1),
        ("attempt", FLAG.serve("on"), quick(), 0),
        ("attempt", FLAG.serve("on"), quick(), True),
        ("attempt", FLAG.serve("on"), quick(), "2"),
        ("check", FLAG.serve("on"), gated(Check("reviewed")), 1),
    ],
)
def test_what_cannot_be_released_is_refused(
    field: str, definition: Any, plan: Any, attempt: Any
) -> None:
    """A release that makes no sense names field, value and mend, and records nothing."""
    engine = Engine()
    with pytest.raises(ReleaseRefusedError) as refused:
        engine.release(definition, plan, attempt=attempt)
    assert field == refused.value.field
    assert "give" in refused.value.mend
    assert () == engine.rollouts()


def test_who_releases_second_joins_the_first() -> None:
    """Of two engines that release the same at the same time, one begins, and both have it."""
    journal = MemoryJournal()
    one, other = Engine(journal=journal), Engine(journal=journal)
    begun = other.release(FeatureFlag.boolean("g").serve("on"), quick())
    first = one.release(FLAG.serve("on"), quick())
    assert first == other.release(FLAG.serve("on"), quick())
    assert [begun.id, first.id] == list(journal.streams())


def test_a_second_change_of_a_subject_is_refused() -> None:
    """One rollout of a flag at a time; the error names the subject and the way out."""
    shop = Shop()
    with pytest.raises(ReleaseRefusedError) as refused:
        shop.engine.release(shop.flag.serve("new", when=Percentage(50)), quick())
    assert ("subject", "flag:checkout") == (refused.value.field, refused.value.value)
    assert shop.rollout.id in refused.value.mend


def test_releasing_what_everybody_has_is_refused() -> None:
    """Once a definition is the stable one, there is nothing left to release."""
    shop = Shop().open()
    with pytest.raises(ReleaseRefusedError, match="everybody has this definition"):
        shop.engine.release(shop.flag.serve("new"), quick(bake=EVERY))


def test_an_unknown_rollout_is_an_error() -> None:
    """Asking for a rollout that isn't there names those that are."""
    shop = Shop()
    with pytest.raises(RolloutNotFoundError) as missing:
        shop.engine.rollout("nobody's")
    assert shop.rollout.id in missing.value.mend


def test_a_completed_rollout_cannot_be_alerted() -> None:
    """An alert that could not halt anything any more is an error, and says what to do."""
    shop = Shop().open()
    with pytest.raises(RolloutStateError, match="kill the flag"):
        shop.engine.alert(shop.rollout, by_user=True, reason="it hurts")


def test_what_people_cannot_do_now_is_an_error() -> None:
    """Resuming what isn't paused, or recovering what hasn't halted, is refused."""
    shop = Shop()
    shop.engine.tick()
    for decide in (shop.engine.resume, shop.engine.recover):
        with pytest.raises(RolloutStateError) as refused:
            decide(shop.rollout, by="7", reason="let us see")
        assert ("state", "baking") == (refused.value.field, refused.value.value)
    assert 2 == len(shop.journal.read(shop.rollout.id))


def test_a_halt_may_be_told_twice() -> None:
    """Whoever alerts or aborts what has halted already gets it as it is."""
    shop = Shop()
    for how in ("abort", "alert", "abort"):
        shop.stop(how)
    shop.engine.tick()
    shop.stop("alert")
    assert "rolled back" == shop.rollout.state.label


def test_a_check_is_asked_until_it_opens() -> None:
    """False holds and is asked again at every tick; True opens, and the ring begins."""
    answers: list[Any] = [False, False, True]
    asked: list[Change] = []

    def run(change: Change) -> bool:
        asked.append(change)
        return bool(answers.pop(0))

    engine = Engine(clock=FakeClock())
    rollout = engine.release(FLAG.serve("on"), gated(Check("reviewed", run=run)))
    for label in ("pending", "pending", "baking"):
        engine.tick()
        assert label == engine.rollout(rollout).state.label
    assert [rollout.change] * 3 == asked


def broken(_: Change) -> bool:
    """Stand in for a check that is down."""
    raise ConnectionError("user-17")


@pytest.mark.parametrize(
    ("run", "label"),
    [
        (broken, "pending"),
        (lambda _: None, "pending"),
        (lambda _: Answer.HOLDS, "pending"),
        (lambda _: Answer.OPENS, "baking"),
        (lambda _: Answer.FAILS, "rolled back"),
    ],
    ids=["an exception", "nothing", "holds", "opens", "fails"],
)
def test_what_a_check_answers_decides(run: Any, label: str) -> None:
    """Only True and OPENS open; FAILS halts; everything else holds, a broken check too."""
    seen: list[str] = []
    engine = Engine(clock=FakeClock(), observers=[lambda event, _: seen.append(event.reason)])
    rollout = engine.release(FLAG.serve("on"), gated(Check("reviewed", run=run)))
    for _ in range(3):
        engine.tick()
    assert label == engine.rollout(rollout).state.label
    assert "user-17" not in " ".join(seen)
    assert 1 == len([reason for reason in seen if reason.startswith("reviewed")])


def test_a_halt_while_a_check_runs_wins() -> None:
    """What a check answers after its rollout was halted changes nothing."""
    engine = Engine(clock=FakeClock())

    def run(change: Change) -> bool:
        [rollout] = engine.rollouts()
        engine.abort(rollout, by="7", reason="better not")
        return True

    rollout = engine.release(FLAG.serve("on"), gated(Check("reviewed", run=run)))
    engine.tick()
    assert "rolled back" == engine.rollout(rollout).state.label


def test_a_halt_while_measuring_wins() -> None:
    """What was measured for an exposure that is over is dropped."""

    class Source:
        def measure(self, *_: object) -> Any:
            shop.stop("abort")
            raise LookupError

    shop = Shop(source=Source())
    shop.engine.tick()
    assert "rolled back" == shop.rollout.state.label


def test_a_tick_says_when_to_call_again() -> None:
    """As often as the busiest plan assesses; rarely when nothing is in flight or shared."""
    shop = Shop()
    assert POLL == shop.engine.tick()
    engine = Engine(clock=FakeClock())
    rollout = engine.release(FLAG.serve("on"), gated(Check("reviewed", run=lambda _: False)))
    assert rollout.plan.assess_every == engine.tick()
    engine.abort(rollout, by="7", reason="better not")
    assert IDLE == engine.tick()
    assert IDLE == Engine().tick()


def test_a_tick_inside_a_tick_returns_at_once() -> None:
    """While one call is at work, others have nothing to do."""
    engine = Engine(clock=FakeClock())
    inner: list[timedelta] = []

    def run(_: Change) -> bool:
        inner.append(engine.tick())
        return False

    check = Check("reviewed", run=run)
    rollout = engine.release(FLAG.serve("on"), gated(check))
    engine.tick()
    assert [rollout.plan.assess_every] == inner


def test_running_ticks_by_itself() -> None:
    """While `running` is open, a release is applied without anybody calling `tick`."""
    applied = threading.Event()

    def observe(event: Event, _: Rollout) -> None:
        if type(event).__name__ == "Applied":
            applied.set()

    with Engine(observers=[observe]).running() as engine:
        engine.release(FLAG.serve("on"), quick())
        assert applied.wait(timeout=30)
    assert "safedeploy" not in {thread.name for thread in threading.enumerate()}


def test_a_late_ring_calls_a_person(capsys: pytest.CaptureFixture[str]) -> None:
    """Past its deadline, a ring that nobody uses is named, once, on stderr."""
    shop = Shop(customers=0)
    shop.engine.tick()
    shop.clock.advance(timedelta(hours=2))
    for _ in range(3):
        shop.engine.tick()
    printed = capsys.readouterr()
    assert 1 == printed.err.count("late in ring canary")
    assert "" == printed.out


def test_the_later_of_a_kill_and_a_completed_release_counts() -> None:
    """It does so at once, and after a restart, in whatever order the streams are read."""
    shop = Shop()
    shop.engine.kill(shop.flag, by="7", reason="it burns")
    shop.engine.tick()
    again = shop.engine.release(shop.flag.serve("new"), quick(), attempt=2)
    while shop.engine.rollout(again).in_flight:
        shop.serve_an_interval()
    assert "new" == shop.engine.value(shop.flag, customer(1))
    assert "new" == Engine(journal=shop.journal).value(shop.flag, customer(1))
    shop.engine.kill(shop.flag, by="7", reason="it burns again")
    assert "old" == shop.engine.value(shop.flag, customer(1))
    assert "old" == Engine(journal=shop.journal).value(shop.flag, customer(1))


def test_a_kill_counts_whatever_the_clock_says() -> None:
    """A wall clock that was set back makes no kill look older than what it kills."""
    shop = Shop().open()
    shop.clock.set_wall(shop.clock.now() - timedelta(minutes=5))
    shop.engine.kill(shop.flag, by="7", reason="it burns")
    assert "old" == shop.engine.value(shop.flag, customer(1))
    again = shop.engine.release(shop.flag.serve("new"), quick(), attempt=2)
    for _ in range(100):
        shop.serve_an_interval()
    assert "completed" == shop.engine.rollout(again).state.label
    assert "new" == shop.engine.value(shop.flag, customer(1))


def test_two_engines_do_not_see_each_other() -> None:
    """Nothing is global: a kill here is no kill there."""
    one, other = Engine(), Engine()
    flag = FLAG.serve("on")
    one.kill(flag, by="7", reason="it burns")
    assert (False, True) == (one.value(flag, Context("u")), other.value(flag, Context("u")))


@pytest.mark.law("T2")
def test_a_child_may_be_the_first_to_release() -> None:
    """A child of a process that has released nothing yet, but was about to, can do it itself."""
    engine = Engine()
    engine._launching.acquire()
    engine._restart()  # what the interpreter calls in the child
    rollout = engine.release(Shop.flag.serve("new"), quick())
    assert (rollout,) == engine.rollouts()


class Host:
    """A monitor that measures two arms alike, and knows of people who report trouble."""

    def __init__(self) -> None:
        self.reports = 0
        self.failures = 0

    def measure(self, scope: Scope, at: datetime) -> Measurement:
        reports, self.reports = self.reports, 0
        canary = Counts(200, 200, self.failures, events={"report": reports} if reports else {})
        return Measurement(at, at, canary, Counts(200, 200))


def reporting() -> tuple[Host, Shop]:
    """Bring a release of which somebody reports trouble to its first ring."""
    plan = quick()
    signals = (*plan.health.signals, UserReports())
    host = Host()
    shop = Shop(
        plan=attrs.evolve(plan, health=HealthModel(*signals)), source=host, customers=0
    ).open(intervals=2)
    host.reports = 1
    shop.serve_an_interval()
    assert "paused" == shop.rollout.state.label
    return host, shop


def leave(shop: Shop) -> None:
    """Go on until the next ring has begun, with nobody asked meanwhile."""
    for _ in range(20):
        shop.serve_an_interval()
        assert "paused" != shop.rollout.state.label
        if shop.rollout.reached == 1:
            return
    pytest.fail("the ring wasn't left")


def test_who_has_looked_at_reports_can_go_on() -> None:
    """Once a person goes on, the same reports don't pause again, and the ring is left."""
    _, shop = reporting()
    resumed = shop.engine.resume(shop.rollout, by="7", reason="they hold the phone upside down")
    assert "baking" == resumed.state.label
    leave(shop)
    assert frozenset() == shop.rollout.accepted
    assert rollouts.fold(shop.journal.read(shop.rollout.id)) == shop.rollout


def test_who_has_looked_at_reports_is_told_of_them_in_the_next_ring() -> None:
    """A new ring asks again; and harm halts, whatever was accepted."""
    host, shop = reporting()
    shop.engine.resume(shop.rollout, by="7", reason="it is only one")
    leave(shop)
    host.reports = 1
    shop.serve_an_interval()
    assert "paused" == shop.rollout.state.label
    shop.engine.resume(shop.rollout, by="7", reason="only one again")
    host.failures = 100
    assert "rolled back" == shop.open().rollout.state.label


def test_a_restart_remembers_what_was_accepted() -> None:
    """Another engine on the same journal doesn't ask again."""
    _, shop = reporting()
    shop.engine.resume(shop.rollout, by="7", reason="it is only one")
    other = Shop(
        plan=shop.rollout.plan, journal=shop.close().journal, source=Host(), start=shop.clock.now()
    )
    assert {("", "user reports")} == other.rollout.accepted
    other.serve_an_interval()
    assert "baking" == other.rollout.state.label
