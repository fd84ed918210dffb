"""Objectives: how fast an error budget burns, over a long and a short window."""

from __future__ import annotations

import math
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta

import attrs

from safedeploy import statistics
from safedeploy.errors import DefinitionError
from safedeploy.signals.policies import Policy
from safedeploy.signals.port import Criteria, Health
from safedeploy.validators import a, each, real, several, text
from safedeploy.verdicts import Counts, Finding, Measurement, Verdict

SLOTS = 24
"""A long window has so many slots, and the short one the last two of them: a twelfth."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@attrs.frozen
class Burn:
    """Say how fast is too fast: the rate at which a budget burns, over two windows at once.

    A rate of 1 spends the budget of a period in just that period. The long window makes sure that
    it matters, the short one (a twelfth of it) that it still goes on.

    Args:
        rate: how many times as fast as the objective allows; above 0.
        over: the long window.
        verdict: what it means: HALT, or INVESTIGATE.

    Raises:
        DefinitionError: a rate that isn't above 0, an empty window, or another verdict.
    """

    rate: float = attrs.field(converter=real, validator=a(float))
    over: timedelta = attrs.field(validator=a(timedelta))
    verdict: Verdict = attrs.field(default=Verdict.HALT, validator=a(Verdict))

    def __attrs_post_init__(self) -> None:
        if not 0 < self.rate < math.inf:
            raise DefinitionError("rate", self.rate, "give a number above 0, such as 14.4")
        if self.over < timedelta(minutes=1):
            raise DefinitionError("over", self.over, "give a minute or more, such as an hour")
        if self.verdict not in (Verdict.INVESTIGATE, Verdict.HALT):
            mend = "give Verdict.HALT or Verdict.INVESTIGATE"
            raise DefinitionError("verdict", self.verdict, mend)


BURNS = (
    Burn(14.4, timedelta(hours=1)),
    Burn(6.0, timedelta(hours=6)),
    Burn(1.0, timedelta(days=3), Verdict.INVESTIGATE),
)
"""The usual ones, for a period of 30 days: 2, 5 and 10 % of the budget are gone when they fire.

Source: The Site Reliability Workbook (Google), chapter 5.
"""


@attrs.frozen
class Window:
    """Count units and failures in the last slots of a window.

    Attributes:
        last: the number of the latest slot, counted from 1970.
        slots: units and failures of each slot, the latest last.
    """

    last: int = 0
    slots: tuple[tuple[int, int], ...] = ((0, 0),) * SLOTS

    def after(self, number: int, units: int, failures: int) -> Window:
        """Return the window after one more block; one that is late counts in the latest slot."""
        moved = min(SLOTS, max(0, number - self.last)) if self.last else 0
        slots = [*self.slots[moved:], *[(0, 0)] * moved]
        slots[-1] = (slots[-1][0] + units, slots[-1][1] + failures)
        return Window(max(self.last, number), tuple(slots))

    def burns(self, target: float, at_least: int) -> float:
        """Return how fast the budget burns in both windows: the lower rate; 0 if too few failed."""
        if sum(failed for _, failed in self.slots) < at_least:
            return 0.0
        return min(_burn(self.slots[-slots:], target) for slots in (SLOTS, 2))


def _burn(slots: tuple[tuple[int, int], ...], target: float) -> float:
    units, failed = map(sum, zip(*slots, strict=True))
    return statistics.burn(failed, units, target)


def _burns(given: Iterable[Burn]) -> tuple[Burn, ...]:
    return several(given)


@attrs.frozen(kw_only=True)
class Objective(Policy):
    """Hold the canary to a service-level objective, whatever the baseline does.

    Args:
        target: the share that must go well, above 0 and below 1: 0.999, say.
        of: the name of an event that is counted rather than failures.
        burns: how fast the error budget may burn, and over which windows.
        at_least: failures in the long window before a rate is believed; 1 or more. With little
            traffic, one failure is a high rate and says little. So nothing passes, either, until a
            ring has had so many units: fewer couldn't have failed so often.
        name: what findings call it.

    Raises:
        DefinitionError: a target outside 0..1, no burns, or one that can never fire because not
            even a failure of everything burns so fast.
    """

    target: float = attrs.field(kw_only=False, validator=a(float))
    of: str = attrs.field(default="", validator=a(str))
    burns: tuple[Burn, ...] = attrs.field(default=BURNS, converter=_burns, validator=each(Burn))
    at_least: int = attrs.field(default=10, validator=a(int))
    name: str = attrs.field(
        default=attrs.Factory(
            lambda self: f"objective of {self.of}" if self.of else "objective", takes_self=True
        ),
        validator=text,
    )

    spends_alpha = False
    absolute = True

    def __attrs_post_init__(self) -> None:
        super().__attrs_post_init__()
        if not 0 < self.target < 1:
            raise DefinitionError("target", self.target, "give a share below 1, such as 0.999")
        if not self.burns:
            raise DefinitionError("burns", self.burns, "give one or more, such as BURNS")
        for burn in self.burns:
            if burn.rate * self._budget >= 1:
                mend = f"give a rate below {1 / self._budget:g}: not even an outage burns so fast"
                raise DefinitionError("burns", burn.rate, mend)
        if self.at_least < 1:
            raise DefinitionError("at_least", self.at_least, "give a number of failures, 1 or more")

    def start(self) -> tuple[Window, ...]:
        """Return windows without calls."""
        return (Window(),) * len(self.burns)

    def enter(self, memory: tuple[Window, ...]) -> tuple[Window, ...]:
        """Go on: what the change burnt in one ring is burnt."""
        return memory

    def observe(
        self, memory: tuple[Window, ...], measurement: Measurement, progress: float
    ) -> tuple[Window, ...]:
        """Count the canary's units and failures of a block."""
        counts, elapsed = measurement.canary, measurement.until - _EPOCH
        return tuple(
            window.after(elapsed // (burn.over / SLOTS), counts.units, self._failures(counts))
            for window, burn in zip(memory, self.burns, strict=True)
        )

    def judge(self, memory: tuple[Window, ...], health: Health, criteria: Criteria) -> Finding:
        """Compare how fast the budget burns with how fast it may."""
        if not health.canary.units:
            return Finding(self.name, Verdict.NO_DATA, "the canary was never used")
        rates = [window.burns(self.target, self.at_least) for window in memory]
        pairs = list(zip(rates, self.burns, strict=True))
        fired = [(burn.verdict, rate, burn) for rate, burn in pairs if rate >= burn.rate]
        verdict, rate, burn = max(
            fired,
            key=lambda each: (each[0], each[1] / each[2].rate),
            default=(Verdict.PASS, max(rates), self.burns[0]),
        )
        lacking = 0 if fired else max(0, self.at_least - health.canary.units)
        if lacking:
            verdict, why = Verdict.INCONCLUSIVE, f"; {lacking} more canary units are needed"
        else:
            why = f" over {burn.over}, where {burn.rate:g} is too fast" if fired else ""
        seen = f"the budget of {self._budget:.3%} burns {rate:.2g} times as fast as it may{why}"
        return Finding(self.name, verdict, seen, rate, burn.rate, remaining=lacking)

    def can_notice(self, criteria: Criteria) -> bool:
        """Have no say in what is relative to the baseline."""
        return True

    @property
    def _budget(self) -> float:
        return 1 - self.target

    def _failures(self, counts: Counts) -> int:
        return counts.events.get(self.of, 0) if self.of else counts.failed_or_hung
