"""Counts: what a breaker has counted since it was made, and what it shows of itself."""

from __future__ import annotations

from collections.abc import Mapping

import attrs

from safedeploy.circuits import Circuit, Fate, HalfOpen, State, failure_rate, slow_call_rate

_BITS = 64
_MASK = (1 << _BITS) - 1

SUCCESS, FAILURE, IGNORED, LATE, REFUSED, REFUSED_LATE = (1 << _BITS * place for place in range(6))
"""One of each, as they are added to a tally: six counts in one number, which one step sets.

A refusal is late if the state that refused was over when it was counted.
"""

FATES: Mapping[Fate | None, int] = {
    "success": SUCCESS,
    "failure": FAILURE,
    "ignored": IGNORED,
    "late": LATE,
    None: 0,
}


@attrs.frozen
class Totals:
    """Count what became of all calls since the breaker was made.

    Calls that were let through are successes, failures, ignored, late, or not over yet.

    Attributes:
        successes: calls that were recorded as successes.
        failures: calls that were recorded as failures.
        ignored: calls that count as nothing: exceptions that are ignored, cancellation, and all
            calls of a breaker that is disabled.
        late: calls that ended when the state that had let them through was over.
        refused: calls that weren't let through.
    """

    successes: int
    failures: int
    ignored: int
    late: int
    refused: int

    @classmethod
    def of(cls, tally: int) -> Totals:
        """Read a tally."""
        counts = [tally >> _BITS * place & _MASK for place in range(6)]
        successes, failures, ignored, late, refused, refused_late = counts
        return cls(successes, failures, ignored, late, refused + refused_late)


@attrs.frozen
class Metrics:
    """Show a breaker as it is at one moment: all of it belongs together.

    Attributes:
        state: where it is.
        calls: how many calls are in the window; of an open breaker, those that tripped it.
        failures: how many of them failed.
        slow: how many of them were slow.
        slow_failures: how many were both.
        breached: whether they are what trips it.
        failure_rate: the share that failed, 0..1; None below the minimum of calls.
        slow_call_rate: the share that was slow, 0..1; None below the minimum of calls.
        trials: how many trials are out.
        refused: how many calls were refused in this state.
        totals: what became of all calls since the breaker was made.
    """

    state: State
    calls: int
    failures: int
    slow: int
    slow_failures: int
    breached: bool
    failure_rate: float | None
    slow_call_rate: float | None
    trials: int
    refused: int
    totals: Totals

    @property
    def successes(self) -> int:
        """How many of the calls in the window didn't fail."""
        return self.calls - self.failures

    @classmethod
    def of(cls, circuit: Circuit, tally: int, before: int) -> Metrics:
        """Read a circuit, its tally, and the tally when its state began."""
        state, window, settings = circuit.state, circuit.window, circuit.terms.settings
        is_trying = isinstance(state, HalfOpen)
        condition = settings.trial_condition if is_trying else settings.condition
        refused = (tally // REFUSED & _MASK) - (before // REFUSED & _MASK)
        return cls(
            state,
            window.calls,
            window.failures,
            window.slow,
            window.slow_failures,
            condition.holds(window),
            failure_rate(window),
            slow_call_rate(window),
            len(state.out) if isinstance(state, HalfOpen) else 0,
            refused,
            Totals.of(tally),
        )
