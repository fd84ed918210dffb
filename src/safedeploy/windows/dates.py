"""Dates: windows from one time to another, or from one time on."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime, time
from typing import Any

import attrs

from safedeploy.errors import DefinitionError
from safedeploy.windows.algebra import Window
from safedeploy.windows.zones import first_showing, instant, named


def between(begin: str | date, end: str | date, *, zone: str = "UTC") -> Window:
    """Open from one time until another, the end not included. A freeze is `~between(...)`.

    A date is its first moment, so `between("2026-12-24", "2026-12-27")` has three days.

    Args:
        begin: a date or a datetime, or the text of one: "2026-12-24", "2026-12-24 17:00". Without
            an offset it is what the clocks show in the zone: a time that they show twice is the
            first of the two; one that they skip is when they skip it.
        end: likewise.
        zone: a zone's IANA name.

    Raises:
        DefinitionError: no time, or one before 1970 or after 2199; an end that isn't after the
            begin; an unknown zone.
    """
    if not isinstance(end, str | date):
        raise DefinitionError("end", end, "give a date, or say since(...) for what has no end")
    return Between(begin, end, zone=zone)


def since(begin: str | date, *, zone: str = "UTC") -> Window:
    """Open from one time on, for ever. A freeze without an end is `~since(...)`.

    Args:
        begin: as in `between`.
        zone: a zone's IANA name.

    Raises:
        DefinitionError: no time, or one before 1970 or after 2199; an unknown zone.
    """
    return Between(begin, zone=zone)


def _time(given: Any) -> Any:
    """Convert dates and texts to datetimes; leave anything else for a validator to refuse."""
    if isinstance(given, str):
        try:
            given = datetime.fromisoformat(given)
        except ValueError:
            return given
    if not isinstance(given, datetime):
        return datetime.combine(given, time.min) if isinstance(given, date) else given
    if given.utcoffset() is None:
        return given.replace(tzinfo=None)
    return given.astimezone(UTC) if 1 < given.year < 9999 else given


def _near(_: object, field: attrs.Attribute[datetime], value: object) -> None:
    if not isinstance(value, datetime) or not 1970 <= value.year < 2200:
        mend = "give a date, such as 2026-12-18, or a datetime, of the years 1970 to 2199"
        raise DefinitionError(field.name, value, mend)


@attrs.frozen(repr=False)
class Between(Window):
    """Hold when a window opens and closes. Make one with `between` or `since`.

    Args:
        begin: without a zone, what the clocks show; or in UTC.
        end: likewise; None is never.
        zone: where those clocks hang.
    """

    begin: datetime = attrs.field(converter=_time, validator=_near)
    end: datetime | None = attrs.field(
        default=None, converter=_time, validator=attrs.validators.optional(_near)
    )
    zone: str = attrs.field(default="UTC", kw_only=True)
    _edges: tuple[datetime, ...] = attrs.field(init=False, eq=False)

    def __attrs_post_init__(self) -> None:
        zone = named(self.zone)
        given = [each for each in (self.begin, self.end) if each]
        edges = [each if each.tzinfo else first_showing(each, zone) for each in given]
        if edges != sorted({*edges}):
            raise DefinitionError("end", self.end, f"let it end after it begins, {self.begin}")
        object.__setattr__(self, "_edges", tuple(edges))

    def contains(self, at: datetime) -> bool:
        """Tell whether the window is open.

        Raises:
            DefinitionError: `at` has no zone.
        """
        now = instant(at)
        return sum(edge <= now for edge in self._edges) == 1

    def flip(self, at: datetime, until: datetime) -> datetime | None:
        """Return when it first opens or closes after `at`, up to `until`, in UTC; else None."""
        return next((edge for edge in self._edges if at < edge <= until), None)

    def times(self) -> Iterator[datetime]:
        """Find the instants at which it opens and closes."""
        return iter(self._edges)

    def zone_at(self, flip: datetime) -> str:
        """Return the zone that it was given."""
        return self.zone

    def __repr__(self) -> str:
        times = ", ".join(repr(_written(each)) for each in (self.begin, self.end) if each)
        zone = "" if self.zone == "UTC" else f", zone={self.zone!r}"
        return f"{'between' if self.end else 'since'}({times}{zone})"


def _written(time: datetime) -> str:
    precise = time.second or time.microsecond
    text = time.isoformat(" ", "auto" if precise else "minutes")
    return text.removesuffix(" 00:00")
