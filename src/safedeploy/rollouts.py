"""The rollout machine: `transition(rollout, event) -> (rollout, commands)`.

A rollout is a value. The same machine drives production, a dry run, a simulation, and the replay of
an incident. Append the event to a journal before acting on the commands; after a crash, `fold` what
was appended and carry out what is `pending`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from datetime import datetime, timedelta
from types import MappingProxyType
from typing import Any, TypeAlias, get_args

import attrs

from safedeploy import arrivals, deliveries, events, openings, pauses, queues, states
from safedeploy.audiences import Exposure
from safedeploy.commands import Command
from safedeploy.copies import changed
from safedeploy.deliveries import Delivered, Stage
from safedeploy.errors import DefinitionError
from safedeploy.events import Event
from safedeploy.explanations import explain
from safedeploy.gates import Shown
from safedeploy.obligations import owe_alike, pending
from safedeploy.proofs import FRESH, counts, is_of_attempt, is_of_exposure, looked_at
from safedeploy.queues import begin, stream
from safedeploy.states import Rollout, State
from safedeploy.verdicts import Verdict

__all__ = [
    "FRESH",
    "TRANSITIONS",
    "Rollout",
    "begin",
    "explain",
    "exposure",
    "fold",
    "following",
    "pending",
    "stream",
    "transition",
]


def transition(rollout: Rollout, event: Event) -> tuple[Rollout, tuple[Command, ...]]:
    """Return the rollout after an event, and the commands that are owed since.

    A pair of state and event that `TRANSITIONS` doesn't have changes nothing but version and time,
    and neither does an event that is late, foreign or repeated.
    """
    after = following(rollout, event)
    if owe_alike(rollout, after):
        return after, ()
    before = pending(rollout)
    return after, tuple(command for command in pending(after) if command not in before)


def following(rollout: Rollout, event: Event) -> Rollout:
    """Return the rollout after an event: `transition`, for who doesn't ask for the commands."""
    handle = TRANSITIONS.get((type(rollout.state), type(event)), _nothing)
    after = handle(rollout, rollout.state, event)
    return changed(after, version=rollout.version + 1, at=max(rollout.at, event.at))


def fold(stream: Iterable[Event]) -> Rollout:
    """Return the rollout that a stream of events leads to. It decides nothing again.

    Raises:
        DefinitionError: the first event isn't `Started`.
    """
    first, *others = tuple(stream) or (None,)
    if not isinstance(first, events.Started):
        raise DefinitionError("stream", type(first).__name__, "begin a stream with Started")
    rollout = begin(first)
    for event in others:
        rollout = following(rollout, event)
    return rollout


def exposure(rollout: Rollout) -> Exposure:
    """Return whom the change has reached: a projection of the state, never stored beside it."""
    subject = rollout.change.subject
    if isinstance(rollout.state, states.Completed):
        return Exposure(subject, 100)
    if rollout.is_withdrawn or rollout.reached < 0:
        return Exposure(subject, 0)
    return Exposure(subject, rollout.plan.exposed(rollout.reached))


# What each event does in each state. Handlers are pure: rollout, its state, the event -> rollout.


def _nothing(rollout: Rollout, _: State, __: Event) -> Rollout:
    return rollout


def _ended(rollout: Rollout, state: states.Queued, event: events.Ended) -> Rollout:
    after = queues.ended(rollout, state, event)
    return attrs.evolve(rollout, state=after, begun=isinstance(after, states.Pending))


def _superseded(rollout: Rollout, state: states.Moving, event: events.Superseded) -> Rollout:
    return _halt(rollout, state, event) if queues.supersedes(rollout, event) else rollout


def _woken_in_queue(rollout: Rollout, state: states.Queued, event: events.Woken) -> Rollout:
    late = event.at >= queues.due(rollout, state)
    return _to(rollout, attrs.evolve(state, overdue=late or state.overdue))


def _answered(rollout: Rollout, state: states.Advancing, event: events.Answered) -> Rollout:
    after = openings.answered(rollout, state, event)
    if any(gate.fails(after.shown) for gate in openings.asked(rollout, state)):
        return _halt(rollout, state, event)
    return _to(rollout, after)


def _signed(
    rollout: Rollout, state: states.Advancing, event: events.Approved | events.Revoked
) -> Rollout:
    return _to(rollout, openings.signed(rollout, state, event))


def _signed_while_paused(
    rollout: Rollout, state: states.Paused, event: events.Approved | events.Revoked
) -> Rollout:
    if isinstance(state.was, states.Queued):
        return rollout
    was = openings.signed(_to(rollout, state.was), state.was, event)
    return _to(rollout, attrs.evolve(state, was=was))


def _applied(rollout: Rollout, state: states.Pending, event: events.Applied) -> Rollout:
    gates, shown = openings.asked(rollout, state), state.shown.later(event.at)
    if not arrivals.is_due(rollout, state, event):
        return rollout
    # A target has begun while they were open: what it has done by now is a fact.
    gates = () if rollout.plan.place(state.ring) else gates
    if not openings.are_open(gates, state.shown):
        return rollout
    if not openings.are_open(gates, shown):
        # What has opened them has expired meanwhile.
        return _to(rollout, attrs.evolve(state, shown=shown))
    return attrs.evolve(
        rollout,
        state=states.Baking(state.ring, since=event.at, seen=event.at),
        epoch=event.epoch,
        reached=state.ring,
        exposed_at=event.at,
        health=rollout.plan.health.enter(rollout.health, event.at),
        evidence=None,
        accepted=frozenset(),
        deliveries=arrivals.applied(rollout, state, event),
    )


def _delivered(rollout: Rollout, state: states.Pending, event: Delivered) -> Rollout:
    known = arrivals.begun(rollout, state, event)
    after = attrs.evolve(rollout, deliveries=known)
    if known is rollout.deliveries or event.stage is not Stage.FAILED:
        return after
    return (_halt if rollout.plan.on_issue.halt_unapplied else _pause)(after, state, event)


def _assessed(rollout: Rollout, state: states.Moving, event: events.Assessed) -> Rollout:
    verdict, judged = event.evidence.but_for(rollout.accepted), rollout
    if is_present := is_of_exposure(rollout, event):
        judged = changed(rollout, health=event.health, evidence=event.evidence)
    if verdict >= Verdict.INVESTIGATE and is_of_attempt(rollout, event.evidence):
        # Harm outlives the ring in which it was seen; going on needs fresh evidence of this one.
        return (_halt if verdict is Verdict.HALT else _pause)(judged, state, event)
    if is_present and isinstance(state, states.Baking):
        return _baked(judged, state, event, verdict)
    return judged


def _baked(
    rollout: Rollout, state: states.Baking, event: events.Assessed, verdict: Verdict
) -> Rollout:
    baked = state.baked + max(timedelta(0), min(event.baked, event.at - state.seen))
    healthy = verdict <= Verdict.INCONCLUSIVE
    shown = verdict is Verdict.PASS and event.evidence.canary.exposures > 0
    needed = rollout.ring.needed(excluded=event.evidence.excludes_margin)
    if state.promoted:
        shown, needed = shown or state.promoted.is_explained, timedelta(0)
    if shown and baked >= needed:
        if openings.are_open(rollout.plan.after(state.ring), state.shown.later(event.at)):
            return _leave(rollout, event.at)
        if not state.earned:
            state = attrs.evolve(state, earned=True, shown=Shown(event.at))
    return _to(rollout, changed(state, seen=event.at, baked=baked, healthy=healthy))


def _leave(rollout: Rollout, at: datetime) -> Rollout:
    following = rollout.reached + 1
    if following < len(rollout.plan.rings):
        return _to(rollout, states.Pending(following, at))
    done = states.Completed(rollout.reached, at)
    return attrs.evolve(rollout, state=done, epoch=rollout.epoch + 1)


def _tripped(rollout: Rollout, state: states.Moving, event: events.Tripped) -> Rollout:
    verdict = event.evidence.but_for(rollout.accepted)
    if verdict < Verdict.INVESTIGATE or not is_of_attempt(rollout, event.evidence):
        return rollout
    return (_halt if verdict is Verdict.HALT else _pause)(rollout, state, event)


def _alerted(rollout: Rollout, state: states.Moving, event: events.Alerted) -> Rollout:
    return (_halt if event.by_user else _pause)(rollout, state, event)


def _halt(rollout: Rollout, state: states.Moving, event: Event) -> Rollout:
    halted = states.Halted(state.ring, event.at, event)
    return attrs.evolve(rollout, state=halted, epoch=rollout.epoch + 1)


def _pause(rollout: Rollout, state: states.Moving, event: Event) -> Rollout:
    return _to(rollout, pauses.begun(rollout, state, event))


def _promoted(rollout: Rollout, state: states.Baking, event: events.Promoted) -> Rollout:
    # It is left by the next assessment, so that harm that shows by then halts all the same.
    return _to(rollout, attrs.evolve(state, promoted=event)) if counts(rollout, event) else rollout


def _resumed(rollout: Rollout, state: states.Paused, event: events.Resumed) -> Rollout:
    accepted = rollout.accepted | looked_at(rollout, state.cause)
    return attrs.evolve(rollout, state=pauses.ended(state, event.at), accepted=accepted)


def _acknowledged(rollout: Rollout, state: states.Paused, _: Event) -> Rollout:
    return _to(rollout, attrs.evolve(state, acknowledged=True))


def _woken_while_paused(rollout: Rollout, state: states.Paused, event: events.Woken) -> Rollout:
    if event.at >= state.deadline:
        return _halt(rollout, state, event)
    return _to(rollout, pauses.woken(rollout, state, event.at))


def _woken(rollout: Rollout, state: states.Advancing, event: events.Woken) -> Rollout:
    late = event.at >= openings.due(rollout, state)
    shown = state.shown.later(event.at)
    return _to(rollout, attrs.evolve(state, shown=shown, overdue=late or state.overdue))


def _recovery_started(rollout: Rollout, state: states.Halted, event: Event) -> Rollout:
    return _to(rollout, states.Recovering(state.ring, event.at, state.cause))


def _left(rollout: Rollout, _: states.Recovering, event: Delivered) -> Rollout:
    return attrs.evolve(rollout, deliveries=arrivals.left(rollout, event))


def _withdrawn(rollout: Rollout, state: states.Recovering, event: Event) -> Rollout:
    if deliveries.standing(rollout.deliveries):
        return rollout
    return _to(rollout, states.RolledBack(state.ring, event.at, state.cause))


def _to(rollout: Rollout, state: State) -> Rollout:
    return changed(rollout, state=state)


_Handler: TypeAlias = Callable[[Rollout, Any, Any], Rollout]

TRANSITIONS: Mapping[tuple[type, type], _Handler] = MappingProxyType(
    {
        (states.Queued, events.Ended): _ended,
        (states.Queued, events.Woken): _woken_in_queue,
        (states.Pending, events.Answered): _answered,
        (states.Pending, events.Approved): _signed,
        (states.Pending, events.Revoked): _signed,
        (states.Pending, events.Applied): _applied,
        (states.Pending, Delivered): _delivered,
        (states.Pending, events.Woken): _woken,
        (states.Baking, events.Answered): _answered,
        (states.Baking, events.Approved): _signed,
        (states.Baking, events.Revoked): _signed,
        (states.Baking, events.Woken): _woken,
        (states.Baking, events.Promoted): _promoted,
        (states.Paused, events.Approved): _signed_while_paused,
        (states.Paused, events.Revoked): _signed_while_paused,
        (states.Paused, events.Woken): _woken_while_paused,
        (states.Paused, events.Acknowledged): _acknowledged,
        (states.Paused, events.Resumed): _resumed,
        (states.Halted, events.RecoveryStarted): _recovery_started,
        (states.Recovering, Delivered): _left,
        (states.Recovering, events.Withdrawn): _withdrawn,
        **{(state, events.Superseded): _superseded for state in get_args(states.Moving)},
        **{(state, events.Assessed): _assessed for state in get_args(states.Moving)},
        **{(state, events.Tripped): _tripped for state in get_args(states.Moving)},
        **{(state, events.Alerted): _alerted for state in get_args(states.Moving)},
        **{(state, events.Aborted): _halt for state in get_args(states.Moving)},
    }
)
"""Every pair of state and event that does something. The documentation's diagram comes from it."""
