"""The algebra of audiences: everybody, all of them, any of them, the others."""

from __future__ import annotations

import abc
from collections.abc import Callable, Iterator
from datetime import datetime
from itertools import starmap
from typing import Any, TypeAlias, cast

import attrs

from safedeploy import validators
from safedeploy.audiences.forms import Asked
from safedeploy.contexts import Context
from safedeploy.errors import DefinitionError

Predicate: TypeAlias = Callable[[Context], bool]

Now: TypeAlias = Callable[[], datetime | None]
"""Tells the time where an audience asks for it; None where nobody knows."""

DEEPEST = 32
"""How deep audiences may be nested. Chains of `&` or of `|` are flat, however long they are."""

MOST = 10_000
"""Of how many parts an audience may be made."""


def untold() -> None:
    """Tell no time: schedules let nobody in."""


class Audience(abc.ABC):
    """Compose with `&`, `|` and `~`, and ask with `matches`. What every audience can do.

    Logic has two values: what isn't known isn't so. An attribute that is missing or of another type
    doesn't match, and so its negation does: `~Attribute("plan").equals("free")` lets in those
    without a plan, too. Add `& Attribute("plan").exists()` where that isn't meant.
    """

    __slots__ = ()

    @property
    def parts(self) -> tuple[Audience, ...]:
        """The audiences that it is made of."""
        return ()

    @property
    def depth(self) -> int:
        """How deep it is nested."""
        return 1

    @property
    def size(self) -> int:
        """Of how many parts it is made, those that have parts not counted."""
        return 1

    @abc.abstractmethod
    def predicate(self, salt: str, now: Now = untold) -> Predicate:
        """Return a function that tells whether a context is let in.

        Args:
            salt: what percentages are drawn with: a flag's key, or the subject of a change.
            now: what schedules ask for the time.
        """

    @abc.abstractmethod
    def told(self, context: Context, salt: str, now: Now = untold) -> str:
        """Return for people what in a context decides, with its values: mind who reads it."""

    def is_split(self) -> bool:
        """Tell whether a percentage has a say in it."""
        return any(part.is_split() for part in self.parts)

    def is_timed(self) -> bool:
        """Tell whether a schedule has a say in it."""
        return any(part.is_timed() for part in self.parts)

    def asked(self) -> Iterator[Asked]:
        """Go through the attributes that have to be there, each with the types it may have."""
        for part in self.parts:
            yield from part.asked()

    def matches(self, context: Context, *, salt: str = "", at: datetime | None = None) -> bool:
        """Tell whether a context is let in, at a time. It never raises for any context."""
        return self.predicate(salt, lambda: at)(context)

    def __and__(self, other: Audience) -> Audience:
        """Let in whom both let in."""
        return AllOf((self, other))

    def __or__(self, other: Audience) -> Audience:
        """Let in whom either lets in."""
        return AnyOf((self, other))

    def __invert__(self) -> Audience:
        """Let in everybody else."""
        return self.audience if isinstance(self, Not) else Not(self)


@attrs.frozen
class Everyone(Audience):
    """Let everybody in, anonymous contexts too."""

    def predicate(self, salt: str, now: Now = untold) -> Predicate:
        """Return a function that is always true."""
        return lambda _: True

    def told(self, context: Context, salt: str, now: Now = untold) -> str:
        """Return that everybody is let in."""
        return "everyone"


@attrs.frozen
class _Several(Audience):
    audiences: tuple[Audience, ...]
    _depth: int = attrs.field(init=False, eq=False, repr=False)
    _size: int = attrs.field(init=False, eq=False, repr=False)

    def __attrs_post_init__(self) -> None:
        # Only what is new is looked at: else a long chain would be looked through at every link.
        kind, depth, size = type(self), 0, 0
        flat: list[Audience] = []
        for part in _checked(self.audiences):
            same = type(part) is kind
            flat += part.parts if same else (part,)
            depth, size = max(depth, part.depth + (not same)), size + part.size
        put = object.__setattr__
        put(self, "audiences", tuple(flat))
        put(self, "_depth", depth)
        put(self, "_size", size)
        check_extent(self)

    @property
    def parts(self) -> tuple[Audience, ...]:
        """The audiences that it is made of."""
        return self.audiences

    @property
    def depth(self) -> int:
        """How deep it is nested."""
        return self._depth

    @property
    def size(self) -> int:
        """Of how many parts it is made."""
        return self._size

    def predicate(self, salt: str, now: Now = untold) -> Predicate:
        """Return a function that asks the parts in order, until the answer is clear."""
        asked = [part.predicate(salt, now) for part in self.audiences]
        while len(asked) > 1:
            # In halves, so that a long chain doesn't exhaust the stack.
            last = asked[-1:] if len(asked) % 2 else []
            asked = [*starmap(self._pair, zip(asked[::2], asked[1::2], strict=False)), *last]
        return asked[0]

    def told(self, context: Context, salt: str, now: Now = untold) -> str:
        """Return the first part that decides; all of them where no single one does."""
        for part in self.audiences:
            if part.predicate(salt, now)(context) is self._decisive:
                return part.told(context, salt, now)
        return " and ".join(part.told(context, salt, now) for part in self.audiences)

    @property
    @abc.abstractmethod
    def _decisive(self) -> bool: ...

    @staticmethod
    @abc.abstractmethod
    def _pair(one: Predicate, other: Predicate) -> Predicate: ...


@attrs.frozen(repr=False)
class AllOf(_Several):
    """Let in whom all of several audiences let in. Make one with `&`.

    Raises:
        DefinitionError: no audience, something else, or more or deeper than is allowed.
    """

    def __repr__(self) -> str:
        """Show it as it is written."""
        shown = (f"({part!r})" if isinstance(part, AnyOf) else repr(part) for part in self.parts)
        return " & ".join(shown) if len(self.parts) > 1 else f"AllOf({self.parts!r})"

    @property
    def _decisive(self) -> bool:
        return False

    @staticmethod
    def _pair(one: Predicate, other: Predicate) -> Predicate:
        return lambda context: one(context) and other(context)


@attrs.frozen(repr=False)
class AnyOf(_Several):
    """Let in whom any of several audiences lets in. Make one with `|`.

    Raises:
        DefinitionError: no audience, something else, or more or deeper than is allowed.
    """

    def __repr__(self) -> str:
        """Show it as it is written."""
        return " | ".join(map(repr, self.parts)) if len(self.parts) > 1 else f"AnyOf({self.parts})"

    @property
    def _decisive(self) -> bool:
        return True

    @staticmethod
    def _pair(one: Predicate, other: Predicate) -> Predicate:
        return lambda context: one(context) or other(context)


@attrs.frozen(repr=False)
class Not(Audience):
    """Let in everybody whom an audience leaves out. Make one with `~`."""

    audience: Audience = attrs.field(validator=validators.a(Audience))

    def __attrs_post_init__(self) -> None:
        check_extent(self)

    def __repr__(self) -> str:
        """Show it as it is written."""
        several = isinstance(self.audience, _Several)
        return f"~({self.audience!r})" if several else f"~{self.audience!r}"

    @property
    def parts(self) -> tuple[Audience, ...]:
        """The audience that it turns round."""
        return (self.audience,)

    @property
    def depth(self) -> int:
        """How deep it is nested."""
        return self.audience.depth + 1

    @property
    def size(self) -> int:
        """Of how many parts it is made."""
        return self.audience.size

    def predicate(self, salt: str, now: Now = untold) -> Predicate:
        """Return a function that turns the answer round."""
        asked = self.audience.predicate(salt, now)
        return lambda context: not asked(context)

    def told(self, context: Context, salt: str, now: Now = untold) -> str:
        """Return what decides it."""
        return self.audience.told(context, salt, now)


def _checked(given: Any) -> tuple[Audience, ...]:
    if not isinstance(given, tuple) or not given:
        mend = "give a tuple of one Audience or more"
        raise DefinitionError("audiences", cast("object", given), mend)
    parts = cast("tuple[Audience, ...]", given)
    for part in parts:
        if not isinstance(part, Audience):
            raise DefinitionError("audiences", part, "give an Audience")
    return parts


def check_extent(audience: Audience) -> None:
    """Refuse an audience that has too many parts, or is nested too deeply."""
    # What is nested is compared, compiled and written by functions that call themselves.
    if audience.depth > DEEPEST:
        raise DefinitionError("depth", audience.depth, f"nest audiences {DEEPEST} deep at most")
    if audience.size > MOST:
        raise DefinitionError("size", audience.size, f"use {MOST:,} parts at most, or a group")
