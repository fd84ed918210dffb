"""Projections: a flag, and the rollout that changes it, become one function that is fast to ask."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any, TypeAlias, TypeVar

import attrs

from safedeploy.audiences import Exposure, Percentage, Predicate
from safedeploy.contexts import Context
from safedeploy.flags import FeatureFlag, Resolution
from safedeploy.guards import Served
from safedeploy.tallies import Tally

if TYPE_CHECKING:  # whoever only asks flags doesn't wait for it
    from safedeploy.overrides import Override

T = TypeVar("T")

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
        baseline = Served(old, old.value, tally, tally.baseline)
        return (baseline, Served(new, new.value, tally, tally.canary))

    table = tuple(
        tuple(pair(old, new) for old in stable.resolutions) for new in definition.resolutions
    )
    is_reached = Percentage(exposure.percent).predicate(exposure.salt)
    if (stable.rules, stable.enabled) == (definition.rules, definition.enabled):
        return _of_pairs(stable, tuple(row[n] for n, row in enumerate(table)), is_reached)
    index_of_new, index_of_old = definition.index, stable.index
    return lambda context: table[index_of_new(context)][index_of_old(context)][is_reached(context)]


def _of_pairs(
    flag: FeatureFlag[Any],
    pairs: tuple[tuple[Served[Any], Served[Any]], ...],
    is_reached: Predicate,
) -> Projection:
    """Return the function of a flag whose rules stay: whom they match is asked once, not twice."""
    if len(pairs) == 1:
        [pair] = pairs
        return lambda context: pair[is_reached(context)]
    if len(pairs) == 2:
        # Nearly every flag has one rule, and these functions are called for every request.
        matches, (some, others) = flag.rules[0].when.predicate(flag.key), pairs
        return lambda context: (some if matches(context) else others)[is_reached(context)]
    index = flag.index
    return lambda context: pairs[index(context)][is_reached(context)]


def overridden(
    overrides: Sequence[Override], otherwise: Projection, now: Callable[[], datetime]
) -> Projection:
    """Return the function of a flag that operators override.

    Whoever is let in by an override is in no arm: what happens to them says nothing of a change.

    Args:
        overrides: those that stand; of several that let a context in, the latest decides.
        otherwise: the function of the flag for everybody else.
        now: the time.
    """
    asked = [
        (each.audience.predicate(each.flag), each.until, _served(each.resolution))
        for each in reversed(overrides)
    ]

    def ask(context: Context) -> Served[Any]:
        for matches, until, served in asked:
            if matches(context) and now() < until:
                return served
        return otherwise(context)

    return ask


def forced(resolution: Resolution[Any]) -> Projection:
    """Return the function of a flag that has one answer, for everybody, in no arm."""
    served = _served(resolution)
    return lambda _: served


def failed(flag: FeatureFlag[T], error: Exception) -> Served[T]:
    """Return what a caller is served when asking went wrong."""
    return _served(flag.failed(error))


def _agree(old: Resolution[Any], new: Resolution[Any]) -> bool:
    same = old.value is new.value or (type(old.value), old.value) == (type(new.value), new.value)
    return same and old.variant == new.variant


def _served(resolution: Resolution[T]) -> Served[T]:
    return Served(resolution, resolution.value)
