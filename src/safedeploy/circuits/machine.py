"""The breaker machine: acquire, record, look and move; a circuit in, a circuit and an answer out.

Times are seconds of a clock that measures. One that goes back harms nothing.
"""

from __future__ import annotations

from typing import Literal, TypeAlias

import attrs

from safedeploy.circuits.conditions import Condition
from safedeploy.circuits.settings import DecideWhen, Settings
from safedeploy.circuits.states import (
    Breached,
    Cause,
    Circuit,
    Closed,
    HalfOpen,
    MetricsOnly,
    Notice,
    Open,
    Terms,
)
from safedeploy.circuits.transitions import Moved, counted, fresh, go
from safedeploy.circuits.windows import Window

Fate: TypeAlias = Literal["success", "failure", "ignored", "late"]
"""What an outcome was counted as."""

Recorded: TypeAlias = tuple[Circuit, Fate | None, tuple[Notice, ...]]

Acquired: TypeAlias = tuple[Circuit, int | None, tuple[Notice, ...]]

ORDINARY = -1
"""The number of a permit that is no trial: there are any number of them."""


def begin(settings: Settings, at: float, salt: int = 0) -> Circuit:
    """Return a closed circuit that has seen no calls.

    Args:
        settings: when it trips, for how long.
        at: the time.
        salt: what jitter is drawn with: another one in every process.
    """
    return Circuit(Terms(settings, salt), Closed(0, 0), fresh(settings, at))


def acquire(circuit: Circuit, at: float, number: int) -> Acquired:
    """Ask to let a call through.

    Args:
        circuit: the circuit.
        at: the time.
        number: the name of the permit if it is for a trial, unlike that of any other.

    Returns:
        The circuit; the number, which is `ORDINARY` unless the permit is for a trial, or None if
        the call is refused; and what to tell.
    """
    circuit, told = _woken(circuit, at, asked=True)
    state = circuit.state
    if state.permits:
        return circuit, ORDINARY, told
    permitted = circuit.terms.settings.permitted_calls
    if isinstance(state, HalfOpen) and len(state.out) + circuit.window.calls < permitted:
        state = attrs.evolve(state, out=state.out | {number})
        return Circuit(circuit.terms, state, circuit.window), number, told
    return circuit, None, told


def record(
    circuit: Circuit,
    generation: int,
    number: int,
    at: float,
    *,
    failed: bool | None,
    slow: bool = False,
    wait: float | None = None,
    passed: int = 0,
) -> Recorded:
    """Record how a permitted call has ended.

    Args:
        circuit: the circuit.
        generation: of the state that permitted the call.
        number: of its permit. A trial's permit is returned, whatever the outcome.
        at: when it ended.
        failed: whether it failed; None if it is ignored.
        slow: whether it took too long.
        wait: for how many seconds to be open if this call trips the circuit; None leaves it to the
            settings.
        passed: how many ordinary calls of this generation have ended well and fast before it,
            after what is recorded, and before `circuit.window.until`.

    Returns:
        The circuit; what the call was counted as, which is None for a trial that was recorded
        before; and what to tell.
    """
    state = circuit.state
    if failed is not None and state.permits and state.measures and generation == state.generation:
        window = circuit.window.record(at, failed, slow, passed)
        after, told = _judged(Circuit(circuit.terms, state, window), at, wait)
        return after, "failure" if failed else "success", told
    circuit = absorb(circuit, passed) if passed else circuit
    if isinstance(state, HalfOpen):
        return _trial(circuit, generation, number, at, failed=failed, slow=slow, wait=wait)
    return circuit, "ignored" if generation == state.generation else "late", ()


def _trial(
    circuit: Circuit,
    generation: int,
    number: int,
    at: float,
    *,
    failed: bool | None,
    slow: bool,
    wait: float | None,
) -> Recorded:
    circuit, told = _woken(circuit, at)
    state = circuit.state
    if not isinstance(state, HalfOpen) or generation != state.generation:
        return circuit, "late", told
    if number not in state.out:
        return circuit, None, told
    state = attrs.evolve(state, out=state.out - {number})
    if failed is None:
        return Circuit(circuit.terms, state, circuit.window), "ignored", told
    window = circuit.window.record(at, failed, slow)
    circuit, told = _trial_judges(Circuit(circuit.terms, state, window), at, wait)
    return circuit, "failure" if failed else "success", told


def absorb(circuit: Circuit, passed: int) -> Circuit:
    """Return the circuit after so many calls that ended well and fast.

    It is the same as recording each of them, where none of them can change the state: in a state
    that measures, without trials, with enough calls for a rate, and before `window.until`.
    """
    return Circuit(circuit.terms, circuit.state, circuit.window.absorb(passed))


def mark(circuit: Circuit, calls: int, failures: int, marks: int) -> Circuit:
    """Return the circuit after so many fast calls, no more failures than are to `spare`.

    It is the same as recording each of them, where `absorb` is.

    Args:
        circuit: the circuit.
        calls: how many there were.
        failures: how many of them failed.
        marks: which of the latest failed, as bits: the last one lowest.
    """
    window = circuit.window.mark(calls, failures, marks)
    return Circuit(circuit.terms, circuit.state, window)


SPARED = (48, 8, 1)


def spare(circuit: Circuit) -> int:
    """Return how many fast failures can't change the state, whatever goes well in between.

    Nothing is worse than all of them in a row: whatever else goes well and fast makes no condition
    true. It may be more, but no more are looked for.
    """
    window = circuit.window
    for failures in SPARED:
        if not _trips(circuit, window.mark(failures, failures, (1 << failures) - 1)):
            return failures
    return 0


def look(circuit: Circuit, at: float) -> Moved:
    """Return the circuit as it is at a time, if nobody asks for a call; and what to tell."""
    circuit, told = _woken(circuit, at)
    window = circuit.window.turned(at) if circuit.state.permits else circuit.window
    if window is not circuit.window:
        circuit = Circuit(circuit.terms, circuit.state, window)
    return circuit, told


def move(circuit: Circuit, cause: Cause, at: float, reason: str = "", by: str = "") -> Moved:
    """Move the circuit, as people do; where the table has no such pair, nothing changes."""
    circuit, told = _woken(circuit, at)
    moved, news = go(circuit, cause, at, reason, by=by)
    return moved, (*told, *news)


def forked(circuit: Circuit, at: float, salt: int) -> Moved:
    """Return the circuit as a child process has it: trials that are out stay with the parent."""
    circuit, told = go(circuit, Cause.FORKED, at, "the process has forked")
    return attrs.evolve(circuit, terms=Terms(circuit.terms.settings, salt)), told


def _woken(circuit: Circuit, at: float, *, asked: bool = False) -> Moved:
    """Do what time alone does."""
    state = circuit.state
    told: tuple[Notice, ...] = ()
    if isinstance(state, HalfOpen) and at >= state.deadline:
        # Opened again then, not now: nobody may have looked for a long time.
        circuit, told = go(circuit, Cause.WAITED, state.deadline, "the trials took too long")
        state = circuit.state
    automatic = asked or circuit.terms.settings.automatic_half_open
    if automatic and isinstance(state, Open) and at >= state.until:
        circuit, news = go(circuit, Cause.WAITED, at, "it was open for long enough")
        return circuit, (*told, *news)
    return circuit, told


def _trips(circuit: Circuit, window: Window) -> bool:
    """Tell whether these calls meet the condition, and it wasn't met before."""
    state = circuit.state
    breached = isinstance(state, MetricsOnly) and state.breached
    return not breached and circuit.terms.settings.condition.holds(window)


def _judged(circuit: Circuit, at: float, wait: float | None) -> Moved:
    """Do what the condition asks for where a circuit is closed, or only measures."""
    state = circuit.state
    if not _trips(circuit, circuit.window):
        return circuit, ()
    if not isinstance(state, MetricsOnly):
        return _trip(circuit, at, wait)
    after = Circuit(circuit.terms, attrs.evolve(state, breached=True), circuit.window)
    return after, (Breached(state, counted(circuit.window)),)


def _trial_judges(circuit: Circuit, at: float, wait: float | None) -> Moved:
    settings, window = circuit.terms.settings, circuit.window
    condition, when = settings.trial_condition, settings.decide_when
    left = 0 if when is DecideWhen.FIRST else settings.permitted_calls - window.calls
    if condition.holds(window):
        return _trip(circuit, at, wait)
    if left and when is DecideWhen.SETTLED and condition.holds(window.absorb(left)):
        return _trip(circuit, at, wait)
    if left and (when is DecideWhen.ALL or _can_hold(condition, window, left)):
        return circuit, ()
    return go(circuit, Cause.RECOVERED, at, counted(window))


def _can_hold(condition: Condition, window: Window, left: int) -> bool:
    """Tell whether the trials that are missing could still trip the circuit, if all went badly."""
    for _ in range(left):
        window = window.record(0.0, True, True)  # noqa: FBT003 - as a window takes it
    return condition.holds(window)


def _trip(circuit: Circuit, at: float, wait: float | None) -> Moved:
    reason = counted(circuit.window)
    after, told = go(circuit, Cause.TRIPPED, at, reason, wait=wait)
    return after, (Breached(circuit.state, reason), *told)
