"""Leaves: the shapes of what has no fields: texts, numbers, times, and values of variants."""

from __future__ import annotations

import math
from collections.abc import Mapping
from datetime import date, datetime
from types import NoneType
from typing import Any

from safedeploy.audiences.comparisons import MOST_VALUES
from safedeploy.documents.faults import FaultError, below
from safedeploy.documents.shapes import Doubled, Shape, mismatch, several

DEEPEST_VALUE = 64
"""How deep the value of a variant may be nested."""

LONGEST_MOMENT = 40
"""How many characters a time may have."""

_WHOLE = 1 << 53

# Values of variants


def plain(_: object, value: Any, depth: int = 0) -> Any:
    """Return a value that JSON has, and nothing else.

    Raises:
        FaultError: something in it isn't JSON's.
    """
    kind: type[Any] = value.__class__
    if kind in {str, bool, int, NoneType} or (kind is float and math.isfinite(value)):
        return value
    if kind not in {list, dict}:
        raise _not_plain(value)
    if depth == DEEPEST_VALUE:
        raise FaultError(kind.__name__, f"nest values {DEEPEST_VALUE} deep at most")
    for step, part in enumerate(value) if kind is list else value.items():
        if kind is dict and type(step) is not str:
            raise FaultError(step, "let names be texts")
        try:
            plain(_, part, depth + 1)
        except FaultError as fault:
            raise below(fault, step) from None
    return value


def _not_plain(value: object) -> FaultError:
    if isinstance(value, Doubled):
        return mismatch(value, "")
    if isinstance(value, date):
        return FaultError(value, "give a text, such as '2026-12-31'; not every format has dates")
    if isinstance(value, float):
        return FaultError(value, "give a finite number")
    return FaultError(
        type(value).__qualname__, "use JSON: texts, numbers, truth values, arrays, objects"
    )


def variants(_: object, tree: Any) -> Any:
    """Return values by name, each of which JSON has."""
    if tree.__class__ is not dict:
        raise mismatch(tree, "an object of values, by variant name")
    for name, value in tree.items():
        if type(value) not in {str, bool}:
            try:
                plain(_, value)
            except FaultError as fault:
                raise below(fault, name) from None
    return tree


def written_variants(_: object, values: Mapping[str, Any]) -> Any:
    """Return values by name, each of which JSON has."""
    return variants(_, dict(values))


# Times


def moment(_: object, tree: Any) -> datetime:
    """Return a time, of its ISO text or as a format has it."""
    if isinstance(tree, datetime):
        return tree
    if not isinstance(tree, str):
        raise mismatch(tree, "a time, such as '2026-12-31T18:00:00+01:00'")
    try:
        return datetime.fromisoformat(tree[:LONGEST_MOMENT])
    except ValueError:
        raise FaultError(tree, "give a time, such as '2026-12-31T18:00:00+01:00'") from None


def written_moment(_: object, value: datetime) -> str:
    """Return the ISO text of a time."""
    if value.tzinfo is None and value.fold:
        raise FaultError(value, "give a time with its offset, of two that a clock shows alike")
    return datetime.isoformat(value)


def scalar(_: object, tree: Any) -> Any:
    """Return what an attribute can be compared with; a time stands under "time"."""
    if tree.__class__ is dict:
        if [*tree] != ["time"]:
            raise FaultError(tree, 'give a value, or a time as {"time": ...}')
        try:
            return moment(_, tree["time"])
        except FaultError as fault:
            raise below(fault, "time") from None
    if type(tree) in {str, bool, int, float} or isinstance(tree, datetime):
        return tree
    raise mismatch(tree, "a text, a number, true, false, or a time")


def written_scalar(_: object, value: Any) -> Any:
    """Return what an attribute is compared with, as a document has it."""
    if isinstance(value, datetime):
        return {"time": written_moment(_, value)}
    if type(value) in {str, bool, int, float}:
        return value
    raise FaultError(
        type(value).__qualname__, "give a plain value: an enum's member is known to code only"
    )


# Numbers


def number(_: object, value: float) -> float:
    """Return a number as one writes it: 20 rather than 20.0."""
    whole = value.is_integer() and abs(value) < _WHOLE and (value or math.copysign(1, value) > 0)
    return int(value) if whole else value


def numbers(_: object, pairs: Any) -> dict[str, float]:
    """Return numbers by name, as one writes them."""
    return {name: number(_, float(value)) for name, value in dict(pairs).items()}


def an_object(_: object, tree: Any) -> Any:
    """Return an object, for a constructor to judge."""
    if tree.__class__ is not dict:
        raise mismatch(tree, "an object of numbers, by name")
    return tree


def an_array(_: object, tree: Any) -> Any:
    """Return an array's items, for a constructor to judge."""
    if tree.__class__ is not list:
        raise mismatch(tree, "an array")
    return tuple(tree)


def a_pair(_: object, tree: Any) -> Any:
    """Return the two items of an array, for a constructor to judge."""
    if tree.__class__ is not list or len(tree) != 2:
        raise FaultError(tree, "give two percentages, in an array")
    return tree


def true(_: object, tree: Any) -> Any:
    """Return nothing but true."""
    if tree is not True:
        raise FaultError(tree, 'give true; for the opposite, put it under "not"')
    return tree


def as_list(_: object, value: Any) -> list[Any]:
    """Return the items as an array."""
    return list(value)


def as_true(_: object, __: object) -> bool:
    """Return true."""
    return True


def as_day(_: object, value: date) -> str:
    """Return the ISO text of a day."""
    return value.isoformat()


TEXT = Shape("text", {"type": "string"})
NAME = Shape("text, not empty", {"type": "string", "pattern": r"\S"})
TRUTH = Shape("truth value", {"type": "boolean"})
TRUE = Shape("`true`", {"const": True}, true, as_true)
PERCENT = Shape("number, 0 to 100", {"type": "number", "minimum": 0, "maximum": 100}, None, number)
DAY = Shape('day, such as `"2026-12-31"`', {"type": "string"}, None, as_day)
MOMENT = Shape("time in ISO 8601", {"type": "string"}, moment, written_moment)
VARIANTS = Shape(
    "object: JSON values by name",
    {"type": "object", "minProperties": 1},
    variants,
    written_variants,
)
NAMES = Shape(
    "array of texts",
    {"type": "array", "items": {"type": "string"}, "minItems": 1},
    an_array,
    as_list,
)
WEIGHTS = Shape(
    "object: numbers by variant",
    {
        "type": "object",
        "minProperties": 1,
        "additionalProperties": {"type": "number", "minimum": 0},
    },
    an_object,
    numbers,
)
SHARES = Shape(
    "object: percentages by name",
    {"type": "object", "additionalProperties": PERCENT.schema},
    an_object,
    numbers,
)
RANGE = Shape(
    "array: two percentages",
    {"type": "array", "items": PERCENT.schema, "minItems": 2, "maxItems": 2},
    a_pair,
)
SCALAR = Shape(
    "text, number, truth value or time", {"$ref": "#/$defs/scalar"}, scalar, written_scalar
)
SCALARS = Shape(
    "array of these",
    {"type": "array", "items": {"$ref": "#/$defs/scalar"}, "maxItems": MOST_VALUES},
    several(scalar),
    several(written_scalar),
)
NUMBER = Shape("number", {"type": "number"}, scalar, written_scalar)
INSTANT = Shape(
    "time in ISO 8601, with its offset",
    {"anyOf": [{"type": "string"}, {"$ref": "#/$defs/time"}]},
    scalar,
    written_scalar,
)
