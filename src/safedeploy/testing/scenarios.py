"""Scenarios: hours of a rollout under made-up traffic, in milliseconds, on the real engine."""

from __future__ import annotations

import random
from datetime import timedelta

import attrs

from safedeploy.contexts import Context
from safedeploy.engine import Engine
from safedeploy.errors import DefinitionError
from safedeploy.flags import FeatureFlag
from safedeploy.gates import Approval, leaves
from safedeploy.journals import MemoryJournal
from safedeploy.openings import asked
from safedeploy.people import Person
from safedeploy.plans import Plan
from safedeploy.states import Rollout, State
from safedeploy.testing.clocks import FakeClock

_FLAG = FeatureFlag.boolean("scenario")


def per_minute(requests: float) -> float:
    """Return a rate of traffic, in requests per second."""
    return requests / 60


@attrs.frozen
class Report:
    """Say how a scenario ended.

    Attributes:
        rollout: the rollout at the end.
        took: how much time had passed by then.
        requests: how many requests were made.
        exposed_requests: how many of them got the change.
        failed_requests: how many failed, for whatever reason.
        harmed_requests: how many failed because of the defect.
    """

    rollout: Rollout
    took: timedelta
    requests: int
    exposed_requests: int
    failed_requests: int
    harmed_requests: int

    @property
    def state(self) -> State:
        """The state that the rollout ended in."""
        return self.rollout.state

    @property
    def ring(self) -> str:
        """The name of the ring that it ended in."""
        return self.rollout.ring.name

    @property
    def reason(self) -> str:
        """Why it halted; empty if it didn't."""
        cause = getattr(self.state, "cause", None)
        return cause.reason if cause else ""


@attrs.frozen
class Scenario:
    """Release a flag along a plan, under traffic in which every request is somebody else's.

    The plan's checks run their functions; people who are asked to approve do so at once.

    Args:
        plan: the plan to try.
        traffic: requests per second; `per_minute` helps.
        baseline: the rate at which requests fail without the change, 0..1.
        defect: the rate at which requests fail because of the change, 0..1.
        begins: the name of the ring from which the defect shows; from the first, if empty.
        seed: what the dice are thrown with; the same seed gives the same report.
    """

    plan: Plan
    traffic: float = attrs.field(kw_only=True)
    baseline: float = attrs.field(default=0.01, kw_only=True)
    defect: float = attrs.field(default=0.0, kw_only=True)
    begins: str = attrs.field(default="", kw_only=True)
    seed: int = attrs.field(default=1, kw_only=True)

    def __attrs_post_init__(self) -> None:
        if not 0 < self.traffic * self.plan.assess_every.total_seconds() <= 1_000_000:
            raise DefinitionError("traffic", self.traffic, "give requests per second, above 0")

    def fails(self, ring: str, *, error_rate: float, baseline: float) -> Scenario:
        """Return a scenario whose change is defective.

        Args:
            ring: the name of the ring from which the defect shows.
            error_rate: the rate at which requests fail that get the change, 0..1.
            baseline: the rate at which the others fail, at most `error_rate`.

        Raises:
            DefinitionError: no such ring, or rates that aren't in order.
        """
        names = [each.name for each in self.plan.rings]
        if ring not in names:
            raise DefinitionError("ring", ring, f"choose one of {names}")
        if not 0 <= baseline <= error_rate <= 1:
            raise DefinitionError("error_rate", error_rate, "give a rate from the baseline's to 1")
        defect = (error_rate - baseline) / (1 - baseline) if baseline < 1 else 0.0
        return attrs.evolve(self, baseline=baseline, defect=defect, begins=ring)

    def run(self, *, hours: float) -> Report:
        """Let time pass until the rollout is over, or the hours are; an engine tick at a time."""
        return _Run(self).until(timedelta(hours=hours))


class _Run:
    def __init__(self, scenario: Scenario) -> None:
        self.scenario = scenario
        self.dice = random.Random(scenario.seed)  # noqa: S311 - a simulation keeps no secrets
        self.clock = FakeClock()
        self.engine = Engine(clock=self.clock, journal=MemoryJournal())
        self.rollout = self.engine.release(_FLAG.serve("on"), scenario.plan, author="the author")
        self.requests = self.exposed = self.failed = self.harmed = 0

    def until(self, end: timedelta) -> Report:
        every, took = self.scenario.plan.assess_every, timedelta(0)
        owed = 0.0
        self.engine.tick()
        self.approve()
        while took < end and self.engine.rollout(self.rollout).in_flight:
            owed += self.scenario.traffic * every.total_seconds()
            while owed >= 1:
                owed -= 1
                self.request()
            self.clock.advance(every)
            took += every
            self.engine.tick()
            self.approve()
        return Report(
            self.engine.rollout(self.rollout),
            took,
            self.requests,
            self.exposed,
            self.failed,
            self.harmed,
        )

    def request(self) -> None:
        self.requests += 1
        with self.engine.guard(_FLAG, Context(str(self.requests))) as exposure:
            self.exposed += exposure.value
            harmed = exposure.value and self.shows() and self.dice.random() < self.scenario.defect
            if harmed or self.dice.random() < self.scenario.baseline:
                exposure.fail()
                self.failed += 1
                self.harmed += harmed

    def approve(self) -> None:
        """Let enough people approve whatever is asked for now."""
        rollout = self.engine.rollout(self.rollout)
        for gate in leaves(asked(rollout, rollout.state)):
            if isinstance(gate, Approval):
                for who in gate.people or map(str, range(gate.quorum)):
                    self.engine.approve(rollout, gate.name, by=Person(who, [gate.role]))

    def shows(self) -> bool:
        """Tell whether the defect shows by now."""
        names = [ring.name for ring in self.scenario.plan.rings]
        begins = names.index(self.scenario.begins) if self.scenario.begins else 0
        return self.engine.rollout(self.rollout).state.ring >= begins
