"""Servings: what a flag serves while a rollout of it stands as it does."""

from __future__ import annotations

from functools import partial

from safedeploy import projections
from safedeploy.arms import Asked
from safedeploy.exposures import Project
from safedeploy.flights import Flight
from safedeploy.metrics import Tallies
from safedeploy.rollouts import exposure
from safedeploy.watches import Watches


def project(flight: Flight, tallies: Tallies, watches: Watches) -> Project:
    """Return what makes a flag ready to be asked, and open or close what records its outcomes."""
    rollout, reached = flight.rollout, exposure(flight.rollout)
    if not rollout.in_flight or not reached.percent or rollout.definition is None:
        tallies.close(rollout.id)
        watches.close(rollout.id)
        detail = f"withdrawn: {rollout.id}" if rollout.is_withdrawn else ""
        return partial(projections.Settled, detail=detail)
    asked = Asked.by(rollout.plan.health, rollout.change.subject, reached.percent)
    return partial(
        projections.Released,
        definition=rollout.definition,
        exposure=reached,
        tally=tallies.open(rollout.id, flight.exposure, rollout.exposed_at, asked),
        rollout=rollout.id,
        ring=rollout.scope.ring,
        watch=watches.open(rollout, reached.percent),
    )
