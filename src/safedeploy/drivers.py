"""Drivers: carry out what rollouts ask for, and report back what came of it."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import datetime
from typing import Any

from safedeploy import commands, events, openings, telemetry
from safedeploy.assessments import TOLERANCE
from safedeploy.bindings import Bindings
from safedeploy.clocks import Clock
from safedeploy.commands import Command
from safedeploy.couriers import Courier
from safedeploy.doubts import why_impossible
from safedeploy.errors import JournalConflictError
from safedeploy.flights import Flight
from safedeploy.gates import Answer, Report
from safedeploy.journals import Lease
from safedeploy.metrics import MetricSource
from safedeploy.pools import Pool
from safedeploy.rollouts import pending
from safedeploy.runs import MOST_OF_ONE, Inquiry, Runs
from safedeploy.states import Moving
from safedeploy.verdicts import Measurement

_NO_FUNCTION = Report(
    Answer.HOLDS, "this process has no function of that name: release it here, too"
)


class Driver:
    """Carry out the commands of flights, each at most once a round.

    The lock is held around pure steps and appending, never around a check or a measurement.

    Args:
        clock: the time.
        source: what measures health, if the host has anything of its own.
        pool: what measures health if not.
        lock: held whenever a flight is touched.
        bindings: what the names of targets and environments in plans stand for.
        changed: called when there is more to do, so that a round is due.
        find: looks a rollout up by its id; None where there is none to be read.
    """

    def __init__(
        self,
        clock: Clock,
        source: MetricSource | None,
        pool: Pool,
        lock: threading.RLock,
        *,
        bindings: Bindings,
        changed: Callable[[], object],
        find: Callable[[str], Flight | None],
    ) -> None:
        self._clock, self._lock = clock, lock
        self._source, self._pool = source, pool
        self._runs = Runs(clock, changed)
        self._courier = Courier(clock, bindings, changed)
        self._changed = changed
        self._find = find
        self._lease: Lease | None = None
        self._carry_out: dict[type, Callable[[Flight, Any], None]] = {
            commands.Await: self._await,
            commands.Supersede: self._supersede,
            commands.Ask: self._ask,
            commands.Request: self._request,
            commands.Apply: self._apply,
            commands.Assess: self._assess,
            commands.Recover: self._recover,
            commands.Withdraw: self._withdraw,
            commands.Wake: self._wake,
            commands.Page: self._page,
        }

    def drive(self, flight: Flight, lease: Lease) -> None:
        """Carry out what a flight is owed. Never raises: what fails is tried in the next round.

        Args:
            flight: which.
            lease: what this process drives under; whoever has a later one is obeyed.
        """
        self._lease = lease
        try:
            done: set[str] = set()
            while command := _next(flight, done):
                done.add(command.id)
                self._carry_out[type(command)](flight, command)
        except JournalConflictError:
            with self._lock:
                flight.reload()
        except Exception as error:  # noqa: BLE001 - one rollout's trouble mustn't stop the others
            telemetry.warn("a round failed", rollout=flight.rollout.id, error=type(error).__name__)

    def report(self, flight: Flight, command: Command, event: Any) -> None:
        """Record what came of a command, unless the rollout doesn't ask for it any more."""
        with self._lock:
            if command in pending(flight.rollout):
                flight.record(event, lease=self._lease)

    def _await(self, flight: Flight, command: commands.Await) -> None:
        with self._lock:
            other = self._find(command.rollout)
        if other and not other.is_busy:
            at = max(flight.now(self._clock), other.rollout.at)
            self.report(flight, command, events.Ended(at, command.rollout))

    def _supersede(self, flight: Flight, command: commands.Supersede) -> None:
        with self._lock:
            other = self._find(command.rollout)
            if other and isinstance(other.rollout.state, Moving):
                other.record(events.Superseded(other.now(self._clock), flight.rollout.id))
                self._changed()

    def _ask(self, flight: Flight, command: commands.Ask) -> None:
        with self._lock:
            inquiry, run = self._inquiry(flight, command), flight.checks.get(command.gate)
        if inquiry is None:
            return
        change = flight.rollout.change
        report = self._runs.ask(inquiry, run, change) if run else _NO_FUNCTION
        at, monotonic = flight.now(self._clock), self._clock.monotonic()
        if report and (event := inquiry.told(report, at, monotonic)):
            self.report(flight, command, event)

    def _inquiry(self, flight: Flight, command: commands.Ask) -> Inquiry | None:
        """Return what asks a check; None while it runs for another ring, or too many others run."""
        known, rollout = flight.inquiries.get(command.gate), flight.rollout
        if known and known.id == command.id:
            return known
        if known:
            known.take(self._clock.monotonic())
        running = [it.is_running for it in flight.inquiries.values()]
        check, plan = openings.check(rollout, command.gate), rollout.plan
        if (known and known.is_running) or sum(running) >= MOST_OF_ONE or check is None:
            return None
        flight.inquiries[command.gate] = Inquiry(
            command.id,
            check,
            rollout.guarded,
            since=rollout.state.since,
            tolerance=TOLERANCE * max(check.every, plan.assess_every),
        )
        return flight.inquiries[command.gate]

    def _request(self, flight: Flight, command: commands.Request) -> None:
        if command.id not in flight.paged:
            flight.paged.add(command.id)
            facts = {"rollout": flight.rollout.id, "ring": flight.rollout.ring.name}
            telemetry.warn("an approval is needed", **facts, gate=command.gate)

    def _apply(self, flight: Flight, command: commands.Apply) -> None:
        for step in (self._courier.begin, self._courier.apply):
            if event := step(flight, command):
                self.report(flight, command, event)

    def _assess(self, flight: Flight, command: commands.Assess) -> None:
        if not flight.is_due(flight.looked, self._clock.monotonic()):
            return
        at, exposure = flight.now(self._clock), flight.exposure
        measurement = self._measured(flight, at)
        with self._lock:
            if command in pending(flight.rollout):
                at = max(at, flight.rollout.at)
                flight.look(measurement, at, self._clock.monotonic(), lease=self._lease)
            saved = flight.is_saved
        if saved:
            self._pool.compact(exposure, flight.rollout.health.block)

    def _measured(self, flight: Flight, at: datetime) -> Measurement:
        try:
            if self._source:
                measured = self._source.measure(flight.rollout.scope, at)
                doubt = why_impossible(measured)
                return Measurement(at, at, error=doubt) if doubt else measured
            return self._pool.measure(
                flight.exposure,
                at,
                after=flight.view.health.block,
                dropped=flight.dropped,
                deadline=_deadline(flight),
            )
        except Exception as error:  # noqa: BLE001 - a monitor's failure isn't the change's failure
            return Measurement(at, at, error=f"measuring raised {type(error).__name__}")

    def _recover(self, flight: Flight, command: commands.Recover) -> None:
        event = events.RecoveryStarted(flight.now(self._clock), "the policy rolls back at once")
        self.report(flight, command, event)

    def _withdraw(self, flight: Flight, command: commands.Withdraw) -> None:
        if event := self._courier.withdraw(flight, command):
            self.report(flight, command, event)

    def _wake(self, flight: Flight, command: commands.Wake) -> None:
        at = flight.now(self._clock)
        if at >= command.at:
            self.report(flight, command, events.Woken(at))

    def _page(self, flight: Flight, command: commands.Page) -> None:
        if command.id not in flight.paged:
            flight.paged.add(command.id)
            telemetry.warn("a person is needed", rollout=flight.rollout.id, duty=command.duty)


def _deadline(flight: Flight) -> float:
    """Return after how many seconds a process that says nothing is taken for dead."""
    plan = flight.rollout.plan
    return max(plan.health.unfinished_after, TOLERANCE * plan.assess_every).total_seconds()


def _next(flight: Flight, done: set[str]) -> Command | None:
    return next((command for command in pending(flight.rollout) if command.id not in done), None)
