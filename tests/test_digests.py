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

from safedeploy.audiences import Group
from safedeploy.changes import Change
from safedeploy.components import Component
from safedeploy.digests import digest
from safedeploy.errors import DefinitionError
from safedeploy.gates import Check
from safedeploy.health import HealthModel
from safedeploy.plans import Plan, Ring
from safedeploy.signals import (
    BURNS,
    Burn,
    ErrorRate,
    Objective,
    Threshold,
    Throughput,
    Usage,
    UserReports,
)
from safedeploy.verdicts import Verdict

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


LOOK = Verdict.INVESTIGATE


def watched(**changed: Any) -> HealthModel:
    """Make a health model with one of every kind of signal, component and stratum."""
    orders = Throughput(of="order", severity=LOOK, weight=2, shadow=True)
    given: dict[str, Any] = {
        "components": (
            Component("orders", (orders,), needs=("database",)),
            Component("database", (Objective(0.999, burns=(Burn(6, timedelta(hours=6)),)),)),
            Component("machines", (Threshold("load", at_most=0.8, times=5),)),
            Component("people", (UserReports(at_most=3, severity=Verdict.HALT),)),
        ),
        "strata": {"staff": Group("staff")},
        "unfinished_after": timedelta(seconds=30),
    }
    declined = ErrorRate(of="declined", unfinished="holds", at_least=50)
    return HealthModel(declined, Usage(at_least=100, per_hour=60), **given | changed)


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
    "health": (
        watched(),
        "354d2379e0d07c75dfd6f00605484060a914fecd6bbbc1d8e28b3e5064f9ed39",
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


def test_any_edit_changes_a_models_digest() -> None:
    """Each field that signals, components and models gained counts where it is given."""
    order, slow = Throughput(of="order"), Objective(0.999)
    load, reports, usage = Threshold("load", at_most=1), UserReports(), Usage(at_least=1)
    signals: list[tuple[Any, dict[str, Any]]] = [
        (ErrorRate(), {"of": "order", "unfinished": "holds", "at_least": 1}),
        (order, {"of": "x", "tolerate": 2, "rare": 0.1, "at_least": 1, "severity": LOOK}),
        (slow, {"target": 0.99, "of": "x", "burns": BURNS[:1], "at_least": 1, "severity": LOOK}),
        (load, {"metric": "heat", "at_most": 2, "at_least": 0, "times": 1, "severity": LOOK}),
        (reports, {"at_most": 1, "of": "x", "severity": Verdict.HALT}),
        (usage, {"at_least": 2, "per_hour": 9, "severity": LOOK}),
        (Burn(1, timedelta(hours=1)), {"rate": 2, "over": timedelta(hours=2), "verdict": LOOK}),
        (Component("a", (usage,)), {"name": "b", "signals": (load,), "needs": ("c",)}),
    ]
    for one, edits in signals:
        edited = [attrs.evolve(one, **{field: value}) for field, value in edits.items()]
        assert len(edited) + 1 == len({digest(each) for each in (one, *edited)})
    models = [watched(**each) for each in ({}, *LESS)]
    assert len(models) == len({digest(each) for each in models})


LESS: tuple[dict[str, Any], ...] = (
    {"components": ()},
    {"strata": {}},
    {"unfinished_after": timedelta(minutes=1)},
)


def test_what_is_given_as_it_is_anyway_changes_no_digest() -> None:
    """Older definitions, and those that spell the usual out, have the digests that they had."""
    spelled = ErrorRate(
        tolerate=1.25,
        severity=Verdict.HALT,
        no_data=Verdict.NO_DATA,
        source_error=Verdict.SOURCE_ERROR,
        weight=1,
        shadow=False,
        at_least=0,
        of="",
        unfinished="fails",
        name="error rate",
    )
    usage = Usage(at_least=100, per_hour=None, name="usage", severity=Verdict.HALT)
    minute = timedelta(minutes=1)
    model = HealthModel(spelled, usage, components=(), strata={}, unfinished_after=minute)

    assert GOLDEN["plan"][1] == digest(small_plan(health=model))


def test_a_change_has_a_digest() -> None:
    """A change is a value like any other."""
    change = Change.code("shop", version="2")

    assert digest(change) == digest(attrs.evolve(change))
    assert digest(change) != digest(attrs.evolve(change, version="3"))
