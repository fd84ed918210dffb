"""Sights: what a signal can see in a ring, asked before anything starts."""

from __future__ import annotations

import math
from collections.abc import Callable
from datetime import timedelta
from functools import cached_property
from typing import Any, Protocol, runtime_checkable

import attrs

from safedeploy.signals import Criteria, Signal
from safedeploy.spans import lasting
from safedeploy.traffic import Foresight, Traffic

_LARGEST_RATIO = 1000.0
_HALVINGS = 30


@runtime_checkable
class Foreseeing(Protocol):
    """What a signal may offer besides, so that plans with it can be forecast."""

    def foresee(self, traffic: Traffic, criteria: Criteria) -> Foresight | None:
        """Return what it needs to notice what must be seen; None where the traffic doesn't tell."""
        ...


def foreseen(signal: Signal, traffic: Traffic, criteria: Criteria) -> Foresight | None:
    """Return what a signal foresees; None if it doesn't."""
    return signal.foresee(traffic, criteria) if isinstance(signal, Foreseeing) else None


@attrs.frozen
class Asked:
    """Hold a signal, and what it is asked.

    Attributes:
        name: what it is called in its model.
        signal: whom to ask.
        criteria: what it judges by.
        traffic: what it will meet.
    """

    name: str
    signal: Signal
    criteria: Criteria
    traffic: Traffic

    @cached_property
    def foreseen(self) -> Foresight | None:
        """What it foresees; None if it doesn't."""
        return foreseen(self.signal, self.traffic, self.criteria)

    @property
    def compares(self) -> bool:
        """Whether it foresees when it will notice a regression."""
        return self.foreseen is not None and self.foreseen.worse is not None

    @property
    def per_second(self) -> float:
        """How many canary units come in a second."""
        return self.traffic.per_minute * self.criteria.share / 60

    @property
    def needs(self) -> timedelta | None:
        """After how long it has the units that it needs; None for never."""
        return lasting(self.units() / self.per_second)

    @property
    def passes(self) -> timedelta | None:
        """After how long a healthy change passes; None for never."""
        sooner = self.foreseen.passes if self.foreseen else None
        return self.needs if sooner is None else lasting(sooner / self.per_second)

    def other(self, **criteria: float) -> Asked:
        """Return the same asked by other criteria: `share`, `must_see`, `power`."""
        changes: dict[str, Any] = {**criteria}
        return attrs.evolve(self, criteria=attrs.evolve(self.criteria, **changes))

    def units(self, **criteria: float) -> float:
        """Return how many canary units it needs, by other criteria."""
        seen = self.other(**criteria).foreseen if criteria else self.foreseen
        return seen.units if seen else math.inf


@attrs.frozen(kw_only=True)
class Sight:
    """Say what one signal can see in one ring.

    Attributes:
        signal: its name.
        needs: after how long it would have noticed what must be seen, with the plan's power; None
            for never.
        detectable: the ratio of rates that it notices within the bake, with that power; infinite
            where there is none.
        power: the chance that it notices within the bake what must be seen.
        unnoticed: how many canary units there are before it notices what must be seen: at evens.
        worse: the share of them that comes to harm.
    """

    signal: str
    needs: timedelta | None
    detectable: float
    power: float
    unnoticed: float
    worse: float


def sight(asked: Asked, bake: timedelta, every: timedelta) -> Sight | None:
    """Return what a signal sees within a bake; None if it foresees nothing, or compares nothing.

    Args:
        asked: the signal, and what it is asked.
        bake: the ring's.
        every: how often it is asked.
    """
    seen = asked.foreseen
    if seen is None or seen.worse is None:
        return None
    baked = asked.per_second * bake.total_seconds()
    most = min(seen.most, _LARGEST_RATIO)
    return Sight(
        signal=asked.name,
        needs=asked.needs,
        detectable=_least(lambda ratio: asked.units(must_see=ratio) <= baked, 1.0, most),
        power=min(1.0, _least(lambda power: asked.units(power=power) > baked, 0.0, 1.0)),
        # From the moment that would do to the moment of asking, half an interval passes.
        unnoticed=asked.units(power=0.5) + asked.per_second * every.total_seconds() / 2,
        worse=seen.worse,
    )


def _least(holds: Callable[[float], bool], low: float, high: float) -> float:
    """Return the least number between for which something holds, as it does for larger ones."""
    found = math.inf
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        if holds(middle):
            high = found = middle
        else:
            low = middle
    return found
