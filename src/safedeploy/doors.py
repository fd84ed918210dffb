"""Doors: packages that fetch a name from its room when it is first asked for."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from typing import Any


def door(names: dict[str, Any], rooms: Mapping[str, str]) -> list[str]:
    """Let a package offer what its rooms have, and return the names of all that: its `__all__`.

    An application doesn't wait then for rooms that it doesn't use.

    Args:
        names: the package's `globals()`.
        rooms: each of its modules, and the names that it has, with spaces between them.
    """
    package = names["__name__"]
    homes = {name: room for room, listed in rooms.items() for name in listed.split()}

    def fetch(name: str) -> object:
        """Fetch a name from its room, and keep it."""
        if name not in homes:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        names[name] = value = getattr(import_module(f"{package}.{homes[name]}"), name)
        return value

    # Type checkers don't see these. If they did, every name would be there for them, misspelt too.
    names.update(__getattr__=fetch, __dir__=lambda: sorted(homes))
    return [*homes]
