"""Layers: one draw of everybody, of which flags get shares that exclude each other."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import attrs

from safedeploy import validators
from safedeploy.audiences.algebra import Audience, Now, Predicate, untold
from safedeploy.audiences.shares import MASK, WHOLE, checked_percent, multiplier, threshold
from safedeploy.contexts import Context
from safedeploy.errors import DefinitionError


@attrs.frozen(repr=False)
class Allocation(Audience):
    """Let in those whose bucket in a layer lies in a range. Make one with `Layer.share`.

    It is the same range for every flag that names it, and who can't be drawn is in none.

    Args:
        layer: the layer's name, which is drawn with.
        start: where it begins, in percent of everybody.
        end: where it ends; the next range may begin there.

    Raises:
        DefinitionError: percentages outside 0..100, or an end before the start.
    """

    layer: str = attrs.field(validator=validators.text)
    start: float = attrs.field(converter=checked_percent)
    end: float = attrs.field(converter=checked_percent)

    def __attrs_post_init__(self) -> None:
        if self.end < self.start:
            raise DefinitionError("end", self.end, f"let it end after {self.start}")

    def __repr__(self) -> str:
        """Show it as it is written."""
        return f"Allocation({self.layer!r}, {self.start:.17g}, {self.end:.17g})"

    def is_split(self) -> bool:
        """Tell that a percentage has a say in it."""
        return True

    def predicate(self, salt: str, now: Now = untold) -> Predicate:
        """Return a function that draws with the layer's name."""
        times, start, end = self._draw
        return lambda context: (
            (unit := context.unit) is not None and start <= unit * times & MASK < end
        )

    def told(self, context: Context, salt: str, now: Now = untold) -> str:
        """Return the bucket, and whether it is in the range."""
        if context.unit is None:
            return "there is no targeting key to draw by"
        times, start, end = self._draw
        where = context.unit * times & MASK
        sign = "in" if start <= where < end else "not in"
        range_ = f"[{start / WHOLE:.4f}, {end / WHOLE:.4f})"
        return f"bucket {where / WHOLE:.4f} {sign} {range_} of layer {self.layer!r}"

    @property
    def _draw(self) -> tuple[int, int, int]:
        return multiplier(f"layer:{self.layer}"), threshold(self.start), threshold(self.end)


@attrs.frozen
class Layer:
    """Let flags exclude each other, and hold somebody back from all of them for good.

    Everybody falls into one place of the layer, whatever flag is asked. Each share is a range of
    its own, in the order given: two shares have nobody in common. Those who are held back are in no
    share, so a flag that is confined to one never exposes them.

    Args:
        name: the layer's name.
        shares: percent of everybody, by the name of the share, a flag's key say. More may be added
            at the end later, as long as there is room; nobody moves then.
        holdback: percent of everybody that is in no share.

    Raises:
        DefinitionError: a percentage outside 0..100, or more than 100 % in all.
    """

    name: str = attrs.field(validator=validators.text)
    shares: Mapping[str, float] = attrs.field(
        default=validators.NOTHING, converter=validators.frozen
    )
    holdback: float = attrs.field(default=0.0, kw_only=True, converter=checked_percent)

    def __attrs_post_init__(self) -> None:
        if not isinstance(self.shares, Mapping):
            raise DefinitionError("shares", self.shares, "give percentages, by name")
        for name, percent in self.shares.items():
            if not isinstance(name, str):
                raise DefinitionError("shares", name, "name shares by texts")
            checked_percent(percent)
        if math.fsum((*self.shares.values(), self.holdback)) > 100:
            mend = f"leave {100 - self.holdback:g} % or less to all shares together"
            raise DefinitionError("shares", dict(self.shares), mend)

    @property
    def everybody(self) -> Allocation:
        """All who aren't held back: for flags that needn't exclude each other."""
        return Allocation(self.name, 0, 100 - self.holdback)

    def share(self, name: str) -> Allocation:
        """Return who is in a share.

        Raises:
            DefinitionError: the layer has no such share.
        """
        start: Any = 0.0
        for each, percent in self.shares.items():
            if each == name:
                return Allocation(self.name, start, min(start + percent, 100 - self.holdback))
            start += percent
        raise DefinitionError("share", name, f"choose one of {list(self.shares)}")
