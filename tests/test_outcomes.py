"""Outcomes: errors, and what is meant to happen and doesn't."""

import itertools
import math
from collections.abc import Iterator
from datetime import timedelta
from random import Random
from typing import Any

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from safedeploy.signals import ErrorRate, Health, Throughput
from safedeploy.statistics import RESERVE, LabelTest
from safedeploy.verdicts import Counts, Measurement, Verdict
from tests.measurements import (
    CRITERIA,
    NONE,
    NOON,
    arm,
    block,
    check_refused,
    did,
    histories,
    judged,
    judged_after,
    seen,
)

ORDERS = Throughput(of="order")


# Errors


@pytest.mark.parametrize(
    ("signal", "name"),
    [
        (ErrorRate(), "error rate"),
        (ErrorRate(of="declined"), "error rate of declined"),
        (ErrorRate(of="declined", name="payments"), "payments"),
        (ORDERS, "throughput of order"),
        (Throughput(of="order", name="sales"), "sales"),
    ],
)
def test_a_signal_is_named_after_what_it_counts(signal: Any, name: str) -> None:
    """Findings carry its name, which says of what it is where that isn't failures."""
    assert name == signal.name == judged(signal).signal


def test_units_are_compared_not_exposures() -> None:
    """One user who retries a thousand times is one unit that failed once."""
    signal = ErrorRate()
    once = signal.observe(signal.start(), block(arm(10, 1), arm(990, 9)), 0)
    often = block(Counts(1000, 10, 1, 10), Counts(2000, 990, 9, 990))

    assert once == signal.observe(signal.start(), often, 0)


def test_an_event_is_counted_rather_than_failures() -> None:
    """Where an event is named, whoever meets it has failed, and nobody else has."""
    canary, baseline = did(1000, met=60), did(99_000, met=990)
    fails = arm(1000, 1000), arm(99_000)

    assert Verdict.HALT is judged(ErrorRate(of="order"), canary, baseline).verdict
    assert Verdict.HALT > judged(ErrorRate(of="order"), *fails).verdict
    none = judged(ErrorRate(of="refund"), canary, baseline)
    assert "0 of 1000 canary units met 'refund', 0 of 99000 at the baseline" in none.detail
    said = "60 of 1000 canary units met 'order', 990 of 99000 at the baseline"
    assert said == judged(ErrorRate(of="order"), canary, baseline).detail


@pytest.mark.law("A3")
def test_calls_that_never_end_count() -> None:
    """They are failures, in both arms, or they hold the ring: never nothing."""
    hangs = arm(1000, 10, unfinished=50), arm(99_000, 990)
    both = arm(4000, 10, unfinished=30), arm(396_000, 990, unfinished=2970)

    assert Verdict.HALT is judged(ErrorRate(), *hangs).verdict
    assert Verdict.PASS is judged(ErrorRate(), *both).verdict
    assert judged(ErrorRate(), arm(1000, 60), arm(99_000, 990)) == judged(ErrorRate(), *hangs)
    assert (4000, 396_000, 10, 990) == judged(HOLDS, *both).compared
    held = judged(HOLDS, arm(4000, 10, unfinished=80), both[1])
    assert Verdict.NO_DATA is held.verdict
    assert "calls of 80 canary units didn't end in time" == held.detail


HOLDS = ErrorRate(unfinished="holds")


@given(st.integers(0, 50), st.integers(0, 9), st.integers(0, 9))
def test_who_hangs_and_then_fails_came_to_harm_once(late: int, other: int, more: int) -> None:
    """In the arms, in what is bet on, and for an objective."""
    first = arm(100, other, unfinished=late + more)
    then = Counts(100 + late, 100 + late, late, 0, hung=late)
    once, baseline = arm(200, other, unfinished=late + more), arm(2000, 9)
    twice = [block(first, baseline), block(then, baseline)]
    found, expected = (
        judged_after(ErrorRate(), blocks)
        for blocks in (twice, [block(first, baseline), block(arm(100), baseline)])
    )

    assert once.failed_or_hung == (first + then).failed_or_hung
    assert found.compared == expected.compared
    assert found.statistic == expected.statistic


@pytest.mark.parametrize(
    ("canary", "baseline", "verdict"),
    [
        (arm(4000, 40), arm(396_000, 3960, unfinished=9), Verdict.PASS),
        (arm(4000, 40, unfinished=41), arm(396_000, 3960), Verdict.NO_DATA),
        (arm(4000, 40, unfinished=39), arm(396_000, 3960), Verdict.PASS),
        (arm(4000, 40, unfinished=41), arm(396_000, 3960, unfinished=99), Verdict.PASS),
        (arm(4000, 40, unfinished=41, hung=2), arm(396_000, 3960), Verdict.PASS),
        (arm(10, 0, unfinished=1), arm(990), Verdict.NO_DATA),
        (arm(1000, 60, unfinished=1), arm(99_000, 990), Verdict.HALT),
    ],
    ids=["at the baseline", "many", "few", "both alike", "told since", "early", "beside harm"],
)
def test_a_hanging_canary_holds_and_hides_no_halt(
    canary: Counts, baseline: Counts, verdict: Verdict
) -> None:
    """With "holds", what hangs at the canary is missing data; what hangs elsewhere isn't."""
    assert verdict is judged(HOLDS, canary, baseline).verdict


@given(st.integers(1, 5), st.integers(0, 3))
def test_calls_that_hung_once_do_not_hold_for_ever(hung: int, failures: int) -> None:
    """They hold at once, and until so many others have ended that it's no regression any more."""
    blocks = [block(arm(100, unfinished=hung), arm(9900, 9))]
    assert Verdict.NO_DATA is judged_after(HOLDS, blocks).verdict
    blocks += [block(arm(1000, failures), arm(99_000, 99 * failures))] * 20
    assert Verdict.NO_DATA > judged_after(HOLDS, blocks).verdict


@pytest.mark.parametrize("value", ["fail", "", None, True, "FAILS"])
def test_what_is_unfinished_fails_or_holds(value: Any) -> None:
    """Anything else is refused by field, value and mend."""
    mend = 'give "fails" or "holds"'
    check_refused(lambda: ErrorRate(unfinished=value), "unfinished", value, mend)


@pytest.mark.parametrize("value", [None, 7, True])
def test_an_event_has_a_name(value: Any) -> None:
    """What is no text is refused; nothing is a name for failures, and none for throughput."""
    check_refused(lambda: ErrorRate(of=value), "of", value, "give a str")
    for nothing in (value, "", " "):
        mend = "give a text that isn't empty"
        check_refused(lambda of=nothing: Throughput(of=of), "of", nothing, mend)  # type: ignore[misc]


# What is remembered


@pytest.mark.parametrize("signal", [ErrorRate(), ORDERS], ids=lambda signal: signal.name)
def test_the_reserve_is_staked_by_progress(signal: Any) -> None:
    """At each progress so much of the reserve is staked as the progress says, and never back."""
    memory = signal.start()
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


@pytest.mark.parametrize("signal", [ErrorRate(), ORDERS], ids=lambda signal: signal.name)
def test_wealth_runs_through_the_whole_attempt(signal: Any) -> None:
    """A new exposure keeps what was won and what is in reserve, and drops what waits."""
    memory = signal.observe(signal.start(), block(arm(1000, 20), arm(99_000, 990)), 0.5)

    assert memory == signal.enter(memory)
    assert memory == signal.enter(signal.observe(memory, block(arm(9, 9), NONE), 0.5))
    assert memory == signal.enter(signal.observe(memory, block(NONE, arm(9, 9)), 0.5))
    assert LabelTest() == signal.start()


@given(st.lists(histories(most=3), min_size=1, max_size=3), st.sampled_from([ErrorRate(), ORDERS]))
def test_pooled_wealth_is_the_mean_of_the_wealths(
    apart: list[tuple[Measurement, ...]], signal: Any
) -> None:
    """The mean of e-values is one; what waits in any of them waits."""
    memories = tuple(seen(signal, history)[0] for history in apart)
    together = signal.pool(memories)

    mean = sum(math.exp(memory.log_wealth) for memory in memories) / len(memories)
    assert mean == pytest.approx(math.exp(together.log_wealth))
    assert sum(memory.canary for memory in memories) == together.canary
    assert sum(memory.baseline for memory in memories) == together.baseline
    assert signal.pool(memories[:1]).log_wealth == pytest.approx(memories[0].log_wealth)


# Throughput


def mirrored(measurement: Measurement) -> Measurement:
    """Exchange the arms."""
    return attrs.evolve(measurement, canary=measurement.baseline, baseline=measurement.canary)


@given(histories(most=4), st.floats(1, 3))
def test_throughput_is_the_same_bet_with_the_arms_exchanged(
    history: tuple[Measurement, ...], tolerate: float
) -> None:
    """It remembers what an error rate of the event would, had the canary been the baseline."""
    errors = ErrorRate(of="order", tolerate=tolerate)
    orders = Throughput(of="order", tolerate=tolerate)

    expected, _ = seen(errors, map(mirrored, history))
    assert expected == seen(orders, history)[0]


def test_a_drop_of_completions_halts() -> None:
    """Half as many orders per unit halt; as many, or more, don't."""
    half, same, more = (did(2000, met=met) for met in (100, 200, 300))
    baseline = did(38_000, met=3800)

    found = judged(ORDERS, half, baseline)
    assert Verdict.HALT is found.verdict
    assert "100 of 2000 canary units did 'order', 3800 of 38000 at the baseline" == found.detail
    assert {Verdict.PASS} == {judged(ORDERS, each, baseline).verdict for each in (same, more)}


@pytest.mark.law("A3")
@pytest.mark.parametrize(
    ("canary", "baseline", "silent", "detail"),
    [
        (NONE, did(990, met=99), 0, "one arm was never used"),
        (did(10, met=1), NONE, 0, "one arm was never used"),
        (did(9000, met=900), did(99_000, met=9900), 31, "the baseline has been silent for 0:00:31"),
    ],
    ids=["no canary", "no baseline", "silent baseline"],
)
def test_throughput_without_both_arms_is_no_data(
    canary: Counts, baseline: Counts, silent: int, detail: str
) -> None:
    """Nobody orders where nobody is: that is silence, not harm, and not health."""
    found = judged(ORDERS, canary, baseline, silent=timedelta(seconds=silent))

    assert (Verdict.NO_DATA, detail, None) == (found.verdict, found.detail, found.remaining)


def test_throughput_says_what_is_lacking_in_canary_units() -> None:
    """With so many more canary units, and the baseline's in proportion, the ring can be left."""

    def at(units: int) -> Any:
        return judged(Throughput(of="order", rare=0.1), did(units, met=0), did(19 * units, met=0))

    lacking = at(100).remaining
    assert lacking > 1
    assert (Verdict.INCONCLUSIVE, 1) == (at(99 + lacking).verdict, at(99 + lacking).remaining)
    assert (Verdict.PASS, 0) == (at(100 + lacking).verdict, at(100 + lacking).remaining)


# The promises


def outcomes(units: int, chance: float) -> Iterator[tuple[int, float]]:
    """Return how many of so many units meet something, and how probable that is."""
    for met in range(units + 1):
        yield met, math.comb(units, met) * chance**met * (1 - chance) ** (units - met)


TOLERANT = (
    ErrorRate(tolerate=1.5, name="tolerant"),
    Throughput(of="order", tolerate=2, name="slow"),
)


@pytest.mark.parametrize(
    "signal",
    [ErrorRate(), ErrorRate(of="order"), ORDERS, *TOLERANT],
    ids=lambda signal: signal.name,
)
@given(st.floats(0, 1), st.floats(0, 1), st.integers(1, 4), st.integers(1, 4))
def test_what_is_not_worse_wins_nothing(
    signal: Any, much: float, less: float, canary: int, baseline: int
) -> None:
    """Summed over all outcomes of a block, the expected wealth is 1 at most, at any rates."""
    is_mirrored = isinstance(signal, Throughput)
    rates = min(1, much * less * signal.tolerate), much
    rate_canary, rate_baseline = rates[::-1] if is_mirrored else rates
    total = 0.0
    for (one, chance), (other, odds) in itertools.product(
        outcomes(canary, rate_canary), outcomes(baseline, rate_baseline)
    ):
        measured = block(
            arm(canary, one, events={"order": one}), arm(baseline, other, events={"order": other})
        )
        memory = signal.observe(signal.start(), measured, 1)
        total += chance * odds * math.exp(memory.log_wealth)

    assert total <= 1 + 1e-9


@given(histories(most=4), st.data())
@pytest.mark.parametrize(
    "signal",
    [ErrorRate(), ErrorRate(unfinished="holds"), ErrorRate(of="order"), ORDERS],
    ids=["errors", "errors, hanging holds", "errors of order", "throughput"],
)
def test_a_canary_that_does_worse_is_never_judged_better(
    signal: Any, history: tuple[Measurement, ...], data: st.DataObject
) -> None:
    """One more unit of the canary that fails, or one less that orders, makes no verdict better."""
    number = data.draw(st.integers(0, max(0, len(history) - 1)))
    worse = tuple(
        attrs.evolve(each, canary=worsened(signal, each.canary)) if at == number else each
        for at, each in enumerate(history)
    )
    criteria = {"must_see": 10.0, "alpha": 0.1, "quiet": timedelta(hours=1)}

    before, after = (judged_after(signal, each, **criteria) for each in (history, worse))
    assert before.verdict <= after.verdict
    assert (before.statistic or 0) <= (after.statistic or 0) * (1 + 1e-9)


def worsened(signal: Any, counts: Counts) -> Counts:
    """Let one more unit come to harm, if there is one."""
    orders = counts.events.get("order", 0)
    if isinstance(signal, Throughput):
        return attrs.evolve(counts, events={**counts.events, "order": max(0, orders - 1)})
    more = min(counts.units, orders + 1)
    if signal.of:
        return attrs.evolve(counts, events={**counts.events, "order": more})
    if counts.failures + counts.unfinished < counts.units:
        return attrs.evolve(counts, failures=counts.failures + 1)
    return counts


def rollout(
    signal: Any, dice: Random, *, rate: float, ratio: float = 1.0, drift: bool = False
) -> Verdict:
    """Roll a change out in three rings of ten blocks, and return the last verdict."""
    memory, alpha = signal.start(), attrs.evolve(CRITERIA, alpha=0.05)
    health = Health(NOON, NOON, ())
    for number in range(30):
        usual = rate * (2 ** math.sin(number / 2) if drift else 1)
        units = (4, 10, 20)[number // 10]
        arms = [
            did(each, met=sum(dice.random() < usual * times for _ in range(each)))
            for each, times in ((units, ratio), (40 - units, 1.0))
        ]
        memory = signal.observe(memory, block(*arms), number / 30)
        health = attrs.evolve(
            health, canary=health.canary + arms[0], baseline=health.baseline + arms[1]
        )
        verdict = signal.judge(memory, health, alpha).verdict
        if verdict is Verdict.HALT:
            return Verdict(verdict)
    return Verdict(verdict)


@pytest.mark.long
@pytest.mark.parametrize("drift", [False, True], ids=["steady", "drifting"])
@pytest.mark.parametrize("signal", [ErrorRate(of="order"), ORDERS], ids=lambda signal: signal.name)
def test_what_is_not_worse_seldom_halts(signal: Any, drift: bool) -> None:
    """Of changes that are no worse, alpha is the share that halts at most, whatever load does."""
    dice, rollouts = Random(1), 1000
    halts = [rollout(signal, dice, rate=0.2, drift=drift) for _ in range(rollouts)]

    assert halts.count(Verdict.HALT) <= 0.05 * rollouts


@pytest.mark.parametrize(
    ("signal", "ratio"), [(ErrorRate(of="order"), 2.5), (ORDERS, 0.3)], ids=["errors", "throughput"]
)
def test_what_is_worse_halts(signal: Any, ratio: float) -> None:
    """Of changes that are clearly worse, all but few halt."""
    dice, rollouts = Random(1), 40
    halts = [rollout(signal, dice, rate=0.3, ratio=ratio) for _ in range(rollouts)]

    assert halts.count(Verdict.HALT) >= 0.9 * rollouts


@pytest.mark.parametrize(
    ("signal", "ratio"), [(ErrorRate(of="order"), 2.0), (ORDERS, 0.5)], ids=["errors", "throughput"]
)
def test_what_must_be_seen_is_seen_before_anything_passes(signal: Any, ratio: float) -> None:
    """With the power of the plan, a regression as large as must be seen halts before a PASS."""
    dice, rollouts, halts = Random(1), 120, 0
    for _ in range(rollouts):
        memory, health = signal.start(), Health(NOON, NOON, ())
        while True:
            arms = [
                did(each, met=sum(dice.random() < rate for _ in range(each)))
                for each, rate in ((10, 0.1 * ratio), (40, 0.1))
            ]
            memory = signal.observe(memory, block(*arms), 0)
            canary, baseline = health.canary + arms[0], health.baseline + arms[1]
            health = attrs.evolve(health, canary=canary, baseline=baseline)
            verdict = signal.judge(memory, health, CRITERIA).verdict
            if verdict in {Verdict.HALT, Verdict.PASS}:
                break
        halts += verdict is Verdict.HALT

    assert halts >= 0.9 * rollouts
