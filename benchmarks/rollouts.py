"""Time what drives a rollout: the pure machine, a judgement of health, and an engine's tick.

Ratios are to the yardstick, a percentage flag written by hand: none of this runs per request.
"""

from __future__ import annotations

import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))

from benchmarks._measure import Contender, arguments, measure, minimal, report
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
    fold,
    pending,
    transition,
)
from safedeploy.assessments import assess
from safedeploy.events import Applied, Event, Started
from safedeploy.testing import FakeClock
from safedeploy.verdicts import Counts, Measurement

START = datetime(2026, 1, 1, tzinfo=UTC)
EVERY = timedelta(seconds=10)
EVENTS = 1000
OUTCOMES = 1000
KEY = "new-checkout"
PLAN = Plan(
    rings=(Ring("half", percent=50, bake=timedelta(days=999)),),
    health=HealthModel(ErrorRate(tolerate=1.25), Usage(at_least=100)),
    assess_every=EVERY,
)

YARDSTICK = Contender("minimal", f"minimal({KEY!r}, user)", "for user in users", 1000)


def often(name: str, body: str) -> Contender:
    """Name code that is run a hundred times."""
    return Contender(name, body, "for _ in range(100)", 100)


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
    often("rollouts.transition, Baking + Assessed", "transition(rollout, assessed)"),
    often("rollouts.pending, while baking", "pending(rollout)"),
    often("assessments.assess, 2 signals", "assess(rollout, measurement, at, every)"),
    once(f"rollouts.fold, per event of {EVENTS:,}", "fold(stream)", EVENTS),
    often("Engine.tick, a release in flight, unused", "clock.advance(every); engine.tick()"),
    once(f"Engine.tick, per outcome of {OUTCOMES:,}", "engine.tick()", OUTCOMES, setup=WATCH),
    often("Engine.tick, nothing in flight", "idle.tick()"),
)


def block(at: datetime) -> Measurement:
    """Return ten seconds of measurements in which both arms do equally well."""
    return Measurement(at - EVERY, at, Counts(500, 500, 5, 500), Counts(500, 500, 5, 500))


def history() -> list[Event]:
    """Return a stream in which a ring bakes."""
    change = Change.code("checkout", version="4.2.0")
    stream: list[Event] = [Started(START, change, PLAN), Applied(START, "half", 1)]
    rollout, at = fold(stream), START
    while len(stream) < EVENTS:
        at += EVERY
        stream.append(assess(rollout, block(at), at, EVERY))
        rollout, _ = transition(rollout, stream[-1])
    return stream


def in_flight(flag: FeatureFlag[bool], clock: FakeClock) -> Engine:
    """Return an engine in which a release has reached half of all contexts, and stays there."""
    engine = Engine(clock=clock)
    engine.release(flag.serve("on"), PLAN)
    engine.tick()
    return engine


def scope() -> dict[str, Any]:
    """Return the values that the timed code names."""
    stream, flag, clock = history(), FeatureFlag.boolean(KEY), FakeClock()
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
    report("rollouts", yardstick, rows, as_json=options.json)


if __name__ == "__main__":
    main()
