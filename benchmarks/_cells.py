"""Cells of the benchmark of decisions: what happens in a rollout, tick by tick, and its limit.

Time goes by in ticks, each a block of measurements. Five rings bake, and only a halt stops them.
Requests arrive as a Poisson process, so what fails and what doesn't, in either arm, are independent
Poisson counts.
"""

from __future__ import annotations

import math
from bisect import bisect
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from functools import cache, cached_property
from itertools import accumulate
from random import Random
from typing import Any, Protocol

import attrs

from safedeploy import ErrorRate, Group, HealthModel, Plan, Ring, Usage
from safedeploy.signals import Signal
from safedeploy.verdicts import Counts, Measurement

ALPHA = 0.01
BURST = 3
"""How many requests of a unit fail in a row, in the mean, where failures come in bursts."""
CRASHED = 0.5
"""The failure rate of a change that crashes."""
EMPLOYEES = 0.02
"""Their share of all requests. The first ring is half of them; the other half is never reached."""

START = datetime(2026, 1, 1, tzinfo=UTC)
EVERY = timedelta(seconds=5)
BAKE = timedelta(minutes=15)
A_MINUTE = timedelta(minutes=1) // EVERY
A_RING = BAKE // EVERY
"""Ticks in a minute, and in a ring."""

PERCENTS = (1, 5, 20, 50, 100)


def plan(*signals: Signal, **options: Any) -> Plan:
    """Return the plan that is rolled out, with what its health model is made of."""
    return Plan(
        rings=[Ring(f"{percent} %", percent=percent, bake=BAKE) for percent in PERCENTS],
        health=HealthModel(*signals, Usage(at_least=1), alpha=ALPHA, **options),
        holdback=5,
        assess_every=EVERY,
    )


PLAN = plan(ErrorRate())
STRATIFIED = plan(ErrorRate(), strata={"employees": Group("employees")})
TICKS = A_RING * len(PLAN.rings)

Drawn = Sequence[Measurement | None]
"""A rollout's measurements, one per tick; None where it was lost."""


@attrs.frozen
class Flow:
    """Say what a tick brings to one stratum: the requests to expect, and what share of them fails.

    Attributes:
        stratum: its name; "" is the rest.
        canary, baseline: requests to each arm.
        usual, now: the failure rates of the baseline and of the canary.
    """

    stratum: str
    canary: float
    baseline: float
    usual: float
    now: float

    @property
    def harm(self) -> float:
        """Failures that the stable version would have spared."""
        return self.canary * (self.now - self.usual)

    @property
    def information(self) -> float:
        """What is learned, against the nearest case of one rate in both arms."""
        failures = self.canary * self.now + self.baseline * self.usual
        pooled = failures / (self.canary + self.baseline)
        learned = self.canary * divergence(self.now, pooled)
        return learned + self.baseline * divergence(self.usual, pooled)


@attrs.frozen(slots=False)
class Cell:
    """Say what is simulated.

    Attributes:
        name: what people read.
        base: the baseline's failure rate.
        ratio: the canary's failure rate over the baseline's; 1 where it is no worse.
        onset: the tick from which on it is so.
        per_minute: requests a minute.
        drift: whether load and base rate go up and down by the hour, in both arms.
        lost: the chance that a tick's measurement never arrives.
        bursts: whether who fails tries again, and fails again.
        distinct: whether units are counted, as tallies do, or all requests.
        employees: whether employees, who fail three times as often, are the first ring.
    """

    name: str
    base: float = 0.01
    ratio: float = 1.0
    onset: int = 0
    per_minute: float = 10_000
    drift: bool = False
    lost: float = 0.0
    bursts: bool = False
    distinct: bool = True
    employees: bool = False

    @property
    def plan(self) -> Plan:
        """The plan that is rolled out."""
        return STRATIFIED if self.employees else PLAN

    @property
    def worse(self) -> bool:
        """Whether it must be halted."""
        return self.ratio > 1

    @property
    def promised(self) -> bool:
        """Whether it meets what judges presume: that what is counted fails independently."""
        return self.distinct or not self.bursts

    @cached_property
    def schedule(self) -> Sequence[tuple[Flow, ...]]:
        """What each tick brings to each stratum."""
        return [self._flows(tick) for tick in range(TICKS)]

    @cached_property
    def harm(self) -> Sequence[float]:
        """Expected harm up to each tick's end: units that failed because of the change."""
        return list(accumulate(sum(flow.harm for flow in flows) for flows in self.schedule))

    @cached_property
    def bound(self) -> float:
        """The least mean harm; infinite where there is none."""
        return least_harm(self.schedule, 1 - self.lost)

    def draw(self, random: Random) -> Drawn:
        """Return one rollout's measurements."""
        return [
            None if random.random() < self.lost else self._measured(tick, random)
            for tick in range(TICKS)
        ]

    def _flows(self, tick: int) -> tuple[Flow, ...]:
        turn = math.tau * (tick // A_MINUTE) / 60 if self.drift else 0.0
        requests = self.per_minute / A_MINUTE * 2 ** math.sin(turn)
        usual = self.base * (3 ** math.cos(turn) if self.drift else 1)
        now = self.ratio if tick >= self.onset else 1
        exposed = PLAN.exposed(tick // A_RING) / 100
        half = EMPLOYEES / 2 if self.employees else 0
        rest = Flow(
            "", requests * (exposed - half), requests * (1 - exposed - half), usual, usual * now
        )
        if not half:
            return (rest,)
        usual *= 3
        return rest, Flow("employees", requests * half, requests * half, usual, usual * now)

    def _measured(self, tick: int, random: Random) -> Measurement:
        since = START + tick * EVERY
        strata = {
            flow.stratum: (
                self._counts(flow.canary, flow.now, random),
                self._counts(flow.baseline, flow.usual, random),
            )
            for flow in self.schedule[tick]
        }
        if len(strata) == 1:
            return Measurement(since, since + EVERY, *strata[""])
        canary, baseline = (sum(arm, Counts()) for arm in zip(*strata.values(), strict=True))
        return Measurement(since, since + EVERY, canary, baseline, strata=strata)

    def _counts(self, requests: float, rate: float, random: Random) -> Counts:
        fine, failed = poisson(requests * (1 - rate), random), poisson(requests * rate, random)
        retried = fine + (bursts(failed, random) if self.bursts else failed)
        if self.distinct:
            return Counts(retried, fine + failed, failed, fine + failed)
        return Counts(retried, retried, retried - fine, retried)


class Tells(Protocol):
    """Say what a tick does, and tells, in one stratum: see `Flow`."""

    @property
    def harm(self) -> float: ...

    @property
    def information(self) -> float: ...


def least_harm(schedule: Iterable[Iterable[Tells]], seen: float = 1.0) -> float:
    """Return the least mean harm of any rule that halts at most `ALPHA` of what is fine.

    Such a rule halts, in the mean, with log(1/alpha) of information (Wald). As harm per information
    grows from ring to ring, its harm is at least that of learning on schedule. (After a ring of
    employees it falls; there the limit is that of a rule that halts when it has learned enough.)
    Infinite where the whole plan doesn't tell that much.

    Args:
        schedule: what each tick brings to each stratum.
        seen: the chance that a tick is measured.
    """
    missing, harm = -math.log(ALPHA), 0.0
    for flows in map(list, schedule):
        learned = seen * sum(flow.information for flow in flows)
        done = sum(flow.harm for flow in flows)
        if learned >= missing:
            return harm + done * missing / learned
        missing, harm = missing - learned, harm + done
    return math.inf


def poisson(mean: float, random: Random) -> int:
    """Draw from a Poisson distribution."""
    least, chances = _cumulated(mean)
    return least + bisect(chances, random.random())


def bursts(failed: int, random: Random) -> int:
    """Draw how many requests failed in so many bursts, each geometric with mean `BURST`."""
    rate = -math.log1p(-1 / BURST)
    return sum(1 + int(random.expovariate(rate)) for _ in range(failed))


@cache
def _cumulated(mean: float) -> tuple[int, Sequence[float]]:
    """Return the least number that is ever drawn, and the summed chances from there on."""
    if not mean:
        return 0, (1.0,)
    spread = 9 * math.sqrt(mean) + 9
    least, most = max(0, int(mean - spread)), int(mean + spread)
    logs = (n * math.log(mean) - mean - math.lgamma(n + 1) for n in range(least, most))
    return least, list(accumulate(map(math.exp, logs)))


def divergence(rate: float, other: float) -> float:
    """Return what one request tells for a failure rate, against another."""
    return rate * math.log(rate / other) + (1 - rate) * math.log((1 - rate) / (1 - other))


BASES = (0.001, 0.01, 0.05)
RATIOS = (1.2, 1.5, 2, 5)
LATE = timedelta(minutes=30) // EVERY
SCARCE = 100 / 60
TROUBLES: dict[str, dict[str, Any]] = {
    "drift": {"drift": True},
    "employees first": {"employees": True},
    "20 % of ticks lost": {"lost": 0.2},
    "bursts, units counted": {"bursts": True},
    "bursts, requests counted": {"bursts": True, "distinct": False},
}
WORSE = (
    *(Cell(f"{100 * base:g} %, x{ratio}", base, ratio) for base in BASES for ratio in RATIOS),
    *(Cell(f"{100 * base:g} %, crash", base, CRASHED / base) for base in BASES),
    *(Cell(f"{name}, x2", ratio=2, **trouble) for name, trouble in TROUBLES.items()),
    *(Cell(f"after 30 minutes, x{ratio}", ratio=ratio, onset=LATE) for ratio in (2, 5)),
    Cell("100 requests an hour, crash", ratio=CRASHED / 0.01, per_minute=SCARCE),
)
FINE = (
    *(Cell(f"{100 * base:g} %, no worse", base) for base in BASES),
    *(Cell(f"{name}, no worse", **trouble) for name, trouble in TROUBLES.items()),
    Cell("100 requests an hour, no worse", per_minute=SCARCE),
)
