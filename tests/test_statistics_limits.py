"""Limits without a baseline: ceilings and floors of rates and shares; and how bursty counts are."""

import math
import random

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from safedeploy.statistics import Dispersion, RateTest, ShareTest, burn

CEILINGS = pytest.mark.parametrize("floor", [False, True], ids=["ceiling", "floor"])
TESTS = pytest.mark.parametrize(
    "test", [RateTest(), RateTest(floor=True), ShareTest(), ShareTest(floor=True)]
)


def wealth(test: RateTest | ShareTest) -> float:
    """Return the wealth itself."""
    return math.exp(test.log_wealth)


def poisson(count: int, mean: float) -> float:
    """Return the log of the chance of just so many independent events."""
    return count * math.log(mean) - mean - math.lgamma(count + 1)


def binomial(count: int, units: int, rate: float) -> float:
    """Return the chance of just so many of the units."""
    return math.comb(units, count) * rate**count * (1 - rate) ** (units - count)


@CEILINGS
@pytest.mark.parametrize("limit", [0.1, 1.0, 5.0])
def test_no_rate_within_its_limit_wins(floor: bool, limit: float) -> None:
    """Summed over all counts the mean is 1 at the limit, and less on its right side."""

    def mean(rate: float) -> float:
        ended = [RateTest(floor=floor).update(count, 2, limit=limit) for count in range(1000)]
        logs = [poisson(count, 2 * rate) + test.log_wealth for count, test in enumerate(ended)]
        return sum(map(math.exp, logs))

    assert 1 == pytest.approx(mean(limit), rel=1e-6)
    assert mean(limit * 1.3 if floor else limit / 1.3) < 1


@CEILINGS
@pytest.mark.parametrize("limit", [0.01, 0.2, 0.7])
def test_no_share_within_its_limit_wins(floor: bool, limit: float) -> None:
    """Summed over all counts the mean is 1 at the limit, and less on its right side."""

    def mean(rate: float) -> float:
        return sum(
            binomial(count, 12, rate)
            * wealth(ShareTest(floor=floor).update(count, 12, limit=limit))
            for count in range(13)
        )

    assert 1 == pytest.approx(mean(limit))
    assert mean(limit * 1.3 if floor else limit / 1.3) < 1


def test_a_rate_beyond_its_ceiling_is_noticed() -> None:
    """Ten crashes where one is allowed; silence where many calls are expected."""
    assert wealth(RateTest().update(10, 10, limit=0.1)) > 1e4
    assert wealth(RateTest(floor=True).update(0, 0.5, limit=20)) > 100
    assert wealth(ShareTest().update(20, 1000, limit=0.005)) > 100
    assert wealth(ShareTest(floor=True).update(90, 100, limit=0.99)) > 100
    assert wealth(RateTest().update(10, 10, limit=0.1, dispersion=3)) < 1e4


@TESTS
def test_what_is_within_its_limit_isnt_blamed(test: RateTest | ShareTest) -> None:
    """As many as are allowed, or expected, win nothing; and nothing at all tells nothing."""
    assert wealth(test.update(100, 1000, limit=0.1)) < 1
    assert test.update(0, 0, limit=0.1) == test


@TESTS
@given(counts=st.lists(st.tuples(st.integers(0, 50), st.integers(0, 500)), max_size=6))
def test_the_order_of_blocks_doesnt_matter(
    test: RateTest | ShareTest, counts: list[tuple[int, int]]
) -> None:
    """Blocks of one limit add up, however they are cut."""
    ended = test
    for count, more in counts:
        ended = ended.update(count, count + more, limit=0.1)
    events = sum(count for count, _ in counts)
    once = test.update(events, events + sum(more for _, more in counts), limit=0.1)

    assert ended.stakes == pytest.approx(once.stakes, rel=1e-9, abs=1e-9)


@TESTS
@given(st.integers(0, 10**9), st.integers(0, 10**9), st.floats(1e-9, 1 - 1e-9), st.floats(0, 1))
def test_no_limit_is_too_far(
    test: RateTest | ShareTest, count: int, more: int, limit: float, share: float
) -> None:
    """A billion events neither overflow nor lose the reserve; and all is made of numbers."""
    ended = test.update(count, count + more, limit=limit).stake(share)

    assert math.isfinite(ended.log_wealth)
    assert ended == type(test)(**attrs.asdict(ended, recurse=False))


@TESTS
def test_a_reserve_notices_what_begins_late(test: RateTest | ShareTest) -> None:
    """What is staked after a long good time wins; moving it wins nothing."""
    good, bad = ((10**6, 10**6), (0, 50)) if test.floor else ((0, 10**6), (9, 10))
    begun = test.update(*good, limit=0.2)
    staked = begun.stake(0.5)

    assert begun.log_wealth == pytest.approx(staked.log_wealth)
    assert staked.update(*bad, limit=0.2).log_wealth > 0.5 + begun.log_wealth
    assert begun.update(*bad, limit=0.2).log_wealth == pytest.approx(begun.log_wealth)


def test_no_rate_within_its_limit_wins_in_a_history() -> None:
    """Nor in several stretches, in which the limit depends on what was won."""

    def mean(test: RateTest, stretches: int) -> float:
        if not stretches:
            return wealth(test)
        limit = 0.5 if test.log_wealth > 0 else 1.0
        return sum(
            math.exp(poisson(count, limit))
            * mean(test.update(count, 1, limit=limit).stake(0.4), stretches - 1)
            for count in range(14)
        )

    assert 1 == pytest.approx(mean(RateTest(floor=True), 3), rel=1e-6)


@pytest.mark.parametrize(
    ("failures", "units", "objective", "rate"),
    [(1, 1000, 0.999, 1.0), (144, 10_000, 0.999, 14.4), (0, 50, 0.9, 0.0), (0, 0, 0.9, 0.0)],
)
def test_a_budget_burns(failures: int, units: int, objective: float, rate: float) -> None:
    """As many times too fast as more units fail than may; not at all where there are none."""
    assert rate == pytest.approx(burn(failures, units, objective))


@given(st.floats(0.01, 0.9999), st.integers(1, 1000))
def test_a_budget_never_burns_faster_than_if_all_fails(objective: float, units: int) -> None:
    """So a rule that asks for more can never fire."""
    assert burn(units, units, objective) == pytest.approx(1 / (1 - objective))


def measured(counts: list[int], exposures: list[float]) -> Dispersion:
    """Return the measure after some blocks."""
    measure = Dispersion()
    for count, exposure in zip(counts, exposures, strict=True):
        measure = measure.update(count, exposure)
    return measure


def drawn(burst: int, *, blocks: int = 400) -> Dispersion:
    """Measure simulated counts whose rate changes slowly, in bursts of a fixed size."""
    rng = random.Random(burst)
    exposures = [rng.uniform(50, 200) for _ in range(blocks)]
    counts = [
        burst * sum(rng.random() < 0.02 * (1.5 + math.sin(i / 30)) for _ in range(int(exposure)))
        for i, exposure in enumerate(exposures)
    ]
    return measured(counts, exposures)


@pytest.mark.parametrize("burst", [1, 2, 5])
def test_bursts_are_measured(burst: int) -> None:
    """Bursts of a fixed size vary just so many times as much, even while the rate drifts."""
    measure = drawn(burst)

    assert burst == pytest.approx(measure.ratio, rel=0.2)
    assert measure.factor == (1 if burst == 1 else measure.ratio)


def test_the_first_blocks_tell_little() -> None:
    """One difference alone hardly counts, and blocks without exposure or events don't."""
    assert 1 == Dispersion().ratio == Dispersion().factor
    assert 1 == measured([5, 5, 5], [10, 10, 10]).factor
    once = measured([0, 20], [100, 100])
    assert 1 < once.ratio < 3
    assert once == once.update(3, 0)
    assert once.ratio == measured([0, 0, 0, 20], [100, 100, 100, 100]).ratio


@given(st.lists(st.tuples(st.integers(0, 10**9), st.just(0.0) | st.floats(1e-6, 1e9)), max_size=9))
def test_a_measure_of_bursts_is_a_number(blocks: list[tuple[int, float]]) -> None:
    """Whatever the counts, it is finite, above 0, and 1 or more where it is used."""
    measure = measured([count for count, _ in blocks], [exposure for _, exposure in blocks])

    assert math.isfinite(measure.ratio)
    assert measure.ratio > 0
    assert measure.factor >= 1
    assert measure == Dispersion(**attrs.asdict(measure))
