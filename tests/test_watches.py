"""Watches: the breaker of a plan withdraws a change at the call that shows its harm."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from unittest.mock import patch

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from safedeploy import events, states
from safedeploy.circuits import FailureRate, Failures, Settings, TripsWhen
from safedeploy.contexts import Context
from safedeploy.engine import Engine
from safedeploy.errors import DefinitionError
from safedeploy.plans import Plan, Ring
from safedeploy.trips import Calls, Trip
from safedeploy.verdicts import Verdict
from tests.laws.histories import EVERY
from tests.laws.shops import Shop, customer, quick

RARELY = TripsWhen(failure_rate=0.5, minimum_calls=10)


def watched(breaker: TripsWhen = RARELY, percent: float = 20) -> Plan:
    """Make a plan with a breaker; its first ring reaches a share of the customers."""
    first = Ring("canary", percent=percent, bake=3 * EVERY)
    rings = (first, Ring("everyone", percent=100, bake=3 * EVERY))
    return attrs.evolve(quick(), rings=rings, breaker=breaker)


class Watched(Shop):
    """A shop whose plan has a breaker, and which serves whom it likes."""

    def __init__(self, plan: Plan | None = None, **rest: Any) -> None:
        super().__init__(plan=plan or watched(), **rest)
        self.engine.tick()

    def call(self, value: str, *, fails: bool, lasts: timedelta = timedelta(0)) -> str:
        """Serve somebody new of an arm, and return what they got: another value if it is gone."""
        for _ in range(200):
            self.served += 1
            if self.engine.value(self.flag, customer(self.served)) == value:
                break
        with self.engine.guard(self.flag, customer(self.served)) as exposure:
            self.clock.advance(lasts)
            if fails:
                exposure.fail()
            return exposure.value

    def calls(self, value: str, number: int, *, fails: bool) -> None:
        """Serve some of an arm."""
        for _ in range(number):
            self.call(value, fails=fails)


def test_a_trip_withdraws_at_once() -> None:
    """The call after the one that trips gets the stable value, whoever asks, before any tick."""
    shop = Watched()
    shop.calls("old", 40, fails=False)
    shop.calls("new", 9, fails=True)
    assert "new" == shop.call("new", fails=True)
    served = {shop.engine.value(shop.flag, customer(n)) for n in range(200)}
    assert {"old"} == served
    assert isinstance(shop.rollout.state, states.Baking)


@pytest.mark.parametrize("shared", [False, True])
def test_a_trip_wakes_the_ticker(*, shared: bool) -> None:
    """So it is recorded at once, whatever the intervals are; also where a person is to look."""
    shop = Watched()
    shop.calls("old", 40, fails=shared)
    shop.calls("new", 9, fails=True)
    shop.engine._ticker._wake.clear()
    shop.call("new", fails=True)
    assert shop.engine._ticker._wake.is_set()


def test_a_trip_halts_with_the_breaker_as_evidence() -> None:
    """The next tick records what both arms did, and recovers; nobody is exposed again."""
    shop = Watched()
    shop.calls("old", 40, fails=False)
    shop.calls("new", 10, fails=True)
    shop.engine.tick()
    state = shop.rollout.state
    assert isinstance(state, states.RolledBack)
    assert isinstance(state.cause, events.Tripped)
    trip = Trip(attrs.evolve(shop.rollout.scope, epoch=1), Verdict.HALT, Calls(10, 10), Calls(40))
    assert trip == state.cause.evidence
    assert {"old"} == {shop.engine.value(shop.flag, customer(n)) for n in range(200)}
    assert "withdrawn" in shop.engine.evaluate(shop.flag, customer(1)).detail


def test_what_both_arms_suffer_from_is_investigated() -> None:
    """Where the baseline fails as well, exposure stays, and a person is asked."""
    shop = Watched()
    shop.calls("old", 40, fails=True)
    shop.calls("new", 10, fails=True)
    assert "new" == shop.call("new", fails=True)
    shop.engine.tick()
    state = shop.rollout.state
    assert isinstance(state, states.Paused)
    assert isinstance(state.cause, events.Tripped)
    assert Verdict.INVESTIGATE is state.cause.evidence.verdict
    assert "new" == shop.call("new", fails=False)


def test_a_failing_dependency_is_told_apart_whichever_arm_is_larger() -> None:
    """However the arms are sized, as long as there are enough calls of both, both are seen."""
    for percent, beside in ((20, 40), (50, 7), (60, 6)):
        shop = Watched(watched(percent=percent))
        for _ in range(10):
            shop.calls("old", max(1, beside // 8), fails=True)
            shop.calls("new", 1, fails=True)
        shop.engine.tick()
        assert isinstance(shop.rollout.state, states.Paused)


def test_where_the_baseline_tells_too_little_the_change_is_blamed() -> None:
    """A few failures of the baseline don't excuse the canary."""
    shop = Watched()
    shop.calls("old", 4, fails=True)
    shop.calls("new", 10, fails=True)
    shop.engine.tick()
    assert isinstance(shop.rollout.state, states.RolledBack)


def test_who_was_asked_once_is_not_asked_again_but_harm_still_halts() -> None:
    """After a person has gone on, both arms failing stops nothing more in that ring. When the
    baseline is well again, and the canary isn't, the rollout halts.
    """
    shop = Watched()
    for _ in range(3):
        shop.calls("old", 40, fails=True)
        shop.calls("new", 10, fails=True)
        shop.engine.tick()
        if isinstance(shop.rollout.state, states.Paused):
            shop.engine.resume(shop.rollout, by="7", reason="the database is slow")
    told = shop.journal.read(shop.released.id)
    assert 1 == sum(isinstance(event, events.Tripped) for event in told)
    assert isinstance(shop.rollout.state, states.Baking)
    shop.calls("old", 400, fails=False)
    shop.calls("new", 10, fails=True)
    shop.engine.tick()
    assert isinstance(shop.rollout.state, states.RolledBack)


def test_a_paused_rollout_halts_when_the_canary_fails_alone() -> None:
    """Waiting for a person protects nobody: the breaker goes on watching."""
    shop = Watched()
    shop.calls("old", 40, fails=True)
    for _ in range(3):
        shop.calls("new", 10, fails=True)
        shop.engine.tick()
        assert isinstance(shop.rollout.state, states.Paused)
    recorded = shop.journal.read(shop.released.id)
    assert 1 == sum(isinstance(event, events.Tripped) for event in recorded)
    shop.calls("old", 400, fails=False)
    shop.calls("new", 10, fails=True)
    assert "old" == shop.call("old", fails=False)
    shop.engine.tick()
    assert isinstance(shop.rollout.state, states.RolledBack)


def test_slow_calls_trip_as_well() -> None:
    """How long a guarded block takes counts, whatever else is measured."""
    slow = timedelta(seconds=2)
    shop = Watched(watched(TripsWhen(slow_call_rate=0.5, slow_call=slow, minimum_calls=5)))
    for _ in range(5):
        shop.call("new", fails=False, lasts=slow)
    shop.engine.tick()
    state = shop.rollout.state
    assert isinstance(state, states.RolledBack)
    assert "of 5 calls 0 failed, 5 were slow" in state.cause.reason


def test_what_counts_as_nothing_trips_nothing() -> None:
    """Who is in no arm, what the guard ignores, and an interrupt are no calls of the canary."""
    shop = Watched(watched(TripsWhen(consecutive_failures=3)))
    nobody = Context(None)
    for number in range(60):
        with pytest.raises(KeyboardInterrupt), shop.engine.guard(shop.flag, customer(number)):
            raise KeyboardInterrupt
        with shop.engine.guard(shop.flag, customer(number)) as exposure:
            exposure.ignore()
        with pytest.raises(LookupError), shop.engine.guard(shop.flag, nobody):
            raise LookupError
    shop.engine.tick()
    assert isinstance(shop.rollout.state, states.Baking)


def test_the_tripping_call_raises_what_it_raised() -> None:
    """The caller's exception passes unchanged, and no refusal is ever raised."""
    shop = Watched(watched(TripsWhen(consecutive_failures=3)))
    for _ in range(200):
        shop.served += 1
        with pytest.raises(LookupError), shop.engine.guard(shop.flag, customer(shop.served)):
            raise LookupError
    assert "old" == shop.call("old", fails=False)


def test_a_trip_in_one_process_withdraws_in_all() -> None:
    """It is in the journal, so the others follow at their next tick, whatever they saw."""
    shop = Watched()
    other = Engine(clock=shop.clock, journal=shop.journal)
    reached = next(n for n in range(99) if "new" == other.value(shop.flag, customer(n)))
    shop.calls("new", 10, fails=True)
    assert "new" == other.value(shop.flag, customer(reached))
    shop.engine.tick()
    other.tick()
    assert "old" == other.value(shop.flag, customer(reached))
    assert isinstance(other.rollout(shop.released).state, states.Stopped)


def test_a_trip_is_saved_when_the_process_leaves() -> None:
    """What withdrew the change here isn't lost between two ticks."""
    shop = Watched()
    shop.calls("new", 10, fails=True)
    shop.engine.stop()
    other = Engine(clock=shop.clock, journal=shop.journal)
    assert other.rollout(shop.released).is_withdrawn


def test_a_trip_withdraws_though_the_journal_is_away() -> None:
    """The stable value is served at once, and the halt is saved when it can be."""
    shop = Watched()
    shop.calls("new", 10, fails=True)
    with (
        patch.object(shop.journal, "append", side_effect=OSError),
        patch("safedeploy.telemetry.warn"),
    ):
        shop.engine.tick()
        assert {"old"} == {shop.engine.value(shop.flag, customer(n)) for n in range(200)}
    shop.engine.tick()
    assert any(isinstance(it, events.Tripped) for it in shop.journal.read(shop.released.id))


def test_a_ring_that_begins_meanwhile_does_not_save_the_change() -> None:
    """A trip that its process couldn't tell before the next ring began halts that one."""
    shop = Watched()
    other = Engine(clock=shop.clock, journal=shop.journal)
    other.tick()
    shop.calls("new", 10, fails=True)
    recorded = shop.journal.read(shop.released.id)
    rollout = other.rollout(shop.released)
    flight = shop.engine._fleet()._roster.find(shop.released.id)
    flight._adopted(served_anew(flight), ())
    assert {"old"} == {shop.engine.value(shop.flag, customer(n)) for n in range(200)}
    shop.engine.tick()
    assert shop.rollout.is_withdrawn
    assert len(recorded) < len(shop.journal.read(rollout.id))


def served_anew(flight: Any) -> Any:
    """Return a flight whose exposure is to be served anew, as when a ring begins."""
    flight.epoch = -1
    return flight


def test_what_trips_once_it_is_over_changes_nothing() -> None:
    """Who was late with a call of a rollout that somebody ended halts and holds nothing."""
    shop = Watched(watched(TripsWhen(consecutive_failures=1)))
    reached = next(n for n in range(99) if "new" == shop.engine.value(shop.flag, customer(n)))
    with shop.engine.guard(shop.flag, customer(reached)) as late:
        shop.engine.abort(shop.rollout, by="7", reason="enough")
        late.fail()
    shop.engine.tick()
    shop.engine.tick()
    recorded = shop.journal.read(shop.released.id)
    assert not any(isinstance(event, events.Tripped) for event in recorded)
    shop.engine.release(shop.flag.serve("new"), shop.released.plan, attempt=2)
    shop.engine.tick()
    assert "new" == shop.engine.value(shop.flag, customer(reached))


def test_calls_that_are_under_way_when_it_trips_change_nothing() -> None:
    """They fail as well, and the trip says what was counted by then."""
    shop = Watched(watched(TripsWhen(consecutive_failures=1)))
    reached = next(n for n in range(99) if "new" == shop.engine.value(shop.flag, customer(n)))
    with shop.engine.guard(shop.flag, customer(reached)) as late:
        shop.call("new", fails=True)
        late.fail()
    shop.engine.tick()
    assert isinstance(shop.rollout.state, states.Stopped)
    assert "of 1 calls 1 failed" in shop.rollout.state.cause.reason


def test_a_trip_of_what_somebody_else_has_ended_is_dropped() -> None:
    """Another process halted it, rolled it back, and released it again: that isn't held up."""
    shop = Watched()
    shop.calls("new", 10, fails=True)
    other = Engine(clock=shop.clock, journal=shop.journal)
    other.abort(shop.released, by="7", reason="enough")
    for _ in range(3):
        shop.clock.advance(timedelta(minutes=1))
        other.tick()
    assert not other.rollout(shop.released).in_flight
    other.release(shop.flag.serve("new"), shop.released.plan, attempt=2)
    other.tick()
    assert "old" == shop.call("new", fails=False)
    shop.engine.tick()
    assert "new" == shop.call("new", fails=False)


def test_a_trip_that_is_settled_while_it_is_told_holds_nothing() -> None:
    """The call that trips and the tick that records it may meet at any point."""
    shop = Watched(watched(TripsWhen(consecutive_failures=1)))
    withhold = shop.engine._exposures.withhold

    def late(key: str) -> None:
        shop.engine.tick()
        withhold(key)

    with patch.object(shop.engine._exposures, "withhold", late):
        shop.call("new", fails=True)
    assert not shop.engine._exposures._held
    assert shop.rollout.is_withdrawn


def test_a_child_watches_anew() -> None:
    """What tripped in the parent is the parent's to tell; a child's breakers begin again."""
    shop = Watched()
    shop.calls("new", 9, fails=True)
    shop.engine._restart()
    shop.calls("new", 1, fails=True)
    assert "new" == shop.call("new", fails=False)
    shop.calls("new", 10, fails=True)
    shop.engine._restart()
    assert "new" == shop.call("new", fails=False)
    shop.calls("new", 10, fails=True)
    assert "old" == shop.call("old", fails=False)


def test_a_child_tells_no_trip_that_was_left() -> None:
    """Nor what was to be told of an exposure that is over."""
    shop = Watched()
    shop.calls("new", 10, fails=True)
    flight = shop.engine._fleet()._roster.find(shop.released.id)
    flight._adopted(served_anew(flight), ())
    shop.engine._restart()
    shop.engine.tick()
    assert isinstance(shop.rollout.state, states.Baking)


def test_a_plan_without_a_breaker_watches_nothing() -> None:
    """Nobody is told of calls then."""
    shop = Watched(quick())
    served = shop.engine._exposures.serve(shop.flag, customer(1))
    assert served.tally
    assert served.watch is None


def test_plans_with_breakers_are_plans() -> None:
    """One that has none is digested as ever; those that have are told apart."""
    plain = quick()
    one = attrs.evolve(plain, breaker=TripsWhen(failure_rate=0.5))
    other = attrs.evolve(plain, breaker=TripsWhen(failure_rate=0.4))
    assert 3 == len({plan.digest for plan in (plain, one, other)})
    assert plain.digest == attrs.evolve(one, breaker=None).digest


@pytest.mark.parametrize("given", [0.5, FailureRate(0.5), Settings(failure_rate=0.5)])
def test_a_breaker_that_is_none_is_refused(given: Any) -> None:
    """With the field, the value and the mend."""
    with pytest.raises(DefinitionError, match=r"breaker=.*TripsWhen\(failure_rate=0.5\)"):
        attrs.evolve(quick(), breaker=given)


def test_a_baseline_of_the_same_size_needs_a_quarter_of_the_calls() -> None:
    """It has to have seen enough by when the other arm trips, though it is a little behind."""
    assert 25 == TripsWhen(failure_rate=0.5, minimum_calls=100).beside(1).minimum_calls


@given(
    st.integers(1, 200),
    st.integers(1, 200) | st.just(timedelta(minutes=1)),
    st.floats(0, 1000),
    st.integers(1, 30),
)
def test_a_baseline_is_judged_over_the_same_time(
    minimum: int, window: int | timedelta, times: float, of: int
) -> None:
    """Whatever the shares, its settings can be, and what is to be looked at fits in."""
    if isinstance(window, int):
        minimum, of = min(minimum, window), min(of, window)
    when = TripsWhen(minimum_calls=minimum, window=window, trips_when=Failures(1, of=of))
    beside = when.beside(times)
    assert beside.condition == when.condition
    assert beside.minimum_calls is not None
    assert 5 <= beside.minimum_calls <= 10_000
    if isinstance(window, int) and isinstance(beside.window, int):
        assert min(window * times, 10_000) <= beside.window
        assert beside.window <= max(window * times + 1, beside.minimum_calls, of)
    else:
        assert window == beside.window
