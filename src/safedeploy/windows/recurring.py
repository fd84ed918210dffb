"""Recurring windows: open on days that are said in words, by the clocks of a zone."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from typing import Any

import attrs

from safedeploy.errors import DefinitionError
from safedeploy.validators import a, several
from safedeploy.windows import calendars
from safedeploy.windows.algebra import Window, check_opens
from safedeploy.windows.calendars import Rule
from safedeploy.windows.zones import first_shift, instant, named, shown

_DAY = timedelta(days=1)
_TIME_OF_DAY = re.compile(r"([01][0-9]|2[0-3]):[0-5][0-9]|24:00")


def days(*days: str, begins: str = "00:00", ends: str = "24:00", zone: str = "UTC") -> Window:
    """Open on some days, whole or from one time of day until another. Holidays are `~days(...)`.

    It is open while the clocks in the zone show such a day and time. So what they skip in spring
    isn't there, and what they show twice in autumn is there twice.

    Args:
        days: of each week: "Monday", "Monday to Friday"; of each month: "second Tuesday", "last
            Friday"; of each year: "12-25", "12-24 to 01-01", "fourth Thursday of November"; or
            once: "2026-12-25". Both ends of a range are included.
        begins: a time of day, such as "09:00".
        ends: likewise, not included; "24:00" is the end of the day.
        zone: a zone's IANA name.

    Raises:
        DefinitionError: no days, or none that are ever; no times of day, or an end that isn't after
            the begin; an unknown zone.
    """
    return Days(days, begins=begins, ends=ends, zone=zone)


def business_hours(
    zone: str, *, days: str = "Monday to Friday", begins: str = "09:00", ends: str = "17:00"
) -> Window:
    """Open while people work who could help. Holidays are taken out with `& ~days(...)`.

    Args:
        zone: a zone's IANA name.
        days: as in `days`.
        begins: a time of day.
        ends: a time of day, not included.

    Raises:
        DefinitionError: as in `days`.
    """
    return Days((days,), begins=begins, ends=ends, zone=zone)


def _each_once(given: Iterable[str]) -> tuple[str, ...]:
    items = several(given)
    is_sortable = isinstance(items, tuple) and all(isinstance(item, str) for item in items)
    return tuple(sorted({*items})) if is_sortable else items


def _some(_: object, field: attrs.Attribute[Any], value: tuple[str, ...]) -> None:
    if not value:
        raise DefinitionError(field.name, value, calendars.MEND)


def _time_of_day(_: object, field: attrs.Attribute[str], value: object) -> None:
    if not isinstance(value, str) or not _TIME_OF_DAY.fullmatch(value):
        raise DefinitionError(field.name, value, 'give a time of day, such as "09:00"')


@attrs.frozen(repr=False)
class Days(Window):
    """Hold on which days a window is open, and from when until when. Make one with `days`.

    Args:
        days: as in `days`.
        begins: a time of day.
        ends: a time of day, not included.
        zone: where the clocks hang that count.
    """

    days: tuple[str, ...] = attrs.field(converter=_each_once, validator=[a(tuple), _some])
    begins: str = attrs.field(default="00:00", kw_only=True, validator=_time_of_day)
    ends: str = attrs.field(default="24:00", kw_only=True, validator=_time_of_day)
    zone: str = attrs.field(default="UTC", kw_only=True)
    _zone: tzinfo = attrs.field(init=False, eq=False)
    _minutes: range = attrs.field(init=False, eq=False)
    _rules: tuple[Rule, ...] = attrs.field(init=False, eq=False)
    _dates: frozenset[date] = attrs.field(init=False, eq=False)

    def __attrs_post_init__(self) -> None:
        put, told = object.__setattr__, [calendars.read(text) for text in self.days]
        put(self, "_zone", named(self.zone))
        put(self, "_minutes", range(_minute(self.begins), _minute(self.ends)))
        put(self, "_rules", tuple(each for each in told if not isinstance(each, date)))
        put(self, "_dates", frozenset(each for each in told if isinstance(each, date)))
        if not self._minutes:
            mend = "let it end after it begins; to go on over midnight, join two windows with `|`"
            raise DefinitionError("ends", self.ends, mend)
        check_opens(self)

    def contains(self, at: datetime) -> bool:
        """Tell whether the window is open.

        Raises:
            DefinitionError: `at` has no zone.
        """
        return self._has(shown(instant(at), self._zone))

    def flip(self, at: datetime, until: datetime) -> datetime | None:
        """Return when it first opens or closes after `at`, up to `until`, in UTC; else None."""
        is_open = self.contains(at)
        while at < until:
            wall = shown(at, self._zone)
            # Clocks are put forward by a day at most. When they are put back, they show again what
            # they have shown, and that isn't more than a day either.
            edge = self._edge_after(wall, wall + (until - at) + _DAY)
            later = at + (edge - wall if edge else 2 * _DAY)
            shift = first_shift(self._zone, at, min(later, until))
            if not shift:
                return later if edge and later <= until else None
            at = shift
            if self.contains(at) != is_open:
                return at
        return None

    def times(self) -> Iterator[datetime]:
        """Find the dates on which it opens once."""
        return (datetime.combine(each, time.min, UTC) for each in self._dates)

    def zone_at(self, flip: datetime) -> str:
        """Return the zone that it was given."""
        return self.zone

    def __repr__(self) -> str:
        defaults = {"begins": "00:00", "ends": "24:00", "zone": "UTC"}
        given = {name: getattr(self, name) for name in defaults}
        named = [f"{name}={it!r}" for name, it in given.items() if it != defaults[name]]
        return f"days({', '.join([*map(repr, self.days), *named])})"

    def _has(self, wall: datetime) -> bool:
        return 60 * wall.hour + wall.minute in self._minutes and self._has_day(wall.date())

    def _has_day(self, day: date) -> bool:
        return day in self._dates or any(holds(day) for holds in self._rules)

    def _edge_after(self, wall: datetime, until: datetime) -> datetime | None:
        """Return when clocks that are never put forward or back show the window open or close."""
        is_open = self._has(wall)
        for day in self._days_from(wall.date(), until.date()):
            midnight = datetime.combine(day, time.min)
            for minute in (self._minutes.start, self._minutes.stop):
                edge = midnight + timedelta(minutes=minute)
                if edge > wall and self._has(edge) != is_open:
                    return edge
        return None

    def _days_from(self, first: date, last: date) -> Iterable[date]:
        if not self._rules:
            return (day for day in sorted(self._dates) if day >= first)
        every = (first + number * _DAY for number in range((last - first).days + 1))
        return filter(self._has_day, every)


def _minute(text: str) -> int:
    return 60 * int(text[:2]) + int(text[3:])
