"""Guards: what the end of a block counts as."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest

from safedeploy.audiences import Group
from safedeploy.contexts import Context
from safedeploy.engine import Engine
from safedeploy.flags import FeatureFlag
from safedeploy.guards import Guard
from safedeploy.verdicts import Counts
from tests.laws.histories import EVERY
from tests.laws.shops import Shop, customer


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
