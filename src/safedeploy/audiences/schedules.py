"""Schedules: audiences that are there for a time."""

from __future__ import annotations

from datetime import UTC, datetime, tzinfo
from typing import Any

import attrs

from safedeploy.audiences.algebra import Audience, Now, Predicate, untold
from safedeploy.contexts import Context
from safedeploy.errors import DefinitionError


def _moment(_: object, field: attrs.Attribute[Any], value: object) -> None:
    if value is not None and not isinstance(value, datetime):
        raise DefinitionError(field.name, value, "give a datetime, or nothing")


@attrs.frozen(repr=False)
class Schedule(Audience):
    """Let everybody in from one moment until another, and nobody where the time isn't known.

    Flags that have one need the time: an engine has a clock, and a flag alone is asked with
    `resolve(context, at=...)`.

    Args:
        since: when it begins; a time without a zone is a wall clock's in `zone`. Of a time that a
            clock shows twice the first counts. From the beginning, unless given.
        until: when it is over, at that very moment. Never, unless given.
        zone: the name of a time zone, "Europe/Berlin" say.

    Raises:
        DefinitionError: neither moment is given, one comes before the other, or an unknown zone.
    """

    since: datetime | None = attrs.field(default=None, validator=_moment)
    until: datetime | None = attrs.field(default=None, validator=_moment)
    zone: str = attrs.field(default="UTC", kw_only=True)

    def __attrs_post_init__(self) -> None:
        since, until = self._moments
        if since is None and until is None:
            raise DefinitionError("since", None, "give a begin, an end, or both")
        if since and until and until <= since:
            raise DefinitionError("until", self.until, f"let it end after {self.since}")

    def __repr__(self) -> str:
        """Show it as it is written."""
        given = [f"{name}={value!r}" for name, value in self._given if value not in {None, "UTC"}]
        return f"Schedule({', '.join(given)})"

    def is_timed(self) -> bool:
        """Tell that a schedule has a say in it."""
        return True

    def predicate(self, salt: str, now: Now = untold) -> Predicate:
        """Return a function that asks for the time."""
        since, until = self._moments

        def is_in(_: Context) -> bool:
            at = now()
            return (
                at is not None and (since is None or since <= at) and (until is None or at < until)
            )

        return is_in

    def told(self, context: Context, salt: str, now: Now = untold) -> str:
        """Return the time, and what it is held against."""
        at, (since, until) = now(), self._moments
        if at is None:
            return "the time isn't known"
        if since and at < since:
            return f"{at.isoformat()} is before {since.isoformat()}"
        if until and at >= until:
            return f"{at.isoformat()} isn't before {until.isoformat()}"
        return f"{at.isoformat()} is in time"

    @property
    def _given(self) -> tuple[tuple[str, object], ...]:
        return (("since", self.since), ("until", self.until), ("zone", self.zone))

    @property
    def _moments(self) -> tuple[datetime | None, datetime | None]:
        zone = _zone(self.zone)
        return _in(zone, "since", self.since), _in(zone, "until", self.until)


def _in(zone: tzinfo, field: str, value: datetime | None) -> datetime | None:
    if value is None:
        return None
    try:
        return (value if value.utcoffset() is not None else value.replace(tzinfo=zone)).astimezone(
            UTC
        )
    except OverflowError:
        raise DefinitionError(field, value, "give a time of the years 2 to 9998") from None


def _zone(name: object) -> tzinfo:
    if name == "UTC":
        return UTC
    from zoneinfo import ZoneInfo

    try:
        return ZoneInfo(name)  # type: ignore[arg-type]
    except (LookupError, ValueError, TypeError, OSError):
        mend = "give a name such as 'Europe/Berlin'; where none is known, install tzdata"
        raise DefinitionError("zone", name, mend) from None
