"""What a rollout waits for, in a sentence, in every state."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta
from typing import get_args

import attrs
import pytest
from hypothesis import given

from safedeploy import events, states
from safedeploy.events import Event
from safedeploy.gates import Answer, Approval, Check
from safedeploy.rollouts import begin, explain, following
from safedeploy.states import Rollout
from safedeploy.verdicts import Finding, Verdict
from safedeploy.windows import business_hours
from tests.laws.histories import (
    BEHIND,
    BESIDE,
    EITHER,
    EVERY,
    PEOPLE,
    START,
    Step,
    assessed,
    promoted,
    reachable,
    started,
)

NIGHT = "the window opens Thursday 09:00 (Europe/Berlin)"
"""It is midnight in London, before a Thursday in January."""


def begun(*, queued: bool = False) -> Rollout:
    """Begin a rollout of a plan with a check, an approval after its first ring, and windows."""
    event = started()
    first, *others = event.plan.rings
    first = attrs.evolve(first, after=(Approval("release managers"),))
    plan = attrs.evolve(
        event.plan,
        before=(Check("reviewed"),),
        rings=(first, *others),
        windows=business_hours("Europe/Berlin"),
    )
    behind, beside = (BEHIND[:1], BESIDE[:1]) if queued else ((), ())
    return begin(attrs.evolve(event, plan=plan, behind=behind, beside=beside))


def after(rollout: Rollout, *happened: Event) -> Rollout:
    """Let events happen."""
    for event in happened:
        rollout = following(rollout, event)
    return rollout


MORNING = START + timedelta(hours=8, minutes=30)
OPEN = (events.Answered(START, "reviewed", Answer.OPENS), events.Woken(MORNING))
APPLIED = (*OPEN, events.Applied(MORNING, "canary", 1))
BAKING = after(begun(), *APPLIED)


def judged(verdict: Verdict, detail: str, baked: timedelta = EVERY) -> events.Assessed:
    """Make an assessment of the first ring that says something."""
    event = assessed(BAKING, verdict, MORNING + 2 * EVERY, baked)
    found = (Finding("usage", verdict, detail, remaining=212),)
    return attrs.evolve(event, evidence=attrs.evolve(event.evidence, findings=found))


HALTED = (*APPLIED, events.Aborted(MORNING, "7", "better not"))
PLACE = "ring canary (1 of 3)"
SIGNED = "1 more approval of release managers (1 needed)"
LACK = "212 more exposures are needed"
HALF = "10 s of its 20 s of bake, as last recorded"
BY_HAND = "the next assessment: it is promoted by hand"
DECIDE = "decide whether {id} goes on: it looks odd"
HALTS = "until 2026-01-01 09:30:00 UTC (in 1 h): then it halts"

TOLD: dict[str, tuple[Iterable[Event], timedelta, str]] = {
    "pending, at night": ((), timedelta(0), f"pending, {PLACE}: waits for reviewed; {NIGHT}"),
    "pending, at night, reviewed": (OPEN[:1], timedelta(0), f"pending, {PLACE}: {NIGHT}"),
    "pending, by day": (
        OPEN,
        MORNING - START,
        f"pending, {PLACE}: waits for the next tick: it applies ring canary",
    ),
    "baking": (
        (*APPLIED, judged(Verdict.NO_DATA, LACK)),
        MORNING - START,
        f"baking, {PLACE}: waits for {HALF}, for usage: {LACK}; then for {SIGNED}",
    ),
    "baking, earned, at night": (
        (*APPLIED, judged(Verdict.PASS, "used", timedelta(days=1))),
        timedelta(0),
        f"baking, {PLACE}: waits for {SIGNED}, for the next assessment, and for use; {NIGHT}",
    ),
    "promoted": (
        (*APPLIED, promoted(BAKING, MORNING)),
        MORNING - START,
        f"baking, {PLACE}: waits for {BY_HAND}; then for {SIGNED}",
    ),
    "paused": (
        (*APPLIED, events.Alerted(MORNING, by_user=False, reason="it looks odd")),
        MORNING - START,
        f"paused, {PLACE}: waits for a person: {DECIDE}, {HALTS}",
    ),
    "paused, acknowledged": (
        (
            *APPLIED,
            events.Alerted(MORNING, by_user=False, reason="it looks odd"),
            events.Acknowledged(MORNING, "7"),
        ),
        MORNING - START,
        f"paused, {PLACE}: waits {HALTS}, unless whoever looks after it decides",
    ),
    "halted": (
        HALTED,
        MORNING - START,
        f"halted, {PLACE}: waits for the next tick: it begins the recovery",
    ),
    "recovering": (
        (*HALTED, events.RecoveryStarted(MORNING, "at once")),
        MORNING - START,
        f"recovering, {PLACE}: waits for the next tick: it withdraws the change",
    ),
    "rolled back": (
        (*HALTED, events.RecoveryStarted(MORNING, "at once"), events.Withdrawn(MORNING)),
        MORNING - START,
        f"rolled back, {PLACE}: it is over, better not",
    ),
}


@pytest.mark.parametrize("case", TOLD)
def test_a_rollout_says_what_it_waits_for(case: str) -> None:
    """What is missing now, what is asked then, and when its windows open."""
    happened, hour, expected = TOLD[case]
    rollout = after(begun(), *happened)
    assert expected.format(id=rollout.id) == explain(rollout, START + hour)


def test_who_is_called_once_more_is_said() -> None:
    """When, and that they were."""
    rollout = begun()
    plan = attrs.evolve(rollout.plan, acknowledge_within=timedelta(minutes=5))
    alert = events.Alerted(START, by_user=False, reason="it looks odd")
    paused = after(attrs.evolve(rollout, plan=plan), alert)
    assert "2026-01-01 00:05:00 UTC (in 5 min): then a person is called once more" in explain(
        paused, START
    )
    called = after(paused, events.Woken(START + timedelta(minutes=5)))
    assert "for a person: nobody has come yet: decide whether" in explain(called, START)


def test_what_is_queued_says_for_whom_it_waits() -> None:
    """And what it is asked then."""
    told = explain(begun(queued=True), START)
    assert (
        f"queued, {PLACE}: waits for {BEHIND[0]} to be over, for {BESIDE[0]} to be over;"
        f" then for reviewed; {NIGHT}" == told
    )


def test_what_has_completed_waits_for_nothing() -> None:
    """Everybody has it."""
    rollout = attrs.evolve(begun(), state=states.Completed(2, START))
    assert "completed, ring everyone (3 of 3): it is over" == explain(rollout, START)


def test_every_state_is_told_here() -> None:
    """No state goes without its sentence."""
    labels = {kind.label for kind in get_args(states.State)}
    assert labels == {case.partition(",")[0] for case in TOLD} - {"promoted"} | {
        "queued",
        "completed",
    }


@given(EITHER)
def test_whatever_is_in_flight_says_something_and_names_nobody(history: tuple[Step, ...]) -> None:
    """In every state that can be reached, there is more than its name, and no id of a person."""
    for rollout in reachable(history):
        told = explain(rollout, rollout.at)
        assert told.startswith(f"{rollout.state.label}, ring ")
        assert not told.endswith(": ")
        assert not any(f" {who} " in told or told.endswith(f"({who})") for who in PEOPLE[:2])
