"""Time contenders against a yardstick, interleaved in one process, and print what came out."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable, Iterator, Sequence
from statistics import median
from time import get_clock_info, perf_counter, thread_time
from timeit import timeit
from typing import Any
from zlib import crc32

import attrs

BUSY = thread_time if get_clock_info("thread_time").resolution < 1e-6 else perf_counter
"""Times what only computes: where it can, without the time that others take from the processor."""


def minimal(flag: str, user: str) -> bool:
    """Decide a 20 % flag as one would by hand: the yardstick of everything that is timed."""
    return crc32(f"{flag}{user}".encode()) % 10000 < 2000


@attrs.frozen
class Contender:
    """Name code that is timed as the body of a loop; the empty loop is subtracted.

    Attributes:
        name: what it is; with the unit, where that isn't the yardstick.
        body: the code.
        loop: the loop's head.
        operations: how many operations one loop makes.
        bar: the ratio to the yardstick that it must not exceed; None where there is none.
        setup: code that runs before each loop and isn't timed.
    """

    name: str
    body: str
    loop: str
    operations: int
    bar: float | None = None
    setup: str = "pass"


@attrs.frozen
class Row:
    """Say how one contender did; None where there was nothing to compare it with."""

    name: str
    ns: float | None
    ratio: float | None
    bar: float | None

    @property
    def holds(self) -> bool | None:
        """Whether the ratio is within the bar."""
        return None if self.bar is None or self.ratio is None else self.ratio <= self.bar


def arguments(about: str | None, *, rounds: int, quick: int) -> argparse.Namespace:
    """Read the options that every benchmark has: json, peers, and how many rounds are timed."""
    parser = argparse.ArgumentParser(description=about)
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.add_argument("--peers", action="store_true", help="time installed peers, too")
    parser.add_argument("--rounds", type=int, default=rounds, help=f"{rounds}, unless given")
    parser.add_argument("--quick", dest="rounds", action="store_const", const=quick)
    return parser.parse_args()


def measure(
    yardstick: Contender,
    contenders: Sequence[Contender],
    names: dict[str, Any],
    rounds: int,
    *,
    timer: Callable[[], float] = perf_counter,
) -> tuple[float, list[Row]]:
    """Return the yardstick's nanoseconds and a row per contender: medians over all rounds."""
    entrants = [yardstick, *contenders]
    timed = [[_net(each, names, timer) for each in entrants] for _ in range(rounds)]
    base, *others = map(median, zip(*timed, strict=True))
    rows = zip(contenders, others, strict=True)
    return base, [Row(each.name, ns, ns / base, each.bar) for each, ns in rows]


def report(benchmark: str, yardstick: float | None, rows: Sequence[Row], *, as_json: bool) -> None:
    """Print one object for programs, or a table for people."""
    if as_json:
        found = [{**attrs.asdict(row), "holds": row.holds} for row in rows]
        print(json.dumps({"benchmark": benchmark, "yardstick_ns": yardstick, "rows": found}))
        return
    print(f"{benchmark}: the yardstick takes {_figure(yardstick)} ns")
    print(f"{'ns':>14}{'ratio':>10}{'bar':>8}")
    for row in rows:
        verdict = {True: "", False: "  ABOVE THE BAR", None: ""}[row.holds]
        figures = f"{_figure(row.ns):>14}{_figure(row.ratio):>10}{_figure(row.bar):>8}"
        print(f"{figures}  {row.name}{verdict}")


def _net(each: Contender, names: dict[str, Any], timer: Callable[[], float]) -> float:
    empty = timeit(f"{each.loop}: pass", timer=timer, number=1, globals=names)
    whole = timeit(f"{each.loop}: {each.body}", each.setup, timer, number=1, globals=names)
    return (whole - empty) * 1e9 / each.operations


def _figure(value: float | None) -> str:
    return "-" if value is None else f"{value:,.2f}" if value < 100 else f"{value:,.0f}"


def sizes(thing: Any, seen: set[int]) -> Iterator[int]:
    """Go through the bytes of everything that something holds, each once."""
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
