"""The screen: plain text, a line for every change, and one of progress on a terminal."""

from __future__ import annotations

import shutil
from threading import Lock
from typing import TextIO

from safedeploy.clocks import SystemClock
from safedeploy.events import Event
from safedeploy.rollouts import exposure
from safedeploy.states import Baking, Completed, Halted, Recovering, RolledBack, Rollout


class Screen:
    """Write what happens to a stream. The progress line is only for terminals.

    Args:
        stream: where to.
    """

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._width = shutil.get_terminal_size().columns - 1 if stream.isatty() else 0
        self._clock = SystemClock()
        self._began = self._clock.monotonic()
        self._lock = Lock()
        self._said = ""

    def say(self, text: str = "") -> None:
        """Write a line, in place of the progress line if there is one."""
        with self._lock:
            blank = f"\r{'':{self._width}}\r" if self._width else ""
            self._stream.write(f"{blank}{text}\n")
            self._stream.flush()

    def show(self, rollout: Rollout) -> None:
        """Rewrite the progress line."""
        if self._width:
            with self._lock:
                self._stream.write(f"\r{_progress(rollout)[: self._width]:{self._width}}")
                self._stream.flush()

    def observe(self, event: Event, rollout: Rollout) -> None:
        """Write a line if the rollout has moved: an observer for an engine."""
        news = _news(rollout)
        if news and news != self._said:
            self._said = news
            self.say(f"{self._clock.monotonic() - self._began:6.1f} s  {news}")


def version(rollout: Rollout) -> str:
    """Return the name of what a rollout releases."""
    return str(rollout.definition.default) if rollout.definition else ""


def standing(rollout: Rollout) -> str:
    """Return where a rollout stands, and why if it has halted."""
    place = f"{version(rollout)} {rollout.state.label} in ring {rollout.ring.name}"
    match rollout.state:
        case Baking(baked=baked):
            bake = rollout.ring.bake.total_seconds()
            return f"{place}, {baked.total_seconds():.1f} of {bake:.1f} s of its bake recorded"
        case Halted(cause=cause) | Recovering(cause=cause) | RolledBack(cause=cause):
            return f"{place}: {cause.reason}"
        case _:
            return place


def _news(rollout: Rollout) -> str:
    match rollout.state:
        case Baking():
            share = exposure(rollout).percent
            return f"ring {rollout.ring.name}: {share:g} % of the customers get {version(rollout)}"
        case Halted(cause=cause):
            return f"HALT in ring {rollout.ring.name}: {cause.reason}"
        case RolledBack():
            return f"rolled back: nobody gets {version(rollout)} any more"
        case Completed():
            return f"completed: everybody gets {version(rollout)}"
        case _:
            return ""


def _progress(rollout: Rollout) -> str:
    evidence, state = rollout.evidence, rollout.state
    if evidence is None or not isinstance(state, Baking):
        return ""
    canary, baseline, test = evidence.canary, evidence.baseline, evidence.findings[0]
    units = max(finding.remaining or 0 for finding in evidence.findings)
    bake = max(0.0, (rollout.ring.bake - state.baked).total_seconds())
    return (
        f"{rollout.ring.name} {exposure(rollout).percent:g} %"
        f" | failed: new {canary.failures}/{canary.units}, old {baseline.failures}/{baseline.units}"
        f" | e {test.statistic or 0:.2g}/{test.threshold or 0:.0f}"
        f" | {units} more, {bake:.1f} s"
    )
