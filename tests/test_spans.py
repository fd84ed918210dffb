"""Spans: lengths of time, as people read and write them."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from safedeploy.spans import added, lasting, longest, roomy, told, written

SPANS = st.timedeltas(min_value=timedelta(0), max_value=timedelta(days=10_000))
NEVER_OR = st.none() | SPANS
SECOND = timedelta(seconds=1)


@pytest.mark.parametrize(
    ("span", "words"),
    [
        (timedelta(0), "0 s"),
        (timedelta(seconds=9.6), "10 s"),
        (timedelta(minutes=9, seconds=59), "9 min 59 s"),
        (timedelta(minutes=33, seconds=47), "34 min"),
        (timedelta(hours=9, minutes=23, seconds=12), "9 h 23 min"),
        (timedelta(days=2, minutes=5), "2 d"),
        (timedelta(days=400, hours=1), "400 d 1 h"),
        (None, "never"),
    ],
)
def test_a_span_is_told_in_two_units(span: timedelta | None, words: str) -> None:
    """People read the two largest units; seconds don't matter to what takes long."""
    assert words == told(span)


@given(SPANS)
def test_what_is_written_is_the_span(span: timedelta) -> None:
    """Written into a plan, a span of whole seconds is the same span."""
    span -= span % SECOND
    found = re.fullmatch(r"timedelta\((days|hours|minutes|seconds)=(\d+)\)", written(span))
    assert found
    assert span == timedelta(**{found[1]: int(found[2])})


@given(SPANS)
def test_a_roomy_span_is_a_little_longer_and_round(span: timedelta) -> None:
    """A proposed bake is never shorter than what is needed, nor much longer, nor odd."""
    longer = roomy(span)
    assert span <= longer <= span * 2 + timedelta(seconds=10)
    assert longer == roomy(longer)
    if span > timedelta(hours=2):
        assert not longer % timedelta(hours=1)


@given(st.lists(NEVER_OR))
def test_never_is_longer_than_any_span(spans: list[timedelta | None]) -> None:
    """What waits for several things waits for the last of them, and with never for ever."""
    known = [span for span in spans if span is not None]
    found = longest(spans)
    assert found == (None if len(known) < len(spans) else max(known, default=timedelta(0)))


@given(NEVER_OR, NEVER_OR)
def test_after_never_comes_nothing(one: timedelta | None, other: timedelta | None) -> None:
    """Spans add up, and never stays never."""
    total = added(one, other)
    if one is None or other is None:
        assert total is None
    else:
        assert total is not None
        assert abs(total - (one + other)) < timedelta(milliseconds=1)


def test_what_no_timedelta_holds_is_never() -> None:
    """A wait of more than two million years is reckoned as infinite, and raises nothing."""
    assert timedelta(seconds=90) == lasting(90)
    assert lasting(float("inf")) is None
    assert lasting(1e300) is None
    assert added(timedelta.max, timedelta.max) is None
