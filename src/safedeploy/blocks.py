"""Blocks: what one process measured of an exposure, once in an interval. Hashes, never names."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from datetime import datetime

import attrs

from safedeploy.validators import ADDED, NOTHING, frozen


@attrs.frozen
class Part:
    """Hold what one arm did in a block. Units are named by a hash that no other exposure uses.

    Attributes:
        exposures: outcomes recorded, retries included.
        units: how many distinct units were active that hadn't failed before in this exposure.
        failing: those of them that failed (for the first time).
        fresh: units not seen before in this exposure.
        unfinished: units with a call that didn't end in time (for the first time), unless they are
            among `failing`.
        events: units that met a named event (for the first time), by its name.
        risen: units whose slowest call so far moved to a higher latency bucket, with that bucket.
        stood: how many of the other active units have their slowest call in a bucket, by bucket.
        open: units with a call that was open for a while when the block ended. What it will become
            is told by a later block; or by nobody, if the process dies.
    """

    exposures: int = 0
    units: int = 0
    failing: frozenset[int] = attrs.field(default=frozenset(), repr=False)
    fresh: frozenset[int] = attrs.field(default=frozenset(), repr=False)
    unfinished: frozenset[int] = attrs.field(default=frozenset(), repr=False, metadata=ADDED)
    events: Mapping[str, frozenset[int]] = attrs.field(
        default=NOTHING, converter=frozen, hash=False, repr=False, metadata=ADDED
    )
    risen: Mapping[int, int] = attrs.field(
        default=NOTHING, converter=frozen, hash=False, repr=False, metadata=ADDED
    )
    stood: Mapping[int, int] = attrs.field(
        default=NOTHING, converter=frozen, hash=False, repr=False, metadata=ADDED
    )
    open: frozenset[int] = attrs.field(default=frozenset(), repr=False, metadata=ADDED)

    def __add__(self, other: Part) -> Part:
        """Add what the arm did next."""
        failing, names = self.failing | other.failing, {**self.events, **other.events}
        return Part(
            self.exposures + other.exposures,
            self.units + other.units,
            failing,
            self.fresh | other.fresh,
            (self.unfinished | other.unfinished) - failing,
            {name: self.met(name) | other.met(name) for name in names},
            {**self.risen, **other.risen},
            Counter(self.stood) + Counter(other.stood),
            other.open,
        )

    def met(self, event: str) -> frozenset[int]:
        """Return the units that met an event."""
        return self.events.get(event, frozenset())


@attrs.frozen
class Block:
    """Hold what one process measured of an exposure.

    Attributes:
        exposure: which: the id of the rollout, and the epoch.
        process: the name of the process.
        sequence: the number of the block within its process; no block is counted twice.
        since: the block's begin.
        until: the block's end.
        canary: those whom the change had reached, and who are of no named stratum.
        baseline: those whom it would affect but hadn't reached, and who are of no named stratum.
        strata: canary and baseline of each named stratum, by its name.
        halved: how often the process had to halve the units among whom it looks for harm, and those
            whose latencies it follows; both arms alike.
        census: in the summary of earlier blocks, what is remembered of them; else nothing.
    """

    exposure: str
    process: str
    sequence: int
    since: datetime
    until: datetime
    canary: Part = Part()
    baseline: Part = Part()
    strata: Mapping[str, tuple[Part, Part]] = attrs.field(
        default=NOTHING, converter=frozen, hash=False, metadata=ADDED
    )
    halved: tuple[int, int] = attrs.field(default=(0, 0), metadata=ADDED)
    census: tuple[str, ...] = attrs.field(default=(), repr=False, metadata=ADDED)

    @property
    def parts(self) -> Mapping[str, tuple[Part, Part]]:
        """Canary and baseline of each stratum, by its name; "" is no named one."""
        return {"": (self.canary, self.baseline), **self.strata}

    def then(self, following: Block) -> Block:
        """Return one block in the place of this one and a later one of the process."""
        theirs = following.parts
        harm, slow = map(max, self.halved, following.halved)
        parts = {name: _both(pair, theirs.get(name)) for name, pair in self.parts.items()}
        parts |= {name: theirs[name] for name in theirs if name not in parts}
        canary, baseline = parts.pop("")
        return attrs.evolve(
            self,
            until=following.until,
            canary=canary,
            baseline=baseline,
            strata=parts,
            halved=(harm, slow),
        )


def _both(pair: tuple[Part, Part], following: tuple[Part, Part] | None) -> tuple[Part, Part]:
    canary, baseline = following or (Part(), Part())
    return pair[0] + canary, pair[1] + baseline
