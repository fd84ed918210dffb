"""Shadows: an alarm that stops nothing is scored by what happened to its rollout."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import product

import attrs
import pytest

from safedeploy import commands, events
from safedeploy.assessments import is_worth_recording
from safedeploy.changes import Change
from safedeploy.events import Event
from safedeploy.gates import Answer
from safedeploy.health import HealthModel
from safedeploy.rollouts import fold, following, pending
from safedeploy.shadows import Score, alarms, scores
from safedeploy.signals import ErrorRate, Usage
from safedeploy.states import Completed, RolledBack, Rollout
from safedeploy.verdicts import Finding, Verdict
from tests.laws.histories import EVERY, START, assessed, confirmed, plan

SHADOW = ErrorRate(of="refund", shadow=True)
PLAN = attrs.evolve(plan(), health=HealthModel(ErrorRate(), SHADOW, Usage(at_least=1)))
KEY = ("", "error rate of refund")


def started(version: str) -> events.Started:
    """Make the event that a rollout with a shadow begins with."""
    return events.Started(START, Change.code("shop", version=version), PLAN)


def alarmed(rollout: Rollout, verdict: Verdict) -> events.Assessed:
    """Make an assessment in which the workload is fine and the shadow isn't."""
    fine = assessed(rollout, Verdict.PASS, rollout.at + EVERY)
    found = Finding(KEY[1], verdict, "it would have been one", shadow=True)
    told = attrs.evolve(fine.evidence, findings=(*fine.evidence.findings, found))
    return attrs.evolve(fine, evidence=told)


def history(*, alarm: bool, halted: bool) -> list[Event]:
    """Make the stream of a rollout that went through its first ring."""
    begin = started(f"{alarm}{halted}")
    opened = events.Answered(START, "reviewed", Answer.OPENS)
    stream: list[Event] = [begin, opened, events.Applied(START, "canary", 1)]
    if alarm:
        stream.append(alarmed(fold(stream), Verdict.HALT))
    if halted:
        return [*stream, *ended(fold(stream))]
    return stream


def ended(rollout: Rollout) -> list[Event]:
    """Make what ends a rollout by a user's alert."""
    at = rollout.at
    alert = events.Alerted(at, by_user=True, reason="it hurts")
    return [alert, events.RecoveryStarted(at, "at once"), events.Withdrawn(at)]


def completed(stream: Sequence[Event]) -> list[Event]:
    """Carry a rollout to its end, and keep the events."""
    events_, rollout = [*stream], fold(stream)
    while rollout.in_flight:
        owed = [one for one in pending(rollout) if not isinstance(one, commands.Wake)]
        event = confirmed(owed[0], rollout, rollout.at + EVERY)
        events_.append(event)
        rollout = following(rollout, event)
    return events_


@pytest.mark.parametrize(("alarm", "halted"), [*product((True, False), repeat=2)])
def test_an_alarm_is_right_if_something_else_halted(alarm: bool, halted: bool) -> None:
    """A shadow is scored once for each rollout that has ended, by its alarm and the end."""
    stream = history(alarm=alarm, halted=halted)
    stream = stream if halted else completed(stream)
    score = scores([stream])[KEY]

    assert (RolledBack if halted else Completed) is type(fold(stream).state)
    assert Score(alarm and halted, alarm and not halted, halted and not alarm) == score


def test_what_is_in_flight_counts_for_nothing() -> None:
    """Nobody knows yet whether the alarm is right; and rollouts without shadows have no score."""
    plain = events.Started(START, Change.code("shop", version="1"), plan())

    assert {} == scores([history(alarm=True, halted=False)])
    assert {} == scores([completed([plain])])


def test_scores_add_up() -> None:
    """Precision is about alarms, recall about halts; of nothing, neither is known."""
    streams = [history(alarm=True, halted=True)] * 3 + [history(alarm=False, halted=True)]
    streams += [completed(history(alarm=True, halted=False))]
    score = scores(streams)[KEY]

    assert Score(3, 1, 1) == score
    assert (0.75, 0.75) == (score.precision, score.recall)
    assert (None, None) == (Score().precision, Score().recall)


@pytest.mark.parametrize("verdict", Verdict)
def test_a_new_alarm_is_worth_recording(verdict: Verdict) -> None:
    """A shadow moves nothing, so its alarm would else be forgotten; a second look adds nothing."""
    begun = fold(history(alarm=False, halted=False))
    rollout = following(begun, assessed(begun, Verdict.PASS, begun.at + EVERY))
    once = following(rollout, alarmed(rollout, verdict))
    again = following(once, alarmed(once, verdict))
    is_alarm = verdict >= Verdict.INVESTIGATE

    assert once.evidence
    assert Verdict.PASS is once.evidence.verdict
    assert ({KEY} if is_alarm else set()) == alarms(once.evidence.findings)
    quiet = attrs.evolve(once, state=rollout.state)
    assert is_alarm is is_worth_recording(rollout, quiet)
    assert not is_worth_recording(once, attrs.evolve(again, state=once.state))
