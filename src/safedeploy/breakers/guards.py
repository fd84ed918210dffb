"""Guards: one call that a breaker was asked for, from when it is permitted until it has ended."""

# pyright: reportPrivateUsage=false
# What a breaker keeps to itself, its hands may take.

from __future__ import annotations

from collections.abc import Callable
from types import TracebackType
from typing import TYPE_CHECKING, ParamSpec, Self, TypeVar

from safedeploy.breakers.steps import Permit
from safedeploy.breakers.tickets import Tickets
from safedeploy.errors import CircuitOpenError

if TYPE_CHECKING:
    from safedeploy.breakers.breaker import CircuitBreaker

P = ParamSpec("P")
T = TypeVar("T")


class Guard:
    """Guard one block of code, which may await, or decorate a function.

    An exception is a failure unless the breaker ignores it or doesn't count it; it passes on
    unchanged. What is no `Exception` (KeyboardInterrupt, cancellation) is neither a failure nor a
    success. No lock is held meanwhile.
    """

    __slots__ = ("_began", "_breaker", "_failed", "_permit")

    _began: float
    _permit: Tickets | Permit | None

    def __init__(self, breaker: CircuitBreaker) -> None:
        self._breaker = breaker
        self._failed: bool | None = False

    def fail(self) -> None:
        """Count the call as a failure that no exception shows: a returned 500, say."""
        self._failed = True

    def ignore(self) -> None:
        """Don't count the call, whatever happens: a 404 that is right, say."""
        self._failed = None

    def __enter__(self) -> Self:
        """Begin the call.

        Raises:
            CircuitOpenError: the breaker refuses it.
        """
        breaker = self._breaker
        permit: Tickets | Permit | None = breaker._passes
        if permit is None:  # written out, as in decorators
            refuses = breaker._refuses
            if refuses is not None and (at := breaker._clock()) < refuses.until:
                number = next(refuses.numbers)
                if breaker._refuses is not refuses:
                    breaker._refused_late(refuses, number)
                raise CircuitOpenError(breaker.name, refuses.label, refuses.until, at)
            permit = breaker._acquire()
        self._permit = permit
        self._began = breaker._clock()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Record how it ended, and let an exception pass."""
        breaker, permit = self._breaker, self._permit
        if error is None and self._failed is False and permit is not None:
            at = breaker._clock()
            if at < permit.until and at - self._began < breaker._limit:
                number = next(permit.numbers)
                if breaker._passes is not permit:
                    breaker._passed_late(permit, number, at)
                return
        self.finish(error, None)

    def __call__(self, function: Callable[P, T]) -> Callable[P, T]:
        """Decorate a function, as the breaker does."""
        return self._breaker(function)

    def finish(self, error: BaseException | None, seconds: float | None) -> None:
        """Record how it ended, and how long it took; once."""
        breaker, permit, failed = self._breaker, self._permit, self._failed
        if permit is None:
            return
        at = breaker._clock()
        if failed is False and error is not None:
            failed = breaker._is_failure(error)
        breaker._ended(permit, at, at - self._began if seconds is None else seconds, failed, error)
        self._permit = None
