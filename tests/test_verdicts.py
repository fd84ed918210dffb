"""Verdicts join, and evidence says what it rests on."""

import itertools
import math
from datetime import UTC, datetime
from typing import Any

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from safedeploy.verdicts import Against, Counts, Evidence, Finding, Scope, Verdict, join

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
SCOPE = Scope("service:shop@2", 1, "canary", 1)


def evidence(*verdicts: Verdict) -> Evidence:
    """Make evidence of one finding per verdict, named alike."""
    findings = tuple(Finding(f"{v.name} signal", v, f"says {v.name}") for v in verdicts)
    return Evidence(SCOPE, NOON, NOON, "made up", Counts(), Counts(), findings)


@pytest.mark.law("A5")
def test_verdicts_are_ordered_from_best_to_worst() -> None:
    """PASS < INCONCLUSIVE < NO_DATA < SOURCE_ERROR < INVESTIGATE < HALT, and no other."""
    names = ["PASS", "INCONCLUSIVE", "NO_DATA", "SOURCE_ERROR", "INVESTIGATE", "HALT"]

    assert names == [verdict.name for verdict in sorted(Verdict)]


@pytest.mark.law("A5")
def test_join_is_the_worst() -> None:
    """The join of two is one of them, never better than either, in any order."""
    for one, other in itertools.product(Verdict, repeat=2):
        joined = join([one, other])
        assert joined in {one, other}
        assert joined >= one
        assert joined >= other
        assert joined is join([other, one])
        assert joined is join([joined, one])


@pytest.mark.law("A5")
def test_join_is_associative_and_idempotent() -> None:
    """However verdicts are grouped or repeated, the join is the same."""
    for one, two, three in itertools.product(Verdict, repeat=3):
        whole = join([one, two, three])
        assert whole is join([join([one, two]), three])
        assert whole is join([one, join([two, three])])
        assert whole is join([one, two, three, one, two, three])
    assert list(Verdict) == [join([verdict]) for verdict in Verdict]


@pytest.mark.law("A5")
def test_join_of_none_is_no_data() -> None:
    """Nobody judged: that is no data, not a pass."""
    assert Verdict.NO_DATA is join([])
    assert Verdict.NO_DATA is evidence().verdict


@pytest.mark.law("A5")
def test_evidence_joins_and_keeps_all_findings() -> None:
    """In any order the verdict is the worst finding's, and no finding is lost."""
    for verdicts in itertools.permutations(Verdict, 3):
        found = evidence(*verdicts)
        assert max(verdicts) is found.verdict
        assert verdicts == tuple(finding.verdict for finding in found.findings)


@pytest.mark.parametrize(
    ("findings", "reason"),
    [
        ((), "nothing was judged"),
        ((Verdict.PASS,), "PASS signal: says PASS"),
        ((Verdict.PASS, Verdict.HALT, Verdict.NO_DATA), "HALT signal: says HALT"),
        ((Verdict.HALT, Verdict.PASS, Verdict.HALT), "HALT signal: says HALT; " * 2),
    ],
    ids=["none", "one", "worst", "two"],
)
def test_the_reason_is_what_the_worst_say(findings: tuple[Verdict, ...], reason: str) -> None:
    """The reason names every finding that is as bad as the verdict, and no other."""
    assert reason.removesuffix("; ") == evidence(*findings).reason


def test_what_has_no_say_is_no_reason() -> None:
    """A shadow's finding is kept, and neither the verdict nor the reason is moved by it."""
    halt = Finding("tried", Verdict.HALT, "says HALT", shadow=True)
    found = attrs.evolve(evidence(Verdict.PASS), findings=(halt, *evidence(Verdict.PASS).findings))

    assert (Verdict.PASS, "PASS signal: says PASS") == (found.verdict, found.reason)
    assert halt in found.findings
    alone = attrs.evolve(found, findings=(halt,))
    assert (Verdict.NO_DATA, "nothing was judged") == (alone.verdict, alone.reason)
    beside = attrs.evolve(halt, signal="trusted", shadow=False)
    assert "trusted: says HALT" == attrs.evolve(found, findings=(halt, beside)).reason


@pytest.mark.parametrize(
    ("told", "excluded"),
    [
        ((), False),
        ((None, None), False),
        ((True,), True),
        ((True, None), True),
        ((True, False), False),
        ((False,), False),
    ],
)
def test_a_margin_is_excluded_if_all_that_have_one_exclude_it(
    told: tuple[bool | None, ...], excluded: bool
) -> None:
    """Those that have none aren't asked, and shadows have no say."""
    some = tuple(Finding("x", Verdict.PASS, "", excluded=each) for each in told)
    shadows = tuple(
        Finding("y", Verdict.PASS, "", excluded=each, shadow=True) for each in (True, False)
    )

    assert excluded is attrs.evolve(evidence(), findings=some).excludes_margin
    assert excluded is attrs.evolve(evidence(), findings=(*some, *shadows)).excludes_margin


numbers = st.integers(0, 10**6)
counts = st.builds(
    Counts,
    numbers,
    numbers,
    numbers,
    numbers,
    numbers,
    st.dictionaries(st.sampled_from("abc"), numbers),
    st.dictionaries(st.tuples(st.integers(0, 3), st.integers(1, 3)), numbers),
    st.dictionaries(st.sampled_from("xyz"), st.floats(allow_nan=False)),
)


def test_counts_add_up() -> None:
    """Two blocks of one arm add up field by field, and an empty one changes nothing."""
    assert Counts(11, 22, 33, 44, 55) == Counts(1, 2, 3, 4, 5) + Counts(10, 20, 30, 40, 50)
    one = Counts(events={"a": 1, "b": 2}, slowest={(0, 3): 4}, values={"x": 1.0, "y": 2.0})
    other = Counts(events={"b": 3}, slowest={(0, 3): 1, (3, 4): 1}, values={"x": 9.0})
    both = {"a": 1, "b": 5}, {(0, 3): 5, (3, 4): 1}, {"x": 9.0, "y": 2.0}
    assert both == ((one + other).events, (one + other).slowest, (one + other).values)


@given(counts, counts, counts)
def test_blocks_can_be_added_in_any_grouping(one: Counts, two: Counts, three: Counts) -> None:
    """However blocks are put together, the sum is the same; nothing is neutral."""
    assert (one + two) + three == one + (two + three)
    assert one == one + Counts() == Counts() + one
    swapped = attrs.evolve(two + one, values=(one + two).values)
    assert swapped == one + two
    assert hash(one) == hash(attrs.evolve(one, events={**one.events}))


@given(counts)
def test_counts_can_not_be_changed_from_outside(one: Counts) -> None:
    """Whoever made the mappings doesn't hold them."""
    events = dict(one.events)
    kept = attrs.evolve(one, events=events)
    events["new"] = 1

    assert "new" not in kept.events
    with pytest.raises(TypeError):
        kept.events["new"] = 1  # type: ignore[index]


@given(counts)
def test_only_what_can_be_is_possible(one: Counts) -> None:
    """Nothing below zero, nothing endless, and no more failures than units."""
    assert (one.failures <= one.units) == one.is_possible
    fine = attrs.evolve(one, failures=min(one.failures, one.units))
    assert fine.is_possible
    assert (fine + fine).is_possible
    for field in ("exposures", "units", "failures", "fresh", "unfinished"):
        for wrong in (-1, math.inf, math.nan):
            change: dict[str, Any] = {field: wrong}
            assert not attrs.evolve(fine, **change).is_possible
    assert not attrs.evolve(fine, events={"a": -1}).is_possible
    assert not attrs.evolve(fine, slowest={(0, 1): -1}).is_possible


def test_what_the_baseline_is_has_a_name() -> None:
    """Each is told apart, and says in words what it is."""
    assert ["REST", "HOLDBACK", "PREVIOUS", "BEFORE", "NOBODY"] == [each.name for each in Against]
    assert 5 == len({each.value for each in Against})
    assert Against.REST is evidence().against


findings = st.builds(
    Finding,
    st.sampled_from("ab"),
    st.sampled_from(Verdict),
    st.just("so it is"),
    component=st.sampled_from(["", "shop"]),
    shadow=st.booleans(),
    was=st.none() | st.sampled_from(Verdict),
)
accepted = st.frozensets(st.tuples(st.sampled_from(["", "shop"]), st.sampled_from("ab")))


@pytest.mark.law("A8")
@given(st.lists(findings).map(tuple), accepted)
def test_only_what_a_person_has_accepted_calls_nobody_again(
    found: tuple[Finding, ...], names: frozenset[tuple[str, str]]
) -> None:
    """All else joins as ever; of what is accepted, silence and breakage are what they were."""
    told = attrs.evolve(evidence(), findings=found)
    acting = [each for each in found if not each.shadow]
    unseen = {Verdict.NO_DATA, Verdict.SOURCE_ERROR}

    def left(each: Finding) -> Verdict:
        if each.verdict is not Verdict.INVESTIGATE or (each.component, each.signal) not in names:
            return each.verdict
        return each.was if each.was in unseen else Verdict.PASS

    assert join(map(left, acting)) is told.but_for(names)
    assert told.verdict is told.but_for(())
    assert (told.verdict is Verdict.HALT) is (told.but_for(names) is Verdict.HALT)
