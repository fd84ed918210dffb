"""Shapes: what a field of a document can hold, and how that is read, written and described."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import NoneType
from typing import Any, TypeAlias

import attrs

from safedeploy.documents.faults import FaultError, below
from safedeploy.validators import NOTHING

Read: TypeAlias = Callable[[Any, Any], Any]
Write: TypeAlias = Callable[[Any, Any], Any]
Schema: TypeAlias = Mapping[str, Any]

_TYPES: dict[type, str] = {
    dict: "an object",
    list: "an array",
    str: "a text",
    bool: "true or false",
    int: "a number",
    float: "a number",
    NoneType: "null",
}


@attrs.frozen
class Shape:
    """Say what a field holds.

    Attributes:
        words: what it is, for people.
        schema: what it is, as JSON Schema.
        read: makes what a constructor takes, given the reader and what a document has; None leaves
            it as it is, for the constructor to judge.
        write: the other way round.
    """

    words: str
    schema: Schema
    read: Read | None = None
    write: Write | None = None


@attrs.frozen
class Field:
    """Say what one field of an object is.

    Attributes:
        name: its name in a document.
        shape: what it holds.
        about: what it is for.
        argument: the constructor's name for it.
        required: whether it must be there.
    """

    name: str
    shape: Shape
    about: str
    argument: str = attrs.field(
        default=attrs.Factory(lambda it: it.name, takes_self=True), kw_only=True
    )
    required: bool = attrs.field(default=False, kw_only=True)


def _by_name(fields: tuple[Field, ...]) -> dict[str, Field]:
    return {field.name: field for field in fields}


def _required(kind: Kind) -> frozenset[str]:
    return frozenset(each.name for each in kind.fields.values() if each.required)


def _steps(kind: Kind) -> dict[str, tuple[str, Read | None]]:
    return {name: (each.argument, each.shape.read) for name, each in kind.fields.items()}


@attrs.frozen
class Kind:
    """Say what one kind of object in a document is: its fields, and what they make.

    Attributes:
        name: its name, in the schema too.
        about: what it is.
        make: makes it of its fields.
        fields: its fields, by name.
        also: what its schema says besides its fields.
        required: the fields that must be there.
        steps: of each field the constructor's name for it, and what reads it.
    """

    name: str
    about: str
    make: Callable[..., Any]
    fields: Mapping[str, Field] = attrs.field(converter=_by_name)
    also: Schema = attrs.field(default=NOTHING, kw_only=True)
    required: frozenset[str] = attrs.field(
        init=False, default=attrs.Factory(_required, takes_self=True)
    )
    steps: Mapping[str, tuple[str, Read | None]] = attrs.field(
        init=False, default=attrs.Factory(_steps, takes_self=True)
    )


def mismatch(value: object, wanted: str) -> FaultError:
    """Return that a value is of another type than is wanted."""
    if isinstance(value, Doubled):
        return FaultError(value.name, "give each name once")
    found = _TYPES.get(type(value), type(value).__name__)
    return FaultError(value, f"give {wanted}, not {found}")


class Doubled(dict[str, Any]):
    """An object that has a name twice. No reader takes it for an object.

    Attributes:
        name: the name.
    """

    def __init__(self, name: str) -> None:
        self.name = name


def several(read: Read) -> Read:
    """Return a function that reads, or writes, each item of an array."""

    def each(by: Any, tree: Any) -> list[Any]:
        if tree.__class__ is not list and tree.__class__ is not tuple:
            raise mismatch(tree, "an array")
        made: list[Any] = []
        for number, item in enumerate(tree):
            try:
                made.append(read(by, item))
            except FaultError as fault:
                raise below(fault, number) from None
        return made

    return each
