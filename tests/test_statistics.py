"""The sequential tests: golden values, exact sums over all outcomes, and simulated rollouts."""

import math
import random
from itertools import pairwise, product
from statistics import NormalDist

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from safedeploy.statistics import (
    ALTERNATIVES,
    RESERVE,
    LabelTest,
    detectable,
    growth,
    harm_bound,
    power,
    remaining,
    sample_ratio,
    sample_size,
)

Block = tuple[int, int, int, int]

STARTED = LabelTest()
ALL_IN = LabelTest(cash=0.0, stakes=(math.log(1 / 5),) * 5)

COUNTS = st.integers(0, 10**9)
FAILURES = st.integers(0, 5000)
SHARES = st.floats(0, 1)


def wealth(test: LabelTest) -> float:
    """Return the wealth itself."""
    return math.exp(test.log_wealth)


def chance(failures: int, exposures: int, rate: float) -> float:
    """Return the chance of just so many failures."""
    ways = math.comb(exposures, failures)
    return ways * rate**failures * (1 - rate) ** (exposures - failures)


def binomial(rng: random.Random, exposures: int, rate: float) -> int:
    """Draw a number of failures: exactly, by splitting at the median of the uniform order."""
    failures = 0
    while exposures > 24:
        half = (exposures + 1) // 2
        median = rng.betavariate(half, exposures + 1 - half)
        if median > rate:
            exposures, rate = half - 1, rate / median
        else:
            failures += half
            exposures, rate = exposures - half, (rate - median) / (1 - median)
    return failures + sum(rng.random() < rate for _ in range(exposures))


def seeded(seed: int) -> random.Random:
    """Return a source of chance that always gives the same."""
    return random.Random(seed)


# The golden values were computed by another implementation than the one under test.


@pytest.mark.parametrize(
    ("test", "block", "golden"),
    [
        (STARTED, (0, 0, 0, 0), 1.0),
        (STARTED, (1, 99, 1, 0), 7.99220016079392),
        (STARTED, (1000, 99000, 10, 990), 0.3792590048770018),
        (STARTED, (1000, 99000, 20, 990), 9.900881579777826),
        (STARTED, (1000, 99000, 26, 990), 1034.3631062627621),
        (ALL_IN, (1, 99, 2, 1), math.exp(5.232834291282603)),
    ],
)
def test_the_wealth_after_a_block(test: LabelTest, block: Block, golden: float) -> None:
    """The wealth after one block is the closed form's."""
    assert golden == pytest.approx(wealth(test.update(*block)), rel=1e-9)


@pytest.mark.parametrize(
    ("tolerate", "dispersion", "golden"),
    [(1.0, 1.0, 1034.3631062627621), (1.25, 1.0, 42.01338159638355), (1.0, 3.0, 4.798432714977064)],
)
def test_tolerance_and_bursts_dampen_the_wealth(
    tolerate: float, dispersion: float, golden: float
) -> None:
    """What is tolerated, and failures that come in bursts, are worth less."""
    test = STARTED.update(1000, 99000, 26, 990, tolerate=tolerate, dispersion=dispersion)

    assert golden == pytest.approx(wealth(test), rel=1e-9)


def test_a_block_waits_until_both_arms_have_exposures() -> None:
    """Until the arms' shares are known nothing is won or lost; then all that waited counts."""
    waiting = STARTED.update(500, 0, 3, 0)
    both = waiting.update(0, 49500, 0, 500)

    assert 1.0 == pytest.approx(wealth(waiting), rel=1e-9)
    assert 0.3349392316636016 == pytest.approx(wealth(both), rel=1e-9)
    assert both == STARTED.update(500, 49500, 3, 500)
    assert both == STARTED.update(0, 49500, 0, 500).update(500, 0, 3, 0)


def test_what_waits_can_be_forgotten() -> None:
    """Exposures that wait are dropped, wealth and reserve aren't."""
    test = STARTED.update(10, 90, 3, 1).stake(0.5)

    assert test == test.update(500, 0, 3, 0).forget()
    assert test == test.update(0, 500, 0, 3).forget()


@pytest.mark.parametrize("blocks", [("CCB",), ("C", "C", "B"), ("B", "CC"), ("CB", "C")])
def test_blocks_of_one_share_add_up(blocks: tuple[str, ...]) -> None:
    """The order of failures, and how they are cut into blocks, doesn't matter."""
    test = ALL_IN
    for block in blocks:
        test = test.update(1, 99, block.count("C"), block.count("B"))

    assert 5.232834291282603 == pytest.approx(test.log_wealth, rel=1e-9)


def test_every_alternative_is_a_bet_of_its_own() -> None:
    """Each stake grows by how much likelier its alternative makes the labels."""
    share, failed, fine = 0.1, 3, 2
    test = STARTED.update(10, 90, failed, fine)

    for alternative, before, after in zip(ALTERNATIVES, STARTED.stakes, test.stakes, strict=True):
        odds = share * alternative / (share * alternative + 1 - share)
        ratio = (odds / share) ** failed * ((1 - odds) / (1 - share)) ** fine
        assert ratio == pytest.approx(math.exp(after - before), rel=1e-12)


BOUNDS = list(product((1, 1.2, 2), (1, 3)))


@pytest.mark.parametrize(("tolerate", "dispersion"), BOUNDS)
def test_no_null_wins_in_one_block(tolerate: float, dispersion: float) -> None:
    """Summed over all outcomes of a block, under any null, the wealth is 1 at most on average."""
    sizes, rates, worse = (1, 2, 3, 6), (0.001, 0.1, 0.3, 0.49), (1.0, 0.7)
    for n_canary, n_baseline, rate, part in product(sizes, sizes, rates, worse):
        mean = sum(
            chance(canary, n_canary, part * tolerate * rate)
            * chance(baseline, n_baseline, rate)
            * wealth(
                STARTED.update(
                    n_canary,
                    n_baseline,
                    canary,
                    baseline,
                    tolerate=tolerate,
                    dispersion=dispersion,
                )
            )
            for canary, baseline in product(range(n_canary + 1), range(n_baseline + 1))
        )
        assert mean <= 1 + 1e-12


@pytest.mark.parametrize("tolerate", [1, 1.2, 2])
def test_no_null_wins_in_a_history(tolerate: float) -> None:
    """Nor in several blocks, when rates and shares drift, the reserve is staked and arms are empty.

    What was won may even decide how the next block is.
    """

    def mean(test: LabelTest, blocks: int) -> float:
        if not blocks:
            return wealth(test)
        rate = 0.45 if test.log_wealth > 0 else 0.1
        n_canary, n_baseline = (3, 1) if test.cash > 0.1 else (1, 2 * (blocks % 2))
        return sum(
            chance(canary, n_canary, tolerate * rate)
            * chance(baseline, n_baseline, rate)
            * mean(
                test.update(n_canary, n_baseline, canary, baseline, tolerate=tolerate).stake(1 / 3),
                blocks - 1,
            )
            for canary, baseline in product(range(n_canary + 1), range(n_baseline + 1))
        )

    assert 0.5 < mean(STARTED, 4) <= 1 + 1e-12


@given(st.integers(1, 50), st.integers(1, 500), FAILURES, FAILURES, st.lists(SHARES, max_size=20))
def test_staking_keeps_the_wealth(
    n_canary: int, n_baseline: int, canary: int, baseline: int, shares: list[float]
) -> None:
    """However the reserve is moved, nothing is won or lost by it; no more moves than there is."""
    test = STARTED.update(n_canary, n_baseline, canary, baseline)
    before = test.log_wealth
    for share in shares:
        test, last = test.stake(share), test
        assert 0 <= test.cash <= last.cash
        assert test.cash == pytest.approx(max(0.0, last.cash - share * RESERVE), abs=1e-15)

    assert before == pytest.approx(test.log_wealth, rel=1e-9, abs=1e-9)


def test_staking_gives_to_all_alike() -> None:
    """What is moved is split equally, whatever the stakes have become."""
    before = STARTED.update(10, 90, 3, 1)
    after = before.stake(0.5)

    assert RESERVE / 2 == pytest.approx(after.cash)
    for one, other in zip(before.stakes, after.stakes, strict=True):
        assert RESERVE / 2 / 5 == pytest.approx(math.exp(other) - math.exp(one))


def test_a_reserve_helps_who_begins_late() -> None:
    """What was staked after a long quiet time wins more from the failures that come then."""
    quiet = STARTED.update(1000, 99000, 0, 2000)
    late = (1, 99, 6, 0)

    assert quiet.update(*late).log_wealth < quiet.stake(1).update(*late).log_wealth


@given(st.lists(st.tuples(COUNTS, COUNTS, FAILURES, FAILURES), max_size=8), SHARES)
def test_no_count_is_too_large(blocks: list[Block], share: float) -> None:
    """Thousands of failures in a billion exposures neither overflow nor lose the bets."""
    test = STARTED
    for block in blocks:
        test = test.update(*block).stake(share)

    assert math.isfinite(test.log_wealth)
    assert all(map(math.isfinite, test.stakes))


@pytest.mark.parametrize(
    ("block", "worse"),
    [
        ((10**9, 10**9, 10**6, 0), True),
        ((10**9, 10**9, 0, 10**6), False),
        ((10**6, 10**9, 10**3, 10**6), False),
        ((10**9, 1, 10**6, 0), False),
        ((1, 10**9, 1, 0), True),
    ],
)
def test_extremes_are_told_apart(block: Block, worse: bool) -> None:
    """At the ends of what floats can hold, the wealth still says which arm is worse."""
    test = STARTED.stake(1).update(*block)

    assert math.isfinite(test.log_wealth)
    assert worse == (test.log_wealth > math.log(10))


@pytest.mark.parametrize(
    ("ratio", "per_canary", "golden"),
    [(2, 99, 0.0038131094494991326), (2, 1, 0.0016989903679539742), (1, 9, 0.0)],
)
def test_growth_is_what_the_design_says(ratio: float, per_canary: float, golden: float) -> None:
    """The growth is the divergence to the pooled null, and none where nothing is worse."""
    assert golden == pytest.approx(growth(ratio, per_canary, 0.01), rel=1e-9, abs=1e-15)


@pytest.mark.parametrize(
    ("ratio", "k_large", "k_1"),
    [
        (1.2, 49.028, 101.1739),
        (1.5, 21.2813, 45.7418),
        (2, 11.9214, 27.1053),
        (5, 4.5515, 12.6558),
        (50, 1.5392, 7.4158),
    ],
)
def test_growth_gives_the_limit_of_harm(ratio: float, k_large: float, k_1: float) -> None:
    """The excess failures that no test can save are ln(1/alpha) over the growth per failure."""
    assert k_large == pytest.approx(harm_bound(ratio, 1e6, 0.01), rel=1e-4)
    assert k_1 == pytest.approx(harm_bound(ratio, 1, 0.01), rel=1e-5)


@pytest.mark.parametrize("ratio", [1.0, 0.5])
def test_what_isnt_worse_does_no_harm(ratio: float) -> None:
    """A canary that isn't worse has no excess failures, however long it runs."""
    assert 0 == harm_bound(ratio, 99, 0.01)


@given(st.floats(1.01, 100), st.floats(0.05, 1000), st.floats(1, 3))
def test_growth_is_the_best_bet(ratio: float, per_canary: float, tolerate: float) -> None:
    """The bet on the true ratio gains the growth on average, and every other bet less."""
    share = tolerate / (tolerate + per_canary)
    best = growth(ratio, per_canary, 0.01, tolerate=tolerate)

    def gain(alternative: float) -> float:
        lost = math.log(share * alternative + 1 - share)
        return 0.01 * (ratio * math.log(alternative) - (ratio + per_canary) * lost)

    assert best == pytest.approx(gain(ratio / tolerate), rel=1e-6, abs=1e-12)
    assert all(gain(alternative) <= best + 1e-12 for alternative in (0.5, *ALTERNATIVES))


def test_remaining_is_what_the_design_says() -> None:
    """What is missing to 1/alpha, at the growth of the true ratio; nothing at 1/alpha."""
    assert 945.4672711955975 == pytest.approx(remaining(1, 0.01, 2, 99, 0.01), rel=1e-9)
    assert 0 == pytest.approx(remaining(math.log(100), 0.01, 2, 99, 0.01))
    assert 0 == remaining(99, 0.01, 2, 99, 0.01)


def test_a_tolerance_leaves_more_to_be_seen() -> None:
    """What is tolerated isn't evidence, and up to it nothing is foreseeable."""
    missing = math.log(100) - 1
    tolerant = remaining(1, 0.01, 2, 99, 0.01, tolerate=1.25)

    assert missing / growth(2, 99, 0.01, tolerate=1.25) == pytest.approx(tolerant)
    assert tolerant > remaining(1, 0.01, 2, 99, 0.01)
    assert math.inf == remaining(1, 0.01, 1.25, 99, 0.01, tolerate=1.25)


@pytest.mark.parametrize("ratio", [1.0, 0.9, 0.5])
def test_nothing_remains_foreseeable_where_nothing_is_worse(ratio: float) -> None:
    """A canary that isn't worse never brings the wealth to 1/alpha."""
    assert math.inf == remaining(1, 0.01, ratio, 99, 0.01)


@pytest.mark.parametrize(
    ("canary", "baseline", "golden"),
    [(1000, 99000, -3.5353640153756487), (1200, 98800, 15.344715363276805), (0, 0, 0.0)],
)
def test_a_sample_ratio_is_judged(canary: int, baseline: int, golden: float) -> None:
    """A split as designed loses against the design, another one wins."""
    assert golden == pytest.approx(sample_ratio(canary, baseline, 0.01), rel=1e-9, abs=1e-9)


@pytest.mark.parametrize("share", [0.01, 0.2, 0.5, 0.95])
@pytest.mark.parametrize("units", [1, 7, 60])
def test_a_split_as_designed_wins_nothing(units: int, share: float) -> None:
    """Summed over all splits that the design makes, the e-value is exactly 1 on average."""
    mean = sum(
        chance(canary, units, share) * math.exp(sample_ratio(canary, units - canary, share))
        for canary in range(units + 1)
    )

    assert 1 == pytest.approx(mean, rel=1e-9)


@given(COUNTS, COUNTS, st.floats(0.001, 0.999))
def test_a_sample_ratio_of_any_size_is_judged(canary: int, baseline: int, share: float) -> None:
    """A billion units neither overflow nor underflow."""
    assert math.isfinite(sample_ratio(canary, baseline, share))


SIZES = pytest.mark.parametrize("per_canary", [1 / 19, 1.0, 9.0, 99.0])


def rising(field: str, values: tuple[float, ...], per_canary: float) -> list[float]:
    """Return the sample sizes as one argument rises."""
    usual = {"ratio": 2.0, "alpha": 0.01, "power": 0.9, "tolerate": 1.0, "base_rate": 0.01}
    return [sample_size(per_canary=per_canary, **usual | {field: value}) for value in values]


@SIZES
@pytest.mark.parametrize(
    ("field", "values"),
    [
        ("ratio", (10.0, 5.0, 3.0, 2.0, 1.5, 1.3, 1.15)),
        ("power", (0.51, 0.6, 0.8, 0.9, 0.99, 0.9999)),
        ("alpha", (0.5, 0.1, 0.05, 0.01, 0.0001)),
        ("tolerate", (1.0, 1.1, 1.25, 1.5)),
        ("base_rate", (0.5, 0.1, 0.01, 0.0001)),
    ],
)
def test_the_harder_the_larger(field: str, values: tuple[float, ...], per_canary: float) -> None:
    """Smaller ratios, rarer failures, more power, less alpha and more tolerance take more."""
    sizes = rising(field, values, per_canary)

    assert all(easier < harder for easier, harder in pairwise(sizes))
    assert all(map(math.isfinite, sizes))


@given(st.floats(1.15, 50), st.floats(1.001, 3), st.floats(0.05, 999), st.floats(0.51, 0.99))
def test_a_larger_ratio_never_takes_more(
    ratio: float, factor: float, per_canary: float, power: float
) -> None:
    """What is worse is noticed earlier, whatever the shares and the power."""
    less = sample_size(ratio, per_canary, 0.01, alpha=0.01, power=power)
    more = sample_size(ratio * factor, per_canary, 0.01, alpha=0.01, power=power)

    assert more <= less * (1 + 1e-9)


@SIZES
@pytest.mark.parametrize(("power", "tolerate"), [(0.9, 1.0), (0.99, 1.25), (0.6, 1.0)])
def test_a_sample_size_solves_its_equation(
    power: float, tolerate: float, per_canary: float
) -> None:
    """There, all but a share of 1 - power of what the best bet wins has reached the goal."""
    rate, goal = 0.01, math.log(100) + math.log(5 / 0.8)
    size = sample_size(3, per_canary, rate, alpha=0.01, power=power, tolerate=tolerate)
    share, others = tolerate / (tolerate + per_canary), size * per_canary

    def won(alternative: float) -> float:
        odds = share * alternative / (share * alternative + 1 - share)
        gain, loss = math.log(odds / share), math.log((1 - odds) / (1 - share))
        mean = size * 3 * rate * gain + others * rate * loss
        variance = size * 3 * rate * gain**2 + others * rate * loss**2
        return NormalDist(mean, math.sqrt(variance)).inv_cdf(1 - power)

    assert goal == pytest.approx(max(map(won, ALTERNATIVES)), rel=1e-9)


@given(st.floats(0.0001, 0.01), st.floats(2, 50))
def test_rarer_failures_take_more_in_proportion(rate: float, factor: float) -> None:
    """The exposures that are needed are inverse in the base rate: what counts is failures."""
    often, rarely = (
        sample_size(2, 9, base_rate, alpha=0.01) for base_rate in (rate * factor, rate)
    )

    assert factor == pytest.approx(rarely / often, rel=1e-9)


@SIZES
@pytest.mark.parametrize(
    ("ratio", "tolerate"), [(1.05, 1.0), (1.0, 1.0), (0.5, 1.0), (1.3, 1.25), (2.0, 2.0)]
)
def test_what_is_too_near_is_never_noticed(
    ratio: float, tolerate: float, per_canary: float
) -> None:
    """A ratio that the bets can't win on would take for ever."""
    size = sample_size(ratio, per_canary, 0.01, alpha=0.01, tolerate=tolerate)

    assert math.inf == size


@given(st.floats(1.01, 1.3), st.floats(0.01, 9999), st.floats(0, 1))
def test_what_a_small_share_notices_a_larger_one_notices(
    ratio: float, per_canary: float, part: float
) -> None:
    """If the first ring can notice a ratio, so can every later one."""
    small, large = (
        sample_size(ratio, k, 0.01, alpha=0.01) for k in (per_canary, per_canary * part)
    )

    assert math.isinf(small) or math.isfinite(large)


@given(st.floats(1.2, 40), st.floats(0.05, 999), st.floats(0.0001, 0.02), st.floats(0.51, 0.99))
def test_plans_agree(ratio: float, per_canary: float, rate: float, chance: float) -> None:
    """What a size can notice is the ratio that it is the size for, with the power asked for."""
    size = sample_size(ratio, per_canary, rate, alpha=0.01, power=chance)
    found = detectable(per_canary, rate, size * (1 + 1e-9), alpha=0.01, power=chance)

    assert chance == pytest.approx(power(ratio, per_canary, rate, size, alpha=0.01), rel=1e-6)
    assert ratio == pytest.approx(found, rel=1e-6)


@SIZES
def test_more_is_noticed_as_more_is_seen(per_canary: float) -> None:
    """The power rises from nothing to certainty, and ever smaller ratios are noticed."""
    seen = [10.0**exponent for exponent in range(8)]
    powers = [power(2, per_canary, 0.01, canary, alpha=0.01) for canary in seen]
    ratios = [detectable(per_canary, 0.01, canary, alpha=0.01) for canary in seen]

    assert powers == sorted(powers)
    assert ratios == sorted(ratios, reverse=True)
    assert powers[0] < 0.01
    assert powers[-1] > 0.99
    assert math.isinf(ratios[0])
    assert ratios[-1] < 1.5
    assert 0 == power(2, per_canary, 0.01, 0, alpha=0.01)


@pytest.mark.parametrize("tolerate", [1.0, 1.25])
def test_a_tolerance_hides_small_ratios(tolerate: float) -> None:
    """What is noticed is always above what is tolerated."""
    found = detectable(9, 0.01, 1e9, alpha=0.01, tolerate=tolerate)

    assert tolerate < found < 1.2 * tolerate


Scenario = tuple[float, float, float, float, float]

SCENARIOS = [  # ratio, per canary, base rate, alpha, power
    (2.0, 99.0, 0.01, 0.01, 0.9),
    (2.0, 1.0, 0.01, 0.01, 0.9),
    (1.5, 9.0, 0.02, 0.01, 0.9),
    (5.0, 9.0, 0.01, 0.05, 0.8),
    (20.0, 99.0, 0.01, 0.01, 0.9),
    (2.0, 1 / 19, 0.01, 0.01, 0.99),
]


def noticed(scenario: Scenario, exposures: int, *, runs: int, tolerate: float = 1.0) -> float:
    """Return how often the wealth has reached 1/alpha after so many canary exposures."""
    ratio, per_canary, rate, alpha, _ = scenario
    rng, others = seeded(1), round(exposures * per_canary)
    halts = 0
    for _ in range(runs):
        failures = binomial(rng, exposures, ratio * rate), binomial(rng, others, rate)
        test = STARTED.update(exposures, others, *failures, tolerate=tolerate)
        halts += test.log_wealth >= -math.log(alpha)
    return halts / runs


def needed(scenario: Scenario, tolerate: float = 1.0) -> int:
    """Return the canary exposures that are promised to be enough."""
    ratio, per_canary, rate, alpha, power = scenario
    size = sample_size(ratio, per_canary, rate, alpha=alpha, power=power, tolerate=tolerate)
    return math.ceil(size)


def check_power(scenario: Scenario, *, runs: int, tolerate: float = 1.0) -> None:
    """Check that the promised exposures are enough, and that a third of them isn't."""
    power, exposures = scenario[-1], needed(scenario, tolerate)
    noise = math.sqrt(power * (1 - power) / runs)

    assert noticed(scenario, exposures, runs=runs, tolerate=tolerate) >= power - 3 * noise
    assert noticed(scenario, exposures // 3, runs=runs, tolerate=tolerate) < power - 3 * noise


@pytest.mark.parametrize("scenario", SCENARIOS)
def test_the_promised_power_is_kept(scenario: Scenario) -> None:
    """After the promised exposures, so large a regression has been noticed as often as promised."""
    check_power(scenario, runs=300)


@pytest.mark.long
@pytest.mark.parametrize("tolerate", [1.0, 1.25])
@pytest.mark.parametrize("scenario", SCENARIOS)
def test_the_promised_power_is_kept_in_many_runs(scenario: Scenario, tolerate: float) -> None:
    """So it is in thousands of runs, and with a tolerance."""
    check_power((scenario[0] * tolerate, *scenario[1:]), runs=5000, tolerate=tolerate)


def halts(rng: random.Random, looks: int, alpha: float, *, tolerate: float, excess: float) -> bool:
    """Run one rollout, ring by ring under drifting rates, and tell whether it ever halts.

    The canary is as bad as is tolerated, times the excess.
    """
    test = STARTED
    for look in range(looks):
        n_canary, n_baseline = ((1, 30), (5, 25), (20, 10))[3 * look // looks]
        rate = rng.choice((0.01, 0.05, 0.2))
        failures = (
            binomial(rng, n_canary, rate * tolerate * excess),
            binomial(rng, n_baseline, rate),
        )
        test = test.update(n_canary, n_baseline, *failures, tolerate=tolerate).stake(1 / looks)
        if test.log_wealth >= -math.log(alpha):
            return True
    return False


def halted(rollouts: int, looks: int, alpha: float, *, tolerate: float, excess: float = 1) -> float:
    """Return the share of rollouts that halt."""
    rng = seeded(2)
    ended = (halts(rng, looks, alpha, tolerate=tolerate, excess=excess) for _ in range(rollouts))
    return sum(ended) / rollouts


@pytest.mark.parametrize("tolerate", [1.0, 1.25])
def test_looking_often_halts_nothing_that_is_no_worse(tolerate: float) -> None:
    """Over all looks of a rollout, a change that isn't worse halts with a chance below alpha."""
    alpha, rollouts = 0.1, 300

    limit = alpha + 2 * math.sqrt(alpha * (1 - alpha) / rollouts)
    assert halted(rollouts, 60, alpha, tolerate=tolerate) <= limit


def test_a_change_that_is_worse_halts() -> None:
    """The same looks do halt what is twice as bad: it isn't by being blind that few halt."""
    assert halted(100, 60, 0.1, tolerate=1.25, excess=2) > 0.9


@pytest.mark.long
@pytest.mark.parametrize(("tolerate", "alpha"), [(1.0, 0.01), (1.0, 0.1), (1.25, 0.05)])
def test_looking_often_halts_nothing_in_many_runs(tolerate: float, alpha: float) -> None:
    """Nor in thousands of rollouts of hundreds of looks."""
    assert halted(3000, 200, alpha, tolerate=tolerate) <= alpha


def test_a_test_is_a_value() -> None:
    """Equal tests compare and hash alike, and can't be changed."""
    assert STARTED == LabelTest()
    assert hash(STARTED) == hash(LabelTest())
    with pytest.raises(attrs.exceptions.FrozenInstanceError):
        STARTED.cash = 1.0  # type: ignore[misc]
