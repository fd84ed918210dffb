"""Verdicts, a lattice, and evidence: what a verdict rests on."""

from __future__ import annotations

import enum
from collections.abc import Iterable
from datetime import datetime

import attrs


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
    """A person must look; the clock stops meanwhile."""
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


@attrs.frozen
class Counts:
    """Count what one arm did.

    Attributes:
        exposures: outcomes recorded, retries included.
        units: distinct targeting keys active that hadn't failed before in this exposure.
        failures: those of `units` that failed (for the first time).
        fresh: those of `units` not seen before in this exposure.
    """

    exposures: int = 0
    units: int = 0
    failures: int = 0
    fresh: int = 0

    def __add__(self, other: Counts) -> Counts:
        """Add up two blocks of one arm."""
        return Counts(
            self.exposures + other.exposures,
            self.units + other.units,
            self.failures + other.failures,
            self.fresh + other.fresh,
        )


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
    """

    since: datetime
    until: datetime
    canary: Counts = Counts()
    baseline: Counts = Counts()
    source: str = "in-process tallies"
    error: str = ""
    block: int = 0
    seen: datetime | None = None


@attrs.frozen
class Finding:
    """Say what one signal found, and why.

    Attributes:
        signal: the signal's name.
        verdict: its judgement.
        detail: the reason, for people.
        statistic: the value that was compared, where there is one (an e-value, say).
        threshold: what it was compared with.
        remaining: how many more canary units are needed, where that can be told.
    """

    signal: str
    verdict: Verdict
    detail: str
    statistic: float | None = None
    threshold: float | None = None
    remaining: int | None = None


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
        findings: what every signal found; the verdict is their join.
    """

    scope: Scope
    since: datetime
    until: datetime
    source: str
    canary: Counts
    baseline: Counts
    findings: tuple[Finding, ...]

    @property
    def verdict(self) -> Verdict:
        """The join of all findings."""
        return join(finding.verdict for finding in self.findings)

    @property
    def reason(self) -> str:
        """What the worst findings say."""
        worst = [found for found in self.findings if found.verdict is self.verdict]
        return (
            "; ".join(f"{found.signal}: {found.detail}" for found in worst) or "nothing was judged"
        )
