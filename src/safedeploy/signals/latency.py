"""Latency: whether the canary's calls take longer."""

from __future__ import annotations

import math
from collections.abc import Iterable
from datetime import timedelta

import attrs

from safedeploy.errors import DefinitionError
from safedeploy.latencies import LAST, bucket, upper
from safedeploy.signals.comparing import Arm, Comparing, Comparison, pooled, staked
from safedeploy.signals.port import Criteria, Health
from safedeploy.statistics import LatencyTest
from safedeploy.statistics.crossings import Crossings
from safedeploy.traffic import Traffic
from safedeploy.validators import text
from safedeploy.verdicts import Counts, Finding, Measurement, Verdict

LONGEST = timedelta(seconds=int(upper(LAST - 1)))
"""Calls longer than this aren't told apart."""

_SHOWN = 2  # of all thresholds that are bet on, the one that is shown: the baseline's p90
_SHOWN_RATE = 0.1
_SPREAD = 2  # so many times as long takes a bet on all of the distribution: each part has less


@attrs.frozen(kw_only=True)
class Latency(Comparing):
    """Halt when the canary's calls take longer than the baseline's.

    What is compared are people, by the slowest call that each has had so far in the ring: who
    always has a slow network counts once. Without a quantile or a threshold, the whole distribution
    is compared, and it is bet on shifts as well as on tails.

    Args:
        quantile: judge only who is slower than this quantile, 0..1, of the baseline: 0.99, say.
        threshold: judge only who is slower than this. It is taken to the next bound of a latency
            bucket, which is up to 9 % more.
        tolerate: the ratio of those who are too slow, up to which the canary isn't worse.
        name: what findings call it.

    Raises:
        DefinitionError: both of them, a quantile outside 0..1, a threshold that isn't above zero,
            tolerate below 1, or rare outside 0..1.
    """

    quantile: float | None = None
    threshold: timedelta | None = None
    name: str = attrs.field(
        default=attrs.Factory(lambda self: _named(self.quantile, self.threshold), takes_self=True),
        validator=text,
    )

    asks_latency = True

    def __attrs_post_init__(self) -> None:
        super().__attrs_post_init__()
        quantile, threshold = self.quantile, self.threshold
        if quantile is not None and threshold is not None:
            raise DefinitionError("threshold", threshold, "give that or a quantile, not both")
        if quantile is not None and not (isinstance(quantile, float) and 0 < quantile < 1):
            raise DefinitionError("quantile", quantile, "give a share below 1, such as 0.99")
        if threshold is not None and not (
            isinstance(threshold, timedelta) and timedelta(0) < threshold <= LONGEST
        ):
            mend = f"give a timedelta above zero, and {LONGEST.total_seconds():g} s at most"
            raise DefinitionError("threshold", threshold, mend)

    def start(self) -> LatencyTest:
        """Return a test that has seen nothing."""
        return LatencyTest(
            quantile=self.quantile,
            threshold=bucket(self.threshold.total_seconds()) + 1 if self.threshold else None,
        )

    def enter(self, memory: LatencyTest) -> LatencyTest:
        """Keep the wealth: it runs through the whole attempt."""
        return memory.forget()

    def observe(
        self, memory: LatencyTest, measurement: Measurement, progress: float
    ) -> LatencyTest:
        """Fold one block in, after staking the reserve that the progress frees."""
        return staked(memory, progress).update(
            measurement.canary.slowest, measurement.baseline.slowest, tolerate=self.tolerate
        )

    def judge(self, memory: LatencyTest, health: Health, criteria: Criteria) -> Finding:
        """Compare the wealth with 1/alpha, and what was compared with what had to be."""
        which = 0 if len(memory.thresholds) == 1 else _SHOWN
        shown, (_, waiting, *_) = memory.thresholds[which], memory.waiting[which]
        unknown = self._unknown(shown, health)
        if unknown and memory.log_wealth < -math.log(criteria.alpha):
            return unknown
        canary, baseline = _arm(health.canary, shown), _arm(health.baseline, shown)
        slow = f"had a call longer than {upper(shown - 1):.2g} s"
        seen = f"{canary.met} of {canary.units} canary units {slow}"
        seen += f", {baseline.met} of {baseline.units} at the baseline"
        return Comparison(
            signal=self,
            log_wealth=memory.log_wealth,
            suspect=canary,
            reference=baseline,
            waiting=math.ceil(waiting * health.canary.units / max(1, canary.units)),
            health=health,
            criteria=criteria,
        ).finding(seen)

    def pool(self, memories: tuple[LatencyTest, ...]) -> LatencyTest:
        """Return a test whose wealth is the mean of the tests' wealths."""
        cash, stakes = pooled(memories)
        best_known = max(memories, key=lambda test: sum(units for _, units in test.history))
        every = zip(*(test.waiting for test in memories), strict=True)
        waiting = tuple([_summed(crossings) for crossings in every])
        return attrs.evolve(best_known, cash=cash, stakes=stakes, waiting=waiting)

    def sample_size(self, base_rate: float, per_canary: float, criteria: Criteria) -> float:
        """Return after how many canary units the ratio that must be seen would have been noticed.

        Args:
            base_rate: the share of the baseline that is too slow, 0..1; `rare` at least.
            per_canary: baseline units for each canary unit.
            criteria: what health is judged by.
        """
        units = super().sample_size(base_rate, per_canary, criteria)
        return units * (_SPREAD if self.quantile is None and self.threshold is None else 1)

    def expected(self, traffic: Traffic) -> float | None:
        """Return the share of the baseline's units that are too slow; None if that isn't known."""
        if self.threshold is not None:
            return None
        return 1 - self.quantile if self.quantile is not None else _SHOWN_RATE

    def _unknown(self, shown: int, health: Health) -> Finding | None:
        """Return a finding where nothing can be compared."""
        if not health.canary.slowest or not health.baseline.slowest:
            return Finding(self.name, Verdict.NO_DATA, "no calls of one arm were timed")
        if not shown:
            why = "too few calls of the baseline were timed to tell what is slow"
            return Finding(self.name, Verdict.INCONCLUSIVE, why)
        return None


def _arm(counts: Counts, threshold: int) -> Arm:
    """Return how many units were at risk of exceeding a threshold, and how many did."""
    at_risk = {move: units for move, units in counts.slowest.items() if move[0] < threshold}
    return Arm(sum(at_risk.values()), sum(n for (_, to), n in at_risk.items() if to >= threshold))


def _summed(crossings: Iterable[Crossings]) -> Crossings:
    # Nothing is folded into a mean any more, so no matter which threshold it has.
    buckets, *counts = zip(*crossings, strict=True)
    canary, baseline, ours, others = map(sum, counts)
    return max(buckets), canary, baseline, ours, others


def _named(quantile: object, threshold: object) -> str:
    # Defaults are made before anything is checked, so these may be anything yet.
    if isinstance(quantile, float):
        return f"latency, quantile {quantile:g}"
    if isinstance(threshold, timedelta):
        return f"latency above {threshold.total_seconds():g} s"
    return "latency"
