"""Telemetry: what structlog and OpenTelemetry are told."""

from __future__ import annotations

from contextlib import suppress
from datetime import timedelta
from typing import Any
from unittest.mock import call, patch

import pytest
import structlog

from safedeploy import telemetry
from safedeploy.breakers import Breakers
from safedeploy.breakers import Observer as BreakerObserver
from safedeploy.errors import CircuitOpenError
from safedeploy.telemetry import Observer, Troubles
from safedeploy.testing import FakeClock
from tests.laws.shops import Shop


def observed(*observers: Observer) -> None:
    """Carry a release through, with these observers looking on."""

    def observe(*what: Any) -> None:
        for observer in observers:
            observer(*what)

    Shop(observer=observe).open()


def test_logs_tell_every_event() -> None:
    """Each event is logged by its name, with the rollout's id, state, ring, exposure and reason."""
    with structlog.testing.capture_logs() as entries:
        observed(telemetry.logs())
    names = [entry["event"] for entry in entries]
    assert "Started" == names[0]
    assert 3 == names.count("Applied")
    assert {"rollout", "state", "ring", "exposed", "reason"} < set(entries[0])
    assert ("completed", 100) == (entries[-1]["state"], entries[-1]["exposed"])
    assert "user-" not in str(entries)


class Instrument:
    """Keep what a meter is told."""

    def __init__(self) -> None:
        self.told: list[tuple[float, dict[str, str]]] = []

    def add(self, amount: float, attributes: dict[str, str]) -> None:
        self.told.append((amount, attributes))

    set = record = add


def test_metrics_count_events_and_gauge_exposure() -> None:
    """Events are counted by kind and state, and the exposure of a subject goes from 0 to 1."""
    counter, gauge = Instrument(), Instrument()
    with patch("opentelemetry.metrics.get_meter") as meter:
        meter.return_value.create_counter.return_value = counter
        meter.return_value.create_gauge.return_value = gauge
        observed(telemetry.metrics())
    assert (1, {"event": "Started", "state": "pending"}) == counter.told[0]
    shares = [share for share, _ in gauge.told]
    assert [0, 0.2, 0.5, 0.8, 1] == sorted(set(shares))
    assert shares == sorted(shares)
    assert {"subject": "flag:checkout"} == gauge.told[0][1]


def test_metrics_work_without_an_sdk() -> None:
    """With the API alone, nothing is exported and nothing fails."""
    observed(telemetry.metrics())


def test_warnings_go_where_the_application_says() -> None:
    """A structlog that the application configured gets the warnings, too."""
    with structlog.testing.capture_logs() as entries:
        structlog.configure(processors=structlog.get_config()["processors"])
        telemetry.warn("a person is needed", rollout="r")
    structlog.reset_defaults()
    assert [{"event": "a person is needed", "rollout": "r", "log_level": "warning"}] == entries


def test_a_trouble_is_said_once_until_it_is_over() -> None:
    """What fails is passed over; of each trouble, only its begin is logged."""
    troubles = Troubles()

    def attempt(what: str, *, fails: bool) -> None:
        with troubles.told_once(what, rollout="r"):
            if fails:
                raise ConnectionError("user-17")

    with patch.object(telemetry, "warn") as warn:
        for fails in (True, True, False, True):
            attempt("saving", fails=fails)
        attempt("posting", fails=True)
    names = ["saving failed", "saving failed", "posting failed"]
    assert [call(name, rollout="r", error="ConnectionError") for name in names] == warn.mock_calls


def breaking(observer: BreakerObserver) -> None:
    """Let a tenant's breaker trip, refuse, see a slow call, and be moved, with somebody looking."""
    clock, second = FakeClock(), timedelta(seconds=1)
    breakers = Breakers(
        clock=clock, observers=[observer], consecutive_failures=1, slow_call=second, open_for=second
    )
    breaker = breakers.breaker("payments", key="ada@example.com")
    with suppress(LookupError), breaker.guard():
        raise LookupError
    with suppress(CircuitOpenError), breaker.guard():
        pass
    clock.advance(second)
    with breaker.guard():
        clock.advance(2 * second)
    breaker.only_measure(reason="to see", by="7")
    with suppress(LookupError), breaker.guard():
        raise LookupError


@pytest.mark.law("J3")
def test_breakers_are_logged() -> None:
    """What opens is a warning, what else moves isn't; refusals and slow calls are for debugging."""
    with structlog.testing.capture_logs() as entries:
        breaking(telemetry.breaker_logs())
    structlog.reset_defaults()
    told = [(entry["log_level"], entry["event"], entry.get("state")) for entry in entries]
    assert [
        ("warning", "breaker breached", None),
        ("warning", "breaker moved", "open"),
        ("debug", "breaker refused", "open"),
        ("info", "breaker moved", "half-open"),
        ("info", "breaker moved", "closed"),
        ("debug", "breaker saw a slow call", None),
        ("info", "breaker moved", "metrics-only"),
        ("warning", "breaker breached", None),
    ] == told
    assert {"payments"} == {entry["breaker"] for entry in entries}
    assert ("to see", "7") == (entries[6]["reason"], entries[6]["by"])
    assert "ada" not in str(entries)


@pytest.mark.law("J3")
def test_breakers_are_counted() -> None:
    """Transitions by where they lead and why, refusals by the state, slow calls by how long."""
    moves, refusals, slow = Instrument(), Instrument(), Instrument()
    with patch("opentelemetry.metrics.get_meter") as meter:
        meter.return_value.create_counter.side_effect = [moves, refusals]
        meter.return_value.create_histogram.return_value = slow
        breaking(telemetry.breaker_metrics())
    prefix = "safedeploy.breaker."
    named = {f"{prefix}name": "payments"}
    opened = {f"{prefix}state": "open", f"{prefix}cause": "tripped"}
    assert (1, named | opened) == moves.told[0]
    assert 4 == len(moves.told)
    assert [(1, named | {f"{prefix}state": "open"})] == refusals.told
    assert [(2.0, named)] == slow.told
