"""Plans: in which rings, for how long, behind which gates, judged and recovered how."""

from __future__ import annotations

import enum
import math
from datetime import UTC, datetime, timedelta

import attrs

from safedeploy import validators
from safedeploy.audiences import checked_percent
from safedeploy.circuits import TripsWhen
from safedeploy.digests import digest
from safedeploy.errors import DefinitionError
from safedeploy.forecasts import Forecast, RingForecast
from safedeploy.gates import Gate, Within, a_quorum, leaves, refuse_twins
from safedeploy.health import HealthModel
from safedeploy.people import named, names
from safedeploy.reviews import Reviewed
from safedeploy.rings import Named, Place, Ring, listed, patience, ringed, targeted
from safedeploy.rollbacks import RollbackPolicy
from safedeploy.sights import Asked
from safedeploy.signals import Criteria
from safedeploy.spans import roomy
from safedeploy.traffic import Traffic
from safedeploy.validators import ADDED, duration, real
from safedeploy.windows import Window, joint, recurs

__all__ = ["OnNewVersion", "Plan", "Ring"]

_ZERO = timedelta(0)
_ANY_TIME = datetime.min.replace(tzinfo=UTC)
_ratio = validators.between(1, math.inf, "give a ratio above 1, such as 2")
_chance = validators.between(0.5, 1, "give a chance between 0.5 and 1, such as 0.9")


def _holdback(percent: float) -> float:
    try:
        return checked_percent(percent)
    except DefinitionError as error:
        raise DefinitionError("holdback", percent, error.mend) from None


def _baking(ring: Ring, seen: RingForecast) -> Ring:
    bake = roomy(seen.needs or ring.bake)
    longer = attrs.evolve(ring, bake=bake)
    return attrs.evolve(longer, deadline=max(ring.deadline, patience(longer)))


class OnNewVersion(enum.Enum):
    """What a release does while another one of its subject is in flight."""

    REFUSE = "refuse"
    """It isn't begun: wait, or abort the other."""

    QUEUE = "queue"
    """It begins when the other is over."""

    SUPERSEDE = "supersede"
    """It halts the other, and begins when that is rolled back."""


def _only_trips(_: object, field: attrs.Attribute[TripsWhen], value: object) -> None:
    # Settings of breakers are more than that, and no plan could be digested that held them.
    if type(value) is not TripsWhen:
        mend = "say when it trips, such as TripsWhen(failure_rate=0.5); it never lets anybody back"
        raise DefinitionError(field.name, value, mend)


@attrs.frozen(kw_only=True)
class Plan(Reviewed):
    """Say how a change reaches everybody. A value: compare it, digest it, print it.

    Args:
        rings: from the smallest to the largest; one at least.
        health: what every ring is judged by.
        on_issue: how to recover from a halt.
        before: what must open before the first ring.
        holdback: percent of contexts that stay on the stable version while the last ring bakes, so
            that there is somebody to compare with; completion releases them. At 0, only signals
            that need no baseline judge a ring of 100 %.
        must_see: how many times more failures must have been noticeable before a ring is left.
        power: the chance of having noticed them.
        alert_deadline: how long an alert about health may wait for a person before it halts.
        acknowledge_within: how long it may wait until a person says that they look after it, before
            a person is called once more; for good, unless given.
        assess_every: how often health is assessed. Evidence expires after two such intervals, and
            a longer gap than three earns no bake.
        windows: when a ring may begin and be left: what lets more people in keeps to them, and
            neither a halt nor a recovery does. Any time, unless given.
        on_new_version: what the release does while another one of its subject is in flight.
        conflict_group: a name for changes that could be taken for each other; those of a group wait
            for their turn, in the order in which they were released.
        most_in_flight: how many of the group may be in flight at once, for this one to begin.
        promoters: the roles of those who may promote a ring by hand, though never the author;
            anybody else, unless given.
        breaker: when a process withdraws the change by itself, at the very call that shows it, and
            halts the rollout; never, unless given. See `TripsWhen`.
        target: where a change that isn't a flag's is applied, unless a ring says otherwise.

    Raises:
        DefinitionError: no rings, a name twice, percentages that fall, a ring that leaves nobody to
            compare with, a regression that health couldn't notice, or windows that never open
            together, or close for good.
    """

    rings: tuple[Ring, ...] = attrs.field(converter=ringed, validator=validators.each(Ring))
    health: HealthModel = attrs.field(validator=validators.a(HealthModel))
    on_issue: RollbackPolicy = attrs.field(
        default=RollbackPolicy.roll_back(), validator=validators.a(RollbackPolicy)
    )
    before: tuple[Gate, ...] = attrs.field(
        default=(), converter=listed, validator=validators.each(Gate)
    )
    holdback: float = attrs.field(default=5.0, converter=_holdback)
    must_see: float = attrs.field(default=2.0, converter=real, validator=_ratio)
    power: float = attrs.field(default=0.9, converter=real, validator=_chance)
    alert_deadline: timedelta = attrs.field(default=timedelta(hours=1), validator=duration)
    assess_every: timedelta = attrs.field(default=timedelta(seconds=10), validator=duration)
    promoters: frozenset[str] = attrs.field(
        default=frozenset(), converter=names, validator=named, metadata=ADDED
    )
    windows: Window | None = attrs.field(default=None, validator=recurs, metadata=ADDED)
    breaker: TripsWhen | None = attrs.field(
        default=None, validator=attrs.validators.optional(_only_trips), metadata=ADDED
    )
    on_new_version: OnNewVersion = attrs.field(
        default=OnNewVersion.REFUSE, validator=validators.a(OnNewVersion), metadata=ADDED
    )
    conflict_group: str | None = attrs.field(
        default=None, validator=attrs.validators.optional(validators.text), metadata=ADDED
    )
    most_in_flight: int = attrs.field(default=1, validator=a_quorum, metadata=ADDED)
    target: Named | None = attrs.field(default=None, converter=targeted, metadata=ADDED)
    acknowledge_within: timedelta | None = attrs.field(
        default=None, validator=attrs.validators.optional(duration), metadata=ADDED
    )

    def __attrs_post_init__(self) -> None:
        self._check_rings()
        self._check_gates()
        self._check_times()
        self._check_noticing()
        self._check_margin()

    @property
    def digest(self) -> str:
        """64 hex digits that name the plan's content."""
        return digest(self)

    def exposed(self, number: int) -> float:
        """Return the percentage that a ring really exposes: less than 100 by the holdback.

        A target is told no holdback: nothing would release it there.
        """
        percent = self.rings[number].percent
        return percent if self.place(number) else min(percent, 100 - self.holdback)

    def place(self, number: int) -> Place | None:
        """Return where a ring, counted from 0, is applied; None where the engine serves it."""
        ring = self.rings[number]
        target, environment = ring.target or self.target, ring.environment
        return Place(target.name, environment.name if environment else "") if target else None

    def gates(self, number: int) -> tuple[Gate, ...]:
        """Return what must open before a ring begins, counted from 0: its windows as well."""
        before = self.before if number == 0 else ()
        return (*before, *self.rings[number].gates, *self._within(number))

    def after(self, number: int) -> tuple[Gate, ...]:
        """Return what must open before a ring is left, counted from 0: its windows as well."""
        return (*self.rings[number].after, *self._within(number))

    def window(self, number: int) -> Window | None:
        """Return when a ring may begin and be left, counted from 0; None is any time."""
        return joint(self.windows, self.rings[number].windows)

    @property
    def all_gates(self) -> tuple[Gate, ...]:
        """Every check and approval of the plan, in order, those within others as well."""
        return leaves(
            (*self.before, *(it for ring in self.rings for it in (*ring.gates, *ring.after)))
        )

    def criteria(self, number: int, at: datetime) -> Criteria:
        """Return what health is judged by in a ring, counted from 0."""
        ring = self.rings[number]
        return Criteria(
            at=at,
            share=self.exposed(number) / 100,
            alpha=self.health.alpha,
            must_see=self.must_see,
            power=self.power,
            quiet=max(ring.bake / 10, 3 * self.assess_every),
        )

    def explain(self, traffic: Traffic) -> Forecast:
        """Forecast what each ring can see, how long it takes, and what harm that lets happen.

        Args:
            traffic: what the change will meet.
        """
        rings: list[RingForecast] = []
        for number in range(len(self.rings)):
            begins = rings[-1].over if rings else _ZERO
            rings.append(self._foresee(number, begins, traffic))
        return Forecast(
            traffic=traffic,
            must_see=self.must_see,
            power=self.power,
            false_halt=self.health.alpha if any(it.halts for it in self.health.judges) else 0.0,
            rings=tuple(rings),
        )

    def mended(self, traffic: Traffic) -> Plan:
        """Return the plan with bakes long enough to see what must be seen.

        Args:
            traffic: what the change will meet.

        Raises:
            DefinitionError: no bake is long enough.
        """
        rings = (
            ring if seen.sees_enough else _baking(ring, seen)
            for ring, seen in zip(self.rings, self.explain(traffic).rings, strict=True)
        )
        plan = attrs.evolve(self, rings=tuple(rings))
        plan.explain(traffic).check()
        return plan

    def _within(self, number: int) -> tuple[Gate, ...]:
        window = self.window(number)
        return () if window is None else (Within(window, name="windows"),)

    def _foresee(self, number: int, begins: timedelta | None, traffic: Traffic) -> RingForecast:
        ring, is_last = self.rings[number], number + 1 == len(self.rings)
        criteria = self.criteria(number, _ANY_TIME)
        asked = (
            Asked(judge.signal.name, judge.signal, judge.criteria(criteria), traffic)
            for judge in self.health.judges
            if not judge.policy.shadow
        )
        return RingForecast(
            name=ring.name,
            percent=ring.percent,
            bake=ring.bake,
            share=criteria.share,
            roof=1 - self.holdback / 100 if is_last else self.exposed(number + 1) / 100,
            begins=begins,
            every=self.assess_every,
            traffic=traffic,
            asked=tuple(asked),
        )

    def _check_rings(self) -> None:
        names, percents = [ring.name for ring in self.rings], [ring.percent for ring in self.rings]
        places: dict[Place | None, list[float]] = {}
        for number, percent in enumerate(percents):
            places.setdefault(self.place(number), []).append(percent)
        if not self.rings:
            raise DefinitionError("rings", (), "give one ring at least")
        if len(set(names)) < len(names):
            raise DefinitionError("rings", names, "give each ring a name of its own")
        if any(share != sorted(share) for share in places.values()):
            raise DefinitionError("percent", percents, "let no ring be smaller than the one before")
        for exposed in map(self.exposed, range(len(percents))):
            if exposed <= 0:
                raise DefinitionError("percent", exposed, "let each ring reach somebody")
            if exposed >= 100 and not self.health.is_absolute:
                mend = "hold somebody back to compare with, or add a signal that compares nobody,"
                raise DefinitionError("percent", exposed, f"{mend} such as Objective(0.999)")

    def _check_gates(self) -> None:
        for number in range(len(self.rings)):
            refuse_twins("gates", self.gates(number))
            refuse_twins("after", self.after(number))
            recurs(self, attrs.fields(Plan).windows, self.window(number))

    def _check_times(self) -> None:
        within = self.acknowledge_within
        if not self.assess_every:
            raise DefinitionError("assess_every", self.assess_every, "give a timedelta above zero")
        if within is not None and not _ZERO < within < self.alert_deadline:
            raise DefinitionError("acknowledge_within", within, "give one below alert_deadline")

    def _check_margin(self) -> None:
        for ring in self.rings:
            if ring.needed(excluded=True) < ring.bake and not self.health.has_margin:
                mend = "give a signal that has a say a margin, such as ErrorRate(margin=1.5)"
                raise DefinitionError("minimum_bake", ring.minimum_bake, mend)

    def _check_noticing(self) -> None:
        every_ring = [self.criteria(number, _ANY_TIME) for number in range(len(self.rings))]
        for judge in self.health.judges:
            asked = (each for each in every_ring if each.share < 1 or judge.is_absolute)
            if not all(map(judge.signal.can_notice, map(judge.criteria, asked))):
                mend = f"raise must_see above what {judge.signal.name!r} tolerates"
                raise DefinitionError("must_see", self.must_see, mend)
