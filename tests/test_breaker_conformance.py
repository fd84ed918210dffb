"""Breakers behave as others have written down that breakers do: cases from public test suites."""

from __future__ import annotations

import json
import math
import os
from collections import Counter
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any, cast

import pytest

from safedeploy.breakers import CircuitBreaker, Guard
from safedeploy.circuits import (
    Breached,
    Cause,
    CountWindow,
    Notice,
    Options,
    Slow,
    TimeWindow,
    Transitioned,
    Window,
    failure_rate,
    slow_call_rate,
)
from safedeploy.errors import CircuitOpenError
from safedeploy.testing import FakeClock

ROOT = Path(__file__).parents[1]
FOLDER = Path(os.environ.get("SAFEDEPLOY_CONFORMANCE", ROOT.parent / "shared" / "conformance"))

Case = dict[str, Any]


def cases(name: str) -> list[Any]:
    """Return a file's cases; one that is skipped, where the folder is missing."""
    path = FOLDER / "breaker" / f"{name}.json"
    if not path.exists():
        why = f"no conformance data at {FOLDER}: SAFEDEPLOY_CONFORMANCE names it"
        return [pytest.param({}, marks=pytest.mark.skip(why))]
    return [pytest.param(case, id=case["id"]) for case in json.loads(path.read_text())["cases"]]


CAUSES = {
    "OPEN": Cause.OPENED,
    "HALF_OPEN": Cause.HALF_OPENED,
    "CLOSED": Cause.CLOSED,
    "FORCED_OPEN": Cause.ISOLATED,
    "DISABLED": Cause.DISABLED,
    "METRICS_ONLY": Cause.MEASURED,
}
LABELS = {
    "open": "OPEN",
    "half-open": "HALF_OPEN",
    "closed": "CLOSED",
    "isolated": "FORCED_OPEN",
    "disabled": "DISABLED",
    "metrics-only": "METRICS_ONLY",
}
ERRORS: dict[str, type[Exception]] = {
    "runtime": RuntimeError,
    "number_format": ValueError,
    "io": OSError,
    "business": KeyError,
}
RENAMED: dict[str, tuple[str, Callable[[Any], Any]]] = {
    "failure_rate_threshold_pct": ("failure_rate", lambda found: found / 100),
    "slow_call_rate_threshold_pct": ("slow_call_rate", lambda found: found / 100),
    "slow_call_duration_s": ("slow_call", lambda found: timedelta(seconds=found)),
    "minimum_calls": ("minimum_calls", int),
    "half_open_permitted_calls": ("permitted_calls", int),
    "half_open_max_wait_s": ("half_open_for", lambda found: timedelta(seconds=found)),
    "wait_in_open_s": ("open_for", lambda found: timedelta(seconds=found)),
    "automatic_half_open": ("automatic_half_open", bool),
    "ignored_errors": ("ignores", lambda found: tuple(ERRORS[name] for name in found)),
    "recorded_errors": ("failures", lambda found: tuple(ERRORS[name] for name in found)),
    "failure_results": ("failed_result", lambda found: lambda result: result in found),
    "window": (
        "window",
        lambda found: found["size"] if found["type"] == "count" else duration(found),
    ),
}
EVENTS = {
    "transition_events": Transitioned,
    "failure_rate_exceeded_events": Breached,
    "slow_call_events": Slow,
}


def duration(found: Case) -> timedelta:
    return timedelta(seconds=found["seconds"])


def options(config: Case) -> Options:
    """Say in our words what a case's configuration is."""
    known = {key: RENAMED[key] for key in config if key in RENAMED}
    return cast("Options", {name: say(config[key]) for key, (name, say) in known.items()})


class Bench:
    """Do what a case's steps say to a breaker, and tell what it shows."""

    def __init__(self, config: Case) -> None:
        self.clock = FakeClock()
        self.told: list[Notice] = []
        self.breaker = CircuitBreaker(
            "case", clock=self.clock, observers=(self.observe,), **options(config)
        )
        self.calls: list[Guard] = []
        self.permitted: bool | None = None
        self.retry_after: timedelta | None = None
        self.marked = self.marked_totals = 0
        if "initial_state" in config:
            self.transition({"to": config["initial_state"]})

    def observe(self, breaker: CircuitBreaker, notice: Notice) -> None:
        self.told.append(notice)

    def acquire(self, step: Case) -> None:
        self.permitted, self.retry_after = True, None
        try:
            self.calls.append(self.breaker.acquire())
        except CircuitOpenError as refused:
            self.permitted, self.retry_after = False, refused.retry_after

    def _finish(self, step: Case, error: Exception | None) -> None:
        """Record an outcome: of a call that was asked for, or of one that is asked for now."""
        call = self.calls.pop(0) if self.calls else self.breaker.acquire()
        self.breaker.record(call, error, duration=timedelta(seconds=step.get("duration_s", 0)))

    def success(self, step: Case) -> None:
        self._finish(step, None)

    def failure(self, step: Case) -> None:
        self._finish(step, ERRORS[step.get("error", "runtime")]())

    def release(self, step: Case) -> None:
        call = self.calls.pop()
        call.ignore()
        self.breaker.record(call)

    def result(self, step: Case) -> None:
        for call in self.calls:
            call.ignore()
            self.breaker.record(call)
        self.calls.clear()
        self.breaker(lambda: step["value"])()

    def call(self, step: Case) -> None:
        self.acquire(step)
        self.clock.advance(timedelta(seconds=step["takes_s"]))
        if self.permitted:
            self._finish(step, None if step["outcome"] == "success" else RuntimeError())

    def advance(self, step: Case) -> None:
        self.clock.advance(timedelta(seconds=step["seconds"]))

    def transition(self, step: Case) -> None:
        self.breaker.move(CAUSES[step["to"]], reason="the case says so")

    def reset(self, step: Case) -> None:
        self.breaker.reset(reason="the case says so")

    def mark_events(self, step: Case) -> None:
        self.marked = len(self.told)

    def check(self, step: Case) -> None:
        """Look at it only."""

    def shown(self) -> dict[str, Any]:
        """Return all that a case may expect, in its words."""
        found, totals = self.breaker.metrics, self.breaker.metrics.totals
        since = self.told[self.marked :]
        entered = Counter(each.after.label for each in since if isinstance(each, Transitioned))
        return {
            "state": LABELS[found.state.label],
            "permitted": self.permitted,
            "rejected": not self.permitted,
            "retry_after_s": self.retry_after and self.retry_after.total_seconds(),
            "failure_rate": percent(found.failure_rate),
            "slow_call_rate": percent(found.slow_call_rate),
            "succeeded": found.successes,
            "failed": found.failures,
            "buffered": found.calls,
            "slow": found.slow,
            "not_permitted": found.refused,
            "success_events": totals.successes,
            "error_events": totals.failures,
            "opened_events": entered["open"],
            "half_opened_events": entered["half-open"],
            "closed_events": entered["closed"],
            **{name: sum(isinstance(e, kind) for e in since) for name, kind in EVENTS.items()},
        }


def percent(share: float | None) -> float | None:
    return None if share is None else share * 100


class Measures:
    """Do what steps say to a window, and tell what it shows."""

    def __init__(self, config: Case, minimum: int = 1) -> None:
        self.at = self.refused = 0.0
        self.seconds: tuple[float, ...] = ()
        kind = config["type"]
        self.window: Window = (
            CountWindow(config["size"], minimum)
            if kind == "count"
            else TimeWindow.starting(config["seconds"], minimum, 0, 0.0)
        )

    def record(self, step: Case) -> None:
        outcome = step["outcome"]
        self.window = self.window.record(self.at, "success" not in outcome, "slow" in outcome)
        # The oldest calls drop out first, so the latest durations are those of the calls in it.
        self.seconds = (*self.seconds, step["duration_s"])[-self.window.calls :]

    def success(self, step: Case) -> None:
        self.record({**step, "outcome": "success"})

    def failure(self, step: Case) -> None:
        self.record({**step, "outcome": "error"})

    def note_refused(self, step: Case) -> None:
        self.refused += step["times"]

    def advance(self, step: Case) -> None:
        self.at += step["seconds"]

    def snapshot(self, step: Case) -> None:
        """Look at it only."""

    def shown(self) -> dict[str, Any]:
        """Return all that a case may expect, in its words."""
        found = self.window.turned(self.at)
        total = sum(self.seconds)
        return {
            "total": found.calls,
            "buffered": found.calls,
            "succeeded": found.calls - found.failures,
            "failed": found.failures,
            "slow": found.slow,
            "slow_failed": found.slow_failures,
            "slow_succeeded": found.slow - found.slow_failures,
            "total_duration_s": total,
            "average_duration_s": total / len(self.seconds) if self.seconds else 0,
            "failure_rate": percent(failure_rate(found)),
            "slow_call_rate": percent(slow_call_rate(found)),
            "not_permitted": self.refused,
        }


def hold(bench: Bench | Measures, steps: list[Case], *, bare: bool = False) -> None:
    """Take each step, and hold what is shown then against what is expected."""
    for number, step in enumerate(steps):
        getattr(bench, step["op"])(step)
        shown = bench.shown()
        for name, expected in step.get("expect", {}).items():
            found = (shown[name] or 0) if bare else shown[name]
            assert matches(expected, found), f"step {number}, {step['op']}: {name} is {found}"


def matches(expected: Any, found: Any) -> bool:
    if isinstance(expected, float) and isinstance(found, int | float):
        return math.isclose(expected, found, rel_tol=1e-6)
    return math.isclose(expected, found) if isinstance(found, float) else bool(expected == found)


@pytest.mark.parametrize("case", cases("sequences"))
def test_a_sequence_of_events_ends_as_written(case: Case) -> None:
    """Each step of a case shows what others' breakers show."""
    config = case["config"]
    if config.get("metrics_component_only"):
        hold(Measures(config["window"], config["minimum_calls"]), case["steps"])
    else:
        hold(Bench(config), case["steps"])


@pytest.mark.parametrize("case", cases("windows"))
def test_a_window_counts_as_written(case: Case) -> None:
    """A bare window says 0 where a breaker says that there is no rate yet."""
    hold(Measures(case["window"]), case["steps"], bare=True)
