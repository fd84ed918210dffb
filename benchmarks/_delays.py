"""Cells of the benchmark of decisions in which calls take longer, rather than fail."""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import cached_property
from itertools import accumulate
from random import Random
from statistics import NormalDist

import attrs

from benchmarks._cells import (
    A_MINUTE,
    A_RING,
    EVERY,
    PLAN,
    START,
    TICKS,
    Drawn,
    least_harm,
    plan,
    poisson,
)
from safedeploy import Latency, Plan
from safedeploy.latencies import LAST, upper
from safedeploy.verdicts import Counts, Measurement

PER_MINUTE = 10_000
USUAL = NormalDist(math.log(0.1), 0.5)
"""The log of the seconds that a call takes: 100 ms in the median."""

RARE = 1e-9
"""What has a smaller share isn't drawn."""

LATENCY_PLAN = plan(Latency())
Shares = tuple[float, ...]
"""What share of all calls is in each bucket, from the first."""


@attrs.frozen
class Calls:
    """Say what a tick brings: calls to each arm, and how long they take."""

    canary: float
    baseline: float
    usual: Shares
    now: Shares

    @property
    def harm(self) -> float:
        """Calls of the canary: all of them are harmed alike."""
        return self.canary

    @property
    def information(self) -> float:
        """What the buckets tell, against the nearest case of one distribution in both arms."""
        both = self.canary + self.baseline
        each = zip(self.now, self.usual, strict=True)
        pooled = [(self.canary * now + self.baseline * usual) / both for now, usual in each]
        learned = self.canary * _divergence(self.now, pooled)
        return learned + self.baseline * _divergence(self.usual, pooled)


@attrs.frozen(slots=False)
class Delayed:
    """Say what is simulated.

    Attributes:
        name: what people read.
        factor: how many times longer calls of the canary take.
        part: the share of its calls that do.
    """

    name: str
    factor: float = 1.0
    part: float = 1.0

    onset = 0
    promised = True

    @property
    def plan(self) -> Plan:
        """The plan that is rolled out."""
        return LATENCY_PLAN

    @property
    def worse(self) -> bool:
        """Whether it must be halted."""
        return self.factor > 1

    @cached_property
    def schedule(self) -> Sequence[tuple[Calls]]:
        """What each tick brings, ring by ring."""
        usual, calls = shares(1, 0), PER_MINUTE / A_MINUTE
        now = shares(self.factor, self.part)
        exposed = [PLAN.exposed(ring) / 100 for ring in range(len(PLAN.rings))]
        rings = [(Calls(calls * one, calls * (1 - one), usual, now),) for one in exposed]
        return [rings[tick // A_RING] for tick in range(TICKS)]

    @cached_property
    def harm(self) -> Sequence[float]:
        """Expected calls of the canary up to each tick's end."""
        return list(accumulate(calls.harm for (calls,) in self.schedule))

    @cached_property
    def bound(self) -> float:
        """The least mean harm, if the change is worse."""
        return least_harm(self.schedule) if self.worse else math.inf

    def draw(self, random: Random) -> Drawn:
        """Return one rollout's measurements; every call is another unit's."""
        return [
            Measurement(
                START + tick * EVERY,
                START + (tick + 1) * EVERY,
                _counts(calls.canary, calls.now, random),
                _counts(calls.baseline, calls.usual, random),
            )
            for tick, (calls,) in enumerate(self.schedule)
        ]


def shares(factor: float, part: float) -> Shares:
    """Return what share of calls is in each bucket, if a part of them takes a factor longer."""
    bounds = [math.log(upper(number)) for number in range(1, LAST)]
    slower = USUAL + math.log(factor)
    below = [part * slower.cdf(bound) + (1 - part) * USUAL.cdf(bound) for bound in bounds]
    return tuple(high - low for low, high in zip([0.0, *below], [*below, 1.0], strict=True))


def _counts(calls: float, each: Shares, random: Random) -> Counts:
    likely = [(number, calls * share) for number, share in enumerate(each, 1) if share > RARE]
    drawn = ((number, poisson(mean, random)) for number, mean in likely)
    slowest = {(0, number): units for number, units in drawn if units}
    units = sum(slowest.values())
    return Counts(units, units, 0, units, slowest=slowest)


def _divergence(now: Sequence[float], other: Sequence[float]) -> float:
    """Return what one call tells for a distribution, against another."""
    return sum(one * math.log(one / two) for one, two in zip(now, other, strict=True) if one)


DELAYED = (
    Delayed("latency, no worse"),
    Delayed("latency, x1.1", 1.1),
    Delayed("latency, x1.5", 1.5),
    Delayed("latency, 5 % of calls x4", 4, 0.05),
    Delayed("latency, 1 % of calls x20", 20, 0.01),
)
