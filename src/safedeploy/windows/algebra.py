"""Algebra: what every window can do, and windows that are made of others."""

from __future__ import annotations

import abc
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any, ClassVar

import attrs

from safedeploy.errors import DefinitionError
from safedeploy.validators import a, each
from safedeploy.windows.calendars import MONTHS, WEEKDAYS
from safedeploy.windows.zones import instant, named, shown

HORIZON = timedelta(days=12 * 366)
"""How far ahead a window is searched for where it opens or closes: 12 years.

Any day of the year has fallen on any weekday by then, with one exception: 29 February.
"""

_SOON = timedelta(days=8)
_ANY_TIME = datetime(2020, 1, 1, tzinfo=UTC)


class Window(abc.ABC):
    """Compose with `&`, `|` and `~`, and ask with `contains`. What every window can do.

    A window is a set of instants. Every question is about an instant `at`, a datetime with a zone;
    answers are in UTC, and the same whenever they are asked.
    """

    __slots__ = ()

    @abc.abstractmethod
    def contains(self, at: datetime) -> bool:
        """Tell whether the window is open.

        Raises:
            DefinitionError: `at` has no zone.
        """

    @abc.abstractmethod
    def flip(self, at: datetime, until: datetime) -> datetime | None:
        """Return when it first opens or closes after `at`, up to `until`, in UTC; else None."""

    @abc.abstractmethod
    def times(self) -> Iterator[datetime]:
        """Find the instants that it was given, to within a day. Anything else of it recurs."""

    @abc.abstractmethod
    def zone_at(self, flip: datetime) -> str:
        """Return the zone of that part of it which opens or closes at an instant."""

    def next_change(self, at: datetime) -> datetime | None:
        """Return when it first opens or closes after `at`; None if it doesn't within 12 years.

        Raises:
            DefinitionError: `at` has no zone.
        """
        now = instant(at)
        return self.flip(now, now + HORIZON)

    def opens(self, at: datetime) -> datetime | None:
        """Return the first instant from `at` on at which it is open; None if none is in 12 years.

        Raises:
            DefinitionError: `at` has no zone.
        """
        return instant(at) if self.contains(at) else self.next_change(at)

    def explain(self, at: datetime) -> str:
        """Say when the window opens or, if it is open, until when.

        Raises:
            DefinitionError: `at` has no zone.
        """
        is_open, flip = self.contains(at), self.next_change(at)
        if flip is None:
            told = "is open, and doesn't close" if is_open else "doesn't open"
            return f"the window {told} within 12 years"
        told = "is open until" if is_open else "opens"
        return f"the window {told} {_told(flip, at, self.zone_at(flip))}"

    def __and__(self, other: Window) -> Window:
        """Open while both are open."""
        return _joined(Intersection, self, other)

    def __or__(self, other: Window) -> Window:
        """Open while either is open."""
        return _joined(Union, self, other)

    def __invert__(self) -> Window:
        """Open while this one is closed."""
        return self.window if isinstance(self, Complement) else Complement(self)


def check_opens(window: Window) -> None:
    """Refuse a window that never opens, as far as can be found.

    It is searched from 12 years before the first date that was given until 12 years after the last;
    without any, it recurs, and is searched from 2020.

    Raises:
        DefinitionError: it never opens.
    """
    times = [*window.times()]
    since = min(times) - HORIZON if times else _ANY_TIME
    until = max(times, default=_ANY_TIME) + HORIZON
    if not window.contains(since) and window.flip(since, until) is None:
        raise DefinitionError("window", window, "let it open at some time: it doesn't for 12 years")


def _canonical(given: Iterable[Window]) -> tuple[Window, ...]:
    # Once each, in the order of what they look like, so that the same parts make equal windows.
    parts = {repr(part): part for part in given} if isinstance(given, Iterable) else {}
    return tuple(part for _, part in sorted(parts.items()))


def _at_least_two(_: object, field: attrs.Attribute[Any], parts: tuple[Window, ...]) -> None:
    if len(parts) < 2:
        raise DefinitionError(field.name, parts, "give two different windows, or more")


@attrs.frozen(repr=False)
class _Several(Window):
    parts: tuple[Window, ...] = attrs.field(
        converter=_canonical, validator=[each(Window), _at_least_two]
    )

    settled: ClassVar[bool]
    """What the whole is as soon as one part is."""

    def contains(self, at: datetime) -> bool:
        """Tell whether the window is open.

        Raises:
            DefinitionError: `at` has no zone.
        """
        is_settled = self.settled in (part.contains(at) for part in self.parts)
        return is_settled == self.settled

    def flip(self, at: datetime, until: datetime) -> datetime | None:
        """Return when it first opens or closes after `at`, up to `until`, in UTC; else None."""
        settling = self._settling(at)
        if not settling:
            return self._first_flip(at, until)
        while settling:  # it stays so until the last of them has changed, and none came instead
            flips = [flip for part in settling if (flip := part.flip(at, until))]
            if len(flips) < len(settling):
                return None
            at = max(flips)
            settling = self._settling(at)
        return at

    def times(self) -> Iterator[datetime]:
        """Find the instants that its parts were given."""
        for part in self.parts:
            yield from part.times()

    def zone_at(self, flip: datetime) -> str:
        """Return the zone of the first part that opens or closes at an instant."""
        before = flip - timedelta.resolution
        flips = (part for part in self.parts if part.contains(before) != part.contains(flip))
        return next(flips).zone_at(flip)

    def _first_flip(self, at: datetime, until: datetime) -> datetime | None:
        for end in (min(at + _SOON, until), until):  # most change soon; years are dear to search
            if flips := [flip for part in self.parts if (flip := part.flip(at, end))]:
                return min(flips)
        return None

    def _settling(self, at: datetime) -> list[Window]:
        return [part for part in self.parts if part.contains(at) == self.settled]


@attrs.frozen(repr=False)
class Intersection(_Several):
    """Open while all of several windows are open. Make one with `&`.

    Raises:
        DefinitionError: it never opens, or has fewer than two parts.
    """

    settled = False

    def __attrs_post_init__(self) -> None:
        check_opens(self)

    def __repr__(self) -> str:
        return " & ".join(f"({it!r})" if isinstance(it, Union) else repr(it) for it in self.parts)


@attrs.frozen(repr=False)
class Union(_Several):
    """Open while any of several windows is open. Make one with `|`.

    Raises:
        DefinitionError: it has fewer than two parts.
    """

    settled = True

    def __repr__(self) -> str:
        return " | ".join(map(repr, self.parts))


@attrs.frozen(repr=False)
class Complement(Window):
    """Open while another window is closed: what a freeze is. Make one with `~`.

    Raises:
        DefinitionError: it never opens, because the other never closes.
    """

    window: Window = attrs.field(validator=a(Window))

    def __attrs_post_init__(self) -> None:
        check_opens(self)

    def contains(self, at: datetime) -> bool:
        """Tell whether the window is open.

        Raises:
            DefinitionError: `at` has no zone.
        """
        return not self.window.contains(at)

    def flip(self, at: datetime, until: datetime) -> datetime | None:
        """Return when it first opens or closes after `at`, up to `until`, in UTC; else None."""
        return self.window.flip(at, until)

    def times(self) -> Iterator[datetime]:
        """Find the instants that the other window was given."""
        return self.window.times()

    def zone_at(self, flip: datetime) -> str:
        """Return the zone of that part of it which opens or closes at an instant."""
        return self.window.zone_at(flip)

    def __repr__(self) -> str:
        inner = repr(self.window)
        return f"~({inner})" if isinstance(self.window, _Several) else f"~{inner}"


def _joined(kind: type[Intersection | Union], *windows: Window) -> Window:
    parts = [part for it in windows for part in (it.parts if isinstance(it, kind) else (it,))]
    return kind(tuple(parts)) if len({*map(repr, parts)}) > 1 else windows[0]


def _told(time: datetime, at: datetime, zone: str) -> str:
    clock, today = shown(time, named(zone)), shown(at, named(zone)).date()
    day = WEEKDAYS[clock.weekday()]
    if (clock.date() - today).days > 6:  # the same weekday comes before
        day = f"{day} {clock.day} {MONTHS[clock.month - 1]} {clock.year}"
    time_of_day = clock.time().isoformat("auto" if clock.second else "minutes")
    return f"{day} {time_of_day} ({zone})"
