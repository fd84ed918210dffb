"""The laws of watching, A3 to A6 and A11, on an engine whose source is scripted; and A13."""

from __future__ import annotations

from datetime import datetime, timedelta
from random import Random

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from safedeploy import rollouts, states
from safedeploy.assessments import TOLERANCE
from safedeploy.events import Assessed
from safedeploy.guards import Guard
from safedeploy.health import HealthModel
from safedeploy.plans import Plan, Ring
from safedeploy.signals import Usage
from safedeploy.states import Baking, Rollout
from safedeploy.verdicts import Counts, Measurement, Scope, Verdict, join
from tests.laws.histories import EVERY
from tests.laws.shops import Shop, customer, quick
from tests.laws.test_sharing import FLAG, Crowd, named

ENOUGH = Counts(exposures=50, units=50, failures=0)
REST = Counts(exposures=200, units=200, failures=20)
BLOCKS = {
    "healthy": (ENOUGH, REST),
    "a trickle": (Counts(1, 1, 0, 0), REST),
    "a dead canary": (Counts(), REST),
    "a dead baseline": (ENOUGH, Counts()),
    "silence": (Counts(), Counts()),
    "a bad split": (attrs.evolve(ENOUGH, fresh=500), attrs.evolve(REST, fresh=10)),
    "burning": (attrs.evolve(ENOUGH, failures=40), REST),
    "a bad split that burns": (Counts(50, 50, 40, 500), attrs.evolve(REST, fresh=10)),
}


class Script:
    """Measure what a test says; raise where it says nothing."""

    def __init__(self) -> None:
        self.block: str | None = "healthy"
        self.measured = 0

    def measure(self, scope: Scope, at: datetime) -> Measurement:
        self.measured += 1
        if self.block is None:
            raise ConnectionError("the monitor is down")
        canary, baseline = BLOCKS[self.block]
        return Measurement(at, at, canary, baseline)


class Watch:
    """Drive a rollout by what a script measures, and keep what was seen after every tick."""

    def __init__(self, plan: Plan | None = None) -> None:
        self.script = Script()
        self.shop = Shop(plan=plan or quick(), source=self.script, customers=0)
        self.looks: list[Rollout] = []

    def tick(self, block: str | None, wait: timedelta = EVERY) -> Rollout:
        """Let time pass, then tick, with the script measuring this block."""
        self.script.block = block
        self.shop.clock.advance(wait)
        self.shop.engine.tick()
        self.looks.append(self.shop.rollout)
        return self.shop.rollout


SILENT = ["a trickle", "a dead canary", "silence", None]
STILL = [*SILENT, "a dead baseline"]
UNHEALTHY = [*STILL, "a bad split"]


@pytest.mark.law("A3")
@given(st.lists(st.sampled_from(SILENT), min_size=20, max_size=60))
def test_no_silence_ever_advances(blocks: list[str | None]) -> None:
    """No data, a trickle, a dead emitter or a broken monitor: the first ring is never left."""
    watch = Watch(quick(at_least=1000))
    for block in blocks:
        watch.tick(block)
    assert 0 == watch.shop.rollout.state.ring


@pytest.mark.law("A3")
@pytest.mark.parametrize("block", [each for each in UNHEALTHY if each != "a trickle"])
def test_silence_holds_after_health_as_well(block: str | None) -> None:
    """A ring that was healthy at first still isn't left while nothing can be seen."""
    watch = Watch(quick(bake=10 * EVERY))
    for _ in range(5):
        watch.tick("healthy")
    for _ in range(100):
        watch.tick(block)
    assert 0 == watch.shop.rollout.state.ring


@pytest.mark.law("A4")
@given(st.lists(st.sampled_from([None, "a bad split"]), min_size=1, max_size=60))
def test_a_broken_monitor_never_rolls_back(blocks: list[str | None]) -> None:
    """What measures may be down for ever: that holds the rollout, and withdraws nothing."""
    watch = Watch()
    watch.tick("silence")
    for block in blocks:
        rollout = watch.tick(block)
        assert isinstance(rollout.state, Baking)
        assert rollout.evidence is not None
        assert Verdict.SOURCE_ERROR is rollout.evidence.verdict


@pytest.mark.law("A5")
@given(st.lists(st.sampled_from(Verdict)), st.randoms())
def test_verdicts_join_to_the_worst(verdicts: list[Verdict], dice: Random) -> None:
    """In any order and any grouping, the join is the worst; of none, it is NO_DATA."""
    shuffled = list(verdicts)
    dice.shuffle(shuffled)
    assert join(verdicts) is join(shuffled)
    assert (max(verdicts) if verdicts else Verdict.NO_DATA) is join(verdicts)
    for cut in range(1, len(verdicts)):
        assert join(verdicts) is join([join(verdicts[:cut]), join(verdicts[cut:])])


@pytest.mark.law("A5")
@given(st.lists(st.sampled_from(["healthy", *UNHEALTHY]), min_size=1, max_size=30))
def test_evidence_keeps_every_finding(blocks: list[str | None]) -> None:
    """An assessment's verdict is the join of what every signal found, and all of that is kept."""
    watch = Watch(quick(at_least=100))
    watch.tick("silence")
    for block in blocks:
        evidence = watch.tick(block).evidence
        if evidence is not None:
            assert {"error rate", "usage"} <= {found.signal for found in evidence.findings}
            assert max(found.verdict for found in evidence.findings) is evidence.verdict


@pytest.mark.law("A5")
def test_a_bad_split_never_hides_harm() -> None:
    """With the sample ratio broken, a canary that burns still halts."""
    watch = Watch()
    watch.tick("silence")
    state = watch.tick("a bad split that burns").state
    assert isinstance(state, states.RolledBack)
    assert isinstance(state.cause, Assessed)
    found = {each.signal: each.verdict for each in state.cause.evidence.findings}
    assert Verdict.SOURCE_ERROR is found["sample ratio"]
    assert Verdict.HALT is found["error rate"]


WAITS = st.sampled_from([timedelta(0), EVERY / 2, EVERY, TOLERANCE * EVERY, 10 * EVERY])


@pytest.mark.law("A6")
@given(st.lists(st.tuples(st.sampled_from(["healthy", *UNHEALTHY]), WAITS), max_size=30))
def test_bake_is_earned(script: list[tuple[str | None, timedelta]]) -> None:
    """Bake is the time between two looks that both saw health and use, and gaps add nothing."""
    watch = Watch(quick(bake=timedelta(days=1)))
    watch.tick("silence")
    expected, was_healthy, waited = timedelta(0), False, timedelta(0)
    for block, wait in script:
        looks = watch.script.measured
        rollout = watch.tick(block, wait)
        waited += wait
        assert (waited >= EVERY) is (watch.script.measured > looks)
        if waited >= EVERY:
            assert rollout.evidence is not None
            is_healthy = rollout.evidence.verdict <= Verdict.INCONCLUSIVE
            if was_healthy and is_healthy and waited <= TOLERANCE * EVERY:
                expected += waited
            was_healthy, waited = is_healthy, timedelta(0)
        assert isinstance(rollout.state, Baking)
        assert expected == rollout.state.baked


@pytest.mark.law("A6")
def test_a_clock_that_jumps_earns_nothing() -> None:
    """No tick earns more bake than the slower of the wall clock and the monotonic one."""
    watch = Watch(quick(bake=timedelta(days=1)))
    for _ in range(3):
        watch.tick("healthy")
    earned = _baked(watch)
    wall = watch.shop.clock.now()
    watch.shop.clock.set_wall(wall + 2 * EVERY)
    watch.tick("healthy", EVERY)
    assert earned + EVERY == _baked(watch)
    watch.shop.clock.set_wall(wall)
    watch.tick("healthy", EVERY)
    assert earned + EVERY == _baked(watch)


def _baked(watch: Watch) -> timedelta:
    state = watch.shop.rollout.state
    assert isinstance(state, Baking)
    return state.baked


@pytest.mark.law("A11")
@given(st.lists(st.sampled_from(STILL), max_size=20))
def test_a_ring_is_left_once_all_is_well(blocks: list[str | None]) -> None:
    """Whatever came before, health and time enough lead to everybody, in a bounded time."""
    watch = Watch()
    watch.tick("silence")
    for block in blocks:
        watch.tick(block)
    for _ in range(100):
        watch.tick("healthy")
    assert isinstance(watch.shop.rollout.state, states.Completed)


@pytest.mark.law("A11")
def test_the_tick_after_the_last_need_is_met_leaves_the_ring() -> None:
    """With a fresh PASS and its bake earned, a ring is left at that very tick."""
    watch = Watch()
    rollout = watch.tick("healthy")
    while rollout.state.ring == 0:
        rollout = watch.tick("healthy")
    before = watch.looks[-2]
    assert isinstance(before.state, Baking)
    assert before.state.baked < before.ring.bake <= before.state.baked + EVERY
    assert 1 == rollout.reached


@pytest.mark.law("A8")
def test_an_alert_about_health_that_nobody_closes_halts_at_its_deadline() -> None:
    """The engine halts by itself when nobody has decided in time, and not before."""
    watch = Watch()
    watch.tick("healthy")
    engine, rollout = watch.shop.engine, watch.shop.rollout
    engine.alert(rollout, by_user=False, reason="it looks odd")
    deadline = rollout.plan.alert_deadline
    assert "paused" == watch.tick("healthy", deadline - EVERY).state.label
    assert "rolled back" == watch.tick("healthy").state.label


@pytest.mark.law("A8")
def test_a_person_closes_an_alert() -> None:
    """Resumed, the ring bakes from the beginning; aborted, it halts."""
    watch = Watch(quick(bake=timedelta(days=1)))
    for _ in range(5):
        watch.tick("healthy")
    engine = watch.shop.engine
    engine.alert(watch.shop.rollout, by_user=False, reason="it looks odd")
    watch.tick("healthy")
    engine.resume(watch.shop.rollout, by="7", reason="it was the weather")
    assert timedelta(0) == _baked(watch)
    engine.alert(watch.shop.rollout, by_user=False, reason="again")
    assert "halted" == engine.abort(watch.shop.rollout, by="7", reason="enough").state.label


@pytest.mark.law("A8")
@pytest.mark.parametrize("ticks", [0, 1, 5, 9])
def test_a_users_alert_has_withdrawn_when_it_returns(ticks: int) -> None:
    """Between the alert's return and the next tick, nobody is exposed."""
    watch = Watch()
    for _ in range(ticks):
        watch.tick("healthy")
    rollout = watch.shop.engine.alert(watch.shop.rollout, by_user=True, reason="it hurts")
    assert "halted" == rollout.state.label
    assert 0 == rollouts.exposure(rollout).percent


@pytest.mark.law("A12")
@pytest.mark.parametrize("healthy", [0, 4, 8])
def test_harm_halts_in_every_ring(healthy: int) -> None:
    """However far a rollout has come, the tick that sees harm withdraws it."""
    watch = Watch()
    watch.tick("silence")
    for _ in range(healthy):
        watch.tick("healthy")
    rollout = watch.tick("burning")
    assert isinstance(rollout.state, states.RolledBack)


DEADLINE = 3
"""After so many intervals, a call counts as unfinished."""

OPEN_ENDED = Plan(
    rings=[Ring("canary", percent=50, bake=timedelta(days=1)), Ring("all", percent=100)],
    health=HealthModel(Usage(at_least=1), unfinished_after=DEADLINE * EVERY),
    assess_every=EVERY,
)


@attrs.define(eq=False)
class Call:
    """A guarded call, as a history has it."""

    guard: Guard[str]
    unit: int
    process: str
    begun: int


class Calls:
    """Processes with calls that end, or don't, and what should be counted of them."""

    def __init__(self) -> None:
        self.crowd = Crowd(3, plan=OPEN_ENDED)
        self.crowd.tick(2)
        self.interval = 0
        self.going_on: list[Call] = []
        self.told: list[Call] = []  # those that go on, by the blocks of their processes
        self.ended: dict[str, int] = {}  # how many of each process, that aren't in a block yet
        self.exposures = 0
        self.unfinished = set[int]()

    def open(self, which: int, unit: int) -> None:
        """Let a call begin."""
        engine = self.crowd.engines[which % len(self.crowd.engines)]
        guard = engine.guard(FLAG, customer(unit))
        guard.__enter__()
        self.going_on.append(Call(guard, unit, named(engine), self.interval))

    def close(self, which: int) -> None:
        """Let a call end well."""
        if self.going_on:
            call = self.going_on.pop(which % len(self.going_on))
            call.guard.__exit__(None, None, None)
            self.ended[call.process] = self.ended.get(call.process, 0) + 1

    def pass_time(self) -> None:
        """Let an interval pass, and all processes post."""
        self.crowd.advance(EVERY)
        self.interval += 1
        self.crowd.tick()
        self.exposures += sum(self.ended.values())
        self.ended.clear()
        late = [call for call in self.going_on if self.interval - call.begun >= DEADLINE]
        self._hang(late)
        self.told = [call for call in self.going_on if call.begun < self.interval]

    def kill(self, which: int) -> None:
        """Let a process die, if there is another one."""
        engine = self.crowd.engines[which % len(self.crowd.engines)]
        if len(self.crowd.engines) > 1:
            self.crowd.engines.remove(engine)
            self._forget(named(engine), lost=True)

    def leave(self, which: int) -> None:
        """Let a process stop in good order, if there is another one."""
        engine = self.crowd.engines[which % len(self.crowd.engines)]
        if len(self.crowd.engines) > 1:
            self.crowd.engines.remove(engine)
            engine.stop()
            self.exposures += self.ended.pop(named(engine), 0)
            self._forget(named(engine), lost=False)

    def rest(self) -> Rollout:
        """Let all calls hang until that is known, and return what was counted."""
        for _ in range(4 * DEADLINE):
            self.pass_time()
        return self.crowd.driver()

    def _hang(self, calls: list[Call]) -> None:
        self.exposures += len(calls)
        self.unfinished |= {call.unit for call in calls}
        self.going_on = [call for call in self.going_on if call not in calls]

    def _forget(self, process: str, *, lost: bool) -> None:
        self.ended.pop(process, None)
        if lost:
            self._hang([call for call in self.told if call.process == process])
        self.going_on = [call for call in self.going_on if call.process != process]


CALLS = st.one_of(
    st.tuples(st.just("open"), st.integers(0, 2), st.integers(0, 20)),
    st.tuples(st.just("close"), st.integers(0, 9)),
    st.tuples(st.just("pass_time")),
    st.tuples(st.sampled_from(["kill", "leave"]), st.integers(0, 2)),
)


@pytest.mark.law("A13")
@given(st.lists(CALLS, max_size=40))
def test_unfinished_calls_count(history: list[tuple[str, ...]]) -> None:
    """A call counts once: as it ends, in time; or else as unfinished, though its process dies, or
    the one that drives. Only one that died before its process could tell of it isn't seen.
    """
    calls = Calls()
    for what, *how in history:
        getattr(calls, what)(*how)
    health = calls.rest().health
    assert calls.exposures == health.canary.exposures + health.baseline.exposures
    assert len(calls.unfinished) == health.canary.unfinished + health.baseline.unfinished
    assert 0 == health.canary.failures + health.baseline.failures


@pytest.mark.law("A13")
def test_a_process_that_misses_a_tick_isnt_dead() -> None:
    """However soon calls are unfinished, a process may be silent for three intervals."""
    impatient = HealthModel(Usage(at_least=1), unfinished_after=1.5 * EVERY)
    crowd = Crowd(2, plan=attrs.evolve(OPEN_ENDED, health=impatient))
    crowd.tick(2)
    guard = crowd.engines[1].guard(FLAG, customer(1))
    guard.__enter__()
    crowd.advance(EVERY)
    crowd.tick()
    for _ in range(3):
        crowd.advance(EVERY)
        crowd.engines[0].tick()
    guard.__exit__(None, None, None)
    for _ in range(2):
        crowd.tick()
        crowd.advance(EVERY)
    crowd.engines[0].tick()
    health = crowd.now().health
    assert 1 == health.canary.exposures + health.baseline.exposures
    assert 0 == health.canary.unfinished + health.baseline.unfinished


@pytest.mark.law("A13")
def test_a_canary_that_hangs_halts() -> None:
    """A change whose calls never end is withdrawn, though nothing raises and nothing is slow."""
    plan = attrs.evolve(quick(bake=timedelta(days=1)), assess_every=EVERY)
    shop = Shop(plan=plan, customers=0)
    for number in range(2000):
        if number % 100 == 0:
            shop.serve_an_interval()
        guard = shop.engine.guard(shop.flag, customer(number))
        guard.__enter__()
        if guard.value == "old":
            guard.__exit__(None, None, None)
    assert "rolled back" == shop.open().rollout.state.label
