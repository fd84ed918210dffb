"""TOML: parsed by Python's own parser, and written as people write it."""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Iterator, Mapping
from typing import Any, cast

from safedeploy.documents.faults import FaultError, unparsed

LONGEST_LINE = 100
"""How long an array may be that is written in one line."""

MOST_DOTS = 100
"""How many names may be joined by dots."""

_BARE = re.compile(r"[A-Za-z0-9_-]+")
_LINE = re.compile(r"at line (\d+)")
# Python's parser takes a time that is quadratic in how many names there are.
_DOTTED = re.compile(
    rf"""(?:(?:(?<![\w-])[\w-]++|"[^"\n]*+"|'[^'\n]*+')[ \t]*+\.[ \t]*+){{{MOST_DOTS}}}"""
)
_TABLES = ("prerequisites", "rules")


def parse(text: str) -> Any:
    """Return the tree of a text.

    Raises:
        DefinitionsInvalidError: it isn't TOML, or has a number of too many digits.
    """
    if found := _DOTTED.search(text):
        line = text.count("\n", 0, found.start()) + 1
        raise unparsed("toml", text, f"join {MOST_DOTS} names at most by dots", line)
    try:
        return tomllib.loads(text)
    except ValueError as error:
        why = str(error)
        told = _LINE.search(why)
        raise unparsed("toml", text, why, int(told[1]) if told else None) from None


def write(tree: Mapping[str, Any]) -> str:
    """Return the text of a tree: a table for each thing, and an array of tables for its rules.

    Raises:
        FaultError: there is a null, which TOML doesn't have.
    """
    tables = [
        "\n".join(_table((section, name), thing))
        for section, things in tree.items()
        for name, thing in things.items()
    ]
    return "\n\n".join(tables) + "\n"


def _table(path: tuple[str, ...], thing: Mapping[str, Any]) -> Iterator[str]:
    name = ".".join(map(_name, path))
    yield f"[{name}]"
    for field, value in thing.items():
        if field not in _TABLES:
            yield _line(field, value, path)
    for field in _TABLES:
        for number, row in enumerate(thing.get(field, ())):
            yield f"\n[[{name}.{field}]]"
            for each, value in row.items():
                yield _line(each, value, (*path, field, number))


def _line(field: str, value: Any, path: tuple[str | int, ...]) -> str:
    try:
        return f"{_name(field)} = {_value(value)}"
    except FaultError as fault:
        raise FaultError(fault.value, fault.mend, (*path, field)) from None


def _value(value: Any, indent: str = "") -> str:
    if isinstance(value, str):
        return _quoted(value)
    if isinstance(value, bool | int | float):
        return str(value).lower()
    if value is None:
        raise FaultError(None, "TOML has no null: leave it out, or write JSON")
    if isinstance(value, Mapping):
        named = cast("Mapping[str, Any]", value)
        pairs = ", ".join(f"{_name(name)} = {_value(it, indent)}" for name, it in named.items())
        return f"{{ {pairs} }}" if pairs else "{}"
    flat = f"[{', '.join(_value(it, indent) for it in value)}]"
    if len(flat) <= LONGEST_LINE and "\n" not in flat:
        return flat
    inside = indent + "  "
    items = "".join(f"{inside}{_value(it, inside)},\n" for it in value)
    return f"[\n{items}{indent}]"


def _name(name: str) -> str:
    return name if _BARE.fullmatch(name) else _quoted(name)


def _quoted(text: str) -> str:
    # JSON's escapes are TOML's, but for the last control character, which JSON doesn't escape.
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")
