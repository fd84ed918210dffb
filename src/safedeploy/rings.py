"""Rings: how far a change goes in one step, for how long, behind which gates and windows."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta

import attrs

from safedeploy import validators
from safedeploy.audiences import checked_percent
from safedeploy.errors import DefinitionError
from safedeploy.gates import Gate
from safedeploy.validators import ADDED, duration, several
from safedeploy.windows import Window, recurs

_ZERO = timedelta(0)


def patience(ring: Ring) -> timedelta:
    """Return how long a ring may take, unless that is said."""
    # Defaults are made before validators ask, so the bake may be anything yet.
    bake = ring.bake if isinstance(ring.bake, timedelta) else _ZERO
    return max(10 * bake, timedelta(hours=1))


def listed(gates: Iterable[Gate]) -> tuple[Gate, ...]:
    """Convert gates to a tuple; leave anything else alone, for a validator to refuse."""
    return several(gates)


@attrs.frozen
class Ring:
    """Say how far a change goes in one step, and for how long it is watched there.

    Args:
        name: unique in its plan.
        percent: the share of all contexts, 0 to 100; earlier rings stay in it.
        bake: how long the ring must be exposed, used and healthy before it is left.
        minimum_bake: how long at least, where a signal that has a `margin` excludes that the change
            is worse by it: strong evidence shortens the wait. The whole bake, unless given.
        gates: what must open before the ring begins.
        after: what must open before the ring is left, asked once its bake is earned.
        windows: when the ring may begin and be left, besides the plan's own windows.
        deadline: how long the ring may take before a person is named to look; unless given, ten
            times the bake, and an hour at least.

    Raises:
        DefinitionError: an empty name, a percent outside 0..100, a negative duration, windows that
            close for good.
    """

    name: str = attrs.field(validator=validators.text)
    percent: float = attrs.field(converter=checked_percent, kw_only=True)
    bake: timedelta = attrs.field(default=_ZERO, kw_only=True, validator=duration)
    gates: tuple[Gate, ...] = attrs.field(
        default=(), kw_only=True, converter=listed, validator=validators.each(Gate)
    )
    deadline: timedelta = attrs.field(
        default=attrs.Factory(patience, takes_self=True),
        kw_only=True,
        validator=duration,
    )
    minimum_bake: timedelta | None = attrs.field(
        default=None,
        kw_only=True,
        validator=attrs.validators.optional(duration),
        metadata=ADDED,
    )
    after: tuple[Gate, ...] = attrs.field(
        default=(),
        kw_only=True,
        converter=listed,
        validator=validators.each(Gate),
        metadata=ADDED,
    )
    windows: Window | None = attrs.field(
        default=None, kw_only=True, validator=recurs, metadata=ADDED
    )

    def __attrs_post_init__(self) -> None:
        if self.needed(excluded=True) > self.bake:
            mend = f"give a timedelta up to the bake, {self.bake}"
            raise DefinitionError("minimum_bake", self.minimum_bake, mend)

    def needed(self, *, excluded: bool) -> timedelta:
        """Return how long the ring must bake, if the margin is excluded or not."""
        least = self.bake if self.minimum_bake is None else self.minimum_bake
        return least if excluded else self.bake
