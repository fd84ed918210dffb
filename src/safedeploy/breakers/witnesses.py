"""Witnesses: how a breaker learns of calls that it wasn't asked for."""

# pyright: reportPrivateUsage=false
# What a breaker keeps to itself, its hands may take.

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from safedeploy.breakers.breaker import CircuitBreaker


def witness(breaker: CircuitBreaker, began: float, *, failed: bool) -> None:
    """Record a call as if it had been permitted only now, when it ended.

    Where the breaker lets nobody through, nothing is recorded: whoever wasn't asked gives no permit
    for a trial.

    Args:
        breaker: whose.
        began: when the call began, by the breaker's clock.
        failed: whether it failed.
    """
    permit = breaker._passes
    if permit is None:
        return
    at = breaker._clock()
    if not failed and at < permit.until and at - began < breaker._limit:
        number = next(permit.numbers)
        if breaker._passes is not permit:
            breaker._passed_late(permit, number, at)
    else:
        breaker._ended(permit, at, at - began, failed, None)
