"""Fields of flags: what they take, and what they make of it."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from datetime import date, datetime
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, TypeVar

import attrs

from safedeploy import validators
from safedeploy.digests import digest
from safedeploy.errors import DefinitionError
from safedeploy.flags.rules import Prerequisite, Rule

if TYPE_CHECKING:
    from safedeploy.flags.definitions import FeatureFlag

T = TypeVar("T")

MOST_BITS = 14_000
"""How large a whole number may be that is a variant's value."""

MOST_PREREQUISITES = 32
"""How many prerequisites a flag may have, those of its prerequisites counted."""

SWITCH: Mapping[str, bool] = MappingProxyType({"on": True, "off": False})
"""The variants of a boolean flag: one mapping for all of them."""

_SIMPLE = frozenset({str, bool, type(None)})
_CONSTANT = _SIMPLE | {int, float}


def several_rules(given: Iterable[Rule]) -> tuple[Rule, ...]:
    """Convert any iterable of rules to a tuple."""
    return validators.several(given)


def several_prerequisites(given: Iterable[Prerequisite]) -> tuple[Prerequisite, ...]:
    """Convert any iterable of prerequisites to a tuple."""
    return validators.several(given)


def kept(given: Mapping[str, T]) -> Mapping[str, T]:
    """Return values by name, as a mapping that can't be changed.

    Raises:
        DefinitionError: no values, or one that no record or file could hold.
    """
    if given is SWITCH:
        return given
    named = isinstance(given, Mapping) and _named(given)
    if not named or not given:
        raise DefinitionError("variants", given, "give at least one value, by variant name")
    for name, value in given.items():
        if type(value) not in _SIMPLE and not _can_be_kept(value):
            mend = f"let {name!r} be JSON or a member of an enum, of fewer digits and less nesting"
            raise DefinitionError("variants", type(value).__qualname__, mend)
    return MappingProxyType(dict(given))


def are_simple(variants: Mapping[str, object]) -> bool:
    """Tell whether no value can be changed by whoever is served it."""
    return variants is SWITCH or _CONSTANT.issuperset(map(type, variants.values()))


def _named(given: Mapping[Any, object]) -> bool:
    return {*map(type, given)} == {str} or all(isinstance(name, str) for name in given)


def _can_be_kept(value: object) -> bool:
    if isinstance(value, float):
        return not math.isnan(value)  # which wouldn't equal itself
    if isinstance(value, int):
        return value.bit_length() <= MOST_BITS
    try:
        return bool(digest(value))
    except (DefinitionError, ValueError, RecursionError, OverflowError):
        return False


def day(given: Any) -> Any:
    """Convert the ISO text of a date; leave anything else alone, for a validator to refuse."""
    try:
        return date.fromisoformat(given) if isinstance(given, str) else given
    except ValueError:
        return given


def check_day(_: object, field: attrs.Attribute[Any], value: object) -> None:
    """Refuse what is no date."""
    if value is not None and (not isinstance(value, date) or isinstance(value, datetime)):
        raise DefinitionError(field.name, value, "give a date, such as '2026-12-31'")


def off_by_default(flag: FeatureFlag[Any]) -> Any:
    """Return what is served when a flag is off, where nobody says; a split is refused later."""
    return flag.default


def optional(kind: type) -> Any:
    """Return a validator that refuses what is neither None nor of a kind."""
    return attrs.validators.optional(validators.a(kind))


def check_prerequisites(flag: FeatureFlag[Any]) -> None:
    """Refuse prerequisites that lead back to the flag, or are too many.

    Raises:
        DefinitionError: they do, or are.
    """
    number, left = 0, list(flag.prerequisites)
    while left:
        found = left.pop()
        number += 1
        if found.key == flag.key:
            raise DefinitionError("prerequisites", found.key, "let none lead back to the flag")
        if number > MOST_PREREQUISITES:
            mend = f"use {MOST_PREREQUISITES} at most, those of prerequisites counted"
            raise DefinitionError("prerequisites", number, mend)
        left += found.flag.prerequisites if found.flag is not None else ()
