"""Trips when: what makes a circuit trip, for whoever has a circuit, and for plans."""

from __future__ import annotations

import math
from datetime import timedelta
from typing import Any

import attrs

from safedeploy import validators
from safedeploy.circuits.conditions import (
    Condition,
    FailureRate,
    Failures,
    SlowCallRate,
    rate,
    whole,
)
from safedeploy.errors import DefinitionError

FEW = 5
"""So many calls say something of an arm that is only looked at beside another one."""

LONG = 10_000
"""A window that was made longer by a factor holds so many calls at most."""


def positive(_: object, field: attrs.Attribute[Any], value: object) -> None:
    """Refuse what isn't a duration above zero."""
    if not isinstance(value, timedelta) or value <= timedelta(0):
        raise DefinitionError(field.name, value, "give a timedelta above zero")


def _size(settings: object, field: attrs.Attribute[Any], value: object) -> None:
    check = positive if isinstance(value, timedelta) else whole
    check(settings, field, value)


_optional = attrs.validators.optional


@attrs.frozen(kw_only=True, weakref_slot=False)
class TripsWhen:
    """Say when a circuit trips.

    It does when any of `failure_rate`, `slow_call_rate`, `consecutive_failures` and `trips_when` is
    met; if none is given, when half of the calls failed.

    Attributes:
        failure_rate: trip when at least this share of the calls in the window failed, 0..1.
        slow_call_rate: trip when at least this share of them took `slow_call` or longer, 0..1.
        slow_call: how long a call may take before it is slow.
        consecutive_failures: trip when so many calls in a row failed.
        trips_when: trip when this condition holds, composed with `&` and `|`.
        minimum_calls: there are no rates below so many calls; 20 unless given, or the whole window
            where that is smaller.
        window: the calls that are judged: the latest so many, or those of the latest so long.

    Raises:
        DefinitionError: with the field, the value and the mend.
    """

    failure_rate: float | None = attrs.field(default=None, validator=_optional(rate))
    slow_call_rate: float | None = attrs.field(default=None, validator=_optional(rate))
    slow_call: timedelta | None = attrs.field(default=None, validator=_optional(positive))
    consecutive_failures: int | None = attrs.field(default=None, validator=_optional(whole))
    trips_when: Condition | None = attrs.field(
        default=None, validator=_optional(validators.a(Condition))
    )
    minimum_calls: int | None = attrs.field(default=None, validator=_optional(whole))
    window: int | timedelta = attrs.field(default=100, validator=_size)

    condition: Condition = attrs.field(init=False, eq=False, repr=False)
    minimum: int = attrs.field(init=False, eq=False, repr=False)

    def __attrs_post_init__(self) -> None:
        size = self.window if isinstance(self.window, int) else None
        minimum = self.minimum_calls or min(20, size or 20)
        if size is not None and minimum > size:
            mend = f"give {size} or less, or a larger window="
            raise DefinitionError("minimum_calls", self.minimum_calls, mend)
        condition = self._composed()
        for leaf in condition.leaves():
            self._check_reachable(leaf, size)
        object.__setattr__(self, "minimum", minimum)
        object.__setattr__(self, "condition", condition)

    @property
    def depth(self) -> int:
        """How many of the latest calls the condition looks at by themselves."""
        return max(leaf.of if isinstance(leaf, Failures) else 0 for leaf in self.condition.leaves())

    def beside(self, times: float) -> TripsWhen:
        """Return it for an arm that makes so many times as many calls, seen over the same time.

        There a rate needs a quarter of the calls, but no fewer than `FEW`: who is only looked at
        beside another arm has to have seen enough by when that one trips, and is mostly a little
        ahead of it, or behind.
        """
        minimum = min(max(FEW, math.ceil(self.minimum * times / 4)), LONG)
        window = self.window
        if isinstance(window, int):
            window = max(minimum, self.depth, min(math.ceil(window * times), LONG))
        return attrs.evolve(self, minimum_calls=minimum, window=window)

    def _composed(self) -> Condition:
        given: list[Condition] = []
        if self.failure_rate is not None:
            given.append(FailureRate(self.failure_rate))
        if self.slow_call_rate is not None:
            given.append(SlowCallRate(self.slow_call_rate))
        if self.consecutive_failures is not None:
            given.append(Failures(self.consecutive_failures))
        if self.trips_when is not None:
            given.append(self.trips_when)
        condition, *others = given or [FailureRate(0.5)]
        for other in others:
            condition |= other
        return condition

    def _check_reachable(self, leaf: Condition, size: int | None) -> None:
        """Refuse a condition that could never be true."""
        if isinstance(leaf, SlowCallRate) and self.slow_call is None:
            mend = "a slow-call rate can never be true without it: say from when on a call is slow"
            raise DefinitionError("slow_call", None, mend)
        if isinstance(leaf, Failures) and size is not None and leaf.of > size:
            mend = f"a condition looks at the latest {leaf.of} calls: give {leaf.of} or more"
            raise DefinitionError("window", self.window, mend)
