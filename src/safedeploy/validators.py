"""Validators: what the fields of a definition must be, said once, with the mend."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from datetime import timedelta
from types import MappingProxyType
from typing import Any, TypeAlias, TypeVar

import attrs

from safedeploy.errors import DefinitionError

T = TypeVar("T")

Validator: TypeAlias = Callable[[Any, "attrs.Attribute[Any]", Any], None]

ADDED: Mapping[str, bool] = MappingProxyType({"added": True})
"""Metadata of a field that its kind gained after records of the kind were first kept.

A record leaves such a field out while it has its default, so that earlier versions can read it.
"""

NOTHING: Mapping[Any, Any] = MappingProxyType({})
"""An empty mapping that can't be changed: fields may have it as their default."""


def text(_: object, field: attrs.Attribute[str], value: object) -> None:
    """Refuse what isn't a text with something in it."""
    if not isinstance(value, str) or not value.strip():
        raise DefinitionError(field.name, value, "give a text that isn't empty")


def duration(_: object, field: attrs.Attribute[timedelta], value: object) -> None:
    """Refuse what isn't a timedelta of zero or more."""
    if not isinstance(value, timedelta) or value < timedelta(0):
        raise DefinitionError(field.name, value, "give a timedelta that isn't negative")


def real(value: float) -> float:
    """Convert a whole number, so that 2 and 2.0 make one definition; leave anything else alone."""
    return float(value) if type(value) is int else value


def frozen(given: Mapping[Any, Any]) -> Mapping[Any, Any]:
    """Convert a mapping to one that can't be changed; leave anything else alone."""
    if given is NOTHING or not isinstance(given, Mapping):
        return given
    return MappingProxyType(dict(given)) if given else NOTHING


def several(given: Iterable[T]) -> tuple[T, ...]:
    """Convert any iterable to a tuple; leave anything else alone, for a validator to refuse."""
    # It is known sooner what is a tuple than what is iterable.
    return tuple(given) if isinstance(given, (tuple, Iterable)) else given


def a(*kinds: type) -> Validator:
    """Return a validator that refuses what is of no such kind."""
    names = " or ".join(kind.__name__ for kind in kinds)
    mend = f"give {'an' if names[0].upper() in 'AEIOU' else 'a'} {names}"

    def check(_: object, field: attrs.Attribute[Any], value: object) -> None:
        if type(value) in kinds:
            return  # sooner than by asking
        # To Python a truth value is a number.
        if not isinstance(value, kinds) or (isinstance(value, bool) and {*kinds} <= {int, float}):
            raise DefinitionError(field.name, value, mend)

    return check


def between(low: float, high: float, mend: str) -> Validator:
    """Return a validator that refuses what is no float between two others."""
    check_float = a(float)

    def check(definition: object, field: attrs.Attribute[Any], value: float) -> None:
        check_float(definition, field, value)
        if not low < value < high:
            raise DefinitionError(field.name, value, mend)

    return check


def each(*kinds: type) -> Validator:
    """Return a validator that refuses what isn't a tuple of such kinds."""
    check_one, check_tuple = a(*kinds), a(tuple)

    def check(definition: object, field: attrs.Attribute[Any], values: Iterable[object]) -> None:
        check_tuple(definition, field, values)
        for value in values:
            check_one(definition, field, value)

    return check
