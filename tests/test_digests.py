"""Digests: equal values have equal ones, different values have different ones, forever."""

import enum
import random
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta, timezone
from types import MappingProxyType
from typing import Any

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from safedeploy.changes import Change
from safedeploy.digests import digest
from safedeploy.errors import DefinitionError
from safedeploy.gates import Check
from safedeploy.health import HealthModel
from safedeploy.plans import Plan, Ring
from safedeploy.signals import ErrorRate, Usage

NEW_YEAR = datetime(2026, 1, 1, tzinfo=UTC)


class Colour(enum.Enum):
    RED = 1
    BLUE = 2


class Shade(enum.IntEnum):
    RED = 1


@attrs.frozen
class Point:
    x: object
    y: object = 0
    note: object = attrs.field(default="", eq=False)


@attrs.frozen
class Place:
    x: object
    y: object = 0


def small_plan(**changed: Any) -> Plan:
    """Make a plan with one of everything that a plan can hold."""
    given: dict[str, Any] = {
        "rings": (
            Ring("canary", percent=1, bake=timedelta(hours=1), gates=(Check("signed"),)),
            Ring("everyone", percent=100, bake=timedelta(hours=24)),
        ),
        "health": HealthModel(ErrorRate(tolerate=1.25), Usage(at_least=100)),
        "before": (Check("reviewed"),),
    }
    return Plan(**given | changed)


# Few and alike, so that drawn values meet often.
ALIKE: tuple[Any, ...] = (
    *(None, True, False, 0, 1, -1, 0.0, 1.0, 1.5, "", "1", "a", "null", '"a"', "é", "\ud800"),
    *(Colour.RED, Colour.BLUE, Shade.RED, timedelta(0), timedelta(microseconds=1)),
    *(NEW_YEAR, NEW_YEAR.replace(tzinfo=None), NEW_YEAR.isoformat()),
)
SCALARS: st.SearchStrategy[Any] = st.sampled_from(ALIKE)


def _nested(inner: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return (
        st.lists(inner, max_size=3).map(tuple)
        | st.frozensets(SCALARS, max_size=3)
        | st.dictionaries(SCALARS, inner, max_size=3)
        | st.builds(Point, inner, inner)
        | st.builds(Place, inner, inner)
    )


VALUES = st.recursive(SCALARS, _nested, max_leaves=6)


def meaning(value: Any) -> object:
    """Say what a value is, types and all, in a form that Python itself compares."""
    if isinstance(value, tuple | list):
        return "sequence", tuple(map(meaning, value))
    if isinstance(value, frozenset | set):
        return "set", frozenset(map(meaning, value))
    if isinstance(value, Mapping):
        return "map", frozenset((meaning(key), meaning(item)) for key, item in value.items())
    if isinstance(value, Point | Place):
        return type(value), meaning(value.x), meaning(value.y)
    return type(value), value


def rebuilt(value: Any, rng: random.Random) -> Any:
    """Build a value anew, in another order where order doesn't count."""
    if isinstance(value, tuple):
        return [rebuilt(item, rng) for item in value]
    if isinstance(value, frozenset):
        return set(rng.sample(list(value), len(value)))
    if isinstance(value, dict):
        items = rng.sample(list(value.items()), len(value))
        return MappingProxyType({key: rebuilt(item, rng) for key, item in items})
    if isinstance(value, Point | Place):
        return type(value)(rebuilt(value.x, rng), rebuilt(value.y, rng))
    return value


@given(VALUES)
def test_a_digest_is_64_hex_digits(value: object) -> None:
    """A digest is always 64 hex digits, and the same when asked again."""
    assert 64 == len(digest(value))
    assert int(digest(value), 16) >= 0
    assert digest(value) == digest(value)


@given(VALUES, st.randoms(use_true_random=False))
def test_equal_values_have_equal_digests(value: object, rng: random.Random) -> None:
    """Neither the order of a set or mapping nor the kind of sequence shows in a digest."""
    assert digest(value) == digest(rebuilt(value, rng))


@given(VALUES, VALUES)
def test_different_values_have_different_digests(one: object, other: object) -> None:
    """Two values have one digest only if they are the same, types included."""
    assert (meaning(one) == meaning(other)) == (digest(one) == digest(other))


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (True, 1),
        (1, "1"),
        (1, 1.0),
        (None, "null"),
        (Colour.RED, Shade.RED),
        (Colour.RED, "RED"),
        (Shade.RED, 1),
        (timedelta(seconds=1), timedelta(seconds=1, microseconds=1)),
        (timedelta.max, timedelta.max - timedelta(microseconds=1)),
        (timedelta(seconds=1), 1_000_000),
        (NEW_YEAR, "2026-01-01T00:00:00+00:00"),
        ((1, 2), (2, 1)),
        ((1, (2,)), ((1,), 2)),
        ({1, 2}, (1, 2)),
        ({}, ()),
        ({"a": 1}, (("a", 1),)),
        ({1: "a"}, {"1": "a"}),
        (Point(1), Place(1)),
        (Point(1, 2), Point(2, 1)),
        (Point(1), {"x": 1, "y": 0}),
    ],
    ids=repr,
)
def test_values_that_look_alike_differ(one: object, other: object) -> None:
    """What is written alike but means something else has another digest."""
    assert digest(one) != digest(other)


def test_no_two_scalars_share_a_digest() -> None:
    """Each scalar has a digest of its own, alone or in a list, a set or a field."""
    forms = [
        form for value in ALIKE for form in (value, [value], {value}, {1: value}, Point(value))
    ]

    assert len(forms) == len(set(map(digest, forms)))


def test_a_time_without_a_zone_is_not_taken_for_local() -> None:
    """A naive time's digest doesn't depend on where the machine stands: it is in no zone."""
    zones = [timezone(timedelta(minutes=15 * quarter)) for quarter in range(-48, 57)]
    aware = {digest(NEW_YEAR.replace(tzinfo=zone)) for zone in zones}

    assert digest(NEW_YEAR.replace(tzinfo=None)) not in aware


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (("timedelta", 5), timedelta(microseconds=5)),
        (("datetime", "2026-01-01T00:00:00+00:00"), NEW_YEAR),
        (("set", ()), frozenset()),
        (("map", ()), {}),
        (("Colour", "RED"), Colour.RED),
        (("Place", {"x": 1, "y": 0}), Place(1)),
    ],
    ids=repr,
)
def test_a_sequence_never_passes_for_something_else(one: object, other: object) -> None:
    """No list of JSON values, as a flag may serve, has the digest of a value of another kind."""
    assert digest(one) != digest(other)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (small_plan(must_see=2), small_plan(must_see=2.0)),
        (Ring("all", percent=100), Ring("all", percent=100.0)),
        (ErrorRate(tolerate=1), ErrorRate(tolerate=1.0)),
        (
            datetime(2026, 1, 1, 12, tzinfo=UTC),
            datetime(2026, 1, 1, 13, tzinfo=timezone(timedelta(hours=1))),
        ),
    ],
    ids=["plan", "ring", "signal", "time"],
)
def test_what_compares_equal_has_one_digest(one: object, other: object) -> None:
    """A number that is written 2 or 2.0, a time in whatever zone: equal values, equal digests."""
    assert one == other
    assert digest(one) == digest(other)


def test_what_equality_ignores_doesnt_count() -> None:
    """A field that is left out of equality is left out of the digest."""
    assert digest(Point(1, note="one")) == digest(Point(1, note=object()))


@pytest.mark.parametrize(
    "value", [object(), b"bytes", 1j, len, Point, Exception("x")], ids=lambda value: repr(value)[:9]
)
@pytest.mark.parametrize(
    "place",
    [lambda v: v, lambda v: (1, v), lambda v: {1: v}, Point],
    ids=["bare", "tuple", "map", "field"],
)
def test_what_has_no_canonical_form_is_refused(value: object, place: Any) -> None:
    """Wherever it hides, a value that can't be digested is refused by the name of its type."""
    with pytest.raises(DefinitionError) as caught:
        digest(place(value))

    assert ("value", type(value).__qualname__) == (caught.value.field, caught.value.value)
    assert "use JSON values, enums, times, durations or attrs values" == caught.value.mend


# Frozen: rollouts are pinned to the digests of their plans, and those are stored. Whoever has to
# change one of these breaks every rollout that is in flight.
GOLDEN = {
    "plan": (
        small_plan(),
        "96e2caf23484b96bf496a83ca102e02b54dd140355833146938fc90927b56789",
    ),
    "scalars": (
        (None, True, 1, 1.5, "é", "\ud800"),
        "63c1e4663a7c4f6baa44337e4ec5f1c7262354c3866f6a6b666c674d864bf823",
    ),
    "times": (
        (NEW_YEAR, timedelta(microseconds=-1)),
        "4f09908fead0917a6d2d4607005b6e6d88a5020d9e3b434a92de6c47b16a7646",
    ),
    "enum": (
        Colour.RED,
        "0c796e70bc023e060787d0b497a455157737bb3eca8c616289cc05be33a67c33",
    ),
    "set": (
        {"a", "b", 1},
        "f058fbf9c36156edf4c715630aaee725518f8b963d798da2058cb79297891cc1",
    ),
    "map": (
        {1: {}, "a": (1, 2)},
        "4e87bc7b6210770856947119b7580999d4539ccb55dffa7de442017c871c9f85",
    ),
}


@pytest.mark.parametrize(("value", "golden"), GOLDEN.values(), ids=GOLDEN)
def test_digests_are_frozen(value: object, golden: str) -> None:
    """The same value has the same digest in every process and version, forever."""
    assert golden == digest(value)


def test_a_field_that_a_later_version_adds_changes_no_digest() -> None:
    """What was made before a kind gained a field with a default keeps its digest."""
    before = attrs.make_class("Kind", {"name": attrs.field()}, frozen=True)
    fields = {
        "name": attrs.field(),
        "more": attrs.field(default=1),
        "made": attrs.field(factory=tuple),
        "derived": attrs.field(default=attrs.Factory(lambda it: it.more, takes_self=True)),
    }
    after = attrs.make_class("Kind", fields, frozen=True)
    assert digest(before("a")) == digest(after("a"))
    edits = ({"more": 2, "derived": 1}, {"more": True}, {"made": ("x",)}, {"derived": 2})
    assert 5 == len({digest(after("a", **edit)) for edit in ({}, *edits)})


def test_any_edit_changes_a_plans_digest() -> None:
    """A plan that differs in anything has another digest."""
    edits = (
        small_plan(),
        small_plan(must_see=3.0),
        small_plan(before=()),
        small_plan(holdback=6),
        small_plan(health=HealthModel(ErrorRate(tolerate=1.5), Usage(at_least=100))),
        small_plan(assess_every=timedelta(seconds=11)),
    )

    assert len(edits) == len({digest(plan) for plan in edits})


def test_a_change_has_a_digest() -> None:
    """A change is a value like any other."""
    change = Change.code("shop", version="2")

    assert digest(change) == digest(attrs.evolve(change))
    assert digest(change) != digest(attrs.evolve(change, version="3"))
