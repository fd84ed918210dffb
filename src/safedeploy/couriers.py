"""Couriers: bring changes to targets and take them away, off the hot path: saved first, then done.

However long a target takes, no tick waits for it: what came of it is taken in a later one.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import TypeAlias

import attrs

from safedeploy import commands, deliveries, telemetry
from safedeploy.bindings import Bindings
from safedeploy.changes import Change
from safedeploy.clocks import Clock
from safedeploy.deliveries import Delivered, Stage
from safedeploy.errors import TargetError
from safedeploy.events import Applied, Withdrawn
from safedeploy.flights import Flight
from safedeploy.gates import Answer, Check, Report
from safedeploy.gates.algebra import LONGEST
from safedeploy.rings import Place
from safedeploy.runs import Inquiry, Runs
from safedeploy.targets import Order, Target, applied, failure, withdrawn

RETRY = timedelta(seconds=30)
"""A withdrawal that has failed is tried again after so long, or an assessment interval."""

_FOREVER = timedelta.max
_SOON = timedelta(microseconds=1)

Work: TypeAlias = Callable[[Target, Order], None]


class Courier:
    """Carry out what rollouts ask of targets, each call in a thread of its own.

    One thing is done at a time at one place of a rollout: a withdrawal waits for an applying that
    goes on, until that has taken too long.

    Args:
        clock: the time.
        bindings: what the names in plans stand for.
        changed: called when there is an answer that a tick shouldn't keep waiting.
    """

    def __init__(self, clock: Clock, bindings: Bindings, changed: Callable[[], object]) -> None:
        self._clock = clock
        self._bindings = bindings
        # Apart, so that no number of calls that hang keeps a withdrawal from beginning.
        self._applying, self._withdrawing = (Runs(clock, changed, full=None) for _ in range(2))

    def begin(self, flight: Flight, command: commands.Apply) -> Delivered | None:
        """Return what has to be in the journal before a target is asked; None if it is there."""
        place = command.place
        if place is None or deliveries.is_begun(flight.rollout.deliveries, place, command.ring):
            return None
        if self._lacks(flight, command.id, place):
            return None
        return Delivered(flight.now(self._clock), place, command.ring, Stage.BEGUN)

    def apply(self, flight: Flight, command: commands.Apply) -> Applied | Delivered | None:
        """Return what came of applying; None if that isn't known yet."""
        place, rollout, at = command.place, flight.rollout, flight.now(self._clock)
        done = Applied(at, command.ring, command.epoch)
        if place is None:
            return done  # the engine is a flag's target: recording it is all there is to it
        is_begun = deliveries.is_begun(rollout.deliveries, place, command.ring)
        if not is_begun or self._lacks(flight, command.id, place):
            return None
        order = _order(command, place, command.ring, command.epoch, rollout.ring.percent)
        errand = self._errand(flight, command, place, rollout.ring.deadline)
        run = self._run(applied, place, order)
        report = errand and self._applying.ask(errand, run, command.change)
        if not report or report.answer is Answer.OPENS:
            return done if report else None
        return Delivered(at, place, command.ring, Stage.FAILED, report.detail)

    def withdraw(self, flight: Flight, command: commands.Withdraw) -> Withdrawn | Delivered | None:
        """Return what came of withdrawing; None if there is no news of that."""
        place, rollout, at = command.place, flight.rollout, flight.now(self._clock)
        if place is None:
            return Withdrawn(at)  # a flag's: the halt has withdrawn it. Else: it is gone everywhere
        [known] = [each for each in rollout.deliveries if each.place == place]
        if trouble := self._lacks(flight, command.id, place):
            told = attrs.evolve(known, at=at, stage=Stage.STUCK, detail=trouble)
            return None if attrs.evolve(told, at=known.at) == known else told
        every = max(RETRY, rollout.plan.assess_every)
        order = _order(command, place, known.ring, rollout.epoch, 0.0)
        errand = self._errand(flight, command, place, rollout.plan.alert_deadline, every)
        run = self._run(withdrawn, place, order)
        report = errand and self._withdrawing.ask(errand, run, command.change)
        if not errand or not report or not errand.told(report, at, self._clock.monotonic()):
            return None
        stage = Stage.WITHDRAWN if report.answer is Answer.OPENS else Stage.STUCK
        return attrs.evolve(known, at=at, stage=stage, detail=report.detail)

    def _lacks(self, flight: Flight, command: str, place: Place) -> str:
        """Return what is missing here, and say so once; empty if nothing is."""
        trouble = self._bindings.missing(place)
        if trouble and command not in flight.paged:
            flight.paged.add(command)
            rollout = flight.rollout.id
            telemetry.warn(
                "a target can't be asked", rollout=rollout, place=str(place), why=trouble
            )
        return trouble

    def _errand(
        self,
        flight: Flight,
        command: commands.Apply | commands.Withdraw,
        place: Place,
        limit: timedelta,
        every: timedelta = timedelta(0),
    ) -> Inquiry | None:
        """Return what asks the target; None while something else goes on there."""
        known, rollout = flight.errands.get(place), flight.rollout
        if known and known.id == command.id:
            return known
        if known:
            known.take(self._clock.monotonic())
            if known.is_awaited:
                return None
        check = Check(str(place), timeout=min(max(limit, _SOON), LONGEST), every=every)
        flight.errands[place] = Inquiry(
            command.id, check, rollout.guarded, since=rollout.state.since, tolerance=_FOREVER
        )
        return flight.errands[place]

    def _run(self, work: Work, place: Place, order: Order) -> Callable[[Change], Report]:
        target = self._bindings.target(place)
        parameters = self._bindings.parameters(place).only(target.needs)

        def run(_: Change) -> Report:
            secrets: dict[str, str] = {}
            try:
                for name, ask in parameters.secrets.items():
                    secrets[name] = _asked(name, ask)
                work(target, attrs.evolve(order, parameters={**parameters.values, **secrets}))
            except Exception as error:  # noqa: BLE001 - whatever the host's code raises
                return Report(Answer.HOLDS, _without(secrets, failure(error)))
            return Report(Answer.OPENS)

        return run


def _order(
    command: commands.Apply | commands.Withdraw, place: Place, ring: str, epoch: int, percent: float
) -> Order:
    return Order(
        id=command.id,
        change=command.change,
        ring=ring,
        percent=percent,
        epoch=epoch,
        environment=place.environment,
    )


def _asked(name: str, ask: Callable[[], str]) -> str:
    try:
        secret = ask()
    except Exception as error:  # noqa: BLE001 - as above; what it says may be secret
        raise TargetError(
            "parameter", name, f"asking for it raised {type(error).__name__}"
        ) from None
    if not isinstance(secret, str):
        raise TargetError("parameter", name, "let its function return a text")
    return secret


def _without(secrets: Mapping[str, str], text: str) -> str:
    """Return a text with names in the place of secrets, the longest first: one may hold another."""
    for name, secret in sorted(secrets.items(), key=lambda each: -len(each[1])):
        text = text.replace(secret, f"<{name}>") if secret else text
    return text
