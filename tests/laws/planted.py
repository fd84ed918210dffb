"""The machine's table with a bug planted in it, to see that a law finds it."""

from __future__ import annotations

from safedeploy import rollouts


def replaced(kind: type, handler: object) -> dict[tuple[type, type], object]:
    """Return the machine's table, with another handler for one kind of event."""
    return {pair: handler if pair[1] is kind else do for pair, do in rollouts.TRANSITIONS.items()}


def without(*pairs: tuple[type, type]) -> dict[tuple[type, type], object]:
    """Return the machine's table, with holes."""
    return {pair: do for pair, do in rollouts.TRANSITIONS.items() if pair not in pairs}
