"""Crossings: whether more of the canary's units go beyond thresholds than of the baseline's.

A threshold lies at a quantile of what the baseline's units did before, so it is known before the
blocks that it judges. A unit counts once for each threshold, when its slowest call first goes
beyond it. So a user whose calls are always slow doesn't count again and again.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from operator import add
from typing import TypeAlias

from safedeploy.statistics.ranks import Histogram
from safedeploy.statistics.tables import expected

Moves: TypeAlias = Mapping[tuple[int, int], int]
"""Units by the bucket of their slowest call before a block (0: they had none) and after it."""

Tail: TypeAlias = tuple[float, int, tuple[float, ...]]
"""A quantile, how many buckets above it the threshold lies, and the odds that are bet on."""

Crossings: TypeAlias = tuple[int, int, int, int, int]
"""A threshold's bucket, units at risk of the canary and of the baseline, those that crossed."""

NOBODY: Crossings = (0, 0, 0, 0, 0)
"""What is known of a threshold while nobody waits."""

DOUBLING = 8
"""How many buckets higher a call is that takes twice as long."""

TAILS: tuple[Tail, ...] = (
    (0.5, 0, (2.0,)),
    (0.75, 0, (3.0,)),
    (0.9, 0, (4.0,)),
    (0.95, 0, (4.0,)),
    (0.99, 0, (6.0,)),
    (0.999, 0, (30.0,)),
    (0.99, DOUBLING, (100.0,)),
    (0.99, 2 * DOUBLING, (200.0,)),
)
"""What is bet on where no single threshold is asked for."""


def crossed(moves: Moves, threshold: int) -> tuple[int, int]:
    """Return how many units were at risk of a first call beyond a threshold, and had one.

    Args:
        moves: the buckets of the units' slowest calls, before and after.
        threshold: the lowest bucket that is beyond.
    """
    at_risk = beyond = 0
    for (before, after), units in moves.items():
        if before < threshold:
            at_risk += units
            beyond += units if after >= threshold else 0
    return at_risk, beyond


def counted(waited: Crossings, canary: Moves, baseline: Moves, threshold: int) -> Crossings:
    """Return the crossings of a block together with those that waited for it.

    These keep their threshold. What has been seen since must not move it, for it was seen of one
    arm only.
    """
    bucket, *before = waited
    bucket = bucket or threshold
    ours, ours_beyond = crossed(canary, bucket)
    others, others_beyond = crossed(baseline, bucket)
    a, b, c, d = map(add, before, (ours, others, ours_beyond, others_beyond))
    return (bucket, a, b, c, d) if a or b else NOBODY


def gain(crossings: Crossings, odds: float, tolerate: float) -> float:
    """Return the log of what a bet on odds is multiplied by; 0 until both arms are at risk."""
    _, canary, baseline, ours, others = crossings
    if not canary or not baseline:
        return 0.0
    if tolerate == 1:
        lost = expected(canary, canary + baseline, ours + others, odds)
    else:
        share = tolerate * canary / (tolerate * canary + baseline)
        lost = (ours + others) * math.log1p(share * (odds - 1))
    return ours * math.log(odds) - lost


def beyond(history: Histogram, quantile: float, above: int) -> int:
    """Return the lowest bucket beyond a quantile, and so many more; 0 without a history.

    The quantile 0 is below all buckets, whatever the history.
    """
    left = quantile * sum(units for _, units in history)
    for bucket, units in history if quantile else ():
        left -= units
        if left <= 0:
            return bucket + 1 + above
    return 0 if quantile else above
