"""Thresholds: bounds on what the host measures by itself, and on how many users report trouble."""

from __future__ import annotations

import math
from datetime import datetime
from typing import SupportsFloat

import attrs

from safedeploy.errors import DefinitionError
from safedeploy.signals.policies import Policy
from safedeploy.signals.port import Criteria, Health
from safedeploy.validators import a, real, text
from safedeploy.verdicts import Finding, Measurement, Verdict


@attrs.frozen
class Reading:
    """Remember the latest value of a metric.

    Attributes:
        value: the value; None before there was one.
        at: when it was measured.
        beyond: how many values in a row were out of bounds; what was no number isn't among them.
    """

    value: float | None = None
    at: datetime | None = None
    beyond: int = 0


@attrs.frozen(kw_only=True)
class Threshold(Policy):
    """Bound a metric of the host's own, which a `MetricSource` gives as `Counts.values`.

    A value that is infinite or no number says that the source is broken, and nothing of the metric.

    Args:
        metric: its name.
        at_most: the highest value that is fine.
        at_least: the lowest value that is fine.
        times: how many values in a row must be out of bounds before it counts; 1 or more.
        name: what findings call it; the metric, unless given.

    Raises:
        DefinitionError: no name, no bound, bounds that leave nothing, or times below 1.
    """

    metric: str = attrs.field(kw_only=False, validator=text)
    at_most: float = attrs.field(default=math.inf, converter=real)
    at_least: float = attrs.field(default=-math.inf, converter=real)
    times: int = attrs.field(default=3, validator=a(int))
    name: str = attrs.field(
        default=attrs.Factory(lambda self: self.metric, takes_self=True), validator=text
    )

    spends_alpha = False
    absolute = True

    def __attrs_post_init__(self) -> None:
        super().__attrs_post_init__()
        for field in ("at_most", "at_least"):
            bound = getattr(self, field)
            if not isinstance(bound, float) or math.isnan(bound):
                raise DefinitionError(field, bound, "give a number")
        if self.at_most == math.inf and self.at_least == -math.inf:
            raise DefinitionError("at_most", self.at_most, "give at_most, at_least, or both")
        if self.at_least > self.at_most:
            mend = f"give a number that isn't above at_most, {self.at_most}"
            raise DefinitionError("at_least", self.at_least, mend)
        if self.times < 1:
            raise DefinitionError("times", self.times, "give a number of values, 1 or more")

    def start(self) -> Reading:
        """Return that nothing was measured."""
        return Reading()

    def enter(self, memory: Reading) -> Reading:
        """Begin anew: what was measured before the exposure doesn't judge it."""
        return Reading()

    def observe(self, memory: Reading, measurement: Measurement, progress: float) -> Reading:
        """Take the value of a block, if it has one."""
        told = measurement.canary.values.get(self.metric)
        if told is None:
            return memory
        value, at = _number(told), measurement.until
        if not math.isfinite(value):
            return Reading(value, at, memory.beyond)
        return Reading(
            value, at, 0 if self.at_least <= value <= self.at_most else memory.beyond + 1
        )

    def judge(self, memory: Reading, health: Health, criteria: Criteria) -> Finding:
        """Compare the latest values with the bounds."""
        value, at = memory.value, memory.at
        if value is None or at is None:
            return Finding(self.name, Verdict.NO_DATA, f"{self.metric} was never measured")
        if criteria.at - at > criteria.quiet:
            why = f"{self.metric} hasn't been measured for {criteria.at - at}"
            return Finding(self.name, Verdict.NO_DATA, why)
        if not math.isfinite(value):
            return Finding(self.name, Verdict.SOURCE_ERROR, f"{self.metric} is {value}")
        is_low = value < self.at_least or self.at_most == math.inf
        bound = self.at_least if is_low else self.at_most
        verdict = Verdict.HALT if memory.beyond >= self.times else Verdict.PASS
        if 0 < memory.beyond < self.times:
            verdict = Verdict.INCONCLUSIVE
        seen = f"{self.metric} is {value:g}, and its bound {bound:g}"
        times = f", {memory.beyond} times in a row" if memory.beyond else ""
        return Finding(self.name, verdict, seen + times, statistic=value, threshold=bound)

    def can_notice(self, criteria: Criteria) -> bool:
        """Have no say in what is relative to the baseline."""
        return True


def _number(value: object) -> float:
    """Return what a host gave, if that is a number; else NaN."""
    if isinstance(value, bool) or not isinstance(value, SupportsFloat):
        return math.nan
    try:
        return float(value)
    except (ValueError, OverflowError):
        return math.nan


@attrs.frozen(kw_only=True)
class UserReports(Policy):
    """Have a person look when users of the canary report trouble.

    Record a report by `engine.event(flag, context, "report")`. It isn't what `engine.alert` is: an
    alert halts at once.

    Args:
        at_most: how many users may report in a ring before that is worth a look.
        of: the name of the event.
        severity: INVESTIGATE, unless given.
        name: what findings call it.

    Raises:
        DefinitionError: a negative number, or no name of an event.
    """

    severity: Verdict = Verdict.INVESTIGATE
    at_most: int = attrs.field(default=0, validator=a(int))
    of: str = attrs.field(default="report", validator=text)
    name: str = attrs.field(default="user reports", validator=text)

    spends_alpha = False

    def __attrs_post_init__(self) -> None:
        super().__attrs_post_init__()
        if self.at_most < 0:
            raise DefinitionError("at_most", self.at_most, "give a number of users, 0 or more")

    def start(self) -> None:
        """Remember nothing: the model counts events."""

    def enter(self, memory: None) -> None:
        """Remember nothing."""

    def observe(self, memory: None, measurement: Measurement, progress: float) -> None:
        """Remember nothing."""

    def judge(self, memory: None, health: Health, criteria: Criteria) -> Finding:
        """Compare the number of users with what is fine."""
        users = health.canary.events.get(self.of, 0)
        verdict = Verdict.HALT if users > self.at_most else Verdict.PASS
        if verdict is Verdict.PASS and not health.canary.exposures:
            return Finding(self.name, Verdict.NO_DATA, "the canary was never used")
        seen = f"{users} canary users have reported trouble"
        return Finding(
            self.name, verdict, seen, statistic=float(users), threshold=float(self.at_most)
        )

    def can_notice(self, criteria: Criteria) -> bool:
        """Have no say in what is relative to the baseline."""
        return True
