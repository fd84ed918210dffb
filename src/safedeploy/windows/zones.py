"""Zones: what the clocks on the wall show, and when they show it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, tzinfo
from zoneinfo import ZoneInfo

from safedeploy.errors import DefinitionError

# No zone was ever put to another offset twice within less time: Freetown came nearest, in 1939.
_STEADY = timedelta(days=3)


def named(name: str) -> tzinfo:
    """Return the zone of that name. All but UTC need time zone data.

    Raises:
        DefinitionError: there is no such zone, or no data on this machine.
    """
    if name == "UTC":
        return UTC
    if zone := _found(name):
        return zone
    mend = "give a zone of the IANA database, such as Europe/Berlin"
    if not _found("Etc/UTC"):
        mend = "install the package tzdata: this machine has no time zone data"
    raise DefinitionError("zone", name, mend)


def instant(at: datetime) -> datetime:
    """Return a time in UTC.

    Raises:
        DefinitionError: it has no zone, or isn't of the years 2 to 9900.
    """
    if not isinstance(at, datetime) or at.utcoffset() is None or not 2 <= at.year <= 9900:
        raise DefinitionError("at", at, "give a datetime with a zone, of the years 2 to 9900")
    return at.astimezone(UTC)


def shown(at: datetime, zone: tzinfo) -> datetime:
    """Return what the clocks show at an instant, as a datetime without a zone."""
    return at.astimezone(zone).replace(tzinfo=None)


def first_shift(zone: tzinfo, at: datetime, until: datetime) -> datetime | None:
    """Return when the clocks are first put to another offset after an instant, up to another."""
    offset = at.astimezone(zone).utcoffset()
    while at < until:
        later = min(at + _STEADY, until)
        if later.astimezone(zone).utcoffset() != offset:
            return _shift_between(zone, at, later)
        at = later
    return None


def first_showing(wall: datetime, zone: tzinfo) -> datetime:
    """Return the first instant at which the clocks show a time; a later one, if they skip it."""
    early, late = sorted(wall.replace(tzinfo=zone, fold=fold).astimezone(UTC) for fold in (0, 1))
    if shown(early, zone) == wall:
        return early
    return _shift_between(zone, early, late)


def _found(name: str) -> tzinfo | None:
    try:
        return ZoneInfo(name)
    except (
        LookupError,
        OSError,
        TypeError,
        ValueError,
    ):  # none, a folder, no name, no zone
        return None


def _shift_between(zone: tzinfo, low: datetime, high: datetime) -> datetime:
    offset = low.astimezone(zone).utcoffset()
    while high - low > timedelta.resolution:
        middle = low + (high - low) // 2
        is_before = middle.astimezone(zone).utcoffset() == offset
        low, high = (middle, high) if is_before else (low, middle)
    return high
