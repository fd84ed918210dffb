"""Blueprints: plans as data."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import attrs
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from safedeploy import (
    Answer,
    Approval,
    Burn,
    Change,
    Check,
    Component,
    ErrorRate,
    HealthModel,
    Latency,
    Objective,
    Percentage,
    Plan,
    Rate,
    Ring,
    RollbackPolicy,
    Threshold,
    Traffic,
    Usage,
    UserReports,
    Verdict,
    Within,
    at_least,
    between,
    business_hours,
    days,
    since,
    spans,
)
from safedeploy.blueprints import CHOICES, TABLES, Blueprint, parse, read, sorts, write
from safedeploy.errors import DefinitionError
from safedeploy.testing import FakeTarget
from tests.test_records import Ceiling, plans

HOUR = timedelta(hours=1)

TOML = """
holdback = 10
must_see = 3
before = ["reviewed", { kind = "Check", name = "scanned", every = "10 min" }]
waive = { one-ring = "a small shop" }

[traffic]
per_minute = 600
failing = 0.01

[[rings]]
name = "canary"
percent = 1
bake = "1 h 30 min"

[[rings]]
name = "everyone"
percent = 100
bake = "1 d"
gates = [
    { kind = "Approval", role = "release managers", quorum = 2 },
    { kind = "Within", window = { kind = "Days", days = ["Monday to Friday"] } },
]

[health]
alpha = 0.02
signals = [
    { kind = "ErrorRate", tolerate = 1.25, severity = "INVESTIGATE" },
    { kind = "Usage", at_least = 100 },
]
"""

PLAN = Plan(
    before=(Check("reviewed"), Check("scanned", every=timedelta(minutes=10))),
    rings=(
        Ring("canary", percent=1, bake=1.5 * HOUR),
        Ring(
            "everyone",
            percent=100,
            bake=24 * HOUR,
            gates=(Approval("release managers", quorum=2), Within(days("Monday to Friday"))),
        ),
    ),
    health=HealthModel(
        ErrorRate(tolerate=1.25, severity=Verdict.INVESTIGATE), Usage(at_least=100), alpha=0.02
    ),
    holdback=10,
    must_see=3,
)

RICH = Plan(
    before=(
        at_least(1, Check("a", holds_for=HOUR, timeout=HOUR, expires=HOUR), Approval("ops"))
        & Approval("managers", people={"person-2", "person-1"}, expires=2 * HOUR),
        Within(
            (business_hours("Europe/Berlin") | since("2030-01-01"))
            & ~between("2026-12-18 17:00", datetime(2027, 1, 4, tzinfo=UTC)),
            name="hours",
        ),
    ),
    rings=(
        Ring(
            "all",
            percent=100,
            bake=HOUR,
            minimum_bake=HOUR / 2,
            deadline=9 * HOUR,
            after=(Check("b"),),
            target="production",
            environment="live",
        ),
    ),
    health=HealthModel(
        ErrorRate(margin=1.5, of="timeout"),
        Latency(quantile=0.99),
        Rate("crash", at_most=0.1),
        Objective(0.99, burns=(Burn(9, HOUR, Verdict.INVESTIGATE),)),
        Threshold("depth", at_most=9.5, no_data=Verdict.HALT),
        UserReports(),
        waive={"usage": "a batch"},
        components=[Component("db", [ErrorRate()]), Component("web", [ErrorRate()], ["db"])],
        unfinished_after=timedelta(seconds=9),
    ),
    on_issue=RollbackPolicy.roll_back(ask=True),
    alert_deadline=timedelta(0),
    assess_every=timedelta(milliseconds=1500),
    target=FakeTarget("elsewhere"),
)


def small(**changed: Any) -> dict[str, Any]:
    """Return the data of a small plan, changed as is said."""
    data: dict[str, Any] = {
        "rings": [{"name": "all", "percent": 50, "bake": "1 h"}],
        "health": {"signals": [{"kind": "Usage", "at_least": 1}]},
    }
    return data | changed


def refused(data: Any, **given: Any) -> DefinitionError:
    """Read data that can't be read, and return why."""
    with pytest.raises(DefinitionError) as error:
        read(data, **given)
    return error.value


# There and back


def test_a_text_makes_a_plan() -> None:
    """A document in TOML is the plan that Python would write."""
    found = read(parse(TOML, "toml"))

    assert (
        Blueprint(
            plan=PLAN,
            traffic=Traffic(per_minute=600, failing=0.01),
            waive={"one-ring": "a small shop"},
        )
        == found
    )
    assert PLAN.digest == found.plan.digest


@pytest.mark.parametrize("plan", [PLAN, RICH], ids=["small", "rich"])
def test_what_is_written_is_read(plan: Plan) -> None:
    """Every kind that a document can hold comes back as it was, through JSON too."""
    text = json.dumps(write(plan), allow_nan=False)

    assert plan == read(parse(text, "json")).plan
    assert write(plan) == write(read(write(plan)).plan)


@given(plans())
def test_any_plan_comes_back(plan: Plan) -> None:
    """What is read of what is written is equal, and has the same digest."""
    model = plan.health
    ours = [signal for signal in model.signals if not isinstance(signal, Ceiling)]
    parts = [it for it in model.components if not isinstance(it.signals[0], Ceiling)]
    health = HealthModel(
        *(ours or [Usage(at_least=1)]), alpha=model.alpha, waive=model.waive, components=parts
    )
    plan = attrs.evolve(plan, health=health)
    text = json.dumps(write(plan), ensure_ascii=False)
    assume(text.encode(errors="ignore").decode() == text)  # no file holds half a character
    again = read(parse(text, "json")).plan

    assert plan == again
    assert plan.digest == again.digest


def test_a_document_is_short() -> None:
    """What has its default isn't written, and a check of defaults is its name."""
    ring = {"name": "all", "percent": 50.0, "bake": "1 h", "gates": ["reviewed"]}
    written = write(read(small(rings=[ring])).plan)

    assert {"rings": [ring], "health": {**small()["health"], "alpha": 0.01}} == written


@pytest.mark.parametrize(
    ("health", "field", "what"),
    [
        (HealthModel(Ceiling(1), Usage(at_least=1)), "health.signals[0]", "Ceiling"),
        (
            HealthModel(Usage(at_least=1), strata={"staff": Percentage(1)}),
            "health.strata.staff",
            "Percentage",
        ),
    ],
)
def test_what_only_code_can_make_is_not_written(health: HealthModel, field: str, what: str) -> None:
    """A host's own signals and strata stay in code, and are refused by their place."""
    with pytest.raises(DefinitionError) as error:
        write(attrs.evolve(PLAN, health=health))

    assert (field, what) == (error.value.field, error.value.value)


def test_a_document_can_hold_every_field_but_strata() -> None:
    """A field that a kind gains needs a form in blueprints, or is left to code by name."""
    kinds = [*TABLES.values(), *(kind for each in CHOICES.values() for kind in each.values())]
    left = {
        (kind.__name__, name)
        for kind in kinds
        for name, sort in sorts.fields(kind).items()
        if not {*re.findall(r"\w+", sort)} <= KNOWN and not sort.startswith("Literal[")
    }

    assert {("HealthModel", "strata")} == left


KNOWN = {
    "tuple",
    "frozenset",
    "Mapping",
    "None",
    "str",
    "bool",
    "int",
    "float",
    "datetime",
    "timedelta",
    "Verdict",
    "OnNewVersion",
    "Named",
    *TABLES,
    *CHOICES,
}


# Targets by name


def test_targets_and_environments_are_names() -> None:
    """Whoever opens an engine gives it what they stand for; a plan in Python may bring it along."""
    written = write(RICH)

    assert "elsewhere" == written["target"]
    assert ("production", "live") == (
        written["rings"][0]["target"],
        written["rings"][0]["environment"],
    )


# Checks by name


def opened(change: Change) -> Answer:
    return Answer.OPENS


def test_functions_are_given_by_name() -> None:
    """A document names checks; who reads it says what they run."""
    plan = read(small(before=["a", "b"]), checks={"a": opened}).plan

    assert [opened, None] == [gate.run for gate in plan.before if isinstance(gate, Check)]


def test_a_function_for_no_check_is_refused() -> None:
    """A name that was misspelt doesn't leave a check unanswered."""
    error = refused(small(before=["reviewed"]), checks={"reviewd": opened})

    assert ("checks.reviewd", "choose one of reviewed") == (error.field, error.mend)
    assert "leave it out: there is none" == refused(small(), checks={"a": opened}).mend


# What can't be


RING = {"name": "all", "percent": 50}


@pytest.mark.parametrize(
    ("data", "field", "mend"),
    [
        ([], "document", "give a table"),
        ({1: 2}, "document", "give a table"),
        ({}, "rings", "give Plan its rings"),
        (small(ring=[]), "ring", "choose one of rings"),
        (small(rings={}), "rings", "give a list"),
        (small(rings=[]), "rings", "give one ring at least"),
        (small(rings=["all"]), "rings[0]", "give a table"),
        (small(rings=[{"name": "all"}]), "rings[0].percent", "give Ring its percent"),
        (small(rings=[RING | {"percent": 200}]), "rings[0].percent", "give"),
        (small(rings=[RING, RING | {"name": "b", "bakes": 1}]), "rings[1].bakes", "choose one of"),
        (small(rings=[RING | {"bake": "1 week"}]), "rings[0].bake", 'give a time, such as "1 h'),
        (small(rings=[RING | {"bake": 3600}]), "rings[0].bake", "give a time"),
        (small(rings=[RING | {"target": ""}]), "rings[0].target", "give a name"),
        (small(rings=[RING | {"environment": {}}]), "rings[0].environment", "give a name"),
        (small(target=[1]), "target", "give a name"),
        (small(rings=[RING | {"gates": [7]}]), "rings[0].gates[0]", "give a table"),
        (small(before=[{"name": "a"}]), "before[0].kind", "choose one of Approval, AtLeast, Check"),
        (small(before=[{"kind": "Chek"}]), "before[0].kind", "choose one of Check"),
        (small(before=[{"kind": ["Check"]}]), "before[0].kind", "choose one of"),
        (small(before=[{"kind": "Check"}]), "before[0].name", "give Check its name"),
        (small(before=[{"kind": "Check", "name": 7}]), "before[0].name", "give a text"),
        (
            small(before=[{"kind": "Check", "name": "a", "run": "os.system"}]),
            "before[0].run",
            "cho",
        ),
        (small(health={}), "health.signals", "give HealthModel its signals"),
        (small(health={"signals": []}), "health.signals", "give one or more"),
        (small(health={"signals": [{"kind": "Mood"}]}), "health.signals[0].kind", "choose one of"),
        (
            small(health={"signals": [{"kind": "Usage", "at_least": 1, "no_data": "HAL"}]}),
            "health.signals[0].no_data",
            "choose one of HALT",
        ),
        (
            small(health={"signals": [{"kind": "Usage", "at_least": 1, "no_data": 5}]}),
            "health.signals[0].no_data",
            "choose one of",
        ),
        (
            small(health={**small()["health"], "strata": {"a": {}}}),
            "health.strata.a",
            "make it in code",
        ),
        (
            small(health={**small()["health"], "components": [{"name": "", "signals": []}]}),
            "health.components[0].name",
            "give a text",
        ),
        (
            small(health={"signals": [{"kind": "Threshold", "metric": "a", "at_most": "b"}]}),
            "health.signals[0].at_most",
            "give",
        ),
        (small(traffic={}), "traffic.per_minute", "give Traffic its per_minute"),
        (small(traffic=7), "traffic", "give a table"),
        (small(traffic={"per_minute": 0, "failing": 0}), "traffic.per_minute", "give a number"),
        (small(waive="all"), "waive", "give a table"),
        (small(alert_deadline="9999999999 d"), "alert_deadline", "give a time"),
    ],
    ids=str,
)
def test_what_cannot_be_is_said_with_its_place(data: Any, field: str, mend: str) -> None:
    """Every refusal names the way to what is wrong, and what to write instead."""
    error = refused(data)

    assert field == error.field
    assert error.mend.startswith(mend)


@pytest.mark.parametrize(
    ("text", "form", "mend"),
    [
        ("a = ", "toml", "make it TOML: Invalid value (at end of document)"),
        ("a = 1\na = 2", "toml", "make it TOML: Cannot overwrite a value"),
        ("{", "json", "make it JSON: "),
        ('{"a": 1, "a": 2}', "json", "give it once"),
        ('{"a": NaN}', "json", "make it JSON: NaN is no number"),
        ("[" * 100_000, "json", "make it JSON: nest less deeply"),
        (b"a = '\xff'", "toml", "save it as UTF-8"),
        (r'{"a": "\ud800"}', "json", "use whole characters"),
        ("[]", "json", "give a table"),
        ("a: 1", "yaml", 'give "toml" or "json"'),
    ],
    ids=str,
)
def test_a_text_that_is_no_document_is_refused(text: str | bytes, form: str, mend: str) -> None:
    """What isn't of its form is said in the parser's words."""
    with pytest.raises(DefinitionError) as error:
        parse(text, form)

    assert error.value.mend.startswith(mend)


def test_a_text_that_is_too_large_is_refused() -> None:
    """Before anything looks at what is in it."""
    with pytest.raises(DefinitionError, match="use 16,777,216 bytes at most"):
        parse(" " * (2**24 + 1), "toml")


def test_what_is_nested_too_deeply_is_refused() -> None:
    """No document overflows the stack."""
    gate: dict[str, Any] = {"kind": "Check", "name": "a"}
    for _ in range(5000):
        gate = {"kind": "AtLeast", "count": 1, "gates": [gate]}

    assert "nest it less deeply" == refused(small(before=[gate])).mend


names = st.sampled_from(
    ["kind", "name", "rings", "percent", "health", "signals", "before", "gates", "window", "count"]
)
words = st.sampled_from(["Check", "AtLeast", "Within", "Days", "Usage", "ErrorRate", "1 h", "a"])
junk = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | words,
    lambda some: st.lists(some, max_size=3) | st.dictionaries(names, some, max_size=4),
)


@given(st.dictionaries(names, junk, max_size=3))
def test_nothing_else_is_raised(data: Mapping[str, Any]) -> None:
    """Whatever a document holds, it makes a plan or is refused with a mend."""
    for document in (data, small(**data)):
        try:
            read(document)
        except DefinitionError as error:
            assert error.mend  # noqa: PT017 - it may be raised, or not


@given(st.data())
def test_a_changed_document_is_refused_or_read(data: st.DataObject) -> None:
    """One value of a good document changed to anything makes a plan, or is refused."""
    document = parse(TOML, "toml")
    spot: Any = document
    while True:
        key = data.draw(st.sampled_from([*(spot if isinstance(spot, dict) else range(len(spot)))]))
        if not spot[key] or not isinstance(spot[key], dict | list) or data.draw(st.booleans()):
            break
        spot = spot[key]
    spot[key] = data.draw(junk)
    try:
        read(document)
    except DefinitionError as error:
        assert error.mend  # noqa: PT017 - it may be raised, or not


# Times


@given(st.timedeltas(timedelta(0), timedelta(days=999_999_999)))
def test_a_time_comes_back_exactly(span: timedelta) -> None:
    """What is written of a time makes it again, to the microsecond."""
    assert span == spans.read(spans.exact(span))


@pytest.mark.parametrize(
    ("text", "span"),
    [
        ("90 min", 1.5 * HOUR),
        ("1.5 h", 1.5 * HOUR),
        ("1h 30min", 1.5 * HOUR),
        ("0.000001 s", timedelta(microseconds=1)),
        ("0.0000001 s", None),
        ("0.00001 d", timedelta(microseconds=864_000)),
        ("-1 h", None),
        ("1", None),
        ("", None),
        ("1 h,", None),
        ("1 h  1 min", None),
        ("999999999999 d", None),
        ("٣ h", None),
    ],
)
def test_times_are_read(text: str, span: timedelta | None) -> None:
    """Numbers and units, with or without a space between them; anything else is no time."""
    assert span == spans.read(text)


def test_times_are_written_in_units() -> None:
    """Each unit that isn't zero, the largest first."""
    assert "0 s" == spans.exact(timedelta(0))
    assert "1 d 2 h 3 min 4.05 s" == spans.exact(timedelta(1, 4.05, hours=2, minutes=3))
    assert "1 d" == spans.exact(timedelta(1))


# Documentation


def test_the_page_names_every_kind() -> None:
    """The reference lists the kinds that a file can hold, and its example is one."""
    page = Path(__file__).parents[1] / "docs" / "reference" / "plan-files.md"
    text = page.read_text(encoding="utf-8")
    rows = dict(re.findall(r"^\| an? (\w+) \| (.*) \|$", text, re.MULTILINE))
    [example] = re.findall(r"```toml\n(.*?)```", text, re.DOTALL)

    assert {kind.lower(): [*kinds] for kind, kinds in CHOICES.items()} == {
        name: re.findall(r"`(\w+)`", told) for name, told in rows.items()
    }
    document = read(parse(example, "toml"))
    document.plan.lint(document.traffic, waive=document.waive)
