"""Health models: what findings mean, who has a say, who shares alpha, and who is to blame."""

import math
from collections.abc import Sequence
from datetime import timedelta
from random import Random
from typing import Any

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from safedeploy.components import Component
from safedeploy.health import TOGETHER, HealthModel
from safedeploy.signals import (
    Burn,
    Criteria,
    ErrorRate,
    Health,
    Objective,
    Signal,
    Threshold,
    Throughput,
    Usage,
    UserReports,
)
from safedeploy.verdicts import Counts, Evidence, Finding, Measurement, Scope, Verdict, join
from tests.measurements import CRITERIA, NONE, NOON, arm, arms, block, did, histories

USAGE = Usage(at_least=1)
WAIVED = {"usage": "said so"}
PATIENT = attrs.evolve(CRITERIA, must_see=20.0)


@attrs.frozen(kw_only=True)
class Made:
    """A signal of a host's that finds what it is told."""

    name: str = "made"
    verdict: Verdict = Verdict.PASS
    e_value: float | None = None
    spends_alpha: bool = True

    def start(self) -> None:
        """Remember nothing."""

    def enter(self, memory: None) -> None:
        """Remember nothing."""

    def observe(self, memory: None, measurement: Measurement, progress: float) -> None:
        """Remember nothing."""

    def judge(self, memory: None, health: Health, criteria: Criteria) -> Finding:
        halts = (self.e_value or 0) >= 1 / criteria.alpha
        verdict = Verdict.HALT if halts else self.verdict
        return Finding(self.name, verdict, f"at alpha {criteria.alpha:g}", self.e_value)

    def can_notice(self, criteria: Criteria) -> bool:
        return True


def folded(model: HealthModel, *measured: Measurement) -> Health:
    """Fold measurements in."""
    health = model.enter(model.start(NOON), NOON)
    for each in measured:
        health = model.observe(health, each, 0)
    return health


def judged(
    model: HealthModel, *measured: Measurement, criteria: Criteria = PATIENT
) -> tuple[Finding, ...]:
    """Fold measurements in, and judge, without a designed split."""
    findings = model.judge(folded(model, *measured), attrs.evolve(criteria, alpha=model.alpha))
    return tuple(found for found in findings if found.signal != "sample ratio")


def evidence(findings: Sequence[Finding]) -> Evidence:
    """Make evidence of findings."""
    return Evidence(Scope("x", 1, "y", 1), NOON, NOON, "", NONE, NONE, tuple(findings))


def waived(*signals: Any, **given: Any) -> HealthModel:
    """Make a model that does without usage."""
    return HealthModel(*signals, waive=WAIVED, **given)


FINE = block(arm(4000, 40), arm(396_000, 3960))
BURNS = block(arm(1000, 60), arm(99_000, 990))
BROKEN = block(*[arm(1000, 60)] * 2, error="connection refused")


# Severity, silence, and what is broken


def test_worse_means_what_the_signal_says() -> None:
    """A signal that only investigates never halts, and everything else does."""
    halts, looks = HealthModel(ErrorRate(), USAGE), HealthModel(LOOKED_AT, USAGE)

    assert Verdict.HALT is evidence(judged(halts, BURNS)).verdict
    assert Verdict.INVESTIGATE is evidence(judged(looks, BURNS)).verdict
    assert Verdict.PASS is evidence(judged(looks, FINE)).verdict
    own = Made(verdict=Verdict.HALT)
    assert Verdict.HALT is evidence(judged(HealthModel(own, USAGE), FINE)).verdict


LOOKED_AT = ErrorRate(severity=Verdict.INVESTIGATE)


@pytest.mark.law("A3")
@pytest.mark.parametrize("meaning", [Verdict.NO_DATA, Verdict.INVESTIGATE, Verdict.HALT])
def test_silence_means_what_the_signal_says(meaning: Verdict) -> None:
    """It holds, calls a person or halts; it never passes."""
    model = HealthModel(ErrorRate(), Usage(at_least=1, no_data=meaning))

    usage = judged(model, criteria=LATER)[1]
    assert ("usage", meaning) == (usage.signal, usage.verdict)
    assert meaning is evidence(judged(model, criteria=LATER)).verdict
    assert Verdict.PASS is evidence(judged(model, FINE)).verdict


LATER = attrs.evolve(PATIENT, at=NOON + PATIENT.quiet + timedelta(microseconds=1))


@pytest.mark.law("A3")
@pytest.mark.parametrize("meaning", [Verdict.NO_DATA, Verdict.INVESTIGATE, Verdict.HALT])
@given(st.timedeltas(timedelta(0), PATIENT.quiet))
def test_a_ring_that_has_just_begun_isnt_silent_yet(meaning: Verdict, passed: timedelta) -> None:
    """Until a silence could have been noticed, there being nothing to see only holds."""
    model = HealthModel(ErrorRate(), Usage(at_least=1, no_data=meaning))
    early = attrs.evolve(PATIENT, at=NOON + passed)

    assert Verdict.NO_DATA is evidence(judged(model, criteria=early)).verdict


@pytest.mark.law("A4")
@pytest.mark.parametrize("meaning", [Verdict.SOURCE_ERROR, Verdict.INVESTIGATE])
def test_a_broken_measurement_means_what_the_signals_say(meaning: Verdict) -> None:
    """The most worried of them is heard; nobody halts by it."""
    worried = Threshold("load", at_most=1, source_error=meaning)
    model = HealthModel(ErrorRate(), USAGE, worried)
    loaded = block(attrs.evolve(FINE.canary, values={"load": 0.5}), FINE.baseline)

    *_, source = judged(model, loaded, BROKEN)
    was = None if meaning is Verdict.SOURCE_ERROR else Verdict.SOURCE_ERROR
    assert Finding("source", meaning, "connection refused", was=was) == source
    assert meaning is evidence(judged(model, loaded, BROKEN)).verdict
    nan = block(attrs.evolve(FINE.canary, values={"load": math.nan}), FINE.baseline)
    assert meaning is evidence(judged(model, nan)).verdict


signals: st.SearchStrategy[Any] = st.sampled_from(
    [
        ErrorRate(),
        ErrorRate(severity=Verdict.INVESTIGATE, source_error=Verdict.INVESTIGATE),
        ErrorRate(shadow=True, source_error=Verdict.INVESTIGATE),
        ErrorRate(of="order", name="errors of order", weight=3),
        Throughput(of="order"),
        Objective(0.9, burns=(Burn(2, timedelta(hours=1)),)),
        Threshold("load", at_most=0.5, times=1),
        UserReports(),
        Usage(at_least=5, per_hour=600),
    ]
)
models = st.lists(signals, min_size=1, max_size=5, unique_by=lambda signal: signal.name).map(
    lambda several: waived(*several, alpha=0.2)
)


@pytest.mark.law("A4")
@given(models, histories(), st.integers(0, 6))
def test_a_monitors_failure_never_halts(
    model: HealthModel, history: tuple[Measurement, ...], when: int
) -> None:
    """Wherever it fails, nothing of it counts, nobody halts who hadn't, and it never passes."""
    broken = (*history[:when], BROKEN)
    before, after = folded(model, *history[:when]), folded(model, *broken)
    criteria = attrs.evolve(PATIENT, alpha=model.alpha)

    assert attrs.evolve(before, error=BROKEN.error) == after
    was, now = (
        join(f.verdict for f in model.judge(h, criteria) if not f.shadow) for h in (before, after)
    )
    assert max(was, Verdict.SOURCE_ERROR) <= now <= max(was, Verdict.INVESTIGATE)


@pytest.mark.law("A3")
@given(models, st.lists(arms(), max_size=5))
def test_a_canary_that_was_never_used_never_passes(
    model: HealthModel, baseline: list[Counts]
) -> None:
    """Whatever the baseline did meanwhile, and whoever waived usage."""
    found = judged(model, *(block(NONE, each) for each in baseline))

    assert Verdict.NO_DATA <= evidence(found).verdict < Verdict.HALT


@pytest.mark.law("A5")
@given(models, histories(), st.randoms())
def test_an_order_of_signals_keeps_what_they_find(
    model: HealthModel, history: tuple[Measurement, ...], dice: Random
) -> None:
    """The verdict is the worst of those that have a say, and no finding is lost."""
    turned = waived(*dice.sample(model.signals, len(model.signals)), alpha=model.alpha)
    found, other = (evidence(judged(each, *history)) for each in (model, turned))

    assert found.verdict is other.verdict
    assert {(one.signal, one.verdict) for one in found.findings} == {
        (one.signal, one.verdict) for one in other.findings
    }
    assert len(model.judges) <= len(found.findings)
    say = [one.verdict for one in found.findings if not one.shadow]
    assert max(say, default=Verdict.NO_DATA) is found.verdict


# Shadows


def test_a_shadow_is_recorded_and_has_no_say() -> None:
    """Its finding is kept, and neither the verdict nor the reason is moved by it."""
    shadow = ErrorRate(shadow=True)
    found = judged(HealthModel(shadow, USAGE), BURNS)
    told = evidence(found)

    assert [(True, Verdict.HALT), (False, Verdict.PASS)] == [(f.shadow, f.verdict) for f in found]
    assert (Verdict.PASS, "usage: 1000 exposures") == (told.verdict, told.reason)
    assert Verdict.NO_DATA is evidence(judged(waived(shadow), BURNS)).verdict
    assert "nothing was judged" == evidence(judged(waived(shadow), BURNS)).reason


def test_a_shadow_has_no_say_in_what_a_broken_source_means() -> None:
    """Only those that act are asked."""
    shadow = ErrorRate(shadow=True, source_error=Verdict.INVESTIGATE)

    for model in (HealthModel(shadow, USAGE), waived(shadow)):
        *_, source = judged(model, FINE, BROKEN)
        assert ("source", Verdict.SOURCE_ERROR, False) == (
            source.signal,
            source.verdict,
            source.shadow,
        )


def test_a_shadow_spends_no_alpha() -> None:
    """It is judged as if it were alone, and takes nothing from those that act."""
    alone = HealthModel(ErrorRate(), USAGE, alpha=0.04)
    beside = HealthModel(ErrorRate(), USAGE, Throughput(of="order", shadow=True), alpha=0.04)
    looked = HealthModel(ErrorRate(), USAGE, ErrorRate(of="x", severity=Verdict.INVESTIGATE))

    assert 25 == pytest.approx(judged(alone, FINE)[0].threshold)
    assert [25, 1, 25] == pytest.approx([found.threshold for found in judged(beside, FINE)])
    assert [100, 1, 100] == pytest.approx([found.threshold for found in judged(looked, FINE)])


def test_shadows_do_not_halt_together() -> None:
    """Nor do those that only investigate."""
    almost = 150.0
    acting = waived(Made(e_value=almost), Made(name="b", e_value=almost))
    assert TOGETHER in {found.signal for found in judged(acting)}

    quiet = waived(Made(e_value=almost), Made(name="b", e_value=1.0), alpha=0.01)
    assert TOGETHER not in {found.signal for found in judged(quiet)}
    for policy in ({"shadow": True}, {"severity": Verdict.INVESTIGATE}):
        model = waived(ErrorRate(**policy), Made(e_value=almost, name="b"))
        assert Verdict.HALT in {found.verdict for found in judged(model, BURNS)}
        assert TOGETHER not in {found.signal for found in judged(model, BURNS)}


# Alpha, shared


@given(st.lists(st.floats(0.001, 1000), min_size=1, max_size=6), st.floats(1e-9, 0.5))
def test_alpha_is_shared_by_weight(weights: list[float], alpha: float) -> None:
    """The parts are in proportion, sum to the whole, and also those of components are parts."""
    spenders = [ErrorRate(of=str(number), weight=weight) for number, weight in enumerate(weights)]
    half = len(weights) // 2
    model = HealthModel(
        USAGE,
        *spenders[half:],
        alpha=alpha,
        components=[Component("c", spenders[:half])] if half else (),
    )
    criteria = attrs.evolve(CRITERIA, alpha=alpha)
    parts = {j.signal: j.criteria(criteria).alpha for j in model.judges if j.halts}

    assert alpha == pytest.approx(sum(parts.values()))
    for one in spenders:
        assert alpha * one.weight / sum(weights) == pytest.approx(parts[one])


@pytest.mark.parametrize(
    ("alpha", "weights"),
    [(5e-324, (1, 1)), (0.01, (5e-324, 1)), (0.01, (1e308, 1e308)), (0.5, (1e308, 5e-324))],
)
def test_however_small_a_part_is_it_can_be_judged(
    alpha: float, weights: tuple[float, float]
) -> None:
    """No share of alpha is none, and no weight breaks the mean: health is judged, not halted."""
    several = (ErrorRate(weight=weights[0]), Throughput(of="order", weight=weights[1]))
    model = HealthModel(*several, USAGE, alpha=alpha)

    found = judged(model, block(arm(10), arm(990, 9)))
    assert Verdict.INCONCLUSIVE is evidence(found).verdict
    assert 3 == len(found)


@given(
    st.lists(
        st.tuples(st.floats(0, 250) | st.none(), st.sampled_from([0.5, 1.0, 3.0])),
        min_size=1,
        max_size=4,
    )
)
def test_signals_halt_together_by_their_mean_wealth(
    given: list[tuple[float | None, float]],
) -> None:
    """Just where the weighted mean reaches 1/alpha, though no signal reached its own bound."""
    several = [
        Policed(name=str(number), e_value=e_value, weight=weight)
        for number, (e_value, weight) in enumerate(given)
    ]
    found = judged(waived(*several, alpha=0.01))
    weights = sum(weight for _, weight in given)
    mean = sum(weight * (e_value or 0) for e_value, weight in given) / weights
    alone = [(e_value or 0) >= 100 * weights / weight for e_value, weight in given]

    together = [each for each in found if each.signal == TOGETHER]
    assert (mean >= 100 * (1 + 1e-9) and len(given) > 1 and not any(alone)) <= bool(together)
    assert bool(together) <= (mean >= 100 * (1 - 1e-9) and len(given) > 1 and not any(alone))
    for one in together:
        assert (Verdict.HALT, "") == (one.verdict, one.component)
        assert (mean, 100) == pytest.approx((one.statistic, one.threshold))
    halts = any(alone) or bool(together)
    assert halts == (evidence(found).verdict is Verdict.HALT)


@attrs.frozen(kw_only=True)
class Policed(ErrorRate):
    """A signal of this library that finds what it is told."""

    e_value: float | None = None

    def judge(self, memory: Any, health: Health, criteria: Criteria) -> Finding:
        """Halt by the e-value alone."""
        made = Made(name=self.name, e_value=self.e_value, verdict=Verdict.INCONCLUSIVE)
        return made.judge(None, health, criteria)


def test_what_halts_together_says_who() -> None:
    """Those that lean to worse are named, and a model of one signal has no such finding."""
    names = {"errors": 150.0, "orders": 150.0, "slow": 0.5}
    several = [Made(name=name, e_value=e_value) for name, e_value in names.items()]
    found = judged(waived(*several, alpha=0.01), criteria=attrs.evolve(PATIENT, alpha=0.01))
    detail = "errors and orders are worse, none beyond doubt, but all of them together"

    assert Finding(TOGETHER, Verdict.HALT, detail, 100.16666666666667, 100.0) == found[-1]
    [one] = judged(waived(Made(e_value=99.9)))
    assert Verdict.PASS is one.verdict


@pytest.mark.long
def test_three_signals_halt_no_more_than_alpha() -> None:
    """Of changes that are no worse, alpha is the share that halts at most, of all signals."""
    model = waived(
        ErrorRate(),
        ErrorRate(of="order", weight=2),
        Throughput(of="report"),
        alpha=0.1,
    )
    dice, rollouts, halts = Random(1), 600, 0

    def some(units: int) -> Counts:
        failed, ordered, reported = (
            sum(dice.random() < rate for _ in range(units)) for rate in (0.1, 0.2, 0.5)
        )
        return arm(units, failed, events={"order": ordered, "report": reported})

    for _ in range(rollouts):
        health = folded(model)
        for number in range(25):
            health = model.observe(health, block(some(5), some(20)), number / 25)
            found = model.judge(health, attrs.evolve(CRITERIA, alpha=0.1, share=0.2))
            if evidence(found).verdict is Verdict.HALT:
                halts += 1
                break

    assert 0 < halts <= 0.1 * rollouts


# Components


ORDERS = Component("orders", (ErrorRate(of="order"),), needs=("database",))
DATABASE = Component("database", (ErrorRate(of="query"), LOOKED_AT))
SPARE = Component("spare", (ErrorRate(of="spare", shadow=True),))


def test_components_join_the_workload() -> None:
    """A finding names its component, and the workload is no better than any of them."""
    model = HealthModel(USAGE, components=(ORDERS, DATABASE))
    fine = judged(model, FINE)
    worse = block(did(1000, met=60), did(99_000, met=990))

    told = [("", "usage"), ("orders", "error rate of order")]
    told += [("database", "error rate of query"), ("database", "error rate")]
    assert told == [(found.component, found.signal) for found in fine]
    assert Verdict.PASS is evidence(fine).verdict
    assert Verdict.HALT is evidence(judged(model, worse)).verdict


def test_a_model_explains_itself() -> None:
    """The workload, each component and each signal: its verdict, why, and who is to blame."""
    model = HealthModel(USAGE, components=(ORDERS, DATABASE, SPARE))
    worse = {"order": 60, "query": 60}
    usual = {"order": 990, "query": 990}
    found = judged(model, block(arm(1000, events=worse), arm(99_000, events=usual)))
    counts = "60 of 1000 canary units met {!r}, 990 of 99000 at the baseline"
    spare = "0 of 1000 canary units met 'spare', 0 of 99000 at the baseline"

    lines = [
        "workload: HALT",
        "  usage: PASS, 1000 exposures",
        "orders: HALT, needs database",
        f"  error rate of order: HALT, {counts.format('order')}",
        "database: HALT",
        f"  error rate of query: HALT, {counts.format('query')}",
        "  error rate: PASS, 0 of 1000 canary units failed, 0 of 99000 at the baseline",
        "spare: NO_DATA",
        f"  error rate of spare: PASS (shadow), {spare}",
        "to blame: database",
    ]
    assert lines == model.explain(evidence(found)).splitlines()


@pytest.mark.parametrize(
    ("orders", "query", "blamed"),
    [(60, 10, "orders"), (60, 60, "database"), (10, 60, "database"), (60, 20, "orders")],
    ids=["well", "ill as well", "alone", "not known yet"],
)
def test_what_is_not_known_yet_is_not_to_blame(orders: int, query: int, blamed: str) -> None:
    """Too little seen isn't ill: whoever needs it answers for what is worse."""
    model = HealthModel(USAGE, components=(ORDERS, DATABASE))
    worse, usual = {"order": orders, "query": query}, {"order": 990, "query": 990}
    found = judged(model, block(arm(1000, events=worse), arm(99_000, events=usual)))

    assert Verdict.HALT is evidence(found).verdict
    assert f"to blame: {blamed}" == model.explain(evidence(found)).splitlines()[-1]


def test_a_model_that_is_well_blames_nobody() -> None:
    """Where all pass, nobody is named; what is of the whole workload stands first."""
    model = HealthModel(USAGE, components=(ORDERS, DATABASE))

    lines = model.explain(evidence(judged(model, FINE))).splitlines()
    assert "workload: PASS" == lines[0]
    assert "to blame" not in lines[-1]
    broken = model.explain(evidence(judged(model, FINE, BROKEN))).splitlines()
    assert ["workload: SOURCE_ERROR", "  source: SOURCE_ERROR, connection refused"] == [
        broken[0],
        broken[2],
    ]


def test_a_model_without_components_explains_its_signals() -> None:
    """There is the workload, and nothing else."""
    model: HealthModel = HealthModel(ErrorRate(), USAGE)
    signals: tuple[Signal, ...] = model.signals

    lines = model.explain(evidence(judged(model, FINE))).splitlines()
    assert len(signals) + 1 == len(lines)
