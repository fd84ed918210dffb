"""Transitions: where each cause leads, and what is there. One table owns them all."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import TypeAlias, get_args

from safedeploy.circuits.settings import DecideWhen, Exponential, Settings
from safedeploy.circuits.states import (
    Cause,
    Circuit,
    Closed,
    Disabled,
    HalfOpen,
    Isolated,
    MetricsOnly,
    Notice,
    Open,
    State,
    Terms,
    Transitioned,
)
from safedeploy.circuits.windows import CountWindow, TimeWindow, Window
from safedeploy.contexts import mixed

Moved: TypeAlias = tuple[Circuit, tuple[Notice, ...]]
"""A circuit, and what to tell."""

_BY_HAND: dict[Cause, type[State]] = {
    Cause.OPENED: Open,
    Cause.HALF_OPENED: HalfOpen,
    Cause.CLOSED: Closed,
    Cause.RESET: Closed,
    Cause.ISOLATED: Isolated,
    Cause.DISABLED: Disabled,
    Cause.MEASURED: MetricsOnly,
}

TRANSITIONS: Mapping[tuple[type[State], Cause], type[State]] = MappingProxyType(
    {
        (Closed, Cause.TRIPPED): Open,
        (Open, Cause.WAITED): HalfOpen,
        (HalfOpen, Cause.TRIPPED): Open,
        (HalfOpen, Cause.WAITED): Open,
        (HalfOpen, Cause.RECOVERED): Closed,
        (HalfOpen, Cause.FORKED): HalfOpen,
        **{
            (state, cause): target
            for state in get_args(State)
            for cause, target in _BY_HAND.items()
            if state is not target or cause is Cause.RESET
        },
    }
)
"""Where each cause leads from each state. A pair that isn't here changes nothing."""


def go(
    circuit: Circuit,
    cause: Cause,
    at: float,
    reason: str,
    *,
    by: str = "",
    wait: float | None = None,
) -> Moved:
    """Go where a cause leads; where the table has no such pair, nothing changes.

    `wait` is for how many seconds to be open, unless the settings say.
    """
    before = circuit.state
    target = TRANSITIONS.get((type(before), cause))
    if target is None:
        return circuit, ()
    after = _ENTER[target](circuit, at, wait)
    return after, (Transitioned(before, after.state, cause, reason, by),)


def _opened(circuit: Circuit, at: float, wait: float | None) -> Circuit:
    settings, state = circuit.terms.settings, circuit.state
    generation, openings = state.generation + 1, state.openings + 1
    if wait is None:
        wait = _wait(circuit.terms, generation, openings)
    window = circuit.window if state.measures else fresh(settings, at)
    return Circuit(circuit.terms, Open(generation, openings, at + wait), window)


def _half_opened(circuit: Circuit, at: float, _: float | None) -> Circuit:
    settings, state = circuit.terms.settings, circuit.state
    most = settings.half_open_for
    deadline = math.inf if most is None else at + most.total_seconds()
    permitted = settings.permitted_calls
    minimum = 1 if settings.decide_when is DecideWhen.FIRST else permitted
    trying = HalfOpen(state.generation + 1, state.openings, deadline)
    return Circuit(circuit.terms, trying, CountWindow(permitted, minimum))


def _afresh(kind: Callable[[int, int], State]) -> Callable[..., Circuit]:
    """Return a function that enters a state which begins with an empty window, and in no row."""

    def enter(circuit: Circuit, at: float, _: float | None) -> Circuit:
        entered = kind(circuit.state.generation + 1, 0)
        return Circuit(circuit.terms, entered, fresh(circuit.terms.settings, at))

    return enter


_ENTER: Mapping[type[State], Callable[[Circuit, float, float | None], Circuit]] = {
    Open: _opened,
    HalfOpen: _half_opened,
    Closed: _afresh(Closed),
    Isolated: _afresh(Isolated),
    Disabled: _afresh(Disabled),
    MetricsOnly: _afresh(MetricsOnly),
}


def counted(window: Window) -> str:
    """Say for people what is in a window."""
    return f"of {window.calls} calls {window.failures} failed, {window.slow} were slow"


def fresh(settings: Settings, at: float) -> Window:
    """Return a window that has seen no calls."""
    if isinstance(settings.window, int):
        return CountWindow(settings.window, settings.minimum)
    seconds = settings.window.total_seconds()
    return TimeWindow.starting(seconds, settings.minimum, settings.depth, at)


def _wait(terms: Terms, generation: int, openings: int) -> float:
    """Return for how long to be open, in seconds."""
    open_for = terms.settings.open_for
    if not isinstance(open_for, Exponential):
        return open_for.total_seconds()
    draw = mixed(f"{terms.salt}:{generation}") / (1 << 64)
    return open_for.seconds(openings, draw)
