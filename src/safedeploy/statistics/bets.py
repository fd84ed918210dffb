"""Bets: wealth that is split among several, a reserve for what begins late, and averages.

Wealth begins as 1, and if what it bets against is true it never reaches 1/alpha with a chance above
alpha, however often one looks (Ville's inequality). So a mean of wealths is one, too, whatever they
have to do with each other.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import Self

import attrs

from safedeploy.statistics.logarithms import log, log_sum

RESERVE = 0.2
"""The share of the stake that is kept back for regressions that begin late."""


@attrs.frozen
class Staked:
    """Hold a wealth: what is staked on several bets, and what is kept back as cash.

    Attributes:
        cash: what isn't staked yet; the whole stake at the start is 1.
        stakes: the log of what is staked on each bet.
    """

    cash: float = RESERVE
    stakes: tuple[float, ...] = ()

    @property
    def log_wealth(self) -> float:
        """The natural log of the wealth: an e-value at any time. 0 at the start."""
        return total(self.cash, self.stakes)

    def stake(self, share: float) -> Self:
        """Return the test with a share of the first reserve moved from cash to all stakes alike.

        Args:
            share: 0..1 of `RESERVE`; no more is moved than is left, and none back. When to move
                must not depend on what comes later.
        """
        cash, stakes = staked(self.cash, self.stakes, share)
        return attrs.evolve(self, cash=cash, stakes=stakes)


def evenly(number: int) -> tuple[float, ...]:
    """Return the logs of even stakes that leave the reserve."""
    return (math.log((1 - RESERVE) / number),) * number


def total(cash: float, stakes: Iterable[float]) -> float:
    """Return the log of a wealth, from its cash and the logs of its stakes."""
    return log_sum((*stakes, log(cash)))


def staked(
    cash: float, stakes: Sequence[float], share: float, weights: Sequence[float] = ()
) -> tuple[float, tuple[float, ...]]:
    """Move a share of the first reserve from cash to stakes; return what both are then.

    Args:
        cash: what isn't staked yet.
        stakes: the logs of the stakes.
        share: 0..1 of `RESERVE`; no more is moved than is left, and none back. When to move
            must not depend on what comes later.
        weights: which part each stake gets; without them, all get the same.
    """
    moved = min(cash, max(0.0, share) * RESERVE)
    parts = weights or (1 / len(stakes),) * len(stakes)
    given = [log(moved * part) for part in parts]
    return cash - moved, tuple(map(log_sum, zip(stakes, given, strict=True)))


def released(passed: int, of: int | None = None) -> float:
    """Return the share of the reserve that should be staked by now.

    Args:
        passed: how many of the boundaries were passed at which a part is staked.
        of: how many boundaries there are. Without it nobody knows, and parts become ever
            smaller: the one at boundary i is 1/(i (i + 1)).
    """
    if of is None:
        return passed / (passed + 1)
    return min(1.0, passed / of) if of else 1.0


def combined(log_wealths: Sequence[float], weights: Sequence[float] = ()) -> float:
    """Return the log of the weighted mean of wealths, which is a wealth whatever joins them.

    Args:
        log_wealths: the natural logs of what strata, or signals, have won.
        weights: which part of the first stake each had, 1 in all; without them, all the same.
    """
    parts = weights or (1 / len(log_wealths),) * len(log_wealths)
    return log_sum([won + log(part) for won, part in zip(log_wealths, parts, strict=True)])
