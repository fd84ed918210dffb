"""Thresholds: bounds on a host's own metrics, and on how many users report trouble."""

import math
from datetime import timedelta
from decimal import Decimal
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from safedeploy.digests import digest
from safedeploy.signals import Health, Reading, Threshold, UserReports
from safedeploy.verdicts import Counts, Measurement, Verdict
from tests.measurements import (
    CRITERIA,
    NOON,
    QUIET,
    arm,
    block,
    check_refused,
    judged,
    judged_after,
    seen,
)

SECOND = timedelta(seconds=1)
LOAD = Threshold("load", at_most=0.8)


def loads(*values: float | None) -> list[Measurement]:
    """Measure a metric once a second; where it is None, it wasn't."""
    return [
        block(
            Counts(1, values={"other": 99.0} if value is None else {"load": value}),
            until=NOON + number * SECOND,
        )
        for number, value in enumerate(values)
    ]


@pytest.mark.parametrize(
    ("values", "verdict", "detail"),
    [
        ([0.8], Verdict.PASS, "load is 0.8, and its bound 0.8"),
        ([0.9], Verdict.INCONCLUSIVE, "load is 0.9, and its bound 0.8, 1 times in a row"),
        ([0.9, 0.9], Verdict.INCONCLUSIVE, "load is 0.9, and its bound 0.8, 2 times in a row"),
        ([0.9] * 3, Verdict.HALT, "load is 0.9, and its bound 0.8, 3 times in a row"),
        ([0.9] * 9, Verdict.HALT, "load is 0.9, and its bound 0.8, 9 times in a row"),
        ([0.9, 0.9, 0.1, 0.9], Verdict.INCONCLUSIVE, "load is 0.9, and its bound 0.8, 1 times in"),
        ([0.9, 0.9, None, 0.9], Verdict.HALT, "load is 0.9, and its bound 0.8, 3 times in a row"),
        ([0.9] * 3 + [0.1], Verdict.PASS, "load is 0.1, and its bound 0.8"),
        ([], Verdict.NO_DATA, "load was never measured"),
        ([None], Verdict.NO_DATA, "load was never measured"),
        ([0.9, 0.9, math.nan], Verdict.SOURCE_ERROR, "load is nan"),
        ([0.9] * 3 + [math.inf], Verdict.SOURCE_ERROR, "load is inf"),
        ([-math.inf], Verdict.SOURCE_ERROR, "load is -inf"),
        ([math.nan, 0.1], Verdict.PASS, "load is 0.1, and its bound 0.8"),
        (
            [0.9, 0.9, math.nan, 0.9],
            Verdict.HALT,
            "load is 0.9, and its bound 0.8, 3 times in a row",
        ),
        (
            [0.9, math.inf, 0.9],
            Verdict.INCONCLUSIVE,
            "load is 0.9, and its bound 0.8, 2 times in a",
        ),
    ],
    ids=repr,
)
def test_values_in_a_row_are_judged(
    values: list[float | None], verdict: Verdict, detail: str
) -> None:
    """So many in a row halt; one that is fine ends the row; what is no number isn't the change."""
    found = judged_after(LOAD, loads(*values))

    assert verdict is found.verdict
    assert found.detail.startswith(detail)


values = st.floats() | st.sampled_from([0.0, 1.0, 2.0, math.nan, math.inf])


@given(
    st.lists(values, min_size=1, max_size=9),
    st.none() | st.floats(-1, 1),
    st.none() | st.floats(1, 2),
    st.integers(1, 4),
)
def test_a_threshold_halts_just_after_so_many_values_out_of_bounds(
    values: list[float], least: float | None, most: float | None, times: int
) -> None:
    """By brute force: the last values are all numbers beyond a bound, and there are enough."""
    low, high = -math.inf if least is None else least, 2.0 if most is None else most
    threshold = Threshold("load", at_least=low, at_most=high, times=times)
    found = judged_after(threshold, loads(*values))

    beyond = [not low <= each <= high for each in values if math.isfinite(each)]
    told = math.isfinite(values[-1])
    halts = told and len(beyond) >= times and all(beyond[-times:])
    assert halts == (found.verdict is Verdict.HALT)
    assert told == (found.verdict is not Verdict.SOURCE_ERROR)
    assert (told and not beyond[-1]) == (found.verdict is Verdict.PASS)


@pytest.mark.law("A4")
@pytest.mark.parametrize("value", ["0.9", b"1", True, [], object(), 1j, 10**400, Decimal("sNaN")])
def test_what_is_no_number_is_the_sources_fault(value: Any) -> None:
    """It doesn't raise, and the row of bad values goes on after it."""
    found = judged_after(LOAD, loads(0.9, 0.9, value))
    assert (Verdict.SOURCE_ERROR, "load is nan") == (found.verdict, found.detail)
    fraction: Any = Fraction(9, 10)
    assert Verdict.HALT is judged_after(LOAD, loads(0.9, 0.9, value, fraction)).verdict


@pytest.mark.parametrize(
    ("value", "bound", "verdict"),
    [
        (0.9, 1.0, Verdict.HALT),
        (1.0, 2.0, Verdict.PASS),
        (2.0, 2.0, Verdict.PASS),
        (2.1, 2.0, Verdict.HALT),
    ],
)
def test_both_bounds_bind(value: float, bound: float, verdict: Verdict) -> None:
    """The bound that was crossed is shown with the value."""
    found = judged_after(Threshold("load", at_least=1, at_most=2, times=1), loads(value))

    assert (verdict, value, bound) == (found.verdict, found.statistic, found.threshold)


@pytest.mark.parametrize(("value", "verdict"), [(0.9, Verdict.HALT), (1.1, Verdict.PASS)])
def test_a_lower_bound_alone_binds(value: float, verdict: Verdict) -> None:
    """Where there is no upper bound, the lower one is shown."""
    found = judged_after(Threshold("load", at_least=1, times=1), loads(value))

    assert (verdict, 1.0) == (found.verdict, found.threshold)


@pytest.mark.law("A3")
@pytest.mark.parametrize(
    ("silence", "verdict"),
    [(QUIET, Verdict.HALT), (QUIET + SECOND, Verdict.NO_DATA)],
    ids=["lately", "long ago"],
)
def test_a_stale_value_is_no_data(silence: timedelta, verdict: Verdict) -> None:
    """What was measured too long ago neither passes nor halts."""
    memory = Reading(0.9, NOON - silence, 3)
    found = LOAD.judge(memory, Health(NOON, NOON, ()), CRITERIA)

    assert verdict is found.verdict
    if verdict is Verdict.NO_DATA:
        assert f"load hasn't been measured for {silence}" == found.detail


def test_only_the_canarys_values_count() -> None:
    """Of the baseline nothing is asked."""
    memory, _ = seen(LOAD, [block(Counts(), Counts(1, values={"load": 9.0}))])

    assert Reading() == memory == LOAD.start()


def test_a_new_exposure_is_judged_by_its_own_values() -> None:
    """What was measured before isn't about it."""
    memory, _ = seen(LOAD, loads(0.9, 0.9))

    assert Reading(0.9, NOON + SECOND, 2) == memory
    assert Reading() == LOAD.enter(memory)


def test_thresholds_halt_by_no_chance() -> None:
    """They spend no alpha, compare nobody, and are named after their metric."""
    assert (False, False) == (LOAD.spends_alpha, UserReports().spends_alpha)
    assert LOAD.can_notice(CRITERIA)
    assert UserReports().can_notice(CRITERIA)
    names = LOAD.name, Threshold("load", at_most=1, name="heat").name, UserReports().name
    assert ("load", "heat", "user reports") == names


BOUND = "give at_most, at_least, or both"
VALUES = "give a number of values, 1 or more"


@pytest.mark.parametrize(
    ("change", "field", "value", "mend"),
    [
        ({"at_most": math.inf}, "at_most", math.inf, BOUND),
        *(
            ({field: value}, field, value, "give a number")
            for field in ("at_most", "at_least")
            for value in (math.nan, "1", None, True, [1])
        ),
        (
            {"at_most": 1, "at_least": 2},
            "at_least",
            2.0,
            "give a number that isn't above at_most, 1.0",
        ),
        *(({"at_most": 1, "times": value}, "times", value, VALUES) for value in (0, -3)),
        *(
            ({"at_most": 1, "times": value}, "times", value, "give an int")
            for value in (1.5, "3", None, True)
        ),
        *(
            ({"metric": value}, "metric", value, "give a text that isn't empty")
            for value in ("", " ", None, 7)
        ),
    ],
    ids=repr,
)
def test_a_bad_threshold_is_refused(
    change: dict[str, Any], field: str, value: object, mend: str
) -> None:
    """What can't be is refused by field, value and mend."""
    check_refused(lambda: Threshold(**{"metric": "load", **change}), field, value, mend)


def test_bounds_may_be_one_number_and_are_one_however_written() -> None:
    """A value can be bound from both sides, and 1 and 1.0 make one definition."""
    one, other = (Threshold("load", at_most=each, at_least=each) for each in (1, 1.0))

    assert (one, digest(one)) == (other, digest(other))
    assert Verdict.PASS is judged_after(one, loads(1)).verdict
    assert digest(one) != digest(Threshold("load", at_most=1))


# User reports


def reports(*, users: int, exposures: int = 100) -> Counts:
    """Make the counts of an arm of which so many reported trouble."""
    return Counts(exposures, exposures, 0, 0, events={"report": users} if users else {})


@pytest.mark.parametrize(
    ("canary", "most", "verdict"),
    [
        (reports(users=0), 0, Verdict.PASS),
        (reports(users=1), 0, Verdict.HALT),
        (reports(users=3), 3, Verdict.PASS),
        (reports(users=4), 3, Verdict.HALT),
        (reports(users=0, exposures=0), 0, Verdict.NO_DATA),
        (reports(users=1, exposures=0), 0, Verdict.HALT),
        (arm(100, 100), 0, Verdict.PASS),
    ],
    ids=["none", "one", "as many as are fine", "more", "nobody there", "later", "failures"],
)
def test_users_who_report_are_counted(canary: Counts, most: int, verdict: Verdict) -> None:
    """More than are fine are worse; where nobody was, nobody could report."""
    assert verdict is judged(UserReports(at_most=most), canary, reports(users=50)).verdict


def test_reports_are_for_a_person() -> None:
    """They investigate unless they are told to halt, and say how many there were."""
    found = judged(UserReports(at_most=3), reports(users=4))

    assert "4 canary users have reported trouble" == found.detail
    assert (4.0, 3.0) == (found.statistic, found.threshold)
    assert Verdict.INVESTIGATE is UserReports().means(found.verdict)
    assert Verdict.HALT is UserReports(severity=Verdict.HALT).means(found.verdict)


def test_reports_of_another_name_are_counted_by_that() -> None:
    """The host names the event."""
    complaints = UserReports(of="complaint")

    assert Verdict.PASS is judged(complaints, reports(users=9)).verdict
    assert Verdict.HALT is judged(complaints, arm(9, events={"complaint": 1})).verdict


def test_reports_remember_nothing() -> None:
    """The model counts, so a ring counts anew."""
    remembered: Any = UserReports()
    kept = remembered.start(), remembered.enter(None), remembered.observe(None, block(), 0.5)

    assert (None, None, None) == kept


@pytest.mark.parametrize(
    ("change", "field", "value", "mend"),
    [
        ({"at_most": -1}, "at_most", -1, "give a number of users, 0 or more"),
        *(({"at_most": value}, "at_most", value, "give an int") for value in (0.5, "1", True)),
        *(
            ({"of": value}, "of", value, "give a text that isn't empty")
            for value in ("", " ", None)
        ),
    ],
    ids=repr,
)
def test_bad_reports_are_refused(
    change: dict[str, Any], field: str, value: object, mend: str
) -> None:
    """What can't be is refused by field, value and mend."""
    check_refused(lambda: UserReports(**change), field, value, mend)
