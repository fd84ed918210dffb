"""Health models: what is measured becomes findings, and findings join to a verdict."""

import math
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import attrs
import pytest

from safedeploy.components import Component
from safedeploy.digests import digest
from safedeploy.errors import DefinitionError
from safedeploy.health import HealthModel
from safedeploy.plans import Plan, Ring
from safedeploy.signals import (
    LARGEST,
    SAMPLE_RATIO_ALPHA,
    Burn,
    Criteria,
    ErrorRate,
    Health,
    Objective,
    Signal,
    Usage,
    UserReports,
)
from safedeploy.verdicts import Against, Counts, Finding, Measurement, Verdict, join

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
SOON = NOON + timedelta(seconds=10)
LATER = NOON + timedelta(minutes=5)
QUIET = timedelta(minutes=10)
MODEL = HealthModel(ErrorRate(), Usage(at_least=10))

NONE = Counts()
FINE = (Counts(4000, 4000, 40, 4000), Counts(396_000, 396_000, 3960, 396_000))
BURNS = (Counts(4000, 4000, 400, 4000), Counts(396_000, 396_000, 3960, 396_000))
SKEWED = (Counts(4000, 4000, 40, 4000), Counts(100_000, 100_000, 1000, 100_000))
BURNS_SKEWED = (BURNS[0], SKEWED[1])


@attrs.frozen
class Refunds:
    """A signal of a host's own: halt when the canary has failed more than so many times."""

    most: int = 3
    name: str = "refunds"
    spends_alpha: bool = True

    def start(self) -> int:
        return 0

    def enter(self, memory: int) -> int:
        return memory + 1000

    def observe(self, memory: int, measurement: Measurement, progress: float) -> int:
        return memory + measurement.canary.failures

    def judge(self, memory: int, health: Health, criteria: Criteria) -> Finding:
        verdict = Verdict.HALT if memory > self.most else Verdict.PASS
        return Finding(self.name, verdict, f"{memory} refunds at alpha {criteria.alpha}")

    def can_notice(self, criteria: Criteria) -> bool:
        return criteria.must_see > 1.5


def criteria(model: HealthModel = MODEL, share: float = 0.01, at: datetime = LATER) -> Criteria:
    """Make the criteria of a ring."""
    return Criteria(at, share, model.alpha, must_see=2.0, power=0.9, quiet=QUIET)


def seen(
    canary: Counts, baseline: Counts, model: HealthModel = MODEL, *, progress: float = 0
) -> Health:
    """Fold one block in."""
    block = Measurement(NOON, SOON, canary, baseline)
    return model.observe(model.start(NOON), block, progress)


def failed(health: Health, error: str) -> Health:
    """Fold a measurement in that failed."""
    return MODEL.observe(health, Measurement(SOON, LATER, *BURNS, error=error), 0.5)


def verdicts(health: Health, share: float = 0.01) -> dict[str, Verdict]:
    """Judge, and list the verdicts by signal."""
    return {found.signal: found.verdict for found in MODEL.judge(health, criteria(share=share))}


def test_nothing_has_been_seen_at_the_start() -> None:
    """An attempt begins with what each signal starts from, and without a verdict."""
    health = MODEL.start(NOON)

    assert (ErrorRate().start(), None) == health.tests
    assert (NONE, NONE, "") == (health.canary, health.baseline, health.error)
    assert (NOON, NOON) == (health.used, health.compared)
    assert Verdict.NO_DATA is join(verdicts(health).values())


def test_blocks_are_folded_in() -> None:
    """Counts add up, each signal remembers, and the reserve follows the progress."""
    once = seen(*FINE, progress=0.25)
    twice = MODEL.observe(once, Measurement(SOON, LATER, *FINE), 0.5)

    assert FINE == (once.canary, once.baseline)
    assert (FINE[0] + FINE[0], FINE[1] + FINE[1]) == (twice.canary, twice.baseline)
    assert (
        MODEL.judges[0].signal.observe(once.tests[0], Measurement(SOON, LATER, *FINE), 0.5)
        == twice.tests[0]
    )


@pytest.mark.parametrize(
    ("canary", "baseline", "used", "compared"),
    [
        (Counts(1), Counts(1), SOON, SOON),
        (Counts(1), NONE, SOON, NOON),
        (NONE, Counts(1), NOON, SOON),
        (NONE, NONE, NOON, NOON),
    ],
)
def test_an_arm_was_used_when_its_block_ended(
    canary: Counts, baseline: Counts, used: datetime, compared: datetime
) -> None:
    """A block without exposures of an arm leaves that arm as silent as it was."""
    health = seen(canary, baseline)

    assert (used, compared) == (health.used, health.compared)


def test_a_new_exposure_counts_anew() -> None:
    """Counts, silence and errors start again; wealth and what a signal keeps go on."""
    health = failed(seen(*FINE), "connection refused")
    entered = MODEL.enter(health, LATER)

    assert Health(LATER, LATER, health.tests, since=LATER) == entered


SPLITS: dict[str, tuple[Counts, Counts, float, dict[str, Verdict]]] = {
    "as designed": (*FINE, 0.01, {"error rate": Verdict.PASS, "usage": Verdict.PASS}),
    "burns": (*BURNS, 0.01, {"error rate": Verdict.HALT, "usage": Verdict.PASS}),
    "skewed": (
        *SKEWED,
        0.01,
        {
            "error rate": Verdict.PASS,
            "usage": Verdict.PASS,
            "sample ratio": Verdict.SOURCE_ERROR,
        },
    ),
    "burns and skewed": (
        *BURNS_SKEWED,
        0.01,
        {
            "error rate": Verdict.HALT,
            "usage": Verdict.PASS,
            "sample ratio": Verdict.SOURCE_ERROR,
        },
    ),
    "designed so": (*SKEWED, 4 / 104, {"error rate": Verdict.PASS, "usage": Verdict.PASS}),
    "no share": (*SKEWED, 1.0, {"usage": Verdict.PASS}),
    "nobody is reached": (*SKEWED, 0.0, {"error rate": Verdict.PASS, "usage": Verdict.PASS}),
    "even": (
        FINE[0],
        FINE[0],
        0.01,
        {
            "error rate": Verdict.INCONCLUSIVE,
            "usage": Verdict.PASS,
            "sample ratio": Verdict.SOURCE_ERROR,
        },
    ),
    "nobody": (NONE, NONE, 0.01, {"error rate": Verdict.NO_DATA, "usage": Verdict.NO_DATA}),
}


@pytest.mark.law("A5")
@pytest.mark.parametrize(("canary", "baseline", "share", "expected"), SPLITS.values(), ids=SPLITS)
def test_a_bad_split_is_the_sources_fault(
    canary: Counts, baseline: Counts, share: float, expected: dict[str, Verdict]
) -> None:
    """A split that isn't as designed is SOURCE_ERROR, not the change's fault, and hides no HALT."""
    found = verdicts(seen(canary, baseline), share)

    assert expected == found
    assert max(expected.values()) is join(found.values())


def test_a_bad_split_says_what_it_is() -> None:
    """It says how many were canary and how many were meant to be, with statistic and threshold."""
    [mismatch] = MODEL.judge(seen(*SKEWED), criteria())[2:]

    assert "4000 of 104000 units are canary, where 1.0% were meant to be" == mismatch.detail
    assert math.exp(LARGEST) == mismatch.statistic
    assert 1 / SAMPLE_RATIO_ALPHA == pytest.approx(mismatch.threshold)


def test_a_split_is_judged_by_who_is_new() -> None:
    """Regulars who come again and again don't make a split look broken."""
    regulars = Counts(4000, 4000, 40, 10), Counts(100_000, 100_000, 1000, 990)

    assert "sample ratio" not in verdicts(seen(*regulars))


@pytest.mark.law("A4")
def test_a_broken_monitor_is_not_the_changes_fault() -> None:
    """A failed measurement is SOURCE_ERROR, says why, and nothing of it is counted."""
    health = failed(seen(*FINE), "connection refused")
    findings = MODEL.judge(health, criteria())

    assert attrs.evolve(seen(*FINE), error="connection refused") == health
    assert Finding("source", Verdict.SOURCE_ERROR, "connection refused") == findings[-1]
    assert Verdict.SOURCE_ERROR is join(found.verdict for found in findings)


def test_a_broken_monitor_hides_no_halt() -> None:
    """What was won before the source broke still halts."""
    found = verdicts(failed(seen(*BURNS), "connection refused"))

    assert Verdict.HALT is join(found.values())
    assert Verdict.SOURCE_ERROR is found["source"]


def test_a_monitor_that_answers_again_is_forgiven() -> None:
    """The next measurement that succeeds clears the error."""
    health = failed(seen(*FINE), "connection refused")

    assert "" == MODEL.observe(health, Measurement(SOON, LATER, *FINE), 0).error


@pytest.mark.parametrize(
    ("signals", "share"),
    [
        ((Usage(at_least=1), ErrorRate()), 0.04),
        ((Usage(at_least=1), ErrorRate(), Refunds()), 0.02),
        ((Usage(at_least=1), ErrorRate(), Refunds(spends_alpha=False)), 0.04),
        ((Usage(at_least=1), ErrorRate(), Refunds(), Refunds(name="returns")), 0.04 / 3),
        ((Usage(at_least=1),), 0.0),
    ],
    ids=["one", "two", "one spends", "three", "none"],
)
def test_signals_share_alpha(signals: tuple[Signal, ...], share: float) -> None:
    """The chance of a false halt is split equally among the signals that spend it."""
    model = HealthModel(*signals, alpha=0.04)

    spent = {judge.criteria(criteria(model)).alpha for judge in model.judges if judge.halts}
    assert [pytest.approx(share)] == [*spent] or not spent


def test_two_signals_take_twice_the_wealth() -> None:
    """What halts a model of one relative signal needs more where two share the alpha."""
    alone = HealthModel(ErrorRate(), Usage(at_least=1), alpha=0.1)
    shared = HealthModel(ErrorRate(), Refunds(most=10**9), Usage(at_least=1), alpha=0.1)
    block = Counts(1000, 1000, 19, 1000), Counts(99_000, 99_000, 990, 99_000)

    for model, verdict in ((alone, Verdict.HALT), (shared, Verdict.INCONCLUSIVE)):
        found = model.judge(seen(*block, model), criteria(model))
        assert verdict is found[0].verdict
        share = model.judges[0].criteria(criteria(model)).alpha
        assert 1 / share == pytest.approx(found[0].threshold)


def test_a_signal_of_a_hosts_own_is_like_any_other() -> None:
    """Whatever satisfies the protocol starts, enters, observes, judges, and is digested."""
    model = HealthModel(Usage(at_least=1), Refunds(most=3))
    once = seen(Counts(9, 9, 2, 9), Counts(891, 891, 9, 891), model)
    more = model.observe(once, Measurement(SOON, LATER, Counts(9, 9, 2, 9), NONE), 0)

    assert [(None, 2), (None, 4)] == [once.tests, more.tests]
    assert (None, 1004) == model.enter(more, LATER).tests
    assert [Verdict.PASS, Verdict.PASS] == [f.verdict for f in model.judge(once, criteria(model))]
    [_, refunds] = model.judge(more, criteria(model))
    assert Finding("refunds", Verdict.HALT, "4 refunds at alpha 0.01") == refunds
    assert digest(model) != digest(HealthModel(Usage(at_least=1), Refunds(most=4)))


def test_a_signal_of_a_hosts_own_has_a_say_in_the_plan() -> None:
    """A plan is refused where such a signal couldn't notice what must be seen."""
    model, rings = HealthModel(Usage(at_least=1), Refunds()), (Ring("canary", percent=1),)

    assert model == Plan(rings=rings, health=model).health
    with pytest.raises(DefinitionError) as caught:
        Plan(rings=rings, health=model, must_see=1.5)
    assert "raise must_see above what 'refunds' tolerates" == caught.value.mend


def test_an_order_of_signals_keeps_the_verdict() -> None:
    """In whatever order signals stand, they find the same."""
    turned = HealthModel(*reversed(MODEL.signals))

    for block in (FINE, BURNS, SKEWED, (NONE, NONE)):
        found = MODEL.judge(seen(*block), criteria())
        other = turned.judge(seen(*block, turned), criteria(turned))
        assert set(found) == set(other)


# What can't be believed

BEFORE = Measurement(NOON, SOON, *FINE, against=Against.BEFORE)
UNBELIEVABLE: dict[str, tuple[Counts, Counts]] = {
    "a counter that was reset": (Counts(-100, -100, 0, 0), FINE[1]),
    "failures that went away": (FINE[0], Counts(396_000, 396_000, -9, 0)),
    "more failures than units": (Counts(9, 9, 10, 9), FINE[1]),
    "no number": (Counts(math.nan, 9, 0, 0), FINE[1]),  # type: ignore[arg-type]
    "endless": (FINE[0], Counts(9, math.inf, 0, 0)),  # type: ignore[arg-type]
    "new units below zero": (Counts(9, 9, 0, -1), FINE[1]),
    "unfinished below zero": (Counts(9, 9, 0, 0, unfinished=-1), FINE[1]),
    "events below zero": (FINE[0], Counts(9, 9, 0, 0, events={"order": -1})),
    "latencies below zero": (FINE[0], Counts(9, 9, 0, 0, slowest={(0, 1): -1})),
}


@pytest.mark.law("A4")
@pytest.mark.parametrize("case", UNBELIEVABLE)
def test_impossible_counts_are_the_sources_fault(case: str) -> None:
    """Nothing of such a measurement counts: it holds the rollout, and neither halts nor passes."""
    health = MODEL.observe(seen(*FINE), Measurement(NOON, SOON, *UNBELIEVABLE[case]), 0.5)

    told = "impossible counts: below zero, infinite, or more failures than units"
    assert attrs.evolve(seen(*FINE), error=told) == health
    assert Verdict.SOURCE_ERROR is join(verdicts(health).values())


def test_what_was_before_the_change_is_no_baseline_unless_that_is_waived() -> None:
    """Whatever else has changed since would look like the change."""
    reason = {"concurrent baseline": "there is one machine"}
    fine = HealthModel(ErrorRate(), Usage(at_least=1), waive=reason)

    health = MODEL.observe(MODEL.start(NOON), BEFORE, 0)
    [*_, source] = MODEL.judge(health, criteria())
    mend = 'waive={"concurrent baseline": "why that is fine"}'
    assert (
        Finding("source", Verdict.SOURCE_ERROR, f"compared with the time before: {mend}") == source
    )
    assert attrs.evolve(MODEL.start(NOON), error=source.detail) == health
    assert FINE[0] == fine.observe(fine.start(NOON), BEFORE, 0).canary
    for other in {*Against} - {Against.BEFORE}:
        measured = attrs.evolve(BEFORE, against=other)
        assert "" == MODEL.observe(MODEL.start(NOON), measured, 0).error


def test_what_was_seen_last_counts_for_silence() -> None:
    """Where a source says when the last outcome was, the block's end says less."""
    early = NOON + timedelta(seconds=3)
    once = MODEL.observe(MODEL.start(NOON), Measurement(NOON, SOON, *FINE, seen=early), 0)
    older = MODEL.observe(once, Measurement(NOON, SOON, *FINE, seen=NOON, block=7), 0)

    assert (early, early) == (once.used, once.compared)
    assert (early, early, 7) == (older.used, older.compared, older.block)
    assert 7 == MODEL.observe(older, Measurement(NOON, SOON, *FINE, block=3), 0).block


def test_nobody_is_compared_where_nobody_is_left() -> None:
    """At a share of 1, those that compare aren't asked, and what is absolute judges."""
    model = HealthModel(ErrorRate(), Objective(0.9, burns=QUICK_BURN), Usage(at_least=1))
    found = model.judge(seen(BURNS[0], NONE, model), criteria(model, share=1.0))

    assert [("objective", Verdict.PASS), ("usage", Verdict.PASS)] == [
        (each.signal, each.verdict) for each in found
    ]
    assert (True, False) == (model.is_absolute, MODEL.is_absolute)
    for policy in ({"shadow": True}, {"severity": Verdict.INVESTIGATE}):
        quiet = Objective(0.9, burns=QUICK_BURN, **policy)
        assert not HealthModel(ErrorRate(), quiet, Usage(at_least=1)).is_absolute


QUICK_BURN = (Burn(2.0, timedelta(hours=1)),)


def test_a_model_knows_what_its_signals_ask_for() -> None:
    """Events by their names, without the empty one; latencies only where a signal asks."""
    model = HealthModel(ErrorRate(), ErrorRate(of="order"), UserReports(), Usage(at_least=1))

    assert (False, True) == (model.has_margin, HealthModel(*MODEL.signals, BOUND).has_margin)
    assert {"order", "report"} == model.events
    assert frozenset() == MODEL.events
    assert (False, True) == (MODEL.asks_latency, HealthModel(Refunds(), Slow()).asks_latency)


BOUND = ErrorRate(of="order", margin=1.5)


@attrs.frozen
class Slow(Refunds):
    """A signal that asks how long calls take, and holds a rollout that nobody uses."""

    name: str = "usage"
    asks_latency: bool = True


USAGE = 'add Usage(at_least=...), or waive={"usage": "why silence is fine here"}'
ONCE = "give one or more, each name once"
CHANCE = "give a chance above 0 and up to 0.5, such as 0.01"

REFUSED: dict[str, tuple[Callable[[Any], object], str, object, str]] = {
    "no signal": (lambda _: HealthModel(), "signals", [], ONCE),
    "waived and empty": (lambda _: HealthModel(waive={"usage": "x"}), "signals", [], ONCE),
    "twice": (
        lambda _: HealthModel(ErrorRate(), ErrorRate(tolerate=2.0), Usage(at_least=1)),
        "signals",
        ["error rate", "error rate", "usage"],
        ONCE,
    ),
    "no usage": (lambda _: HealthModel(ErrorRate()), "signals", ["error rate"], USAGE),
    "unknown waiver": (
        lambda _: HealthModel(ErrorRate(), Usage(at_least=1), waive={"sleep": "x"}),
        "waive",
        "sleep",
        "only ('usage', 'concurrent baseline') can be waived",
    ),
    **{
        f"alpha {alpha}": (
            lambda alpha: HealthModel(ErrorRate(), Usage(at_least=1), alpha=alpha),
            "alpha",
            alpha,
            CHANCE,
        )
        for alpha in (0, -0.01, 0.51, 1, math.inf, "0.01", None)
    },
}


@pytest.mark.parametrize(("make", "field", "value", "mend"), REFUSED.values(), ids=REFUSED)
def test_a_bad_model_is_refused(
    make: Callable[[Any], object], field: str, value: object, mend: str
) -> None:
    """A model that can't be is refused where it is made, by field, value and mend."""
    with pytest.raises(DefinitionError) as caught:
        make(value)

    error = caught.value
    assert (field, value, mend) == (error.field, error.value, error.mend)


def test_an_alpha_that_is_no_number_is_refused() -> None:
    """NaN is refused, too."""
    with pytest.raises(DefinitionError, match="alpha=nan: give a chance"):
        HealthModel(Usage(at_least=1), alpha=math.nan)


SHADOW = Usage(at_least=1, shadow=True)
IN_PART = Component("shop", (Usage(at_least=1),))


@pytest.mark.law("A3")
@pytest.mark.parametrize(
    ("signals", "parts"),
    [((SHADOW,), ()), ((SHADOW, ErrorRate()), ()), ((ErrorRate(),), (IN_PART,))],
)
def test_usage_that_has_no_say_is_none(
    signals: tuple[Signal, ...], parts: tuple[Component, ...]
) -> None:
    """Trying it out, or judging a part by it, lets the whole pass in silence: that is refused."""
    names = [signal.name for signal in signals]
    with pytest.raises(DefinitionError) as caught:
        HealthModel(*signals, components=parts)

    error = caught.value
    assert ("signals", names, USAGE) == (error.field, error.value, error.mend)


def test_usage_may_have_another_name() -> None:
    """It is usage that is asked for, whatever findings call it."""
    assert HealthModel(Usage(at_least=1, name="orders")).signals[0].name == "orders"
    assert HealthModel(Refunds(name="usage")).signals


@pytest.mark.parametrize("value", [timedelta(0), timedelta(seconds=-1), 60, None, "a minute"])
def test_calls_may_take_some_time(value: Any) -> None:
    """No time at all, or what is none, is refused by field, value and mend."""
    with pytest.raises(DefinitionError) as caught:
        HealthModel(Usage(at_least=1), unfinished_after=value)

    error = caught.value
    expected = ("unfinished_after", value, "give a timedelta above zero")
    assert expected == (error.field, error.value, error.mend)
    assert timedelta(minutes=1) == MODEL.unfinished_after


def test_usage_can_be_waived_by_name_with_a_reason() -> None:
    """A model without usage is one that says why."""
    model = HealthModel(ErrorRate(), waive={"usage": "a nightly job: it runs once"})

    assert {"usage": "a nightly job: it runs once"} == model.waive
    assert HealthModel(ErrorRate(), Usage(at_least=1), alpha=0.5).alpha == 0.5


@pytest.mark.parametrize(
    "signal", ["error rate", None, [ErrorRate(), Usage(at_least=1)]], ids=["text", "none", "list"]
)
def test_what_is_no_signal_is_refused(signal: Any) -> None:
    """A likely slip, a list where signals were meant one by one, is refused with the mend."""
    with pytest.raises(DefinitionError) as caught:
        HealthModel(signal)

    error = caught.value
    expected = ("signals", [signal], "give signals, such as ErrorRate()")
    assert expected == (error.field, error.value, error.mend)


def test_a_model_is_a_value() -> None:
    """Equal models compare and digest alike, and can't be changed; what waived isn't held."""
    reasons = {"usage": "a nightly job"}
    model = HealthModel(ErrorRate(), waive=reasons)
    reasons["usage"] = "changed"

    assert model == HealthModel(ErrorRate(), waive={"usage": "a nightly job"})
    assert hash(model) == hash(HealthModel(ErrorRate(), waive={"usage": "a nightly job"}))
    assert digest(model) == digest(HealthModel(ErrorRate(), waive={"usage": "a nightly job"}))
    with pytest.raises(attrs.exceptions.FrozenInstanceError):
        model.alpha = 0.5  # type: ignore[misc]
