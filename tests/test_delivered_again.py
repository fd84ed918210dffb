"""Changes that aren't flags, while others are in flight, and when they are tried again."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import attrs
import pytest

from safedeploy.changes import Change
from safedeploy.circuits import TripsWhen
from safedeploy.engine import Engine
from safedeploy.errors import ReleaseRefusedError
from safedeploy.events import Started, Tripped
from safedeploy.flags import FeatureFlag
from safedeploy.health import HealthModel
from safedeploy.people import Person
from safedeploy.plans import OnNewVersion, Plan, Ring
from safedeploy.signals import ErrorRate, Usage
from safedeploy.states import Queued
from safedeploy.testing import FakeClock, FakeTarget
from tests.laws.carried import CHANGE, Yard, delivering
from tests.laws.histories import EVERY, START

NEXT = attrs.evolve(CHANGE, version="3")
LONG = timedelta(days=8)


def done(target: FakeTarget) -> list[str]:
    """Return what a target did, in order."""
    return [f"{deed} {order.change.version}" for deed, order in target.asked if deed != "verify"]


def then(plan: Plan, policy: OnNewVersion, **fields: Any) -> Plan:
    return attrs.evolve(plan, on_new_version=policy, **fields)


def patient(*targets: FakeTarget) -> Plan:
    """Make a plan whose first ring bakes for days."""
    plan = delivering(*targets)
    first, *others = plan.rings
    return attrs.evolve(plan, rings=(attrs.evolve(first, bake=LONG, deadline=2 * LONG), *others))


# The next version


def test_the_next_version_waits_until_the_first_is_over() -> None:
    """Its target isn't asked before, in whichever process it is."""
    target = FakeTarget()
    yard = Yard(delivering(target))
    later = yard.engine.release(NEXT, then(delivering(target), OnNewVersion.QUEUE))
    assert Queued(later.at, (yard.released.id,), ()) == later.state
    yard.tick()
    assert ["apply 2"] == done(target)
    yard.engine.stop()
    other = Engine(clock=yard.clock, journal=yard.journal, targets=[target], source=yard.source)
    for _ in range(20):
        other.tick()
        yard.clock.advance(EVERY)
    assert "completed" == other.rollout(later).state.label
    assert ["apply 2", "apply 3"] == done(target)


def test_what_is_superseded_is_withdrawn_before_the_next_is_applied() -> None:
    """So that the target has what it had before, when the next one comes."""
    target = FakeTarget()
    yard = Yard(patient(target))
    yard.bake(0)
    later = yard.engine.release(NEXT, then(delivering(target), OnNewVersion.SUPERSEDE))
    assert "rolled back" == yard.tick(2)
    yard.tick(2)
    assert yard.engine.rollout(later).reached == 0
    assert ["apply 2", "withdraw 2", "apply 3"] == done(target)


def test_a_version_that_is_on_its_way_is_not_queued() -> None:
    """By whatever plan: it would be applied again for nothing."""
    yard = Yard(delivering(FakeTarget()))
    plan = then(delivering(FakeTarget()), OnNewVersion.QUEUE)
    with pytest.raises(ReleaseRefusedError, match=f"{yard.released.id} is on its way to it"):
        yard.engine.release(CHANGE, plan)


def test_a_conflict_group_holds_changes_of_every_kind() -> None:
    """A flag waits for a service, even of its own name, and a service for the flag."""
    group: dict[str, Any] = {"conflict_group": "shops"}
    yard = Yard(attrs.evolve(delivering(FakeTarget()), **group))
    half = Ring("half", percent=50, bake=EVERY)
    plan = Plan(rings=[half], health=HealthModel(Usage(at_least=10)), **group)
    flag = yard.engine.release(FeatureFlag.boolean("shop").serve("on"), plan)
    other = attrs.evolve(delivering(FakeTarget("other")), **group)
    cart = yard.engine.release(Change.code("cart", version="1"), other)
    assert Queued(flag.at, (), (yard.released.id,)) == flag.state
    assert Queued(cart.at, (), (yard.released.id, flag.id)) == cart.state


# By hand


def test_a_change_is_tried_again_where_its_target_is_known() -> None:
    """The next attempt applies anew; a process that lacks the target begins none."""
    target = FakeTarget()
    yard = Yard(delivering("fake"), targets=[target])
    yard.bake(0)
    yard.engine.abort(yard.rollout, by="7", reason="the database is away")
    assert "rolled back" == yard.tick()
    with pytest.raises(ReleaseRefusedError, match="give the engine a target of that name"):
        Engine(clock=yard.clock, journal=yard.journal).retry(
            yard.released, by="8", reason="it is back"
        )
    again = yard.engine.retry(yard.released, by="8", reason="it is back")
    yard.tick()
    assert (2, "baking") == (again.attempt, yard.engine.rollout(again).state.label)
    assert ["apply 2", "withdraw 2", "apply 2"] == done(target)
    [begun] = [it for it in yard.journal.read(again.id) if isinstance(it, Started)]
    assert (Person("8"), "it is back") == (begun.by, begun.why)


def test_a_ring_of_a_target_is_promoted_by_hand() -> None:
    """The next target is asked at once, and not after a bake of days."""
    first, second = FakeTarget("a"), FakeTarget("b")
    yard = Yard(patient(first, second))
    yard.bake(0)
    yard.engine.promote(yard.rollout, by="8", reason="tried by hand")
    yard.bake(1)
    assert ["apply 2"] == done(second)


# A breaker


@pytest.mark.parametrize("slow", [False, True])
def test_a_breaker_trips_on_what_is_recorded(*, slow: bool) -> None:
    """Calls that fail, or take long, halt the change at the next tick, and its target withdraws."""
    target, clock = FakeTarget(), FakeClock(START)
    engine = Engine(clock=clock)
    plan = Plan(
        rings=[Ring("half", percent=50, bake=LONG, target=target)],
        health=HealthModel(ErrorRate(), Usage(at_least=10)),
        breaker=TripsWhen(failure_rate=0.5, slow_call=EVERY, slow_call_rate=0.5, minimum_calls=10),
    )
    rollout = engine.release(CHANGE, plan)
    engine.tick()
    for number in range(40):
        canary = number % 2 == 1
        lasted = 2 * EVERY if slow and canary else timedelta(0)
        engine.record(
            CHANGE.subject,
            version="2" if canary else "1",
            unit=f"user-{number}",
            ok=slow or not canary,
            duration=lasted,
        )
    engine.tick()
    state = engine.rollout(rollout).state
    assert ("rolled back", Tripped) == (state.label, type(getattr(state, "cause", None)))
    assert 0 == target.share(CHANGE)
