"""Flags that split, require each other, are confined, explain themselves, and grow old."""

from __future__ import annotations

import enum
import math
from collections import Counter
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from typing import Any
from unittest.mock import patch

import attrs
import pytest

from safedeploy import telemetry
from safedeploy.audiences import (
    Attribute,
    Everyone,
    Group,
    Layer,
    Percentage,
    Schedule,
    Segment,
    Split,
)
from safedeploy.contexts import Context
from safedeploy.engine import Engine
from safedeploy.errors import DefinitionError
from safedeploy.events import Started
from safedeploy.exposures import FLAGS, Exposures
from safedeploy.flags import FeatureFlag, Prerequisite, Reason, Rule
from safedeploy.flags.fields import MOST_PREREQUISITES
from safedeploy.plans import Ring
from safedeploy.records import Codec
from safedeploy.testing import FakeClock
from tests.laws.histories import START
from tests.laws.shops import Shop, quick

COLOURS = {"calm": "grey", "loud": "red", "new": "blue"}
BUTTON = FeatureFlag("button", COLOURS, "calm")
SPLIT = Split({"calm": 50, "loud": 30, "new": 20})
PEOPLE = [Context(f"user-{number}", {"plan": "beta"}) for number in range(2000)]
USER = Context("user-1")


class Colour(enum.Enum):
    RED = 1
    BLUE = 2


# Percentages


@pytest.mark.parametrize("percent", [0, 0.05, 20, 50, 100])
def test_a_percentage_decides_as_its_audience_does(percent: float) -> None:
    """On a flag and in an engine, by value and with the reason, and under a release to half."""
    flag = FeatureFlag.boolean("it", when=Percentage(percent))
    engine, busy = Engine(clock=FakeClock()), Engine(clock=FakeClock())
    half = attrs.evolve(quick(), rings=(Ring("half", percent=50),))
    busy.release(flag.serve("on"), half)
    busy.tick()
    for person in (*PEOPLE, Context()):
        expected = Percentage(percent).matches(person, salt="it")
        assert expected is flag.resolve(person).value is engine.value(flag, person)
        assert expected is engine.evaluate(flag, person).value
        released = expected or Percentage(50).matches(person, salt="flag:it")
        assert released is busy.value(flag, person) is busy.evaluate(flag, person).value


# Splits


def test_a_split_serves_each_variant_its_share() -> None:
    """As the default, and by a rule: with the reason, the rule, and the same variant to each."""
    by_default, by_rule = BUTTON.serve(SPLIT), BUTTON.serve(SPLIT, when=Everyone())
    got = Counter(by_default.resolve(person).variant for person in PEOPLE)
    assert 900 < got["calm"] < 1100
    assert 520 < got["loud"] < 680
    for person in PEOPLE[:100]:
        one, other = by_default.resolve(person), by_rule.resolve(person)
        assert one.variant == other.variant
        assert (Reason.SPLIT, None, Reason.SPLIT, 1) == (
            one.reason,
            one.rule,
            other.reason,
            other.rule,
        )


def test_a_split_is_drawn_apart_from_the_percentage_before_it() -> None:
    """Of those whom a percentage lets in every variant gets its share, not the first one all."""
    flag = BUTTON.serve(Split({"loud": 1, "new": 1}), when=Percentage(20))
    got = Counter(flag.resolve(person).variant for person in PEOPLE)
    assert min(got["loud"], got["new"]) > 130


def test_who_cannot_be_drawn_is_in_no_split() -> None:
    """A rule's split doesn't match; the default's leaves the off variant, and says why."""
    by_rule = BUTTON.serve(SPLIT, when=Everyone()).serve("new")
    assert ("new", None) == (by_rule.resolve(Context()).variant, by_rule.resolve(Context()).rule)
    found = attrs.evolve(BUTTON.serve(SPLIT), off="new").resolve(Context())
    assert ("new", Reason.DISABLED) == (found.variant, found.reason)
    assert "targeting key" in found.detail


def test_all_splits_of_a_flag_draw_alike() -> None:
    """Who comes under another rule keeps the variant."""
    flag = BUTTON.serve(SPLIT, when=Attribute("plan").equals("beta")).serve(SPLIT)
    for person in PEOPLE[:200]:
        other = Context(person.key, {"plan": "free"})
        assert flag.resolve(person).variant == flag.resolve(other).variant


# Prerequisites


def test_a_prerequisite_takes_names_and_values() -> None:
    """One of several is enough, and both ways mean the same."""
    flag = FeatureFlag.boolean("express").serve(True)
    one, other = flag.require(BUTTON, "loud", "new"), flag.require(BUTTON, "red", "blue")
    assert one == other
    assert one.version == other.version != flag.version
    assert one.resolve(USER).value is False
    assert "prerequisite 'button' isn't 'loud' or 'new'" == one.resolve(USER).detail
    met = flag.require(BUTTON.serve("new"), "loud", "new")
    assert met.resolve(USER).value is True


def test_editing_a_prerequisite_makes_no_other_version() -> None:
    """What a flag requires is another flag's key and variants, not how that decides."""
    flag = FeatureFlag.boolean("express").serve(True)
    edited = flag.require(BUTTON.serve("loud", when=Percentage(5)), "loud")
    assert flag.require(BUTTON, "loud").version == edited.version


def test_what_a_record_leaves_out_an_engine_knows() -> None:
    """A definition that comes from a journal names its prerequisite by key: it is unmet until the
    engine has met that flag, and is asked as it is served from then on.
    """
    whole = FeatureFlag.boolean("express").serve(True).require(BUTTON.serve("loud"), "loud")
    event = Started(START, whole.change(), quick(), definition=whole)
    read = Codec().decode(Codec().encode(event))
    assert isinstance(read, Started)
    flag = read.definition
    assert flag is not None
    assert whole == flag
    assert (None, False) == (flag.prerequisites[0].flag, flag.resolve(USER).value)

    engine = Engine(clock=FakeClock())
    assert [False, False] == [engine.value(flag, USER), engine.evaluate(flag, USER).value]
    assert "red" == engine.value(BUTTON.serve("loud"), USER)
    assert [True, True] == [engine.value(flag, USER), engine.evaluate(flag, USER).value]
    engine.kill(BUTTON, by="7", reason="it burns")
    assert [False, False] == [engine.value(flag, USER), engine.evaluate(flag, USER).value]
    assert "unknown here" in flag.explain(USER)


def test_a_cycle_that_only_an_engine_sees_is_unmet() -> None:
    """Two definitions that come by different ways may name each other: both are off."""
    one = attrs.evolve(
        FeatureFlag.boolean("one").serve(True), prerequisites=(Prerequisite("other", "on"),)
    )
    other = attrs.evolve(
        FeatureFlag.boolean("other").serve(True), prerequisites=(Prerequisite("one", "on"),)
    )
    engine = Engine(clock=FakeClock())
    for _ in range(2):
        for flag in (one, other):
            found = engine.evaluate(flag, USER)
            assert (False, Reason.DISABLED) == (engine.value(flag, USER), found.reason)


def test_another_process_serves_a_released_prerequisite_alike() -> None:
    """Both processes resolve the prerequisite by the rollout in the journal that they share."""
    shop = Shop(plan=quick())
    shop.serve_an_interval()
    other = Engine(clock=shop.clock, journal=shop.journal)
    flag = FeatureFlag.boolean("express").serve(True).require(shop.flag, "new")
    mine = [shop.engine.value(flag, person) for person in PEOPLE[:200]]
    assert mine == [other.value(flag, person) for person in PEOPLE[:200]]
    assert 20 < sum(mine) < 70


# Audiences that a flag is within


def test_whoever_is_not_within_gets_off() -> None:
    """Rules, default and all: the flag is off for them, and says so."""
    flag = attrs.evolve(BUTTON.serve("new").serve("loud", when=Everyone()), within=Group("staff"))
    found = flag.resolve(USER)
    assert ("calm", Reason.DISABLED, None) == (found.variant, found.reason, found.rule)
    assert "not within" in found.detail
    assert "loud" == flag.resolve(Context(groups=["staff"])).variant
    assert flag.version != attrs.evolve(flag, within=None).version


# Schedules


def test_a_schedule_asks_the_time_that_is_given() -> None:
    """A flag is told it, an engine asks its clock; untold, the flag says that it wasn't told."""
    clock = FakeClock()
    noon = clock.now() + timedelta(hours=12)
    flag = FeatureFlag.boolean("sale", when=Schedule(noon, noon + timedelta(hours=1)))
    follower = FeatureFlag.boolean("banner").serve(True).require(flag, True)
    engine = Engine(clock=clock)
    for hours, expected in ((0, False), (12, True), (1, False)):
        clock.advance(timedelta(hours=hours))
        for each in (flag, follower):
            assert expected is each.resolve(USER, at=clock.now()).value
            assert expected is engine.value(each, USER)
            assert expected is engine.evaluate(each, USER).value
        told = f"sale is {'on' if expected else 'off'!r}"
        assert flag.explain(USER, at=clock.now()).startswith(told)
    assert (False, "a schedule asks for the time: at=...") == (
        flag.resolve(USER).value,
        flag.resolve(USER).detail,
    )


# What is missing


def test_what_is_asked_for_and_missing_is_told() -> None:
    """By name, up to the rule that decided; what is of another type, too; and never its value."""
    flag = (
        BUTTON.serve("loud", when=Attribute("plan").equals("beta"))
        .serve("new", when=Attribute("app").version_at_least("2"))
        .serve("calm", when=Attribute("age").at_least(18) & Percentage(5, of="tenant"))
    )
    engine = Engine()
    for attributes, variant, detail in (
        ({"plan": "beta", "app": 5}, "loud", ""),
        ({"plan": 5, "app": "3.0.1"}, "new", "no text: attribute 'plan'"),
        (
            {"app": "x", "age": "old", "tenant": 1.5},
            BUTTON.default,
            (
                "missing: attribute 'plan'; no version: attribute 'app'; "
                "no number: attribute 'age'; no text or whole number: attribute 'tenant'"
            ),
        ),
    ):
        context = Context("user-1", attributes)
        found = flag.resolve(context)
        assert (variant, detail) == (found.variant, found.detail)
        for _ in range(2):  # compiled first, and asked again
            assert found == engine.evaluate(flag, context)


# Explaining


def test_explaining_shows_the_whole_path() -> None:
    """Each rule with what it saw, up to the one that matched."""
    flag = BUTTON.serve("loud", when=Group("staff")).serve(
        "new", when=Attribute("plan").equals("beta") & Percentage(5)
    )
    found = next(person for person in PEOPLE if flag.resolve(person).rule == 2)
    lines = flag.explain(found).splitlines()
    assert lines[0].startswith("button is 'new': rule 2 matched; version")
    assert "  rule 1 did not match: not in group 'staff'" == lines[1]
    assert lines[2].startswith("  rule 2 matched because plan = 'beta' and bucket 0.0")
    assert lines[2].endswith(" < 0.05")


def test_explaining_shows_what_comes_before_the_rules_and_after() -> None:
    """Whom the flag is within, its prerequisites, a split; and nothing past what decided."""
    layer = Layer("shop", {"button": 50})
    flag = attrs.evolve(
        BUTTON.serve(SPLIT).require(FeatureFlag.boolean("pay").serve(True), True),
        within=layer.share("button"),
    )
    told = [flag.explain(person) for person in PEOPLE[:100]]
    for person, each in zip(PEOPLE, told, strict=False):
        lines = each.splitlines()
        is_in = layer.share("button").matches(person)
        assert ("not in" in lines[1]) is not is_in
        assert (4 if is_in else 2) == len(lines)
        if is_in:
            assert "  prerequisite 'pay' is 'on'" == lines[2]
            assert lines[3].startswith("  default: bucket 0.")
    unmet = BUTTON.require(FeatureFlag.boolean("pay"), True)
    assert unmet.explain(USER).endswith("prerequisite 'pay' is 'off'")
    assert 1 == len(BUTTON.disable().explain(USER).splitlines())
    drawn = BUTTON.serve(SPLIT, when=Segment("s", Everyone())).explain(PEOPLE[0])
    assert "rule 1 matched because in segment 's' (everyone); bucket 0." in drawn


def test_an_engine_explains_the_ring() -> None:
    """Whom the rollout has reached, and by which bucket; withdrawn where it was."""
    shop = Shop(plan=quick())
    shop.serve_an_interval()
    for person in PEOPLE[:50]:
        told = shop.engine.explain(shop.flag, person)
        value = shop.engine.value(shop.flag, person)
        assert told.startswith(f"checkout is {value!r}")
        assert ("has reached it" in told) is (value == "new")
        assert ("has not reached it" in told) is (value == "old")
    shop.stop("abort")
    assert "withdrawn" in shop.engine.explain(shop.flag, USER)
    shop.engine.kill(shop.flag, by="7", reason="it burns")
    assert "the flag is off" in shop.engine.explain(shop.flag, USER)


def test_a_resolution_says_in_words_what_it_holds() -> None:
    """Flag, variant, reason, rollout and version."""
    shop = Shop(plan=quick())
    shop.serve_an_interval()
    told = {shop.engine.evaluate(shop.flag, person).explain() for person in PEOPLE[:50]}
    assert 2 == len(told)
    assert {True, False} == {
        f"reached by ring 'canary' of {shop.rollout.id}" in each for each in told
    }
    assert all("checkout is" in each and "version" in each for each in told)


# What is said about a flag


def test_what_is_said_about_a_flag_is_no_part_of_its_version() -> None:
    """Description, owner and expiry change nothing that people get."""
    plain = FeatureFlag.boolean("sale")
    told = FeatureFlag.boolean("sale", description="spring", owner="shop", expires="2026-03-31")
    assert (plain, plain.version) == (told, told.version)
    assert ("spring", "shop", date(2026, 3, 31)) == (told.description, told.owner, told.expires)
    assert ("spring", "shop") == (told.serve(True).description, told.serve(True).owner)


def test_a_flag_past_its_day_warns_once() -> None:
    """An engine says so when it compiles it after that day, and no core does."""
    clock = FakeClock(datetime(2026, 3, 31, 23, 59, tzinfo=UTC))
    flag = FeatureFlag.boolean("sale", owner="shop", expires=date(2026, 3, 31))
    with patch.object(telemetry, "warn") as warn:
        Engine(clock=clock).value(flag, USER)
        assert not warn.called
        clock.advance(timedelta(minutes=1))
        engine = Engine(clock=clock)
        for each in (flag, flag.serve(True), flag):
            engine.value(each, USER)
            engine.evaluate(each, USER)
    [call] = warn.call_args_list
    assert {"flag": "sale", "owner": "shop", "expired": "2026-03-31"} == call.kwargs


# Values


def test_values_are_json_or_members_of_enums() -> None:
    """What they are is what is served, and a version tells them apart."""
    members = FeatureFlag("colour", {each.name: each for each in Colour}, "RED")
    assert members.serve(Colour.BLUE).resolve(USER).value is Colour.BLUE
    assert members.version != FeatureFlag("colour", {"RED": 1, "BLUE": 2}, "RED").version
    deep = {"a": [1, 2.5, None, {"b": True}], "c": "d"}
    assert deep == FeatureFlag("deep", {"x": deep}, "x").resolve(USER).value


def test_a_value_that_is_changed_later_changes_no_version() -> None:
    """The version is that of what was defined, and evaluating never raises."""
    listed: list[Any] = [1]
    flag = FeatureFlag("listed", {"x": listed}, "x")
    listed.append(object())
    version = FeatureFlag("listed", {"x": [1]}, "x").version
    assert version == flag.version == Engine().evaluate(flag, USER).version


CIRCULAR: list[object] = []
CIRCULAR.append(CIRCULAR)
LONG = FeatureFlag.boolean("0")
for _number in range(1, MOST_PREREQUISITES + 1):
    LONG = FeatureFlag.boolean(str(_number)).require(LONG, True)

REFUSED: dict[str, tuple[Callable[[], object], str]] = {
    "nan": (lambda: FeatureFlag("it", {"x": math.nan}, "x"), "variants"),
    "huge": (lambda: FeatureFlag("it", {"x": 10**5000}, "x"), "variants"),
    "huge inside": (lambda: FeatureFlag("it", {"x": [10**5000]}, "x"), "variants"),
    "object": (lambda: FeatureFlag("it", {"x": object()}, "x"), "variants"),
    "function": (lambda: FeatureFlag("it", {"x": [len]}, "x"), "variants"),
    "circular": (lambda: FeatureFlag("it", {"x": CIRCULAR}, "x"), "variants"),
    "split of others": (lambda: BUTTON.serve(Split({"soft": 1})), "variant"),
    "split by rule of others": (
        lambda: BUTTON.serve(Split({"soft": 1}), when=Everyone()),
        "variant",
    ),
    "split without off": (lambda: FeatureFlag("it", COLOURS, SPLIT), "variant"),
    "within a text": (lambda: FeatureFlag.boolean("it", within="staff"), "within"),  # type: ignore[arg-type]
    "no date": (lambda: FeatureFlag.boolean("it", expires="soon"), "expires"),
    "a time": (lambda: FeatureFlag.boolean("it", expires=START), "expires"),
    "numbered owner": (lambda: FeatureFlag.boolean("it", owner=5), "owner"),  # type: ignore[arg-type]
    "described by nothing": (lambda: FeatureFlag.boolean("it", description=None), "description"),  # type: ignore[arg-type]
    "unknown variant": (lambda: BUTTON.require(FeatureFlag.boolean("x"), "soft"), "variant"),
    "no variant": (lambda: BUTTON.require(FeatureFlag.boolean("x")), "variants"),
    "unknown name": (lambda: Prerequisite("button", "soft", BUTTON), "variants"),
    "other key": (lambda: Prerequisite("knob", "calm", BUTTON), "key"),
    "no key": (lambda: Prerequisite("", "calm"), "key"),
    "itself": (lambda: BUTTON.require(BUTTON, "calm"), "prerequisites"),
    "itself in the end": (
        lambda: BUTTON.require(FeatureFlag.boolean("x").require(BUTTON, "calm"), True),
        "prerequisites",
    ),
    "too many": (lambda: BUTTON.require(LONG, True), "prerequisites"),
    "no prerequisite": (lambda: attrs.evolve(BUTTON, prerequisites=("x",)), "prerequisites"),  # type: ignore[arg-type]
    "rule of nothing": (lambda: attrs.evolve(BUTTON, rules=(Rule(5, Everyone()),)), "variant"),  # type: ignore[arg-type]
}


@pytest.mark.parametrize(("make", "field"), REFUSED.values(), ids=REFUSED)
def test_what_cannot_be_is_refused(make: Callable[[], object], field: str) -> None:
    """When it is made, by field and mend, and shown even if it can't be written out."""
    with pytest.raises(DefinitionError) as caught:
        make()

    assert field == caught.value.field
    assert caught.value.mend
    assert str(caught.value)


def test_a_context_that_breaks_again_and_again_gets_off() -> None:
    """Once a flag is compiled as well as before."""
    flag = BUTTON.serve("loud", when=Group("staff"))
    broken = Context("user-1")
    object.__setattr__(broken, "groups", None)
    engine = Engine(clock=FakeClock())
    for _ in range(2):
        assert "grey" == engine.value(flag, broken)
        assert Reason.ERROR is engine.evaluate(flag, broken).reason


# Memory


def test_what_is_compiled_is_bounded() -> None:
    """However many definitions come by, and are asked in both ways, an engine keeps so many."""
    exposures = Exposures(lambda: START)
    for number in range(FLAGS // 50):
        flag = FeatureFlag.boolean(f"flag-{number % 7}")
        exposures.value(flag, USER)
        exposures.serve(flag, USER)
    assert FLAGS // 50 == len(exposures.values) == len(exposures.served)
    exposures.values.update(dict.fromkeys(map(str, range(FLAGS)), bool))
    exposures.value(FeatureFlag.boolean("one-more"), USER)
    assert len(exposures.values) < 10
