"""Plans and rings: how far, for how long, behind which gates, judged and recovered how."""

from __future__ import annotations

import math
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta

import attrs

from safedeploy import validators
from safedeploy.audiences import checked_percent
from safedeploy.digests import digest
from safedeploy.errors import DefinitionError
from safedeploy.gates import Check
from safedeploy.health import HealthModel
from safedeploy.rollbacks import RollbackPolicy
from safedeploy.signals import Criteria
from safedeploy.validators import duration, real, several

_ZERO = timedelta(0)


def _holdback(percent: float) -> float:
    try:
        return checked_percent(percent)
    except DefinitionError as error:
        raise DefinitionError("holdback", percent, error.mend) from None


def _patience(ring: Ring) -> timedelta:
    # Defaults are made before validators ask, so the bake may be anything yet.
    bake = ring.bake if isinstance(ring.bake, timedelta) else _ZERO
    return max(10 * bake, timedelta(hours=1))


def _checks(checks: Iterable[Check]) -> tuple[Check, ...]:
    return several(checks)


@attrs.frozen
class Ring:
    """Say how far a change goes in one step, and for how long it is watched there.

    Args:
        name: unique in its plan.
        percent: the share of all contexts, 0 to 100; earlier rings stay in it.
        bake: how long the ring must be exposed, used and healthy before it is left.
        gates: what must open before the ring begins.
        deadline: how long the ring may take before a person is named to look; unless given, ten
            times the bake, and an hour at least.

    Raises:
        DefinitionError: an empty name, a percent outside 0..100, a negative duration.
    """

    name: str = attrs.field(validator=validators.text)
    percent: float = attrs.field(converter=checked_percent, kw_only=True)
    bake: timedelta = attrs.field(default=_ZERO, kw_only=True, validator=duration)
    gates: tuple[Check, ...] = attrs.field(
        default=(), kw_only=True, converter=_checks, validator=validators.each(Check)
    )
    deadline: timedelta = attrs.field(
        default=attrs.Factory(_patience, takes_self=True),
        kw_only=True,
        validator=duration,
    )


def _rings(rings: Iterable[Ring]) -> tuple[Ring, ...]:
    return several(rings)


@attrs.frozen(kw_only=True)
class Plan:
    """Say how a change reaches everybody. A value: compare it, digest it, print it.

    Args:
        rings: from the smallest to the largest; one at least.
        health: what every ring is judged by.
        on_issue: how to recover from a halt.
        before: checks that must open before the first ring.
        holdback: percent of contexts that stay on the stable version while the last ring bakes, so
            that there is somebody to compare with; completion releases them.
        must_see: how many times more failures must have been noticeable before a ring is left.
        power: the chance of having noticed them.
        alert_deadline: how long an alert about health may wait for a person before it halts.
        assess_every: how often health is assessed. Evidence expires after two such intervals, and
            a longer gap than three earns no bake.

    Raises:
        DefinitionError: no rings, a name twice, percentages that fall, a ring that leaves nobody to
            compare with, or a regression that health couldn't notice.
    """

    rings: tuple[Ring, ...] = attrs.field(converter=_rings, validator=validators.each(Ring))
    health: HealthModel = attrs.field(validator=validators.a(HealthModel))
    on_issue: RollbackPolicy = attrs.field(
        default=RollbackPolicy.roll_back(), validator=validators.a(RollbackPolicy)
    )
    before: tuple[Check, ...] = attrs.field(
        default=(), converter=_checks, validator=validators.each(Check)
    )
    holdback: float = attrs.field(default=5.0, converter=_holdback)
    must_see: float = attrs.field(default=2.0, converter=real, validator=validators.a(float))
    power: float = attrs.field(default=0.9, converter=real, validator=validators.a(float))
    alert_deadline: timedelta = attrs.field(default=timedelta(hours=1), validator=duration)
    assess_every: timedelta = attrs.field(default=timedelta(seconds=10), validator=duration)

    def __attrs_post_init__(self) -> None:
        self._check_rings()
        self._check_gates()
        self._check_numbers()
        self._check_noticing()

    @property
    def digest(self) -> str:
        """64 hex digits that name the plan's content."""
        return digest(self)

    def exposed(self, number: int) -> float:
        """Return the percentage that a ring really exposes: less than 100 by the holdback."""
        return min(self.rings[number].percent, 100 - self.holdback)

    def gates(self, number: int) -> tuple[Check, ...]:
        """Return what must open before a ring begins, counted from 0."""
        return (*(self.before if number == 0 else ()), *self.rings[number].gates)

    def criteria(self, number: int, at: datetime) -> Criteria:
        """Return what health is judged by in a ring, counted from 0."""
        ring = self.rings[number]
        return Criteria(
            at=at,
            share=self.exposed(number) / 100,
            alpha=self.health.share_of_alpha,
            must_see=self.must_see,
            power=self.power,
            quiet=max(ring.bake / 10, 3 * self.assess_every),
        )

    def _check_rings(self) -> None:
        names, percents = [ring.name for ring in self.rings], [ring.percent for ring in self.rings]
        if not self.rings:
            raise DefinitionError("rings", (), "give one ring at least")
        if len(set(names)) < len(names):
            raise DefinitionError("rings", names, "give each ring a name of its own")
        if percents != sorted(percents):
            raise DefinitionError("percent", percents, "let no ring be smaller than the one before")
        for number in range(len(percents)):
            if not 0 < self.exposed(number) < 100:
                mend = "let each ring reach somebody, and a holdback leave somebody to compare with"
                raise DefinitionError("percent", self.exposed(number), mend)

    def _check_gates(self) -> None:
        for number in range(len(self.rings)):
            names = [check.name for check in self.gates(number)]
            if len(set(names)) < len(names):
                raise DefinitionError("gates", names, "give each check of a ring a name of its own")

    def _check_numbers(self) -> None:
        if not 1 < self.must_see < math.inf:
            raise DefinitionError("must_see", self.must_see, "give a ratio above 1, such as 2")
        if not 0.5 < self.power < 1:
            raise DefinitionError(
                "power", self.power, "give a chance between 0.5 and 1, such as 0.9"
            )
        if not self.assess_every:
            raise DefinitionError("assess_every", self.assess_every, "give a timedelta above zero")

    def _check_noticing(self) -> None:
        at = datetime.min.replace(tzinfo=UTC)
        every_ring = [self.criteria(number, at) for number in range(len(self.rings))]
        for signal in self.health.signals:
            if not all(signal.can_notice(criteria) for criteria in every_ring):
                mend = f"raise must_see above what {signal.name!r} tolerates"
                raise DefinitionError("must_see", self.must_see, mend)
