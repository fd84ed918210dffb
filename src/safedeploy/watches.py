"""Watches: the breakers of plans, which withdraw a change at the very call that shows its harm."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any, Protocol

import attrs

from safedeploy.breakers import CircuitBreaker, Metrics, Observer, witness
from safedeploy.circuits import Cause, Notice, Open, Settings, Transitioned, TripsWhen
from safedeploy.clocks import Clock
from safedeploy.states import Rollout
from safedeploy.streams import key_of
from safedeploy.trips import Calls, Trip
from safedeploy.verdicts import Scope, Verdict


class Shell(Protocol):
    """What a watch asks of whoever serves flags. None of it takes a lock or waits."""

    def withhold(self, key: str) -> None:
        """Serve a flag's stable definition from now on."""
        ...

    def let_go(self, key: str) -> None:
        """Serve what its rollout says, again."""
        ...


class Watch:
    """Watch both arms of one exposure in this process, with a breaker for each.

    The canary's trips; the baseline's only measures, to be looked at then. Neither refuses a call,
    and neither is ever asked for a trial, so what has tripped exposes nobody again.

    Args:
        scope: the exposure.
        flag: the key of the flag, or another subject.
        when: when the canary's trips.
        share: the share of contexts that the change has reached, above 0 and up to 1.
        clock: the time.
        shell: told to serve the stable definition.
        changed: called when it has tripped, so that a tick is due.
        observers: of the canary's breaker.
    """

    def __init__(
        self,
        scope: Scope,
        flag: str,
        when: TripsWhen,
        share: float,
        *,
        clock: Clock,
        shell: Shell,
        changed: Callable[[], object],
        observers: Sequence[Observer],
    ) -> None:
        self.flag = flag
        self.is_over = False
        self._scope = scope
        self._shell, self._changed = shell, changed
        self._clock = clock
        self._observers = (self._observe, *observers)
        self._canary_when = _settings(when)
        self._baseline_when = _settings(when.beside((1 - share) / share))
        self.restart()

    def restart(self) -> None:
        """Begin anew: in a child process, another thread's lock would be held for ever."""
        subject, clock = self._scope.change.rpartition("@")[0], self._clock
        self._trips: dict[int, Trip] = {}
        self._baseline = CircuitBreaker.of(subject, self._baseline_when, clock=clock)
        self._baseline.only_measure(reason="it is looked at when the canary's trips")
        self._canary = CircuitBreaker.of(
            subject, self._canary_when, clock=clock, observers=self._observers
        )

    def canary(self, began: float, *, failed: bool) -> None:
        """Take note of how a call of the canary arm ended."""
        witness(self._canary, began, failed=failed)

    def baseline(self, began: float, *, failed: bool) -> None:
        """Take note of how a call of the baseline arm ended."""
        witness(self._baseline, began, failed=failed)

    def look(self) -> Trip | None:
        """Return what the canary's breaker has tripped on; None unless it has."""
        seen = self._canary.metrics
        if not isinstance(seen.state, Open):
            return None
        # Whoever looks first decides, so that all who look see the same.
        return self._trips.setdefault(seen.state.generation, self._judged(seen))

    def go_on(self) -> None:
        """Watch afresh, after a trip that a person is to look at."""
        self._canary.reset(reason="a person was asked to look")

    def _judged(self, canary: Metrics) -> Trip:
        baseline = self._baseline.metrics
        verdict = Verdict.INVESTIGATE if baseline.breached else Verdict.HALT
        return Trip(self._scope, verdict, _calls(canary), _calls(baseline))

    def _observe(self, _: object, notice: Notice) -> None:
        if not isinstance(notice, Transitioned) or notice.cause is not Cause.TRIPPED:
            return
        trip = self.look()
        if trip and trip.verdict is Verdict.HALT:
            self._shell.withhold(self.flag)
            if self.is_over:  # it ended meanwhile, and what it held was let go
                self._shell.let_go(self.flag)
        self._changed()


class Watches:
    """Watch the present exposure of each rollout whose plan has a breaker.

    Its engine's lock is held around every method, but not when a breaker trips.

    Args:
        clock: the time.
        shell: told what to serve.
        changed: called when a breaker has tripped, so that a tick is due.
        observers: of the canaries' breakers.
    """

    def __init__(
        self,
        clock: Clock,
        shell: Shell,
        changed: Callable[[], object],
        observers: Sequence[Observer] = (),
    ) -> None:
        self._clock = clock
        self._shell, self._changed = shell, changed
        self._observers = tuple(observers)
        self._open: dict[str, Watch] = {}
        self._left: dict[str, tuple[str, Trip]] = {}

    def open(self, rollout: Rollout, percent: float) -> Watch | None:
        """Begin to watch a rollout's exposure, instead of an earlier one; None without a breaker.

        Args:
            rollout: which.
            percent: the share of contexts that it has reached, above 0 and up to 100.
        """
        self.close(rollout.id)
        when, flag = rollout.plan.breaker, key_of(rollout.change)
        if when is None:
            return None
        self._open[rollout.id] = watch = Watch(
            rollout.scope,
            flag,
            when,
            percent / 100,
            clock=self._clock,
            shell=self._shell,
            changed=self._changed,
            observers=self._observers,
        )
        return watch

    def close(self, rollout: str) -> None:
        """Watch a rollout's exposure no more; what tripped there is to be told still."""
        if watch := self._open.pop(rollout, None):
            watch.is_over = True
            if trip := watch.look():
                self._left[rollout] = (watch.flag, trip)

    def tripped(self) -> Iterator[tuple[str, Trip]]:
        """Go through the rollouts whose breakers have tripped, until that is settled."""
        yield from [(rollout, trip) for rollout, (_, trip) in self._left.items()]
        for rollout, watch in list(self._open.items()):
            if trip := watch.look():
                yield rollout, trip

    def settle(self, rollout: str) -> None:
        """Take note that a rollout knows of its trip: from now on it says what is served."""
        flag, _ = self._left.pop(rollout, ("", None))
        if not flag:  # it is watched still
            flag = self._open[rollout].flag
            self._open[rollout].go_on()
        self._shell.let_go(flag)

    def restart(self) -> None:
        """Begin anew in a child process: what tripped is the parent's to tell."""
        for flag, _ in self._left.values():
            self._shell.let_go(flag)
        self._left.clear()
        for watch in self._open.values():
            watch.restart()
            self._shell.let_go(watch.flag)


def _settings(when: TripsWhen) -> Settings:
    told: dict[str, Any] = {
        each.name: getattr(when, each.name) for each in attrs.fields(TripsWhen) if each.init
    }
    return Settings(**told)


def _calls(seen: Metrics) -> Calls:
    return Calls(seen.calls, seen.failures, seen.slow)
