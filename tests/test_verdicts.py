"""Verdicts join, and evidence says what it rests on."""

import itertools
from datetime import UTC, datetime

import pytest

from safedeploy.verdicts import Counts, Evidence, Finding, Scope, Verdict, join

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


def test_counts_add_up() -> None:
    """Two blocks of one arm add up field by field, and an empty one changes nothing."""
    assert Counts(11, 22, 33, 44) == Counts(1, 2, 3, 4) + Counts(10, 20, 30, 40)
    assert Counts(1, 2, 3, 4) == Counts(1, 2, 3, 4) + Counts()
