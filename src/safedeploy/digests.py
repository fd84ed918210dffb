"""One canonical form for values, so that equal definitions have equal digests everywhere."""

from __future__ import annotations

import enum
import hashlib
import json
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import attrs

from safedeploy.errors import DefinitionError


def digest(value: object) -> str:
    """Return the SHA-256 of a value's canonical form, as 64 hex digits.

    Fields that don't count for equality (a check's callable, say) don't count here either; nor do
    those that have their default, so that a later version may add fields. So no default of a kind
    that is digested may ever change.

    Args:
        value: JSON scalars, enums, times, durations, and tuples, lists, sets, mappings or attrs
            values of these.

    Raises:
        DefinitionError: something inside has no canonical form.
    """
    try:
        text = json.dumps(_canonical(value), separators=(",", ":"))
    except DefinitionError:
        raise
    except (ValueError, OverflowError, RecursionError) as error:
        what = f"{type(value).__qualname__}: {type(error).__name__}"
        mend = "use numbers of fewer digits, times of the years 1 to 9999, and less nesting"
        raise DefinitionError("value", what, mend) from None
    return hashlib.sha256(text.encode()).hexdigest()


def _canonical(value: Any) -> object:
    if attrs.has(value.__class__):
        return _fields(value.__class__, value)
    for kinds, encode in _FORMS:
        if isinstance(value, kinds):
            return encode(value)
    raise DefinitionError(
        "value",
        type(value).__qualname__,
        "use JSON values, enums, times, durations or attrs values",
    )


def _fields(kind: type[Any], value: Any) -> object:
    told = {
        field.name: _canonical(getattr(value, field.name))
        for field in attrs.fields(kind)
        if field.eq and not is_default(field, value)
    }
    return [kind.__qualname__, told]


def is_default(field: attrs.Attribute[Any], value: Any) -> bool:
    """Tell whether a field of a value has its default."""
    default: Any = field.default
    if make := getattr(default, "factory", None):
        default = make(value) if default.takes_self else make()
    given = getattr(value, field.name)
    return type(given) is type(default) and bool(given == default)


def _time(value: datetime) -> object:
    # One moment has one form, whatever its zone; a time without a zone is no moment.
    return ["datetime", (value.astimezone(UTC) if value.tzinfo else value).isoformat()]


def _items(name: str, items: Iterable[Any]) -> list[object]:
    return [name, *(_canonical(item) for item in items)]


def _unordered(name: str, items: Iterable[Any]) -> list[object]:
    return [name, *sorted((_canonical(item) for item in items), key=json.dumps)]


# The order matters (an enum may be an int, too), and no form may ever change: digests are stored.
# Whatever isn't a scalar is a list that begins with its kind, so that no two kinds look alike.
_FORMS: tuple[tuple[Any, Callable[[Any], object]], ...] = (
    (enum.Enum, lambda value: [type(value).__qualname__, value.name]),
    ((type(None), bool, int, float, str), lambda value: value),
    (datetime, _time),
    (timedelta, lambda value: ["timedelta", value // timedelta(microseconds=1)]),
    ((tuple, list), lambda value: _items("list", value)),
    ((frozenset, set), lambda value: _unordered("set", value)),
    (Mapping, lambda value: _unordered("map", value.items())),
)
