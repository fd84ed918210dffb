"""Scenarios: hours of a rollout in milliseconds."""

from __future__ import annotations

from datetime import timedelta

import attrs
import pytest

from safedeploy.errors import DefinitionError
from safedeploy.gates import Approval, Check
from safedeploy.health import HealthModel
from safedeploy.plans import Plan, Ring
from safedeploy.signals import ErrorRate, Usage
from safedeploy.states import Completed, RolledBack
from safedeploy.testing import Scenario, per_minute

HOUR = timedelta(hours=1)
PLAN = Plan(
    rings=(
        Ring("canary", percent=5, bake=HOUR),
        Ring("half", percent=50, bake=HOUR),
        Ring("everyone", percent=100, bake=HOUR),
    ),
    health=HealthModel(ErrorRate(), Usage(at_least=100)),
    must_see=3,
    assess_every=timedelta(seconds=30),
)
CHECKED = Check("checked", run=lambda _: True)
WORLD = Scenario(PLAN, traffic=per_minute(600))


def test_a_burning_canary_is_withdrawn() -> None:
    """A change that fails five times as often is gone before forty requests are harmed."""
    report = WORLD.fails("canary", error_rate=0.05, baseline=0.01).run(hours=8)
    assert isinstance(report.state, RolledBack)
    assert "canary" == report.ring
    assert report.harmed_requests < 40
    assert report.harmed_requests <= report.failed_requests <= report.requests
    assert "canary units failed" in report.reason


def test_a_defect_that_begins_late_is_withdrawn_there() -> None:
    """What shows only under load passes the canary, and is halted in the ring where it shows."""
    report = WORLD.fails("half", error_rate=0.05, baseline=0.01).run(hours=8)
    assert isinstance(report.state, RolledBack)
    assert "half" == report.ring
    assert timedelta(hours=1) < report.took < timedelta(hours=2)


def test_a_healthy_change_reaches_everybody() -> None:
    """A change that is no worse completes, and takes at least its bake."""
    report = WORLD.run(hours=8)
    assert isinstance(report.state, Completed)
    assert 0 == report.harmed_requests
    assert "" == report.reason
    assert 3 * HOUR <= report.took


def test_whoever_is_asked_to_approve_does_so() -> None:
    """A plan with approvals completes like any other, whoever may approve."""
    first, second, last = PLAN.rings
    named = Approval("owners", people={"8", "9"})
    rings = (
        attrs.evolve(first, gates=(Approval("managers", quorum=2) & CHECKED,)),
        attrs.evolve(second, gates=(Approval("managers"),), after=(named,)),
        last,
    )
    report = attrs.evolve(WORLD, plan=attrs.evolve(PLAN, rings=rings)).run(hours=8)
    assert isinstance(report.state, Completed)


def test_time_can_be_up() -> None:
    """A scenario ends with its hours, wherever the rollout is by then."""
    report = WORLD.run(hours=0.5)
    assert timedelta(minutes=30) == report.took
    assert "baking" == report.state.label


def test_the_same_seed_gives_the_same_report() -> None:
    """Nothing is left to chance but the seed."""
    world = WORLD.fails("canary", error_rate=0.05, baseline=0.01)
    assert world.run(hours=2) == world.run(hours=2)
    assert attrs.evolve(world, seed=2).run(hours=2) != world.run(hours=2)


@pytest.mark.parametrize(
    ("field", "make"),
    [
        ("traffic", lambda: Scenario(PLAN, traffic=0)),
        ("ring", lambda: WORLD.fails("nowhere", error_rate=0.5, baseline=0.1)),
        ("error_rate", lambda: WORLD.fails("canary", error_rate=0.1, baseline=0.5)),
        ("error_rate", lambda: WORLD.fails("canary", error_rate=1.1, baseline=0.5)),
    ],
    ids=["no traffic", "no such ring", "better than the baseline", "above 1"],
)
def test_a_world_that_cannot_be_is_refused(field: str, make: object) -> None:
    """Bad input names its field, where it is made."""
    with pytest.raises(DefinitionError) as refused:
        make()  # type: ignore[operator]
    assert field == refused.value.field


def test_everything_may_fail_already() -> None:
    """Where all requests fail without the change, it can't make things worse."""
    world = WORLD.fails("canary", error_rate=1, baseline=1)
    assert 0 == world.run(hours=0.1).harmed_requests
