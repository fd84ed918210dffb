"""Interventions: what operators do to a flag beside its rollouts, as events."""

from __future__ import annotations

from datetime import datetime

import attrs

from safedeploy.overrides import Override


@attrs.frozen
class Killed:
    """A flag was killed: everybody gets its off variant. It is in the flag's own stream."""

    at: datetime
    flag: str
    by: str
    reason: str


@attrs.frozen
class Overridden:
    """An operator gave an override. It is in the flag's own stream, with the kills."""

    at: datetime
    override: Override

    @property
    def reason(self) -> str:
        """Why, for people."""
        return self.override.reason


@attrs.frozen
class Lifted:
    """An operator took an override back, by its id."""

    at: datetime
    flag: str
    override: str
    by: str
    reason: str
