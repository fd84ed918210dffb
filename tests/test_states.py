"""States: where a rollout can be."""

from datetime import UTC, datetime, timedelta
from typing import get_args

import pytest

from safedeploy import events, states
from safedeploy.changes import Change
from safedeploy.health import HealthModel
from safedeploy.plans import Plan, Ring
from safedeploy.signals import Usage
from safedeploy.states import Rollout, State
from safedeploy.verdicts import Scope

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
WHY = events.Aborted(NOON, "7", "wrong build")
HEALTH = HealthModel(Usage(at_least=1))
PLAN = Plan(rings=(Ring("canary", percent=1), Ring("everyone", percent=100)), health=HEALTH)

QUEUED = states.Queued(NOON, ("service:shop@1/d1g35t/1",), ())
WAITING, BAKING = states.Pending(1, NOON), states.Baking(1, NOON, NOON)

EVERY_STATE: list[tuple[State, str]] = [
    (QUEUED, "queued"),
    (WAITING, "pending"),
    (BAKING, "baking"),
    (states.Paused(BAKING, NOON, NOON, WHY), "paused"),
    (states.Halted(1, NOON, WHY), "halted"),
    (states.Recovering(1, NOON, WHY), "recovering"),
    (states.RolledBack(1, NOON, WHY), "rolled back"),
    (states.Completed(1, NOON), "completed"),
]

every_state = pytest.mark.parametrize(("state", "label"), EVERY_STATE)


def rollout(state: State, *, reached: int = 0) -> Rollout:
    """Make a rollout that is in a state."""
    return Rollout(
        id="service:shop/1",
        change=Change.code("shop", version="2"),
        plan=PLAN,
        attempt=3,
        definition=None,
        state=state,
        version=9,
        at=NOON,
        epoch=4,
        reached=reached,
        exposed_at=NOON,
        health=HEALTH.start(NOON),
    )


@every_state
def test_a_state_has_a_label(state: State, label: str) -> None:
    """Every state has a label for people, a ring, and when it began."""
    ring = 0 if state is QUEUED else 1  # what hasn't begun is before its first
    assert (label, ring, NOON) == (state.label, state.ring, state.since)


def test_every_state_is_known_here() -> None:
    """No state goes untested, and no two share a label."""
    assert set(get_args(State)) == {type(state) for state, _ in EVERY_STATE}
    assert len(EVERY_STATE) == len({label for _, label in EVERY_STATE})


def test_nothing_is_earned_when_a_ring_begins() -> None:
    """A ring begins with closed gates, in time, without bake and not yet known to be healthy."""
    assert (frozenset(), False) == (WAITING.shown.opened, WAITING.overdue)
    assert (timedelta(0), False, False) == (BAKING.baked, BAKING.healthy, BAKING.overdue)


@every_state
def test_a_rollout_is_in_flight_until_it_ends(state: State, label: str) -> None:
    """Only what was rolled back or completed is over."""
    assert (label not in {"rolled back", "completed"}) == rollout(state).in_flight


@every_state
def test_a_halt_withdraws(state: State, label: str) -> None:
    """Exposure is withdrawn from the halt on, and only then."""
    assert (label in {"halted", "recovering", "rolled back"}) == rollout(state).is_withdrawn


@every_state
def test_a_rollout_is_in_the_ring_of_its_state(state: State, label: str) -> None:
    """The ring is the state's, also while an earlier one is still exposed."""
    assert ("canary" if state is QUEUED else "everyone") == rollout(state).ring.name


@pytest.mark.parametrize(("reached", "ring"), [(-1, "canary"), (0, "canary"), (1, "everyone")])
def test_evidence_must_name_what_is_exposed(reached: int, ring: str) -> None:
    """The scope names the change, the attempt, the ring that was exposed last, and the epoch."""
    scope = rollout(WAITING, reached=reached).scope

    assert Scope("service:shop@2", 3, ring, 4) == scope
