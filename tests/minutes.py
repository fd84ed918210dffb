"""An oracle for windows: somebody who looks at the clock on the wall each minute.

It shares nothing with the library but the zones: a day is what it may be called, a span begins when
the clock first shows its begin, and what is made of others is made minute by minute.
"""

from __future__ import annotations

import calendar
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from functools import cache, partial
from itertools import groupby
from zoneinfo import ZoneInfo

import attrs

from safedeploy.windows import Between, Complement, Days, Intersection, Union, Window

MINUTE = timedelta(minutes=1)
ORDINALS = ("first", "second", "third", "fourth", "fifth")
WEEK = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
MONTHS = "January February March April May June July August September October November December"
YEAR = [(date(2000, 1, 1) + timedelta(days=each)).strftime("%m-%d") for each in range(366)]


@cache
def names(day: date) -> frozenset[str]:
    """List what a day may be called."""
    weekday, month = WEEK[day.weekday()], MONTHS.split()[day.month - 1]
    column = [week[day.weekday()] for week in calendar.monthcalendar(day.year, day.month)]
    same = [each for each in column if each]
    ordinals = [ORDINALS[same.index(day.day)], *(["last"] if day.day == same[-1] else [])]
    monthly = [f"{each} {weekday}" for each in ordinals]
    yearly = [f"{each} of {month}" for each in monthly]
    return frozenset([weekday, *monthly, *yearly, day.strftime("%m-%d"), day.strftime("%Y-%m-%d")])


def spelt_out(text: str) -> set[str]:
    """Name each day of a range."""
    begin, _, end = text.partition(" to ")
    circle = WEEK if begin in WEEK else YEAR
    if not end:
        return {begin}
    turn = [*circle[circle.index(begin) :], *circle[: circle.index(begin)]]
    return {*turn[: turn.index(end) + 1]}


@attrs.frozen
class Stretch:
    """Look at clocks for a while, each minute.

    Args:
        since: when, in UTC.
        minutes: for how long.
    """

    since: datetime
    minutes: int

    def states(self, window: Window) -> bytes:
        """Tell for each minute whether a window is open: 1, or 0."""
        match window:
            case Days():
                return self._shown(window)
            case Between(begin, end, zone=zone):
                first = self._first(begin, zone)
                last = self._first(end, zone) if end else self.minutes
                return bytes(first) + b"\1" * (last - first) + bytes(self.minutes - last)
            case Intersection(parts):
                return self._bits(min, parts)
            case Union(parts):
                return self._bits(max, parts)
            case Complement(inner):
                return self.states(inner).translate(b"\1\0" + bytes(254))
        raise AssertionError(window)

    def changes(self, states: bytes) -> Iterator[datetime]:
        """Find the minutes at which a window opens or closes."""
        at, other = 0, bytes([1 - states[0]])
        while (at := states.find(other, at)) >= 0:
            yield self.since + at * MINUTE
            other = bytes([1 - other[0]])

    def _bits(self, of: object, parts: tuple[Window, ...]) -> bytes:
        numbers = [int.from_bytes(self.states(part), "big") for part in parts]
        joined = numbers[0]
        for number in numbers[1:]:
            joined = joined & number if of is min else joined | number
        return joined.to_bytes(self.minutes, "big")

    def _shown(self, window: Days) -> bytes:
        wanted = {name for text in window.days for name in spelt_out(text)}
        hour, minute = (int(each) for each in window.begins.split(":"))
        end_hour, end_minute = (int(each) for each in window.ends.split(":"))
        begin, end = 60 * hour + minute, 60 * end_hour + end_minute
        a_day = bytes(begin) + b"\1" * (end - begin) + bytes(1440 - end)
        # What a clock shows that is right by UTC; two days more at either end, for all the others.
        first = self.since.date() - timedelta(days=2)
        days = [first + timedelta(days=each) for each in range(self.minutes // 1440 + 6)]
        shown = b"".join(a_day if wanted & names(day) else bytes(1440) for day in days)
        now = 2 * 1440 + 60 * self.since.hour + self.since.minute
        return b"".join(
            shown[now + begin + offset : now + end + offset]
            for begin, end, offset in runs(self, window.zone)
        )

    def _first(self, time: datetime, zone: str) -> int:
        if time.tzinfo:
            minute = (time - self.since) // MINUTE
            return min(max(minute, 0), self.minutes)
        wanted = (time.replace(tzinfo=UTC) - self.since) // MINUTE
        for begin, end, offset in runs(self, zone):
            if wanted - offset < end:
                return max(begin, wanted - offset)
        return self.minutes


@cache
def runs(stretch: Stretch, zone: str) -> list[tuple[int, int, int]]:
    """List from which minute to which the clocks are how many minutes ahead of UTC."""
    start, place = int(stretch.since.timestamp()), ZoneInfo(zone)
    seconds = range(start, start + 60 * stretch.minutes, 60)
    clocks = map(partial(datetime.fromtimestamp, tz=place), seconds)
    ahead = map(datetime.utcoffset, clocks)
    found, begin = list[tuple[int, int, int]](), 0
    for offset, same in groupby(ahead):
        assert offset is not None
        end = begin + len([*same])
        found.append((begin, end, offset // MINUTE))
        begin = end
    return found
