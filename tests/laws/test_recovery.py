"""The laws of recovery and of the kill switch, R1, R3 and R5, and of withdrawal, E4."""

from __future__ import annotations

from datetime import timedelta

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from safedeploy import commands, events, rollouts, states
from safedeploy.audiences import Attribute, Everyone, Group, Percentage
from safedeploy.contexts import Context
from safedeploy.engine import Engine
from safedeploy.flags import FeatureFlag, Reason
from safedeploy.journals import MemoryJournal
from safedeploy.plans import Plan
from safedeploy.states import Rollout
from safedeploy.testing import FakeClock
from tests.laws.histories import HEALTH, START, Step, histories, reachable, resolved, stream
from tests.laws.shops import Shop, customer, quick


def stopped(rollout: Rollout) -> Rollout:
    """Abort a rollout, and let whoever is paged decide to recover."""
    halted, _ = rollouts.transition(rollout, events.Aborted(rollout.at, "7", "better not"))
    return resolved(halted)


@pytest.mark.law("R1")
@given(histories())
def test_every_halt_has_a_way_out(history: tuple[Step, ...]) -> None:
    """From every state that can be reached, a halt leads to a rollback that is confirmed."""
    for rollout in reachable(history):
        if rollout.in_flight:
            assert isinstance(stopped(rollout).state, states.RolledBack)


@pytest.mark.law("R3")
@given(histories())
def test_what_is_owed_is_what_was_commanded(history: tuple[Step, ...]) -> None:
    """The commands given so far and still due are those that the state owes, each given once."""
    if not history:
        return
    owed = set(rollouts.pending(history[0].before))
    for step in history:
        due = rollouts.pending(step.after)
        owed = {each for each in owed | set(step.commands) if each in due}
        assert owed == set(due)
        assert not step.commands or step.before.state != step.after.state
        assert len({each.id for each in due}) == len(due)


@pytest.mark.law("R3")
@given(histories())
def test_no_two_commands_share_an_id(history: tuple[Step, ...]) -> None:
    """An id names one command for ever, so whoever carries it out can tell a repetition."""
    named: dict[str, commands.Command] = {}
    for rollout in reachable(history):
        for command in rollouts.pending(rollout):
            assert command == named.setdefault(command.id, command)


@pytest.mark.law("R3")
@given(histories())
def test_every_prefix_owes_the_same_after_a_crash(history: tuple[Step, ...]) -> None:
    """Folding any prefix of the events owes what the rollout owed there, ids and all."""
    whole = stream(history)
    for length, rollout in enumerate(reachable(history), start=1):
        assert rollouts.pending(rollout) == rollouts.pending(rollouts.fold(whole[:length]))


@pytest.mark.law("R3")
@pytest.mark.parametrize("defect", [0.0, 0.3])
def test_an_engine_that_starts_again_finishes_what_was_begun(defect: float) -> None:
    """From every prefix of its journal, an engine ends the rollout as if nothing had happened."""
    whole = Shop(defect=defect).open()
    [name] = whole.journal.streams()
    recorded = whole.journal.read(name)
    for length in range(1, len(recorded) + 1):
        journal = MemoryJournal()
        journal.append(name, recorded[:length], expected=0)
        again = Shop(defect=defect, journal=journal, start=recorded[length - 1].at).open()
        assert type(whole.rollout.state) is type(again.rollout.state)
        assert 1 == len(again.journal.streams())


@pytest.mark.law("E4")
@given(histories(), st.floats(0, 100))
def test_a_halt_withdraws_in_the_same_transition(history: tuple[Step, ...], percent: float) -> None:
    """Once halted, a rollout exposes nobody, whatever comes after."""
    halted = False
    for step in history:
        halted = halted or isinstance(step.after.state, states.Halted)
        if halted:
            exposure = rollouts.exposure(step.after)
            assert not exposure.reaches(Context(f"user-{percent}"))
            assert 0 == exposure.percent


AUDIENCES = st.sampled_from(
    [
        None,
        Everyone(),
        Percentage(100),
        Group("staff"),
        Attribute("plan").equals("beta") | Percentage(50),
    ]
)


@pytest.mark.law("E4")
@pytest.mark.parametrize("how", ["alert", "abort", "kill"])
@given(AUDIENCES, st.integers(0, 2))
def test_withdrawal_beats_rules_groups_and_percentages(
    how: str, when: Everyone | None, ring: int
) -> None:
    """After a halt in any ring, nobody gets the new value by any of its rules."""
    shop = Shop(plan=quick(), definition=_definition(when))
    for _ in range(50):
        if shop.rollout.state.ring < ring:
            shop.serve_an_interval()
    assert ring == shop.rollout.state.ring
    shop.stop(how)
    for number in range(50):
        resolution = shop.engine.evaluate(shop.flag, customer(number))
        assert "old" == resolution.value
        assert resolution.ring is None


def override(engine: Engine, flag: FeatureFlag[str], value: str = "new") -> None:
    """Let the staff, which all customers are of, have a value for a day."""
    until = START + timedelta(days=1)
    engine.override(flag, value, audience=Group("staff"), until=until, by="7", reason="to debug")


@pytest.mark.law("E4")
@pytest.mark.parametrize("how", ["alert", "abort", "kill"])
@given(stopping=st.booleans(), again=st.booleans())
def test_a_halt_ends_earlier_overrides(how: str, *, stopping: bool, again: bool) -> None:
    """What was given before a halt exposes nobody after it, in the next attempt neither, nor after
    a restart. What is given after it does, to debug, and says that it is an override.
    """
    shop = Shop(plan=quick())
    override(shop.engine, shop.flag)
    shop.serve_an_interval()
    assert Reason.OVERRIDE is shop.engine.evaluate(shop.flag, customer(1)).reason
    shop.stop(how)
    assert "old" == shop.engine.value(shop.flag, customer(1))
    shop.engine.tick()
    if stopping:
        shop.engine.stop()
        shop.engine = Engine(clock=shop.clock, journal=shop.journal)
    if again:
        shop.engine.release(shop.flag.serve("new"), quick(), attempt=2)
    assert "old" == shop.engine.value(shop.flag, customer(1))
    assert () == shop.engine.overrides()
    if how != "kill":
        override(shop.engine, shop.flag)
        found = shop.engine.evaluate(shop.flag, customer(1))
        assert ("new", Reason.OVERRIDE) == (found.value, found.reason)


def _definition(when: Everyone | None) -> FeatureFlag[str]:
    return Shop.flag.serve("new") if when is None else Shop.flag.serve("new", when=when)


@pytest.mark.law("R5")
@given(AUDIENCES)
def test_the_kill_switch_works_at_the_next_evaluation(when: Everyone | None) -> None:
    """Killing beats the code's own rules and every override, at once, in one call."""
    flag = FeatureFlag("f", {"old": "old", "new": "new"}, "old")
    flag = attrs.evolve(flag, default="new") if when is None else flag.serve("new", when=when)
    engine = Engine(clock=FakeClock(START))
    override(engine, flag)
    assert "new" == engine.value(flag, customer(1))

    engine.kill(flag, by="7", reason="it burns")

    resolution = engine.evaluate(flag, customer(1))
    assert ("old", Reason.DISABLED) == (resolution.value, resolution.reason)


@pytest.mark.law("R5")
def test_a_killed_flag_comes_back_only_by_a_release() -> None:
    """The kill outlives a restart on the same journal, and a completed release lifts it."""
    shop = Shop(plan=quick()).open()
    assert "new" == shop.engine.value(shop.flag, Context("user-1"))
    override(shop.engine, shop.flag)
    shop.engine.kill(shop.flag, by="7", reason="it burns")
    assert "old" == shop.engine.value(shop.flag, customer(1))

    later = shop.clock.now() + timedelta(hours=1)
    again = Shop(plan=quick(), journal=shop.journal, start=later, attempt=2)
    assert "old" == again.engine.value(again.flag, Context("user-1"))
    again.open()
    assert "new" == again.engine.value(again.flag, Context("user-1"))
    assert () == again.engine.overrides()


def test_a_plan_that_asks_waits_for_a_person() -> None:
    """With `ask`, a halt stays halted, and withdrawn, until somebody says to recover."""
    policy = attrs.evolve(quick().on_issue, ask=True)
    shop = Shop(plan=attrs.evolve(quick(), on_issue=policy), defect=0.5).open()
    assert isinstance(shop.rollout.state, states.Halted)
    shop.engine.recover(shop.rollout, by="7", reason="seen")
    shop.engine.tick()
    assert isinstance(shop.rollout.state, states.RolledBack)


def test_a_plan_is_a_value() -> None:
    """Equal plans are one rollout, and different ones are two."""
    assert quick() == quick()
    assert Plan(rings=quick().rings, health=HEALTH).digest != quick().digest
