"""The law of forks, T2: a child starts anew, whatever its parent's threads were doing."""

from __future__ import annotations

import faulthandler
import multiprocessing
import os
import signal
import sqlite3
import sys
import threading
from collections.abc import Callable, Generator, Iterator
from contextlib import ExitStack, closing, contextmanager
from datetime import timedelta
from functools import partial
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any, Self

import attrs
import pytest

from safedeploy.contexts import Context
from safedeploy.engine import Engine
from safedeploy.journals import SqliteJournal
from safedeploy.journals.files import File
from safedeploy.plans import Plan
from safedeploy.states import Rollout
from tests.crashes import ended, forked
from tests.laws.shops import Shop, quick

LOCKS = (type(threading.Lock()), type(threading.RLock()))
SECONDS = 30
OUTCOMES = 50
Child = tuple[int, Callable[[], int]]

# Forking with threads, from 3.12 on.
pytestmark = pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")


def plan() -> Plan:
    return attrs.evolve(quick(bake=timedelta(hours=1)), assess_every=timedelta(milliseconds=50))


def opened(path: Path) -> tuple[Engine, Rollout]:
    """Do what an application does when it starts; a child that was spawned does it, too."""
    engine = Engine(journal=path)
    rollout = engine.release(Shop.flag.serve("new"), plan())
    engine.start()
    until(lambda: engine.rollout(rollout).reached >= 0)
    return engine, rollout


def until(is_so: Callable[[], object]) -> None:
    """Wait until something is so; if it never is, the watchdog says where everybody is."""
    for _ in range(SECONDS * 100):
        if is_so():
            return
        threading.Event().wait(0.01)
    faulthandler.dump_traceback(sys.__stderr__ or 2)
    raise AssertionError("it never came")


def serve(engine: Engine, customer: int) -> None:
    with engine.guard(Shop.flag, Context(f"user-{os.getpid()}-{customer}")):
        pass


def locks(thing: Any, seen: set[int] | None = None) -> Iterator[Any]:
    """Find every lock that an engine has, but the file's: a fork waits for that one."""
    seen = set() if seen is None else seen
    if id(thing) in seen or isinstance(thing, File):
        return
    seen.add(id(thing))
    if isinstance(thing, LOCKS):
        yield thing
    elif isinstance(thing, dict):
        for each in list(thing.values()):
            yield from locks(each, seen)
    elif isinstance(thing, list | tuple):
        for each in list(thing):
            yield from locks(each, seen)
    elif type(thing).__module__.startswith("safedeploy"):
        yield from locks(getattr(thing, "__dict__", None), seen)


class Busy:
    """Threads that serve, ask and tick for as long as the block lasts, and count what they did."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        self.served = 0
        self._over = threading.Event()
        work = (self._serve, engine.rollouts, engine.tick)
        self._threads = [threading.Thread(target=self._go_on, args=(each,)) for each in work]

    def __enter__(self) -> Self:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        for thread in self._threads:
            thread.join()

    def _go_on(self, work: Callable[[], object]) -> None:
        while not self._over.wait(0.001):
            work()

    def _serve(self) -> None:
        serve(self.engine, self.served)
        self.served += 1


@contextmanager
def held(engine: Engine) -> Generator[None]:
    """Have another thread hold every lock of an engine, all at once."""
    holds, over = threading.Event(), threading.Event()

    def hold() -> None:
        while not holds.is_set():
            with ExitStack() as stack:
                # Somebody at work may wait for one that is held here: then all are given back.
                if all(_acquired(lock, stack) for lock in locks(engine)):
                    holds.set()
                    over.wait()

    thread = threading.Thread(target=hold)
    thread.start()
    holds.wait(SECONDS)
    try:
        yield
    finally:
        over.set()
        thread.join()


def _acquired(lock: Any, stack: ExitStack) -> bool:
    acquired: bool = lock.acquire(timeout=0.1)
    if acquired:
        stack.callback(lock.release)
    return acquired


def be_child(engine: Engine | None, path: Path, parents: str, line: Connection) -> None:
    """Do in a child all that an application does, and check that the parent's is forgotten."""
    faulthandler.dump_traceback_later(SECONDS, exit=True, file=sys.__stderr__ or 2)
    engine, rollout = (engine, engine.rollouts()[0]) if engine else opened(path)
    tallies = engine._fleet()._tallies
    name = tallies.process
    assert parents != name
    assert name.startswith(f"{os.getpid()}-")
    assert tallies.take(rollout.id, rollout.at) is None
    assert ["safedeploy"] == [
        thread.name for thread in threading.enumerate() if thread.name == "safedeploy"
    ]
    for number in range(OUTCOMES):
        serve(engine, number)
    until(lambda: posted(path, name))  # by its own thread
    engine.tick()
    line.send("served")
    line.recv()
    engine.alert(rollout, by_user=True, reason="it hurts")
    assert engine.rollout(rollout).is_withdrawn
    assert "old" == engine.value(Shop.flag, Context("user-1"))
    engine.stop()
    faulthandler.cancel_dump_traceback_later()


def posted(path: Path, process: str) -> bool:
    """Tell whether a process has posted anything."""
    with closing(sqlite3.connect(path)) as connection:
        query = "SELECT count(*) FROM blocks WHERE process = ?"
        return bool(connection.execute(query, (process,)).fetchone()[0])


def fork(work: Callable[[], object]) -> Child:
    child = forked(work)
    return child, lambda: ended(child)


def process(how: str, work: Callable[[], object]) -> Child:
    child = multiprocessing.get_context(how).Process(target=work)  # type: ignore[attr-defined]
    child.start()

    def joined() -> int:
        child.join(SECONDS)
        child.kill()
        child.join()
        return int(child.exitcode)

    return int(child.pid or 0), joined


WAYS: dict[str, Callable[[Callable[[], object]], Child]] = {
    "os.fork": fork,
    "fork": partial(process, "fork"),
    "spawn": partial(process, "spawn"),
}


@pytest.mark.law("T2")
@pytest.mark.parametrize("how", WAYS)
def test_a_child_starts_anew(how: str, tmp_path: Path) -> None:
    """A child of a busy process owns nothing of its parent's, waits for nobody, and both go on."""
    path = tmp_path / "rollouts.db"
    engine, rollout = opened(path)
    ours, theirs = multiprocessing.Pipe()
    child = partial(
        be_child,
        None if how == "spawn" else engine,
        path,
        engine._fleet()._tallies.process,
        theirs,
    )
    with ExitStack() as stack:
        with Busy(engine) as busy:
            until(lambda: busy.served > OUTCOMES)
            with held(engine):
                pid, end = WAYS[how](child)
            stack.callback(os.kill, pid, signal.SIGKILL)  # if anything fails
            theirs.close()
            assert ours.poll(SECONDS)
            ours.recv()
        # Every outcome of both is judged once.
        until(lambda: busy.served + OUTCOMES == judged(engine.rollout(rollout)))
        ours.send("go on")
        stack.pop_all()
        assert 0 == end()
    until(lambda: not engine.rollout(rollout).in_flight)
    assert "old" == engine.value(Shop.flag, Context("user-1"))
    engine.stop()
    SqliteJournal(path).verify()


def judged(rollout: Rollout) -> int:
    return rollout.health.canary.exposures + rollout.health.baseline.exposures


@pytest.mark.law("T2")
@pytest.mark.parametrize("count", [10, pytest.param(300, marks=pytest.mark.long)])
def test_many_children_of_a_busy_process_end(count: int, tmp_path: Path) -> None:
    """Whenever a busy process forks, its child can serve, ask, tick and stop; so can the parent."""
    path = tmp_path / "rollouts.db"
    engine, rollout = opened(path)

    def work() -> None:
        faulthandler.dump_traceback_later(SECONDS, exit=True, file=sys.__stderr__ or 2)
        serve(engine, 1)
        assert [rollout.id] == [each.id for each in engine.rollouts()]
        engine.tick()
        engine.stop()
        faulthandler.cancel_dump_traceback_later()

    with Busy(engine) as busy:
        for _ in range(count):
            assert 0 == ended(forked(work))
    until(lambda: busy.served + count == judged(engine.rollout(rollout)))
    engine.stop()
    SqliteJournal(path).verify()
