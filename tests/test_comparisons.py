"""Comparisons: what an attribute may be held against, and what never matches."""

from __future__ import annotations

import math
import sys
from collections.abc import Callable
from datetime import UTC, datetime, timedelta, timezone
from itertools import combinations
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from safedeploy.audiences import Attribute, Audience, Comparison, lacking
from safedeploy.audiences.attributes import Attribute as Home
from safedeploy.audiences.comparisons import OPERATORS
from safedeploy.audiences.versions import LONGEST, precedence
from safedeploy.contexts import Context
from safedeploy.errors import DefinitionError, shown

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)
NO_MOMENT = datetime(2025, 1, 1)  # noqa: DTZ001 - what has no zone is none
IT = Attribute("it")
GIVEN: dict[str, tuple[Any, ...]] = {
    "is_in": ("beta", 1, True),
    "matches": ("b.*",),
    "exists": (),
    "before": (NOON,),
    "after": (NOON,),
    **dict.fromkeys(["equals", "contains", "starts_with", "ends_with"], ("beta",)),
    **dict.fromkeys(["less_than", "at_most", "at_least", "greater_than"], (2,)),
    **{name: ("1.2.3",) for name in OPERATORS if name.startswith("version")},
}
ANYTHING: st.SearchStrategy[Any] = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    st.text(max_size=10),
    st.datetimes(timezones=st.none() | st.timezones()),
    st.lists(st.text(max_size=2) | st.integers(), max_size=3),
    st.sampled_from(["beta", "1.2.3", "1.2.3-rc.1+5", "2026-01-01T12:00:00Z", 2, 2.0, 10**5000]),
    st.binary(max_size=2),
)
OPERATIONS = st.sampled_from(sorted(OPERATORS))


def compared(operator: str) -> Comparison:
    """Make a comparison of each kind."""
    return Comparison("it", operator, GIVEN[operator])


def of(value: object) -> Context:
    """Make a context of one attribute."""
    return Context(None, {"it": value})


def test_every_operator_is_a_method() -> None:
    """What can be said can be stored by the same name, and the other way round."""
    methods = {name for name in vars(Home) if not name.startswith("_")} - {"name"}
    assert set(OPERATORS) == set(GIVEN) == methods


@given(ANYTHING, OPERATIONS)
def test_comparing_never_raises(found: object, operator: str) -> None:
    """Whatever an attribute is, the answer is yes or no, and can be told."""
    audience, context = compared(operator), of(found)
    assert audience.matches(context) in {True, False}
    assert audience.told(context, "")


@given(OPERATIONS)
def test_a_missing_attribute_never_matches(operator: str) -> None:
    """Whatever is asked of an attribute that isn't there, the answer is no; so `~` lets it in."""
    assert not compared(operator).matches(Context("user-1"))
    assert (~compared(operator)).matches(Context("user-1"))


@given(ANYTHING, OPERATIONS)
def test_an_attribute_of_another_type_is_told_and_never_matches(
    found: object, operator: str
) -> None:
    """What is said to be lacking doesn't match; and it is said without the value."""
    audience, context = compared(operator), of(found)
    said = lacking(context, audience.asked())
    if said:
        assert not audience.matches(context)
        assert said[0].endswith("attribute 'it'")
    if not audience.matches(context) and "it" not in context.attributes and operator != "exists":
        assert ["missing: attribute 'it'"] == said


@pytest.mark.parametrize(
    ("audience", "fits", "not_"),
    [
        (IT.starts_with("be"), ["be", "beta"], ["abe", "BE", "", 5, ("be",)]),
        (IT.ends_with("ta"), ["ta", "beta"], ["tab", "", 5]),
        (IT.matches("[a-z]+@example[.]org"), ["ada@example.org"], ["ada@example.org ", "@", 5]),
        (IT.less_than(2), [1, 1.9, -5], [2, 2.0, True, "1"]),
        (IT.at_most(2), [1, 2, 2.0], [2.1, False]),
        (IT.at_least(2), [2, 2.0, 10**4000], [1, True]),
        (IT.greater_than(2), [2.1, 3], [2, 2.0, "3"]),
        (IT.before(NOON), [NOON - HOUR, "2026-01-01T11:59:59Z"], [NOON, NOON + HOUR, "x", 5]),
        (IT.after("2026-01-01T12:00:00+00:00"), [NOON + HOUR], [NOON, "2026-01-02", "1" * 50]),
        (IT.before(NOON + HOUR), [NOON.astimezone(timezone(9 * HOUR))], [NO_MOMENT]),
        (IT.version_at_least("2.1"), ["2.1", "2.1.0+build", "2.10.0", "3"], ["2.1.0-rc", "v3", 3]),
        (IT.version_at_most("2.1"), ["2.1.0-rc", "2.1.0", "0"], ["2.1.1", "2.1.0.0"]),
        (IT.version_less_than("2.1"), ["2.1.0-rc.1", "2.0.9"], ["2.1", "2.1.0+x"]),
        (IT.version_greater_than("2.1"), ["2.1.1-a", "10"], ["2.1", "02.2", "2" * 300]),
        (IT.version_equals("2.1"), ["2.1", "2.1.0", "2.1.0+x"], ["2.1.0-x", "2.1.1"]),
        (IT.contains(1), [(1, "a"), (1.0,)], [(True,), ("1",), 1]),
    ],
    ids=lambda it: str(it) if isinstance(it, Audience) else "",
)
def test_what_fits_and_what_does_not(
    audience: Audience, fits: list[object], not_: list[object]
) -> None:
    """Each operator, at its bounds and for other types."""
    assert [True] * len(fits) == [audience.matches(of(value)) for value in fits]
    assert [False] * len(not_) == [audience.matches(of(value)) for value in not_]


def test_versions_are_ordered_as_the_standard_says() -> None:
    """The examples of Semantic Versioning 2.0.0, in its own order."""
    names = "1.0.0-alpha 1.0.0-alpha.1 1.0.0-alpha.beta 1.0.0-beta 1.0.0-beta.2 1.0.0-beta.11"
    ordered = [*names.split(), "1.0.0-rc.1", "1.0.0", "2.0.0", "2.1.0", "2.1.1", "10.0.0"]
    for earlier, later in combinations(ordered, 2):
        assert IT.version_less_than(later).matches(of(earlier))
        assert not IT.version_at_least(later).matches(of(earlier))


@pytest.mark.parametrize("text", ["", "1.", ".1", "1.2.3.4", "01.1", "1-", "1+", "a", "1" * 257])
def test_what_is_no_version(text: str) -> None:
    """Neither too many parts, nor zeros before a number, nor what is too long."""
    assert precedence(text) is None
    assert precedence("1." + "1" * (LONGEST - 2)) is not None


REFUSED: dict[str, tuple[Callable[[], object], str, str]] = {
    "unknown operator": (lambda: Comparison("it", "equal", ("a",)), "operator", "mean equals?"),
    "no operator": (lambda: Comparison("it", 5, ()), "operator", "choose one"),  # type: ignore[arg-type]
    "too many": (lambda: Comparison("it", "equals", (1, 2)), "values", "give 1"),
    "too few": (lambda: Comparison("it", "at_least", ()), "values", "give 1"),
    "none expected": (lambda: Comparison("it", "exists", (1,)), "values", "give none"),
    "nan": (lambda: IT.equals(math.nan), "values", "finite"),
    "infinite": (lambda: IT.is_in([1, math.inf]), "values", "finite"),
    "huge": (lambda: IT.at_least(10**5000), "values", "14000 bits"),
    "text for a number": (lambda: IT.at_least("5"), "values", "give a number"),  # type: ignore[arg-type]
    "truth for a number": (lambda: IT.at_least(True), "values", "give a number"),
    "number for a text": (lambda: IT.starts_with(5), "values", "give a text"),  # type: ignore[arg-type]
    "no zone": (lambda: IT.before(NO_MOMENT), "values", "time with a zone"),
    "no version": (lambda: IT.version_equals("v1"), "values", "give a version"),
    "no pattern": (lambda: IT.matches("(a"), "pattern", "close"),
    "a list": (lambda: IT.equals(["a"]), "values", "or"),  # type: ignore[arg-type]
}


@pytest.mark.parametrize(("make", "field", "mend"), REFUSED.values(), ids=REFUSED)
def test_what_cannot_be_compared_with_is_refused(
    make: Callable[[], object], field: str, mend: str
) -> None:
    """When it is made, by field and mend; even of a number that can't be written out."""
    with pytest.raises(DefinitionError) as caught:
        make()

    assert field == caught.value.field
    assert mend in caught.value.mend
    assert str(caught.value)


@pytest.mark.parametrize("operator", sorted(OPERATORS))
def test_a_comparison_reads_as_it_is_written(operator: str) -> None:
    """What is shown can be pasted."""
    audience = compared(operator)
    names = {"Attribute": Attribute, "datetime": sys.modules["datetime"]}
    assert audience == eval(repr(audience), names)  # noqa: S307 - that is what it is for


@pytest.mark.parametrize(
    ("audience", "found", "told"),
    [
        (IT.equals("beta"), "beta", "it = 'beta'"),
        (IT.equals("beta"), "free", "it = 'free', not equal to 'beta'"),
        (IT.at_least(18), 41, "it = 41, at least 18"),
        (IT.is_in(["a", "b"]), "a", "it = 'a', one of 'a', 'b'"),
        (IT.exists(), "a", "it = 'a'"),
        (IT.exists(), None, "there is no it"),
        pytest.param(IT.at_least(18), 10**5000, "it = <int>, at least 18", id="huge"),
        (IT.equals("b"), "a" * 99, f"it = '{'a' * 79}…, not equal to 'b'"),
    ],
)
def test_a_comparison_tells_what_it_saw(audience: Audience, found: object, told: str) -> None:
    """The value, and what it was held against; short, whatever it is."""
    assert told == audience.told(of(found), "")
    assert len(shown("x" * 10**6, 80)) <= 81
