"""Limits: whether a rate or a share is above what is allowed, or below what is expected.

For what has no baseline: crashes per hour, calls per hour, failures of an objective. Each test is
valid however often one looks, and however the true rate changes on the right side of the limit.

Sources: Wald, Sequential Analysis; Waudby-Smith and Ramdas, Estimating means by betting.
"""

from __future__ import annotations

import math

import attrs

from safedeploy.statistics.bets import RESERVE, Staked, evenly
from safedeploy.statistics.labels import ALTERNATIVES
from safedeploy.statistics.margins import BETTER


@attrs.frozen
class _Limit(Staked):
    """Hold a stake that is spread over how many times a limit the truth may be."""

    floor: bool = False
    cash: float = RESERVE  # again, as records hold it here
    stakes: tuple[float, ...] = attrs.Factory(
        lambda self: evenly(len(_ratios(self.floor))), takes_self=True
    )


@attrs.frozen
class RateTest(_Limit):
    """Hold the wealth of bets that things happen more often, or less, than a limit allows.

    Attributes:
        floor: whether the limit is a floor: bet that the rate is below it; else that it is above.
        cash: what isn't staked yet; the whole stake at the start is 1.
        stakes: the log of what is staked on each of `ALTERNATIVES`, or of `BETTER` for a floor:
            how many times the limit the rate is supposed to be.
    """

    def update(
        self, count: float, exposure: float, *, limit: float, dispersion: float = 1.0
    ) -> RateTest:
        """Return the test after one more stretch of time.

        Args:
            count: how often it happened.
            exposure: how long it could have: hours, say, or hours times instances.
            limit: how often it may happen, or is to happen, in 1 of exposure; above 0.
            dispersion: the variance of the counts over that of independent ones, 1 or more.
        """
        gains = [
            (count * math.log(ratio) - limit * exposure * (ratio - 1)) / dispersion
            for ratio in _ratios(self.floor)
        ]
        return attrs.evolve(self, stakes=tuple(map(float.__add__, self.stakes, gains)))


@attrs.frozen
class ShareTest(_Limit):
    """Hold the wealth of bets that the share of units that fail is above, or below, a limit.

    Attributes:
        floor: whether the limit is a floor: bet that the share is below it; else that it is above.
        cash: what isn't staked yet; the whole stake at the start is 1.
        stakes: the log of what is staked on each of `ALTERNATIVES`, or of `BETTER` for a floor:
            how many times the limit's odds the true odds are supposed to be.
    """

    def update(self, count: int, units: int, *, limit: float) -> ShareTest:
        """Return the test after one more block of units.

        Args:
            count: how many of the units failed, or whatever is counted.
            units: how many there were.
            limit: the share that is allowed, or expected; above 0 and below 1.
        """
        gains = [
            count * math.log(odds) - units * math.log1p(limit * (odds - 1))
            for odds in _ratios(self.floor)
        ]
        return attrs.evolve(self, stakes=tuple(map(float.__add__, self.stakes, gains)))


def burn(failures: int, units: int, objective: float) -> float:
    """Return how many times as fast as planned the error budget of an objective is spent.

    At 1 the budget lasts just as long as the objective's period (Google's SRE workbook, chapter 5).
    It can't be more than 1 / (1 - objective): a rule that asks for more never fires.

    Args:
        failures: units that failed.
        units: all units; without any, nothing is spent.
        objective: the share that is to succeed, 0.999 say; below 1.
    """
    return failures / units / (1 - objective) if units else 0.0


def _ratios(floor: bool) -> tuple[float, ...]:  # noqa: FBT001 - a field of both tests
    return BETTER if floor else ALTERNATIVES
