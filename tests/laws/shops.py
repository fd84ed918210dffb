"""A shop: an engine, a flag under release, and customers, in virtual time."""

from __future__ import annotations

import random
from collections.abc import Callable
from datetime import datetime, timedelta

from safedeploy.contexts import Context
from safedeploy.engine import Engine
from safedeploy.flags import FeatureFlag
from safedeploy.health import HealthModel
from safedeploy.journals import Journal, MemoryJournal
from safedeploy.metrics import MetricSource
from safedeploy.plans import Plan, Ring
from safedeploy.signals import ErrorRate, Usage
from safedeploy.states import Rollout
from safedeploy.telemetry import Observer
from safedeploy.testing import FakeClock
from tests.laws.histories import EVERY, START


def quick(*, bake: timedelta = 3 * EVERY, at_least: int = 10) -> Plan:
    """Make a plan that a few hundred customers carry through."""
    return Plan(
        rings=(
            Ring("canary", percent=20, bake=bake),
            Ring("half", percent=50, bake=bake),
            Ring("everyone", percent=100, bake=bake),
        ),
        health=HealthModel(ErrorRate(rare=0.2), Usage(at_least=at_least)),
        holdback=20,
        must_see=10,
        assess_every=EVERY,
    )


def customer(number: int) -> Context:
    """Make a customer to whom every rule of these tests could apply."""
    return Context(f"user-{number}", {"plan": "beta"}, groups=["staff"])


class Shop:
    """Release `flag` to new customers every interval, until the rollout is over."""

    flag = FeatureFlag("checkout", {"old": "old", "new": "new"}, "old")

    def __init__(
        self,
        *,
        plan: Plan | None = None,
        definition: FeatureFlag[str] | None = None,
        defect: float = 0.0,
        customers: int = 100,
        journal: Journal | None = None,
        source: MetricSource | None = None,
        start: datetime = START,
        attempt: int = 1,
        author: str | None = None,
        observer: Observer = lambda *_: None,
    ) -> None:
        self.clock = FakeClock(start)
        self.journal = journal or MemoryJournal()
        self.engine = Engine(
            clock=self.clock, journal=self.journal, source=source, observers=[observer]
        )
        self.defect = defect
        self.customers = customers
        self.dice = random.Random(1)
        self.served = 0
        definition = definition or self.flag.serve("new")
        self.released = self.engine.release(
            definition, plan or quick(), attempt=attempt, author=author
        )

    @property
    def rollout(self) -> Rollout:
        """The rollout as it is now."""
        return self.engine.rollout(self.released)

    def serve_an_interval(self) -> None:
        """Tick, serve the customers of one interval, and let the interval pass."""
        self.engine.tick()
        for _ in range(self.customers):
            self.served += 1
            with self.engine.guard(self.flag, customer(self.served)) as exposure:
                if exposure.value == "new" and self.dice.random() < self.defect:
                    exposure.fail()
        self.clock.advance(EVERY)

    def open(self, *, intervals: int = 200) -> Shop:
        """Serve until the rollout is over, or waits for somebody."""
        for _ in range(intervals):
            asks = self.rollout.plan.on_issue.ask and self.rollout.is_withdrawn
            if asks or not self.rollout.in_flight:
                break
            self.serve_an_interval()
        return self

    def close(self) -> Shop:
        """Let another shop on the same journal go on at once."""
        self.engine.stop()
        return self

    def stop(self, how: str) -> None:
        """Stop the release by one of the ways that people have."""
        ways: dict[str, Callable[[], object]] = {
            "alert": lambda: self.engine.alert(self.rollout, by_user=True, reason="it hurts"),
            "abort": lambda: self.engine.abort(self.rollout, by="7", reason="better not"),
            "kill": lambda: self.engine.kill(self.flag, by="7", reason="it burns"),
        }
        ways[how]()
