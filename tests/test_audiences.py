"""Audiences: who is let in, always the same ones, and drawn fairly."""

import json
import math
import random
import uuid
from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, datetime, timedelta, timezone
from itertools import combinations, islice
from pathlib import Path
from typing import Any

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from safedeploy.audiences import (
    AllOf,
    AnyOf,
    Attribute,
    Audience,
    Everyone,
    Exposure,
    Group,
    Not,
    Percentage,
    bucket,
    threshold,
)
from safedeploy.contexts import Context, Scalar
from safedeploy.errors import DefinitionError

# Frozen: made once by another implementation (coreutils' b2sum), and never made anew. Whoever has
# to change one moves users between arms, in every rollout that is in flight.
BUCKETS = json.loads((Path(__file__).parent / "data" / "buckets.json").read_text(encoding="utf-8"))

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
NAN = float("nan")

A, B, C = Attribute("plan").equals("beta"), Group("staff"), Percentage(30)

KEYS = st.text(st.characters(), min_size=1)
PERCENTS = st.floats(0, 100)
CONTEXTS = st.builds(
    Context,
    st.none() | KEYS,
    st.dictionaries(st.sampled_from(["plan", "age"]), st.sampled_from(["beta", "pro", 1, True])),
    groups=st.sets(st.sampled_from(["staff", "press"])),
)
AUDIENCES: st.SearchStrategy[Audience] = st.recursive(
    st.sampled_from((Everyone(), A, B, Attribute("age").is_in([1, 2]), Attribute("age").exists()))
    | PERCENTS.map(Percentage),
    lambda inner: (
        st.builds(lambda one, other: one & other, inner, inner)
        | st.builds(lambda one, other: one | other, inner, inner)
        | st.builds(lambda one: ~one, inner)
    ),
    max_leaves=6,
)


def emails() -> Iterator[str]:
    """Make addresses as people have them."""
    names = ("ada", "bob", "eve", "ivy", "joe", "max", "tim", "zoe")
    hosts = ("example.org", "mail.example.com", "example.net")
    number = 0
    while True:
        yield from (f"{name}{number}@{host}" for name in names for host in hosts)
        number += 1


def numbers(form: str) -> Iterator[str]:
    """Make sequential ids."""
    number = 0
    while True:
        yield form.format(number)
        number += 1


def uuids() -> Iterator[str]:
    """Make random ones."""
    rng = random.Random(4)
    while True:
        yield str(uuid.UUID(int=rng.getrandbits(128), version=4))


SHAPES: dict[str, Callable[[], Iterator[str]]] = {
    "numbers": lambda: numbers("{}"),
    "padded": lambda: numbers("user-{:09}"),
    "emails": emails,
    "uuids": uuids,
}

every_shape = pytest.mark.parametrize("shape", SHAPES.values(), ids=SHAPES)


def strays(cells: Iterable[int], expected: float) -> float:
    """Return how many standard deviations a chi-squared statistic is off what chance gives."""
    counts = list(cells)
    statistic = sum((count - expected) ** 2 / expected for count in counts)
    return (statistic - len(counts)) / math.sqrt(2 * len(counts))


def spread(keys: Iterable[str], salt: str, parts: int) -> list[int]:
    """Count how many keys fall into each of equal parts."""
    cells = [0] * parts
    for key in keys:
        cells[int(bucket(key, salt) * parts)] += 1
    return cells


def crossed(keys: Iterable[str], one: str, other: str, parts: int) -> list[int]:
    """Count how many keys fall into each pair of parts, drawn with two salts."""
    cells = [0] * parts**2
    for key in keys:
        row, column = int(bucket(key, one) * parts), int(bucket(key, other) * parts)
        cells[row * parts + column] += 1
    return cells


@pytest.mark.law("E1")
@pytest.mark.parametrize(("key", "salt", "golden"), BUCKETS, ids=range(len(BUCKETS)))
def test_buckets_are_frozen(key: str, salt: str, golden: float) -> None:
    """The same key and salt give the same bucket in every process and version, forever."""
    assert golden == bucket(key, salt)
    assert 0 <= golden < 1


@pytest.mark.law("E1")
@given(KEYS, KEYS, PERCENTS)
def test_a_percentage_takes_whom_the_bucket_says(key: str, salt: str, percent: float) -> None:
    """A context is in a percentage if its bucket is below, to the last bit of a float."""
    is_in = Percentage(percent).matches(Context(key), salt=salt)

    assert is_in or bucket(key, salt) + 2**-53 > percent / 100
    assert not is_in or bucket(key, salt) <= percent / 100


@pytest.mark.law("E3")
@every_shape
def test_buckets_are_uniform(shape: Callable[[], Iterator[str]]) -> None:
    """Of keys of any shape every thousandth of the buckets gets its share, by chi-squared."""
    cells = spread(islice(shape(), 60_000), "new-checkout", 1000)

    assert abs(strays(cells, 60)) < 4


SALTS = ["", "a", "b", "new-checkout", "new-checkout2", "flag:new-checkout"]


@pytest.mark.law("E3")
@pytest.mark.parametrize(("one", "other"), list(combinations(SALTS[2:], 2)))
def test_salts_are_pairwise_independent(one: str, other: str) -> None:
    """Where a key falls for one salt says nothing about another, even for salts that are alike."""
    cells = crossed(islice(emails(), 20_000), one, other, 20)

    assert abs(strays(cells, 50)) < 4


@pytest.mark.law("E2")
@given(KEYS, KEYS, PERCENTS, PERCENTS)
def test_percentages_nest(key: str, salt: str, one: float, other: float) -> None:
    """Raising a percentage never takes anybody out."""
    context, (less, more) = Context(key), sorted((one, other))

    for make in (Percentage, lambda percent: Exposure(salt, percent)):
        assert reached(make(less), context, salt) <= reached(make(more), context, salt)


def reached(share: Percentage | Exposure, context: Context, salt: str) -> bool:
    """Ask either kind of share."""
    if isinstance(share, Exposure):
        return share.reaches(context)
    return share.matches(context, salt=salt)


@pytest.mark.law("E2")
@given(PERCENTS.filter(lambda percent: percent < 100))
def test_the_threshold_rises_with_the_percentage(percent: float) -> None:
    """Not even the next float takes anybody out, and only 100 % reaches the end."""
    assert 0 <= threshold(percent) <= threshold(math.nextafter(percent, math.inf)) <= 2**64
    assert 0 == threshold(0)
    assert 2**64 == threshold(100)


@pytest.mark.law("E2")
@given(KEYS, KEYS, PERCENTS)
def test_an_exposure_draws_like_a_percentage(key: str, salt: str, percent: float) -> None:
    """An exposure reaches exactly the percentage that is drawn with its salt."""
    context = Context(key)
    expected = Percentage(percent).matches(context, salt=salt)

    assert expected == Exposure(salt, percent).reaches(context)


@pytest.mark.parametrize("percent", [0.5, 5, 50, 99])
def test_a_percentage_takes_its_share(percent: float) -> None:
    """Of many contexts about the percentage is in."""
    audience, keys = Percentage(percent), islice(emails(), 20_000)
    share = sum(audience.matches(Context(key), salt="it") for key in keys) / 20_000

    assert abs(share - percent / 100) < 4 * math.sqrt(percent / 100 * (1 - percent / 100) / 20_000)


@pytest.mark.parametrize(
    ("percent", "anonymous", "named"), [(0, False, False), (99.999, False, True), (100, True, True)]
)
def test_anonymous_contexts_are_in_only_at_100(
    percent: float, anonymous: bool, named: bool
) -> None:
    """Who can't be told apart from others is in no share of them."""
    audience = Percentage(percent)

    assert anonymous == audience.matches(Context())
    assert anonymous == Exposure("", percent).reaches(Context())
    assert named == audience.matches(Context("user-17"))


@pytest.mark.parametrize(
    "percent", [NAN, -1, 101, 100.001, "5", True, math.inf, -math.inf, None, 5j], ids=repr
)
@pytest.mark.parametrize("make", [Percentage, lambda percent: Exposure("salt", percent)])
def test_a_bad_percent_is_refused(make: Callable[[Any], object], percent: object) -> None:
    """What isn't a number in 0..100 is refused, by field, value and mend."""
    with pytest.raises(DefinitionError) as caught:
        make(percent)

    error = caught.value
    assert ("percent", "give a number between 0 and 100") == (error.field, error.mend)
    assert percent is error.value


@pytest.mark.parametrize(
    ("audience", "context", "expected"),
    [
        (Everyone(), Context(), True),
        (Group("staff"), Context(groups=["staff"]), True),
        (Group("staff"), Context("staff", {"staff": "staff"}, groups=["press"]), False),
        (A, Context(None, {"plan": "beta"}), True),
        (A, Context(None, {"plan": "pro"}), False),
        (A & B, Context(None, {"plan": "beta"}, groups=["staff"]), True),
        (A & B, Context(None, {"plan": "beta"}), False),
        (A | B, Context(groups=["staff"]), True),
        (A | B, Context(), False),
        (~A, Context(), True),
    ],
)
def test_an_audience_lets_in_whom_it_says(
    audience: Audience, context: Context, expected: bool
) -> None:
    """Groups, attributes, both, either and neither."""
    assert expected is audience.matches(context)


@pytest.mark.parametrize(
    ("found", "asked", "equal"),
    [
        (1, 1, True),
        (1, 1.0, True),
        (1.0, 1, True),
        (True, True, True),
        (False, False, True),
        (True, 1, False),
        (1, True, False),
        (False, 0, False),
        (0.0, False, False),
        (True, False, False),
        (1, "1", False),
        ("true", True, False),
        ("a", "a", True),
        ("a", "A", False),
        ("", "", True),
        (NOON, NOON.astimezone(timezone(timedelta(hours=9))), True),
        (NOON, NOON.replace(tzinfo=None), False),
        (("a",), "a", False),
        (None, "a", False),
    ],
    ids=repr,
)
def test_comparing_is_typed(found: object, asked: Scalar, equal: bool) -> None:
    """A number equals a number, True isn't 1, and another type, or nothing, never matches."""
    context = Context(None, {"it": found, "list": ("other", found)})

    assert equal is Attribute("it").equals(asked).matches(context)
    assert equal is Attribute("it").is_in(["other", asked]).matches(context)
    if found is not None and not isinstance(found, tuple):
        assert equal is Attribute("list").contains(asked).matches(context)


@pytest.mark.parametrize(
    ("found", "contains"),
    [
        (("a", "b"), True),
        (("b", "ba"), False),
        ((), False),
        ("bac", True),
        ("b", False),
        (1, False),
    ],
    ids=repr,
)
def test_contains_asks_like_in(found: object, contains: bool) -> None:
    """A sequence contains its items, and a text its parts."""
    assert contains is Attribute("it").contains("a").matches(Context(None, {"it": found}))


@pytest.mark.parametrize(
    ("attributes", "expected"),
    [
        ({"it": ""}, True),
        ({"it": 0}, True),
        ({"it": False}, True),
        ({}, False),
        ({"it": None}, False),
    ],
)
def test_exists_asks_for_nothing_more(attributes: dict[str, object], expected: bool) -> None:
    """An attribute exists whatever it is, if it can be used."""
    assert expected is Attribute("it").exists().matches(Context(None, attributes))


def test_is_in_refuses_a_text() -> None:
    """A single text isn't taken for its letters: refused by field, value and mend."""
    with pytest.raises(DefinitionError) as caught:
        Attribute("plan").is_in("beta")

    error = caught.value
    expected = ("values", "beta", "give a list, such as ['beta']")
    assert expected == (error.field, error.value, error.mend)


def test_is_in_takes_any_iterable() -> None:
    """Values are kept, however they come, and an empty choice lets nobody in."""
    assert Attribute("plan").is_in(["a", "b"]) == Attribute("plan").is_in(iter("ab"))
    assert False is Attribute("plan").is_in([]).matches(Context(None, {"plan": "a"}))


@given(AUDIENCES, AUDIENCES, AUDIENCES, CONTEXTS)
def test_audiences_are_an_algebra(a: Audience, b: Audience, c: Audience, context: Context) -> None:
    """`&`, `|` and `~` obey the laws of Boolean algebra for every context."""

    def let_in(audience: Audience) -> bool:
        return audience.matches(context, salt="it")

    one, other = let_in(a), let_in(b)
    assert [one and other, one or other, not one] == [let_in(a & b), let_in(a | b), let_in(~a)]
    assert let_in(~(a & b)) == let_in(~a | ~b)
    assert let_in(~(a | b)) == let_in(~a & ~b)
    assert let_in(a & (b | c)) == let_in((a & b) | (a & c))
    assert let_in(a & b) == let_in(b & a)
    assert [one, one] == [let_in(a & a), let_in(a | a)]
    assert [one, one] == [let_in(a & (a | b)), let_in(a | (a & b))]
    assert [False, True] == [let_in(a & ~a), let_in(a | ~a)]


@given(AUDIENCES)
def test_double_negation_is_nothing(audience: Audience) -> None:
    """`~~a` is the very same value as `a`."""
    assert audience == ~~audience


def test_chains_are_flat() -> None:
    """However a chain is bracketed, it is one value; a mixed one keeps its brackets."""
    assert AllOf((A, B, C)) == (A & B) & C == A & (B & C)
    assert AnyOf((A, B, C)) == (A | B) | C == A | (B | C)
    assert AllOf((A, B, C, A)) == (A & B) & (C & A)
    assert AnyOf((AllOf((A, B)), C)) == A & B | C
    assert AllOf((A, AnyOf((B, C)))) == A & (B | C)
    assert Not(AllOf((A, B))) == ~(A & B)


def test_a_long_chain_is_asked_without_recursion() -> None:
    """An audience of thousands of parts answers like a short one."""
    parts = tuple(Attribute("age").equals(number) for number in range(5000))

    assert AnyOf(parts).matches(Context(None, {"age": 4999}))
    assert not AnyOf(parts).matches(Context(None, {"age": -1}))
    assert AllOf(tuple(~part for part in parts)).matches(Context(None, {"age": -1}))


@given(AUDIENCES, CONTEXTS, KEYS)
def test_asking_never_raises(audience: Audience, context: Context, salt: str) -> None:
    """Every audience answers yes or no for every context and salt, and always the same."""
    answer = audience.matches(context, salt=salt)

    assert answer in {True, False}
    assert answer == audience.matches(context, salt=salt)


@pytest.mark.parametrize(
    ("audience", "split"),
    [
        (Everyone(), False),
        (A, False),
        (B, False),
        (C, True),
        (~C, True),
        (~A, False),
        (A & C, True),
        (A & B, False),
        (A | ~C, True),
        (A | B, False),
        (A & (B | C), True),
    ],
)
def test_a_percentage_anywhere_splits(audience: Audience, split: bool) -> None:
    """An audience is split if a percentage has a say anywhere in it."""
    assert split is audience.is_split()


@pytest.mark.parametrize("value", [Attribute("plan"), "beta", 5, None, len], ids=str)
@pytest.mark.parametrize(
    "make",
    [lambda value: A & value, lambda value: A | value, lambda value: AllOf((A, value))],
    ids=["and", "or", "all of"],
)
def test_only_audiences_compose(make: Callable[[Any], object], value: object) -> None:
    """What is no audience is refused, naming the value and what to give instead."""
    with pytest.raises(DefinitionError) as caught:
        make(value)

    error = caught.value
    assert ("audiences", value) == (error.field, error.value)
    assert error.mend.endswith("Audience")


@pytest.mark.parametrize("name", ["", " ", None, 5], ids=repr)
@pytest.mark.parametrize("make", [Group, Attribute])
def test_a_name_is_needed(make: Callable[[Any], object], name: object) -> None:
    """A group or attribute without a name is refused, by field, value and mend."""
    with pytest.raises(DefinitionError) as caught:
        make(name)

    error = caught.value
    expected = ("name", name, "give a text that isn't empty")
    assert expected == (error.field, error.value, error.mend)


def test_audiences_are_values() -> None:
    """Equal audiences compare and hash alike, and can't be changed."""
    assert Percentage(5) == Percentage(5.0)
    assert hash(Percentage(5) & A) == hash(Percentage(5.0) & A)
    assert Percentage(5) != Percentage(6)
    assert (A & B) != (A | B)
    with pytest.raises(attrs.exceptions.FrozenInstanceError):
        C.percent = 31  # type: ignore[misc]
