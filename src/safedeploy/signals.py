"""Signals: each judges one side of health."""

from __future__ import annotations

import math
from datetime import datetime, timedelta
from typing import Any, Protocol

import attrs

from safedeploy import statistics
from safedeploy.errors import DefinitionError
from safedeploy.statistics import LabelTest
from safedeploy.validators import a, real
from safedeploy.verdicts import Counts, Finding, Measurement, Verdict

LARGEST = 700.0
"""The log of the largest e-value that is shown: a float holds no larger one."""


@attrs.frozen
class Criteria:
    """Say what health is judged by, at one moment of one exposure.

    Attributes:
        at: the moment.
        share: the canary's designed share of the affected contexts, above 0 and below 1.
        alpha: the chance of a false halt that a signal may spend over the whole rollout.
        must_see: the ratio of rates, canary to baseline, that must have been noticeable.
        power: the chance of having noticed it.
        quiet: how long a silence may last before it counts as silence.
    """

    at: datetime
    share: float
    alpha: float
    must_see: float
    power: float
    quiet: timedelta


@attrs.frozen
class Health:
    """Hold what has been seen of one attempt so far; a value that measurements are folded into.

    Attributes:
        used: when the canary was last used; when the exposure began, if it wasn't.
        compared: the same of the baseline.
        tests: what each signal remembers, over the whole attempt.
        canary, baseline: what the arms did since the exposure began.
        error: why the last measurement failed; empty where it didn't.
        block: the number of the last block that is folded in; what comes after it isn't yet.
    """

    used: datetime
    compared: datetime
    tests: tuple[Any, ...]
    canary: Counts = Counts()
    baseline: Counts = Counts()
    error: str = ""
    block: int = 0


class Signal(Protocol):
    """Judge one side of health. A frozen value: what it remembers is handed to it.

    Attributes:
        name: unique within its model.
        spends_alpha: whether it may halt by chance, and so needs a share of the model's alpha.
    """

    @property
    def name(self) -> str:
        """The name that findings carry."""
        ...

    @property
    def spends_alpha(self) -> bool:
        """Whether it may halt by chance."""
        ...

    def start(self) -> Any:
        """Return what the signal remembers before anything was measured."""
        ...

    def enter(self, memory: Any) -> Any:
        """Return what it remembers when a new exposure begins."""
        ...

    def observe(self, memory: Any, measurement: Measurement, progress: float) -> Any:
        """Return what it remembers after one more block; progress is the plan's, 0..1."""
        ...

    def judge(self, memory: Any, health: Health, criteria: Criteria) -> Finding:
        """Return what it finds."""
        ...

    def can_notice(self, criteria: Criteria) -> bool:
        """Tell whether it could ever notice the ratio that must be seen."""
        ...


@attrs.frozen(kw_only=True)
class ErrorRate:
    """Halt when the canary fails more often than the baseline, by the label e-process.

    Args:
        tolerate: the ratio of failure rates up to which the canary isn't worse; 1.25 is 25 %.
        rare: the base rate, 0..1, below which a ratio isn't asked for: what must be seen is then
            `must_see` times this. Without it, a service that never fails could never be changed.

    Raises:
        DefinitionError: tolerate below 1, or rare outside 0..1.
    """

    tolerate: float = attrs.field(default=1.0, converter=real, validator=a(float))
    rare: float = attrs.field(default=0.001, converter=real, validator=a(float))

    name = "error rate"
    spends_alpha = True

    def __attrs_post_init__(self) -> None:
        if not 1 <= self.tolerate < math.inf:
            raise DefinitionError(
                "tolerate", self.tolerate, "give a ratio of 1 or more, such as 1.25"
            )
        if not 0 < self.rare < 1:
            raise DefinitionError("rare", self.rare, "give a rate between 0 and 1, such as 0.001")

    def start(self) -> LabelTest:
        """Return a test that has seen nothing."""
        return LabelTest()

    def enter(self, memory: LabelTest) -> LabelTest:
        """Keep the wealth: it runs through the whole attempt."""
        return memory.forget()

    def observe(self, memory: LabelTest, measurement: Measurement, progress: float) -> LabelTest:
        """Fold one block in, after staking the reserve that the progress frees."""
        canary, baseline = measurement.canary, measurement.baseline
        owed = progress - (1 - memory.cash / statistics.RESERVE)
        test = memory.stake(owed) if owed > 0 else memory
        return test.update(
            canary.units,
            baseline.units,
            canary.failures,
            baseline.failures,
            tolerate=self.tolerate,
        )

    def judge(self, memory: LabelTest, health: Health, criteria: Criteria) -> Finding:
        """Compare the wealth with 1/alpha, and what was compared with what had to be."""
        wealth, limit = memory.log_wealth, -math.log(criteria.alpha)
        lacking = self._lacking(memory, health, criteria)
        canary, baseline = health.canary, health.baseline
        seen = f"{canary.failures} of {canary.units} canary units failed"
        seen += f", {baseline.failures} of {baseline.units} at the baseline"
        silence = criteria.at - health.compared
        if wealth >= limit:
            verdict = Verdict.HALT
        elif lacking is None:
            verdict, seen = Verdict.NO_DATA, "one arm was never used"
        elif silence > criteria.quiet:
            verdict, seen = Verdict.NO_DATA, f"the baseline has been silent for {silence}"
        elif lacking:
            verdict, seen = (
                Verdict.INCONCLUSIVE,
                f"{seen}; {lacking:g} more canary units are needed",
            )
        elif wealth >= limit / 2:
            verdict, seen = Verdict.INCONCLUSIVE, f"{seen}; that leans to worse"
        else:
            verdict = Verdict.PASS
        statistic, threshold = (math.exp(min(log, LARGEST)) for log in (wealth, limit))
        remaining = None if lacking in (None, math.inf) else int(lacking)
        return Finding(self.name, verdict, seen, statistic, threshold, remaining)

    def can_notice(self, criteria: Criteria) -> bool:
        """Tell whether the ratio is far enough from the tolerated one for the bets to win."""
        return (
            self._sample_size(self.rare, (1 - criteria.share) / criteria.share, criteria) < math.inf
        )

    def _lacking(self, memory: LabelTest, health: Health, criteria: Criteria) -> float | None:
        """Return how many more canary units must be compared; None while an arm is unused."""
        canary, baseline = health.canary, health.baseline
        if not canary.units or not baseline.units:
            return None
        # Half a failure more than was seen, so that a short run of luck isn't taken for a rate.
        base_rate = min((baseline.failures + 0.5) / (baseline.units + 1), 0.5)
        needed = self._sample_size(base_rate, baseline.units / canary.units, criteria)
        lacking = max(0.0, needed - (canary.units - memory.canary))
        return math.ceil(lacking) if lacking < math.inf else lacking

    def _sample_size(self, base_rate: float, per_canary: float, criteria: Criteria) -> float:
        return statistics.sample_size(
            criteria.must_see,
            per_canary,
            max(base_rate, self.rare),
            alpha=criteria.alpha,
            power=criteria.power,
            tolerate=self.tolerate,
        )


@attrs.frozen(kw_only=True)
class Usage:
    """Hold a ring until it was used: silence isn't health.

    Args:
        at_least: exposures that a ring must have had; 1 or more.

    Raises:
        DefinitionError: at_least isn't a whole number of 1 or more.
    """

    at_least: int

    name = "usage"
    spends_alpha = False

    def __attrs_post_init__(self) -> None:
        if (
            isinstance(self.at_least, bool)
            or not isinstance(self.at_least, int)
            or self.at_least < 1
        ):
            raise DefinitionError(
                "at_least", self.at_least, "give a number of exposures, 1 or more"
            )

    def start(self) -> None:
        """Remember nothing: the model counts exposures."""

    def enter(self, memory: None) -> None:
        """Remember nothing."""

    def observe(self, memory: None, measurement: Measurement, progress: float) -> None:
        """Remember nothing."""

    def judge(self, memory: None, health: Health, criteria: Criteria) -> Finding:
        """Compare the exposures with the floor, and the silence with what is usual."""
        used, lacking = health.canary.exposures, self.at_least - health.canary.exposures
        silence = criteria.at - health.used
        if lacking > 0:
            verdict, detail = Verdict.NO_DATA, f"{lacking} more exposures are needed"
        elif silence > criteria.quiet:
            verdict, detail = Verdict.NO_DATA, f"nobody has used it for {silence}"
        else:
            verdict, detail = Verdict.PASS, f"{used} exposures"
        return Finding(
            self.name,
            verdict,
            detail,
            statistic=float(used),
            threshold=float(self.at_least),
            remaining=max(0, lacking),
        )

    def can_notice(self, criteria: Criteria) -> bool:
        """Have no say in regressions."""
        return True
