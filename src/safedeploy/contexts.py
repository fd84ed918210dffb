"""Contexts: for whom a flag is evaluated."""

from __future__ import annotations

import math
import struct
from collections.abc import Iterable, Mapping
from datetime import datetime
from hashlib import blake2b
from types import MappingProxyType
from typing import TypeAlias, TypeGuard, cast

import attrs

Scalar: TypeAlias = str | bool | int | float | datetime
AttributeValue: TypeAlias = Scalar | tuple[Scalar, ...]

# Tuples, because a union would be built anew at every call. A bool is an int.
SCALARS = (str, int, float, datetime)
_SEQUENCES = (list, tuple, set, frozenset)
_FIRST_8_BYTES = struct.Struct(">Q").unpack_from
_NO_GROUPS: tuple[str, ...] = ()
_NOBODYS: frozenset[str] = frozenset()
_NOTHING: Mapping[str, AttributeValue] = MappingProxyType({})


@attrs.frozen(init=False, repr=False)
class Context:
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
        attributes: the usable attributes, read only.
        groups: the usable group names.
        absent: the names of what was left out.
        unit: 64 well mixed bits of the key, None where anonymous. `bucket` starts from them.
    """

    key: str | None
    attributes: Mapping[str, AttributeValue] = attrs.field(hash=False)
    groups: frozenset[str]
    absent: tuple[str, ...]
    unit: int | None

    def __init__(
        self,
        key: str | None = None,
        attributes: Mapping[str, object] | None = None,
        *,
        groups: Iterable[str] = _NO_GROUPS,
    ) -> None:
        # Written out by hand: contexts are made for every request, and generated code is slower.
        absent: list[str] = []
        put = object.__setattr__
        usable = _text(key)
        if usable is None and key is not None:
            absent.append("targeting key")
        put(self, "key", usable)
        put(self, "unit", None if usable is None else mixed(usable))
        put(self, "attributes", _NOTHING if attributes is None else _kept(attributes, absent))
        put(self, "groups", _NOBODYS if groups is _NO_GROUPS else _named(groups, absent))
        put(self, "absent", tuple(absent))

    def __repr__(self) -> str:
        """Show what the context has, and nothing of whom it is for."""
        whom = "anonymous" if self.key is None else "key=…"
        return f"Context({whom}, attributes={sorted(self.attributes)}, groups={len(self.groups)})"


def mixed(text: str) -> int:
    """Return 64 uniform bits of a text: the first 8 bytes, big endian, of its BLAKE2b digest.

    Frozen: cohorts are drawn from it, so it must never change.
    """
    (bits,) = _FIRST_8_BYTES(blake2b(text.encode("utf-8", "surrogatepass")).digest())
    return int(bits)


# Whatever a host passes, even an object that raises when it is looked at, nothing raises here.


def _text(value: object) -> str | None:
    try:
        return value if isinstance(value, str) and value else None
    except Exception:  # noqa: BLE001 - as above
        return None


def _kept(given: Mapping[str, object], absent: list[str]) -> Mapping[str, AttributeValue]:
    kept: dict[str, AttributeValue] = {}
    try:
        for name, value in given.items():
            usable = _usable(value)
            if isinstance(name, str) and usable is not None:
                kept[name] = usable
            else:
                absent.append(f"attribute {name!r}" if isinstance(name, str) else "attribute")
    except Exception:  # noqa: BLE001 - as above
        absent.append("attributes")
    return MappingProxyType(kept)


def _usable(value: object) -> AttributeValue | None:
    try:
        if _is_scalar(value):
            return value
        if not isinstance(value, _SEQUENCES):
            return None
        given = list(cast("Iterable[object]", value))
        kept = [item for item in given if _is_scalar(item)]
    except Exception:  # noqa: BLE001 - as above
        return None
    return tuple(kept) if len(kept) == len(given) else None


def _is_scalar(value: object) -> TypeGuard[Scalar]:
    return isinstance(value, SCALARS) and not (
        isinstance(value, float) and not math.isfinite(value)
    )


def _named(given: Iterable[str], absent: list[str]) -> frozenset[str]:
    try:
        names = [given] if isinstance(given, str) else list(given)
        kept = frozenset(name for name in names if isinstance(name, str))
        whole = all(isinstance(name, str) for name in names)
    except Exception:  # noqa: BLE001 - as above
        kept, whole = _NOBODYS, False
    if not whole:
        absent.append("groups")
    return kept
