"""Sources: where definitions come from, looked at again and again."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping
from datetime import datetime, timedelta
from functools import partial
from os import PathLike
from pathlib import Path
from types import MappingProxyType
from typing import Any, TypeAlias

import attrs

from safedeploy import telemetry
from safedeploy.clocks import Clock
from safedeploy.errors import SafeDeployError
from safedeploy.flags import FeatureFlag
from safedeploy.moves import SHOWN, Flags, Reloaded, flags_of

Reload: TypeAlias = Callable[[Mapping[str, FeatureFlag[Any]]], Reloaded]
"""Reloads definitions, in one of the ways that `Engine.reload` knows."""


@attrs.frozen
class Origin:
    """Say where definitions come from.

    Args:
        name: what it is called.
        read: returns the definitions.
        mark: tells when they may have changed, by another value.
    """

    name: str
    read: Callable[[], Flags]
    mark: Callable[[], Hashable]

    @classmethod
    def of(cls, read: Callable[..., Flags], path: str | PathLike[str] | None = None) -> Origin:
        """Return the origin that is read with a path, or with nothing, which changes each time."""
        if path is None:
            return cls(getattr(read, "__qualname__", type(read).__qualname__), read, object)
        file = Path(path)

        def mark() -> Hashable:
            found = file.stat()
            return (found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns)

        return cls(file.name, partial(read, path), mark)


class Source:
    """Hold definitions that are kept current; `Engine.follow` makes it.

    Attributes:
        name: what it is called.
        every: how long to wait before looking again.
        flags: the definitions that were read last and were good, by key.
        reloaded: what their last reload did; None before the first.
        trouble: why they aren't current; empty where they are.
        since: since when they aren't.

    Args:
        origin: where they come from.
        reload: reloads them.
        clock: the time.
        every: how long to wait before looking again.
    """

    def __init__(self, origin: Origin, reload: Reload, clock: Clock, every: timedelta) -> None:
        self.name = origin.name
        self.every = every
        self.flags: Mapping[str, FeatureFlag[Any]] = MappingProxyType({})
        self.reloaded: Reloaded | None = None
        self.trouble = ""
        self.since: datetime | None = None
        self._origin = origin
        self._reload = reload
        self._clock = clock
        self._seen: Hashable = None
        self._again = False
        self._fresh: Mapping[str, FeatureFlag[Any]] | None = None
        self._versions: Mapping[str, str] | None = None
        self._due = clock.monotonic()

    def __repr__(self) -> str:
        trouble = f", stale since {self.since}: {self.trouble}" if self.trouble else ""
        return f"<Source {self.name!r}: {len(self.flags)} flags{trouble}>"

    @property
    def stale(self) -> Mapping[str, str]:
        """What there is to say of each flag while it isn't current."""
        why = f"the last known good: {self.name} can't be used"
        return dict.fromkeys(self.flags, why) if self.trouble else {}

    def begin(self, known: Mapping[str, FeatureFlag[Any]]) -> None:
        """Read and reload for the first time, or go on with what the journal knows.

        Raises:
            Exception: whatever reading raised, where the journal knows nothing.
        """
        try:
            self.look()
        except Exception as error:
            if not known:
                raise
            self.flags = MappingProxyType(dict(known))
            self._fail(error)

    def poll(self) -> bool:
        """Look again, if it is time; tell whether its trouble has come or gone. It never raises."""
        if self._clock.monotonic() < self._due:
            return False
        self._due = self._clock.monotonic() + self.every.total_seconds()
        before = self.trouble
        try:
            self.look()
        except Exception as error:  # noqa: BLE001 - whatever it is, the last known good is served
            self._fail(error)
        return before != self.trouble

    def look(self) -> None:
        """Read and reload what has changed, and what was refused before."""
        seen, self._seen = self._seen, None
        mark = self._origin.mark()
        self._seen = mark
        if mark != seen or self._again:
            # Twice: a file may be written again before its times tell of it.
            self._again = mark != seen
            self._fresh = None
            self._fresh = flags_of(self._origin.read())
        if self._fresh is not None:
            self._bring(self._fresh)
            self._recover()

    def _bring(self, fresh: Mapping[str, FeatureFlag[Any]]) -> None:
        versions = {key: flag.version for key, flag in fresh.items()}
        was_refused = self.reloaded.refused if self.reloaded else ()
        if versions != self._versions or was_refused:
            self.reloaded = self._reload(fresh)
            self._versions, self.flags = versions, MappingProxyType(dict(fresh))
            refused = self.reloaded.refused
            if refused and refused != was_refused:
                telemetry.warn("refused", source=self.name, flags=", ".join(refused[:SHOWN]))

    def _fail(self, error: Exception) -> None:
        told = f"{error.field}: {error.mend}" if isinstance(error, SafeDeployError) else ""
        trouble = told or type(error).__name__
        if not self.trouble:
            self.since = self._clock.now()
            telemetry.warn("definitions are stale", source=self.name, why=trouble)
        self.trouble = trouble

    def _recover(self) -> None:
        if self.trouble:
            self.trouble, self.since = "", None
            telemetry.warn("definitions are current again", source=self.name)
