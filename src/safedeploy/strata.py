"""Strata: contexts that differ are compared each with their like, never pooled."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from itertools import chain
from typing import Any, Protocol, runtime_checkable

import attrs

from safedeploy.audiences import Audience
from safedeploy.errors import DefinitionError
from safedeploy.sights import foreseen
from safedeploy.signals import Criteria, Health, Signal
from safedeploy.traffic import Foresight, Traffic
from safedeploy.validators import frozen
from safedeploy.verdicts import Counts, Finding, Measurement

REST = ""
"""The name of the stratum of those who are of no other one."""

_NOBODY = (Counts(), Counts())


def checked_strata(strata: Mapping[str, Audience]) -> Mapping[str, Audience]:
    """Return audiences by name, as a mapping that can't be changed, in the order of the names.

    Records and digests keep no other order, and memories are told apart by it.

    Raises:
        DefinitionError: something else, or an empty name.
    """
    are_fine = isinstance(strata, Mapping) and all(
        isinstance(name, str)
        and name
        and isinstance(audience, Audience)
        and not audience.is_timed()
        for name, audience in strata.items()
    )
    if not are_fine:
        raise DefinitionError(
            "strata", strata, "give audiences, by a name that isn't empty, and no schedules"
        )
    return frozen(dict(sorted(strata.items())))


def refused(measurement: Measurement, names: Collection[str]) -> str:
    """Return why a measurement can't be folded in; empty where it can.

    Whatever a host's source gives was doubted in more ways before: see `doubts.why_impossible`.

    Args:
        measurement: the measurement.
        names: of the strata that are compared; none where contexts aren't told apart.
    """
    arms, told = (measurement.canary, measurement.baseline), measurement.strata
    if not all(arm.is_possible for arm in (*arms, *chain(*told.values()))):
        return "impossible counts: below zero, infinite, or more failures than units"
    if not names:
        return ""
    who = ", ".join(map(repr, names))
    if not told:
        mend = f"give both arms of {who}: Measurement(strata=...)"
        return f"strata that were pooled: {mend}" if any(arm.exposures for arm in arms) else ""
    known = zip(*(told.get(name, _NOBODY) for name in names), strict=True)
    if [sum(arm.units for arm in each) for each in known] != [arm.units for arm in arms]:
        return f"the strata {who} don't add up to both arms"
    return ""


@runtime_checkable
class Poolable(Signal, Protocol):
    """A signal that can be judged by several memories at once, one of each stratum."""

    def pool(self, memories: tuple[Any, ...]) -> Any:
        """Return a memory whose wealth is the mean of the memories' wealths."""
        ...


@attrs.frozen
class Stratified:
    """Let a signal compare each stratum within itself, and judge by the mean of the wealths.

    The mean of e-values is one. So nothing is lost by chance, and those who fail more often by
    themselves don't look like harm where the rings reach more of them.

    Attributes:
        signal: what compares.
        strata: the names of the strata.
    """

    signal: Poolable
    strata: tuple[str, ...]

    spends_alpha = True

    @property
    def name(self) -> str:
        """The name of the signal."""
        return self.signal.name

    def start(self) -> tuple[Any, ...]:
        """Return what the signal remembers of each stratum before anything was measured."""
        return tuple(self.signal.start() for _ in self.strata)

    def enter(self, memory: tuple[Any, ...]) -> tuple[Any, ...]:
        """Return what it remembers when a new exposure begins."""
        return tuple(self.signal.enter(one) for one in memory)

    def observe(
        self, memory: tuple[Any, ...], measurement: Measurement, progress: float
    ) -> tuple[Any, ...]:
        """Fold the part of a block in that each stratum did."""
        given = measurement.strata or {REST: (measurement.canary, measurement.baseline)}
        parts = (given.get(name, _NOBODY) for name in self.strata)
        blocks = (
            attrs.evolve(measurement, canary=canary, baseline=baseline, strata={})
            for canary, baseline in parts
        )
        return tuple(
            self.signal.observe(one, block, progress)
            for one, block in zip(memory, blocks, strict=True)
        )

    def judge(self, memory: tuple[Any, ...], health: Health, criteria: Criteria) -> Finding:
        """Return what the signal finds, by the mean of the wealths."""
        found = self.signal.judge(self.signal.pool(memory), health, self._spread(criteria))
        # A ratio over all strata would compare those who differ.
        return attrs.evolve(found, effect=None, compared=None)

    def foresee(self, traffic: Traffic, criteria: Criteria) -> Foresight | None:
        """Return what the signal needs, where one stratum is most of all, and shows the harm."""
        return foreseen(self.signal, traffic, self._spread(criteria))

    def can_notice(self, criteria: Criteria) -> bool:
        """Tell whether the signal could ever notice the ratio that must be seen."""
        return self.signal.can_notice(self._spread(criteria))

    def _spread(self, criteria: Criteria) -> Criteria:
        return attrs.evolve(criteria, strata=len(self.strata))
