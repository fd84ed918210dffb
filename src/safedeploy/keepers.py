"""Keepers: what an engine does about definitions: it reloads them, and keeps them current."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import timedelta
from functools import partial

from safedeploy.clocks import Clock
from safedeploy.exposures import Exposures
from safedeploy.journals import Journal
from safedeploy.moves import Flags, Reloaded, flags_of
from safedeploy.reloads import How, Release, Reloads
from safedeploy.rosters import Roster
from safedeploy.sources import Origin, Source


class Keeper:
    """Reload definitions under an engine's lock, and read those that are followed without it.

    Attributes:
        sources: those that are followed.

    Args:
        clock: the time.
        journal: where definitions are recorded.
        exposures: asked what is served, and told what isn't current.
        roster: the rollouts, in step with the journal.
        release: begins a rollout, or returns the one that the same release began.
        lock: held whenever the roster or a flight is touched.
        changed: called when there is something to do, so that a tick is due.
    """

    def __init__(
        self,
        *,
        clock: Clock,
        journal: Journal,
        exposures: Exposures,
        roster: Roster,
        release: Release,
        lock: threading.RLock,
        changed: Callable[[], object],
    ) -> None:
        self._clock = clock
        self._exposures = exposures
        self._changed = changed
        self._reloads = Reloads(
            clock=clock, journal=journal, exposures=exposures, roster=roster, release=release
        )
        self.sources: tuple[Source, ...] = ()
        self.restart(lock)

    def reload(self, definitions: Flags, how: How) -> Reloaded:
        """Compare definitions with what is served, and bring what differs to people."""
        flags = flags_of(definitions)
        with self._lock:
            found = self._reloads.reload(flags, how)
        self._changed()
        return found

    def follow(self, origin: Origin, how: How, every: timedelta) -> Source:
        """Reload what is read now, and again and again."""
        source = Source(origin, partial(self.reload, how=how), self._clock, every)
        with self._lock:
            known = self._reloads.known()
        source.begin(known)
        self.sources += (source,)
        self._tell()
        return source

    def poll(self) -> None:
        """Look at all sources whose time it is, unless another thread is at it."""
        if self.sources and self._polling.acquire(blocking=False):
            try:
                have_turned = [source.poll() for source in self.sources]
                if any(have_turned):
                    self._tell()
            finally:
                self._polling.release()

    def restart(self, lock: threading.RLock) -> None:
        """Start anew in a child process, where nobody else is at it."""
        self._lock = lock
        self._polling = threading.Lock()

    def _tell(self) -> None:
        said = [source.stale for source in self.sources]
        self._exposures.stale({key: why for each in said for key, why in each.items()})
