"""Events: what can happen to a rollout. A journal holds nothing else, and state is their fold."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any, ClassVar, TypeAlias

import attrs

from safedeploy.alerts import Acknowledged as Acknowledged  # noqa: PLC0414 - it belongs here, too
from safedeploy.alerts import Alerted as Alerted  # noqa: PLC0414 - it belongs here, too
from safedeploy.changes import Change
from safedeploy.deliveries import Delivered
from safedeploy.flags import FeatureFlag
from safedeploy.gates import Answer
from safedeploy.interventions import Defined as Defined  # noqa: PLC0414 - it belongs here, too
from safedeploy.interventions import Killed as Killed  # noqa: PLC0414 - it belongs here, too
from safedeploy.interventions import Lifted as Lifted  # noqa: PLC0414 - it belongs here, too
from safedeploy.interventions import Overridden as Overridden  # noqa: PLC0414 - it belongs here, too
from safedeploy.people import Person
from safedeploy.plans import Plan
from safedeploy.signals import Health
from safedeploy.trips import Moved as Moved  # noqa: PLC0414 - offered here, with all others
from safedeploy.trips import Tripped as Tripped  # noqa: PLC0414 - as above
from safedeploy.validators import ADDED
from safedeploy.verdicts import Evidence, Scope


@attrs.frozen
class Started:
    """A rollout began: an attempt of a change along a plan.

    `definition` is what a flag's change leads to; None for changes of other kinds. `by` is who
    tries again, and `why` the reason they gave. It waits until all rollouts are over that it is
    `behind`, and fewer are in flight than its plan says of those that it is `beside`.
    """

    at: datetime
    change: Change
    plan: Plan
    attempt: int = 1
    definition: FeatureFlag[Any] | None = None
    by: Person | None = attrs.field(default=None, metadata=ADDED)
    why: str = attrs.field(default="", metadata=ADDED)
    behind: tuple[str, ...] = attrs.field(default=(), metadata=ADDED)
    beside: tuple[str, ...] = attrs.field(default=(), metadata=ADDED)

    @property
    def reason(self) -> str:
        """Why, for people."""
        told = f": {self.why} ({self.by})" if self.by else ""
        return f"attempt {self.attempt} of {self.change}{told}"


@attrs.frozen
class Ended:
    """A rollout that this one waits for is over."""

    at: datetime
    rollout: str

    @property
    def reason(self) -> str:
        """Why, for people."""
        return f"{self.rollout} is over"


@attrs.frozen
class Superseded:
    """A later release of the same subject takes this rollout's place, so it halts."""

    at: datetime
    by: str

    @property
    def reason(self) -> str:
        """Why, for people."""
        return f"superseded by {self.by}"


@attrs.frozen
class Answered:
    """A check was asked, and answered.

    Attributes:
        at: when.
        gate: the check's name.
        answer: what it does.
        detail: what that rests on, for people.
        scope: what it was asked about, with the ring that it guards. None is about whatever waits.
        since: since when it has opened without a break, where that was sampled.
    """

    at: datetime
    gate: str
    answer: Answer
    detail: str = ""
    scope: Scope | None = attrs.field(default=None, metadata=ADDED)
    since: datetime | None = attrs.field(default=None, metadata=ADDED)

    @property
    def reason(self) -> str:
        """Why, for people."""
        return f"{self.gate} {self.answer.value}" + (f": {self.detail}" if self.detail else "")


@attrs.frozen
class Approved:
    """A person approved, before a ring or after it.

    Attributes:
        at: when.
        gate: the approval's name.
        scope: what was approved, with the ring that it guards.
        digest: of the change and the plan that the person has seen: `Rollout.digest`.
        by: who, in which roles.
        reason: why, for people.
    """

    at: datetime
    gate: str
    scope: Scope
    digest: str
    by: Person
    reason: str


@attrs.frozen
class Revoked:
    """A person took an approval back. The attributes are as in `Approved`."""

    at: datetime
    gate: str
    scope: Scope
    by: Person
    reason: str


@attrs.frozen
class Applied:
    """The change was applied to a ring: that exposure begins now."""

    at: datetime
    ring: str
    epoch: int

    @property
    def reason(self) -> str:
        """Why, for people."""
        return f"applied to {self.ring}"


@attrs.frozen
class Assessed:
    """Health was judged.

    Attributes:
        at: when.
        evidence: the verdict, and what it rests on.
        health: what had been seen by then, everything measured folded in.
        baked: how much bake was earned since the last such event.
    """

    at: datetime
    evidence: Evidence = attrs.field(repr=False)
    health: Health = attrs.field(repr=False)
    baked: timedelta = timedelta(0)

    @property
    def reason(self) -> str:
        """Why, for people."""
        return self.evidence.reason

    def after(self, earlier: Assessed | None) -> Assessed:
        """Return one event that says what both say, where the earlier one wasn't recorded."""
        return attrs.evolve(self, baked=self.baked + earlier.baked) if earlier else self


@attrs.frozen
class Woken:
    """Time has passed."""

    reason: ClassVar[str] = "its deadline passed"

    at: datetime


@attrs.frozen
class Promoted:
    """A person decided that a ring is left before its bake is earned.

    Attributes:
        at: when.
        scope: the exposure that the person has seen: `Rollout.scope`.
        by: who, in which roles.
        reason: why, for people; where it is empty, a PASS is the reason.
    """

    at: datetime
    scope: Scope
    by: Person
    reason: str = ""

    @property
    def is_explained(self) -> bool:
        """Whether a reason was written down."""
        return bool(self.reason.strip())


@attrs.frozen
class Resumed:
    """A person closed an alert with the decision to go on."""

    at: datetime
    by: str
    reason: str


@attrs.frozen
class Aborted:
    """A person decided to halt."""

    at: datetime
    by: str
    reason: str


@attrs.frozen
class RecoveryStarted:
    """Recovery began: by the policy, or because a person said so."""

    at: datetime
    reason: str


@attrs.frozen
class Withdrawn:
    """The change was withdrawn wherever it had been applied."""

    reason: ClassVar[str] = "withdrawn"

    at: datetime


@attrs.frozen
class Unknown:
    """Something happened that can't be read here.

    A later version has recorded it, or the journal wasn't given the host's own kinds. It changes
    no state, and is kept as it was written.

    Attributes:
        at: when, if that could be read; else the year 1.
        kind: what it is called.
        text: the record, unchanged.
    """

    at: datetime
    kind: str
    text: str = attrs.field(repr=False)

    @property
    def reason(self) -> str:
        """Why, for people."""
        return f"{self.kind}, which can't be read here"


Event: TypeAlias = (
    Started
    | Ended
    | Superseded
    | Answered
    | Approved
    | Revoked
    | Applied
    | Delivered
    | Assessed
    | Tripped
    | Alerted
    | Acknowledged
    | Woken
    | Promoted
    | Resumed
    | Aborted
    | RecoveryStarted
    | Withdrawn
    | Killed
    | Overridden
    | Lifted
    | Moved
    | Defined
    | Unknown
)
