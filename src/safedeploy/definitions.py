"""Definitions in files: flags, segments and layers, read from JSON, TOML or YAML, and written."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any, TypeAlias

from safedeploy.documents import Definitions, dumps, loads
from safedeploy.documents.formats import LARGEST
from safedeploy.documents.schemas import schema
from safedeploy.errors import DefinitionsInvalidError
from safedeploy.flags import FeatureFlag

__all__ = ["Definitions", "dump", "dumps", "load", "loads", "schema"]

FilePath: TypeAlias = str | os.PathLike[str]

_SUFFIXES = {".json": "json", ".toml": "toml", ".yaml": "yaml", ".yml": "yaml"}


def load(
    path: FilePath,
    *,
    format: str | None = None,  # noqa: A002 - what it is called everywhere
    known: Iterable[FeatureFlag[Any]] = (),
) -> Definitions:
    """Return the definitions that a file holds.

    Args:
        path: the file, of at most 16 MiB.
        format: "json", "toml" or "yaml"; what the file's name says, unless given.
        known: flags that are defined elsewhere, and may be required by those of the file.

    Raises:
        DefinitionsInvalidError: the file can't be read, or says what can't be: see `loads`.
    """
    form = _format(path, format)
    try:
        with Path(path).open("rb") as file:
            text = file.read(LARGEST + 1)
    except (OSError, ValueError) as error:
        raise _failed(path, "read", error) from None
    try:
        return loads(text, format=form, known=known)
    except DefinitionsInvalidError as error:
        error.source = os.fspath(path)
        raise


def dump(
    definitions: Definitions,
    path: FilePath,
    *,
    format: str | None = None,  # noqa: A002 - as for `load`
) -> None:
    """Write definitions to a file, at once: who reads it sees the old ones or the new ones.

    Args:
        definitions: what is to be written.
        path: the file; one of its name with `.new` behind it is written first, and takes its place.
        format: "json", "toml" or "yaml"; what the file's name says, unless given.

    Raises:
        DefinitionsInvalidError: the file can't be written, or the format can't say it: see `dumps`.
    """
    text = dumps(definitions, format=_format(path, format))
    beside = Path(f"{os.fspath(path)}.new")
    try:
        beside.write_bytes(text.encode())
        beside.replace(path)
    except (OSError, ValueError) as error:
        raise _failed(path, "written", error) from None


def _format(path: FilePath, given: str | None) -> str:
    if given is not None:
        return given
    suffix = Path(path).suffix
    if suffix in _SUFFIXES:
        return _SUFFIXES[suffix]
    mend = f"name it {', '.join(_SUFFIXES)}, or say which format it is"
    raise DefinitionsInvalidError("path", os.fspath(path), mend)


def _failed(path: FilePath, what: str, error: Exception) -> DefinitionsInvalidError:
    why = getattr(error, "strerror", None) or str(error)
    mend = f"let it be {what}: {why}"
    return DefinitionsInvalidError("path", os.fspath(path), mend)
