"""Faults: what is wrong in a document, and where, as it is found out on the way up."""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Iterable
from typing import TypeAlias

from safedeploy.errors import DefinitionError, DefinitionsInvalidError, shown

Step: TypeAlias = str | int

_PLAIN = re.compile(r"[\w$-]+")
_LONGEST_NAME = 100
_MOST_NAMES = 1_000


class FaultError(DefinitionError):
    """Say what is wrong, with the steps that lead there from where it is caught."""

    def __init__(self, value: object, mend: str, path: Iterable[Step] = ()) -> None:
        self.path = tuple(path)
        super().__init__(written(self.path), value, mend)


def below(error: DefinitionError, *steps: Step) -> FaultError:
    """Return what is wrong as it is seen from further up."""
    path = error.path if isinstance(error, FaultError) else ()
    return FaultError(error.value, error.mend, (*steps, *path))


def written(path: Iterable[Step]) -> str:
    """Return a path as one writes it: `flags.checkout.rules[2].when`."""
    return "".join(_written(step) for step in path).removeprefix(".")


def _written(step: Step) -> str:
    if isinstance(step, int):
        return f"[{step}]"
    if _PLAIN.fullmatch(step) and len(step) <= _LONGEST_NAME:
        return f".{step}"
    return f".{json.dumps(step[:_LONGEST_NAME])}"


def nearest(name: object, known: Collection[str]) -> str:
    """Say which known name is nearest to an unknown one; all of them where none is near."""
    from difflib import get_close_matches

    # It compares letter by letter, so what is far too long or too much isn't compared.
    comparable = isinstance(name, str) and len(name) <= _LONGEST_NAME and len(known) <= _MOST_NAMES
    near = get_close_matches(name, known, 1) if comparable and isinstance(name, str) else []
    if near:
        return f"did you mean {near[0]!r}?"
    return f"choose one of {shown([*known][:_MOST_NAMES])}" if known else "there is none to choose"


def unparsed(form: str, text: str, why: str, line: int | None = None) -> DefinitionsInvalidError:
    """Return that a text isn't of a format, with the line where that shows."""
    lines = text.split("\n", line)[:line] if line else [why]
    return DefinitionsInvalidError(form, lines[-1], f"make it {form.upper()}: {why}", line=line)
