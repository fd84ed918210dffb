"""Planning: how fast evidence grows, how much a plan needs, and what no test can spare."""

from __future__ import annotations

import math

from safedeploy.statistics.labels import ALTERNATIVES, LabelTest
from safedeploy.statistics.logarithms import normal, normal_quantile

_NEAR = 1e-9  # ratios are told to so many parts


def growth(ratio: float, per_canary: float, base_rate: float, *, tolerate: float = 1.0) -> float:
    """Return the log wealth that the best bet gains for each canary exposure.

    It is the information in one canary exposure: the divergence from the nearest rates that both
    arms could share, for small rates (Wald).

    Args:
        ratio: the true rate ratio canary / baseline.
        per_canary: baseline exposures for each canary exposure.
        base_rate: the baseline's failure rate, 0..1.
        tolerate: the ratio that is tolerated.
    """
    ours = ratio * math.log(ratio / tolerate)
    both = (ratio + per_canary) * math.log1p((ratio - tolerate) / (tolerate + per_canary))
    return base_rate * (ours - both)


def remaining(
    log_wealth: float,
    alpha: float,
    ratio: float,
    per_canary: float,
    base_rate: float,
    *,
    tolerate: float = 1.0,
) -> float:
    """Return how many more canary exposures bring the wealth to 1/alpha, if the ratio is true.

    Infinite where the ratio isn't above the tolerated one: then nothing is foreseeable.
    """
    missing = -math.log(alpha) - log_wealth
    gained = growth(ratio, per_canary, base_rate, tolerate=tolerate) if ratio > tolerate else 0.0
    return max(0.0, missing / gained) if gained > 0 else math.inf


def harm_bound(ratio: float, per_canary: float, alpha: float) -> float:
    """Return the excess failures that the canary serves before any test can halt it, on average.

    No test that halts a change which isn't worse with a chance of at most alpha does with less
    (Wald). Traffic and base rate don't matter.

    Args:
        ratio: the true rate ratio canary / baseline.
        per_canary: baseline exposures for each canary exposure.
        alpha: the chance of a false halt.
    """
    return remaining(0.0, alpha, ratio, per_canary, 1.0) * (ratio - 1) if ratio > 1 else 0.0


def sample_size(
    ratio: float,
    per_canary: float,
    base_rate: float,
    *,
    alpha: float,
    power: float = 0.9,
    tolerate: float = 1.0,
) -> float:
    """Return the canary exposures after which a true ratio would have been noticed.

    For each alternative the log wealth is taken as normal, with the mean and variance of its
    Poisson counts; the least number over the alternatives is enough, as the wealth is their sum.

    Args:
        ratio: the true rate ratio canary / baseline.
        per_canary: baseline exposures for each canary exposure.
        base_rate: the baseline's failure rate, 0..1.
        alpha: the chance of a false halt.
        power: the chance of having noticed, above 0.5 and below 1.
        tolerate: the ratio that is tolerated.

    Returns:
        A number of exposures; infinite if the ratio is too near to the tolerated one.
    """
    goal, z = _goal(alpha), normal_quantile(power)
    return min(_reach(goal, z, *drift) for drift in _drifts(tolerate, ratio, per_canary, base_rate))


def power(
    ratio: float,
    per_canary: float,
    base_rate: float,
    canary: float,
    *,
    alpha: float,
    tolerate: float = 1.0,
) -> float:
    """Return the chance of having noticed a true ratio, as `sample_size` reckons.

    Args:
        ratio: the true rate ratio canary / baseline.
        per_canary: baseline exposures for each canary exposure.
        base_rate: the baseline's failure rate, 0..1.
        canary: how many exposures the canary has had.
        alpha: the chance of a false halt.
        tolerate: the ratio that is tolerated.
    """
    goal = _goal(alpha)
    chances = [
        normal((canary * mean - goal) / math.sqrt(canary * variance))
        for mean, variance in _drifts(tolerate, ratio, per_canary, base_rate)
        if canary * variance > 0
    ]
    return max(chances, default=0.0)


def detectable(
    per_canary: float,
    base_rate: float,
    canary: float,
    *,
    alpha: float,
    power: float = 0.9,
    tolerate: float = 1.0,
) -> float:
    """Return the smallest ratio that would have been noticed, as `sample_size` reckons.

    Args:
        per_canary: baseline exposures for each canary exposure.
        base_rate: the baseline's failure rate, above 0 and below 1.
        canary: how many exposures the canary has had.
        alpha: the chance of a false halt.
        power: the chance of having noticed, above 0.5 and below 1.
        tolerate: the ratio that is tolerated.

    Returns:
        A ratio of rates; infinite if not even a canary that always fails would have been noticed.
    """

    def noticed(ratio: float) -> bool:
        needed = sample_size(
            ratio, per_canary, base_rate, alpha=alpha, power=power, tolerate=tolerate
        )
        return needed <= canary

    low, high = tolerate, 1 / base_rate
    if not noticed(high):
        return math.inf
    while high > low * (1 + _NEAR):
        middle = math.sqrt(low * high)
        low, high = (low, middle) if noticed(middle) else (middle, high)
    return high


def _goal(alpha: float) -> float:
    """Return the log of what one stake must be multiplied by to reach 1/alpha alone."""
    return -math.log(alpha) - LabelTest().stakes[0]


def _drifts(
    tolerate: float, ratio: float, per_canary: float, base_rate: float
) -> list[tuple[float, float]]:
    """Return mean and variance of each bet's log wealth gained for each canary exposure."""
    share = tolerate / (tolerate + per_canary)
    drifts: list[tuple[float, float]] = []
    for alternative in ALTERNATIVES:
        lost = math.log1p(share * (alternative - 1))
        gained = math.log(alternative) - lost
        mean = base_rate * (ratio * gained - per_canary * lost)
        drifts.append((mean, base_rate * (ratio * gained**2 + per_canary * lost**2)))
    return drifts


def _reach(goal: float, z: float, mean: float, variance: float) -> float:
    """Return the n with `n mean - z sqrt(n variance) = goal`."""
    if mean <= 0:
        return math.inf
    root = (z * math.sqrt(variance) + math.sqrt(z * z * variance + 4 * mean * goal)) / (2 * mean)
    return root * root
