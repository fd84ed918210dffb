"""Commands: what a rollout asks of its shell. Each is idempotent, and has an id to say so with."""

from __future__ import annotations

from datetime import datetime
from typing import TypeAlias

import attrs

from safedeploy.changes import Change
from safedeploy.rings import Place


@attrs.frozen
class Await:
    """Watch a rollout that stands in the way; tell with `Ended` when it is over."""

    id: str
    rollout: str


@attrs.frozen
class Supersede:
    """Halt a rollout of the same subject, with `Superseded`, whatever it does."""

    id: str
    rollout: str


@attrs.frozen
class Ask:
    """Ask a check; answer with `Answered`."""

    id: str
    gate: str


@attrs.frozen
class Request:
    """Request approvals of people; tell each with `Approved`."""

    id: str
    gate: str


@attrs.frozen
class Apply:
    """Apply the change to a ring; confirm with `Applied`.

    Where it has a place, first record that it begins, and what goes wrong: with `Delivered`.
    """

    id: str
    change: Change
    ring: str
    epoch: int
    place: Place | None = None


@attrs.frozen
class Assess:
    """Assess the health of the present exposure, again and again; report with `Assessed`."""

    id: str
    ring: str


@attrs.frozen
class Recover:
    """Begin the recovery; report with `RecoveryStarted`."""

    id: str


@attrs.frozen
class Withdraw:
    """Withdraw the change wherever it was applied; confirm with `Withdrawn`.

    Where it has a place, withdraw it there, and report with `Delivered`.
    """

    id: str
    change: Change
    place: Place | None = None


@attrs.frozen
class Wake:
    """Send `Woken` when the time has come."""

    id: str
    at: datetime


@attrs.frozen
class Page:
    """Call a person: what must be done can't be done by the machine."""

    id: str
    duty: str


Command: TypeAlias = (
    Await | Supersede | Ask | Request | Apply | Assess | Recover | Withdraw | Wake | Page
)
