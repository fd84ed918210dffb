"""Time what drives a rollout: the pure machine, a judgement of health, and an engine's tick.

Ratios are to the yardstick, a percentage flag written by hand: none of this runs per request.
"""

from __future__ import annotations

import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from statistics import median
from time import perf_counter
from typing import Any

import attrs

sys.path.insert(0, str(Path(__file__).parents[1]))

from benchmarks._measure import Contender, Row, arguments, measure, minimal, report, sizes
from safedeploy import (
    Change,
    Context,
    Engine,
    ErrorRate,
    FeatureFlag,
    HealthModel,
    Plan,
    Ring,
    Rollout,
    Usage,
    exposure,
    fold,
    pending,
    transition,
)
from safedeploy.assessments import assess
from safedeploy.commands import Apply
from safedeploy.events import Applied, Event, Started
from safedeploy.testing import FakeClock
from safedeploy.verdicts import Counts, Measurement

START = datetime(2026, 1, 1, tzinfo=UTC)
EVERY, MINUTE = timedelta(seconds=10), timedelta(minutes=1)
EVENTS = 1000
OUTCOMES = 1000
KEY = "new-checkout"
PLAN = Plan(
    rings=(Ring("half", percent=50, bake=timedelta(days=999)),),
    health=HealthModel(ErrorRate(tolerate=1.25), Usage(at_least=100)),
    assess_every=EVERY,
)

YARDSTICK = Contender("minimal", f"minimal({KEY!r}, user)", "for user in users", 1000)


def often(name: str, body: str, *, bar: float | None = None) -> Contender:
    """Name code that is run a hundred times."""
    return Contender(name, body, "for _ in range(100)", 100, bar)


def once(name: str, body: str, operations: int, setup: str = "pass") -> Contender:
    """Name code that is run once, and makes many operations."""
    return Contender(name, body, "for _ in range(1)", operations, setup=setup)


WATCH = """
clock.advance(every)
engine.tick()
for context in contexts:
    with engine.guard(flag, context):
        pass
"""
CONTENDERS = (
    often("rollouts.transition, Baking + Assessed", "transition(rollout, assessed)", bar=60.0),
    often("rollouts.pending, while baking", "pending(rollout)"),
    often("assessments.assess, 2 signals", "assess(rollout, measurement, at, every)"),
    once(f"rollouts.fold, per event of {EVENTS:,}", "fold(stream)", EVENTS),
    often("Engine.tick, a release in flight, unused", "clock.advance(every); engine.tick()"),
    once(f"Engine.tick, per outcome of {OUTCOMES:,}", "engine.tick()", OUTCOMES, setup=WATCH),
    often("Engine.tick, nothing in flight", "idle.tick()"),
)


def arm(units: int) -> Counts:
    """Return what is counted of so many units, of which one in a hundred fails."""
    return Counts(units, units, units // 100, units)


def block(at: datetime, length: timedelta = EVERY, percent: float = 50) -> Measurement:
    """Return measurements of a while in which both arms do equally well."""
    canary = round(100 * percent)
    return Measurement(at - length, at, arm(canary), arm(10_000 - canary))


def history(events: int) -> list[Event]:
    """Return a stream of so many events in which a ring bakes."""
    change = Change.code("checkout", version="4.2.0")
    stream: list[Event] = [Started(START, change, PLAN), Applied(START, "half", 1)]
    rollout, at = fold(stream), START
    while len(stream) < events:
        at += EVERY
        stream.append(assess(rollout, block(at), at, EVERY))
        rollout, _ = transition(rollout, stream[-1])
    return stream


def simulation(plan: Plan) -> list[Event]:
    """Return what happens to a plan of which each ring is healthy, a minute after the other."""
    stream: list[Event] = [Started(START, Change.code("checkout", version="4.2.0"), plan)]
    rollout, at = fold(stream), START
    while rollout.in_flight:
        if any(isinstance(command, Apply) for command in pending(rollout)):
            event: Event = Applied(at, rollout.ring.name, rollout.epoch + 1)
        else:
            at += MINUTE
            event = assess(rollout, block(at, MINUTE, exposure(rollout).percent), at, MINUTE)
        stream.append(event)
        rollout, _ = transition(rollout, event)
    return stream


def replay(stream: list[Event]) -> None:
    """Make the transitions of a stream, one by one."""
    rollout = fold(stream[:1])
    for event in stream[1:]:
        rollout, _ = transition(rollout, event)


def days_of_five_rings(rounds: int) -> Row:
    """Return how long a plan of eight days takes to simulate, to its transitions alone."""
    rings = tuple(
        Ring(f"ring {number}", percent=percent, bake=timedelta(days=days))
        for number, (percent, days) in enumerate(((1, 1), (5, 1), (20, 2), (50, 2), (95, 2)))
    )
    plan = attrs.evolve(PLAN, rings=rings, assess_every=MINUTE)
    ratios: list[float] = []
    for _ in range(rounds):
        began = perf_counter()
        stream = simulation(plan)
        simulated = perf_counter()
        replay(stream)
        ratios.append((simulated - began) / (perf_counter() - simulated))
    name = f"{len(stream):,} events of five rings in eight days, to their transitions"
    return Row(name, None, median(ratios), 2.0)


def footprint(events: int) -> Row:
    """Return how many KiB a rollout takes after so many events."""
    rollout = fold(history(events))
    taken = sum(sizes(rollout, set())) / 1024
    return Row(f"KiB of a rollout after {events:,} events", None, taken, 100.0)


def in_flight(flag: FeatureFlag[bool], clock: FakeClock) -> Engine:
    """Return an engine in which a release has reached half of all contexts, and stays there."""
    engine = Engine(clock=clock)
    engine.release(flag.serve("on"), PLAN)
    engine.tick()
    return engine


def scope() -> dict[str, Any]:
    """Return the values that the timed code names."""
    stream, flag, clock = history(EVENTS), FeatureFlag.boolean(KEY), FakeClock()
    rollout: Rollout = fold(stream)
    at = rollout.at + EVERY
    return {
        "minimal": minimal,
        "users": [f"user-{number}" for number in range(1000)],
        "contexts": [Context(f"user-{number}") for number in range(OUTCOMES)],
        "transition": transition,
        "pending": pending,
        "assess": assess,
        "fold": fold,
        "stream": stream,
        "rollout": rollout,
        "measurement": block(at),
        "assessed": assess(rollout, block(at), at, EVERY),
        "at": at,
        "every": EVERY,
        "flag": flag,
        "clock": clock,
        "engine": in_flight(flag, clock),
        "idle": Engine(clock=clock),
    }


def main() -> None:
    options = arguments(__doc__, rounds=200, quick=30)
    yardstick, rows = measure(YARDSTICK, CONTENDERS, scope(), options.rounds)
    rows += [days_of_five_rings(max(1, options.rounds // 60)), footprint(10_000)]
    report("rollouts", yardstick, rows, as_json=options.json)


if __name__ == "__main__":
    main()
