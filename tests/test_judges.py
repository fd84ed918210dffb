"""Judges: signals as they stand in their model, each with its part of alpha."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator
from random import Random
from typing import Any

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from safedeploy import events
from safedeploy.audiences import Group
from safedeploy.changes import Change
from safedeploy.components import Component
from safedeploy.digests import digest
from safedeploy.health import HealthModel
from safedeploy.judges import Judge
from safedeploy.plans import Plan, Ring
from safedeploy.records import Codec
from safedeploy.signals import (
    Comparing,
    Criteria,
    ErrorRate,
    Health,
    Latency,
    Objective,
    Policy,
    Rate,
    Signal,
    Threshold,
    Throughput,
    Usage,
)
from safedeploy.strata import REST, Stratified
from safedeploy.verdicts import Counts, Finding, Measurement, Verdict
from tests.measurements import CRITERIA, NOON, arm, block

LOOK = ErrorRate(severity=Verdict.INVESTIGATE, name="looks")
SHADOW = ErrorRate(shadow=True, name="tried")
STRATA = {"staff": Group("staff"), "beta": Group("beta")}


def waived(*signals: Signal, **more: Any) -> HealthModel:
    """Make a model that may do without usage."""
    return HealthModel(*signals, waive={"usage": "here"}, **more)


def judge_of(model: HealthModel, name: str) -> Judge:
    """Return the judge of that name."""
    [judge] = [each for each in model.judges if each.signal.name == name]
    return judge


@attrs.frozen
class Own:
    """A host's own signal, that takes no policy, and finds what it is told."""

    name: str = "own"
    spends_alpha: bool = False
    found: Verdict = Verdict.HALT

    def start(self) -> None:
        """Return nothing."""

    def enter(self, memory: None) -> None:
        """Return nothing."""

    def observe(self, memory: None, measurement: Measurement, progress: float) -> None:
        """Return nothing."""

    def judge(self, memory: None, health: Health, criteria: Criteria) -> Finding:
        """Find it, and say what alpha was given."""
        return Finding(self.name, self.found, "so it is", threshold=criteria.alpha)

    def can_notice(self, criteria: Criteria) -> bool:
        """Notice anything."""
        return True


# What a judge says of its signal


@pytest.mark.parametrize(
    ("signal", "halts", "has_a_say", "is_absolute"),
    [
        (ErrorRate(), True, True, False),
        (Throughput(of="order"), True, True, False),
        (Latency(), True, True, False),
        (Rate("crash", at_most=1), True, True, True),
        (Objective(0.999), False, True, True),
        (Threshold("load", at_most=1), False, True, True),
        (Usage(at_least=1), False, True, False),
        (Own(), False, True, False),
        (Own(spends_alpha=True), True, True, False),
        (LOOK, False, False, False),
        (SHADOW, False, False, False),
        (Rate("crash", at_most=1, shadow=True), False, False, True),
        (Rate("crash", at_most=1, severity=Verdict.INVESTIGATE), False, False, True),
    ],
    ids=range(13),
)
def test_a_judge_knows_what_its_signal_may(
    signal: Signal, halts: bool, has_a_say: bool, is_absolute: bool
) -> None:
    """Whether it shares alpha, may halt at all, and needs nobody to compare with."""
    for model in (waived(signal), waived(signal, strata=STRATA)):
        [judge] = model.judges
        assert (halts, has_a_say, is_absolute) == (judge.halts, judge.has_a_say, judge.is_absolute)
        assert (has_a_say and is_absolute) is model.is_absolute


def test_what_only_some_signals_say_is_told() -> None:
    """Of the signal as it was given, also where it is judged by strata."""
    for strata in ({}, STRATA):
        model = waived(ErrorRate(of="order", margin=1.5), Latency(), Own(), strata=strata)
        errors, slow, own = model.judges
        assert ("order", 1.5) == (errors.told("of"), errors.told("margin"))
        assert (None, True) == (errors.told("asks_latency"), slow.told("asks_latency"))
        assert ("", None) == (own.told("of", ""), own.told("margin"))
        assert model.asks_latency
        assert not waived(ErrorRate(), strata=strata).asks_latency


def test_who_takes_no_policy_has_the_usual_one() -> None:
    """A host's own signal halts, holds and weighs as any other."""
    assert Policy() == Judge("", Own()).policy
    assert LOOK == Judge("", LOOK).policy == Judge("", Stratified(LOOK, (REST,))).policy


# Its part of alpha


@pytest.mark.parametrize(
    ("signals", "parts"),
    [
        ([ErrorRate()], [1]),
        ([ErrorRate(), Usage(at_least=1)], [1, 1]),
        ([ErrorRate(), Latency(weight=3)], [0.25, 0.75]),
        ([ErrorRate(), LOOK], [1, 1]),
        ([ErrorRate(), SHADOW, Rate("crash", at_most=1)], [0.5, 1, 0.5]),
        ([Own(spends_alpha=True), ErrorRate(weight=4)], [0.2, 0.8]),
        ([SHADOW, LOOK], [1, 1]),
    ],
    ids=range(7),
)
def test_alpha_is_shared_by_those_that_may_halt(signals: list[Any], parts: list[float]) -> None:
    """By weight; a shadow, or what is only looked at, is judged as if it were alone."""
    for order in (1, -1):
        model = waived(*signals[::order], alpha=0.04)
        assert parts == pytest.approx([judge_of(model, each.name).part for each in signals])
        for judge in model.judges:
            share = judge.criteria(attrs.evolve(CRITERIA, alpha=0.04))
            assert attrs.evolve(CRITERIA, alpha=0.04 * judge.part) == share


def test_components_share_the_same_alpha() -> None:
    """There is one chance of a false halt, however a workload is split."""
    model = waived(ErrorRate(), components=[Component("shop", [ErrorRate(), SHADOW])])

    assert [("", 0.5), ("shop", 0.5), ("shop", 1)] == [
        (each.component, each.part) for each in model.judges
    ]


@pytest.mark.parametrize("alpha", [5e-324, 1e-300, 0.5])
@pytest.mark.parametrize("part", [0.0, 5e-324, 1.0])
@pytest.mark.parametrize("strata", [(), (REST, "staff")])
def test_no_part_is_too_small(alpha: float, part: float, strata: tuple[str, ...]) -> None:
    """There is always some alpha left, and something that is enough."""
    placed = Judge("", ErrorRate()).placed(part, alpha, strata)

    assert placed.criteria(attrs.evolve(CRITERIA, alpha=alpha)).alpha > 0
    assert enough_of(placed.signal) >= math.log(2)


def enough_of(signal: Any) -> float:
    """Return the log wealth that decides."""
    return float(getattr(signal, "signal", signal).enough)


# What decides is bound by the model


@pytest.mark.parametrize(
    "signal", [ErrorRate(), Throughput(of="order"), Latency()], ids=lambda each: each.name
)
@given(st.floats(1e-6, 0.5), st.floats(0.1, 10), st.integers(0, 3))
def test_enough_is_a_tenth_above_what_halts(
    signal: Any, alpha: float, weight: float, strata: int
) -> None:
    """What halts is the reciprocal of its part of alpha, for each of its strata."""
    names = {str(number): Group("staff") for number in range(strata)}
    other = ErrorRate(of="other", weight=weight)
    model = waived(signal, other, LOOK, alpha=alpha, strata=names)
    several = strata + 1 if strata else 1

    for name, part in ((signal.name, 1 / (1 + weight)), ("looks", 1.0)):
        decides = math.log(several / (alpha * part))
        assert decides + math.log(1.1) == pytest.approx(enough_of(judge_of(model, name).signal))
    assert math.inf == signal.enough


def test_just_what_decides_is_enough_to_halt() -> None:
    """A wealth that was capped there halts, whatever rounding does to both."""
    dice = Random(1)
    for _ in range(500):
        alpha, weight = 10 ** dice.uniform(-6, -0.4), dice.uniform(0.1, 9)
        strata = dice.choice([{}, STRATA])
        model = waived(ErrorRate(), ErrorRate(of="x", weight=weight), alpha=alpha, strata=strata)
        burns = (arm(8, 8), arm(92, 2))
        measured = block(*burns, strata={REST: burns} if strata else {})
        health = model.observe(model.start(NOON), measured, 0)
        found = model.judge(health, attrs.evolve(CRITERIA, alpha=alpha, share=0.08))[0]
        decides = 1.1 * (1 + weight) / alpha
        wealth = found.statistic or 0
        if wealth > 0.99 * decides:
            assert Verdict.HALT is found.verdict
            assert wealth <= decides * (1 + 1e-9) + 1


def test_what_decides_is_no_part_of_the_definition() -> None:
    """Neither digest, nor record, nor comparison tells of it: it is the model's."""
    signal = ErrorRate(tolerate=1.25)
    bound = attrs.evolve(signal, enough=4.6)
    model = waived(signal, alpha=0.02)

    assert (signal, hash(signal), digest(signal)) == (bound, hash(bound), digest(bound))
    assert repr(signal) == repr(bound)
    assert [math.inf] == [one.enough for one in model.signals if isinstance(one, Comparing)]
    assert digest(model) == digest(waived(bound, alpha=0.02))
    plan = Plan(rings=(Ring("all", percent=50),), health=waived(bound, alpha=0.02))
    started = events.Started(NOON, Change.code("shop", version="2"), plan)
    text = Codec().encode(started)
    assert "enough" not in text
    read = Codec().decode(text)
    assert isinstance(read, events.Started)
    assert math.log(55) == pytest.approx(enough_of(read.plan.health.judges[0].signal))
    assert [each.part for each in read.plan.health.judges] == [1.0]


def test_strata_are_placed_where_they_can_be_pooled() -> None:
    """A host's own signal that can't be is judged by all together."""
    model = waived(ErrorRate(), Own(), strata=STRATA)
    errors, own = model.judges

    assert Stratified(ErrorRate(), (REST, "beta", "staff")) == errors.signal
    assert Own() == own.signal


# What its finding means


@pytest.mark.parametrize(
    ("signal", "component", "verdict", "shadow", "was"),
    [
        (ErrorRate(), "", Verdict.HALT, False, None),
        (LOOK, "", Verdict.INVESTIGATE, False, Verdict.HALT),
        (SHADOW, "shop", Verdict.HALT, True, None),
        (Own(), "shop", Verdict.HALT, False, None),
    ],
    ids=["usual", "looked at", "tried", "own"],
)
def test_a_finding_means_what_the_policy_says(
    signal: Signal, component: str, verdict: Verdict, shadow: bool, was: Verdict | None
) -> None:
    """Its verdict is the policy's, it names its component, and it keeps what it was."""
    judge = Judge(component, signal)
    canary, baseline = arm(100, 50), arm(9900, 99)
    memory = signal.observe(signal.start(), block(canary, baseline), 0)
    found = judge.finding(memory, Health(NOON, NOON, (), canary, baseline), CRITERIA)

    assert (verdict, component, shadow) == (found.verdict, found.component, found.shadow)
    assert was is found.was


def test_a_signal_judges_by_its_own_part() -> None:
    """What it is given is the model's criteria, with less alpha."""
    judge = Judge("", Own(spends_alpha=True), part=0.25)
    health = Health(NOON, NOON, ())

    assert 0.0025 == judge.finding(None, health, CRITERIA).threshold


# What is bound wins, and nothing is lost by chance


def outcomes(units: int, rate: float) -> Iterator[tuple[int, float]]:
    """Return how many of so many units fail, and how probable that is."""
    for failed in range(units + 1):
        yield failed, math.comb(units, failed) * rate**failed * (1 - rate) ** (units - failed)


@pytest.mark.parametrize("rate", [0.2, 0.45])
def test_what_is_capped_halts_no_more_than_alpha(rate: float) -> None:
    """Summed over all histories of four blocks, with a halt at each look; and it does halt."""
    model = waived(ErrorRate(), alpha=0.1)
    criteria = attrs.evolve(CRITERIA, alpha=0.1, share=1 / 3)
    blocks = [
        (block(arm(1, one), arm(2, other)), chance * odds)
        for (one, chance), (other, odds) in itertools.product(outcomes(1, rate), outcomes(2, rate))
    ]

    def halted(health: Health, number: int) -> float:
        if model.judge(health, criteria)[0].verdict is Verdict.HALT:
            return 1
        return sum(
            chance * halted(model.observe(health, each, number / 4), number + 1)
            for each, chance in (blocks if number < 4 else ())
        )

    assert 0 < halted(model.start(NOON), 0) <= 0.1


def harmed(model: HealthModel, dice: Random, *, capped: bool) -> int:
    """Return how many canary units failed before a change halts that fails twice as often."""
    signal = model.judges[0].signal if capped else ErrorRate()
    memory, failed = signal.start(), 0
    criteria = attrs.evolve(CRITERIA, share=0.2)
    for _ in range(1000):
        one, other = (
            sum(dice.random() < rate for _ in range(units)) for units, rate in ((5, 0.2), (20, 0.1))
        )
        failed += one
        memory = signal.observe(memory, block(arm(5, one), arm(20, other)), 0)
        health = Health(NOON, NOON, (), arm(5, one), arm(20, other))
        if signal.judge(memory, health, criteria).verdict is Verdict.HALT:
            return failed
    return failed


def test_what_is_capped_halts_sooner() -> None:
    """In the same rollouts of a change that is worse, fewer come to harm."""
    model, runs = waived(ErrorRate()), 100
    sooner, later = (
        [harmed(model, Random(seed), capped=capped) for seed in range(runs)]
        for capped in (True, False)
    )

    assert sum(sooner) < 0.99 * sum(later)


@pytest.mark.long
@pytest.mark.parametrize("strata", [{}, {"staff": Group("staff")}], ids=["pooled", "apart"])
def test_a_model_of_capped_signals_halts_no_more_than_alpha(strata: dict[str, Group]) -> None:
    """Of changes that are no worse, alpha is the share that halts at most, of all signals."""
    model = waived(
        ErrorRate(), ErrorRate(of="order"), Throughput(of="order"), alpha=0.1, strata=strata
    )
    dice, rollouts, halts = Random(1), 500, 0

    def some(units: int) -> Counts:
        failed, ordered = (sum(dice.random() < rate for _ in range(units)) for rate in (0.1, 0.3))
        return arm(units, failed, events={"order": ordered})

    for _ in range(rollouts):
        health = model.start(NOON)
        for number in range(30):
            rest, staff = (some(4), some(16)), (some(2), some(3))
            told = {REST: rest, "staff": staff} if strata else {}
            measured = block(rest[0] + staff[0], rest[1] + staff[1], strata=told)
            health = model.observe(health, measured, number / 30)
            criteria = attrs.evolve(CRITERIA, alpha=0.1, share=6 / 25)
            found = model.judge(health, criteria)
            if any(each.verdict is Verdict.HALT for each in found):
                halts += 1
                break

    assert 0 < halts <= 0.1 * rollouts
