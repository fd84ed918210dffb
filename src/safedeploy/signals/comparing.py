"""Comparing: what signals share that compare the canary with the baseline, by an e-process."""

from __future__ import annotations

import math
from collections.abc import Sequence
from datetime import timedelta
from typing import Protocol, Self, TypeVar

import attrs

from safedeploy import statistics
from safedeploy.errors import DefinitionError
from safedeploy.signals.policies import Policy
from safedeploy.signals.port import LARGEST, Criteria, Health
from safedeploy.traffic import Foresight, Traffic
from safedeploy.validators import ADDED, a, real, text
from safedeploy.verdicts import Finding, Verdict

FOREVER = 1e9
"""So many seconds, some 30 years, are longer than anybody waits."""


class Staking(Protocol):
    """A test that keeps a reserve of its stake, and bets the rest in several ways."""

    @property
    def cash(self) -> float:
        """What isn't staked yet."""
        ...

    @property
    def stakes(self) -> tuple[float, ...]:
        """The logs of the stakes."""
        ...

    def stake(self, share: float) -> Self:
        """Return the test with a share of the first reserve moved from cash to the stakes."""
        ...


T = TypeVar("T", bound=Staking)


def staked(test: T, progress: float) -> T:
    """Return a test with as much of its reserve staked as the progress frees."""
    owed = progress - (1 - test.cash / statistics.RESERVE)
    return test.stake(owed) if owed > 0 else test


def pooled(tests: Sequence[Staking]) -> tuple[float, tuple[float, ...]]:
    """Return cash and stakes of a test whose wealth is the mean of the tests' wealths."""
    cash = sum(test.cash for test in tests) / len(tests)
    bets = zip(*(test.stakes for test in tests), strict=True)
    return cash, tuple(map(statistics.combined, bets))


@attrs.frozen
class Arm:
    """Say what one arm did, in the terms of one signal.

    Attributes:
        units: how many could have met what is counted.
        met: how many did.
    """

    units: int
    met: int

    @property
    def rate(self) -> float:
        """The share that met it, with half a unit more: a short run of luck is no rate."""
        return min((self.met + 0.5) / (self.units + 1), 0.5)

    def over(self, other: Arm) -> float | None:
        """Return how many times the other's rate this one is, as seen; None where none was."""
        return statistics.effect(self.units, other.units, self.met, other.met)


@attrs.frozen(kw_only=True)
class Comparing(Policy):
    """Compare how often the two arms meet something.

    Args:
        tolerate: the ratio of rates up to which the canary isn't worse; 1.25 is 25 %.
        rare: the base rate, 0..1, below which a ratio isn't asked for: what must be seen is then
            `must_see` times this. Without it, a service that never fails could never be changed.
        at_least: units that each arm must have had before anything passes.
        name: what findings call it.
        enough: the log wealth that decides: nothing is staked on winning more. Its model says so.

    Raises:
        DefinitionError: tolerate below 1, rare outside 0..1, or a negative number.
    """

    tolerate: float = attrs.field(default=1.0, converter=real, validator=a(float))
    rare: float = attrs.field(default=0.001, converter=real, validator=a(float))
    at_least: int = attrs.field(default=0, validator=a(int), metadata=ADDED)
    name: str = attrs.field(default="comparison", validator=text, metadata=ADDED)
    enough: float = attrs.field(default=math.inf, eq=False, repr=False)

    spends_alpha = True

    def __attrs_post_init__(self) -> None:
        super().__attrs_post_init__()
        if not 1 <= self.tolerate < math.inf:
            mend = "give a ratio of 1 or more, such as 1.25"
            raise DefinitionError("tolerate", self.tolerate, mend)
        if not 0 < self.rare < 1:
            raise DefinitionError("rare", self.rare, "give a rate between 0 and 1, such as 0.001")
        if self.at_least < 0:
            raise DefinitionError("at_least", self.at_least, "give a number of units, 0 or more")

    def can_notice(self, criteria: Criteria) -> bool:
        """Tell whether the ratio is far enough from the tolerated one for the bets to win."""
        per_canary = (1 - criteria.share) / criteria.share
        return self.sample_size(self.rare, per_canary, criteria) < math.inf

    def sample_size(self, base_rate: float, per_canary: float, criteria: Criteria) -> float:
        """Return after how many canary units the ratio that must be seen would have been noticed.

        Args:
            base_rate: the baseline's rate, 0..1; `rare` at least is supposed.
            per_canary: baseline units for each canary unit.
            criteria: what health is judged by.
        """
        return statistics.sample_size(
            criteria.must_see,
            per_canary,
            max(base_rate, self.rare),
            alpha=criteria.alpha / criteria.strata,
            power=criteria.power,
            tolerate=self.tolerate,
        )

    def expected(self, traffic: Traffic) -> float | None:
        """Return the rate of what it counts; None where the traffic doesn't tell."""
        return None

    def foresee(self, traffic: Traffic, criteria: Criteria) -> Foresight | None:
        """Return what it needs to notice what must be seen; None where the traffic doesn't tell."""
        rate, per_canary = self.expected(traffic), (1 - criteria.share) / criteria.share
        if rate is None:
            return None
        base = max(rate, self.rare)
        units = math.inf
        if per_canary:
            floor = self.at_least / min(1.0, per_canary)
            units = max(floor, self.sample_size(base, per_canary, criteria))
        return Foresight(units=units, worse=min(criteria.must_see * base, 1) - base, most=1 / base)


@attrs.frozen(kw_only=True)
class Comparison:
    """Judge what two arms did, by the wealth of a bet that one of them meets something more often.

    Attributes:
        signal: who compares.
        log_wealth: the natural log of an e-value.
        suspect: the arm that is suspected: the canary, where what is met does harm.
        reference: the other one.
        waiting: canary units that aren't compared yet.
        health: what else was seen.
        criteria: what it is judged by.
    """

    signal: Comparing
    log_wealth: float
    suspect: Arm
    reference: Arm
    waiting: int
    health: Health
    criteria: Criteria

    def finding(self, seen: str) -> Finding:
        """Return what was found; `seen` says in words what the arms did."""
        limit = -math.log(self.criteria.alpha)
        verdict, why, lacking = self._verdict(limit)
        known = lacking < math.inf
        counts = self.suspect.units, self.reference.units, self.suspect.met, self.reference.met
        return Finding(
            self.signal.name,
            verdict,
            why if verdict is Verdict.NO_DATA else f"{seen}{why}",
            statistic=math.exp(min(self.log_wealth, LARGEST)),
            threshold=math.exp(min(limit, LARGEST)),
            remaining=int(lacking) if known else None,
            wait=self._wait(lacking) if known else None,
            effect=self.suspect.over(self.reference),
            compared=counts,
        )

    def _verdict(self, limit: float) -> tuple[Verdict, str, float]:
        """Return the verdict, why, and how many canary units are lacking; infinite if unknown."""
        silence = self.criteria.at - self.health.compared
        if self.log_wealth >= limit:
            return Verdict.HALT, "", math.inf
        if not self.suspect.units or not self.reference.units:
            return Verdict.NO_DATA, "one arm was never used", math.inf
        if silence > self.criteria.quiet:
            return Verdict.NO_DATA, f"the baseline has been silent for {silence}", math.inf
        if lacking := self._lacking():
            return Verdict.INCONCLUSIVE, self._more(lacking, "are needed"), lacking
        if self.log_wealth >= limit / 2:
            lacking = self._undecided()
            why = f"; that leans to worse{self._more(lacking, 'decide')}"
            return Verdict.INCONCLUSIVE, why, lacking
        return Verdict.PASS, "", 0

    def _lacking(self) -> float:
        """Return how many more canary units must be compared before anything passes."""
        suspect, reference = self.suspect.units, self.reference.units
        needed = self.signal.sample_size(self.reference.rate, reference / suspect, self.criteria)
        canary = self.health.canary.units
        floor = self.signal.at_least * canary / min(suspect, reference)
        lacking = max(needed * canary / suspect, floor) - (canary - self.waiting)
        return max(0, math.ceil(lacking)) if lacking < math.inf else lacking

    def _undecided(self) -> float:
        """Return how many more canary units halt it, if the arms go on as they did."""
        per_suspect = self.reference.units / self.suspect.units
        more = statistics.remaining(
            self.log_wealth,
            self.criteria.alpha,
            self.suspect.rate / self.reference.rate,
            per_suspect,
            self.reference.rate,
            tolerate=self.signal.tolerate,
        )
        more *= self.health.canary.units / self.suspect.units
        return math.ceil(more) if more < math.inf else more

    def _more(self, units: float, do_what: str) -> str:
        if units == math.inf:
            return "" if do_what == "decide" else "; no number of canary units would show it"
        wait = self._wait(units)
        within = f", in {wait}" if wait else ""
        return f"; {units:.0f} more canary units {do_what}{within}"

    def _wait(self, units: float) -> timedelta | None:
        """Return how long so many canary units take at the rate of the present exposure."""
        since = self.health.since
        if since is None or not self.health.canary.units or self.criteria.at <= since:
            return None
        seconds = units * (self.criteria.at - since).total_seconds() / self.health.canary.units
        return timedelta(seconds=math.ceil(seconds)) if seconds < FOREVER else None
