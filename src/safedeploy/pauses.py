"""Pauses: the clock of a rollout stands still until a person decides, or it is too late."""

from __future__ import annotations

from datetime import datetime

import attrs

from safedeploy import states
from safedeploy.events import Event
from safedeploy.states import Paused, Rollout


def begun(rollout: Rollout, state: states.Moving, event: Event) -> states.Moving:
    """Return the pause that an alert begins; one that there is already goes on."""
    if isinstance(state, Paused):
        return state
    return Paused(state, event.at, event.at + rollout.plan.alert_deadline, event)


def escalates(rollout: Rollout, state: Paused) -> datetime | None:
    """Return when somebody else is called, as nobody looks after it; None if nobody is."""
    within = rollout.plan.acknowledge_within
    if within is None or state.acknowledged or state.escalated:
        return None
    return state.since + within


def woken(rollout: Rollout, state: Paused, at: datetime) -> Paused:
    """Return the pause at a later time, before its deadline."""
    due = escalates(rollout, state)
    return attrs.evolve(state, escalated=True) if due is not None and due <= at else state


def ended(state: Paused, at: datetime) -> states.Queued | states.Pending | states.Baking:
    """Return the state that goes on. Health had a break, so a bake begins again."""
    was = state.was
    if not isinstance(was, states.Baking):
        return was
    return states.Baking(was.ring, was.since, at, overdue=was.overdue, shown=was.shown)
