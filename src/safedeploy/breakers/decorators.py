"""Decorators: functions that a breaker guards, of all four kinds."""

# pyright: reportPrivateUsage=false
# What a breaker keeps to itself, its hands may take.

from __future__ import annotations

import inspect
import math
from collections.abc import AsyncGenerator, Callable, Coroutine, Generator
from contextlib import suppress
from functools import wraps
from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar, cast

from safedeploy.errors import CircuitOpenError

if TYPE_CHECKING:
    from safedeploy.breakers.breaker import CircuitBreaker
    from safedeploy.breakers.steps import Permit
    from safedeploy.breakers.tickets import Tickets

P = ParamSpec("P")
T = TypeVar("T")


def decorated(breaker: CircuitBreaker, function: Callable[P, T]) -> Callable[P, T]:
    """Return the function, guarded by a breaker."""
    for is_one, decorate in _KINDS:
        if is_one(function):
            return wraps(function)(cast("Callable[P, T]", decorate(breaker, function)))
    return wraps(function)(_function(breaker, function))


def _function(breaker: CircuitBreaker, function: Callable[P, T]) -> Callable[P, T]:
    clock, limit = breaker._clock, _limit(breaker)

    # A guard's steps, written out: a call to each would cost as much again.
    def call(*args: P.args, **kwargs: P.kwargs) -> T:
        permit: Tickets | Permit | None = breaker._passes
        if permit is None:
            refuses = breaker._refuses
            if refuses is not None and (at := clock()) < refuses.until:
                number = next(refuses.numbers)
                if breaker._refuses is not refuses:
                    breaker._refused_late(refuses, number)
                raise CircuitOpenError(breaker.name, refuses.label, refuses.until, at)
            permit = breaker._acquire()
        began = clock()
        try:
            result = function(*args, **kwargs)
        except BaseException as error:
            breaker._raised(permit, began, error)
            raise
        at = clock()
        if at < permit.until and at - began < limit:
            number = next(permit.numbers)
            if breaker._passes is not permit:
                breaker._passed_late(permit, number, at)
        else:
            breaker._returned(permit, at, at - began, result)
        return result

    return call


def _coroutine(
    breaker: CircuitBreaker, function: Callable[P, Coroutine[Any, Any, T]]
) -> Callable[P, Coroutine[Any, Any, T]]:
    clock, limit = breaker._clock, _limit(breaker)

    async def call(*args: P.args, **kwargs: P.kwargs) -> T:
        permit = breaker._passes or breaker._acquire()
        began = clock()
        try:
            result = await function(*args, **kwargs)
        except BaseException as error:
            breaker._raised(permit, began, error)
            raise
        at = clock()
        if at < permit.until and at - began < limit:
            number = next(permit.numbers)
            if breaker._passes is not permit:
                breaker._passed_late(permit, number, at)
        else:
            breaker._returned(permit, at, at - began, result)
        return result

    return call


def _generator(
    breaker: CircuitBreaker, function: Callable[P, Generator[Any, Any, T]]
) -> Callable[P, Generator[Any, Any, T]]:
    def call(*args: P.args, **kwargs: P.kwargs) -> Generator[Any, Any, T]:
        with breaker.guard():
            return (yield from function(*args, **kwargs))

    return call


def _async_generator(
    breaker: CircuitBreaker, function: Callable[P, AsyncGenerator[Any, Any]]
) -> Callable[P, AsyncGenerator[Any, Any]]:
    async def call(*args: P.args, **kwargs: P.kwargs) -> AsyncGenerator[Any, Any]:
        with breaker.guard():
            items = function(*args, **kwargs)
            ask = anext(items)
            with suppress(StopAsyncIteration):
                while True:
                    item = await ask
                    try:
                        sent = yield item
                    except GeneratorExit:
                        await items.aclose()
                        raise
                    except BaseException as error:  # noqa: BLE001 - thrown in, so passed on
                        ask = items.athrow(error)
                    else:
                        ask = items.asend(sent)

    return call


def _limit(breaker: CircuitBreaker) -> float:
    # Results that have to be judged never take the fast path.
    return breaker._limit if breaker.settings.failed_result is None else -math.inf


_KINDS: tuple[tuple[Callable[[object], bool], Callable[..., Callable[..., Any]]], ...] = (
    (inspect.iscoroutinefunction, _coroutine),
    (inspect.isgeneratorfunction, _generator),
    (inspect.isasyncgenfunction, _async_generator),
)
