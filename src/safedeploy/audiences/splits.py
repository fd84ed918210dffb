"""Splits: several variants, each for its share of the contexts."""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Callable, Iterator, Sequence
from itertools import accumulate
from typing import Any, TypeVar

import attrs

from safedeploy import validators
from safedeploy.audiences.forms import Asked, asking
from safedeploy.audiences.shares import KEY_TYPES, MASK, WHOLE, multiplier, unit
from safedeploy.contexts import Context
from safedeploy.errors import DefinitionError

T = TypeVar("T")

Weights = tuple[tuple[str, float], ...]


def _pairs(given: Any) -> Any:
    return given.items() if hasattr(given, "items") else given


def _weights(given: Any) -> Weights:
    try:
        weights = tuple((name, validators.real(weight)) for name, weight in _pairs(given))
    except (TypeError, ValueError, OverflowError):
        weights = ()
    if not weights:
        raise DefinitionError("weights", given, "give a number for each variant, by its name")
    return weights


@attrs.frozen(repr=False)
class Split:
    """Serve several variants, each to its share of the contexts: always the same one to each.

    Every variant has a range of the buckets, in the order given. So whoever gets a variant keeps it
    while weight moves from later variants to it, or to earlier ones: let the one that is to grow
    come first. It is drawn apart from the flag's percentages, and all splits of a flag alike.

    Args:
        weights: how much each variant gets of the whole, by name: `{"a": 50, "b": 30, "c": 20}`.
            What counts are their ratios.
        of: the attribute to draw by, as in `Percentage`; the targeting key, unless given.

    Raises:
        DefinitionError: no weights, a variant twice, a weight that is no number, is below zero or
            isn't finite, or weights that add up to zero.
    """

    weights: Weights = attrs.field(converter=_weights)
    of: str | None = attrs.field(
        default=None, kw_only=True, validator=attrs.validators.optional(validators.text)
    )

    def __attrs_post_init__(self) -> None:
        for name, weight in self.weights:
            if not isinstance(name, str):
                raise DefinitionError("weights", name, "name variants by texts")
            if not isinstance(weight, float) or not 0 <= weight < math.inf:
                raise DefinitionError("weights", weight, "give a number of zero or more")
        if len(self.names) > len({*self.names}):
            raise DefinitionError("weights", self.names, "give each variant once")
        if not 0 < sum(weight for _, weight in self.weights) < math.inf:
            raise DefinitionError("weights", self.weights, "let them add up to more than zero")

    def __repr__(self) -> str:
        """Show it as it is written."""
        weights = ", ".join(f"{name!r}: {weight:.17g}" for name, weight in self.weights)
        return f"Split({{{weights}}}{'' if self.of is None else f', of={self.of!r}'})"

    @property
    def names(self) -> tuple[str, ...]:
        """The names of the variants, in order."""
        return tuple(name for name, _ in self.weights)

    @property
    def ends(self) -> tuple[int, ...]:
        """The first 64-bit bucket that each variant leaves to the next ones."""
        from fractions import Fraction  # which takes longer to import than all of this

        # Exactly: not even a rounding error may move anybody where weights are moved.
        sums = list(accumulate(Fraction(weight) for _, weight in self.weights))
        return tuple(int(WHOLE * one / sums[-1]) for one in sums)

    def asked(self) -> Iterator[Asked]:
        """Go through the attribute that it draws by, if it does."""
        if self.of is not None:
            yield asking(self.of, *KEY_TYPES)

    def can_draw(self, context: Context) -> bool:
        """Tell whether a context can be drawn."""
        return unit(self.of)(context) is not None

    def chooser(self, answers: Sequence[T], salt: str, otherwise: T) -> Callable[[Context], T]:
        """Return a function from a context to the answer of its variant.

        Args:
            answers: one for each variant, in order.
            salt: what is drawn with.
            otherwise: the answer of contexts that can't be drawn.
        """
        times, ends, unit_of = multiplier(salt), self.ends, unit(self.of)
        if self.of is not None:
            return lambda context: (
                otherwise
                if (unit := unit_of(context)) is None
                else answers[bisect_right(ends, unit * times & MASK)]
            )

        def choose(context: Context) -> T:
            unit = context.unit
            if unit is None:
                return otherwise
            return answers[bisect_right(ends, unit * times & MASK)]

        return choose

    def told(self, context: Context, salt: str) -> str:
        """Return for people where a context falls, and into which range."""
        drawn = unit(self.of)(context)
        if drawn is None:
            return f"there is no {self.of or 'targeting key'} to draw by"
        where = drawn * multiplier(salt) & MASK
        number = bisect_right(self.ends, where)
        begin = self.ends[number - 1] / WHOLE if number else 0
        return f"bucket {where / WHOLE:.4f} in [{begin:.4f}, {self.ends[number] / WHOLE:.4f})"
