"""Verdicts, a lattice, and evidence: what a verdict rests on."""

from __future__ import annotations

import enum
import math
from collections.abc import Collection, Iterable, Mapping
from datetime import datetime, timedelta
from typing import TypeVar

import attrs

from safedeploy.validators import ADDED, NOTHING, frozen

K = TypeVar("K")


class Verdict(enum.IntEnum):
    """Judge health, from best to worst. Verdicts join: the worst of several is the verdict."""

    PASS = 0
    """Fresh data, floors met, nothing worse, and enough seen to have noticed what must be seen."""
    INCONCLUSIVE = 1
    """Nothing worse, but too little seen yet to tell."""
    NO_DATA = 2
    """Silence, or less use than the floor. Silence isn't health."""
    SOURCE_ERROR = 3
    """What measures is broken: it holds the rollout and is never the change's fault."""
    INVESTIGATE = 4
    """A person must look; the clock stops until one has decided."""
    HALT = 5
    """The change does harm."""


def join(verdicts: Iterable[Verdict]) -> Verdict:
    """Return the worst of the verdicts, in whatever order they come; of none, NO_DATA."""
    return max(verdicts, default=Verdict.NO_DATA)


@attrs.frozen
class Scope:
    """Name what a verdict judges: one exposure of one attempt of one change.

    Attributes:
        change: the change's subject and version.
        attempt: the number of the attempt, from 1.
        ring: the name of the ring that was exposed.
        epoch: the number of the exposure within the attempt, from 1; 0 before the first.
    """

    change: str
    attempt: int
    ring: str
    epoch: int


class Against(enum.Enum):
    """Name what the canary is compared with."""

    REST = "those whom the change hasn't reached yet, at the same time"
    HOLDBACK = "the holdback, at the same time"
    PREVIOUS = "the previous version, at the same time"
    BEFORE = "the time before the change"
    NOBODY = "nobody: the change has reached all, and what judges needs no baseline"


@attrs.frozen
class Counts:
    """Count what one arm did.

    Attributes:
        exposures: outcomes recorded, retries included.
        units: distinct targeting keys active that hadn't failed before in this exposure.
        failures: those of `units` that failed (for the first time).
        fresh: those of `units` not seen before in this exposure.
        unfinished: those of `units` with a call that didn't end in time, and that haven't failed.
        events: units that met a named event for the first time in this exposure, by its name.
        slowest: how the slowest call so far of each active unit moved: units, by the latency
            bucket (see `latencies`) before and after; 0 where it had none before.
        values: the latest values of the host's own metrics, by name.
        hung: those of `failures` that were counted as `unfinished` before.
    """

    exposures: int = 0
    units: int = 0
    failures: int = 0
    fresh: int = 0
    unfinished: int = attrs.field(default=0, metadata=ADDED)
    events: Mapping[str, int] = attrs.field(
        default=NOTHING, converter=frozen, hash=False, metadata=ADDED
    )
    slowest: Mapping[tuple[int, int], int] = attrs.field(
        default=NOTHING, converter=frozen, hash=False, metadata=ADDED
    )
    values: Mapping[str, float] = attrs.field(
        default=NOTHING, converter=frozen, hash=False, metadata=ADDED
    )
    hung: int = attrs.field(default=0, metadata=ADDED)

    @property
    def failed_or_hung(self) -> int:
        """How many units failed or have a call that never ended in time, each of them once."""
        return self.failures + self.unfinished - self.hung

    @property
    def is_possible(self) -> bool:
        """Whether nothing is below zero or infinite, and no more failed than could."""
        counted = (self.exposures, self.units, self.failures, self.fresh, self.unfinished)
        numbers = (*counted, self.hung, *self.events.values(), *self.slowest.values())
        return all(0 <= number < math.inf for number in numbers) and self.failures <= self.units

    def __add__(self, other: Counts) -> Counts:
        """Add up two blocks of one arm; of values, the later ones stay."""
        return Counts(
            self.exposures + other.exposures,
            self.units + other.units,
            self.failures + other.failures,
            self.fresh + other.fresh,
            self.unfinished + other.unfinished,
            _added(self.events, other.events),
            _added(self.slowest, other.slowest),
            {**self.values, **other.values},
            self.hung + other.hung,
        )


def _added(one: Mapping[K, int], other: Mapping[K, int]) -> Mapping[K, int]:
    if not one or not other:
        return one or other
    return {key: one.get(key, 0) + other.get(key, 0) for key in {**one, **other}}


@attrs.frozen
class Measurement:
    """Hold what was measured of both arms in one block of time.

    Attributes:
        since: the block's begin.
        until: the block's end.
        canary: those whom the change reached.
        baseline: those whom it would affect but hasn't reached.
        source: who measured.
        error: why nothing could be measured; empty where it could.
        block: the number of the last posted block that is in it; 0 where nobody posts blocks.
        seen: when the last outcome in it was recorded, if that may be long before its end.
        strata: both arms of each stratum, by its name, where the health model has strata; without
            them it can't be judged then. The rest is the stratum "". `canary` and `baseline` are
            the sums of all.
        against: what the baseline is.
    """

    since: datetime
    until: datetime
    canary: Counts = Counts()
    baseline: Counts = Counts()
    source: str = "in-process tallies"
    error: str = ""
    block: int = 0
    seen: datetime | None = None
    strata: Mapping[str, tuple[Counts, Counts]] = attrs.field(
        default=NOTHING, converter=frozen, hash=False
    )
    against: Against = Against.REST


@attrs.frozen
class Finding:
    """Say what one signal found, and why.

    Attributes:
        signal: the signal's name.
        verdict: its judgement.
        detail: the reason, for people.
        statistic: the value that was compared, where there is one (an e-value, say).
        threshold: what it was compared with.
        remaining: how many more canary units are needed, where that can be told: to pass, while too
            few were seen; then, if it leans to worse, to decide.
        wait: how long that takes at the present rate.
        effect: how many times the baseline's rate the canary's is, as seen.
        compared: units of the canary and of the baseline, and how many of each met what is counted:
            `statistics.interval` makes of them the ratios of rates that aren't excluded.
        component: what it is about, where that isn't the whole workload.
        shadow: whether it is only recorded, and has no say in the verdict.
        excluded: whether it is excluded that the canary is worse by the signal's margin; None where
            the signal has none.
        was: what the signal itself found, where its policy makes another verdict of that.
    """

    signal: str
    verdict: Verdict
    detail: str
    statistic: float | None = None
    threshold: float | None = None
    remaining: int | None = None
    wait: timedelta | None = attrs.field(default=None, metadata=ADDED)
    effect: float | None = attrs.field(default=None, metadata=ADDED)
    compared: tuple[int, int, int, int] | None = attrs.field(default=None, metadata=ADDED)
    component: str = attrs.field(default="", metadata=ADDED)
    shadow: bool = attrs.field(default=False, metadata=ADDED)
    excluded: bool | None = attrs.field(default=None, metadata=ADDED)
    was: Verdict | None = attrs.field(default=None, metadata=ADDED)

    def but_for(self, accepted: Collection[tuple[str, str]]) -> Verdict:
        """Return what is left of the verdict once a person has decided to go on.

        Nobody is asked twice to look at the same. What was seen doesn't hold any more; that nothing
        was, or that what measures is broken, still does. HALT still halts.

        Args:
            accepted: component and signal of each finding that a person has accepted.
        """
        asked = self.verdict is Verdict.INVESTIGATE
        if not asked or (self.component, self.signal) not in accepted:
            return self.verdict
        unseen = (Verdict.NO_DATA, Verdict.SOURCE_ERROR)
        return self.was if self.was and self.was in unseen else Verdict.PASS


@attrs.frozen
class Evidence:
    """Hold a verdict and what it rests on, bound to the exposure that it judges.

    Attributes:
        scope: the exposure that was judged.
        since: the begin of the window that was observed.
        until: its end.
        source: who measured.
        canary: what the canary arm did since the exposure began.
        baseline: what the baseline arm did meanwhile.
        findings: what every signal found; the verdict is the join of those that aren't shadows.
        against: what the baseline was.
    """

    scope: Scope
    since: datetime
    until: datetime
    source: str
    canary: Counts
    baseline: Counts
    findings: tuple[Finding, ...]
    against: Against = attrs.field(default=Against.REST, metadata=ADDED)

    @property
    def verdict(self) -> Verdict:
        """The join of all findings that aren't shadows."""
        return self.but_for(())

    def but_for(self, accepted: Collection[tuple[str, str]]) -> Verdict:
        """Return the verdict once a person has accepted findings: see `Finding.but_for`."""
        return join(found.but_for(accepted) for found in self.findings if not found.shadow)

    @property
    def asking(self) -> frozenset[tuple[str, str]]:
        """What a person is asked to decide: component and signal of each finding."""
        acting = (found for found in self.findings if not found.shadow)
        asking = (found for found in acting if found.verdict is Verdict.INVESTIGATE)
        return frozenset((found.component, found.signal) for found in asking)

    @property
    def excludes_margin(self) -> bool:
        """Whether every signal that has a margin excludes that the canary is worse by it."""
        told = [found.excluded for found in self.findings if not found.shadow]
        return any(told) and False not in told

    @property
    def reason(self) -> str:
        """What the worst findings say."""
        verdict = self.verdict
        worst = [found for found in self.findings if found.verdict is verdict and not found.shadow]
        return (
            "; ".join(f"{found.signal}: {found.detail}" for found in worst) or "nothing was judged"
        )
