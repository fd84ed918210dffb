"""The laws of advancing, A1 to A12, on the machine."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from safedeploy import commands, events, openings, rollouts, states
from safedeploy.states import Baking, Halted, Paused, Pending, Rollout
from safedeploy.verdicts import Verdict
from tests.laws.histories import (
    EITHER,
    EVERY,
    PROMOTED,
    UNBOUND,
    Step,
    assessed,
    histories,
    reachable,
    resolved,
)


def leaves(step: Step) -> bool:
    """Tell whether a ring is left in a step."""
    if not isinstance(step.before.state, Baking):
        return False
    onwards = (
        isinstance(step.after.state, Pending) and step.after.state.ring > step.before.state.ring
    )
    return onwards or isinstance(step.after.state, states.Completed)


def by_hand(rollout: Rollout) -> bool:
    """Tell whether a person has promoted the ring, and written down why."""
    promoted = rollout.state.promoted if isinstance(rollout.state, Baking) else None
    return promoted is not None and bool(promoted.reason.strip())


def grows(step: Step) -> bool:
    """Tell whether more people are exposed after a step."""
    return rollouts.exposure(step.after).percent > rollouts.exposure(step.before).percent


def judged(history: tuple[Step, ...]) -> Iterator[Step]:
    """Judge by each verdict wherever a history has been."""
    for rollout in reachable(history):
        for verdict in Verdict:
            event = assessed(rollout, verdict, rollout.at + EVERY)
            yield Step(rollout, event, *rollouts.transition(rollout, event))


@pytest.mark.law("A1")
@given(histories())
def test_a_ring_is_left_only_with_a_pass_that_carries_evidence(history: tuple[Step, ...]) -> None:
    """Leaving a ring takes a PASS with samples, exposures, a window and a source.

    What a person has looked at and accepted doesn't count against it; and a person who promotes by
    hand, and writes down why, stands in for a PASS, while nothing shows harm.
    """
    for step in (*history, *judged(history)):
        if leaves(step):
            assert isinstance(step.event, events.Assessed)
            evidence = step.event.evidence
            verdict = evidence.but_for(step.before.accepted)
            shown = verdict is Verdict.PASS and evidence.findings and evidence.canary.exposures > 0
            assert shown or (by_hand(step.before) and verdict <= Verdict.SOURCE_ERROR)
            assert evidence.source
            assert evidence.since <= evidence.until


@pytest.mark.law("A1")
@given(EITHER)
def test_exposure_grows_only_ring_by_ring(history: tuple[Step, ...]) -> None:
    """More people are exposed only by a ring that begins or by completion, never skipping one."""
    for step in history:
        assert step.after.reached <= step.before.reached + 1
        if grows(step):
            began = isinstance(step.event, events.Applied)
            assert began or isinstance(step.after.state, states.Completed)


@pytest.mark.law("A1")
@given(EITHER, st.sampled_from(sorted(PROMOTED)), st.integers(0, 3))
def test_a_promotion_exposes_nobody_by_itself(
    history: tuple[Step, ...], how: str, wait: int
) -> None:
    """It is of the present exposure, by who may, with a PASS or a reason; else it changes nothing.

    Whatever is promoted, the ring is left by the next assessment, and halts if that shows harm.
    """
    for rollout in reachable(history):
        event = PROMOTED[how](rollout, rollout.at + wait * EVERY)
        after, owed = rollouts.transition(rollout, event)
        if after.state == rollout.state:
            continue
        assert isinstance(event, events.Promoted)
        assert isinstance(rollout.state, Baking)
        assert after.state == attrs.evolve(rollout.state, promoted=event)
        assert (rollout.epoch, rollout.reached, ()) == (after.epoch, after.reached, owed)
        assert event.scope == rollout.scope
        assert event.by.id != rollout.change.author
        assert event.by.roles & rollout.plan.promoters
        evidence = rollout.evidence
        is_proven = (
            evidence is not None
            and evidence.but_for(rollout.accepted) is Verdict.PASS
            and event.at - evidence.until <= rollouts.FRESH * EVERY
        )
        assert is_proven or event.reason.strip()
        harmed, _ = rollouts.transition(after, assessed(after, Verdict.HALT, after.at + EVERY))
        assert isinstance(harmed.state, Halted)


@pytest.mark.law("A11")
@given(EITHER)
def test_what_is_promoted_by_hand_is_left_at_the_next_assessment(history: tuple[Step, ...]) -> None:
    """With a reason, and nothing that shows harm; behind the gates after it, as always."""
    for rollout in reachable(history):
        after, _ = rollouts.transition(rollout, PROMOTED["promoted"](rollout, rollout.at))
        if isinstance(after.state, Baking):
            event = assessed(after, Verdict.SOURCE_ERROR, after.at + EVERY)
            left = rollouts.following(after, event)
            is_open = openings.are_open(after.ring.after, after.state.shown.later(event.at))
            assert is_open or (isinstance(left.state, Baking) and left.state.earned)
            assert is_open != isinstance(left.state, Baking)


@pytest.mark.law("A2")
@given(histories(), st.sampled_from(sorted(UNBOUND)))
def test_evidence_about_anything_else_is_dropped(history: tuple[Step, ...], how: str) -> None:
    """Evidence of another change, attempt, ring, epoch or time changes neither state nor health."""
    for rollout in reachable(history):
        event = UNBOUND[how](rollout, rollout.at + EVERY)
        after, owed = rollouts.transition(rollout, event)
        assert (rollout.state, rollout.health, rollout.evidence) == (
            after.state,
            after.health,
            after.evidence,
        )
        assert () == owed


@pytest.mark.law("A3")
@given(histories(), st.sampled_from([Verdict.INCONCLUSIVE, Verdict.NO_DATA, Verdict.SOURCE_ERROR]))
def test_silence_never_advances(history: tuple[Step, ...], verdict: Verdict) -> None:
    """However often a verdict short of PASS is given, only a promotion by hand leaves the ring."""
    for rollout in reachable(history):
        if by_hand(rollout):
            continue
        after = rollout
        for _ in range(5):
            after, _ = rollouts.transition(after, assessed(after, verdict, after.at + EVERY))
        assert (type(rollout.state), rollout.state.ring) == (type(after.state), after.state.ring)


@pytest.mark.law("A6")
@given(histories())
def test_no_event_earns_more_than_the_time_since_the_last(history: tuple[Step, ...]) -> None:
    """Whatever an event says was baked, wall time bounds it; a ring is left with all of it earned.

    That only time between two healthy looks is said to be baked is checked on the engine.
    """
    for step in history:
        before, after = step.before.state, step.after.state
        if isinstance(before, Baking) and isinstance(after, Baking) and after.baked > before.baked:
            assert isinstance(step.event, events.Assessed)
            assert after.baked - before.baked <= step.event.at - before.seen
        if leaves(step):
            assert isinstance(before, Baking)
            assert isinstance(step.event, events.Assessed)
            assert before.promoted or before.baked + step.event.baked >= step.before.ring.bake


@pytest.mark.law("A6")
@given(histories())
def test_a_break_of_health_begins_the_bake_again(history: tuple[Step, ...]) -> None:
    """A ring that was paused over its health, or newly exposed, has earned nothing yet."""
    for step in history:
        if isinstance(step.after.state, Baking) and not isinstance(step.before.state, Baking):
            assert timedelta(0) == step.after.state.baked


@pytest.mark.law("A8")
@given(histories())
def test_a_users_alert_halts_at_once(history: tuple[Step, ...]) -> None:
    """In whatever state that moves, a user's alert halts in the same transition."""
    for rollout in reachable(history):
        alert = events.Alerted(rollout.at, by_user=True, reason="it hurts")
        after, _ = rollouts.transition(rollout, alert)
        if isinstance(rollout.state, states.Moving):
            assert isinstance(after.state, Halted)
            assert 0 == rollouts.exposure(after).percent


@pytest.mark.law("A8")
@given(histories())
def test_a_health_alert_stops_the_clock_until_a_person_decides(history: tuple[Step, ...]) -> None:
    """Neither time nor a PASS ends the pause; a person does, or the deadline, and that halts."""
    for rollout in reachable(history):
        alert = events.Alerted(rollout.at, by_user=False, reason="it looks odd")
        paused, _ = rollouts.transition(rollout, alert)
        if not isinstance(rollout.state, states.Moving):
            continue
        assert isinstance(paused.state, Paused)
        passed = assessed(paused, Verdict.PASS, paused.at + EVERY, timedelta(days=1))
        still, _ = rollouts.transition(paused, passed)
        assert paused.state == still.state
        early, _ = rollouts.transition(paused, events.Woken(paused.state.deadline - EVERY))
        assert paused.state == early.state
        halted, _ = rollouts.transition(paused, events.Woken(paused.state.deadline))
        assert isinstance(halted.state, Halted)


@pytest.mark.law("A11")
@given(EITHER)
def test_a_fresh_pass_with_its_bake_earned_leaves_at_once(history: tuple[Step, ...]) -> None:
    """Nothing holds a ring that has shown what it had to show."""
    for rollout in reachable(history):
        at = rollout.at + rollout.ring.bake
        if isinstance(rollout.state, Baking) and openings.are_open(
            rollout.ring.after, rollout.state.shown.later(at)
        ):
            event = assessed(rollout, Verdict.PASS, at, rollout.ring.bake)
            after, owed = rollouts.transition(rollout, event)
            assert leaves(Step(rollout, event, after, owed))


@pytest.mark.law("A11")
@given(EITHER)
def test_what_waits_too_long_names_a_duty(history: tuple[Step, ...]) -> None:
    """What isn't final owes something; past its deadline, it calls a person or halts."""
    for rollout in reachable(history):
        owed = rollouts.pending(rollout)
        assert bool(owed) == rollout.in_flight
        for command in owed:
            if isinstance(command, commands.Wake):
                late, _ = rollouts.transition(rollout, events.Woken(command.at))
                owed_late = rollouts.pending(late)
                assert command not in owed_late
                if command.at >= rollout.state.since + rollout.ring.deadline:
                    pages = [each for each in owed_late if isinstance(each, commands.Page)]
                    assert pages or isinstance(late.state, Halted)


@pytest.mark.law("A11")
@given(EITHER)
def test_a_healthy_rollout_completes(history: tuple[Step, ...]) -> None:
    """From every state that advances, honest work leads to everybody."""
    for rollout in reachable(history):
        if isinstance(rollout.state, states.Advancing) and not rollout.state.overdue:
            done = resolved(rollout)
            assert isinstance(done.state, states.Completed)
            assert 100 == rollouts.exposure(done).percent


@pytest.mark.law("A12")
@given(histories())
def test_halt_halts(history: tuple[Step, ...]) -> None:
    """A HALT about this attempt halts in the same transition, in any state and ring, or paused."""
    for before in reachable(history):
        alerted = rollouts.following(before, events.Alerted(before.at, by_user=False, reason="odd"))
        for rollout in (before, alerted):
            if isinstance(rollout.state, states.Moving):
                event = assessed(rollout, Verdict.HALT, rollout.at)
                ring = attrs.evolve(rollout.scope, ring="canary")
                late = attrs.evolve(event, evidence=attrs.evolve(event.evidence, scope=ring))
                for each in (event, late):
                    after, _ = rollouts.transition(rollout, each)
                    assert isinstance(after.state, Halted)
                    assert each == after.state.cause
