"""Time what an application calls for every request: flags, guards and contexts.

Ratios are to the yardstick, a percentage flag written by hand, and each figure is a mean over 1,000
users. A release in flight has reached half of them, and changes the value of four in five. What is
recorded is counted in the same loop, and every loop begins a block. The last row is the memory that
a tally takes, at its largest.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))

from benchmarks._measure import Contender, Row, arguments, measure, minimal, report
from benchmarks._peers import contenders as peers
from safedeploy import (
    Context,
    Engine,
    ErrorRate,
    FeatureFlag,
    Group,
    HealthModel,
    Latency,
    Percentage,
    Plan,
    Ring,
    Sampling,
    Signal,
    Usage,
)
from safedeploy.arms import FAILURE, Asked
from safedeploy.contexts import mixed
from safedeploy.tallies import Tally
from safedeploy.testing import FakeClock

USERS = 1000
KEY = "new-checkout"
LOOP = "for user, context in people"


def timed(name: str, body: str, *, bar: float | None = None, setup: str = "pass") -> Contender:
    """Name code that is run for every user."""
    return Contender(name, body, LOOP, USERS, bar, setup)


YARDSTICK = timed("minimal", f"minimal({KEY!r}, user)")

CONTENDERS = (
    timed("flag.resolve, 20 %", "flag.resolve(context)"),
    timed("engine.value, 20 %", "idle.value(flag, context)"),
    timed("engine.value, 20 %, 1 % of evaluations observed", "sampling.value(flag, context)"),
    timed("engine.value, 20 %, an override of another audience", "overridden.value(flag, context)"),
    timed("engine.value, 20 %, release in flight", "busy.value(flag, context)"),
    timed("engine.guard, 20 %, success", "\n with idle.guard(flag, context) as got: got.value"),
    timed(
        "engine.guard, 20 %, success recorded, release in flight",
        "\n with busy.guard(flag, context) as got: got.value",
        setup="busy.tick()",
        bar=9.0,
    ),
    timed(
        "engine.guard, 20 %, success recorded with its duration, release in flight",
        "\n with timing.guard(flag, context) as got: got.value",
        setup="timing.tick()",
        bar=9.0,
    ),
    timed(
        "engine.guard, 20 %, failure recorded, release in flight",
        "\n try:\n  with failing.guard(flag, context) as got: raise LookupError"
        "\n except LookupError: pass",
        setup="failing.tick()",
        bar=14.0,
    ),
    timed("raise and except alone", "\n try: raise LookupError\n except LookupError: pass"),
    timed("Context, no attributes", "Context(user)"),
    timed("Context, two attributes", "Context(user, {'plan': 'beta', 'age': 41})"),
)


def flag() -> FeatureFlag[bool]:
    """Return the flag that is asked for."""
    return FeatureFlag.boolean(KEY, when=Percentage(20))


def in_flight(definition: FeatureFlag[bool], *signals: Signal) -> Engine:
    """Return an engine in which a release has reached half of all contexts, and stays there.

    A tick finds that a block is over whenever it is called.
    """
    ring = Ring("half", percent=50, bake=timedelta(minutes=59))
    health = HealthModel(*signals, Usage(at_least=10**9))
    engine = Engine()
    plan = Plan(rings=(ring,), health=health, assess_every=timedelta(microseconds=1))
    engine.release(definition.serve("on"), plan)
    engine.tick()
    return engine


def overridden(definition: FeatureFlag[bool]) -> Engine:
    """Return an engine in which an operator has overridden a flag, for others than are asked."""
    clock = FakeClock()
    engine, until = Engine(clock=clock), clock.now() + timedelta(days=1)
    how = {"by": "person-7", "reason": "to debug"}
    engine.override(definition, "on", audience=Group("staff"), until=until, **how)
    return engine


def memory(requests: int, units: int, rate: float) -> Row:
    """Return how many KiB a tally takes at most, latencies and all; its bar is 64."""
    at = datetime(2026, 1, 1, tzinfo=UTC)
    tally = Tally(at, lambda: 0.0, Asked(latency=True), salt=mixed("salt") | 1)
    dice, most = Random(1), 0  # noqa: S311 - no secrets are drawn
    for number in range(requests):
        unit = mixed(str(dice.randrange(units)))
        arm = tally.canary if unit >> 63 else tally.baseline
        if dice.random() < rate:
            tally.record(arm, unit, FAILURE, dice.expovariate(9))
        else:  # as a guard does
            arm.calls.append((unit, dice.expovariate(9)))
        if len(arm.calls) >= tally.backlog:
            tally.count()
        if number % 997 == 0:
            most = max(most, sum(sizes(tally, set())))
        if number % 20_000 == 0:
            tally.take(at)
    name = f"KiB of a tally, at most, in {requests:,} requests of {units:,} units, with latencies"
    return Row(name, None, most / 1024, 64.0)


def sizes(thing: Any, seen: set[int]) -> Iterator[int]:
    """Go through the bytes of everything that a tally holds, each once."""
    if id(thing) in seen or callable(thing):
        return
    seen.add(id(thing))
    yield sys.getsizeof(thing)
    parts: list[Any] = []
    if isinstance(thing, dict):
        parts = [*thing, *thing.values()]
    elif isinstance(thing, list | tuple):
        parts = [*thing]
    if type(thing).__module__.startswith("safedeploy"):
        parts += vars(thing).values() if hasattr(thing, "__dict__") else []
        parts += [getattr(thing, each, None) for each in getattr(thing, "__slots__", ())]
    for part in parts:
        yield from sizes(part, seen)


def people() -> range:
    return range(USERS)


def main() -> None:
    options = arguments(__doc__, rounds=500, quick=50)
    names: dict[str, Any] = {
        "minimal": minimal,
        "Context": Context,
        "flag": flag(),
        "idle": Engine(clock=FakeClock()),
        "sampling": Engine(evaluations=Sampling(str)),
        "overridden": overridden(flag()),
        "busy": in_flight(flag()),
        "failing": in_flight(flag()),
        "timing": in_flight(flag(), Latency(), ErrorRate()),
        "people": [(f"user-{number}", Context(f"user-{number}")) for number in people()],
    }
    contenders = list(CONTENDERS)
    if options.peers:
        # A hundred, for they are slow: a loop that is long is interrupted by other processes.
        contenders += peers(names, [user for user, _ in names["people"][:100]])
    yardstick, rows = measure(YARDSTICK, contenders, names, options.rounds)
    rows.append(memory(1_000_000, 300_000, 0.05))
    report("flags", yardstick, rows, as_json=options.json)


if __name__ == "__main__":
    main()
