"""Dispersions: how much more counts vary from block to block than those of independent events."""

from __future__ import annotations

import attrs

NOTABLE = 1.3
"""A dispersion up to this isn't told from chance, and counts as 1."""

_DOUBT = 10  # so many differences of independent events are supposed to have been seen before


@attrs.frozen
class Dispersion:
    """Measure over-dispersion: the variance of counts over that of independent events.

    The differences of successive rates are compared with what chance alone would make of them
    (von Neumann's ratio), so slow changes, from hour to hour, don't count.

    Attributes:
        count, exposure: those of the last block.
        squares: the sum of the squared differences, each by its precision.
        expected: what that would be if events were independent.
        differences: how many there were.
    """

    count: float = 0.0
    exposure: float = 0.0
    squares: float = 0.0
    expected: float = 0.0
    differences: int = 0

    def update(self, count: float, exposure: float) -> Dispersion:
        """Return the measure after one block; blocks without exposure are left out.

        Args:
            count: how many events there were.
            exposure: units, requests or hours in which they could be.
        """
        if not exposure > 0:
            return self
        both, events = self.exposure + exposure, self.count + count
        if not self.exposure or not events:
            return attrs.evolve(self, count=count, exposure=exposure)
        difference = count / exposure - self.count / self.exposure
        squared = difference * difference * exposure * self.exposure / both
        return Dispersion(
            count,
            exposure,
            self.squares + squared,
            self.expected + events / both,
            self.differences + 1,
        )

    @property
    def ratio(self) -> float:
        """The variance over that of independent events, drawn to 1 while little was seen."""
        if not self.differences:
            return 1.0
        seen = self.squares / self.expected
        return (seen * self.differences + _DOUBT) / (self.differences + _DOUBT)

    @property
    def factor(self) -> float:
        """What evidence is to be divided by: the ratio if it is notable, else 1."""
        return self.ratio if self.ratio > NOTABLE else 1.0
