"""Definitions made of anything: what can't be is refused by one kind of error."""

from __future__ import annotations

import enum
import itertools
import math
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from safedeploy.audiences import (
    Allocation,
    AllOf,
    AnyOf,
    Attribute,
    Comparison,
    Everyone,
    Group,
    Layer,
    Not,
    Percentage,
    Schedule,
    Segment,
    Split,
)
from safedeploy.audiences.comparisons import OPERATORS
from safedeploy.contexts import Context
from safedeploy.errors import DefinitionError
from safedeploy.flags import FeatureFlag, Prerequisite, Rule

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
FIRST, LAST = (datetime(year, 1, 1) for year in (1, 9999))  # noqa: DTZ001 - no zone, no moment


class Colour(enum.Enum):
    RED = 1


FLAG = FeatureFlag.boolean("other")
THINGS: list[Any] = [
    *(None, True, 0, -1, 1, 10**400, -(10**400), 0.5, math.nan, math.inf, 1e308, 5j),
    *("", " ", "a", "on", "\ud800", "a" * 300, "1.2.3", "(a*)*b", "((((", "2026-01-01", b"a"),
    *((), ("a",), [], ["a", "a"], [("a", 1)], {}, {"a": 1}, {"a": 0.0}, {"a": 10**400}, {1: 2}),
    *({"on": True, "off": False}, frozenset({"a"}), range(3), len, object, object(), Colour.RED),
    *(NOON, NOON.replace(tzinfo=None), FIRST, LAST, NOON.date(), timedelta.max),
    *(Everyone(), Group("a"), Percentage(5), Attribute("a"), Rule("on", Everyone()), FLAG),
    *(Prerequisite("other", "on"), (Prerequisite("x", "on"),), Split({"on": 1}), Split({"a": 1})),
    *((Rule("on", Everyone()),), (Rule(Split({"off": 1}), Group("a")),), (KeyError,)),
]
ANYTHING = st.sampled_from(THINGS) | st.recursive(
    st.sampled_from(THINGS), lambda it: st.lists(it, max_size=2) | st.tuples(it), max_leaves=3
)
FIELDS: list[tuple[Any, tuple[str, ...]]] = [
    (Percentage, ("percent", "of")),
    (Split, ("weights", "of")),
    (Group, ("name",)),
    (Segment, ("name", "audience")),
    (Allocation, ("layer", "start", "end")),
    (Layer, ("name", "shares", "holdback")),
    (Schedule, ("since", "until", "zone")),
    (Attribute, ("name",)),
    (Comparison, ("name", "operator", "values")),
    (AllOf, ("audiences",)),
    (AnyOf, ("audiences",)),
    (Not, ("audience",)),
    (Rule, ("variant", "when")),
    (Prerequisite, ("key", "variants")),
]
USUAL: dict[str, Any] = {
    "key": "a",
    "variants": {"on": True, "off": False},
    "default": "off",
    "name": "a",
    "when": Everyone(),
    "audience": Everyone(),
}
SETTINGS = ("rules", "off", "enabled", "ignores", "prerequisites", "within")
SAID = ("description", "owner", "expires")


@given(st.data(), st.sampled_from(FIELDS))
def test_whatever_a_definition_is_made_of(
    data: st.DataObject, kind: tuple[Any, tuple[str, ...]]
) -> None:
    """It can be used, or is refused by one error that can be shown."""
    make, names = kind
    given_ = {name: data.draw(ANYTHING, label=name) for name in names}
    try:
        made = make(**given_)
    except DefinitionError as error:
        shown = str(error)
    else:
        shown = repr(made)
    assert len(shown) < 50_000


@given(st.sampled_from(sorted(OPERATORS)), st.lists(ANYTHING, max_size=2), ANYTHING)
def test_whatever_is_compared(operator: str, values: list[Any], found: Any) -> None:
    """A comparison that can be made can be asked of any context."""
    with suppress(DefinitionError):
        audience = Comparison("a", operator, tuple(values))
        assert audience.matches(Context("user-1", {"a": found})) in {True, False}


@given(st.data())
def test_whatever_a_flag_is_made_of(data: st.DataObject) -> None:
    """A flag that can be made has a version, can be asked, and can be explained."""
    names = data.draw(st.lists(st.sampled_from((*USUAL, *SETTINGS, *SAID)), max_size=3))
    given_ = {name: USUAL[name] for name in ("key", "variants", "default")}
    for name in {*names} - {"name", "when", "audience"}:
        given_[name] = data.draw(ANYTHING, label=name)
    with suppress(DefinitionError):
        flag = FeatureFlag(**given_)
        context = Context("user-1", {"a": "b"})
        assert flag.resolve(context, at=NOON).variant in flag.variants
        assert flag.explain(context, at=NOON)
        assert flag.version


@given(ANYTHING, ANYTHING)
def test_whatever_a_flag_is_asked_to_serve_or_require(thing: Any, other: Any) -> None:
    """An edit gives another definition, or is refused."""
    with suppress(DefinitionError):
        assert FLAG.serve(thing, when=other if isinstance(other, Group) else None).version
    with suppress(DefinitionError):
        assert FeatureFlag.boolean("f").require(FLAG, thing, other).version


def test_an_attribute_is_compared_with_so_many_values_at_most() -> None:
    """However many are given, no more are looked at than may be."""
    for values in (range(10**12), itertools.count(), range(10_001)):
        with pytest.raises(DefinitionError, match="give 10,000 at most, or ask for a group"):
            Attribute("age").is_in(values)
    assert Attribute("age").is_in(range(10_000)).matches(Context("a", {"age": 9_999}))
