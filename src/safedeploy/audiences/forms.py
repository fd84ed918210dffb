"""Forms of attributes: what they may be, and what is said where they aren't."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import datetime
from typing import Any, TypeAlias

from safedeploy.contexts import Context

Asked: TypeAlias = tuple[str, tuple[str, ...], frozenset[type]]
"""The name of an attribute, the names of the types that it may have, and those classes of Python
whose values always are of such a type.
"""

LONGEST_MOMENT = 40
"""How many characters a time may have."""


def asking(name: str, *types: str) -> Asked:
    """Say that an attribute is asked for, and what it may be."""
    sure = (kind for each in types for kind in _SURE.get(each, ()))
    return name, types, frozenset(sure)


def typed(value: object, name: str) -> Any:
    """Return a value as one of a type, which has a name for people; None where it isn't one."""
    return _TYPES[name](value)


def lacking(context: Context, asked: Iterable[Asked]) -> list[str]:
    """Say which attributes are missing, or of a type that can't match; never what they are."""
    said: list[str] = []
    for name, types, sure in asked:
        found = context.held.get(name)
        if type(found) in sure:
            continue
        if found is None:
            said.append(f"missing: attribute {name!r}")
        elif all(typed(found, each) is None for each in types):
            said.append(f"no {' or '.join(types)}: attribute {name!r}")
    return said


# Types. To Python a truth value is a number; to a definition it isn't.


def _number(value: object) -> float | None:
    return value if isinstance(value, int | float) and not isinstance(value, bool) else None


def _time(value: object) -> datetime | None:
    if isinstance(value, str) and len(value) <= LONGEST_MOMENT:
        try:
            value = datetime.fromisoformat(value)
        except ValueError:
            return None
    return value if isinstance(value, datetime) and value.utcoffset() is not None else None


def _version(value: object) -> Any:
    from safedeploy.audiences.versions import precedence

    return precedence(value) if isinstance(value, str) else None


def _of(kind: type) -> Callable[[object], object]:
    return lambda value: value if isinstance(value, kind) else None


_TYPES: dict[str, Callable[[object], Any]] = {
    "text": _of(str),
    "truth value": _of(bool),
    "number": _number,
    "whole number": lambda value: value if isinstance(_number(value), int) else None,
    "time": _of(datetime),
    "list": _of(tuple),
    "time with a zone": _time,
    "version": _version,
}


_SURE: dict[str, tuple[type, ...]] = {
    "text": (str,),
    "truth value": (bool,),
    "number": (int, float),
    "time": (datetime,),
    "list": (tuple,),
}
