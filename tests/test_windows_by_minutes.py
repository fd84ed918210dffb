"""Windows, held to somebody who looks at the clock each minute, in zones that aren't simple."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from safedeploy.windows import Window, between, business_hours, days, since
from tests.minutes import MINUTE, Stretch

BEGIN, END = datetime(2010, 1, 1, tzinfo=UTC), datetime(2020, 1, 1, tzinfo=UTC)
DAY = timedelta(days=1)
ZONES = [
    "Africa/Casablanca",  # back for Ramadan and forward again; since 2018, ahead but for Ramadan
    "America/St_Johns",  # half an hour beside others; until 2011, at a minute past midnight
    "Australia/Lord_Howe",  # by half an hour only
    "Europe/Dublin",  # where by law it is winter that is the exception
    "Pacific/Apia",  # left out 30 December 2011
]

every_zone = pytest.mark.parametrize("zone", ZONES)


def windows(zone: str) -> list[Window]:
    """Make windows with edges where clocks are put forward or back, and some without."""
    nightly = days("Monday to Sunday", begins="01:40", ends="02:10", zone=zone)
    weekend = days("Saturday to Sunday", zone=zone)
    monthly = days("last Friday", "second Sunday", "first Sunday of November", zone=zone)
    holidays = days("12-24 to 01-02", "2011-12-30", "03-17", zone=zone)
    freeze = between("2011-12-30 00:30", "2012-04-01 02:15", zone=zone)
    hours = business_hours(zone)
    return [
        nightly,
        weekend,
        monthly | holidays,
        days("Sunday", ends="00:02", zone=zone) | days("Saturday", begins="23:01", zone=zone),
        days("Sunday", begins="02:00", ends="03:00", zone=zone) & ~nightly,
        hours & ~holidays & ~freeze & ~monthly,
        (hours | weekend) & ~days("Wednesday") & since("2011-11-06 00:01", zone=zone),
    ]


def shifts(zone: str) -> list[datetime]:
    """Find the days on which a zone's clocks were put forward or back."""
    place = ZoneInfo(zone)
    noons = [BEGIN + each * DAY for each in range((END - BEGIN) // DAY)]
    offsets = [noon.astimezone(place).utcoffset() for noon in noons]
    return [noon for noon, was, is_ in zip(noons, offsets, offsets[1:], strict=False) if was != is_]


def check(window: Window, stretch: Stretch, *, every: int) -> None:
    """Check that a window changes when the oracle says, and that it is open when it says."""
    states = stretch.states(window)
    expected, found = list(stretch.changes(states)), list[datetime]()
    at, end = stretch.since, stretch.since + stretch.minutes * MINUTE
    while (change := window.next_change(at)) and change < end:
        found.append(at := change)
    assert expected == found

    changes = [(at - stretch.since) // MINUTE for at in found]
    for minute in (*range(0, stretch.minutes, every), *changes, *(each - 1 for each in changes)):
        at = stretch.since + minute * MINUTE
        assert states[minute] == window.contains(at), at
        assert states[minute] == window.contains(at + MINUTE - timedelta.resolution), at


@pytest.mark.law("A9")
@every_zone
def test_windows_follow_the_clocks_where_they_shift(zone: str) -> None:
    """For a decade, around each change of the clocks, a window is open when they show it."""
    found = shifts(zone)
    assert len(found) >= 18
    for day in found:
        for window in windows(zone):
            check(window, Stretch(day - DAY, 3 * DAY // MINUTE), every=331)


@pytest.mark.law("A9")
@pytest.mark.long
@every_zone
def test_windows_follow_the_clocks_for_a_decade(zone: str) -> None:
    """Each minute of a decade, a window is open when the clocks show it."""
    for window in windows(zone):
        check(window, Stretch(BEGIN, (END - BEGIN) // MINUTE), every=1009)
