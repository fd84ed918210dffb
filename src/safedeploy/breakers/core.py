"""The core of a breaker: a circuit under a lock, and tickets for what needs no lock."""

from __future__ import annotations

import math
import random
import sys
import threading
import weakref
from collections.abc import Callable, Sequence
from operator import length_hint
from typing import Any, TypeAlias

from safedeploy import circuits
from safedeploy.breakers import steps
from safedeploy.breakers.counts import FAILURE, REFUSED, SUCCESS
from safedeploy.breakers.steps import Later, Permit, Step
from safedeploy.breakers.tickets import MOST, Tickets
from safedeploy.circuits import Circuit, Isolated, Notice, Open, Settings, Slow
from safedeploy.clocks import Clock
from safedeploy.errors import CircuitOpenError, DefinitionError
from safedeploy.forks import at_fork
from safedeploy.telemetry import warn

Observer: TypeAlias = Callable[[Any, Notice], object]
"""Called with a breaker and what happened: transitions, breaches, refusals, slow calls."""

Held: TypeAlias = tuple[Circuit, Tickets, int, int, int]
"""All that a breaker knows, so that one assignment changes it: the circuit; the tickets of its
state; how many of them are counted already; the tally; and the tally when the state began."""

_ATOMIC = getattr(sys, "_is_gil_enabled", lambda: True)()
"""Whether a ticket is one step: without the interpreter's lock, all calls take the breaker's."""


class Core:
    """Let calls through or refuse them, and keep what became of them.

    Most calls take the lock neither before nor after: it is for failures, slow calls, trials, the
    first calls, and changes of state.
    """

    __slots__ = (
        "__weakref__",
        "_clock",
        "_held",
        "_later",
        "_limit",
        "_lock",
        "_observers",
        "_passes",
        "_plain",
        "_refuses",
        "name",
        "settings",
    )

    _held: Held

    def _begin(
        self, name: str, settings: Settings, clock: Clock, observers: Sequence[Observer]
    ) -> None:
        if not isinstance(name, str) or not name.strip():
            raise DefinitionError("name", name, "give a text that isn't empty")
        self.name = name
        self.settings = settings
        self._clock = clock.monotonic
        self._observers = tuple(observers)
        slow = settings.slow_call
        self._limit = math.inf if slow is None else slow.total_seconds()
        self._plain = settings.failures is Exception and not settings.ignores
        self._lock: Any = threading.RLock()  # Any: who owns it is a private matter
        self._later: Later = []
        self._passes: Tickets | None = None
        self._refuses: Tickets | None = None
        circuit = circuits.begin(settings, clock.monotonic(), random.getrandbits(64))
        self._keep(circuit, self._tickets(circuit), 0, 0, 0)
        _family.add(self)

    def _acquire(self) -> Tickets | Permit:
        """Permit a call that nothing is known of without the lock, or refuse it."""
        refuses, at = self._refuses, self._clock()
        if refuses is not None and at < refuses.until:
            number = next(refuses.numbers)
            if self._refuses is not refuses:
                self._refused_late(refuses, number)
            raise CircuitOpenError(self.name, refuses.label, refuses.until, at)
        permit = Permit(self._later)
        # Its name is free: if another had it before, it is dead, and its drop comes before this.
        answer, held = self._step(steps.asked, at, permit, id(permit))
        if answer is not None:
            return permit
        state = held[0].state
        until = state.until if isinstance(state, Open) else math.inf
        raise CircuitOpenError(self.name, state.label, until, at)

    def _refused_late(self, refuses: Tickets, number: int) -> None:
        """Count a refusal whose state was about to end."""
        self._step(steps.refused_late, refuses, number)

    def _step(self, do: Step, *args: Any) -> tuple[Any, Held]:
        """Make a step under the lock, and tell of it; the answer, and what is held then.

        In a finalizer this thread may hold the lock already, at any point of a step. Then the step
        is made later, and nothing can be asked.
        """
        if self._lock._is_owned():
            self._later.append((do, args))
            return None, self._held
        with self._lock:
            told = self._caught_up() if self._later else ()
            answer, news = self._make(do, args)
            held = self._held
        if self._observers and (news or told):
            self._tell((*told, *news))
        return answer, held

    def _ended(
        self,
        permit: Tickets | Permit,
        at: float,
        seconds: float,
        failed: bool | None,  # noqa: FBT001 - for every failure, and keywords cost
        of: Any,
    ) -> None:
        """Record an outcome under the lock: a failure, a slow call, a trial, one of the first."""
        slow = seconds >= self._limit
        wait = self._wait(of) if failed else None
        self._step(steps.recorded, permit.generation, permit.number, at, failed, slow, wait)
        if isinstance(permit, Permit):
            permit.later = None
        if slow and failed is not None and self._observers:
            self._tell((Slow(self._held[0].state, seconds),))

    def _raised(self, permit: Tickets | Permit, began: float, error: BaseException) -> None:
        """Record a call that raised. A fast failure to spare is noted, and counted later."""
        at = self._clock()
        spared = permit.spare and at < permit.until and at - began < self._limit
        if spared and isinstance(error, Exception) and not self._lock._is_owned():
            with self._lock:
                tickets = self._passes
                if tickets and tickets is permit and tickets.spare:
                    taken = MOST - length_hint(tickets.numbers)
                    by, depth = taken - tickets.marked + 1, tickets.depth
                    # No call from here on, and so no signal: all of it is noted, or nothing.
                    tickets.marks = tickets.marks << (by if by < depth else depth) | 1  # noqa: FURB136
                    tickets.marked = taken
                    tickets.failed += 1
                    tickets.spare -= 1
                    return
        self._ended(permit, at, at - began, self._is_failure(error), error)

    def _is_failure(self, error: BaseException) -> bool | None:
        try:
            return self.settings.failed(error)
        except Exception as broken:  # noqa: BLE001 - what the call raised must get through
            self._warn("a breaker can't tell whether an exception is a failure", broken)
            return True

    def _caught_up(self) -> tuple[Notice, ...]:
        """Make the steps that waited for the lock."""
        told: tuple[Notice, ...] = ()
        while self._later:
            told += self._make(*self._later.pop(0))[1]
        return told

    def _make(self, do: Step, args: tuple[Any, ...]) -> tuple[Any, tuple[Notice, ...]]:
        circuit, tickets, counted, tally, before = self._held
        if tickets.failed:
            calls = tickets.marked - counted + tickets.failed
            circuit = circuits.mark(circuit, calls, tickets.failed, tickets.marks)
        taken = tickets.taken()
        passed = taken - tickets.marked if tickets.passes else 0
        after, answer, told, counts = do(circuit, passed, *args)
        if tickets.end is not None or not self._fits(tickets, after):
            # From now on, who takes a ticket finds out that it is late. Some may have been taken
            # since they were counted, so the step is made again.
            self._passes = self._refuses = None
            taken = tickets.close()
            passed = taken - tickets.marked if tickets.passes else 0
            after, answer, told, counts = do(circuit, passed, *args)
        tally += (taken - counted) * (SUCCESS if tickets.passes else REFUSED)
        tally += tickets.failed * FAILURE
        if after.state.generation != circuit.state.generation:
            before = tally
        if tickets.end is not None:
            tickets, taken = self._tickets(after), 0
        self._keep(after, tickets, taken, tally + counts, before)
        return answer, told

    def _keep(self, *held: *Held) -> None:
        circuit, tickets, counted, _, _ = held
        eligible = tickets.passes and tickets.until > -math.inf and self._plain
        spared, depth = circuits.spare(circuit) if eligible else 0, circuit.window.depth
        # No call from here on, and so no signal: all of it is kept, or nothing.
        self._held = held
        tickets.spare, tickets.depth = spared, depth
        tickets.marked = counted
        tickets.failed = tickets.marks = 0
        self._passes = tickets if tickets.passes else None
        self._refuses = None if tickets.passes else tickets

    def _fits(self, tickets: Tickets, circuit: Circuit) -> bool:
        return tickets.generation == circuit.state.generation and tickets.until == self._until(
            circuit
        )

    def _tickets(self, circuit: Circuit) -> Tickets:
        state = circuit.state
        return Tickets(state.generation, state.label, self._until(circuit), passes=state.permits)

    def _until(self, circuit: Circuit) -> float:
        """Return until when calls need no lock: fast successes, or refusals."""
        state, window = circuit.state, circuit.window
        if not _ATOMIC:
            return -math.inf
        if state.permits:
            rated = state.measures and window.calls >= window.minimum
            return window.until if rated else -math.inf
        if self._observers:  # they are told of each refusal
            return -math.inf
        if isinstance(state, Open):
            return state.until
        return math.inf if isinstance(state, Isolated) else -math.inf

    def _wait(self, of: Any) -> float | None:
        """Ask for how long a failure says to stay away, in seconds."""
        retry_after = self.settings.retry_after
        if retry_after is None:
            return None
        try:
            found = retry_after(of)
            return None if found is None else max(found.total_seconds(), 0.0)
        except Exception as broken:  # noqa: BLE001 - as above
            self._warn("a breaker can't tell when to try again", broken)
            return None

    def _tell(self, told: Sequence[Notice]) -> None:
        for notice in told:
            for observer in self._observers:
                try:
                    observer(self, notice)
                except Exception as broken:  # noqa: BLE001 - observers are the application's code
                    self._warn("a breaker's observer failed", broken)

    def _warn(self, what: str, error: Exception) -> None:
        warn(what, breaker=self.name, error=type(error).__name__)

    def _in_child(self) -> None:
        self._lock = threading.RLock()
        self._later.clear()
        self._make(steps.forked, (self._clock(), random.getrandbits(64)))


class _Family:
    """Know all breakers of this process, so that a child of it can make them anew.

    One hook for all of them: what is known of each takes a tenth of a breaker's memory.
    """

    def __init__(self) -> None:
        self._members: weakref.WeakSet[Core] = weakref.WeakSet()
        at_fork(self._in_child)

    def add(self, breaker: Core) -> None:
        """Make a breaker anew in every child, for as long as it lives."""
        self._members.add(breaker)

    def _in_child(self) -> None:
        for breaker in list(self._members):
            breaker._in_child()  # pyright: ignore[reportPrivateUsage]


# As the interpreter's hooks are of the whole process, this is, too.
_family = _Family()
