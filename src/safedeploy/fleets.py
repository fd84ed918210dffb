"""Fleets: the rollouts that an engine drives, from a release to its end."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Sequence
from contextlib import suppress
from datetime import timedelta
from typing import Any

from safedeploy import events
from safedeploy.bindings import Bindings
from safedeploy.breakers import Breakers
from safedeploy.breakers import Observer as BreakerObserver
from safedeploy.changes import Change, ChangeKind, Provenance
from safedeploy.circuits import Settings
from safedeploy.clocks import Clock
from safedeploy.conflicts import queue
from safedeploy.errors import JournalConflictError, ReleaseRefusedError
from safedeploy.exposures import Exposures
from safedeploy.flags import FeatureFlag
from safedeploy.flights import Flight
from safedeploy.hearings import Hearing
from safedeploy.journals import Journal
from safedeploy.journals.port import RACES
from safedeploy.keepers import Keeper
from safedeploy.logbooks import Logbook
from safedeploy.metrics import MetricSource, Tallies
from safedeploy.operators import Operators
from safedeploy.overrides import Override
from safedeploy.people import Person
from safedeploy.plans import Plan
from safedeploy.releases import Release
from safedeploy.rosters import Roster
from safedeploy.rounds import Round
from safedeploy.servings import Servings
from safedeploy.states import RolledBack, Rollout
from safedeploy.telemetry import Observer
from safedeploy.watches import Watches

_NOT_OVER = "only what was rolled back is tried again: abort it first, or let it go on"
_NO_DEFINITION = "the journal has no definition of the flag: release it as the next attempt"


class Fleet(Hearing):
    """Begin rollouts, tell them what people decide, and drive them, tick by tick.

    Several fleets, in several processes, may share a journal: all of them know every rollout, and
    one of them drives.

    Args:
        clock: the time.
        journal: where the rollouts' events are kept; those in it go on.
        source: what measures health; the tallies of all processes, unless given.
        observers: called with every event that is recorded here, and the rollout after it.
        breakers: the defaults of the registry.
        breaker_observers: called with each breaker and what happened to it.
        exposures: told what every flag serves.
        bindings: what the names of targets and environments in plans stand for.
        poll: how long to wait between ticks at most.
        changed: called when somebody has changed something, so that a tick is due.
    """

    def __init__(
        self,
        *,
        clock: Clock,
        journal: Journal,
        source: MetricSource | None,
        observers: Sequence[Observer],
        breakers: Settings,
        breaker_observers: Sequence[BreakerObserver],
        exposures: Exposures,
        bindings: Bindings,
        poll: timedelta,
        changed: Callable[[], object],
    ) -> None:
        self._clock, self._poll, self._changed = clock, poll, changed
        self._journal, self._source = journal, source
        self._exposures, self._bindings = exposures, bindings
        self._lock = threading.RLock()
        self._tallies = Tallies(_name(), clock.monotonic)
        self.logbook = Logbook(clock, journal, changed)
        self.breakers = Breakers.of(
            breakers, clock=clock, observers=(self.logbook.observe, *breaker_observers)
        )
        self._watches = Watches(clock, exposures, changed, breaker_observers)
        self._roster = Roster(journal, observers, exposures, self._tallies, self._watches)
        self._operators = Operators(
            clock=clock, journal=journal, exposures=exposures, roster=self._roster
        )
        self.keeper = self._make_keeper()
        self._round = self._make_round()

    def release(
        self,
        definition: FeatureFlag[Any] | Change,
        plan: Plan,
        *,
        attempt: int,
        author: str | None,
        provenance: Provenance,
    ) -> Rollout:
        """Begin a rollout, or return the one that the same release began."""
        asked = Release.of(definition, plan, attempt=attempt, author=author, provenance=provenance)
        with self._lock:
            flight = self._released(asked)
            flight.checks.update(asked.checks)
        self._changed()
        return flight.view

    def retry(self, rollout: Rollout | str, *, by: Person, reason: str) -> Rollout:
        """Begin the next attempt of a rollout, or return the one that somebody has begun."""
        flight = self._flight(rollout)
        with self._lock:
            self._roster.catch_up()
            was, asked = flight.rollout, Release.again(flight.rollout, by, reason)
            if not self._roster.read(asked.name):
                self._refuse_state(flight, RolledBack, _NOT_OVER)
            if was.definition is None and was.change.kind is ChangeKind.FLAG:
                raise ReleaseRefusedError("rollout", was.id, _NO_DEFINITION)
            again = self._released(asked)
            again.checks.update(flight.checks)
        self._changed()
        return again.view

    @property
    def servings(self) -> Servings:
        """What is served and tallied of the rollouts."""
        return self._roster.servings

    def rollouts(self) -> tuple[Rollout, ...]:
        """Return all rollouts as they are now, oldest first."""
        with self._lock:
            return tuple(self._roster.all())

    def kill(self, flag: FeatureFlag[Any], *, by: str, reason: str) -> None:
        """Disable a flag, and abort what is changing it."""
        at = self._exposures.after(flag.key, self._clock.now())
        self._exposures.kill(flag.key, at)
        with self._exposures.withdrawn(flag.key), self._lock:
            self._roster.kill(events.Killed(at, flag.key, by, reason), self._clock)
        self._changed()

    def override(self, draft: Override) -> Override:
        """Record an override, serve it, and return it as it was recorded."""
        with self._lock:
            return self._operators.override(draft)

    def lift(self, override: Override | str, *, by: str, reason: str) -> None:
        """Record that an override was taken back, and serve it no more."""
        with self._lock:
            self._operators.lift(override, by=by, reason=reason)

    def overrides(self) -> tuple[Override, ...]:
        """Return the overrides that stand."""
        with self._lock:
            return self._roster.standings.all()

    def tick(self) -> timedelta:
        """Take part in driving what isn't done, and return how long to wait before the next."""
        self.logbook.save()
        self.keeper.poll()
        waits = (source.every for source in self.keeper.sources)
        return min(self._poll, self._round.go(), *waits)

    def leave(self) -> None:
        """Post what was measured, and let another process drive."""
        self.logbook.save()
        self._round.leave()

    def restart(self) -> None:
        """Start anew in a child process, where all other threads are gone, and what they held."""
        self._lock = threading.RLock()
        self._tallies.restart(_name())
        self._roster.restart()
        self._watches.restart()
        self.logbook.restart()
        self.keeper.restart(self._lock)
        self._round = self._make_round()

    def _make_keeper(self) -> Keeper:
        return Keeper(
            clock=self._clock,
            journal=self._journal,
            exposures=self._exposures,
            roster=self._roster,
            release=self.release,
            lock=self._lock,
            changed=self._changed,
        )

    def _make_round(self) -> Round:
        return Round(
            clock=self._clock,
            journal=self._journal,
            source=self._source,
            tallies=self._tallies,
            roster=self._roster,
            watches=self._watches,
            bindings=self._bindings,
            lock=self._lock,
            changed=self._changed,
        )

    def _released(self, asked: Release) -> Flight:
        name = asked.name
        if asked.flag is None:
            self._bindings.learn(asked.plan)
        for _ in range(RACES):
            if flight := self._roster.get(name):
                return flight
            self._roster.catch_up()
            if flight := self._roster.read(name):
                return flight
            behind, beside = queue(asked, self._roster, self._exposures)
            at = self._exposures.after(asked.key, self._clock.now())
            with suppress(JournalConflictError):  # somebody was faster: decide anew
                return self._roster.begin(asked.started(at, behind=behind, beside=beside))
        mend = "ask again; if that doesn't help, a later version has begun it: upgrade this one"
        raise ReleaseRefusedError("rollout", name, mend)


def _name() -> str:
    """Return a name that no other process has."""
    return f"{os.getpid()}-{os.urandom(4).hex()}"
