"""Reading: a document of data, and data of a text."""

from __future__ import annotations

import enum
import inspect
import re
from collections.abc import Callable, Iterable, Mapping
from datetime import timedelta
from functools import partial
from types import MappingProxyType
from typing import Any, cast

import attrs

from safedeploy import spans
from safedeploy.blueprints.sorts import CHOICES, TABLES, fields, joined
from safedeploy.documents.formats import parsed
from safedeploy.documents.shapes import Doubled
from safedeploy.errors import DefinitionError, near
from safedeploy.gates import Check, Run
from safedeploy.health import HealthModel
from safedeploy.plans import OnNewVersion, Plan
from safedeploy.traffic import Traffic
from safedeploy.validators import NOTHING
from safedeploy.verdicts import Verdict

_SEVERAL = re.compile(r"(?:tuple|frozenset)\[(\w+)(?:, \.\.\.)?\]")
_BY_NAME = re.compile(r"Mapping\[str, (\w+)\]")
_PLAIN = frozenset({"str", "bool", "int", "float", "datetime", "Named"})
_BESIDES = ("traffic", "waive")


@attrs.frozen(kw_only=True)
class Blueprint:
    """Hold a plan, and what a review of it asks for.

    Attributes:
        plan: the plan.
        traffic: what it will meet; None where that isn't said.
        waive: the reasons for what is fine, by the name of the lint.
    """

    plan: Plan
    traffic: Traffic | None
    waive: Mapping[str, str]


def parse(text: str | bytes, form: str) -> Mapping[str, Any]:
    """Return the data of a text.

    Args:
        text: one document, of 16 MiB at most.
        form: "toml" or "json".

    Raises:
        DefinitionError: it isn't of that form, or of none of the two, or it is too large.
    """
    if form not in {"toml", "json"}:
        raise DefinitionError("form", form, 'give "toml" or "json"')
    return _table(parsed(text, form), "document")


def read(data: Mapping[str, Any], *, checks: Mapping[str, Run] = NOTHING) -> Blueprint:
    """Make a document of data.

    Args:
        data: tables, lists, texts, numbers and truth values.
        checks: functions of the host, by the names of the checks that they answer.

    Raises:
        DefinitionError: something can't be what it is; `field` is the way to it, such as
            `rings[1].bake`. Or a function is given for a check that isn't there.
    """
    table, reader = _table(data, "document"), _Reader(checks)
    _refuse_strangers("", table, [*fields(Plan), *_BESIDES])
    traffic = table.get("traffic")
    try:
        plan = reader.made(Plan, {it: table[it] for it in table if it not in _BESIDES}, "")
        met = None if traffic is None else reader.made(Traffic, traffic, "traffic")
        waive = reader.value("Mapping[str, str]", table.get("waive", {}), "waive")
    except RecursionError:
        raise DefinitionError("document", "...", "nest it less deeply") from None
    _refuse_strangers("checks", checks, [gate.name for gate in plan.all_gates])
    return Blueprint(plan=plan, traffic=met, waive=waive)


@attrs.frozen
class _Reader:
    """Make values of data: each method is told the way to it, and refuses what can't be."""

    checks: Mapping[str, Run]

    def value(self, sort: str, data: Any, path: str) -> Any:
        """Return what data means where a value of a sort belongs, as its annotation has it."""
        sort = sort.removesuffix(" | None")
        if several := _SEVERAL.fullmatch(sort):
            items = enumerate(_list(data, path))
            return tuple(self.value(several[1], item, f"{path}[{n}]") for n, item in items)
        if by_name := _BY_NAME.fullmatch(sort):
            table = _table(data, path)
            return {it: self.value(by_name[1], table[it], joined(path, it)) for it in table}
        return self._one(sort, data, path)

    def _one(self, sort: str, data: Any, path: str) -> Any:
        if sort in TABLES:
            return self.made(TABLES[sort], data, path)
        if sort in CHOICES:
            return self._chosen(sort, data, path)
        if sort in _READERS:
            return _READERS[sort](data, path)
        if sort not in _PLAIN and not sort.startswith("Literal["):
            raise DefinitionError(path, data, "make it in code: a document can't hold it")
        return data

    def made(self, kind: type[Any], data: Any, path: str) -> Any:
        """Return a value of a kind; its table may hold fields of the kind, and no others."""
        table, sorts = _table(data, path or "document"), fields(kind)
        _refuse_strangers(path, table, sorts)
        for name, parameter in inspect.signature(kind).parameters.items():
            if name in sorts and name not in table and parameter.default is parameter.empty:
                raise DefinitionError(joined(path, name), None, f"give {kind.__name__} its {name}")
        given = {it: self.value(sorts[it], table[it], joined(path, it)) for it in table}
        if kind is Check and isinstance(given["name"], str):
            given["run"] = self.checks.get(given["name"])
        return _called(kind, given, path)

    def _chosen(self, sort: str, data: Any, path: str) -> Any:
        if sort == "Gate" and isinstance(data, str):
            data = {"kind": Check.__name__, "name": data}
        rest, kinds = dict(_table(data, path)), CHOICES[sort]
        kind = rest.pop("kind", None)
        if not isinstance(kind, str) or kind not in kinds:
            raise DefinitionError(joined(path, "kind"), kind, _near(kind, kinds))
        return self.made(kinds[kind], rest, path)


def _called(kind: type[Any], given: dict[str, Any], path: str) -> Any:
    try:
        return kind(*given.pop("signals"), **given) if kind is HealthModel else kind(**given)
    except DefinitionError as error:
        raise DefinitionError(joined(path, error.field), error.value, error.mend) from None


def _span(data: Any, path: str) -> timedelta:
    span = spans.read(data) if isinstance(data, str) else None
    if span is None:
        mend = 'give a time, such as "1 h 30 min"; the units are d, h, min and s'
        raise DefinitionError(path, data, mend)
    return span


def _span_or_number(data: Any, path: str) -> Any:
    return _span(data, path) if isinstance(data, str) else data


def _member(kind: type[enum.Enum], data: Any, path: str) -> enum.Enum:
    if not isinstance(data, str) or data not in kind.__members__:
        raise DefinitionError(path, data, _near(data, kind.__members__))
    return kind[data]


_READERS: Mapping[str, Callable[[Any, str], Any]] = MappingProxyType(
    {
        "timedelta": _span,
        "int | timedelta": _span_or_number,
        "Verdict": partial(_member, Verdict),
        "OnNewVersion": partial(_member, OnNewVersion),
    }
)


def _table(data: Any, path: str) -> Mapping[str, Any]:
    if isinstance(data, Doubled):
        raise DefinitionError(joined(path, data.name), data.name, "give it once")
    if not _is_table(data):
        raise DefinitionError(path, data, "give a table")
    return cast("Mapping[str, Any]", data)


def _is_table(data: Any) -> bool:
    names = cast("Iterable[object]", data) if isinstance(data, Mapping) else (None,)
    return all(isinstance(name, str) for name in names)


def _list(data: Any, path: str) -> Iterable[Any]:
    if not isinstance(data, list):
        raise DefinitionError(path, data, "give a list")
    return cast("Iterable[Any]", data)


def _refuse_strangers(path: str, given: Iterable[str], known: Iterable[str]) -> None:
    names = {*known}
    for name in given:
        if name not in names:
            raise DefinitionError(joined(path, name), name, _near(name, names))


def _near(name: object, names: Iterable[str]) -> str:
    known = near(name, sorted(names))
    return f"choose one of {known}" if known else "leave it out: there is none"
