"""Shares, splits, layers, segments and schedules: who gets what of everybody, and when."""

from __future__ import annotations

import math
import sys
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from itertools import combinations
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from safedeploy import audiences
from safedeploy.audiences import (
    DEEPEST,
    MOST,
    Allocation,
    AllOf,
    AnyOf,
    Attribute,
    Audience,
    Everyone,
    Group,
    Layer,
    Not,
    Percentage,
    Schedule,
    Segment,
    Split,
    bucket,
    lacking,
)
from safedeploy.contexts import Context
from safedeploy.errors import DefinitionError

PEOPLE = [Context(f"user-{number}", {"tenant": number % 40}) for number in range(2000)]
NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)
WEIGHTS = st.lists(st.integers(0, 20), min_size=2, max_size=5).filter(any)


def drawn(split: Split, salt: str = "it") -> list[str]:
    """Return what each of many people gets."""
    choose = split.chooser(split.names, salt, "nobody")
    return [choose(context) for context in PEOPLE]


# Splits


@pytest.mark.law("E2")
@given(WEIGHTS, st.data())
def test_weight_that_moves_forward_moves_people_forward(
    weights: list[int], data: st.DataObject
) -> None:
    """Where weight goes from a later variant to an earlier one, nobody goes the other way."""
    earlier = data.draw(st.integers(0, len(weights) - 2))
    later = data.draw(st.integers(earlier + 1, len(weights) - 1))
    moved = data.draw(st.integers(0, weights[later]))
    after = list(weights)
    after[earlier] += moved
    after[later] -= moved
    one, other = (
        drawn(Split(dict(zip("abcde", weights, strict=False)))),
        drawn(Split(dict(zip("abcde", after, strict=False)))),
    )
    assert all(now <= before for before, now in zip(one, other, strict=True))


@given(WEIGHTS)
def test_a_split_gives_each_variant_its_share(weights: list[int]) -> None:
    """Nobody gets what has no weight, and the others about as much as they weigh."""
    got = drawn(Split(dict(zip("abcde", weights, strict=False))))
    for name, weight in zip("abcde", weights, strict=False):
        share = weight / sum(weights)
        bound = 5 * math.sqrt(share * (1 - share) / len(PEOPLE))
        assert abs(got.count(name) / len(PEOPLE) - share) <= bound


def test_a_split_is_drawn_by_its_key_or_by_an_attribute() -> None:
    """All of one tenant get the same; who can't be drawn gets the other answer."""
    split = Split({"a": 1, "b": 1}, of="tenant")
    got = {
        (context.attributes["tenant"], name)
        for context, name in zip(PEOPLE, drawn(split), strict=True)
    }
    assert 40 == len(got)
    assert {"a", "b"} == {name for _, name in got}
    assert drawn(split, "other") != drawn(split)
    keys = [Context(str(context.attributes["tenant"])) for context in PEOPLE]
    choose = Split(split.weights).chooser(split.names, "it", "nobody")
    assert drawn(split) == [choose(key) for key in keys]
    for each in (split, Split({"a": 1})):
        assert "nobody" == each.chooser(each.names, "it", "nobody")(Context())
        assert "to draw by" in each.told(Context(), "it")


def test_a_split_tells_where_somebody_falls() -> None:
    """The range is the one that the answer comes from."""
    split = Split({"a": 1, "b": 3})
    for context, name in zip(PEOPLE[:50], drawn(split), strict=False):
        where = bucket(str(context.key), "it")
        range_ = "[0.0000, 0.2500)" if name == "a" else "[0.2500, 1.0000)"
        assert f"bucket {where:.4f} in {range_}" == split.told(context, "it")


BAD_WEIGHTS: list[Any] = [
    {},
    {"a": 0},
    {"a": 0.0, "b": 0},
    {"a": math.nan},
    {"a": math.inf},
    {"a": -1, "b": 2},
    {"a": "1"},
    {"a": True},
    {"a": 10**400},
    {"a": 1e308, "b": 1e308},
    {5: 1},
    [("a", 1), ("a", 2)],
    [("a",)],
    None,
    "ab",
    5,
]


@pytest.mark.parametrize("weights", BAD_WEIGHTS, ids=lambda it: str(it)[:20])
def test_bad_weights_are_refused(weights: Any) -> None:
    """Nothing, zero in all, what is no number, below zero, or without an end; and a name twice."""
    with pytest.raises(DefinitionError) as caught:
        Split(weights)

    assert "weights" == caught.value.field


# Percentages by an attribute


def test_a_percentage_may_draw_by_an_attribute() -> None:
    """All of a tenant are in, or none; a number is drawn as its digits; others are in none."""
    audience = Percentage(50, of="tenant")
    got = {(context.attributes["tenant"], audience.matches(context)) for context in PEOPLE}
    assert 40 == len(got)
    assert {True, False} == {is_in for _, is_in in got}
    for number in range(40):
        text = Context(None, {"tenant": str(number)})
        assert audience.matches(text) == audience.matches(Context(None, {"tenant": number}))
        assert audience.matches(text) == Percentage(50).matches(Context(str(number)))
    assert "100 %" == Percentage(100, of="tenant").told(Context(), "")
    for value in (None, True, 1.5, "", 2**70, ("1",)):
        context = Context("user-1", {"tenant": value})
        assert not Percentage(99, of="tenant").matches(context)
        assert "to draw by" in audience.told(context, "")
        if value != "":
            assert lacking(context, audience.asked()) or value == 2**70


@pytest.mark.parametrize("percent", [0.001, 1e-6, 33.333, 100])
def test_a_percentage_is_as_fine_as_a_float(percent: float) -> None:
    """The bucket decides to the thousandth of a percent, and far below."""
    keys = [f"user-{number}" for number in range(3000)]
    expected = {key for key in keys if bucket(key, "it") < percent / 100}
    assert expected == {key for key in keys if Percentage(percent).matches(Context(key), salt="it")}


# Segments


def test_a_segment_is_of_the_same_people_everywhere() -> None:
    """Whatever flag asks, its percentages are drawn by its own name."""
    segment = Segment("early", Percentage(30) | Group("staff"))
    one = [segment.matches(context, salt="one") for context in PEOPLE]
    assert one == [segment.matches(context, salt="other") for context in PEOPLE]
    assert one != [(Percentage(30)).matches(context, salt="one") for context in PEOPLE]
    assert one != [Segment("late", segment.audience).matches(context) for context in PEOPLE]
    assert segment.is_split()
    assert segment.told(Context(groups=["staff"]), "") == "in segment 'early' (in group 'staff')"


# Layers


@pytest.mark.law("E7")
@given(st.lists(st.floats(0, 40), min_size=1, max_size=6), st.floats(0, 30))
def test_shares_of_a_layer_have_nobody_in_common(shares: list[float], holdback: float) -> None:
    """Each person is in one share at most, and those held back are in none."""
    names = "abcdef"[: len(shares)]
    if sum(shares) + holdback > 100:
        return
    layer = Layer("shop", dict(zip(names, shares, strict=True)), holdback=holdback)
    held_back = [not layer.everybody.matches(context) for context in PEOPLE[:300]]
    cohorts = [[layer.share(name).matches(each) for each in PEOPLE[:300]] for name in names]
    for *some, is_held_back in zip(*cohorts, held_back, strict=True):
        assert sum(some) + is_held_back <= 1


@pytest.mark.law("E7")
def test_another_share_moves_nobody() -> None:
    """Shares that are added at the end leave the others as they were."""
    before, after = Layer("shop", {"a": 20}), Layer("shop", {"a": 20, "b": 30})
    assert before.share("a") == after.share("a")
    assert not any(
        one.matches(each) and other.matches(each)
        for each in PEOPLE
        for one, other in [(after.share("a"), after.share("b"))]
    )


def test_an_allocation_has_its_share() -> None:
    """About as many as it says, whatever asks; anonymous contexts never."""
    share = Layer("shop", {"a": 20, "b": 30}, holdback=10).share("b")
    assert Allocation("shop", 20, 50) == share
    assert 500 < sum(share.matches(each) for each in PEOPLE) < 700
    assert not share.matches(Context())
    assert {True, False} == {"not in" in share.told(each, "") for each in PEOPLE}
    assert "to draw by" in share.told(Context(), "")
    assert share.is_split()


# Schedules


@pytest.mark.parametrize(
    ("schedule", "inside", "outside"),
    [
        (Schedule(NOON, NOON + HOUR), [NOON], [NOON - HOUR, NOON + HOUR]),
        (Schedule(since=NOON), [NOON, NOON + 9999 * HOUR], [NOON - timedelta.resolution]),
        (Schedule(until=NOON), [NOON - HOUR], [NOON, NOON + HOUR]),
        (
            Schedule(datetime(2026, 3, 29, 12), zone="Europe/Berlin"),  # noqa: DTZ001 - in its zone
            [datetime(2026, 3, 29, 10, tzinfo=UTC)],
            [datetime(2026, 3, 29, 9, 59, tzinfo=UTC)],
        ),
        (
            Schedule(datetime(2026, 3, 28, 12), zone="Europe/Berlin"),  # noqa: DTZ001 - in its zone
            [datetime(2026, 3, 28, 11, tzinfo=UTC)],
            [datetime(2026, 3, 28, 10, 59, tzinfo=UTC)],
        ),
    ],
)
def test_a_schedule_lets_in_from_one_moment_until_another(
    schedule: Schedule, inside: list[datetime], outside: list[datetime]
) -> None:
    """The first moment is in it and the last isn't, in its zone, over a change of clocks."""
    assert all(schedule.matches(Context(), at=at) for at in inside)
    assert not any(schedule.matches(Context(), at=at) for at in outside)
    assert not schedule.matches(Context())
    assert schedule.is_timed()
    assert (schedule & Group("x")).is_timed()
    for at in (*inside, *outside):
        told = schedule.told(Context(), "", lambda at=at: at)  # type: ignore[misc]
        assert ("in time" in told) == (at in inside)
    assert "isn't known" in schedule.told(Context(), "")


def test_a_segment_tells_of_its_schedule_by_the_time_that_is_given() -> None:
    """What it says fits what it decides."""
    segment = Segment("early", Schedule(since=NOON))
    told = segment.told(Context(), "", lambda: NOON)
    assert "in segment 'early' (2026-01-01T12:00:00+00:00 is in time)" == told


# The algebra


AUDIENCES = [
    Group("staff"),
    Percentage(5),
    Percentage(12.5, of="tenant"),
    Segment("early", Percentage(30) & ~Group("staff")),
    Allocation("shop", 0, 12.5),
    Schedule(since=NOON, zone="Europe/Berlin"),
    Attribute("plan").is_in(["a", "b"]),
    Everyone(),
]


@pytest.mark.parametrize(
    ("one", "other"), list(combinations([*AUDIENCES, AUDIENCES[0] | ~AUDIENCES[1]], 2)), ids=str
)
def test_an_audience_reads_as_it_is_written(one: Audience, other: Audience) -> None:
    """What is shown can be pasted, brackets and all."""
    names = {name: getattr(audiences, name) for name in audiences.__all__}
    names["datetime"] = sys.modules["datetime"]
    for audience in (
        one & other,
        one | other,
        ~(one & other),
        ~one & (other | ~one),
        AllOf((one,)),
    ):
        assert audience == eval(repr(audience), names)  # noqa: S307 - that is what it is for
        assert hash(audience) == hash(eval(repr(audience), names))  # noqa: S307 - as above


def test_what_is_written_reads_well() -> None:
    """Like the code that made it."""
    audience = Attribute("plan").equals("beta") & (Percentage(5) | ~Group("staff"))
    assert "Attribute('plan').equals('beta') & (Percentage(5) | ~Group('staff'))" == repr(audience)


def test_chains_are_bounded() -> None:
    """A chain that grows for ever is refused when it has too many parts, and in time."""
    chain: Audience = Group("0")
    for number in range(MOST - 1):
        chain &= Group(str(number))
    with pytest.raises(DefinitionError) as caught:
        chain &= Group("one more")

    assert ("size", MOST + 1) == (caught.value.field, caught.value.value)
    assert repr(chain)
    assert hash(chain)


@pytest.mark.parametrize(
    "deeper",
    [
        lambda it: (it | Group("a")) & Group("b"),
        lambda it: ~(it & Group("a")),
        lambda it: Segment("x", it),
        Not,
    ],
    ids=["chains", "negated", "segments", "not"],
)
def test_nesting_is_bounded(deeper: Callable[[Audience], Audience]) -> None:
    """What is nested too deeply is refused, before anything that calls itself breaks."""
    audience: Audience = Group("0")
    while audience.depth + 1 < DEEPEST:
        audience = deeper(audience)
    with pytest.raises(DefinitionError) as caught:
        deeper(deeper(audience))

    assert "depth" == caught.value.field
    assert repr(audience)
    assert audience.told(Context(), "")


REFUSED: dict[str, tuple[Callable[[], object], str]] = {
    "nothing": (lambda: AllOf(()), "audiences"),
    "a list": (lambda: AnyOf([Group("a")]), "audiences"),  # type: ignore[arg-type]
    "of a number": (lambda: Percentage(5, of=5), "of"),  # type: ignore[arg-type]
    "of nothing": (lambda: Split({"a": 1}, of=""), "of"),
    "segment of a text": (lambda: Segment("a", "b"), "audience"),  # type: ignore[arg-type]
    "schedule of nothing": (Schedule, "since"),
    "schedule of texts": (lambda: Schedule("2026-01-01"), "since"),  # type: ignore[arg-type]
    "schedule that ends first": (lambda: Schedule(NOON, NOON), "until"),
    "unknown zone": (lambda: Schedule(NOON, zone="Europe/Atlantis"), "zone"),
    "path as zone": (lambda: Schedule(NOON, zone="../etc"), "zone"),
    "number as zone": (lambda: Schedule(NOON, zone=5), "zone"),  # type: ignore[arg-type]
    "the first year": (
        lambda: Schedule(datetime(1, 1, 1), zone="Asia/Tokyo"),  # noqa: DTZ001 - in its zone
        "since",
    ),
    "allocation that ends first": (lambda: Allocation("a", 5, 4), "end"),
    "too many shares": (lambda: Layer("a", {"x": 60, "y": 41}), "shares"),
    "no room for a holdback": (lambda: Layer("a", {"x": 100}, holdback=1), "shares"),
    "share of nothing": (lambda: Layer("a", {"x": "5"}), "percent"),
    "numbered share": (lambda: Layer("a", {5: 5}), "shares"),
    "shares in a list": (lambda: Layer("a", ["x"]), "shares"),  # type: ignore[arg-type]
    "another share": (lambda: Layer("a", {"x": 5}).share("y"), "share"),
}


@pytest.mark.parametrize(("make", "field"), REFUSED.values(), ids=REFUSED)
def test_what_cannot_be_is_refused(make: Callable[[], object], field: str) -> None:
    """When it is made, by field and mend."""
    with pytest.raises(DefinitionError) as caught:
        make()

    assert field == caught.value.field
    assert caught.value.mend
