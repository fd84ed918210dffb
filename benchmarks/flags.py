"""Time what an application calls for every request: flags, guards and contexts.

Ratios are to the yardstick, a percentage flag written by hand, and each figure is a mean over 1,000
users. A release in flight has reached half of them, and changes the value of four in five.
"""

from __future__ import annotations

import sys
from datetime import timedelta
from importlib.util import find_spec
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))

from benchmarks._measure import Contender, arguments, measure, minimal, report
from safedeploy import Context, Engine, FeatureFlag, HealthModel, Percentage, Plan, Ring, Usage
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
    timed("engine.value, 20 %, release in flight", "busy.value(flag, context)"),
    timed("engine.guard, 20 %, success", "\n with idle.guard(flag, context) as got: got.value"),
    timed(
        "engine.guard, 20 %, success recorded, release in flight",
        "\n with busy.guard(flag, context) as got: got.value",
        setup="busy.tick()",  # counts what was recorded, so that the log never fills up
    ),
    timed(
        "engine.guard, 20 %, failure recorded, release in flight",
        "\n try:\n  with busy.guard(flag, context) as got: raise LookupError"
        "\n except LookupError: pass",
        setup="busy.tick()",
    ),
    timed("raise and except alone", "\n try: raise LookupError\n except LookupError: pass"),
    timed("Context, no attributes", "Context(user)"),
    timed("Context, two attributes", "Context(user, {'plan': 'beta', 'age': 41})"),
)


def flag() -> FeatureFlag[bool]:
    """Return the flag that is asked for."""
    return FeatureFlag.boolean(KEY, when=Percentage(20))


def in_flight(definition: FeatureFlag[bool]) -> Engine:
    """Return an engine in which a release has reached half of all contexts, and stays there."""
    ring = Ring("half", percent=50, bake=timedelta(days=999))
    health = HealthModel(Usage(at_least=1))
    engine = Engine(clock=FakeClock())
    engine.release(definition.serve("on"), Plan(rings=(ring,), health=health))
    engine.tick()
    return engine


def peers(names: dict[str, Any]) -> tuple[Contender, ...]:
    """Return a contender for each peer that is installed, deciding by the yardstick's function."""
    if find_spec("openfeature") is None:
        return ()
    from openfeature import api
    from openfeature.evaluation_context import EvaluationContext
    from openfeature.flag_evaluation import FlagResolutionDetails
    from openfeature.provider.in_memory_provider import InMemoryFlag, InMemoryProvider

    def decide(_: Any, asked: EvaluationContext) -> FlagResolutionDetails[bool]:
        return FlagResolutionDetails(minimal(KEY, asked.targeting_key or ""))

    flags = {KEY: InMemoryFlag("off", {"on": True, "off": False}, context_evaluator=decide)}
    api.set_provider(InMemoryProvider(flags))
    names["client"] = api.get_client()
    names["theirs"] = {f"user-{number}": EvaluationContext(f"user-{number}") for number in people()}
    ask = f"client.get_boolean_value({KEY!r}, False, theirs[user])"
    return (timed("peer: openfeature-sdk, in-memory provider", ask),)


def people() -> range:
    return range(USERS)


def main() -> None:
    options = arguments(__doc__, rounds=500, quick=50)
    names: dict[str, Any] = {
        "minimal": minimal,
        "Context": Context,
        "flag": flag(),
        "idle": Engine(clock=FakeClock()),
        "busy": in_flight(flag()),
        "people": [(f"user-{number}", Context(f"user-{number}")) for number in people()],
    }
    contenders = (*CONTENDERS, *(peers(names) if options.peers else ()))
    yardstick, rows = measure(YARDSTICK, contenders, names, options.rounds)
    report("flags", yardstick, rows, as_json=options.json)


if __name__ == "__main__":
    main()
