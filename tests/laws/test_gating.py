"""The laws of gates, A2, A11 and M4, on the machine: what has opened them, by an oracle."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from safedeploy import commands, events, openings, rollouts, states
from safedeploy.events import Event
from safedeploy.gates import Answer, Approval, AtLeast, Check, Gate, leaves
from safedeploy.people import Person
from safedeploy.states import Rollout
from tests.laws.histories import (
    AUTHOR,
    EVERY,
    PEOPLE,
    ROLES,
    SAID,
    Step,
    approved,
    confirmed,
    histories,
    reachable,
    started,
)
from tests.laws.test_advance import leaves as leaves_its_ring

GATED = histories(people=True, least=12)
ANYBODY = st.sampled_from(PEOPLE)


def was_shown(gate: Gate, heard: Sequence[tuple[Rollout, Event]], at: datetime) -> bool:
    """Tell from the events alone whether a gate had been shown what it asks for.

    Args:
        gate: which.
        heard: every event since the gate was asked, with the rollout before it.
        at: when.
    """
    match gate:
        case AtLeast(count=count, gates=parts):
            return sum(was_shown(part, heard, at) for part in parts) >= count
        case Approval(name=name, quorum=quorum):
            return len(approvers(gate, heard, at)) >= quorum and bool(name)
        case Check(name=name, expires=expires):
            return any(
                isinstance(event, events.Answered)
                and (event.gate, event.answer) == (name, Answer.OPENS)
                and event.scope in {None, before.guarded}
                and (expires is None or event.at + expires > at)
                for before, event in heard
            )
        case _:
            raise AssertionError(gate)


def approvers(
    gate: Approval, heard: Sequence[tuple[Rollout, Event]], at: datetime
) -> frozenset[str]:
    """Find who has approved, hasn't taken it back, and isn't the author."""
    counting: dict[str, datetime] = {}
    for before, event in heard:
        if isinstance(event, events.Approved) and (event.scope, event.digest) == (
            before.guarded,
            before.digest,
        ):
            if gate.role in event.by.roles and event.by.id != AUTHOR and event.gate == gate.role:
                counting[event.by.id] = max(event.at, counting.get(event.by.id, event.at))
        elif isinstance(event, events.Revoked) and event.gate == gate.role:
            counting.pop(event.by.id, None)
    return frozenset(who for who, when in counting.items() if when + gate.expires > at)


def heard_by(history: tuple[Step, ...], number: int) -> list[tuple[Rollout, Event]]:
    """Return the events since the gates were asked that a step of a history has passed."""
    before = history[number].before
    state = before.state
    assert isinstance(state, states.Advancing)
    begun = number
    while begun and is_asked_alike(history[begun - 1].before, before):
        begun -= 1
    return [
        (step.before, step.event)
        for step in history[begun:number]
        if step.event.at >= state.shown.since
    ]


def is_asked_alike(earlier: Rollout, later: Rollout) -> bool:
    """Tell whether two rollouts wait at the same gates, one maybe paused."""
    state = earlier.state.was if isinstance(earlier.state, states.Paused) else earlier.state
    return openings.asked(attrs.evolve(earlier, state=state), state) == openings.asked(
        later, later.state
    ) and (earlier.epoch, type(state)) == (later.epoch, type(later.state))


def begins(step: Step) -> bool:
    """Tell whether a ring begins in a step."""
    return isinstance(step.before.state, states.Pending) and isinstance(
        step.after.state, states.Baking
    )


@pytest.mark.law("A2")
@given(GATED)
def test_no_gate_is_passed_that_was_not_shown_what_it_asks_for(history: tuple[Step, ...]) -> None:
    """Every gate was open when its ring began, or was left: by fresh answers about it, and people.

    Worked out from the events alone: what was heard since the gate was asked, of this change, plan,
    attempt, ring and epoch, and hadn't expired or been taken back by then.
    """
    for number, step in enumerate(history):
        if begins(step):
            gates = step.before.plan.gates(step.before.state.ring)
        elif leaves_its_ring(step):
            gates = step.before.ring.after
        else:
            continue
        heard = heard_by(history, number)
        assert all(was_shown(gate, heard, step.event.at) for gate in gates)


FOREIGN = {
    "of another change": lambda scope: attrs.evolve(scope, change="service:other@1"),
    "of another attempt": lambda scope: attrs.evolve(scope, attempt=scope.attempt + 1),
    "of another ring": lambda scope: attrs.evolve(scope, ring="elsewhere"),
    "of an earlier epoch": lambda scope: attrs.evolve(scope, epoch=scope.epoch - 1),
}


@pytest.mark.law("A2")
@given(GATED, st.sampled_from(sorted(FOREIGN)))
def test_what_is_told_of_anything_else_opens_nothing(history: tuple[Step, ...], how: str) -> None:
    """Answers, approvals and revocations about another gate, or older than it, change nothing."""
    for rollout in reachable(history):
        at, scope = rollout.at, FOREIGN[how](rollout.guarded)
        for gate in leaves(openings.asked(rollout, rollout.state)):
            told: list[Event] = [
                *(events.Answered(at, gate.name, answer, scope=scope) for answer in Answer),
                approved(rollout, gate.name, at, scope=scope),
                approved(rollout, gate.name, at, digest="f00"),
                events.Revoked(at, gate.name, scope, Person(PEOPLE[0], ROLES), "not so fine"),
            ]
            for event in told:
                assert rollout.state == rollouts.following(rollout, event).state


@pytest.mark.law("A2")
@given(GATED)
def test_what_was_said_before_a_gate_was_asked_opens_nothing(history: tuple[Step, ...]) -> None:
    """An answer or approval that is older than the waiting changes nothing."""
    for rollout in reachable(history):
        state = rollout.state
        if isinstance(state, states.Advancing):
            at = state.shown.since - timedelta(microseconds=1)
            for gate in leaves(openings.asked(rollout, state)):
                told: list[Event] = [approved(rollout, gate.name, at)]
                told += [events.Answered(at, gate.name, answer) for answer in Answer]
                for event in told:
                    assert state == rollouts.following(rollout, event).state


@pytest.mark.law("A2")
@given(GATED)
def test_an_opening_that_has_expired_closes_the_gate(history: tuple[Step, ...]) -> None:
    """Once what was shown has expired, the ring doesn't begin, and the gate is asked again."""
    for rollout in reachable(history):
        if isinstance(rollout.state, states.Pending):
            checks = [gate.name for gate in openings.asked(rollout, rollout.state)]
            for opening in rollout.state.shown.opened:
                if opening.until and opening.gate in checks:
                    event = events.Applied(opening.until, rollout.ring.name, rollout.epoch + 1)
                    late = rollouts.following(rollout, event)
                    late = rollouts.following(late, events.Woken(opening.until))
                    owed = rollouts.pending(late)
                    asked = [each.gate for each in owed if isinstance(each, commands.Ask)]
                    assert isinstance(late.state, states.Pending)
                    assert opening.gate in asked
                    assert not any(isinstance(each, commands.Apply) for each in owed)


@pytest.mark.law("M4")
@given(GATED)
def test_nobody_approves_their_own_change(history: tuple[Step, ...]) -> None:
    """Whatever roles the author has, an approval by the author changes nothing."""
    for rollout in reachable(history):
        for role in ROLES:
            event = approved(rollout, role, rollout.at, AUTHOR)
            assert rollout.state == rollouts.following(rollout, event).state


@pytest.mark.law("M4")
@given(GATED, st.lists(ANYBODY, max_size=6) | ANYBODY.map(lambda who: [who] * 3))
def test_a_quorum_counts_distinct_people(history: tuple[Step, ...], who: list[str]) -> None:
    """However often the same people approve, the gate opens when enough of them are others."""
    for rollout in reachable(history):
        for gate in leaves(openings.asked(rollout, rollout.state)):
            if isinstance(gate, Approval) and isinstance(rollout.state, states.Advancing):
                fresh = attrs.evolve(
                    rollout.state, shown=attrs.evolve(rollout.state.shown, words=frozenset())
                )
                after = attrs.evolve(rollout, state=fresh)
                for number, each in enumerate(who):
                    at = rollout.at + number * timedelta(microseconds=1)
                    after = rollouts.following(after, approved(after, gate.name, at, each))
                assert isinstance(after.state, states.Advancing)
                assert gate.opens(after.state.shown) == (len(set(who)) >= gate.quorum)


@pytest.mark.law("A11")
@given(GATED)
def test_a_ring_whose_gates_are_open_begins(history: tuple[Step, ...]) -> None:
    """It is applied as soon as they are, and until then each of them asks for something."""
    for rollout in reachable(history):
        if not isinstance(rollout.state, states.Pending):
            continue
        gates, shown = openings.asked(rollout, rollout.state), rollout.state.shown
        owed = rollouts.pending(rollout)
        applies = any(isinstance(each, commands.Apply) for each in owed)
        asked = {each.gate for each in owed if isinstance(each, commands.Ask | commands.Request)}
        assert openings.are_open(gates, shown) == applies
        for gate in gates:
            assert gate.opens(shown) or asked & {leaf.name for leaf in gate.leaves}


@pytest.mark.law("A11")
@given(GATED)
def test_a_failed_alternative_halts_nothing(history: tuple[Step, ...]) -> None:
    """As long as people may open the gate instead, a check that fails only drops out."""
    for rollout in reachable(history):
        if not isinstance(rollout.state, states.Pending) or rollout.ring.name != "half":
            continue
        asked = [each.gate for each in rollouts.pending(rollout) if isinstance(each, commands.Ask)]
        if "signed" in asked:
            event = SAID["an alternative fails"](rollout, rollout.at)
            after = rollouts.following(rollout, event)
            has_people = len(leaves(openings.asked(rollout, rollout.state))) > 2
            assert has_people == isinstance(after.state, states.Pending)


def waiting_for_people() -> Rollout:
    """Bring a rollout to the gate of the second ring, with its checks open but one."""
    rollout = rollouts.begin(started(people=True))
    for _ in range(20):
        asks = {each.gate for each in rollouts.pending(rollout) if hasattr(each, "gate")}
        if "managers" in asks and "quiet" not in asks:
            break
        [command, *_] = [
            each for each in rollouts.pending(rollout) if not isinstance(each, commands.Wake)
        ]
        rollout = rollouts.following(rollout, confirmed(command, rollout, rollout.at + EVERY))
    return rollout


def test_what_was_approved_while_paused_counts_after() -> None:
    """An alert takes nobody's word away; taking it back counts meanwhile as well."""
    rollout = waiting_for_people()
    alert = events.Alerted(rollout.at, by_user=False, reason="it looks odd")
    paused = rollouts.following(rollout, alert)
    for who in PEOPLE[:2]:
        event = approved(rollout, "managers", rollout.at, who)
        paused = rollouts.following(paused, event)
    back = events.Resumed(paused.at, "8", "it was the weather")
    opened = rollouts.following(paused, back)
    revoked = SAID["a manager revokes"](rollout, rollout.at)
    closed = rollouts.following(rollouts.following(paused, revoked), back)

    assert any(isinstance(each, commands.Apply) for each in rollouts.pending(opened))
    assert not any(isinstance(each, commands.Apply) for each in rollouts.pending(closed))


def test_gates_after_a_ring_are_asked_once_its_bake_is_earned() -> None:
    """Until then they ask for nothing, and the ring is left only by a pass when they are open."""
    rollout = rollouts.begin(started(people=True))
    labels: list[str] = []
    while rollout.in_flight:
        owed = [it for it in rollouts.pending(rollout) if not isinstance(it, commands.Wake)]
        labels.append(type(owed[0]).__name__)
        rollout = rollouts.following(rollout, confirmed(owed[0], rollout, rollout.at + EVERY))

    assert [
        *("Ask", "Apply", "Assess", "Assess"),
        *("Ask", "Ask", "Apply", "Assess", "Assess"),
        *("Apply", "Assess", "Assess", "Ask", "Request", "Assess"),
    ] == labels
    assert isinstance(rollout.state, states.Completed)
