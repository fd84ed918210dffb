"""Calendars: which days are meant by the words for them."""

from __future__ import annotations

import re
from collections.abc import Callable, Container
from datetime import date, timedelta
from functools import partial
from typing import TypeAlias

from safedeploy.errors import DefinitionError

Rule: TypeAlias = Callable[[date], bool]

WEEKDAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
MONTHS = (
    *("January", "February", "March", "April", "May", "June", "July"),
    *("August", "September", "October", "November", "December"),
)
MEND = (
    'give days such as "Monday", "Monday to Friday", "second Tuesday", "last Friday of November",'
    ' "12-25", "12-24 to 01-01" or "2026-12-25"'
)

_ORDINALS = ("first", "second", "third", "fourth", "fifth", "last")
_LAST = _ORDINALS.index("last")
_WEEK = timedelta(days=7)


def read(text: str) -> Rule | date:
    """Return what tells whether a day is meant by a text; the date, if it is only one.

    Raises:
        DefinitionError: the text says no days, or a date before 1970 or after 2199.
    """
    for form, made in _FORMS:
        if isinstance(text, str) and (found := form.fullmatch(text)):
            try:
                return made(*found.groups())
            except ValueError:  # no calendar has such a date
                break
    raise DefinitionError("days", text, MEND)


def _weekly(begin: str, end: str | None) -> Rule:
    return partial(_is_in, date.weekday, WEEKDAYS.index(begin), WEEKDAYS.index(end or begin))


def _yearly(begin: str, end: str | None) -> Rule:
    # Of the year 2000, which has a 29 February.
    first, last = (date.fromisoformat(f"2000-{text}") for text in (begin, end or begin))
    return partial(_is_in, _month_and_day, _month_and_day(first), _month_and_day(last))


def _month_and_day(day: date) -> int:
    return 100 * day.month + day.day


def _is_in(number: Callable[[date], int], begin: int, end: int, day: date) -> bool:
    if begin <= end:
        return begin <= number(day) <= end
    return not end < number(day) < begin  # over the end of the week or the year


def _monthly(ordinal: str, weekday: str, month: str | None) -> Rule:
    months = range(1, 13) if month is None else (MONTHS.index(month) + 1,)
    return partial(_is_nth, _ORDINALS.index(ordinal), WEEKDAYS.index(weekday), months)


def _is_nth(number: int, weekday: int, months: Container[int], day: date) -> bool:
    if day.weekday() != weekday or day.month not in months:
        return False
    return (day + _WEEK).month != day.month if number == _LAST else (day.day - 1) // 7 == number


def _once(text: str) -> date:
    return date.fromisoformat(text)


def _forms(**words: str) -> tuple[tuple[re.Pattern[str], Callable[..., Rule | date]], ...]:
    return tuple(
        (re.compile(form.format(**words)), made)
        for form, made in (
            ("({day})(?: to ({day}))?", _weekly),
            ("({nth}) ({day})(?: of ({month}))?", _monthly),
            ("({date})(?: to ({date}))?", _yearly),
            ("((?:19[7-9][0-9]|2[01][0-9][0-9])-{date})", _once),
        )
    )


_FORMS = _forms(
    day="|".join(WEEKDAYS),
    nth="|".join(_ORDINALS),
    month="|".join(MONTHS),
    date="[0-9][0-9]-[0-9][0-9]",
)
