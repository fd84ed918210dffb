"""Laws of a plan's breaker: what it withdraws stays withdrawn, and everybody learns of it."""

from __future__ import annotations

from datetime import timedelta

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from safedeploy import circuits, events, states
from safedeploy.circuits import Circuit, Settings, TripsWhen
from safedeploy.engine import Engine
from safedeploy.plans import Ring
from safedeploy.verdicts import Verdict
from tests.laws.histories import EVERY
from tests.laws.shops import Shop, customer, quick

HALF = 50
WHEN = TripsWhen(failure_rate=0.5, minimum_calls=6, window=12, consecutive_failures=8)
RINGS = (Ring("half", percent=HALF, bake=timedelta(days=9)),)
PLAN = attrs.evolve(quick(), rings=RINGS, breaker=WHEN)
SETTINGS = {
    "new": Settings(failure_rate=0.5, minimum_calls=6, window=12, consecutive_failures=8),
    "old": Settings(failure_rate=0.5, minimum_calls=5, window=12, consecutive_failures=8),
}

calls = st.tuples(st.sampled_from(["old", "new", "new"]), st.booleans())
ways = st.sampled_from(["tick", "elsewhere", "resume", "wait"])
histories = st.lists(st.one_of(calls, calls, calls, calls, ways), min_size=20, max_size=60)


class Tried:
    """A process with a plan's breaker, another one on its journal, and what should come of both."""

    def __init__(self) -> None:
        self.shop = Shop(plan=PLAN)
        self.engine = self.shop.engine
        self.engine.tick()
        self.other = Engine(clock=self.shop.clock, journal=self.shop.journal)
        people = range(60)
        reached = {n for n in people if "new" == self.engine.value(Shop.flag, customer(n))}
        self.people = {"new": sorted(reached), "old": sorted({*people} - reached)}
        self.circuits = {arm: circuits.begin(each, 0.0) for arm, each in SETTINGS.items()}
        self.verdict: Verdict | None = None
        self.accepted = self.told = False

    def call(self, arm: str, *, fails: bool) -> None:
        """Serve somebody of an arm, who gets the stable value once the breaker has tripped."""
        unit = customer(self.people[arm][self.shop.served % 20])
        self.shop.served += 1
        with self.engine.guard(Shop.flag, unit) as exposure:
            if fails:
                exposure.fail()
        withdrawn = self.verdict is Verdict.HALT
        assert ("old" if withdrawn else arm) == exposure.value
        if not withdrawn:
            self.circuits[arm] = self.after(self.circuits[arm], fails)
        if arm == "new" and self.verdict is None and self.is_open:
            baseline = self.circuits["old"]
            shared = baseline.terms.settings.condition.holds(baseline.window)
            self.verdict = Verdict.INVESTIGATE if shared else Verdict.HALT

    def after(self, circuit: Circuit, fails: bool) -> Circuit:
        """Return what the pure machine says; the baseline's never trips."""
        window = circuit.window.record(0.0, fails, False)
        if circuit is self.circuits["old"]:
            return attrs.evolve(circuit, window=window)
        generation = circuit.state.generation
        return circuits.record(circuit, generation, circuits.ORDINARY, 0.0, failed=fails)[0]

    @property
    def is_open(self) -> bool:
        """Whether the canary's breaker has tripped."""
        return isinstance(self.circuits["new"].state, circuits.Open)

    def tick(self) -> None:
        """Let this process do what it owes: it records the trip, whatever that is."""
        self.engine.tick()
        state = self.shop.rollout.state
        if self.verdict is Verdict.HALT:
            assert isinstance(state, states.Stopped)
            assert isinstance(state.cause, events.Tripped)
            self.told = True
        elif self.verdict is Verdict.INVESTIGATE:
            assert isinstance(state, states.Baking if self.accepted else states.Paused)
            self.verdict = None
            self.circuits["new"] = circuits.begin(SETTINGS["new"], 0.0)

    def elsewhere(self) -> None:
        """Let another process tick: it withdraws as soon as the trip is recorded."""
        self.other.tick()
        value = self.other.value(Shop.flag, customer(self.people["new"][0]))
        assert ("old" if self.told else "new") == value

    def resume(self) -> None:
        """Go on, if a person is asked; who was asked isn't asked again."""
        if isinstance(self.shop.rollout.state, states.Paused):
            self.engine.resume(self.shop.rollout, by="7", reason="the database was slow")
            self.accepted = True

    def wait(self) -> None:
        """Let time pass, much more than breakers are open for."""
        self.shop.clock.advance(20 * EVERY)


@pytest.mark.law("B6")
@pytest.mark.law("E4")
@pytest.mark.law("J1")
@given(histories)
def test_a_breaker_withdraws_at_once_for_good_and_everywhere(
    history: list[str | tuple[str, bool]],
) -> None:
    """The pure machine, told of each arm's calls, says when the stable value is served here; the
    next tick records why, and the other process follows. Where both arms fail, a person is asked
    once. No time that passes, and nothing that goes well, exposes anybody again.
    """
    tried = Tried()
    for step in history:
        if isinstance(step, tuple):
            tried.call(step[0], fails=step[1])
        else:
            getattr(tried, step)()
    for _ in range(2):
        tried.tick()
        tried.elsewhere()
