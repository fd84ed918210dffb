"""Projections: a flag, and the rollout that changes it, become one function that is fast to ask."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Generic, TypeAlias, TypeVar

import attrs

from safedeploy.audiences import Exposure, Percentage
from safedeploy.contexts import Context
from safedeploy.flags import FeatureFlag, Resolution
from safedeploy.metrics import Tally

T = TypeVar("T")


@attrs.frozen
class Served(Generic[T]):
    """Hold what a context is served.

    Attributes:
        resolution: the answer.
        value: its value.
        tally: where outcomes are recorded; None where the context isn't affected by a rollout.
        canary: whether the rollout has reached the context.
    """

    resolution: Resolution[T]
    value: T
    tally: Tally | None = None
    canary: bool = False


Projection: TypeAlias = Callable[[Context], Served[Any]]


def settled(flag: FeatureFlag[Any], *, detail: str = "") -> Projection:
    """Return the function of a flag that no rollout is changing."""
    index = flag.index
    served = tuple(_served(attrs.evolve(found, detail=detail)) for found in flag.resolutions)
    return lambda context: served[index(context)]


def released(
    stable: FeatureFlag[Any],
    definition: FeatureFlag[Any],
    exposure: Exposure,
    tally: Tally,
    *,
    rollout: str,
    ring: str,
) -> Projection:
    """Return the function of a flag that a rollout moves from a stable to a new definition.

    Args:
        stable: what those get whom the rollout hasn't reached.
        definition: what the others get.
        exposure: whom it has reached.
        tally: where the outcomes of affected contexts are recorded.
        rollout: the rollout's id.
        ring: the name of the ring that it has reached.
    """

    def pair(old: Resolution[Any], new: Resolution[Any]) -> tuple[Served[Any], Served[Any]]:
        if _agree(old, new):
            return (_served(old), _served(old))
        old = attrs.evolve(old, rollout=rollout)
        new = attrs.evolve(new, rollout=rollout, ring=ring)
        return (_served(old, tally, canary=False), _served(new, tally, canary=True))

    table = tuple(
        tuple(pair(old, new) for old in stable.resolutions) for new in definition.resolutions
    )
    is_reached = Percentage(exposure.percent).predicate(exposure.salt)
    index_of_new, index_of_old = definition.index, stable.index
    return lambda context: table[index_of_new(context)][index_of_old(context)][is_reached(context)]


def failed(flag: FeatureFlag[T], error: Exception) -> Served[T]:
    """Return what a caller is served when asking went wrong."""
    return _served(flag.failed(error))


def _agree(old: Resolution[Any], new: Resolution[Any]) -> bool:
    same = old.value is new.value or (type(old.value), old.value) == (type(new.value), new.value)
    return same and old.variant == new.variant


def _served(
    resolution: Resolution[T], tally: Tally | None = None, *, canary: bool = False
) -> Served[T]:
    return Served(resolution, resolution.value, tally, canary)
