"""Servings: who is reached is served accordingly, and what happens to them is tallied."""

from __future__ import annotations

from datetime import timedelta
from functools import partial

import attrs

from safedeploy import projections
from safedeploy.arms import FAILURE, SUCCESS, Asked
from safedeploy.changes import ChangeKind
from safedeploy.contexts import Context
from safedeploy.exposures import Exposures, Project
from safedeploy.flights import Flight
from safedeploy.metrics import Tallies
from safedeploy.rollouts import exposure
from safedeploy.states import Rollout
from safedeploy.tallies import Tally
from safedeploy.watches import Watch, Watches


@attrs.frozen
class Seen:
    """Say where it is noted what happens to those whom a rollout has reached, and to the others.

    Attributes:
        version: calls of it are the canary's, and those of any other the baseline's.
        environment: the environment that the ring is in; empty where it has none.
        tally: where they are tallied.
        watch: what a breaker watches them by; None without one.
    """

    version: str
    environment: str
    tally: Tally
    watch: Watch | None

    def record(self, context: Context, *, version: str, ok: bool, seconds: float) -> None:
        """Tally a call, and let the breaker know of it."""
        tally, unit, is_canary = self.tally, context.unit, version == self.version
        if unit is None:
            return
        arm = tally.placed(tally.canary if is_canary else tally.baseline, context)
        tally.record(arm, unit, SUCCESS if ok else FAILURE, seconds)
        if self.watch:
            watch = self.watch.canary if is_canary else self.watch.baseline
            watch(tally.clock() - seconds, failed=not ok)


class Servings:
    """Let rollouts be seen: flags by what they serve, other changes by what is recorded of them.

    Args:
        exposures: told what every flag serves.
        tallies: where calls are tallied.
        watches: where breakers watch them.
    """

    def __init__(self, exposures: Exposures, tallies: Tallies, watches: Watches) -> None:
        self._exposures = exposures
        self._tallies, self._watches = tallies, watches
        self._seen: dict[str, Seen] = {}

    def show(self, flight: Flight) -> None:
        """Serve and tally as a rollout says from now on: the latest one of its subject."""
        change, seen = flight.rollout.change, self._open(flight)
        if change.kind is ChangeKind.FLAG:
            self._exposures.release(change.name, _project(flight.rollout, seen))
        elif seen:
            self._seen[change.subject] = seen
        else:
            self._seen.pop(change.subject, None)

    def record(
        self,
        subject: str,
        unit: str | Context,
        *,
        version: str,
        ok: bool,
        duration: timedelta,
        environment: str,
    ) -> None:
        """Take note of a call, if a rollout of its subject is seen, and in that environment."""
        try:
            seen = self._seen.get(subject)
            if seen and seen.environment in {"", environment}:
                context = unit if isinstance(unit, Context) else Context(unit)
                seen.record(context, version=version, ok=ok, seconds=duration.total_seconds())
        except Exception:  # noqa: BLE001, S110 - whatever a host passes, its call goes on
            pass

    def _open(self, flight: Flight) -> Seen | None:
        """Return where what a rollout exposes is noted from now on; None where that is nothing."""
        rollout = flight.rollout
        share = exposure(rollout).percent
        if not rollout.in_flight or not share or _is_unreadable(rollout):
            self._tallies.close(rollout.id)
            self._watches.close(rollout.id)
            return None
        asked = Asked.by(rollout.plan.health, rollout.change.subject, share)
        place = rollout.plan.place(rollout.reached)
        return Seen(
            rollout.change.version,
            place.environment if place else "",
            self._tallies.open(rollout.id, flight.exposure, rollout.exposed_at, asked),
            self._watches.open(rollout, share),
        )


def _project(rollout: Rollout, seen: Seen | None) -> Project:
    """Return what makes a flag ready to be asked."""
    if seen is None or rollout.definition is None:
        detail = f"withdrawn: {rollout.id}" if rollout.is_withdrawn else ""
        return partial(projections.Settled, detail=detail)
    return partial(
        projections.Released,
        definition=rollout.definition,
        exposure=exposure(rollout),
        tally=seen.tally,
        rollout=rollout.id,
        ring=rollout.scope.ring,
        watch=seen.watch,
    )


def _is_unreadable(rollout: Rollout) -> bool:
    return rollout.change.kind is ChangeKind.FLAG and rollout.definition is None
