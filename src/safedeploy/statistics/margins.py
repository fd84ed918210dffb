"""Margins: whether the canary is surely less than so many times worse, and between which ratios.

The same bets as those on labels, on the other side: the canary is supposed to be as bad as the
margin, and the bets are that it is better.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import attrs

from safedeploy.statistics.bets import total
from safedeploy.statistics.labels import ALTERNATIVES

BETTER = (0.95, 0.85, 0.7, 0.5, 0.25, 0.05)
"""How many times as bad as the margin the bets suppose the canary to be."""

_WIDEST = 1e9  # ratios beyond this, or below its inverse, count as infinite and as none
_NEAR = 1e-10  # a ratio is told to so many parts


@attrs.frozen
class MarginTest:
    """Hold the wealth of a bet that the canary is less than so many times worse.

    When it reaches 1/beta, a canary that is as bad as the margin would have been let through with a
    chance of at most beta.

    Attributes:
        stakes: the log of what is staked on each of `BETTER`, all of the stake.
        canary, baseline, canary_failures, baseline_failures: exposures and failures that wait
            until both arms have exposures.
    """

    stakes: tuple[float, ...] = (-math.log(len(BETTER)),) * len(BETTER)
    canary: int = 0
    baseline: int = 0
    canary_failures: int = 0
    baseline_failures: int = 0

    @property
    def log_wealth(self) -> float:
        """The natural log of the wealth: an e-value at any time. 0 at the start."""
        return total(0.0, self.stakes)

    def update(
        self,
        canary: int,
        baseline: int,
        canary_failures: int,
        baseline_failures: int,
        *,
        margin: float,
        dispersion: float = 1.0,
    ) -> MarginTest:
        """Return the test after one block of exposures and failures of both arms.

        Args:
            canary: exposures of the canary arm; each fails at most once.
            baseline: exposures of the baseline arm.
            canary_failures: failures among the canary's exposures.
            baseline_failures: failures among the baseline's.
            margin: the rate ratio canary / baseline that is to be excluded.
            dispersion: the variance of the counts over that of independent ones, 1 or more.
        """
        counts = (
            self.canary + canary,
            self.baseline + baseline,
            self.canary_failures + canary_failures,
            self.baseline_failures + baseline_failures,
        )
        if not counts[0] or not counts[1]:
            return MarginTest(self.stakes, *counts)
        gains = _gains(BETTER, margin, counts)
        return MarginTest(
            tuple([v + gain / dispersion for v, gain in zip(self.stakes, gains, strict=True)])
        )

    def forget(self) -> MarginTest:
        """Return the test without the exposures that wait: the arms' shares are about to change."""
        return MarginTest(self.stakes)


def interval(
    canary: int, baseline: int, canary_failures: int, baseline_failures: int, *, alpha: float = 0.05
) -> tuple[float, float]:
    """Return the ratios of rates that bets against them don't exclude, at any number of looks.

    Args:
        canary: exposures of the canary, above 0.
        baseline: exposures of the baseline, above 0.
        canary_failures: failures of the canary.
        baseline_failures: failures of the baseline.
        alpha: the chance that the true ratio is ever excluded, half of it on each side.

    Returns:
        The lowest and the highest ratio; 0, and infinity, where nothing is excluded.
    """
    counts = canary, baseline, canary_failures, baseline_failures
    goal = math.log(2 / alpha)

    def wealth(bets: Sequence[float], ratio: float) -> float:
        gains = _gains(bets, ratio, counts)
        return total(0.0, gains) - math.log(len(bets))

    return (
        _edge(lambda ratio: wealth(ALTERNATIVES, ratio) >= goal),
        _edge(lambda ratio: wealth(BETTER, ratio) < goal),
    )


def effect(
    canary: int, baseline: int, canary_failures: int, baseline_failures: int
) -> float | None:
    """Return how many times the baseline's rate the canary's is, as seen; None if that has none."""
    if not canary or not baseline or not baseline_failures:
        return None
    return canary_failures / canary * baseline / baseline_failures


def _gains(bets: Sequence[float], ratio: float, counts: tuple[int, int, int, int]) -> list[float]:
    """Return the logs of what bets win that suppose so many times a ratio."""
    canary, baseline, ours, others = counts
    share = ratio * canary / (ratio * canary + baseline)
    return [ours * math.log(bet) - (ours + others) * math.log1p(share * (bet - 1)) for bet in bets]


def _edge(holds: Callable[[float], bool]) -> float:
    """Return the highest ratio for which something holds that holds for all lower ones."""
    low, high = 1 / _WIDEST, _WIDEST
    if not holds(low):
        return 0.0
    if holds(high):
        return math.inf
    while high > low * (1 + _NEAR):
        middle = math.sqrt(low * high)
        low, high = (middle, high) if holds(middle) else (low, middle)
    return low
