"""Rates: how often something happens in an hour of exposure, with nobody to compare with."""

from __future__ import annotations

import math
from collections.abc import Iterable
from datetime import timedelta
from random import Random
from typing import Any

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from safedeploy.audiences import Group
from safedeploy.health import HealthModel
from safedeploy.signals import Criteria, ErrorRate, Health, Latency, Rate, Rhythm, Usage
from safedeploy.statistics import RESERVE, Dispersion, RateTest, sample_size
from safedeploy.verdicts import Counts, Measurement, Verdict
from tests.measurements import (
    CRITERIA,
    NONE,
    NOON,
    QUIET,
    arm,
    block,
    check_refused,
    judged_after,
    seen,
)
from tests.rehearsals import drawn

HOUR = timedelta(hours=1)
CRASHES = Rate("crash", at_most=0.1)
EVERYWHERE = attrs.evolve(CRITERIA, share=1.0)


def lasting(
    units: int, crashes: int = 0, *, hours: float = 1, begins: float = 0, **more: Any
) -> Measurement:
    """Make a block in which so many units are active, and crash so often."""
    events = {"crash": crashes} if crashes else {}
    since = NOON + begins * HOUR
    canary = Counts(units, units, 0, units, events=events)
    return block(canary, since=since, until=since + hours * HOUR, **more)


# Definitions


@pytest.mark.parametrize(
    ("signal", "name"),
    [(CRASHES, "rate of crash"), (Rate("crash", at_most=1, name="stability"), "stability")],
    ids=["by its event", "as one likes"],
)
def test_a_rate_is_named_after_its_event(signal: Rate, name: str) -> None:
    """Findings carry its name."""
    assert name == signal.name == judged_after(signal, []).signal
    assert {"crash"} == HealthModel(signal, Usage(at_least=1)).events


POSITIVE = "give events an hour, above 0"
TEXT = "give a text that isn't empty"


@pytest.mark.parametrize(
    ("field", "value", "mend"),
    [
        *(("at_most", value, POSITIVE) for value in (0.0, -1.0, math.inf, math.nan)),
        *(("at_most", value, "give a float") for value in ("1", None, True, [1])),
        *(("of", value, TEXT) for value in ("", " ", 5, None)),
        ("name", "", TEXT),
        ("weight", -1.0, "give a number above 0, such as 1"),
        ("shadow", 1, "give a bool"),
    ],
)
def test_what_cannot_be_is_refused(field: str, value: Any, mend: str) -> None:
    """By field, value and mend."""
    given: dict[str, Any] = {"of": "crash", "at_most": 1.0} | {field: value}
    check_refused(lambda: Rate(**given), field, value, mend)


def test_a_whole_number_is_a_rate() -> None:
    """1 and 1.0 make one definition."""
    one = Rate("crash", at_most=1)

    assert (one, 1.0, float) == (Rate("crash", at_most=1.0), one.at_most, type(one.at_most))
    assert one.spends_alpha


# What is remembered


def test_a_block_counts_by_its_hours() -> None:
    """Two units for half an hour are one hour, and the reserve is staked before they count."""
    begun = CRASHES.observe(CRASHES.start(), lasting(2, 3, hours=0.5), 0.25)
    test = RateTest().stake(0.25).update(3, 1.0, limit=0.1)

    assert Rhythm(test, Dispersion().update(3, 1.0), 1.0, 3) == begun
    assert 0.75 * RESERVE == pytest.approx(begun.test.cash)
    assert Rhythm(begun.test, begun.dispersion) == CRASHES.enter(begun)


def test_bursts_are_told_from_earlier_blocks() -> None:
    """How much the evidence of a block is divided by doesn't depend on that block."""
    blocks = [lasting(10, crashes) for crashes in (0, 9, 0, 9, 0, 9, 0, 9)]
    memory, _ = seen(CRASHES, blocks)
    bursty = memory.dispersion.factor

    assert bursty > 2
    after = CRASHES.observe(memory, lasting(10, 9), 0)
    assert memory.test.update(9, 10, limit=0.1, dispersion=bursty) == after.test
    assert bursty != after.dispersion.factor


@pytest.mark.parametrize("hours", [0, -1], ids=["no time", "set back"])
def test_what_takes_no_time_has_no_rate(hours: float) -> None:
    """Where a clock was set back, crashes in no hours are no evidence: that's the clock's fault."""
    memory, _ = seen(CRASHES, [lasting(10)])

    assert memory == CRASHES.observe(memory, lasting(10, 50, hours=hours), 0)
    assert memory == CRASHES.observe(memory, lasting(0, 50), 0)
    assert 0 == CRASHES.observe(memory, lasting(10, 50, hours=hours), 1).test.cash


# Verdicts

UNUSED = "the canary was never used"
JUDGEMENTS: dict[str, tuple[list[Measurement], Verdict, str]] = {
    "nothing": ([], Verdict.NO_DATA, UNUSED),
    "nobody": ([lasting(0)], Verdict.NO_DATA, UNUSED),
    "only a baseline": ([block(NONE, arm(1000))], Verdict.NO_DATA, UNUSED),
    "within": ([lasting(1000, 100)], Verdict.PASS, "100 in 1e+03 hours of exposure"),
    "never": ([lasting(1000)], Verdict.PASS, "0 in 1e+03 hours of exposure"),
    "twice": ([lasting(1000, 200)], Verdict.HALT, "200 in 1e+03 hours of exposure"),
    "at once": ([lasting(10, 10)], Verdict.HALT, "10 in 10 hours of exposure"),
    "little": (
        [lasting(10, 1)],
        Verdict.INCONCLUSIVE,
        "1 in 10 hours of exposure; 324 more hours are needed",
    ),
    "leans": (
        [lasting(1000, 137)],
        Verdict.INCONCLUSIVE,
        "137 in 1e+03 hours of exposure; that leans to worse",
    ),
}


@pytest.mark.parametrize(("blocks", "verdict", "detail"), JUDGEMENTS.values(), ids=JUDGEMENTS)
def test_what_happened_is_judged(blocks: list[Measurement], verdict: Verdict, detail: str) -> None:
    """HALT at 1/alpha, PASS when there were enough hours and not too much happened, and why."""
    found = judged_after(CRASHES, blocks)
    memory, _ = seen(CRASHES, blocks)

    assert (verdict, detail) == (found.verdict, found.detail)
    assert (math.exp(memory.test.log_wealth), 100) == pytest.approx(
        (found.statistic, found.threshold)
    )
    assert found.effect == (memory.count / memory.hours / 0.1 if memory.hours else None)


@pytest.mark.law("A2")
def test_an_exposure_is_judged_by_its_own_hours() -> None:
    """What passed in the ring before passes nothing in this one; what was won stays won."""
    passed, lost = (
        CRASHES.enter(seen(CRASHES, [lasting(1000, crashes)])[0]) for crashes in (100, 200)
    )
    soon = lasting(10, 1)
    for memory, verdict in ((passed, Verdict.INCONCLUSIVE), (lost, Verdict.HALT)):
        later = CRASHES.observe(memory, soon, 0)
        health = Health(NOON, NOON, (), soon.canary)
        assert verdict is CRASHES.judge(later, health, CRITERIA).verdict
    assert Verdict.NO_DATA is CRASHES.judge(passed, Health(NOON, NOON, ()), CRITERIA).verdict
    assert Verdict.HALT is CRASHES.judge(lost, Health(NOON, NOON, ()), CRITERIA).verdict


@given(st.integers(1, 50), st.floats(0.01, 5))
def test_it_says_how_much_more_is_needed(units: int, at_most: float) -> None:
    """So many more units, in so much more time, and the ring can be left."""
    signal = Rate("crash", at_most=at_most)
    found = judged_after(signal, [lasting(units, hours=0.1)])
    needed = sample_size(2.0, 1e9, at_most, alpha=0.01, power=0.9)

    assert (Verdict.INCONCLUSIVE, True) == (found.verdict, bool(found.remaining))
    lacking = needed / 0.1 - units
    assert found.remaining == pytest.approx(lacking, abs=1)
    assert found.wait is not None
    assert found.wait / HOUR == pytest.approx(0.1 * lacking / units, abs=1 / 3600, rel=1e-6)
    assert (Verdict.PASS, 0, timedelta(0)) == (
        *_of(judged_after(signal, [lasting(units, hours=(needed + 0.001) / units)])),
    )


def _of(found: Any) -> tuple[Any, ...]:
    return found.verdict, found.remaining, found.wait


@pytest.mark.parametrize(
    ("blocks", "since"),
    [([lasting(1, hours=1)], None), ([lasting(1, hours=1)], NOON + 2 * HOUR)],
    ids=["no exposure", "a clock that was set back"],
)
def test_without_a_begin_there_is_no_wait(blocks: list[Measurement], since: Any) -> None:
    """Where nobody can tell how fast hours add up, no time is promised."""
    memory, health = seen(CRASHES, blocks)
    criteria = attrs.evolve(CRITERIA, at=NOON + HOUR)
    found = CRASHES.judge(memory, attrs.evolve(health, since=since), criteria)

    assert (Verdict.INCONCLUSIVE, None) == (found.verdict, found.wait)
    assert found.remaining


def test_without_hours_nothing_is_foreseen() -> None:
    """Nor where no number of hours would do, or it would take a lifetime."""
    [timeless] = [judged_after(CRASHES, [lasting(10, hours=0)])]
    never = judged_after(CRASHES, [lasting(10)], must_see=1.01)
    ages = judged_after(Rate("crash", at_most=1e-9), [lasting(1)])

    assert (Verdict.INCONCLUSIVE, None, None) == _of(timeless) == _of(never)
    assert never.detail.endswith("; inf more hours are needed")
    assert (Verdict.INCONCLUSIVE, None) == (ages.verdict, ages.wait)
    assert ages.remaining


def test_bursts_take_more_hours() -> None:
    """Evidence that is divided needs so many times the hours to notice as much."""
    steady, bursty = (
        [lasting(20, 2 + crashes * (-1) ** number, begins=number) for number in range(20)]
        for crashes in (0, 2)
    )

    assert Verdict.PASS is judged_after(CRASHES, steady).verdict
    memory, _ = seen(CRASHES, bursty)
    needed = sample_size(2.0, 1e9, 0.1, alpha=0.01, power=0.9) * memory.dispersion.factor
    found = judged_after(CRASHES, bursty)
    assert Verdict.INCONCLUSIVE is found.verdict
    assert found.detail.endswith(f"; {needed - 400:.3g} more hours are needed")


@pytest.mark.parametrize(
    ("must_see", "noticed"), [(2.0, True), (1.15, True), (1.05, False), (1.0, False)]
)
def test_it_tells_what_it_could_notice(must_see: float, noticed: bool) -> None:
    """A rate that is too near to the limit can't be noticed, whatever the share."""
    for share in (0.01, 1.0):
        criteria = attrs.evolve(CRITERIA, must_see=must_see, share=share)
        assert noticed is CRASHES.can_notice(criteria)


# Whatever is measured

blocks_of = st.lists(
    st.builds(
        lasting,
        st.integers(0, 50),
        st.integers(0, 20),
        hours=st.sampled_from([-1, 0, 0.001, 0.5, 30]),
    ),
    max_size=6,
)


@given(blocks_of, st.floats(1e-3, 10))
def test_whatever_happened_there_is_a_finding(history: list[Measurement], at_most: float) -> None:
    """It halts just where the wealth says so, and passes only what was used for long enough."""
    signal = Rate("crash", at_most=at_most)
    memory, health = seen(signal, history)
    found = judged_after(signal, history, alpha=0.3)

    assert (memory.test.log_wealth >= -math.log(0.3)) == (found.verdict is Verdict.HALT)
    assert math.isfinite(memory.test.log_wealth)
    if found.verdict <= Verdict.INCONCLUSIVE:
        assert health.canary.units
    if found.verdict is Verdict.PASS:
        assert memory.hours >= sample_size(2.0, 1e9, at_most, alpha=0.3, power=0.9)
    assert (found.remaining == 0) == (found.verdict is Verdict.PASS)


@pytest.mark.law("A3")
@given(blocks_of, st.floats(1e-3, 10))
def test_a_canary_that_was_not_used_never_passes(
    history: list[Measurement], at_most: float
) -> None:
    """However long it was exposed, and whatever happened in the ring before."""
    signal = Rate("crash", at_most=at_most)
    memory = signal.enter(seen(signal, history)[0])
    memory = signal.observe(memory, lasting(0, hours=1000), 1)

    verdict = signal.judge(memory, Health(NOON, NOON, ()), CRITERIA).verdict
    assert verdict in {Verdict.NO_DATA, Verdict.HALT}


@given(blocks_of, st.integers(1, 50), st.integers(0, 30))
def test_one_more_is_never_judged_better(
    history: list[Measurement], units: int, crashes: int
) -> None:
    """Whatever came before, one more in the latest block never helps."""
    before, after = (
        judged_after(CRASHES, [*history, lasting(units, number)], alpha=0.1)
        for number in (crashes, crashes + 1)
    )

    assert before.verdict <= after.verdict
    assert (before.statistic or 0) <= (after.statistic or 0)


@pytest.mark.law("A4")
def test_a_broken_measurement_is_no_crash() -> None:
    """Nothing of it counts, and it holds."""
    model = HealthModel(CRASHES, waive={"usage": "here"})
    health = model.observe(model.start(NOON), lasting(1000, 100), 0)
    broken = model.observe(health, lasting(10, 10, error="timed out"), 0)

    assert attrs.evolve(health, error="timed out") == broken
    verdicts = [found.verdict for found in model.judge(broken, EVERYWHERE)]
    assert [Verdict.PASS, Verdict.SOURCE_ERROR] == verdicts


@pytest.mark.law("A5")
def test_it_is_judged_where_nobody_is_left_to_compare_with() -> None:
    """In a ring of everybody, what compares isn't asked, and what is absolute decides."""
    model = HealthModel(ErrorRate(), Latency(), CRASHES, Usage(at_least=1))
    for crashes, verdict in ((100, Verdict.PASS), (300, Verdict.HALT)):
        health = model.observe(model.start(NOON), lasting(1000, crashes), 0)
        everywhere = model.judge(health, EVERYWHERE)
        assert [("rate of crash", verdict), ("usage", Verdict.PASS)] == [
            (found.signal, found.verdict) for found in everywhere
        ]
        assert 300 == pytest.approx(everywhere[0].threshold)
        names = {found.signal for found in model.judge(health, CRITERIA)}
        assert {"error rate", "latency", "rate of crash", "usage"} <= names


def test_strata_are_taken_together() -> None:
    """It has no arms to compare, so those who differ needn't be told apart."""
    model = HealthModel(CRASHES, Usage(at_least=1), strata={"staff": Group("staff")})

    assert CRASHES == model.judges[0].signal
    memory = model.observe(model.start(NOON), lasting(10, 2), 0).tests[0]
    assert seen(CRASHES, [lasting(10, 2)])[0] == memory


# Promises


@pytest.mark.parametrize("at_most", [0.02, 0.2])
def test_what_is_within_its_limit_wins_nothing(at_most: float) -> None:
    """Summed over all counts, in two blocks that differ, the wealth is 1 on average."""
    signal, total = Rate("crash", at_most=at_most), 0.0
    for one in range(60):
        begun = signal.observe(signal.start(), lasting(1, one), 0.2)
        for other in range(60):
            memory = signal.observe(begun, lasting(2, other), 0.7)
            chance = poisson(one, at_most) * poisson(other, 2 * at_most)
            total += chance * math.exp(memory.test.log_wealth)

    assert 1 == pytest.approx(total, rel=1e-6)


def poisson(count: int, mean: float) -> float:
    """Return the chance of just so many independent events."""
    return math.exp(count * math.log(mean) - mean - math.lgamma(count + 1))


def rollout(
    dice: Random, mean: float, *, ratio: float = 1.0, bursts: Iterable[int] = (1,), blocks: int = 60
) -> bool:
    """Tell whether a change halts that crashes so many times as often as it may.

    Args:
        dice: what is thrown.
        mean: how many crashes are allowed in a block.
        ratio: how many times as many there are.
        bursts: how many crashes come at once, one of these each time.
        blocks: how many blocks there are.
    """
    signal, sizes = Rate("crash", at_most=mean), tuple(bursts)
    memory, criteria = signal.start(), Criteria(NOON, 1.0, 0.05, 2.0, 0.9, QUIET)
    incidents = ratio * mean * len(sizes) / sum(sizes)
    for number in range(blocks):
        crashes = sum(dice.choices(sizes, k=drawn(dice, incidents, incidents)))
        measured = lasting(1, crashes)
        memory = signal.observe(memory, measured, number / blocks)
        health = Health(NOON, NOON, (), measured.canary)
        if signal.judge(memory, health, criteria).verdict is Verdict.HALT:
            return True
    return False


@pytest.mark.parametrize("mean", [0.5, 5, 50])
def test_what_is_twice_too_often_halts(mean: float) -> None:
    """Whether there are few or many in a block."""
    dice, runs = Random(1), 20
    halts = sum(rollout(dice, mean, ratio=2, blocks=round(60 / min(mean, 1))) for _ in range(runs))

    assert halts >= 0.9 * runs


@pytest.mark.long
@pytest.mark.parametrize("mean", [0.05, 0.5, 5, 50])
def test_what_is_within_its_limit_seldom_halts(mean: float) -> None:
    """Of changes that crash as often as they may, alpha is the share that halts at most."""
    dice, runs = Random(1), 1000
    blocks = 400 if mean < 0.1 else 60

    assert sum(rollout(dice, mean, blocks=blocks) for _ in range(runs)) <= 0.05 * runs


@pytest.mark.long
@pytest.mark.parametrize("mean", [0.5, 5, 50])
@pytest.mark.parametrize(("bursts", "most"), [((3,), 0.2), ((1, 1, 2, 3, 8), 0.7)], ids=str)
def test_bursts_halt_less_often_if_they_are_measured(
    mean: float, bursts: tuple[int, ...], most: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where crashes come in bursts alpha isn't kept: how large they are isn't known at first.

    But far fewer changes halt than if bursts weren't measured, and what is too often still does.
    """
    runs = 300

    def halts(ratio: float = 1.0) -> int:
        dice = Random(1)
        return sum(rollout(dice, mean, ratio=ratio, bursts=bursts, blocks=120) for _ in range(runs))

    measured, worse = halts(), halts(2.0)
    monkeypatch.setattr(Dispersion, "factor", 1.0)
    unmeasured = halts()

    assert measured <= most * runs
    assert measured <= 0.7 * unmeasured
    assert worse >= 0.9 * runs


@pytest.mark.long
def test_what_must_be_seen_is_seen_before_anything_passes() -> None:
    """With the power of the plan, a rate twice too high halts before a PASS."""
    dice, runs, halts = Random(1), 500, 0
    for _ in range(runs):
        memory, health = CRASHES.start(), Health(NOON, NOON, ())
        while (verdict := CRASHES.judge(memory, health, CRITERIA).verdict) not in {
            Verdict.HALT,
            Verdict.PASS,
        }:
            memory = CRASHES.observe(memory, lasting(5, drawn(dice, 1, 1)), 0)
            health = Health(NOON, NOON, (), arm(5))
        halts += verdict is Verdict.HALT

    assert halts >= 0.9 * runs
