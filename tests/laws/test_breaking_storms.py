"""Laws B1 and B4 in a storm: real threads and real tasks, as many as there can be."""

from __future__ import annotations

import asyncio
import sys
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import timedelta
from random import Random

import pytest

from safedeploy.breakers import CircuitBreaker
from safedeploy.circuits import Cause
from safedeploy.errors import CircuitOpenError
from safedeploy.testing import FakeClock
from tests.laws.breaking import Times, ended

RACERS = 64


@pytest.fixture(autouse=True)
def _many_switches() -> Iterator[None]:
    """Let threads take turns a thousand times as often."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(5e-6)
    yield
    sys.setswitchinterval(before)


def together(work: Callable[[int], None], threads: int) -> None:
    """Run work in so many threads, which begin at once."""
    gate = threading.Barrier(threads)

    def begin(number: int) -> None:
        gate.wait()
        work(number)

    running = [threading.Thread(target=begin, args=(number,)) for number in range(threads)]
    for thread in running:
        thread.start()
    for thread in running:
        thread.join()


@pytest.mark.law("B1")
@pytest.mark.parametrize("permitted", [1, 3])
def test_a_race_of_threads_lets_no_trial_too_many_through(permitted: int) -> None:
    """Of 64 threads that ask a half-open breaker at once, as many get through as are permitted."""
    breaker = CircuitBreaker("law", clock=FakeClock(), permitted_calls=permitted)
    breaker.move(Cause.HALF_OPENED, reason="a race begins")
    inside: list[int] = []
    all_asked = threading.Barrier(RACERS)

    def ask(number: int) -> None:
        try:
            with breaker.guard():
                inside.append(number)
                all_asked.wait(10)
        except CircuitOpenError:
            all_asked.wait(10)

    together(ask, RACERS)

    assert permitted == len(inside)
    assert RACERS - permitted == breaker.metrics.totals.refused
    assert "closed" == breaker.state.label


@pytest.mark.law("B1")
@pytest.mark.parametrize("permitted", [1, 3])
def test_a_race_of_tasks_lets_no_trial_too_many_through(permitted: int) -> None:
    """Of 64 tasks that ask a half-open breaker before any ends, the permitted ones get through."""
    breaker = CircuitBreaker("law", clock=FakeClock(), permitted_calls=permitted)
    breaker.move(Cause.HALF_OPENED, reason="a race begins")

    async def race() -> list[object]:
        done = asyncio.Event()

        @breaker
        async def work() -> str:
            await done.wait()
            return "permitted"

        tasks = [asyncio.create_task(work()) for _ in range(RACERS)]
        await asyncio.sleep(0)
        done.set()
        return list(await asyncio.gather(*tasks, return_exceptions=True))

    answers = asyncio.run(race())

    assert permitted == answers.count("permitted")
    assert RACERS - permitted == sum(isinstance(each, CircuitOpenError) for each in answers)


class Uneven(Times):
    """A clock that stalls, jumps ahead, and goes back, whoever asks it."""

    def __init__(self) -> None:
        super().__init__()
        self._dice = Random(7)

    def monotonic(self) -> float:
        drawn = self._dice.random()
        if drawn < 0.01:
            self.at += 30.0 if drawn < 0.008 else -5.0
        return self.at


class ExpectedError(Exception):
    """What a call may raise that isn't counted."""


def work(kind: float) -> None:
    """Do what calls do."""
    if kind < 0.2:
        raise LookupError
    if kind < 0.25:
        raise ExpectedError
    if kind < 0.3:
        raise KeyboardInterrupt


def storm(breaker: CircuitBreaker, threads: int, each: int) -> Counter[str]:
    """Make calls of all kinds from threads, and count what became of them at the callers' side."""
    outcomes: list[Counter[str]] = [Counter() for _ in range(threads)]
    guarded = breaker(work)

    def one(kind: float) -> str:
        try:
            if kind > 0.9:
                with breaker.guard():
                    return "permitted"
            guarded(kind)
        except CircuitOpenError:
            return "refused"
        except (LookupError, ExpectedError, KeyboardInterrupt):
            pass
        return "permitted"

    def blow(number: int) -> None:
        dice = Random(number)
        for _ in range(each):
            kind = dice.random()
            outcomes[number][one(kind)] += 1
            if kind > 0.999:
                assert breaker.metrics.trials <= breaker.settings.permitted_calls

    together(blow, threads)
    return sum(outcomes, Counter[str]())


def weather(each: int) -> None:
    """Let eight threads make so many calls each, and hold every count against the callers'."""
    breaker = CircuitBreaker(
        "law",
        clock=Uneven(),
        window=20,
        failure_rate=0.5,
        slow_call_rate=0.9,
        slow_call=timedelta(seconds=20),
        permitted_calls=2,
        half_open_for=timedelta(seconds=60),
        open_for=timedelta(seconds=10),
        ignores=ExpectedError,
    )
    found = storm(breaker, 8, each)
    totals = breaker.metrics.totals

    assert 8 * each == found["permitted"] + found["refused"]
    assert found["refused"] == totals.refused
    assert found["permitted"] == ended(totals)
    assert 0 == breaker.metrics.trials
    assert min(totals.successes, totals.failures, totals.refused, totals.ignored) > 0


@pytest.mark.law("B4")
def test_a_storm_loses_no_call() -> None:
    """Whatever calls do, and whatever the clock does, each is counted once."""
    weather(3_000)


@pytest.mark.law("B4")
@pytest.mark.long
def test_a_long_storm_loses_no_call() -> None:
    """Eight threads of 200,000 calls each."""
    weather(200_000)


@pytest.mark.law("B4")
def test_successes_alone_are_counted_without_a_lock() -> None:
    """Eight threads of fast successes lose none of them."""
    breaker = CircuitBreaker("law", window=100)
    work = breaker(lambda: None)

    def blow(_: int) -> None:
        for _ in range(5_000):
            work()

    together(blow, 8)

    assert 40_000 == breaker.metrics.totals.successes
