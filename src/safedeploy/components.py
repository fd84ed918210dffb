"""Components: the parts of a workload, which need each other, and have signals of their own."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import attrs

from safedeploy.errors import DefinitionError
from safedeploy.signals import Signal, Usage
from safedeploy.validators import a, each, several, text


def checked_signals(signals: tuple[Signal, ...]) -> tuple[str, ...]:
    """Return the names of signals.

    Raises:
        DefinitionError: no signal, two of one name, or something that isn't a signal.
    """
    names: tuple[Any, ...] = tuple(getattr(signal, "name", signal) for signal in signals)
    if not all(hasattr(one, "judge") and not isinstance(one, type) for one in signals):
        raise DefinitionError("signals", [*names], "give signals, such as ErrorRate()")
    if not signals or len(set(names)) < len(names):
        raise DefinitionError("signals", [*names], "give one or more, each name once")
    return names


def is_usage(signal: Signal) -> bool:
    """Tell whether a signal holds a rollout that nobody uses."""
    is_one = isinstance(signal, Usage) or signal.name == "usage"
    return is_one and not getattr(signal, "shadow", False)


def _signals(given: Iterable[Signal]) -> tuple[Signal, ...]:
    return several(given)


def _needs(given: Iterable[str]) -> tuple[str, ...]:
    return several(given)


@attrs.frozen
class Component:
    """Name a part of the workload that is judged by signals of its own.

    Its health joins that of the workload. Where a component isn't well, and neither is one that it
    needs, the one that is needed is to blame.

    Args:
        name: unique in its model.
        signals: what it is judged by: `ErrorRate(of="database")`, say.
        needs: names of the components that it can't do without.

    Raises:
        DefinitionError: an empty name, no signal, or two of one name.
    """

    name: str = attrs.field(validator=text)
    signals: tuple[Signal, ...] = attrs.field(converter=_signals, validator=a(tuple))
    needs: tuple[str, ...] = attrs.field(default=(), converter=_needs, validator=each(str))

    def __attrs_post_init__(self) -> None:
        checked_signals(self.signals)


def checked_components(components: Iterable[Component]) -> tuple[Component, ...]:
    """Return components as a tuple.

    Raises:
        DefinitionError: something that isn't one, a name twice, one that needs what isn't there, or
            components that need each other in a circle.
    """
    known = several(components)
    if not isinstance(known, tuple) or not all(isinstance(one, Component) for one in known):
        raise DefinitionError("components", known, "give components, each a Component")
    names = [one.name for one in known]
    if len(set(names)) < len(names):
        raise DefinitionError("components", names, "give each component a name of its own")
    needs = {one.name: one.needs for one in known}
    for name, needed in needs.items():
        for other in needed:
            if other not in needs:
                raise DefinitionError("needs", other, f"name components that are there: {names}")
        if name in _all_needed(name, needs):
            raise DefinitionError("needs", needed, f"let {name!r} not need itself by way of others")
    return known


def to_blame(ill: Iterable[str], components: Iterable[Component]) -> tuple[str, ...]:
    """Return, of the components that aren't well, those that need no other one of them."""
    needs = {one.name: one.needs for one in components}
    sick = tuple(ill)
    return tuple(name for name in sick if not _all_needed(name, needs) & {*sick})


def _all_needed(name: str, needs: Mapping[str, tuple[str, ...]]) -> set[str]:
    """Return everything that a component needs, also by way of others."""
    found: set[str] = set()
    ahead = [*needs[name]]
    while ahead:
        one = ahead.pop()
        if one not in found:
            found.add(one)
            ahead.extend(needs.get(one, ()))
    return found
