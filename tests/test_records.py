"""Records: every event survives as text, and no text does harm."""

import enum
import json
import math
import traceback
from collections.abc import Iterator, Mapping
from copy import deepcopy
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from types import MappingProxyType
from typing import Any, get_args

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from safedeploy import events
from safedeploy.audiences import (
    Allocation,
    Attribute,
    Audience,
    Everyone,
    Group,
    Percentage,
    Schedule,
    Segment,
    Split,
)
from safedeploy.blocks import Block, Part
from safedeploy.changes import Change, ChangeKind, Provenance
from safedeploy.circuits import FailureRate, Failures, SlowCallRate, TripsWhen
from safedeploy.components import Component
from safedeploy.contexts import Context
from safedeploy.deliveries import Delivered, Stage
from safedeploy.digests import digest, is_default
from safedeploy.errors import DefinitionError, JournalInvalidError
from safedeploy.events import Event, Unknown
from safedeploy.flags import FeatureFlag, Rule
from safedeploy.gates import Answer, Approval, Check, Gate, Within, at_least
from safedeploy.health import HealthModel
from safedeploy.kinds import KINDS as KINDS_OF_THE_LIBRARY
from safedeploy.overrides import Override
from safedeploy.people import Person
from safedeploy.plans import OnNewVersion, Plan, Ring
from safedeploy.records import Codec
from safedeploy.rings import Place
from safedeploy.rollbacks import RollbackPolicy
from safedeploy.signals import (
    Burn,
    Criteria,
    ErrorRate,
    Health,
    Latency,
    Objective,
    Pace,
    Rate,
    Reading,
    Rhythm,
    Sides,
    Threshold,
    Throughput,
    Usage,
    UserReports,
    Window,
)
from safedeploy.statistics import Dispersion, LabelTest, LatencyTest, MarginTest, RateTest
from safedeploy.trips import Calls, Trip
from safedeploy.verdicts import Against, Counts, Evidence, Finding, Measurement, Scope, Verdict
from safedeploy.windows import between, business_hours, days, since
from tests.laws.histories import Step, histories, stream
from tests.laws.shops import Shop

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
UNTOLD = datetime.min.replace(tzinfo=UTC)
WHO = "ada@example.com"


class Colour(enum.Enum):
    RED = "#f00"
    BLUE = "#00f"
    AZURE = "#00f"  # noqa: PIE796 - another name of it


class Shade(enum.IntEnum):
    LIGHT = 1


class Nest:
    """Where names are of two words."""

    class Colour(enum.Enum):
        """Another one of that name."""

        RED = 1

    @attrs.frozen
    class Egg:
        """Not registered."""

        name: str


@attrs.frozen
class Streak:
    _days: int
    note: str = attrs.field(default="", eq=False)


@attrs.frozen
class Ceiling:
    """A signal of a host's."""

    at_most: float
    streak: Streak = Streak(0)

    name = "ceiling"
    spends_alpha = False

    def start(self) -> Streak:
        return self.streak

    def enter(self, memory: Streak) -> Streak:
        return memory

    def observe(self, memory: Streak, measurement: Measurement, progress: float) -> Streak:
        return memory

    def judge(self, memory: Streak, health: Health, criteria: Criteria) -> Finding:
        return Finding(self.name, Verdict.PASS, "")

    def can_notice(self, criteria: Criteria) -> bool:
        return True


KINDS: tuple[type, ...] = (Colour, Nest.Colour, Shade, Streak, Ceiling)
CODEC = Codec(KINDS)


# What events are made of, as Hypothesis draws it

texts = st.text(st.characters(exclude_categories=()), max_size=5)
names = texts.filter(str.strip)
counts = st.integers(0, 10**20)
finite = st.floats(allow_nan=False, allow_infinity=False)
numbers = st.integers() | st.floats(allow_nan=False)
zones = st.sampled_from([UTC, timezone(timedelta(hours=-3)), timezone(timedelta(hours=14))])
moments = st.datetimes(datetime(2, 1, 1), datetime(9998, 1, 1), timezones=zones)  # noqa: DTZ001


@st.composite
def leaves(draw: st.DrawFn) -> Any:
    """Draw a value that holds no others."""
    times = st.datetimes() | moments | st.timedeltas()
    members = st.sampled_from([*Colour, *Nest.Colour, *Shade, *Verdict, *Answer])
    plain = st.none() | st.booleans() | numbers | texts
    return draw(plain | times | members | st.builds(Streak, numbers))


hashable = st.recursive(
    leaves(), lambda some: st.lists(some, max_size=2).map(tuple) | st.frozensets(some, max_size=2)
)
values = st.recursive(
    hashable,
    lambda some: (
        st.lists(some, max_size=2)
        | st.lists(some, max_size=2).map(tuple)
        | st.sets(hashable, max_size=2)
        | st.dictionaries(hashable, some, max_size=2)
        | st.dictionaries(hashable, some, max_size=2).map(MappingProxyType)
    ),
    max_leaves=5,
)
scalars = st.booleans() | st.integers() | finite | texts | moments
comparisons = st.builds(Attribute, names).flatmap(
    lambda named: st.one_of(
        st.builds(named.equals, scalars),
        st.builds(named.is_in, st.lists(scalars, max_size=3)),
        st.builds(named.contains, scalars),
        st.just(named.exists()),
    )
)
whom: st.SearchStrategy[Audience] = st.recursive(
    st.just(Everyone())
    | st.builds(Percentage, st.floats(0, 100) | st.integers(0, 100))
    | st.builds(Group, names)
    | comparisons,
    lambda some: (
        st.builds(lambda one, other: one & other, some, some)
        | st.builds(lambda one, other: one | other, some, some)
        | st.builds(lambda one: ~one, some)
    ),
    max_leaves=4,
)
policed = {
    "severity": st.sampled_from([Verdict.INVESTIGATE, Verdict.HALT]),
    "no_data": st.sampled_from([Verdict.NO_DATA, Verdict.INVESTIGATE, Verdict.HALT]),
    "source_error": st.sampled_from([Verdict.SOURCE_ERROR, Verdict.INVESTIGATE]),
    "weight": st.floats(0.1, 10) | st.integers(1, 10),
    "shadow": st.booleans(),
}
comparing = {**policed, "tolerate": st.floats(1, 1.5), "rare": st.floats(0.1, 0.5)}
rules = st.builds(
    Burn,
    st.floats(0.1, 9),
    st.timedeltas(timedelta(minutes=1), timedelta(days=99)),
    st.sampled_from([Verdict.INVESTIGATE, Verdict.HALT]),
)
signals = (
    st.builds(Ceiling, finite)
    | st.builds(ErrorRate, of=texts, unfinished=st.sampled_from(["fails", "holds"]), **comparing)
    | st.builds(Throughput, of=names, at_least=st.integers(0, 99), **comparing)
    | st.builds(Objective, st.floats(0.9, 0.99), burns=st.lists(rules, min_size=1), **policed)
    | st.builds(Threshold, names, at_most=finite | st.integers(), **policed)
    | st.builds(UserReports, at_most=st.integers(0, 99), of=names, **policed)
    | st.builds(Usage, at_least=st.integers(1, 9), per_hour=st.floats(1, 99), name=names, **policed)
)
components = st.lists(names, max_size=2, unique=True).flatmap(
    lambda several: st.tuples(
        *(st.builds(Component, st.just(name), st.tuples(signals)) for name in several)
    )
)
models = st.builds(
    lambda signal, floor, alpha, reason, parts, strata: HealthModel(
        *(signal, Usage(at_least=floor))[: 1 if reason else 2],
        alpha=alpha,
        waive={"usage": reason} if reason else None,
        components=parts,
        strata=strata,
    ),
    signals.filter(lambda signal: signal.name != "usage"),
    st.integers(1, 10**9),
    st.floats(0.001, 0.5),
    texts,
    components,
    st.dictionaries(texts.filter(bool), whom, max_size=2),
)
policies = st.builds(RollbackPolicy.roll_back, ask=st.booleans())
patience = st.timedeltas(timedelta(0), timedelta(days=999))
people = st.builds(Person, names, st.frozensets(names, max_size=2))
provenances = st.builds(
    Provenance,
    branch=texts,
    commit=texts,
    build=texts,
    reviewed_by=st.frozensets(names, max_size=2),
)
changes = st.builds(
    Change,
    st.sampled_from(ChangeKind),
    names,
    names,
    author=st.none() | texts,
    provenance=provenances,
)
lasting = st.timedeltas(timedelta(microseconds=1), timedelta(days=3660))
gates: st.SearchStrategy[Gate] = st.builds(
    Check,
    names,
    timeout=lasting,
    every=st.timedeltas(timedelta(0)),
    holds_for=st.timedeltas(timedelta(0)),
    expires=st.none() | lasting,
) | st.builds(Approval, names, quorum=st.integers(1, 9), expires=lasting)


@st.composite
def compositions(draw: st.DrawFn) -> Gate:
    """Draw a gate that is composed of others."""
    several = draw(st.lists(gates, min_size=1, max_size=3, unique_by=lambda gate: gate.name))
    return at_least(draw(st.integers(1, len(several))), *several)


@st.composite
def definitions(draw: st.DrawFn) -> FeatureFlag[Any]:
    """Draw a flag's definition."""
    variants = draw(st.dictionaries(texts, values, min_size=1, max_size=3))
    one = st.sampled_from(sorted(variants))
    return FeatureFlag(
        draw(names),
        variants,
        draw(one),
        rules=draw(st.lists(st.builds(Rule, one, whom), max_size=2)),
        off=draw(one),
        enabled=draw(st.booleans()),
        ignores=draw(st.sampled_from([(), (KeyError,)])),
    )


rates = st.floats(0, 1, exclude_min=True)
conditions = st.recursive(
    st.builds(FailureRate, rates)
    | st.builds(SlowCallRate, rates)
    | st.integers(1, 9).flatmap(lambda n: st.builds(Failures, st.just(n), of=st.integers(n, 9))),
    lambda inner: (
        inner.flatmap(lambda one: inner.map(lambda other: one & other))
        | inner.flatmap(lambda one: inner.map(lambda other: one | other))
    ),
    max_leaves=3,
)
breakers = st.none() | st.builds(
    TripsWhen,
    failure_rate=st.none() | rates,
    slow_call=lasting,
    consecutive_failures=st.none() | st.integers(1, 9),
    trips_when=st.none() | conditions,
    minimum_calls=st.none() | st.integers(1, 9),
    window=st.integers(9, 100) | lasting,
)


@st.composite
def plans(draw: st.DrawFn) -> Plan:
    """Draw a plan."""
    percents = sorted(draw(st.lists(st.floats(1, 100), min_size=1, max_size=3)))
    some = st.lists(compositions(), max_size=1)
    deadline = draw(patience)
    within = draw(st.none() | st.just(deadline / 2)) if deadline > timedelta(seconds=1) else None
    rings = [
        Ring(f"ring {n}", percent=percent, bake=draw(patience), gates=draw(some), after=draw(some))
        for n, percent in enumerate(percents)
    ]
    return Plan(
        rings=rings,
        health=draw(models),
        on_issue=draw(policies),
        breaker=draw(breakers),
        holdback=draw(st.floats(1, 50)),
        must_see=draw(st.floats(10, 100)),
        power=draw(st.floats(0.6, 0.99)),
        alert_deadline=deadline,
        acknowledge_within=within,
    )


latencies = st.dictionaries(st.tuples(st.integers(0, 127), st.integers(1, 127)), counts, max_size=2)
arms = st.builds(
    Counts,
    counts,
    counts,
    counts,
    counts,
    st.just(0) | counts,
    st.dictionaries(texts, counts, max_size=2),
    latencies,
    st.dictionaries(texts, numbers, max_size=2),
)
tests = st.builds(LabelTest, st.floats(0, 1), st.lists(numbers, max_size=5).map(tuple), counts)
paces = st.builds(Pace, st.none() | moments, counts, st.none() | counts)
windows = st.builds(Window, counts, st.lists(st.tuples(counts, counts), max_size=3).map(tuple))
readings = st.builds(Reading, st.none() | finite, st.none() | moments, counts)
kept = tests | st.lists(tests | windows).map(tuple) | paces | readings
memories = st.none() | kept | values | arms
healths = st.builds(
    Health,
    moments,
    moments,
    st.lists(memories, max_size=3).map(tuple),
    arms,
    arms,
    texts,
    counts,
    st.none() | moments,
)
findings = st.builds(
    Finding,
    texts,
    st.sampled_from(Verdict),
    texts,
    st.none() | numbers,
    st.none() | numbers,
    st.none() | counts,
    st.none() | st.timedeltas(),
    st.none() | finite,
    st.none() | st.tuples(counts, counts, counts, counts),
    texts,
    st.booleans(),
    st.none() | st.booleans(),
    st.none() | st.sampled_from(Verdict),
)
scopes = st.builds(Scope, texts, counts, texts, counts)
watched = st.builds(Calls, counts, counts, counts)
evidence = st.builds(
    Evidence,
    scopes,
    moments,
    moments,
    texts,
    arms,
    arms,
    st.lists(findings, max_size=3).map(tuple),
    st.sampled_from(Against),
)
overrides = st.builds(
    Override,
    texts,
    names,
    texts,
    values,
    texts,
    whom,
    moments,
    names,
    names,
    texts,
)
EVERY_EVENT: Mapping[type, st.SearchStrategy[Event]] = MappingProxyType(
    {
        events.Started: st.builds(
            events.Started, moments, changes, plans(), counts, st.none() | definitions()
        ),
        events.Answered: st.builds(
            events.Answered,
            moments,
            texts,
            st.sampled_from(Answer),
            texts,
            st.none() | scopes,
            st.none() | moments,
        ),
        events.Approved: st.builds(events.Approved, moments, texts, scopes, texts, people, texts),
        events.Revoked: st.builds(events.Revoked, moments, texts, scopes, people, texts),
        events.Applied: st.builds(events.Applied, moments, texts, counts),
        events.Assessed: st.builds(events.Assessed, moments, evidence, healths, st.timedeltas()),
        events.Alerted: st.builds(events.Alerted, moments, st.booleans(), texts),
        events.Acknowledged: st.builds(events.Acknowledged, moments, texts, texts),
        events.Woken: st.builds(events.Woken, moments),
        events.Resumed: st.builds(events.Resumed, moments, texts, texts),
        events.Aborted: st.builds(events.Aborted, moments, texts, texts),
        events.RecoveryStarted: st.builds(events.RecoveryStarted, moments, texts),
        events.Withdrawn: st.builds(events.Withdrawn, moments),
        events.Killed: st.builds(events.Killed, moments, texts, texts, texts),
        events.Overridden: st.builds(events.Overridden, moments, overrides),
        events.Lifted: st.builds(events.Lifted, moments, texts, texts, texts, texts),
        events.Tripped: st.builds(
            events.Tripped,
            moments,
            st.builds(Trip, scopes, st.sampled_from(Verdict), watched, watched),
        ),
        events.Moved: st.builds(
            events.Moved, moments, texts, texts, texts, texts, texts, texts, counts
        ),
        events.Defined: st.builds(
            events.Defined, moments, st.lists(definitions(), max_size=2).map(tuple), texts, texts
        ),
        Unknown: st.builds(
            lambda kind: Unknown(NOON, kind, later(kind)), texts.map(lambda text: f"?{text}")
        ),
    }
)
hashes = st.frozensets(st.integers(0, 2**64 - 1), max_size=5)
parts = st.builds(
    Part,
    counts,
    counts,
    hashes,
    hashes,
    hashes,
    st.dictionaries(texts, hashes, max_size=2),
    st.dictionaries(st.integers(0, 2**64 - 1), st.integers(1, 127), max_size=2),
    st.dictionaries(st.integers(1, 127), counts, max_size=2),
    hashes,
)
strata = st.dictionaries(texts, st.tuples(parts, parts), max_size=2)
blocks = st.builds(
    Block,
    texts,
    texts,
    counts,
    moments,
    moments,
    parts,
    parts,
    strata,
    st.tuples(counts, counts),
    st.lists(texts, max_size=2).map(tuple),
)


def later(kind: str) -> str:
    """Write the record of an event that only a later version knows."""
    return json.dumps({"$": kind, "at": {"$": "time", "is": NOON.isoformat()}, "by": "7"})


def exact(value: Any) -> object:
    """Return what tells apart what equality doesn't: 1, 1.0 and True; a list and a tuple."""
    content: object = repr(value)
    if isinstance(value, datetime):
        content = (value.astimezone(UTC) if value.tzinfo else value).isoformat()
    elif attrs.has(type(value)):
        fields = attrs.fields(type(value))
        content = [exact(getattr(value, each.name)) for each in fields if each.eq]
    elif isinstance(value, list | tuple):
        content = [exact(item) for item in value]
    elif isinstance(value, set | frozenset):
        content = sorted((exact(item) for item in value), key=repr)
    elif isinstance(value, Mapping):
        content = sorted((exact(item) for item in value.items()), key=repr)
    return type(value), content


# What survives


@pytest.mark.parametrize("kind", EVERY_EVENT, ids=lambda kind: kind.__name__)
@given(data=st.data())
def test_an_event_survives(kind: type, data: st.DataObject) -> None:
    """What is read equals what was written, by value, by digest, and by all types inside."""
    event = data.draw(EVERY_EVENT[kind])
    read = CODEC.decode(CODEC.encode(event))

    assert event == read
    assert digest(event) == digest(read)
    assert exact(event) == exact(read)


@given(blocks)
def test_a_block_survives(block: Block) -> None:
    """A block is read as it was written."""
    assert exact(block) == exact(CODEC.decode_block(CODEC.encode(block)))


@given(st.one_of(*EVERY_EVENT.values()).filter(lambda event: not isinstance(event, Unknown)))
def test_a_record_is_one_line_of_strict_json(event: Event) -> None:
    """Any reader of JSON can read it, and it holds no space that says nothing."""
    text = CODEC.encode(event)
    tree = json.loads(text, parse_constant=pytest.fail)

    assert text.isascii()
    assert text.isprintable()
    assert text == json.dumps(tree, separators=(",", ":"), allow_nan=False)
    assert type(event).__name__ == tree["$"]


@given(histories())
def test_a_history_survives(history: tuple[Step, ...]) -> None:
    """Whatever can happen to a rollout can be kept."""
    happened = stream(history)

    assert happened == [CODEC.decode(CODEC.encode(event)) for event in happened]


@pytest.mark.parametrize("defect", [0.0, 1.0])
def test_a_whole_release_survives(defect: float) -> None:
    """What an engine journals can be kept, of a release that completes and of one that halts."""
    shop = Shop(defect=defect).open()
    shop.stop("kill")
    happened = [event for name in shop.journal.streams() for event in shop.journal.read(name)]

    assert {events.Started, events.Assessed, events.Killed} <= {type(event) for event in happened}
    assert happened == [Codec().decode(Codec().encode(event)) for event in happened]


# One form


def holding(memory: object) -> events.Assessed:
    """Make an event that holds a value of any kind."""
    health = Health(NOON, NOON, (memory,))
    nothing = Evidence(Scope("", 1, "", 1), NOON, NOON, "", Counts(), Counts(), ())
    return events.Assessed(NOON, nothing, health)


def memory_of(event: Event) -> Any:
    """Return the value that such an event holds."""
    assert isinstance(event, events.Assessed)
    [memory] = event.health.tests
    return memory


@given(values.map(holding), st.data())
def test_equal_values_have_equal_records(event: events.Assessed, data: st.DataObject) -> None:
    """A record doesn't depend on the codec, nor on the value's way into being."""
    text = CODEC.encode(event)

    assert text == Codec(reversed(KINDS)).encode(event)
    assert text == CODEC.encode(CODEC.decode(text))


@given(st.dictionaries(hashable, values, min_size=2, max_size=5), st.randoms())
def test_order_that_does_not_count_is_not_kept(value: dict[Any, Any], dice: Any) -> None:
    """Dicts and sets that are equal have one record, in whatever order they were filled."""
    shuffled = dice.sample(list(value.items()), len(value))

    assert CODEC.encode(holding(value)) == CODEC.encode(holding(dict(shuffled)))
    assert CODEC.encode(holding(set(value))) == CODEC.encode(holding({key for key, _ in shuffled}))


@given(moments, zones)
def test_a_moment_has_one_record(at: datetime, zone: timezone) -> None:
    """It is in UTC, so that plain SQL can compare it; its zone doesn't count."""
    told = json.loads(CODEC.encode(events.Woken(at)))["at"]["is"]

    assert CODEC.encode(events.Woken(at)) == CODEC.encode(events.Woken(at.astimezone(zone)))
    assert at.astimezone(UTC).isoformat() == told


def test_a_time_of_any_make_is_a_time() -> None:
    """Libraries that fake the time hand out classes of their own."""

    class Faked(datetime):
        """A test's idea of a time."""

    faked = Faked(2026, 1, 1, 12, tzinfo=UTC)

    assert CODEC.encode(events.Woken(NOON)) == CODEC.encode(events.Woken(faked))


EXACT: list[tuple[object, str]] = [
    (1, "1"),
    (1.0, "1.0"),
    (-0.0, "-0.0"),
    (True, "true"),
    (False, "false"),
    (None, "null"),
    (10**400, "1" + 400 * "0"),
    (0.1, "0.1"),
    (math.inf, '{"$":"float","is":"inf"}'),
    (-math.inf, '{"$":"float","is":"-inf"}'),
    (math.nan, '{"$":"float","is":"nan"}'),
    ("é\n\ud800$", '"\\u00e9\\n\\ud800$"'),
    (Verdict.PASS, '{"$":"Verdict","is":"PASS"}'),
    (Shade.LIGHT, '{"$":"Shade","is":"LIGHT"}'),
    (Colour.AZURE, '{"$":"Colour","is":"BLUE"}'),
    (Nest.Colour.RED, '{"$":"Nest.Colour","is":"RED"}'),
    ((1, (2,), ()), "[1,[2],[]]"),
    ([1, (2,), []], '{"$":"list","is":[1,[2],{"$":"list","is":[]}]}'),
    ({10, 9}, '{"$":"set","is":[10,9]}'),
    (frozenset(), '{"$":"frozenset","is":[]}'),
    ({"$": 2, 1: "b"}, '{"$":"dict","is":[["$",2],[1,"b"]]}'),
    (MappingProxyType({"a": None}), '{"$":"mapping","is":[["a",null]]}'),
    (timedelta(days=-1, microseconds=1), '{"$":"duration","is":-86399999999}'),
    (timedelta.max, '{"$":"duration","is":86399999999999999999}'),
    (NOON.replace(tzinfo=None), '{"$":"time","is":"2026-01-01T12:00:00"}'),
    (NOON.replace(microsecond=5), '{"$":"time","is":"2026-01-01T12:00:00.000005+00:00"}'),
    (Streak(3), '{"$":"Streak","_days":3}'),
]


@pytest.mark.parametrize(("value", "text"), EXACT)
def test_a_value_has_its_form(value: object, text: str) -> None:
    """Every kind of value has one form, in which it isn't taken for another."""
    record = CODEC.encode(holding(value))

    assert f'"tests":[{text}],' in record
    assert exact(value) == exact(memory_of(CODEC.decode(record)))


def test_nan_is_found_again() -> None:
    """A value with the usual NaN equals itself when it is read, as it did before."""
    event = holding((math.nan,))

    assert event == CODEC.decode(CODEC.encode(event))


def test_what_only_this_process_knows_is_not_kept() -> None:
    """A check's callable and the exceptions that a flag ignores are left out, as in digests."""
    flag = FeatureFlag.boolean("x", ignores=(KeyError,))
    event = events.Started(NOON, flag.change(), plan=PLAN, definition=flag)
    text = CODEC.encode(event)
    read = CODEC.decode(text)

    assert isinstance(read, events.Started)
    assert read.definition is not None
    [check] = read.plan.before
    assert isinstance(check, Check)
    assert ((), None) == (read.definition.ignores, check.run)
    for name in ("ignores", "run", "version", "index", "resolutions"):
        assert f'"{name}"' not in text.replace('"version":"', "", 1)


# What a journal holds already

HEALTH = HealthModel(
    ErrorRate(tolerate=1.25), Usage(at_least=100), alpha=0.02, waive={"usage": "it is quiet"}
)
PLAN = Plan(
    rings=(
        Ring("canary", percent=1, bake=timedelta(hours=1), gates=(Check("signed"),)),
        Ring("everyone", percent=100, bake=timedelta(hours=24)),
    ),
    health=HEALTH,
    before=(Check("reviewed", run=lambda _: True),),
    on_issue=RollbackPolicy.roll_back(ask=True),
)
WHOM = (Attribute("plan").equals("beta") & ~Group("staff")) | Percentage(2.5)
FLAG: FeatureFlag[object] = FeatureFlag(
    "new-checkout",
    {
        "old": None,
        "new": [1, 2.0, True, "é", {"a": (1,)}, {1}, frozenset({2}), timedelta(seconds=1)],
        "never": math.inf,
    },
    "old",
    rules=(Rule("new", WHOM), Rule("never", Everyone())),
)
AIMED = FeatureFlag.boolean(
    "express",
    when=Segment("early", Percentage(2.5, of="tenant"))
    | Schedule(NOON, NOON + timedelta(hours=1), zone="Europe/Berlin")
    | Allocation("shop", 0, 12.5),
)
SPLIT = FeatureFlag(
    "button",
    {"calm": "grey", "loud": "red"},
    "calm",
    rules=(Rule(Split({"calm": 3, "loud": 1}, of="tenant"), Everyone()),),
    within=Allocation("shop", 12.5, 50),
).require(AIMED, "on")
ARM = Counts(exposures=120, units=100, failures=3, fresh=90)
MEMORY = (LabelTest(), None, (ARM,), MappingProxyType({"a": 1}))
EVIDENCE = Evidence(
    Scope("service:shop@2", 1, "canary", 1),
    NOON,
    NOON + timedelta(seconds=10),
    "in-process tallies",
    ARM,
    Counts(),
    (Finding("usage", Verdict.NO_DATA, "9 more exposures are needed", 1.0, 10.0, 9),),
)
BLOCK = Block(
    "service:shop@2#1/1",
    "web-1",
    7,
    NOON,
    NOON + timedelta(seconds=10),
    Part(3, 2, frozenset({2**64 - 1}), frozenset({1, 2**64 - 1})),
)
TRIED: dict[str, Any] = {
    "severity": Verdict.INVESTIGATE,
    "no_data": Verdict.INVESTIGATE,
    "source_error": Verdict.INVESTIGATE,
    "weight": 2.0,
    "shadow": True,
    "name": "tried",
}
BURN = Burn(14.4, timedelta(hours=1), Verdict.INVESTIGATE)
WATCHED = HealthModel(
    ErrorRate(of="refund", unfinished="holds", at_least=50, margin=1.5, **TRIED),
    ErrorRate(margin=2),
    Usage(at_least=100),
    alpha=0.02,
    waive={"concurrent baseline": "there is one machine"},
    components=(
        Component("shop", (Throughput(of="order", at_least=50, **TRIED),), ("database",)),
        Component("database", (Objective(0.999, of="slow", burns=(BURN,), at_least=5, **TRIED),)),
        Component("machines", (Threshold("load", at_most=0.8, at_least=0.1, times=5, **TRIED),)),
        Component("pages", (Latency(quantile=0.99, at_least=50, **TRIED),)),
        Component("calls", (Latency(threshold=timedelta(seconds=1), **TRIED),)),
        Component("workers", (Rate("crash", at_most=0.1, **TRIED),)),
        Component(
            "people",
            (
                UserReports(at_most=3, of="complaint", **TRIED | {"severity": Verdict.HALT}),
                Usage(at_least=9, per_hour=60, **TRIED | {"name": "use"}),
            ),
        ),
    ),
    strata={"staff": Group("staff"), "beta": Percentage(5)},
    unfinished_after=timedelta(seconds=30),
)
HASTY = Ring("canary", percent=1, bake=timedelta(hours=1), minimum_bake=timedelta(0))
BUSY = Counts(
    exposures=120,
    units=100,
    failures=3,
    fresh=90,
    unfinished=2,
    events={"refund": 4, "order": 30},
    slowest={(0, 89): 60, (89, 97): 5},
    values={"load": 0.5, "heat": math.inf},
)
HUNG = attrs.evolve(ARM, hung=2)
REMEMBERED = (
    (LabelTest(), LabelTest(canary=9)),
    Pace(NOON, 12, 25),
    (Window(9, ((0, 0), (100, 2))),),
    Reading(0.9, NOON, 2),
    Sides(LabelTest(), MarginTest((-1.5, -1.6), 9, 8, 1, 2)),
    LatencyTest(
        0.99, 97, 0.1, (-2.5, -2.0), ((89, 60),), (((0, 3),), ((0, 97),)), ((1, 2, 3, 4, 5),)
    ),
    Rhythm(
        RateTest(floor=True, cash=0.1, stakes=(-2.5,)), Dispersion(3.0, 1.5, 2.5, 1.0, 4), 1.5, 3
    ),
)
TRIED_OUT = Finding(
    "error rate of order",
    Verdict.INCONCLUSIVE,
    "9 more canary units are needed",
    1.5,
    100.0,
    9,
    wait=timedelta(minutes=5),
    effect=2.0,
    compared=(100, 900, 20, 90),
    component="shop",
    shadow=True,
    excluded=False,
)
JUDGED = Evidence(
    Scope("service:shop@2", 1, "everyone", 2),
    NOON,
    NOON + timedelta(seconds=10),
    "in-process tallies",
    BUSY,
    BUSY,
    (TRIED_OUT,),
    Against.HOLDBACK,
)
LOOKED_AT = attrs.evolve(
    EVIDENCE, findings=(Finding("objective", Verdict.INVESTIGATE, "it burns", was=Verdict.HALT),)
)
PART = Part(
    exposures=9,
    units=7,
    failing=frozenset({1}),
    fresh=frozenset({1, 2}),
    unfinished=frozenset({2**64 - 1}),
    events={"order": frozenset({2, 3})},
    risen={5: 97, 2**64 - 1: 127},
    stood={89: 4},
    open=frozenset({7}),
)
OPEN = (business_hours("Europe/Berlin") | days("Saturday", "02-29")) & ~since(NOON)
FROZEN = ~between("2026-12-18", "2027-01-04 09:00", zone="Asia/Tokyo")
OVERRIDE = Override(
    "new-checkout#2",
    "new-checkout",
    "on",
    True,
    "0357baa59a02",
    Group("staff"),
    NOON + timedelta(days=1),
    "7",
    "to debug",
    "flag:new-checkout@0357baa59a02/22171a99f3a0/1",
)
BUILT = Provenance(branch="main", commit="c0ffee", build="ci/7", reviewed_by=frozenset({"8"}))
TESTED = Check(
    "tested",
    timeout=timedelta(minutes=1),
    every=timedelta(seconds=30),
    holds_for=timedelta(minutes=10),
    expires=timedelta(hours=1),
)
MANAGERS = Approval("managers", quorum=2, expires=timedelta(days=1), people={"8", "9"})
SIGNED = Ring(
    "canary",
    percent=1,
    gates=(TESTED & (MANAGERS | Check("signed")), Within(OPEN, name="hours")),
    after=(Approval("owners"),),
)
GUARDED = Scope("service:shop@4", 1, "canary", 0)
CARRIED = Plan(
    rings=(
        Ring("canary", percent=1, target="staging", environment="test"),
        Ring("half", percent=50),
    ),
    health=HealthModel(Usage(at_least=100)),
    target="production",
    on_issue=RollbackPolicy.roll_back(halt_unapplied=True),
)
BREAKER = TripsWhen(
    slow_call=timedelta(seconds=2),
    trips_when=(FailureRate(0.5) & SlowCallRate(0.25)) | Failures(3, of=5),
    minimum_calls=10,
    window=timedelta(minutes=1),
)
# One of everything, in the order of the lines of tests/data/records.jsonl. Journals hold such lines
# for years, so a line is never changed, only added: for a new kind, or for an old value that is
# written with one more field now.
DAYS = days("Monday")
KEPT: list[Event | Block] = [
    events.Started(NOON, Change.code("shop", version="2", author="7"), PLAN),
    events.Started(NOON, FLAG.change(), PLAN, 2, FLAG),
    events.Answered(NOON, "reviewed", Answer.HOLDS, "no reviewer"),
    events.Applied(NOON, "canary", 1),
    events.Assessed(
        NOON, EVIDENCE, Health(NOON, NOON, MEMORY, ARM, block=3), timedelta(seconds=10)
    ),
    events.Assessed(NOON, EVIDENCE, Health(NOON, NOON, (OPEN, FROZEN))),
    events.Alerted(NOON, by_user=True, reason="it hurts"),
    events.Woken(NOON),
    events.Resumed(NOON, "7", "a false alarm"),
    events.Aborted(NOON, "7", "wrong build"),
    events.RecoveryStarted(NOON, "at once"),
    events.Withdrawn(NOON),
    events.Killed(NOON, "new-checkout", "7", "it burns"),
    events.Started(
        NOON, Change.code("shop", version="3"), Plan(rings=(HASTY, PLAN.rings[1]), health=WATCHED)
    ),
    events.Started(NOON, AIMED.change(), PLAN, definition=AIMED),
    events.Started(NOON, SPLIT.change(), PLAN, definition=SPLIT),
    events.Assessed(
        NOON, JUDGED, Health(NOON, NOON, REMEMBERED, BUSY, BUSY, since=NOON), timedelta(seconds=10)
    ),
    events.Assessed(NOON, LOOKED_AT, Health(NOON, NOON, ())),
    events.Assessed(NOON, LOOKED_AT, Health(NOON, NOON, (), HUNG)),
    events.Overridden(NOON, OVERRIDE),
    events.Lifted(NOON, "new-checkout", "new-checkout#2", "7", "seen"),
    events.Assessed(NOON, EVIDENCE, Health(NOON, NOON, (OPEN, FROZEN))),
    events.Started(
        NOON,
        Change.code("shop", version="4", author="7", provenance=BUILT),
        Plan(rings=(SIGNED, PLAN.rings[1]), health=HealthModel(Usage(at_least=100))),
    ),
    events.Answered(
        NOON, "tested", Answer.OPENS, "9 passed", GUARDED, NOON - timedelta(minutes=10)
    ),
    events.Approved(NOON, "managers", GUARDED, "0f" * 32, Person("8", ["managers"]), "fine"),
    events.Revoked(NOON, "managers", GUARDED, Person("8", ["managers"]), "not so fine"),
    events.Promoted(NOON, GUARDED, Person("8", ["managers"]), "it can't wait"),
    events.Started(
        NOON,
        Change.code("shop", version="4"),
        Plan(
            rings=(attrs.evolve(PLAN.rings[0], windows=DAYS),),
            health=HealthModel(Usage(at_least=100)),
            promoters=["managers"],
            windows=DAYS,
            on_new_version=OnNewVersion.QUEUE,
            conflict_group="shops",
            most_in_flight=2,
        ),
        attempt=2,
        by=Person("8"),
        why="the database is back",
        behind=("service:shop@3/d1g35t/1",),
        beside=("service:cart@1/d1g35t/1",),
    ),
    events.Started(
        NOON,
        Change.code("shop", version="5"),
        Plan(rings=PLAN.rings, health=HealthModel(Usage(at_least=100)), breaker=BREAKER),
    ),
    events.Tripped(NOON, Trip(GUARDED, Verdict.HALT, Calls(20, 12, 1), Calls(180, 2))),
    events.Moved(NOON, "payments", "closed", "open", "tripped", "of 9 calls 9 failed", trips=2),
    events.Defined(NOON, (SPLIT,), "7", "it was lost", BUILT),
    events.Ended(NOON, "service:cart@1/d1g35t/1"),
    events.Superseded(NOON, "service:shop@5/d1g35t/1"),
    events.Started(NOON, Change.configuration("shop", version="5"), CARRIED),
    Delivered(NOON, Place("production", "eu"), "canary", Stage.FAILED, "no room"),
    events.Acknowledged(NOON, "7", "it is looked into"),
    events.Started(
        NOON,
        Change.code("shop", version="6"),
        attrs.evolve(CARRIED, acknowledge_within=timedelta(minutes=5)),
    ),
    Unknown(
        NOON,
        "Promoted",
        '{"$":"Promoted","at":{"$":"time","is":"2026-01-01T12:00:00+00:00"},"by":"7"}',
    ),
    BLOCK,
    attrs.evolve(
        BLOCK, canary=PART, strata={"staff": (PART, Part())}, halved=(1, 2), census=("x",)
    ),
]
LINES = (Path(__file__).parent / "data" / "records.jsonl").read_text(encoding="utf-8").splitlines()
RECORDS = LINES[:-3]
ASKED_FOR = {("plan", "health", "signals", 1, "margin"), ("plan", "breaker", "slow_call")}
"""What something else in the line asks for: a ring's minimum bake, a rate of slow calls."""


@pytest.mark.parametrize(("value", "line"), list(zip(KEPT, LINES, strict=True)))
def test_a_record_of_old_is_read_and_written_as_ever(value: Event | Block, line: str) -> None:
    """No version changes what a journal holds already, in either direction."""
    read = CODEC.decode_block if isinstance(value, Block) else CODEC.decode

    assert exact(value) == exact(read(line))
    assert CODEC.encode(value) in LINES


def test_everything_has_a_record_of_old() -> None:
    """No event, no kind that one may hold, and no form of a value is without a line."""
    told = {tree["$"] for _, tree in objects([json.loads(line) for line in LINES])}
    kinds = {kind.__name__ for row in KINDS_OF_THE_LIBRARY for kind in row}

    assert {type(kept) for kept in KEPT} == {*get_args(Event), Block}
    assert {kind.__name__ for kind in get_args(Event)} - {"Unknown"} <= kinds
    assert {*Codec()._readers, "Promoted"} == told
    assert kinds <= told


def test_every_field_has_a_record_of_old() -> None:
    """Each field that is kept of a kind stands in a line, so that nobody renames or drops it."""
    trees = [tree for _, tree in objects([json.loads(line) for line in LINES])]
    told = {(tree["$"], name) for tree in trees for name in set(tree) - {"$"}}
    kept = {
        (kind.__name__, field.name)
        for row in KINDS_OF_THE_LIBRARY
        for kind in row
        if attrs.has(kind)
        for field in attrs.fields(kind)
        if field.init and field.eq and kind is not HealthModel
    }

    assert set() == kept - told


def test_what_was_added_is_left_out_while_it_says_nothing() -> None:
    """So that earlier versions read what doesn't need it; given, it is read again."""
    for kind in (kind for row in KINDS_OF_THE_LIBRARY for kind in row if attrs.has(kind)):
        added = {field.name for field in attrs.fields(kind) if "added" in field.metadata}
        for value in found_in(KEPT, kind):
            told = json.loads(CODEC.encode(holding(value)))["health"]["tests"][0]
            usual = {field.name for field in attrs.fields(kind) if is_default(field, value)}
            assert set() == set(told) & usual & added, kind
            assert added - usual <= set(told), kind
            assert exact(value) == exact(memory_of(CODEC.decode(CODEC.encode(holding(value)))))


def found_in(value: Any, kind: type) -> Iterator[Any]:
    """Find every value of a kind, within whatever holds it."""
    if isinstance(value, kind):
        yield value
    if attrs.has(type(value)):
        fields = [each for each in attrs.fields(type(value)) if each.init and each.eq]
        yield from found_in([getattr(value, each.name) for each in fields], kind)
    elif isinstance(value, Mapping):
        yield from found_in([*value, *value.values()], kind)
    elif isinstance(value, list | tuple | set | frozenset):
        for item in value:
            yield from found_in(item, kind)


def objects(tree: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[tuple[Any, ...], Any]]:
    """Find every object of a tree, with the way to it."""
    if isinstance(tree, dict):
        yield path, tree
    if isinstance(tree, dict | list):
        for key, part in list(tree.items() if isinstance(tree, dict) else enumerate(tree)):
            yield from objects(part, (*path, key))


def changed(line: str, number: int, **change: object) -> str:
    """Change one object of a record: None takes a field away."""
    tree = json.loads(line)
    _, found = list(objects(tree))[number]
    found.update(change)
    for name in [name for name, value in change.items() if value is None]:
        del found[name]
    return json.dumps(tree)


# What a later version wrote


def unread(line: str, text: str) -> Unknown:
    """Say what this version makes of a record whose time and kind were left as they were."""
    tree = json.loads(line)
    return Unknown(datetime.fromisoformat(tree["at"]["is"]), tree["$"], text)


@pytest.mark.parametrize("line", RECORDS)
@pytest.mark.parametrize("change", [{"$": "Later"}, {"later": 1}, {"$": 5}, {"$": ["time"]}])
def test_what_this_version_does_not_know_makes_the_event_unknown(
    line: str, change: dict[str, object]
) -> None:
    """An unknown kind or field, at any depth, is neither guessed nor dropped."""
    for number, (path, _) in enumerate(objects(json.loads(line))):
        text = changed(line, number, **change)
        read = CODEC.decode(text)
        if path and path != ("at",):
            assert unread(line, text) == read
        assert (Unknown, text) == (type(read), CODEC.encode(read))


@pytest.mark.parametrize("line", RECORDS)
def test_a_field_that_is_missing_takes_its_default(line: str) -> None:
    """A record of an earlier version is read, unless it lacks what no version did without."""
    kinds = {kind.__name__: kind for row in KINDS_OF_THE_LIBRARY for kind in row}
    for number, (path, tree) in enumerate(objects(json.loads(line))):
        kind = kinds.get(tree["$"])
        defaults = {
            field.name: field.default is not attrs.NOTHING
            for field in (attrs.fields(kind) if kind and attrs.has(kind) else ())
        } | {"alpha": True, "waive": True}
        for name in set(tree) - {"$"}:
            if (*path, name) in ASKED_FOR:
                continue
            text = changed(line, number, **{name: None})
            is_unknown = isinstance(CODEC.decode(text), Unknown)
            assert defaults.get(name, False) != is_unknown, (path, name)


def test_a_default_is_the_one_of_today() -> None:
    """A field that a record lacks is what it is where nobody gives it."""
    plan = Plan(rings=(Ring("canary", percent=1),), health=HealthModel(Usage(at_least=1)))
    text = (
        '{"$":"Started","at":{"$":"time","is":"2026-01-01T12:00:00+00:00"},'
        '"change":{"$":"Change","kind":{"$":"ChangeKind","is":"CODE"},"name":"shop","version":"2"},'
        '"plan":{"$":"Plan","rings":[{"$":"Ring","name":"canary","percent":1}],'
        '"health":{"$":"HealthModel","signals":[{"$":"Usage","at_least":1}]}}}'
    )

    assert events.Started(NOON, Change.code("shop", version="2"), plan) == CODEC.decode(text)


TOLD = '"at":{"$":"time","is":"2026-01-01T12:00:00+00:00"}'
REFUSED: dict[str, str] = {
    "a validator": f'{{"$":"Started",{TOLD},"change":{{"$":"Change","kind":"?","name":"",'
    '"version":"2"},"plan":{}}',
    "a value that isn't of its form": f'{{"$":"Woken",{TOLD[:-3]}?"}}}}',
    "a time that isn't one": '{"$":"Woken","at":"noon"}',
    "no time": '{"$":"Woken","at":null}',
    "a kind that is no event": f'{{"$":"Counts",{TOLD}}}',
    "a block": LINES[-1],
    "a value": '{"$":"list","is":[]}',
    "an unknown event, spelled out": '{"$":"Unknown","kind":"x","text":"y"}',
    "a list that is none": f'{{"$":"Alerted",{TOLD},"by_user":true,"reason":'
    '{"$":"list","is":"abc"}}',
    "an object of no kind": f'{{"$":"Alerted",{TOLD},"by_user":{{}},"reason":""}}',
    "a duration beyond all years": f'{{"$":"Alerted",{TOLD},"by_user":true,"reason":'
    f'{{"$":"duration","is":{10**30}}}}}',
    "a member that is none": f'{{"$":"Answered",{TOLD},"gate":"","answer":'
    '{"$":"Answer","is":"__class__"}}',
    "a field that isn't kept": LINES[0].replace('{"$":"Check",', '{"$":"Check","run":true,', 1),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_can_not_be_made_is_unknown(case: str) -> None:
    """A record that this version refuses to make an event of is kept, and changes nothing."""
    read = CODEC.decode(REFUSED[case])

    assert Unknown(read.at, json.loads(REFUSED[case])["$"], REFUSED[case]) == read
    assert read.at == (NOON if TOLD in REFUSED[case] else UNTOLD)


@pytest.mark.parametrize("at", ['"noon"', "null", "7", '{"$":"time","is":"2026-01-01T12:00:00"}'])
def test_a_time_that_can_not_be_read_is_the_year_1(at: str) -> None:
    """An unknown event's time is one that can be compared with others."""
    assert UNTOLD == CODEC.decode(f'{{"$":"Later","at":{at}}}').at


@pytest.mark.parametrize("kind", ["7", "null", '["Woken"]', '{"$":"Woken"}'])
def test_a_kind_that_is_no_name_has_none(kind: str) -> None:
    """An unknown event's kind is a text, for people."""
    text = f'{{"$":{kind},{TOLD}}}'

    assert Unknown(NOON, "", text) == CODEC.decode(text)


def test_kinds_of_the_host_have_to_be_registered() -> None:
    """A codec that doesn't know a kind reads past it, and one that does reads all."""
    event = holding((Streak(3), Colour.RED))

    assert isinstance(Codec().decode(CODEC.encode(event)), Unknown)
    assert event == CODEC.decode(CODEC.encode(event))


# What is no record

NESTED = 260
NO_RECORDS: dict[str, Any] = {
    "nothing": "",
    "a word": "woken",
    "cut": LINES[0][:-1],
    "two": LINES[5] * 2,
    "a list": f"[{LINES[5]}]",
    "a scalar": "null",
    "an object of no kind": '{"at":1}',
    "not a number": '{"$":"Woken","at":NaN}',
    "infinite": '{"$":"Woken","at":-Infinity}',
    "too many digits": '{"$":"Woken","at":' + 5000 * "1" + "}",
    "endless": 100_000 * "[",
    "nested": '{"$":"Woken","at":' + NESTED * '{"$":"list","is":[' + NESTED * "]}" + "}",
    "bytes": LINES[5].encode(),
    "no text": None,
}


@pytest.mark.parametrize("case", NO_RECORDS)
def test_what_is_no_record_is_invalid(case: str) -> None:
    """A text that no version of this library wrote is refused, whatever it was to be."""
    for read in (CODEC.decode, CODEC.decode_block):
        with pytest.raises(JournalInvalidError, match="restore the journal"):
            read(NO_RECORDS[case])


@pytest.mark.parametrize("line", [*RECORDS, '{"$":"Part"}', changed(LINES[-1], 0, later=1)])
def test_only_a_block_is_a_block(line: str) -> None:
    """A block can't be made of what a later version wrote: there is no telling what it counts."""
    with pytest.raises(JournalInvalidError, match="no block"):
        CODEC.decode_block(line)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | texts | st.just("time"),
    lambda some: (
        st.lists(some, max_size=3)
        | st.dictionaries(texts | st.sampled_from(["$", "is", "at"]), some, max_size=3)
        | st.fixed_dictionaries({"$": st.sampled_from(sorted(CODEC._readers)), "is": some})
    ),
)


@st.composite
def mutants(draw: st.DrawFn) -> str:
    """Draw a record in which one thing is wrong, or several."""
    tree = json.loads(draw(st.sampled_from(LINES)))
    for _ in range(draw(st.integers(1, 3))):
        found = [each for _, each in objects(tree)]
        one = draw(st.sampled_from(found))
        name = draw(st.sampled_from([*one, "is", "later"]))
        one[name] = draw(json_values | st.sampled_from(found).map(deepcopy))
    return json.dumps(tree)


@st.composite
def damaged(draw: st.DrawFn) -> str:
    """Draw a record of which a stretch was overwritten."""
    line = draw(st.sampled_from(LINES))
    begin = draw(st.integers(0, len(line)))
    return line[:begin] + draw(texts) + line[begin + draw(st.integers(0, 9)) :]


@given(texts | json_values.map(json.dumps) | mutants() | damaged())
def test_no_text_does_harm(text: str) -> None:
    """Whatever stands in a journal, it is an event with a time, or it is invalid."""
    try:
        event = CODEC.decode(text)
    except JournalInvalidError:
        return
    assert isinstance(event, get_args(Event))
    assert isinstance(event.at, datetime)
    assert not isinstance(event, Unknown) or text == CODEC.encode(event)


@given(texts | json_values.map(json.dumps) | mutants() | damaged())
def test_no_text_of_a_block_does_harm(text: str) -> None:
    """Whatever stands there, it is a block, or it is invalid."""
    try:
        block = CODEC.decode_block(text)
    except JournalInvalidError:
        return
    assert isinstance(block, Block)


# What can't be kept


class Open(enum.Flag):
    HERE = 1
    THERE = 2


class Loose(enum.Enum):
    ONE = 1

    @classmethod
    def _missing_(cls, value: object) -> Any:
        member = object.__new__(cls)
        member._name_ = f"made of {value}"
        return member


@attrs.frozen
class Guest:
    name: str


@attrs.define(init=False)
class Handmade:
    name: str

    def __init__(self, first: str, last: str) -> None:
        self.name = f"{first} {last}"


@attrs.frozen
class Uncounted:
    name: str = attrs.field(eq=False)


class Subtext(str):
    __slots__ = ()


NOT_KEPT: list[object] = [
    Guest(WHO),
    Nest.Egg(WHO),
    Context(WHO, {"mail": WHO}),
    Subtext(WHO),
    object(),
    WHO.encode(),
    Unknown(NOON, "x", WHO),
    lambda: WHO,
]


@pytest.mark.parametrize("value", NOT_KEPT, ids=lambda value: type(value).__name__)
def test_what_is_not_registered_is_named_and_not_shown(value: object) -> None:
    """The error says which kind to register, and nothing of a value that may be a user's."""
    name = type(value).__qualname__
    with pytest.raises(DefinitionError) as caught:
        CODEC.encode(holding({WHO: [value]}))

    assert name == caught.value.value
    assert f"SqliteJournal(path, kinds=({name},))" in caught.value.mend
    assert WHO not in "".join(traceback.format_exception(caught.value))


@pytest.mark.parametrize("text", [WHO, f'{{"{WHO}":1}}', f'{{"$":"{WHO}","{WHO}'])
def test_what_is_invalid_is_not_shown(text: str) -> None:
    """A damaged record may hold anything, so no error shows it, nor one that led to it."""
    with pytest.raises(JournalInvalidError) as caught:
        CODEC.decode(text)

    assert WHO not in "".join(traceback.format_exception(caught.value))
    assert None is caught.value.__context__


def endless() -> list[object]:
    """Make a list that holds itself."""
    itself: list[object] = []
    itself.append(itself)
    return itself


@pytest.mark.parametrize(
    "value",
    [
        10**5000,
        datetime.min.replace(tzinfo=timezone(timedelta(hours=14))),
        endless(),
        Loose("air"),
    ],
    ids=["digits", "before the year 1", "endless", "no member"],
)
def test_what_has_no_record_is_refused(value: object) -> None:
    """What couldn't be read again isn't written."""
    with pytest.raises(DefinitionError, match="Assessed: "):
        Codec((Loose,)).encode(holding(value))


@pytest.mark.parametrize(
    "kind",
    [Colour.RED, int, object, "Colour", Plan | None, Open, Handmade, Uncounted],
)
def test_a_kind_is_a_value_that_can_be_made_again(kind: Any) -> None:
    """A kind is an attrs class or an enum, and what is kept of it is enough to make it."""
    with pytest.raises(DefinitionError, match="kinds"):
        Codec((kind,))


@pytest.mark.parametrize(
    "kinds",
    [
        (Colour, Colour),
        (Colour, enum.Enum("Colour", ["RED"])),
        (ErrorRate,),
        (enum.Enum("Verdict", ["PASS"]),),
        (attrs.make_class("time", ["at"]),),
        (attrs.make_class("frozenset", ["at"]),),
    ],
)
def test_two_kinds_do_not_share_a_name(kinds: tuple[type, ...]) -> None:
    """A name says which kind it is, of the host's, the library's and Python's own."""
    with pytest.raises(DefinitionError, match="its own name"):
        Codec(kinds)


def test_codecs_do_not_share_kinds() -> None:
    """Nothing is global: what one codec knows, another doesn't."""
    Codec((Guest,))

    with pytest.raises(DefinitionError):
        Codec().encode(holding(Guest("7")))
