"""Tables: two arms, and in each how many exceed; bets that are exact for chances of any size.

Without a base rate (`doubled`), and with one that the past tells (`bernoulli`).
"""

from __future__ import annotations

import math


def expected(canary: int, units: int, exceeding: int, odds: float) -> float:
    """Return the log of what `odds ** (those of the canary)` is on average, or a little more.

    If the arms are alike, how many of those that exceed are the canary's has a hypergeometric
    chance, as has a sum of independent indicators with the same mean and variance (Vatutin and
    Mikhailov 1982). Among all of such, those with the highest average have chances of two values
    only, one of which is 0 or 1 (Karlin and Studden, Tchebycheff Systems 1966). So a bet that is
    divided by this wins nothing on average if the arms are alike. It is exact where one unit
    exceeds, or the canary has one unit, and nearly so elsewhere.

    Args:
        canary: units of the canary.
        units: units of both arms.
        exceeding: those of the units that exceed.
        odds: how many times likelier one of the canary is to exceed, in odds.
    """
    less, more = sorted((canary, exceeding))
    if not less or more == units:
        return less * math.log(odds)  # no chance in it
    pairs = units * (units - 1)
    if odds < 1:
        share = 1 - (units - less) * (units - more) / pairs
        return less * more / units / share * math.log1p(share * (odds - 1))
    chance = more * (units - less) / pairs
    sure = more * (less - 1) / (pairs - more * (units - less))
    return less * (sure * math.log(odds) + (1 - sure) * math.log1p(chance * (odds - 1)))


def bernoulli(
    canary: int,
    baseline: int,
    canary_exceeding: int,
    baseline_exceeding: int,
    *,
    canary_rate: float,
    baseline_rate: float,
    tolerate: float = 1.0,
) -> tuple[float, float]:
    """Return the log e-value of a block against "no worse than tolerated", and its null's rate.

    It bets on two rates, which must be supposed before the block is seen, against the pair of
    rates nearest to them that is no worse: `rate` and `tolerate` times that.

    Source: Turner, Ly and Grunwald, arXiv 2106.02693.

    Args:
        canary: units of the canary.
        baseline: units of the baseline.
        canary_exceeding: those of the canary that exceed (or fail).
        baseline_exceeding: those of the baseline.
        canary_rate: the share that is supposed to exceed of the canary, above 0 and below 1.
        baseline_rate: the same of the baseline.
        tolerate: the ratio of rates that is tolerated.

    Returns:
        The baseline's rate in the nearest null, and the log e-value: 0 where what is supposed is
        no worse than tolerated.
    """
    if canary_rate <= tolerate * baseline_rate:
        return baseline_rate, 0.0
    both = canary + baseline
    half = canary * (canary_rate + tolerate) + baseline * (1 + tolerate * baseline_rate)
    product = canary * canary_rate + baseline * baseline_rate
    root = math.sqrt(max(0.0, half * half - 4 * tolerate * both * product))
    rate = 2 * product / (half + root)
    won = _ratio(canary_exceeding, canary - canary_exceeding, canary_rate, tolerate * rate)
    won += _ratio(baseline_exceeding, baseline - baseline_exceeding, baseline_rate, rate)
    return rate, won


def _ratio(exceeding: int, others: int, supposed: float, null: float) -> float:
    """Return the log of how much likelier so many exceed with one rate than with another."""
    return exceeding * math.log(supposed / null) + others * math.log((1 - supposed) / (1 - null))
