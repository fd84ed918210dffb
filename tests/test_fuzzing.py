"""Fuzzing: whatever a host passes for a context, nothing escapes, and nothing grows."""

from __future__ import annotations

import enum
import itertools
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from datetime import UTC, datetime, timedelta, timezone, tzinfo
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks._measure import sizes
from safedeploy.audiences import Attribute, Audience, Everyone, Group, Percentage
from safedeploy.contexts import MOST, Context, Scalar
from safedeploy.engine import Engine
from safedeploy.errors import DefinitionError
from safedeploy.flags import FeatureFlag, Reason
from safedeploy.testing import FakeClock
from tests.laws.shops import Shop, quick

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)


class EvilError(Exception):
    """What hostile values raise."""


def evil(*_: object, **__: object) -> Any:
    """Refuse to be looked at."""
    raise EvilError


class EvilText(str):
    """A text that can't be compared, hashed, shown or encoded."""

    __slots__ = ()
    __eq__ = __ne__ = __lt__ = __gt__ = __hash__ = __str__ = __repr__ = __contains__ = evil
    encode = strip = startswith = endswith = evil


class EvilNumber(int):
    """A number that can't be compared, hashed or shown."""

    __slots__ = ()
    __eq__ = __ne__ = __lt__ = __gt__ = __hash__ = __str__ = __repr__ = __bool__ = evil


class EvilFloat(float):
    """A number that can't be compared, hashed or shown."""

    __slots__ = ()
    __eq__ = __ne__ = __lt__ = __gt__ = __hash__ = __str__ = __repr__ = __float__ = evil


class EvilZone(tzinfo):
    """A time zone that doesn't know what time it is."""

    utcoffset = dst = tzname = evil


class EvilList(list[Any]):
    """A list that can't be gone through."""

    __iter__ = __len__ = __contains__ = __eq__ = evil


class Endless(list[Any]):
    """A list that never ends."""

    def __iter__(self) -> Iterator[Any]:
        return itertools.count()


class EvilMapping(dict[Any, Any]):
    """A mapping that can't be gone through."""

    items = keys = values = __iter__ = __getitem__ = get = __len__ = evil


class EndlessMapping(Mapping[str, Any]):
    """A mapping that never ends."""

    def __getitem__(self, key: str) -> Any:
        return key

    def __iter__(self) -> Iterator[str]:
        return map(str, itertools.count())

    def __len__(self) -> int:
        return sys.maxsize


class Evil:
    """An object that can't be looked at at all."""

    __slots__ = ()
    __eq__ = __hash__ = __str__ = __repr__ = __len__ = __iter__ = __bool__ = __getattr__ = evil

    @property  # type: ignore[misc]
    def __class__(self) -> Any:
        raise EvilError


class Zoned(datetime):
    """A time of another library's."""


class Plan(enum.StrEnum):
    """A text by another name."""

    BETA = "beta"


def nested(depth: int) -> Any:
    """Return a list in a list in a list."""
    value: Any = "beta"
    for _ in range(depth):
        value = [value]
    return value


HOSTILE: dict[str, Callable[[], Any]] = {
    "evil text": lambda: EvilText("beta"),
    "evil number": lambda: EvilNumber(1),
    "evil float": lambda: EvilFloat(1.5),
    "evil list": lambda: EvilList(["beta"]),
    "evil mapping": lambda: EvilMapping({"plan": "beta"}),
    "evil object": Evil,
    "evil class": lambda: EvilText,
    "evil zone": lambda: datetime(2026, 1, 1, tzinfo=EvilZone()),
    "evil text in a list": lambda: [EvilText("beta")],
    "evil number in a tuple": lambda: ("beta", EvilNumber(1)),
    "evil number in a set": lambda: {NOON, "beta"},
    "endless list": Endless,
    "endless mapping": EndlessMapping,
    "endless iterator": itertools.count,
    "endless texts": lambda: iter(str, 0),
    "deep nesting": lambda: nested(100),
    "deeper nesting": lambda: nested(100_000),
    "huge number": lambda: 10**5000,
    "huge negative number": lambda: -(10**5000),
    "huge number in a list": lambda: [10**5000],
    "NaN": lambda: float("nan"),
    "infinity": lambda: float("inf"),
    "decimal NaN": lambda: Decimal("sNaN"),
    "first moment": lambda: datetime.min,  # noqa: DTZ901 - hostile
    "last moment": lambda: datetime.max.replace(tzinfo=UTC),
    "duration": lambda: timedelta.max,
    "surrogate": lambda: "\ud800",
    "NUL": lambda: "\0",
    "long text": lambda: "a" * 1_000_000,
    "bytes": lambda: b"beta",
    "enum": lambda: Plan.BETA,
    "long range": lambda: range(10**12),
    "object": object,
}


def make(name: str) -> Any:
    """Make what is hostile; it can't be drawn itself, for it can't be hashed."""
    return HOSTILE[name]()


MADE: st.SearchStrategy[Any] = st.builds(make, st.sampled_from(sorted(HOSTILE)))
PLAIN = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    st.text(st.characters(exclude_categories=()), max_size=20),
    st.binary(max_size=5),
    st.datetimes(),
    st.datetimes(timezones=st.just(UTC)),
    st.sampled_from(["beta", "staff", 1, True, 1.5, NOON]),
)
VALUES: st.SearchStrategy[Any] = st.one_of(
    PLAIN,
    MADE,
    st.lists(PLAIN | MADE, max_size=4),
    st.dictionaries(st.text(max_size=3), PLAIN, max_size=3),
)
NAMES = st.sampled_from(["plan", "age", "", "\ud800"])
VALUES_COMPARED: list[Scalar] = ["beta", 1, True, 1.5, NOON, datetime(2026, 1, 1), 10**400]  # noqa: DTZ001
COMPARED = st.sampled_from(VALUES_COMPARED)
LEAVES: st.SearchStrategy[Audience] = st.one_of(
    st.just(Everyone()),
    st.just(Group("staff")),
    st.builds(Percentage, st.floats(0, 100)),
    st.builds(lambda value: Attribute("plan").equals(value), COMPARED),
    st.builds(lambda value: Attribute("plan").contains(value), COMPARED),
    st.builds(lambda values: Attribute("age").is_in(values), st.lists(COMPARED, max_size=3)),
    st.just(Attribute("plan").exists()),
)
AUDIENCES = st.recursive(
    LEAVES,
    lambda inner: (
        st.builds(lambda one, other: one & other, inner, inner)
        | st.builds(lambda one, other: one | other, inner, inner)
        | st.builds(lambda one: ~one, inner)
    ),
    max_leaves=6,
)


@given(
    key=VALUES,
    attributes=st.one_of(VALUES, st.dictionaries(NAMES, VALUES)),
    groups=VALUES,
    audience=AUDIENCES,
)
@pytest.mark.law("E5")
def test_nothing_that_a_host_passes_escapes(
    key: Any, attributes: Any, groups: Any, audience: Audience
) -> None:
    """Making a context, asking a flag with it, and showing it never raises."""
    context = Context(key, attributes, groups=groups)
    flag = FeatureFlag("f", {"old": "old", "new": "new"}, "old").serve("new", when=audience)
    found = flag.resolve(context)
    assert found.value in {"old", "new"}
    assert found.reason in {Reason.TARGETING_MATCH, Reason.SPLIT, Reason.DEFAULT}
    assert "beta" not in repr(context)
    assert isinstance(hash(context), int)
    assert context == context  # noqa: PLR0124 - what is shown is that it can be asked


EVERY_COMPARISON = [
    *(Attribute("it").equals(value) for value in VALUES_COMPARED),
    *(Attribute("it").contains(value) for value in VALUES_COMPARED),
    Attribute("it").is_in(VALUES_COMPARED),
    Attribute("it").exists(),
    Group("staff"),
]


@pytest.mark.law("E5")
@pytest.mark.parametrize("name", HOSTILE)
def test_whatever_is_kept_can_be_compared(name: str) -> None:
    """No comparison raises, with any value that a context has, alone or among others."""
    for value in (make(name), [make(name)], ("beta", make(name))):
        context = Context("a", {"it": value}, groups=value)
        for audience in EVERY_COMPARISON:
            assert audience.matches(context) is not (~audience).matches(context)


@pytest.mark.law("S1")
@given(VALUES, VALUES, VALUES)
def test_no_context_keeps_more_than_it_was_given(key: Any, attributes: Any, groups: Any) -> None:
    """A context is bounded: what never ends is left out, and named."""
    context = Context(key, {"it": attributes}, groups=groups)
    assert sum(sizes(context, set())) < 3_000_000


@pytest.mark.parametrize("name", HOSTILE)
@pytest.mark.law("E5")
def test_an_engine_survives_whatever_it_is_asked_with(name: str) -> None:
    """Whatever stands for a context or in one, a value comes back, and a guard works."""
    hostile = make(name)
    engine = Engine(clock=FakeClock())
    engine.release(Shop.flag.serve("new", when=Attribute("plan").equals("beta")), quick())
    engine.tick()
    for context in (hostile, Context(hostile), Context("a", {"plan": hostile}, groups=[hostile])):
        assert engine.value(Shop.flag, context) in {"old", "new"}
        assert engine.evaluate(Shop.flag, context).reason in Reason
        with engine.guard(Shop.flag, context) as exposure:
            exposure.event("order")
        engine.event(Shop.flag, context, "crash")
    engine.tick()


@pytest.mark.parametrize(
    "name", ["huge number", "huge number in a list", "huge negative number", "deeper nesting"]
)
def test_a_definition_is_made_or_refused(name: str) -> None:
    """What no digest can be made of is no value of a flag: one kind of error, with the mend."""
    with pytest.raises(DefinitionError, match="less nesting"):
        FeatureFlag("f", {"one": make(name)}, "one")


ODD = PLAIN | st.sampled_from(
    sorted(name for name in HOSTILE if not name.startswith(("evil", "endless", "long range")))
).map(make)


@given(ODD, ODD)
def test_whatever_a_flag_is_made_of_one_error_comes_of_it(name: Any, value: Any) -> None:
    """Odd keys and values make a flag that works, or a DefinitionError, and nothing else."""
    for make_it in (
        lambda: FeatureFlag("f", {"one": value}, "one").resolve(Context("a")),
        lambda: FeatureFlag(name, {"one": 1}, "one").resolve(Context("a")),
        lambda: FeatureFlag("f", name, "one"),
        lambda: FeatureFlag("f", {"one": 1}, name),
        lambda: FeatureFlag.boolean("f", when=value),
        lambda: Attribute("plan").equals(value),
        lambda: Attribute("plan").is_in(value),
        lambda: Attribute(name),
        lambda: Percentage(value),
        lambda: Group(name),
    ):
        with suppress(DefinitionError):
            make_it()


def test_what_never_ends_is_left_out_and_named() -> None:
    """A mapping, groups or items without end are cut short, and the context says so."""
    many: Any = EndlessMapping()
    context = Context("a", many, groups=map(str, itertools.count()))
    assert MOST == len(context.attributes)
    assert MOST == len(context.groups)
    assert ("attributes", "groups") == context.absent
    context = Context("a", {"tags": Endless(), "plan": "beta"})
    assert {"plan": "beta"} == dict(context.attributes)
    assert ("attribute 'tags'",) == context.absent


@pytest.mark.parametrize("count", [MOST, MOST + 1])
def test_there_is_room_for_many(count: int) -> None:
    """As many groups, and items of an attribute, as anybody has are kept; past that, it is said."""
    texts = [str(number) for number in range(count)]
    context = Context("a", {"tags": texts}, groups=texts)
    assert MOST == len(context.groups)
    assert (count == MOST) == ("tags" in context.attributes) == (not context.absent)


def test_a_value_of_another_kind_is_taken_for_its_plain_value() -> None:
    """An enum's text, or a time in a zone of the host's, compares as what it is."""
    moscow = timezone(timedelta(hours=3))
    when = datetime(2026, 1, 1, 15, tzinfo=moscow)
    context = Context("a", {"plan": Plan.BETA, "when": Zoned.fromtimestamp(when.timestamp(), UTC)})
    assert Attribute("plan").equals("beta").matches(context)
    assert Attribute("when").equals(NOON).matches(context)
    assert {str, datetime} == {type(value) for value in context.attributes.values()}
    there = Context("a", {"when": datetime(2026, 7, 1, 14, tzinfo=ZoneInfo("Europe/Berlin"))})
    assert Attribute("when").equals(datetime(2026, 7, 1, 12, tzinfo=UTC)).matches(there)
