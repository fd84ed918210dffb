"""Laws B2 and B5 at every point: whatever a call dies of and wherever, its permit comes back."""

from __future__ import annotations

import asyncio
import dis
import gc
import os
import sys
import threading
from collections.abc import AsyncGenerator, Callable, Generator
from contextlib import suppress
from datetime import timedelta
from types import FrameType
from typing import Any

import pytest

from safedeploy import circuits
from safedeploy.breakers import CircuitBreaker
from safedeploy.circuits import Cause, Notice
from safedeploy.errors import CircuitOpenError
from safedeploy.testing import FakeClock
from tests.laws.interleavings import WATCHED

DEATHS = [
    KeyboardInterrupt,
    SystemExit,
    GeneratorExit,
    asyncio.CancelledError,
    BaseException,
    LookupError,
    StopAsyncIteration,
]

every_death = pytest.mark.parametrize("death", DEATHS, ids=lambda kind: kind.__name__)


def trying(permitted: int = 1, **options: Any) -> CircuitBreaker:
    """Return a breaker that is half-open."""
    breaker = CircuitBreaker("law", clock=FakeClock(), permitted_calls=permitted, **options)
    breaker.move(Cause.HALF_OPENED, reason="a test begins")
    return breaker


def free(breaker: CircuitBreaker) -> int:
    """Return how many trials can still begin, and begin none."""
    calls, refused = [], False
    while not refused:
        try:
            calls.append(breaker.acquire())
        except CircuitOpenError:
            refused = True
    for call in calls:
        call.ignore()
        breaker.record(call)
    return len(calls)


def in_a_block(breaker: CircuitBreaker, death: type[BaseException]) -> None:
    with breaker.guard():
        raise death


def in_a_function(breaker: CircuitBreaker, death: type[BaseException]) -> None:
    @breaker
    def work() -> None:
        raise death

    work()


def in_a_coroutine(breaker: CircuitBreaker, death: type[BaseException]) -> None:
    @breaker
    async def work() -> None:
        raise death

    work().send(None)


def thrown_into_a_coroutine(breaker: CircuitBreaker, death: type[BaseException]) -> None:
    class Forever:
        def __await__(self) -> Generator[None]:
            yield

    @breaker
    async def work() -> None:
        await Forever()

    running = work()
    running.send(None)
    running.throw(death())


def in_a_generator(breaker: CircuitBreaker, death: type[BaseException]) -> None:
    @breaker
    def items() -> Generator[int]:
        yield 1
        raise death

    list(items())


def thrown_into_a_generator(breaker: CircuitBreaker, death: type[BaseException]) -> None:
    @breaker
    def items() -> Generator[int]:
        yield 1

    running = items()
    next(running)
    running.throw(death())


def thrown_into_an_async_generator(breaker: CircuitBreaker, death: type[BaseException]) -> None:
    @breaker
    async def items() -> AsyncGenerator[int]:
        yield 1

    running = items()
    with suppress(StopIteration):
        running.__anext__().send(None)
    running.athrow(death()).send(None)


WAYS: list[Callable[[CircuitBreaker, type[BaseException]], None]] = [
    in_a_block,
    in_a_function,
    in_a_coroutine,
    thrown_into_a_coroutine,
    in_a_generator,
    thrown_into_a_generator,
    thrown_into_an_async_generator,
]

every_way = pytest.mark.parametrize("way", WAYS, ids=lambda way: way.__name__)


@pytest.mark.law("B2")
@every_way
@every_death
def test_a_permit_comes_back(
    way: Callable[[CircuitBreaker, type[BaseException]], None], death: type[BaseException]
) -> None:
    """Whatever a call dies of and wherever, its permit comes back, or has told what it was for."""
    breaker = trying(2)
    with suppress(BaseException):
        way(breaker, death)

    counts = breaker.metrics.failures
    assert 2 - counts == free(breaker)


@pytest.mark.law("B5")
@every_way
@every_death
def test_what_a_call_raises_passes_unchanged(
    way: Callable[[CircuitBreaker, type[BaseException]], None], death: type[BaseException]
) -> None:
    """The caller gets what was raised, also by the call that trips; only an `Exception` counts."""
    counted = issubclass(death, Exception)
    breaker = trying()
    renamed = way.__name__ != "in_a_block" and death is StopAsyncIteration
    with pytest.raises((death, RuntimeError) if renamed else death) as raised:
        way(breaker, death)

    assert renamed or type(raised.value) is death
    assert raised.value.__context__ is None or renamed
    assert ("open" if counted else "half-open") == breaker.state.label
    assert int(counted) == breaker.metrics.totals.failures
    assert 0 == breaker.metrics.totals.successes


@pytest.mark.law("B2")
def test_what_is_never_resumed_strands_no_permit() -> None:
    """A generator, a coroutine or a guard that is forgotten gives its permit back."""
    breaker = trying()

    @breaker
    def items() -> Generator[int]:
        yield 1

    @breaker
    async def work() -> None:
        """Never awaited."""

    abandoned = items()
    next(abandoned)
    with pytest.raises(CircuitOpenError):
        breaker.acquire()
    del abandoned
    assert 1 == free(breaker)

    work().close()
    forgotten = breaker.acquire()
    cycle: list[Any] = [forgotten]
    cycle.append(cycle)
    del forgotten, cycle
    gc.collect()
    assert 1 == free(breaker)


@pytest.mark.law("B2")
def test_a_task_that_is_cancelled_gives_its_permit_back() -> None:
    """Before its first await, and while it waits."""
    breaker = trying()

    @breaker
    async def work() -> None:
        await asyncio.sleep(3600)

    async def cancel(after: int) -> None:
        task = asyncio.create_task(work())
        for _ in range(after):
            await asyncio.sleep(0)
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task

    for after in range(3):
        asyncio.run(cancel(after))
        assert 1 == free(breaker)
    assert (0, 0) == (breaker.metrics.totals.failures, breaker.metrics.totals.successes)


class Interrupt:
    """Raise KeyboardInterrupt at the nth point of a breaker's code at which a signal may come.

    That is where the interpreter looks for signals: after a call, a jump back, at a function's
    begin. Elsewhere, `with` itself couldn't release a lock.
    """

    def __init__(self, point: int) -> None:
        self.left = point
        self.last: dict[FrameType, str] = {}

    def __enter__(self) -> None:
        self.before = sys.gettrace()
        sys.settrace(self._trace)

    def __exit__(self, *_: object) -> None:
        sys.settrace(self.before)
        self.last.clear()

    def _trace(self, frame: FrameType, event: str, _: Any) -> Any:
        code = frame.f_code
        if not code.co_filename.startswith(WATCHED) or code.co_name == "__del__":
            return None
        frame.f_trace_opcodes = True
        if event == "opcode":
            last, now = self.last.get(frame, ""), dis.opname[code.co_code[frame.f_lasti]]
            self.last[frame] = now
            returned = last.startswith("CALL") and now != "PUSH_EXC_INFO"
            if returned or last in {"JUMP_BACKWARD", "RESUME"}:
                self.left -= 1
                if not self.left:
                    raise KeyboardInterrupt
        return self._trace


def trial(breaker: CircuitBreaker) -> None:
    with breaker.guard():
        pass


def failing_trial(breaker: CircuitBreaker) -> None:
    with suppress(LookupError):
        in_a_function(breaker, LookupError)


@pytest.mark.law("B2")
@pytest.mark.parametrize("act", [trial, failing_trial])
def test_an_interrupt_strands_nothing(act: Callable[[CircuitBreaker], None]) -> None:
    """Interrupted anywhere, a breaker is unlocked, and lets as many trials through."""
    point, was_hit = 0, True
    while was_hit:
        point += 1
        was_hit = False
        breaker = trying(2)
        try:
            with Interrupt(point):
                act(breaker)
        except KeyboardInterrupt:
            was_hit = True
        found = breaker.metrics
        assert found.state.label in {"half-open", "open"}
        if found.state.label == "half-open":
            assert 2 - found.calls == free(breaker)
        else:
            assert 1 == found.failures
    assert point > 20


@pytest.mark.law("B2")
def test_an_interrupt_keeps_the_fast_path_sound() -> None:
    """Interrupted anywhere while a failure trips it, a breaker goes on as the machine does."""
    point, was_hit = 0, True
    while was_hit:
        point += 1
        was_hit = False
        breaker = CircuitBreaker("law", clock=FakeClock(), window=4, minimum_calls=2)
        work = breaker(lambda: None)
        work()
        work()
        with suppress(LookupError):
            in_a_function(breaker, LookupError)
        try:
            with Interrupt(point):
                failing_trial(breaker)
        except KeyboardInterrupt:
            was_hit = True
        if breaker.state.label == "closed":
            with suppress(LookupError):
                in_a_function(breaker, LookupError)
        assert "open" == breaker.state.label
        with pytest.raises(CircuitOpenError):
            work()
        assert (2, 2) == (
            breaker.metrics.calls - breaker.metrics.failures,
            breaker.metrics.failures,
        )
    assert point > 20


@pytest.mark.law("B2")
@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
def test_a_child_starts_without_its_parents_trials() -> None:
    """In a process that forks while a trial is out, parent and child each have all permits."""
    breaker = trying()
    with breaker.guard():
        child = os.fork()
        if not child:
            try:
                os._exit(free(breaker))
            finally:
                os._exit(99)
        _, status = os.waitpid(child, 0)
        with pytest.raises(CircuitOpenError):
            breaker.acquire()

    assert 1 == os.waitstatus_to_exitcode(status)
    assert "closed" == breaker.state.label


@pytest.mark.law("B5")
def test_the_callers_code_never_runs_under_the_lock() -> None:
    """Neither the call, nor predicates, observers and clocks: another thread isn't kept waiting."""
    seen: list[str] = []

    def note(what: str) -> bool:
        done = threading.Event()

        def look() -> None:
            assert breaker.metrics
            done.set()

        threading.Thread(target=look).start()
        assert done.wait(5)
        seen.append(what)
        return False

    class Watched(FakeClock):
        def monotonic(self) -> float:
            if "breaker" in found:
                assert not found["breaker"]._lock._is_owned()
            return super().monotonic()

    def judge(what: str, answer: Any) -> Callable[[Any], Any]:
        return lambda _: note(what) or answer

    def observe(_: CircuitBreaker, notice: Notice) -> None:
        note("observer")

    found: dict[str, CircuitBreaker] = {}
    breaker = found["breaker"] = CircuitBreaker(
        "law",
        clock=Watched(),
        observers=(observe,),
        window=2,
        minimum_calls=1,
        slow_call=timedelta(microseconds=1),
        failures=judge("failures", True),
        ignores=judge("ignores", False),
        failed_result=judge("result", False),
        retry_after=judge("retry_after", None),
    )
    assert breaker(lambda: note("call") or 7)() == 7
    with suppress(LookupError):
        in_a_function(breaker, LookupError)

    assert {"call", "result", "failures", "ignores", "retry_after", "observer"} == {*seen}


@pytest.mark.law("B2")
def test_a_finalizer_may_run_at_any_point(monkeypatch: pytest.MonkeyPatch) -> None:
    """A guarded generator that is collected while its thread holds the lock waits for nobody."""
    breaker = trying(2)

    def abandon() -> None:
        @breaker
        def items() -> Generator[int]:
            yield 1

        running = items()
        next(running)
        cycle: list[Any] = [running]
        cycle.append(cycle)

    gc.disable()
    try:
        abandon()
        record = circuits.record

        def collecting(*args: Any, **kwargs: Any) -> Any:
            gc.collect()
            return record(*args, **kwargs)

        monkeypatch.setattr(circuits, "record", collecting)
        call = breaker.acquire()
        breaker.record(call, LookupError())
        monkeypatch.undo()
    finally:
        gc.enable()

    assert (1, 1) == (breaker.metrics.totals.failures, breaker.metrics.totals.ignored)
    assert 1 == free(breaker)


def test_who_asks_in_a_finalizer_is_refused() -> None:
    """While its thread holds the lock, nothing can be asked of a breaker, and nothing is lost."""
    breaker = trying()
    with breaker._lock:
        with pytest.raises(CircuitOpenError):
            breaker.acquire()
        assert breaker.metrics.state.label == "half-open"

    assert 1 == free(breaker)
