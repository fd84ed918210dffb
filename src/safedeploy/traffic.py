"""Traffic: what a plan will meet, and what a signal foresees of it."""

from __future__ import annotations

import math
from collections.abc import Mapping

import attrs

from safedeploy.errors import DefinitionError
from safedeploy.validators import NOTHING, a, frozen, real

_LEAST = 1e-100  # of people a minute: with fewer yet, sums of time overflow


@attrs.frozen(kw_only=True)
class Traffic:
    """Say what a plan will meet, so that it can be forecast.

    Args:
        per_minute: how many people come in a minute, of all whom the change would affect. Count
            them as health does: once in each of the plan's `assess_every` in which they come. So
            whoever comes back later counts again, and a retry doesn't.
        failing: the share of them, 0..1, that fails without the change.
        meeting: the share of them, 0..1, that meets an event without the change, by its name.

    Raises:
        DefinitionError: nobody comes, everybody fails, or something isn't a share.
    """

    per_minute: float = attrs.field(converter=real, validator=a(float))
    failing: float = attrs.field(converter=real, validator=a(float))
    meeting: Mapping[str, float] = attrs.field(
        default=NOTHING, converter=frozen, hash=False, validator=a(Mapping)
    )

    def __attrs_post_init__(self) -> None:
        if not _LEAST <= self.per_minute < math.inf:
            raise DefinitionError("per_minute", self.per_minute, "give a number well above 0")
        if not 0 <= self.failing < 1:
            raise DefinitionError("failing", self.failing, "give a share below 1, such as 0.01")
        for name, share in self.meeting.items():
            if not isinstance(share, int | float) or not 0 <= share <= 1:
                raise DefinitionError("meeting", share, f"give a share of 0 to 1 for {name!r}")

    def rate(self, of: str = "") -> float | None:
        """Return the share that meets an event, or fails; None where it isn't known.

        Args:
            of: the name of the event; empty for failures.
        """
        return self.meeting.get(of) if of else self.failing


@attrs.frozen(kw_only=True)
class Foresight:
    """Say what a signal needs to notice a regression: that of the criteria it was asked with.

    Attributes:
        units: canary units after which it would have noticed; infinite if it never would.
        worse: what the regression costs: the share of the canary units that come to harm by it.
            None of a signal that compares nothing: it is a floor of use, and holds the bake.
        most: the largest ratio that there can be.
        passes: canary units after which a healthy change passes, where fewer do; else None.
    """

    units: float
    worse: float | None = None
    most: float = math.inf
    passes: float | None = None
