"""Hearings: what people say of a rollout becomes an event of it, if they may say it there."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import datetime
from typing import Any

from safedeploy import events, openings, proofs
from safedeploy.clocks import Clock
from safedeploy.errors import PromotionRefusedError, RolloutStateError
from safedeploy.events import Event
from safedeploy.exposures import Exposures
from safedeploy.flights import Flight
from safedeploy.operators import Operators
from safedeploy.people import Person
from safedeploy.rosters import Roster
from safedeploy.states import Baking, Completed, Moving, Paused, Rollout, Stopped
from safedeploy.streams import key_of


class Hearing:
    """Record what people decide of rollouts. A fleet is what hears them."""

    _clock: Clock
    _lock: threading.RLock
    _roster: Roster
    _operators: Operators
    _exposures: Exposures
    _changed: Callable[[], object]

    def rollout(self, rollout: Rollout | str) -> Rollout:
        """Return a rollout as it is now."""
        return self._flight(rollout).view

    def alert(self, rollout: Rollout | str, *, by_user: bool, reason: str) -> Rollout:
        """Record an alert, and return the rollout after it."""
        tell = self._halt if by_user else self._tell
        return tell(rollout, lambda at: events.Alerted(at, by_user, reason))

    def acknowledge(self, rollout: Rollout | str, *, by: str, reason: str) -> Rollout:
        """Record that somebody looks after an alert, and return the rollout after it."""
        said = (reason,) if reason.strip() else ()  # the journal says why, whatever is left out
        return self._tell(rollout, lambda at: events.Acknowledged(at, by, *said))

    def resume(self, rollout: Rollout | str, *, by: str, reason: str) -> Rollout:
        """Record that somebody closed an alert, and return the rollout after it."""
        return self._tell(rollout, lambda at: events.Resumed(at, by, reason))

    def abort(self, rollout: Rollout | str, *, by: str, reason: str) -> Rollout:
        """Record that somebody halted a rollout, and return it after that."""
        return self._halt(rollout, lambda at: events.Aborted(at, by, reason))

    def recover(self, rollout: Rollout | str, *, by: str, reason: str) -> Rollout:
        """Record that somebody began a recovery, and return the rollout after it."""
        return self._tell(rollout, lambda at: events.RecoveryStarted(at, f"{reason} ({by})"))

    def promote(self, rollout: Rollout | str, *, by: Person, reason: str) -> Rollout:
        """Record that somebody promotes a ring by hand, and return the rollout after it."""
        flight = self._flight(rollout)
        with self._lock:
            self._roster.catch_up()  # who promotes is to see where it stands
            now, at = flight.view, flight.now(self._clock)
            self._refuse_state(flight, Baking, _NOT_BAKING)
            event = events.Promoted(at, now.scope, by, reason)
            if mend := proofs.why_not(now, by):
                raise PromotionRefusedError("by", by.id, mend)
            if not proofs.is_grounded(now, event):
                mend = "write down why: there is no fresh PASS of this ring to rest on"
                raise PromotionRefusedError("reason", reason, mend)
            flight.record(event)
        self._changed()
        return flight.view

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

    def _halt(self, rollout: Rollout | str, event: Callable[[datetime], Event]) -> Rollout:
        # The lock may be held for as long as the journal keeps somebody waiting: a halt isn't.
        before = self._flight(rollout).rollout
        with self._exposures.withdrawn(key_of(before.change)):
            after = self._tell(rollout, event)
            if before.is_withdrawn:
                with self._lock:
                    self._operators.halt(key_of(before.change), before.id, "halted again")
            return after

    def _tell(self, rollout: Rollout | str, event: Callable[[datetime], Event]) -> Rollout:
        flight = self._flight(rollout)
        with self._lock:
            told = event(flight.now(self._clock))
            possible, mend = _POSSIBLE[type(told)]
            if not isinstance(flight.rollout.state, possible):
                # Before refusing, learn what others did; a halt doesn't wait for that.
                self._roster.catch_up()
            self._refuse_state(flight, possible, mend)
            flight.record(told)
            if isinstance(flight.rollout.state, Completed):  # somebody else was faster
                raise RolloutStateError("state", flight.rollout.state.label, _COMPLETED)
        self._changed()
        return flight.view

    @staticmethod
    def _refuse_state(flight: Flight, possible: Any, mend: str) -> None:
        if not isinstance(flight.rollout.state, possible):
            raise RolloutStateError("state", flight.rollout.state.label, mend)

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


_COMPLETED = "it has completed: kill the flag, or release another change"
_NOT_BAKING = "only a ring that bakes is promoted: see what it waits for, and whom to ask"

# What people can do in which states, and what to do instead. A halt may be told twice.
_POSSIBLE: dict[type, tuple[Any, str]] = {
    events.Alerted: (Moving | Stopped, _COMPLETED),
    events.Aborted: (Moving | Stopped, _COMPLETED),
    events.Acknowledged: (Paused, "nothing to look after: only an alert about health pauses it"),
    events.Resumed: (Paused, "nothing to close: only an alert about health pauses a rollout"),
    events.RecoveryStarted: (Stopped, "nothing to recover: abort it first"),
}
