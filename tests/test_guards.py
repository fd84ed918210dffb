"""Guards: what the end of a block counts as, how long it takes, and what happens besides."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import timedelta
from typing import Any
from unittest.mock import patch

import attrs
import pytest

from safedeploy import tallies
from safedeploy.audiences import Group
from safedeploy.contexts import Context
from safedeploy.engine import Engine
from safedeploy.flags import FeatureFlag
from safedeploy.guards import Guard
from safedeploy.health import HealthModel
from safedeploy.latencies import bucket
from safedeploy.plans import Plan
from safedeploy.signals import ErrorRate, Usage
from safedeploy.verdicts import Counts
from tests.laws.histories import EVERY
from tests.laws.shops import Shop, customer, quick


def stop() -> None:
    """Raise what the interpreter raises when somebody presses Ctrl-C."""
    raise KeyboardInterrupt


def fail(_: None = None) -> None:
    """Raise an error of the application's."""
    raise ValueError


def leave(_: None = None) -> None:
    """Raise what the flag of these tests ignores."""
    raise LookupError


FLAG = FeatureFlag("checkout", {"old": "old", "new": "new"}, "old", ignores=(LookupError,))


def counted(block: Callable[[Guard[str]], None], error: type[BaseException] | None) -> Counts:
    """Run a block for one customer whom the canary has reached, and return what was counted."""
    shop = Shop(definition=FLAG.serve("new"))
    shop.engine.tick()
    reached = next(n for n in range(100) if shop.engine.value(FLAG, customer(n)) == "new")
    guard = shop.engine.guard(FLAG, customer(reached))
    if error is None:
        with guard as exposure:
            block(exposure)
    else:
        with pytest.raises(error), guard as exposure:
            block(exposure)
    shop.clock.advance(EVERY)
    shop.engine.tick()
    return shop.rollout.health.canary


OK, FAILED, NOTHING = Counts(1, 1, 0, 1), Counts(1, 1, 1, 1), Counts()


@pytest.mark.parametrize(
    ("block", "error", "expected"),
    [
        (lambda _: None, None, OK),
        (lambda _: fail(), ValueError, FAILED),
        (lambda exposure: exposure.fail(), None, FAILED),
        (lambda exposure: exposure.ignore(), None, NOTHING),
        (lambda exposure: fail(exposure.ignore()), ValueError, NOTHING),
        (lambda exposure: leave(exposure.fail()), LookupError, NOTHING),
        (lambda _: leave(), LookupError, NOTHING),
        (lambda _: stop(), KeyboardInterrupt, NOTHING),
    ],
    ids=["ok", "error", "fail", "ignore", "ignore and error", "fail and ignored", "ignored", "^C"],
)
def test_how_a_block_ends_is_what_is_counted(
    block: Callable[[Guard[str]], None], error: type[BaseException] | None, expected: Counts
) -> None:
    """Errors fail unless ignored; Ctrl-C is neither; the exception passes on unchanged."""
    assert expected == counted(block, error)


def test_a_guard_works_around_await() -> None:
    """Blocks that await interleave, each with its own outcome, and cancellation isn't counted."""
    shop = Shop(definition=FLAG.serve("new"))
    shop.engine.tick()
    reached = [n for n in range(200) if shop.engine.value(FLAG, customer(n)) == "new"]

    async def serve(number: int) -> None:
        with shop.engine.guard(FLAG, customer(number)) as exposure:
            await asyncio.sleep(0)
            if number % 2:
                exposure.fail()

    async def serve_all() -> None:
        forever = asyncio.create_task(hang())
        await asyncio.gather(*(serve(number) for number in reached))
        forever.cancel()
        await asyncio.wait([forever])

    async def hang() -> None:
        with shop.engine.guard(FLAG, customer(reached[0])):
            await asyncio.Event().wait()

    asyncio.run(serve_all())
    shop.clock.advance(EVERY)
    shop.engine.tick()
    canary = (shop.rollout.evidence or pytest.fail("nothing was seen")).canary
    assert (len(reached), sum(n % 2 for n in reached)) == (canary.exposures, canary.failures)


def test_one_unit_counts_once() -> None:
    """Retries of one user are one unit, and one failure."""
    shop = Shop()
    shop.engine.tick()
    reached = next(n for n in range(100) if shop.engine.value(shop.flag, customer(n)) == "new")
    for _ in range(5):
        with shop.engine.guard(shop.flag, customer(reached)) as exposure:
            exposure.fail()
    shop.clock.advance(EVERY)
    shop.engine.tick()
    assert Counts(5, 1, 1, 1) == shop.rollout.health.canary


def test_who_is_not_affected_is_not_counted() -> None:
    """Where both definitions agree, and for anonymous contexts, a guard records nothing."""
    flag = FLAG.serve("new", when=Group("staff"))
    shop = Shop(definition=flag)
    shop.engine.tick()
    for context in (Context("user-1"), Context()):
        with shop.engine.guard(FLAG, context) as exposure:
            assert "old" == exposure.value
    shop.clock.advance(EVERY)
    shop.engine.tick()
    assert (Counts(), Counts()) == (shop.rollout.health.canary, shop.rollout.health.baseline)


def test_an_outcome_belongs_to_the_exposure_in_which_it_began() -> None:
    """What ends after the ring has changed isn't held against the new exposure."""
    shop = Shop()
    shop.engine.tick()
    reached = next(n for n in range(100) if shop.engine.value(shop.flag, customer(n)) == "new")
    with shop.engine.guard(shop.flag, customer(reached)) as late:
        while shop.rollout.reached == 0:
            shop.serve_an_interval()
        late.fail()
    shop.clock.advance(EVERY)
    shop.engine.tick()
    assert 0 == shop.rollout.health.canary.failures


def test_a_guard_without_a_release_records_nothing() -> None:
    """A flag that nothing is changing costs its guard next to nothing, and counts nothing."""
    with Engine().guard(FLAG, customer(1)) as exposure:
        assert ("old", "old") == (exposure.value, exposure.resolution.variant)


class Timed(Usage):
    """A signal that asks how long calls take."""

    asks_latency = True


def asking(*signals: Any, **more: Any) -> Plan:
    """Make a plan whose health model asks for something."""
    health = HealthModel(*signals, Usage(at_least=1), **more)
    return attrs.evolve(quick(bake=timedelta(days=1)), health=health)


class Visit:
    """A shop, and a customer whom the canary has reached."""

    def __init__(self, *signals: Any, **more: Any) -> None:
        self.shop = Shop(plan=asking(*signals, **more), customers=0)
        self.shop.engine.tick()
        reached = (n for n in range(99) if self.shop.engine.value(FLAG, customer(n)) == "new")
        self.customer = customer(next(reached))

    def guard(self) -> Guard[str]:
        """Guard a call of the customer's."""
        return self.shop.engine.guard(FLAG, self.customer)

    def counted(self) -> Counts:
        """Return what was counted of the canary, after an interval."""
        self.shop.clock.advance(EVERY)
        self.shop.engine.tick()
        self.shop.clock.advance(EVERY)
        self.shop.engine.tick()
        return self.shop.rollout.health.canary


def test_a_guard_measures_how_long_its_block_takes() -> None:
    """By the engine's clock; a unit moves from no bucket to that of its slowest call."""
    visit = Visit(Timed(at_least=1, name="speed"))
    for seconds in (3, 0.2):
        with visit.guard():
            visit.shop.clock.advance(timedelta(seconds=seconds))
    assert {(0, bucket(3)): 1} == visit.counted().slowest


def test_an_event_counts_inside_of_a_guard_and_outside() -> None:
    """Once for each unit and name; what no signal asks for isn't kept."""
    visit = Visit(ErrorRate(of="crash"), ErrorRate(of="report"))
    with visit.guard() as exposure:
        exposure.event("crash")
        exposure.event("crash")
        exposure.event("order")
    visit.shop.engine.event(FLAG, visit.customer, "report")
    visit.shop.engine.event(FLAG, visit.customer, "order")
    assert {"crash": 1, "report": 1} == visit.counted().events


@pytest.mark.parametrize("name", [None, 7, [], {}, object()])
def test_an_event_never_raises(name: Any) -> None:
    """Whatever an application tells of whomever, it goes on, and nothing is counted."""
    visit = Visit(ErrorRate(of="crash"))
    engine: Any = visit.shop.engine
    with visit.guard() as exposure:
        exposure.event(name)
    engine.event(FLAG, visit.customer, name)
    engine.event(FLAG, Context(), "crash")
    engine.event(FLAG, name, "crash")
    Engine().event(FLAG, visit.customer, "crash")
    assert (1, {}) == (visit.counted().exposures, visit.counted().events)


def test_a_block_that_goes_on_for_too_long_is_unfinished() -> None:
    """It counts once its deadline is over, as long as it has lasted; how it ends is ignored."""
    visit = Visit(Timed(at_least=1, name="speed"), unfinished_after=timedelta(seconds=30))
    guard = visit.guard()
    guard.__enter__()
    visit.shop.clock.advance(timedelta(seconds=9))
    assert Counts() == visit.counted()
    expected = Counts(1, 1, 0, 1, 1, {}, {(0, bucket(39)): 1})
    assert expected == visit.counted()
    guard.__exit__(ValueError, ValueError(), None)
    assert expected == visit.counted()


def test_a_stratum_is_found_when_the_outcome_is_recorded() -> None:
    """Staff are counted among staff, in time or too late, and so are their events."""
    visit = Visit(ErrorRate(of="crash"), strata={"staff": Group("staff"), "beta": Group("beta")})
    hanging = visit.guard()
    hanging.__enter__()
    with visit.guard() as exposure:
        exposure.event("crash")
    told = []
    observe = HealthModel.observe

    def overheard(self: HealthModel, health: Any, measurement: Any, progress: float) -> Any:
        told.append(measurement.strata)
        return observe(self, health, measurement, progress)

    with patch.object(HealthModel, "observe", overheard):
        for _ in range(7):
            visit.counted()
    staff = [canary for each in told if each for canary, _ in [each["staff"]]]
    assert (2, {"crash": 1}, 1) == (
        sum(each.exposures for each in staff),
        staff[0].events,
        sum(each.unfinished for each in staff),
    )
    assert 0 == sum(each[name][0].exposures for each in told if each for name in ("", "beta"))


def test_a_guard_counts_once_and_only_what_it_was_opened_for() -> None:
    """One that wasn't opened records nothing, and one that is closed twice, one outcome."""
    visit = Visit()
    visit.guard().__exit__(None, None, None)
    with visit.guard() as exposure:
        pass
    exposure.__exit__(None, None, None)
    assert 1 == visit.counted().exposures


def broken() -> float:
    """Fail, as a host's clock might."""
    raise OSError


@pytest.mark.law("E5")
@pytest.mark.parametrize("begins", [True, False])
def test_a_clock_that_fails_stops_no_caller(begins: bool) -> None:
    """The block runs, and its own error passes; nothing is recorded of it."""
    visit = Visit(Timed(at_least=1, name="speed"))
    tally = visit.guard()._served.tally
    assert tally is not None
    tally.clock = visit.shop.clock.monotonic if begins else broken

    def serve() -> None:
        with visit.guard() as exposure:
            tally.clock = broken
            assert "new" == exposure.value
            raise ValueError

    with pytest.raises(ValueError, match=r"^$"):
        serve()
    tally.clock = visit.shop.clock.monotonic
    assert 0 == visit.counted().exposures


@pytest.mark.law("S1")
def test_calls_that_are_watched_are_bounded() -> None:
    """However many calls go on at a time, the latest of too many aren't seen; they run as ever."""
    visit = Visit()
    with patch.object(tallies, "OPEN", 3):
        calls = [visit.guard() for _ in range(5)]
        for call in calls:
            assert "new" == call.__enter__().value
        tally = visit.guard()._served.tally
        assert tally is not None
        tally.count()
        assert calls[:3] == list(tally.open)
        for call in calls:
            call.__exit__(None, None, None)
    assert 3 == visit.counted().exposures
