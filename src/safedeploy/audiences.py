"""Audiences: who is let in. Values that compose with `&`, `|` and `~`."""

from __future__ import annotations

import abc
from collections.abc import Callable, Iterable
from itertools import starmap
from typing import TypeAlias

import attrs

from safedeploy import validators
from safedeploy.contexts import SCALARS, AttributeValue, Context, Scalar, mixed
from safedeploy.errors import DefinitionError, shown

Predicate: TypeAlias = Callable[[Context], bool]

_WHOLE = 1 << 64
_MASK = _WHOLE - 1


def bucket(key: str, salt: str) -> float:
    """Return where a targeting key falls for a salt: a share in [0, 1).

    The key's 64 mixed bits times the salt's, made odd, modulo 2^64. Two salts give independent
    buckets. Frozen: the same key and salt give the same bucket in every process and version.
    """
    return ((mixed(key) * multiplier(salt) & _MASK) >> 11) / (1 << 53)


def multiplier(salt: str) -> int:
    """Return the odd 64-bit number that a unit is multiplied with to find its bucket."""
    return mixed(salt) | 1


def threshold(percent: float) -> int:
    """Return the first 64-bit bucket that a percentage leaves out; it rises with the percentage."""
    return int(percent / 100 * _WHOLE)


def checked_percent(percent: float) -> float:
    """Return percent as a float.

    Raises:
        DefinitionError: it isn't a number in 0..100.
    """
    if isinstance(percent, bool) or not isinstance(percent, int | float) or not 0 <= percent <= 100:
        raise DefinitionError("percent", percent, "give a number between 0 and 100")
    return float(percent)


class Audience(abc.ABC):
    """Compose with `&`, `|` and `~`, and ask with `matches`. What every audience can do."""

    __slots__ = ()

    @abc.abstractmethod
    def predicate(self, salt: str) -> Predicate:
        """Return a function that tells whether a context is let in.

        Args:
            salt: what percentages are drawn with: a flag's key, or the subject of a change.
        """

    def is_split(self) -> bool:
        """Tell whether a percentage has a say in it."""
        return False

    def matches(self, context: Context, *, salt: str = "") -> bool:
        """Tell whether a context is let in. It never raises for any context."""
        return self.predicate(salt)(context)

    def __and__(self, other: Audience) -> Audience:
        """Let in whom both let in."""
        return AllOf((*_parts(self, AllOf), *_parts(other, AllOf)))

    def __or__(self, other: Audience) -> Audience:
        """Let in whom either lets in."""
        return AnyOf((*_parts(self, AnyOf), *_parts(other, AnyOf)))

    def __invert__(self) -> Audience:
        """Let in everybody else."""
        return self.audience if isinstance(self, Not) else Not(self)


@attrs.frozen
class Everyone(Audience):
    """Let everybody in, anonymous contexts too."""

    def predicate(self, salt: str) -> Predicate:
        """Return a function that is always true."""
        return lambda _: True


@attrs.frozen
class Percentage(Audience):
    """Let in a share of the contexts, by bucket: always the same ones, and more as it rises.

    Args:
        percent: 0 to 100. Anonymous contexts are in only at 100.
    """

    percent: float = attrs.field(converter=checked_percent)

    def is_split(self) -> bool:
        """Tell that a percentage has a say in it."""
        return True

    def predicate(self, salt: str) -> Predicate:
        """Return a function that draws with the salt."""
        if self.percent == 100:
            return lambda _: True
        times, end = multiplier(salt), threshold(self.percent)

        def is_in(context: Context) -> bool:
            unit = context.unit
            return unit is not None and unit * times & _MASK < end

        return is_in


@attrs.frozen
class Group(Audience):
    """Let in the members of a group, by the group names that the host gives a context.

    Args:
        name: the group's name.
    """

    name: str = attrs.field(validator=validators.text)

    def predicate(self, salt: str) -> Predicate:
        """Return a function that looks the group up."""
        name = self.name
        return lambda context: name in context.groups


@attrs.frozen
class Attribute:
    """Name an attribute, to say what it must be.

    An attribute that is missing, or of another type than it is compared with, never matches.

    Args:
        name: the attribute's name.
    """

    name: str = attrs.field(validator=validators.text)

    def equals(self, value: Scalar) -> Audience:
        """Let in contexts whose attribute is this value."""
        return Comparison(self.name, "equals", (value,))

    def is_in(self, values: Iterable[Scalar]) -> Audience:
        """Let in contexts whose attribute is one of these values.

        Raises:
            DefinitionError: `values` is a single text; each of its letters would be a value.
        """
        if isinstance(values, str) or not isinstance(values, Iterable):
            raise DefinitionError("values", values, f"give a list, such as [{shown(values)}]")
        return Comparison(self.name, "is_in", tuple(values))

    def contains(self, value: Scalar) -> Audience:
        """Let in contexts whose attribute is a sequence with this value in it."""
        return Comparison(self.name, "contains", (value,))

    def exists(self) -> Audience:
        """Let in contexts that have the attribute."""
        return Comparison(self.name, "exists", ())


@attrs.frozen
class Comparison(Audience):
    """Hold what an attribute is compared with, and how. Make one with `Attribute`."""

    name: str
    operator: str
    values: tuple[Scalar, ...] = attrs.field(validator=validators.each(*SCALARS))

    def predicate(self, salt: str) -> Predicate:
        """Return a function that compares."""
        name, holds, values = self.name, _OPERATORS[self.operator], self.values

        def is_in(context: Context) -> bool:
            found = context.attributes.get(name)
            return found is not None and holds(found, values)

        return is_in


@attrs.frozen
class _Several(Audience):
    audiences: tuple[Audience, ...] = attrs.field(validator=validators.each(Audience))

    def is_split(self) -> bool:
        """Tell whether a percentage has a say in any part."""
        return any(part.is_split() for part in self.audiences)

    def predicate(self, salt: str) -> Predicate:
        """Return a function that asks the parts in order, until the answer is clear."""
        asked = [part.predicate(salt) for part in self.audiences]
        while len(asked) > 1:
            # In halves, so that a long chain doesn't exhaust the stack.
            last = asked[-1:] if len(asked) % 2 else []
            asked = [*starmap(self._pair, zip(asked[::2], asked[1::2], strict=False)), *last]
        return asked[0]

    @staticmethod
    @abc.abstractmethod
    def _pair(one: Predicate, other: Predicate) -> Predicate: ...


@attrs.frozen
class AllOf(_Several):
    """Let in whom all of several audiences let in. Make one with `&`."""

    @staticmethod
    def _pair(one: Predicate, other: Predicate) -> Predicate:
        return lambda context: one(context) and other(context)


@attrs.frozen
class AnyOf(_Several):
    """Let in whom any of several audiences lets in. Make one with `|`."""

    @staticmethod
    def _pair(one: Predicate, other: Predicate) -> Predicate:
        return lambda context: one(context) or other(context)


@attrs.frozen
class Not(Audience):
    """Let in everybody whom an audience leaves out. Make one with `~`."""

    audience: Audience = attrs.field(validator=validators.a(Audience))

    def is_split(self) -> bool:
        """Tell whether a percentage has a say in what is left out."""
        return self.audience.is_split()

    def predicate(self, salt: str) -> Predicate:
        """Return a function that turns the answer round."""
        asked = self.audience.predicate(salt)
        return lambda context: not asked(context)


@attrs.frozen
class Exposure:
    """Say whom a change has reached: the share of contexts, drawn with the change's subject.

    Args:
        salt: the subject of the change; every attempt and ring draws with it, so rings nest.
        percent: 0 to 100.
    """

    salt: str
    percent: float = attrs.field(converter=checked_percent)

    def reaches(self, context: Context) -> bool:
        """Tell whether a context has been reached."""
        return Percentage(self.percent).matches(context, salt=self.salt)


def _parts(audience: Audience, kind: type[AllOf | AnyOf]) -> tuple[Audience, ...]:
    return audience.audiences if isinstance(audience, kind) else (audience,)


def _same(one: object, other: object) -> bool:
    # A number equals a number, and True isn't 1: a definition says what type it means.
    if isinstance(one, bool) or isinstance(other, bool):
        return one is other
    return one == other


_OPERATORS: dict[str, Callable[[AttributeValue, tuple[Scalar, ...]], bool]] = {
    "equals": lambda found, values: _same(found, values[0]),
    "is_in": lambda found, values: any(_same(found, value) for value in values),
    "contains": lambda found, values: (
        isinstance(found, tuple) and any(_same(item, values[0]) for item in found)
    ),
    "exists": lambda _, __: True,
}
