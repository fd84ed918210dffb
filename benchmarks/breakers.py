"""Time circuit breakers, and say which of them are right.

A row's name begins with what its ratio is to: a call of a function under a lock, raising and
catching, or an awaited call. The function does nothing, and breakers are closed with a full window,
unless a row says otherwise. Where failing calls are timed, one of fifty goes well, and
keeps breakers closed. With `--peers`, others are timed in the same turns.

The last rows aren't times: how much memory a breaker takes, and whether it keeps its word. With
`--peers`, each of those is found out for the peers, too, and by the same code.
"""

from __future__ import annotations

import gc
import sys
import threading
import time
import tracemalloc
from collections.abc import Callable, Coroutine, Iterator, Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))

from benchmarks._breakers import (
    ALMOST,
    LONG,
    OURS,
    Failing,
    Made,
    Peer,
    failing,
    installed,
    interrupted,
    ours,
    passed_through,
    raced,
    stormed,
    tripped,
)
from benchmarks._measure import Contender, Row, arguments, measure, report
from safedeploy.breakers import CircuitBreaker
from safedeploy.circuits import Settings
from safedeploy.clocks import SystemClock

CALLS = 500
LOOP = f"for _ in range({CALLS})"

BARS = {
    "lock: closed, decorated": 2.4,
    "lock: closed, guard": 3.6,
    "lock: failing, decorated": 13.0,
    "raise: refused, decorated": 2.8,
    "raise: refused, guard": 3.4,
    "await: closed, decorated": 8.0,
    "await: closed, guard": 10.0,
}
YARDSTICKS = {
    "lock": "\n with lock: work()",
    "raise": "\n try: failing()\n except Exception: pass",
    "await": "drive(many(awaited))",
}


def work() -> None:
    """Do nothing, as what is guarded."""


async def awaited() -> None:
    """Do nothing, as what is guarded."""


async def many(call: Callable[[], Coroutine[Any, Any, None]]) -> None:
    """Await so many calls."""
    for _ in range(CALLS):
        await call()


def drive(coroutine: Coroutine[Any, Any, None]) -> None:
    """Run a coroutine that waits for nothing."""
    try:
        coroutine.send(None)
    except StopIteration:
        return


def timed(name: str, body: str, setup: str = "pass", bar: float | None = None) -> Contender:
    """Name code that is run for each call, or for all of them where it awaits."""
    loop = "for _ in (0,)" if "drive(" in body else LOOP
    return Contender(name, body, loop, CALLS, bar, setup)


def contenders(peer: Peer, names: dict[str, Any]) -> Iterator[tuple[str, Contender]]:
    """Say what is timed of a library, and to which yardstick."""
    key = peer.module
    closed, opened = filled(peer.make(100, LONG)), tripped(peer, LONG)
    for name, code, made, place in COLUMNS:
        wrapped = getattr(made(closed, opened), place)
        if wrapped is None:
            continue
        variable = f"{key}_{len(names)}"
        kind, _, _ = name.partition(":")
        target = awaited if kind == "await" else failing if "failing" in name else work
        if place == "guard":
            names[variable] = guarding(wrapped) if kind == "await" else wrapped
        else:
            names[variable] = wrapped(target)
        full = name if peer is OURS else f"{name}: {peer.name}"
        bar = BARS[name] if peer is OURS else None
        yield kind, timed(full, code.replace("CALL", variable), bar=bar)


def guarding(guard: Callable[[], Any]) -> Callable[[], Coroutine[Any, Any, None]]:
    """Return a coroutine function with a guarded block around an await."""

    async def guarded() -> None:
        with guard():
            await awaited()

    return guarded


def filled(made: Made) -> Made:
    """Make a hundred calls that go well."""
    for _ in range(100):
        if made.wrap is not None:
            made.wrap(work)()
        elif made.wrap_async is not None:
            drive(made.wrap_async(awaited)())
    return made


def _closed(closed: Made, _: Made) -> Made:
    return closed


def _opened(_: Made, opened: Made) -> Made:
    return opened


COLUMNS: Sequence[tuple[str, str, Callable[[Made, Made], Made], str]] = (
    ("lock: closed, decorated", "CALL()", _closed, "wrap"),
    ("lock: closed, guard", "\n with CALL(): work()", _closed, "guard"),
    ("raise: refused, decorated", "\n try: CALL()\n except Exception: pass", _opened, "wrap"),
    (
        "raise: refused, guard",
        "\n try:\n  with CALL(): work()\n except Exception: pass",
        _opened,
        "guard",
    ),
    ("await: closed, decorated", "drive(many(CALL))", _closed, "wrap_async"),
)


def failures(peer: Peer, names: dict[str, Any]) -> Contender | None:
    """Say what is timed of calls that fail: of a breaker that is kept from tripping."""
    made = filled(peer.make(ALMOST, LONG))
    if made.wrap is None:
        return None
    variable = f"calls_{peer.module}"
    names[variable] = [made.wrap(work), *[made.wrap(failing)] * 49] * (CALLS // 50)
    body = "\n try: call()\n except Failing: pass"
    name = "lock: failing, decorated"
    full, bar = (name, BARS[name]) if peer is OURS else (f"{name}: {peer.name}", None)
    return Contender(full, body, f"for call in {variable}", CALLS, bar)


def sliding(names: dict[str, Any]) -> Contender:
    """Say what is timed of a window of time; its yardstick is a window of calls."""
    names["sliding"] = ours(0, LONG, window=timedelta(seconds=60)).wrap(work)  # type: ignore[misc]
    names["counting"] = ours(0, LONG).wrap(work)  # type: ignore[misc]
    return timed("count window: a window of 60 s", "sliding()", bar=1.2)


def asleep(threads: int = 8) -> float:
    """Return how long threads that sleep 50 ms in guarded calls take together, in 50 ms."""
    breaker = ours(0, LONG).wrap
    assert breaker is not None
    call = breaker(lambda: time.sleep(0.05))
    running = [threading.Thread(target=call) for _ in range(threads)]
    began = time.perf_counter()
    for thread in running:
        thread.start()
    for thread in running:
        thread.join()
    return (time.perf_counter() - began) / 0.05


def memory(breakers: int = 200) -> float:
    """Return how many KiB a breaker takes, with a full window of 100 calls."""
    settings = Settings(slow_call=timedelta(seconds=1), slow_call_rate=0.5)
    clock, kept = SystemClock(), list[CircuitBreaker]()
    fill(CircuitBreaker.of("bench", settings, clock=clock))
    gc.collect()
    tracemalloc.start()
    before, _ = tracemalloc.get_traced_memory()
    for _ in range(breakers):
        kept.append(CircuitBreaker.of("bench", settings, clock=clock))
        fill(kept[-1])
    gc.collect()
    after, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    return (after - before) / breakers / 1024


def fill(breaker: CircuitBreaker) -> None:
    """Make 300 calls, of which every third fails."""
    for number in range(300):
        call = breaker.acquire()
        breaker.record(call, Failing() if number % 3 == 0 else None)


def words_kept(peer: Peer) -> Iterator[Row]:
    """Find out whether a library keeps its word; 1 is right in each row."""
    found = {
        "callers of 16 that a half-open breaker lets through, which permits one": raced(peer),
        "an interrupted trial counts as nothing": interrupted(peer),
        "failures counted in a storm of threads, as a share": stormed(peer),
        "the call that trips raises what it raised": passed_through(peer),
    }
    for name, value in found.items():
        bar = 1.0 if peer is OURS else None
        yield Row(f"{name}: {peer.name}", None, None if value is None else float(value), bar)


def rows(options: Any) -> tuple[float, list[Row]]:
    """Return the nanoseconds of a call under a lock, and all rows."""
    names: dict[str, Any] = {
        "lock": threading.Lock(),
        "work": work,
        "awaited": awaited,
        "failing": failing,
        "Failing": Failing,
        "many": many,
        "drive": drive,
    }
    here = [OURS, *(installed() if options.peers else ())]
    groups: dict[str, list[Contender]] = {kind: [] for kind in YARDSTICKS}
    for peer in here:
        for kind, each in contenders(peer, names):
            groups[kind].append(each)
        fails = failures(peer, names)
        if fails is not None:
            groups["lock"].append(fails)
    guarded = ours(0, LONG)
    names["ours_block"] = guarding(filled(guarded).guard or work)
    bar = BARS["await: closed, guard"]
    groups["await"].append(timed("await: closed, guard", "drive(many(ours_block))", bar=bar))
    found, base = list[Row](), 0.0
    for kind, entrants in groups.items():
        ns, timings = measure(timed(kind, YARDSTICKS[kind]), entrants, names, options.rounds)
        base = ns if kind == "lock" else base
        found += timings
    window = sliding(names)
    found += measure(timed("count", "counting()"), [window], names, options.rounds)[1]
    nap = min(asleep() for _ in range(5))
    found.append(Row("50 ms: 8 threads that sleep 50 ms in guarded calls", None, nap, 1.1))
    found.append(Row("KiB: a breaker with a full window of 100 calls", None, memory(), 1.2))
    found += [row for peer in here for row in words_kept(peer)]
    return base, [*found, *halves(found)]


def halves(found: Sequence[Row]) -> Iterator[Row]:
    """Say for each column how much of the time of the fastest peer that is right ours takes."""
    by_name = {row.name: row.ns for row in found}
    for name in BARS:
        mine, theirs = by_name.get(name), by_name.get(f"{name}: nopanic")
        if mine and theirs:
            yield Row(f"nopanic: {name}", None, mine / theirs, 0.5)


def main() -> None:
    options = arguments(__doc__, rounds=300, quick=30)
    base, found = rows(options)
    report("breakers", base, found, as_json=options.json)


if __name__ == "__main__":
    main()
