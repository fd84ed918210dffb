"""Signals: each judges one side of health."""

import math
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from safedeploy.errors import DefinitionError
from safedeploy.signals import LARGEST, Criteria, ErrorRate, Health, Usage
from safedeploy.statistics import RESERVE, LabelTest, sample_size
from safedeploy.verdicts import Counts, Finding, Measurement, Verdict

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
QUIET = timedelta(seconds=30)
CRITERIA = Criteria(at=NOON, share=0.01, alpha=0.01, must_see=2.0, power=0.9, quiet=QUIET)

NONE = Counts()


def arm(units: int, failures: int = 0) -> Counts:
    """Make the counts of an arm in which each unit did one thing."""
    return Counts(units, units, failures, units)


def block(canary: Counts, baseline: Counts) -> Measurement:
    """Make a measurement of one block."""
    return Measurement(NOON, NOON, canary, baseline)


def judged(
    canary: Counts,
    baseline: Counts,
    *,
    signal: ErrorRate | None = None,
    silent: timedelta = timedelta(0),
    criteria: Criteria = CRITERIA,
) -> Finding:
    """Judge what was seen in one block."""
    signal = signal or ErrorRate()
    memory = signal.observe(signal.start(), block(canary, baseline), 0)
    health = Health(NOON, NOON - silent, (memory,), canary, baseline)
    return signal.judge(memory, health, criteria)


SEEN = "{} of {} canary units failed, {} of {} at the baseline"

JUDGEMENTS: dict[str, tuple[Counts, Counts, Verdict, str]] = {
    "as bad": (arm(4000, 40), arm(396_000, 3960), Verdict.PASS, SEEN),
    "better": (arm(4000, 0), arm(396_000, 3960), Verdict.PASS, SEEN),
    "never fails": (arm(40_000), arm(3_960_000), Verdict.PASS, SEEN),
    "burns": (arm(1000, 60), arm(99_000, 990), Verdict.HALT, SEEN),
    "burns early": (arm(5, 5), arm(495, 5), Verdict.HALT, SEEN),
    "little": (arm(10, 0), arm(990, 9), Verdict.INCONCLUSIVE, SEEN + "; {} more canary units"),
    "hardly leans": (arm(4000, 58), arm(396_000, 3960), Verdict.PASS, SEEN),
    "leans": (arm(4000, 60), arm(396_000, 3960), Verdict.INCONCLUSIVE, SEEN + "; that leans"),
    "no canary": (NONE, arm(99_000, 990), Verdict.NO_DATA, "one arm was never used"),
    "no baseline": (arm(4000, 4000), NONE, Verdict.NO_DATA, "one arm was never used"),
    "nobody": (NONE, NONE, Verdict.NO_DATA, "one arm was never used"),
}


@pytest.mark.parametrize(
    ("canary", "baseline", "verdict", "detail"), JUDGEMENTS.values(), ids=JUDGEMENTS
)
def test_error_rates_are_judged(
    canary: Counts, baseline: Counts, verdict: Verdict, detail: str
) -> None:
    """HALT at 1/alpha, PASS when enough was seen and nothing leans to worse, and why."""
    found = judged(canary, baseline)
    numbers = canary.failures, canary.units, baseline.failures, baseline.units, found.remaining

    assert ("error rate", verdict) == (found.signal, found.verdict)
    assert found.detail.startswith(detail.format(*numbers))


def test_error_rates_show_their_statistic() -> None:
    """The statistic is the wealth, however large; the threshold is 1/alpha."""
    lean, burnt = judged(arm(1000, 20), arm(99_000, 990)), judged(arm(10**6, 10**6), arm(10**8))

    assert 9.900881579777826 == pytest.approx(lean.statistic, rel=1e-9)
    assert (100, 100) == pytest.approx((lean.threshold, burnt.threshold))
    assert math.exp(LARGEST) == burnt.statistic


@pytest.mark.parametrize(
    ("silent", "verdict"),
    [
        (QUIET, Verdict.PASS),
        (QUIET + timedelta(microseconds=1), Verdict.NO_DATA),
        (timedelta(hours=1), Verdict.NO_DATA),
    ],
    ids=str,
)
def test_a_silent_baseline_is_no_comparison(silent: timedelta, verdict: Verdict) -> None:
    """A baseline that fell silent longer than is usual is no data, whatever it did before."""
    found = judged(arm(4000, 40), arm(396_000, 3960), silent=silent)

    assert verdict is found.verdict
    if verdict is Verdict.NO_DATA:
        assert f"the baseline has been silent for {silent}" == found.detail


def test_silence_never_hides_a_halt() -> None:
    """What was won stays won, even when both arms have fallen silent or one is empty."""
    signal = ErrorRate()
    memory = signal.observe(signal.start(), block(arm(1000, 60), arm(99_000, 990)), 0)
    health = signal.enter(memory), Health(NOON, NOON - timedelta(days=1), ())

    assert Verdict.HALT is signal.judge(*health, CRITERIA).verdict
    silent = judged(arm(1000, 60), arm(99_000, 990), silent=timedelta(days=1))
    assert Verdict.HALT is silent.verdict


@given(st.integers(100, 3000), st.integers(5, 99))
def test_remaining_is_what_is_still_needed(units: int, per_canary: int) -> None:
    """With just so many more units of both arms the ring can be left, with one less it can't."""

    def more(count: int) -> Finding:
        return judged(arm(units + count), arm((units + count) * per_canary))

    lacking = more(0).remaining
    assert lacking is not None
    assert lacking > 1
    assert (Verdict.INCONCLUSIVE, 1) == (more(lacking - 1).verdict, more(lacking - 1).remaining)
    assert (Verdict.PASS, 0) == (more(lacking).verdict, more(lacking).remaining)


@pytest.mark.parametrize(
    ("units", "failures", "rate"),
    [(98_999, 990, 990.5 / 99_000), (999, 0, 0.001), (999, 9, 0.0095), (1, 1, 0.5), (9, 9, 0.5)],
)
def test_what_is_needed_follows_from_the_baseline(units: int, failures: int, rate: float) -> None:
    """The base rate is the baseline's with half a failure more, above `rare`, one half at most."""
    found = judged(arm(1), arm(units, failures))

    needed = sample_size(2.0, units, rate, alpha=0.01, power=0.9)
    assert math.ceil(needed - 1) == found.remaining


def test_only_what_was_compared_counts() -> None:
    """Canary units that wait for the baseline to be used again don't bring a pass nearer."""
    signal, canary, baseline = ErrorRate(), arm(3000, 30), arm(297_000, 2970)
    compared = signal.observe(signal.start(), block(canary, baseline), 0)
    waiting = signal.observe(compared, block(arm(5000, 4000), NONE), 0)

    before = signal.judge(compared, Health(NOON, NOON, (), canary, baseline), CRITERIA)
    counts = canary + arm(5000, 4000)
    after = signal.judge(waiting, Health(NOON, NOON, (), counts, baseline), CRITERIA)
    assert Verdict.INCONCLUSIVE is before.verdict is after.verdict
    assert after.remaining is not None
    assert before.remaining is not None
    assert after.remaining >= before.remaining


def test_what_fails_rarely_needs_no_ratio() -> None:
    """A service that never fails can be changed: twice the rare rate must have been noticeable."""
    often, rarely = (ErrorRate(rare=rare) for rare in (0.01, 0.0001))
    canary, baseline = arm(5000), arm(495_000)

    assert Verdict.PASS is judged(canary, baseline, signal=often).verdict
    assert Verdict.INCONCLUSIVE is judged(canary, baseline, signal=rarely).verdict


def test_what_is_tolerated_is_not_worse() -> None:
    """A regression within the tolerance halts only without it."""
    canary, baseline = arm(20_000, 260), arm(1_980_000, 19_800)

    assert Verdict.HALT is judged(canary, baseline).verdict
    tolerant = judged(canary, baseline, signal=ErrorRate(tolerate=1.25))
    assert tolerant.verdict < Verdict.HALT


@pytest.mark.parametrize(
    ("alpha", "verdict"), [(0.01, Verdict.HALT), (0.0005, Verdict.INCONCLUSIVE)]
)
def test_less_alpha_takes_more_evidence(alpha: float, verdict: Verdict) -> None:
    """The same wealth halts at one alpha and not at a smaller one: it does spend alpha."""
    criteria = attrs.evolve(CRITERIA, alpha=alpha)

    assert verdict is judged(arm(1000, 26), arm(99_000, 990), criteria=criteria).verdict
    assert True is ErrorRate().spends_alpha


@pytest.mark.parametrize("must_see", [1.05, 1.0])
def test_what_can_never_be_noticed_never_passes(must_see: float) -> None:
    """Where no number of units is enough, there is never a PASS, and never an error either."""
    criteria = attrs.evolve(CRITERIA, must_see=must_see)

    found = judged(arm(10**6, 10**4), arm(10**8, 10**6), criteria=criteria)
    assert (Verdict.INCONCLUSIVE, None) == (found.verdict, found.remaining)


@pytest.mark.parametrize("alpha", [1e-300, 1e-310, 5e-324])
def test_no_alpha_is_too_small_to_judge(alpha: float) -> None:
    """However small a share of alpha is, health can be judged."""
    criteria = attrs.evolve(CRITERIA, alpha=alpha)

    assert Verdict.INCONCLUSIVE is judged(arm(10), arm(990), criteria=criteria).verdict


@pytest.mark.parametrize(
    ("tolerate", "must_see", "share", "expected"),
    [
        (1.0, 2.0, 0.01, True),
        (1.0, 1.15, 0.01, True),
        (1.0, 1.05, 0.01, False),
        (1.25, 2.0, 0.95, True),
        (1.0, 1.095, 0.95, True),
        (1.0, 1.095, 0.01, False),
        (1.25, 1.3, 0.01, False),
        (2.0, 2.0, 0.5, False),
        (3.0, 2.0, 0.01, False),
    ],
)
def test_it_tells_what_it_could_notice(
    tolerate: float, must_see: float, share: float, expected: bool
) -> None:
    """A ratio that is too near to the tolerated one can't ever be noticed."""
    criteria = attrs.evolve(CRITERIA, must_see=must_see, share=share)

    assert expected is ErrorRate(tolerate=tolerate).can_notice(criteria)


def test_the_reserve_is_staked_by_progress() -> None:
    """At each progress so much of the reserve is staked as the progress says, and never back."""
    signal, memory = ErrorRate(), LabelTest()
    for progress in (0, 0.25, 0.25, 0.1, 0.5, 1, 1, 0):
        memory, last = signal.observe(memory, block(NONE, NONE), progress), memory
        expected = min(last.cash, (1 - progress) * RESERVE)
        assert expected == pytest.approx(memory.cash, abs=1e-15)
        assert 0 == pytest.approx(memory.log_wealth, abs=1e-12)


def test_the_reserve_is_staked_before_the_block_counts() -> None:
    """The stake of a block doesn't depend on what the block shows."""
    measured = block(arm(1000, 26), arm(99_000, 990))
    signal = ErrorRate(tolerate=1.25)

    expected = LabelTest().stake(0.5).update(1000, 99_000, 26, 990, tolerate=1.25)
    assert expected == signal.observe(signal.start(), measured, 0.5)


def test_wealth_runs_through_the_whole_attempt() -> None:
    """A new exposure keeps what was won and what is in reserve, and drops what waits."""
    signal = ErrorRate()
    memory = signal.observe(signal.start(), block(arm(1000, 20), arm(99_000, 990)), 0.5)

    assert memory == signal.enter(memory)
    assert memory == signal.enter(signal.observe(memory, block(arm(9, 9), NONE), 0.5))
    assert LabelTest() == signal.start()


def test_units_are_compared_not_exposures() -> None:
    """One user who retries a thousand times is one unit that failed once."""
    signal = ErrorRate()
    once = signal.observe(signal.start(), block(arm(10, 1), arm(990, 9)), 0)
    often = block(Counts(1000, 10, 1, 10), Counts(2000, 990, 9, 990))

    assert once == signal.observe(signal.start(), often, 0)


@pytest.mark.law("A3")
@pytest.mark.parametrize(
    ("exposures", "silence", "verdict", "detail", "remaining"),
    [
        (0, 0, Verdict.NO_DATA, "100 more exposures are needed", 100),
        (99, 0, Verdict.NO_DATA, "1 more exposures are needed", 1),
        (99, 3600, Verdict.NO_DATA, "1 more exposures are needed", 1),
        (100, 0, Verdict.PASS, "100 exposures", 0),
        (100, 30, Verdict.PASS, "100 exposures", 0),
        (10**9, 31, Verdict.NO_DATA, "nobody has used it for 0:00:31", 0),
    ],
)
def test_silence_is_not_health(
    exposures: int, silence: int, verdict: Verdict, detail: str, remaining: int
) -> None:
    """Less use than the floor, or none for longer than is usual, is no data."""
    used = NOON - timedelta(seconds=silence)
    health = Health(used, NOON, (), Counts(exposures=exposures))

    expected = Finding("usage", verdict, detail, float(exposures), 100.0, remaining)
    assert expected == Usage(at_least=100).judge(None, health, CRITERIA)


def test_usage_remembers_nothing() -> None:
    """The model counts; usage has nothing to keep, to spend or to notice."""
    usage, measured = Usage(at_least=1), block(arm(1), arm(1))
    remembered: Any = usage
    kept = (remembered.start(), remembered.enter(None), remembered.observe(None, measured, 0.5))

    assert (None, None, None) == kept
    assert (False, True) == (usage.spends_alpha, usage.can_notice(CRITERIA))


RATIO = "give a ratio of 1 or more, such as 1.25"
RATE = "give a rate between 0 and 1, such as 0.001"
FLOOR = "give a number of exposures, 1 or more"


@pytest.mark.parametrize("value", [0.99, 0, -1, math.inf, math.nan], ids=repr)
def test_a_bad_tolerance_is_refused(value: float) -> None:
    """Less than 1, or no number, is refused by field, value and mend."""
    check_refused(lambda: ErrorRate(tolerate=value), "tolerate", value, RATIO)


@pytest.mark.parametrize("value", [0, 1, -0.1, 1.1, math.inf, math.nan], ids=repr)
def test_a_bad_rare_rate_is_refused(value: float) -> None:
    """A rate outside 0..1 is refused by field, value and mend."""
    check_refused(lambda: ErrorRate(rare=value), "rare", value, RATE)


@pytest.mark.parametrize("value", [0, -1, 1.5, 10.0, True, "10", None, math.nan], ids=repr)
def test_a_bad_floor_is_refused(value: Any) -> None:
    """What isn't a whole number of 1 or more is refused by field, value and mend."""
    check_refused(lambda: Usage(at_least=value), "at_least", value, FLOOR)


@pytest.mark.parametrize("value", ["2", None, True, [2]], ids=repr)
@pytest.mark.parametrize("field", ["tolerate", "rare"])
def test_what_is_no_number_is_refused(field: str, value: Any) -> None:
    """A text, as from a configuration file, is refused by field, value and mend."""
    check_refused(lambda: ErrorRate(**{field: value}), field, value, "give a float")


def check_refused(make: Callable[[], object], field: str, value: object, mend: str) -> None:
    """Check that something is refused by field, value and mend."""
    with pytest.raises(DefinitionError) as caught:
        make()

    assert (field, mend) == (caught.value.field, caught.value.mend)
    assert value == caught.value.value or repr(value) == repr(caught.value.value)


def test_the_least_and_the_most_are_allowed() -> None:
    """At the ends of what is allowed a signal can be made."""
    assert (1, 1.0) == (Usage(at_least=1).at_least, ErrorRate(tolerate=1.0).tolerate)
    assert 1e-9 == ErrorRate(rare=1e-9).rare


def test_more_failures_are_never_judged_better() -> None:
    """Each further failure of the canary makes the verdict as bad or worse, up to HALT."""
    found = [judged(arm(4000, failures), arm(396_000, 3960)) for failures in range(0, 130, 5)]

    assert all(less.statistic <= more.statistic for less, more in pairwise(found))  # type: ignore[operator]
    assert all(less.verdict <= more.verdict for less, more in pairwise(found))
    assert (Verdict.PASS, Verdict.HALT) == (found[0].verdict, found[-1].verdict)
