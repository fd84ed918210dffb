"""Judges that read the same measurements, each as its kind is used: when would it have halted?

A judge is given what was drawn, and returns the tick in which it halts, or None.
"""

from __future__ import annotations

import math
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import chain
from types import MappingProxyType

import attrs

from benchmarks._cells import A_MINUTE, A_RING, ALPHA, EVERY, PERCENTS, START, Drawn
from safedeploy import Plan
from safedeploy.assessments import SLICES
from safedeploy.latencies import bucket
from safedeploy.signals import Health
from safedeploy.verdicts import Counts, Verdict, join

LIMIT = -math.log(ALPHA)
CERTAIN = 2.326
"""The normal quantile of 99 %."""

SLOW = bucket(0.5)
"""The bucket from which on a call is slow, for judges that count such calls."""

Arms = tuple[int, int, int, int]
"""Canary units and failures, baseline units and failures."""


def safedeploy(plan: Plan, drawn: Drawn) -> int | None:
    """Ask this library, through its public API."""
    model = plan.health
    health = model.start(START)
    criteria = [plan.criteria(ring, START) for ring in range(len(plan.rings))]
    for tick, measurement in enumerate(drawn):
        ring, baked = divmod(tick, A_RING)
        if ring and not baked:
            health = model.enter(health, START + tick * EVERY)
        if measurement is None:
            continue
        progress = (SLICES * ring + SLICES * baked // A_RING) / (SLICES * len(plan.rings) - 1)
        health = model.observe(health, measurement, progress)
        if could_halt(health):
            now = attrs.evolve(criteria[ring], at=measurement.until)
            if join(found.verdict for found in model.judge(health, now)) is Verdict.HALT:
                return tick
    return None


def could_halt(health: Health) -> bool:
    """Tell whether it is worth asking for a verdict, which takes longer than to look at wealth."""
    memories = (each if isinstance(each, tuple) else (each,) for each in health.tests if each)
    wealths = (getattr(test, "log_wealth", math.inf) for test in chain.from_iterable(memories))
    return max(wealths, default=math.inf) >= LIMIT


def threshold(drawn: Drawn) -> int | None:
    """Halt when fewer than 99 % succeeded in five of the minutes.

    So do controllers of progressive delivery, with limits like those that their tutorials show.
    """
    failed = 0
    for tick, (units, failures, _, _) in minutes(drawn):
        failed += failures > 0.01 * units
        if failed == 5:
            return tick
    return None


def mann_whitney(drawn: Drawn) -> int | None:
    """Compare the minutes' rates by their ranks, with 98 % confidence, every five minutes.

    So does Kayenta's judge; each ring is an analysis of its own.
    """
    canary: list[float] = []
    baseline: list[float] = []
    for tick, (units, failures, others, theirs) in minutes(drawn):
        if tick % A_RING < A_MINUTE:
            canary, baseline = [], []
        if units and others:
            canary.append(failures / units)
            baseline.append(theirs / others)
        if (tick + 1) % (5 * A_MINUTE) == 0 and ranks(canary, baseline) > CERTAIN:
            return tick
    return None


def msprt(drawn: Drawn) -> int | None:
    """Mix over a normal difference of rates (Johari et al.), each ring with its part of alpha.

    The mixture is as wide as half the rate of both; it begins when 100 canary units were seen.
    """
    goal = math.log(len(PERCENTS) / ALPHA)
    for tick, (units, failures, others, theirs) in totals(drawn):
        if units < 100 or not others or not failures + theirs:
            continue
        more, variance = difference((units, failures, others, theirs))
        width = ((failures + theirs) / (units + others) / 2) ** 2
        both = variance + width
        log = math.log(variance / both) / 2 + width * more**2 / (2 * variance * both)
        if more > 0 and log >= goal:
            return tick
    return None


def naive(drawn: Drawn) -> int | None:
    """Test at each tick, as if it were the only one, with 99 % confidence; from 100 units on."""
    for tick, arms in totals(drawn):
        units, failures, others, theirs = arms
        if units < 100 or not others or not failures + theirs:
            continue
        more, variance = difference(arms)
        if more > CERTAIN * math.sqrt(variance):
            return tick
    return None


OTHERS: Mapping[str, Callable[[Drawn], int | None]] = MappingProxyType(
    {
        "fixed threshold": threshold,
        "Mann-Whitney": mann_whitney,
        "mSPRT": msprt,
        "naive z-test": naive,
    }
)


def difference(arms: Arms) -> tuple[float, float]:
    """Return the difference of rates, and its variance if there were none."""
    units, failures, others, theirs = arms
    rate = (failures + theirs) / (units + others)
    return failures / units - theirs / others, rate * (1 - rate) * (1 / units + 1 / others)


def ranks(canary: Sequence[float], baseline: Sequence[float]) -> float:
    """Return the normal score of Mann and Whitney's U, corrected for ties; 0 of none."""
    ordered, pooled = sorted(baseline), sorted([*canary, *baseline])
    n, both = len(canary) * len(baseline), len(pooled)
    wins = sum(bisect_left(ordered, one) + bisect_right(ordered, one) for one in canary) / 2
    tied = sum((bisect_right(pooled, one) - bisect_left(pooled, one)) ** 2 - 1 for one in pooled)
    variance = n / 12 * (both + 1 - tied / (both * (both - 1))) if n else 0
    return (wins - n / 2) / math.sqrt(variance) if variance > 0 else 0


def bad(counts: Counts) -> int:
    """Return how many units failed, or were slow for the first time."""
    slow = (units for (before, after), units in counts.slowest.items() if before < SLOW <= after)
    return counts.failures + sum(slow)


def totals(drawn: Drawn) -> Iterator[tuple[int, Arms]]:
    """Yield each measured tick, with what its ring has seen so far."""
    arms = (0, 0, 0, 0)
    for tick, measured in enumerate(drawn):
        if tick % A_RING == 0:
            arms = (0, 0, 0, 0)
        if measured:
            one, other = measured.canary, measured.baseline
            arms = (
                arms[0] + one.units,
                arms[1] + bad(one),
                arms[2] + other.units,
                arms[3] + bad(other),
            )
            yield tick, arms


def minutes(drawn: Drawn) -> Iterator[tuple[int, Arms]]:
    """Yield each minute's last tick, with what the minute has seen."""
    for begin in range(0, len(drawn), A_MINUTE):
        measured = [one for one in drawn[begin : begin + A_MINUTE] if one]
        canary, baseline = [one.canary for one in measured], [one.baseline for one in measured]
        yield (
            begin + A_MINUTE - 1,
            (
                sum(one.units for one in canary),
                sum(map(bad, canary)),
                sum(one.units for one in baseline),
                sum(map(bad, baseline)),
            ),
        )
