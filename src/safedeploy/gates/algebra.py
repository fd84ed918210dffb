"""The algebra of gates: what each of them can do, and how they compose."""

from __future__ import annotations

import abc
from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta
from typing import Any

import attrs

from safedeploy.digests import is_default
from safedeploy.errors import DefinitionError
from safedeploy.gates.showings import Shown
from safedeploy.validators import each

LONGEST = timedelta(days=3660)
"""What was shown expires after ten years at most, so that no date overflows."""


class Gate(abc.ABC):
    """Compose with `&` and `|`, or with `at_least`. What every gate can do.

    Whether it is open follows from what was shown, and from nothing else.
    """

    __slots__ = ()

    @property
    @abc.abstractmethod
    def name(self) -> str:
        """What it is called."""

    @abc.abstractmethod
    def opens(self, shown: Shown) -> bool:
        """Tell whether it is open."""

    def fails(self, shown: Shown) -> bool:
        """Tell whether it can never open."""
        return False

    @property
    def leaves(self) -> tuple[Gate, ...]:
        """The gates that it is composed of; itself if it isn't composed."""
        return (self,)

    def awaited(self, shown: Shown) -> Iterator[Gate]:
        """Find the leaves that can still help to open it."""
        if not self.opens(shown) and not self.fails(shown):
            yield self

    def turns(self, shown: Shown) -> Iterator[datetime]:
        """Find the times to come at which it may open or close by itself."""
        return shown.ends(self.name)

    def then(self, shown: Shown) -> str:
        """Return what happens at the next of these times."""
        return f"what {self.name} has shown expires"

    @abc.abstractmethod
    def missing(self, shown: Shown) -> str:
        """Return what it waits for, to go on from "waits for"."""

    def __and__(self, other: Gate) -> Gate:
        """Open when both are open."""
        return at_least(2, self, other) if isinstance(other, Gate) else NotImplemented

    def __or__(self, other: Gate) -> Gate:
        """Open when either is open."""
        return at_least(1, self, other) if isinstance(other, Gate) else NotImplemented

    def __repr__(self) -> str:
        kind: Any = type(self)
        told = [each for each in attrs.fields(kind) if each.repr and not is_default(each, self)]
        return (
            f"{kind.__name__}({', '.join(f'{it.name}={getattr(self, it.name)!r}' for it in told)})"
        )


def lasting(_: object, field: attrs.Attribute[Any], value: object) -> None:
    """Refuse what isn't a timedelta above zero, of ten years at most."""
    if not isinstance(value, timedelta) or not timedelta(0) < value <= LONGEST:
        mend = "give a timedelta above zero, of ten years at most"
        raise DefinitionError(field.name, value, mend)


def a_quorum(_: object, field: attrs.Attribute[int], value: object) -> None:
    """Refuse what isn't a number of 1 or more."""
    if isinstance(value, bool) or not isinstance(value, int) or value < 1:
        raise DefinitionError(field.name, value, "give a number of 1 or more")


@attrs.frozen(repr=False)
class AtLeast(Gate):
    """Open when enough of several gates are open. Make one with `&`, `|` or `at_least`.

    A gate that fails halts nothing for as long as enough others may open.
    """

    count: int = attrs.field(validator=a_quorum)
    gates: tuple[Gate, ...] = attrs.field(validator=each(Gate))

    def __attrs_post_init__(self) -> None:
        if self.count > len(self.gates):
            mend = f"give {len(self.gates)} at most, or more gates"
            raise DefinitionError("count", self.count, mend)
        refuse_twins("gates", self.gates)

    @property
    def name(self) -> str:
        """What it is composed of, by name."""
        return self._told([gate.name for gate in self.gates], f"{self.count} of (")

    @property
    def leaves(self) -> tuple[Gate, ...]:
        """The gates that it is composed of."""
        return tuple(leaf for gate in self.gates for leaf in gate.leaves)

    def opens(self, shown: Shown) -> bool:
        """Tell whether enough of them are open."""
        return sum(gate.opens(shown) for gate in self.gates) >= self.count

    def fails(self, shown: Shown) -> bool:
        """Tell whether too many of them have failed."""
        return len(self.gates) - sum(gate.fails(shown) for gate in self.gates) < self.count

    def awaited(self, shown: Shown) -> Iterator[Gate]:
        """Find the leaves that can still help to open it."""
        if not self.opens(shown) and not self.fails(shown):
            for gate in self.gates:
                yield from gate.awaited(shown)

    def turns(self, shown: Shown) -> Iterator[datetime]:
        """Find the times to come at which any of them may open or close by itself."""
        return (at for gate in self.gates for at in gate.turns(shown))

    def missing(self, shown: Shown) -> str:
        """Return what those wait for that can still help."""
        closed = [it for it in self.gates if not it.opens(shown) and not it.fails(shown)]
        more = self.count - (sum(gate.opens(shown) for gate in self.gates))
        told = [
            f"({it.missing(shown)})" if len(it.leaves) > 1 else it.missing(shown) for it in closed
        ]
        if more == len(told):
            return " and ".join(told)
        return " or ".join(told) if more == 1 else f"{more} of: {'; '.join(told)}"

    def _told(self, parts: list[str], lead: str) -> str:
        wrapped = [
            f"({part})" if isinstance(gate, AtLeast) else part
            for gate, part in zip(self.gates, parts, strict=True)
        ]
        if self.count == len(parts):
            return " & ".join(wrapped)
        return " | ".join(wrapped) if self.count == 1 else f"{lead}{', '.join(parts)})"

    def __repr__(self) -> str:
        return self._told([repr(gate) for gate in self.gates], f"at_least({self.count}, ")


def at_least(count: int, *gates: Gate) -> Gate:
    """Return a gate that opens when so many of several gates are open.

    `at_least(1, a, b)` is `a | b`, and of two, `at_least(2, a, b)` is `a & b`.

    Args:
        count: how many.
        gates: which; each of another name, at any depth.

    Raises:
        DefinitionError: the count is below 1 or above the number of gates, two have one name, or
            something is no gate.
    """
    parts, asked = gates, count
    if count == len(gates):
        parts = tuple(part for gate in gates for part in _parts(gate, all_of_them=True))
        asked = len(parts)
    elif count == 1:
        parts = tuple(part for gate in gates for part in _parts(gate, all_of_them=False))
    made = AtLeast(asked, parts)
    return made.gates[0] if len(made.gates) == 1 else made


def _parts(gate: Gate, *, all_of_them: bool) -> tuple[Gate, ...]:
    if not isinstance(gate, AtLeast) or gate.count != (len(gate.gates) if all_of_them else 1):
        return (gate,)
    return gate.gates


def leaves(gates: Iterable[Gate]) -> tuple[Gate, ...]:
    """Return the gates that others are composed of."""
    return tuple(leaf for gate in gates for leaf in gate.leaves)


def refuse_twins(field: str, gates: Iterable[Gate]) -> None:
    """Refuse gates of which two have one name, at any depth.

    Raises:
        DefinitionError: two have.
    """
    found = [leaf.name for leaf in leaves(gates)]
    if len(set(found)) < len(found):
        raise DefinitionError(field, found, "give each gate a name of its own")
