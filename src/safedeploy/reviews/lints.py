"""Lints: what each of them asks of a plan, and what it finds."""

from __future__ import annotations

import enum
from collections.abc import Callable, Iterable
from datetime import timedelta
from typing import Protocol, TypeAlias

import attrs

from safedeploy.forecasts import Forecast
from safedeploy.gates import Gate
from safedeploy.health import HealthModel
from safedeploy.rings import Place, Ring
from safedeploy.traffic import Traffic


class Severity(enum.IntEnum):
    """Say how much a weakness matters."""

    NOTE = 1
    """Worth a thought; it is often fine as it is."""
    WARNING = 2
    """A practice is kept by halves."""
    ERROR = 3
    """A practice isn't kept: what it guards against will go unnoticed."""


class Subject(Protocol):
    """What lints and pictures ask of a plan."""

    @property
    def rings(self) -> tuple[Ring, ...]:
        """Its rings."""
        ...

    @property
    def health(self) -> HealthModel:
        """What they are judged by."""
        ...

    @property
    def must_see(self) -> float:
        """How many times more failures must be noticeable."""
        ...

    @property
    def power(self) -> float:
        """The chance of noticing them."""
        ...

    @property
    def alert_deadline(self) -> timedelta:
        """How long an alert about health may wait."""
        ...

    @property
    def assess_every(self) -> timedelta:
        """How often health is assessed."""
        ...

    @property
    def promoters(self) -> frozenset[str]:
        """The roles of those who may promote a ring by hand."""
        ...

    @property
    def all_gates(self) -> tuple[Gate, ...]:
        """Every gate of it that isn't composed."""
        ...

    def exposed(self, number: int) -> float:
        """Return the percentage that a ring exposes."""
        ...

    def place(self, number: int) -> Place | None:
        """Return where a ring is applied; None where the engine serves it."""
        ...

    def gates(self, number: int) -> tuple[Gate, ...]:
        """Return what must open before a ring."""
        ...

    def after(self, number: int) -> tuple[Gate, ...]:
        """Return what must open before a ring is left."""
        ...

    def explain(self, traffic: Traffic) -> Forecast:
        """Forecast what each ring can see."""
        ...


Found: TypeAlias = tuple[str, str]
"""The name of a ring, empty for the plan, and what is weak there."""

Test: TypeAlias = Callable[[Subject], Iterable[Found]]
Reading: TypeAlias = Callable[[Forecast], Iterable[Found]]


@attrs.frozen(kw_only=True)
class Weakness:
    """Say what is weak in a plan.

    Attributes:
        lint: the name of the lint that found it.
        practice: the number of the practice that it weakens.
        severity: how much it matters.
        ring: the name of the ring where it is; empty for the plan.
        detail: what is weak.
        mend: what to write instead.
    """

    lint: str
    practice: str
    severity: Severity
    ring: str
    detail: str
    mend: str

    def __str__(self) -> str:
        ring = f"ring {self.ring!r} " if self.ring else ""
        return f"{ring}{self.detail}: {self.mend}"


@attrs.frozen
class Lint:
    """Name something that a plan can be weak in.

    Args:
        name: unique.
        practice: the number of the practice that it belongs to, such as "P3".
        severity: how much it matters.
        mend: what to write instead.
        test: finds the weak places of a plan.
        under: finds them in its forecast, in place of `test`.
    """

    name: str
    practice: str
    severity: Severity
    mend: str
    test: Test | None = None
    under: Reading | None = attrs.field(default=None, kw_only=True)

    def find(self, plan: Subject, forecast: Forecast | None) -> tuple[Weakness, ...] | None:
        """Return what is weak; None where only a forecast could tell."""
        if self.test:
            found = self.test(plan)
        elif self.under and forecast:
            found = self.under(forecast)
        else:
            return None
        return tuple(
            Weakness(
                lint=self.name,
                practice=self.practice,
                severity=self.severity,
                ring=ring,
                detail=detail,
                mend=self.mend,
            )
            for ring, detail in found
        )
