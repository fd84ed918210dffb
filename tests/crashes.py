"""Crashes: processes that run a rollout and are killed at a chosen point, and what they leave."""

from __future__ import annotations

import json
import os
import signal
import sqlite3
import sys
import threading
import traceback
import warnings
from collections.abc import Callable, Sequence
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from safedeploy.blocks import Block, Part
from safedeploy.commands import Assess, Command, Wake
from safedeploy.drivers import Driver
from safedeploy.events import Event
from safedeploy.journals import Entry, SqliteJournal
from safedeploy.rollouts import fold, following, pending
from safedeploy.verdicts import Verdict
from tests.laws.histories import EVERY, assessed, confirmed, started

Facts = dict[str, Any]
KILLED = -signal.SIGKILL


class Log:
    """What processes say of themselves, line by line. A line that was said outlives its process."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def say(self, what: str, **facts: Any) -> None:
        line = json.dumps({"what": what, **facts}) + "\n"
        file = os.open(self.path, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
        os.write(file, line.encode())
        os.close(file)

    def lines(self) -> list[Facts]:
        if not self.path.exists():
            return []
        return [json.loads(line) for line in self.path.read_text(encoding="utf-8").splitlines()]

    def said(self, what: str) -> list[Facts]:
        return [line for line in self.lines() if line["what"] == what]


def die() -> None:
    """End this process as the kernel ends one: nothing of it runs any more."""
    os.kill(os.getpid(), signal.SIGKILL)


class Cuts:
    """Count the points where a process could be killed, and kill it at one.

    Args:
        at: the number of that point, from 1; 0 for none.
        steps: also count every so many steps of SQLite's machine; 0 for none of them.
        kill: what to do there.
    """

    def __init__(self, at: int = 0, *, steps: int = 0, kill: Callable[[], object] = die) -> None:
        self.passed = 0
        self._at, self._steps, self._kill = at, steps, kill
        self._writing = 0

    def here(self) -> None:
        self.passed += 1
        if self.passed == self._at:
            self._kill()

    def see_everything(self) -> None:
        """Count the points of this process, a child, from now on.

        They are before and after whatever a journal writes and a driver carries out, and each
        statement, on any connection, with which a journal writes.
        """
        connect, make = sqlite3.connect, Driver.__init__

        def connected(*args: Any, **options: Any) -> sqlite3.Connection:
            connection: sqlite3.Connection = connect(*args, **options)
            connection.set_trace_callback(self._statement)
            if self._steps:
                connection.set_progress_handler(self._statement, self._steps)
            return connection

        def made(driver: Driver, *args: Any, **options: Any) -> None:
            make(driver, *args, **options)
            for kind, work in driver._carry_out.items():
                driver._carry_out[kind] = self._around(work)

        sqlite3.connect = connected  # type: ignore[assignment]
        Driver.__init__ = made  # type: ignore[method-assign,assignment]
        for name in ("__init__", "append", "post", "claim", "compact", "retain"):
            write = self._around(getattr(SqliteJournal, name), writes=True)
            setattr(SqliteJournal, name, write)

    def _around(self, work: Callable[..., Any], *, writes: bool = False) -> Callable[..., Any]:
        def counted(*args: Any, **options: Any) -> Any:
            self.here()
            self._writing += writes
            try:
                done = work(*args, **options)
            finally:
                self._writing -= writes
            self.here()
            return done

        return counted

    def _statement(self, _: str = "") -> None:
        if self._writing:
            self.here()


class LoggingJournal(SqliteJournal):
    """A journal that logs what it is about to write, and that it did."""

    def __init__(self, path: Path, log: Log) -> None:
        self._log = log
        super().__init__(path)

    def append(self, stream: str, events: Sequence[Event], **options: Any) -> int:
        facts = {"stream": stream, "events": [self._codec.encode(event) for event in events]}
        self._log.say("appending", **facts)
        version = super().append(stream, events, **options)
        self._log.say("appended", **facts)
        return version

    def post(self, block: Block) -> None:
        self._log.say("posting", **told(block))
        super().post(block)
        self._log.say("posted", **told(block))


def told(block: Block) -> Facts:
    """Say all of a block that is counted."""

    def part(arm: Part) -> Facts:
        units = {"failing": sorted(arm.failing), "fresh": sorted(arm.fresh)}
        return {"exposures": arm.exposures, **units}

    return {
        "exposure": block.exposure,
        "process": block.process,
        "sequence": block.sequence,
        "canary": part(block.canary),
        "baseline": part(block.baseline),
    }


def forked(work: Callable[[], object]) -> int:
    """Do some work in a forked child, and return its id."""
    sys.stdout.flush()
    sys.stderr.flush()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # of threads, on 3.12 and later
        child = os.fork()
    if child:
        return child
    status = 1
    sys.settrace(None)  # coverage is the parent's to measure, and slows a child down
    try:
        work()
        status = 0
    except BaseException:  # noqa: BLE001 - nothing of the parent's may run in the child
        traceback.print_exc()
    finally:
        sys.stderr.flush()
        os._exit(status)


def ended(child: int, *, within: float = 60) -> int:
    """Wait for a child, and return how it ended: its status, or minus the signal."""
    # A child that forks into a deadlock can't watch itself.
    watchdog = threading.Timer(within, os.kill, (child, signal.SIGABRT))
    watchdog.start()
    try:
        return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    finally:
        watchdog.cancel()
        watchdog.join()


def in_lanes(work: Callable[[int], None], numbers: Sequence[int]) -> None:
    """Do some work for each number; when there are many, in two processes."""

    def lane(numbers: Sequence[int]) -> None:
        for number in numbers:
            try:
                work(number)
            except BaseException as error:
                error.add_note(f"at number {number}")
                raise

    if len(numbers) < 50:
        lane(numbers)
    else:
        lanes = [forked(partial(lane, numbers[first::2])) for first in range(2)]
        assert [0, 0] == [ended(child, within=600) for child in lanes]


def killed(folder: Path, work: Callable[[], object]) -> bool:
    """Work in a child; tell whether it was killed. What it couldn't log any more is logged."""
    status = ended(forked(work))
    assert status in (0, KILLED)
    settle(folder / "rollouts.db", Log(folder / "log"))
    return status == KILLED


def points(folder: Path, work: Callable[[], object]) -> int:
    """Return how many points some work has where it could be cut."""
    assert not killed(folder, work)
    [line] = Log(folder / "log").said("passed")
    return int(line["points"])


def made(folder: Path, number: int) -> Path:
    made = folder / str(number)
    made.mkdir()
    return made


def few_and_many(few: int, many: int) -> pytest.MarkDecorator:
    params = [pytest.param(few, id="few"), pytest.param(many, id="many", marks=pytest.mark.long)]
    return pytest.mark.parametrize("count", params)


def settle(path: Path, log: Log) -> None:
    """Log what the dead process had written and couldn't log any more."""
    last = ([line for line in log.lines() if line["what"][:3] in ("app", "pos")] or [{}])[-1]
    if last.get("what") not in ("appending", "posting"):
        return
    facts = {key: value for key, value in last.items() if key != "what"}
    with closing(sqlite3.connect(path)) as connection:
        if last["what"] == "posting":
            query = "SELECT count(*) FROM blocks WHERE process = ? AND sequence = ?"
            args = (last["process"], last["sequence"])
            if connection.execute(query, args).fetchone()[0]:
                log.say("posted", **facts)
        else:
            query = "SELECT event FROM entries WHERE stream = ? ORDER BY version DESC LIMIT ?"
            args = (last["stream"], len(last["events"]))
            rows = [event for (event,) in connection.execute(query, args)]
            if rows[::-1] == last["events"]:
                log.say("appended", **facts)


class Target:
    """Stand in for a system that is told to do something, and does it once for each id."""

    def __init__(self, log: Log, cuts: Cuts) -> None:
        self._log, self._cuts = log, cuts

    def do(self, command: Command) -> None:
        self._log.say("asked", id=command.id)
        self._cuts.here()
        if command.id not in [line["id"] for line in self._log.said("done")]:
            self._log.say("done", id=command.id)
        self._cuts.here()


def drive(folder: Path, cuts: Cuts, *, halts: bool) -> None:
    """Drive a rollout without an engine, from whatever an earlier process has left."""
    cuts.see_everything()
    log = Log(folder / "log")
    journal, target = LoggingJournal(folder / "rollouts.db", log), Target(log, cuts)
    name = fold([started()]).id
    if not journal.read(name):
        journal.append(name, [started()], expected=0)
    rollout = fold(journal.read(name))
    while owed := [each for each in pending(rollout) if not isinstance(each, Wake)]:
        command, at = owed[0], rollout.at + EVERY
        if isinstance(command, Assess):
            verdict = Verdict.HALT if halts and rollout.reached else Verdict.PASS
            event: Event = assessed(rollout, verdict, at)
        else:
            target.do(command)
            event = confirmed(command, rollout, at)
        journal.append(name, [event], expected=rollout.version)
        rollout = following(rollout, event)
    log.say("passed", points=cuts.passed)


def effects(folder: Path) -> tuple[list[str], Sequence[Entry]]:
    """Return the ids of what was done, and everything that was recorded."""
    done = [str(line["id"]) for line in Log(folder / "log").said("done")]
    journal = SqliteJournal(folder / "rollouts.db")
    try:
        journal.verify()
        return done, journal.entries()
    finally:
        journal.close()
