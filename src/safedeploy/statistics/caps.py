"""Caps: nothing is staked on winning more than decides, so more is won where it matters.

Given how many exposures of a block fail, how many of these are the canary's has a hypergeometric
chance if the canary is no worse: every unit is as likely as any other to be in the canary. So each
outcome can be paid what one likes, as long as the mean over all is the wealth before. What a bet
would pay beyond the limit is shared out among the outcomes that stay below. The mean is exact, and
the order of the failures within the block doesn't matter.

Source: Fischer and Ramdas on overshoot, arXiv 2410.16076, there for one observation at a time.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import accumulate
from operator import mul
from typing import TypeAlias

from safedeploy.statistics.bets import total
from safedeploy.statistics.logarithms import log, log_sum

MOST = 128
"""Blocks with more likely outcomes aren't looked at so closely: the bets pay what they pay."""

_SPREAD = 8  # outcomes that are so many deviations and units from the mean have no chance
_ABOVE = 1e-12  # how far the limit is passed, so that rounding doesn't keep it from being reached

Counts: TypeAlias = tuple[int, int, int, int]
"""Exposures of the canary and of the baseline, failures of the canary and of the baseline."""


def capped(
    cash: float,
    before: Sequence[float],
    after: tuple[float, ...],
    odds: Sequence[float],
    counts: Counts,
    *,
    enough: float,
) -> tuple[float, ...]:
    """Return the logs of the stakes after a block of which no outcome pays more than enough.

    Whether it is looked at so closely depends on what was won before, and on how many fail, but
    not on whose the failures are.

    Args:
        cash: what isn't staked.
        before: the logs of the stakes before the block.
        after: the same after it, without a cap.
        odds: the log of what one failure more of the canary, and one less of the baseline,
            multiplies each stake by; all above 0.
        counts: what the block was.
        enough: the log of the wealth that is enough.
    """
    outcomes = _outcomes(counts)
    if not 0 < len(outcomes) <= MOST:
        return after
    more = outcomes[-1] - counts[2]
    highest = log_sum([stake + more * each for stake, each in zip(after, odds, strict=True)])
    if highest < enough or total(cash, before) >= enough:
        return after
    stake, top = sum(map(math.exp, before)), math.exp(enough + _ABOVE) - cash
    worths = _worths(after, odds, outcomes, counts[2])
    scale = _scale(worths, hypergeometric(counts, outcomes), stake, top)
    factor = min(log(scale), math.log(top) - log_sum(after))
    return tuple([won + factor for won in after])


def _worths(
    stakes: Sequence[float], odds: Sequence[float], outcomes: range, happened: int
) -> list[float]:
    """Return what all stakes together would be, for each outcome."""
    factors = list(map(math.exp, odds))
    fewer = outcomes[0] - happened
    bets = [math.exp(stake + fewer * each) for stake, each in zip(stakes, odds, strict=True)]
    worths: list[float] = []
    for _ in outcomes:
        worths.append(sum(bets))
        bets = list(map(mul, bets, factors))
    return worths


def hypergeometric(counts: Counts, outcomes: range) -> list[float]:
    """Return the chance that so many of a block's failures are the canary's, for each outcome."""
    canary, baseline, *failed = counts
    failures = sum(failed)
    weights: list[float] = []
    weight = 1.0
    for k in outcomes:
        weights.append(weight)
        weight *= (canary - k) * (failures - k) / ((k + 1) * (baseline - failures + k + 1))
    whole = sum(weights)
    return [weight / whole for weight in weights]


def _outcomes(counts: Counts) -> range:
    """Return how many of a block's failures may be the canary's, but for what has no chance."""
    canary, baseline, canary_failures, baseline_failures = counts
    failures = canary_failures + baseline_failures
    mean = failures * canary / (canary + baseline)
    reach = _SPREAD * (1 + math.sqrt(mean))
    least = max(0, failures - baseline, math.ceil(mean - reach))
    most = min(failures, canary, int(mean + reach))
    return range(least, most + 1)


def _scale(worths: list[float], chances: list[float], stake: float, top: float) -> float:
    """Return what worths are multiplied by so that their mean, none above the top, is the stake.

    Worths rise. So the highest is capped first, then the next, until the others stay below.
    """
    means: list[float] = list(accumulate(map(mul, worths, chances)))
    beyond, last = 0.0, len(worths) - 1
    while last and worths[last] * (stake - top * beyond) > top * means[last]:
        beyond += chances[last]
        last -= 1
    return (stake - top * beyond) / means[last]
