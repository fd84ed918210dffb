"""Ledgers: what outcomes add to a block, given who is known already, in bounded memory."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from itertools import chain
from operator import attrgetter
from typing import TypeAlias

from safedeploy.arms import EVENT, FAILURE, Arm, Asked, cut
from safedeploy.blocks import Part
from safedeploy.contexts import mixed
from safedeploy.latencies import LAST, bucket, upper
from safedeploy.sketches import (
    ACTIVE,
    ALL,
    FAILED,
    HARMED,
    HUNG,
    MET,
    RISEN,
    SEEN,
    Sample,
    Sketch,
)

FEW = 500
"""How many units of a kind a block names, or a few more; beyond, every other one is left out."""

Outcome: TypeAlias = tuple[Arm, int, int, float]
"""An arm, a unit, what it is an outcome of (see `arms`), and how many seconds it took."""

_NEWS = 64  # after so many more names, see whether there are too many
_LOOK = 32  # at every 32nd time, look through the sketches, too
_BOUNDS = (-math.inf, *map(upper, range(1, LAST + 1)))
_WHOLE = (1 << 64) - 1


class Ledger:
    """Count what both arms of an exposure do, distinct units once.

    Memory is bounded, by two sketches and the few units that a block names. It is exact until there
    are more than `sketches.EXACT` units. From then on a unit may be taken for one that is known,
    with the chance that `Sketch` states, in both arms alike. Once half of a sketch is used up, by
    11,000 units that failed, hung or met an event, or that were seen, or whose slowest call is
    known, and as soon as a block would name more than `FEW` units, the ledger goes on with every
    other unit, by the bits of its hash; in the first case it begins to know them anew. So a unit
    that goes on failing counts again each time the number of units like it has doubled, twice on
    average. Units that are left out count neither as harmed nor among `units`; `exposures` are
    complete.

    Args:
        asked: what the health model asks for.
        salt: what units are hashed with before they leave; odd.

    Attributes:
        arms: canary and baseline of each stratum, by its name; the rest is "".
        numbers: those of the events that are asked for, by name.
    """

    def __init__(self, asked: Asked, salt: int) -> None:
        self.arms = {name: (Arm(), Arm()) for name in ("", *dict(asked.strata))}
        self.numbers = {name: number for number, name in enumerate(asked.events, EVENT)}
        self._all = tuple(chain(*self.arms.values()))
        self._keys = {number: mixed(name) for name, number in self.numbers.items()}
        self._times = asked.latency
        self._sparse = (1 << asked.halvings) - 1
        self._salt = salt
        self.restart()

    def restart(self) -> None:
        """Forget everything."""
        self._marks, self._slowest = Sketch(), Sketch()
        self._harm, self._seen = Sample(self._marks, HARMED), Sample(self._marks, SEEN)
        self._slow = Sample(self._slowest, ALL)
        self._samples: tuple[
            tuple[Sample, Callable[[Arm], list[int]], Callable[..., None]], ...
        ] = (
            (self._harm, attrgetter("harmed"), Arm.halve_harmed),
            (self._seen, attrgetter("fresh"), Arm.halve_fresh),
            (self._slow, attrgetter("risen"), Arm.halve_risen),
        )
        self._active, self._weight = 0, 1.0
        self._news = self._looks = 0
        for canary, baseline in self.arms.values():
            canary.restart(0)
            # Other bits than those by which units are halved: the arms stay in proportion.
            baseline.restart(self._sparse << 24)

    @property
    def halved(self) -> tuple[int, int]:
        """How often units were halved, those of harm and those of latencies."""
        return self._harm.halvings, self._slow.halvings

    def name(self, unit: int) -> int:
        """Return the 48 bits by which a unit leaves; any JSON reader keeps so many."""
        return (unit * self._salt & _WHOLE) >> 16

    def close(self, lasting: Mapping[Arm, Iterable[int]]) -> dict[str, tuple[Part, Part]]:
        """Return what happened in a block, by stratum, and begin the next.

        Args:
            lasting: of each arm, units with calls that go on.
        """
        self._make_room()
        parts = {
            name: (self._part(canary, lasting), self._part(baseline, lasting))
            for name, (canary, baseline) in self.arms.items()
        }
        self._rest()
        return parts

    def count(self, outcomes: Iterable[Outcome]) -> None:
        """Count the successes that are in the arms, and then other outcomes."""
        # In a table, one that is found stands for those, too, that are taken for another one.
        self._weight = self._marks.size / (self._marks.size - self._active)
        for arm in self._all:
            calls = cut(arm.calls)
            arm.exposures += len(calls)
            (self._count_timed if self._times else self._count_plain)(arm, calls)
        for arm, unit, outcome, seconds in outcomes:
            slot = unit % self._marks.size
            mark = self._marks.values[slot]
            if outcome < EVENT:
                arm.exposures += 1
                if not mark & ACTIVE:
                    self._meet(arm, unit, slot)
                if self._times and seconds > _BOUNDS[self._slowest.values[slot]]:
                    self._rise(arm, unit, slot, seconds)
            if outcome and not (outcome < EVENT and mark & FAILED):
                self._hurt(arm, unit, outcome)
        if self._news >= _NEWS or 2 * self._active > self._marks.size:
            self._make_room()

    def _part(self, arm: Arm, lasting: Mapping[Arm, Iterable[int]]) -> Part:
        named = filter(self._harm.names, map(self.name, lasting.get(arm, ())))
        part = arm.part(self.numbers, named)
        arm.begin()
        return part

    def _count_plain(self, arm: Arm, calls: list[int]) -> None:
        marks, size, salt, found = self._marks.values, self._marks.size, self._salt, 0
        known, seen, unseen = self._usual()
        for unit in calls:
            slot = unit % size
            mark = marks[slot]
            if mark == known or (mark == unseen and unit * salt >> 16 & seen):
                marks[slot] = mark | ACTIVE
                found += 1
            elif not mark & ACTIVE:
                self._meet(arm, unit, slot)
        arm.units += found * self._weight
        self._active += found

    def _count_timed(self, arm: Arm, calls: list[tuple[int, float]]) -> None:
        marks, size, salt, found = self._marks.values, self._marks.size, self._salt, 0
        known, seen, unseen = self._usual()
        slowest, stood, skip, bounds = self._slowest.values, arm.stood, arm.skip, _BOUNDS
        for unit, seconds in calls:
            slot = unit % size
            mark, slow = marks[slot], slowest[slot]
            if mark == known or (mark == unseen and unit * salt >> 16 & seen):
                marks[slot] = mark | ACTIVE
                found += 1
                if not (skip and unit * salt >> 16 & skip):
                    stood[slow] += 1
            elif not mark & ACTIVE:
                self._meet(arm, unit, slot)
            if seconds > bounds[slow] and not (skip and unit * salt >> 16 & skip):
                self._rise(arm, unit, slot, seconds)
        arm.units += found * self._weight
        self._active += found

    def _usual(self) -> tuple[int, int, int]:
        """Return by what a unit is known of which there is nothing to say but that it is active.

        Nearly all are like that: known already, and well, or left out of those that are remembered.
        Once some are left out of those that harm is looked for in, each needs another look.

        Returns:
            the byte of those that are known, the mask of those that are left out, and their byte.
        """
        if self._harm.mask:
            return -1, 0, -1
        return SEEN, self._seen.mask, 0

    def _meet(self, arm: Arm, unit: int, slot: int) -> None:
        """Take note that a unit is active that wasn't in this block."""
        mark = self._marks.values[slot]
        self._marks.values[slot] = mark | ACTIVE
        self._active += 1
        if mark & FAILED and mark & SEEN and not self._times:
            return
        name = self.name(unit)
        if not mark & FAILED and self._harm.names(name):
            arm.units += self._weight
        if not mark & SEEN and self._seen.names(name):
            self._marks.values[slot] |= SEEN
            arm.fresh.append(name << 8)
            self._news += 1
        if self._times and not name & arm.skip:
            arm.stood[self._slowest.values[slot]] += 1

    def _rise(self, arm: Arm, unit: int, slot: int, seconds: float) -> None:
        """Take note that a unit's slowest call got slower."""
        if (name := self.name(unit)) & arm.skip:
            return
        before, after = self._slowest.values[slot], bucket(seconds)
        self._slowest.values[slot] = after
        arm.risen.append(name << 8 | after)
        self._news += 1
        # Another unit of the slot may have been the active one; then nobody stood there.
        if self._marks.add(unit, RISEN) and arm.stood[before]:
            arm.stood[before] -= 1

    def _hurt(self, arm: Arm, unit: int, outcome: int) -> None:
        """Take note that a unit failed, hung or met an event, if that is the first time."""
        if not self._harm.names(name := self.name(unit)):
            return
        if outcome >= EVENT:
            is_first = self._marks.add(unit ^ self._keys[outcome], MET)
        else:
            is_first = self._marks.add(unit, FAILED if outcome == FAILURE else HUNG)
        if is_first:
            arm.harmed.append(name << 8 | outcome)
            self._news += 1

    def _rest(self) -> None:
        """Take nobody for active any more: in the next block; or in this, with too many."""
        self._marks.clear(ACTIVE | RISEN)
        self._active, self._weight = 0, 1.0

    def _make_room(self) -> None:
        """Go on with every other unit of a kind of which there are too many."""
        self._news, self._looks = 0, self._looks + 1
        looking = self._looks % _LOOK == 0
        if self._marks.is_crowded:
            self._marks.settle()
            self._slowest.settle()
        if 2 * self._active > self._marks.size:
            self._rest()
        for sample, named, halve in self._samples:
            is_full = looking and sample.is_full
            if is_full or sum(len(named(arm)) for arm in self._all) > FEW:
                sample.halve(forget=is_full)
                for arm in self._all:
                    halve(arm, sample.mask)
