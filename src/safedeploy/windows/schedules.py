"""Schedules: what a plan asks of its windows, beyond what each window asks of itself."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import attrs

from safedeploy.errors import DefinitionError
from safedeploy.windows.algebra import HORIZON, Window

_ANY_TIME = datetime(2020, 1, 1, tzinfo=UTC)
_DAYS = timedelta(days=2)


def recurs(_: object, field: attrs.Attribute[Any], value: object) -> None:
    """Refuse what is no window, and one that closes for good: a plan that is late could never end.

    Raises:
        DefinitionError: after the last date that was given, it is closed for 12 years.
    """
    if value is None:
        return
    if not isinstance(value, Window):
        raise DefinitionError(field.name, value, "give a window, such as business_hours(...)")
    last = max(value.times(), default=_ANY_TIME) + _DAYS  # they are told to within a day
    if not value.contains(last) and value.flip(last, last + HORIZON) is None:
        mend = "let it open again after its last date: give every freeze an end"
        raise DefinitionError(field.name, value, mend)


def joint(*windows: Window | None) -> Window | None:
    """Return the window in which all of several are open; None if there are none.

    Raises:
        DefinitionError: they are never open together.
    """
    whole: Window | None = None
    for window in windows:
        if window is not None:
            whole = window if whole is None else whole & window
    return whole
