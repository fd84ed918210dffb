"""Definitions of every shape, and documents that are nearly right, to be drawn."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta, timezone
from typing import Any

from hypothesis import strategies as st

from safedeploy.audiences import (
    Allocation,
    AllOf,
    AnyOf,
    Attribute,
    Audience,
    Comparison,
    Everyone,
    Group,
    Layer,
    Not,
    Percentage,
    Schedule,
    Segment,
    Split,
)
from safedeploy.definitions import Definitions
from safedeploy.flags import FeatureFlag, Rule

NAMES = st.text(min_size=1).filter(str.strip)
FLOATS = st.floats(allow_nan=False, allow_infinity=False)
PERCENTS = st.one_of(st.integers(0, 100), st.floats(0, 100))
ZONES = st.sampled_from([UTC, timezone(timedelta(hours=5, minutes=30)), timezone(timedelta(0, 7))])
FIRST, LAST = datetime(2, 1, 2), datetime(9998, 1, 1)  # noqa: DTZ001 - a wall clock's
CLOCKS = st.datetimes(FIRST, LAST).map(lambda it: it.replace(fold=0))
INSTANTS = st.builds(lambda at, zone: at.replace(tzinfo=zone), CLOCKS, ZONES)
SCALARS: st.SearchStrategy[Any] = st.one_of(
    st.text(), st.booleans(), st.integers(), st.just(10**4000), FLOATS, INSTANTS, CLOCKS
)
WORDS = st.text(st.sampled_from("abc.-"))
VERSIONS = st.sampled_from(["1", "1.2", "1.2.3-beta.4+5", "0.0.1"])
OPERANDS: Mapping[str, st.SearchStrategy[tuple[Any, ...]]] = {
    "exists": st.just(()),
    "is_in": st.lists(SCALARS, max_size=4).map(tuple),
    **{name: st.tuples(SCALARS) for name in ("equals", "contains")},
    **{name: st.tuples(st.text()) for name in ("starts_with", "ends_with")},
    "matches": st.tuples(st.sampled_from(["", "a|b", r"\d{2,5}[^@]*", "(\\.|x)+"])),
    **{
        name: st.tuples(st.one_of(st.integers(), FLOATS))
        for name in ("less_than", "at_most", "at_least", "greater_than")
    },
    **{
        name: st.tuples(st.one_of(INSTANTS, INSTANTS.map(datetime.isoformat)))
        for name in ("before", "after")
    },
    **{
        f"version_{name}": st.tuples(VERSIONS)
        for name in ("equals", "less_than", "at_most", "at_least", "greater_than")
    },
}
COMPARISONS = st.sampled_from(sorted(OPERANDS)).flatmap(
    lambda operator: st.builds(Comparison, NAMES, st.just(operator), OPERANDS[operator])
)


def span(since: datetime | None, until: datetime | None, zone: str) -> Schedule:
    """Return a schedule, with the later moment last where there are two."""
    if since is not None and until is not None:
        since = since.replace(tzinfo=until.tzinfo)
        since, until = sorted([since, until, until + timedelta(days=1)])[::2]
    return Schedule(since, until, zone=zone)


MOMENTS = st.one_of(INSTANTS, CLOCKS)
SCHEDULES = st.one_of(
    st.builds(span, MOMENTS, st.none() | MOMENTS, st.sampled_from(["UTC", "Europe/Berlin"])),
    st.builds(span, st.none(), MOMENTS, st.sampled_from(["UTC", "Asia/Kolkata"])),
)


def ranged(name: str, one: float, other: float) -> Allocation:
    """Return a range of a layer that may be none of its shares."""
    return Allocation(name, min(one, other), max(one, other))


LEAVES: st.SearchStrategy[Audience] = st.one_of(
    st.just(Everyone()),
    st.builds(Group, NAMES),
    st.builds(Percentage, PERCENTS, of=st.none() | NAMES),
    COMPARISONS,
    COMPARISONS,
    SCHEDULES,
    st.builds(ranged, NAMES, PERCENTS, PERCENTS),
)
AUDIENCES: st.SearchStrategy[Audience] = st.recursive(
    LEAVES,
    lambda inner: st.one_of(
        st.builds(AllOf, st.lists(inner, min_size=1, max_size=3).map(tuple)),
        st.builds(AnyOf, st.lists(inner, min_size=1, max_size=3).map(tuple)),
        st.builds(Not, inner),
    ),
    max_leaves=5,
)


def among(shared: list[Audience]) -> st.SearchStrategy[Audience]:
    """Return audiences of every kind, which may be or have one that flags share."""
    if not shared:
        return AUDIENCES
    known = st.sampled_from(shared)
    both = st.builds(lambda one, other: AnyOf((one, other)), AUDIENCES, known)
    return st.one_of(AUDIENCES, known, both)


def values(*, null: bool) -> st.SearchStrategy[Any]:
    """Return JSON values, with null or without."""
    leaves = st.one_of(st.booleans(), st.integers(), FLOATS, st.text())
    return st.recursive(
        leaves | st.none() if null else leaves,
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
        max_leaves=5,
    )


VALUES = {null: values(null=null) for null in (True, False)}


@st.composite
def flags(
    draw: st.DrawFn, key: str, shared: list[Audience], others: list[FeatureFlag[Any]], *, null: bool
) -> FeatureFlag[Any]:
    """Draw a flag, which may require others."""
    variants: Any = draw(
        st.sampled_from([{"on": True, "off": False}, {"on": 1, "off": 0}])
        | st.dictionaries(st.text(), VALUES[null], min_size=1, max_size=4)
    )
    names = st.sampled_from(sorted(variants))
    weights = st.lists(names, min_size=1, unique=True).flatmap(
        lambda them: st.fixed_dictionaries({name: st.floats(1e-9, 1e9) for name in them})
    )
    served = names | st.builds(Split, weights, of=st.none() | NAMES)
    who = among(shared)
    default = draw(served)
    off = draw(names) if isinstance(default, Split) or draw(st.booleans()) else default
    flag = FeatureFlag(
        key,
        variants,
        default,
        off=off,
        rules=draw(st.lists(st.builds(Rule, served, who), max_size=3)),
        enabled=draw(st.booleans()),
        within=draw(st.none() | who),
        description=draw(st.text()),
        owner=draw(st.text()),
        expires=draw(st.none() | st.dates()),
    )
    for other in draw(st.lists(st.sampled_from(others), max_size=2)) if others else []:
        flag = flag.require(
            other, *draw(st.lists(st.sampled_from(sorted(other.variants)), min_size=1))
        )
    return flag


@st.composite
def definitions(draw: st.DrawFn, *, null: bool = True) -> Definitions:
    """Draw definitions whose flags share segments and layers, and require each other."""
    shared: list[Audience] = []
    layers = []
    for name in draw(st.lists(NAMES, max_size=2, unique=True)):
        shares = draw(st.dictionaries(st.text(), st.floats(0, 20) | st.integers(0, 20), max_size=3))
        layer = Layer(name, shares, holdback=draw(st.floats(0, 40)))
        layers.append(layer)
        shared += [layer.everybody, *(layer.share(share) for share in shares)]
    for name in draw(st.lists(NAMES, max_size=3, unique=True)):
        shared.append(Segment(name, draw(among(shared))))
    made: list[FeatureFlag[Any]] = []
    for key in draw(st.lists(NAMES, max_size=4, unique=True)):
        made.append(draw(flags(key, shared, made[:2], null=null)))
    named = [each for each in shared if isinstance(each, Segment)]
    return Definitions(draw(st.permutations(made)), named, layers)


# Documents that are nearly right

DOCUMENT: dict[str, Any] = {
    "layers": {"shop": {"shares": {"one": 40, "other": 30}, "holdback": 10}},
    "segments": {
        "early": {"any": [{"group": "staff"}, {"segment": "drawn"}]},
        "drawn": {"percent": 12.5, "of": "tenant"},
    },
    "flags": {
        "checkout": {
            "description": "one page",
            "owner": "shop",
            "expires": "2026-12-31",
            "variants": {"old": {"pages": [1, 2.5, None]}, "new": "x", "newer": None},
            "default": {"split": {"old": 50, "new": 50}, "of": "tenant"},
            "off": "old",
            "within": {"layer": "shop", "share": "one"},
            "prerequisites": [{"flag": "search", "variants": ["on"]}],
            "rules": [
                {"serve": "new", "when": {"segment": "early"}},
                {
                    "serve": {"split": {"old": 1, "newer": 2}},
                    "when": {
                        "all": [
                            {"attribute": "plan", "is_in": ["beta", 1, True]},
                            {"not": {"attribute": "age", "at_least": 18}},
                            {"attribute": "since", "before": {"time": "2026-01-01T00:00:00+00:00"}},
                            {"layer": "shop", "range": [5, 10]},
                            {"since": "2026-01-01T09:00:00", "zone": "Europe/Berlin"},
                            {"everyone": True},
                        ]
                    },
                },
            ],
        },
        "search": {
            "enabled": False,
            "rules": [{"serve": "on", "when": {"attribute": "plan", "exists": True}}],
        },
    },
}
ODD: st.SearchStrategy[Any] = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-5, 105),
    st.just(10**400),
    FLOATS,
    st.sampled_from(["", " ", "on", "off", "early", "shop", "checkout", "2026-01-01", "UTC"]),
    st.text(max_size=3),
    st.lists(st.integers(0, 3), max_size=3),
    st.sampled_from([{"percent": 5}, {"segment": "early"}, {"time": "x"}, {"flag": "checkout"}]),
    st.dictionaries(st.text(max_size=3), st.integers(), max_size=2),
)
FIELDS = [
    "when",
    "serve",
    "of",
    "percent",
    "all",
    "segment",
    "on",
    "default",
    "range",
    "time",
    "off",
]


def places(tree: Any) -> list[Any]:
    """Return every object and array of a tree."""
    if isinstance(tree, dict):
        return [tree, *(place for part in tree.values() for place in places(part))]
    if isinstance(tree, list):
        return [tree, *(place for part in tree for place in places(part))]
    return []


@st.composite
def nearly_right(draw: st.DrawFn) -> Any:
    """Draw a right document with a few changes: what isn't there any more, added, or another."""
    tree = copy.deepcopy(DOCUMENT)
    for _ in range(draw(st.integers(0, 3))):
        place = draw(st.sampled_from(places(tree)))
        keys = sorted(place) if isinstance(place, dict) else [*range(len(place))]
        how = draw(st.sampled_from(["drop", "put", "name"] if keys else ["name"]))
        if how == "drop":
            del place[draw(st.sampled_from(keys))]
        elif how == "put":
            place[draw(st.sampled_from(keys))] = draw(ODD)
        elif isinstance(place, dict):
            place[draw(st.sampled_from(FIELDS) | st.text(max_size=2))] = draw(ODD)
    return tree


JSON = st.recursive(
    ODD,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
)
DAY = date(2026, 12, 31)
PLAN = Attribute("plan")
