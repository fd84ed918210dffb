"""Arms: what one arm of an exposure did in the present block, in a few kilobytes."""

from __future__ import annotations

from array import array
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, TypeVar

import attrs

from safedeploy.audiences import Predicate
from safedeploy.blocks import Part
from safedeploy.latencies import LAST

if TYPE_CHECKING:  # an application that only asks flags doesn't wait for it
    from safedeploy.health import HealthModel

T = TypeVar("T")

SUCCESS, FAILURE, UNFINISHED, EVENT = range(4)
"""What an outcome is. Events are numbered from EVENT on."""

EVENTS = 256 - EVENT
"""How many names of events there can be."""

PER_CANARY = 8
"""Of so many baseline units for each canary unit latencies are followed, or of up to twice as many:
more would tell little, and use up the memory that a small canary needs.
"""

_SAID = 0xFF


@attrs.frozen
class Asked:
    """Say what a health model asks of a tally; nothing else is kept.

    Attributes:
        latency: whether it asks how long calls take.
        events: the names of the events that it asks for.
        strata: the audiences that it compares each within itself, by name, as functions.
        deadline: after how many seconds a call counts as unfinished.
        halvings: latencies are followed of one in two to the power of it baseline units.
    """

    latency: bool = False
    events: tuple[str, ...] = ()
    strata: tuple[tuple[str, Predicate], ...] = ()
    deadline: float = 60.0
    halvings: int = 0

    @classmethod
    def by(cls, model: HealthModel, salt: str, percent: float) -> Asked:
        """Return what a model asks of an exposure.

        Args:
            model: the model.
            salt: what percentages in strata are drawn with: the subject of the change.
            percent: the canary's share of the affected contexts, above 0.
        """
        per_canary = (100 - percent) / percent
        return cls(
            model.asks_latency,
            tuple(sorted(model.events)[:EVENTS]),
            tuple((name, each.predicate(salt)) for name, each in model.strata.items()),
            model.unfinished_after.total_seconds(),
            max(0, int(per_canary / PER_CANARY).bit_length() - 1),
        )


class Arm:
    """Collect what one arm did in a block. Units have the names under which they leave: 48 bits.

    Args:
        skip: bits of a name; see below.

    Attributes:
        calls: those that succeeded and aren't counted yet: units; and durations, if these count.
        exposures: as in a `Part`.
        units: as in a `Part`, estimated once there are too many to tell them all apart.
        harmed: units that failed, hung or met an event, each for the first time, and which of it.
        fresh: units that were never seen before.
        risen: units whose slowest call so far got slower, and the latency bucket it is in.
        stood: of the other active units, how many have their slowest call in each bucket.
        skip: latencies are followed of units whose names have none of these bits.
    """

    __slots__ = ("calls", "exposures", "fresh", "harmed", "risen", "skip", "stood", "units")

    def __init__(self, skip: int = 0) -> None:
        self.calls: list[Any] = []
        self.restart(skip)

    def restart(self, skip: int) -> None:
        """Forget everything."""
        self.calls.clear()
        self.skip = skip
        self.units = 0.0
        self.begin()

    def begin(self) -> None:
        """Begin a block."""
        self.exposures = 0
        self.units %= 1  # what is over counts in the next one
        # In eight bytes each: the name, and what is said of the unit in the last one.
        self.harmed, self.fresh, self.risen = array("Q"), array("Q"), array("Q")
        self.stood = [0] * (LAST + 1)

    def part(self, events: Iterable[str], lasting: Iterable[int]) -> Part:
        """Return what happened in this block.

        Args:
            events: the names of events, in the order of their numbers.
            lasting: units with calls that go on.
        """
        failing, hung = self._those(FAILURE), self._those(UNFINISHED)
        met = {name: self._those(number) for number, name in enumerate(events, EVENT)}
        return Part(
            self.exposures,
            # More, if a unit was taken for another one that was active before it.
            max(int(self.units), len(failing | hung)),
            failing,
            frozenset(entry >> 8 for entry in self.fresh),
            hung - failing,
            {name: units for name, units in met.items() if units},
            {entry >> 8: entry & _SAID for entry in self.risen},
            {bucket: units for bucket, units in enumerate(self.stood) if units},
            frozenset(lasting),
        )

    def halve_harmed(self, mask: int) -> None:
        """Leave out units that have a mask's bits, half of those that are left."""
        others = max(0.0, self.units - len(self._those(FAILURE)))
        self.harmed = _without(self.harmed, mask)
        self.units = len(self._those(FAILURE)) + others / 2  # who didn't fail has no name

    def halve_fresh(self, mask: int) -> None:
        """Leave out units that have a mask's bits."""
        self.fresh = _without(self.fresh, mask)

    def halve_risen(self, mask: int) -> None:
        """Leave out units that have a mask's bits, half of those that are left."""
        self.skip |= mask
        self.risen = _without(self.risen, mask)
        before = 0
        for bucket, units in enumerate(self.stood):
            # Every other one, counted through all buckets: many have but one.
            self.stood[bucket] = (before + units) // 2 - before // 2
            before += units

    def _those(self, what: int) -> frozenset[int]:
        return frozenset(entry >> 8 for entry in self.harmed if entry & _SAID == what)


def cut(log: list[T]) -> list[T]:
    """Take what is in a list out of it, although others append to it meanwhile."""
    batch = log[:]
    del log[: len(batch)]  # swapping the lists could lose one
    return batch


def _without(entries: Iterable[int], mask: int) -> array[int]:
    return array("Q", (entry for entry in entries if not entry >> 8 & mask))
