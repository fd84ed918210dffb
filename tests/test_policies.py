"""Policies: what a signal's findings mean."""

import itertools
import math
from collections.abc import Callable
from functools import partial
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from safedeploy.digests import digest
from safedeploy.signals import (
    ErrorRate,
    Objective,
    Policy,
    Threshold,
    Throughput,
    Usage,
    UserReports,
)
from safedeploy.verdicts import Verdict
from tests.measurements import check_refused

ALLOWED = {
    "severity": (Verdict.INVESTIGATE, Verdict.HALT),
    "no_data": (Verdict.NO_DATA, Verdict.INVESTIGATE, Verdict.HALT),
    "source_error": (Verdict.SOURCE_ERROR, Verdict.INVESTIGATE),
}
MENDS = {
    "severity": "give Verdict.INVESTIGATE or Verdict.HALT",
    "no_data": "give Verdict.NO_DATA or Verdict.INVESTIGATE or Verdict.HALT",
    "source_error": "give Verdict.SOURCE_ERROR or Verdict.INVESTIGATE",
}
EVERY = [
    Policy(severity=severity, no_data=no_data, source_error=source_error)
    for severity, no_data, source_error in itertools.product(*ALLOWED.values())
]
SIGNALS: dict[str, Callable[..., Any]] = {
    "error rate": ErrorRate,
    "throughput": partial(Throughput, of="order"),
    "usage": partial(Usage, at_least=1),
    "objective": partial(Objective, 0.99),
    "threshold": partial(Threshold, "load", at_most=1),
    "user reports": UserReports,
}
each_signal = pytest.mark.parametrize("make", SIGNALS.values(), ids=SIGNALS)


@pytest.mark.parametrize("policy", EVERY, ids=str)
def test_a_policy_changes_three_verdicts(policy: Policy) -> None:
    """Silence, a broken measurement and harm mean what they were told to; all else is itself."""
    told = {
        Verdict.NO_DATA: policy.no_data,
        Verdict.SOURCE_ERROR: policy.source_error,
        Verdict.HALT: policy.severity,
    }

    assert {each: told.get(each, each) for each in Verdict} == {
        each: policy.means(each) for each in Verdict
    }


@pytest.mark.law("A3")
@pytest.mark.law("A4")
def test_no_policy_makes_silence_pass_or_a_monitor_halt() -> None:
    """Whatever it was told, silence holds at least, and what measures is never the change."""
    assert all(policy.means(Verdict.NO_DATA) >= Verdict.NO_DATA for policy in EVERY)
    broken = {policy.means(Verdict.SOURCE_ERROR) for policy in EVERY}
    assert {Verdict.SOURCE_ERROR, Verdict.INVESTIGATE} == broken
    assert all(policy.means(Verdict.HALT) >= Verdict.INVESTIGATE for policy in EVERY)


@each_signal
@pytest.mark.parametrize("field", ALLOWED)
def test_a_signal_refuses_what_a_verdict_can_not_mean(field: str, make: Any) -> None:
    """Every other verdict is refused, and so is a number that merely equals one."""
    for wrong in {*Verdict} - {*ALLOWED[field]}:
        check_refused(partial(make, **{field: wrong}), field, wrong, MENDS[field])
    for other in (5, 4, 3, 2, "HALT", None):
        check_refused(partial(make, **{field: other}), field, other, MENDS[field])
    assert [*ALLOWED[field]] == [getattr(make(**{field: one}), field) for one in ALLOWED[field]]


@each_signal
@pytest.mark.parametrize("value", [0, 0.0, -1.0, math.inf, math.nan])
def test_a_weight_is_above_zero(value: float, make: Any) -> None:
    """No weight is no share of alpha, and an endless one all of it."""
    check_refused(
        lambda: make(weight=value), "weight", float(value), "give a number above 0, such as 1"
    )


@pytest.mark.parametrize(
    ("field", "value", "mend"),
    [
        ("weight", "2", "give a float"),
        ("weight", True, "give a float"),
        ("weight", None, "give a float"),
        ("shadow", 1, "give a bool"),
        ("shadow", "yes", "give a bool"),
        ("shadow", None, "give a bool"),
        ("name", "", "give a text that isn't empty"),
        ("name", " ", "give a text that isn't empty"),
        ("name", 7, "give a text that isn't empty"),
    ],
)
@each_signal
def test_every_signal_refuses_what_is_of_the_wrong_kind(
    field: str, value: object, mend: str, make: Any
) -> None:
    """What every signal can be told is refused by field, value and mend."""
    check_refused(lambda: make(**{field: value}), field, value, mend)


@each_signal
def test_every_signal_has_a_policy(make: Any) -> None:
    """A policy can be given to each, and counts in its digest only where it is given."""
    usual = make()
    policy: dict[str, object] = {
        "no_data": Verdict.INVESTIGATE,
        "source_error": Verdict.INVESTIGATE,
        "weight": 2,
        "shadow": True,
        "name": "mine",
    }

    assert isinstance(usual, Policy)
    digests = {digest(make(**{field: value})) for field, value in policy.items()}
    assert {digest(usual)}.isdisjoint(digests)
    assert len(policy) == len(digests)
    assert digest(usual) == digest(make(**{each: getattr(usual, each) for each in policy}))


@given(st.integers(1, 10**6))
def test_a_weight_is_one_number_however_written(weight: int) -> None:
    """2 and 2.0 make one definition."""
    assert digest(ErrorRate(weight=weight)) == digest(ErrorRate(weight=float(weight)))
