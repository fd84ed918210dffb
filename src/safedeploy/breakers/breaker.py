"""The circuit breaker: a circuit, a lock, a clock; and a way around the lock for most calls."""

# pyright: reportPrivateUsage=false
# What a breaker keeps to itself, its hands may take.

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import timedelta
from typing import Any, ParamSpec, TypeVar, Unpack

from safedeploy.breakers import steps
from safedeploy.breakers.core import Core, Observer
from safedeploy.breakers.counts import Metrics
from safedeploy.breakers.decorators import decorated
from safedeploy.breakers.guards import Guard
from safedeploy.breakers.steps import Permit
from safedeploy.breakers.tickets import Tickets
from safedeploy.circuits import (
    Cause,
    Options,
    Settings,
    State,
)
from safedeploy.clocks import Clock, SystemClock
from safedeploy.errors import DefinitionError

P = ParamSpec("P")
T = TypeVar("T")


class CircuitBreaker(Core):
    """Stop calling what keeps failing, and try again after a while.

    It is safe to use from any number of threads and tasks, and knows nothing of other processes.

    Args:
        name: for people, errors and observers. Nothing personal: it goes into messages.
        clock: the machine's, unless given.
        observers: called with this breaker and what happened. The breaker's lock isn't held. What
            they raise is logged.
        options: see `safedeploy.circuits.Settings`.

    Raises:
        DefinitionError: with the field, the value and the mend.
    """

    __slots__ = ()

    def __init__(
        self,
        name: str,
        *,
        clock: Clock | None = None,
        observers: Sequence[Observer] = (),
        **options: Unpack[Options],
    ) -> None:
        self._begin(name, Settings(**options), clock or SystemClock(), observers)

    @classmethod
    def of(
        cls, name: str, settings: Settings, *, clock: Clock, observers: Sequence[Observer] = ()
    ) -> CircuitBreaker:
        """Return a breaker of settings that others have, too."""
        breaker = cls.__new__(cls)
        breaker._begin(name, settings, clock, observers)
        return breaker

    def guard(self) -> Guard:
        """Return a guard for one block of code: `with breaker.guard(): ...`.

        The block may await. Entering it raises `CircuitOpenError` if the breaker refuses. The
        guard decorates functions, too, as the breaker does.
        """
        return Guard(self)

    def __call__(self, function: Callable[P, T]) -> Callable[P, T]:
        """Decorate a function: sync or async, a generator or an async one.

        Each call is guarded from its begin to its end: of a coroutine, from the first await; of a
        generator, from the first item until it is exhausted or closed.
        """
        return decorated(self, function)

    def acquire(self) -> Guard:
        """Ask to make a call, and return what its outcome is recorded with.

        Raises:
            CircuitOpenError: it is refused.
        """
        return Guard(self).__enter__()

    def record(
        self, call: Guard, error: BaseException | None = None, *, duration: timedelta | None = None
    ) -> None:
        """Record how a call has ended that `acquire` permitted. A second time, nothing happens.

        Args:
            call: what `acquire` returned. `call.fail()` and `call.ignore()` say what no exception
                can.
            error: what it raised, if anything.
            duration: how long it took; the time since `acquire`, unless given.
        """
        call.finish(error, None if duration is None else duration.total_seconds())

    @property
    def state(self) -> State:
        """Where the breaker is now; `state.label` is its name."""
        return self.metrics.state

    @property
    def metrics(self) -> Metrics:
        """What was counted: a consistent snapshot."""
        circuit, _, _, tally, before = self._step(steps.looked, self._clock())[1]
        return Metrics.of(circuit, tally, before)

    def move(self, cause: Cause, *, reason: str, by: str = "") -> None:
        """Move the breaker to another state by hand; calls that are under way will be late.

        Where the breaker is there already, nothing happens.

        Args:
            cause: what is done, from `Cause.OPENED` to `Cause.MEASURED`.
            reason: why, for people. Nothing personal.
            by: the opaque id of whoever does it.

        Raises:
            DefinitionError: the reason is empty.
        """
        if not isinstance(reason, str) or not reason.strip():
            raise DefinitionError("reason", reason, "say why: observers are told")
        self._step(steps.moved, cause, self._clock(), reason, by)

    def isolate(self, *, reason: str, by: str = "") -> None:
        """Refuse all calls until somebody says otherwise."""
        self.move(Cause.ISOLATED, reason=reason, by=by)

    def close(self, *, reason: str, by: str = "") -> None:
        """Let calls through again, and judge them afresh."""
        self.move(Cause.CLOSED, reason=reason, by=by)

    def disable(self, *, reason: str, by: str = "") -> None:
        """Let all calls through, and record nothing."""
        self.move(Cause.DISABLED, reason=reason, by=by)

    def only_measure(self, *, reason: str, by: str = "") -> None:
        """Let all calls through, and measure them."""
        self.move(Cause.MEASURED, reason=reason, by=by)

    def reset(self, *, reason: str, by: str = "") -> None:
        """Begin anew: closed, and with no calls counted. Totals stay."""
        self.move(Cause.RESET, reason=reason, by=by)

    def _passed_late(self, permit: Tickets | Permit, number: int, at: float) -> None:
        """Count a fast success whose state was about to end."""
        self._step(steps.passed_late, permit, number, at)

    def _returned(self, permit: Tickets | Permit, at: float, seconds: float, result: Any) -> None:
        """Record a call that returned, and wasn't fast, or was a trial, or one of the first."""
        self._ended(permit, at, seconds, self._is_failed(result), result)

    def _is_failed(self, result: Any) -> bool:
        judge = self.settings.failed_result
        try:
            return judge is not None and bool(judge(result))
        except Exception as broken:  # noqa: BLE001 - the result must get through
            self._warn("a breaker can't tell whether a result is a failure", broken)
            return False
