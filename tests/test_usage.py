"""Usage: silence isn't health, and neither is less use than there should be."""

import math
from collections.abc import Iterator
from datetime import timedelta
from random import Random
from typing import Any

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from safedeploy.digests import digest
from safedeploy.signals import Health, Pace, Usage
from safedeploy.signals.usage import ENOUGH, SHORTEST
from safedeploy.verdicts import Counts, Finding, Measurement, Verdict
from tests.measurements import CRITERIA, NONE, NOON, arm, block, check_refused, judged_after, seen

MINUTE = timedelta(minutes=1)
FLOOR = "give a number of exposures, 1 or more"
PACE = "give exposures an hour, above 0"
QUIETEST = Usage(at_least=1, per_hour=600)
ANY_RATE = st.floats(0.01, 10**6)


def used(*exposures: int, every: timedelta = MINUTE) -> Iterator[Measurement]:
    """Measure so many exposures of the canary, one block after the other."""
    for number, count in enumerate(exposures):
        since = NOON + number * every
        yield block(Counts(count), Counts(9 * count), since=since, until=since + every)


def test_usage_without_a_pace_remembers_nothing() -> None:
    """The model counts; usage has nothing to keep, to spend or to notice."""
    usage, remembered = Usage(at_least=1), Usage(at_least=1).start()
    kept = usage.enter(remembered), usage.observe(remembered, next(used(9)), 0.5)

    assert (None, None, None) == (remembered, *kept)
    assert (False, True) == (usage.spends_alpha, usage.can_notice(CRITERIA))


@pytest.mark.law("A3")
@given(st.integers(1, 100), st.integers(0, 100), st.integers(0, 60))
def test_a_floor_holds_until_it_is_met(floor: int, exposures: int, silence: int) -> None:
    """Usage passes just where the floor is met and the last use isn't too long ago."""
    health = Health(NOON - timedelta(seconds=silence), NOON, (), Counts(exposures))
    found = Usage(at_least=floor).judge(None, health, CRITERIA)

    assert (exposures >= floor and silence <= 30) == (found.verdict is Verdict.PASS)
    assert found.verdict in {Verdict.PASS, Verdict.NO_DATA}
    assert max(0, floor - exposures) == found.remaining
    assert (float(exposures), float(floor)) == (found.statistic, found.threshold)


@pytest.mark.law("A3")
@pytest.mark.parametrize(
    ("canary", "baseline", "detail"),
    [
        (0, 0, "9 more exposures are needed; nor was the baseline used: is the code deployed,"),
        (0, 1, "9 more exposures are needed"),
        (4, 0, "5 more exposures are needed"),
        (9, 0, "nobody has used it for 0:01:00"),
    ],
)
def test_it_says_if_neither_arm_was_ever_used(canary: int, baseline: int, detail: str) -> None:
    """Where both are silent, it may be that the code isn't there, or can't be heard."""
    health = Health(NOON - MINUTE, NOON, (), Counts(canary), Counts(baseline))
    told = Usage(at_least=9).judge(None, health, CRITERIA).detail

    assert told.startswith(detail)
    assert told.removeprefix(detail) in {"", " and does it report?"}


# What is expected of an hour


def test_a_pace_is_that_of_the_stretch_before() -> None:
    """Ten minutes at least, and as long as brings 25: so long is counted, then compared."""
    minutes = [*[10] * 10, *[5] * 9]
    memory, _ = seen(QUIETEST, used(*minutes))
    assert Pace(NOON + 10 * MINUTE, 45, 100) == memory

    memory, _ = seen(QUIETEST, used(*minutes, 5))
    assert Pace(NOON + 20 * MINUTE, 0, 50) == memory
    memory, _ = seen(Usage(at_least=1, per_hour=25), used(*minutes))
    assert Pace(NOON, 145, None) == memory


@pytest.mark.law("A3")
@pytest.mark.parametrize(
    ("minutes", "verdict", "detail"),
    [
        ([10] * 10, Verdict.PASS, "100 exposures"),
        ([7] * 10, Verdict.PASS, "70 exposures"),
        ([6] * 10, Verdict.NO_DATA, "60 exposures in 0:10:00, where some 100 were expected"),
        ([10] * 10 + [1] * 9, Verdict.PASS, "109 exposures"),
        ([10] * 10 + [1] * 10, Verdict.NO_DATA, "10 exposures in 0:10:00, where some 100 were"),
        ([10] * 10 + [1] * 10 + [9] * 9, Verdict.NO_DATA, "10 exposures in 0:10:00, where"),
        ([10] * 10 + [1] * 10 + [9] * 10, Verdict.PASS, "200 exposures"),
        ([1] * 9, Verdict.PASS, "9 exposures"),
        ([10] * 10 + [0] * 10, Verdict.NO_DATA, "nobody has used it for 0:10:00"),
    ],
    ids=range(9),
)
def test_a_pace_that_drops_holds(minutes: list[int], verdict: Verdict, detail: str) -> None:
    """A drop to a tenth holds after one stretch, and until a stretch is as it should be."""
    found = judged_after(QUIETEST, used(*minutes))

    assert verdict is found.verdict
    assert found.detail.startswith(detail)


@pytest.mark.law("A3")
@given(ANY_RATE, st.integers(1, 5))
def test_a_dead_emitter_shows(per_hour: float, stretches: int) -> None:
    """However little is expected, and however patient silence is: nothing at all holds."""
    usage = Usage(at_least=1, per_hour=per_hour)
    stretch = max(SHORTEST, timedelta(hours=ENOUGH / per_hour))
    alive = math.ceil(per_hour * (stretch / timedelta(hours=1)))
    blocks = list(used(alive, *[0] * stretches, every=stretch))

    never_quiet = {"quiet": timedelta.max}
    assert Verdict.PASS is judged_after(usage, blocks[:1], **never_quiet).verdict
    found = judged_after(usage, blocks, **never_quiet)
    assert Verdict.NO_DATA is found.verdict
    assert found.detail.startswith(f"0 exposures in {stretch}, where some ")


@given(ANY_RATE, st.integers(0, 99), st.integers(1, 60))
def test_a_pace_does_not_depend_on_the_blocks(per_hour: float, each: int, parts: int) -> None:
    """A steady pace is judged alike, whether it is measured often or seldom."""
    usage = Usage(at_least=1, per_hour=per_hour)
    stretch = max(SHORTEST, timedelta(hours=ENOUGH / per_hour))
    whole, _ = seen(usage, used(parts * each, every=stretch))
    split, _ = seen(usage, used(*[each] * (parts + 1), every=stretch / parts))

    assert whole.before == parts * each
    assert split.before == pytest.approx(parts * each, abs=1)


def test_a_late_block_counts_for_the_time_that_it_took() -> None:
    """Twice the exposures in twice the time are the same pace: a stretch may end late."""
    [late] = used(90, every=20 * MINUTE)

    assert Pace(NOON + 20 * MINUTE, 0, 45) == seen(QUIETEST, [late])[0]


def test_a_clock_that_is_set_back_ends_no_stretch() -> None:
    """The stretch goes on until it is over by any clock."""
    one = block(Counts(50), since=NOON, until=NOON + 9 * MINUTE)
    back = block(Counts(10), since=NOON - MINUTE, until=NOON - MINUTE)

    assert Pace(NOON, 60, None) == seen(QUIETEST, [one, back])[0]


def test_another_ring_has_another_pace() -> None:
    """What was counted in one ring says nothing of the next."""
    memory, _ = seen(QUIETEST, used(*[1] * 15))

    assert Pace() == QUIETEST.enter(memory) == QUIETEST.start()


def below(mean: float, bound: float) -> float:
    """Return how probable it is that a Poisson count is below a bound."""
    return sum(
        math.exp(count * math.log(mean) - mean - math.lgamma(count + 1))
        for count in range(math.ceil(bound))
    )


@pytest.mark.parametrize("expected", [25, 26, 40, 100, 1000, 9999])
def test_chance_alone_seldom_looks_like_silence(expected: float) -> None:
    """At the pace that is expected of the quietest time, less than 2 stretches in 1000 hold."""
    usage = Usage(at_least=1, per_hour=expected * 6)

    assert expected == pytest.approx(usage._expected)
    assert below(expected, usage._fewest) < 0.002
    assert below(0.1 * expected, usage._fewest) > 0.99


@pytest.mark.long
@pytest.mark.parametrize("per_hour", [25, 600])
def test_quiet_but_fine_traffic_goes_on(per_hour: float) -> None:
    """Of Poisson traffic at the quietest pace, hardly a block is held; of a tenth of it, most."""
    usage, every = Usage(at_least=1, per_hour=per_hour), timedelta(seconds=10)
    mean, dice = per_hour * (every / timedelta(hours=1)), Random(1)

    def held(mean: float) -> float:
        memory, count, blocks = usage.start(), 0, 50_000
        for number in range(blocks):
            canary = Counts(poisson(mean, dice))
            since = NOON + number * every
            memory = usage.observe(memory, block(canary, since=since, until=since + every), 0)
            assert memory
            count += memory.before is not None and memory.before < usage._fewest
        return count / blocks

    assert held(mean) < 0.005
    assert held(mean / 10) > 0.9


def poisson(mean: float, dice: Random) -> int:
    """Draw a count, by the product of uniforms."""
    count, left = 0, dice.random()
    while left > math.exp(-mean):
        count, left = count + 1, left * dice.random()
    return count


# What is refused


@pytest.mark.parametrize("value", [0, -1, 1.5, 10.0, True, "10", None, math.nan], ids=repr)
def test_a_bad_floor_is_refused(value: Any) -> None:
    """What isn't a whole number of 1 or more is refused by field, value and mend."""
    check_refused(lambda: Usage(at_least=value), "at_least", value, FLOOR)


@pytest.mark.parametrize("value", [0, 0.0, -1, True, "10", math.nan, math.inf, [60]], ids=repr)
def test_a_bad_pace_is_refused(value: Any) -> None:
    """What isn't a number above 0 is refused by field, value and mend."""
    check_refused(lambda: Usage(at_least=1, per_hour=value), "per_hour", value, PACE)


@given(st.floats(0, 1e-3, exclude_min=True))
def test_however_little_is_expected_that_is_a_pace(per_hour: float) -> None:
    """It asks for no more than the floor, for as long as anybody waits."""
    usage = Usage(at_least=1, per_hour=per_hour)
    blocks = [block(arm(5)), block(since=NOON, until=NOON + timedelta(days=300))]
    assert Verdict.PASS is judged_after(usage, blocks, quiet=timedelta(days=999)).verdict


def test_a_pace_is_one_number_however_written() -> None:
    """60 and 60.0 make one definition; none is none."""
    assert digest(Usage(at_least=1, per_hour=60)) == digest(Usage(at_least=1, per_hour=60.0))
    assert digest(Usage(at_least=1)) == digest(Usage(at_least=1, per_hour=None))
    assert digest(Usage(at_least=1)) != digest(Usage(at_least=1, per_hour=60))
    assert 1 == Usage(at_least=1).at_least


def test_a_finding_of_a_pace_is_like_any_other() -> None:
    """It shows the exposures and the floor, whatever held it."""
    found = judged_after(attrs.evolve(QUIETEST, name="orders"), used(*[6] * 10))

    detail = "60 exposures in 0:10:00, where some 100 were expected"
    assert Finding("orders", Verdict.NO_DATA, detail, 60.0, 1.0, 0) == found
    assert Verdict.NO_DATA is judged_after(QUIETEST, [block(NONE)]).verdict
