"""Usage: silence isn't health."""

from __future__ import annotations

import math
from datetime import datetime, timedelta

import attrs

from safedeploy.errors import DefinitionError
from safedeploy.signals.policies import Policy
from safedeploy.signals.port import Criteria, Health
from safedeploy.traffic import Foresight, Traffic
from safedeploy.validators import ADDED, real, text
from safedeploy.verdicts import Finding, Measurement, Verdict

SHORTEST = timedelta(minutes=10)
"""Exposures are held against what is expected over so long a time at least."""

ENOUGH = 25
"""And over a time in which so many are expected: chance alone doesn't look like silence."""

_LONGEST = 1e6  # hours: a timedelta holds no more than some 2e10


@attrs.frozen
class Pace:
    """Count exposures, one stretch of time after the other.

    Attributes:
        since: the begin of the present stretch; None before anything was measured.
        count: exposures in it.
        before: exposures in the stretch before; None in the first.
    """

    since: datetime | None = None
    count: int = 0
    before: int | None = None

    def after(self, measurement: Measurement, stretch: timedelta) -> Pace:
        """Return the pace after one more block."""
        since, count = self.since or measurement.since, self.count + measurement.canary.exposures
        if measurement.until - since < stretch:
            return Pace(since, count, self.before)
        return Pace(measurement.until, 0, int(count * (stretch / (measurement.until - since))))


@attrs.frozen(kw_only=True)
class Usage(Policy):
    """Hold a ring until it was used, and whenever it isn't used as it should be.

    Args:
        at_least: exposures that a ring must have had; 1 or more.
        per_hour: exposures of the canary that an hour should bring at the quietest time; fewer hold
            the ring. So a dead emitter, code that was never deployed and a broken monitor show.
        name: what findings call it.

    Raises:
        DefinitionError: at_least isn't a whole number of 1 or more, or per_hour isn't above 0.
    """

    at_least: int
    per_hour: float | None = attrs.field(
        default=None, converter=attrs.converters.optional(real), metadata=ADDED
    )
    name: str = attrs.field(default="usage", validator=text, metadata=ADDED)

    spends_alpha = False

    def __attrs_post_init__(self) -> None:
        super().__attrs_post_init__()
        least = self.at_least
        if isinstance(least, bool) or not isinstance(least, int) or least < 1:
            raise DefinitionError("at_least", least, "give a number of exposures, 1 or more")
        if self.per_hour is not None and not _is_rate(self.per_hour):
            raise DefinitionError("per_hour", self.per_hour, "give exposures an hour, above 0")

    def start(self) -> Pace | None:
        """Return a pace without exposures; None where nothing is expected of it."""
        return None if self.per_hour is None else Pace()

    def enter(self, memory: Pace | None) -> Pace | None:
        """Begin anew: another ring has another pace."""
        return self.start()

    def observe(
        self, memory: Pace | None, measurement: Measurement, progress: float
    ) -> Pace | None:
        """Count the exposures of a block."""
        return memory.after(measurement, self._stretch) if memory else None

    def judge(self, memory: Pace | None, health: Health, criteria: Criteria) -> Finding:
        """Compare the exposures with the floor, and the silence with what is usual."""
        used, lacking = health.canary.exposures, self.at_least - health.canary.exposures
        silence = criteria.at - health.used
        verdict = Verdict.NO_DATA
        if lacking > 0:
            detail = f"{lacking} more exposures are needed{self._why_none(health)}"
        elif silence > criteria.quiet:
            detail = f"nobody has used it for {silence}{self._why_none(health)}"
        elif memory and memory.before is not None and memory.before < self._fewest:
            seen = f"{memory.before} exposures in {self._stretch}"
            detail = f"{seen}, where some {self._expected:g} were expected"
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

    def foresee(self, traffic: Traffic, criteria: Criteria) -> Foresight:
        """Return the floor."""
        return Foresight(units=self.at_least)

    def can_notice(self, criteria: Criteria) -> bool:
        """Have no say in regressions."""
        return True

    def _why_none(self, health: Health) -> str:
        if health.canary.exposures or health.baseline.exposures:
            return ""
        return "; nor was the baseline used: is the code deployed, and does it report?"

    @property
    def _stretch(self) -> timedelta:
        hours = ENOUGH / (self.per_hour or math.inf)
        return max(SHORTEST, timedelta(hours=min(hours, _LONGEST)))

    @property
    def _expected(self) -> float:
        return (self.per_hour or 0) * (self._stretch / timedelta(hours=1))

    @property
    def _fewest(self) -> float:
        """So few exposures would be three standard deviations below what is expected."""
        return self._expected - 3 * math.sqrt(self._expected)


def _is_rate(value: object) -> bool:
    return isinstance(value, float) and 0 < value < math.inf
