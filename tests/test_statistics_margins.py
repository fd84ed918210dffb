"""Margins: what lets a ring be left early, intervals of ratios, and means of wealths."""

import math
from itertools import product

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from safedeploy.statistics import MarginTest, combined, effect, interval

Block = tuple[int, int, int, int]

STARTED = MarginTest()
COUNTS = st.integers(1, 10**9)
FAILURES = st.integers(0, 5000)


@pytest.mark.parametrize(
    ("margin", "block", "golden"),
    [
        (1.5, (5000, 495000, 50, 4950), 23.551411392335485),
        (1.5, (10000, 990000, 100, 9900), 1790.1577311627952),
        (2.0, (2000, 198000, 20, 1980), 94.15024096649236),
        (2.0, (0, 0, 0, 0), 1.0),
    ],
)
def test_a_margin_is_excluded(margin: float, block: Block, golden: float) -> None:
    """The golden values, computed by another implementation."""
    test = STARTED.update(*block, margin=margin)

    assert golden == pytest.approx(math.exp(test.log_wealth), rel=1e-9)


def test_bursts_tell_less_of_a_margin() -> None:
    """What comes in bursts counts for less, on either side."""
    block = (5000, 495000, 50, 4950)
    sure = STARTED.update(*block, margin=1.5).log_wealth

    assert 0 < STARTED.update(*block, margin=1.5, dispersion=3).log_wealth < sure


def test_what_waits_for_a_margin_counts_later() -> None:
    """Until both arms have exposures nothing is won; what waits may be forgotten."""
    waiting = STARTED.update(500, 0, 3, 0, margin=2)
    both = STARTED.update(500, 49500, 3, 500, margin=2)

    assert 0 == pytest.approx(waiting.log_wealth)
    assert both == waiting.update(0, 49500, 0, 500, margin=2)
    assert both == both.update(0, 7, 0, 7, margin=2).forget()


@pytest.mark.parametrize("worse", [1.0, 1.3])
@pytest.mark.parametrize("margin", [1.0, 1.2, 2.0])
def test_no_margin_is_excluded_that_holds(margin: float, worse: float) -> None:
    """Summed over all outcomes, a canary as bad as the margin, or worse, wins nothing."""

    def chance(failures: int, units: int, rate: float) -> float:
        ways = math.comb(units, failures)
        return ways * rate**failures * (1 - rate) ** (units - failures)

    for canary, baseline, rate in product((1, 2, 6), (1, 3, 6), (0.001, 0.1, 0.38)):
        mean = sum(
            chance(ours, canary, worse * margin * rate)
            * chance(others, baseline, rate)
            * math.exp(STARTED.update(canary, baseline, ours, others, margin=margin).log_wealth)
            for ours, others in product(range(canary + 1), range(baseline + 1))
        )
        assert mean <= 1 + 1e-12


def test_an_interval_is_what_the_design_says() -> None:
    """The golden value, and the ratio that was seen within it."""
    lowest, highest = interval(1000, 99000, 26, 990)

    assert 1.275432575109243 == pytest.approx(lowest, rel=1e-9)
    assert 4.630554444524412 == pytest.approx(highest, rel=1e-9)
    assert 2.6 == pytest.approx(effect(1000, 99000, 26, 990))


@given(COUNTS, COUNTS, FAILURES, FAILURES)
def test_an_interval_holds_what_was_seen(
    canary: int, baseline: int, ours: int, others: int
) -> None:
    """However many units there are; where one arm never failed, one end is open."""
    lowest, highest = interval(canary, baseline, ours, others)
    seen = effect(canary, baseline, ours, others)

    assert 0 <= lowest < highest
    assert lowest <= (math.inf if seen is None else seen) * (1 + 1e-6)
    assert highest >= (seen or 0) * (1 - 1e-6)
    assert ours or not lowest
    assert others or math.isinf(highest)


def test_an_interval_narrows() -> None:
    """More of the same, and more doubt that is allowed, exclude more."""
    wide, more, bold = (
        interval(1000, 99000, 26, 990),
        interval(4000, 396000, 104, 3960),
        interval(1000, 99000, 26, 990, alpha=0.3),
    )

    assert wide[0] < more[0] < more[1] < wide[1]
    assert wide[0] < bold[0] < bold[1] < wide[1]


@pytest.mark.parametrize("block", [(0, 10, 0, 1), (10, 10, 3, 0), (10, 0, 3, 0)])
def test_no_ratio_is_told_without_a_baseline(block: Block) -> None:
    """Where the baseline, or the canary, tells nothing there is no ratio."""
    assert effect(*block) is None


def test_wealths_are_averaged() -> None:
    """The golden value; and weights are parts of the first stake."""
    assert 5.01396308418893 == pytest.approx(combined([0, math.log(300)]), rel=1e-9)
    assert math.log(0.9 + 30) == pytest.approx(combined([0, math.log(300)], [0.9, 0.1]))
    assert 3.0 == pytest.approx(combined([3.0]))
    assert math.log(0.5) == pytest.approx(combined([0.0, -math.inf]))
    assert -math.inf == combined([-math.inf, -math.inf])


@given(st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=9))
def test_a_mean_is_between_its_terms(logs: list[float]) -> None:
    """No wealth is too large or too small, and their order doesn't matter."""
    mean = combined(logs)

    assert min(logs) - 1e-6 <= mean <= max(logs) + 1e-6
    assert mean == pytest.approx(combined(logs[::-1]))


def test_a_margin_test_is_only_numbers() -> None:
    """It can be made again from its fields."""
    test = STARTED.update(500, 0, 3, 0, margin=2)

    assert test == MarginTest(**attrs.asdict(test, recurse=False))
