"""Time what an application calls for every request: flags, guards and contexts.

Ratios are to the yardstick, a percentage flag written by hand, and each figure is a mean over 1,000
users. A release in flight has reached half of them, and changes the value of four in five. What is
recorded is counted in the same loop, and every loop begins a block. Rows that compare two of these
with each other say so; the last ones are of memory, at its largest.
"""

from __future__ import annotations

import gc
import json
import sys
import tracemalloc
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random
from statistics import median
from threading import Thread
from time import perf_counter
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))

from benchmarks._measure import BUSY, Contender, Row, arguments, measure, minimal, report, sizes
from benchmarks._peers import contenders as peers
from safedeploy import (
    Attribute,
    Context,
    Engine,
    ErrorRate,
    FeatureFlag,
    Group,
    HealthModel,
    Latency,
    Layer,
    Percentage,
    Plan,
    Ring,
    Sampling,
    Signal,
    Split,
    Usage,
)
from safedeploy.arms import FAILURE, Asked
from safedeploy.contexts import mixed
from safedeploy.definitions import Definitions, dumps, loads
from safedeploy.tallies import Tally
from safedeploy.testing import FakeClock

USERS = 1000
KEY = "new-checkout"
LOOP = "for user, context, known in people"
LOADED = 1000
FLAGS = 10_000
THREADS = 4

VALUE = "engine.value, 20 %"
VALUE_IN_FLIGHT = "engine.value, 20 %, release in flight"
VALUE_OF_MANY = f"engine.value, 20 %, {LOADED:,} flags loaded"
EVALUATE = "engine.evaluate, 20 %"
VALUE_RULED = "engine.value, one rule and 20 %, attribute there"
EVALUATE_RULED = "engine.evaluate, one rule and 20 %, attribute there"
RELATIVE = {  # a row, what it is held against, and how many times as long it may take
    VALUE_IN_FLIGHT: (VALUE, 1.5),
    VALUE_OF_MANY: (VALUE, 1.1),
    EVALUATE: (VALUE, 1.3),
    EVALUATE_RULED: (VALUE_RULED, 1.3),
}


def timed(name: str, body: str, *, bar: float | None = None, setup: str = "pass") -> Contender:
    """Name code that is run for every user."""
    return Contender(name, body, LOOP, USERS, bar, setup)


YARDSTICK = timed("minimal", f"minimal({KEY!r}, user)")

CONTENDERS = (
    timed("engine.value, on for all", "idle.value(on, context)", bar=0.8),
    timed(VALUE, "idle.value(flag, context)", bar=1.8),
    timed("engine.value, one rule and 20 %", "idle.value(ruled, context)", bar=2.8),
    timed("engine.value, a rule, then 20 %", "idle.value(rules, context)", bar=2.8),
    timed("engine.value, three weighted variants", "idle.value(split, context)", bar=2.2),
    timed("engine.value, with a prerequisite", "idle.value(requiring, context)"),
    timed("engine.value, in a share of a layer", "idle.value(shared, context)"),
    timed(VALUE_IN_FLIGHT, "busy.value(flag, context)"),
    timed(VALUE_OF_MANY, "many.value(flag, context)"),
    timed(EVALUATE, "idle.evaluate(flag, context)"),
    timed(VALUE_RULED, "idle.value(ruled, known)"),
    timed(EVALUATE_RULED, "idle.evaluate(ruled, known)"),
    timed("flag.resolve, 20 %", "flag.resolve(context)"),
    timed("Context and engine.value, 20 %", "idle.value(flag, Context(user))", bar=7.0),
    timed(
        "Context of two attributes and engine.value, 20 %",
        "idle.value(flag, Context(user, {'plan': 'beta', 'age': 41}))",
        bar=9.5,
    ),
    timed("engine.value, 20 %, 1 % of evaluations observed", "sampling.value(flag, context)"),
    timed("engine.value, 20 %, an override of another audience", "overridden.value(flag, context)"),
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


def definitions() -> dict[str, FeatureFlag[Any]]:
    """Return a flag of each kind, by the name that the rows have for it."""
    variants, beta = {"calm": 1, "loud": 2, "new": 3}, Attribute("plan").equals("beta")
    split = Split({"calm": 50, "loud": 30, "new": 20})
    layer = Layer("shop", {"shared": 40}, holdback=10)
    return {
        "flag": flag(),
        "on": FeatureFlag.boolean("on").serve("on"),
        "ruled": FeatureFlag.boolean("ruled", when=beta | Percentage(20)),
        "rules": FeatureFlag.boolean("rules", when=beta).serve("on", when=Percentage(20)),
        "split": FeatureFlag("split", variants, split, off="calm"),
        "requiring": flag().serve("on").require(FeatureFlag.boolean("other").serve("on"), "on"),
        "shared": FeatureFlag.boolean("shared", within=layer.share("shared")).serve("on"),
    }


def loaded(number: int) -> Engine:
    """Return an engine that has compiled many flags."""
    engine, context = Engine(clock=FakeClock()), Context("user-1")
    for each in range(number):
        engine.value(FeatureFlag.boolean(f"flag-{each}", when=Percentage(each % 100)), context)
    return engine


def relative(rows: Sequence[Row]) -> list[Row]:
    """Hold rows against each other."""
    by_name = {row.name: row for row in rows}
    return [
        Row(f"{name}, to {other}", None, _over(by_name[name], by_name[other]), bar)
        for name, (other, bar) in RELATIVE.items()
    ]


def _over(one: Row, other: Row) -> float:
    return (one.ns or 0) / (other.ns or 1)


def threaded(names: dict[str, Any], rounds: int) -> Row:
    """Return what is left with several threads of the ratio to the yardstick; its bar is 0.9."""
    ask = timed(VALUE, "idle.value(flag, context)")
    alone = median(_paced(YARDSTICK, names, 1) / _paced(ask, names, 1) for _ in range(rounds))
    beside = median(
        _paced(YARDSTICK, names, THREADS) / _paced(ask, names, THREADS) for _ in range(rounds)
    )
    # The bar is a floor, so what is shown is the inverse: at most 1 / 0.9.
    name = f"{VALUE}, of one thread's ratio, what it takes with {THREADS}"
    return Row(name, None, alone / beside, 1 / 0.9)


def _paced(each: Contender, names: dict[str, Any], threads: int) -> float:
    """Return how long several threads take to run a loop some times each."""
    code = compile(f"for _ in range(20):\n {each.loop}: {each.body}", "<loop>", "exec")
    workers = [Thread(target=exec, args=(code, dict(names))) for _ in range(threads)]
    began = perf_counter()
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    return perf_counter() - began


def footprint(what: str, make: Callable[[str], FeatureFlag[Any]], bar: float | None) -> Row:
    """Return how many bytes a flag takes of many, definition and compiled, its key apart."""
    keys = [f"flag-{number:05}" for number in range(FLAGS)]
    engine, context = Engine(clock=FakeClock()), Context("user-1")
    tracemalloc.start()
    kept = [make(key) for key in keys]
    for each in kept:
        engine.value(each, context)
    taken, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    return Row(f"bytes a flag of {FLAGS:,}, compiled, {what}", None, taken / FLAGS, bar)


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


def loading(rounds: int) -> Row:
    """Return how long a file of many flags takes to load, to parsing it as JSON alone."""
    beta = [Attribute("plan").equals(f"beta-{number}") for number in range(50)]
    flags = [
        FeatureFlag(
            f"flag-{number:05}",
            {"old": "classic", "new": "one-page"},
            "old",
            description=f"What number {number} is for",
        ).serve("new", when=beta[number % 50] & Percentage(number % 100))
        for number in range(FLAGS)
    ]
    text = dumps(Definitions(flags))
    ratios = [_took(loads, text) / _took(json.loads, text) for _ in range(rounds)]
    return Row(f"loading {FLAGS:,} flags, to json.loads", None, median(ratios), 10.0)


def _took(read: Callable[[str], object], text: str) -> float:
    gc.collect()
    began = BUSY()
    read(text)
    return BUSY() - began


def people() -> range:
    return range(USERS)


def main() -> None:
    options = arguments(__doc__, rounds=500, quick=50)
    names: dict[str, Any] = {
        "minimal": minimal,
        "Context": Context,
        **definitions(),
        "many": loaded(LOADED),
        "idle": Engine(clock=FakeClock()),
        "sampling": Engine(evaluations=Sampling(str)),
        "overridden": overridden(flag()),
        "busy": in_flight(flag()),
        "failing": in_flight(flag()),
        "timing": in_flight(flag(), Latency(), ErrorRate()),
        "people": [
            (
                f"user-{number}",
                Context(f"user-{number}"),
                Context(f"user-{number}", {"plan": "pro"}),
            )
            for number in people()
        ],
    }
    contenders = list(CONTENDERS)
    if options.peers:
        # A hundred, for they are slow: a loop that is long is interrupted by other processes.
        contenders += peers(names, [user for user, *_ in names["people"][:100]])
    yardstick, rows = measure(YARDSTICK, contenders, names, options.rounds, timer=BUSY)
    rows += relative(rows)
    rows.append(threaded(names, min(options.rounds, 50)))
    beta = Attribute("plan").equals("beta") | Percentage(20)
    rows.append(footprint("20 %", lambda it: FeatureFlag.boolean(it, when=Percentage(20)), 1024.0))
    rows.append(footprint("one rule and 20 %", lambda it: FeatureFlag.boolean(it, when=beta), None))
    rows.append(loading(min(options.rounds, 11)))
    rows.append(memory(1_000_000, 300_000, 0.05))
    report("flags", yardstick, rows, as_json=options.json)


if __name__ == "__main__":
    main()
