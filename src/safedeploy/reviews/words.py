"""Words: how pictures tell a plan's gates and rings."""

from __future__ import annotations

from collections.abc import Iterable

from safedeploy.gates import Approval, Gate, Within
from safedeploy.reviews.lints import Subject
from safedeploy.spans import told


def gates(given: Iterable[Gate]) -> tuple[str, ...]:
    """Return what opens each of several gates."""
    return tuple(map(_gate, given))


def _gate(gate: Gate) -> str:
    match gate:
        case Approval(role=role, quorum=quorum):
            return f"{quorum} {'approval' if quorum == 1 else 'approvals'} of {role}"
        case Within(name=name, window=window):
            return f"{name}: {window!r}"
        case _:
            return gate.name


def exposes(plan: Subject, number: int) -> str:
    """Return how much a ring exposes, counted from 0."""
    return f"{plan.exposed(number):.3g} %"


def bakes(plan: Subject, number: int) -> str:
    """Return for how long a ring bakes, counted from 0."""
    return f"bakes {told(plan.rings[number].bake)}"


def watched(plan: Subject) -> str:
    """Return what health is judged by."""
    model = plan.health
    parts = (f"{it.name}: {signal.name}" for it in model.components for signal in it.signals)
    return ", ".join((*(signal.name for signal in model.signals), *parts))
