"""Windows of a plan and of its rings: what is refused, and how an engine keeps to them."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import attrs
import pytest

from safedeploy.errors import DefinitionError
from safedeploy.plans import Plan, Ring
from safedeploy.states import Baking, Pending
from safedeploy.windows import Window, between, business_hours, days, joint, since
from tests.laws.histories import EVERY, HEALTH, START
from tests.laws.shops import Shop, quick
from tests.test_gated import ADA, Desk

HOURS = business_hours("UTC")
TEN = START.replace(hour=10)
"""On a Thursday."""
HOUR = timedelta(hours=1)


def hourly(*, windows: Any = HOURS, own: Any = None, bake: timedelta = HOUR) -> Plan:
    """Make a plan of one ring that keeps to windows."""
    ring = Ring("half", percent=50, bake=bake, windows=own)
    return Plan(rings=[ring], health=HEALTH, assess_every=EVERY, windows=windows)


NEVER_AGAIN = {
    "a freeze without an end": HOURS & ~since("2026-12-18"),
    "what is over after a while": between("2026-12-01", "2026-12-18"),
    "one day": days("2026-12-18"),
    "hours in one December": HOURS & between("2026-12-01", "2027-01-01"),
}


@pytest.mark.parametrize("case", NEVER_AGAIN)
def test_windows_that_close_for_good_are_refused(case: str) -> None:
    """A rollout that is late would wait for ever, so neither a plan nor a ring takes them."""
    for where in ({"windows": NEVER_AGAIN[case]}, {"windows": None, "own": NEVER_AGAIN[case]}):
        with pytest.raises(DefinitionError, match="give every freeze an end") as refused:
            hourly(**where)
        assert "windows" == refused.value.field


@pytest.mark.parametrize(
    "window",
    [
        HOURS,
        HOURS & ~between("2026-12-18", "2027-01-04"),
        since("2026-12-18"),
        HOURS & ~days("12-24 to 01-02"),
        HOURS & days("02-29"),
    ],
)
def test_windows_that_open_again_are_taken(window: Window) -> None:
    """Whatever recurs, or stays open in the end."""
    assert window == hourly(windows=window).windows


def test_windows_that_are_never_open_together_are_refused() -> None:
    """Those of a ring besides those of its plan."""
    with pytest.raises(DefinitionError, match="let it open at some time"):
        hourly(own=days("Saturday"))


def test_windows_are_windows() -> None:
    """Not a text that looks like one."""
    with pytest.raises(DefinitionError, match="give a window"):
        hourly(windows="Monday to Friday")


def test_a_plan_without_windows_has_the_digest_that_it_had() -> None:
    """What says nothing is left out; what says something is not."""
    bare = attrs.evolve(hourly(), windows=None)
    assert bare.digest == hourly(windows=None).digest != hourly().digest
    assert () == bare.gates(0) == bare.after(0)
    assert bare.window(0) is None is joint()


def test_a_ring_begins_and_is_left_within_its_windows() -> None:
    """At night nothing goes on; what has baked by then waits for the morning, and a PASS then."""
    shop = Shop(plan=attrs.evolve(quick(), windows=HOURS))
    shop.open(intervals=3)
    assert "pending" == shop.rollout.state.label
    shop.clock.advance(10 * HOUR)
    shop.open(intervals=2)
    assert "baking" == shop.rollout.state.label
    shop.clock.advance(7 * HOUR)
    shop.open(intervals=30)
    assert ("baking", 0) == (shop.rollout.state.label, shop.rollout.reached)
    assert shop.rollout.state.earned  # type: ignore[union-attr]
    shop.clock.advance(16 * HOUR)
    shop.open(intervals=3)
    assert shop.rollout.reached == 1


@pytest.mark.law("A9")
def test_a_freeze_that_begins_while_a_ring_bakes_blocks_no_halt() -> None:
    """The ring stays exposed and watched, and harm that shows in the night halts and recovers."""
    shop = Shop(plan=attrs.evolve(quick(bake=24 * HOUR), windows=HOURS), start=TEN)
    shop.open(intervals=10)
    shop.clock.advance(10 * HOUR)
    assert "baking" == shop.rollout.state.label
    shop.defect = 1.0
    shop.open(intervals=30)
    assert "rolled back" == shop.rollout.state.label


def test_a_promotion_waits_for_the_windows() -> None:
    """By hand a bake is shortened, not a freeze."""
    desk = Desk(hourly(bake=24 * HOUR))
    desk.clock.advance(16 * HOUR)
    assert "baking" == desk.tick(2, EVERY)
    desk.clock.advance(2 * HOUR)
    desk.engine.promote(desk.rollout, by=ADA, reason="in a hurry")
    assert "baking" == desk.tick(3, EVERY)
    assert any("until 2026-01-02 09:00:00 UTC" in text for text in desk.waits())
    desk.clock.advance(15 * HOUR)
    assert "completed" == desk.tick(2, EVERY)


def test_nobody_is_called_for_what_a_closed_window_keeps() -> None:
    """The deadline of a ring begins anew when its windows open."""
    desk = Desk(hourly())
    desk.clock.advance(8 * HOUR)
    desk.tick()
    assert isinstance(desk.rollout.state, Pending)
    assert not desk.rollout.state.overdue
    desk.clock.advance(HOUR)
    assert "baking" == desk.tick()
    desk.clock.advance(20 * HOUR)
    desk.tick()
    desk.clock.advance(4 * HOUR)
    desk.tick()
    assert isinstance(desk.rollout.state, Baking)
    assert not desk.rollout.state.overdue
    desk.clock.advance(10 * HOUR)
    desk.tick()
    assert desk.rollout.state.overdue
