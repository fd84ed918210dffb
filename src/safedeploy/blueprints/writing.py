"""Writing: a plan as data."""

from __future__ import annotations

import enum
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from types import MappingProxyType
from typing import Any

import attrs

from safedeploy import spans
from safedeploy.blueprints.sorts import CHOSEN, TABLES, joined
from safedeploy.digests import is_default
from safedeploy.errors import DefinitionError
from safedeploy.gates import Check
from safedeploy.plans import Plan
from safedeploy.rings import Named


def write(plan: Plan) -> dict[str, Any]:
    """Return a plan as data of which `read` makes an equal one; its functions aren't in it.

    Raises:
        DefinitionError: it holds what only code can make: signals of the host's own, or strata.
    """
    return _fields(plan, "")


def _fields(value: Any, path: str) -> dict[str, Any]:
    kind = value.__class__
    kept = [it for it in attrs.fields(kind) if it.init and it.eq and not is_default(it, value)]
    told = {it.alias: _data(getattr(value, it.name), joined(path, it.alias)) for it in kept}
    begin = {"kind": kind.__name__} if kind in CHOSEN else {}
    # A health model has no defaults that attrs knows.
    return begin | {name: it for name, it in told.items() if it != {} or kind is not _HEALTH}


def _data(value: Any, path: str) -> Any:
    for kinds, write in _FORMS:
        if isinstance(value, kinds):
            return write(value, path)
    if type(value) not in _KNOWN:
        mend = "keep it in code: a document can't hold it"
        raise DefinitionError(path, type(value).__name__, mend)
    fields = _fields(value, path)
    is_name = isinstance(value, Check) and {*fields} == {"kind", "name"}
    return fields["name"] if is_name else fields


def _items(values: Any, path: str) -> list[Any]:
    return [_data(item, f"{path}[{number}]") for number, item in enumerate(values)]


def _pairs(values: Mapping[str, Any], path: str) -> dict[str, Any]:
    return {name: _data(it, joined(path, name)) for name, it in values.items()}


_HEALTH = TABLES["HealthModel"]
_KNOWN = CHOSEN | {*TABLES.values()}

# The order matters: a verdict is an int, too.
_FORMS: tuple[tuple[Any, Callable[[Any, str], Any]], ...] = (
    ((enum.Enum, Named), lambda value, _: value.name),
    ((str, bool, int, float), lambda value, _: value),
    (timedelta, lambda value, _: spans.exact(value)),
    (datetime, lambda value, _: value.isoformat()),
    (frozenset, lambda value, path: _items(sorted(value), path)),
    (tuple, _items),
    ((Mapping, MappingProxyType), _pairs),
)
