"""Rounds: what each process does, again and again, for the rollouts that it shares with others."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import timedelta

from safedeploy import telemetry
from safedeploy.bindings import Bindings
from safedeploy.clocks import IDLE, Clock
from safedeploy.drivers import Driver
from safedeploy.events import Tripped
from safedeploy.flights import Flight
from safedeploy.journals import Journal, Lease
from safedeploy.leases import Tenure
from safedeploy.metrics import MetricSource, Tallies
from safedeploy.pools import Pool
from safedeploy.rollouts import following
from safedeploy.rosters import Roster
from safedeploy.telemetry import Troubles
from safedeploy.trips import Trip
from safedeploy.watches import Watches


class Round:
    """Learn what others did, post what was measured here, and drive if it is this process's turn.

    Args:
        clock: the time.
        journal: where the processes meet.
        source: what measures health; the tallies of all processes, unless given.
        tallies: what this process measured.
        roster: the rollouts.
        watches: which of them breakers have tripped for.
        bindings: what the names of targets and environments in plans stand for.
        lock: held whenever the roster or a flight is touched.
        changed: called when there is something to do, so that a round is due.
    """

    def __init__(
        self,
        *,
        clock: Clock,
        journal: Journal,
        source: MetricSource | None,
        tallies: Tallies,
        roster: Roster,
        watches: Watches,
        bindings: Bindings,
        lock: threading.RLock,
        changed: Callable[[], object],
    ) -> None:
        self._clock = clock
        self._roster = roster
        self._watches = watches
        self._lock = lock
        self._tenure = Tenure(journal, clock, tallies.process)
        self._pool = Pool(journal, tallies)
        self._driver = Driver(
            clock, source, self._pool, lock, bindings=bindings, changed=changed, find=roster.read
        )
        self._going = threading.Lock()
        self._token = 0
        self._exposed: set[str] | None = None
        self._troubles = Troubles()
        self._left_alone: set[str] = set()

    def go(self) -> timedelta:
        """Go once, unless another thread is at it; return after what time to go again."""
        if self._going.acquire(blocking=False):
            try:
                self._go()
            finally:
                self._going.release()
        waits = (flight.rollout.plan.assess_every for flight in self._roster.busy())
        return min(waits, default=IDLE)

    def leave(self) -> None:
        """Post what was measured, and let another process drive."""
        with self._going:
            self._save()
            for flight in self._roster.busy():
                if self._pool.lends(flight.exposure):
                    with self._lock:
                        flight.give_up()
                self._post(flight, last=True)
            self._give_back()

    def _go(self) -> None:
        # The lock is let go between steps, so that a person's halt waits for one of them at most.
        self._catch_up()
        self._save()
        busy = self._roster.busy()
        for flight in busy:
            if flight.is_due(flight.posted, self._clock.monotonic()):
                self._post(flight)
        if any(flight.is_readable for flight in busy):
            with self._troubles.told_once("asking for the lease"):
                self._tenure.renew()
        elif busy:
            self._give_back()
        self._leave_alone([flight for flight in busy if not flight.is_readable])
        lease = self._tenure.lease
        if lease and lease.token != self._token:
            # Whoever drove before may have gone on since this process has last looked.
            self._catch_up(lease.token)
        if lease and lease.token == self._token:
            self._drive(lease)

    def _catch_up(self, token: int = 0) -> None:
        with self._troubles.told_once("reading the journal"):
            with self._lock:
                self._roster.catch_up()
                self._roster.standings.tidy()
            self._token = token or self._token

    def _give_back(self) -> None:
        with self._troubles.told_once("giving the lease back"):
            self._tenure.give_back()

    def _leave_alone(self, flights: list[Flight]) -> None:
        for flight in flights:
            if flight.rollout.id not in self._left_alone:
                self._left_alone.add(flight.rollout.id)
                mend = "upgrade this process, or give its journal the host's kinds"
                telemetry.warn("not driven: unreadable", rollout=flight.rollout.id, mend=mend)

    def _save(self) -> None:
        with self._lock:
            self._roster.save_kills(self._clock)
            for name, trip in self._watches.tripped():
                self._trip(name, trip)
        for flight in self._roster.busy():
            with self._lock:
                flight.try_to_save()

    def _trip(self, name: str, trip: Trip) -> None:
        flight = self._roster.get(name)
        if flight:
            event = Tripped(flight.now(self._clock), trip)
            # Where it changes nothing, a person is at it already.
            if following(flight.rollout, event).state != flight.rollout.state:
                flight.record(event)
        self._watches.settle(name)

    def _drive(self, lease: Lease) -> None:
        for flight in self._roster.busy():
            if flight.is_readable:
                self._driver.drive(flight, lease)
        exposed = {flight.exposure for flight in self._roster.busy()}
        if exposed != self._exposed and self._roster.reads_all:
            with self._troubles.told_once("dropping blocks"):
                self._retain(exposed, lease)

    def _retain(self, exposed: set[str], lease: Lease) -> None:
        self._tenure.renew()  # a slow check may have cost the lease, and others may be ahead by now
        if self._tenure.lease and self._tenure.lease.token == lease.token:
            self._pool.retain(exposed)
            self._exposed = exposed

    def _post(self, flight: Flight, *, last: bool = False) -> None:
        flight.posted = self._clock.monotonic()
        with self._troubles.told_once("posting"):
            self._pool.reclaim(flight.exposure, dropped=flight.dropped, saved=flight.is_saved)
            self._pool.post(flight.rollout.id, flight.now(self._clock), last=last)
