"""Tallies: what guards saw, counted block by block."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from math import nan
from unittest.mock import patch

import pytest
from hypothesis import given
from hypothesis import strategies as st

from safedeploy import ledgers, sketches
from safedeploy.arms import FAILURE, SUCCESS, UNFINISHED, Arm, Asked
from safedeploy.audiences import Group, multiplier
from safedeploy.blocks import Part
from safedeploy.contexts import Context, mixed
from safedeploy.latencies import LAST, bucket
from safedeploy.ledgers import FEW
from safedeploy.tallies import BACKLOG, NOTHING, Tally
from safedeploy.testing import FakeClock
from tests.laws.histories import EVERY, START

LATENCY = Asked(latency=True)


def tally(asked: Asked = NOTHING, clock: FakeClock | None = None) -> Tally:
    """Make a tally."""
    return Tally(START, (clock or FakeClock()).monotonic, asked, salt=multiplier("r#1"))


def record(tally: Tally, unit: int, outcome: int = SUCCESS, seconds: float = 0.0) -> None:
    """Record what a unit of the canary did."""
    tally.record(tally.canary, mixed(str(unit)), outcome, seconds)


def taken(tally: Tally) -> tuple[Part, Part]:
    """Take a block of those who are of no stratum."""
    _, parts = tally.take(START)
    return parts.get("", (Part(), Part()))


def counted(part: Part) -> tuple[int, int, int, int]:
    """Count what a part of a block holds."""
    return part.exposures, part.units, len(part.failing), len(part.fresh)


class Open:
    """A call that goes on."""

    def __init__(self, arm: Arm, unit: int) -> None:
        self.place = (arm, unit)


def test_a_block_holds_what_happened_since_the_last() -> None:
    """Blocks follow one another without gap or overlap; a unit that failed is out of the next."""
    kept = tally()
    for unit, outcome in ((1, SUCCESS), (1, FAILURE), (2, SUCCESS)):
        record(kept, unit, outcome)
    since, parts = kept.take(START + EVERY)
    assert (START, (3, 2, 1, 2)) == (since, counted(parts[""][0]))
    for unit in (1, 2, 3):
        record(kept, unit)
    since, parts = kept.take(START + 2 * EVERY)
    canary, baseline = parts[""]
    assert (START + EVERY, (3, 2, 0, 1)) == (since, counted(canary))
    assert Part() == baseline
    assert {} == kept.take(START + 3 * EVERY)[1]


OUTCOMES = st.lists(
    st.tuples(st.booleans(), st.integers(0, 9), st.sampled_from([SUCCESS, FAILURE, UNFINISHED])),
    max_size=60,
)


@given(st.lists(OUTCOMES, max_size=6))
def test_each_unit_counts_once(blocks: list[list[tuple[bool, int, int]]]) -> None:
    """Counted by hand: who is active and hasn't failed, who fails or hangs for the first time."""
    kept, seen, failed, hung = tally(), set[int](), set[int](), set[int]()
    for block in blocks:
        active, news = set[int](), dict[int, set[int]]({FAILURE: set(), UNFINISHED: set()})
        before = set(failed)
        for is_canary, number, outcome in block:
            unit = number * 2 + is_canary
            kept.record(kept.canary if is_canary else kept.baseline, unit, outcome)
            if unit not in failed:
                active.add(unit)
            if outcome == FAILURE and unit not in failed:
                news[FAILURE].add(unit)
                failed.add(unit)
            if outcome == UNFINISHED and unit not in failed | hung:
                news[UNFINISHED].add(unit)
                hung.add(unit)
        fresh = {number * 2 + is_canary for is_canary, number, _ in block} - seen
        seen |= fresh
        for odd, part in zip((1, 0), taken(kept), strict=True):
            assert (
                sum(is_canary is bool(odd) for is_canary, _, _ in block),
                sum(unit % 2 == odd for unit in active - before),
                sum(unit % 2 == odd for unit in news[FAILURE]),
                sum(unit % 2 == odd for unit in fresh),
            ) == counted(part)
            hanging = news[UNFINISHED] - news[FAILURE]
            assert sum(unit % 2 == odd for unit in hanging) == len(part.unfinished)


CALLS = st.lists(st.tuples(st.integers(0, 5), st.floats(0.0001, 40)), max_size=30)


@given(st.lists(CALLS, max_size=5))
def test_latencies_say_whose_slowest_call_got_slower(
    blocks: list[list[tuple[int, float]]],
) -> None:
    """Every active unit has risen to a bucket, or stands in the one that it was in."""
    kept, slowest = tally(LATENCY), dict[int, int]()
    for block in blocks:
        before = dict(slowest)
        for unit, seconds in block:
            record(kept, unit, seconds=seconds)
            slowest[unit] = max(slowest.get(unit, 0), bucket(seconds))
        part, _ = taken(kept)
        active = {unit for unit, _ in block}
        risen = {unit for unit in active if slowest[unit] > before.get(unit, 0)}
        assert sorted(slowest[unit] for unit in risen) == sorted(part.risen.values())
        stood = [slowest[unit] for unit in active - risen]
        assert {each: stood.count(each) for each in stood} == part.stood


def test_without_a_signal_that_asks_no_latency_is_kept() -> None:
    """Who doesn't ask how long calls take doesn't pay for it."""
    kept = tally()
    record(kept, 1, seconds=9)
    part, _ = taken(kept)
    assert ({}, {}) == (part.risen, part.stood)


@pytest.mark.parametrize(
    ("seconds", "number"), [(-5.0, 1), (0.0, 1), (1e-9, 1), (1e9, LAST), (float("inf"), LAST)]
)
def test_any_duration_has_a_bucket(seconds: float, number: int) -> None:
    """A clock that went back, or far ahead, makes no unit look worse than the first or last."""
    kept = tally(LATENCY)
    record(kept, 1, seconds=seconds)
    assert [number] == [*taken(kept)[0].risen.values()]


def test_a_duration_that_is_no_number_raises_nothing() -> None:
    """Whatever a host's clock returns, counting goes on."""
    kept = tally(LATENCY)
    record(kept, 1, seconds=nan)
    record(kept, 2, seconds=1.0)
    assert (2, 1) == (taken(kept)[0].exposures, len(taken(kept)[0].risen) + 1)


def test_an_event_counts_once_for_each_unit_and_name() -> None:
    """It is no exposure, and makes nobody active: that would only count those who met it."""
    kept = tally(Asked(events=("crash", "order")))
    for name in ("crash", "order", "crash"):
        kept.record(kept.canary, 1, kept.numbers[name])
    canary, baseline = taken(kept)
    assert (0, 0, {"crash": 1, "order": 1}) == (
        canary.exposures,
        canary.units,
        {name: len(units) for name, units in canary.events.items()},
    )
    assert Part() == baseline
    kept.record(kept.canary, 1, kept.numbers["order"])
    assert {} == kept.take(START)[1]


def test_strata_are_apart_and_the_first_that_matches_counts() -> None:
    """A context is of one stratum at most; what no name stands for is the rest."""
    groups = [(name, Group(name).predicate("")) for name in ("staff", "beta")]
    kept = tally(Asked(strata=tuple(groups)))
    for number, names in enumerate([["staff"], ["beta", "staff"], ["beta"], []]):
        context = Context(f"user-{number}", groups=names)
        for arm in (kept.canary, kept.baseline):
            kept.record(kept.placed(arm, context), number, SUCCESS)
    _, parts = kept.take(START)
    assert {"": 1, "staff": 2, "beta": 1} == {
        name: canary.exposures for name, (canary, _) in parts.items()
    }
    assert {"": 1, "staff": 2, "beta": 1} == {
        name: baseline.exposures for name, (_, baseline) in parts.items()
    }


def test_a_call_past_its_deadline_is_unfinished() -> None:
    """It counts once, as an exposure that took as long as it has lasted, and is watched no more."""
    clock = FakeClock()
    kept = tally(Asked(latency=True, deadline=60), clock)
    kept.open[Open(kept.canary, 1)] = clock.monotonic()
    clock.advance(timedelta(seconds=59))
    assert {} == kept.take(START)[1] or not taken(kept)[0].unfinished
    clock.advance(timedelta(seconds=1))
    part, _ = taken(kept)
    assert ((1, 1, 0, 1), 1) == (counted(part), len(part.unfinished))
    assert [bucket(60)] == [*part.risen.values()]
    assert {} == kept.open
    assert {} == kept.take(START)[1]


def test_a_call_that_goes_on_is_told_until_it_is_over() -> None:
    """It is named once it has lasted from one block to the next, and a block says that it ended."""
    clock = FakeClock()
    kept = tally(NOTHING, clock)
    call = Open(kept.canary, 1)
    kept.take(START)
    clock.advance(EVERY)
    kept.open[call] = clock.monotonic()
    assert {} == kept.take(START)[1]
    clock.advance(EVERY)
    record(kept, 2)
    assert (1, 1) == (len(taken(kept)[0].open), len(taken(kept)[0].open))
    del kept.open[call]
    assert [(Part(), Part())] == [*kept.take(START)[1].values()]
    assert {} == kept.take(START)[1]


def test_a_block_tells_of_few_calls_that_go_on() -> None:
    """However many last, a block names those that have lasted longest, and not all."""
    clock = FakeClock()
    kept = tally(NOTHING, clock)
    kept.take(START)
    for unit in range(FEW + 100):
        kept.open[Open(kept.canary, unit)] = clock.monotonic()
    for _ in range(2):
        clock.advance(EVERY)
        part, _ = taken(kept)
    assert FEW == len(part.open)


def test_who_leaves_tells_of_no_call() -> None:
    """A process that stops in good order has no calls that somebody would wait for."""
    clock = FakeClock()
    kept = tally(NOTHING, clock)
    kept.open[Open(kept.canary, 1)] = clock.monotonic()
    kept.take(START)
    clock.advance(EVERY)
    assert 1 == len(taken(kept)[0].open)
    assert (Part(), Part()) == kept.take(START, last=True)[1][""]


def test_a_call_that_ends_while_it_is_looked_at_is_not_unfinished() -> None:
    """Whoever takes it out of the open ones records it; and nobody's call is nobody's."""
    kept = tally(Asked(deadline=0.0))

    class Ending:
        @property
        def place(self) -> tuple[Arm, int]:
            del kept.open[self]
            return kept.canary, 1

    class Nobodys:
        place = None

    kept.open.update({Ending(): 0.0, Nobodys(): 0.0})
    assert {} == kept.take(START)[1]
    assert 1 == len(kept.open)


def test_threads_lose_nothing() -> None:
    """Outcomes recorded by many threads while blocks are taken are all counted once."""
    kept = tally()

    def serve(first: int) -> None:
        for number in range(first, first + 2000):
            kept.record(kept.canary if number % 2 else kept.baseline, mixed(str(number)), SUCCESS)

    with patch.object(ledgers, "FEW", 10_000), ThreadPoolExecutor(4) as pool:
        futures = [pool.submit(serve, thread * 2000) for thread in range(4)]
        blocks = [taken(kept) for _ in range(50)]
        for future in futures:
            future.result()
    blocks.append(taken(kept))
    assert 4000 == sum(canary.exposures for canary, _ in blocks)
    assert 4000 == sum(baseline.exposures for _, baseline in blocks)


def test_recording_waits_for_nobody() -> None:
    """While another thread counts, or is stuck in it, outcomes are kept, and counted later."""
    kept = tally()
    with kept._lock:
        for number in range(3 * BACKLOG):
            record(kept, number)
    assert 3 * BACKLOG == len(kept._others)
    record(kept, 0)
    assert [] == kept._others
    assert 3 * BACKLOG + 1 == taken(kept)[0].exposures


def test_a_child_process_begins_anew() -> None:
    """What was tallied before a fork is the parent's, and so is a lock that somebody held."""
    clock = FakeClock()
    kept = tally(NOTHING, clock)
    record(kept, 1, FAILURE)
    kept.open[Open(kept.canary, 1)] = clock.monotonic()
    kept.take(START)
    record(kept, 2)
    kept._lock.acquire()
    kept.restart()
    assert ({}, {}, []) == (kept.take(START)[1], kept.open, kept._others)
    record(kept, 1, FAILURE)
    assert (1, 1, 1, 1) == counted(taken(kept)[0])


def test_a_child_process_samples_as_at_the_beginning() -> None:
    """However its parent has halved the units, a child begins with all of them."""
    asked = Asked(latency=True, halvings=2)
    kept, new = tally(asked), tally(asked)
    served(kept, range(20_000))
    kept.take(START)
    assert (0, 0) != kept.halved
    kept.restart()
    for each in (kept, new):
        served(each, range(1000))
    assert taken(new) == taken(kept)


def served(kept: Tally, units: range, canary: int = 4, rate: int = 5) -> None:
    """Serve units: every `canary`th is of the canary, every `rate`th fails."""
    for number in units:
        arm = kept.baseline if number % canary else kept.canary
        failed = FAILURE if number // canary % rate == 0 else SUCCESS
        kept.record(arm, mixed(f"user-{number}"), failed, 1.0)


def test_both_arms_are_sampled_alike() -> None:
    """Where there are more units than a block names, the same share of both arms is left."""
    kept = tally(LATENCY)
    served(kept, range(40_000))
    canary, baseline = taken(kept)
    harmed, slow = kept.halved
    assert 2 <= harmed
    assert 4 <= slow
    assert pytest.approx(0.25, abs=0.02) == canary.units / (canary.units + baseline.units)
    for part in (canary, baseline):
        assert pytest.approx(0.2, abs=0.04) == len(part.failing) / part.units
        assert pytest.approx(40_000 / 2**slow, rel=0.25) == len(canary.risen) + len(baseline.risen)
    for one, other in ((canary.fresh, baseline.fresh), (canary.risen, baseline.risen)):
        assert pytest.approx(0.25, abs=0.05) == len(one) / (len(one) + len(other))


def test_a_large_baseline_does_not_thin_out_a_small_canary() -> None:
    """However many people were seen in all, nearly all canary units of a block count."""
    kept, units = tally(), 0
    for block in range(50):
        served(kept, range(block * 200, block * 200 + 200), canary=100, rate=10**9)
        units += taken(kept)[0].units
    assert (0, 0) == kept.halved
    assert 95 <= units <= 100


def test_latencies_of_a_large_baseline_are_sampled_from_the_beginning() -> None:
    """So that it doesn't use up the memory of the canary, whose latencies are all followed."""
    kept = tally(Asked(latency=True, halvings=3))
    served(kept, range(2000), canary=100)
    canary, baseline = taken(kept)
    assert 20 == len(canary.risen)
    assert pytest.approx(1980 / 8, rel=0.25) == len(baseline.risen)
    served(kept, range(2000), canary=100)
    canary, baseline = taken(kept)
    assert pytest.approx(1980 / 8, rel=0.25) == sum(baseline.stood.values())


@given(st.integers(0, 3), st.integers(1, 4000))
def test_a_block_names_few_units(rate: int, units: int) -> None:
    """However much happens in one block, it has few names of each kind, and counts what it has."""
    kept = tally(LATENCY)
    served(kept, range(units), rate=rate or 1)
    parts = taken(kept)
    for names in ("failing", "fresh", "risen"):
        assert sum(len(getattr(part, names)) for part in parts) <= FEW + 2 * BACKLOG
    assert all(len(part.failing) <= part.units for part in parts)
    assert units == sum(part.exposures for part in parts)


def test_who_goes_on_failing_counts_again_when_there_are_twice_as_many() -> None:
    """Once half of the memory is used, every other unit is left out, and the others begin anew."""
    with patch.multiple(sketches, EXACT=10, SLOTS=211), patch.object(ledgers, "FEW", 10_000):
        kept, counted_units = tally(), dict[int, int]()
        for _ in range(40):
            served(kept, range(1000), canary=2, rate=1)
            for part in taken(kept):
                for name in part.failing:
                    counted_units[name] = counted_units.get(name, 0) + 1
    halvings, _ = kept.halved
    assert 3 <= halvings <= 6
    assert max(counted_units.values()) <= halvings + 1
    assert sum(counted_units.values()) / len(counted_units) < 2.5


def test_a_broken_clock_keeps_no_exposure_from_being_tallied() -> None:
    """Beginning to count reads a clock, and goes on without; what takes a block tells of it."""
    kept = Tally(START, Halting(3), NOTHING)
    record(kept, 1)
    kept.restart()
    record(kept, 2)
    with pytest.raises(LookupError):
        kept.take(START)
    assert (1, 1, 0, 1) == counted(taken(kept)[0])


class Halting:
    """A clock that fails at first."""

    def __init__(self, failures: int) -> None:
        self.failures = failures

    def __call__(self) -> float:
        self.failures -= 1
        if self.failures >= 0:
            raise LookupError
        return 9.0
