"""Feature flags: what a caller gets, and why."""

from collections.abc import Callable
from typing import Any

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from safedeploy.audiences import Attribute, Everyone, Group, Percentage
from safedeploy.changes import Change, ChangeKind
from safedeploy.contexts import Context
from safedeploy.errors import DefinitionError
from safedeploy.flags import FeatureFlag, Reason, Resolution, Rule, noted

BETA = Attribute("plan").equals("beta")
COLOURS = {"calm": "grey", "loud": "red"}

ON_FOR_BETA = FeatureFlag.boolean("new-checkout", when=BETA | Percentage(5))
BUTTON = FeatureFlag("buy-button", COLOURS, "calm")

FOR_STAFF = BUTTON.serve("loud", when=Group("staff"))

BETA_USER = Context("user-17", {"plan": "beta"})
USER = Context("user-17")

JUNK: st.SearchStrategy[Any] = (
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.binary()
) | st.lists(st.integers() | st.text() | st.none(), max_size=3)


@pytest.mark.parametrize(
    ("flag", "context", "value"),
    [
        (FeatureFlag.boolean("it"), BETA_USER, False),
        (FeatureFlag.boolean("it", when=Everyone()), Context(), True),
        (FeatureFlag.boolean("it", when=BETA), BETA_USER, True),
        (FeatureFlag.boolean("it", when=BETA), USER, False),
        (FeatureFlag.boolean("it").serve(True), USER, True),
        (FeatureFlag.boolean("it").serve("on"), USER, True),
        (FeatureFlag.boolean("it", when=BETA).serve(False), BETA_USER, True),
        (FeatureFlag.boolean("it", when=BETA).disable(), BETA_USER, False),
    ],
)
def test_a_boolean_flag_is_on_for_whom_it_says(
    flag: FeatureFlag[bool], context: Context, value: bool
) -> None:
    """It is on for its audience, off for everybody else, and off for all without one."""
    assert value is flag.resolve(context).value


@pytest.mark.parametrize(
    ("flag", "variant"),
    [
        (BUTTON, "calm"),
        (BUTTON.serve("loud"), "loud"),
        (BUTTON.serve("red"), "loud"),
        (BUTTON.serve("loud", when=BETA), "loud"),
        (BUTTON.serve("red", when=BETA), "loud"),
        (BUTTON.serve("loud", when=Group("staff")), "calm"),
        (BUTTON.serve("calm", when=BETA).serve("loud", when=Everyone()), "calm"),
        (BUTTON.serve("loud", when=BETA).serve("calm"), "loud"),
        (BUTTON.serve("loud").disable(), "calm"),
        (BUTTON.serve("loud", when=BETA).disable(), "calm"),
        (FeatureFlag("it", COLOURS, "calm", off="loud").disable(), "loud"),
        (FeatureFlag("it", COLOURS, "calm", enabled=False, off="loud"), "loud"),
        (FeatureFlag("it", COLOURS, "calm", off="loud"), "calm"),
    ],
)
def test_a_flag_serves_what_it_says(flag: FeatureFlag[str], variant: str) -> None:
    """By name or by value; earlier rules first; the default where none matches; off when killed."""
    resolution = flag.resolve(BETA_USER)

    assert (variant, COLOURS[variant]) == (resolution.variant, resolution.value)


def test_a_text_is_taken_for_a_name_first() -> None:
    """Where a name is also another variant's value, the name counts."""
    crossed = FeatureFlag("it", {"a": "b", "b": "a"}, "a")

    assert "b" == crossed.serve("b").default


@pytest.mark.parametrize(
    ("value", "variant"), [(1, "whole"), (1.0, "half"), (True, "yes"), ([1], "list")], ids=repr
)
def test_a_value_is_found_by_its_type_too(value: object, variant: str) -> None:
    """True, 1 and 1.0 are three values."""
    variants: dict[str, object] = {"yes": True, "whole": 1, "half": 1.0, "list": [1]}

    assert variant == FeatureFlag("it", variants, "yes").serve(value).default


def test_serving_keeps_everything_else() -> None:
    """A new definition keeps key, variants, earlier rules, off variant and what it ignores."""
    flag = FeatureFlag("it", COLOURS, "calm", ignores=(KeyError,)).serve("loud", when=BETA)
    served = flag.serve("loud")

    assert (Rule("loud", BETA),) == flag.rules == served.rules
    assert ("it", COLOURS, "loud") == (served.key, served.variants, served.default)
    assert "calm" == served.off
    assert (KeyError,) == served.ignores
    assert "calm" == flag.default


@pytest.mark.law("E6")
@pytest.mark.parametrize(
    ("flag", "context", "reason", "rule"),
    [
        (BUTTON, USER, Reason.STATIC, None),
        (BUTTON.serve("loud", when=BETA), BETA_USER, Reason.TARGETING_MATCH, 1),
        (BUTTON.serve("loud", when=BETA), USER, Reason.DEFAULT, None),
        (BUTTON.serve("loud", when=Percentage(100)), USER, Reason.SPLIT, 1),
        (BUTTON.serve("loud", when=BETA | Percentage(0)), BETA_USER, Reason.SPLIT, 1),
        (FOR_STAFF.serve("loud", when=BETA), BETA_USER, Reason.TARGETING_MATCH, 2),
        (BUTTON.serve("loud", when=BETA).disable(), BETA_USER, Reason.DISABLED, None),
    ],
)
def test_a_resolution_explains_itself(
    flag: FeatureFlag[str], context: Context, reason: Reason, rule: int | None
) -> None:
    """Value, variant, reason, the rule that matched and the flag's version are all said."""
    resolution = flag.resolve(context)

    assert (reason, rule) == (resolution.reason, resolution.rule)
    assert COLOURS[resolution.variant] == resolution.value
    assert ("buy-button", flag.version) == (resolution.flag, resolution.version)
    missing = "missing: attribute 'plan'" if reason is Reason.DEFAULT else ""
    assert (None, None, missing) == (resolution.ring, resolution.rollout, resolution.detail)


@pytest.mark.law("E6")
def test_the_rule_that_is_named_serves_the_variant() -> None:
    """The number of a rule counts from 1, in the order of the definition."""
    flag = FeatureFlag("it", {str(n): n for n in range(10)}, "0")
    for number in range(1, 10):
        flag = flag.serve(number, when=Attribute("n").equals(number))

    for number in range(1, 10):
        resolution = flag.resolve(Context(None, {"n": number}))
        assert (number, number) == (resolution.rule, resolution.value)
        assert resolution.variant == flag.rules[number - 1].variant


def test_every_answer_is_known_beforehand() -> None:
    """The answers are the rules' in order, then the default's; if killed, the off variant's."""
    flag = BUTTON.serve("loud", when=BETA).serve("calm", when=Group("staff"))

    assert ["loud", "calm", "calm"] == [answer.variant for answer in flag.resolutions]
    assert [1, 2, None] == [answer.rule for answer in flag.resolutions]
    assert [Reason.DISABLED] == [answer.reason for answer in flag.disable().resolutions]
    assert ["loud", "calm", "calm"] == [*flag.outcomes]
    assert flag.resolve(BETA_USER) == flag.resolutions[0]


def test_reasons_are_named_as_openfeature_names_them() -> None:
    """Names are OpenFeature's, with OVERRIDE, and each has words for people of its own."""
    names = {"STATIC", "TARGETING_MATCH", "SPLIT", "DEFAULT", "DISABLED", "STALE", "ERROR"}
    names.add("OVERRIDE")

    assert names == set(Reason.__members__)
    assert len(names) == len({reason.value for reason in Reason})


@pytest.mark.law("E5")
@given(
    st.none() | JUNK,
    st.dictionaries(st.text() | st.just("plan"), JUNK) | JUNK,
    JUNK,
    st.sampled_from((ON_FOR_BETA, BUTTON, BUTTON.serve("loud", when=~BETA & Group("staff")))),
)
def test_evaluating_never_raises(
    key: Any, attributes: Any, groups: Any, flag: FeatureFlag[Any]
) -> None:
    """Whatever a context was made from, the caller gets one of the flag's values."""
    resolution = flag.resolve(Context(key, attributes, groups=groups))

    assert flag.variants[resolution.variant] is resolution.value


@pytest.mark.law("E5")
def test_a_flag_of_many_rules_resolves() -> None:
    """A flag of thousands of rules answers like a short one."""
    when = [Attribute("n").equals(number) for number in range(5000)]
    flag = FeatureFlag("it", COLOURS, "calm", rules=tuple(Rule("loud", each) for each in when))

    assert 5000 == flag.resolve(Context(None, {"n": 4999})).rule
    assert "calm" == flag.resolve(Context(None, {"n": -1})).variant


@pytest.mark.parametrize(
    ("context", "detail"),
    [
        (Context("user-17", {"plan": "beta", "age": None}), "absent: attribute 'age'"),
        (Context(17, {"plan": b"x"}), "absent: targeting key, attribute 'plan'"),  # type: ignore[arg-type]
        (Context("user-17", groups=[5]), "absent: groups; missing: attribute 'plan'"),  # type: ignore[list-item]
    ],
    ids=["attribute", "two", "groups"],
)
def test_what_could_not_be_used_is_named(context: Context, detail: str) -> None:
    """A bad attribute doesn't keep the flag from answering, and the answer names it."""
    resolution = ON_FOR_BETA.resolve(context)

    assert detail == resolution.detail
    assert attrs.evolve(resolution, detail="") in ON_FOR_BETA.resolutions


def test_a_note_changes_nothing_else() -> None:
    """What is added to a resolution is its detail, after what was there."""
    resolution = attrs.evolve(BUTTON.resolutions[0], rule=1, ring="canary", rollout="r", detail="a")

    assert attrs.evolve(resolution, detail="a; b") == resolution.adding("b")


def test_a_usable_context_needs_no_note() -> None:
    """Where all of a context could be used, the very same resolution comes back."""
    resolution = BUTTON.resolutions[0]

    assert resolution is noted(resolution, USER)


def test_what_could_not_be_asked_serves_off() -> None:
    """A flag that couldn't be asked serves its off variant, with the error's name, not its text."""
    resolution = BUTTON.serve("loud").failed(KeyError("user-17"))

    assert ("grey", Reason.ERROR, "KeyError") == (
        resolution.value,
        resolution.reason,
        resolution.detail,
    )


def edits() -> list[FeatureFlag[Any]]:
    """Make definitions of one key, each different from all others."""
    return [
        BUTTON,
        BUTTON.serve("loud"),
        BUTTON.serve("loud", when=BETA),
        BUTTON.serve("loud", when=Percentage(5)),
        BUTTON.serve("loud", when=Percentage(6)),
        BUTTON.serve("calm", when=Percentage(5)),
        BUTTON.disable(),
        FeatureFlag("buy-button", COLOURS, "calm", off="loud"),
        FeatureFlag("buy-button", COLOURS | {"loud": "crimson"}, "calm"),
        FeatureFlag("buy-button", COLOURS | {"new": "blue"}, "calm"),
        FeatureFlag("buy-button2", COLOURS, "calm"),
    ]


@pytest.mark.parametrize(
    "rebuilt",
    [
        FeatureFlag("buy-button", dict(reversed(COLOURS.items())), "calm"),
        FeatureFlag("buy-button", COLOURS, "calm", ignores=(KeyError,)),
        FeatureFlag("buy-button", COLOURS, "loud", off="calm").serve("grey"),
        attrs.evolve(BUTTON),
    ],
    ids=["order", "ignores", "served", "copied"],
)
def test_equal_definitions_have_equal_versions(rebuilt: FeatureFlag[str]) -> None:
    """A version is what the definition says, however it was made, what is ignored apart."""
    assert BUTTON == rebuilt
    assert BUTTON.version == rebuilt.version


def test_different_definitions_have_different_versions() -> None:
    """Any edit makes another version."""
    assert len(edits()) == len({flag.version for flag in edits()})


# Frozen: versions are stored, and a worker of an older release of this library makes them, too.
def test_versions_are_frozen() -> None:
    """The same definition has the same version in every process and version, forever."""
    assert "776f392f3124" == BUTTON.serve("loud", when=BETA | Percentage(5)).version


def test_a_definition_is_released_as_a_change() -> None:
    """The change names the flag and the definition's version."""
    change = BUTTON.serve("loud").change(author="dev-7")

    assert Change(ChangeKind.FLAG, "buy-button", change.version, author="dev-7") == change
    assert BUTTON.serve("loud").version == change.version
    assert f"flag:buy-button@{change.version}" == str(change)
    assert None is BUTTON.change().author


def test_a_definition_cannot_be_changed() -> None:
    """Neither a field nor a variant can be set, and the variants given aren't held."""
    mine = dict(COLOURS)
    flag = FeatureFlag("it", mine, "calm")
    mine["calm"] = "pink"

    assert "grey" == flag.resolve(USER).value
    with pytest.raises(attrs.exceptions.FrozenInstanceError):
        flag.default = "loud"  # type: ignore[misc]
    with pytest.raises(TypeError):
        flag.variants["calm"] = "pink"  # type: ignore[index]


NAME = ("key", "give a text that isn't empty")
CHOOSE = ("variant", "choose one of ['calm', 'loud']")
VALUES = ("variants", "give at least one value, by variant name")

REFUSED: dict[str, tuple[Callable[[Any], object], Any, tuple[str, str]]] = {
    "empty key": (lambda key: FeatureFlag(key, COLOURS, "calm"), "", NAME),
    "number as key": (lambda key: FeatureFlag(key, COLOURS, "calm"), 5, NAME),
    "default": (lambda name: FeatureFlag("it", COLOURS, name), "soft", CHOOSE),
    "number as default": (lambda name: FeatureFlag("it", COLOURS, name), 5, CHOOSE),
    "off": (lambda name: FeatureFlag("it", COLOURS, "calm", off=name), "soft", CHOOSE),
    "rule": (
        lambda name: FeatureFlag("it", COLOURS, "calm", rules=(Rule(name, BETA),)),
        "soft",
        CHOOSE,
    ),
    "served": (BUTTON.serve, "soft", CHOOSE),
    "served to some": (lambda name: BUTTON.serve(name, when=BETA), "soft", CHOOSE),
    "value": (BUTTON.serve, 5, CHOOSE),
    "value of another type": (
        FeatureFlag.boolean("it").serve,
        1,
        ("variant", "choose one of ['on', 'off']"),
    ),
    "no variants": (lambda variants: FeatureFlag("it", variants, "calm"), {}, VALUES),
    "nothing": (lambda variants: FeatureFlag("it", variants, "calm"), None, VALUES),
    "list": (lambda variants: FeatureFlag("it", variants, "calm"), ["calm"], VALUES),
    "text": (lambda variants: FeatureFlag("it", variants, "calm"), "calm", VALUES),
}


@pytest.mark.parametrize(("make", "value", "says"), REFUSED.values(), ids=REFUSED)
def test_a_bad_definition_is_refused(
    make: Callable[[Any], object], value: object, says: tuple[str, str]
) -> None:
    """A flag that can't be is refused where it is made, by field, value and mend."""
    with pytest.raises(DefinitionError) as caught:
        make(value)

    error = caught.value
    assert (*says, value) == (error.field, error.mend, error.value)


def test_a_resolution_is_a_value() -> None:
    """Equal resolutions compare alike, and can't be changed."""
    resolution = Resolution("it", 1, "one", Reason.STATIC, "v")

    assert resolution == Resolution("it", 1, "one", Reason.STATIC, "v")
    with pytest.raises(attrs.exceptions.FrozenInstanceError):
        resolution.value = 2  # type: ignore[misc]


def test_a_variant_is_named_by_a_text() -> None:
    """A variant's name is a text; another one is refused."""
    variants: dict[Any, str] = {1: "grey", "loud": "red"}

    with pytest.raises(DefinitionError) as caught:
        FeatureFlag("it", variants, "loud")
    assert ("variants", variants) == (caught.value.field, caught.value.value)


KINDS: dict[str, tuple[Callable[[Any], object], str, object, str]] = {
    "bare attribute": (
        lambda value: FeatureFlag.boolean("it", when=value),
        "when",
        Attribute("plan"),
        "Audience",
    ),
    "name of an audience": (
        lambda value: BUTTON.serve("loud", when=value),
        "when",
        "beta",
        "Audience",
    ),
    "function": (lambda value: BUTTON.serve("loud", when=value), "when", len, "Audience"),
    "pair as rule": (
        lambda value: FeatureFlag("it", COLOURS, "calm", rules=(value,)),
        "rules",
        ("loud", BETA),
        "Rule",
    ),
}


@pytest.mark.parametrize(("make", "field", "value", "kind"), KINDS.values(), ids=KINDS)
def test_what_is_of_another_kind_is_refused(
    make: Callable[[Any], object], field: str, value: object, kind: str
) -> None:
    """An attribute without its comparison, say, is refused, naming what to give instead."""
    with pytest.raises(DefinitionError) as caught:
        make(value)

    error = caught.value
    assert (field, value, kind) == (error.field, error.value, error.mend.split()[-1])
