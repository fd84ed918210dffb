"""Comparisons: what an attribute is held against, and how."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from operator import ge, gt, le, lt
from types import MappingProxyType
from typing import Any, TypeAlias

import attrs

from safedeploy import validators
from safedeploy.audiences.algebra import Audience, Now, Predicate, untold
from safedeploy.audiences.forms import Asked, asking, typed
from safedeploy.contexts import SCALARS, AttributeValue, Context, Scalar
from safedeploy.errors import DefinitionError, shown

Test: TypeAlias = Callable[[AttributeValue], bool]

MOST_VALUES = 10_000
"""With how many values an attribute may be compared."""

MOST_BITS = 14_000
"""How large a whole number in a definition may be."""


def checked_scalar(field: str, value: Scalar) -> None:
    """Refuse a number that no record or file could hold.

    Raises:
        DefinitionError: it isn't finite, or has more than 14,000 bits, which are 4,200 digits.
    """
    if isinstance(value, float) and not math.isfinite(value):
        raise DefinitionError(field, value, "give a finite number")
    if isinstance(value, int) and value.bit_length() > MOST_BITS:
        # The number itself can't be shown: Python refuses to write it out.
        raise DefinitionError(field, f"{value.bit_length()} bits", f"use {MOST_BITS} bits at most")


@attrs.frozen(repr=False)
class Comparison(Audience):
    """Hold what an attribute is compared with, and how. Make one with `Attribute`.

    Args:
        name: the attribute's name.
        operator: the name of the method of `Attribute`.
        values: what it is given.

    Raises:
        DefinitionError: an unknown operator, or values that it can't compare with.
    """

    name: str = attrs.field(validator=validators.text)
    operator: str
    values: tuple[Scalar, ...] = attrs.field(validator=validators.each(*SCALARS))

    def __attrs_post_init__(self) -> None:
        if self.operator not in OPERATORS:
            mend = f"choose one of {', '.join(OPERATORS)}{_nearest(self.operator)}"
            raise DefinitionError("operator", self.operator, mend)
        if len(self.values) > MOST_VALUES:
            mend = f"give {MOST_VALUES:,} at most, or ask for a group"
            raise DefinitionError("values", f"{len(self.values):,} values", mend)
        for value in self.values:
            checked_scalar("values", value)
        number = OPERATORS[self.operator].takes
        if number is not None and len(self.values) != number:
            raise DefinitionError("values", self.values, f"give {number or 'none'}")
        OPERATORS[self.operator].make(*self.values)

    def __repr__(self) -> str:
        """Show it as it is written."""
        given = list(self.values) if OPERATORS[self.operator].takes is None else None
        inside = repr(given) if given is not None else ", ".join(map(repr, self.values))
        return f"Attribute({self.name!r}).{self.operator}({inside})"

    def predicate(self, salt: str, now: Now = untold) -> Predicate:
        """Return a function that compares."""
        if self.operator == "exists":
            return _existing(self.name)
        [value] = self.values if len(self.values) == 1 else [None]
        if self.operator in {"equals", "is_in"} and isinstance(value, str):
            return _equal(self.name, value)
        return _holding(self.name, OPERATORS[self.operator].make(*self.values))

    def asked(self) -> Iterator[Asked]:
        """Go through the attribute, and the types that it may have."""
        types = OPERATORS[self.operator].types(self.values)
        if types:
            yield asking(self.name, *types)

    def told(self, context: Context, salt: str, now: Now = untold) -> str:
        """Return what the attribute is, and what it is held against."""
        found = context.held.get(self.name)
        if found is None:
            return f"there is no {self.name}"
        is_in, has = self.predicate(salt, now)(context), f"{self.name} = {shown(found, 80)}"
        if is_in and self.operator in {"equals", "exists"}:
            return has
        against = f"{OPERATORS[self.operator].words} {', '.join(map(repr, self.values))}"
        return f"{has}, {'' if is_in else 'not '}{against.strip()}"


def _types_of(values: tuple[Scalar, ...]) -> tuple[str, ...]:
    kinds = ("text", "truth value", "number", "time")
    return tuple(kind for kind in kinds if any(typed(value, kind) is not None for value in values))


# Predicates


def _existing(name: str) -> Predicate:
    return lambda context: name in context.held


def _equal(name: str, value: str) -> Predicate:
    # Most comparisons are of this kind, and a call would cost as much as all the rest.
    return lambda context: context.held.get(name) == value


def _holding(name: str, holds: Test) -> Predicate:
    def is_in(context: Context) -> bool:
        found = context.held.get(name)
        return found is not None and holds(found)

    return is_in


# Operators


@attrs.frozen
class Operator:
    """Say how an attribute is compared.

    Attributes:
        takes: how many values it takes; None: any number.
        make: returns a function from the attribute's value to the answer, given the values.
        types: what the attribute may be, given the values.
        words: what it says, before the values.
    """

    takes: int | None
    make: Callable[..., Test]
    types: Callable[[tuple[Scalar, ...]], tuple[str, ...]]
    words: str


def _one_of(*values: Scalar) -> Test:
    # True equals 1 in Python, and has its hash.
    keys = frozenset((isinstance(value, bool), value) for value in values)
    return lambda found: (isinstance(found, bool), found) in keys


def _containing(value: Scalar) -> Test:
    is_one = _one_of(value)
    if isinstance(value, str):
        return lambda found: (
            value in found
            if isinstance(found, str)
            else isinstance(found, tuple) and any(map(is_one, found))
        )
    return lambda found: isinstance(found, tuple) and any(map(is_one, found))


def _starting(value: Scalar) -> Test:
    text = _checked(value, "text")
    return lambda found: isinstance(found, str) and found.startswith(text)


def _ending(value: Scalar) -> Test:
    text = _checked(value, "text")
    return lambda found: isinstance(found, str) and found.endswith(text)


def _matching(value: Scalar) -> Test:
    from safedeploy.audiences.patterns import matcher

    matches = matcher(value)
    return lambda found: isinstance(found, str) and matches(found)


def _ordering(kind: str, words: str, compare: Callable[[Any, Any], bool]) -> Operator:
    """Return an operator that has what is found of one type, and compares it by order."""

    def make(value: Scalar) -> Test:
        bound = _checked(value, kind)

        def holds(found: AttributeValue) -> bool:
            given = typed(found, kind)
            return given is not None and compare(given, bound)

        return holds

    return Operator(1, make, lambda _: (kind,), words)


def _same_version(one: object, other: object) -> bool:
    return one == other


def _checked(value: Scalar, kind: str) -> Any:
    given = typed(value, kind)
    if given is None:
        raise DefinitionError("values", value, f"give a {kind}")
    return given


def _nearest(name: object) -> str:
    from difflib import get_close_matches

    near = get_close_matches(name, OPERATORS, 1) if isinstance(name, str) else []
    return f"; did you mean {near[0]}?" if near else ""


def _text(_: object) -> tuple[str, ...]:
    return ("text",)


def _contained(values: tuple[Scalar, ...]) -> tuple[str, ...]:
    return ("list", "text") if isinstance(values[0], str) else ("list",)


OPERATORS: MappingProxyType[str, Operator] = MappingProxyType(
    {
        "equals": Operator(1, _one_of, _types_of, "equal to"),
        "is_in": Operator(None, _one_of, _types_of, "one of"),
        "contains": Operator(1, _containing, _contained, "containing"),
        "starts_with": Operator(1, _starting, _text, "starting with"),
        "ends_with": Operator(1, _ending, _text, "ending with"),
        "matches": Operator(1, _matching, _text, "matching"),
        "less_than": _ordering("number", "less than", lt),
        "at_most": _ordering("number", "at most", le),
        "at_least": _ordering("number", "at least", ge),
        "greater_than": _ordering("number", "greater than", gt),
        "before": _ordering("time with a zone", "before", lt),
        "after": _ordering("time with a zone", "after", gt),
        "version_equals": _ordering("version", "the version", _same_version),
        "version_less_than": _ordering("version", "a version less than", lt),
        "version_at_most": _ordering("version", "at most the version", le),
        "version_at_least": _ordering("version", "at least the version", ge),
        "version_greater_than": _ordering("version", "a version greater than", gt),
        "exists": Operator(0, lambda: bool, lambda _: (), "there"),
    }
)
"""How an attribute can be compared, by the name of the method of `Attribute`."""
