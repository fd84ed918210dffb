"""Port: Signal. What judges one side of health, by what, and what has been seen so far."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any, Protocol

import attrs

from safedeploy.validators import ADDED
from safedeploy.verdicts import Counts, Finding, Measurement

LARGEST = 700.0
"""The log of the largest e-value that is shown: a float holds no larger one."""


@attrs.frozen
class Criteria:
    """Say what health is judged by, at one moment of one exposure.

    Attributes:
        at: the moment.
        share: the canary's designed share of the affected contexts, above 0 and below 1.
        alpha: the chance of a false halt over the whole rollout: the model's, and for each signal
            the part of it that the signal may spend.
        must_see: the ratio of rates, canary to baseline, that must have been noticeable.
        power: the chance of having noticed it.
        quiet: how long a silence may last before it counts as silence.
        strata: how many strata share a signal's stake; harm that shows in one of them needs so many
            times the wealth.
    """

    at: datetime
    share: float
    alpha: float
    must_see: float
    power: float
    quiet: timedelta
    strata: int = 1


@attrs.frozen
class Health:
    """Hold what has been seen of one attempt so far; a value that measurements are folded into.

    Attributes:
        used: when the canary was last used; when the exposure began, if it wasn't.
        compared: the same of the baseline.
        tests: what each signal remembers, over the whole attempt.
        canary, baseline: what the arms did since the exposure began.
        error: why the last measurement failed; empty where it didn't.
        block: the number of the last block that is folded in; what comes after it isn't yet.
        since: when the exposure began; None before the first.
    """

    used: datetime
    compared: datetime
    tests: tuple[Any, ...]
    canary: Counts = Counts()
    baseline: Counts = Counts()
    error: str = ""
    block: int = 0
    since: datetime | None = attrs.field(default=None, metadata=ADDED)


class Signal(Protocol):
    """Judge one side of health. A frozen value: what it remembers is handed to it.

    Attributes:
        name: unique within its model, or its component.
        spends_alpha: whether it may halt by chance, and so needs a share of the model's alpha. The
            statistic of its findings is then an e-value against "no worse than tolerated", which
            halts when it reaches 1/alpha; by their mean, such signals also halt together.
    """

    @property
    def name(self) -> str:
        """The name that findings carry."""
        ...

    @property
    def spends_alpha(self) -> bool:
        """Whether it may halt by chance."""
        ...

    def start(self) -> Any:
        """Return what the signal remembers before anything was measured."""
        ...

    def enter(self, memory: Any) -> Any:
        """Return what it remembers when a new exposure begins."""
        ...

    def observe(self, memory: Any, measurement: Measurement, progress: float) -> Any:
        """Return what it remembers after one more block; progress is the plan's, 0..1."""
        ...

    def judge(self, memory: Any, health: Health, criteria: Criteria) -> Finding:
        """Return what it finds."""
        ...

    def can_notice(self, criteria: Criteria) -> bool:
        """Tell whether it could ever notice the ratio that must be seen."""
        ...
