"""Breakers: guards, decorators, observers, moves by hand, and what they show."""

from __future__ import annotations

import asyncio
import inspect
import sys
import threading
from collections.abc import AsyncGenerator, Callable, Generator
from contextlib import suppress
from datetime import timedelta
from typing import Any

import pytest

from safedeploy import circuits
from safedeploy.breakers import Breakers, CircuitBreaker, core, steps, witness
from safedeploy.breakers.counts import Totals
from safedeploy.breakers.tickets import Tickets
from safedeploy.circuits import (
    Breached,
    Cause,
    Closed,
    Exponential,
    Notice,
    Refused,
    Settings,
    Slow,
    Transitioned,
)
from safedeploy.errors import CircuitOpenError, DefinitionError
from safedeploy.testing import FakeClock

SECOND = timedelta(seconds=1)


class Shop:
    """What is guarded."""

    def __init__(self, breaker: CircuitBreaker) -> None:
        self.sell = breaker(self._sell)

    def _sell(self, what: str, *, price: int) -> str:
        """Sell something."""
        return f"{what} for {price}"


def failing() -> None:
    raise LookupError


def trip(breaker: CircuitBreaker, times: int = 1) -> None:
    """Let calls fail."""
    for _ in range(times):
        with pytest.raises(LookupError):
            breaker(failing)()


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def breaker(clock: FakeClock) -> CircuitBreaker:
    return CircuitBreaker("shop", clock=clock, window=4, minimum_calls=2, open_for=30 * SECOND)


def test_a_decorated_function_is_the_function(breaker: CircuitBreaker) -> None:
    """It takes and returns what it did, and says who it is."""
    shop = Shop(breaker)

    assert "tea for 3" == shop.sell("tea", price=3)
    assert ("_sell", "Sell something.") == (shop.sell.__name__, shop.sell.__doc__)
    assert "tea for 3" == breaker.guard()(shop.sell)("tea", price=3)


def test_decorated_functions_stay_of_their_kind(breaker: CircuitBreaker) -> None:
    """Frameworks ask what a function is."""

    async def coroutine() -> None: ...

    def generator() -> Generator[int]:
        yield 1

    async def items() -> AsyncGenerator[int]:
        yield 1

    assert inspect.iscoroutinefunction(breaker(coroutine))
    assert inspect.isgeneratorfunction(breaker(generator))
    assert inspect.isasyncgenfunction(breaker(items))


def test_a_tripped_breaker_refuses_and_says_until_when(
    breaker: CircuitBreaker, clock: FakeClock
) -> None:
    """In a block, by a decorated function, and when it is asked."""
    trip(breaker, 2)
    clock.advance(10 * SECOND)
    for ask in (breaker(failing), breaker.acquire, breaker.guard().__enter__):
        with pytest.raises(CircuitOpenError) as refused:
            ask()
        assert ("shop", "open", 20 * SECOND) == (
            refused.value.breaker,
            refused.value.state,
            refused.value.retry_after,
        )
    assert 3 == breaker.metrics.refused

    clock.advance(20 * SECOND)
    with breaker.guard(), pytest.raises(CircuitOpenError) as refused:
        breaker.acquire()
    assert ("half-open", None) == (refused.value.state, refused.value.retry_after)
    assert "closed" == breaker.state.label


def test_coroutines_and_generators_are_guarded(breaker: CircuitBreaker) -> None:
    """Each is one call; slow or failing, it counts as a function would."""

    @breaker
    async def coroutine(bad: bool) -> int:
        await asyncio.sleep(0)
        if bad:
            raise LookupError
        return 7

    @breaker
    def generator() -> Generator[int, int, str]:
        got = yield 1
        yield got
        return "end"

    def whole() -> Generator[int, int, str]:
        return (yield from generator())

    for _ in range(3):
        assert 7 == asyncio.run(coroutine(bad=False))
    running = whole()
    assert [1, 5] == [next(running), running.send(5)]
    with pytest.raises(StopIteration, match="end"):
        next(running)
    assert (4, 0) == (breaker.metrics.totals.successes, breaker.metrics.totals.failures)
    for _ in range(2):
        with pytest.raises(LookupError):
            asyncio.run(coroutine(bad=True))
    with pytest.raises(CircuitOpenError):
        asyncio.run(coroutine(bad=False))
    with pytest.raises(CircuitOpenError):
        next(generator())


def test_async_generators_pass_on_what_is_sent_and_thrown(breaker: CircuitBreaker) -> None:
    """And close what they guard."""
    seen: list[object] = []

    @breaker
    async def items() -> AsyncGenerator[int, int]:
        try:
            seen.append((yield 1))
            try:
                yield 2
            except KeyError as error:
                seen.append(type(error))
            yield 3
        finally:
            seen.append("closed")

    async def use() -> None:
        running = items()
        assert [1, 2] == [await anext(running), await running.asend(5)]
        assert 3 == await running.athrow(KeyError())
        await running.aclose()
        assert [1, 2, 3] == [item async for item in items()]

    asyncio.run(use())

    assert [5, KeyError, "closed", None, "closed"] == seen
    assert (1, 1) == (breaker.metrics.totals.successes, breaker.metrics.totals.ignored)


def test_a_block_says_what_no_exception_can(breaker: CircuitBreaker) -> None:
    """A returned 500, a 404 that is right; and an exception that is to be nothing."""
    with breaker.guard() as call:
        call.fail()
    with breaker.guard() as call:
        call.ignore()
    call = breaker.acquire()
    call.ignore()
    breaker.record(call, LookupError())

    assert Totals(0, 1, 2, 0, 0) == breaker.metrics.totals


def test_a_call_is_recorded_once(breaker: CircuitBreaker) -> None:
    """Whoever drives it may record in a `finally`, too."""
    call = breaker.acquire()
    breaker.record(call, LookupError(), duration=SECOND)
    breaker.record(call)

    assert (0, 1) == (breaker.metrics.totals.successes, breaker.metrics.totals.failures)


@pytest.mark.parametrize("failed", [False, True])
def test_slow_calls_are_told(clock: FakeClock, failed: bool) -> None:
    """With how long they took, whether they failed or not; and they may trip it."""
    told: list[Notice] = []
    breaker = CircuitBreaker(
        "shop",
        clock=clock,
        observers=(lambda _, notice: told.append(notice),),
        slow_call=SECOND,
        slow_call_rate=1.0,
        window=2,
        minimum_calls=2,
    )

    @breaker
    def work() -> None:
        clock.advance(2 * SECOND)
        if failed:
            raise LookupError

    for _ in range(2):
        try:
            work()
        except LookupError:
            assert failed

    assert (2, 2 * failed) == (breaker.metrics.slow, breaker.metrics.slow_failures)
    assert [Slow, Breached, Transitioned, Slow] == [type(each) for each in told]
    assert [2.0, 2.0] == [each.seconds for each in told if isinstance(each, Slow)]


def test_observers_see_all_that_happens(clock: FakeClock) -> None:
    """Transitions with reason and person, and each refusal."""
    told: list[tuple[CircuitBreaker, Notice]] = []
    breaker = CircuitBreaker(
        "shop", clock=clock, observers=(lambda *notice: told.append(notice),), window=1
    )
    trip(breaker)
    with pytest.raises(CircuitOpenError):
        breaker(failing)()
    breaker.isolate(reason="maintenance", by="7")
    with pytest.raises(CircuitOpenError):
        breaker(failing)()
    breaker.isolate(reason="again", by="7")

    assert {breaker} == {who for who, _ in told}
    notices = [notice for _, notice in told]
    assert [Breached, Transitioned, Refused, Transitioned, Refused] == [
        type(each) for each in notices
    ]
    moves = [each for each in notices if isinstance(each, Transitioned)]
    assert [
        ("tripped", "of 1 calls 1 failed, 0 were slow", ""),
        ("isolated", "maintenance", "7"),
    ] == [(each.cause.value, each.reason, each.by) for each in moves]
    assert (1, 2) == (breaker.metrics.refused, breaker.metrics.totals.refused)


def test_what_the_applications_code_raises_hides_no_outcome(
    clock: FakeClock, capsys: pytest.CaptureFixture[str]
) -> None:
    """A broken observer or predicate is logged, and the caller gets what the call gave."""

    def broken(*_: object) -> Any:
        raise ZeroDivisionError

    breaker = CircuitBreaker(
        "shop",
        clock=clock,
        observers=(broken,),
        failures=broken,
        failed_result=broken,
        retry_after=broken,
        window=2,
        minimum_calls=2,
    )
    assert 7 == breaker(lambda: 7)()
    trip(breaker)

    assert "open" == breaker.state.label
    assert (1, 1) == (breaker.metrics.failures, breaker.metrics.successes)
    told = capsys.readouterr().err
    assert "breaker=shop" in told
    assert all(
        f"a breaker{what}" in told
        for what in (
            "'s observer failed",
            " can't tell whether an exception is a failure",
            " can't tell whether a result is a failure",
            " can't tell when to try again",
        )
    )


def test_a_failure_may_say_for_how_long(clock: FakeClock) -> None:
    """What it says comes before the settings; less than nothing is nothing."""
    waits: list[timedelta | None] = [90 * SECOND, -SECOND, None]
    breaker = CircuitBreaker(
        "shop",
        clock=clock,
        window=1,
        open_for=Exponential(10 * SECOND, 60 * SECOND),
        failed_result=lambda result: result == 503,
        retry_after=lambda failure: waits.pop(0) if failure == 503 else None,
    )
    work = breaker(lambda: 503)
    for wait in (90 * SECOND, timedelta(0), 40 * SECOND):
        assert 503 == work()
        found = breaker.state
        assert "open" == found.label
        assert wait.total_seconds() == getattr(found, "until", 0) - clock.monotonic()
        clock.advance(wait)


@pytest.mark.parametrize(
    ("act", "label"),
    [
        ("isolate", "isolated"),
        ("disable", "disabled"),
        ("only_measure", "metrics-only"),
        ("close", "closed"),
        ("reset", "closed"),
    ],
)
def test_people_decide_with_a_reason(act: str, label: str) -> None:
    """Without one, nothing moves."""
    told: list[Notice] = []
    breaker = CircuitBreaker("shop", observers=(lambda _, notice: told.append(notice),))
    breaker.move(Cause.OPENED, reason="to begin with")
    told.clear()
    with pytest.raises(DefinitionError, match="reason"):
        getattr(breaker, act)(reason=" ")
    assert "open" == breaker.state.label
    getattr(breaker, act)(reason="why", by="7")

    assert label == breaker.state.label
    [moved] = told
    assert isinstance(moved, Transitioned)
    assert ("why", "7") == (moved.reason, moved.by)


def test_a_reset_forgets_calls_and_keeps_totals(breaker: CircuitBreaker) -> None:
    """Closing what is closed changes nothing."""
    trip(breaker)
    breaker.close(reason="why")
    assert 1 == breaker.metrics.calls
    breaker.reset(reason="why")
    assert 0 == breaker.metrics.calls
    assert 1 == breaker.metrics.totals.failures


def test_a_disabled_breaker_records_nothing(breaker: CircuitBreaker) -> None:
    """All calls get through, and count as ignored."""
    breaker.disable(reason="why")
    trip(breaker, 5)
    breaker(lambda: None)()

    assert Totals(0, 0, 6, 0, 0) == breaker.metrics.totals
    assert "disabled" == breaker.state.label


@pytest.mark.parametrize("name", ["", " ", 7])
def test_a_breaker_has_a_name(name: Any) -> None:
    """It is in all that is told."""
    with pytest.raises(DefinitionError, match="name"):
        CircuitBreaker(name)


def test_bad_settings_are_refused_where_a_breaker_is_made() -> None:
    """By breakers and by registries."""
    with pytest.raises(DefinitionError, match="permitted_calls"):
        CircuitBreaker("shop", permitted_calls=0)
    with pytest.raises(DefinitionError, match="failure_rate"):
        Breakers(failure_rate=2)
    for at_most in (0, 1.5, True):
        with pytest.raises(DefinitionError, match="at_most"):
            Breakers(at_most=at_most)  # type: ignore[arg-type]


def test_where_a_ticket_is_no_single_step_all_calls_take_the_lock(
    monkeypatch: pytest.MonkeyPatch, clock: FakeClock
) -> None:
    """Without the interpreter's lock there is no fast path, and the answers are the same."""
    monkeypatch.setattr(core, "_ATOMIC", False)
    breaker = CircuitBreaker("shop", clock=clock, window=4, minimum_calls=2)
    for _ in range(4):
        breaker(lambda: None)()
    assert breaker._passes is not None
    assert 0 == breaker._passes.taken()
    trip(breaker, 2)
    with pytest.raises(CircuitOpenError):
        breaker(failing)()

    assert Totals(4, 2, 0, 0, 1) == breaker.metrics.totals


def test_slow_blocks_don_t_wait_for_each_other() -> None:
    """Eight threads are in their guarded calls at once."""
    breaker = CircuitBreaker("shop")
    inside = threading.Barrier(8)

    def work() -> None:
        with breaker.guard():
            inside.wait(10)

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert 8 == breaker.metrics.totals.successes


def test_a_breaker_is_small() -> None:
    """With a full window of a hundred calls, all that it has of its own is under 1.2 KB."""
    settings = Settings(slow_call=SECOND, slow_call_rate=0.5)
    breaker = CircuitBreaker.of("shop", settings, clock=FakeClock())
    for number in range(300):
        with suppress(LookupError):
            breaker(failing if number % 3 == 0 else lambda: None)()
    assert 100 == breaker.metrics.calls
    held: list[Any] = [breaker, breaker._lock, breaker._later]
    circuit, tickets, *numbers = breaker._held
    held += [breaker._held, circuit, circuit.state, circuit.terms, circuit.window, tickets]
    held += [tickets.numbers, circuit.window.recent, *numbers]

    assert sum(map(sys.getsizeof, held)) < 1200


class Meddling(FakeClock):
    """A clock that does something when it is asked for the nth time."""

    def __init__(self, do: Callable[[], object] = lambda: None) -> None:
        super().__init__()
        self.do = do
        self.in_asks = 0

    def monotonic(self) -> float:
        self.in_asks -= 1
        if self.in_asks == 0:
            self.do()
        return super().monotonic()


async def nothing() -> None:
    """Do nothing."""


def in_a_block(breaker: CircuitBreaker) -> None:
    with breaker.guard():
        pass


WAYS: dict[str, Callable[[CircuitBreaker], object]] = {
    "function": lambda breaker: breaker(lambda: None)(),
    "coroutine": lambda breaker: asyncio.run(breaker(nothing)()),
    "block": in_a_block,
    "asked": lambda breaker: breaker._acquire(),
}

every_way = pytest.mark.parametrize("way", WAYS)


@every_way
def test_a_success_that_comes_too_late_is_late(way: str) -> None:
    """The state ended after the call's last look at the time: it counts as late."""
    clock = Meddling()
    breaker = CircuitBreaker("shop", clock=clock, window=4, minimum_calls=1)
    WAYS["function"](breaker)
    clock.do, clock.in_asks = lambda: breaker.reset(reason="why"), 2
    WAYS[way](breaker)

    late = 0 if way == "asked" else 1  # its answer is older than the reset, and is no outcome
    assert (1, late) == (breaker.metrics.totals.successes, breaker.metrics.totals.late)
    assert 0 == breaker.metrics.calls


def test_a_breaker_learns_of_calls_that_it_was_not_asked_for() -> None:
    """They count as if they had been permitted when they ended; where none is, they don't."""
    clock = Meddling()
    breaker = CircuitBreaker("shop", clock=clock, window=4, minimum_calls=1)
    witness(breaker, 0.0, failed=False)
    clock.do, clock.in_asks = lambda: breaker.reset(reason="why"), 1
    witness(breaker, 0.0, failed=False)
    assert (1, 1) == (breaker.metrics.totals.successes, breaker.metrics.totals.late)

    witness(breaker, 0.0, failed=True)
    assert (1, "open") == (breaker.metrics.totals.failures, breaker.state.label)
    witness(breaker, 0.0, failed=False)
    breaker.move(Cause.HALF_OPENED, reason="why")
    witness(breaker, 0.0, failed=False)
    assert (1, "half-open") == (breaker.metrics.totals.successes, breaker.state.label)


@every_way
def test_a_refusal_that_comes_too_late_is_none_of_the_new_state(way: str) -> None:
    """The state ended while the call was being refused: it is counted, but not there."""
    clock = Meddling()
    breaker = CircuitBreaker("shop", clock=clock)
    breaker.isolate(reason="why")
    clock.do, clock.in_asks = lambda: breaker.disable(reason="why"), 1
    with pytest.raises(CircuitOpenError):
        WAYS[way](breaker)

    assert (0, 1) == (breaker.metrics.refused, breaker.metrics.totals.refused)


def test_a_failure_that_comes_too_late_is_not_noted() -> None:
    """The state ended before the lock was taken."""
    breaker = CircuitBreaker("shop", clock=FakeClock(), window=8, minimum_calls=1)
    for _ in range(4):
        WAYS["function"](breaker)
    assert 4 == breaker.metrics.calls
    assert breaker._passes is not None
    assert breaker._passes.spare

    class Lock:
        """Let somebody else go first."""

        def _is_owned(self) -> bool:
            breaker._lock = lock
            breaker.reset(reason="why")
            breaker._lock = lock
            return False

    lock, breaker._lock = breaker._lock, Lock()
    trip(breaker)

    assert Totals(4, 0, 0, 1, 0) == breaker.metrics.totals


def test_a_ticket_that_was_in_time_is_counted_with_the_others() -> None:
    """Its state ended after it was taken, and took it along."""
    circuit = circuits.begin(Settings(), 0.0)
    tickets = Tickets(0, "closed", 1.0, passes=True)
    number = next(tickets.numbers)
    assert 1 == tickets.close()

    assert (circuits.absorb(circuit, 1), None, (), 0) == steps.passed_late(
        circuit, 1, tickets, number, 0.0
    )


def test_a_child_of_the_process_begins_anew(breaker: CircuitBreaker) -> None:
    """With a lock of its own, no outcomes of others, and all trials."""
    breaker.move(Cause.HALF_OPENED, reason="why")
    call = breaker.acquire()
    breaker._lock.acquire()
    core._family._in_child()
    assert 0 == breaker.metrics.trials
    breaker.record(call)

    assert 1 == breaker.metrics.totals.late
    assert "half-open" == breaker.state.label


def test_nothing_is_asked_while_the_lock_is_ones_own(breaker: CircuitBreaker) -> None:
    """As in a finalizer: what can wait, waits until the lock is free."""
    breaker.move(Cause.HALF_OPENED, reason="why")
    with breaker._lock:
        with pytest.raises(CircuitOpenError):
            breaker.acquire()
        breaker.isolate(reason="later")
        assert "half-open" == breaker.state.label

    assert "isolated" == breaker.state.label


class TestBreakers:
    """The registry."""

    def test_a_name_has_one_breaker(self) -> None:
        """With the defaults, or with settings of its own."""
        breakers = Breakers(failure_rate=0.1, window=50)
        breakers.define("search", window=10)

        assert breakers["shop"] is breakers.breaker("shop")
        assert (0.1, 50) == found(breakers["shop"])
        assert (0.1, 10) == found(breakers["search"])
        with pytest.raises(DefinitionError, match="before its breaker is asked for"):
            breakers.define("shop", window=10)

    def test_keys_leave_each_other_alone(self) -> None:
        """One tenant's failures trip one tenant's breaker."""
        breakers = Breakers(window=1)
        trip(breakers.breaker("shop", key="acme"))

        assert "open" == breakers.breaker("shop", key="acme").state.label
        assert "closed" == breakers.breaker("shop", key="globex").state.label
        assert "closed" == breakers["shop"].state.label
        assert "shop" == breakers.breaker("shop", key="acme").name

    def test_the_least_recently_used_is_forgotten(self) -> None:
        """Being asked for is being used."""
        breakers = Breakers(at_most=2)
        for key in ("one", "two"):
            breakers.breaker("shop", key=key)(lambda: None)()
        assert 1 == breakers.breaker("shop", key="one").metrics.calls
        breakers.breaker("shop", key="three")

        assert 1 == breakers.breaker("shop", key="one").metrics.calls
        assert 0 == breakers.breaker("shop", key="two").metrics.calls

    @pytest.mark.parametrize("act", ["isolate", "disable", "only_measure"])
    def test_what_is_not_closed_is_never_forgotten(self, act: str) -> None:
        """An attacker who makes up keys opens no breaker's door again."""
        breakers = Breakers(at_most=2, window=1)
        getattr(breakers.breaker("shop", key="one"), act)(reason="why")
        for number in range(100):
            breakers.breaker("shop", key=f"made up {number}")

        assert not isinstance(breakers.breaker("shop", key="one").state, Closed)

    def test_what_is_in_use_is_never_forgotten(self) -> None:
        """While a call is under way, its outcome is still to come."""
        breakers = Breakers(at_most=1, window=1)

        def work() -> None:
            for number in range(100):
                breakers.breaker("shop", key=f"made up {number}")
            raise LookupError

        with pytest.raises(LookupError), breakers.breaker("shop", key="one").guard():
            work()

        assert "open" == breakers.breaker("shop", key="one").state.label

    @pytest.mark.law("S1")
    def test_breakers_are_bounded(self) -> None:
        """Whatever state they are in: where nothing can be forgotten, keys share a breaker."""
        breakers = Breakers(at_most=40, window=1)
        for number in range(100):
            one = breakers.breaker("shop", key=f"tenant {number}")
            if one is not breakers["shop"]:
                one.isolate(reason="why")

        assert 40 == len(breakers._keyed)
        assert breakers.breaker("shop", key="another") is breakers["shop"]
        assert "isolated" == breakers.breaker("shop", key="tenant 7").state.label

    def test_a_search_for_room_goes_on_where_it_ended(self) -> None:
        """Each new key looks at a few, and what can't go is looked at last the next time."""
        breakers = Breakers(at_most=100)
        for number in range(70):
            breakers.breaker("shop", key=f"held {number}").isolate(reason="why")
        for number in range(30):
            breakers.breaker("shop", key=f"idle {number}")
        shared = [breakers.breaker("shop", key=f"new {n}") is breakers["shop"] for n in range(5)]

        assert [True, True, False, False, False] == shared

    def test_a_child_can_ask(self) -> None:
        """A lock that another thread held at the fork isn't held there."""
        breakers = Breakers()
        breakers._lock.acquire()
        breakers._in_child()

        assert breakers["shop"].state.label == "closed"


def found(breaker: CircuitBreaker) -> tuple[float | None, object]:
    return breaker.settings.failure_rate, breaker.settings.window
