"""States: a rollout, and where it can be. A state holds only what exists there."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any, ClassVar, TypeAlias

import attrs

from safedeploy.changes import Change
from safedeploy.deliveries import Deliveries
from safedeploy.digests import digest
from safedeploy.events import Event, Promoted
from safedeploy.flags import FeatureFlag
from safedeploy.gates import Shown
from safedeploy.plans import Plan, Ring
from safedeploy.signals import Health
from safedeploy.verdicts import Evidence, Scope


@attrs.frozen
class Queued:
    """A rollout waits for others to be over before it begins.

    Attributes:
        since: when the waiting began.
        behind: the ids of those that all have to be over.
        beside: the ids of those of its conflict group of which only so many may be in flight.
        overdue: whether it has waited for longer than its plan may take.
    """

    label: ClassVar[str] = "queued"
    ring: ClassVar[int] = 0

    since: datetime
    behind: tuple[str, ...]
    beside: tuple[str, ...]
    overdue: bool = False


@attrs.frozen
class Pending:
    """A ring waits to begin: for its gates, then for the change to be applied.

    Attributes:
        ring: the number of the ring that waits, from 0; earlier ones stay exposed.
        since: when the waiting began.
        shown: what was shown to its gates.
        overdue: whether the ring's deadline has passed.
    """

    label: ClassVar[str] = "pending"

    ring: int
    since: datetime
    shown: Shown = attrs.field(
        default=attrs.Factory(lambda self: Shown(self.since), takes_self=True), repr=False
    )
    overdue: bool = False


@attrs.frozen(slots=False)  # copied at each assessment: see `copies`
class Baking:
    """A ring is exposed, and watched.

    Attributes:
        ring: the number of the ring, from 0.
        since: when its exposure began.
        seen: when health was last assessed.
        baked: how much bake it has earned.
        healthy: whether it was healthy and used when last assessed.
        overdue: whether the ring's deadline has passed.
        earned: whether the bake is earned, and the gates after the ring are asked.
        shown: what was shown to them.
        promoted: a person's decision not to wait for the bake's end.
    """

    label: ClassVar[str] = "baking"

    ring: int
    since: datetime
    seen: datetime
    baked: timedelta = timedelta(0)
    healthy: bool = False
    overdue: bool = False
    earned: bool = False
    shown: Shown = attrs.field(
        default=attrs.Factory(lambda self: Shown(self.since), takes_self=True), repr=False
    )
    promoted: Promoted | None = None


@attrs.frozen
class Paused:
    """The clock stands still until a person decides; exposure stays as it is.

    Attributes:
        was: the state to return to.
        since: when the clock stopped.
        deadline: when the rollout halts if nobody has decided.
        cause: the event that stopped it.
        acknowledged: whether a person looks after it.
        escalated: whether nobody did by the time that the plan gives them.
    """

    label: ClassVar[str] = "paused"

    was: Queued | Pending | Baking
    since: datetime
    deadline: datetime
    cause: Event
    acknowledged: bool = False
    escalated: bool = False

    @property
    def ring(self) -> int:
        """The number of the ring that is paused, from 0."""
        return self.was.ring


@attrs.frozen
class Halted:
    """The rollout has stopped and exposure is withdrawn; recovery hasn't begun.

    Attributes:
        ring: the number of the ring in which it halted, from 0.
        since: when.
        cause: the event that halted it.
    """

    label: ClassVar[str] = "halted"

    ring: int
    since: datetime
    cause: Event


@attrs.frozen
class Recovering:
    """The change is being withdrawn wherever it was applied. The attributes are as in `Halted`."""

    label: ClassVar[str] = "recovering"

    ring: int
    since: datetime
    cause: Event


@attrs.frozen
class RolledBack:
    """The change is gone: everybody has the stable version. The attributes are as in `Halted`."""

    label: ClassVar[str] = "rolled back"

    ring: int
    since: datetime
    cause: Event


@attrs.frozen
class Completed:
    """Everybody has the change, and it has baked.

    Attributes:
        ring: the number of the last ring.
        since: when.
    """

    label: ClassVar[str] = "completed"

    ring: int
    since: datetime


Advancing: TypeAlias = Pending | Baking
Moving: TypeAlias = Queued | Pending | Baking | Paused
Stopped: TypeAlias = Halted | Recovering | RolledBack
State: TypeAlias = Queued | Pending | Baking | Paused | Halted | Recovering | RolledBack | Completed


@attrs.frozen(slots=False)  # copied at each event: see `copies`
class Rollout:
    """Hold one attempt of one change along one plan.

    Attributes:
        id: the stream that its events are in.
        change: what is released.
        plan: how.
        attempt: the number of the attempt, from 1.
        definition: what a flag's change leads to; None for other kinds.
        state: where it is.
        version: how many events it has seen.
        at: when the last of them happened.
        epoch: how often what people get has changed, from 0.
        reached: the number of the last ring that was exposed, from 0; -1 before the first.
        exposed_at: when the present exposure began.
        health: what has been seen so far.
        evidence: the latest; None before the first.
        accepted: component and signal of each finding of this exposure that a person has looked at
            and decided to go on with.
        deliveries: what is known of each place that it was brought to, unless it is a flag's.
        begun: whether it was its turn ever; what was only queued has served nobody.
    """

    id: str
    change: Change
    plan: Plan = attrs.field(repr=False)
    attempt: int
    definition: FeatureFlag[Any] | None = attrs.field(repr=False)
    state: State
    version: int
    at: datetime
    epoch: int
    reached: int
    exposed_at: datetime
    health: Health = attrs.field(repr=False)
    evidence: Evidence | None = attrs.field(default=None, repr=False)
    accepted: frozenset[tuple[str, str]] = frozenset()
    deliveries: Deliveries = ()
    begun: bool = True

    @property
    def ring(self) -> Ring:
        """The ring that the rollout is in, or ended in."""
        return self.plan.rings[self.state.ring]

    @property
    def scope(self) -> Scope:
        """What evidence must name to be about the present exposure."""
        ring = self.plan.rings[max(self.reached, 0)].name
        return Scope(str(self.change), self.attempt, ring, self.epoch)

    @property
    def guarded(self) -> Scope:
        """What an answer or an approval must name to be about the gates that are waited for."""
        return attrs.evolve(self.scope, ring=self.ring.name)

    @property
    def digest(self) -> str:
        """64 hex digits that name what is approved: the change, and the plan for it."""
        return digest((self.change, self.plan))

    @property
    def in_flight(self) -> bool:
        """Whether it isn't over yet."""
        return not isinstance(self.state, RolledBack | Completed)

    @property
    def is_withdrawn(self) -> bool:
        """Whether a halt has withdrawn the exposure."""
        return isinstance(self.state, Stopped)
