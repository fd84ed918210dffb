"""Splits: whether the arms are as large as they were meant to be."""

import math
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from safedeploy.signals import LARGEST, SAMPLE_RATIO_ALPHA, Health, mismatch_found
from safedeploy.verdicts import Counts, Verdict
from tests.measurements import NOON


def fresh(canary: int, baseline: int) -> Health:
    """Make what has been seen of so many new units."""
    return Health(NOON, NOON, (), Counts(fresh=canary), Counts(fresh=baseline))


def test_a_split_that_is_not_as_designed_is_told() -> None:
    """It says how many were canary and how many were meant to be, and is the source's fault."""
    found = mismatch_found(fresh(4000, 100_000), 0.01)

    assert found
    assert ("sample ratio", Verdict.SOURCE_ERROR) == (found.signal, found.verdict)
    assert "4000 of 104000 units are canary, where 1.0% were meant to be" == found.detail
    assert math.exp(LARGEST) == found.statistic
    assert 1 / SAMPLE_RATIO_ALPHA == pytest.approx(found.threshold)


@pytest.mark.parametrize(
    ("canary", "baseline", "share"),
    [(0, 0, 0.5), (4000, 396_000, 0.01), (1, 0, 0.01), (9, 1, 1.0), (9, 1, 0.0), (0, 9, 0.5)],
)
def test_a_split_as_designed_is_no_finding(canary: int, baseline: int, share: float) -> None:
    """Nor is one of nobody, one of few, or one where nobody is left to compare with."""
    assert None is mismatch_found(fresh(canary, baseline), share)


@given(st.integers(0, 10**9), st.integers(0, 10**9), st.floats(0, 1))
def test_no_split_breaks_the_judge(canary: int, baseline: int, share: float) -> None:
    """Whatever was counted and designed, there is a finding with numbers, or none."""
    found = mismatch_found(fresh(canary, baseline), share)

    assert not found or (found.statistic or 0) >= (found.threshold or math.inf) * (1 - 1e-9)


def test_returning_units_do_not_count() -> None:
    """Only who is new is a draw from the split."""
    health = Health(NOON, NOON, (), Counts(9999, 9999, 99, 10), Counts(100, 100, 1, 990))

    assert None is mismatch_found(health, 0.01)


@pytest.mark.long
def test_a_split_as_designed_is_seldom_called_broken() -> None:
    """Looked at after every ten units, one in a thousand rollouts at most is held by chance."""
    dice, broken, rollouts = Random(1), 0, 1000
    for _ in range(rollouts):
        canary = 0
        for units in range(10, 510, 10):
            canary += sum(dice.random() < 0.2 for _ in range(10))
            if mismatch_found(fresh(canary, units - canary), 0.2):
                broken += 1
                break

    assert broken <= 3
