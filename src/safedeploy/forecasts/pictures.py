"""Pictures: a rollout's rings over time, as an SVG for light and for dark pages."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

import attrs

from safedeploy.forecasts import shapes
from safedeploy.forecasts.shapes import percentage

WIDTH, LEFT, RIGHT, TOP, HEIGHT, ROW = 720, 56, 44, 62, 190, 24
LEAST = 76
"""The least width of a ring: the time when it is over has to fit below it."""

LONGEST_NAME = 22
LETTER = 6.5
"""About the width of a letter."""

_TAKES, _WAITS = "#3b82c4", "#d98324"
_HATCH = "safedeploy-waits"


@attrs.frozen(kw_only=True)
class Bar:
    """Say how one ring is drawn.

    Attributes:
        name: its name.
        share: what it exposes, above 0 and up to 1.
        takes: the time that it takes in any case, in any unit.
        waits: the time that it waits besides; infinite if it is never over.
        over: when it is over, in words.
        label: what else is to be said of it.
    """

    name: str
    share: float
    takes: float
    waits: float
    over: str
    label: str


def draw(bars: Sequence[Bar], *, title: str, takes: str, waits: str) -> str:
    """Return an SVG: time goes to the right, and what is exposed up, on a logarithmic scale.

    A ring is as wide as it is long, but never too narrow to be read. What comes after a ring that
    is never over isn't drawn, only told.

    Args:
        bars: the rings, from the first to the last.
        title: what it shows.
        takes: what the plain colour means.
        waits: what the hatched one means.
    """
    lowest = min(bar.share for bar in bars) / 2.5
    lines = (
        shapes.opened(WIDTH, TOP + HEIGHT + 44 + ROW * len(bars)),
        f"<title>{shapes.said(title)}</title>",
        f"<desc>{shapes.said('. '.join(f'{bar.name}: {bar.label}' for bar in bars))}</desc>",
        _PATTERN,
        *_legend(takes, waits),
        *_grid(lowest),
        *_staircase(bars, lowest),
        *(line for number, bar in enumerate(bars, 1) for line in _row(number, bar)),
        "</svg>",
    )
    return "\n".join(lines)


_PATTERN = (
    f'<defs><pattern id="{_HATCH}" width="7" height="7" patternUnits="userSpaceOnUse"'
    f' patternTransform="rotate(45)"><rect width="7" height="7" fill="{_WAITS}" opacity="0.2"/>'
    f'<rect width="2.5" height="7" fill="{_WAITS}"/></pattern></defs>'
)


def _widths(bars: Sequence[Bar]) -> list[float]:
    """Share the width out by time; who would get too little gets the least, at all others' cost."""
    known = sum(bar.takes + bar.waits for bar in bars if math.isfinite(bar.waits))
    times = [bar.takes + min(bar.waits, known + bar.takes) or 1.0 for bar in bars]
    room: float = WIDTH - LEFT - RIGHT
    least = min(LEAST, room / len(bars))
    small: set[int] = set()
    while True:
        left = room - least * len(small)
        total = sum(time for n, time in enumerate(times) if n not in small)
        found = {n for n, time in enumerate(times) if time * left < least * total} - small
        if not found:
            break
        small |= found
    return [least if n in small else left * time / total for n, time in enumerate(times)]


def _level(share: float, lowest: float) -> float:
    return TOP + HEIGHT * (1 - math.log(share / lowest) / math.log(1 / lowest))


def _grid(lowest: float) -> Iterator[str]:
    base = TOP + HEIGHT
    decades = (10.0**power for power in range(-6, 1))
    for share in (share for share in decades if share > lowest):
        level = _level(share, lowest)
        yield shapes.line(LEFT, level, WIDTH - RIGHT, level, opacity=0.15)
        yield shapes.text(LEFT - 8, level + 4, percentage(share), anchor="end", opacity=0.7)
    yield shapes.line(LEFT, base, WIDTH - RIGHT, base, opacity=0.6)


def _legend(takes: str, waits: str) -> Iterator[str]:
    for x, fill, words in ((LEFT, _TAKES, takes), (LEFT + 210, f"url(#{_HATCH})", waits)):
        yield shapes.rectangle(x, 12, 22, 12, fill)
        yield shapes.text(x + 29, 22, words)


def _staircase(bars: Sequence[Bar], lowest: float) -> Iterator[str]:
    reached = next((n for n, bar in enumerate(bars, 1) if math.isinf(bar.waits)), len(bars))
    drawn, widths = bars[:reached], _widths(bars[:reached])
    signs = [f"{bar.name}, {percentage(bar.share)}" for bar in drawn]
    if any(LETTER * len(sign) > width - 20 for sign, width in zip(signs, widths, strict=True)):
        signs = [percentage(bar.share) for bar in drawn]
    left: float = LEFT
    yield shapes.text(left, TOP + HEIGHT + 18, "0", anchor="middle")
    for number, (bar, width, sign) in enumerate(zip(drawn, widths, signs, strict=True), 1):
        level = _level(bar.share, lowest)
        yield f"<g><title>{shapes.said(f'{bar.name}: {bar.label}')}</title>"
        yield shapes.text(left + 3, level - 6, f"{number}", weight="bold")
        yield shapes.text(left + 16, level - 6, sign)
        yield from _bar(bar, left, left + width, level)
        yield "</g>"
        left += width


def _bar(bar: Bar, left: float, right: float, level: float) -> Iterator[str]:
    base = TOP + HEIGHT
    part = bar.takes / (bar.takes + bar.waits) if math.isfinite(bar.waits) else 0.2
    middle = left + (right - left) * part
    yield shapes.rectangle(left, level, middle - left, base - level, _TAKES)
    yield shapes.rectangle(middle, level, right - middle, base - level, f"url(#{_HATCH})")
    yield shapes.line(right, level, right, base + 5, opacity=0.6)
    yield shapes.text(right, base + 18, bar.over, anchor="middle")


def _row(number: int, bar: Bar) -> Iterator[str]:
    y = TOP + HEIGHT + 30 + ROW * number
    name = bar.name if len(bar.name) <= LONGEST_NAME else f"{bar.name[: LONGEST_NAME - 1]}…"
    yield shapes.text(LEFT - 8, y, f"{number}", anchor="end", weight="bold")
    yield shapes.text(LEFT, y, name, weight="bold")
    yield shapes.text(LEFT + 160, y, bar.label)
