"""Margins: a ring is left early once it is excluded that the change is worse by so much."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator
from datetime import timedelta
from random import Random
from typing import Any

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from safedeploy.audiences import Group
from safedeploy.health import HealthModel
from safedeploy.plans import Plan, Ring
from safedeploy.signals import ErrorRate, Health, Sides, Usage
from safedeploy.signals.outcomes import BETA
from safedeploy.states import Baking, Completed, RolledBack
from safedeploy.statistics import LabelTest, MarginTest
from safedeploy.testing import Scenario, per_minute
from safedeploy.traffic import Traffic
from safedeploy.verdicts import Counts, Evidence, Finding, Measurement, Scope, Verdict
from tests.measurements import CRITERIA, NONE, NOON, arm, block, check_refused, histories, judged
from tests.rehearsals import rehearse

HALF = ErrorRate(margin=1.5)
TWICE = ErrorRate(margin=2)
MINUTE = timedelta(minutes=1)

# Definitions


@pytest.mark.parametrize(
    ("given", "value", "mend"),
    [
        *(({}, value, "give a ratio above what is tolerated, 1") for value in (1, 0.5, -2.0, 0.0)),
        *(({}, value, "give a ratio above what is tolerated, 1") for value in (math.inf, math.nan)),
        ({"tolerate": 1.5}, 1.5, "give a ratio above what is tolerated, 1.5"),
        ({"tolerate": 2}, 1.5, "give a ratio above what is tolerated, 2"),
        *(({}, value, "give a float") for value in ("2", True, [2], timedelta(2))),
    ],
)
def test_a_margin_is_a_ratio_above_what_is_tolerated(
    given: dict[str, Any], value: Any, mend: str
) -> None:
    """Anything else is refused by field, value and mend."""
    check_refused(lambda: ErrorRate(margin=value, **given), "margin", value, mend)


def test_a_whole_number_is_a_margin() -> None:
    """2 and 2.0 make one definition; none is the same as nothing said."""
    assert ErrorRate(margin=2.0) == TWICE
    assert isinstance(TWICE.margin, float)
    assert ErrorRate() == ErrorRate(margin=None)
    assert 1.3 == ErrorRate(tolerate=1.25, margin=1.3).margin


# What is remembered, and told


@pytest.mark.parametrize(
    ("signal", "canary", "baseline", "e_value"),
    [
        (HALF, arm(5000, 50), arm(495_000, 4950), 23.551411392335485),
        (HALF, arm(10_000, 100), arm(990_000, 9900), 1790.1577311627952),
        (TWICE, arm(2000, 20), arm(198_000, 1980), 94.15024096649236),
        (HALF, NONE, NONE, 1.0),
    ],
)
def test_the_evidence_is_the_designs(
    signal: ErrorRate, canary: Counts, baseline: Counts, e_value: float
) -> None:
    """The golden values of another implementation, through the signal."""
    memory = signal.observe(signal.start(), block(canary, baseline), 0)

    assert isinstance(memory, Sides)
    assert e_value == pytest.approx(math.exp(memory.better.log_wealth), rel=1e-9)
    assert (e_value > 20) is judged(signal, canary, baseline).excluded


@pytest.mark.parametrize(("times", "excluded"), [(1 - 1e-9, False), (1 + 1e-9, True)])
def test_it_is_excluded_at_one_in_twenty(times: float, excluded: bool) -> None:
    """Once the wealth of the bet that it is better reaches 1/beta, and no sooner."""
    better = MarginTest((math.log(times / BETA), *(-1e9,) * 5))
    found = HALF.judge(Sides(better=better), Health(NOON, NOON, ()), CRITERIA)

    assert 0.05 == BETA
    assert excluded is found.excluded


@given(histories())
def test_a_margin_changes_nothing_else(history: tuple[Measurement, ...]) -> None:
    """The verdict, and why, are those of the same signal without one."""
    plain, memories = ErrorRate(), [ErrorRate().start(), HALF.start()]
    canary, baseline = NONE, NONE
    for each in history:
        memories = [
            signal.observe(signal.enter(memory), each, 0.5)
            for signal, memory in zip((plain, HALF), memories, strict=True)
        ]
        canary, baseline = canary + each.canary, baseline + each.baseline
    health = Health(NOON, NOON, (), canary, baseline)
    found, other = (
        plain.judge(memories[0], health, CRITERIA),
        HALF.judge(memories[1], health, CRITERIA),
    )

    assert found.excluded is None
    assert other.excluded in {True, False}
    assert found == attrs.evolve(other, excluded=None)
    assert isinstance(memories[0], LabelTest)
    assert isinstance(memories[1], Sides)
    assert memories[0] == memories[1].worse


def test_evidence_for_leaving_begins_anew_in_each_ring() -> None:
    """What halts goes on through the attempt; a ring is left by what was seen in it."""
    memory = HALF.observe(HALF.start(), block(arm(5000, 50), arm(495_000, 4950)), 0.5)
    entered = HALF.enter(memory)

    assert isinstance(memory, Sides)
    assert Sides(memory.worse) == entered
    health = Health(NOON, NOON, (), arm(5000, 50), arm(495_000, 4950))
    assert [True, False] == [
        HALF.judge(each, health, CRITERIA).excluded for each in (memory, entered)
    ]


def test_what_was_remembered_without_a_margin_is_read() -> None:
    """And the other way round: nobody fails where a memory is of the other kind."""
    usual = block(arm(5000, 50), arm(495_000, 4950))
    sides, alone = HALF.observe(HALF.start(), usual, 0), ErrorRate().observe(LabelTest(), usual, 0)

    assert isinstance(sides, Sides)
    assert sides.worse == alone == HALF.observe(LabelTest(), usual, 0)
    assert alone == ErrorRate().observe(Sides(), usual, 0)
    assert HALF.judge(alone, Health(NOON, NOON, ()), CRITERIA).excluded is None


STRATA = {"staff": Group("staff")}
FINE = (arm(20_000, 200), arm(980_000, 9800))
WORSE = (arm(4000, 60), arm(196_000, 1960))


@pytest.mark.parametrize(
    ("rest", "staff", "excluded"),
    [
        (FINE, FINE, True),
        (FINE, WORSE, False),
        (WORSE, FINE, False),
        (FINE, (NONE, NONE), False),
        (WORSE, WORSE, False),
    ],
    ids=["both fine", "staff worse", "the rest worse", "nobody of staff", "both worse"],
)
def test_every_stratum_excludes_the_margin(
    rest: tuple[Counts, Counts], staff: tuple[Counts, Counts], excluded: bool
) -> None:
    """Harm in one stratum isn't outweighed by others that are fine."""
    model = HealthModel(HALF, waive={"usage": "here"}, strata=STRATA)
    measured = block(rest[0] + staff[0], rest[1] + staff[1], strata={"": rest, "staff": staff})
    found = model.judge(model.observe(model.start(NOON), measured, 0), CRITERIA)[0]

    assert excluded is found.excluded
    plain = HealthModel(ErrorRate(), waive={"usage": "here"}, strata=STRATA)
    none = plain.judge(plain.observe(plain.start(NOON), measured, 0), CRITERIA)[0]
    assert attrs.evolve(found, excluded=None) == none


@given(st.lists(st.tuples(st.sampled_from([True, False, None]), st.booleans()), max_size=5))
def test_all_that_have_a_margin_exclude_it(told: list[tuple[bool | None, bool]]) -> None:
    """One at least, and none that doesn't; shadows have no say."""
    findings = tuple(
        Finding(str(number), Verdict.PASS, "", excluded=excluded, shadow=shadow)
        for number, (excluded, shadow) in enumerate(told)
    )
    evidence = Evidence(Scope("", 1, "", 1), NOON, NOON, "", NONE, NONE, findings)

    say = {excluded for excluded, shadow in told if not shadow}
    assert evidence.excludes_margin == (True in say and False not in say)


def test_a_model_has_a_margin_if_a_signal_has() -> None:
    """Anywhere in the model."""
    assert HealthModel(HALF, Usage(at_least=1)).has_margin
    assert HealthModel(HALF, Usage(at_least=1), strata=STRATA).has_margin
    assert not HealthModel(ErrorRate(), Usage(at_least=1)).has_margin
    shadow = attrs.evolve(HALF, shadow=True, name="tried")
    assert not HealthModel(ErrorRate(), shadow, Usage(at_least=1)).has_margin


# Promises


def outcomes(units: int, rate: float) -> Iterator[tuple[int, float]]:
    """Return how many of so many units fail, and how probable that is."""
    for failed in range(units + 1):
        yield failed, math.comb(units, failed) * rate**failed * (1 - rate) ** (units - failed)


@given(st.floats(0, 0.6), st.floats(1, 1.5), st.integers(1, 4), st.integers(1, 4))
def test_what_is_as_bad_as_the_margin_wins_nothing(
    rate: float, worse: float, canary: int, baseline: int
) -> None:
    """Summed over all outcomes of a block, the wealth that would let it pass is 1 on average."""
    total = 0.0
    rates = min(1.0, rate * 1.5 * worse), rate
    for (one, chance), (other, odds) in itertools.product(
        outcomes(canary, rates[0]), outcomes(baseline, rates[1])
    ):
        memory = HALF.observe(HALF.start(), block(arm(canary, one), arm(baseline, other)), 0)
        assert isinstance(memory, Sides)
        total += chance * odds * math.exp(memory.better.log_wealth)

    assert rates[0] == 1 or total <= 1 + 1e-9


def early(bake: int = 60, minimum: int = 5) -> Plan:
    """Make a plan whose first ring may be left after some minutes."""
    return Plan(
        rings=(
            Ring("canary", percent=20, bake=bake * MINUTE, minimum_bake=minimum * MINUTE),
            Ring("half", percent=50, bake=20 * MINUTE),
        ),
        health=HealthModel(ErrorRate(margin=1.5, rare=0.02), Usage(at_least=10)),
        must_see=3,
        assess_every=timedelta(seconds=30),
    )


GOOD = Scenario(early(), traffic=per_minute(2000), baseline=0.05)


def test_a_good_change_leaves_a_ring_early() -> None:
    """With traffic enough it takes the minimum, and a ring without one takes its whole bake."""
    report = GOOD.run(hours=3)

    assert isinstance(report.state, Completed)
    assert timedelta(minutes=25) <= report.took <= timedelta(minutes=27)


@pytest.mark.parametrize("minimum", [2, 10])
def test_no_ring_is_left_before_its_minimum(minimum: int) -> None:
    """However strong the evidence is by then."""
    world = attrs.evolve(GOOD, plan=early(minimum=minimum))
    before, after = (world.run(hours=(minimum + more) / 60) for more in (0, 2))

    assert ("canary", True) == (before.ring, isinstance(before.state, Baking))
    assert "half" == after.ring


def test_little_evidence_takes_the_whole_bake() -> None:
    """Where traffic is too low to exclude the margin, nothing is shortened."""
    report = attrs.evolve(GOOD, traffic=per_minute(100), plan=early(bake=20)).run(hours=0.3)

    assert ("canary", True) == (report.ring, isinstance(report.state, Baking))
    report = attrs.evolve(GOOD, traffic=per_minute(100), plan=early(bake=20)).run(hours=2)
    assert isinstance(report.state, Completed)
    assert timedelta(minutes=40) <= report.took


def test_a_change_as_bad_as_the_margin_is_not_let_through() -> None:
    """It is halted, sooner or later, in the ring that it would have to leave."""
    report = GOOD.fails("canary", error_rate=0.075, baseline=0.05).run(hours=3)

    assert isinstance(report.state, RolledBack)
    assert "canary" == report.ring


def test_what_begins_after_an_early_leave_halts_in_the_next_ring() -> None:
    """A defect that shows late isn't missed for good: wealth and reserve are still there."""
    report = GOOD.fails("half", error_rate=0.15, baseline=0.05).run(hours=3)

    assert isinstance(report.state, RolledBack)
    assert "half" == report.ring
    assert report.took < timedelta(minutes=20)


@pytest.mark.long
@pytest.mark.parametrize("ratio", [1.5, 1.7])
def test_few_changes_as_bad_as_the_margin_leave_early(ratio: float) -> None:
    """One in twenty at most, whatever else would have halted them."""
    dice, runs, bake = Random(1), 300, 20
    traffic = Traffic(per_minute=2000, failing=0.01)
    # An alpha that nothing reaches: here a ring is left by its margin, or by its whole bake.
    health = HealthModel(
        ErrorRate(margin=1.5, rare=0.5), waive={"usage": "simulated"}, alpha=1e-300
    )
    rings = (
        Ring("canary", percent=20, bake=bake * MINUTE, minimum_bake=MINUTE),
        Ring("half", percent=50),
    )
    plan = Plan(
        rings=rings, health=health, must_see=1000, assess_every=timedelta(seconds=10), holdback=5
    )
    endings = [rehearse(plan, traffic, dice, ratio=ratio) for _ in range(runs)]
    left = sum(not each.halted and each.took < bake * MINUTE for each in endings)

    assert left <= 0.05 * runs


@pytest.mark.long
def test_most_good_changes_leave_early() -> None:
    """Of those that are no worse, nearly all, and none before the minimum."""
    dice, runs = Random(1), 100
    traffic = Traffic(per_minute=2000, failing=0.05)
    endings = [rehearse(early(), traffic, dice) for _ in range(runs)]

    assert all(each.took >= 5 * MINUTE for each in endings if not each.halted)
    assert sum(each.took < 30 * MINUTE and not each.halted for each in endings) >= 0.9 * runs
