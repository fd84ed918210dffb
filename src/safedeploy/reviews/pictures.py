"""Pictures: a plan from its first gate to its last ring, as an SVG for light and for dark pages."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

from safedeploy.forecasts import shapes
from safedeploy.reviews import words
from safedeploy.reviews.lints import Subject
from safedeploy.rings import Ring

WIDTH, LEFT, TOP, ROW = 720, 16, 30, 26
NAMES, SHARES, BAKES = 44, 210, 460
"""Where the columns begin."""

LONG = 150
"""How long a whole bar is."""

LONGEST_NAME, LONGEST_GATE = 24, 96
"""How many letters have room."""

_EXPOSES, _BAKES = "#3b82c4", "#5a9e6f"


def draw(plan: Subject) -> str:
    """Return an SVG: a row for each ring, in their order, and one for each gate before and after.

    A ring's first bar is what it exposes, of all; its second how long it bakes, of the longest.
    """
    rows = [*_rows(plan)]
    title = f"A plan of {len(plan.rings)} rings, watched by {words.watched(plan)}"
    lines = (
        shapes.opened(WIDTH, TOP + ROW * len(rows) + 10),
        f"<title>{shapes.said(title)}</title>",
        f"<desc>{shapes.said('. '.join(_spoken(plan)))}</desc>",
        shapes.text(NAMES, 20, "ring", opacity=0.7),
        shapes.text(SHARES, 20, "exposes", opacity=0.7),
        shapes.text(BAKES, 20, "bakes", opacity=0.7),
        *(line for number, row in enumerate(rows) for line in _row(plan, number, row)),
        "</svg>",
    )
    return "\n".join(lines)


def _rows(plan: Subject) -> Iterator[str | int]:
    """Find what there is a row for: the words of a gate, or the number of a ring."""
    for number in range(len(plan.rings)):
        yield from (f"before: {gate}" for gate in words.before(plan, number))
        yield number
        yield from (f"after: {gate}" for gate in words.after(plan, number))


def _spoken(plan: Subject) -> Iterator[str]:
    for row in _rows(plan):
        if isinstance(row, str):
            yield row
        else:
            facts = f"exposes {words.exposes(plan, row)}", f"bakes {words.bakes(plan, row)}"
            yield f"{plan.rings[row].name}: {', '.join((*facts, *words.where(plan, row)))}"


def _row(plan: Subject, number: int, row: str | int) -> Iterator[str]:
    y = TOP + ROW * (number + 1) - 8
    if isinstance(row, str):
        yield _diamond(NAMES + 5, y - 4)
        yield shapes.text(NAMES + 16, y, _cut(row, LONGEST_GATE))
    else:
        yield from _ring(plan, row, y)


def _ring(plan: Subject, number: int, y: float) -> Iterator[str]:
    ring = plan.rings[number]
    longest = max(each.bake for each in plan.rings)
    title = ", ".join((ring.name, *words.where(plan, number)))
    yield f"<g><title>{shapes.said(title)}</title>"
    yield shapes.text(LEFT, y, f"{number + 1}", weight="bold")
    yield shapes.text(NAMES, y, _cut(ring.name, LONGEST_NAME), weight="bold")
    yield from _bar(SHARES, y, plan.exposed(number) / 100, _EXPOSES, words.exposes(plan, number))
    yield from _bar(BAKES, y, _part(ring, longest), _BAKES, words.bakes(plan, number))
    yield "</g>"


def _part(ring: Ring, longest: timedelta) -> float:
    return ring.bake / longest if longest else 0.0


def _bar(x: float, y: float, part: float, fill: str, words: str) -> Iterator[str]:
    yield shapes.rectangle(x, y - 11, LONG, 14, "currentColor", opacity=0.1)
    yield shapes.rectangle(x, y - 11, max(1.0, LONG * part), 14, fill)
    yield shapes.text(x + LONG + 8, y, words)


def _diamond(x: float, y: float) -> str:
    corners = f"{x:.1f},{y - 6:.1f} {x + 6:.1f},{y:.1f} {x:.1f},{y + 6:.1f} {x - 6:.1f},{y:.1f}"
    return f'<polygon points="{corners}" fill="#d98324"/>'


def _cut(words: str, longest: int) -> str:
    return words if len(words) <= longest else f"{words[: longest - 1]}…"
