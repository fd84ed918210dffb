"""Tickers: the thread that drives an engine."""

from __future__ import annotations

import threading
from datetime import timedelta
from unittest.mock import patch

import pytest

from safedeploy import tickers
from safedeploy.tickers import Ticker

EVER = timedelta(days=1)
PATIENCE = 30  # seconds until a broken ticker fails a test; a sound one never waits


class Calls:
    """Count calls, and let a test wait for the next one."""

    def __init__(self, wait: timedelta = EVER) -> None:
        self.wait = wait
        self.count = 0
        self.threads: set[int] = set()
        self._called = threading.Semaphore(0)

    def __call__(self) -> timedelta:
        self.count += 1
        self.threads.add(threading.get_ident())
        self._called.release()
        return self.wait

    def expect(self, calls: int = 1) -> None:
        """Wait until it has been called so often once more."""
        for _ in range(calls):
            assert self._called.acquire(timeout=PATIENCE)


def test_it_calls_at_once_and_as_often_as_it_is_told() -> None:
    """The first call doesn't wait; the next comes when the last one said."""
    calls = Calls(timedelta(0))
    ticker = Ticker(calls)
    ticker.start()
    calls.expect(5)
    ticker.stop()
    count = calls.count
    assert threading.get_ident() not in calls.threads
    assert count == calls.count


def test_waking_calls_at_once() -> None:
    """However long the next call is off, waking brings it."""
    calls = Calls()
    ticker = Ticker(calls)
    ticker.start()
    calls.expect()
    for _ in range(3):
        ticker.wake()
        calls.expect()
    ticker.stop()
    assert 4 == calls.count


def test_waking_during_a_call_brings_another_call() -> None:
    """What changes while a call is at work isn't left for the call after the next wait."""
    calls: list[int] = []
    done = threading.Event()

    def tick() -> timedelta:
        calls.append(1)
        if len(calls) == 1:
            ticker.wake()
        else:
            done.set()
        return EVER

    ticker = Ticker(tick)
    ticker.start()
    assert done.wait(PATIENCE)
    ticker.stop()


def test_starting_twice_is_one_thread() -> None:
    """Only one thread calls; stopping what isn't started, or twice, does nothing."""
    calls = Calls(timedelta(0))
    ticker = Ticker(calls)
    ticker.stop()
    ticker.start()
    ticker.start()
    calls.expect(3)
    ticker.stop()
    ticker.stop()
    assert 1 == len(calls.threads)


def test_it_can_start_again() -> None:
    """After a stop, a start begins anew."""
    calls = Calls()
    ticker = Ticker(calls)
    for _ in range(3):
        ticker.start()
        calls.expect()
        ticker.stop()
    assert 3 == calls.count


def test_a_stop_during_a_call_waits_for_no_other() -> None:
    """A stop that comes while a call is at work returns after it, without one more."""
    inside, go_on = threading.Event(), threading.Event()
    calls: list[int] = []

    def tick() -> timedelta:
        calls.append(1)
        inside.set()
        assert go_on.wait(PATIENCE)
        return EVER

    ticker = Ticker(tick)
    ticker.start()
    assert inside.wait(PATIENCE)
    stopping = threading.Thread(target=ticker.stop)
    stopping.start()
    while ticker._thread is not None:
        threading.Event().wait(0)
    go_on.set()
    stopping.join(PATIENCE)
    assert [1] == calls


def test_what_raises_does_not_end_the_thread(capsys: pytest.CaptureFixture[str]) -> None:
    """An error in one call is told by its type, and the next call comes: somebody has to watch."""
    calls = Calls(timedelta(0))
    failed: list[int] = []

    def tick() -> timedelta:
        if not failed:
            failed.append(1)
            raise ValueError("user-17")
        return calls()

    ticker = Ticker(tick)
    with patch.object(tickers, "PAUSE", timedelta(0)):
        ticker.start()
        calls.expect()
        ticker.stop()
    printed = capsys.readouterr().err
    assert ("a tick failed" in printed, "ValueError" in printed) == (True, True)
    assert "user-17" not in printed


def test_a_call_may_stop_its_own_thread() -> None:
    """An observer, which runs inside a call, may stop the engine."""
    stopped = threading.Event()
    calls: list[int] = []

    def tick() -> timedelta:
        calls.append(1)
        ticker.stop()
        stopped.set()
        return timedelta(0)

    ticker = Ticker(tick)
    ticker.start()
    assert stopped.wait(PATIENCE)
    ticker.stop()
    assert [1] == calls


def test_a_start_while_a_stop_waits_is_another_thread() -> None:
    """A thread that was told to end ends, though another one has begun meanwhile."""
    inside, go_on = threading.Event(), threading.Event()
    calls: list[int] = []

    def tick() -> timedelta:
        calls.append(threading.get_ident())
        if len(calls) == 1:
            inside.set()
            assert go_on.wait(PATIENCE)
        else:
            again.set()
        return EVER

    again = threading.Event()
    ticker = Ticker(tick)
    ticker.start()
    assert inside.wait(PATIENCE)
    first = ticker._thread
    stopping = threading.Thread(target=ticker.stop)
    stopping.start()
    while ticker._thread is not None:
        threading.Event().wait(0)
    ticker.start()
    assert again.wait(PATIENCE)
    go_on.set()
    stopping.join(PATIENCE)
    assert first is not None
    assert not first.is_alive()
    ticker.stop()
    assert 2 == len(calls)


def test_a_child_process_begins_anew() -> None:
    """After a fork, a lock that somebody held is free, and a thread runs if one ran before."""
    calls = Calls()
    ticker = Ticker(calls)
    ticker.restart()
    assert 0 == calls.count
    ticker.start()
    calls.expect()
    parents, wakes = ticker._stopped, ticker._wake
    ticker._lock.acquire()
    ticker.restart()
    calls.expect()
    ticker.stop()
    assert 2 == len(calls.threads)
    parents.set()
    wakes.set()
