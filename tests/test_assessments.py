"""Assessments: what was measured becomes an event that says what it rests on."""

from __future__ import annotations

from datetime import timedelta

import attrs
import pytest

from safedeploy import commands, rollouts
from safedeploy.assessments import assess
from safedeploy.changes import Change
from safedeploy.events import Applied, Started
from safedeploy.health import HealthModel
from safedeploy.plans import Plan, Ring
from safedeploy.signals import ErrorRate, Objective, Usage
from safedeploy.states import Pending, Rollout
from safedeploy.verdicts import Against, Counts, Measurement, Verdict
from tests.laws.histories import EVERY, START, assessed, confirmed

PLAN = Plan(
    rings=[Ring(f"{percent} %", percent=percent, bake=EVERY) for percent in (5, 50, 95, 100)],
    health=HealthModel(ErrorRate(), Usage(at_least=10)),
    holdback=5,
    assess_every=EVERY,
)


def reached(ring: int) -> Rollout:
    """Roll a change out up to a ring, counted from 0."""
    rollout = rollouts.begin(Started(START, Change.code("shop", version="2"), PLAN))
    while rollout.reached < ring:
        command = next(each for each in rollouts.pending(rollout) if not_a_wait(each))
        at = rollout.at + EVERY
        event = (
            assessed(rollout, Verdict.PASS, at)
            if isinstance(command, commands.Assess)
            else confirmed(command, rollout, at)
        )
        rollout, _ = rollouts.transition(rollout, event)
    return rollout


def not_a_wait(command: commands.Command) -> bool:
    """Tell whether a command is more than waiting."""
    return not isinstance(command, commands.Wake)


def measured(rollout: Rollout, against: Against = Against.REST) -> Measurement:
    """Measure an interval."""
    arms = Counts(40, 40, 0, 40), Counts(160, 160, 2, 160)
    return Measurement(rollout.at, rollout.at + EVERY, *arms, source="counted", against=against)


@pytest.mark.law("A1")
def test_evidence_says_what_it_rests_on() -> None:
    """Its exposure, its window, its source, what both arms did, and what every signal found."""
    rollout = reached(0)
    event = assess(rollout, measured(rollout), rollout.at + EVERY, EVERY)

    told = event.evidence
    assert (rollout.scope, "counted") == (told.scope, told.source)
    assert (rollout.exposed_at, rollout.at + EVERY) == (told.since, told.until)
    assert (Counts(40, 40, 0, 40), Counts(160, 160, 2, 160)) == (told.canary, told.baseline)
    signals = {found.signal for found in told.findings}
    assert {"error rate", "usage"} <= signals
    assert (told.canary, told.baseline) == (event.health.canary, event.health.baseline)


@pytest.mark.law("A2")
@pytest.mark.parametrize("early", [-EVERY, timedelta(0), EVERY])
def test_evidence_says_since_when_was_watched(early: timedelta) -> None:
    """From the exposure's begin, or from before where a source measured from there on."""
    rollout = reached(0)
    block = attrs.evolve(measured(rollout), since=rollout.exposed_at - early)
    event = assess(rollout, block, rollout.at + EVERY, EVERY)

    assert rollout.exposed_at - max(early, timedelta(0)) == event.evidence.since


@pytest.mark.parametrize(
    ("ring", "measured_against", "told"),
    [
        (0, Against.REST, Against.REST),
        (1, Against.REST, Against.REST),
        (2, Against.REST, Against.HOLDBACK),
        (3, Against.REST, Against.HOLDBACK),
        (0, Against.PREVIOUS, Against.PREVIOUS),
        (3, Against.PREVIOUS, Against.PREVIOUS),
        (3, Against.BEFORE, Against.BEFORE),
        (0, Against.HOLDBACK, Against.HOLDBACK),
    ],
)
def test_evidence_names_its_baseline(ring: int, measured_against: Against, told: Against) -> None:
    """Where all that is left is the holdback, it says so; what a source names stays."""
    rollout = reached(ring)
    event = assess(rollout, measured(rollout, measured_against), rollout.at + EVERY, EVERY)

    assert told is event.evidence.against


@pytest.mark.parametrize(
    ("measured_against", "told"),
    [(Against.REST, Against.NOBODY), (Against.PREVIOUS, Against.PREVIOUS)],
)
def test_without_a_holdback_nobody_is_left(measured_against: Against, told: Against) -> None:
    """In a ring that reaches all, evidence names nobody unless the source has a baseline."""
    model = HealthModel(Objective(0.999), Usage(at_least=10))
    plan = Plan(rings=[Ring("all", percent=100)], health=model, holdback=0, assess_every=EVERY)
    begun = rollouts.begin(Started(START, Change.code("shop", version="2"), plan))
    rollout = rollouts.following(begun, Applied(START, "all", 1))
    event = assess(rollout, measured(rollout, measured_against), rollout.at + EVERY, EVERY)

    assert told is event.evidence.against


def test_a_ring_that_waits_says_nothing_of_those_before_it() -> None:
    """While the last ring waits for its gates, the ones before are still compared with the rest."""
    rollout = reached(1)
    waiting = attrs.evolve(rollout, state=Pending(2, rollout.at))
    event = assess(waiting, measured(waiting), waiting.at + EVERY, EVERY)

    assert Against.REST is event.evidence.against


def test_a_wait_is_that_of_the_present_exposure() -> None:
    """What is needed takes so long at the rate at which units have come since it began."""
    rollout = reached(0)
    event = assess(rollout, measured(rollout), rollout.exposed_at + EVERY, EVERY)
    [found] = [each for each in event.evidence.findings if each.signal == "error rate"]

    assert found.remaining
    assert found.wait is not None
    assert abs(found.wait - found.remaining * EVERY / 40) < timedelta(seconds=1)
