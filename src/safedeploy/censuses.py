"""Censuses: whom the blocks of all processes saw, so that each unit counts once in all of them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime
from typing import TypeAlias

from safedeploy.blocks import Block, Part
from safedeploy.contexts import mixed
from safedeploy.sketches import ALL, FAILED, HARMED, HUNG, MET, SEEN, Sample, Sketch
from safedeploy.verdicts import Counts

LOST = "lost "
"""What stands before the name of a process in the block that says which calls died with it."""

Pair: TypeAlias = tuple[Part, Part]

_NAME = (1 << 48) - 1


class Census:
    """Count what blocks say that no earlier block has said.

    Memory is bounded as a tally's is, and as exact; see `tallies.Tally`. Where several processes
    have seen a unit's calls, one that is slower than all of them counts once; until one comes, each
    process says how slow those were that it saw.

    Attributes:
        number: the number of the last block that was counted.
        blocks: how many were counted, since the last summary.
    """

    def __init__(self) -> None:
        self.number = 0
        self.blocks = 0
        self._heard: dict[str, tuple[int, Mapping[str, Pair]]] = {}
        self._carried: dict[tuple[str, int, str], float] = {}
        self._know(Sketch(), Sketch())

    def count(self, block: Block, number: int) -> Mapping[str, tuple[Counts, Counts]]:
        """Return what canary and baseline of each stratum did in a block, by the stratum's name."""
        self.number = max(self.number, number)
        self.blocks += 1
        if not block.process:
            self._remember(block)
            return {}
        lasting = {name: _lasting(pair) for name, pair in block.parts.items()}
        self._hear(block.process.removeprefix(LOST), block.sequence, lasting)
        counts = {
            name: (
                self._counts(canary, block.halved, (name, 0)),
                self._counts(baseline, block.halved, (name, 1)),
            )
            for name, (canary, baseline) in block.parts.items()
        }
        # Only now, so that both arms of a block are sampled alike.
        self._make_room()
        return counts

    def lasting(self) -> Iterator[tuple[str, int]]:
        """Go through the processes with calls that go on, each with the number of its block."""
        for process, (sequence, parts) in self._heard.items():
            if any(part.open for pair in parts.values() for part in pair):
                yield process, sequence

    def lost(self, exposure: str, process: str, at: datetime) -> Block:
        """Return a block that says that a process died, and calls with it: they are unfinished."""
        sequence, lasting = self._heard[process]
        parts = {
            name: (self._lost(one), self._lost(other)) for name, (one, other) in lasting.items()
        }
        canary, baseline = parts.pop("")
        halved = (self._harm.halvings, self._slow.halvings)
        return Block(exposure, LOST + process, sequence, at, at, canary, baseline, parts, halved)

    def summary(self, exposure: str, number: int) -> Block:
        """Return a block that remembers what all blocks so far said, and counts nothing.

        It is no process's. In the place of strata it has the calls that go on.
        """
        at = datetime.min.replace(tzinfo=UTC)
        lasting = {
            f"{process}/{sequence}/{name}": pair
            for process, (sequence, parts) in self._heard.items()
            for name, pair in parts.items()
        }
        known = (self._marks.text(), self._slowest.text(), str(self._seen.halvings))
        halved = (self._harm.halvings, self._slow.halvings)
        return Block(exposure, "", number, at, at, strata=lasting, halved=halved, census=known)

    def _know(
        self, marks: Sketch, slowest: Sketch, *, harm: int = 0, slow: int = 0, seen: int = 0
    ) -> None:
        self._marks, self._slowest = marks, slowest
        self._harm = Sample(marks, HARMED, (1 << harm) - 1)
        self._slow = Sample(slowest, ALL, (1 << slow) - 1)
        self._seen = Sample(marks, SEEN, (1 << seen) - 1)

    def _remember(self, summary: Block) -> None:
        if summary.census:
            marks, slowest, seen = summary.census
            harm, slow = summary.halved
            self._know(Sketch(marks), Sketch(slowest), harm=harm, slow=slow, seen=int(seen))
        else:  # an earlier version named the units
            for unit in summary.canary.failing:
                self._marks.add(unit, FAILED)
            for unit in summary.baseline.fresh:
                self._marks.add(unit, SEEN)
            self._make_room()
        for key, pair in summary.strata.items():
            process, sequence, name = key.split("/", 2)
            _, parts = self._heard.get(process, (0, {}))
            self._hear(process, int(sequence), {**parts, name: pair})

    def _hear(self, process: str, sequence: int, lasting: Mapping[str, Pair]) -> None:
        if sequence >= self._heard.get(process, (0,))[0]:
            self._heard[process] = (sequence, lasting)

    def _lost(self, part: Part) -> Part:
        named = (unit for unit in part.open if self._harm.names(unit))
        units = frozenset(unit for unit in named if not self._marks.get(unit) & FAILED)
        return Part(len(part.open), len(units), fresh=part.open, unfinished=units)

    def _counts(self, part: Part, halved: tuple[int, int], arm: tuple[str, int]) -> Counts:
        late = sum(
            self._harm.names(unit) and self._marks.get(unit) & (FAILED | HUNG) == HUNG
            for unit in part.failing
        )
        failing = self._new(part.failing, FAILED)
        hung = self._new((u for u in part.unfinished if not self._marks.get(u) & FAILED), HUNG)
        # Whoever failed elsewhere before isn't among those who could still fail, nor is whoever is
        # taken for one of those.
        share = _halves(self._harm, halved[0]) * (1 - self._marks.share(HARMED))
        others = self._thinned(part.units - len(part.failing), share, (*arm, "units"))
        return Counts(
            part.exposures,
            max(hung, others) + failing,
            failing,
            sum(self._seen.names(unit) and self._marks.add(unit, SEEN) for unit in part.fresh),
            hung,
            {name: met for name in part.events if (met := self._met(part, name))},
            self._moved(part, _halves(self._slow, halved[1]), (*arm, "stood")),
            hung=late,
        )

    def _new(self, units: Iterable[int], bit: int) -> int:
        """Count units that weren't known to be harmed in this way, and remember them."""
        return sum(self._harm.names(unit) and self._marks.add(unit, bit) for unit in units)

    def _met(self, part: Part, event: str) -> int:
        key = mixed(event) & _NAME
        units = (unit for unit in part.events[event] if self._harm.names(unit))
        return sum(self._marks.add(unit ^ key, MET) for unit in units)

    def _moved(
        self, part: Part, share: float, arm: tuple[str, int, str]
    ) -> Mapping[tuple[int, int], int]:
        """Count units by the buckets of their slowest calls before and after."""
        moved: Counter[tuple[int, int]] = Counter()
        for unit, after in part.risen.items():
            if self._slow.names(unit):
                before = self._slowest.get(unit)
                moved[before, max(before, after)] += 1
                self._slowest.put(unit, max(before, after))
        for bucket, units in sorted(part.stood.items()):
            if number := self._thinned(units, share, arm):
                moved[bucket, bucket] += number
        return moved

    def _thinned(self, number: int, share: float, arm: tuple[str, int, str]) -> int:
        """Return a share of so many units without a name; what is over counts the next time."""
        left, self._carried[arm] = divmod(number * share + self._carried.get(arm, 0.0), 1)
        return int(left)

    def _make_room(self) -> None:
        for sketch in (self._marks, self._slowest):
            if sketch.is_crowded:
                sketch.settle()
        for sample in (self._harm, self._seen, self._slow):
            if sample.is_full:
                sample.halve(forget=True)


def _lasting(pair: Pair) -> Pair:
    return Part(open=pair[0].open), Part(open=pair[1].open)


def _halves(sample: Sample, halvings: int) -> float:
    """Return which share a sample is of one that was halved so often."""
    return 0.5 ** max(0, sample.halvings - halvings)
