"""Draw where 1,000 keys fall for two flags, and print the SVG of docs/explanation/bucketing.md.

python benchmarks/_buckets_picture.py > docs/explanation/buckets.svg
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Iterator
from itertools import islice
from pathlib import Path
from zlib import crc32

sys.path.insert(0, str(Path(__file__).parents[1]))

from benchmarks._buckets import sequential
from safedeploy import bucket

KEYS = 1000
SIDE, GAP, TOP = 210, 30, 34
FLAGS = ("new-search", "new-basket")

Draw = Callable[[str, str], float]


def alike(key: str, _: str) -> float:
    """Draw without a salt: the same people come first for every flag."""
    return crc32(key.encode()) / 2**32


def by_hand(key: str, flag: str) -> float:
    """Draw with the CRC of both: what two flags draw differs by a constant."""
    return crc32(f"{flag}{key}".encode()) / 2**32


PANELS: tuple[tuple[str, Draw], ...] = (
    ("crc32(key)", alike),
    ("crc32(flag + key)", by_hand),
    ("safedeploy.bucket(key, flag)", bucket),
)


def dots(draw: Draw, keys: Iterable[str]) -> Iterator[str]:
    """Go through the keys, each as a dot of a path."""
    for key in keys:
        across, up = (draw(key, flag) for flag in FLAGS)
        yield f"M{across * SIDE:.1f} {(1 - up) * SIDE:.1f}h0"


def panel(number: int, title: str, draw: Draw) -> str:
    """Return one square: across, where a key falls for one flag; up, where for the other."""
    path = "".join(dots(draw, islice(sequential(), KEYS)))
    return (
        f'<g transform="translate({GAP + number * (SIDE + GAP)} {TOP})">'
        f'<text y="-12">{title}</text><rect width="{SIDE}" height="{SIDE}"/><path d="{path}"/></g>'
    )


def picture() -> str:
    """Return the SVG, for light and for dark pages."""
    width, height = GAP + len(PANELS) * (SIDE + GAP), TOP + SIDE + 40
    panels = "\n".join(panel(number, *each) for number, each in enumerate(PANELS))
    across, up = FLAGS
    told = f"across: the bucket for {across}; up: the bucket for {up}; {KEYS:,} sequential keys"
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" role="img">\n'
        "<title>Where keys fall for two flags</title>\n"
        "<desc>Without a salt all lie on one line, with a CRC in a pattern, with safedeploy "
        "everywhere.</desc>\n"
        "<style>text{font:13px sans-serif;fill:#808080}rect{fill:none;stroke:#808080;"
        "stroke-opacity:.5}path{stroke:#3b82c4;stroke-width:1.8;stroke-linecap:round;fill:none}"
        f'</style>\n{panels}\n<text x="{GAP}" y="{height - 14}">{told}</text>\n</svg>\n'
    )


if __name__ == "__main__":
    sys.stdout.write(picture())
