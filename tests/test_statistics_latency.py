"""Slowness: bets on ranks and on thresholds, exact sums over all splits, and simulated rollouts."""

import math
import random
from collections import Counter
from collections.abc import Iterable, Mapping
from itertools import combinations, product

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from safedeploy.statistics import (
    LatencyTest,
    bernoulli,
    crossed,
    expected,
    rank_factors,
)
from safedeploy.statistics.crossings import gain
from safedeploy.statistics.logarithms import normal, normal_quantile
from safedeploy.statistics.ranks import rank_gains

STARTED = LatencyTest()
ONE_QUANTILE = LatencyTest(quantile=0.9)
ONE_THRESHOLD = LatencyTest(threshold=5)
KINDS = pytest.mark.parametrize("test", [STARTED, ONE_QUANTILE, ONE_THRESHOLD])

BUCKETS = st.integers(0, 127)
MOVES = st.dictionaries(
    st.tuples(BUCKETS, BUCKETS).map(lambda pair: (min(pair), max(pair))),
    st.integers(1, 10**9),
    max_size=6,
)

Moves = dict[tuple[int, int], int]


def first(values: Iterable[int]) -> Moves:
    """Return fresh units by the bucket of their first slowest call."""
    return dict(Counter((0, value) for value in values))


def splits(values: tuple[int, ...], canary: int) -> list[tuple[list[int], list[int]]]:
    """Return all ways in which so many of the values may be the canary's."""
    places = range(len(values))
    return [
        ([values[i] for i in ours], [values[i] for i in places if i not in ours])
        for ours in combinations(places, canary)
    ]


@pytest.mark.parametrize(
    ("shift", "golden"),
    [
        (0.08, 1.224908741),
        (0.15, 1.45517242),
        (0.3, 2.070414422),
        (0.6, 3.917671931),
        (1, 7.971154225),
        (2, 23.37480206),
    ],
)
def test_a_high_rank_is_likelier_if_values_are_shifted(shift: float, golden: float) -> None:
    """The golden values, for a rank of 0.995."""
    assert [golden] == pytest.approx(rank_factors(0.995, [shift]), rel=1e-9)


@given(st.floats(1e-12, 1 - 1e-12))
def test_a_quantile_is_where_the_chance_is(chance: float) -> None:
    """The normal quantile and the normal chance are each other's inverse."""
    assert chance == pytest.approx(normal(normal_quantile(chance)), rel=1e-8)


VALUES = [
    (1, 2, 3, 4, 5, 6, 7),
    (1, 1, 1, 2, 2, 3, 9, 9),
    (3, 3, 3, 3, 3, 3, 4),
    (5, 5, 5),
]


@pytest.mark.parametrize("values", VALUES)
def test_no_split_of_the_same_values_wins_by_rank(values: tuple[int, ...]) -> None:
    """Averaged over all splits of whatever values, the bets on ranks win nothing.

    And without ties, or with one unit in the canary, they lose nothing.
    """
    for canary in range(1, len(values)):
        ways = splits(values, canary)
        gains = [rank_gains(Counter(ours), Counter(others)) for ours, others in ways]
        for won in zip(*gains, strict=True):
            mean = sum(map(math.exp, won)) / len(ways)
            assert mean <= 1 + 1e-12
            assert mean > 0.96
            if canary == 1 or len(set(values)) == len(values):
                assert 1 == pytest.approx(mean)


def test_higher_values_win_by_rank() -> None:
    """Bets win where the canary is higher, lose where it is lower, and don't care how far."""
    high = rank_gains({9: 5}, {1: 20, 2: 20})

    assert all(gain > 0 for gain in high)
    assert all(gain < 0 for gain in rank_gains({1: 5}, {8: 20, 9: 20}))
    assert high == rank_gains({127: 5}, {50: 20, 60: 20})
    assert [0, 0, 0] == rank_gains({4: 5}, {4: 500})


def exactly(canary: int, units: int, exceeding: int, odds: float) -> float:
    """Return the log of the mean of odds to the power of the canary's part, by counting."""
    mean = sum(
        math.comb(canary, ours) * math.comb(units - canary, exceeding - ours) * odds**ours
        for ours in range(exceeding + 1)
    )
    return math.log(mean / math.comb(units, exceeding))


@pytest.mark.parametrize("odds", [0.05, 0.5, 0.9, 1, 1.1, 2, 10, 100])
def test_what_bets_are_divided_by_is_enough(odds: float) -> None:
    """It is never below the mean, exact for one unit, and symmetric."""
    for units in range(1, 20):
        for canary, exceeding in product(range(units + 1), repeat=2):
            bound = expected(canary, units, exceeding, odds)
            assert bound >= exactly(canary, units, exceeding, odds) - 1e-12
            assert bound == expected(exceeding, units, canary, odds)
            if min(canary, exceeding) <= 1 or odds == 1:
                exact = exactly(canary, units, exceeding, odds)
                assert exact == pytest.approx(bound, rel=1e-9, abs=1e-12)


@pytest.mark.parametrize(
    ("counts", "odds"), [((80, 800, 100), 1.3), ((400, 800, 300), 0.9), ((8, 800, 400), 2)]
)
def test_what_bets_are_divided_by_is_hardly_more(counts: tuple[int, int, int], odds: float) -> None:
    """For odds that aren't far from 1 it is within a thousandth or two of the mean."""
    canary, units, exceeding = counts
    ratio = exactly(canary, units, exceeding, odds) / expected(*counts, odds)

    assert 1 == pytest.approx(ratio, rel=0.002)


@pytest.mark.parametrize(("tolerate", "odds"), [(1.2, 2.0), (2.0, 0.5), (3.0, 9.0)])
def test_a_bet_is_fair_where_just_the_tolerated_is_true(tolerate: float, odds: float) -> None:
    """Who crosses is canary's with a known chance then, and nothing is given away."""
    canary, baseline, beyond = 7, 12, 6
    share = tolerate * canary / (tolerate * canary + baseline)
    won = math.fsum(
        math.comb(beyond, ours)
        * share**ours
        * (1 - share) ** (beyond - ours)
        * math.exp(gain((1, canary, baseline, ours, beyond - ours), odds, tolerate))
        for ours in range(beyond + 1)
    )
    assert pytest.approx(1) == won


@given(st.integers(0, 10**9), st.integers(0, 10**9), st.floats(0, 1), st.floats(1e-9, 1e9))
def test_no_table_is_too_large(canary: int, baseline: int, part: float, odds: float) -> None:
    """A billion units neither overflow nor make what isn't a number."""
    units = canary + baseline
    assert math.isfinite(expected(canary, units, int(part * units), odds))


@pytest.mark.parametrize(
    ("tolerate", "rate", "golden"),
    [(1.0, 0.51, 1.813538019601756), (1.1, 0.5054465183182144, 0.4488378193926188)],
)
def test_a_supposed_pair_of_rates_is_judged(tolerate: float, rate: float, golden: float) -> None:
    """The golden values of the exact block."""
    found = bernoulli(100, 900, 60, 450, canary_rate=0.6, baseline_rate=0.5, tolerate=tolerate)

    assert (rate, golden) == pytest.approx(found, rel=1e-9)


@pytest.mark.parametrize("tolerate", [1, 1.2, 2])
def test_no_null_wins_against_a_supposed_pair_of_rates(tolerate: float) -> None:
    """Summed over all outcomes, under any rates that are no worse, it wins nothing."""

    def chance(count: int, units: int, rate: float) -> float:
        return math.comb(units, count) * rate**count * (1 - rate) ** (units - count)

    supposed = [(0.6, 0.5), (0.3, 0.1), (0.9, 0.2), (0.05, 0.01), (0.99, 0.45)]
    rates, parts = (0.001, 0.05, 0.2, 0.35, 0.49), (1, 0.7)
    for canary, baseline in product((1, 2, 5), (1, 3)):
        for (ours_rate, others_rate), rate, part in product(supposed, rates, parts):
            mean = sum(
                chance(ours, canary, part * tolerate * rate)
                * chance(others, baseline, rate)
                * math.exp(
                    bernoulli(
                        canary,
                        baseline,
                        ours,
                        others,
                        canary_rate=ours_rate,
                        baseline_rate=others_rate,
                        tolerate=tolerate,
                    )[1]
                )
                for ours, others in product(range(canary + 1), range(baseline + 1))
            )
            assert mean <= 1 + 1e-12


def test_nothing_is_bet_on_what_is_tolerated() -> None:
    """A pair of rates that is no worse than tolerated is its own null."""
    assert (0.5, 0.0) == bernoulli(9, 9, 9, 0, canary_rate=0.5, baseline_rate=0.5)


def test_a_unit_crosses_a_threshold_once() -> None:
    """Who was beyond before isn't at risk any more; who stays below is."""
    moves = {(0, 3): 1, (0, 7): 2, (3, 3): 4, (4, 5): 8, (5, 9): 16}

    assert (15, 10) == crossed(moves, 5)
    assert (3, 3) == crossed(moves, 3)
    assert (0, 0) == crossed(moves, 0)


def test_thresholds_follow_the_history_of_the_baseline() -> None:
    """They are unknown at first, and then just beyond its quantiles; two lie above them."""
    history = first(range(1, 101))
    seen = STARTED.update({}, history)

    assert (0,) * 8 == STARTED.thresholds
    assert (51, 76, 91, 96, 100, 101, 108, 116) == seen.thresholds
    assert seen.thresholds == seen.update(first([1, 1, 1]), {(3, 9): 50}).thresholds
    assert seen.thresholds != seen.update({}, first([100] * 30)).thresholds
    assert (91,) == ONE_QUANTILE.update({}, history).thresholds
    assert (5,) == ONE_THRESHOLD.update({}, history).thresholds


@KINDS
def test_a_slower_canary_wins(test: LatencyTest) -> None:
    """Slower canaries win, equal ones and faster ones don't; it starts at 1."""
    usual, slow, fast = range(1, 11), [9, 9, 9, 10, 10], [1, 1, 2, 2, 3]
    begun = test.update({}, first([*usual] * 10))

    def won(values: list[int]) -> float:
        return begun.update(first(values), first([*usual] * 5)).log_wealth

    assert 0 == pytest.approx(test.log_wealth)
    assert 0 == pytest.approx(begun.log_wealth)
    assert won(slow) > 0.5
    assert won(slow) > won([*usual][1::2]) > won(fast)


@KINDS
@pytest.mark.parametrize("values", VALUES)
def test_no_split_of_the_same_units_wins(test: LatencyTest, values: tuple[int, ...]) -> None:
    """Averaged over all splits of fresh units, in the first block and in the next, nothing wins."""
    for canary in range(1, len(values)):
        ways = splits(values, canary)
        once = [test.update(first(ours), first(others)) for ours, others in ways]
        for begun in (test, once[0]):
            ended = [begun.update(first(ours), first(others)) for ours, others in ways]
            mean = sum(math.exp(each.log_wealth) for each in ended) / len(ways)
            assert mean <= math.exp(begun.log_wealth) * (1 + 1e-12)


@pytest.mark.parametrize("test", [STARTED, LatencyTest(quantile=0.5), LatencyTest(threshold=3)])
@pytest.mark.parametrize("arms", ["BBC", "BBBC", "CBBC", "BCBC", "BBCC", "CBCB"])
def test_no_unit_wins_that_waits(test: LatencyTest, arms: str) -> None:
    """Summed over all values that units have, one after the other, whose arm waits wins nothing."""
    values = (1, 2, 3, 4)
    mean = 0.0
    for drawn in product(values, repeat=len(arms)):
        health = test
        for arm, value in zip(arms, drawn, strict=True):
            one = first([value])
            health = health.update(one, {}) if arm == "C" else health.update({}, one)
        mean += math.exp(health.log_wealth) / len(values) ** len(arms)

    assert mean <= 1 + 1e-12


@pytest.mark.parametrize("tolerate", [1.2, 2.0])
def test_no_null_wins_with_a_tolerance(tolerate: float) -> None:
    """Summed over all outcomes, a canary that crosses as often as is tolerated wins nothing."""

    def chance(count: int, units: int, rate: float) -> float:
        return math.comb(units, count) * rate**count * (1 - rate) ** (units - count)

    def moves(count: int, units: int) -> Moves:
        return {(0, 9): count, (0, 1): units - count}

    for canary, baseline, rate in product((1, 3), (2, 5), (0.05, 0.3, 0.49)):
        mean = sum(
            chance(ours, canary, tolerate * rate)
            * chance(others, baseline, rate)
            * math.exp(
                ONE_THRESHOLD.update(
                    moves(ours, canary), moves(others, baseline), tolerate=tolerate
                ).log_wealth
            )
            for ours, others in product(range(canary + 1), range(baseline + 1))
        )
        assert mean <= 1 + 1e-12


def test_half_is_bet_on_ranks() -> None:
    """Without a quantile or a threshold, what is staked is shared by ranks and thresholds."""
    stakes = [math.exp(stake) for stake in STARTED.stakes]

    assert [0.4 / 3] * 3 + [0.4 / 8] * 8 == pytest.approx(stakes)
    assert [0.8 / 5] * 5 == pytest.approx([math.exp(stake) for stake in ONE_QUANTILE.stakes])


def test_ranks_know_no_tolerance() -> None:
    """With a tolerance, only thresholds are bet on."""
    begun = STARTED.update({}, first([*range(1, 11)] * 10))
    ended = begun.update(first([9, 9, 10]), first(range(1, 11)), tolerate=1.2)

    assert begun.stakes[:3] == ended.stakes[:3]
    assert begun.stakes[3:] != ended.stakes[3:]


@KINDS
def test_units_wait_until_both_arms_have_some(test: LatencyTest) -> None:
    """However a block is split, what one arm lacks is waited for; in between nothing is won."""
    begun = test.update(first([1, 5, 9]), first([*range(1, 11)] * 10))
    ours, others = first([4, 8, 10]), first([1, 1, 1, 6, 7, 9] * 9)
    waiting = begun.update({}, others)
    both = begun.update(ours, others)

    assert begun == begun.update({}, {})
    assert begun.log_wealth == pytest.approx(waiting.log_wealth)
    assert both == waiting.update(ours, {})
    assert both == begun.update(ours, {}).update({}, others)
    assert begun == attrs.evolve(waiting.forget(), history=begun.history)


@KINDS
@given(blocks=st.lists(st.tuples(MOVES, MOVES), max_size=4), share=st.floats(0, 1))
def test_no_move_is_too_much(
    test: LatencyTest, blocks: list[tuple[Moves, Moves]], share: float
) -> None:
    """Whatever units do, the wealth is a number, and the test is made of numbers and tuples."""
    for ours, others in blocks:
        test = test.update(ours, others).stake(share)
        again = LatencyTest(**attrs.asdict(test, recurse=False))
        assert again == test
        assert hash(again) == hash(test)

    assert not math.isnan(test.log_wealth)
    assert math.isfinite(test.log_wealth)
    assert len(test.history) <= 128


@KINDS
def test_staking_keeps_the_wealth_of_slowness(test: LatencyTest) -> None:
    """What is moved from the reserve is neither won nor lost, and goes where the rest did."""
    begun = test.update(first([1, 5, 9]), first([*range(1, 11)] * 10))
    staked = begun.stake(0.5)

    assert begun.log_wealth == pytest.approx(staked.log_wealth)
    assert 0.1 == pytest.approx(staked.cash)
    assert all(a < b for a, b in zip(begun.stakes, staked.stakes, strict=True))
    assert begun == begun.stake(-1)
    fully = test.stake(1).stakes
    assert [0.2] * len(fully) == pytest.approx(
        [1 - math.exp(a - b) for a, b in zip(test.stakes, fully, strict=True)]
    )


# Simulated rollouts: who calls, and how long it takes.


def bucket(seconds: float) -> int:
    """Return the number of a latency's bucket."""
    return max(1, min(127, math.ceil(8 * math.log2(seconds)) + 89))


def calls(rng: random.Random, units: int, mix: Mapping[float, float]) -> Moves:
    """Draw the slowest calls of fresh units: log-normal, some of them so many times as long."""
    factors = rng.choices([*mix], [*mix.values()], k=units)
    return first(bucket(0.1 * factor * rng.lognormvariate(0, 0.5)) for factor in factors)


def needed(rng: random.Random, mix: Mapping[float, float], test: LatencyTest) -> float:
    """Return how many canary units were seen when the wealth reached a hundred."""
    units = 0
    while test.log_wealth < math.log(100) and units < 3000:
        units += 2
        test = test.update(calls(rng, 2, mix), calls(rng, 198, {1.0: 1.0}))
    return units


@pytest.mark.long
@pytest.mark.parametrize(
    ("mix", "bound", "ratio"),
    [
        ({1.1: 1.0}, 256.1, 1.59),
        ({1.5: 1.0}, 14.2, 1.65),
        ({1.0: 0.95, 4.0: 0.05}, 78.9, 2.41),
        ({1.0: 0.99, 20.0: 0.01}, 106.3, 2.6),
    ],
    ids=["all a tenth longer", "all half longer", "5 % 4 times", "1 % 20 times"],
)
def test_slowness_is_noticed_soon(mix: dict[float, float], bound: float, ratio: float) -> None:
    """The canary units that are needed, on average, are near the fewest that any test needs."""
    rng, runs = random.Random(3), 150
    mean = sum(needed(rng, mix, STARTED) for _ in range(runs)) / runs

    assert bound < mean < ratio * bound


def visits(rng: random.Random, users: list[tuple[float, int]], share: float) -> tuple[Moves, Moves]:
    """Let some users come, each as slow as they always are, and say how their slowest moved."""
    moves: tuple[Moves, Moves] = ({}, {})
    for each in rng.sample(range(len(users)), 60):
        speed, slowest = users[each]
        after = max(slowest, bucket(speed * rng.lognormvariate(0, 0.3)))
        users[each] = speed, after
        arm = moves[each >= share * len(users)]
        arm[slowest, after] = arm.get((slowest, after), 0) + 1
    return moves


@pytest.mark.long
@KINDS
@pytest.mark.parametrize("share", [0.05, 0.5])
def test_users_that_come_again_are_no_harm(test: LatencyTest, share: float) -> None:
    """Users who are always slow, and come again and again, hardly ever halt what isn't slower."""
    rng, runs, halts = random.Random(4), 300, 0
    test = LatencyTest(threshold=67) if test.threshold else test
    for _ in range(runs):
        users = [(0.1 * rng.lognormvariate(0, 0.6), 0) for _ in range(400)]
        health = test
        for _ in range(40):
            health = health.update(*visits(rng, users, share)).stake(1 / 40)
            if health.log_wealth >= math.log(100):
                halts += 1
                break

    assert halts <= 0.01 * runs + 3 * math.sqrt(0.01 * runs)
