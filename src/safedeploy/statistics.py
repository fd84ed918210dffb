"""Sequential tests that may be looked at any time: only mathematics, on numbers.

The label e-process bets on which arm each failure comes from. If the canary is no worse than
tolerated, a failure comes from it with the canary's share of the exposures, so no strategy of
betting multiplies its wealth by 1/alpha with a chance above alpha (Ville's inequality), at any
number of looks. Base rates may drift: whatever hits both arms cancels.

Sources: Wald, Sequential Analysis; Waudby-Smith and Ramdas, Estimating means by betting;
Turner, Ly and Grunwald, arXiv 2106.02693; Howard and Ramdas on mixtures over time.
"""

from __future__ import annotations

import math

import attrs

ALTERNATIVES = (1.2, 1.6, 2.5, 6.0, 60.0)
"""How many times worse than tolerated the bets suppose the canary to be."""

RESERVE = 0.2
"""The share of the stake that is kept back for regressions that begin late."""


@attrs.frozen
class LabelTest:
    """Hold the wealth of a bet that failures come from the canary more often than its share.

    Attributes:
        cash: what isn't staked yet; the whole stake at the start is 1.
        stakes: the log of what is staked on each of `ALTERNATIVES`.
        canary, baseline, canary_failures, baseline_failures: exposures and failures that wait
            until both arms have exposures; else the share isn't known.
    """

    cash: float = RESERVE
    stakes: tuple[float, ...] = (math.log((1 - RESERVE) / len(ALTERNATIVES)),) * len(ALTERNATIVES)
    canary: int = 0
    baseline: int = 0
    canary_failures: int = 0
    baseline_failures: int = 0

    @property
    def log_wealth(self) -> float:
        """The natural log of the wealth: an e-value at any time. 0 at the start."""
        return _log_sum((*self.stakes, _log(self.cash)))

    def update(
        self,
        canary: int,
        baseline: int,
        canary_failures: int,
        baseline_failures: int,
        *,
        tolerate: float = 1.0,
        dispersion: float = 1.0,
    ) -> LabelTest:
        """Return the test after one block of exposures and failures of both arms.

        Args:
            canary: exposures of the canary arm; each fails at most once.
            baseline: exposures of the baseline arm.
            canary_failures: failures among the canary's exposures.
            baseline_failures: failures among the baseline's.
            tolerate: the rate ratio canary / baseline up to which the canary isn't worse.
            dispersion: the variance of the counts over that of independent ones, 1 or more.
        """
        n_canary, n_baseline = self.canary + canary, self.baseline + baseline
        x_canary = self.canary_failures + canary_failures
        x_baseline = self.baseline_failures + baseline_failures
        if not n_canary or not n_baseline:
            return attrs.evolve(
                self,
                canary=n_canary,
                baseline=n_baseline,
                canary_failures=x_canary,
                baseline_failures=x_baseline,
            )
        share = tolerate * n_canary / (tolerate * n_canary + n_baseline)
        won = (
            (x_canary * math.log(a) - (x_canary + x_baseline) * math.log1p(share * (a - 1)))
            / dispersion
            for a in ALTERNATIVES
        )
        return LabelTest(self.cash, tuple(map(sum, zip(self.stakes, won, strict=True))))

    def stake(self, share: float) -> LabelTest:
        """Return the test with a share of the first reserve moved from cash to all stakes alike.

        Args:
            share: 0..1 of `RESERVE`; no more is moved than is left, and none back. When to move
                must not depend on what comes later.
        """
        moved = min(self.cash, max(0.0, share) * RESERVE)
        each = _log(moved / len(self.stakes))
        stakes = tuple(_log_sum((stake, each)) for stake in self.stakes)
        return attrs.evolve(self, cash=self.cash - moved, stakes=stakes)

    def forget(self) -> LabelTest:
        """Return the test without the exposures that wait: the arms' shares are about to change."""
        return LabelTest(self.cash, self.stakes)


def growth(ratio: float, per_canary: float, base_rate: float, *, tolerate: float = 1.0) -> float:
    """Return the log wealth that the best bet gains for each canary exposure.

    Args:
        ratio: the true rate ratio canary / baseline.
        per_canary: baseline exposures for each canary exposure.
        base_rate: the baseline's failure rate, 0..1.
        tolerate: the ratio that is tolerated.
    """
    both = ratio + per_canary
    return base_rate * (
        ratio * math.log(ratio / tolerate) - both * math.log(both / (tolerate + per_canary))
    )


def remaining(
    log_wealth: float, alpha: float, ratio: float, per_canary: float, base_rate: float
) -> float:
    """Return how many more canary exposures bring the wealth to 1/alpha, if the ratio is true.

    Infinite where the ratio is 1 or less: then nothing is foreseeable.
    """
    if ratio <= 1:
        return math.inf
    return (-math.log(alpha) - log_wealth) / growth(ratio, per_canary, base_rate)


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
    from statistics import NormalDist  # half as much to import as the rest of this library

    goal = -math.log(alpha) - LabelTest().stakes[0]
    z = NormalDist().inv_cdf(power)
    share = tolerate / (tolerate + per_canary)
    sizes = (_reach(goal, z, *_drift(a, share, ratio, per_canary, base_rate)) for a in ALTERNATIVES)
    return min(sizes)


def _drift(
    alternative: float, share: float, ratio: float, per_canary: float, base_rate: float
) -> tuple[float, float]:
    """Return mean and variance of the log wealth gained for each canary exposure."""
    lost = math.log1p(share * (alternative - 1))
    gained = math.log(alternative) - lost
    mean = base_rate * (ratio * gained - per_canary * lost)
    return mean, base_rate * (ratio * gained**2 + per_canary * lost**2)


def _reach(goal: float, z: float, mean: float, variance: float) -> float:
    """Return the n with `n mean - z sqrt(n variance) = goal`."""
    if mean <= 0:
        return math.inf
    root = (z * math.sqrt(variance) + math.sqrt(z * z * variance + 4 * mean * goal)) / (2 * mean)
    return root * root


def sample_ratio(canary: int, baseline: int, share: float) -> float:
    """Return the log e-value against the claim that units fall to the canary with a share.

    A Beta(100 share, 100 (1 - share)) mixture over the true share, against the designed one.

    Args:
        canary: distinct units in the canary arm.
        baseline: distinct units in the baseline arm.
        share: the share that was designed, above 0 and below 1.
    """
    a, b = 100 * share, 100 * (1 - share)
    mixture = _log_beta(a + canary, b + baseline) - _log_beta(a, b)
    return mixture - canary * math.log(share) - baseline * math.log1p(-share)


def _log(value: float) -> float:
    return math.log(value) if value > 0 else -math.inf


def _log_sum(logs: tuple[float, ...]) -> float:
    """Return the log of a sum, from the logs of its terms, without overflow."""
    highest = max(logs)
    return highest + math.log(sum(math.exp(term - highest) for term in logs))


def _log_beta(a: float, b: float) -> float:
    return math.lgamma(a) + math.lgamma(b) - math.lgamma(a + b)
