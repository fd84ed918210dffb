"""Catalogs: the stable definitions that flags have without a release, in step with a journal."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from safedeploy.events import Defined, Event
from safedeploy.exposures import Exposures
from safedeploy.flags import FeatureFlag


class Catalog:
    """Know what was defined. Its engine's lock is held around every method.

    What is defined is served at once, unless a release or a kill came after it.

    Attributes:
        flags: the definitions, by key; a rollout that completed since has left another one.
        version: how many events there are.
        at: when the last one happened; long ago, where there is none.
        is_readable: whether all of them can be read here.

    Args:
        exposures: told what is stable.
    """

    def __init__(self, exposures: Exposures) -> None:
        self._exposures = exposures
        self.flags: dict[str, FeatureFlag[Any]] = {}
        self.version = 0
        self.at = datetime.min.replace(tzinfo=UTC)
        self.is_readable = True

    def follow(self, version: int, event: Event) -> None:
        """Take over an event of the stream, unless it is known already."""
        if version <= self.version:
            return
        if isinstance(event, Defined):
            self.flags |= {flag.key: flag for flag in event.flags}
            self._exposures.define(event.at, event.flags)
        else:
            self.is_readable = False
        self.version, self.at = version, max(self.at, event.at)
