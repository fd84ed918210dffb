"""Alerts: that somebody or something raised one, and that somebody looks after it, as events."""

from __future__ import annotations

from datetime import datetime

import attrs


@attrs.frozen
class Alerted:
    """Somebody or something raised an alert; a user's stops everything at once."""

    at: datetime
    by_user: bool
    reason: str


@attrs.frozen
class Acknowledged:
    """A person looks after an alert: nobody else is called, and its deadline stays.

    Attributes:
        at: when.
        by: an opaque id of whoever does.
        reason: what is known by then, for people.
    """

    at: datetime
    by: str
    reason: str = "somebody looks after it"
