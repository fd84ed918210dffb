"""Rings: how far a change goes in one step, for how long, behind which gates, and to where."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta
from typing import Protocol, TypeAlias

import attrs

from safedeploy import validators
from safedeploy.audiences import checked_percent
from safedeploy.errors import DefinitionError
from safedeploy.gates import Gate
from safedeploy.validators import ADDED, duration, several
from safedeploy.windows import Window, recurs

_ZERO = timedelta(0)


class HasName(Protocol):
    """Anything that has a name."""

    @property
    def name(self) -> str:
        """What it is called."""
        ...


@attrs.frozen
class Named:
    """Name what only a process can have: a target, or parameters.

    A plan holds it by name: equality and digests leave the value out, and the core never uses it.

    Args:
        name: what it is called.
        value: what is meant; None where an engine knows it by its name.

    Raises:
        DefinitionError: the name is empty.
    """

    name: str = attrs.field(validator=validators.text)
    value: HasName | None = attrs.field(default=None, eq=False, repr=False)


Given: TypeAlias = Named | HasName | str | None


def targeted(given: Given) -> Named | None:
    """Convert a target, or the name of one."""
    return _named("target", given)


def _situated(given: Given) -> Named | None:
    return _named("environment", given)


def _named(field: str, given: Given) -> Named | None:
    if given is None or isinstance(given, Named):
        return given
    try:
        return Named(given) if isinstance(given, str) else Named(given.name, given)
    except (DefinitionError, AttributeError):
        raise DefinitionError(field, given, "give a name, or what has one") from None


@attrs.frozen
class Place:
    """Say where a change is applied: at a target, with the parameters of an environment.

    Args:
        target: the target's name.
        environment: that of the parameters; empty where there are none.
    """

    target: str = attrs.field(validator=validators.text)
    environment: str = attrs.field(default="", validator=validators.a(str))

    def __str__(self) -> str:
        return f"{self.target} in {self.environment}" if self.environment else self.target


def patience(ring: Ring) -> timedelta:
    """Return how long a ring may take, unless that is said."""
    # Defaults are made before validators ask, so the bake may be anything yet.
    bake = ring.bake if isinstance(ring.bake, timedelta) else _ZERO
    return max(10 * bake, timedelta(hours=1))


def ringed(rings: Iterable[Ring]) -> tuple[Ring, ...]:
    """Convert rings to a tuple; leave anything else alone, for a validator to refuse."""
    return several(rings)


def listed(gates: Iterable[Gate]) -> tuple[Gate, ...]:
    """Convert gates to a tuple; leave anything else alone, for a validator to refuse."""
    return several(gates)


@attrs.frozen
class Ring:
    """Say how far a change goes in one step, and for how long it is watched there.

    Args:
        name: unique in its plan.
        percent: the share of all contexts, 0 to 100; earlier rings stay in it. A target is told it,
            for its router to send that share.
        bake: how long the ring must be exposed, used and healthy before it is left.
        minimum_bake: how long at least, where a signal that has a `margin` excludes that the change
            is worse by it: strong evidence shortens the wait. The whole bake, unless given.
        gates: what must open before the ring begins.
        after: what must open before the ring is left, asked once its bake is earned.
        windows: when the ring may begin and be left, besides the plan's own windows.
        deadline: how long the ring may take before a person is named to look; unless given, ten
            times the bake, and an hour at least.
        target: where a change that isn't a flag's is applied: a target, or the name of one that the
            engine knows. The plan's, unless given.
        environment: what it is applied with: `Parameters`, or the name of some that the engine
            knows.

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
    target: Named | None = attrs.field(
        default=None, kw_only=True, converter=targeted, metadata=ADDED
    )
    environment: Named | None = attrs.field(
        default=None, kw_only=True, converter=_situated, metadata=ADDED
    )

    def __attrs_post_init__(self) -> None:
        if self.needed(excluded=True) > self.bake:
            mend = f"give a timedelta up to the bake, {self.bake}"
            raise DefinitionError("minimum_bake", self.minimum_bake, mend)

    def needed(self, *, excluded: bool) -> timedelta:
        """Return how long the ring must bake, if the margin is excluded or not."""
        least = self.bake if self.minimum_bake is None else self.minimum_bake
        return least if excluded else self.bake
