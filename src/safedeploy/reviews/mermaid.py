"""Mermaid: a plan as a diagram that wikis and code hosts draw."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from safedeploy.forecasts.shapes import printable
from safedeploy.reviews import words
from safedeploy.reviews.lints import Subject

_PLAIN = re.compile(r"[^\w ,:()/%+|='-]")


def draw(plan: Subject) -> str:
    """Return a flowchart of a plan: gates are hexagons, rings are boxes.

    Names can't be taken for anything else: what means something to Mermaid is told by its number.
    """
    nodes = [*_nodes(plan)]
    path = ["begin", *(name for name, _, _ in nodes), "done"]
    return "\n    ".join(
        (
            "flowchart TB",
            "begin([release])",
            *(f"{name}{shape}" for name, shape, is_ring in nodes if not is_ring),
            f'subgraph watched ["watched by {_said(words.watched(plan))}"]',
            *(f"    {name}{shape}" for name, shape, is_ring in nodes if is_ring),
            "end",
            "done([completed: everybody has it])",
            "gone([rolled back: nobody has it])",
            " --> ".join(path),
            "watched -. halt .-> gone",
        )
    )


def _nodes(plan: Subject) -> Iterator[tuple[str, str, bool]]:
    """Find the gates and rings in their order: an id, a shape with its label, whether a ring."""
    for number, ring in enumerate(plan.rings):
        if gates := words.before(plan, number):
            yield f"before{number + 1}", f"{{{{{_label(gates)}}}}}", False
        shares = words.exposes(plan, number), f"bakes {words.bakes(plan, number)}"
        told = (ring.name, *words.where(plan, number), *shares)
        yield f"ring{number + 1}", f"[{_label(told)}]", True
        if gates := words.after(plan, number):
            yield f"after{number + 1}", f"{{{{{_label(gates)}}}}}", False


def _label(lines: Iterable[str]) -> str:
    return f'"{"<br/>".join(map(_said, lines))}"'


def _said(text: str) -> str:
    return _PLAIN.sub(lambda found: f"#{ord(found[0])};", printable(text))
