"""Clocks: the system's, and the fake one."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from safedeploy.clocks import Clock, SystemClock
from safedeploy.testing import FakeClock


@pytest.mark.parametrize("clock", [SystemClock(), FakeClock()], ids=["system", "fake"])
def test_a_clock_tells_both_times(clock: Clock) -> None:
    """The wall clock's time has the zone UTC, and the monotonic one never goes back."""
    assert timedelta(0) == clock.now().utcoffset()
    assert clock.monotonic() <= clock.monotonic()


def test_a_fake_clock_stands_still_until_it_is_advanced() -> None:
    """Advancing moves both times; setting the wall clock moves only that."""
    clock = FakeClock(datetime(2026, 5, 1, tzinfo=UTC))
    clock.advance(timedelta(minutes=1))
    assert (datetime(2026, 5, 1, 0, 1, tzinfo=UTC), 60.0) == (clock.now(), clock.monotonic())
    clock.set_wall(datetime(2020, 1, 1, tzinfo=UTC))
    assert (datetime(2020, 1, 1, tzinfo=UTC), 60.0) == (clock.now(), clock.monotonic())


def test_a_fake_clock_does_not_go_back() -> None:
    """Advancing by less than nothing is an error that says so."""
    with pytest.raises(ValueError, match="isn't negative"):
        FakeClock().advance(timedelta(seconds=-1))
