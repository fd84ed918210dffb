"""Steps: what a breaker does under its lock.

Each is pure: a circuit in; a circuit, an answer, what to tell, and what to count out. So a step
that fast calls overtook is simply made again.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from typing import Any, ClassVar, TypeAlias

from safedeploy import circuits
from safedeploy.breakers.counts import FATES, REFUSED, REFUSED_LATE
from safedeploy.breakers.tickets import Tickets
from safedeploy.circuits import ORDINARY, Cause, Circuit, Notice, Refused

Stepped: TypeAlias = tuple[Circuit, Any, tuple[Notice, ...], int]
Step: TypeAlias = Callable[..., Stepped]
"""Called with a circuit, how many fast successes aren't in it yet, and whatever else it takes."""
Later: TypeAlias = list[tuple[Step, tuple[Any, ...]]]
"""Steps to be made when the lock is next held, and what they take."""


class Permit:
    """Hold a permit that was given under the lock: for a trial, or in between two states.

    It comes back when nobody holds it any more, whatever happened to the call.

    Attributes:
        number: its name, unlike any other's, or that of permits which are no trials.
        generation: of the state that gave it; below zero until it is given.
        later: where it is put when it is dropped; None once its outcome was recorded.
    """

    __slots__ = ("generation", "later", "number")

    until: ClassVar[float] = -math.inf
    spare: ClassVar[int] = 0
    numbers: ClassVar[Iterator[int]] = iter(())

    def __init__(self, later: Later) -> None:
        self.number = ORDINARY
        self.generation = -1
        self.later: Later | None = later

    def __del__(self) -> None:
        # No lock here: this may run at any moment, also while this thread holds the breaker's.
        if self.later is not None and self.generation >= 0:
            self.later.append((recorded, (self.generation, self.number, -math.inf)))


def asked(circuit: Circuit, passed: int, at: float, permit: Permit, name: int) -> Stepped:
    """Ask to let a call through: the answer is the permit, or None."""
    circuit, number, told = circuits.acquire(circuits.absorb(circuit, passed), at, name)
    if number is None:
        return circuit, None, (*told, Refused(circuit.state)), REFUSED
    permit.number = number
    permit.generation = circuit.state.generation
    return circuit, permit, told, 0


def recorded(  # noqa: PLR0917 - a step is kept with what it takes, in order
    circuit: Circuit,
    passed: int,
    generation: int,
    number: int,
    at: float,
    failed: bool | None = None,  # noqa: FBT001 - as above
    slow: bool = False,  # noqa: FBT001, FBT002 - as above
    wait: float | None = None,
) -> Stepped:
    """Record an outcome."""
    circuit, fate, told = circuits.record(
        circuit, generation, number, at, failed=failed, slow=slow, wait=wait, passed=passed
    )
    return circuit, None, told, FATES[fate]


def passed_late(circuit: Circuit, passed: int, tickets: Tickets, number: int, at: float) -> Stepped:
    """Record a fast success, unless it was in time to be counted with its tickets."""
    if tickets.is_late(number):
        return recorded(circuit, passed, tickets.generation, tickets.number, at, False)  # noqa: FBT003 - as above
    return circuits.absorb(circuit, passed), None, (), 0


def refused_late(circuit: Circuit, passed: int, tickets: Tickets, number: int) -> Stepped:
    """Count a refusal, unless it was in time to be counted with its tickets."""
    late = REFUSED_LATE if tickets.is_late(number) else 0
    return circuits.absorb(circuit, passed), None, (), late


def looked(circuit: Circuit, passed: int, at: float) -> Stepped:
    """Look at the time."""
    circuit, told = circuits.look(circuits.absorb(circuit, passed), at)
    return circuit, None, told, 0


def moved(  # noqa: PLR0917 - as above
    circuit: Circuit, passed: int, cause: Cause, at: float, reason: str, by: str
) -> Stepped:
    """Move to another state by hand."""
    circuit, told = circuits.move(circuits.absorb(circuit, passed), cause, at, reason, by)
    return circuit, None, told, 0


def forked(circuit: Circuit, passed: int, at: float, salt: int) -> Stepped:
    """Begin anew in a child process."""
    circuit, told = circuits.forked(circuits.absorb(circuit, passed), at, salt)
    return circuit, None, told, 0
