"""Rehearsals: rollouts on the real machine, with counts drawn at random and no traffic made."""

from __future__ import annotations

import math
from datetime import UTC, datetime, timedelta
from random import Random

import attrs

from safedeploy import rollouts
from safedeploy.assessments import assess
from safedeploy.events import Applied, Started
from safedeploy.flags import FeatureFlag
from safedeploy.plans import Plan
from safedeploy.states import Halted
from safedeploy.traffic import Traffic
from safedeploy.verdicts import Counts, Measurement

_FLAG = FeatureFlag.boolean("rehearsed")
_NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)


@attrs.frozen
class Ending:
    """Say how the first ring of a rehearsal ended: whether it halted, after how long, the harm."""

    halted: bool
    took: timedelta
    harmed: float


def rehearse(plan: Plan, traffic: Traffic, dice: Random, *, ratio: float = 1.0) -> Ending:
    """Drive a rollout until its first ring is over; its change fails `ratio` times as often."""
    at, every, harmed = _NOON, plan.assess_every, 0.0
    rollout = rollouts.begin(Started(at, _FLAG.change(author="7"), plan, 1, _FLAG))
    rollout = rollouts.following(rollout, Applied(at, rollout.ring.name, 1))
    arriving, share = traffic.per_minute * (every / timedelta(minutes=1)), plan.exposed(0) / 100
    while rollout.state.ring == 0 and not isinstance(rollout.state, Halted):
        since, at = at, at + every
        canary = _arm(dice, arriving * share, min(ratio * traffic.failing, 1))
        baseline = _arm(dice, arriving * (1 - share), traffic.failing)
        measured = Measurement(since, at, canary, baseline)
        rollout = rollouts.following(rollout, assess(rollout, measured, at, every))
        harmed += canary.units * (ratio - 1) * traffic.failing
    return Ending(isinstance(rollout.state, Halted), at - _NOON, harmed)


def _arm(dice: Random, mean: float, rate: float) -> Counts:
    units = drawn(dice, mean, mean)
    failures = min(units, drawn(dice, units * rate, units * rate * (1 - rate)))
    return Counts(units, units, failures, units)


def drawn(dice: Random, mean: float, variance: float) -> int:
    """Return a count: Poisson where it is small, and as good as normal where it is large."""
    if mean > 60:
        return max(0, round(dice.gauss(mean, math.sqrt(variance))))
    number, product, limit = 0, dice.random(), math.exp(-mean)
    while product > limit:
        number, product = number + 1, product * dice.random()
    return number
