"""Interventions: what operators do to a flag beside its rollouts, as events."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import attrs

from safedeploy.changes import UNKNOWN, Provenance
from safedeploy.flags import FeatureFlag
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


@attrs.frozen
class Defined:
    """Definitions became the stable ones of their flags at once, without a release.

    It is in a stream that all flags share.

    Attributes:
        at: when.
        flags: the definitions.
        by: an opaque id of whoever said so; empty where a reload needs nobody to.
        reason: why that needs no release, for people.
        provenance: where the definitions come from, where that is known.
    """

    at: datetime
    flags: tuple[FeatureFlag[Any], ...] = attrs.field(repr=False)
    by: str
    reason: str
    provenance: Provenance = UNKNOWN
