"""Measurements, as tests of signals make them: blocks, histories, and what is found in them."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import UTC, datetime, timedelta
from typing import Any

import attrs
import pytest
from hypothesis import strategies as st

from safedeploy.errors import DefinitionError
from safedeploy.signals import Criteria, Health
from safedeploy.verdicts import Counts, Finding, Measurement

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
QUIET = timedelta(seconds=30)
CRITERIA = Criteria(at=NOON, share=0.01, alpha=0.01, must_see=2.0, power=0.9, quiet=QUIET)
NONE = Counts()


def arm(units: int, failures: int = 0, **more: Any) -> Counts:
    """Make the counts of an arm in which each unit did one thing."""
    return Counts(units, units, failures, units, **more)


def did(units: int, *, met: int) -> Counts:
    """Make the counts of an arm of which so many units finished an order."""
    return arm(units, events={"order": met} if met else {})


def block(canary: Counts = NONE, baseline: Counts = NONE, **more: Any) -> Measurement:
    """Make a measurement of one block."""
    return Measurement(more.pop("since", NOON), more.pop("until", NOON), canary, baseline, **more)


def judged(
    signal: Any,
    canary: Counts = NONE,
    baseline: Counts = NONE,
    *,
    silent: timedelta = timedelta(0),
    criteria: Criteria = CRITERIA,
    since: datetime | None = None,
) -> Finding:
    """Judge what was seen in one block."""
    memory = signal.observe(signal.start(), block(canary, baseline), 0)
    health = Health(NOON, NOON - silent, (memory,), canary, baseline, since=since)
    found: Finding = signal.judge(memory, health, criteria)
    return found


def seen(signal: Any, blocks: Iterable[Measurement]) -> tuple[Any, Health]:
    """Return what a signal remembers of blocks, and the health after them."""
    memory, health = signal.start(), Health(NOON, NOON, (), since=NOON)
    for each in blocks:
        memory = signal.observe(memory, each, 0)
        health = attrs.evolve(
            health,
            used=max(health.used, each.until) if each.canary.exposures else health.used,
            compared=max(health.compared, each.until)
            if each.baseline.exposures
            else health.compared,
            canary=health.canary + each.canary,
            baseline=health.baseline + each.baseline,
        )
    return memory, health


def judged_after(signal: Any, blocks: Iterable[Measurement], **criteria: Any) -> Finding:
    """Judge blocks, one after the other, at the end of the last."""
    blocks = tuple(blocks)
    memory, health = seen(signal, blocks)
    at = max([NOON, *(each.until for each in blocks)])
    found: Finding = signal.judge(memory, health, attrs.evolve(CRITERIA, at=at, **criteria))
    return found


@st.composite
def arms(draw: st.DrawFn, most: int = 40) -> Counts:
    """Draw what an arm did in a block: anything that can be."""
    units = draw(st.integers(0, most))
    failures = draw(st.integers(0, units))
    return Counts(
        exposures=units + draw(st.integers(0, 3)),
        units=units,
        failures=failures,
        fresh=draw(st.integers(0, units)),
        unfinished=draw(st.integers(0, units - failures)),
        events={name: draw(st.integers(0, units)) for name in draw(st.sets(EVENTS))},
        slowest={move: draw(st.integers(0, units)) for move in draw(st.sets(MOVES))},
        values={"load": draw(st.floats())} if draw(st.booleans()) else {},
    )


MOVES = st.sampled_from([(0, 60), (0, 89), (60, 60), (60, 100), (89, 127)])
EVENTS = st.sampled_from(["order", "report"])
waits = st.sampled_from([timedelta(0), timedelta(seconds=10), timedelta(minutes=7)])


@st.composite
def histories(draw: st.DrawFn, most: int = 6) -> tuple[Measurement, ...]:
    """Draw blocks: gaps, arms that do nothing, and clocks that are set back among them."""
    blocks, at = [], NOON
    for _ in range(draw(st.integers(0, most))):
        since, at = at, at + draw(waits) * draw(st.sampled_from([1, 1, 1, -1]))
        blocks.append(block(draw(arms()), draw(arms()), since=since, until=at))
    return tuple(blocks)


def check_refused(make: Callable[[], object], field: str, value: object, mend: str) -> None:
    """Check that something is refused by field, value and mend."""
    with pytest.raises(DefinitionError) as caught:
        make()

    assert (field, mend) == (caught.value.field, caught.value.mend)
    assert value == caught.value.value or repr(value) == repr(caught.value.value)
