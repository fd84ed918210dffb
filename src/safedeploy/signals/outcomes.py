"""Signals about how calls end: errors, and what is meant to happen and doesn't."""

from __future__ import annotations

import math
from typing import Literal, TypeAlias

import attrs
from attrs.converters import optional

from safedeploy.errors import DefinitionError
from safedeploy.signals.comparing import Arm, Comparing, Comparison, pooled, staked
from safedeploy.signals.port import Criteria, Health
from safedeploy.statistics import LabelTest, MarginTest
from safedeploy.traffic import Foresight, Traffic
from safedeploy.validators import ADDED, a, real, text
from safedeploy.verdicts import Counts, Finding, Measurement, Verdict

BETA = 0.05
"""The chance that a change which is as bad as the margin is taken for better in a ring."""


@attrs.frozen
class Sides:
    """Remember bets on both sides: that the canary is worse, and that it is better than a margin.

    Attributes:
        worse: the bet that it is worse than tolerated, which halts.
        better: the bet that it isn't as bad as the margin, which lets a ring be left early.
    """

    worse: LabelTest = LabelTest()
    better: MarginTest = MarginTest()


Memory: TypeAlias = LabelTest | Sides


@attrs.frozen(kw_only=True)
class ErrorRate(Comparing):
    """Halt when the canary fails more often than the baseline, by the label e-process.

    Args:
        of: the name of an event that is counted rather than failures: `exposure.event(...)`.
        unfinished: what a call is that didn't end in time: "fails" counts it as a failure, in both
            arms; "holds" keeps the ring while calls of the canary hang and the share of its units
            that fail or hang is the regression that must be seen: `must_see` times that of the
            baseline, or of `rare`. So one call that hung holds until enough others have ended.
        margin: a ratio of rates, such as 1.5. Once the evidence excludes that the canary is worse
            by it, a ring may be left after its `minimum_bake`.
        name: what findings call it.

    Raises:
        DefinitionError: tolerate below 1, rare outside 0..1, another word for unfinished, or a
            margin that isn't above what is tolerated.
    """

    of: str = attrs.field(default="", validator=a(str), metadata=ADDED)
    unfinished: Literal["fails", "holds"] = attrs.field(default="fails", metadata=ADDED)
    margin: float | None = attrs.field(
        default=None,
        converter=optional(real),
        validator=attrs.validators.optional(a(float)),
        metadata=ADDED,
    )
    name: str = attrs.field(
        default=attrs.Factory(lambda self: _named("error rate", self.of), takes_self=True),
        validator=text,
        metadata=ADDED,
    )

    def __attrs_post_init__(self) -> None:
        super().__attrs_post_init__()
        if self.unfinished not in ("fails", "holds"):
            raise DefinitionError("unfinished", self.unfinished, 'give "fails" or "holds"')
        if self.margin is not None and not self.tolerate < self.margin < math.inf:
            mend = f"give a ratio above what is tolerated, {self.tolerate:g}"
            raise DefinitionError("margin", self.margin, mend)

    def start(self) -> Memory:
        """Return a test that has seen nothing; with a margin, one of both sides."""
        return LabelTest() if self.margin is None else Sides()

    def enter(self, memory: Memory) -> Memory:
        """Keep the wealth: it runs through the whole attempt. Evidence for leaving begins anew."""
        return Sides(memory.worse.forget()) if isinstance(memory, Sides) else memory.forget()

    def observe(self, memory: Memory, measurement: Measurement, progress: float) -> Memory:
        """Fold one block in, after staking the reserve that the progress frees."""
        canary, baseline = self._arm(measurement.canary), self._arm(measurement.baseline)
        counts = canary.units, baseline.units, canary.met, baseline.met
        worse = staked(_worse(memory), progress).update(
            *counts, tolerate=self.tolerate, enough=self.enough
        )
        if self.margin is None or not isinstance(memory, Sides):
            return worse
        return Sides(worse, memory.better.update(*counts, margin=self.margin))

    def judge(self, memory: Memory, health: Health, criteria: Criteria) -> Finding:
        """Compare the wealth with 1/alpha, and what was compared with what had to be."""
        worse = _worse(memory)
        canary, baseline = self._arm(health.canary), self._arm(health.baseline)
        met = f"met {self.of!r}" if self.of else "failed"
        seen = f"{canary.met} of {canary.units} canary units {met}"
        seen += f", {baseline.met} of {baseline.units} at the baseline"
        found = Comparison(
            signal=self,
            log_wealth=worse.log_wealth,
            suspect=canary,
            reference=baseline,
            waiting=worse.canary,
            health=health,
            criteria=criteria,
        ).finding(seen)
        if isinstance(memory, Sides):
            excluded = memory.better.log_wealth >= -math.log(BETA)
            found = attrs.evolve(found, excluded=excluded)
        if found.verdict < Verdict.NO_DATA and (hanging := self._hanging(health, criteria)):
            why = f"calls of {hanging} canary units didn't end in time"
            return attrs.evolve(found, verdict=Verdict.NO_DATA, detail=why)
        return found

    def pool(self, memories: tuple[Memory, ...]) -> Memory:
        """Return a test whose wealth is the mean of the tests' wealths."""
        worse = _pooled(tuple(map(_worse, memories)))
        better = [memory.better for memory in memories if isinstance(memory, Sides)]
        # Harm in one stratum isn't outweighed by the others: each has to exclude the margin.
        return Sides(worse, min(better, key=_log_wealth)) if better else worse

    def expected(self, traffic: Traffic) -> float | None:
        """Return the share that fails, or that meets the event; None where it isn't known."""
        return traffic.rate(self.of)

    def _hanging(self, health: Health, criteria: Criteria) -> int:
        """Return how many canary units hang; 0 where those are too few to hold the ring."""
        canary, baseline = health.canary, health.baseline
        if self.unfinished != "holds":
            return 0
        usual = max(self.rare, Arm(baseline.units, baseline.failed_or_hung).rate)
        few = canary.failed_or_hung < criteria.must_see * usual * canary.units
        return 0 if few else canary.unfinished - canary.hung

    def _arm(self, counts: Counts) -> Arm:
        if self.of:
            return Arm(counts.units, counts.events.get(self.of, 0))
        if self.unfinished == "holds":
            return Arm(counts.units, counts.failures)
        # Who failed after hanging has failed before, so isn't among those who still could.
        return Arm(counts.units - counts.hung, counts.failed_or_hung)


@attrs.frozen(kw_only=True)
class Throughput(Comparing):
    """Halt when the canary's units do less often what they are meant to do: finish an order, say.

    It is the same bet with the arms exchanged: that a unit which does it comes from the baseline.

    Args:
        of: the name of the event: `exposure.event(...)`. Each unit counts once per exposure.
        tolerate: the ratio of rates, baseline to canary, up to which the canary isn't worse.
        name: what findings call it.

    Raises:
        DefinitionError: no name of an event, tolerate below 1, or rare outside 0..1.
    """

    of: str = attrs.field(validator=text)
    name: str = attrs.field(
        default=attrs.Factory(lambda self: _named("throughput", self.of), takes_self=True),
        validator=text,
        metadata=ADDED,
    )

    def start(self) -> LabelTest:
        """Return a test that has seen nothing."""
        return LabelTest()

    def enter(self, memory: LabelTest) -> LabelTest:
        """Keep the wealth: it runs through the whole attempt."""
        return memory.forget()

    def observe(self, memory: LabelTest, measurement: Measurement, progress: float) -> LabelTest:
        """Fold one block in, after staking the reserve that the progress frees."""
        canary, baseline = self._arm(measurement.canary), self._arm(measurement.baseline)
        return staked(memory, progress).update(
            baseline.units,
            canary.units,
            baseline.met,
            canary.met,
            tolerate=self.tolerate,
            enough=self.enough,
        )

    def judge(self, memory: LabelTest, health: Health, criteria: Criteria) -> Finding:
        """Compare the wealth with 1/alpha, and what was compared with what had to be."""
        canary, baseline = self._arm(health.canary), self._arm(health.baseline)
        seen = f"{canary.met} of {canary.units} canary units did {self.of!r}"
        seen += f", {baseline.met} of {baseline.units} at the baseline"
        found = Comparison(
            signal=self,
            log_wealth=memory.log_wealth,
            suspect=baseline,
            reference=canary,
            waiting=memory.baseline,
            health=health,
            criteria=criteria,
        ).finding(seen)
        counts = canary.units, baseline.units, canary.met, baseline.met
        return attrs.evolve(found, effect=canary.over(baseline), compared=counts)

    def can_notice(self, criteria: Criteria) -> bool:
        """Tell whether the ratio is far enough from the tolerated one for the bets to win."""
        return super().can_notice(attrs.evolve(criteria, share=1 - criteria.share))

    def pool(self, memories: tuple[LabelTest, ...]) -> LabelTest:
        """Return a test whose wealth is the mean of the tests' wealths."""
        return _pooled(memories)

    def expected(self, traffic: Traffic) -> float | None:
        """Return the share that does it; None where it isn't known."""
        return traffic.rate(self.of)

    def foresee(self, traffic: Traffic, criteria: Criteria) -> Foresight | None:
        """Return what it needs, with the arms exchanged: a worse canary is what is rare."""
        rate, share = self.expected(traffic), criteria.share
        if rate is None:
            return None
        worse = rate * (1 - 1 / criteria.must_see)
        if share >= 1:
            return Foresight(units=math.inf, worse=worse)
        per_baseline, base = share / (1 - share), max(rate, self.rare)
        units, passes = (
            per_baseline * self.sample_size(rarest, per_baseline, criteria)
            for rarest in (base / criteria.must_see, base)
        )
        return Foresight(units=units, worse=worse, passes=passes)

    def _arm(self, counts: Counts) -> Arm:
        return Arm(counts.units, counts.events.get(self.of, 0))


def _worse(memory: Memory) -> LabelTest:
    return memory.worse if isinstance(memory, Sides) else memory


def _log_wealth(test: MarginTest) -> float:
    return test.log_wealth


def _pooled(tests: tuple[LabelTest, ...]) -> LabelTest:
    waiting = sum(test.canary for test in tests), sum(test.baseline for test in tests)
    return LabelTest(*pooled(tests), *waiting)


def _named(what: str, of: str) -> str:
    return f"{what} of {of}" if of else what
