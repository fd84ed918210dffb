"""Labels: bets on which arm each failure comes from, the first test of a canary.

If the canary is no worse than tolerated, a failure comes from it with the canary's share of the
exposures, so no strategy of betting multiplies its wealth by 1/alpha with a chance above alpha
(Ville's inequality), at any number of looks. Base rates may drift: whatever hits both arms cancels.

Sources: Wald, Sequential Analysis; Waudby-Smith and Ramdas, Estimating means by betting;
Turner, Ly and Grunwald, arXiv 2106.02693; Howard and Ramdas on mixtures over time.
"""

from __future__ import annotations

import math
from functools import lru_cache

import attrs

from safedeploy.statistics.bets import Staked, evenly
from safedeploy.statistics.caps import capped

ALTERNATIVES = (1.2, 1.6, 2.5, 6.0, 60.0)
"""How many times worse than tolerated the bets suppose the canary to be."""

_LOGS = tuple(map(math.log, ALTERNATIVES))


@attrs.frozen
class LabelTest(Staked):
    """Hold the wealth of a bet that failures come from the canary more often than its share.

    Attributes:
        cash: what isn't staked yet; the whole stake at the start is 1.
        stakes: the log of what is staked on each of `ALTERNATIVES`.
        canary, baseline, canary_failures, baseline_failures: exposures and failures that wait
            until both arms have exposures; else the share isn't known.
    """

    stakes: tuple[float, ...] = evenly(len(ALTERNATIVES))
    canary: int = 0
    baseline: int = 0
    canary_failures: int = 0
    baseline_failures: int = 0

    def update(
        self,
        canary: int,
        baseline: int,
        canary_failures: int,
        baseline_failures: int,
        *,
        tolerate: float = 1.0,
        dispersion: float = 1.0,
        enough: float = math.inf,
    ) -> LabelTest:
        """Return the test after one block of exposures and failures of both arms.

        Args:
            canary: exposures of the canary arm; each fails at most once.
            baseline: exposures of the baseline arm.
            canary_failures: failures among the canary's exposures.
            baseline_failures: failures among the baseline's.
            tolerate: the rate ratio canary / baseline up to which the canary isn't worse.
            dispersion: the variance of the counts over that of independent ones, 1 or more.
            enough: the log wealth that decides, such as ln(1/alpha). Nothing is staked on winning
                more, where that can be had exactly: with 1 for the two above.
        """
        canary += self.canary
        baseline += self.baseline
        canary_failures += self.canary_failures
        baseline_failures += self.baseline_failures
        if not canary or not baseline:
            counts = canary, baseline, canary_failures, baseline_failures
            return LabelTest(self.cash, self.stakes, *counts)
        weight = tolerate * canary
        stakes = _won(
            self.stakes,
            weight / (weight + baseline),
            canary_failures / dispersion,
            (canary_failures + baseline_failures) / dispersion,
        )
        if enough < math.inf and tolerate == dispersion == 1:
            counts = canary, baseline, canary_failures, baseline_failures
            stakes = capped(self.cash, self.stakes, stakes, _LOGS, counts, enough=enough)
        return LabelTest(self.cash, stakes)

    def forget(self) -> LabelTest:
        """Return the test without the exposures that wait: the arms' shares are about to change."""
        return LabelTest(self.cash, self.stakes)


def _won(
    stakes: tuple[float, ...], share: float, canary_failures: float, failures: float
) -> tuple[float, ...]:
    """Return the logs of the stakes after failures, some of them the canary's."""
    # Every failure of a host comes by here. So the loop is unrolled, at half its time.
    a, b, c, d, e = stakes
    gain_a, gain_b, gain_c, gain_d, gain_e = _LOGS
    lost_a, lost_b, lost_c, lost_d, lost_e = _lost(share)
    return (
        a + canary_failures * gain_a - failures * lost_a,
        b + canary_failures * gain_b - failures * lost_b,
        c + canary_failures * gain_c - failures * lost_c,
        d + canary_failures * gain_d - failures * lost_d,
        e + canary_failures * gain_e - failures * lost_e,
    )


@lru_cache(maxsize=64)  # shares change when rings do
def _lost(share: float) -> tuple[float, ...]:
    """Return what each failure costs each bet, whoever fails, in logs."""
    return tuple([math.log1p(share * (alternative - 1)) for alternative in ALTERNATIVES])
