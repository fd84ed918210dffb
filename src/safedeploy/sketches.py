"""Sketches: a byte about each unit, in bounded memory: exact for few, then a table of hashes."""

from __future__ import annotations

from base64 import b64decode, b64encode
from functools import cache

import attrs

EXACT = 340
"""So many units have a byte each; beyond, all share a table."""

SLOTS = 16_381
"""How many bytes the table has. A prime: every bit of a hash has a say in its slot."""

ACTIVE, RISEN, SEEN, FAILED, HUNG, MET = (1 << number for number in range(6))
"""What a byte can say of a unit: active, and slower than before, in this block; in this exposure,
seen, failed, with a call that didn't end in time, with an event that it met.
"""

HARMED = FAILED | HUNG | MET
ALL = 0xFF

_WIDE = 1 << 65  # more than any hash: as long as memory is exact, a hash is its own slot
_UNIT = 8  # bytes


class Sketch:
    """Remember a byte of each unit; that of a unit which was never seen is 0.

    Exact for up to `EXACT` units. Beyond, units have the bytes of a table's slots, and may share
    one: when n units are in it, one more is taken for known with a chance of 1 - exp(-n / `SLOTS`),
    3 % at 500 and 50 % at 11,000; then it is time to `clear` it. If units of both arms are in one
    sketch, all are equally likely to be taken for known at any moment.

    Args:
        text: what `text` returned of an equal sketch; empty for one that knows nobody.

    Attributes:
        values: the bytes, by `unit % size`.
        size: what units are taken modulo.
    """

    def __init__(self, text: str = "") -> None:
        self.values: dict[int, int] | bytearray = _Exact()
        self.size = _WIDE
        self._read(b64decode(text))

    def get(self, unit: int) -> int:
        """Return the byte of a unit."""
        return self.values[unit % self.size]

    def put(self, unit: int, value: int) -> None:
        """Set the byte of a unit."""
        self.values[unit % self.size] = value

    def add(self, unit: int, bit: int) -> bool:
        """Set a bit of a unit's byte, and tell whether it wasn't set."""
        slot = unit % self.size
        value = self.values[slot]
        self.values[slot] = value | bit
        return not value & bit

    @property
    def is_crowded(self) -> bool:
        """Whether there are too many units to be exact."""
        return isinstance(self.values, dict) and len(self.values) > EXACT

    def settle(self) -> None:
        """Go over to the table."""
        if isinstance(self.values, dict):
            units = self.values.items()
            self.values, self.size = bytearray(SLOTS), SLOTS
            for unit, value in units:
                self.values[unit % SLOTS] |= value

    def share(self, bits: int) -> float:
        """Return how many of the slots have one of these bits, 0..1; 0 while it is exact."""
        if isinstance(self.values, dict):
            return 0.0
        return 1 - len(self.values.translate(None, _having(bits))) / SLOTS

    def clear(self, bits: int) -> None:
        """Clear these bits of all units."""
        others = _without(bits)
        if isinstance(self.values, dict):
            kept = ((slot, others[value]) for slot, value in self.values.items())
            self.values = _Exact((slot, value) for slot, value in kept if value)
        else:
            self.values = self.values.translate(others)

    def text(self) -> str:
        """Return a text that makes an equal sketch."""
        if isinstance(self.values, dict):
            units = (unit.to_bytes(_UNIT) + bytes([value]) for unit, value in self.values.items())
            return b64encode(b"".join(units)).decode()
        return b64encode(self.values).decode()

    def _read(self, kept: bytes) -> None:
        if len(kept) == SLOTS:
            self.values, self.size = bytearray(kept), SLOTS
            return
        for at in range(0, len(kept), _UNIT + 1):
            self.values[int.from_bytes(kept[at : at + _UNIT])] = kept[at + _UNIT]


class _Exact(dict[int, int]):
    def __missing__(self, unit: int) -> int:
        return 0


@attrs.define
class Sample:
    """Name those units of a kind that count: all at first; one in two, in four, in eight later on.

    Attributes:
        sketch: where they are remembered.
        bits: by which bits.
        mask: the bits that are zero in the names of those that count.
    """

    sketch: Sketch
    bits: int
    mask: int = 0

    @property
    def halvings(self) -> int:
        """How often the units that count were halved."""
        return self.mask.bit_count()

    @property
    def is_full(self) -> bool:
        """Whether it is time to halve them, because too many are remembered."""
        return self.sketch.share(self.bits) >= 0.5

    def names(self, unit: int) -> bool:
        """Tell whether a unit counts, by its name."""
        return not unit & self.mask

    def halve(self, *, forget: bool) -> None:
        """Halve them, and forget all if that is why."""
        self.mask = self.mask << 1 | 1
        if forget:
            self.sketch.clear(self.bits)


@cache
def _having(bits: int) -> bytes:
    """Return the bytes that have one of these bits."""
    return bytes(value for value in range(ALL + 1) if value & bits)


@cache
def _without(bits: int) -> bytes:
    """Return a translation of bytes that clears these bits."""
    return bytes(value & ~bits for value in range(ALL + 1))
