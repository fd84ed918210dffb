"""Circuit breakers side by side: each made, tripped and asked in its own words."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable, Coroutine, Iterator
from datetime import timedelta
from importlib.util import find_spec
from typing import Any, TypeAlias

import attrs

from safedeploy import CircuitBreaker

Wrap: TypeAlias = Callable[[Callable[..., Any]], Callable[..., Any]]
LONG = 3600.0


@attrs.frozen
class Made:
    """Hold one breaker: how it wraps functions and blocks, and how many failures it has seen."""

    wrap: Wrap | None = None
    guard: Callable[[], Any] | None = None
    wrap_async: Wrap | None = None
    failures: Callable[[], int] | None = None


@attrs.frozen
class Peer:
    """Name a library, and make breakers of it.

    `make(failures, recovery)` returns one that trips at so many failures, where it knows of such a
    number, and else at half of a hundred calls; it lets one trial through after so many seconds.
    """

    name: str
    module: str
    make: Callable[[int, float], Made]


NEVER = 10**9
"""So many failures that no breaker trips."""

ALMOST = 10**8
"""So many failures that none trips while one of a hundred calls goes well."""


def ours(failures: int, recovery: float, **options: Any) -> Made:
    """Make one of this library: both rates, over a hundred calls unless told otherwise."""
    breaker = CircuitBreaker(
        "bench",
        **{
            "failure_rate": 1.0 if failures == ALMOST else 0.5,
            "slow_call_rate": 0.5,
            "slow_call": timedelta(seconds=10),
            "minimum_calls": 1,
            "open_for": timedelta(seconds=recovery),
            **options,
        },
    )
    if failures == NEVER:
        breaker.only_measure(reason="a storm")
    return Made(breaker, breaker.guard, breaker, lambda: breaker.metrics.totals.failures)


def _nopanic(failures: int, recovery: float) -> Made:
    from nopanic import circuit_breaker

    breaker: Any = circuit_breaker(
        failure_threshold=1.0 if failures == ALMOST else 0.5,
        min_calls=failures if failures == NEVER else 1,
        window=LONG,
        reset_timeout=recovery,
        slow_call_duration=10.0,
        slow_call_threshold=0.5,
    )
    return Made(breaker, breaker.guard, breaker, lambda: breaker.metrics.failures)


def _interlock(failures: int, recovery: float) -> Made:
    from interlock import CircuitBreaker as Theirs
    from interlock import Config

    settings = Config(
        failure_rate_threshold=1.0 if failures == ALMOST else 0.5,
        minimum_number_of_calls=100 if failures == ALMOST else 1,
        permitted_calls_in_half_open=1,
        wait_duration_in_open=recovery,
        slow_call_duration_threshold=10.0,
        slow_call_rate_threshold=0.5,
    )
    breaker: Any = Theirs(name="bench", config=settings)
    return Made(breaker, lambda: breaker, breaker)


def _circuitbreaker(failures: int, recovery: float) -> Made:
    from circuitbreaker import CircuitBreaker as Theirs

    breaker: Any = Theirs(failure_threshold=failures, recovery_timeout=recovery)
    # Its `with` refuses nothing, so there is no such column.
    return Made(breaker, None, breaker, lambda: breaker.failure_count)


def _pybreaker(failures: int, recovery: float) -> Made:
    from pybreaker import CircuitBreaker as Theirs

    breaker: Any = Theirs(fail_max=failures, reset_timeout=recovery)
    return Made(breaker, breaker.calling, None, lambda: breaker.fail_counter)


def _purgatory(failures: int, recovery: float) -> Made:
    from purgatory import AsyncCircuitBreakerFactory, SyncCircuitBreakerFactory

    factory: Any = SyncCircuitBreakerFactory(default_threshold=failures, default_ttl=recovery)
    others: Any = AsyncCircuitBreakerFactory(default_threshold=failures, default_ttl=recovery)
    return Made(factory("bench"), lambda: factory.get_breaker("bench"), others("bench"))


def _aiobreaker(failures: int, recovery: float) -> Made:
    from aiobreaker import CircuitBreaker as Theirs

    wait = timedelta(seconds=recovery)
    breaker: Any = Theirs(fail_max=failures, timeout_duration=wait)
    return Made(None, None, breaker, lambda: breaker.fail_counter)


def _hyx(failures: int, recovery: float) -> Made:
    from hyx.circuitbreaker import consecutive_breaker

    breaker: Any = consecutive_breaker(
        failure_threshold=failures, recovery_time_secs=recovery, recovery_threshold=1
    )
    return Made(None, None, breaker)


OURS = Peer("safedeploy", "safedeploy", ours)
PEERS = (
    Peer("nopanic", "nopanic", _nopanic),
    Peer("interlock-cb", "interlock", _interlock),
    Peer("circuitbreaker", "circuitbreaker", _circuitbreaker),
    Peer("pybreaker", "pybreaker", _pybreaker),
    Peer("purgatory", "purgatory", _purgatory),
    Peer("aiobreaker", "aiobreaker", _aiobreaker),
    Peer("hyx", "hyx", _hyx),
)


def installed() -> Iterator[Peer]:
    """Go through the peers that are here."""
    return (peer for peer in PEERS if find_spec(peer.module) is not None)


class Call:
    """Make calls by a breaker, each in an event loop of its own where it knows only those."""

    def __init__(self, made: Made, work: Callable[[], Any]) -> None:
        async def awaited() -> Any:
            return work()

        self._call: Callable[[], Any]
        if made.wrap is not None:
            self._call = made.wrap(work)
        elif made.wrap_async is not None:
            guarded = made.wrap_async(awaited)
            self._call = lambda: drive(guarded())

    def __call__(self) -> BaseException | None:
        """Make one, and return what it raised."""
        try:
            self._call()
        except BaseException as error:  # noqa: BLE001 - that is what is looked at
            return error
        return None


def drive(coroutine: Coroutine[Any, Any, Any]) -> None:
    """Run a coroutine that waits for nothing; in a loop, if it does."""
    asyncio.run(coroutine)


class Failing(Exception):  # noqa: N818 - an error by any name
    """What guarded calls raise."""


def failing() -> None:
    raise Failing


def tripped(peer: Peer, recovery: float) -> Made:
    """Return a breaker that has tripped."""
    made = peer.make(3, recovery)
    call = Call(made, failing)
    for _ in range(20):
        if not isinstance(call(), Failing):
            return made
    raise RuntimeError(f"{peer.name} doesn't trip")


def raced(peer: Peer, callers: int = 16) -> int:
    """Return how many of 16 get through a half-open breaker that permits one; 1 is right."""
    made = tripped(peer, 0.05)
    time.sleep(0.06)
    inside: list[int] = []
    if made.wrap is None:
        return _raced_tasks(made, callers)

    def work() -> None:
        inside.append(1)
        time.sleep(0.05)

    call, gate = Call(made, work), threading.Barrier(callers)
    threads = [threading.Thread(target=lambda: gate.wait() + 1 and call()) for _ in range(callers)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return len(inside)


def _raced_tasks(made: Made, callers: int) -> int:
    inside: list[int] = []

    async def work() -> None:
        inside.append(1)
        await asyncio.sleep(0.01)

    async def race() -> None:
        assert made.wrap_async is not None
        guarded = made.wrap_async(work)
        await asyncio.gather(*(guarded() for _ in range(callers)), return_exceptions=True)

    asyncio.run(race())
    return len(inside)


def interrupted(peer: Peer) -> bool:
    """Tell whether a trial that is interrupted counts as nothing: the next one still decides."""
    made = tripped(peer, 0.05)
    time.sleep(0.06)

    def interrupt() -> None:
        raise Interrupted

    Call(made, interrupt)()
    call = Call(made, failing)
    first, second = call(), call()
    return isinstance(first, Failing) and not isinstance(second, Failing)


class Interrupted(BaseException):
    """As KeyboardInterrupt, which a loop would make more of."""


def passed_through(peer: Peer) -> bool:
    """Tell whether the call that trips raises what its function raised."""
    call = Call(peer.make(1, LONG), failing)
    return isinstance(call(), Failing) and not isinstance(call(), Failing)


def stormed(peer: Peer, threads: int = 8, each: int = 5_000) -> float | None:
    """Return the share of failures that is counted when threads fail at once; 1 is right."""
    made = peer.make(NEVER, LONG)
    if made.failures is None or made.wrap is None:
        return None
    call = Call(made, failing)

    def blow() -> None:
        for _ in range(each):
            call()

    running = [threading.Thread(target=blow) for _ in range(threads)]
    for thread in running:
        thread.start()
    for thread in running:
        thread.join()
    return made.failures() / (threads * each)
