"""The machine's edges: what a stream begins with, and what stays outside the laws' histories."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from safedeploy import events, rollouts, states
from safedeploy.changes import Change
from safedeploy.errors import DefinitionError
from safedeploy.events import Event
from safedeploy.health import HealthModel
from safedeploy.plans import Plan, Ring
from safedeploy.signals import ErrorRate, Usage
from safedeploy.states import Rollout
from safedeploy.verdicts import Finding, Verdict
from tests.laws.histories import EVERY, START, UNBOUND, USED, assessed, started

EXCLUDING = HealthModel(ErrorRate(margin=1.5), Usage(at_least=10))


@pytest.mark.parametrize("stream", [[], [events.Woken(START)]], ids=["empty", "headless"])
def test_a_stream_begins_with_started(stream: list[Event]) -> None:
    """Nothing, or anything else in front, is an error that says so."""
    with pytest.raises(DefinitionError, match="begin a stream with Started"):
        rollouts.fold(stream)


def test_a_rollout_is_named_after_change_plan_and_attempt() -> None:
    """The same release has the same id, and the repr of a rollout stays short."""
    one, other = rollouts.begin(started()), rollouts.begin(started(ask=True))
    assert one.id == rollouts.begin(started()).id
    assert one.id != other.id
    assert one.id.startswith("service:shop@2/")
    assert len(repr(one)) < 500


def baking(minimum: timedelta, baked: timedelta) -> Rollout:
    """Bring a rollout to its first ring, and let some of its bake be earned."""
    rings = (Ring("all", percent=50, bake=10 * EVERY, minimum_bake=minimum),)
    early = Plan(rings=rings, health=EXCLUDING, assess_every=EVERY)
    begun = rollouts.begin(events.Started(START, Change.code("shop", version="2"), early))
    rollout = rollouts.following(begun, events.Applied(START, "all", 1))
    assert isinstance(rollout.state, states.Baking)
    state = attrs.evolve(rollout.state, baked=baked, healthy=True)
    return attrs.evolve(rollout, state=state)


def told(
    rollout: Rollout, *excluded: bool | None, verdict: Verdict = Verdict.PASS
) -> events.Assessed:
    """Make an assessment whose findings exclude a margin, or don't, or have none."""
    event = assessed(rollout, verdict, rollout.at + EVERY, baked=timedelta(0))
    findings = (Finding(f"{n}", verdict, "", excluded=each) for n, each in enumerate(excluded))
    return attrs.evolve(event, evidence=attrs.evolve(event.evidence, findings=tuple(findings)))


@pytest.mark.law("A6")
@pytest.mark.parametrize(
    ("baked", "excluded", "left"),
    [
        (4, (True,), True),
        (4, (True, None), True),
        (3, (True,), False),
        (4, (True, False), False),
        (4, (False,), False),
        (4, (None,), False),
        (10, (False,), True),
        (10, (None,), True),
    ],
)
def test_a_ring_is_left_early_on_strong_evidence_only(
    baked: int, excluded: tuple[bool | None, ...], left: bool
) -> None:
    """Once every margin is excluded the minimum bake is enough, and less never is."""
    rollout = baking(4 * EVERY, baked * EVERY)
    after = rollouts.following(rollout, told(rollout, *excluded))

    assert left is isinstance(after.state, states.Completed)


@pytest.mark.law("A1")
def test_a_margin_that_is_excluded_is_no_pass() -> None:
    """Nothing is left early on a verdict that isn't PASS, or on what a shadow says."""
    rollout = baking(4 * EVERY, 4 * EVERY)
    unsure = rollouts.following(rollout, told(rollout, True, verdict=Verdict.INCONCLUSIVE))
    event = told(rollout, None)
    shadow = Finding("shadow", Verdict.PASS, "", shadow=True, excluded=True)
    findings = (*event.evidence.findings, shadow)
    shaded = attrs.evolve(event, evidence=attrs.evolve(event.evidence, findings=findings))

    assert isinstance(unsure.state, states.Baking)
    assert isinstance(rollouts.following(rollout, shaded).state, states.Baking)


passing = st.tuples(
    st.integers(0, 3),
    st.sampled_from([True, False, None]),
    st.sampled_from([Verdict.PASS, Verdict.PASS, Verdict.INCONCLUSIVE, Verdict.NO_DATA]),
)


@pytest.mark.law("A6")
@given(st.integers(0, 10), st.lists(passing, max_size=20))
def test_no_ring_is_left_before_its_minimum(
    minimum: int, told_of: list[tuple[int, bool | None, Verdict]]
) -> None:
    """Whatever is excluded when, it is left at the first pass after what it needs, no sooner."""
    rollout, baked = baking(minimum * EVERY, timedelta(0)), timedelta(0)
    for earned, excluded, verdict in told_of:
        event = attrs.evolve(
            told(rollout, excluded, verdict=verdict),
            at=rollout.at + 3 * EVERY,
            baked=earned * EVERY,
        )
        evidence = attrs.evolve(event.evidence, until=event.at)
        rollout = rollouts.following(rollout, attrs.evolve(event, evidence=evidence))
        baked += earned * EVERY
        needed = minimum * EVERY if excluded else 10 * EVERY
        is_left = isinstance(rollout.state, states.Completed)
        assert is_left == (verdict is Verdict.PASS and baked >= needed)
        if is_left:
            break


def test_a_ring_without_a_minimum_takes_its_bake() -> None:
    """An exclusion that nobody asked for shortens nothing."""
    rollout = baking(10 * EVERY, 9 * EVERY)

    assert isinstance(rollouts.following(rollout, told(rollout, True)).state, states.Baking)
    rollout = baking(10 * EVERY, 10 * EVERY)
    assert isinstance(rollouts.following(rollout, told(rollout, None)).state, states.Completed)


@pytest.mark.parametrize("verdict", [Verdict.INVESTIGATE, Verdict.HALT])
def test_what_stops_a_rollout_is_counted(verdict: Verdict) -> None:
    """What was seen of this exposure is kept, so that it can be shown, and counting goes on."""
    rollout = baking(10 * EVERY, EVERY)
    event = assessed(rollout, verdict, rollout.at + EVERY)
    event = attrs.evolve(event, health=attrs.evolve(event.health, canary=USED, block=7))
    stopped = rollouts.following(rollout, event)

    assert stopped.state.label in ("paused", "halted")
    assert (event.health, event.evidence) == (stopped.health, stopped.evidence)
    later = assessed(stopped, verdict, stopped.at + EVERY)
    later = attrs.evolve(later, health=attrs.evolve(event.health, block=8))
    still = rollouts.following(stopped, later)
    assert (8 if verdict is Verdict.INVESTIGATE else 7) == still.health.block


@pytest.mark.parametrize("verdict", [Verdict.INVESTIGATE, Verdict.HALT])
@pytest.mark.parametrize("how", ["of an earlier epoch", "stale", "begun before the exposure"])
def test_what_stops_a_rollout_late_is_not_counted(how: str, verdict: Verdict) -> None:
    """Evidence of something else of the attempt stops the rollout, and changes no count."""
    rollout = baking(10 * EVERY, EVERY)
    event = UNBOUND[how](rollout, rollout.at + EVERY)
    assert isinstance(event, events.Assessed)
    findings = (Finding("made up", verdict, "because"),)
    worse = attrs.evolve(
        event,
        evidence=attrs.evolve(event.evidence, findings=findings),
        health=attrs.evolve(event.health, canary=USED),
    )
    stopped = rollouts.following(rollout, worse)

    assert stopped.state.label in ("paused", "halted")
    assert (rollout.health, rollout.evidence) == (stopped.health, stopped.evidence)


# What a person has decided


def found(*verdicts: Verdict, **more: Any) -> tuple[Finding, ...]:
    """Make findings of signals "0", "1" and so on."""
    return tuple(Finding(f"{n}", verdict, "", **more) for n, verdict in enumerate(verdicts))


def seen(rollout: Rollout, *findings: Finding, baked: timedelta = EVERY) -> Rollout:
    """Return a rollout after an assessment that found this."""
    event = assessed(rollout, Verdict.PASS, rollout.at + EVERY, baked)
    evidence = attrs.evolve(event.evidence, findings=findings)
    return rollouts.following(rollout, attrs.evolve(event, evidence=evidence))


def resumed(rollout: Rollout) -> Rollout:
    """Return a paused rollout after a person has decided to go on."""
    assert "paused" == rollout.state.label
    return rollouts.following(rollout, events.Resumed(rollout.at, "7", "we know"))


PASS, UNSURE, SILENT, BROKEN, LOOK, HALT = Verdict


@pytest.mark.law("A8")
def test_nobody_is_asked_twice_to_look_at_the_same() -> None:
    """Once a person goes on in spite of it, the ring bakes, and is left, while that lasts."""
    rollout = resumed(seen(baking(10 * EVERY, 9 * EVERY), *found(LOOK, PASS)))
    rollout = seen(rollout, *found(LOOK, UNSURE))
    assert "baking" == rollout.state.label
    assert isinstance(rollout.state, states.Baking)
    assert rollout.state.healthy
    rollout = seen(rollout, *found(LOOK, SILENT))
    assert isinstance(rollout.state, states.Baking)
    assert not rollout.state.healthy
    for _ in range(10):
        rollout = seen(rollout, *found(LOOK, PASS))
    assert "completed" == rollout.state.label


@pytest.mark.law("A8")
@pytest.mark.parametrize(
    ("later", "state"),
    [
        (found(LOOK, LOOK), "paused"),
        (found(PASS, LOOK), "paused"),
        (found(LOOK, PASS, component="shop"), "paused"),
        (found(HALT, PASS), "halted"),
        (found(LOOK, HALT), "halted"),
        (found(LOOK, PASS), "baking"),
    ],
)
def test_what_a_person_has_not_accepted_asks_or_halts(
    later: tuple[Finding, ...], state: str
) -> None:
    """Another signal pauses again, another component's does, and harm halts as ever."""
    rollout = resumed(seen(baking(10 * EVERY, EVERY), *found(LOOK, PASS)))
    assert state == seen(rollout, *later).state.label


@pytest.mark.law("A3")
@pytest.mark.parametrize("was", [SILENT, BROKEN])
def test_who_accepts_silence_lets_nothing_pass(was: Verdict) -> None:
    """A person who is called about silence can go on; what holds a ring holds it all the same."""
    rollout = resumed(seen(baking(EVERY, EVERY), *found(LOOK, was=was)))
    for _ in range(20):
        rollout = seen(rollout, *found(LOOK, was=was))
    assert isinstance(rollout.state, states.Baking)
    assert not rollout.state.healthy


@pytest.mark.law("A8")
def test_a_new_ring_asks_again() -> None:
    """What was accepted is accepted for one exposure, by evidence of that exposure."""
    rollout = resumed(seen(baking(EVERY, EVERY), *found(LOOK)))
    rollout = resumed(seen(rollout, *found(LOOK, LOOK)))
    assert {("", "0"), ("", "1")} == rollout.accepted
    pending = attrs.evolve(rollout, state=states.Pending(0, rollout.at))
    assert "pending" == seen(pending, *found(LOOK, LOOK)).state.label
    again = rollouts.following(pending, events.Applied(rollout.at, "all", 2))
    assert "paused" == seen(again, *found(LOOK)).state.label

    late = UNBOUND["of an earlier epoch"](again, again.at + EVERY)
    assert isinstance(late, events.Assessed)
    late = attrs.evolve(late, evidence=attrs.evolve(late.evidence, findings=found(LOOK)))
    assert frozenset() == resumed(rollouts.following(again, late)).accepted


@pytest.mark.law("A8")
def test_closing_an_alert_accepts_no_finding() -> None:
    """Nor does it forget what was accepted before; and shadows are nothing to accept."""
    shadow = attrs.evolve(found(LOOK, LOOK)[1], shadow=True)
    rollout = resumed(seen(baking(10 * EVERY, EVERY), *found(LOOK), shadow))
    rollout = rollouts.following(rollout, events.Alerted(rollout.at, by_user=False, reason="odd"))
    rollout = resumed(seen(rollout, *found(PASS, LOOK)))
    assert {("", "0")} == rollout.accepted
    assert "paused" == seen(rollout, *found(PASS, LOOK)).state.label
