"""Tickers: the thread that drives an engine."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import timedelta

PAUSE = timedelta(seconds=1)
"""How long to wait after a call that raised."""


class Ticker:
    """Call a function again and again in a daemon thread, as often as it asks for.

    What a call raises is logged, and ends nothing: without the thread, nobody would watch.

    Args:
        tick: returns how long to wait before the next call.
    """

    def __init__(self, tick: Callable[[], timedelta]) -> None:
        self._tick = tick
        self._thread: threading.Thread | None = None
        self._make_locks()

    def start(self) -> None:
        """Begin, unless it has begun."""
        with self._lock:
            if self._thread is None:
                # Another one than that of a thread which still has to end.
                self._stopped = threading.Event()
                self._thread = threading.Thread(
                    target=self._run, args=(self._stopped,), name="safedeploy", daemon=True
                )
                self._thread.start()

    def wake(self) -> None:
        """Call at once."""
        self._wake.set()

    def stop(self) -> None:
        """End, when the present call has returned; called by that call itself, don't wait."""
        with self._lock:
            thread, self._thread = self._thread, None
            self._stopped.set()
            self._wake.set()
        if thread and thread is not threading.current_thread():
            thread.join()

    def restart(self) -> None:
        """Begin anew in a child process if the parent's had begun: threads don't survive a fork."""
        began, self._thread = self._thread is not None, None
        self._make_locks()
        if began:
            self.start()

    def _make_locks(self) -> None:
        self._lock = threading.Lock()
        self._wake = threading.Event()
        self._stopped = threading.Event()

    def _run(self, stopped: threading.Event) -> None:
        while not stopped.is_set():
            self._wake.clear()
            wait = self._call()
            if not stopped.is_set():
                self._wake.wait(wait.total_seconds())

    def _call(self) -> timedelta:
        try:
            return self._tick()
        except Exception as error:  # noqa: BLE001 - whatever it is, the next call may go well
            from safedeploy import telemetry  # heavy, and rarely needed

            telemetry.warn("a tick failed", error=type(error).__name__)
            return PAUSE
