"""Assessments: what was measured becomes an event, and whether that event is worth recording."""

from __future__ import annotations

from datetime import datetime, timedelta

from safedeploy.events import Assessed
from safedeploy.shadows import alarms
from safedeploy.states import Baking, Rollout
from safedeploy.verdicts import Against, Evidence, Measurement, Verdict

TOLERANCE = 3
"""A gap longer than this many assessment intervals earns no bake: nobody watched."""

BLOCKS = 500
"""So many blocks are folded in at most before that is recorded: a successor reads them again."""

SLICES = 4
"""Parts of a ring's bake: the bets' reserve is staked, and progress recorded, part by part."""


def assess(
    rollout: Rollout, measurement: Measurement, at: datetime, elapsed: timedelta
) -> Assessed:
    """Judge the present exposure after one more block, for `rollouts.transition` to apply.

    Args:
        rollout: a rollout that has reached a ring.
        measurement: what was measured since the last assessment.
        at: now.
        elapsed: how long ago the last assessment was, by the slowest clock there is.
    """
    model, criteria = rollout.plan.health, rollout.plan.criteria(rollout.reached, at)
    health = model.observe(rollout.health, measurement, _progress(rollout))
    evidence = Evidence(
        scope=rollout.scope,
        since=min(rollout.exposed_at, measurement.since),
        until=measurement.until,
        source=measurement.source,
        canary=health.canary,
        baseline=health.baseline,
        findings=model.judge(health, criteria),
        against=_against(rollout, measurement),
    )
    return Assessed(at, evidence, health, _earned(rollout, evidence, elapsed))


def has_moved(before: Rollout, after: Rollout) -> bool:
    """Tell whether a rollout stands elsewhere: in another kind of state or ring, or past a bake."""
    return _place(before) != _place(after)


def is_worth_recording(recorded: Rollout, after: Rollout) -> bool:
    """Tell whether a journal should learn how a rollout has moved since it was last recorded.

    It should when the rollout stands elsewhere, when a part of the bake was earned, when a shadow
    raises an alarm, when the verdict is another one and some time has passed, and when many blocks
    were folded in. A rollout that waits for ever writes ever less.
    """
    if has_moved(recorded, after):
        return True
    if _slice(after) != _slice(recorded):
        return True
    if _alarms(after) - _alarms(recorded):
        return True
    if after.health.block - recorded.health.block >= BLOCKS:
        return True
    patience = (after.at - after.exposed_at) / 10
    return _verdict(after) != _verdict(recorded) and after.at - recorded.at > patience


def _place(rollout: Rollout) -> tuple[type, int, bool]:
    state = rollout.state
    return type(state), state.ring, isinstance(state, Baking) and state.earned


def _against(rollout: Rollout, measurement: Measurement) -> Against:
    """Return what the baseline is: in the last ring, what is left of the rest is held back."""
    plan, reached = rollout.plan, rollout.reached
    if measurement.against is not Against.REST or plan.rings[reached].percent + plan.holdback < 100:
        return measurement.against
    return Against.HOLDBACK if plan.exposed(reached) < 100 else Against.NOBODY


def _earned(rollout: Rollout, evidence: Evidence, elapsed: timedelta) -> timedelta:
    state, every = rollout.state, rollout.plan.assess_every
    watched = isinstance(state, Baking) and state.healthy and elapsed <= TOLERANCE * every
    healthy = evidence.but_for(rollout.accepted) <= Verdict.INCONCLUSIVE
    return elapsed if watched and healthy else timedelta(0)


def _progress(rollout: Rollout) -> float:
    """Return how many of the plan's inner slice boundaries were passed, as a share of all."""
    return (SLICES * rollout.reached + _slice(rollout)) / (SLICES * len(rollout.plan.rings) - 1)


def _slice(rollout: Rollout) -> int:
    state = rollout.state
    if not isinstance(state, Baking) or state.baked >= rollout.ring.bake:
        return SLICES - 1
    return int(SLICES * (state.baked / rollout.ring.bake))


def _alarms(rollout: Rollout) -> frozenset[tuple[str, str]]:
    return alarms(rollout.evidence.findings) if rollout.evidence else frozenset()


def _verdict(rollout: Rollout) -> Verdict | None:
    return rollout.evidence.verdict if rollout.evidence else None
