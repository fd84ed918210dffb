"""The laws of changes that are carried to targets: save, then act; R1, R3, R7 and R9."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import attrs
import pytest
import structlog

from safedeploy import commands, deliveries, events, rollouts, states
from safedeploy.deliveries import Delivered, Stage
from safedeploy.events import Event
from safedeploy.plans import Plan
from safedeploy.states import Rollout
from safedeploy.testing import FakeTarget
from tests.laws.carried import CHANGE, TOLD, Broken, World, Yard, delivering, points
from tests.laws.explored import Explored
from tests.laws.planted import replaced
from tests.laws.test_exhaustively import check, check_state

PLANS = (
    delivering("staging", "production", late=3),
    delivering("staging", "production", halt_unapplied=True, ask=True, late=3),
)


@pytest.fixture(autouse=True)
def unconfigured() -> Iterator[None]:
    """Leave structlog as it was: who captures what it logs configures it."""
    yield
    structlog.reset_defaults()


def check_delivery(before: Rollout, event: Event, after: Rollout) -> None:
    """Hold one step against the laws, those of the machine first."""
    check(before, event, after)
    if after.reached > before.reached:
        place = after.plan.place(after.reached)
        assert place
        assert deliveries.is_begun(before.deliveries, place, after.ring.name)
    known = {each.place for each in before.deliveries}
    assert known <= {each.place for each in after.deliveries}
    if {each.place for each in after.deliveries} - known:
        assert isinstance(before.state, states.Pending)
    if isinstance(after.state, states.RolledBack):
        assert () == deliveries.standing(after.deliveries)


def check_owed(rollout: Rollout) -> None:
    """R7, R9: what is left is withdrawn, the last first, and a person is called for what is stuck.

    What is stuck holds up none of those that come after it.
    """
    check_state(rollout)
    if not isinstance(rollout.state, states.Recovering):
        return
    owed = rollouts.pending(rollout)
    places = [each.place for each in owed if isinstance(each, commands.Withdraw)]
    left = [each for each in reversed(rollout.deliveries) if each.stage is not Stage.WITHDRAWN]
    fine = [each.place for each in left if each.stage is not Stage.STUCK][:1]
    stuck = [each.place for each in left if each.stage is Stage.STUCK]
    assert set(places) <= {*stuck, *fine} or places == [None]
    assert places[:1] == ([left[0].place] if left else [None])
    assert {*fine} <= {*places}
    duties = [each.duty for each in owed if isinstance(each, commands.Page)]
    assert bool(stuck) == bool(duties)
    assert all(str(place) in duties[0] for place in stuck)


def explored(plan: Plan) -> int:
    """Hold every state of a plan's rollout against the laws, and return how many there are."""
    found = Explored(plan, check_delivery, most=60_000, strange=TOLD)
    for rollout in found.rollouts.values():
        check_owed(rollout)
    assert found.is_whole
    assert [] == found.stuck()
    return len(found.rollouts)


@pytest.mark.law("R1")
@pytest.mark.law("R3")
@pytest.mark.law("R7")
@pytest.mark.law("R9")
@pytest.mark.parametrize("plan", PLANS, ids=["pauses", "halts"])
def test_every_state_of_a_delivery_is_lawful(plan: Plan) -> None:
    """Whatever targets are said to have done, in whatever order, the change leaves them all."""
    assert explored(plan) > 500


@pytest.mark.law("R3")
@pytest.mark.parametrize("halts", [None, 1, 2, 3])
def test_a_crash_at_any_point_loses_no_delivery(halts: int | None) -> None:
    """Killed between any two things that it does, another process ends what one has begun.

    Nothing reaches a target before the journal says so, and in the end each has the change, or none
    of those that it had reached. An order that is given again has the id that it had.
    """
    whole = World(halts=halts)
    wanted = [target.share(CHANGE) for target in whole.real]
    assert wanted == [0.0 if halts else 100.0] * 3
    for cut in points(halts):
        world = World(cut, halts=halts)
        assert not world.first.is_alive
        assert type(whole.rollout.state) is type(world.rollout.state), cut
        assert wanted == [target.share(CHANGE) for target in world.real], cut
        for target in world.real:
            orders = {order.id: (deed, order) for deed, order in target.asked if deed == "apply"}
            given = [(order.id, (deed, order)) for deed, order in target.asked if deed == "apply"]
            assert all(orders[name] == order for name, order in given)
            assert len(orders) <= 1


@pytest.mark.law("R9")
def test_what_was_never_reached_is_left_alone() -> None:
    """A halt withdraws from those targets that a ring has reached, the last first, and no other."""
    world = World(halts=1)
    asked = [[deed for deed, _ in target.asked if deed != "verify"] for target in world.real]
    assert [["apply", "withdraw"], [], []] == asked


@pytest.mark.law("R3")
def test_nothing_reaches_a_target_that_is_not_saved() -> None:
    """Save, then act: what nobody would know after a crash isn't begun."""
    target, journal = FakeTarget(), Broken()
    yard = Yard(delivering(target), journal=journal)
    journal.is_broken = True
    yard.tick(3)
    assert [] == target.asked
    journal.is_broken = False
    assert "baking" == yard.tick()


@pytest.mark.law("R7")
@pytest.mark.law("R9")
def test_a_failing_withdrawal_is_loud_and_tried_again() -> None:
    """A person is called, by the place; it is tried again; and the other targets are left."""
    targets = [FakeTarget(name) for name in ("a", "b", "c")]
    yard = Yard(delivering(*targets))
    yard.bake(2)
    targets[1].fails, targets[2].fails = {"verify"}, {"verify"}
    yard.engine.alert(yard.rollout, by_user=True, reason="it hurts")
    with structlog.testing.capture_logs() as entries:
        assert "recovering" == yard.tick()
    assert ["a withdrawn", "b couldn't be withdrawn", "c couldn't be withdrawn"] == yard.stages
    duties = [entry["duty"] for entry in entries if entry["event"] == "a person is needed"]
    assert f"help to withdraw {yard.rollout.id} from b and c" == duties[-1]
    known, tries = len(yard.recorded()), len(targets[2].asked)
    yard.tick(20)
    assert len(targets[2].asked) > tries + 3
    assert len(yard.recorded()) <= known + 4  # it is written ever less
    targets[2].fails.clear()
    assert "recovering" == yard.tick(4)
    assert ["a withdrawn", "b couldn't be withdrawn", "c withdrawn"] == yard.stages
    targets[1].fails.clear()
    assert "rolled back" == yard.tick(4)


def first_only(known: deliveries.Deliveries) -> Iterator[Delivered]:
    """Wait for what is stuck."""
    yield from list(reversed(deliveries.standing(known)))[:1]


DELIVERING_MUTANTS: list[tuple[Any, ...]] = [
    (
        "R3",
        "a target is asked before that is saved",
        "safedeploy.flights._begins",
        lambda event: False,
        test_nothing_reaches_a_target_that_is_not_saved,
    ),
    (
        "R7",
        "a withdrawal fails in silence",
        "safedeploy.obligations._help_out",
        lambda rollout: (),
        test_every_state_of_a_delivery_is_lawful,
        (PLANS[0],),
    ),
    (
        "R9",
        "one place that is stuck holds up the others",
        "safedeploy.deliveries.next_to_leave",
        first_only,
        test_every_state_of_a_delivery_is_lawful,
        (PLANS[0],),
    ),
    (
        "R9",
        "a rollback is over though a place isn't left",
        "safedeploy.rollouts.TRANSITIONS",
        replaced(
            events.Withdrawn,
            lambda rollout, state, event: attrs.evolve(
                rollout, state=states.RolledBack(state.ring, event.at, state.cause)
            ),
        ),
        test_every_state_of_a_delivery_is_lawful,
        (PLANS[0],),
    ),
]
