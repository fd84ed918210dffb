"""Rates: how often something happens in an hour of exposure."""

from __future__ import annotations

import math
from datetime import timedelta

import attrs

from safedeploy import statistics
from safedeploy.errors import DefinitionError
from safedeploy.signals.comparing import FOREVER, staked
from safedeploy.signals.policies import Policy
from safedeploy.signals.port import LARGEST, Criteria, Health
from safedeploy.statistics import Dispersion, RateTest
from safedeploy.validators import a, real, text
from safedeploy.verdicts import Finding, Measurement, Verdict

HOUR = timedelta(hours=1)
_KNOWN = 1e9  # a limit is like a baseline of which so much is known for each canary unit


@attrs.frozen
class Rhythm:
    """Remember how often it happened, in the hours since the exposure began.

    Attributes:
        test: the wealth of a bet that it happens too often.
        dispersion: how much it comes in bursts.
        hours: the hours of exposure, of all units.
        count: how often it happened.
    """

    test: RateTest = RateTest()
    dispersion: Dispersion = Dispersion()
    hours: float = 0.0
    count: int = 0


@attrs.frozen(kw_only=True)
class Rate(Policy):
    """Halt when something happens more often in an hour of exposure than it may: crashes, say.

    An hour of exposure is an hour in which one unit is active, or half an hour of two. Nothing is
    compared, so it needs no baseline. Bursts don't count in full: the evidence is divided by how
    much more the counts vary than those of independent events. That is learned from block to block,
    so with strong bursts alpha is no more than an aim.

    Args:
        of: the name of the event: `exposure.event(...)`, or what a `MetricSource` counts.
        at_most: how often it may happen in an hour of exposure; above 0.
        name: what findings call it.

    Raises:
        DefinitionError: no name of an event, or a rate that isn't above 0.
    """

    of: str = attrs.field(kw_only=False, validator=text)
    at_most: float = attrs.field(converter=real, validator=a(float))
    name: str = attrs.field(
        default=attrs.Factory(lambda self: f"rate of {self.of}", takes_self=True), validator=text
    )

    spends_alpha = True
    absolute = True

    def __attrs_post_init__(self) -> None:
        super().__attrs_post_init__()
        if not 0 < self.at_most < math.inf:
            raise DefinitionError("at_most", self.at_most, "give events an hour, above 0")

    def start(self) -> Rhythm:
        """Return that nothing has happened."""
        return Rhythm()

    def enter(self, memory: Rhythm) -> Rhythm:
        """Keep the wealth: it runs through the whole attempt."""
        return attrs.evolve(memory, hours=0.0, count=0)

    def observe(self, memory: Rhythm, measurement: Measurement, progress: float) -> Rhythm:
        """Fold one block in, after staking the reserve that the progress frees."""
        counts, length = measurement.canary, measurement.until - measurement.since
        count, hours = counts.events.get(self.of, 0), counts.units * max(0.0, length / HOUR)
        test, dispersion = staked(memory.test, progress), memory.dispersion
        if not hours:  # as when a clock was set back: what takes no time has no rate
            return attrs.evolve(memory, test=test)
        return Rhythm(
            test.update(count, hours, limit=self.at_most, dispersion=dispersion.factor),
            dispersion.update(count, hours),
            memory.hours + hours,
            memory.count + count,
        )

    def judge(self, memory: Rhythm, health: Health, criteria: Criteria) -> Finding:
        """Compare the wealth with 1/alpha, and the hours with those that had to be."""
        limit, log_wealth = -math.log(criteria.alpha), memory.test.log_wealth
        # Evidence that is divided takes so many times as long.
        hours = max(0.0, self._needed(criteria) * memory.dispersion.factor - memory.hours)
        seen = f"{memory.count} in {memory.hours:.3g} hours of exposure"
        lacking: float | None = None
        if log_wealth >= limit:
            verdict = Verdict.HALT
        elif not health.canary.units:
            verdict, seen = Verdict.NO_DATA, "the canary was never used"
        elif hours:
            verdict, seen = Verdict.INCONCLUSIVE, f"{seen}; {hours:.3g} more hours are needed"
            lacking = hours / memory.hours if memory.hours else None
        elif log_wealth >= limit / 2:
            verdict, seen = Verdict.INCONCLUSIVE, f"{seen}; that leans to worse"
        else:
            verdict, lacking = Verdict.PASS, 0.0
        statistic, threshold = (math.exp(min(log, LARGEST)) for log in (log_wealth, limit))
        return Finding(
            self.name,
            verdict,
            seen,
            statistic,
            threshold,
            *_more(lacking, health, criteria),
            effect=memory.count / memory.hours / self.at_most if memory.hours else None,
        )

    def can_notice(self, criteria: Criteria) -> bool:
        """Tell whether the rate that must be seen could be: any above the limit can."""
        return self._needed(criteria) < math.inf

    def _needed(self, criteria: Criteria) -> float:
        """Return the hours of exposure after which what must be seen would have been noticed."""
        return statistics.sample_size(
            criteria.must_see, _KNOWN, self.at_most, alpha=criteria.alpha, power=criteria.power
        )


def _more(
    lacking: float | None, health: Health, criteria: Criteria
) -> tuple[int | None, timedelta | None]:
    """Return how many more canary units are needed, and how long they take.

    Args:
        lacking: how many times as much as was seen since the exposure began.
        health: what was seen.
        criteria: what it is judged by.
    """
    if lacking is None or lacking == math.inf:
        return None, None
    units, since = math.ceil(lacking * health.canary.units), health.since
    seconds = lacking * (criteria.at - since).total_seconds() if since else -1.0
    wait = timedelta(seconds=math.ceil(seconds)) if 0 <= seconds < FOREVER else None
    return units, wait
