"""The engine: evaluates exposure, records outcomes, drives rollouts. The core's thin shell."""

from __future__ import annotations

import atexit
import threading
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from datetime import timedelta
from os import PathLike
from typing import TYPE_CHECKING, Any, TypeVar

from safedeploy import forks
from safedeploy.changes import UNKNOWN, Change, Provenance
from safedeploy.clocks import IDLE, POLL, Clock, SystemClock
from safedeploy.contexts import Context
from safedeploy.decisions import Decisions
from safedeploy.exposures import Exposures
from safedeploy.flags import FeatureFlag, Resolution, noted
from safedeploy.guards import Guard, met
from safedeploy.tickers import Ticker

if TYPE_CHECKING:  # what only a release needs is imported by the first one: see `_fleet`
    from safedeploy.breakers import Breakers
    from safedeploy.breakers import Observer as BreakerObserver
    from safedeploy.circuits import Settings
    from safedeploy.fleets import Fleet
    from safedeploy.journals import Journal
    from safedeploy.metrics import MetricSource
    from safedeploy.parameters import Parameters
    from safedeploy.plans import Plan
    from safedeploy.sampling import Sampling
    from safedeploy.states import Rollout
    from safedeploy.targets import Target
    from safedeploy.telemetry import Observer

T = TypeVar("T")


class Engine(Decisions):
    """Evaluate flags, release changes ring by ring, watch, halt and recover.

    Evaluating takes no lock, does no I/O and never raises. Nobody is exposed before the first tick:
    call `tick` again and again, or keep `running` open.

    Args:
        clock: the time; the system's, unless given.
        journal: where events are kept; a path is that of a `SqliteJournal`. Rollouts in it go on,
            and processes that share it run one rollout together. In memory, unless given.
        source: what measures health; this process's guarded blocks, unless given.
        observers: called with every event that this engine records, and the rollout after it. See
            `telemetry`.
        evaluations: shows some of the evaluations to an observer; none, unless given.
        breakers: the defaults of `engine.breakers`; those of `Settings`, unless given.
        breaker_observers: called with each breaker, and what happened to it: those of
            `engine.breakers`, and those of plans. See `telemetry`.
        targets: where changes that aren't flags are applied, for plans to name.
        environments: the parameters that they are applied with, for plans to name.

    Raises:
        DefinitionError: two targets, or environments, have one name, or something is neither.
        JournalUnavailableError: the journal can't be opened.
        JournalInvalidError: what is in it can't be used.
    """

    def __init__(
        self,
        *,
        clock: Clock | None = None,
        journal: Journal | str | PathLike[str] | None = None,
        source: MetricSource | None = None,
        observers: Sequence[Observer] = (),
        evaluations: Sampling | None = None,
        breakers: Settings | None = None,
        breaker_observers: Sequence[BreakerObserver] = (),
        targets: Sequence[Target] = (),
        environments: Sequence[Parameters] = (),
    ) -> None:
        self._clock = clock or SystemClock()
        self._journal = _opened(journal)
        self._source, self._observers = source, observers
        self._breakers, self._breaker_observers = breakers, breaker_observers
        self._targets, self._environments = targets, environments
        sampler = evaluations.sampler(self._clock.monotonic) if evaluations else None
        self._exposures = Exposures(self._clock.now, sampler)
        self._launching = threading.Lock()
        self._launched: Fleet | None = None
        self._warned = False
        self._ticker = Ticker(self.tick)
        forks.at_fork(self._restart)
        if self._journal is not None or targets or environments:
            self._fleet()

    # Evaluating

    def value(self, flag: FeatureFlag[T], context: Context) -> T:
        """Return what a context gets; the flag's off variant if anything goes wrong."""
        try:
            value: T = self._exposures.values[flag.mark](context)
        except Exception:  # noqa: BLE001 - not compiled yet, or it can't be asked
            return self._exposures.value(flag, context)
        return value

    def evaluate(self, flag: FeatureFlag[T], context: Context) -> Resolution[T]:
        """Return what a context gets, and why."""
        try:
            resolution: Resolution[T] = self._exposures.served[flag.mark](context).resolution
            if context.absent:
                return noted(resolution, context)
            try:
                for name, _, sure in resolution.asked:
                    if type(context.held[name]) not in sure:
                        return noted(resolution, context)
            except KeyError:  # `get` would take a tenth of all this, and most attributes are there
                return noted(resolution, context)
        except Exception:  # noqa: BLE001 - as above
            return self._exposures.evaluate(flag, context)
        return resolution

    def explain(self, flag: FeatureFlag[Any], context: Context) -> str:
        """Return for people how a flag decides for a context now, step by step.

        The attributes that it asks for are in the text: it is for whoever asks by name.
        """
        return self._exposures.explained(flag, context)

    def guard(self, flag: FeatureFlag[T], context: Context) -> Guard[T]:
        """Return a context manager that serves a value and records how the block around it ends.

        It works around sync code and around `await` alike.
        """
        return Guard(self._exposures.serve(flag, context), context, flag)

    def event(self, flag: FeatureFlag[Any], context: Context, name: str) -> None:
        """Tell what happened to a context's unit outside of a guard: a crash, or a user's report.

        Each unit counts once for each name. What no signal of the plan asks for isn't kept, and
        what happened to those whom no rollout of the flag affects isn't, either. It never raises.
        """
        met(self._exposures.serve(flag, context), context, name)

    def record(
        self,
        subject: str,
        *,
        version: str,
        unit: str | Context,
        ok: bool,
        duration: timedelta = timedelta(0),
        environment: str = "",
    ) -> None:
        """Tell how a call of what isn't a flag went: the health of a change is made of that.

        While a rollout of the subject bakes, calls of its version are the canary's, and those of
        any other version the baseline's. It takes no lock, does no I/O and never raises.

        Args:
            subject: whose call it was, such as `service:checkout`: a change's `subject`.
            version: the version that answered.
            unit: for whom: a targeting key, or a context, whose attributes strata may ask for.
            ok: whether it went well.
            duration: how long it took.
            environment: where, by the name of its parameters. A ring that has an environment counts
                calls from nowhere else.
        """
        if self._launched:
            self._launched.servings.record(
                subject, unit, version=version, ok=ok, duration=duration, environment=environment
            )

    @property
    def breakers(self) -> Breakers:
        """Breakers by name, and by key: always the same ones. See `Breakers`.

        They have this engine's clock. The journal keeps when they trip, and who moves them, why;
        a breaker starts closed in every process, whatever stands there.
        """
        return self._fleet().breakers

    # Releasing

    def release(
        self,
        definition: FeatureFlag[Any] | Change,
        plan: Plan,
        *,
        attempt: int = 1,
        author: str | None = None,
        provenance: Provenance = UNKNOWN,
    ) -> Rollout:
        """Release a new definition of a flag, or another change, and return its rollout.

        The same release asked again is the same rollout, so every start of an application may ask.

        Args:
            definition: what everybody should get in the end; or a `Change` that isn't a flag's,
                which is applied to the targets of the plan's rings.
            plan: how to get there.
            attempt: 2 to try again what the first attempt halted, and so on.
            author: an opaque id of whoever made the change; needed where somebody is to approve.
            provenance: where it comes from, for checks to read.

        Raises:
            ReleaseRefusedError: another rollout of the subject is in flight, there is nothing to
                release, nobody could answer a check, or a target or parameters are missing.
        """
        rollout = self._fleet().release(
            definition, plan, attempt=attempt, author=author, provenance=provenance
        )
        if self._journal is None and not self._warned and rollout.in_flight:
            from safedeploy import telemetry

            self._warned = telemetry.warn_of_forgetting(rollout)
        return rollout

    def rollout(self, rollout: Rollout | str) -> Rollout:
        """Return a rollout as it is now, by its id or an earlier value of it.

        Raises:
            RolloutNotFoundError: there is none.
        """
        return self._fleet().rollout(rollout)

    def rollouts(self) -> tuple[Rollout, ...]:
        """Return all rollouts as they are now, oldest first."""
        return self._launched.rollouts() if self._launched else ()

    # Driving

    def tick(self) -> timedelta:
        """Assess, carry out what is owed, and return how long to wait before calling again.

        Safe to call from anywhere, as often as you like; while one call is at work, others return.
        """
        return self._launched.tick() if self._launched else IDLE

    def start(self) -> None:
        """Tick in a daemon thread until `stop`, or the end of the process.

        A child process that is forked meanwhile gets a thread of its own.
        """
        self._ticker.start()
        atexit.register(self.stop)

    def stop(self) -> None:
        """End the thread, post what was measured, and let another process drive."""
        atexit.unregister(self.stop)
        self._ticker.stop()
        if self._launched:
            self._launched.leave()

    @contextmanager
    def running(self) -> Generator[Engine]:
        """Tick in a daemon thread for as long as the block lasts."""
        self.start()
        try:
            yield self
        finally:
            self.stop()

    def _restart(self) -> None:
        self._launching = threading.Lock()
        if self._launched:
            self._launched.restart()
        self._ticker.restart()

    def _fleet(self) -> Fleet:
        with self._launching:
            if self._launched is None:
                # An application that only asks flags never waits for any of this.
                from safedeploy.bindings import Bindings
                from safedeploy.circuits import Settings
                from safedeploy.fleets import Fleet
                from safedeploy.journals import MemoryJournal

                self._launched = Fleet(
                    clock=self._clock,
                    journal=self._journal or MemoryJournal(),
                    source=self._source,
                    observers=self._observers,
                    breakers=self._breakers or Settings(),
                    breaker_observers=self._breaker_observers,
                    exposures=self._exposures,
                    bindings=Bindings(self._targets, self._environments),
                    poll=POLL if self._journal else IDLE,
                    changed=self._ticker.wake,
                )
            return self._launched


def _opened(journal: Journal | str | PathLike[str] | None) -> Journal | None:
    if isinstance(journal, str | PathLike):
        from safedeploy.journals import SqliteJournal

        return SqliteJournal(journal)
    return journal
