"""Queues: what an attempt begins as, behind whom it waits, and when it is its turn."""

from __future__ import annotations

from datetime import datetime, timedelta

import attrs

from safedeploy import events
from safedeploy.changes import Change
from safedeploy.plans import Plan
from safedeploy.states import Pending, Queued, Rollout


def stream(change: Change, plan: Plan, attempt: int) -> str:
    """Return the id of a rollout: the same release asked again is the same rollout."""
    return f"{change}/{plan.digest[:12]}/{attempt}"


def begin(event: events.Started) -> Rollout:
    """Return the rollout that an attempt begins with."""
    return Rollout(
        id=stream(event.change, event.plan, event.attempt),
        change=event.change,
        plan=event.plan,
        attempt=event.attempt,
        definition=event.definition,
        state=_first(event),
        version=1,
        at=event.at,
        epoch=0,
        reached=-1,
        exposed_at=event.at,
        health=event.plan.health.start(event.at),
        begun=not (event.behind or event.beside),
    )


def _first(event: events.Started) -> Queued | Pending:
    """Return the state that an attempt begins in."""
    if event.behind or event.beside:
        return Queued(event.at, event.behind, event.beside)
    return Pending(0, event.at)


def ended(rollout: Rollout, state: Queued, event: events.Ended) -> Queued | Pending:
    """Return the state after a rollout is over: it is the next one's turn, or others are ahead."""
    behind = tuple(each for each in state.behind if each != event.rollout)
    beside = tuple(each for each in state.beside if each != event.rollout)
    if not behind and len(beside) < rollout.plan.most_in_flight:
        return Pending(0, event.at)
    return attrs.evolve(state, behind=behind, beside=beside)


def due(rollout: Rollout, state: Queued) -> datetime:
    """Return when a rollout has waited for as long as all rings of its plan may take."""
    return state.since + sum((ring.deadline for ring in rollout.plan.rings), timedelta(0))


def supersedes(rollout: Rollout, event: events.Superseded) -> bool:
    """Tell whether it is another rollout of the same subject that takes a rollout's place."""
    return event.by != rollout.id and event.by.startswith(f"{rollout.change.subject}@")
