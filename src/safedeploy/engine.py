"""The engine: evaluates exposure, records outcomes, drives rollouts. The core's thin shell."""

from __future__ import annotations

import threading
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from datetime import timedelta
from os import PathLike
from typing import TYPE_CHECKING, Any, TypeVar

from safedeploy.clocks import IDLE, Clock, SystemClock
from safedeploy.contexts import Context
from safedeploy.errors import DefinitionError
from safedeploy.exposures import Exposures
from safedeploy.flags import FeatureFlag, Resolution, noted
from safedeploy.guards import Guard

if TYPE_CHECKING:  # what only a release needs is imported by the first one: see `_fleet`
    from safedeploy.fleets import Fleet
    from safedeploy.journals import Journal
    from safedeploy.metrics import MetricSource
    from safedeploy.plans import Plan
    from safedeploy.states import Rollout
    from safedeploy.telemetry import Observer

T = TypeVar("T")


class Engine:
    """Evaluate flags, release changes to them ring by ring, watch, halt and recover.

    Evaluating takes no lock, does no I/O and never raises. Nobody is exposed before the first tick:
    call `tick` again and again, or keep `running` open.

    Args:
        clock: the time; the system's, unless given.
        journal: where events are kept; in memory, unless given. Rollouts in it go on.
        source: what measures health; this process's guarded blocks, unless given.
        observers: called with every recorded event and the rollout after it. See `telemetry`.

    Raises:
        DefinitionError: the journal is a path.
    """

    def __init__(
        self,
        *,
        clock: Clock | None = None,
        journal: Journal | None = None,
        source: MetricSource | None = None,
        observers: Sequence[Observer] = (),
    ) -> None:
        if isinstance(journal, str | PathLike):
            raise DefinitionError("journal", journal, "give a Journal: there are none in files yet")
        self._clock = clock or SystemClock()
        self._journal = journal
        self._source = source
        self._observers = observers
        self._exposures = Exposures()
        self._launching = threading.Lock()
        self._launched: Fleet | None = None
        self._wake = threading.Event()
        if journal is not None and journal.streams():
            self._fleet()

    # Evaluating

    def value(self, flag: FeatureFlag[T], context: Context) -> T:
        """Return what a context gets; the flag's off variant if anything goes wrong."""
        return self._exposures.serve(flag, context).value

    def evaluate(self, flag: FeatureFlag[T], context: Context) -> Resolution[T]:
        """Return what a context gets, and why."""
        resolution = self._exposures.serve(flag, context).resolution
        return noted(resolution, context) if isinstance(context, Context) else resolution

    def guard(self, flag: FeatureFlag[T], context: Context) -> Guard[T]:
        """Return a context manager that serves a value and records how the block around it ends.

        It works around sync code and around `await` alike.
        """
        served = self._exposures.serve(flag, context)
        return Guard(
            served.resolution,
            served.tally,
            context.unit if served.tally else None,
            canary=served.canary,
            ignores=flag.ignores,
        )

    # Releasing

    def release(
        self,
        definition: FeatureFlag[Any],
        plan: Plan,
        *,
        attempt: int = 1,
        author: str | None = None,
    ) -> Rollout:
        """Release a new definition of a flag, ring by ring, and return its rollout.

        The same release asked again is the same rollout, so every start of an application may ask.

        Args:
            definition: what everybody should get in the end.
            plan: how to get there.
            attempt: 2 to try again what the first attempt halted, and so on.
            author: an opaque id of whoever made the change.

        Raises:
            ReleaseRefusedError: another rollout of the flag is in flight, there is nothing to
                release, or nobody could answer a check.
        """
        return self._fleet().release(definition, plan, attempt=attempt, author=author)

    def rollout(self, rollout: Rollout | str) -> Rollout:
        """Return a rollout as it is now, by its id or an earlier value of it.

        Raises:
            RolloutNotFoundError: there is none.
        """
        return self._fleet().rollout(rollout)

    def rollouts(self) -> tuple[Rollout, ...]:
        """Return all rollouts as they are now, oldest first."""
        return self._launched.rollouts() if self._launched else ()

    # People

    def alert(self, rollout: Rollout | str, *, by_user: bool, reason: str) -> Rollout:
        """Raise an alert. Once this returns, a user's has halted the rollout here.

        Args:
            rollout: which.
            by_user: True halts at once. False, an alert about health, stops the clock until a
                person closes it with `resume` or `abort`; unclosed at its deadline, it halts.
            reason: what is wrong, for people; it goes into the journal, so nothing personal.

        Raises:
            RolloutStateError: the rollout has completed; `kill` the flag, or release the mend.
        """
        return self._fleet().alert(rollout, by_user=by_user, reason=reason)

    def resume(self, rollout: Rollout | str, *, by: str, reason: str) -> Rollout:
        """Close an alert with the decision to go on; the ring's bake begins again.

        Raises:
            RolloutStateError: the rollout isn't paused.
        """
        return self._fleet().resume(rollout, by=by, reason=reason)

    def abort(self, rollout: Rollout | str, *, by: str, reason: str) -> Rollout:
        """Halt a rollout. Once this returns, nobody is exposed here any more.

        Raises:
            RolloutStateError: the rollout has completed.
        """
        return self._fleet().abort(rollout, by=by, reason=reason)

    def recover(self, rollout: Rollout | str, *, by: str, reason: str) -> Rollout:
        """Begin the recovery of a halted rollout whose policy asks a person.

        Raises:
            RolloutStateError: the rollout hasn't halted.
        """
        return self._fleet().recover(rollout, by=by, reason=reason)

    def kill(self, flag: FeatureFlag[Any], *, by: str, reason: str) -> None:
        """Serve the flag's off variant to everybody, at once, and halt what is changing it.

        A killed flag stays off until a release of it completes.
        """
        self._fleet().kill(flag, by=by, reason=reason)

    # Driving

    def tick(self) -> timedelta:
        """Assess, carry out what is owed, and return how long to wait before calling again.

        Safe to call from anywhere, as often as you like; while one call is at work, others return.
        """
        return self._launched.tick() if self._launched else IDLE

    @contextmanager
    def running(self) -> Generator[Engine]:
        """Tick in a daemon thread for as long as the block lasts."""
        stopped = threading.Event()
        thread = threading.Thread(target=self._run, args=(stopped,), name="safedeploy", daemon=True)
        thread.start()
        try:
            yield self
        finally:
            stopped.set()
            self._wake.set()
            thread.join()

    def _run(self, stopped: threading.Event) -> None:
        while not stopped.is_set():
            self._wake.clear()
            self._wake.wait(self.tick().total_seconds())

    def _fleet(self) -> Fleet:
        with self._launching:
            if self._launched is None:
                # An application that only asks flags never waits for any of this.
                from safedeploy.fleets import Fleet
                from safedeploy.journals import MemoryJournal

                journal = MemoryJournal() if self._journal is None else self._journal
                self._launched = Fleet(
                    clock=self._clock,
                    journal=journal,
                    source=self._source,
                    observers=self._observers,
                    exposures=self._exposures,
                    changed=self._wake.set,
                )
            return self._launched
