"""JSON: strict, and no name twice in an object."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, NoReturn

from safedeploy.documents.faults import unparsed
from safedeploy.documents.shapes import Doubled


def parse(text: str) -> Any:
    """Return the tree of a text.

    Raises:
        DefinitionsInvalidError: it isn't JSON, or has a number of too many digits.
    """
    try:
        return _decode(text)
    except json.JSONDecodeError as error:
        raise unparsed("json", text, error.msg, error.lineno) from None
    except ValueError as error:
        raise unparsed("json", text, str(error)) from None


def write(tree: Mapping[str, Any]) -> str:
    """Return the text of a tree."""
    return json.dumps(tree, indent=2, ensure_ascii=False) + "\n"


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    made = dict(pairs)
    if len(made) == len(pairs):
        return made
    names = [name for name, _ in pairs]
    return Doubled(next(name for name in made if names.count(name) > 1))


def _constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is no number")


_decode = json.JSONDecoder(object_pairs_hook=_object, parse_constant=_constant).decode
