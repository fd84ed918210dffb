"""Latencies: exponential buckets that can be merged."""

import math
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from safedeploy.latencies import LAST, SCALE, bucket, upper

NUMBERS = range(1, LAST + 1)


def test_a_bucket_holds_its_upper_bound() -> None:
    """Bounds belong to the bucket below, exactly, as OpenTelemetry wants it."""
    assert [*NUMBERS] == [bucket(upper(number)) for number in NUMBERS]
    above = [bucket(math.nextafter(upper(number), math.inf)) for number in NUMBERS[:-1]]
    assert [*NUMBERS[1:]] == above


def test_bounds_are_those_of_opentelemetry_at_scale_3() -> None:
    """Each is 2 ** (1/8) times the one before; bucket -1 of OpenTelemetry ends with one second."""
    assert 3 == SCALE
    for less, more in pairwise(NUMBERS[:-1]):
        assert 2**0.125 == pytest.approx(upper(more) / upper(less))
    for number in NUMBERS[:-1]:
        index = number - 90
        assert 2 ** ((index + 1) / 8) == upper(number)
    assert (1.0, 2.0, 0.5) == (upper(89), upper(97), upper(81))
    assert (2**-11, math.inf) == (upper(1), upper(LAST))
    assert 24 < upper(LAST - 1) < 25


@given(st.floats(0, 100, exclude_min=True))
def test_a_duration_is_in_its_bucket(seconds: float) -> None:
    """It is above the bound below, and not above its own; the ends take all that is beyond."""
    number = bucket(seconds)

    assert number in NUMBERS
    assert seconds <= upper(number)
    assert number == 1 or seconds > upper(number - 1)


@given(st.floats(), st.floats())
def test_what_is_slower_is_never_in_a_lower_bucket(one: float, other: float) -> None:
    """Buckets are in order, whatever the durations."""
    assert not one <= other or bucket(one) <= bucket(other)


@pytest.mark.parametrize(
    ("seconds", "number"),
    [
        (0.0, 1),
        (-0.0, 1),
        (-1.0, 1),
        (-math.inf, 1),
        (5e-324, 1),
        (0.0004, 1),
        (0.0005, 2),
        (0.001, 10),
        (1, 89),
        (1.0, 89),
        (25, LAST),
        (10**6, LAST),
        (math.inf, LAST),
        (math.nan, 1),
    ],
    ids=repr,
)
def test_every_duration_has_a_bucket(seconds: float, number: int) -> None:
    """No time at all is in the first, and so is what a clock made negative; none is refused."""
    assert number == bucket(seconds)
