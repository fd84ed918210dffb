"""Slowness: whether the canary's calls take longer, told from histograms that can be merged.

Half of the stake is bet on ranks: fresh units of the canary are slower than those of the baseline
in the same block. The other half is on thresholds: more of the canary's units cross them, be they
fresh or not.
"""

from __future__ import annotations

import math

import attrs

from safedeploy.statistics.bets import RESERVE, staked, total
from safedeploy.statistics.crossings import (
    NOBODY,
    TAILS,
    Crossings,
    Moves,
    Tail,
    beyond,
    counted,
    gain,
)
from safedeploy.statistics.labels import ALTERNATIVES
from safedeploy.statistics.ranks import SHIFTS, Histogram, added, rank_gains

_EVEN = (1 / len(ALTERNATIVES),) * len(ALTERNATIVES)
_HALVES = (0.5 / len(SHIFTS),) * len(SHIFTS) + (0.5 / len(TAILS),) * len(TAILS)


def _tails(test: LatencyTest) -> tuple[Tail, ...]:
    if test.threshold is not None:
        return ((0.0, test.threshold, ALTERNATIVES),)
    return TAILS if test.quantile is None else ((test.quantile, 0, ALTERNATIVES),)


def _weights(test: LatencyTest) -> tuple[float, ...]:
    return _HALVES if _tails(test) is TAILS else _EVEN


def _stakes(test: LatencyTest) -> tuple[float, ...]:
    return tuple([math.log((1 - RESERVE) * weight) for weight in _weights(test)])


def _nobody(test: LatencyTest) -> tuple[Crossings, ...]:
    return (NOBODY,) * len(_tails(test))


@attrs.frozen
class LatencyTest:
    """Hold the wealth of bets that the canary's units are slower, by each unit's slowest call.

    Attributes:
        quantile: the only quantile of the baseline that is bet on, above 0 and below 1.
        threshold: the only bucket that is bet on: calls in it, and in higher ones, are too slow.
        cash: what isn't staked yet; the whole stake at the start is 1.
        stakes: the log of what is staked on each of `SHIFTS` and of `TAILS`; with a quantile or
            a threshold alone, on each of `ALTERNATIVES`.
        history: fresh units of the baseline so far, by bucket.
        fresh: fresh units of the canary, and of the baseline, until both arms have some.
        waiting: the crossings of each threshold, until both arms have units at risk.
    """

    quantile: float | None = None
    threshold: int | None = None
    cash: float = RESERVE
    stakes: tuple[float, ...] = attrs.Factory(_stakes, takes_self=True)
    history: Histogram = ()
    fresh: tuple[Histogram, Histogram] = ((), ())
    waiting: tuple[Crossings, ...] = attrs.Factory(_nobody, takes_self=True)

    @property
    def log_wealth(self) -> float:
        """The natural log of the wealth: an e-value at any time. 0 at the start."""
        return total(self.cash, self.stakes)

    @property
    def thresholds(self) -> tuple[int, ...]:
        """From which bucket on calls are too slow, for each threshold; 0 while that isn't known."""
        return tuple([beyond(self.history, quantile, above) for quantile, above, _ in _tails(self)])

    def update(self, canary: Moves, baseline: Moves, *, tolerate: float = 1.0) -> LatencyTest:
        """Return the test after one block.

        Args:
            canary: how the canary's units moved.
            baseline: how the baseline's did.
            tolerate: the ratio of the shares that cross a threshold, up to which the canary isn't
                worse. Above 1 nothing is bet on ranks, which know no such ratio.
        """
        ours, others = _fresh(canary), _fresh(baseline)
        history = added(self.history, others)
        # The first block's thresholds are those of both arms, which tells of neither.
        known = self.history or (added(history, ours) if ours and others else ())
        tails = _tails(self)
        crossings = [
            counted(waited, canary, baseline, beyond(known, quantile, above))
            for waited, (quantile, above, _) in zip(self.waiting, tails, strict=True)
        ]
        fresh, gains = self._ranked(ours, others, tolerate)
        for seen, (*_, odds) in zip(crossings, tails, strict=True):
            gains += [gain(seen, each, tolerate) for each in odds]
        return attrs.evolve(
            self,
            stakes=tuple(map(float.__add__, self.stakes, gains)),
            history=history,
            fresh=fresh,
            waiting=tuple([NOBODY if each[1] and each[2] else each for each in crossings]),
        )

    def stake(self, share: float) -> LatencyTest:
        """Return the test with a share of the first reserve moved from cash to the stakes.

        Args:
            share: 0..1 of `RESERVE`; no more is moved than is left, and none back. When to move
                must not depend on what comes later.
        """
        cash, stakes = staked(self.cash, self.stakes, share, _weights(self))
        return attrs.evolve(self, cash=cash, stakes=stakes)

    def forget(self) -> LatencyTest:
        """Return the test without the units that wait: the arms' shares are about to change."""
        return attrs.evolve(self, fresh=((), ()), waiting=_nobody(self))

    def _ranked(
        self, ours: dict[int, int], others: dict[int, int], tolerate: float
    ) -> tuple[tuple[Histogram, Histogram], list[float]]:
        """Return the fresh units that wait now, and what the bets on ranks have won."""
        if _tails(self) is not TAILS:
            return self.fresh, []
        if tolerate != 1:
            return self.fresh, [0.0] * len(SHIFTS)
        fresh = added(self.fresh[0], ours), added(self.fresh[1], others)
        if not all(fresh):
            return fresh, [0.0] * len(SHIFTS)
        return ((), ()), rank_gains(*map(dict, fresh))


def _fresh(moves: Moves) -> dict[int, int]:
    """Return how many units had their first timed calls, by the bucket of the slowest."""
    return {after: units for (before, after), units in moves.items() if before == 0 < after}
