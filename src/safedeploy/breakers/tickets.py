"""Tickets: what a call that a breaker lets through, or refuses, takes along."""

from __future__ import annotations

from collections.abc import Iterator
from operator import length_hint
from typing import ClassVar

from safedeploy.circuits import ORDINARY

MOST = 1 << 62


class Tickets:
    """Number what happens in one state without a lock: calls that went well, or were refused.

    `next(numbers)` is one step of the interpreter, so that no two calls have one number, and each
    number is before or after the end. What comes after goes the long way.

    Attributes:
        generation: the state's.
        label: the state's name.
        passes: whether calls are let through, so that numbers are of those that went well and
            fast; else they are of refusals.
        until: until when a number may be taken; never, if it is minus infinity.
        numbers: where they come from.
        end: the first number that came too late; None as long as none does.
        spare: how many more failures can't change the state. With it, all that follows is only
            touched under the lock.
        marked: how many numbers were taken at the last failure, or when all was last counted.
        failed: how many failures weren't counted yet.
        marks: where they are among the successes since then, as bits: the last call lowest.
        depth: how many bits are looked at.
    """

    __slots__ = (
        "depth",
        "end",
        "failed",
        "generation",
        "label",
        "marked",
        "marks",
        "numbers",
        "passes",
        "spare",
        "until",
    )

    number: ClassVar[int] = ORDINARY

    def __init__(self, generation: int, label: str, until: float, *, passes: bool) -> None:
        self.generation = generation
        self.label = label
        self.passes = passes
        self.until = until
        self.numbers: Iterator[int] = iter(range(MOST))
        self.end: int | None = None
        self.spare = self.marked = self.failed = self.marks = self.depth = 0

    def taken(self) -> int:
        """Return how many were taken in time."""
        return MOST - length_hint(self.numbers) if self.end is None else self.end

    def close(self) -> int:
        """Let no more be in time, and return how many were."""
        self.end = self.taken()
        return self.end

    def is_late(self, number: int) -> bool:
        """Tell whether a number was taken too late to count."""
        return self.end is not None and number >= self.end
