"""The cap: no outcome of a block pays more than decides, and the mean stays what it was."""

import math
from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from safedeploy.statistics import LabelTest, released
from safedeploy.statistics.caps import hypergeometric

ENOUGH = math.log(100)
STARTED = LabelTest()
ONE = STARTED.update(1, 99, 1, 0, enough=ENOUGH)
NEAR = ONE.update(1, 9, 1, 0, enough=ENOUGH)

Block = tuple[int, int, int]


def wealth(test: LabelTest) -> float:
    """Return the wealth itself."""
    return math.exp(test.log_wealth)


def outcomes(block: Block) -> range:
    """Return how many of a block's failures may be the canary's."""
    canary, baseline, failures = block
    return range(max(0, failures - baseline), min(failures, canary) + 1)


def chance(block: Block, ours: int) -> float:
    """Return the chance of that, if every unit is as likely to fail."""
    canary, baseline, failures = block
    ways = math.comb(canary, ours) * math.comb(baseline, failures - ours)
    return ways / math.comb(canary + baseline, failures)


def after(test: LabelTest, block: Block, ours: int) -> LabelTest:
    """Return the test after a block in which so many of the failures are the canary's."""
    canary, baseline, failures = block
    return test.update(canary, baseline, ours, failures - ours, enough=ENOUGH)


def mean(test: LabelTest, block: Block) -> float:
    """Return the mean of the wealth over all outcomes of a block."""
    return sum(chance(block, ours) * wealth(after(test, block, ours)) for ours in outcomes(block))


def test_two_failures_of_a_small_canary_decide() -> None:
    """The golden values: the second failure pays what decides, and no more."""
    assert 7.99220016079392 == pytest.approx(wealth(ONE), rel=1e-9)
    assert 100 == pytest.approx(wealth(ONE.update(1, 99, 1, 0, enough=ENOUGH)), rel=1e-9)
    assert ONE.update(1, 99, 1, 0, enough=ENOUGH).log_wealth >= ENOUGH
    assert wealth(ONE.update(1, 99, 1, 0)) > 200


REACHING = [(8, 825, 4), (8, 825, 40), (1, 99, 2), (400, 433, 60), (3, 9, 3), (20, 1, 12)]


@pytest.mark.parametrize("block", REACHING)
@pytest.mark.parametrize("test", [STARTED, ONE, NEAR])
def test_a_capped_block_is_exactly_fair(test: LabelTest, block: Block) -> None:
    """Over all outcomes the mean is the wealth before, and what decides is the most."""
    ended = [wealth(after(test, block, ours)) for ours in outcomes(block)]

    assert max(ended) <= 100 * (1 + 1e-9)
    if max(ended) > 99.9:
        assert wealth(test) == pytest.approx(mean(test, block), rel=1e-12)
    else:
        assert mean(test, block) <= wealth(test) * (1 + 1e-12)


def test_every_sequence_of_failures_is_fair() -> None:
    """Over all sequences of eleven failures, whatever share the canary has, the mean is 1."""
    shares = [(1, 99), (1, 9), (1, 1), (30, 70), (1, 99), (4, 1), (1, 9), (1, 1), (2, 9), (1, 3)]
    tests = {STARTED: 1.0}
    for canary, baseline in [*shares, (1, 99)]:
        share, later = canary / (canary + baseline), dict[LabelTest, float]()
        for test, likely in tests.items():
            decided = test.log_wealth >= ENOUGH
            for ours, odds in ((1, share), (0, 1 - share)):
                ended = test
                if not decided:
                    ended = test.update(canary, baseline, ours, 1 - ours, enough=ENOUGH)
                later[ended] = later.get(ended, 0) + likely * odds
        tests = later

    assert 1 == pytest.approx(sum(wealth(test) * likely for test, likely in tests.items()))
    assert ENOUGH == pytest.approx(max(test.log_wealth for test in tests), rel=1e-9)


@pytest.mark.parametrize("worse", [1.0, 0.5])
def test_no_null_wins_in_a_capped_history(worse: float) -> None:
    """Nor do rates that are shared, or better at the canary, in blocks that follow each other."""

    def binomial(units: int, failures: int, rate: float) -> float:
        return math.comb(units, failures) * rate**failures * (1 - rate) ** (units - failures)

    def average(test: LabelTest, blocks: int) -> float:
        if not blocks:
            return wealth(test)
        canary, baseline, rate = (2, 4, 0.4) if test.log_wealth > 1 else (1, 6, 0.2)
        return sum(
            binomial(canary, ours, worse * rate)
            * binomial(baseline, others, rate)
            * average(test.update(canary, baseline, ours, others, enough=1.5), blocks - 1)
            for ours, others in product(range(canary + 1), range(baseline + 1))
        )

    assert average(STARTED, 3) <= 1 + 1e-12


@given(st.integers(1, 9), st.integers(1, 99), st.integers(0, 8), st.integers(0, 30))
def test_a_cap_never_costs_what_doesnt_reach_it(
    canary: int, baseline: int, ours: int, others: int
) -> None:
    """Whatever stays below the cap has no less than it had without one."""
    ours, others = min(ours, canary), min(others, baseline)
    free, held = (
        ONE.update(canary, baseline, ours, others, enough=enough) for enough in (math.inf, ENOUGH)
    )

    assert held.log_wealth >= min(free.log_wealth, ENOUGH) - 1e-9
    assert held.log_wealth <= max(free.log_wealth, ENOUGH + 1e-9)


@pytest.mark.parametrize(("tolerate", "dispersion"), [(1.2, 1.0), (1.0, 3.0)])
def test_what_cant_be_had_exactly_isnt_capped(tolerate: float, dispersion: float) -> None:
    """With a tolerance or bursts the chances aren't known, so the bets pay what they pay."""
    free, held = (
        ONE.update(10, 90, 6, 3, tolerate=tolerate, dispersion=dispersion, enough=enough)
        for enough in (math.inf, ENOUGH)
    )

    assert free == held


@pytest.mark.parametrize(
    "block",
    [(10**9, 10**9, 4000, 4000), (2, 1, 3, 2), (5, 5, 0, 0)],
    ids=["too many outcomes", "more failures than units", "no failure"],
)
def test_what_need_not_be_looked_at_closely_isnt(block: tuple[int, int, int, int]) -> None:
    """The closed form is left alone where a cap takes too long, or can't be."""
    assert STARTED.update(*block) == STARTED.update(*block, enough=ENOUGH)


def test_what_has_decided_stays_open() -> None:
    """A wealth beyond what decides is no longer capped."""
    won = ONE.update(1, 99, 1, 0)

    assert won.update(1, 99, 1, 0) == won.update(1, 99, 1, 0, enough=ENOUGH)
    barely = NEAR.update(1, 99, 1, 0, enough=ENOUGH)
    assert barely.update(1, 99, 1, 0) == barely.update(1, 99, 1, 0, enough=ENOUGH)
    sure = ONE.update(10**6, 10**6, 10**5, 0)
    assert sure.update(1, 99, 1, 0) == sure.update(1, 99, 1, 0, enough=ENOUGH)


@given(st.integers(1, 10**9), st.integers(1, 10**9), st.integers(0, 500), st.integers(0, 500))
def test_no_count_is_too_large_for_a_cap(
    canary: int, baseline: int, ours: int, others: int
) -> None:
    """A billion units neither overflow nor make what isn't a number."""
    ours, others = min(ours, canary), min(others, baseline)
    test = ONE.update(canary, baseline, ours, others, enough=ENOUGH)

    assert math.isfinite(test.log_wealth)


@pytest.mark.parametrize("block", [*REACHING, (1, 1, 1), (50, 50, 50)])
def test_the_chances_of_outcomes_are_hypergeometric(block: Block) -> None:
    """They are what counting all subsets gives."""
    canary, baseline, failures = block
    found = hypergeometric((canary, baseline, 0, failures), outcomes(block))

    assert [chance(block, ours) for ours in outcomes(block)] == pytest.approx(found, rel=1e-9)


def test_a_reserve_is_released_part_by_part() -> None:
    """In equal parts where their number is known, in ever smaller ones where it isn't."""
    assert [0, 0.25, 0.5, 0.75, 1, 1] == [released(passed, 4) for passed in range(6)]
    assert 1 == released(0, 0)
    parts = [released(i) - released(i - 1) for i in range(1, 50)]
    assert [1 / (i * (i + 1)) for i in range(1, 50)] == pytest.approx(parts)
