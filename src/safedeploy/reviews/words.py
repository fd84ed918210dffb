"""Words: how pictures tell a plan's gates and rings."""

from __future__ import annotations

from safedeploy.gates import Approval, Gate, Within
from safedeploy.reviews.lints import Subject
from safedeploy.spans import told


def before(plan: Subject, number: int) -> tuple[str, ...]:
    """Return what opens each gate before a ring, counted from 0."""
    return tuple(map(_gate, plan.gates(number)))


def after(plan: Subject, number: int) -> tuple[str, ...]:
    """Return what opens each gate after it, but for the windows that were told before it."""
    told = before(plan, number)
    return tuple(it for it in map(_gate, plan.after(number)) if it not in told)


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


def where(plan: Subject, number: int) -> tuple[str, ...]:
    """Return where a ring is applied, counted from 0; nothing where the engine serves it."""
    place = plan.place(number)
    return (f"at {place}",) if place else ()


def bakes(plan: Subject, number: int) -> str:
    """Return for how long a ring bakes, counted from 0."""
    return told(plan.rings[number].bake)


def watched(plan: Subject) -> str:
    """Return what health is judged by."""
    model = plan.health
    parts = (f"{it.name}: {signal.name}" for it in model.components for signal in it.signals)
    return ", ".join((*(signal.name for signal in model.signals), *parts))
