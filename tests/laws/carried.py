"""Changes that are carried to targets: plans, everything that can be told of a target, and crashes.

A process here dies as a real one does: between any two of the things that others can see, it does
nothing any more.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from datetime import datetime
from functools import partial
from typing import Any

from safedeploy import events
from safedeploy.changes import Change
from safedeploy.deliveries import Delivered, Stage
from safedeploy.engine import Engine
from safedeploy.errors import JournalUnavailableError
from safedeploy.events import Event
from safedeploy.explanations import waits
from safedeploy.health import HealthModel
from safedeploy.journals import MemoryJournal
from safedeploy.plans import Plan, Ring
from safedeploy.rings import Place
from safedeploy.rollbacks import RollbackPolicy
from safedeploy.signals import Objective, Usage
from safedeploy.states import Rollout
from safedeploy.targets import Order, Regions, Target
from safedeploy.testing import FakeClock, FakeTarget
from safedeploy.verdicts import Counts, Measurement, Scope
from tests.laws.histories import AUTHOR, EVERY, START, STRANGE, Move

CHANGE = Change.code("shop", version="2", author=AUTHOR)
HEALTH = HealthModel(Objective(0.99), Usage(at_least=10))


def delivering(
    *targets: Target | str, halt_unapplied: bool = False, ask: bool = False, late: int = 90
) -> Plan:
    """Make a plan with a ring for each target."""
    return Plan(
        rings=tuple(
            Ring(
                f"ring {number}",
                percent=100,
                bake=EVERY,
                target=target,
                deadline=late * EVERY,
            )
            for number, target in enumerate(targets)
        ),
        health=HEALTH,
        on_issue=RollbackPolicy.roll_back(ask=ask, halt_unapplied=halt_unapplied),
        alert_deadline=2 * EVERY,
        assess_every=EVERY,
        must_see=10,
    )


def started(plan: Plan) -> events.Started:
    """Make the event that a history begins with."""
    return events.Started(START, CHANGE, plan)


def _told(stage: Stage, ring: int, rollout: Rollout, at: datetime) -> Event:
    place = rollout.plan.place(min(ring, len(rollout.plan.rings) - 1))
    return Delivered(at, place or Place("nowhere"), f"ring {ring}", stage, "said so")


TOLD: dict[str, Move] = {
    **{name: STRANGE[name] for name in ("user alert", "health alert", "resumed", "withdrawn")},
    **{name: STRANGE[name] for name in ("applied again", "applied elsewhere", "woken late")},
    **{
        f"ring {ring} {stage.value}": partial(_told, stage, ring)
        for ring in (0, 1)
        for stage in Stage
    },
}
"""What can come besides: whatever a target can be said to have done, in time or not."""


class DeadError(Exception):
    """Nothing of a dead process reaches anybody."""


class Process:
    """A process that is killed at a point, counted from 1; 0 for none."""

    def __init__(self, cut: int = 0) -> None:
        self.is_alive = True
        self.passed = 0
        self._cut = cut

    def here(self) -> None:
        self.passed += 1
        if self.passed == self._cut:
            self.is_alive = False
        if not self.is_alive:
            raise DeadError

    def around(self, work: Callable[..., Any]) -> Callable[..., Any]:
        def done(*args: Any, **options: Any) -> Any:
            self.here()
            found = work(*args, **options)
            self.here()
            return found

        return done


class Mortal:
    """Whatever a process uses, of which some methods are points where it can be killed."""

    def __init__(self, used: object, process: Process, points: Sequence[str]) -> None:
        self._used, self._process, self._points = used, process, points

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._used, name)
        if not self._process.is_alive and callable(found):
            raise DeadError
        return self._process.around(found) if name in self._points else found


class Fine:
    """A source that finds nothing wrong; of a ring that is a canary, ten in a hundred are."""

    def measure(self, scope: Scope, at: datetime) -> Measurement:
        used = Counts(exposures=1000, units=1000, failures=0, fresh=1000)
        rest = Counts(exposures=9000, units=9000, failures=0, fresh=9000)
        return Measurement(at, at, used, rest if scope.ring == "canary" else Counts())


class Yard:
    """An engine with one release of a change, in virtual time."""

    def __init__(self, plan: Plan, *, journal: MemoryJournal | None = None, **options: Any) -> None:
        self.clock = FakeClock(START)
        self.journal = journal or MemoryJournal()
        self.source = Fine()
        self.engine = Engine(clock=self.clock, journal=self.journal, source=self.source, **options)
        self.released = self.engine.release(CHANGE, plan)

    @property
    def rollout(self) -> Rollout:
        return self.engine.rollout(self.released)

    @property
    def stages(self) -> list[str]:
        return [f"{each.place} {each.stage.value}" for each in self.rollout.deliveries]

    def tick(self, times: int = 1) -> str:
        for _ in range(times):
            self.engine.tick()
            self.clock.advance(EVERY)
        return self.rollout.state.label

    def bake(self, ring: int) -> None:
        """Go on until a ring bakes."""
        for _ in range(20):
            self.tick()
            if (self.rollout.state.ring, self.rollout.state.label) == (ring, "baking"):
                break

    def recorded(self, kind: type[Event] = Delivered) -> list[Any]:
        return [each for each in self.journal.read(self.released.id) if type(each) is kind]

    def waits(self) -> list[str]:
        return [each["text"] for each in waits(self.rollout, self.clock.now())]


class Broken(MemoryJournal):
    """A journal that can't be written for a while."""

    is_broken = False

    def append(self, *args: Any, **options: Any) -> int:
        if self.is_broken:
            raise JournalUnavailableError("journal", "x", "later")
        return super().append(*args, **options)


class Recorder(FakeTarget):
    """A target that looks, whenever it is asked, whether the journal says so already."""

    def __init__(self, name: str, journal: MemoryJournal) -> None:
        super().__init__(name)
        self.journal = journal
        self.place = name

    def apply(self, order: Order) -> None:
        assert self.said(Stage.BEGUN), "it is saved first"
        super().apply(order)

    def said(self, stage: Stage) -> bool:
        told = (entry.event for entry in self.journal.entries())
        return any(
            isinstance(each, Delivered) and (each.place.target, each.stage) == (self.place, stage)
            for each in told
        )


class World:
    """A rollout over two targets, of which the last is two regions; processes that may die.

    Args:
        cut: the point at which the first process is killed; 0 for none.
        halts: after how many ticks a user's alert halts; never, unless given.
    """

    def __init__(self, cut: int = 0, *, halts: int | None = None) -> None:
        self.journal = MemoryJournal()
        self.clock = FakeClock(START)
        self.real = [Recorder(name, self.journal) for name in ("staging", "eu", "us")]
        self.real[1].place = self.real[2].place = "production"
        self.first = Process(cut)
        self.ticks = 0
        self._halts = halts
        self._run(self.first)
        if not self.first.is_alive:
            self._run(Process())

    def _run(self, process: Process) -> None:
        staging, *regions = (Mortal(it, process, ("apply", "withdraw")) for it in self.real)
        production = Regions("production", regions)
        journal: Any = Mortal(self.journal, process, ("append",))
        try:
            self.engine = Engine(clock=self.clock, journal=journal, source=Fine())
            plan = delivering(staging, production)
            self.rollout = self.engine.release(CHANGE, plan)
            while process.is_alive and self.rollout.in_flight:
                self._tick()
        except DeadError:
            pass

    def _tick(self) -> None:
        self.engine.tick()
        self.ticks += 1
        self.rollout = self.engine.rollout(self.rollout)
        if self._halts is not None and self.ticks >= self._halts and self._can_halt():
            self.rollout = self.engine.alert(self.rollout, by_user=True, reason="it hurts")
        self.clock.advance(EVERY)
        assert self.ticks < 100

    def _can_halt(self) -> bool:
        return self.rollout.in_flight and not self.rollout.is_withdrawn


def points(halts: int | None) -> Iterator[int]:
    """Go through all points at which a process may be killed."""
    return iter(range(1, World(halts=halts).first.passed + 1))
