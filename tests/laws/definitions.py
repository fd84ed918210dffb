"""Definitions of flags, contexts and times, drawn so that they meet."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

from hypothesis import strategies as st

from safedeploy.audiences import (
    Attribute,
    Audience,
    Everyone,
    Group,
    Layer,
    Percentage,
    Schedule,
    Segment,
    Split,
)
from safedeploy.contexts import Context
from safedeploy.flags import FeatureFlag, Rule

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)
KEYS = st.text(min_size=1)
LAYER = Layer("shop", {"one": 40, "other": 40}, holdback=20)
LEAVES: list[Audience] = [
    Everyone(),
    Group("staff"),
    Percentage(30),
    Percentage(50, of="age"),
    Attribute("plan").equals("beta"),
    Attribute("plan").matches("b.*|pro"),
    Attribute("plan").version_at_least("1.2"),
    Attribute("age").is_in([1, 2]),
    Attribute("age").at_least(2),
    Attribute("tags").contains("x"),
    Attribute("plan").exists(),
    Segment("early", Percentage(40)),
    Schedule(NOON, NOON + HOUR),
    LAYER.share("one"),
]
AUDIENCES = st.recursive(
    st.sampled_from(LEAVES),
    lambda inner: st.one_of(
        st.builds(lambda one, other: one & other, inner, inner),
        st.builds(lambda one, other: one | other, inner, inner),
        st.builds(lambda one: ~one, inner),
    ),
    max_leaves=6,
)
JUNK = st.one_of(
    st.none(),
    st.integers(),
    st.floats(),
    st.text(),
    st.binary(),
    st.lists(st.one_of(st.none(), st.text(), st.floats())),
    st.dictionaries(st.text(), st.text()),
)
USUAL = st.one_of(st.sampled_from(["beta", "pro", "1.2.3", 1, 2, 3.5, True]), JUNK)
CONTEXTS = st.builds(
    Context,
    st.one_of(KEYS, st.sampled_from(["user-1", "user-2", "user-3"]), st.none(), JUNK),
    st.one_of(JUNK, st.dictionaries(st.sampled_from(["plan", "age", "tags", ""]), USUAL)),
    groups=st.one_of(st.just(["staff"]), JUNK),
)
PEOPLE = st.builds(Context, st.integers(0, 500).map("user-{}".format))
TIMES = st.one_of(st.none(), st.sampled_from([NOON - HOUR, NOON, NOON + HOUR]))

VARIANTS = {"a": 1, "b": 2, "c": 3}
NAMES = st.sampled_from(sorted(VARIANTS))
SPLITS = st.builds(
    lambda weights, of: Split(weights, of=of),
    st.dictionaries(NAMES, st.integers(1, 9), min_size=1),
    st.sampled_from([None, "age"]),
)
SERVED = NAMES | SPLITS


@st.composite
def definitions(
    draw: st.DrawFn, key: str = "f", *, required: int = 2
) -> Callable[[], FeatureFlag[int]]:
    """Draw how a flag is made: each call makes an equal one, compiled anew."""
    rules = draw(st.lists(st.builds(Rule, SERVED, AUDIENCES), max_size=3))
    default, off, within = draw(SERVED), draw(NAMES), draw(st.none() | AUDIENCES)
    enabled = draw(st.sampled_from([True, True, True, False]))
    wanted = draw(st.lists(NAMES, max_size=required, unique=True))
    others = [draw(definitions(f"{key}{name}", required=0)) for name in wanted]

    def make() -> FeatureFlag[int]:
        settings: dict[str, Any] = {"off": off, "within": within, "enabled": enabled}
        flag = FeatureFlag(key, VARIANTS, default, rules=rules, **settings)
        for name, other in zip(wanted, others, strict=True):
            flag = flag.require(other(), name)
        return flag

    return make
