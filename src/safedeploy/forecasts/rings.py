"""Rings, forecast: what each of them sees, and how long it takes."""

from __future__ import annotations

import math
from collections.abc import Iterator
from datetime import timedelta
from functools import cached_property

import attrs

from safedeploy.sights import Asked, Sight, sight
from safedeploy.spans import added, lasting, longest, roomy, written
from safedeploy.traffic import Traffic

_MINUTE = timedelta(minutes=1)
_ROUND_PERCENTS = (1, 2, 3, 5, 10, 15, 20, 25, 30, 40, 50)
_GROSS = 10.0
"""A larger ratio isn't proposed: by then it would be simpler to have no health model."""


@attrs.frozen(kw_only=True)
class RingForecast:
    """Say what one ring can see, and how long it takes.

    Attributes:
        name, percent, bake: the ring's own.
        share: the share of all contexts that it really exposes, 0..1: less, where some are held
            back.
        roof: the largest share that it could be given.
        begins: how long after the rollout it begins; None for never.
        every: how often health is assessed.
        traffic: what it will meet, in all rings.
        asked: the signals that hold it.
    """

    name: str
    percent: float
    bake: timedelta
    share: float
    roof: float
    begins: timedelta | None
    every: timedelta
    traffic: Traffic
    asked: tuple[Asked, ...] = attrs.field(repr=False)

    @property
    def canary(self) -> float:
        """How many units a minute get the change."""
        return self.traffic.per_minute * self.share

    @property
    def baseline(self) -> float:
        """How many units a minute they are compared with."""
        return self.traffic.per_minute * (1 - self.share)

    @cached_property
    def sights(self) -> tuple[Sight, ...]:
        """What each signal sees that compares the arms, and can be forecast."""
        found = (sight(each, self.bake, self.every) for each in self.asked)
        return tuple(each for each in found if each)

    @property
    def blind(self) -> bool:
        """Whether nobody is left to compare with, so that signals that compare aren't asked."""
        return self.share >= 1

    @property
    def floor(self) -> timedelta | None:
        """How long it isn't used enough for the bake to begin; None for ever."""
        found = [each.foreseen for each in self.asked]
        units = max((each.units for each in found if each and each.worse is None), default=0)
        return lasting(60 * units / self.canary)

    @property
    def needs(self) -> timedelta | None:
        """How long until what must be seen would have been noticed; None for never."""
        return longest(each.needs for each in self._comparing)

    @property
    def baked(self) -> timedelta | None:
        """How long until it has been used enough, and has baked; None for never."""
        # The bake begins with the assessment that first finds enough use.
        begins = self._looked(longest((self.floor, self.every)))
        return added(begins, self._looked(self.bake))

    @property
    def takes(self) -> timedelta | None:
        """How long until a healthy change leaves it, at the latest; None for never."""
        return self._looked(longest((self.baked, *(each.passes for each in self._comparing))))

    @property
    def over(self) -> timedelta | None:
        """How long after the rollout began it can be left; None for never."""
        return added(self.begins, self.takes)

    @property
    def detectable(self) -> float:
        """The ratio of rates that every signal notices within the bake; infinite where none is."""
        return max((each.detectable for each in self.sights), default=math.inf)

    @property
    def power(self) -> float:
        """The chance that the weakest signal notices within the bake what must be seen."""
        return min((each.power for each in self.sights), default=0.0)

    @property
    def harm(self) -> float:
        """How many units come to harm in it, if what must be seen shows when it begins."""
        stays = longest((self.takes, self.needs))
        most = self.canary * (stays / _MINUTE) if stays else math.inf
        harms = (each.worse * min(each.unnoticed, most) for each in self.sights)
        return max(harms, default=math.inf)

    @property
    def sees_enough(self) -> bool:
        """Whether what must be seen is noticed within the bake, if anything is compared."""
        needs = self.needs
        sees = needs is not None and needs <= self.bake
        return self.blind or (sees and bool(self._comparing))

    @property
    def mends(self) -> tuple[str, ...]:
        """What would let it see enough, each by itself, as a plan has it; none if it does."""
        if self.sees_enough or not self.sights:
            return ()
        needs, detectable = self.needs, self.detectable
        bakes = [f"bake={written(roomy(needs))}"] if needs else []
        gross = detectable > _GROSS
        ratios = [] if gross else [f"must_see={math.ceil(10 * detectable) / 10:g}"]
        return (*bakes, *list(self._sizes())[:1], *ratios)

    def _sizes(self) -> Iterator[str]:
        """Find the round sizes of the ring, or of its holdback, with which it sees enough."""
        is_held_back = self.share < self.percent / 100
        for percent in _ROUND_PERCENTS:
            share = 1 - percent / 100 if is_held_back else percent / 100
            is_better = share < self.share if is_held_back else self.share < share <= self.roof
            if is_better and self._resized(share).sees_enough:
                yield f"holdback={percent}" if is_held_back else f"percent={percent}"

    @property
    def _comparing(self) -> tuple[Asked, ...]:
        return tuple(each for each in self.asked if each.compares and not self.blind)

    def _looked(self, span: timedelta | None) -> timedelta | None:
        """Return when the first assessment is after some time."""
        if span is None:
            return None
        return lasting(math.ceil(span / self.every) * self.every.total_seconds())

    def _resized(self, share: float) -> RingForecast:
        asked = tuple(each.other(share=share) for each in self.asked)
        return attrs.evolve(self, share=share, asked=asked)
