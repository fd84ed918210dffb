"""Documents: definitions as text. What is written reads as it was, and what can't be is refused."""

from __future__ import annotations

import enum
import itertools
import json
import math
import sys
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import attrs
import jsonschema
import pytest
from hypothesis import given
from hypothesis import strategies as st

from safedeploy.audiences import (
    Attribute,
    Audience,
    Group,
    Layer,
    Percentage,
    Schedule,
    Segment,
    Split,
    comparisons,
)
from safedeploy.definitions import Definitions, dumps, loads
from safedeploy.digests import digest
from safedeploy.documents import forms
from safedeploy.documents.formats import LARGEST
from safedeploy.documents.schemas import schema
from safedeploy.documents.schemas import text as published
from safedeploy.documents.values import MOST_FLAGS
from safedeploy.errors import DefinitionError, DefinitionsInvalidError
from safedeploy.flags import FeatureFlag, Prerequisite
from tests.documents import JSON, OPERANDS, definitions, nearly_right

VALIDATOR = jsonschema.Draft202012Validator(schema())
FORMATS = ["json", "toml", "yaml"]
every_format = pytest.mark.parametrize("form", FORMATS)


def all_of(value: Definitions) -> Any:
    """Return everything of definitions, what doesn't count for equality too."""
    said = [(it.description, it.owner, it.expires, it.variants) for it in value.flags.values()]
    layers = [(it.name, [*it.shares.items()], it.holdback) for it in value.layers.values()]
    digests = [digest(it) for it in (*value.flags.values(), *value.segments.values())]
    return [*value.flags], [*value.segments], said, layers, digests


@given(definitions(null=False))
@pytest.mark.parametrize(
    "form", ["json", *(pytest.param(form, marks=pytest.mark.long) for form in ("toml", "yaml"))]
)
def test_what_is_written_reads_as_it_was(form: str, value: Definitions) -> None:
    """Writing and reading is the identity, in every format, for all that definitions can hold."""
    text = dumps(value, format=form)
    read = loads(text, format=form)
    assert value == read
    assert all_of(value) == all_of(read)
    assert text == dumps(read, format=form)


@pytest.mark.long
@given(definitions())
@pytest.mark.parametrize("form", ["json", "yaml"])
def test_null_reads_as_it_was(form: str, value: Definitions) -> None:
    """Writing and reading is the identity where values may be null; TOML has none."""
    read = loads(dumps(value, format=form), format=form)
    assert value == read
    assert all_of(value) == all_of(read)


@pytest.mark.long
@given(definitions())
def test_what_is_written_is_valid(value: Definitions) -> None:
    """The schema takes whatever is written."""
    VALIDATOR.validate(json.loads(dumps(value)))


@given(st.one_of(nearly_right(), JSON))
def test_what_the_schema_refuses_is_refused(tree: Any) -> None:
    """Whatever is read is valid by the schema; of anything else comes one kind of error."""
    valid = VALIDATOR.is_valid(tree)
    try:
        loads(json.dumps(tree))
    except DefinitionsInvalidError:
        return
    assert valid


@given(st.one_of(st.binary(), st.text(), JSON.map(json.dumps)))
@every_format
def test_anything_reads_or_is_refused(form: str, text: str | bytes) -> None:
    """Of any bytes and any text come definitions or one kind of error."""
    with suppress(DefinitionsInvalidError):
        loads(text, format=form)


# What is refused, and how it is said


def refused(text: str | bytes, form: str = "json") -> DefinitionsInvalidError:
    """Return what is said of a text that can't be read."""
    with pytest.raises(DefinitionsInvalidError) as caught:
        loads(text, format=form)
    return caught.value


def rule(when: Any, **fields: Any) -> dict[str, Any]:
    """Return a document of one flag with one rule."""
    flag = {"rules": [{"serve": "on", "when": when, **fields}]}
    return {"layers": {"shop": {"shares": {"one": 40}}}, "flags": {"f": flag}}


def nested(depth: int, inner: Any, name: str = "not") -> Any:
    """Return an audience within audiences."""
    for _ in range(depth):
        inner = {name: [inner] if name == "all" else inner}
    return inner


WHEN = "flags.f.rules[0].when"
WRONG: list[tuple[Any, str, str]] = [
    ([], "", "give an object with flags, segments or layers, not an array"),
    ({"flag": {}}, "flag", "did you mean 'flags'?"),
    ({"flags": []}, "flags", "give an object, by name, not an array"),
    ({"flags": None}, "flags", "give a value, or leave it out"),
    ({"$schema": 1}, "$schema", "give a text, not a number"),
    ({"flags": {"f": []}}, "flags.f", "give an object with description, owner"),
    ({"flags": {"f.g": {"rule": []}}}, 'flags."f.g".rule', "did you mean 'rules'?"),
    ({"flags": {"f": {"x": 1}}}, "flags.f.x", "no field of a flag; choose one of ['description'"),
    ({"flags": {" ": {}}}, 'flags." "', "give a text that isn't empty"),
    ({"flags": {"f": {"owner": None}}}, "flags.f.owner", "give a value, or leave it out"),
    ({"flags": {"f": {"owner": 1}}}, "flags.f.owner", "give a str"),
    ({"flags": {"f": {"expires": "soon"}}}, "flags.f.expires", "give a date"),
    ({"flags": {"f": {"off": 1}}}, "flags.f.off", "choose one of ['on', 'off']"),
    ({"flags": {"f": {"default": "x"}}}, "flags.f.default", "choose one of ['on', 'off']"),
    ({"flags": {"f": {"default": 1}}}, "flags.f.default", "give an object with split, of"),
    ({"flags": {"f": {"default": {"of": "a"}}}}, "flags.f.default", "add what is missing: split"),
    ({"flags": {"f": {"variants": {"a": 1}}}}, "flags.f", "say what is served to everybody else"),
    ({"flags": {"f": {"variants": {}, "default": "a"}}}, "flags.f.variants", "at least one value"),
    ({"flags": {"f": {"variants": [], "default": "a"}}}, "flags.f.variants", "an object of values"),
    ({"flags": {"f": {"default": {"split": {"on": 1}}}}}, "flags.f", "say which variant is the"),
    (
        {"flags": {"f": {"default": {"split": {"x": 1}}, "off": "off", "owner": "x"}}},
        "flags.f.default",
        "choose one of ['on', 'off']",
    ),
    (
        {
            "flags": {
                "f": {"rules": [{"serve": each, "when": {"percent": 5}} for each in ["on", "x"]]}
            }
        },
        "flags.f.rules[1].serve",
        "choose one of ['on', 'off']",
    ),
    ({"flags": {"f": {"rules": {}}}}, "flags.f.rules", "give an array, not an object"),
    ({"flags": {"f": {"rules": [1]}}}, "flags.f.rules[0]", "give an object with serve, when"),
    ({"flags": {"f": {"rules": [{}]}}}, "flags.f.rules[0]", "add what is missing: serve, when"),
    (rule({"percent": 5}, serve="x"), "flags.f.rules[0].serve", "choose one of ['on', 'off']"),
    (rule({"percent": 5}, wehn=1), "flags.f.rules[0].wehn", "did you mean 'when'?"),
    (
        rule({"percent": 5}, serve={"split": {"on": 0}}),
        "flags.f.rules[0].serve.split",
        "let them add up to more than zero",
    ),
    (
        rule({"percent": 5}, serve={"split": []}),
        "flags.f.rules[0].serve.split",
        "give an object of numbers, by name",
    ),
    (rule("all"), WHEN, 'an object that says who: {"percent": 20}, say, not a text'),
    (rule({}), WHEN, "say more, by one of percent, all, any"),
    (rule({"attribute": "plan"}), WHEN, "say more, by one of equals, is_in"),
    (rule({"attribute": "plan", "equal": 1}), f"{WHEN}.equal", "did you mean 'equals'?"),
    (rule({"attribute": " ", "equals": 1}), f"{WHEN}.attribute", "give a text that isn't empty"),
    (rule({"attribute": "a", "equals": []}), f"{WHEN}.equals", "a time, not an array"),
    (rule({"attribute": "a", "equals": {"x": 1}}), f"{WHEN}.equals", "give a value, or a time as"),
    (rule({"attribute": "a", "equals": {"time": "x"}}), f"{WHEN}.equals.time", "give a time, such"),
    (rule({"attribute": "a", "equals": {"time": 1}}), f"{WHEN}.equals.time", "give a time, such"),
    (rule({"attribute": "a", "is_in": "abc"}), f"{WHEN}.is_in", "give an array, not a text"),
    (rule({"attribute": "a", "is_in": [1, None]}), f"{WHEN}.is_in[1]", "a time, not null"),
    (rule({"attribute": "a", "matches": "("}), f"{WHEN}.matches", "close the bracket"),
    (rule({"attribute": "a", "matches": 5}), f"{WHEN}.matches", "give a text"),
    (rule({"attribute": "a", "less_than": "5"}), f"{WHEN}.less_than", "give a number"),
    (rule({"attribute": "a", "exists": False}), f"{WHEN}.exists", 'put it under "not"'),
    (rule({"equals": 1}), WHEN, "add what is missing: attribute"),
    (rule({"group": "a", "percent": 5}), f"{WHEN}.percent", "this is no field of a group"),
    (rule({"percent": True}), f"{WHEN}.percent", "give a number between 0 and 100"),
    (rule({"percent": 10**400}), f"{WHEN}.percent", "give a number between 0 and 100"),
    (rule({"all": {}}), f"{WHEN}.all", "give an array of audiences, not an object"),
    (rule({"all": []}), f"{WHEN}.all", "give a tuple of one Audience or more"),
    (rule({"all": [{"group": "a"}, {"percent": 101}]}), f"{WHEN}.all[1].percent", "between 0 and"),
    (rule({"segment": "early"}), f"{WHEN}.segment", "there is none to choose"),
    (rule({"layer": "shop", "share": "on"}), f"{WHEN}.share", "choose one of ['one']"),
    (rule({"layer": "ship"}), f"{WHEN}.layer", "did you mean 'shop'?"),
    (rule({"layer": "x", "range": [1, 2, 3]}), f"{WHEN}.range", "give two percentages"),
    (rule({"since": "2026"}), f"{WHEN}.since", "give a time, such as"),
    (rule({"since": 2026}), f"{WHEN}.since", "give a time, such as"),
    (rule({"since": "2026-01-01", "zone": "x"}), f"{WHEN}.zone", "give a name such as"),
    (rule(nested(33, {"group": "a"})), f"{WHEN}.not", "nest audiences 32 deep"),
    (rule(nested(300, {"group": "a"}, "all")), "flags.f", "nest audiences and values less deeply"),
    ({"layers": {"a": {"holdback": 200}}}, "layers.a.holdback", "give a number between 0 and 100"),
    (
        {"flags": {"f": {"prerequisites": [{"flag": "g", "variants": ["on"]}]}}},
        "flags.f.prerequisites[0].flag",
        "choose one of ['f']",
    ),
    (
        {"flags": {"f": {"prerequisites": [{"flag": "f", "variants": ["on"]}]}}},
        "flags.f.prerequisites",
        "let none lead back",
    ),
    (
        {"flags": {"f": {"prerequisites": [{"flag": "g", "variants": ["x"]}]}, "g": {}}},
        "flags.f.prerequisites",
        "choose one of ['on', 'off']",
    ),
    (
        {"flags": {"f": {"prerequisites": [{"flag": "g", "variants": "on"}]}, "g": {}}},
        "flags.f.prerequisites[0].variants",
        "give an array, not a text",
    ),
    ({"segments": {"a": {"segment": "a"}}}, "segments.a.segment", "let no segment lead back"),
    ({"segments": {"": {"percent": 5}}}, 'segments.""', "give a text that isn't empty"),
]


@pytest.mark.parametrize(("tree", "field", "mend"), WRONG)
def test_what_is_wrong_is_said_with_its_place(tree: Any, field: str, mend: str) -> None:
    """The error has the path of what is wrong, and what to write instead."""
    error = refused(json.dumps(tree))
    assert field == error.field
    assert mend in error.mend
    assert (error,) == error.problems


def test_everything_that_is_wrong_is_said_at_once() -> None:
    """Of each layer, segment and flag the first fault is told, where it is."""
    tree: dict[str, Any] = {
        "layers": {"shop": {"holdback": "x"}},
        "segments": {
            "one": {"any": [{"segment": "other"}, {"segment": "third"}]},
            "other": {"percent": 101},
            "third": {"segment": "one"},
        },
        "flags": {"f": {"owner": 1}, "g": {}, "h": {"within": {"segment": "other"}, "x": 1}},
    }
    error = refused(json.dumps(tree))
    told = {each.field: each.mend for each in error.problems}
    assert [
        "layers.shop.holdback",
        "segments.other.percent",
        "segments.third.segment",
        "flags.f.owner",
        "flags.h.x",
    ] == [*told]
    assert str(error).splitlines() == [
        f"{each.field}={each.value!r}: {each.mend}" for each in error.problems
    ]
    tree["flags"] = {str(number): [] for number in range(1_000)}
    assert 100 == len(refused(json.dumps(tree)).problems)


PARSED: list[tuple[str, str | bytes, str, int | None]] = [
    ("json", '{\n"flags": {,}}', "Expecting property name", 2),
    ("json", '{"flags": {"f": {"variants": {"a": NaN}}}}', "NaN is no number", None),
    ("json", '{"flags": {"f": {"variants": {"a": -Infinity}}}}', "-Infinity is no number", None),
    ("json", f'{{"a": 1{"0" * 5_000}}}', "digits", None),
    ("json", "[" * 100_000, "nest less deeply", None),
    ("json", b'\n\n"\xff"', "save it as UTF-8", 3),
    ("json", '{"flags": {"\\ud800": {}}}', "half of a surrogate pair", None),
    ("json", "\ud800", "half of a surrogate pair", None),
    ("json", "{" + " " * LARGEST, "use 16,777,216 bytes at most", None),
    ("json", b"{" + b" " * LARGEST, "use 16,777,216 bytes at most", None),
    ("json", "é" * (LARGEST - 1), "use 16,777,216 bytes at most", None),
    ("toml", "\n[flags.a\n", "Expected ']'", 2),
    ("toml", "[flags.a]\nowner = 'x'\nowner = 'y'\n", "Cannot overwrite a value", 3),
    ("toml", "a = 1\na = 2", "Cannot overwrite a value (at end of document)", None),
    ("toml", f"a = 1{'0' * 5_000}", "digits", None),
    ("toml", "a = " + "[" * 100_000, "nest less deeply", None),
    ("toml", "\na" + ".b" * 1_000 + " = 1", "join 100 names at most", 2),
    ("toml", '\n"a"' + " . 'b'" * 1_000 + " = 1", "join 100 names at most", 2),
    ("toml", b"\xff", "save it as UTF-8", 1),
    ("yaml", "flags: {\n  a: ]", "expected the node content", 2),
    ("yaml", "flags:\n  a: {}\n  a: {}", "'a' is there twice", 3),
    ("yaml", "flags:\n  1: {}", "quote a name", 2),
    ("yaml", "flags: &a\n  b: *a", "use segments, not aliases", 2),
    ("yaml", "flags: !!map {}", "use no tags", 1),
    ("yaml", "a: {}\n---\nb: {}", "but found another document", 2),
    ("yaml", "a: \x00", "special characters are not allowed", None),
    ("yaml", f"a: 1{'0' * 5_000}", "digits", None),
    ("yaml", "[" * 1_000, "nest less deeply", None),
]


@pytest.mark.parametrize(("form", "text", "mend", "line"), PARSED)
def test_what_can_not_be_parsed_is_said_with_its_line(
    form: str, text: str | bytes, mend: str, line: int | None
) -> None:
    """The error has what is wrong with a text, and the line where a parser tells it."""
    error = refused(text, form)
    assert mend in error.mend
    assert line == error.line
    assert len(str(error)) < 1_000


@pytest.mark.parametrize(
    "place", ["", "flags", "flags.f", "flags.f.variants", "flags.f.variants.a"]
)
def test_a_name_that_is_there_twice_is_refused(place: str) -> None:
    """JSON lets an object have a name twice, and most parsers take the last one; this doesn't."""
    text = '{"x": 1, "x": 2}'
    for name in reversed(place.split(".") if place else []):
        text = f'{{"{name}": {text}}}'
    text = text.replace('"variants"', '"default": "a", "variants"')
    error = refused(text)
    assert (place, "x") == (error.field, error.value)
    assert "give each name once" == error.mend


def test_a_value_that_json_does_not_have_is_refused() -> None:
    """A value may be what every format has: no infinity, no dates, no endless nesting."""
    flag = {"variants": {"a": [1, {"b": 1e999}]}, "default": "a"}
    error = refused(json.dumps({"flags": {"f": flag}}).replace("Infinity", "1e999"))
    assert ("flags.f.variants.a[1].b", "give a finite number") == (error.field, error.mend)
    error = refused("[flags.f]\nvariants = { a = 2026-12-31 }\ndefault = 'a'", "toml")
    assert ("flags.f.variants.a", "give a text, such as") == (error.field, error.mend[:20])
    error = refused("[flags.f]\nvariants = { a = 10:00:00 }\ndefault = 'a'", "toml")
    assert "use JSON: texts" in error.mend
    deep = json.dumps({"flags": {"f": flag | {"variants": {"a": nested(64, [])}}}})
    assert "nest values 64 deep at most" == refused(deep).mend


def test_what_is_unknown_is_said_in_bounds() -> None:
    """Of names that are too long, or too many, the nearest isn't looked for."""
    name = "flags" * 100
    assert len(str(refused(json.dumps({name: 1})))) < 1_000
    segments = {f"s{number}": {"percent": 1} for number in range(2_000)}
    tree = {"segments": segments, **rule({"segment": "s20000"})}
    assert "choose one of ['s0'" in refused(json.dumps(tree)).mend


def test_there_may_be_too_many() -> None:
    """Flags are bounded in number, however short each of them is."""
    flags: dict[str, Any] = {str(number): {} for number in range(MOST_FLAGS + 1)}
    assert "use 50,000 at most" == refused(json.dumps({"flags": flags})).mend
    with pytest.raises(DefinitionError, match="use 50,000 at most"):
        Definitions(layers=map(Layer, flags))


def test_no_chain_of_segments_goes_too_deep() -> None:
    """Segments within segments are bounded as audiences are, in whatever order they stand."""
    for step in (1, -1):
        names = [f"s{number}" for number in range(1_000)]
        chain: dict[str, Any] = {
            one: {"segment": other} for one, other in itertools.pairwise(names)
        }
        chain["s999"] = {"percent": 5}
        tree = {"segments": {name: chain[name] for name in names[::step]}}
        assert "nest audiences" in refused(json.dumps(tree)).mend


def test_no_chain_of_prerequisites_goes_too_far() -> None:
    """Prerequisites of prerequisites are bounded, in whatever order they stand."""
    for step in (1, -1):
        flags: dict[str, Any] = {
            f"f{number}": {"prerequisites": [{"flag": f"f{number + 1}", "variants": ["on"]}]}
            for number in range(100)
        }
        flags["f100"] = {}
        tree = {"flags": dict([*flags.items()][::step])}
        assert "use 32 at most" in refused(json.dumps(tree)).mend


EARLY = Definitions([FeatureFlag.boolean("f", when=Percentage(5) | Group("staff"))])


def at(depth: int, call: Callable[[], object]) -> object:
    """Call a function from so many others."""
    return at(depth - 1, call) if depth else call()


@pytest.mark.parametrize(
    "call", [lambda: loads(TEXT, format="toml"), lambda: dumps(EARLY)], ids=["loads", "dumps"]
)
def test_however_deep_the_stack_is_one_kind_of_error_comes(call: Callable[[], object]) -> None:
    """Who is almost out of stack is told as anybody else is."""
    told: set[str] = set()
    for depth in range(sys.getrecursionlimit()):
        try:
            at(depth, call)
        except DefinitionsInvalidError as error:
            told.add(error.mend)
        except RecursionError:  # before it was called, or while the error was made
            continue
    assert any("nest less deeply" in mend for mend in told)


def test_whatever_is_read_equal_leaves_are_one() -> None:
    """Flags share the audiences that they have in common; true isn't 1."""
    leaves = [{"attribute": "a", "equals": value} for value in (1, True, 1.0, 1, True)]
    when = loads(json.dumps(rule({"all": leaves}))).flags["f"].rules[0].when
    assert [int, bool, float, int, bool] == [type(each.values[0]) for each in when.parts]  # type: ignore[attr-defined]
    assert when.parts[0] is when.parts[3]


def test_fields_of_the_schema_are_the_operators() -> None:
    """Whatever an attribute can be compared by, a document can say."""
    assert {*comparisons.OPERATORS} == {*forms.COMPARISONS}
    assert {*OPERANDS} == {*forms.COMPARISONS}


# The schema


def kinds() -> dict[str, Any]:
    """Return a small right document with an object of each kind in it, by the kind."""
    flag = {"variants": {"on": 1}, "default": "on", "within": {"percent": 5}}
    rules = [{"serve": {"split": {"on": 1}}, "when": {"percent": 5}}]
    asked = [{"flag": "other", "variants": ["on"]}]
    document = {"flags": {"other": {}, "f": flag | {"rules": rules, "prerequisites": asked}}}
    return document | {"layers": {"shop": {"shares": {"one": 40}}}}


def objects(tree: Any) -> list[dict[str, Any]]:
    """Return the objects of a tree that have fields, and not names."""
    named = ("flags", "layers", "segments", "variants", "shares", "split")
    found = [tree] if isinstance(tree, dict) else []
    for name, part in tree.items() if isinstance(tree, dict) else enumerate(tree):
        if isinstance(part, dict | list):
            inner = objects(part)
            found += inner[1:] if name in named else inner
    return found


@pytest.mark.parametrize("number", range(len(objects(kinds()))))
@pytest.mark.parametrize("change", ["add", "drop", "null", "type"])
def test_what_has_another_structure_is_refused_by_both(number: int, change: str) -> None:
    """Unknown and missing fields, nulls and other types: loader and schema agree."""
    for name in [*objects(kinds())[number]]:
        tree = kinds()
        place = objects(tree)[number]
        if change == "add":
            place["unknown"] = 1
        elif change == "drop":
            del place[name]
        else:
            place[name] = None if change == "null" else 5.5 if name != "percent" else "5.5"
        valid = VALIDATOR.is_valid(tree)
        try:
            loads(json.dumps(tree))
        except DefinitionsInvalidError:
            # An enum of names can't be said in a schema: who requires what isn't there.
            assert not valid or (change == "drop" and name == "flags")
        else:
            assert valid


def test_the_schema_is_published_as_it_is() -> None:
    """The file in the docs is what the tables say, and a schema."""
    jsonschema.Draft202012Validator.check_schema(schema())
    path = Path(__file__).parents[1] / "docs" / "reference" / "definitions.schema.json"
    told = "write it: python -c 'from safedeploy.documents.schemas import text; print(text())'"
    assert path.read_text(encoding="utf-8").strip() == published().strip(), told


# What is written


LAYER = Layer("shop", {"one": 40, "other": 30}, holdback=10)


def unwritable(flag: FeatureFlag[Any], form: str = "json") -> DefinitionsInvalidError:
    """Return what is said of a flag that can't be written."""
    with pytest.raises(DefinitionsInvalidError) as caught:
        dumps(Definitions([flag]), format=form)
    return caught.value


def with_value(value: Any) -> FeatureFlag[Any]:
    """Return a flag with a value."""
    return FeatureFlag("f", {"a": value}, "a")


class Plan(enum.StrEnum):
    BETA = "beta"


@attrs.frozen
class Nobody(Audience):
    """An audience of the host's own."""

    def predicate(self, salt: str, now: Any = None) -> Any:
        raise NotImplementedError  # it is refused before anybody asks it

    def told(self, context: Any, salt: str, now: Any = None) -> str:
        raise NotImplementedError  # it is refused before anybody asks it


UNWRITABLE: list[tuple[FeatureFlag[Any], str, str]] = [
    (with_value(Plan.BETA), "flags.f.variants.a", "use JSON: texts"),
    (with_value([(1, 2)]), "flags.f.variants.a[0]", "use JSON: texts"),
    (with_value({1: 2}), "flags.f.variants.a", "let names be texts"),
    (with_value(math.inf), "flags.f.variants.a", "give a finite number"),
    (with_value(datetime(2026, 1, 1, tzinfo=UTC)), "flags.f.variants.a", "give a text, such as"),
    (with_value(nested(100, [])), "flags.f.variants.a" + 64 * ".not", "nest values 64 deep at"),
    (FeatureFlag.boolean("f", ignores=(KeyError,)), "flags.f.ignores", "keep a flag that ignores"),
    (FeatureFlag.boolean("f", when=Nobody()), f"{WHEN}", "use audiences of this library"),
    (
        FeatureFlag.boolean("f", when=Attribute("plan").equals(Plan.BETA)),
        f"{WHEN}.equals",
        "an enum's member is known to code only",
    ),
    (
        FeatureFlag.boolean("f", when=Attribute("plan").is_in([1, Plan.BETA])),
        f"{WHEN}.is_in[1]",
        "an enum's member is known to code only",
    ),
    (
        FeatureFlag.boolean("f", when=Schedule(datetime(2026, 10, 25, 2, fold=1))),  # noqa: DTZ001
        f"{WHEN}.since",
        "give a time with its offset",
    ),
]


@pytest.mark.parametrize(("flag", "field", "mend"), UNWRITABLE)
def test_what_only_code_knows_is_not_written(flag: FeatureFlag[Any], field: str, mend: str) -> None:
    """What would read as something else is refused, with its place."""
    error = unwritable(flag)
    assert field == error.field
    assert mend in error.mend


def test_what_a_format_can_not_say_is_not_written() -> None:
    """TOML has no null, and no format has half of a character."""
    error = unwritable(with_value([{"b": None}]), "toml")
    assert ("flags.f.variants", None) == (error.field, error.value)
    assert "TOML has no null" in error.mend
    assert "half of a surrogate pair" in unwritable(with_value("\ud800")).mend
    assert "16,777,216 bytes at most" in unwritable(with_value("é" * (LARGEST // 2))).mend


def test_an_unknown_format_is_refused() -> None:
    """The formats that there are are named."""
    for ask in (lambda: loads("{}", format="jsom"), lambda: dumps(Definitions(), format="jsom")):
        with pytest.raises(DefinitionsInvalidError, match="did you mean 'json'"):
            ask()
    nothing: Any = None
    with pytest.raises(DefinitionsInvalidError, match="give a str or bytes"):
        loads(nothing)
    with pytest.raises(DefinitionsInvalidError, match="choose one of"):
        loads("{}", format=nothing)


@pytest.mark.parametrize("prefix", ["", "\ufeff"])
@every_format
def test_a_byte_order_mark_is_passed_over(prefix: str, form: str) -> None:
    """Some editors begin a file with one; it says nothing."""
    text = prefix + dumps(Definitions([FeatureFlag.boolean("f")]), format=form)
    assert ["f"] == [*loads(text, format=form).flags] == [*loads(text.encode(), format=form).flags]


def test_toml_and_its_times_read_as_texts_do() -> None:
    """TOML has days and times of its own; they may be written without quotes."""
    text = """
    [flags.f]
    expires = 2026-12-31
    within = { attribute = "at", before = 2026-12-31T00:00:00Z }
    [[flags.f.rules]]
    serve = "on"
    when = { since = 2026-01-01T09:00:00, zone = "Europe/Berlin" }
    [[flags.f.rules]]
    serve = "on"
    when = { attribute = "at", equals = { time = 2026-12-31T00:00:00Z } }
    """
    read = loads(text, format="toml")
    assert read == loads(dumps(read)) == loads(dumps(read, format="toml"), format="toml")
    assert date(2026, 12, 31) == read.flags["f"].expires


def test_yaml_means_what_json_would() -> None:
    """What YAML once took for truth values, or for numbers of minutes, is a text; so is a day."""
    text = """
    flags:
      f:
        expires: 2026-12-31
        variants: {on: yes, off: 1:30, a: 010, b: 0x1f, c: .5, d: ~, e: 1.5, f: -3, g: true}
        default: on
    """
    read = loads(text, format="yaml").flags["f"]
    assert date(2026, 12, 31) == read.expires
    assert {
        "on": "yes",
        "off": "1:30",
        "a": "010",
        "b": "0x1f",
        "c": ".5",
        "d": None,
        "e": 1.5,
        "f": -3,
        "g": True,
    } == dict(read.variants)


def test_yaml_needs_an_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where PyYAML isn't installed, the error names the extra."""
    monkeypatch.setitem(sys.modules, "yaml", None)
    for ask in (lambda: loads("{}", format="yaml"), lambda: dumps(Definitions(), format="yaml")):
        with pytest.raises(DefinitionsInvalidError, match=r"pip install 'safedeploy\[yaml\]'"):
            ask()


TEXT = """\
[layers.shop]
shares = { one = 40, other = 30 }
holdback = 10

[segments.early]
any = [{ group = "staff" }, { percent = 12.5 }]

[flags.checkout]
description = "one page"
variants = { old = "classic", new = "one-page" }
default = "old"
within = { layer = "shop", share = "one" }

[[flags.checkout.prerequisites]]
flag = "a.b"
variants = ["on"]

[[flags.checkout.rules]]
serve = "new"
when = { all = [
  { attribute = "plan", is_in = ["beta", "staff", "partner"] },
  { attribute = "app", version_at_least = "2.1" },
  { segment = "early" },
] }

[[flags.checkout.rules]]
serve = { split = { old = 50, new = 50 }, of = "tenant" }
when = { layer = "shop" }

[flags."a.b"]
"""


def test_what_is_written_is_as_people_write() -> None:
    """TOML is written in tables, with short lines, and without what is so by default."""
    assert TEXT == dumps(loads(TEXT, format="toml"), format="toml")
    other = FeatureFlag.boolean("a.b")
    early = Segment("early", Group("staff") | Percentage(12.5))
    plan = Attribute("plan").is_in(["beta", "staff", "partner"])
    flag = (
        FeatureFlag(
            "checkout",
            {"old": "classic", "new": "one-page"},
            "old",
            within=LAYER.share("one"),
            description="one page",
        )
        .require(other, "on")
        .serve("new", when=plan & Attribute("app").version_at_least("2.1") & early)
        .serve(Split({"old": 50, "new": 50}, of="tenant"), when=LAYER.everybody)
    )
    assert Definitions([flag, other], layers=[LAYER]) == loads(TEXT, format="toml")


# Definitions as a value


def test_flags_know_those_that_they_require() -> None:
    """A prerequisite is bound to the flag of its key beside it, whatever came first."""
    old, new = FeatureFlag.boolean("b"), FeatureFlag.boolean("b").serve("on")
    flag = FeatureFlag.boolean("a").require(old, "on")
    last = FeatureFlag.boolean("c").require(flag, "on")
    for order in ([last, flag, new], [new, flag, last]):
        made = Definitions(order)
        assert made.flags["a"].prerequisites[0].flag is new
        assert made.flags["c"].prerequisites[0].flag is made.flags["a"]
    assert Definitions([flag, old]).flags["a"] is flag
    read = loads(dumps(Definitions([last, flag, new])))
    assert read.flags["c"].prerequisites[0].flag is read.flags["a"]


def test_a_flag_may_require_one_that_is_known_elsewhere() -> None:
    """What isn't in a document has to be given with it, or it would be a misspelt key for ever."""
    other = FeatureFlag.boolean("other")
    text = dumps(Definitions([FeatureFlag.boolean("a").require(other, "on")]))
    assert "did you mean" not in refused(text).mend
    assert loads(text, known=[other]).flags["a"].prerequisites[0].flag is other


def test_segments_of_flags_are_added() -> None:
    """Definitions have all segments that are named in them, also within each other."""
    inner = Segment("inner", Percentage(5))
    outer = Segment("outer", inner | Group("staff"))
    flag = FeatureFlag.boolean("f", when=~outer, within=Segment("inner", Percentage(5)))
    made = Definitions([flag])
    assert {"inner", "outer"} == {*made.segments}
    assert made == Definitions([flag], [outer]) == Definitions({"f": flag}, {"inner": inner})
    with pytest.raises(DefinitionError, match="let it be one audience everywhere") as caught:
        Definitions([flag], [Segment("inner", Percentage(6))])
    assert "segments.inner" == caught.value.field


def test_definitions_are_checked() -> None:
    """Each stands under its own key, once, and is what it should be."""
    flag = FeatureFlag.boolean("f")
    bad: Any
    for bad, mend in (
        (5, "give an iterable of FeatureFlags"),
        ([5], "give FeatureFlags"),
        ([flag, flag], "give each key once"),
        ({"g": flag}, "let each stand under its key"),
    ):
        with pytest.raises(DefinitionError, match=mend):
            Definitions(bad)
    lost = FeatureFlag("a", {"x": 1}, "x", prerequisites=[Prerequisite("b", "x")])
    other = FeatureFlag("b", {"x": 1}, "x", prerequisites=[Prerequisite("a", "x")])
    with pytest.raises(DefinitionError, match="let none lead back") as caught:
        Definitions([lost, other])
    assert "flags.b.prerequisites" == caught.value.field
    assert lost == Definitions([lost]).flags["a"]
