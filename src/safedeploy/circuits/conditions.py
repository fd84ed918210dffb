"""Conditions: what trips a circuit. Values that compose with `&` and `|`.

There is no `~`: a fast success must never make a condition true that wasn't, once there are enough
calls for a rate. The breaker's fast path rests on that.
"""

from __future__ import annotations

import abc
from collections.abc import Iterator
from typing import Any

import attrs

from safedeploy import validators
from safedeploy.circuits.windows import Window
from safedeploy.errors import DefinitionError


class Condition(abc.ABC):
    """Compose with `&` and `|`. What every condition can do."""

    __slots__ = ()

    @abc.abstractmethod
    def holds(self, window: Window) -> bool:
        """Tell whether these calls trip the circuit."""

    @abc.abstractmethod
    def over(self, calls: int) -> Condition:
        """Return the condition as it judges no more than so many calls: trials."""

    def leaves(self) -> Iterator[Condition]:
        """Go through the conditions that this one is composed of."""
        yield self

    def __and__(self, other: Condition) -> Condition:
        """Trip where both do."""
        return AllHold((*_parts(self, AllHold), *_parts(other, AllHold)))

    def __or__(self, other: Condition) -> Condition:
        """Trip where either does."""
        return AnyHolds((*_parts(self, AnyHolds), *_parts(other, AnyHolds)))


def rate(_: object, field: attrs.Attribute[Any], value: object) -> None:
    """Refuse what isn't a share that can be reached, and isn't reached by nothing."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value <= 1:
        raise DefinitionError(field.name, value, "give a share above 0 and up to 1: 0.5 is half")


def whole(_: object, field: attrs.Attribute[Any], value: object) -> None:
    """Refuse what isn't a whole number of one or more."""
    if isinstance(value, bool) or not isinstance(value, int) or value < 1:
        raise DefinitionError(field.name, value, "give a whole number of 1 or more")


@attrs.frozen
class FailureRate(Condition):
    """Trip when at least this share of the calls failed, 0..1, once there are enough calls."""

    at_least: float = attrs.field(validator=rate)

    def holds(self, window: Window) -> bool:
        """Tell whether so many of the calls failed."""
        calls = window.calls
        return calls >= window.minimum and window.failures / calls >= self.at_least

    def over(self, calls: int) -> FailureRate:
        """Return itself: a share is one of any number."""
        return self


@attrs.frozen
class SlowCallRate(Condition):
    """Trip when at least this share of the calls were slow, 0..1, once there are enough calls."""

    at_least: float = attrs.field(validator=rate)

    def holds(self, window: Window) -> bool:
        """Tell whether so many of the calls were slow."""
        calls = window.calls
        return calls >= window.minimum and window.slow / calls >= self.at_least

    def over(self, calls: int) -> SlowCallRate:
        """Return itself: a share is one of any number."""
        return self


@attrs.frozen
class Failures(Condition):
    """Trip when so many of the latest calls failed, without waiting for a minimum of calls.

    Attributes:
        at_least: how many failures.
        of: among how many of the latest calls; as many as failures, unless given, which makes them
            consecutive.
    """

    at_least: int = attrs.field(validator=whole)
    of: int = attrs.field(
        default=attrs.Factory(lambda self: self.at_least, takes_self=True), validator=whole
    )

    def __attrs_post_init__(self) -> None:
        if self.at_least > self.of:
            mend = f"it can never be true: give {self.of} or less, or a larger of="
            raise DefinitionError("at_least", self.at_least, mend)

    def holds(self, window: Window) -> bool:
        """Tell whether so many of the latest calls failed."""
        return (window.recent & ((1 << self.of) - 1)).bit_count() >= self.at_least

    def over(self, calls: int) -> Failures:
        """Return it with as many failures as so many calls can have."""
        return self if calls >= self.of else Failures(min(self.at_least, calls), calls)


@attrs.frozen
class AllHold(Condition):
    """Trip when all parts do. It is what `&` makes."""

    parts: tuple[Condition, ...] = attrs.field(validator=validators.each(Condition))

    def holds(self, window: Window) -> bool:
        """Tell whether all parts hold."""
        return all(part.holds(window) for part in self.parts)

    def over(self, calls: int) -> AllHold:
        """Return it with each part as it judges so many calls."""
        parts = tuple(part.over(calls) for part in self.parts)
        return self if parts == self.parts else AllHold(parts)

    def leaves(self) -> Iterator[Condition]:
        """Go through the conditions that this one is composed of."""
        return (leaf for part in self.parts for leaf in part.leaves())


@attrs.frozen
class AnyHolds(Condition):
    """Trip when any part does. It is what `|` makes."""

    parts: tuple[Condition, ...] = attrs.field(validator=validators.each(Condition))

    def holds(self, window: Window) -> bool:
        """Tell whether any part holds."""
        for part in self.parts:  # noqa: SIM110 - `any` costs twice as much, at every failure
            if part.holds(window):
                return True
        return False

    def over(self, calls: int) -> AnyHolds:
        """Return it with each part as it judges so many calls."""
        parts = tuple(part.over(calls) for part in self.parts)
        return self if parts == self.parts else AnyHolds(parts)

    def leaves(self) -> Iterator[Condition]:
        """Go through the conditions that this one is composed of."""
        return (leaf for part in self.parts for leaf in part.leaves())


def _parts(condition: Condition, kind: type[AllHold | AnyHolds]) -> tuple[Condition, ...]:
    return condition.parts if isinstance(condition, kind) else (condition,)
