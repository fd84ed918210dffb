"""What the laws of breakers are held against: the pure machine, call by call, and histories."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from datetime import timedelta
from typing import Any

import attrs
from hypothesis import strategies as st

from safedeploy import circuits
from safedeploy.breakers import CircuitBreaker, Metrics, Totals
from safedeploy.circuits import (
    Cause,
    Circuit,
    DecideWhen,
    Exponential,
    Failures,
    HalfOpen,
    Options,
    Settings,
)

SECOND = timedelta(seconds=1)
LIMIT = 1.0


class Times:
    """A clock that says what it is told to; it may go back."""

    def __init__(self) -> None:
        self.at = 0.0

    def now(self) -> Any:
        raise NotImplementedError  # a breaker asks for seconds only

    def monotonic(self) -> float:
        return self.at


@attrs.define
class Model:
    """Do with the pure machine what a breaker does with its lock and its tickets.

    Attributes:
        circuit: where it is.
        permits: of each call that was permitted, the generation and the number.
        began: when each of them began.
        totals: what became of them.
        refused: how many were refused in this state.
    """

    circuit: Circuit
    permits: dict[int, tuple[int, int]] = attrs.Factory(dict)
    began: dict[int, float] = attrs.Factory(dict)
    totals: Counter[str] = attrs.Factory(Counter)
    refused: int = 0

    @classmethod
    def of(cls, settings: Settings) -> Model:
        """Return the model of a new breaker."""
        return cls(circuits.begin(settings, 0.0))

    def copy(self) -> Model:
        """Return one that goes on by itself."""
        return Model(
            self.circuit, {**self.permits}, {**self.began}, Counter(self.totals), self.refused
        )

    def _go(self, circuit: Circuit) -> None:
        if circuit.state.generation != self.circuit.state.generation:
            self.refused = 0
        self.circuit = circuit

    def start(self, call: int, at: float) -> bool:
        """Ask to make a call, and tell whether it is permitted."""
        circuit, number, _ = circuits.acquire(self.circuit, at, call)
        self._go(circuit)
        if number is None:
            self.refused += 1
            self.totals["refused"] += 1
            return False
        self.permits[call] = circuit.state.generation, number
        self.began[call] = at
        return True

    def end(self, call: int, at: float, failed: bool | None) -> None:
        """Record how a call ended; twice is once."""
        if call not in self.permits:
            return
        slow = at - self.began[call] >= LIMIT
        permit = self.permits.pop(call)
        circuit, fate, _ = circuits.record(self.circuit, *permit, at, failed=failed, slow=slow)
        self._go(circuit)
        self.totals[fate or "nothing"] += 1

    def drop(self, call: int) -> None:
        """Lose a call. Only trials come back: nobody waits for the others."""
        generation, number = self.permits.pop(call)
        if number != circuits.ORDINARY:
            circuit, fate, _ = circuits.record(
                self.circuit, generation, number, -math.inf, failed=None
            )
            self._go(circuit)
            self.totals[fate or "nothing"] += 1

    def move(self, cause: Cause, at: float) -> None:
        """Do what people do."""
        self._go(circuits.move(self.circuit, cause, at, "why")[0])

    def look(self, at: float) -> Metrics:
        """Return what a breaker would show."""
        self._go(circuits.look(self.circuit, at)[0])
        return self.shown()

    def shown(self) -> Metrics:
        """Return what a breaker would show, if it didn't look at the time."""
        kinds = ("success", "failure", "ignored", "late", "refused")
        tally = sum(self.totals[kind] << 64 * place for place, kind in enumerate(kinds))
        before = (self.totals["refused"] - self.refused) << 256
        return nameless(Metrics.of(self.circuit, tally, before))


def nameless(metrics: Metrics) -> Metrics:
    """Return metrics in which trials have no names: how many are out is all that counts."""
    state = metrics.state
    if isinstance(state, HalfOpen):
        state = attrs.evolve(state, out=frozenset(range(len(state.out))))
    return attrs.evolve(metrics, state=state)


def ended(totals: Totals) -> int:
    """Return how many permitted calls have ended, in any way."""
    return totals.successes + totals.failures + totals.ignored + totals.late


OPTIONS: Sequence[Options] = (
    {"failure_rate": 0.5, "window": 4, "minimum_calls": 2},
    {"failure_rate": 0.5, "window": 4, "minimum_calls": 2, "half_open_for": 5 * SECOND},
    {"failure_rate": 0.75, "slow_call_rate": 0.5, "window": 8, "minimum_calls": 3},
    {"failure_rate": 1.0, "window": 1, "permitted_calls": 2, "decide_when": DecideWhen.FIRST},
    {"failure_rate": 0.5, "window": 10 * SECOND, "minimum_calls": 2, "permitted_calls": 3},
    {
        "slow_call_rate": 0.3,
        "window": 5 * SECOND,
        "minimum_calls": 3,
        "trips_when": Failures(2, of=3),
        "automatic_half_open": True,
    },
    {"consecutive_failures": 3, "window": 5, "minimum_calls": 1, "permitted_calls": 3},
    {
        "trips_when": Failures(1, of=3) & circuits.FailureRate(0.4),
        "window": 6,
        "minimum_calls": 4,
        "permitted_calls": 4,
        "decide_when": DecideWhen.SETTLED,
        "open_for": Exponential(4 * SECOND, 30 * SECOND),
    },
)

every_option = st.sampled_from(OPTIONS)


def settings_of(options: Options) -> Settings:
    """Return the settings that a history is about."""
    return Settings(**with_defaults(options))


def with_defaults(options: Options) -> Options:
    """Return options whose waits are as long as histories are."""
    return {"open_for": 10 * SECOND, "slow_call": timedelta(seconds=LIMIT), **options}


def breaker_of(options: Options, clock: Any) -> CircuitBreaker:
    """Return a breaker that a history is about."""
    return CircuitBreaker("law", clock=clock, **with_defaults(options))


outcomes = st.sampled_from([False, False, False, True, True, None])
passing = st.sampled_from([0.0, 0.0, 0.0, 0.0, 0.0, 0.1, 0.6, 1.0, 3.0, 12.0, -2.0])
by_hand = st.sampled_from(
    [
        Cause.OPENED,
        Cause.HALF_OPENED,
        Cause.CLOSED,
        Cause.RESET,
        Cause.ISOLATED,
        Cause.DISABLED,
        Cause.MEASURED,
    ]
)
