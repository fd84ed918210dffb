"""Strata: contexts that differ are compared each with their like, never pooled."""

import math
from collections.abc import Mapping
from random import Random
from typing import Any

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from safedeploy import events
from safedeploy.audiences import Audience, Group, Percentage
from safedeploy.changes import Change
from safedeploy.digests import digest
from safedeploy.health import HealthModel
from safedeploy.plans import Plan, Ring
from safedeploy.records import Codec
from safedeploy.signals import ErrorRate, Health, Objective, Signal, Throughput, Usage
from safedeploy.statistics import LabelTest
from safedeploy.strata import REST, Stratified, refused
from safedeploy.verdicts import Counts, Evidence, Measurement, Scope, Verdict, join
from tests.measurements import CRITERIA, NONE, NOON, arm, arms, block, check_refused

STAFF, BETA = Group("staff"), Group("beta")
POOLED = HealthModel(ErrorRate(), Usage(at_least=1))
APART = HealthModel(ErrorRate(), Usage(at_least=1), strata={"staff": STAFF})
BOTH = Stratified(ErrorRate(), (REST, "staff"))
Strata = Mapping[str, tuple[Counts, Counts]]


def total(strata: Strata) -> Measurement:
    """Make a measurement of strata: both arms are the sums of theirs."""
    canary = sum((one for one, _ in strata.values()), NONE)
    baseline = sum((other for _, other in strata.values()), NONE)
    return block(canary, baseline, strata=strata)


def judged(model: HealthModel, *measured: Measurement, share: float = 0.01) -> Verdict:
    """Fold measurements in, and return the verdict of what is relative to the baseline."""
    health = model.enter(model.start(NOON), NOON)
    for each in measured:
        health = model.observe(health, each, 0)
    found = model.judge(health, attrs.evolve(CRITERIA, share=share, must_see=20.0))
    return join(one.verdict for one in found if one.signal != "sample ratio")


# Staff fail three times as often by themselves, and the first ring is theirs.
EMPLOYEES_FIRST = total({REST: (NONE, arm(98_000, 980)), "staff": (arm(1000, 30), arm(1000, 30))})


def test_those_who_fail_more_by_themselves_are_no_harm() -> None:
    """Pooled, a first ring of employees looks like harm; compared with their like, it doesn't."""
    assert Verdict.HALT is judged(POOLED, EMPLOYEES_FIRST)
    assert Verdict.PASS is judged(APART, EMPLOYEES_FIRST)


def test_harm_in_one_stratum_halts() -> None:
    """It need not show in any other, and it may be hidden by those who got better."""
    hurt = total({REST: (arm(1000, 10), arm(9000, 90)), "staff": (arm(1000, 80), arm(1000, 20))})
    hidden = total({REST: (arm(1000, 10), arm(9000, 900)), "staff": (arm(1000, 80), arm(1000, 20))})

    assert (Verdict.HALT, Verdict.HALT) == (judged(APART, hurt), judged(APART, hidden))
    assert Verdict.HALT > judged(POOLED, hidden)


stratified = st.fixed_dictionaries(
    {},
    optional={REST: st.tuples(arms(), arms())}
    | {name: st.tuples(arms(), arms()) for name in ("staff", "beta")},
)


@given(st.lists(stratified, max_size=5), st.sampled_from([ErrorRate(), Throughput(of="order")]))
def test_each_stratum_is_remembered_by_itself(history: list[Strata], signal: Any) -> None:
    """What is remembered of a stratum is what the signal would remember, had it been alone."""
    together = Stratified(signal, (REST, "staff", "beta"))
    memory, alone = together.start(), [signal.start()] * 3
    for strata in history:
        memory = together.observe(memory, total(strata), 0.3)
        parts = [strata.get(name, (NONE, NONE)) for name in together.strata]
        alone = [
            signal.observe(one, block(*part), 0.3) for one, part in zip(alone, parts, strict=True)
        ]

    same = alone if any(history) else [*memory]
    assert tuple(same) == memory
    assert tuple(signal.enter(one) for one in memory) == together.enter(memory)
    wealth = sum(math.exp(one.log_wealth) for one in memory) / 3
    finding = together.judge(memory, Health(NOON, NOON, ()), CRITERIA)
    assert wealth == pytest.approx(finding.statistic)
    assert (None, None) == (finding.effect, finding.compared)


def test_who_is_of_no_stratum_is_the_rest() -> None:
    """A source that tells nobody apart measures the rest."""
    memory = BOTH.observe(BOTH.start(), block(arm(1000, 20), arm(99_000, 990)), 0)

    alone = ErrorRate().observe(LabelTest(), block(arm(1000, 20), arm(99_000, 990)), 0)
    assert (alone, LabelTest()) == memory


def test_a_stratum_waits_for_both_of_its_arms() -> None:
    """Staff whom the first ring reaches all at once have nobody to be compared with."""
    all_staff = total({REST: (NONE, arm(99_000, 990)), "staff": (arm(10, 9), NONE)})

    assert Verdict.HALT > judged(APART, all_staff)
    pooled: Any = ErrorRate().pool(BOTH.observe(BOTH.start(), all_staff, 0))
    assert 10 == pooled.canary
    assert Verdict.HALT is judged(APART, all_staff, total({"staff": (NONE, arm(990, 9))}))


def test_what_compares_is_stratified_and_nothing_else() -> None:
    """Objectives and floors are of all together."""
    signals: tuple[Signal, ...] = (ErrorRate(), Throughput(of="order"), Usage(at_least=1))
    model = HealthModel(*signals, Objective(0.99), strata={"staff": STAFF, "beta": BETA})
    strata = (REST, "beta", "staff")

    placed = [judge.signal for judge in model.judges]
    assert [*(Stratified(one, strata) for one in signals[:2]), *signals[2:]] == placed[:3]  # type: ignore[arg-type]
    assert ["error rate", "throughput of order", "usage", "objective"] == [s.name for s in placed]
    assert [True, True, False, False] == [signal.spends_alpha for signal in placed]
    assert {"order"} == model.events
    assert [*signals, Objective(0.99)] == [
        judge.signal for judge in HealthModel(*signals, Objective(0.99)).judges
    ]


def test_what_can_be_noticed_is_what_the_signal_can() -> None:
    """A ratio that is too near to what is tolerated can't be noticed in any stratum."""
    tolerant = Stratified(ErrorRate(tolerate=3), (REST, "staff"))

    assert (True, False) == (BOTH.can_notice(CRITERIA), tolerant.can_notice(CRITERIA))


def test_what_is_remembered_of_strata_can_be_kept() -> None:
    """A journal gives back the memory, and the plan's strata."""
    health = APART.observe(APART.start(NOON), EMPLOYEES_FIRST, 0.5)
    nothing = Evidence(Scope("", 1, "", 1), NOON, NOON, "", NONE, NONE, ())
    event = events.Assessed(NOON, nothing, health)

    assert event == Codec().decode(Codec().encode(event))
    assert Verdict.PASS is join(
        one.verdict
        for one in APART.judge(health, attrs.evolve(CRITERIA, must_see=20.0))
        if one.signal == "error rate"
    )


# What a source can get wrong


SUMS = "the strata '', 'staff' don't add up to both arms"
COUNTS = "impossible counts: below zero, infinite, or more failures than units"


@pytest.mark.law("A3")
@pytest.mark.parametrize(
    ("strata", "error"),
    [
        ({REST: (arm(9), arm(9)), "staff": (arm(1), arm(1))}, ""),
        ({REST: (arm(10), arm(10))}, ""),
        ({"staff": (arm(10), arm(10))}, ""),
        ({}, "strata that were pooled: give both arms of '', 'staff': Measurement(strata=...)"),
        ({REST: (arm(9), arm(9)), "Staff": (arm(1), arm(1))}, SUMS),
        ({"staff": (arm(1), arm(1))}, SUMS),
        ({REST: (arm(10), arm(9))}, SUMS),
        ({REST: (arm(10), arm(10)), "staff": (arm(1), NONE)}, SUMS),
        ({REST: (arm(20), arm(10)), "staff": (arm(-10), NONE)}, COUNTS),
    ],
    ids=range(9),
)
def test_strata_that_do_not_add_up_are_no_measurement(strata: Strata, error: str) -> None:
    """Harm in a stratum that nobody compares would pass unseen: that is the source's fault."""
    measured = block(arm(10), arm(10), strata=strata)
    health = APART.observe(APART.start(NOON), measured, 0)

    assert error == refused(measured, (REST, "staff")) == health.error
    assert (NONE if error else arm(10)) == health.canary
    told = {found.signal: found.verdict for found in APART.judge(health, CRITERIA)}
    assert (Verdict.SOURCE_ERROR if error else None) == told.get("source")


def test_nothing_needs_no_strata() -> None:
    """Where nobody was active, there is nobody to tell apart."""
    values = block(Counts(values={"load": 1.0}), NONE)

    assert "" == refused(block(), (REST, "staff")) == refused(values, (REST, "staff"))


def test_strata_are_not_asked_for_where_there_are_none() -> None:
    """A model that tells nobody apart takes the sums, whatever a source adds."""
    measured = block(arm(10), arm(10), strata={"staff": (arm(1), arm(1))})

    assert "" == refused(measured, ()) == POOLED.observe(POOLED.start(NOON), measured, 0).error


NAMED = "give audiences, by a name that isn't empty, and no schedules"


@pytest.mark.parametrize(
    "strata",
    [{"": STAFF}, {"staff": "staff"}, {7: STAFF}, [STAFF], STAFF, None, {"staff": Group}],
    ids=["no name", "no audience", "a number", "a list", "one alone", "none", "a class"],
)
def test_strata_are_audiences_by_name(strata: Any) -> None:
    """Anything else is refused by field, value and mend."""
    check_refused(lambda: HealthModel(Usage(at_least=1), strata=strata), "strata", strata, NAMED)


def test_a_model_keeps_its_strata() -> None:
    """Whoever made them can't change them, and they count in the digest in no order."""
    strata: dict[str, Audience] = {"staff": STAFF, "beta": Percentage(5)}
    model = HealthModel(Usage(at_least=1), strata=strata)
    turned = HealthModel(Usage(at_least=1), strata=dict(reversed(strata.items())))
    strata.clear()

    assert ["beta", "staff"] == [*model.strata] == [*turned.strata]
    assert (digest(model), hash(model)) == (digest(turned), hash(turned))
    assert digest(model) != digest(HealthModel(Usage(at_least=1)))
    assert digest(HealthModel(Usage(at_least=1))) == digest(
        HealthModel(Usage(at_least=1), strata={})
    )


@given(st.lists(st.text(min_size=1, max_size=3), min_size=1, max_size=4, unique=True))
def test_no_journal_changes_the_order_of_strata(names: list[str]) -> None:
    """What is remembered of one stratum isn't taken for another's after a restart."""
    model = HealthModel(ErrorRate(), Usage(at_least=1), strata=dict.fromkeys(names, STAFF))
    plan = Plan(rings=(Ring("all", percent=50),), health=model)
    started = events.Started(NOON, Change.code("shop", version="2"), plan)
    read = Codec().decode(Codec().encode(started))

    assert isinstance(read, events.Started)
    assert model == read.plan.health
    assert [one.signal for one in model.judges] == [one.signal for one in read.plan.health.judges]


@pytest.mark.long
def test_only_pooling_halts_what_is_no_worse() -> None:
    """Employees with three times the base rate in the first ring: alpha holds where they're apart.

    Pooled, far more changes that are no worse are halted than alpha allows.
    """
    dice, rollouts, alpha = Random(1), 400, 0.05
    halts = {"pooled": 0, "apart": 0}
    models = {
        "pooled": HealthModel(ErrorRate(), waive={"usage": "simulated"}, alpha=alpha),
        "apart": HealthModel(
            ErrorRate(), waive={"usage": "simulated"}, alpha=alpha, strata={"staff": STAFF}
        ),
    }

    def failing(units: int, rate: float) -> Counts:
        return arm(units, sum(dice.random() < rate for _ in range(units)))

    for _ in range(rollouts):
        measured = [
            total(
                {
                    REST: (NONE, failing(100, 0.05)),
                    "staff": (failing(5, 0.15), failing(5, 0.15)),
                }
            )
            for _ in range(30)
        ]
        for name, model in models.items():
            health = model.start(NOON)
            for number, each in enumerate(measured):
                health = model.observe(health, each, number / 30)
                found = model.judge(health, attrs.evolve(CRITERIA, alpha=alpha, share=5 / 110))
                if found[0].verdict is Verdict.HALT:
                    halts[name] += 1
                    break

    assert halts["apart"] <= alpha * rollouts
    assert halts["pooled"] > 0.2 * rollouts
