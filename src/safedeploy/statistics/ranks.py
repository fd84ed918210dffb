"""Ranks: whether one arm's values tend to be higher, whatever their distribution.

If the arms are alike, then among the units with values up to some bucket, those in that bucket are
the canary's as often as its share. The bets go from bucket to bucket, and suppose that the canary's
values are shifted: a unit that ranks higher among all is likelier the canary's. That is the partial
likelihood of the ranks, so nothing needs to be known of the distribution, which may change from
block to block. Ties are no matter: all of a bucket count at once.

Sources: Cox 1975 on partial likelihood; Ter Schure, Perez-Ortiz, Ly and Grunwald on safe log rank
tests, arXiv 2011.06931.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import TypeAlias

from safedeploy.statistics.logarithms import normal_quantile
from safedeploy.statistics.tables import expected

Histogram: TypeAlias = tuple[tuple[int, int], ...]
"""Buckets, from the lowest, each with how many units have their value in it."""

SHIFTS = (0.2, 0.5, 1.0)
"""By how many standard deviations the bets suppose that the canary's values are shifted."""


def added(histogram: Histogram, values: Mapping[int, int]) -> Histogram:
    """Return a histogram with more values in it."""
    counts = Counter(dict(histogram))
    counts.update({bucket: units for bucket, units in values.items() if units})
    return tuple(sorted(counts.items()))


def rank_factors(rank: float, shifts: Sequence[float] = SHIFTS) -> list[float]:
    """Return how many times likelier a rank is if the canary's values are shifted.

    Args:
        rank: the share of all values that are lower, above 0 and below 1.
        shifts: how far, in standard deviations of a normal distribution.
    """
    z = normal_quantile(rank)
    return [math.exp(shift * z - shift * shift / 2) for shift in shifts]


def rank_gains(canary: Mapping[int, int], baseline: Mapping[int, int]) -> list[float]:
    """Return the logs of what bets on each of `SHIFTS` are multiplied by after a block.

    Args:
        canary: the canary's units by the bucket of their value.
        baseline: the baseline's, whose values came at the same time.
    """
    units = sum(canary.values()) + sum(baseline.values())
    gains, likely = [0.0] * len(SHIFTS), [0.0] * len(SHIFTS)
    below, canary_below = 0, 0
    for bucket in sorted({*canary, *baseline}):
        ours = canary.get(bucket, 0)
        here = ours + baseline.get(bucket, 0)
        up_to, canary_up_to = below + here, canary_below + ours
        for each, factor in enumerate(rank_factors((below + here / 2) / units)):
            if below and canary_up_to:
                odds = factor * below / likely[each]
                lost = expected(canary_up_to, up_to, here, odds)
                gains[each] += ours * math.log(odds) - lost
            likely[each] += factor * here
        below, canary_below = up_to, canary_up_to
    return gains
