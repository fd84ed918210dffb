"""The laws of the record, J1 to J3 and S1."""

from __future__ import annotations

from contextlib import closing
from datetime import timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import cast
from unittest.mock import patch

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks._measure import sizes
from safedeploy import exposures, rollouts
from safedeploy.arms import FAILURE, Asked
from safedeploy.audiences import Attribute, Group, Percentage
from safedeploy.contexts import Context
from safedeploy.digests import digest
from safedeploy.engine import Engine
from safedeploy.events import Event
from safedeploy.flags import FeatureFlag
from safedeploy.health import HealthModel
from safedeploy.journals import SqliteJournal
from safedeploy.sampling import Sampling
from safedeploy.sketches import EXACT
from safedeploy.states import Rollout
from safedeploy.tallies import Tally
from safedeploy.testing import FakeClock
from tests.laws.histories import EVERY, START, Step, histories, stream
from tests.laws.shops import Shop, customer, quick

ACTIONS = ["serve", "serve", "serve", "alert", "health alert", "resume", "abort", "kill"]


def act(shop: Shop, action: str) -> None:
    """Do one of the things that can be done to a shop."""
    if action == "serve" or not shop.rollout.in_flight:
        shop.serve_an_interval()
    elif action == "health alert":
        shop.engine.alert(shop.rollout, by_user=False, reason="it looks odd")
    elif action == "resume" and shop.rollout.state.label == "paused":
        shop.engine.resume(shop.rollout, by="7", reason="it was the weather")
    elif action != "resume":
        shop.stop(action)


@pytest.mark.law("J1")
@given(st.lists(st.sampled_from(ACTIONS), max_size=15), st.floats(0, 0.3))
def test_state_is_the_fold_of_the_journal(actions: list[str], defect: float) -> None:
    """Whatever happened, an engine on the same journal stands where the first one stands."""
    seen: list[Event] = []
    shop = Shop(plan=quick(), defect=defect, observer=lambda event, _: seen.append(event))
    for action in actions:
        act(shop, action)
    recorded = shop.journal.read(shop.rollout.id)
    assert list(recorded) == seen
    again = rollouts.fold(recorded)
    now = shop.rollout
    assert (now.state.label, now.state.ring) == (again.state.label, again.state.ring)
    assert (now.epoch, now.reached) == (again.epoch, again.reached)
    assert rollouts.exposure(now) == rollouts.exposure(again)


@pytest.mark.law("J1")
@given(histories())
def test_the_journal_says_why_everything_stands_where_it_stands(
    history: tuple[Step, ...],
) -> None:
    """A state changes only by an event, and every event has a reason to tell."""
    for step in history:
        assert step.event.reason
        assert step.before.version + 1 == step.after.version
        assert step.before.at <= step.after.at


@pytest.mark.law("J2")
@given(histories())
def test_a_replay_gives_the_same_states_and_commands(history: tuple[Step, ...]) -> None:
    """Folding the same events again gives the same states and commands, byte for byte."""
    again = rollouts.begin(stream(history)[0])  # type: ignore[arg-type]
    for step in history:
        again, commands = rollouts.transition(again, step.event)
        assert digest(essence(step.after)) == digest(essence(again))
        assert step.commands == commands


def essence(rollout: Rollout) -> tuple[object, ...]:
    """Return all of a rollout that a digest can hold."""
    return attrs.astuple(attrs.evolve(rollout, definition=None), recurse=False)


@pytest.mark.law("J2")
@pytest.mark.parametrize("defect", [0.0, 0.3])
def test_a_replay_decides_nothing_again(defect: float) -> None:
    """A fold reads the recorded verdicts: it works although no health model judges any more."""
    shop = Shop(plan=quick(), defect=defect).open()
    with patch.object(HealthModel, "judge", side_effect=AssertionError("decided again")):
        again = rollouts.fold(shop.journal.read(shop.rollout.id))
    assert shop.rollout.state == again.state


@pytest.mark.law("J3")
def test_nothing_personal_is_shown_to_who_samples() -> None:
    """Who watches evaluations learns of no key, no attribute, and no group of those who ask."""
    seen: list[object] = []
    engine = Engine(evaluations=Sampling(seen.append, share=1))
    mail = Attribute("mail").equals("ada@example.com") | Group("staff")
    flag = FeatureFlag.boolean("f", when=mail | Percentage(50))
    people = {"mail": "ada@example.com", "odd": object()}
    for context in (Context("ada@example.com", people, groups=["staff"]), Context("ada"), None):
        engine.evaluate(flag, cast("Context", context))
        engine.value(flag, cast("Context", context))
    assert 6 == len(seen)
    assert not [name for name in ("ada", "mail", "odd", "staff") if name in str(seen)]


@pytest.mark.law("J3")
@pytest.mark.parametrize("defect", [0.0, 0.3])
def test_nothing_personal_is_recorded(defect: float) -> None:
    """Neither targeting keys nor attributes are in any event, rollout or repr of a context."""
    told: list[str] = []
    shop = Shop(plan=quick(), defect=defect, observer=lambda *what: told.append(str(what)))
    shop.open()
    for name in shop.journal.streams():
        told += [str(attrs.asdict(event)) for event in shop.journal.read(name)]
    text = " ".join((*told, repr(customer(1))))
    assert "user-" not in text
    assert "beta" not in text


@pytest.mark.law("J3")
@pytest.mark.parametrize("defect", [0.0, 0.3])
def test_nothing_personal_is_in_the_file(defect: float) -> None:
    """No byte of a journal's file names a targeting key, an attribute, or the bits of a key."""
    with TemporaryDirectory() as folder, closing(SqliteJournal(f"{folder}/j.db")) as journal:
        shop = Shop(plan=quick(), defect=defect, journal=journal)
        while shop.rollout.in_flight:
            shop.serve_an_interval()
            stored = Path(folder, "j.db").read_bytes()
            assert b"user-" not in stored
            assert b"beta" not in stored
            for number in range(shop.served):
                assert str(customer(number).unit).encode() not in stored
                assert str((customer(number).unit or 0) >> 16).encode() not in stored


@pytest.mark.law("S1")
@given(st.integers(1, 4000))
def test_tallies_are_bounded(customers: int) -> None:
    """However many keys there are, a tally takes 64 KB at most, and a block of it names few."""
    tally = Tally(START, FakeClock().monotonic, Asked(latency=True))
    for number in range(customers):
        arm = tally.baseline if number % 2 else tally.canary
        unit = customer(number).unit or 0
        if number % 5:  # as guards do
            arm.calls.append((unit, float(number)))
        else:
            tally.record(arm, unit, FAILURE, seconds=number)
        if len(arm.calls) >= tally.backlog:
            tally.count()
        if number % 10 == 0:
            assert sum(sizes(tally, set())) <= 64 * 1024
    _, parts = tally.take(START + EVERY)
    canary, baseline = parts[""]
    assert customers == canary.exposures + baseline.exposures
    for names in ("fresh", "failing", "risen"):
        assert len(getattr(canary, names)) + len(getattr(baseline, names)) <= 1000
    assert customers == canary.units + baseline.units or customers > EXACT


@pytest.mark.law("S1")
def test_compiled_flags_are_bounded() -> None:
    """An application that makes up flags for ever doesn't fill the memory."""
    with patch.object(exposures, "FLAGS", 100):
        engine = Engine()
        for number in range(1000):
            engine.value(FeatureFlag.boolean(f"flag-{number}", when=Percentage(5)), Context("u"))
            assert len(engine._exposures.served) <= 100
            assert len(engine._exposures._sightings._flags) <= 100


@pytest.mark.law("S1")
def test_a_rollout_that_waits_for_ever_writes_ever_less() -> None:
    """A ring that nobody uses any more, or that flaps, records next to nothing, however long."""
    shop = Shop(plan=quick(bake=timedelta(days=1)), customers=0)
    for _ in range(3000):
        shop.customers = shop.dice.choice([0, 0, 0, 5])
        shop.serve_an_interval()
    assert len(shop.journal.read(shop.rollout.id)) < 60
