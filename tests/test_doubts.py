"""Doubts: a measurement that can't be true is told from one that can, and never raises."""

from __future__ import annotations

import math
from datetime import datetime
from typing import Any
from unittest.mock import patch

import attrs
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from safedeploy.doubts import why_impossible
from safedeploy.latencies import LAST
from safedeploy.verdicts import Counts, Measurement
from tests.laws.histories import EVERY, START
from tests.laws.test_watching import BLOCKS, Watch

NUMBERS = st.integers(0, 10**6)
BUCKETS = st.integers(0, LAST)


@st.composite
def counts(draw: st.DrawFn) -> Counts:
    """Draw what an arm may have done."""
    failures, more, hung, calls = (draw(NUMBERS) for _ in range(4))
    units = failures + more
    pairs = st.tuples(BUCKETS, BUCKETS).map(lambda pair: tuple(sorted(pair)))
    return Counts(
        units + calls,
        units,
        failures,
        draw(NUMBERS),
        min(hung, units),
        draw(st.dictionaries(st.text(), NUMBERS, max_size=2)),
        draw(st.dictionaries(pairs, NUMBERS, max_size=3)),
        draw(st.dictionaries(st.text(), st.floats(-1e9, 1e9), max_size=2)),
        draw(st.integers(0, failures)),
    )


@st.composite
def measurements(draw: st.DrawFn) -> Measurement:
    """Draw what may have been measured."""
    names = draw(st.lists(st.sampled_from(["staff", "beta"]), unique=True))
    parts = {name: (draw(counts()), draw(counts())) for name in ("", *names)}
    canary, baseline = (sum((pair[arm] for pair in parts.values()), Counts()) for arm in (0, 1))
    seen = draw(st.none() | st.just(START))
    return Measurement(
        START, START + EVERY, canary, baseline, seen=seen, strata=parts if names else {}
    )


def evolved(measurement: Measurement, arm: str, counts: Counts) -> Measurement:
    """Return a measurement with other counts of one arm."""
    change: dict[str, Any] = {arm: counts}
    return attrs.evolve(measurement, **change)


@given(measurements())
def test_what_can_be_true_is_believed(measurement: Measurement) -> None:
    """Whatever counters that work may say, there is no doubt."""
    assert "" == why_impossible(measurement)


BAD = st.sampled_from([-1, -0.5, math.nan, math.inf, -math.inf, True, None, "7", 1j])
WRONG = st.one_of(
    st.tuples(
        st.sampled_from(["exposures", "units", "failures", "fresh", "unfinished", "hung"]), BAD
    ),
    st.tuples(st.just("events"), BAD.map(lambda bad: {"crash": bad})),
    st.tuples(st.just("slowest"), BAD.map(lambda bad: {(0, 1): bad})),
    st.tuples(st.just("values"), st.sampled_from([math.nan, math.inf]).map(lambda bad: {"p": bad})),
    st.tuples(
        st.just("slowest"),
        st.sampled_from([(2, 1), (0, LAST + 1), (-1, 0), (0,), 7]).map(lambda pair: {pair: 1}),
    ),
    st.sampled_from([("events", None), ("slowest", 7), ("values", {"p": "high"}), ("values", [1])]),
)


@example(Measurement(START, START + EVERY, Counts(), Counts()), ("slowest", {(2, 1): 1}), "canary")
@given(measurements(), WRONG, st.sampled_from(["canary", "baseline"]))
def test_what_cannot_be_true_is_doubted(
    measurement: Measurement, wrong: tuple[str, Any], arm: str
) -> None:
    """Numbers below zero, infinite or none at all, in either arm, wherever they are."""
    field, value = wrong
    spoilt = attrs.evolve(getattr(measurement, arm), **{field: value})
    assert why_impossible(evolved(measurement, arm, spoilt))


@given(measurements(), st.integers(1, 9), st.sampled_from(["canary", "baseline"]))
def test_more_failures_than_attempts_are_doubted(
    measurement: Measurement, more: int, arm: str
) -> None:
    """Nobody fails, or hangs, without having been active, or is active without a call."""
    whole: Counts = getattr(measurement, arm)
    for spoilt in (
        attrs.evolve(whole, failures=whole.units + more),
        attrs.evolve(whole, unfinished=whole.units + more),
        attrs.evolve(whole, units=whole.exposures + more),
        attrs.evolve(whole, hung=whole.failures + more),
    ):
        found = why_impossible(evolved(attrs.evolve(measurement, strata={}), arm, spoilt))
        assert found.startswith(f"{arm}: more")


@pytest.mark.parametrize(
    "change",
    [
        {"since": START + 2 * EVERY},
        {"until": datetime(2026, 1, 1)},  # noqa: DTZ001 - that is what is wrong with it
        dict.fromkeys(("since", "until"), datetime(2026, 1, 1)),  # noqa: DTZ001 - that, too
        {"since": None},
        {"seen": "yesterday"},
        {"strata": {"staff": (Counts(1, 1), Counts())}},
        {"strata": {"staff": (Counts(),)}},
        {"strata": [1]},
        {"canary": None},
        {"baseline": {"exposures": 1}},
    ],
)
def test_what_makes_no_sense_is_doubted(change: dict[str, Any]) -> None:
    """Times that run backwards or have no zone, parts larger than the whole, other kinds."""
    assert why_impossible(attrs.evolve(Measurement(START, START + EVERY), **change))


@given(st.none() | st.integers() | st.text() | st.builds(Counts))
def test_what_is_no_measurement_is_doubted(given: object) -> None:
    """A source that returns something else is told what."""
    assert f"a {type(given).__name__} is no Measurement" == why_impossible(given)


def test_no_doubt_names_anybody() -> None:
    """What a host put in isn't told, for it may be personal; its kind is."""
    values: Any = {"x": "user-17"}
    doubt = why_impossible(Measurement(START, START, Counts(values=values)))
    assert doubt
    assert "user-17" not in doubt


NO_NUMBER: Any = None
SPOILT = [
    None,
    Counts(50, 50, 60),
    Counts(-1, 50, 4),
    Counts(50, math.nan, 4),  # type: ignore[arg-type]
    Counts(50, 50, NO_NUMBER),
]


@pytest.mark.law("A3")
@pytest.mark.parametrize("spoilt", SPOILT, ids=str)
@pytest.mark.parametrize("arm", [0, 1])
def test_what_cannot_be_true_holds_a_rollout(spoilt: Counts | None, arm: int) -> None:
    """A source that miscounts advances no ring, halts nothing, and is told; then it goes on."""
    watch = Watch()
    for _ in range(3):
        watch.tick("healthy")
    good: list[Any] = list(BLOCKS["healthy"])
    good[arm] = spoilt
    before = watch.shop.rollout.reached
    with patch.dict(BLOCKS, spoilt=tuple(good)):
        for _ in range(20):
            rollout = watch.tick("spoilt")
    assert (before, "baking") == (rollout.reached, rollout.state.label)
    assert rollout.evidence is not None
    assert "SOURCE_ERROR" == rollout.evidence.verdict.name
    for _ in range(60):
        watch.tick("healthy")
    assert "completed" == watch.shop.rollout.state.label
