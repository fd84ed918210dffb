"""What type checkers know of breakers: a decorated function keeps its type, whatever its kind.

Nothing here is run. mypy and pyright, both strict, must agree with every `assert_type`.
"""

from collections.abc import AsyncGenerator, Callable, Coroutine, Generator
from datetime import timedelta
from typing import Any, assert_type

from safedeploy import (
    Breakers,
    CircuitBreaker,
    CircuitOpenError,
    Engine,
    FailureRate,
    Failures,
    Settings,
    TripsWhen,
    telemetry,
)
from safedeploy.breakers import Guard, Metrics
from safedeploy.circuits import AllHold, AnyHolds, Condition, State

payments = CircuitBreaker("payments", failure_rate=0.5, open_for=timedelta(seconds=30))
tenants = Breakers(at_most=100, window=timedelta(seconds=10))

assert_type(tenants["payments"], CircuitBreaker)
assert_type(tenants.breaker("payments", key="acme"), CircuitBreaker)

engine = Engine(breakers=Settings(window=20), breaker_observers=[telemetry.breaker_logs()])
assert_type(engine.breakers, Breakers)
assert_type(TripsWhen(failure_rate=0.5).beside(2.0), TripsWhen)

# Every kind of function


@payments
def charge(order: str, *, twice: bool = False) -> int:
    return len(order) * (1 + twice)


@payments
async def fetch(order: str) -> bytes:
    return order.encode()


@payments
def items(most: int) -> Generator[int, str, bool]:
    yield most
    return True


@payments
async def stream(most: int) -> AsyncGenerator[int, str]:
    yield most


assert_type(charge("order", twice=True), int)
fetched: Callable[[str], Coroutine[Any, Any, bytes]] = fetch
assert_type(items(3), Generator[int, str, bool])
assert_type(stream(3), AsyncGenerator[int, str])

charge(3)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
charge("order", thrice=True)  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]


class Shop:
    """A method is guarded as a function is."""

    @payments
    def sell(self, what: str) -> int:
        """Sell it."""
        return len(what)


assert_type(Shop().sell("tea"), int)

# Guards


def later() -> timedelta | None:
    try:
        with payments.guard() as call:
            assert_type(call, Guard)
    except CircuitOpenError as error:
        assert_type(error.breaker, str)
        return error.retry_after
    return None


decorate: Callable[[Callable[[], int]], Callable[[], int]] = payments.guard()
assert_type(payments.acquire(), Guard)
assert_type(payments.state, State)
assert_type(payments.metrics, Metrics)

# Options are known by name and type

CircuitBreaker("payments", failure_rates=0.5)  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
CircuitBreaker("payments", window="ten")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]

# Conditions

assert_type(Failures(3) & FailureRate(0.5), Condition)
composed: AllHold | AnyHolds | Condition = Failures(3) | FailureRate(0.5)
