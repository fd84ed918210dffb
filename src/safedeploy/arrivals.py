"""Arrivals: what a rollout knows of its deliveries once something was told of one."""

from __future__ import annotations

from safedeploy import deliveries, events, openings, states
from safedeploy.deliveries import Delivered, Deliveries, Stage
from safedeploy.states import Rollout


def begun(rollout: Rollout, state: states.Pending, event: Delivered) -> Deliveries:
    """Return what is known after a delivery has begun, or failed: as it was, unless it was due."""
    known, place = rollout.deliveries, rollout.plan.place(state.ring)
    if place is None or (event.place, event.ring) != (place, rollout.ring.name):
        return known
    is_begun = deliveries.is_begun(known, place, event.ring)
    is_open = openings.are_open(openings.asked(rollout, state), state.shown.later(event.at))
    due = {Stage.BEGUN: is_open and not is_begun, Stage.FAILED: is_begun}
    return deliveries.told(known, event) if due.get(event.stage) else known


def is_due(rollout: Rollout, state: states.Pending, event: events.Applied) -> bool:
    """Tell whether a ring was asked for, and where it has a place, recorded before it was begun."""
    ring, place = rollout.ring.name, rollout.plan.place(state.ring)
    is_asked = (event.ring, event.epoch) == (ring, rollout.epoch + 1)
    return is_asked and (place is None or deliveries.is_begun(rollout.deliveries, place, ring))


def applied(rollout: Rollout, state: states.Pending, event: events.Applied) -> Deliveries:
    """Return what is known once a ring is applied."""
    place = rollout.plan.place(state.ring)
    if place is None:
        return rollout.deliveries
    there = Delivered(event.at, place, event.ring, Stage.APPLIED)
    return deliveries.told(rollout.deliveries, there)


def left(rollout: Rollout, event: Delivered) -> Deliveries:
    """Return what is known after a withdrawal: as it was, unless that was due."""
    known = rollout.deliveries
    is_due = any(each.place == event.place for each in deliveries.standing(known))
    is_told = event.stage in {Stage.STUCK, Stage.WITHDRAWN}
    return deliveries.told(known, event) if is_due and is_told else known
