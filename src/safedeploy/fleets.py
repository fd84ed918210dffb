"""Fleets: the rollouts that an engine drives, from a release to its end."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import Any

from safedeploy import events, openings
from safedeploy.breakers import Breakers
from safedeploy.breakers import Observer as BreakerObserver
from safedeploy.changes import Change, Provenance
from safedeploy.circuits import Settings
from safedeploy.clocks import Clock
from safedeploy.conflicts import refuse_conflict
from safedeploy.errors import JournalConflictError, ReleaseRefusedError, RolloutStateError
from safedeploy.events import Event
from safedeploy.exposures import Exposures
from safedeploy.flags import FeatureFlag
from safedeploy.flights import Flight
from safedeploy.gates import Check, Run
from safedeploy.journals import Journal
from safedeploy.logbooks import Logbook
from safedeploy.metrics import MetricSource, Tallies
from safedeploy.operators import Operators
from safedeploy.overrides import Override
from safedeploy.people import Person
from safedeploy.plans import Plan
from safedeploy.refusals import refuse_closed, refuse_misuse
from safedeploy.rollouts import stream
from safedeploy.rosters import Roster
from safedeploy.rounds import Round
from safedeploy.states import Completed, Moving, Paused, Rollout, Stopped
from safedeploy.telemetry import Observer
from safedeploy.watches import Watches

RACES = 10
"""How often a release is decided anew because somebody else was faster."""


class Fleet:
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
        poll: timedelta,
        changed: Callable[[], object],
    ) -> None:
        self._clock = clock
        self._journal, self._source = journal, source
        self._exposures = exposures
        self._poll = poll
        self._changed = changed
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
        self._round = self._make_round()

    def release(
        self,
        definition: FeatureFlag[Any],
        plan: Plan,
        *,
        attempt: int,
        author: str | None,
        provenance: Provenance,
    ) -> Rollout:
        """Begin a rollout, or return the one that the same release began."""
        refuse_misuse(definition, plan, attempt)
        refuse_closed(plan, author)
        change = definition.change(author=author, provenance=provenance)
        name = stream(change, plan, attempt)
        with self._lock:
            flight = self._released(name, definition, plan, attempt, change)
            flight.checks.update(_checks(plan))
        self._changed()
        return flight.view

    def rollouts(self) -> tuple[Rollout, ...]:
        """Return all rollouts as they are now, oldest first."""
        with self._lock:
            return tuple(self._roster.all())

    def rollout(self, rollout: Rollout | str) -> Rollout:
        """Return a rollout as it is now."""
        return self._flight(rollout).view

    def alert(self, rollout: Rollout | str, *, by_user: bool, reason: str) -> Rollout:
        """Record an alert, and return the rollout after it."""
        tell = self._halt if by_user else self._tell
        return tell(rollout, lambda at: events.Alerted(at, by_user, reason))

    def resume(self, rollout: Rollout | str, *, by: str, reason: str) -> Rollout:
        """Record that somebody closed an alert, and return the rollout after it."""
        return self._tell(rollout, lambda at: events.Resumed(at, by, reason))

    def abort(self, rollout: Rollout | str, *, by: str, reason: str) -> Rollout:
        """Record that somebody halted a rollout, and return it after that."""
        return self._halt(rollout, lambda at: events.Aborted(at, by, reason))

    def recover(self, rollout: Rollout | str, *, by: str, reason: str) -> Rollout:
        """Record that somebody began a recovery, and return the rollout after it."""
        return self._tell(rollout, lambda at: events.RecoveryStarted(at, f"{reason} ({by})"))

    def approve(
        self, rollout: Rollout | str, gate: str | None, *, by: Person, reason: str
    ) -> Rollout:
        """Record a person's approval, and return the rollout after it."""

        def approved(at: datetime, now: Rollout, gate: str) -> Event:
            return events.Approved(at, gate, now.guarded, now.digest, by, reason)

        return self._sign(rollout, gate, by, approved)

    def revoke(
        self, rollout: Rollout | str, gate: str | None, *, by: Person, reason: str
    ) -> Rollout:
        """Record that a person took an approval back, and return the rollout after it."""

        def revoked(at: datetime, now: Rollout, gate: str) -> Event:
            return events.Revoked(at, gate, now.guarded, by, reason)

        return self._sign(rollout, gate, by, revoked)

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
        return min(self._poll, self._round.go())

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
        self._round = self._make_round()

    def _make_round(self) -> Round:
        return Round(
            clock=self._clock,
            journal=self._journal,
            source=self._source,
            tallies=self._tallies,
            roster=self._roster,
            watches=self._watches,
            lock=self._lock,
            changed=self._changed,
        )

    def _halt(self, rollout: Rollout | str, event: Callable[[datetime], Event]) -> Rollout:
        # The lock may be held for as long as the journal keeps somebody waiting: a halt isn't.
        before = self._flight(rollout).rollout
        with self._exposures.withdrawn(before.change.name):
            after = self._tell(rollout, event)
            if before.is_withdrawn:
                with self._lock:
                    self._operators.halt(before.change.name, before.id, "halted again")
            return after

    def _tell(self, rollout: Rollout | str, event: Callable[[datetime], Event]) -> Rollout:
        flight = self._flight(rollout)
        with self._lock:
            told = event(flight.now(self._clock))
            possible, mend = _POSSIBLE[type(told)]
            if not isinstance(flight.rollout.state, possible):
                # Before refusing, learn what others did; a halt doesn't wait for that.
                self._roster.catch_up()
            if not isinstance(flight.rollout.state, possible):
                raise RolloutStateError("state", flight.rollout.state.label, mend)
            flight.record(told)
            if isinstance(flight.rollout.state, Completed):  # somebody else was faster
                raise RolloutStateError("state", flight.rollout.state.label, _COMPLETED)
        self._changed()
        return flight.view

    def _sign(
        self,
        rollout: Rollout | str,
        gate: str | None,
        by: Person,
        event: Callable[[datetime, Rollout, str], Event],
    ) -> Rollout:
        flight = self._flight(rollout)
        with self._lock:
            self._roster.catch_up()  # who approves is to see what is asked for
            for approval in openings.approvals(flight.rollout, gate, by):
                at = flight.now(self._clock)
                flight.record(event(at, flight.rollout, approval.name))
        self._changed()
        return flight.view

    def _flight(self, rollout: Rollout | str) -> Flight:
        name = rollout.id if isinstance(rollout, Rollout) else rollout
        if flight := self._roster.get(name):
            return flight
        with self._lock:
            self._roster.catch_up()
            return self._roster.find(name)

    def _released(
        self, name: str, definition: FeatureFlag[Any], plan: Plan, attempt: int, change: Change
    ) -> Flight:
        for _ in range(RACES):
            if flight := self._roster.get(name):
                return flight
            self._roster.catch_up()
            if flight := self._roster.read(name):
                return flight
            refuse_conflict(definition, self._roster, self._exposures)
            at = self._exposures.after(definition.key, self._clock.now())
            try:
                return self._roster.begin(events.Started(at, change, plan, attempt, definition))
            except JournalConflictError:
                continue  # somebody was faster: decide anew
        mend = "ask again; if that doesn't help, a later version has begun it: upgrade this one"
        raise ReleaseRefusedError("rollout", name, mend)


_COMPLETED = "it has completed: kill the flag, or release another change"

# What people can do in which states, and what to do instead. A halt may be told twice.
_POSSIBLE: dict[type, tuple[Any, str]] = {
    events.Alerted: (Moving | Stopped, _COMPLETED),
    events.Aborted: (Moving | Stopped, _COMPLETED),
    events.Resumed: (Paused, "nothing to close: only an alert about health pauses a rollout"),
    events.RecoveryStarted: (Stopped, "nothing to recover: abort it first"),
}


def _name() -> str:
    """Return a name that no other process has."""
    return f"{os.getpid()}-{os.urandom(4).hex()}"


def _checks(plan: Plan) -> dict[str, Run]:
    checks = (gate for gate in plan.all_gates if isinstance(gate, Check))
    return {check.name: check.run for check in checks if check.run}
