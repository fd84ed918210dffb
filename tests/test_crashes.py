"""Crashes: whoever starts again, wherever a process was killed, ends what was begun, once."""

from __future__ import annotations

import os
import random
import shutil
import signal
import threading
from collections import Counter
from datetime import datetime
from functools import partial
from pathlib import Path

import attrs
import pytest
import structlog  # noqa: F401 - here, so that no child has to

from safedeploy import states
from safedeploy.engine import Engine
from safedeploy.events import Applied, Assessed, RecoveryStarted, Started, Withdrawn
from safedeploy.flags import Reason
from safedeploy.health import HealthModel
from safedeploy.journals import SqliteJournal
from safedeploy.leases import TERM
from safedeploy.plans import Plan, Ring
from safedeploy.rollbacks import RollbackPolicy
from safedeploy.rollouts import fold, pending
from safedeploy.signals import ErrorRate, Usage
from safedeploy.sketches import EXACT
from tests.crashes import (
    KILLED,
    Cuts,
    Log,
    LoggingJournal,
    drive,
    effects,
    ended,
    few_and_many,
    forked,
    in_lanes,
    killed,
    made,
    points,
    settle,
)
from tests.laws.histories import EVERY, START
from tests.laws.shops import Shop, customer


@attrs.frozen
class Script:
    name: str
    ends: type
    defect: float = 0.0
    told: str = ""
    ask: bool = False

    @property
    def plan(self) -> Plan:
        rings = (("canary", 30, 2), ("everyone", 100, 6))
        return Plan(
            rings=[Ring(name, percent=reached, bake=bake * EVERY) for name, reached, bake in rings],
            health=HealthModel(ErrorRate(rare=0.2), Usage(at_least=10)),
            on_issue=RollbackPolicy.roll_back(ask=self.ask),
            holdback=30,
            must_see=10,
            assess_every=EVERY,
        )


SCRIPTS = [
    Script("healthy", states.Completed),
    Script("a defect", states.RolledBack, defect=0.3),
    Script("an alert", states.RolledBack, told="alert", ask=True),
    Script("an abort", states.RolledBack, told="abort", ask=True),
    Script("a kill", states.RolledBack, told="kill"),
]
CUSTOMERS = 60
ARMS = ("canary", "baseline")
ONCE = (Started, RecoveryStarted, Withdrawn)
every_script = pytest.mark.parametrize("script", SCRIPTS, ids=lambda script: script.name)


class Player:
    """Play a script, from wherever the process before has left it."""

    def __init__(self, script: Script, folder: Path) -> None:
        self.script, self.log = script, Log(folder / "log")
        self.halted, self.stopped = bool(self.log.said("halted")), bool(self.log.said("stopped"))
        times = [datetime.fromisoformat(line["at"]) for line in self.log.said("time")]
        self.shop = Shop(
            plan=script.plan,
            defect=script.defect,
            customers=CUSTOMERS,
            journal=LoggingJournal(folder / "rollouts.db", self.log),
            start=max(times) + TERM + EVERY if times else START,
        )
        self.look()

    def play(self) -> None:
        for _ in range(60):
            if not self.shop.rollout.in_flight:
                break
            self.tell()
            self.shop.serve_an_interval()
            self.look()
        self.shop.close()

    def tell(self) -> None:
        """Do what people do: stop a rollout late in its second ring, and later say to recover."""
        state = self.shop.rollout.state
        is_late = isinstance(state, states.Stopped) or bool(getattr(state, "baked", None))
        if self.script.told and not self.stopped and state.ring and is_late:
            self.shop.stop(self.script.told)
            self.log.say("stopped")
            self.stopped = True
        elif self.script.ask and isinstance(state, states.Halted):
            self.shop.engine.recover(self.shop.rollout, by="7", reason="seen")

    def look(self) -> None:
        """See that a halt holds; and note what time it is, and what is owed."""
        shop = self.shop
        values = {shop.engine.value(shop.flag, customer(number)) for number in range(50)}
        assert {"old"} == values or not (self.halted or self.stopped)
        if shop.rollout.is_withdrawn and not self.halted:
            self.halted = True
            self.log.say("halted")
        owed = [command.id for command in pending(shop.rollout)]
        self.log.say("time", at=shop.clock.now().isoformat(), owed=owed)


def play(script: Script, folder: Path, cuts: Cuts) -> None:
    cuts.see_everything()
    Player(script, folder).play()
    Log(folder / "log").say("passed", points=cuts.passed)


def kill_from_outside(script: Script, folder: Path, at: int, delay: float) -> None:
    """Play a script in a child, and kill that a while after it passed a point."""
    ours, theirs = os.pipe()
    killed = forked(lambda: play(script, folder, Cuts(at, kill=lambda: os.write(theirs, b"."))))
    os.close(theirs)
    os.read(ours, 1)  # or its end
    os.close(ours)
    threading.Event().wait(delay)
    os.kill(killed, signal.SIGKILL)
    assert ended(killed) in (0, KILLED)
    settle(folder / "rollouts.db", Log(folder / "log"))


class Aftermath:
    """Hold what a rollout has left, once somebody has ended it, against what was logged."""

    def __init__(self, script: Script, folder: Path) -> None:
        player, self.script, self.path = Player(script, folder), script, folder / "rollouts.db"
        player.play()
        self.lines, self.rollout = player.log.lines(), player.shop.rollout
        self.journal = SqliteJournal(self.path)
        self.stream = self.journal.read(self.rollout.id)
        self.blocks = [line for line in self.lines if line["what"] == "posted"]

    def check(self) -> None:
        self.journal.verify()
        self.check_end()
        self.check_record()
        self.check_effects()
        for event in self.stream:
            if isinstance(event, Assessed):
                self.check_counts(event)
        self.check_that_all_is_judged()
        self.check_what_was_owed()
        self.journal.close()
        shutil.rmtree(self.path.parent)

    def check_end(self) -> None:
        """The rollout ends as without a kill, and its state is the fold of its stream."""
        assert self.script.ends is type(self.rollout.state)
        assert fold(self.stream) == self.rollout
        engine = Engine(journal=self.journal)
        shown = {engine.evaluate(Shop.flag, customer(number)) for number in range(50)}
        value = "new" if self.script.ends is states.Completed else "old"
        assert {value} == {each.value for each in shown}
        assert (self.script.told == "kill") == ({Reason.DISABLED} == {one.reason for one in shown})

    def check_record(self) -> None:
        """Nothing that was appended is lost or there twice, and no version is left out."""
        encode, versions = self.journal._codec.encode, Counter[str]()
        entries = self.journal.entries()
        appended = [line for line in self.lines if line["what"] == "appended"]
        logged = [(line["stream"], event) for line in appended for event in line["events"]]
        assert logged == [(entry.stream, encode(entry.event)) for entry in entries]
        for position, entry in enumerate(entries, 1):
            versions[entry.stream] += 1
            assert (position, versions[entry.stream]) == (entry.position, entry.version)

    def check_effects(self) -> None:
        """What is to be done once was done once."""
        happened = Counter(type(event) for event in self.stream)
        back = int(self.script.ends is states.RolledBack)
        assert (1, back, back) == tuple(happened[kind] for kind in ONCE)
        applied = [(each.ring, each.epoch) for each in self.stream if isinstance(each, Applied)]
        assert [("canary", 1), ("everyone", 2)][: len(applied)] == applied

    def check_counts(self, event: Assessed) -> None:
        """An assessment holds every block that it says it holds, once, and nothing else."""
        health, name = event.health, f"{self.rollout.id}#{event.evidence.scope.epoch}"
        posted = [block for block in self.blocks[: health.block] if block["exposure"] == name]
        everybody = {unit for block in posted for arm in ARMS for unit in block[arm]["fresh"]}
        # Beyond what a sketch knows exactly, a few new units are taken for others.
        mistaken = len(everybody) // 10 if len(everybody) > EXACT else 0
        for arm in ARMS:
            parts = [block[arm] for block in posted]
            failing, fresh = (
                len({unit for part in parts for unit in part[key]}) for key in ("failing", "fresh")
            )
            counts, exposures = getattr(health, arm), sum(part["exposures"] for part in parts)
            assert (exposures, failing) == (counts.exposures, counts.failures)
            assert fresh - mistaken <= counts.fresh <= fresh

    def check_that_all_is_judged(self) -> None:
        """No outcome is posted twice, nor left out of the next assessment that is recorded."""
        posted = outcomes = served = 0
        for line in self.lines:
            if line["what"] == "posted":
                posted += 1
                outcomes += line["canary"]["exposures"] + line["baseline"]["exposures"]
            served += CUSTOMERS * (line["what"] == "time")
            assert outcomes + CUSTOMERS <= served or not outcomes
            if line["what"] == "appended" and len(line["events"]) == 1:
                event = self.journal._codec.decode(line["events"][0])
                assert not isinstance(event, Assessed) or posted == event.health.block

    def check_what_was_owed(self) -> None:
        """What was owed when a process died is what is owed by what it left in the journal."""
        version = 0
        for line in self.lines:
            if line["what"] == "appended" and line["stream"] == self.rollout.id:
                version += len(line["events"])
            elif line["what"] == "time":
                owed = pending(fold(self.stream[:version]))
                assert line["owed"] == [command.id for command in owed]


@pytest.mark.law("R3")
@every_script
@few_and_many(10, 10_000)
def test_a_rollout_survives_a_kill(script: Script, count: int, tmp_path: Path) -> None:
    """Wherever a process is killed, its successor ends the rollout; nothing is lost or twice."""

    def kill(at: int) -> None:
        folder = made(tmp_path, at)
        assert killed(folder, lambda: play(script, folder, Cuts(at)))
        Aftermath(script, folder).check()

    whole = made(tmp_path, 0)
    last = points(whole, lambda: play(script, whole, Cuts()))
    in_lanes(kill, range(1, last + 1, max(1, last // count)))


@pytest.mark.law("R3")
@few_and_many(5, 250)
def test_a_rollout_survives_many_kills(count: int, tmp_path: Path) -> None:
    """However often its processes are killed, within statements as well, it ends all the same."""

    def kill(number: int) -> None:
        folder, dice, script = made(tmp_path, number), random.Random(number), SCRIPTS[number % 5]
        for _ in range(6):
            cuts = Cuts(dice.randrange(1, 200), steps=dice.choice((0, 9)))
            if not killed(folder, partial(play, script, folder, cuts)):
                break
        Aftermath(script, folder).check()

    in_lanes(kill, range(count))


@pytest.mark.law("R3")
@few_and_many(5, 200)
def test_a_rollout_survives_kills_from_outside(count: int, tmp_path: Path) -> None:
    """It ends as well when a process is killed at any moment of real time, mid-write or not."""

    def kill(number: int) -> None:
        folder, dice, script = made(tmp_path, number), random.Random(number), SCRIPTS[number % 5]
        kill_from_outside(script, folder, dice.randrange(1, 200), dice.uniform(0, 0.002))
        Aftermath(script, folder).check()

    in_lanes(kill, range(count))


@pytest.mark.law("R3")
@pytest.mark.parametrize("halts", [False, True])
@few_and_many(10, 10_000)
def test_a_command_takes_effect_once(halts: bool, count: int, tmp_path: Path) -> None:
    """What an outside target is told twice because of a kill has the same id, so it's done once."""

    def kill(at: int) -> None:
        folder = made(tmp_path, at)
        assert killed(folder, lambda: drive(folder, Cuts(at), halts=halts))
        assert not killed(folder, lambda: drive(folder, Cuts(), halts=halts))
        assert effects(whole) == effects(folder)
        assert len(Log(folder / "log").said("asked")) <= len(effects(whole)[0]) + 1
        shutil.rmtree(folder)

    whole = made(tmp_path, 0)
    last = points(whole, lambda: drive(whole, Cuts(), halts=halts))
    in_lanes(kill, range(1, last + 1, max(1, last // count)))
