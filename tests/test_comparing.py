"""Comparing: what was seen in both arms becomes a verdict, by the wealth of a bet."""

import math
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Any

import attrs
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from safedeploy.signals import LARGEST, Arm, Comparing, ErrorRate, Health, Throughput
from safedeploy.signals.comparing import FOREVER, Comparison
from safedeploy.statistics import remaining, sample_size
from safedeploy.verdicts import Counts, Finding, Verdict
from tests.measurements import CRITERIA, NONE, NOON, QUIET, arm, block, check_refused, did, judged

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
def test_what_was_seen_is_judged(
    canary: Counts, baseline: Counts, verdict: Verdict, detail: str
) -> None:
    """HALT at 1/alpha, PASS when enough was seen and nothing leans to worse, and why."""
    found = judged(ErrorRate(), canary, baseline)
    numbers = canary.failures, canary.units, baseline.failures, baseline.units, found.remaining

    assert ("error rate", verdict) == (found.signal, found.verdict)
    assert found.detail.startswith(detail.format(*numbers))


def test_the_statistic_is_shown() -> None:
    """The statistic is the wealth, however large; the threshold is 1/alpha."""
    lean = judged(ErrorRate(), arm(1000, 20), arm(99_000, 990))
    burnt = judged(ErrorRate(), arm(10**6, 10**6), arm(10**8))

    assert 9.900881579777826 == pytest.approx(lean.statistic, rel=1e-9)
    assert (100, 100) == pytest.approx((lean.threshold, burnt.threshold))
    assert math.exp(LARGEST) == burnt.statistic


@pytest.mark.law("A3")
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
    found = judged(ErrorRate(), arm(4000, 40), arm(396_000, 3960), silent=silent)

    assert verdict is found.verdict
    if verdict is Verdict.NO_DATA:
        assert f"the baseline has been silent for {silent}" == found.detail


def test_silence_never_hides_a_halt() -> None:
    """What was won stays won, even when both arms have fallen silent or one is empty."""
    signal, burns = ErrorRate(), (arm(1000, 60), arm(99_000, 990))
    memory = signal.observe(signal.start(), block(*burns), 0)
    health = signal.enter(memory), Health(NOON, NOON - timedelta(days=1), ())

    assert Verdict.HALT is signal.judge(*health, CRITERIA).verdict
    assert Verdict.HALT is judged(signal, *burns, silent=timedelta(days=1)).verdict


# How much more is needed, and for how long


@given(st.integers(100, 3000), st.integers(5, 99))
def test_remaining_is_what_is_still_needed(units: int, per_canary: int) -> None:
    """With just so many more units of both arms the ring can be left, with one less it can't."""

    def more(count: int) -> Finding:
        return judged(ErrorRate(), arm(units + count), arm((units + count) * per_canary))

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
    found = judged(ErrorRate(), arm(1), arm(units, failures))

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


@pytest.mark.parametrize("signal", [ErrorRate(rare=1e-5), Throughput(of="order", rare=1e-5)])
def test_a_large_number_of_units_is_written_out(signal: Any) -> None:
    """What is needed can be read by people, however many units that are."""
    found = judged(signal, arm(10**6), arm(10**6))

    assert found.remaining is not None
    assert found.remaining > 10**6
    assert found.detail.endswith(f"; {found.remaining} more canary units are needed")


QUICK = attrs.evolve(CRITERIA, must_see=50.0, alpha=0.5, power=0.6)


@given(st.integers(1, 200), st.integers(1, 200), st.integers(0, 500))
def test_a_floor_holds_until_each_arm_has_had_so_many(units: int, others: int, floor: int) -> None:
    """Nothing passes below the floor of units, and what is lacking is said in canary units."""
    found = judged(ErrorRate(rare=0.5, at_least=floor), arm(units), arm(others), criteria=QUICK)

    assert found.remaining is not None
    assert (min(units, others) >= floor) == (found.verdict is Verdict.PASS)
    arms = units + found.remaining, others * (units + found.remaining) / units
    assert min(arms) >= floor - 1e-9
    assert not found.remaining or min(arms[0] - 1, others * (arms[0] - 1) / units) < floor


@given(st.integers(1, 500), st.timedeltas(timedelta(seconds=1), timedelta(days=9)))
def test_the_wait_is_that_of_the_remaining_at_the_present_rate(
    units: int, elapsed: timedelta
) -> None:
    """So many units came since the exposure began, so the missing ones take so long."""
    found = judged(ErrorRate(), arm(units), arm(99 * units), since=NOON - elapsed)

    assert found.remaining
    seconds = found.remaining * elapsed.total_seconds() / units
    if seconds >= FOREVER:
        assert found.wait is None
    else:
        assert found.wait is not None
        assert seconds <= found.wait.total_seconds() <= seconds + 1 + 1e-6 * seconds
        assert found.detail.endswith(
            f"; {found.remaining} more canary units are needed, in {found.wait}"
        )


@pytest.mark.parametrize(
    ("since", "canary"),
    [(None, arm(10)), (NOON, arm(10)), (NOON + timedelta(seconds=1), arm(10))],
    ids=["no exposure", "just begun", "a clock that was set back"],
)
def test_without_a_rate_there_is_no_wait(since: datetime | None, canary: Counts) -> None:
    """Where nobody can tell how fast units come, no time is promised."""
    found = judged(ErrorRate(), canary, arm(990), since=since)

    assert found.remaining
    assert found.wait is None
    assert found.detail.endswith(" more canary units are needed")


def test_a_rare_canary_can_still_be_waited_for() -> None:
    """A year is a wait, a century isn't."""
    since = NOON - timedelta(days=1)
    soon, late = (judged(ErrorRate(rare=r), arm(1), arm(10**6), since=since) for r in (0.1, 0.001))

    assert soon.wait == timedelta(days=soon.remaining or 0) < timedelta(days=999)
    assert (True, None) == (bool(late.remaining), late.wait)


@given(st.sampled_from([Verdict.HALT, Verdict.PASS, Verdict.NO_DATA]), st.booleans())
def test_remaining_and_wait_are_told_together(verdict: Verdict, told: bool) -> None:
    """A pass lacks nothing; what has halted or can't be compared foresees nothing."""
    counts = {
        Verdict.HALT: (arm(1000, 60), arm(99_000, 990)),
        Verdict.PASS: (arm(4000, 40), arm(396_000, 3960)),
        Verdict.NO_DATA: (NONE, arm(10)),
    }
    since = NOON - timedelta(hours=1) if told else None
    found = judged(ErrorRate(), *counts[verdict], since=since)

    assert verdict is found.verdict
    assert (0 if verdict is Verdict.PASS else None) == found.remaining
    expected = timedelta(0) if told and verdict is Verdict.PASS else None
    assert expected == found.wait


@given(st.integers(60, 200), st.floats(1.8, 3), st.sampled_from([1, 9, 99]), st.floats(0.55, 0.95))
def test_what_leans_to_worse_says_when_it_would_be_decided(
    expected: int, ratio: float, per_canary: int, done: float
) -> None:
    """If the arms go on as they did, so many more units bring it to a halt, give or take."""
    units, failures = 100 * expected, round(expected * ratio)

    def at(times: float, alpha: float) -> Finding:
        canary = arm(int(units * times), round(failures * times))
        both = int(units * per_canary * times), int(expected * per_canary * times)
        criteria = attrs.evolve(CRITERIA, must_see=50.0, alpha=alpha)
        hour = timedelta(hours=1)
        return judged(ErrorRate(), canary, arm(*both), criteria=criteria, since=NOON - hour)

    alpha = (at(1, 1e-300).statistic or 0) ** (-1 / done)
    found = at(1, alpha)
    assert Verdict.INCONCLUSIVE is found.verdict
    assert found.remaining
    assert found.wait == timedelta(seconds=math.ceil(found.remaining * 3600 / units))
    why = f"; that leans to worse; {found.remaining} more canary units decide, in {found.wait}"
    assert found.detail.endswith(why)
    assert Verdict.HALT is at(1 + 5 * found.remaining / units, alpha).verdict
    assert Verdict.HALT > at(1 + 0.2 * found.remaining / units, alpha).verdict


@pytest.mark.parametrize("per_canary", [1, 4, 99])
@pytest.mark.parametrize("is_mirrored", [False, True], ids=["errors", "throughput"])
def test_what_decides_is_foreseen_by_the_suspects_growth(
    per_canary: int, is_mirrored: bool
) -> None:
    """In the terms of the arm that is suspected, and then in canary units."""
    suspect, reference = Arm(4000, 60), Arm(4000 * per_canary, 40 * per_canary)
    canary, baseline = (reference, suspect) if is_mirrored else (suspect, reference)
    counts = [did(each.units, met=each.met) for each in (canary, baseline)]
    signal = Comparing(tolerate=1.1)
    found = Comparison(
        signal=signal,
        log_wealth=3.0,
        suspect=suspect,
        reference=reference,
        waiting=0,
        health=Health(NOON, NOON, (), counts[0], counts[1], since=NOON),
        criteria=attrs.evolve(CRITERIA, must_see=9.0),
    ).finding("seen")

    ratio = suspect.rate / reference.rate
    more = remaining(3.0, 0.01, ratio, per_canary, reference.rate, tolerate=1.1)
    assert math.ceil(more * canary.units / suspect.units) == found.remaining


def test_what_leans_by_luck_alone_foresees_no_halt() -> None:
    """Where the arms are as bad by now, nothing is foreseen: the lean may go away."""
    signal = ErrorRate()
    memory = signal.observe(signal.start(), block(arm(1000, 20), arm(99_000, 990)), 0)
    health = Health(NOON, NOON, (), arm(5000, 49), arm(495_000, 4950), since=NOON)
    found = signal.judge(memory, health, CRITERIA)

    assert (Verdict.PASS, 0) == (found.verdict, found.remaining)
    lucky = attrs.evolve(CRITERIA, alpha=0.05)
    found = signal.judge(memory, health, lucky)
    assert (Verdict.INCONCLUSIVE, None, None) == (found.verdict, found.remaining, found.wait)
    assert found.detail.endswith("; that leans to worse")


@pytest.mark.parametrize(
    ("signal", "canary", "baseline", "effect"),
    [
        (ErrorRate(), arm(100, 10), arm(1000, 50), 2.0),
        (ErrorRate(), arm(100, 0), arm(1000, 50), 0.0),
        (ErrorRate(), arm(100, 10), arm(1000, 0), None),
        (ErrorRate(), NONE, arm(1000, 50), None),
        (ErrorRate(), arm(100, 10), NONE, None),
        (Throughput(of="order"), did(100, met=10), did(1000, met=200), 0.5),
        (Throughput(of="order"), did(100, met=0), did(1000, met=200), 0.0),
        (Throughput(of="order"), did(100, met=10), did(1000, met=0), None),
        (ErrorRate(of="order"), did(100, met=10), Counts(events={"order": 1}), None),
    ],
)
def test_the_effect_is_the_ratio_of_rates(
    signal: Any, canary: Counts, baseline: Counts, effect: float | None
) -> None:
    """It is the canary's rate over the baseline's, as seen, whichever of them is suspected."""
    found = judged(signal, canary, baseline)

    assert effect == (None if effect is None else pytest.approx(found.effect))
    assert (effect is None) == (found.effect is None)
    met = [each.events.get("order", 0) or each.failures for each in (canary, baseline)]
    assert (canary.units, baseline.units, *met) == found.compared


# What is tolerated, and what can be noticed


def test_what_fails_rarely_needs_no_ratio() -> None:
    """A service that never fails can be changed: twice the rare rate must have been noticeable."""
    often, rarely = (ErrorRate(rare=rare) for rare in (0.01, 0.0001))
    canary, baseline = arm(5000), arm(495_000)

    assert Verdict.PASS is judged(often, canary, baseline).verdict
    assert Verdict.INCONCLUSIVE is judged(rarely, canary, baseline).verdict


def test_what_is_tolerated_is_not_worse() -> None:
    """A regression within the tolerance halts only without it."""
    canary, baseline = arm(20_000, 260), arm(1_980_000, 19_800)

    assert Verdict.HALT is judged(ErrorRate(), canary, baseline).verdict
    assert judged(ErrorRate(tolerate=1.25), canary, baseline).verdict < Verdict.HALT


@pytest.mark.parametrize(
    ("alpha", "verdict"), [(0.01, Verdict.HALT), (0.0005, Verdict.INCONCLUSIVE)]
)
def test_less_alpha_takes_more_evidence(alpha: float, verdict: Verdict) -> None:
    """The same wealth halts at one alpha and not at a smaller one: it does spend alpha."""
    criteria = attrs.evolve(CRITERIA, alpha=alpha)

    found = judged(ErrorRate(), arm(1000, 26), arm(99_000, 990), criteria=criteria)
    assert verdict is found.verdict
    assert True is ErrorRate().spends_alpha is Throughput(of="order").spends_alpha


@pytest.mark.parametrize("must_see", [1.05, 1.0])
def test_what_can_never_be_noticed_never_passes(must_see: float) -> None:
    """Where no number of units is enough, there is never a PASS, and never an error either."""
    criteria = attrs.evolve(CRITERIA, must_see=must_see)

    found = judged(ErrorRate(), arm(10**6, 10**4), arm(10**8, 10**6), criteria=criteria)
    assert (Verdict.INCONCLUSIVE, None, None) == (found.verdict, found.remaining, found.wait)
    assert found.detail.endswith("; no number of canary units would show it")


@pytest.mark.parametrize("alpha", [1e-300, 1e-310, 5e-324])
def test_no_alpha_is_too_small_to_judge(alpha: float) -> None:
    """However small a share of alpha is, health can be judged."""
    criteria = attrs.evolve(CRITERIA, alpha=alpha)

    assert Verdict.INCONCLUSIVE is judged(ErrorRate(), arm(10), arm(990), criteria=criteria).verdict


NOTICED = [
    (1.0, 2.0, 0.01, True),
    (1.0, 1.15, 0.01, True),
    (1.0, 1.05, 0.01, False),
    (1.25, 2.0, 0.95, True),
    (1.0, 1.095, 0.95, True),
    (1.0, 1.095, 0.01, False),
    (1.25, 1.3, 0.01, False),
    (2.0, 2.0, 0.5, False),
    (3.0, 2.0, 0.01, False),
]


@pytest.mark.parametrize(("tolerate", "must_see", "share", "expected"), NOTICED)
def test_it_tells_what_it_could_notice(
    tolerate: float, must_see: float, share: float, expected: bool
) -> None:
    """A ratio that is too near to the tolerated one can't ever be noticed.

    Where the arms are exchanged, so are their shares.
    """
    criteria = attrs.evolve(CRITERIA, must_see=must_see, share=share)
    mirrored = attrs.evolve(CRITERIA, must_see=must_see, share=1 - share)

    assert expected is ErrorRate(tolerate=tolerate).can_notice(criteria)
    assert expected is Throughput(of="order", tolerate=tolerate).can_notice(mirrored)


@given(
    st.sampled_from([ErrorRate(of="order"), Throughput(of="order")]),
    st.floats(1.01, 1.3),
    st.sampled_from([0.01, 0.2, 0.5, 0.95]),
)
def test_what_it_could_notice_is_what_can_pass(signal: Any, must_see: float, share: float) -> None:
    """With arms as large as designed, enough can be seen just where it says that it can notice."""
    criteria = attrs.evolve(CRITERIA, must_see=must_see, share=share)
    units = 10**12
    canary, baseline = int(units * share), int(units * (1 - share))
    found = judged(
        signal,
        did(canary, met=canary // 5),
        did(baseline, met=baseline // 5),
        criteria=criteria,
    )

    assume(found.verdict is not Verdict.HALT)
    assert signal.can_notice(criteria) == (found.remaining is not None)


def test_more_failures_are_never_judged_better() -> None:
    """Each further failure of the canary makes the verdict as bad or worse, up to HALT."""
    counts = [(arm(4000, failures), arm(396_000, 3960)) for failures in range(0, 130, 5)]
    found = [judged(ErrorRate(), *each) for each in counts]

    assert all(less.statistic <= more.statistic for less, more in pairwise(found))  # type: ignore[operator]
    assert all(less.verdict <= more.verdict for less, more in pairwise(found))
    assert (Verdict.PASS, Verdict.HALT) == (found[0].verdict, found[-1].verdict)


small = st.integers(0, 100)
of_an_arm = st.builds(Arm, small, small)


@given(st.floats(-800, 800), of_an_arm, of_an_arm, small, st.sampled_from([0.5, 0.01, 5e-324]))
def test_whatever_was_counted_there_is_a_finding(
    wealth: float, suspect: Arm, reference: Arm, waiting: int, alpha: float
) -> None:
    """No counts, not even those that can't be, keep a comparison from its verdict."""
    health = Health(NOON, NOON, (), arm(suspect.units), arm(reference.units), since=NOON)
    found = Comparison(
        signal=Comparing(),
        log_wealth=wealth,
        suspect=suspect,
        reference=reference,
        waiting=waiting,
        health=health,
        criteria=attrs.evolve(CRITERIA, alpha=alpha),
    ).finding("seen")

    assert (wealth >= -math.log(alpha)) == (found.verdict is Verdict.HALT)
    assert found.verdict >= Verdict.NO_DATA or (suspect.units and reference.units)
    assert "comparison" == found.signal


@given(st.integers(0, 10**6), st.integers(0, 10**6))
def test_a_rate_is_never_none_and_never_all(units: int, met: int) -> None:
    """A rate is above 0 and at most one half, and near to what was seen where much was."""
    rate = Arm(units, met).rate

    assert 0 < rate <= 0.5
    assert (met + 0.5) / (units + 1) == pytest.approx(rate) or 0.5 == rate


# What is refused

RATIO = "give a ratio of 1 or more, such as 1.25"
RATE = "give a rate between 0 and 1, such as 0.001"
UNITS = "give a number of units, 0 or more"
KINDS: list[Any] = [Comparing, ErrorRate, lambda **given: Throughput(of="order", **given)]
every_kind = pytest.mark.parametrize("make", KINDS, ids=["comparing", "error rate", "throughput"])


@every_kind
@pytest.mark.parametrize(
    ("field", "value", "mend"),
    [
        *(("tolerate", value, RATIO) for value in (0.99, 0.0, -1.0, math.inf, math.nan)),
        *(("rare", value, RATE) for value in (0.0, 1.0, -0.1, 1.1, math.inf, math.nan)),
        *(("at_least", value, UNITS) for value in (-1, -(10**9))),
        *(
            (field, value, "give a float")
            for field in ("tolerate", "rare")
            for value in ("2", None, True, [2])
        ),
        *(("at_least", value, "give an int") for value in (1.0, "1", None, True, math.nan)),
    ],
)
def test_a_bad_number_is_refused(field: str, value: object, mend: str, make: Any) -> None:
    """A number that can't be, or a text as from a file, is refused by field, value and mend."""
    check_refused(lambda: make(**{field: value}), field, value, mend)


@every_kind
def test_the_least_and_the_most_are_allowed(make: Any) -> None:
    """At the ends of what is allowed a signal can be made."""
    least = make(tolerate=1, rare=1e-9, at_least=0)

    assert (1.0, 1e-9, 0) == (least.tolerate, least.rare, least.at_least)
    assert isinstance(least.tolerate, float)
    assert 0.999 == make(rare=0.999).rare
