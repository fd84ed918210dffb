"""Count how fair buckets are: uniform for keys of any shape, and independent from flag to flag.

It times nothing. A figure is how far keys fall from what chance would give, in standard deviations:
beyond 4 or 5, it isn't chance. The figures are the same on every machine. The last rows are those
of the yardstick of the other benchmarks, `crc32` of flag and key, as one would write it by hand.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path
from statistics import fmean

sys.path.insert(0, str(Path(__file__).parents[1]))

from benchmarks._buckets import SHAPES, correlations, strays, units
from benchmarks._measure import Row, arguments, minimal, report

SALTS = ("new-checkout", "flag:new-checkout", "buy-button", "")
FLAGS = tuple(f"flag-{number}" for number in range(200))
FIFTH = 51
"""Of 256: about 20 %."""


def fairness(shape: str, keys: int, flags: Sequence[str]) -> Iterator[Row]:
    """Return how fair the buckets of keys of one shape are."""
    drawn = units(shape, keys)
    off = max((strays(drawn.cells(salt), keys) for salt in SALTS), key=abs)
    yield Row(f"{shape}: chi-squared of 65,536 cells, worst of {len(SALTS)} salts", None, off, 4.0)
    yield from independence(f"{shape}:", [drawn.cohort(flag, FIFTH) for flag in flags], keys)


def independence(name: str, cohorts: Sequence[int], keys: int) -> Iterator[Row]:
    """Return how independent cohorts are of each other."""
    found = correlations(cohorts, keys)
    worst = max(map(abs, found))
    yield Row(f"{name} overlap of {len(found):,} pairs of flags, worst", None, worst, 5.0)
    squares = fmean(each * each for each in found)
    yield Row(f"{name} overlap of {len(found):,} pairs of flags, mean square", None, squares, 1.1)


def by_hand(keys: int) -> Iterator[Row]:
    """Return how independent flags are that `crc32` decides."""
    people = list(islice(SHAPES["sequential"](), keys))
    cohorts = [
        int("".join("01"[minimal(flag, user)] for user in people), 2) for flag in FLAGS[100:120]
    ]
    yield from independence("crc32 of flag and key, sequential:", cohorts, keys)


def main() -> None:
    options = arguments(__doc__, rounds=1000, quick=50)
    keys = 1000 * options.rounds
    rows = [row for shape in SHAPES for row in fairness(shape, keys, FLAGS)]
    rows += by_hand(min(keys, 100_000))
    report("buckets", None, rows, as_json=options.json)


if __name__ == "__main__":
    main()
