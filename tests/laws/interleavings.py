"""Interleavings: threads of which one goes on at a time, and may be stopped between any two steps.

A switch of real threads is rare, and never the same twice. Here a schedule says after how many of
the interpreter's instructions another thread goes on, so that Hypothesis can look for the bad one.
"""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from types import FrameType
from typing import Any

import safedeploy.breakers

WATCHED = str(Path(safedeploy.breakers.__file__).parent)

Task = Callable[[], object]


class Turns:
    """Run tasks by turns.

    Args:
        schedule: for each turn whose it is, and how many instructions it lasts; when it is used up,
            all tasks run to their ends.
    """

    def __init__(self, schedule: Sequence[tuple[int, int]]) -> None:
        self._schedule = list(schedule)
        self._main = threading.Semaphore(0)
        self._mine = threading.local()
        self._left = 0

    def run(self, tasks: Sequence[Task]) -> list[BaseException]:
        """Run all tasks to their ends, and return what they raised."""
        gates = [threading.Semaphore(0) for _ in tasks]
        alive, raised = dict(enumerate(gates)), list[BaseException]()

        def live(number: int, task: Task) -> None:
            self._mine.gate = gates[number]
            gates[number].acquire()
            sys.settrace(self._trace)
            try:
                task()
            except BaseException as error:  # noqa: BLE001 - told to whoever runs them
                raised.append(error)
            finally:
                sys.settrace(None)
                del alive[number]
                self._main.release()

        threads = [threading.Thread(target=live, args=each) for each in enumerate(tasks)]
        for thread in threads:
            thread.start()
        turn = 0
        while alive:
            whose, self._left = self._schedule.pop(0) if self._schedule else (turn, 10_000)
            turn += 1
            list(alive.values())[whose % len(alive)].release()
            self._main.acquire()
        for thread in threads:
            thread.join()
        return raised

    def give_way(self) -> None:
        """End this thread's turn, and wait for the next."""
        self._main.release()
        self._mine.gate.acquire()

    def _trace(self, frame: FrameType, event: str, _: Any) -> Any:
        if not frame.f_code.co_filename.startswith(WATCHED):
            return None
        frame.f_trace_opcodes = True
        if event == "opcode":
            self._left -= 1
            if self._left <= 0:
                self.give_way()
        return self._trace


class TurnLock:
    """Stand in for a breaker's lock: who has to wait for it, gives way."""

    def __init__(self, turns: Turns) -> None:
        self._turns = turns
        self._owner: int | None = None

    def _is_owned(self) -> bool:
        return self._owner == threading.get_ident()

    def __enter__(self) -> None:
        while self._owner is not None:
            self._turns.give_way()
        self._owner = threading.get_ident()

    def __exit__(self, *_: object) -> None:
        self._owner = None
