"""Changes that aren't flags, in an engine: ring by ring through targets, and back."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from datetime import timedelta
from typing import Any

import attrs
import pytest
import structlog

from safedeploy.changes import Change, Provenance
from safedeploy.contexts import Context
from safedeploy.deliveries import Delivered, Stage
from safedeploy.engine import Engine
from safedeploy.errors import (
    DefinitionError,
    ReleaseRefusedError,
    TargetError,
)
from safedeploy.events import Withdrawn
from safedeploy.flags import FeatureFlag
from safedeploy.gates import Approval
from safedeploy.health import HealthModel
from safedeploy.journals import MemoryJournal
from safedeploy.parameters import Parameters
from safedeploy.people import Person
from safedeploy.plans import Plan, Ring
from safedeploy.records import Codec
from safedeploy.rings import Named, Place
from safedeploy.signals import ErrorRate, Objective, Usage
from safedeploy.states import Rollout
from safedeploy.targets import Order
from safedeploy.testing import FakeClock, FakeTarget
from safedeploy.windows import between, since
from tests.laws.carried import CHANGE, Fine, Yard, delivering
from tests.laws.histories import EVERY, START
from tests.laws.shops import Shop

SECRET = "hunter2"  # noqa: S105 - it opens nothing
TESTING = Parameters("test", {"size": "small"}, secrets={"key": lambda: SECRET})


class Hanging(FakeTarget):
    """A target that takes its time, until it is told to be done."""

    def __init__(self, name: str = "slow") -> None:
        super().__init__(name)
        self.begun, self.end = threading.Event(), threading.Event()

    def apply(self, order: Order) -> None:
        self.begun.set()
        assert self.end.wait(timeout=30)
        super().apply(order)

    def finish(self) -> None:
        self.end.set()
        for thread in threading.enumerate():
            if thread.name == "safedeploy check":
                thread.join(timeout=30)


@pytest.fixture
def hanging() -> Any:
    made = Hanging()
    yield made
    made.finish()


@pytest.fixture(autouse=True)
def unconfigured() -> Iterator[None]:
    """Leave structlog as it was: who captures what it logs configures it."""
    yield
    structlog.reset_defaults()


# Ring by ring


def test_a_change_goes_from_target_to_target() -> None:
    """Each ring is applied before it is exposed, with its share, and watched before the next."""
    staging, production = FakeTarget("staging"), FakeTarget("production")
    rings = [
        Ring("staging", percent=100, target=staging, environment=TESTING, bake=EVERY),
        Ring("canary", percent=10, bake=EVERY),
        Ring("everyone", percent=100, bake=EVERY),
    ]
    plan = attrs.evolve(delivering("x"), rings=rings, target=production)
    yard = Yard(plan)
    shares = []
    for _ in range(20):
        if yard.tick() == "completed":
            break
        shares.append((yard.rollout.ring.name, staging.share(CHANGE), production.share(CHANGE)))
    assert list(dict.fromkeys(shares)) == [
        ("staging", 100, 0),
        ("canary", 100, 10),
        ("everyone", 100, 100),
    ]
    assert ["staging in test applied", "production applied"] == yard.stages
    [order] = [order for deed, order in staging.asked if deed == "apply"]
    assert ("staging", "test", 1, {}) == (
        order.ring,
        order.environment,
        order.epoch,
        dict(order.parameters),
    )


def test_a_halt_withdraws_in_reverse() -> None:
    """From each target once, the last one first, whatever rings it had."""
    log: list[str] = []

    class Logging(FakeTarget):
        def withdraw(self, order: Order) -> None:
            log.append(f"{self.name} {order.percent:g}")
            super().withdraw(order)

    plan = delivering(*map(Logging, ("a", "b", "c")))
    yard = Yard(plan)
    yard.bake(2)
    yard.engine.abort(yard.rollout, by="7", reason="better not")
    assert "rolled back" == yard.tick()
    assert ["c 0", "b 0", "a 0"] == log
    assert ["a withdrawn", "b withdrawn", "c withdrawn"] == yard.stages
    assert 1 == len(yard.recorded(Withdrawn))


def test_a_slow_target_holds_up_nothing_else(hanging: Hanging) -> None:
    """While it is at it nobody is exposed, and another rollout is watched, and halts."""
    shop = Shop(defect=1.0)
    shop.clock.stands_still = False
    stuck = shop.engine.release(CHANGE, delivering(hanging))
    shop.open(intervals=30)
    assert "rolled back" == shop.rollout.state.label
    now = shop.engine.rollout(stuck)
    assert ("pending", -1) == (now.state.label, now.reached)
    assert hanging.begun.wait(timeout=30)
    assert "begun" == now.deliveries[0].stage.value

    hanging.finish()
    shop.engine.tick()
    assert "baking" == shop.engine.rollout(stuck).state.label


def test_what_a_target_has_begun_is_watched_though_its_window_closes(hanging: Hanging) -> None:
    """It is there then, whatever the hour; the next ring waits until the window opens again."""
    short = between(START - EVERY, START + EVERY) | since(START + 40 * EVERY)
    yard = Yard(attrs.evolve(delivering(hanging, FakeTarget("b")), windows=short))
    yard.clock.stands_still = False
    yard.tick(4)
    assert ("pending", ["slow begun"]) == (yard.rollout.state.label, yard.stages)
    assert any("for slow: it applies" in text for text in yard.waits())
    hanging.finish()
    yard.clock.stands_still = True
    yard.tick(4)
    assert ("baking", 0) == (yard.rollout.state.label, yard.rollout.reached)
    yard.tick(40)
    assert yard.rollout.reached == 1


# What goes wrong


def test_what_cannot_be_applied_calls_a_person() -> None:
    """It pauses; who resumes lets the target try again, and it goes on."""
    target = FakeTarget()
    target.fails = {"apply"}
    yard = Yard(delivering(target))
    assert "paused" == yard.tick()
    assert yard.stages == ["fake couldn't be applied"]
    assert any("it was told to fail" in text for text in yard.waits())
    yard.engine.resume(yard.rollout, by="7", reason="mended")
    assert "paused" == yard.tick()
    target.fails.clear()
    yard.engine.resume(yard.rollout, by="7", reason="mended really")
    assert "baking" == yard.tick()
    assert [Stage.BEGUN, Stage.FAILED] * 2 + [Stage.BEGUN] == [it.stage for it in yard.recorded()]
    assert 1 == len({order.id for deed, order in target.asked if deed == "apply"})


def test_nobody_decides_and_what_was_half_applied_is_withdrawn() -> None:
    """Past the alert's deadline it halts, and the target that failed is cleaned up."""
    target = FakeTarget()
    target.fails = {"apply"}
    yard = Yard(delivering(target))
    assert "rolled back" == yard.tick(4)
    assert 0 == target.share(CHANGE)


def test_what_cannot_be_applied_may_halt_at_once() -> None:
    """As the plan's policy says."""
    target = FakeTarget()
    target.fails = {"apply"}
    yard = Yard(delivering(target, halt_unapplied=True))
    assert "rolled back" == yard.tick()


@pytest.mark.parametrize(
    "error", [ValueError("secret"), KeyboardInterrupt(), TargetError("a", 1, "b")]
)
def test_of_errors_little_is_told(error: BaseException) -> None:
    """The text of a `TargetError`, and only the type of any other."""

    class Broken(FakeTarget):
        def apply(self, order: Order) -> None:
            raise error

    yard = Yard(delivering(Broken()))
    yard.tick()
    told = yard.rollout.deliveries[0].detail
    assert told == (
        "a=1: b" if isinstance(error, TargetError) else f"raised {type(error).__name__}"
    )


def test_a_withdrawal_waits_for_an_applying_that_goes_on(hanging: Hanging) -> None:
    """At one place one thing is done at a time; the applying is waited for."""
    yard = Yard(delivering(hanging))
    yard.clock.stands_still = False
    yard.tick()
    assert hanging.begun.wait(timeout=30)
    yard.engine.abort(yard.rollout, by="7", reason="better not")
    assert "recovering" == yard.tick(3)
    assert [] == hanging.asked
    yard.clock.stands_still = True
    hanging.finish()
    assert "rolled back" == yard.tick(2)
    assert ["apply", "verify", "withdraw", "verify"] == [deed for deed, _ in hanging.asked]


def test_an_applying_that_takes_too_long_is_waited_for_no_more(hanging: Hanging) -> None:
    """Past the ring's deadline it counts as failed, and a withdrawal goes ahead."""
    yard = Yard(delivering(hanging, late=3))
    yard.clock.stands_still = False
    yard.tick(6)
    assert hanging.begun.wait(timeout=30)
    assert "gave no answer within 0:00:30" == yard.recorded()[1].detail
    yard.clock.stands_still = True
    yard.tick(5)
    assert "rolled back" == yard.rollout.state.label


def test_targets_that_hang_keep_no_withdrawal_from_beginning(
    hanging: Hanging, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However many: applying and withdrawing have threads of their own."""
    monkeypatch.setattr("safedeploy.runs.MOST", 1)
    first = FakeTarget("first")
    yard = Yard(delivering(first, "other"), targets=[FakeTarget("other")])
    yard.tick()
    yard.clock.stands_still = False
    other = Change.infrastructure("net", version="1")
    third = Change.configuration("limits", version="1")
    stuck = yard.engine.release(other, delivering(hanging))
    waits = yard.engine.release(third, delivering(FakeTarget("free")))
    yard.tick()
    assert hanging.begun.wait(timeout=30)
    yard.tick()
    assert {"pending"} == {yard.engine.rollout(each).state.label for each in (stuck, waits)}
    yard.clock.stands_still = True
    yard.engine.abort(yard.rollout, by="7", reason="better not")
    assert "rolled back" == yard.tick()


# Parameters


class Keyed(FakeTarget):
    """A target that needs a secret, and tells it when it fails."""

    def __init__(self, name: str = "keyed") -> None:
        super().__init__(name, needs=["size", "key"])
        self.told: list[dict[str, str]] = []
        self.fails = {"apply"}

    def apply(self, order: Order) -> None:
        self.told.append(dict(order.parameters))
        if self.fails:
            raise TargetError("key", order.parameters["key"], f"{order.parameters['key']} is wrong")
        super().apply(order)


def keyed(target: FakeTarget, parameters: Parameters | str = TESTING) -> Plan:
    """Make a plan of one ring with an environment."""
    [ring] = delivering(target).rings
    return attrs.evolve(delivering(target), rings=[attrs.evolve(ring, environment=parameters)])


def test_no_secret_is_told_to_anybody_but_the_target() -> None:
    """Neither the journal nor a log has its value, whatever the target says."""
    target = Keyed()
    with structlog.testing.capture_logs() as entries:
        yard = Yard(keyed(target))
        yard.tick()
    assert [{"size": "small", "key": SECRET}] == target.told
    assert "key='<key>': <key> is wrong" == yard.rollout.deliveries[0].detail
    events = yard.journal.read(yard.released.id)
    assert SECRET not in str([Codec().encode(event) for event in events])
    assert SECRET not in str((entries, events, yard.rollout, yard.waits(), target.asked))


@pytest.mark.parametrize(
    ("ask", "told"),
    [
        (lambda: 1 / 0, "parameter='key': asking for it raised ZeroDivisionError"),
        (lambda: 7, "parameter='key': let its function return a text"),
        (lambda: "", "key='': <key> is wrong"),
    ],
)
def test_a_secret_that_cannot_be_had_is_named(ask: Callable[[], str], told: str) -> None:
    """The target isn't asked then, and a person is called."""
    target = Keyed()
    yard = Yard(keyed(target, Parameters("test", {"size": "1"}, secrets={"key": ask})))
    assert "paused" == yard.tick()
    assert told.replace("<key>", "") == yard.rollout.deliveries[0].detail


# Names


def test_an_engine_knows_targets_and_environments_by_name() -> None:
    """Whoever opens the journal with both goes on, without a release; and there is one rollout."""
    target = Keyed()
    target.fails.clear()
    plan = keyed(FakeTarget("keyed"), "test")
    [ring] = plan.rings
    plan = attrs.evolve(plan, rings=[attrs.evolve(ring, target="keyed")])
    yard = Yard(plan, targets=[target], environments=[TESTING])
    assert yard.released == yard.engine.release(CHANGE, plan)
    again = Engine(
        clock=yard.clock,
        journal=yard.journal,
        source=Fine(),
        targets=[target],
        environments=[TESTING],
    )
    yard.engine.stop()
    for _ in range(20):
        again.tick()
        yard.clock.advance(EVERY)
    assert 100 == target.share(CHANGE)


def test_a_process_without_the_target_says_so_and_waits() -> None:
    """It applies nothing; and a halt there calls a person, who has another process do it."""
    target = FakeTarget()
    yard = Yard(delivering(target))
    yard.tick()
    yard.engine.stop()
    other = Engine(clock=yard.clock, journal=yard.journal, source=Fine())
    waiting = attrs.evolve(yard.released.plan, must_see=9)
    other.abort(yard.released, by="7", reason="better not")
    with structlog.testing.capture_logs() as entries:
        for _ in range(3):
            other.tick()
    assert 1 == len([each for each in entries if each["event"] == "a target can't be asked"])
    [told] = other.rollout(yard.released).deliveries
    assert (Stage.STUCK, True) == (told.stage, "give the engine a target" in told.detail)
    assert 1 == len([each for each in yard.recorded() if each.stage is Stage.STUCK])
    other.release(Change.code("more", version="1"), waiting)
    other.tick()
    assert 0 == target.share(CHANGE)


def test_a_target_that_this_process_lacks_is_not_applied_to() -> None:
    """The rollout waits, and the log says for what."""
    journal = MemoryJournal()
    yard = Yard(delivering(FakeTarget()), journal=journal)
    yard.engine.stop()
    other = Engine(clock=yard.clock, journal=journal, source=Fine())
    with structlog.testing.capture_logs() as entries:
        other.tick()
    assert "give the engine a target of that name" in entries[0]["why"]
    assert ("pending", ()) == (
        other.rollout(yard.released).state.label,
        other.rollout(yard.released).deliveries,
    )


def test_begun_elsewhere_and_not_known_here_waits() -> None:
    """Whoever lacks the target doesn't go on with what another process has begun."""
    yard = Yard(delivering(FakeTarget()))
    begun = Delivered(START, Place("fake"), "ring 0", Stage.BEGUN)
    yard.engine.stop()
    yard.journal.append(yard.released.id, [begun], expected=1)
    other = Engine(clock=yard.clock, journal=yard.journal, source=Fine())
    with structlog.testing.capture_logs():
        other.tick()
    assert "pending" == other.rollout(yard.released).state.label


@pytest.mark.parametrize(
    ("field", "plan", "mend"),
    [
        (
            "target",
            Plan(rings=[Ring("all", percent=50)], health=HealthModel(Usage(at_least=1))),
            "a",
        ),
        ("target", delivering("unknown"), "give the engine a target of that name"),
        ("target", delivering(FakeTarget("a"), FakeTarget("a")), "a name of its own"),
        ("target", delivering(TESTING), "give what has needs and apply"),  # type: ignore[arg-type]
        ("environment", keyed(FakeTarget(), "unknown"), "parameters of that name"),
        ("environment", keyed(FakeTarget(), FakeTarget()), "give Parameters"),  # type: ignore[arg-type]
        ("environment", keyed(Keyed(), Parameters("test", {"size": "1"})), "it lacks: key"),
        ("environment", delivering(Keyed()), "it lacks: key, size"),
    ],
)
def test_what_is_missing_is_refused(field: str, plan: Plan, mend: str) -> None:
    """Before anything is recorded, with the mend, and without values."""
    engine = Engine()
    with pytest.raises(ReleaseRefusedError) as refused:
        engine.release(CHANGE, plan)
    assert field == refused.value.field
    assert mend in str(refused.value)
    assert () == engine.rollouts()


@pytest.mark.parametrize(
    ("field", "options"),
    [
        ("targets", {"targets": [FakeTarget("a"), FakeTarget("a")]}),
        ("targets", {"targets": ["a"]}),
        ("environments", {"environments": [TESTING, TESTING]}),
        ("environments", {"environments": [{"key": SECRET}]}),
    ],
)
def test_an_engine_refuses_what_it_could_not_tell_apart(field: str, options: Any) -> None:
    """At construction; values aren't shown."""
    with pytest.raises(DefinitionError) as refused:
        Engine(**options)
    assert field == refused.value.field
    assert SECRET not in str(refused.value)


def test_a_flag_has_no_target() -> None:
    """The engine serves flags itself; and no flag's key is the subject of something else."""
    engine = Engine(targets=[FakeTarget()])
    flag = FeatureFlag.boolean("f")
    with pytest.raises(ReleaseRefusedError, match="leave the target out"):
        engine.release(flag.serve("on"), delivering("fake"))
    with pytest.raises(ReleaseRefusedError, match="choose a key"):
        engine.release(FeatureFlag.boolean("service:shop").serve("on"), Shop().rollout.plan)


def test_a_plan_holds_targets_by_name() -> None:
    """Equality, digests and records leave the target out: a plan is a value."""
    given, named = delivering(FakeTarget("a")), delivering("a")
    assert (given, given.digest) == (named, named.digest)
    assert Place("a") == given.place(0)
    assert "FakeTarget" not in repr(given)
    assert given.digest != delivering("b").digest
    assert Named("a") == attrs.evolve(given, target="a").target


@pytest.mark.parametrize("target", [7, "", " ", object()])
def test_what_has_no_name_is_no_target(target: Any) -> None:
    """Refused where the ring is made."""
    with pytest.raises(DefinitionError) as refused:
        Ring("all", percent=1, target=target)
    assert "target" == refused.value.field
    with pytest.raises(DefinitionError) as refused:
        Ring("all", percent=1, environment=target)
    assert "environment" == refused.value.field


def test_shares_may_fall_from_target_to_target_only() -> None:
    """All of staging, then a little of production, but no less of it than before."""
    plan = delivering("staging")
    small, all_of_it = Ring("canary", percent=1, target="p"), Ring("all", percent=100, target="p")
    attrs.evolve(plan, rings=[*plan.rings, small, all_of_it])
    with pytest.raises(DefinitionError, match="no ring be smaller"):
        attrs.evolve(plan, rings=[*plan.rings, all_of_it, small])


# One at a time


def test_one_change_of_a_subject_is_in_flight() -> None:
    """Of a service, the next version waits; a flag of the same name is something else."""
    shop = Shop()
    target = FakeTarget()
    change = Change.code("checkout", version="2")
    rollout = shop.engine.release(change, delivering(target))
    with pytest.raises(ReleaseRefusedError, match="wait until service:checkout@2"):
        shop.engine.release(Change.code("checkout", version="3"), delivering(target))
    shop.engine.tick()
    shop.engine.alert(rollout, by_user=True, reason="it hurts")
    shop.engine.tick()
    assert "rolled back" == shop.engine.rollout(rollout).state.label
    assert "baking" == shop.rollout.state.label
    assert "pending" == shop.engine.release(change, delivering(target), attempt=2).state.label


def test_a_version_may_be_released_again() -> None:
    """By another attempt, also after a restart; completion settles no flag."""
    yard = Yard(delivering(FakeTarget()))
    yard.tick(4)
    assert "completed" == yard.rollout.state.label
    yard.engine.stop()
    other = Engine(clock=yard.clock, journal=yard.journal)
    again = other.release(CHANGE, delivering(FakeTarget()), attempt=2)
    assert ("pending", 2) == (again.state.label, len(other.rollouts()))
    flag = FeatureFlag("shop", {"off": 0}, "off")
    assert 0 == other.value(flag, Context("user-1"))


def test_a_change_brings_its_author_along() -> None:
    """Who may not approve; who releases may name somebody else, and where it comes from."""
    engine = Engine()
    plan = attrs.evolve(delivering(FakeTarget()), before=[Approval("managers")])
    nobodys = Change.code("shop", version="1")
    with pytest.raises(ReleaseRefusedError, match="name the author"):
        engine.release(nobodys, plan)
    built = Provenance(branch="main")
    rollout = engine.release(nobodys, plan, author="7", provenance=built)
    assert ("7", built) == (rollout.change.author, rollout.change.provenance)
    again = engine.release(attrs.evolve(CHANGE, name="other"), plan)
    assert "7" == again.change.author
    engine.approve(again, by=Person("8", ["managers"]))


# Health from what is recorded


def watched(**options: Any) -> tuple[Engine, FakeClock, Rollout, FakeTarget]:
    """Release a change of which calls are recorded, to half of them."""
    clock, target = FakeClock(START), FakeTarget()
    engine = Engine(clock=clock, **options)
    ring = Ring("half", percent=50, bake=3 * EVERY, target=target, environment=TESTING)
    plan = Plan(
        rings=[ring],
        health=HealthModel(ErrorRate(rare=0.1), Usage(at_least=10)),
        assess_every=EVERY,
        must_see=10,
    )
    return engine, clock, engine.release(CHANGE, plan), target


def call(engine: Engine, number: int, *, failing: Sequence[str] = (), **options: Any) -> None:
    """Record a call of a customer, half of whom the router sends to the new version."""
    version = "12"[number % 2]
    told = {"environment": "test", "duration": timedelta(milliseconds=9), **options}
    engine.record(
        "service:shop",
        version=version,
        unit=f"user-{number}",
        ok=version not in failing,
        **told,
    )


@pytest.mark.parametrize("failing", ["", "2", "1"])
def test_versions_are_compared_by_what_is_recorded(failing: str) -> None:
    """The change halts when its own calls fail, and not when those of the version before do."""
    engine, clock, rollout, target = watched()
    number = 0
    for _ in range(100):
        engine.tick()
        for _ in range(100):
            number += 1
            call(engine, number, failing=[failing])
        clock.advance(EVERY)
        if not engine.rollout(rollout).in_flight:
            break
    label = engine.rollout(rollout).state.label
    assert ("rolled back" if failing == "2" else "completed") == label
    assert (0 if failing == "2" else 50) == target.share(CHANGE)


@pytest.mark.parametrize(
    "options",
    [
        {"environment": "production"},
        {"environment": ""},
        {"unit": Context(None)},
        {"unit": 7},
        {"subject": "service:other"},
        {"duration": "9"},
    ],
)
def test_what_does_not_count_is_left_out(options: Any) -> None:
    """Calls of elsewhere, of nobody, of something else; and nothing that is passed raises."""
    engine, clock, rollout, _ = watched()
    engine.tick()
    told = {"subject": "service:shop", "unit": "user-1", "environment": "test", **options}
    for _ in range(50):
        engine.record(version="2", ok=True, **told)
    clock.advance(EVERY)
    engine.tick()
    evidence = engine.rollout(rollout).evidence
    assert evidence is None or not evidence.canary.exposures


def test_recording_before_any_release_is_nothing() -> None:
    """An application may record from its first call on."""
    call(Engine(), 1)
    engine, *_ = watched()
    call(engine, 1)


def test_a_strata_of_customers_is_told_by_the_context() -> None:
    """Whoever records a context lets strata ask for its attributes."""
    engine, clock, rollout, _ = watched()
    engine.tick()
    for number in range(20):
        context = Context(f"user-{number}", {"plan": "beta"})
        engine.record("service:shop", version="2", unit=context, ok=True, environment="test")
    clock.advance(EVERY)
    engine.tick()
    now = engine.rollout(rollout)
    assert now.evidence
    assert 20 == now.evidence.canary.exposures


def test_an_objective_judges_where_nobody_is_left_to_compare_with() -> None:
    """All of a target's traffic has no baseline, and the plan is refused that compares only."""
    with pytest.raises(DefinitionError, match="such as Objective"):
        attrs.evolve(delivering("a"), health=HealthModel(ErrorRate(), Usage(at_least=1)))
    assert attrs.evolve(delivering("a"), health=HealthModel(Objective(0.99), Usage(at_least=1)))
