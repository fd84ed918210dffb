"""Latency: whether the canary's calls take longer, judged by each unit's slowest call."""

from __future__ import annotations

import itertools
import math
from collections import Counter
from collections.abc import Iterable, Mapping
from datetime import timedelta
from random import Random
from typing import Any

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from safedeploy.audiences import Group
from safedeploy.health import HealthModel
from safedeploy.latencies import LAST, bucket, upper
from safedeploy.signals import Criteria, Health, Latency
from safedeploy.signals.latency import LONGEST
from safedeploy.statistics import RESERVE, LatencyTest, combined, sample_size
from safedeploy.traffic import Traffic
from safedeploy.verdicts import Counts, Measurement, Verdict
from tests.measurements import (
    CRITERIA,
    NONE,
    NOON,
    QUIET,
    arm,
    block,
    check_refused,
    judged,
    judged_after,
    seen,
)

WHOLE = Latency()
P90 = Latency(quantile=0.9)
SECOND = Latency(threshold=timedelta(seconds=1))
EACH = [WHOLE, P90, SECOND]
each_signal = pytest.mark.parametrize("signal", EACH, ids=lambda signal: signal.name)

Moves = Mapping[tuple[int, int], int]


def moved(moves: Moves) -> Counts:
    """Make the counts of an arm whose units' slowest calls moved so."""
    units = sum(moves.values())
    return Counts(units, units, 0, units, slowest=moves)


def timed(*calls: float, times: int = 1) -> Counts:
    """Make the counts of fresh units by their slowest calls, in seconds, so many of each."""
    return moved(dict(Counter((0, bucket(call)) for call in calls for _ in range(times))))


USUAL = (0.1, 0.1, 0.1, 0.1, 0.2, 0.2, 0.2, 0.5, 0.5, 2.0)


# Definitions


@pytest.mark.parametrize(
    ("signal", "name"),
    [
        (WHOLE, "latency"),
        (Latency(quantile=0.99), "latency, quantile 0.99"),
        (Latency(threshold=timedelta(milliseconds=250)), "latency above 0.25 s"),
        (Latency(quantile=0.5, name="slow"), "slow"),
    ],
    ids=lambda value: str(value) if isinstance(value, str) else "",
)
def test_a_signal_is_named_after_what_is_slow(signal: Latency, name: str) -> None:
    """So a model can have several, and a finding says which."""
    assert name == signal.name == judged(signal).signal


BOTH = "give that or a quantile, not both"
SHARE = "give a share below 1, such as 0.99"
TIME = "give a timedelta above zero, and 24 s at most"


@pytest.mark.parametrize(
    ("field", "value", "mend"),
    [
        *(("quantile", value, SHARE) for value in (0.0, 1.0, -0.1, 1.1, math.nan, math.inf)),
        *(("quantile", value, SHARE) for value in (0, 1, True, "0.99", [0.99])),
        *(("threshold", value, TIME) for value in (timedelta(0), timedelta(-1), timedelta(1))),
        *(("threshold", value, TIME) for value in (1, 0, 0.25, "1 s", True)),
        ("threshold", LONGEST + timedelta.resolution, TIME),
        ("tolerate", 0.9, "give a ratio of 1 or more, such as 1.25"),
        ("tolerate", "2", "give a float"),
        ("rare", 1.0, "give a rate between 0 and 1, such as 0.001"),
        ("at_least", -1, "give a number of units, 0 or more"),
        ("weight", 0.0, "give a number above 0, such as 1"),
        ("severity", Verdict.PASS, "give Verdict.INVESTIGATE or Verdict.HALT"),
        ("name", "", "give a text that isn't empty"),
    ],
)
def test_what_cannot_be_is_refused(field: str, value: Any, mend: str) -> None:
    """By field, value and mend, whatever is given: no other error comes first."""
    check_refused(lambda: Latency(**{field: value}), field, value, mend)


def test_there_is_one_threshold_at_most() -> None:
    """A quantile and a threshold are two signals."""
    second = timedelta(seconds=1)
    check_refused(lambda: Latency(quantile=0.9, threshold=second), "threshold", second, BOTH)


@given(st.timedeltas(timedelta(microseconds=1), LONGEST))
def test_a_threshold_is_taken_to_the_next_bound(threshold: timedelta) -> None:
    """No call below it is too slow, and none that is 9 % slower isn't."""
    too_slow = Latency(threshold=threshold).start().threshold or 0
    bound, seconds = upper(too_slow - 1), threshold.total_seconds()

    assert 1 < too_slow <= LAST
    assert seconds <= bound
    assert bound <= max(seconds * 2**0.125 * (1 + 1e-12), upper(1))


@pytest.mark.parametrize("seconds", [0.125, 0.25, 0.5, 1, 2, 8])
def test_a_call_at_the_bound_is_not_too_slow(seconds: float) -> None:
    """Where the threshold is a bucket's bound, a call that takes just as long is in time."""
    test = Latency(threshold=timedelta(seconds=seconds)).start()

    assert bucket(seconds) == bucket(seconds * (1 - 1e-9)) == (test.threshold or 0) - 1
    assert bucket(seconds * (1 + 1e-9)) == test.threshold


def test_what_is_remembered_is_what_is_bet_on() -> None:
    """Everything, or that quantile, or that threshold."""
    assert (LatencyTest(), LatencyTest(quantile=0.9)) == (WHOLE.start(), P90.start())
    assert LatencyTest(threshold=bucket(1.0) + 1) == SECOND.start()
    assert all(signal.asks_latency and signal.spends_alpha for signal in EACH)


@each_signal
def test_a_block_is_folded_in_after_staking(signal: Latency) -> None:
    """So much of the reserve is staked as the progress frees, before the block counts."""
    canary, baseline = timed(*USUAL, times=2), timed(*USUAL, times=9)
    begun = signal.observe(signal.start(), block(canary, baseline), 0.25)

    assert signal.start().stake(0.25).update(canary.slowest, baseline.slowest) == begun
    assert 0.75 * RESERVE == pytest.approx(begun.cash)
    later = signal.observe(begun, block(timed(2, 2), timed(*USUAL)), 0.5)
    assert 0.5 * RESERVE == pytest.approx(later.cash)
    waiting = signal.observe(later, block(timed(2, 2)), 0.5)
    assert waiting.fresh != later.fresh or signal is not WHOLE
    assert waiting.forget() == signal.enter(waiting) == later.forget()


def test_a_tolerance_is_the_tests() -> None:
    """What is tolerated wins nothing."""
    tolerant = Latency(quantile=0.9, tolerate=3)
    blocks = [block(timed(*USUAL, 2.0, times=9), timed(*USUAL, times=50))] * 4

    assert seen(tolerant, blocks)[0].log_wealth < seen(P90, blocks)[0].log_wealth


# Verdicts

FAST = (0.1, 0.1, 0.1, 0.1, 0.1, 0.1, 0.1, 0.1, 0.1, 0.2)
SLOW = (0.2, 0.2, 0.5, 0.5, 0.5, 2.0, 2.0, 2.0, 4.0, 4.0)
UNTIMED = "no calls of one arm were timed"
MANY = timed(*USUAL, times=400)
SOME = timed(*USUAL, times=200)

JUDGEMENTS: dict[str, tuple[Counts, Counts, Verdict, str]] = {
    "alike": (SOME, MANY, Verdict.PASS, ""),
    "faster": (timed(*FAST, times=200), MANY, Verdict.PASS, ""),
    "slower": (timed(*SLOW, times=10), MANY, Verdict.HALT, ""),
    "slower early": (timed(*SLOW, times=2), timed(*USUAL, times=50), Verdict.HALT, ""),
    "little": (timed(*USUAL), timed(*USUAL, times=2), Verdict.INCONCLUSIVE, " are needed"),
    "nobody": (NONE, NONE, Verdict.NO_DATA, UNTIMED),
    "no canary": (NONE, MANY, Verdict.NO_DATA, UNTIMED),
    "no baseline": (MANY, NONE, Verdict.NO_DATA, UNTIMED),
    "untimed": (arm(4000), arm(4000), Verdict.NO_DATA, UNTIMED),
    "untimed canary": (arm(4000), MANY, Verdict.NO_DATA, UNTIMED),
    "untimed baseline": (MANY, arm(4000), Verdict.NO_DATA, UNTIMED),
}


def slow(counts: Counts, above: float) -> int:
    """Count the units with a call that takes longer."""
    return sum(n for (_, after), n in counts.slowest.items() if upper(after) > above)


@each_signal
@pytest.mark.parametrize(
    ("canary", "baseline", "verdict", "why"), JUDGEMENTS.values(), ids=JUDGEMENTS
)
def test_what_was_timed_is_judged(
    signal: Latency, canary: Counts, baseline: Counts, verdict: Verdict, why: str
) -> None:
    """HALT at 1/alpha, PASS when enough was seen and nothing is slower, and why."""
    found = judged(signal, canary, baseline, criteria=attrs.evolve(CRITERIA, must_see=3.0))
    above = 1 if signal is SECOND else 0.5
    counts = canary.units, baseline.units, slow(canary, above), slow(baseline, above)

    assert verdict is found.verdict
    assert found.detail.endswith(why)
    if verdict is not Verdict.NO_DATA:
        text = f"{counts[2]} of {counts[0]} canary units had a call longer than {above} s"
        assert found.detail.startswith(f"{text}, {counts[3]} of {counts[1]} at the baseline")
        assert counts == found.compared


@each_signal
def test_what_leans_to_worse_is_not_left(signal: Latency) -> None:
    """Half of the way to a halt, in logs, holds the ring."""
    memory = attrs.evolve(signal.start(), cash=11.0)
    health = Health(NOON, NOON, (), SOME, MANY)
    memory = attrs.evolve(memory, history=tuple((after, n) for (_, after), n in MOVES_OF_MANY))
    found = signal.judge(memory, health, attrs.evolve(CRITERIA, must_see=3.0))

    assert Verdict.INCONCLUSIVE is found.verdict
    assert "; that leans to worse" in found.detail


MOVES_OF_MANY = sorted(MANY.slowest.items())


@each_signal
@pytest.mark.law("A3")
def test_silence_is_no_comparison(signal: Latency) -> None:
    """A baseline that fell silent is no data, and it hides no halt."""
    late = QUIET + timedelta.resolution
    criteria = attrs.evolve(CRITERIA, must_see=3.0)

    assert Verdict.PASS is judged(signal, SOME, MANY, silent=QUIET, criteria=criteria).verdict
    found = judged(signal, SOME, MANY, silent=late, criteria=criteria)
    assert (Verdict.NO_DATA, f"the baseline has been silent for {late}") == (
        found.verdict,
        found.detail,
    )
    assert Verdict.HALT is judged(signal, timed(*SLOW, times=10), MANY, silent=late).verdict


@each_signal
@pytest.mark.law("A2")
def test_an_exposure_is_judged_by_what_was_seen_in_it(signal: Latency) -> None:
    """What passed in the ring before passes nothing in this one; what was won stays won."""
    criteria = attrs.evolve(CRITERIA, must_see=3.0)
    passed, lost = (
        signal.enter(signal.observe(signal.start(), block(each, MANY), 0))
        for each in (SOME, timed(*SLOW, times=10))
    )
    for canary, baseline, verdict in (
        (NONE, NONE, Verdict.NO_DATA),
        (timed(*USUAL), timed(*USUAL), Verdict.INCONCLUSIVE),
    ):
        health = Health(NOON, NOON, (), canary, baseline)
        assert verdict is signal.judge(passed, health, criteria).verdict
        assert Verdict.HALT is signal.judge(lost, health, criteria).verdict


@pytest.mark.parametrize("signal", [WHOLE, P90], ids=lambda signal: signal.name)
def test_without_a_history_nothing_is_slow(signal: Latency) -> None:
    """Where no call of the baseline was the first of a unit, no quantile is known."""
    found = judged(signal, timed(*SLOW), moved({(5, 5): 100}))

    why = "too few calls of the baseline were timed to tell what is slow"
    assert (Verdict.INCONCLUSIVE, why) == (found.verdict, found.detail)
    assert why not in judged(SECOND, timed(*SLOW), moved({(5, 5): 100})).detail


@each_signal
def test_a_unit_is_too_slow_once(signal: Latency) -> None:
    """Who had a slow call before isn't at risk any more; who had none is, as often as they come."""
    above = bucket(1.0) if signal is SECOND else bucket(0.5)
    usual = timed(*USUAL, times=20)
    moves = {(0, above): 1, (0, above + 1): 2, (above, above): 4, (above, above + 9): 8}
    canary = moved(moves | {(above + 1, above + 1): 16, (above + 1, above + 9): 32})
    found = judged_after(signal, [block(NONE, usual), block(canary)])

    assert (15, 200, 10) == (found.compared or ())[:3]
    assert found.detail.startswith("10 of 15 canary units had a call longer than ")


@each_signal
@pytest.mark.parametrize("strata", [{}, {"staff": Group("staff")}], ids=["together", "apart"])
def test_only_what_was_compared_counts(signal: Latency, strata: Mapping[str, Group]) -> None:
    """Canary units that wait for timings of the baseline don't bring a pass nearer."""
    model = HealthModel(signal, waive={"usage": "here"}, strata=strata)

    def told(*pair: Counts) -> Measurement:
        return block(*pair, strata={"": pair} if strata else {})

    compared = told(timed(*USUAL, times=3), timed(*USUAL, times=900))
    before = model.observe(model.start(NOON), compared, 0)
    waits = told(timed(*USUAL, times=90), arm(4000))
    after = model.observe(before, waits, 0)
    found = [model.judge(health, CRITERIA)[0] for health in (before, after)]

    assert [Verdict.INCONCLUSIVE] * 2 == [each.verdict for each in found]
    assert 0 < (found[0].remaining or 0) <= (found[1].remaining or 0)
    came = model.observe(after, told(NONE, timed(*USUAL, times=900)), 0)
    assert Verdict.PASS is model.judge(came, CRITERIA)[0].verdict


def test_all_of_the_distribution_needs_more() -> None:
    """Where the stake is split among more bets, a pass takes twice as many units."""
    needed = sample_size(2.0, 99, 0.1, alpha=0.01, power=0.9)

    assert needed == pytest.approx(P90.sample_size(0.1, 99, CRITERIA))
    assert 2 * needed == pytest.approx(WHOLE.sample_size(0.1, 99, CRITERIA))


@pytest.mark.parametrize(
    ("signal", "share"), [(WHOLE, 0.1), (P90, 0.1), (Latency(quantile=0.999), 0.001)]
)
def test_a_plan_knows_how_many_are_slow(signal: Latency, share: float) -> None:
    """The share beyond a quantile is known before anything starts; beyond a threshold it isn't."""
    traffic = Traffic(per_minute=100, failing=0.01)

    assert share == pytest.approx(signal.expected(traffic))
    assert SECOND.expected(traffic) is None is SECOND.foresee(traffic, CRITERIA)
    assert signal.foresee(traffic, CRITERIA) is not None


# Whatever is measured

buckets = st.integers(0, LAST)
moves = st.dictionaries(
    st.tuples(st.just(0) | buckets, buckets).map(lambda pair: (min(pair), max(pair))),
    st.integers(1, 300),
    max_size=5,
)
timings = st.one_of(st.just(NONE), st.builds(arm, st.integers(0, 99)), moves.map(moved))
histories = st.lists(st.builds(block, timings, timings), max_size=5)
LAX = {"alpha": 0.3, "must_see": 20.0, "power": 0.6}


@each_signal
@given(histories)
def test_whatever_was_timed_there_is_a_finding(signal: Latency, history: list[Measurement]) -> None:
    """It halts just where the wealth says so, and passes only where both arms were timed."""
    memory, health = seen(signal, history)
    found = judged_after(signal, history, **LAX)

    assert (memory.log_wealth >= -math.log(0.3)) == (found.verdict is Verdict.HALT)
    assert found.detail.strip()
    if found.verdict <= Verdict.INCONCLUSIVE:
        assert health.canary.slowest
        assert health.baseline.slowest
    if found.verdict is Verdict.PASS:
        assert found.compared is not None
        assert min(found.compared[:2]) > 0
    assert found.verdict in {
        Verdict.PASS,
        Verdict.INCONCLUSIVE,
        Verdict.NO_DATA,
        Verdict.HALT,
    }


@each_signal
@pytest.mark.law("A3")
@given(histories, st.integers(0, 10**6), timings)
def test_a_canary_that_was_not_timed_never_passes(
    signal: Latency, history: list[Measurement], units: int, baseline: Counts
) -> None:
    """Whatever was timed in the ring before, and however much the canary is used in this one."""
    memory = signal.enter(seen(signal, history)[0])
    untimed = block(arm(units), baseline)
    memory = signal.observe(memory, untimed, 0)
    found = signal.judge(memory, Health(NOON, NOON, (), *arms_of(untimed)), CRITERIA)

    assert found.verdict in {Verdict.NO_DATA, Verdict.HALT}


def arms_of(measured: Measurement) -> tuple[Counts, Counts]:
    """Return the canary and the baseline."""
    return measured.canary, measured.baseline


@pytest.mark.law("A4")
@given(histories)
def test_a_broken_measurement_is_nobodys_slowness(history: list[Measurement]) -> None:
    """Nothing of it counts, whatever it says of calls."""
    model = HealthModel(*EACH, waive={"usage": "here"})
    health = model.start(NOON)
    for each in history:
        health = model.observe(health, each, 0)
    broken = block(timed(*SLOW, times=99), MANY, error="connection refused")
    after = model.observe(health, broken, 0)

    assert attrs.evolve(health, error="connection refused") == after
    assert Verdict.SOURCE_ERROR is model.judge(after, CRITERIA)[-1].verdict


fresh = st.lists(st.integers(1, 30), min_size=1, max_size=12)


@pytest.mark.parametrize(
    "signal", [P90, Latency(threshold=timedelta(milliseconds=1))], ids=lambda signal: signal.name
)
@given(fresh, fresh, st.integers(0, 11), st.integers(1, 97))
def test_a_slower_call_is_never_judged_better(
    signal: Latency, canary: list[int], baseline: list[int], which: int, more: int
) -> None:
    """Once it is known what is slow, a call of the canary that takes longer never helps."""
    known = block(NONE, first(range(1, 31)))
    worse = [*canary]
    worse[which % len(worse)] += more
    less, worst = (
        judged_after(signal, [known, block(first(each), first(baseline))], **LAX)
        for each in (canary, worse)
    )

    assert less.verdict <= worst.verdict
    assert (less.statistic or 0) <= (worst.statistic or 0) * (1 + 1e-12)


def first(numbers: Iterable[int]) -> Counts:
    """Make the counts of fresh units by the buckets of their slowest calls."""
    return moved(dict(Counter((0, number) for number in numbers)))


@each_signal
def test_the_slower_all_are_the_surer_is_the_halt(signal: Latency) -> None:
    """A canary whose calls all take longer by the same factor is judged no better by a larger."""
    found = [
        judged_after(
            signal,
            [
                block(timed(*USUAL, times=9), MANY),
                block(timed(*(call * 1.1**step for call in USUAL), times=9), MANY),
            ],
        )
        for step in range(20)
    ]

    assert all(a.verdict <= b.verdict for a, b in itertools.pairwise(found))
    assert Verdict.HALT is found[-1].verdict


# Strata

STAFF = {"staff": Group("staff")}


@each_signal
@given(st.lists(histories, min_size=1, max_size=3))
def test_pooled_wealth_is_the_mean_of_the_wealths(
    signal: Latency, several: list[list[Measurement]]
) -> None:
    """The mean of e-values is one; what is slow is told by the stratum that is best known."""
    memories = tuple(seen(signal, history)[0] for history in several)
    pooled = signal.pool(memories)

    wealths = [memory.log_wealth for memory in memories]
    assert combined(wealths) == pytest.approx(pooled.log_wealth, abs=1e-9)
    assert pooled.thresholds in {memory.thresholds for memory in memories}
    assert sum(units for _, units in pooled.history) == max(
        sum(units for _, units in memory.history) for memory in memories
    )
    assert sum(one[1] for memory in memories for one in memory.waiting) == sum(
        one[1] for one in pooled.waiting
    )


def splits(values: tuple[int, ...], canary: int) -> list[tuple[Counts, Counts]]:
    """Return all ways in which so many of the values may be the canary's."""
    places = range(len(values))
    return [
        (first(values[i] for i in ours), first(values[i] for i in places if i not in ours))
        for ours in itertools.combinations(places, canary)
    ]


@each_signal
def test_strata_that_are_alike_within_win_nothing(signal: Latency) -> None:
    """Over all splits of each stratum, however slow it is by itself, the mean wealth is 1."""
    model = HealthModel(signal, waive={"usage": "here"}, strata=STAFF)
    known = block(*[moved({(0, 3): 1, (0, 99): 1})] * 2, strata={})
    ways = [*itertools.product(splits((1, 1, 2, 9, 90), 2), splits((95, 97, 120, 120), 1))]
    begun = model.observe(model.start(NOON), known, 0)
    for start in (model.start(NOON), begun):
        wealths: list[float] = []
        for rest, staff in ways:
            both = (one + other for one, other in zip(rest, staff, strict=True))
            measured = block(*both, strata={"": rest, "staff": staff})
            [memory] = model.observe(start, measured, 0.5).tests
            wealths.append(math.exp(signal.pool(memory).log_wealth))
        [memory] = start.tests
        wealth = math.exp(signal.pool(memory).log_wealth)
        assert sum(wealths) / len(wealths) <= wealth * (1 + 1e-9)


# Simulated rollouts: calls are log-normal, some of the canary's take so many times as long

AT_ONCE = {1.5: 1.0}
SOMETIMES = {1.0: 0.95, 4.0: 0.05}
SELDOM = {1.0: 0.99, 20.0: 0.01}
ALIKE = {1.0: 1.0}
FASTER = {0.5: 1.0}


def called(dice: Random, units: int, mix: Mapping[float, float]) -> Counts:
    """Draw the slowest calls of fresh units."""
    factors = dice.choices([*mix], [*mix.values()], k=units)
    return timed(*(0.1 * factor * dice.lognormvariate(0, 0.5) for factor in factors))


def rollout(
    signal: Latency,
    dice: Random,
    mix: Mapping[float, float],
    *,
    arms: tuple[int, int],
    blocks: int,
    alpha: float = 0.01,
) -> bool:
    """Tell whether a model halts within so many blocks of such arms."""
    model = HealthModel(signal, waive={"usage": "simulated"}, alpha=alpha)
    health = model.enter(model.start(NOON), NOON)
    criteria = Criteria(NOON, arms[0] / sum(arms), alpha, 2.0, 0.9, QUIET)
    for number in range(blocks):
        measured = block(called(dice, arms[0], mix), called(dice, arms[1], ALIKE))
        health = model.observe(health, measured, number / blocks)
        if model.judge(health, criteria)[0].verdict is Verdict.HALT:
            return True
    return False


SHARES = [(2, 198), (5, 45), (25, 25)]
TAIL = Latency(quantile=0.99)
LONG = Latency(threshold=timedelta(milliseconds=300))


@pytest.mark.parametrize("arms", SHARES, ids=["1 %", "10 %", "50 %"])
@pytest.mark.parametrize(
    ("signal", "mix", "blocks"),
    [
        (WHOLE, AT_ONCE, 30),
        (WHOLE, SOMETIMES, 150),
        (TAIL, SOMETIMES, 150),
        (LONG, SOMETIMES, 150),
    ],
)
def test_a_slower_canary_halts(
    signal: Latency, mix: Mapping[float, float], blocks: int, arms: tuple[int, int]
) -> None:
    """All calls half longer, or one in twenty four times as long, whatever the share."""
    assert rollout(signal, Random(2), mix, arms=arms, blocks=blocks)


@pytest.mark.parametrize("mix", [ALIKE, FASTER], ids=["alike", "faster"])
@each_signal
def test_a_canary_that_is_not_slower_goes_on(signal: Latency, mix: Mapping[float, float]) -> None:
    """Nobody halts what takes as long, or less."""
    assert not rollout(signal, Random(1), mix, arms=(5, 45), blocks=30)


@pytest.mark.long
@pytest.mark.parametrize("arms", SHARES, ids=["1 %", "10 %", "50 %"])
@pytest.mark.parametrize(
    ("signal", "mix", "blocks"),
    [
        (WHOLE, AT_ONCE, 60),
        (WHOLE, SOMETIMES, 300),
        (WHOLE, SELDOM, 600),
        (TAIL, SOMETIMES, 300),
        (LONG, SOMETIMES, 300),
    ],
)
def test_nearly_every_slower_canary_halts(
    signal: Latency, mix: Mapping[float, float], blocks: int, arms: tuple[int, int]
) -> None:
    """Also where it is one call in a hundred that takes twenty times as long."""
    dice, runs = Random(1), 20
    halts = sum(rollout(signal, dice, mix, arms=arms, blocks=blocks) for _ in range(runs))

    assert halts >= 0.9 * runs


@pytest.mark.long
@pytest.mark.parametrize("arms", [(2, 48), (5, 45), (10, 10)], ids=["4 %", "10 %", "50 %"])
@pytest.mark.parametrize("signal", [WHOLE, P90, TAIL, LONG], ids=lambda signal: signal.name)
def test_what_is_not_slower_seldom_halts(signal: Latency, arms: tuple[int, int]) -> None:
    """Of changes that are as fast, alpha is the share that halts at most."""
    dice, runs, alpha = Random(1), 500, 0.05
    halts = sum(
        rollout(signal, dice, ALIKE, arms=arms, blocks=30, alpha=alpha) for _ in range(runs)
    )

    assert halts <= alpha * runs


@pytest.mark.long
@pytest.mark.parametrize("signal", EACH, ids=lambda signal: signal.name)
def test_what_is_faster_never_halts(signal: Latency) -> None:
    """A canary that takes half as long doesn't halt by chance either."""
    dice = Random(1)

    assert not any(rollout(signal, dice, FASTER, arms=(5, 45), blocks=30) for _ in range(100))


@pytest.mark.long
@pytest.mark.parametrize("arms", [(10, 90), (50, 50)], ids=["10 %", "50 %"])
@pytest.mark.parametrize("signal", EACH, ids=lambda signal: signal.name)
def test_what_must_be_seen_is_seen_before_anything_passes(
    signal: Latency, arms: tuple[int, int]
) -> None:
    """With the power of the plan, twice as many slow units halt before a PASS."""
    dice, runs, halts = Random(1), 100, 0
    criteria = attrs.evolve(CRITERIA, share=arms[0] / sum(arms))
    shown = 1.2 if signal is SECOND else 0.5

    def drawn(units: int, too_slow: float) -> Counts:
        return timed(
            *(
                dice.uniform(shown, 2 * shown) if dice.random() < too_slow else dice.uniform(0, 0.5)
                for _ in range(units)
            )
        )

    for _ in range(runs):
        memory, health = signal.start(), Health(NOON, NOON, ())
        while (verdict := signal.judge(memory, health, criteria).verdict) not in {
            Verdict.HALT,
            Verdict.PASS,
        }:
            measured = block(drawn(arms[0], 0.2), drawn(arms[1], 0.1))
            memory = signal.observe(memory, measured, 0)
            health = attrs.evolve(
                health,
                canary=health.canary + measured.canary,
                baseline=health.baseline + measured.baseline,
            )
        halts += verdict is Verdict.HALT

    assert halts >= 0.9 * runs


def visits(
    dice: Random, users: list[tuple[float, int]], often: list[float], share: float
) -> Measurement:
    """Let some users come, each as slow as they always are, and say how their slowest moved."""
    arms: tuple[Counter[tuple[int, int]], Counter[tuple[int, int]]] = (Counter(), Counter())
    for each in {*dice.choices(range(len(users)), cum_weights=often, k=60)}:
        speed, slowest = users[each]
        users[each] = speed, max(slowest, bucket(speed * dice.lognormvariate(0, 0.3)))
        arms[each >= share * len(users)][slowest, users[each][1]] += 1
    return block(moved(arms[0]), moved(arms[1]))


@pytest.mark.long
@pytest.mark.parametrize("signal", [WHOLE, P90, LONG], ids=lambda signal: signal.name)
def test_few_users_who_are_always_slow_are_no_harm(signal: Latency) -> None:
    """Some come again and again, and some are always slow: they count once for each threshold."""
    dice, runs, alpha, halts = Random(2), 300, 0.05, 0
    criteria = attrs.evolve(CRITERIA, alpha=alpha, share=0.1)
    for _ in range(runs):
        users = [(0.1 * dice.lognormvariate(0, 0.8), 0) for _ in range(400)]
        often = [*itertools.accumulate(dice.paretovariate(1.1) for _ in users)]
        memory = signal.start()
        for number in range(60):
            measured = visits(dice, users, often, 0.1)
            memory = signal.observe(memory, measured, number / 60)
            health = Health(NOON, NOON, (), measured.canary, measured.baseline)
            if signal.judge(memory, health, criteria).verdict is Verdict.HALT:
                halts += 1
                break

    assert halts <= alpha * runs
