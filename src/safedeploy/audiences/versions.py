"""Versions: their order, as Semantic Versioning 2.0.0 has it."""

from __future__ import annotations

import re
from typing import TypeAlias

Precedence: TypeAlias = tuple[object, ...]

LONGEST = 256
"""How many characters a version may have."""

_NUMBER = r"(0|[1-9][0-9]*)"
_NAMES = r"[0-9A-Za-z-]+(?:\.[0-9A-Za-z-]+)*"
# No part can match what the part before it can, so this takes no longer than the text is long.
_FORM = re.compile(rf"{_NUMBER}(?:\.{_NUMBER})?(?:\.{_NUMBER})?(?:-({_NAMES}))?(?:\+{_NAMES})?")
_RELEASED = ((1,),)


def precedence(text: str) -> Precedence | None:
    """Return what orders a version among others; None where the text is none.

    Build metadata doesn't count, and a part that is left out is zero: 2.1 is 2.1.0.
    """
    found = _FORM.fullmatch(text) if len(text) <= LONGEST else None
    if found is None:
        return None
    *numbers, names = found.groups()
    core = tuple(int(number or 0) for number in numbers)
    return (*core, _RELEASED if names is None else tuple(map(_rank, names.split("."))))


def _rank(name: str) -> tuple[object, ...]:
    # Numbers come before words, and both before no name at all, which is a release.
    return (0, 0, int(name), "") if name.isdecimal() else (0, 1, 0, name)
