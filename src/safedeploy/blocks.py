"""Blocks: what one process measured of both arms of an exposure in one stretch of time."""

from __future__ import annotations

from datetime import datetime

import attrs


@attrs.frozen
class Part:
    """Hold what one arm did. Units are named by salted hashes, so that processes can be merged.

    Attributes:
        exposures: outcomes recorded, retries included.
        units: how many distinct units were active that hadn't failed before in this exposure.
        failing: those of them that failed (for the first time).
        fresh: units not seen before in this exposure.
    """

    exposures: int = 0
    units: int = 0
    failing: frozenset[int] = attrs.field(default=frozenset(), repr=False)
    fresh: frozenset[int] = attrs.field(default=frozenset(), repr=False)

    def __add__(self, other: Part) -> Part:
        """Add what the arm did next."""
        return Part(
            self.exposures + other.exposures,
            self.units + other.units,
            self.failing | other.failing,
            self.fresh | other.fresh,
        )


@attrs.frozen
class Block:
    """Hold what one process measured of an exposure.

    Attributes:
        exposure: which: the id of the rollout, and the epoch.
        process: the name of the process.
        sequence: the number of the block within its process; no block is counted twice.
        since: the block's begin.
        until: the block's end.
        canary: those whom the change had reached.
        baseline: those whom it would affect but hadn't reached.
    """

    exposure: str
    process: str
    sequence: int
    since: datetime
    until: datetime
    canary: Part = Part()
    baseline: Part = Part()
