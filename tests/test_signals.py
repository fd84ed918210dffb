"""Signals: what holds for each of them."""

import math
from datetime import datetime, timedelta
from typing import Any

import attrs
import pytest
from hypothesis import given

import safedeploy.signals
from safedeploy import events
from safedeploy.digests import digest
from safedeploy.records import Codec
from safedeploy.signals import (
    Burn,
    ErrorRate,
    Health,
    Latency,
    Objective,
    Policy,
    Rate,
    Signal,
    Threshold,
    Throughput,
    Usage,
    UserReports,
)
from safedeploy.verdicts import Counts, Evidence, Finding, Measurement, Scope, Verdict
from tests.measurements import CRITERIA, NONE, NOON, QUIET, block, histories, judged_after, seen

HOUR = timedelta(hours=1)
SIGNALS: dict[str, Signal] = {
    "error rate": ErrorRate(),
    "error rate, hanging holds": ErrorRate(unfinished="holds", at_least=5),
    "error rate of an event": ErrorRate(of="order", tolerate=1.5),
    "throughput": Throughput(of="order", rare=0.1),
    "usage": Usage(at_least=3),
    "usage per hour": Usage(at_least=3, per_hour=100),
    "latency": Latency(rare=0.1),
    "latency by quantile": Latency(quantile=0.9),
    "latency by threshold": Latency(threshold=timedelta(seconds=1), at_least=3),
    "rate": Rate("report", at_most=0.5),
    "error rate with a margin": ErrorRate(margin=1.5),
    "objective": Objective(0.9, burns=(Burn(2, HOUR), Burn(1, 6 * HOUR, Verdict.INVESTIGATE))),
    "objective of an event": Objective(0.5, of="order", burns=(Burn(1.5, HOUR),), at_least=1),
    "threshold": Threshold("load", at_least=0, at_most=1, times=2),
    "user reports": UserReports(at_most=3),
}
each_signal = pytest.mark.parametrize("signal", SIGNALS.values(), ids=SIGNALS)
ALPHA = 0.3
SLOW = {(0, 80): 40, (0, 97): 10}


def test_every_signal_is_tried_here() -> None:
    """No signal of the library is left out."""
    exported = [getattr(safedeploy.signals, name) for name in safedeploy.signals.__all__]
    kinds = {each for each in exported if isinstance(each, type) and issubclass(each, Policy)}

    assert {each.__name__ for each in kinds if hasattr(each, "judge")} == {
        type(each).__name__ for each in SIGNALS.values()
    }


@pytest.mark.law("A3")
@pytest.mark.parametrize(
    ("exposures", "silence", "verdict", "detail", "remaining"),
    [
        (1, 0, Verdict.NO_DATA, "99 more exposures are needed", 99),
        (99, 0, Verdict.NO_DATA, "1 more exposures are needed", 1),
        (99, 3600, Verdict.NO_DATA, "1 more exposures are needed", 1),
        (100, 0, Verdict.PASS, "100 exposures", 0),
        (100, 30, Verdict.PASS, "100 exposures", 0),
        (10**9, 31, Verdict.NO_DATA, "nobody has used it for 0:00:31", 0),
    ],
)
def test_silence_is_not_health(
    exposures: int, silence: int, verdict: Verdict, detail: str, remaining: int
) -> None:
    """Less use than the floor, or none for longer than is usual, is no data."""
    used = NOON - timedelta(seconds=silence)
    health = Health(used, NOON, (), Counts(exposures=exposures))

    expected = Finding("usage", verdict, detail, float(exposures), 100.0, remaining)
    assert expected == Usage(at_least=100).judge(None, health, CRITERIA)


@pytest.mark.law("A3")
@given(histories())
def test_an_exposure_that_nobody_used_never_passes(history: tuple[Measurement, ...]) -> None:
    """Whatever was seen in the ring before, and whatever the baseline does in this one."""
    silent = [block(NONE, each.baseline, until=each.until) for each in history]
    health = Health(NOON, NOON, (), NONE, sum((each.baseline for each in silent), NONE))

    for name, signal in SIGNALS.items():
        memory = signal.enter(seen(signal, history)[0])
        for each in silent:
            memory = signal.observe(memory, each, 0)
        assert signal.judge(memory, health, CRITERIA).verdict is not Verdict.PASS, name


@pytest.mark.law("A4")
@given(histories())
def test_a_signal_judges_whatever_was_measured(history: tuple[Measurement, ...]) -> None:
    """Late, out of order, with gaps, or no number: there is a finding, and it says why."""
    for signal in SIGNALS.values():
        found = judged_after(signal, history, alpha=ALPHA, must_see=30.0, quiet=HOUR)

        assert signal.name == found.signal
        assert found.detail.strip()
        assert ("", False) == (found.component, found.shadow)
        assert found.remaining is None or found.remaining >= 0
        assert found.wait is None or (found.wait >= timedelta(0) and found.remaining is not None)
        assert found.statistic is None or math.isfinite(found.statistic)
        if found.verdict is Verdict.SOURCE_ERROR:
            values = [each.canary.values["load"] for each in history if each.canary.values]
            assert not math.isfinite(values[-1])


@given(histories(), histories(most=2))
def test_what_is_remembered_is_a_value_that_can_be_kept(
    history: tuple[Measurement, ...], more: tuple[Measurement, ...]
) -> None:
    """A journal gives it back, and whoever goes on from there finds the same."""
    memories, healths = zip(*(seen(each, history) for each in SIGNALS.values()), strict=True)
    nothing = Evidence(Scope("", 1, "", 1), NOON, NOON, "", NONE, NONE, ())
    kept = events.Assessed(NOON, nothing, attrs.evolve(healths[0], tests=memories))
    read = CODEC.decode(CODEC.encode(kept))

    assert isinstance(read, events.Assessed)
    for signal, *both in zip(SIGNALS.values(), memories, read.health.tests, strict=True):
        alike(*(signal.enter(one) for one in both))
        for each in more:
            both = [signal.observe(one, each, 0.5) for one in both]  # noqa: PLW2901 - they go on
        alike(*both)
        alike(*(signal.judge(one, healths[0], CRITERIA) for one in both))


CODEC = Codec()


def alike(one: object, other: object) -> None:
    """Compare values in which a NaN equals itself."""
    assert repr(one) == repr(other)


@given(histories())
def test_a_signal_says_the_same_of_the_same(history: tuple[Measurement, ...]) -> None:
    """It is a frozen value, and keeps nothing to itself."""
    for signal in SIGNALS.values():
        twin: Any = attrs.evolve(signal)  # type: ignore[misc]
        before = digest(signal)

        alike(judged_after(signal, history), judged_after(twin, history))
        assert (signal, hash(signal), before) == (twin, hash(twin), digest(signal))
        with pytest.raises(attrs.exceptions.FrozenInstanceError):
            twin.name = "other"


@each_signal
def test_a_block_of_nothing_changes_no_verdict(signal: Signal) -> None:
    """Silence as such is neither use nor harm, as long as it isn't too long."""
    counts = Counts(50, 50, 1, 50, events={"order": 5}, slowest=SLOW, values={"load": 0.5})
    used = [block(counts, counts)]

    expected = judged_after(signal, used)
    found = judged_after(signal, [*used, block(until=NOON + QUIET)])
    assert (expected.verdict, expected.remaining) == (found.verdict, found.remaining)


@each_signal
@pytest.mark.parametrize("begun", [NOON + timedelta(hours=11.99), NOON - timedelta(days=9999)])
def test_a_verdict_does_not_depend_on_the_time_of_day(signal: Signal, begun: datetime) -> None:
    """What lasts is judged, not when it began."""
    counts = Counts(50, 50, 1, 50, events={"order": 5}, slowest=SLOW, values={"load": 0.5})

    def found(at: datetime) -> Finding:
        measured = block(counts, counts, since=at, until=at)
        memory = signal.observe(signal.enter(signal.start()), measured, 0)
        health = Health(at, at, (), counts, counts, since=at)
        return signal.judge(memory, health, attrs.evolve(CRITERIA, at=at))

    assert found(NOON) == found(begun)
