"""The laws of the machine, held against everything that can happen to a rollout of a small plan."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import TypeAlias

import attrs
import pytest

from safedeploy import commands, events, rollouts, states
from safedeploy.circuits import TripsWhen
from safedeploy.events import Event
from safedeploy.gates import Answer, Approval, Check, Gate, Within
from safedeploy.obligations import owe_alike
from safedeploy.plans import OnNewVersion, Plan
from safedeploy.states import Rollout
from safedeploy.trips import BREAKER
from safedeploy.validators import NOTHING
from safedeploy.verdicts import Evidence, Verdict
from tests.laws.explored import Explored, small
from tests.laws.histories import AUTHOR, EVERY, STRANGE, Blink, Move
from tests.laws.planted import replaced, without

Told: TypeAlias = Callable[..., int]
"""Counts what was searched, for people to read."""

SHORT = small(late=2)
"""Some 10,000 states: all that there are."""

ASKED = small(rings=1, gates=0, people=True, ask=True, late=2)
WATCHED = attrs.evolve(small(rings=1, gates=0, late=2), breaker=TripsWhen())
QUEUED = attrs.evolve(
    small(rings=1, gates=0), conflict_group="shops", on_new_version=OnNewVersion.SUPERSEDE
)
CALLED = attrs.evolve(small(rings=1, gates=0, late=2), acknowledge_within=EVERY)
FROZEN = small(rings=1, gates=0, windows=Blink(2 * EVERY))
COMMON = {
    name: STRANGE[name]
    for name in ("assessed PASS", "assessed HALT", "user alert", "health alert", "resumed")
}
"""What often happens besides what is owed. With all that can, windows have no end of states."""
FEW = 1500
"""So many states of each of these, where most of what can be wrong is found."""

LONG = (
    (small(rings=3, gates=2, bakes=3, late=6), 40_000),
    (small(rings=3, bakes=2, late=9, ask=True), 40_000),
    (small(rings=1, people=True, ask=True), 8000),
    (small(windows=Blink()), 8000),
)
WHOLE = (ASKED, WATCHED, QUEUED, CALLED)
"""Of each of these, there are some 10,000 states."""
STATES = 20_000
"""So many are enough to find a bug that was planted."""


def is_bound(rollout: Rollout, evidence: Evidence, event: Event) -> bool:
    """Tell whether evidence is about the present exposure, and fresh."""
    return (
        rollout.reached >= 0
        and evidence.scope == rollout.scope
        and rollout.exposed_at <= evidence.since <= evidence.until <= event.at
        and event.at - evidence.until <= 2 * EVERY
    )


def is_of_attempt(rollout: Rollout, evidence: Evidence) -> bool:
    """Tell whether evidence is about this attempt of this change."""
    return (evidence.scope.change, evidence.scope.attempt) == (str(rollout.change), rollout.attempt)


def stands(rollout: Rollout) -> tuple[object, ...]:
    """Return everything about a rollout but when, and how many events it has seen."""
    where = rollout.state, rollout.epoch, rollout.reached
    return *where, rollout.evidence, rollout.health, rollout.accepted


def is_open(gate: Gate, state: states.Pending, at: datetime) -> bool:
    """Tell whether a gate of these plans has been shown what it asks for, by what is written."""
    if isinstance(gate, Check):
        return gate.name in {opening.gate for opening in state.shown.opened}
    if isinstance(gate, Within):
        return gate.window.contains(at)
    assert isinstance(gate, Approval)
    words = (word for word in state.shown.words if word.gate == gate.name and word.until > at)
    return len({word.who for word in words} - {AUTHOR}) >= gate.quorum


def is_within(rollout: Rollout, event: Event) -> bool:
    """Tell whether something happens while the plan's windows are open."""
    windows = rollout.plan.windows
    return windows is None or windows.contains(event.at)


# What holds in every step, by the event that makes it


def assessed(before: Rollout, event: events.Assessed, after: Rollout) -> None:
    """A1 to A3, A5, A6 and A12."""
    state, evidence, verdict = before.state, event.evidence, event.evidence.verdict
    if verdict is Verdict.INVESTIGATE and before.accepted - {BREAKER}:  # evidence has one finding
        verdict = Verdict.PASS
    if not isinstance(state, states.Moving):
        assert stands(before) == stands(after)
    elif verdict is Verdict.HALT and is_of_attempt(before, evidence):
        assert isinstance(after.state, states.Halted)
    elif verdict is Verdict.INVESTIGATE and is_of_attempt(before, evidence):
        assert isinstance(after.state, states.Paused)
    elif not is_bound(before, evidence, event):
        assert stands(before) == stands(after)
    elif isinstance(state, states.Baking) and state.promoted and state.promoted.is_explained:
        assert is_within(before, event) == (not isinstance(after.state, states.Baking))
    elif verdict is not Verdict.PASS or not evidence.canary.exposures:
        assert (type(state), state.ring) == (type(after.state), after.state.ring)
    elif isinstance(state, states.Baking):
        earned = state.baked + min(event.baked, event.at - state.seen)
        is_enough = earned >= before.ring.bake or state.promoted is not None
        assert (is_enough and is_within(before, event)) == (
            not isinstance(after.state, states.Baking)
        )


def applied(before: Rollout, event: events.Applied, after: Rollout) -> None:
    """A ring begins only behind its gates, as the one that was asked for, with nothing baked."""
    if before.reached == after.reached:  # it may show that what had opened a gate has expired
        assert (type(before.state), before.state.ring) == (type(after.state), after.state.ring)
        return
    assert isinstance(before.state, states.Pending)
    assert isinstance(after.state, states.Baking)
    assert all(is_open(gate, before.state, event.at) for gate in before.plan.gates(after.reached))
    assert (event.ring, event.epoch) == (before.ring.name, before.epoch + 1)
    assert (before.reached + 1, not after.state.baked) == (after.reached, True)


def answered(before: Rollout, event: events.Answered, after: Rollout) -> None:
    """A gate that fails halts; one that isn't asked, or that holds, changes nothing."""
    state = before.state
    checks = {gate.name: gate for gate in before.plan.gates(state.ring) if isinstance(gate, Check)}
    asked = event.gate in checks
    is_ours = event.scope in {None, before.guarded} and event.at >= state.since
    if (
        not isinstance(state, states.Pending)
        or not asked
        or not is_ours
        or is_open(checks[event.gate], state, event.at)
    ):
        assert stands(before) == stands(after)
    elif event.answer is Answer.FAILS:
        assert isinstance(after.state, states.Halted)
    else:
        opens = event.answer is Answer.OPENS
        assert isinstance(after.state, states.Pending)
        assert opens == is_open(checks[event.gate], after.state, event.at)


def approved(before: Rollout, event: events.Approved, after: Rollout) -> None:
    """M4: an approval counts only for what is asked, of whoever may give it; never the author's."""
    if event.by.id == AUTHOR or event.digest != before.digest or event.scope != before.guarded:
        assert stands(before) == stands(after)
    else:
        assert (type(before.state), before.state.ring) == (type(after.state), after.state.ring)


def alerted(before: Rollout, event: events.Alerted, after: Rollout) -> None:
    """A8: a user's alert halts at once; one about health stops the clock, for so long at most."""
    if not isinstance(before.state, states.Moving):
        assert stands(before) == stands(after)
    elif event.by_user:
        assert isinstance(after.state, states.Halted)
    elif isinstance(before.state, states.Paused):
        assert before.state == after.state
    else:
        assert isinstance(after.state, states.Paused)
        assert event.at + before.plan.alert_deadline == after.state.deadline


def tripped(before: Rollout, event: events.Tripped, after: Rollout) -> None:
    """A breaker that trips halts whatever moves; with the baseline's, it stops the clock."""
    seen, state = event.evidence, before.state
    is_ours = seen.scope.attempt == before.attempt and isinstance(state, states.Moving)
    if is_ours and seen.verdict is Verdict.HALT:
        assert isinstance(after.state, states.Halted)
    elif not is_ours or BREAKER in before.accepted or isinstance(state, states.Paused):
        assert stands(before) == stands(after)
    else:
        assert isinstance(after.state, states.Paused)


def woken(before: Rollout, event: events.Woken, after: Rollout) -> None:
    """Time alone does no more than to halt what nobody decided, and to say that it is late."""
    if isinstance(before.state, states.Paused):
        state, within = before.state, before.plan.acknowledge_within
        is_over = event.at >= state.deadline
        assert is_over == isinstance(after.state, states.Halted)
        is_late = within is not None and event.at >= state.since + within
        called = state.escalated or (is_late and not state.acknowledged)
        assert is_over or after.state == attrs.evolve(state, escalated=called)
    else:
        assert (type(before.state), before.reached) == (type(after.state), after.reached)


def aborted(before: Rollout, event: events.Aborted, after: Rollout) -> None:
    """A person's halt halts whatever moves."""
    if isinstance(before.state, states.Moving):
        assert isinstance(after.state, states.Halted)
    else:
        assert stands(before) == stands(after)


def promoted(before: Rollout, event: events.Promoted, after: Rollout) -> None:
    """A1: by hand a bake is shortened, by who may, with a PASS or a reason; nothing else is."""
    if stands(before) == stands(after):
        return
    assert isinstance(before.state, states.Baking)
    assert after.state == attrs.evolve(before.state, promoted=event)
    assert event.scope == before.scope
    assert event.by.id != AUTHOR
    assert event.by.roles & before.plan.promoters
    seen = before.evidence
    assert event.reason.strip() or (seen and seen.but_for(before.accepted) is Verdict.PASS)


def ended(before: Rollout, event: events.Ended, after: Rollout) -> None:
    """A10: its turn comes when all are over that it was behind, and enough that it was beside."""
    state = before.state
    if not isinstance(state, states.Queued) or event.rollout not in state.behind + state.beside:
        assert stands(before) == stands(after)
        return
    behind, beside = {*state.behind} - {event.rollout}, {*state.beside} - {event.rollout}
    is_its_turn = not behind and len(beside) < before.plan.most_in_flight
    assert is_its_turn == isinstance(after.state, states.Pending) == after.begun
    assert is_its_turn or (behind, beside) == ({*after.state.behind}, {*after.state.beside})  # type: ignore[union-attr]


def superseded(before: Rollout, event: events.Superseded, after: Rollout) -> None:
    """A10: what a later release of the same subject takes the place of halts at once."""
    is_ours = event.by != before.id and event.by.startswith(f"{before.change.subject}@")
    if is_ours and isinstance(before.state, states.Moving):
        assert isinstance(after.state, states.Halted)
    else:
        assert stands(before) == stands(after)


def acknowledged(before: Rollout, event: events.Acknowledged, after: Rollout) -> None:
    """A8: who looks after an alert calls off the calls, and no deadline."""
    if isinstance(before.state, states.Paused):
        assert attrs.evolve(before.state, acknowledged=True) == after.state
        owed = rollouts.pending(after)
        assert not any(isinstance(command, commands.Page) for command in owed)
        assert before.state.deadline in {it.at for it in owed if isinstance(it, commands.Wake)}
    else:
        assert stands(before) == stands(after)


def resumed(before: Rollout, event: events.Resumed, after: Rollout) -> None:
    """A pause ends where it began, and what was baked before is lost."""
    if isinstance(before.state, states.Paused):
        asked = isinstance(before.state.cause, events.Assessed | events.Tripped)
        assert not before.accepted - after.accepted
        assert asked or before.accepted == after.accepted
        assert type(before.state.was) is type(after.state)
        assert not isinstance(after.state, states.Baking) or not after.state.baked
    else:
        assert stands(before) == stands(after)


LAWS: dict[type, Callable[..., None]] = {
    events.Assessed: assessed,
    events.Applied: applied,
    events.Answered: answered,
    events.Alerted: alerted,
    events.Tripped: tripped,
    events.Woken: woken,
    events.Aborted: aborted,
    events.Acknowledged: acknowledged,
    events.Resumed: resumed,
    events.Approved: approved,
    events.Promoted: promoted,
    events.Ended: ended,
    events.Superseded: superseded,
}


def check(before: Rollout, event: Event, after: Rollout) -> None:
    """Hold one step against the laws."""
    shown, shows = rollouts.exposure(before).percent, rollouts.exposure(after).percent
    completes = isinstance(after.state, states.Completed)
    assert after.version == before.version + 1
    assert after.at == max(before.at, event.at)
    assert after.epoch - before.epoch in {0, 1}
    assert not owe_alike(before, after) or rollouts.pending(before) == rollouts.pending(after)
    assert shows <= shown or isinstance(event, events.Applied) or completes
    assert shows <= shown or is_within(before, event)
    assert shows == 0 or not isinstance(after.state, states.Stopped)
    assert after.begun or shows == 0
    assert after.begun >= before.begun
    assert after.begun == before.begun or isinstance(event, events.Ended)
    goes_on = isinstance(after.state, states.Queued | states.Advancing)
    if isinstance(before.state, states.Paused) and goes_on:
        assert isinstance(event, events.Resumed)
    if after.accepted - before.accepted:
        assert isinstance(event, events.Resumed)
    if isinstance(before.state, states.Stopped):
        assert isinstance(after.state, states.Stopped)
    if not before.in_flight:
        assert stands(before) == stands(after)
    if law := LAWS.get(type(event)):
        law(before, event, after)


def check_state(rollout: Rollout) -> None:
    """A7, A11, R3: it owes something until it is over, is watched, and names a duty when late."""
    owed = rollouts.pending(rollout)
    assert bool(owed) == rollout.in_flight
    assert len({command.id for command in owed}) == len(owed)
    watched = rollout.reached >= 0 and isinstance(rollout.state, states.Moving)
    assert watched == any(isinstance(command, commands.Assess) for command in owed)
    for command in owed:
        if isinstance(command, commands.Wake) and command.id.endswith(".wake"):
            late = rollouts.following(rollout, events.Woken(command.at))
            paged = any(isinstance(each, commands.Page) for each in rollouts.pending(late))
            assert paged or isinstance(late.state, states.Halted)


def explored(plan: Plan, most: int, strange: Mapping[str, Move] = NOTHING) -> Explored:
    """Hold every state of a plan's rollout against the laws."""
    found = Explored(plan, check, most=most, strange=strange)
    for rollout in found.rollouts.values():
        check_state(rollout)
    if found.is_whole:
        assert [] == found.stuck()
    return found


@pytest.fixture
def told(record_property: Callable[[str, object], None]) -> Told:
    """Count the states, for the summary of the run to say how many there were."""

    def count(*found: Explored) -> int:
        number = sum(len(each.rollouts) for each in found)
        record_property("states", number)
        return number

    return count


@pytest.mark.law("A1")
@pytest.mark.law("A2")
@pytest.mark.law("A3")
@pytest.mark.law("A6")
@pytest.mark.law("A8")
@pytest.mark.law("A11")
@pytest.mark.law("A12")
@pytest.mark.law("E4")
@pytest.mark.law("R1")
@pytest.mark.law("R3")
def test_every_state_of_small_plans_is_lawful(told: Told) -> None:
    """Whatever happens in whatever order, each step and each state keeps the laws, and ends."""
    found = explored(SHORT, most=STATES)
    assert found.is_whole
    assert told(found) > 10_000


def test_the_states_of_a_plan_with_people_are_lawful(told: Told) -> None:
    """Somebody approves in time, or too late, or takes it back; and is asked before a recovery."""
    assert told(explored(ASKED, most=FEW)) == FEW


def test_the_states_of_a_plan_with_a_breaker_are_lawful(told: Told) -> None:
    """A trip halts or asks a person, wherever a rollout stands, and exposes nobody again."""
    assert told(explored(WATCHED, most=FEW)) == FEW


@pytest.mark.law("A8")
def test_the_states_of_a_plan_that_calls_again_are_lawful(told: Told) -> None:
    """Nobody looks after an alert in time, or somebody does, wherever a rollout stands."""
    assert told(explored(CALLED, most=FEW)) == FEW


@pytest.mark.law("A10")
def test_the_states_of_a_queued_release_are_lawful(told: Told) -> None:
    """It begins in its turn and not before, and may be stopped and superseded there."""
    assert told(explored(QUEUED, most=FEW)) == FEW


@pytest.mark.law("A9")
def test_the_states_of_a_plan_with_windows_are_lawful(told: Told) -> None:
    """Whatever happens while they are open or closed, windows hold what exposes, and no halt."""
    assert told(explored(FROZEN, most=FEW)) == FEW


@pytest.mark.law("A9")
@pytest.mark.law("A11")
def test_a_plan_with_windows_ends(told: Told) -> None:
    """Wherever honest work begins, and whether they are open then or closed."""
    found = explored(FROZEN, most=STATES, strange=COMMON)
    assert found.is_whole
    assert told(found) > 1000


@pytest.mark.long
def test_many_states_of_larger_plans_are_lawful(told: Told) -> None:
    """Three rings, more gates, longer bakes change nothing about it, nor do people and queues."""
    whole = [explored(plan, most=STATES) for plan in WHOLE]
    assert all(found.is_whole for found in whole)
    assert told(*whole, *[explored(plan, most) for plan, most in LONG]) > 100_000


# Planted bugs, each of which the search has to find


def leave_on_silence(
    rollout: Rollout, state: states.Baking, event: events.Assessed, verdict: Verdict
) -> Rollout:
    """Take silence for health."""
    if verdict <= Verdict.NO_DATA and state.baked >= rollout.ring.bake:
        return rollouts._leave(rollout, event.at)
    return BAKED(rollout, state, event, verdict)


def resume_on_a_pass(rollout: Rollout, state: states.Moving, event: events.Assessed) -> Rollout:
    """Go on as soon as health looks well, whatever a person thinks."""
    after = ASSESSED(rollout, state, event)
    if isinstance(state, states.Paused) and event.evidence.verdict is Verdict.PASS:
        return attrs.evolve(after, state=state.was)
    return after


def leave_by_hand(rollout: Rollout, state: states.Baking, event: events.Promoted) -> Rollout:
    """Let whoever says so leave the ring."""
    return rollouts._leave(rollout, event.at)


def halt_unless_frozen(rollout: Rollout, state: states.Moving, event: Event) -> Rollout:
    """Let a freeze stop everything, a halt as well."""
    return HALT(rollout, state, event) if is_within(rollout, event) else rollout


def wait_for_who_came(rollout: Rollout, state: states.Paused, event: events.Woken) -> Rollout:
    """Let nothing happen any more, as somebody looks after it."""
    return rollout if state.acknowledged else WOKEN(rollout, state, event)


HALT, WOKEN = rollouts._halt, rollouts._woken_while_paused
BAKED, ASSESSED = rollouts._baked, rollouts._assessed

BUGS: dict[str, tuple[str, object]] = {
    "a ring is left in silence": ("safedeploy.rollouts._baked", leave_on_silence),
    "evidence of another time counts": (
        "safedeploy.rollouts.is_of_exposure",
        lambda rollout, event: rollout.reached >= 0 and event.evidence.scope == rollout.scope,
    ),
    "evidence of elsewhere counts": (
        "safedeploy.rollouts.is_of_exposure",
        lambda rollout, event: rollout.reached >= 0,
    ),
    "a halt is ignored while paused": (
        "safedeploy.rollouts.TRANSITIONS",
        without((states.Paused, events.Assessed)),
    ),
    "a user's alert is ignored while paused": (
        "safedeploy.rollouts.TRANSITIONS",
        without((states.Paused, events.Alerted)),
    ),
    "a pass ends a pause": (
        "safedeploy.rollouts.TRANSITIONS",
        replaced(events.Assessed, resume_on_a_pass),
    ),
    "a recovery is never over": (
        "safedeploy.rollouts.TRANSITIONS",
        without((states.Recovering, events.Withdrawn)),
    ),
    "nobody decides, and nothing halts": (
        "safedeploy.rollouts.TRANSITIONS",
        without((states.Paused, events.Woken)),
    ),
    "a gate isn't waited for": ("safedeploy.openings.are_open", lambda gates, shown: True),
    "an author's approval counts": (
        "safedeploy.gates.Approval.why_not",
        lambda self, person, change: "",
    ),
    "an approval counts for ever": (
        "safedeploy.gates.Approval.opens",
        lambda self, shown: any(word.gate == self.name for word in shown.words),
    ),
    "a promotion counts whatever it is of": (
        "safedeploy.proofs.is_grounded",
        lambda rollout, event: True,
    ),
    "a promotion of an earlier exposure counts": (
        "safedeploy.rollouts.counts",
        lambda rollout, event: event.by.id != AUTHOR and bool(event.reason.strip()),
    ),
    "an author promotes": ("safedeploy.proofs.why_not", lambda rollout, by: ""),
    "a promotion leaves by itself": (
        "safedeploy.rollouts.TRANSITIONS",
        replaced(events.Promoted, leave_by_hand),
    ),
    "a pause keeps what was baked": (
        "safedeploy.rollouts.TRANSITIONS",
        replaced(
            events.Resumed, lambda rollout, state, event: attrs.evolve(rollout, state=state.was)
        ),
    ),
}

FREEZES: dict[str, tuple[str, object]] = {
    "a freeze blocks a halt": ("safedeploy.rollouts._halt", halt_unless_frozen),
    "a ring begins in a freeze": ("safedeploy.plans.Plan.gates", lambda self, number: self.before),
    "a rollout completes in a freeze": ("safedeploy.plans.Plan.after", lambda self, number: ()),
}


QUEUES: dict[str, tuple[str, object]] = {
    "nobody waits for others": (
        "safedeploy.queues.ended",
        lambda rollout, state, event: states.Pending(0, event.at),
    ),
    "whoever is over has let everybody through": (
        "safedeploy.rollouts.TRANSITIONS",
        replaced(
            events.Ended,
            lambda rollout, state, event: attrs.evolve(
                rollout, state=states.Pending(0, event.at), begun=True
            ),
        ),
    ),
    "what is paused isn't superseded": (
        "safedeploy.rollouts.TRANSITIONS",
        without((states.Paused, events.Superseded)),
    ),
    "whoever likes supersedes": ("safedeploy.queues.supersedes", lambda rollout, event: True),
    "what is queued can't be stopped": (
        "safedeploy.rollouts.TRANSITIONS",
        without((states.Queued, events.Aborted)),
    ),
    "nobody is called for who waits too long": (
        "safedeploy.rollouts.TRANSITIONS",
        without((states.Queued, events.Woken)),
    ),
}


CALLS: dict[str, tuple[str, object]] = {
    "nobody else is called": ("safedeploy.pauses.escalates", lambda rollout, state: None),
    "somebody is called all the same": (
        "safedeploy.rollouts.TRANSITIONS",
        without((states.Paused, events.Acknowledged)),
    ),
    "who came has all the time in the world": (
        "safedeploy.rollouts.TRANSITIONS",
        {**rollouts.TRANSITIONS, (states.Paused, events.Woken): wait_for_who_came},
    ),
}

PLANTED: tuple[tuple[Plan, int, dict[str, tuple[str, object]]], ...] = (
    (small(rings=1, gates=0, people=True, late=1), STATES, BUGS),
    (FROZEN, FEW, FREEZES),
    (QUEUED, FEW, QUEUES),
    (CALLED, FEW, CALLS),
)
"""Where each bug is to be found, among the first so many states."""


@pytest.mark.parametrize(
    ("plan", "most", "bug"),
    [
        pytest.param(plan, most, bug, id=name)
        for plan, most, bugs in PLANTED
        for name, bug in bugs.items()
    ],
)
def test_the_search_finds_a_planted_bug(
    plan: Plan, most: int, bug: tuple[str, object], monkeypatch: pytest.MonkeyPatch
) -> None:
    """With the bug in place, some state or step breaks a law."""
    monkeypatch.setattr(*bug)
    with pytest.raises(AssertionError):
        explored(plan, most=most)
