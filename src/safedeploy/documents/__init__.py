"""Documents: definitions of flags as text, in JSON, TOML or YAML, and back. No file is read."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from safedeploy.documents import formats, reading, writing
from safedeploy.documents.faults import FaultError
from safedeploy.documents.values import Definitions
from safedeploy.errors import DefinitionsInvalidError
from safedeploy.flags import FeatureFlag

__all__ = ["Definitions", "dumps", "loads"]


def loads(
    text: str | bytes,
    *,
    format: str = "json",  # noqa: A002 - what it is called everywhere
    known: Iterable[FeatureFlag[Any]] = (),
) -> Definitions:
    """Return the definitions that a text holds. Nothing of it is run, and no file is read.

    Args:
        text: the document, as Unicode or as UTF-8; of at most 16 MiB.
        format: "json", "toml" or "yaml"; the last needs `pip install 'safedeploy[yaml]'`.
        known: flags that are defined elsewhere, and may be required by those of the document.

    Raises:
        DefinitionsInvalidError: the text can't be read, or says what can't be. It names every flag,
            segment and layer that is at fault, each with the first thing that is wrong in it.
    """
    try:
        return reading.read(formats.parsed(text, format), known)
    except RecursionError:
        raise DefinitionsInvalidError(format, "too deep", "nest less deeply") from None


def dumps(
    definitions: Definitions,
    *,
    format: str = "json",  # noqa: A002 - as for `loads`
) -> str:
    """Return a text that reads as these definitions. What is so by default is left out.

    Args:
        definitions: what is to be written.
        format: "json", "toml" or "yaml".

    Raises:
        DefinitionsInvalidError: they hold what is known to code only (a member of an enum, say, or
            exceptions that a flag ignores), or what the format can't say.
    """
    try:
        return formats.written(writing.tree(definitions), format)
    except FaultError as fault:
        raise reading.invalid([fault]) from None
    except RecursionError:
        raise DefinitionsInvalidError(format, "too deep", "nest less deeply") from None
