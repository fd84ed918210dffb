"""Overrides: what an operator lets an audience have for a while, whatever rings and rules say."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import attrs

from safedeploy import validators
from safedeploy.audiences import Audience
from safedeploy.errors import DefinitionError
from safedeploy.flags import Reason, Resolution

LONGEST = timedelta(days=90)
"""How long an override may last. What should stay is a release."""

MOST = 100
"""How many overrides of one flag may stand at a time."""


def _aware(_: object, field: attrs.Attribute[datetime], value: object) -> None:
    if not isinstance(value, datetime) or value.tzinfo is None:
        raise DefinitionError(field.name, value, "give a datetime with a time zone")


@attrs.frozen
class Override:
    """Hold what an operator lets an audience have, until when, and why. `Engine.override` makes it.

    Args:
        id: names it for ever: the flag's key, and a number.
        flag: the flag's key.
        variant: the name of the variant that is served.
        value: its value.
        version: the version of the definition that has the variant.
        audience: who gets it; percentages draw with the flag's key, as its rules do.
        until: when it is over, with a time zone.
        by: an opaque id of whoever gave it.
        reason: why, for people.
        despite: the id of the flag's last rollout that was halted by then; empty where none was.

    Raises:
        DefinitionError: no audience, no end, or nobody who says why.
    """

    id: str
    flag: str = attrs.field(validator=validators.text)
    variant: str
    value: Any
    version: str
    audience: Audience = attrs.field(validator=validators.a(Audience))
    until: datetime = attrs.field(validator=_aware)
    by: str = attrs.field(validator=validators.text)
    reason: str = attrs.field(validator=validators.text)
    despite: str = ""

    @property
    def resolution(self) -> Resolution[Any]:
        """What those get whom it lets in."""
        detail = f"overridden until {self.until.isoformat()}: {self.reason}"
        return Resolution(
            self.flag, self.value, self.variant, Reason.OVERRIDE, self.version, detail=detail
        )


def refuse_end(until: datetime, at: datetime) -> None:
    """Refuse an end that is past, or so far off that it is none.

    Raises:
        DefinitionError: it is no moment between now and `LONGEST` from now.
    """
    mend = f"give a datetime with a time zone, within {LONGEST.days} days from now"
    is_moment = isinstance(until, datetime) and until.tzinfo is not None
    if not is_moment or not at < until <= at + LONGEST:
        raise DefinitionError("until", until, mend)
