"""Formats: a document as text, and back."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, TypeAlias

from safedeploy.documents import jsons, tomls, yamls
from safedeploy.documents.faults import nearest, unparsed
from safedeploy.errors import DefinitionsInvalidError

LARGEST = 16 * 2**20
"""How many bytes a document may have."""

Format: TypeAlias = tuple[Callable[[str], Any], Callable[[Mapping[str, Any]], str]]

FORMATS: Mapping[str, Format] = MappingProxyType(
    {
        "json": (jsons.parse, jsons.write),
        "toml": (tomls.parse, tomls.write),
        "yaml": (yamls.parse, yamls.write),
    }
)
"""What parses and what writes each format, by its name."""

_SURROGATE = re.compile(r"\\u[dD][89a-fA-F]|\\U0000[dD][89a-fA-F]")


def parsed(given: str | bytes, form: str) -> Any:
    """Return the tree of a text.

    Raises:
        DefinitionsInvalidError: it is too large, no Unicode, or not of the format.
    """
    parse, _ = _format(form)
    text = _text(given, form)
    try:
        tree = parse(text)
        if "\\" in text and _SURROGATE.search(text):
            _encoded(json.dumps(tree, default=str, ensure_ascii=False), form)
    except RecursionError:
        raise unparsed(form, "", "nest less deeply") from None
    return tree


def written(tree: Mapping[str, Any], form: str) -> str:
    """Return the text of a tree.

    Raises:
        FaultError: the format can't say it.
        DefinitionsInvalidError: Unicode can't, it is too large to be read again, or the format is
            unknown or needs an extra.
    """
    _, write = _format(form)
    text = write(tree)
    if len(_encoded(text, form)) > LARGEST:
        raise _too_large(len(text))
    return text


def _format(form: str) -> Format:
    if form in FORMATS:
        return FORMATS[form]
    raise DefinitionsInvalidError("format", form, nearest(form, FORMATS))


def _text(given: str | bytes, form: str) -> str:
    """Return Unicode that isn't too long, without a byte order mark."""
    if not isinstance(given, str | bytes):
        raise DefinitionsInvalidError("text", type(given).__qualname__, "give a str or bytes")
    if len(given) > LARGEST:
        raise _too_large(len(given))
    if isinstance(given, str):
        if len(_encoded(given, form)) > LARGEST:
            raise _too_large(len(given))
        return given.removeprefix("\ufeff")
    try:
        return given.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = given.count(b"\n", 0, error.start) + 1
        raise DefinitionsInvalidError(form, error.reason, "save it as UTF-8", line=line) from None


def _encoded(text: str, form: str) -> bytes:
    try:
        return text.encode()
    except UnicodeEncodeError:
        mend = "use whole characters; half of a surrogate pair is none"
        raise DefinitionsInvalidError(form, "surrogate", mend) from None


def _too_large(size: int) -> DefinitionsInvalidError:
    mend = f"use {LARGEST:,} bytes at most, or make several documents of it"
    return DefinitionsInvalidError("text", f"{size:,} bytes", mend)
