"""Contexts: for whom a flag is evaluated."""

from __future__ import annotations

import math
import struct
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime, timezone
from hashlib import blake2b
from itertools import islice
from types import MappingProxyType, NoneType
from typing import Any, Self, TypeAlias, TypeVar, cast

import attrs

T = TypeVar("T")

MOST = 10_000
"""How many attributes, groups, or items of an attribute a context can have."""

Scalar: TypeAlias = str | bool | int | float | datetime
AttributeValue: TypeAlias = Scalar | tuple[Scalar, ...]

# Tuples, because a union would be built anew at every call. A bool is an int.
SCALARS = (str, int, float, datetime)
_SEQUENCES = (list, tuple, set, frozenset)
_FIRST_8_BYTES = struct.Struct(">Q").unpack_from
_NO_GROUPS: tuple[str, ...] = ()
_NOBODYS: frozenset[str] = frozenset()
_new = object.__new__
_NONE: tuple[str, ...] = ()
_PLAIN = frozenset({str, int, bool})
_NOTHING: Mapping[str, AttributeValue] = {}


class _Draft:
    """A context that isn't frozen yet.

    Contexts are made for every request, and setting the fields of what is frozen takes twice as
    long as all the rest.
    """

    __slots__ = ("__weakref__", "absent", "groups", "held", "key", "unit")


@attrs.frozen(init=False, repr=False)
class Context(_Draft):
    """Say for whom a flag is evaluated: a targeting key, attributes, and groups.

    Making one never raises. What can't be used is left out and named in `absent`; a resolution
    for this context says so. A context without a usable key is anonymous: it is in no percentage
    below 100 and is never tallied. The repr hides key and values, so that a log may hold it.

    Args:
        key: what identifies the user, device or tenant; a non-empty string.
        attributes: strings, booleans, finite numbers, times, or sequences of these, by name.
        groups: names of the groups that the user belongs to.

    Attributes:
        key: the targeting key; None where the context is anonymous.
        held: the usable attributes, for whoever is in a hurry; never change them.
        groups: the usable group names.
        absent: the names of what was left out.
        unit: 64 well mixed bits of the key, None where anonymous. `bucket` starts from them.
    """

    key: str | None
    held: Mapping[str, AttributeValue] = attrs.field(hash=False)
    groups: frozenset[str]
    absent: tuple[str, ...]
    unit: int | None

    def __new__(
        cls,
        key: str | None = None,
        attributes: Mapping[str, object] | None = None,
        *,
        groups: Iterable[str] = _NO_GROUPS,
    ) -> Self:
        """Make one, as a draft first."""
        self: Any = _new(_Draft)
        absent = _NONE
        if key is not None and (type(key) is not str or not key):
            key = _text(key)
            absent = _NONE if key else ("targeting key",)
        self.key = key
        try:
            # As `mixed` does; a call would cost a tenth of all this.
            self.unit = None if key is None else _FIRST_8_BYTES(blake2b(key.encode()).digest())[0]
        except UnicodeEncodeError:
            self.unit = None if key is None else mixed(key)
        self.held = _NOTHING if attributes is None else _usual(attributes)
        if self.held is None:
            self.held, left_out = _kept(attributes)
            absent += left_out
        self.groups = _NOBODYS
        if groups is not _NO_GROUPS:
            self.groups, left_out = _named(groups)
            absent += left_out
        self.absent = absent
        self.__class__ = cls
        return self  # type: ignore[no-any-return]

    @property
    def attributes(self) -> Mapping[str, AttributeValue]:
        """The usable attributes, read only."""
        return MappingProxyType(self.held)

    def __repr__(self) -> str:
        """Show what the context has, and nothing of whom it is for."""
        whom = "anonymous" if self.key is None else "key=…"
        return f"Context({whom}, attributes={sorted(self.attributes)}, groups={len(self.groups)})"


def mixed(text: str) -> int:
    """Return 64 uniform bits of a text: the first 8 bytes, big endian, of its BLAKE2b digest.

    Frozen: cohorts are drawn from it, so it must never change.
    """
    try:
        encoded = text.encode()
    except UnicodeEncodeError:  # half of a surrogate pair
        encoded = text.encode("utf-8", "surrogatepass")
    bits: int
    (bits,) = _FIRST_8_BYTES(blake2b(encoded).digest())
    return bits


# Whatever a host passes, even an object that raises when it is looked at, or never ends, nothing
# raises or goes on here; and nothing that is kept can raise later, because it is of a plain type.


def _text(value: object) -> str | None:
    if type(value) is str:
        return value or None
    try:
        plain = _plain(value)
        return plain if isinstance(plain, str) and plain else None
    except Exception:  # noqa: BLE001 - as above
        return None


def _usual(given: Any) -> Mapping[str, AttributeValue] | None:
    """Return the attributes as they are, by far the most frequent case; None in any other."""
    attributes: Any = given  # after the next line, type checkers take it for a dict of anything
    if type(given) is not dict:
        return None
    try:
        for name, value in attributes.items():
            if type(value) not in _PLAIN or type(name) is not str:
                return None
    except Exception:  # noqa: BLE001 - as above
        return None
    return {**attributes}


def _kept(given: Any) -> tuple[Mapping[str, AttributeValue], tuple[str, ...]]:
    kept: dict[str, AttributeValue] = {}
    absent: list[str] = []
    try:
        for name, value in _first(given.items(), absent):
            usable = _usable(value)
            if type(name) is str and usable is not None:
                kept[name] = usable
            else:
                absent.append(f"attribute {name!r}" if type(name) is str else "attribute")
    except Exception:  # noqa: BLE001 - as above
        absent.append("attributes")
    return kept, tuple(absent)


def _first(items: Iterable[T], absent: list[str]) -> Iterator[T]:
    """Go through so many items, and note that there are more."""
    for number, item in enumerate(items):
        if number == MOST:
            absent.append("attributes")
            return
        yield item


def _usable(value: object) -> AttributeValue | None:
    try:
        if (scalar := _plain(value)) is not None:
            return scalar
        if not isinstance(value, _SEQUENCES):
            return None
        given = list(islice(cast("Iterable[object]", value), MOST + 1))
        kept = [scalar for item in given if (scalar := _plain(item)) is not None]
    except Exception:  # noqa: BLE001 - as above
        return None
    return tuple(kept) if len(kept) == len(given) <= MOST else None


def _plain(value: object) -> Scalar | None:
    """Return a scalar as a value of the plain type; None where it is no usable one."""
    kind = type(value)
    if isinstance(value, str):
        return value if kind is str else str.__str__(value)
    if isinstance(value, int):
        return value if kind is int or kind is bool else int.__int__(value)
    if isinstance(value, float):
        number = float.__float__(value)
        return number if math.isfinite(number) else None
    return _moment(value) if isinstance(value, datetime) else None


def _moment(value: datetime) -> datetime:
    if type(value.tzinfo) not in (NoneType, timezone):
        # A zone is the host's code, too: what it says now is taken for good.
        value = datetime.astimezone(value, UTC)
    return value if type(value) is datetime else datetime.combine(value.date(), value.timetz())


def _named(given: Iterable[str]) -> tuple[frozenset[str], tuple[str, ...]]:
    try:
        names = [given] if isinstance(given, str) else list(islice(given, MOST + 1))
        texts = [text for name in names if isinstance(text := _plain(name), str)]
        kept, whole = frozenset(texts[:MOST]), len(texts) == len(names) <= MOST
    except Exception:  # noqa: BLE001 - as above
        kept, whole = _NOBODYS, False
    return kept, _NONE if whole else ("groups",)
