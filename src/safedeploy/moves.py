"""Moves: what a reload of definitions did with each of them, and why."""

from __future__ import annotations

import enum
from collections.abc import Iterable, Mapping
from typing import Any, Protocol, TypeAlias

import attrs

from safedeploy import validators
from safedeploy.errors import DefinitionError
from safedeploy.flags import FeatureFlag

SHOWN = 20
"""Of how many flags a text says what happened to them."""


class HasFlags(Protocol):
    """Definitions that were read from somewhere."""

    @property
    def flags(self) -> Mapping[str, FeatureFlag[Any]]:
        """The flags, by key."""
        ...


Flags: TypeAlias = HasFlags | Mapping[str, FeatureFlag[Any]] | Iterable[FeatureFlag[Any]]
"""What a reload takes: flags, or what has them."""


class Fate(enum.Enum):
    """Say what a reload did with a definition."""

    UNCHANGED = "everybody has it"
    RELEASED = "a rollout takes it to people"
    TAKEN = "everybody has it from now on"
    REFUSED = "nobody gets it"


@attrs.frozen
class Move:
    """Say what a reload did with one definition.

    Attributes:
        fate: what was done.
        why: for people.
        rollout: the id of the rollout that takes it to people, where there is one.
    """

    fate: Fate
    why: str = ""
    rollout: str | None = None

    def __str__(self) -> str:
        return f"{self.fate.name.lower()}{self.why and f': {self.why}'}"


@attrs.frozen(repr=False)
class Reloaded:
    """Hold what a reload did, flag by flag.

    Attributes:
        moves: by the flags' keys, in the order in which they were given.
    """

    moves: Mapping[str, Move] = attrs.field(converter=validators.frozen)

    @property
    def refused(self) -> tuple[str, ...]:
        """The keys of the flags of which nobody gets the new definition."""
        return self.of(Fate.REFUSED)

    def of(self, fate: Fate) -> tuple[str, ...]:
        """Return the keys of the flags with which this was done."""
        return tuple(key for key, move in self.moves.items() if move.fate is fate)

    def __repr__(self) -> str:
        counts = ", ".join(f"{len(self.of(it))} {it.name.lower()}" for it in Fate if self.of(it))
        return f"<Reloaded: {counts or 'no flags'}>"

    def __str__(self) -> str:
        """Return what has changed and what was refused, a line for each."""
        told = [
            f"  {key}: {move}"
            for key, move in self.moves.items()
            if move.fate is not Fate.UNCHANGED
        ]
        more = [f"  and {len(told) - SHOWN} more"] if len(told) > SHOWN else []
        return "\n".join([repr(self).strip("<>"), *told[:SHOWN], *more])


def flags_of(definitions: Flags) -> dict[str, FeatureFlag[Any]]:
    """Return flags by key.

    Raises:
        DefinitionError: something else is among them, or two definitions of one flag.
    """
    given: Any = getattr(definitions, "flags", definitions)
    values: Any = given.values() if hasattr(given, "values") else given
    found: dict[str, FeatureFlag[Any]] = {}
    for flag in values if hasattr(values, "__iter__") else (values,):
        if not _is_flag(flag):
            raise DefinitionError("definitions", type(flag).__qualname__, "give flags, by key")
        if found.setdefault(flag.key, flag) != flag:
            raise DefinitionError("definitions", flag.key, "give one definition of each flag")
    return found


def _is_flag(value: object) -> bool:
    return isinstance(value, FeatureFlag)
