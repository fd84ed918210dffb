"""Projections: what a flag serves while a rollout moves it, however many rules it has."""

from __future__ import annotations

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from safedeploy.audiences import Audience, Exposure, Group, Percentage, Split
from safedeploy.contexts import Context
from safedeploy.flags import ALONE, FeatureFlag, Rule
from safedeploy.projections import Released, value
from safedeploy.tallies import Tally
from safedeploy.testing import FakeClock
from tests.laws.histories import START

NAMES = st.sampled_from(["one", "two", "three"])
AUDIENCES: st.SearchStrategy[Audience] = st.one_of(
    st.sampled_from(["staff", "beta"]).map(Group), st.sampled_from([0, 30, 100]).map(Percentage)
)
RULES = st.lists(st.builds(Rule, NAMES, AUDIENCES), max_size=3)
CONTEXTS = st.builds(
    lambda number, groups: Context(f"user-{number}" if number else None, groups=groups),
    st.integers(0, 30),
    st.lists(st.sampled_from(["staff", "beta"]), max_size=2),
)


ENABLED = st.sampled_from([True, True, True, False])


def flag(rules: list[Rule], default: str, enabled: bool) -> FeatureFlag[int]:
    """Make a flag."""
    values = {"one": 1, "two": 2, "three": 3}
    return FeatureFlag("shop", values, default, rules=rules, off="one", enabled=enabled)


@st.composite
def pairs(draw: st.DrawFn) -> tuple[FeatureFlag[int], FeatureFlag[int]]:
    """Draw a stable definition, and a new one: any other, or one of the same rules."""
    stable = draw(st.builds(flag, RULES, NAMES, ENABLED))
    others = st.builds(flag, RULES, NAMES, ENABLED)
    edits = [
        attrs.evolve(stable, enabled=not stable.enabled),
        attrs.evolve(stable, within=Group("staff")),
        attrs.evolve(stable, default=Split({"one": 1, "three": 1})),
        stable.require(FeatureFlag.boolean("other", when=Group("beta")), "on"),
        stable.require(FeatureFlag.boolean("other"), "on"),
    ]
    if draw(st.booleans()):
        return stable, draw(st.sampled_from(edits))
    return draw(st.sampled_from([stable, *edits])), draw(others | NAMES.map(stable.serve))


@given(pairs(), st.sampled_from([0, 40, 100]), st.lists(CONTEXTS, min_size=5, max_size=20))
def test_whom_the_rollout_has_reached_gets_what_the_new_definition_says(
    definitions: tuple[FeatureFlag[int], FeatureFlag[int]], percent: float, contexts: list[Context]
) -> None:
    """All others get what the stable one says; those for whom the two differ are told apart, each
    in its arm, whether the rules are the same ones or others.
    """
    stable, new = definitions
    tally, reached = Tally(START, FakeClock().monotonic), Exposure("flag:shop", percent)
    projection = Released(
        stable, definition=new, exposure=reached, tally=tally, rollout="r", ring="canary"
    )
    project, value_of = projection.served(ALONE), projection.of(value, ALONE)
    for context in contexts:
        assert value_of(context) == project(context).value
        served, is_reached = project(context), reached.reaches(context)
        before, after = stable.resolve(context), new.resolve(context)
        assert served.value == served.resolution.value
        if before.value == after.value:
            assert (before.value, before.variant) == (served.value, served.resolution.variant)
            assert served.tally is None
        else:
            expected, ring = (after, "canary") if is_reached else (before, None)
            assert attrs.evolve(expected, rollout="r", ring=ring) == served.resolution
            assert served.tally is tally
            assert served.arm is (tally.canary if is_reached else tally.baseline)


@pytest.mark.parametrize("number", [0, 1, 2, 3])
def test_a_new_default_is_for_those_whom_no_rule_matches(number: int) -> None:
    """However many rules stay as they are, whoever they match isn't affected."""
    groups = [f"group-{each}" for each in range(number)]
    stable = flag([Rule("one", Group(group)) for group in groups], "two", enabled=True)
    tally = Tally(START, FakeClock().monotonic)
    everyone = Exposure("flag:shop", 100)
    project = Released(
        stable,
        definition=stable.serve("three"),
        exposure=everyone,
        tally=tally,
        rollout="r",
        ring="all",
    ).served(ALONE)
    for group in groups:
        assert (1, None) == (
            project(Context("user-1", groups=[group])).value,
            project(Context("user-1", groups=[group])).tally,
        )
    assert 3 == project(Context("user-1")).value
    assert project(Context("user-1")).arm is tally.canary
