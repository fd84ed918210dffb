"""Fleets: the rollouts that an engine drives, from a release to its end."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from functools import partial
from typing import Any

from safedeploy import events, projections, telemetry
from safedeploy.clocks import IDLE, Clock
from safedeploy.drivers import Driver
from safedeploy.errors import (
    JournalConflictError,
    ReleaseRefusedError,
    RolloutNotFoundError,
    RolloutStateError,
)
from safedeploy.events import Event
from safedeploy.exposures import Exposures, Project
from safedeploy.flags import FeatureFlag
from safedeploy.flights import Flight
from safedeploy.gates import Run
from safedeploy.journals import Journal
from safedeploy.metrics import MetricSource, Tallies
from safedeploy.plans import Plan
from safedeploy.rollouts import begin, exposure, fold, stream
from safedeploy.states import Completed, Moving, Paused, Rollout, Stopped
from safedeploy.telemetry import Observer


class Fleet:
    """Begin rollouts, tell them what people decide, and drive them, tick by tick.

    Args:
        clock: the time.
        journal: where the rollouts' events are kept; those in it go on.
        source: what measures health; tallies kept here, unless given.
        observers: called with every recorded event and the rollout after it.
        exposures: told what every flag serves.
        changed: called when somebody has changed something, so that a tick is due.
    """

    def __init__(
        self,
        *,
        clock: Clock,
        journal: Journal,
        source: MetricSource | None,
        observers: Sequence[Observer],
        exposures: Exposures,
        changed: Callable[[], object],
    ) -> None:
        self._clock = clock
        self._journal = journal
        self._observers = tuple(observers)
        self._exposures = exposures
        self._changed = changed
        self._tallies = Tallies()
        self._lock = threading.RLock()
        self._ticking = threading.Lock()
        self._driver = Driver(clock, source or self._tallies, self._lock)
        self._flights: dict[str, Flight] = {}
        self._present: dict[str, Flight] = {}
        for name in journal.streams():
            self._restore(journal.read(name))

    def release(
        self, definition: FeatureFlag[Any], plan: Plan, *, attempt: int, author: str | None
    ) -> Rollout:
        """Begin a rollout, or return the one that the same release began."""
        _refuse_misuse(definition, plan, attempt)
        change = definition.change(author=author)
        name = stream(change, plan, attempt)
        with self._lock:
            if name not in self._flights:
                self._refuse_conflict(definition)
                at = self._exposures.after(definition.key, self._clock.now())
                self._begin(name, events.Started(at, change, plan, attempt, definition))
            self._flights[name].checks.update(_checks(plan))
        self._changed()
        return self._flights[name].view

    def rollouts(self) -> tuple[Rollout, ...]:
        """Return all rollouts as they are now, oldest first."""
        return tuple(flight.view for flight in list(self._flights.values()))

    def rollout(self, rollout: Rollout | str) -> Rollout:
        """Return a rollout as it is now."""
        return self._flight(rollout).view

    def alert(self, rollout: Rollout | str, *, by_user: bool, reason: str) -> Rollout:
        """Record an alert, and return the rollout after it."""
        return self._tell(rollout, lambda at: events.Alerted(at, by_user, reason))

    def resume(self, rollout: Rollout | str, *, by: str, reason: str) -> Rollout:
        """Record that somebody closed an alert, and return the rollout after it."""
        return self._tell(rollout, lambda at: events.Resumed(at, by, reason))

    def abort(self, rollout: Rollout | str, *, by: str, reason: str) -> Rollout:
        """Record that somebody halted a rollout, and return it after that."""
        return self._tell(rollout, lambda at: events.Aborted(at, by, reason))

    def recover(self, rollout: Rollout | str, *, by: str, reason: str) -> Rollout:
        """Record that somebody began a recovery, and return the rollout after it."""
        return self._tell(rollout, lambda at: events.RecoveryStarted(at, f"{reason} ({by})"))

    def kill(self, flag: FeatureFlag[Any], *, by: str, reason: str) -> None:
        """Disable a flag, and abort what is changing it."""
        name = f"flag:{flag.key}"
        with self._lock:
            at = self._exposures.after(flag.key, self._clock.now())
            killed = events.Killed(at, flag.key, by, reason)
            self._exposures.settle(flag.key, killed.at, None)
            flight = self._present.get(flag.key)
            if flight and flight.rollout.in_flight:
                flight.record(events.Aborted(self._driver.now(flight), by, reason))
            self._journal.append(name, [killed], expected=len(self._journal.read(name)))
        self._changed()

    def tick(self) -> timedelta:
        """Drive every rollout that isn't done once, unless another tick is at work."""
        if self._ticking.acquire(blocking=False):
            try:
                for flight in self._busy():
                    self._driver.drive(flight)
            finally:
                self._ticking.release()
        waits = (flight.rollout.plan.assess_every for flight in self._busy())
        return min(waits, default=IDLE)

    def _tell(self, rollout: Rollout | str, event: Callable[[datetime], Event]) -> Rollout:
        flight = self._flight(rollout)
        with self._lock:
            told = event(self._driver.now(flight))
            possible, mend = _POSSIBLE[type(told)]
            if not isinstance(flight.rollout.state, possible):
                raise RolloutStateError("state", flight.rollout.state.label, mend)
            flight.record(told)
        self._changed()
        return flight.view

    def _busy(self) -> list[Flight]:
        return [flight for flight in list(self._flights.values()) if flight.is_busy]

    def _flight(self, rollout: Rollout | str) -> Flight:
        name = rollout.id if isinstance(rollout, Rollout) else rollout
        if name not in self._flights:
            raise RolloutNotFoundError("rollout", name, f"choose one of {list(self._flights)}")
        return self._flights[name]

    def _refuse_conflict(self, definition: FeatureFlag[Any]) -> None:
        flight = self._present.get(definition.key)
        if flight and flight.rollout.in_flight:
            mend = f"wait until {flight.rollout.id} is over, or abort it"
            raise ReleaseRefusedError("subject", flight.rollout.change.subject, mend)
        if definition == self._exposures.settled(definition.key):
            mend = "everybody has this definition: release another one, or nothing"
            raise ReleaseRefusedError("definition", definition.version, mend)

    def _begin(self, name: str, started: events.Started) -> None:
        try:
            self._journal.append(name, [started], expected=0)
        except JournalConflictError:
            # Somebody else has begun it meanwhile: the same release is the same rollout.
            self._restore(self._journal.read(name))
            return
        flight = self._board(begin(started))
        self._adopted(flight, [(started, flight.rollout)])

    def _restore(self, stream: Sequence[Event]) -> None:
        if isinstance(stream[0], events.Started):
            self._adopted(self._board(fold(stream)), ())
        for event in stream:
            if isinstance(event, events.Killed):
                self._exposures.settle(event.flag, event.at, None)

    def _board(self, rollout: Rollout) -> Flight:
        flight = Flight(rollout, self._journal, self._adopted)
        self._flights[rollout.id] = self._present[rollout.change.name] = flight
        return flight

    def _adopted(self, flight: Flight, steps: Sequence[tuple[Event, Rollout]]) -> None:
        """Bring what is served in line with what a rollout has become, then tell the observers."""
        rollout, key = flight.rollout, flight.rollout.change.name
        if flight.epoch != rollout.epoch:
            flight.epoch = rollout.epoch
            if isinstance(rollout.state, Completed):
                self._exposures.settle(key, rollout.state.since, rollout.definition)
            self._exposures.release(key, self._project(rollout))
        for event, after in steps:
            for observer in self._observers:
                telemetry.tell(observer, event, after)

    def _project(self, rollout: Rollout) -> Project:
        reached = exposure(rollout)
        if not rollout.in_flight or not reached.percent or rollout.definition is None:
            self._tallies.close(str(rollout.change))
            detail = f"withdrawn: {rollout.id}" if rollout.is_withdrawn else ""
            return partial(projections.settled, detail=detail)
        return partial(
            projections.released,
            definition=rollout.definition,
            exposure=reached,
            tally=self._tallies.open(rollout.scope, rollout.exposed_at),
            rollout=rollout.id,
            ring=rollout.scope.ring,
        )


_COMPLETED = "it has completed: kill the flag, or release another change"

# What people can do in which states, and what to do instead. A halt may be told twice.
_POSSIBLE: dict[type, tuple[Any, str]] = {
    events.Alerted: (Moving | Stopped, _COMPLETED),
    events.Aborted: (Moving | Stopped, _COMPLETED),
    events.Resumed: (Paused, "nothing to close: only an alert about health pauses a rollout"),
    events.RecoveryStarted: (Stopped, "nothing to recover: abort it first"),
}


def _refuse_misuse(definition: FeatureFlag[Any], plan: Plan, attempt: int) -> None:
    for field, value, kind in (("definition", definition, FeatureFlag), ("plan", plan, Plan)):
        if not isinstance(value, kind):
            raise ReleaseRefusedError(field, value, f"give a {kind.__name__}")
    if isinstance(attempt, bool) or not isinstance(attempt, int) or attempt < 1:
        raise ReleaseRefusedError("attempt", attempt, "give a number of 1 or more")
    for number in range(len(plan.rings)):
        for check in plan.gates(number):
            if check.run is None:
                raise ReleaseRefusedError(
                    "check", check.name, "give it a function: Check(..., run=...)"
                )


def _checks(plan: Plan) -> dict[str, Run]:
    checks = (check for number in range(len(plan.rings)) for check in plan.gates(number))
    return {check.name: check.run for check in checks if check.run}
