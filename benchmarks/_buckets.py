"""Buckets of a million keys at a time: keys of five shapes, and what makes their buckets fair.

The units of all keys are laid side by side in one number, 128 bits for each, so that one
multiplication draws a flag's buckets for all keys. A cohort is a number as well, one bit for each
key, so that two flags are compared by one `&`.
"""

from __future__ import annotations

import uuid
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import combinations, count, islice
from math import sqrt
from random import Random

import attrs

from safedeploy.audiences import multiplier
from safedeploy.contexts import mixed

LANE = 16
"""The bytes that each key takes: its unit and a multiplier have 64 bits each."""


def sequential() -> Iterator[str]:
    """Go through ids as a database gives them."""
    return (f"user-{number}" for number in count())


def uuids() -> Iterator[str]:
    """Go through random UUIDs."""
    dice = Random(4)  # noqa: S311 - no secrets are drawn
    return (str(uuid.UUID(int=dice.getrandbits(128), version=4)) for _ in count())


def emails() -> Iterator[str]:
    """Go through addresses as people have them."""
    names = ("ada", "bob", "eve", "ivy", "joe", "max", "tim", "zoe")
    hosts = ("example.org", "mail.example.com", "example.net")
    return (f"{name}{number}@{host}" for number in count() for name in names for host in hosts)


def hexes() -> Iterator[str]:
    """Go through hexadecimal ids of 24 digits that begin alike, as document stores give them."""
    return (f"65a1f0c2{number * 0x1F:016x}" for number in count())


def unicodes() -> Iterator[str]:
    """Go through names in five scripts, of one to four bytes a letter."""
    names = ("Ærøskøbing", "Ελένη", "Мария", "美咲", "🦊")
    return (f"{name}{number}" for number in count() for name in names)


SHAPES: dict[str, Callable[[], Iterator[str]]] = {
    "sequential": sequential,
    "UUID": uuids,
    "email": emails,
    "hex": hexes,
    "unicode": unicodes,
}


@attrs.frozen
class Units:
    """Hold the mixed bits of many keys, each in a lane of one number.

    Attributes:
        lanes: the number; the first key is the highest.
        keys: how many there are.
    """

    lanes: int = attrs.field(repr=False)
    keys: int

    @classmethod
    def of(cls, keys: Iterable[str]) -> Units:
        """Mix keys as contexts do."""
        mixes = [mixed(key).to_bytes(8, "big") for key in keys]
        gap = bytes(LANE - 8)
        return cls(int.from_bytes(gap + gap.join(mixes), "big"), len(mixes))

    def buckets(self, salt: str) -> bytes:
        """Return the 64-bit buckets that a salt draws: the last 8 bytes of each lane."""
        return (self.lanes * multiplier(salt)).to_bytes(LANE * self.keys, "big")

    def cells(self, salt: str) -> Counter[int]:
        """Count how many keys fall into each of 65,536 equal parts."""
        drawn = self.buckets(salt)
        high, low = drawn[8::LANE], drawn[9::LANE]
        return Counter(first << 8 | second for first, second in zip(high, low, strict=True))

    def cohort(self, salt: str, part: int) -> int:
        """Return who is in `part` of 256, one bit for each key."""
        marks = bytes(ord("1") if first < part else ord("0") for first in range(256))
        return int(self.buckets(salt)[8::LANE].translate(marks), 2)


def strays(cells: Counter[int], keys: int, parts: int = 65_536) -> float:
    """Return by how many standard deviations a chi-squared statistic is off what chance gives."""
    expected = keys / parts
    filled = sum((number - expected) ** 2 / expected for number in cells.values())
    statistic = filled + (parts - len(cells)) * expected
    return (statistic - (parts - 1)) / sqrt(2 * (parts - 1))


def correlations(cohorts: Sequence[int], keys: int) -> list[float]:
    """Return for every pair how far their overlap is off chance, in standard deviations."""
    sizes = [cohort.bit_count() for cohort in cohorts]
    found: list[float] = []
    for (one, size), (other, another) in combinations(zip(cohorts, sizes, strict=True), 2):
        expected = size * another / keys
        spread = sqrt(expected * (keys - size) / keys * (keys - another) / (keys - 1))
        found.append(((one & other).bit_count() - expected) / spread)
    return found


def units(shape: str, keys: int) -> Units:
    """Return the units of so many keys of a shape."""
    return Units.of(islice(SHAPES[shape](), keys))
