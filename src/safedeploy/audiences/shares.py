"""Shares: where a context falls, and how much of everybody is let in."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TypeAlias

import attrs

from safedeploy import validators
from safedeploy.audiences.algebra import Audience, Now, Predicate, untold
from safedeploy.audiences.forms import Asked, asking
from safedeploy.contexts import Context, mixed
from safedeploy.errors import DefinitionError

Unit: TypeAlias = Callable[[Context], "int | None"]

WHOLE = 1 << 64
MASK = WHOLE - 1

KEY_TYPES = ("text", "whole number")
"""What an attribute may be that contexts are drawn by."""


def bucket(key: str, salt: str) -> float:
    """Return where a targeting key falls for a salt: a share in [0, 1).

    The key's 64 mixed bits times the salt's, made odd, modulo 2^64. Two salts give independent
    buckets. Frozen: the same key and salt give the same bucket in every process and version.
    """
    return share(mixed(key), salt)


def share(unit: int, salt: str) -> float:
    """Return where 64 mixed bits of a key fall for a salt: a share in [0, 1)."""
    return ((unit * multiplier(salt) & MASK) >> 11) / (1 << 53)


def multiplier(salt: str) -> int:
    """Return the odd 64-bit number that a unit is multiplied with to find its bucket."""
    return mixed(salt) | 1


def threshold(percent: float) -> int:
    """Return the first 64-bit bucket that a percentage leaves out; it rises with the percentage."""
    return int(percent / 100 * WHOLE)


def checked_percent(percent: float) -> float:
    """Return percent as a float.

    Raises:
        DefinitionError: it isn't a number in 0..100.
    """
    if isinstance(percent, bool) or not isinstance(percent, int | float) or not 0 <= percent <= 100:
        raise DefinitionError("percent", percent, "give a number between 0 and 100")
    return float(percent)


def unit(of: str | None) -> Unit:
    """Return a function from a context to the 64 bits that it is drawn by; None where it has none.

    Args:
        of: the attribute to draw by: a text, or a whole number, which is drawn as its digits are;
            the targeting key where it is None.
    """
    if of is None:
        return lambda context: context.unit

    def found(context: Context) -> int | None:
        value = context.held.get(of)
        if type(value) is int and value.bit_length() <= 64:
            value = str(value)
        return mixed(value) if isinstance(value, str) and value else None

    return found


@attrs.frozen(repr=False)
class Percentage(Audience):
    """Let in a share of the contexts, by bucket: always the same ones, and more as it rises.

    Args:
        percent: 0 to 100, as fine as a float is. Contexts that can't be drawn, the anonymous ones,
            are in only at 100.
        of: the attribute to draw by, `"tenant"` say: all who have it in common are in, or none.
            The targeting key, unless given.
    """

    percent: float = attrs.field(converter=checked_percent)
    of: str | None = attrs.field(
        default=None,
        kw_only=True,
        validator=attrs.validators.optional(validators.text),
        metadata=validators.ADDED,
    )

    def __repr__(self) -> str:
        """Show it as it is written."""
        of = "" if self.of is None else f", of={self.of!r}"
        return f"Percentage({self.percent:.17g}{of})"

    def is_split(self) -> bool:
        """Tell that a percentage has a say in it."""
        return True

    def asked(self) -> Iterator[Asked]:
        """Go through the attribute that it draws by, if it does."""
        if self.of is not None:
            yield asking(self.of, *KEY_TYPES)

    def predicate(self, salt: str, now: Now = untold) -> Predicate:
        """Return a function that draws with the salt."""
        if self.percent == 100:
            return lambda _: True
        times, end = multiplier(salt), threshold(self.percent)
        if self.of is not None:
            return _drawn(unit(self.of), times, end)
        # As defaults they take less memory than as what is closed over, and there may be thousands.
        return lambda context, times=times, end=end: (  # type: ignore[misc]
            (unit := context.unit) is not None and unit * times & MASK < end
        )

    def told(self, context: Context, salt: str, now: Now = untold) -> str:
        """Return the bucket, and the percentage that it is held against."""
        drawn, by = unit(self.of)(context), f" of {self.of}" if self.of else ""
        if self.percent == 100:
            return "100 %"
        if drawn is None:
            return f"there is no {self.of or 'targeting key'} to draw by"
        where, end = drawn * multiplier(salt) & MASK, threshold(self.percent)
        sign = "<" if where < end else ">="
        return f"bucket {where / WHOLE:.4f}{by} {sign} {self.percent / 100:.7g}"


def _drawn(unit_of: Unit, times: int, end: int) -> Predicate:
    return lambda context: (unit := unit_of(context)) is not None and unit * times & MASK < end


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
