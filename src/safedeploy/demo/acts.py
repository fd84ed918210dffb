"""Acts: one release each, watched until it is over."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Mapping
from datetime import timedelta

import attrs

from safedeploy.clocks import SystemClock
from safedeploy.demo.crowd import Answer, Crowd
from safedeploy.demo.screen import Screen, standing
from safedeploy.demo.shop import CHECKOUT
from safedeploy.engine import Engine
from safedeploy.health import HealthModel
from safedeploy.plans import Plan, Ring
from safedeploy.signals import ErrorRate, Usage
from safedeploy.states import RolledBack, Rollout

LOOK_EVERY = 0.1

VERSIONS = ("v2", "v3")
"""What is released, an act each."""


@attrs.frozen(kw_only=True)
class Settings:
    """Say how much time the acts take.

    Attributes:
        bake: of every ring.
        must_see: how many times more failures must have been noticeable before a ring is left.
        at_least: requests that a ring must have served.
        linger: seconds for which a halt is looked at.
        patience: seconds after which an act has gone wrong.
    """

    bake: timedelta = timedelta(seconds=1.5)
    must_see: float = 5.0
    at_least: int = 1000
    linger: float = 1.0
    patience: float = 50.0

    @property
    def plan(self) -> Plan:
        """A plan for days, compressed into seconds."""
        return Plan(
            rings=(
                Ring("canary", percent=20, bake=self.bake),
                Ring("half", percent=50, bake=self.bake),
                Ring("everyone", percent=100, bake=self.bake),
            ),
            # So strict that no healthy version is halted by chance, however often this is shown.
            health=HealthModel(ErrorRate(), Usage(at_least=self.at_least), alpha=1e-4),
            must_see=self.must_see,
            # The fewer are held back, the longer it takes until enough of them have been seen.
            holdback=20,
            assess_every=timedelta(seconds=0.1),
        )


@attrs.frozen
class Stage:
    """Hold what all acts share.

    Attributes:
        engine: what releases.
        crowd: who is served meanwhile.
        screen: where it is told.
        settings: how much time there is.
        before: what an earlier run has left in the journal, by version.
    """

    engine: Engine
    crowd: Crowd
    screen: Screen
    settings: Settings
    before: Mapping[str, Rollout]


@attrs.frozen
class Report:
    """Hold how an act ended.

    Attributes:
        version: what was released.
        rollout: its rollout, when it was over.
        seconds: from the release until it halted or completed, within this run.
        seen: the answers that the crowd got in this act, within this run.
        before: the rollout as an earlier run has left it; None where this one began it.
    """

    version: str
    rollout: Rollout
    seconds: float
    seen: Counter[Answer]
    before: Rollout | None = None

    @property
    def is_recorded(self) -> bool:
        """Whether it was over before this run."""
        return self.before is not None and not self.before.in_flight

    @property
    def exposed(self) -> int:
        """How many requests the new version served."""
        return self.count(lambda answer: answer.version == self.version)

    @property
    def harmed(self) -> int:
        """How many requests failed because of a defect."""
        return self.count(lambda answer: answer.is_harm)

    @property
    def late(self) -> int:
        """How many requests that began after a halt the new version served: none, ever."""
        return self.count(lambda answer: answer.late)

    @property
    def halted_in(self) -> str | None:
        """The name of the ring that halted."""
        return self.rollout.ring.name if isinstance(self.rollout.state, RolledBack) else None

    @property
    def reason(self) -> str | None:
        """Why it halted."""
        state = self.rollout.state
        return state.cause.reason if isinstance(state, RolledBack) else None

    def count(self, matches: Callable[[Answer], bool] = lambda _: True) -> int:
        """Count the answers that match; all of them, unless told which."""
        return sum(number for answer, number in self.seen.items() if matches(answer))


def perform(stage: Stage, version: str) -> Report:
    """Release a version of the checkout, and watch it until it is over.

    Raises:
        TimeoutError: it isn't over when patience ends.
    """
    before = stage.before.get(version)
    if before and not before.in_flight:
        stage.screen.say(f"That was over before this run: {standing(before)}.")
        return Report(version, before, 0.0, Counter(), before)
    if before:
        stage.screen.say(f"An earlier run began that. It goes on where it was: {standing(before)}.")
    seen, since = stage.crowd.seen, SystemClock().now()
    started = stage.engine.release(CHECKOUT.serve(version), stage.settings.plan)
    over = _watch(stage, started)
    ended = over.state.since
    if isinstance(over.state, RolledBack):
        ended = over.state.cause.at
        stage.crowd.withdrawn = version
        time.sleep(stage.settings.linger)
    seconds = max(0.0, (ended - (since if before else started.at)).total_seconds())
    return Report(version, over, seconds, stage.crowd.seen - seen, before)


def _watch(stage: Stage, started: Rollout) -> Rollout:
    clock, patience = SystemClock(), stage.settings.patience
    end = clock.monotonic() + patience
    while (rollout := stage.engine.rollout(started)).in_flight:
        if clock.monotonic() >= end:
            raise TimeoutError(f"not over after {patience:g} s, still in ring {rollout.ring.name}")
        stage.screen.show(rollout)
        time.sleep(LOOK_EVERY)
    return rollout
