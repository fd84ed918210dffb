"""Openings: which gates a rollout waits for, and what answers and approvals do to them."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import TypeVar

import attrs

from safedeploy import events, states
from safedeploy.errors import ApprovalRefusedError
from safedeploy.gates import Approval, Check, Gate, Shown, Word, leaves
from safedeploy.people import Person
from safedeploy.states import Advancing, Rollout, State

T = TypeVar("T", bound=Gate)


def asked(rollout: Rollout, state: State) -> tuple[Gate, ...]:
    """Return the gates that must be open before a ring begins, or is left, as the state has it."""
    match state:
        case states.Pending(ring=ring):
            return rollout.plan.gates(ring)
        case states.Baking(ring=ring, earned=True):
            return rollout.plan.after(ring)
        case states.Paused(was=states.Pending() as was):
            return asked(rollout, was)
        case _:
            return ()


def are_open(gates: Iterable[Gate], shown: Shown) -> bool:
    """Tell whether all of several gates are open."""
    return all(gate.opens(shown) for gate in gates)


def due(rollout: Rollout, state: Advancing) -> datetime:
    """Return when a ring is late: while its windows are closed, its deadline isn't up."""
    late, window = state.since + rollout.ring.deadline, rollout.plan.window(state.ring)
    opens = window.opens(late) if window else None
    return late if opens is None or opens == late else opens + rollout.ring.deadline


def check(rollout: Rollout, name: str) -> Check | None:
    """Return the check of a name that is waited for; None if there is none."""
    return _leaf(asked(rollout, rollout.state), name, Check)


def approvals(rollout: Rollout, gate: str | None, person: Person) -> tuple[Approval, ...]:
    """Return the approvals that a person may give now: those of one gate, or all of them.

    Raises:
        ApprovalRefusedError: there are none.
    """
    if not isinstance(person, Person):
        raise ApprovalRefusedError("by", person, "give a Person, with the roles that they have")
    waited = [it for it in leaves(asked(rollout, rollout.state)) if isinstance(it, Approval)]
    found = [it for it in waited if gate in {None, it.name}]
    if not found:
        names = f"choose one of {[it.name for it in waited]}" if waited else "wait until one is"
        raise ApprovalRefusedError("gate", gate, f"no such approval is asked for now: {names}")
    refusals = {it: it.why_not(person, rollout.change) for it in found}
    if all(refusals.values()):
        raise ApprovalRefusedError("by", person.id, refusals[found[0]])
    return tuple(it for it in found if not refusals[it])


def missing(rollout: Rollout, name: str) -> str:
    """Return what a gate that is asked waits for, and of which others it is one."""
    gates, shown = _standing(rollout)
    [(whole, leaf)] = [(it, leaf) for it in gates for leaf in it.leaves if leaf.name == name]
    told = leaf.missing(shown)
    return told if whole is leaf else f"{told}, of {whole.name}"


def then(rollout: Rollout, at: datetime) -> str:
    """Return what happens at a time that a rollout waits for: something expires, or it is late."""
    gates, shown = _standing(rollout)
    turned = [leaf.then(shown) for leaf in leaves(gates) if at in leaf.turns(shown)]
    return " and ".join(turned) or "a person is called"


def _standing(rollout: Rollout) -> tuple[tuple[Gate, ...], Shown]:
    state = rollout.state
    shown = state.shown if isinstance(state, Advancing) else Shown(rollout.at)
    return asked(rollout, state), shown


def answered(rollout: Rollout, state: Advancing, event: events.Answered) -> Advancing:
    """Return the state after a check was answered: as it was, unless that is waited for."""
    gates = asked(rollout, state)
    found = _leaf(gates, event.gate, Check)
    waits = any(leaf is found for gate in gates for leaf in gate.awaited(state.shown))
    is_ours = event.scope in {None, rollout.guarded} and event.at >= state.shown.since
    if not found or not waits or not is_ours:
        return state
    shown = found.answered(state.shown, event.answer, event.at, event.since)
    return attrs.evolve(state, shown=shown)


def signed(
    rollout: Rollout, state: Advancing, event: events.Approved | events.Revoked
) -> Advancing:
    """Return the state after a person approved or revoked: as it was, unless that counts."""
    gate = _leaf(asked(rollout, state), event.gate, Approval)
    if gate is None or event.scope != rollout.guarded:
        return state
    until = event.at
    if isinstance(event, events.Approved):
        if event.digest != rollout.digest or gate.why_not(event.by, rollout.change):
            return state
        until += gate.expires
    word = Word(event.gate, event.by.id, event.at, until)
    return attrs.evolve(state, shown=state.shown.say(word))


def _leaf(gates: Iterable[Gate], name: str, kind: type[T]) -> T | None:
    found = (leaf for leaf in leaves(gates) if isinstance(leaf, kind) and leaf.name == name)
    return next(found, None)
