"""The command line of pipelines: plan files, gates on a journal, and decisions."""

from __future__ import annotations

import io
import json
import subprocess
import sys
from collections.abc import Callable, Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import attrs
import pytest

from safedeploy import (
    Approval,
    Change,
    Engine,
    ErrorRate,
    FeatureFlag,
    HealthModel,
    Plan,
    Ring,
    SqliteJournal,
    Usage,
    fold,
)
from safedeploy.__main__ import COMMANDS, main
from safedeploy.blueprints import parse, read
from safedeploy.clocks import SystemClock
from safedeploy.events import Aborted, Alerted, Event, Killed, RecoveryStarted, Unknown
from safedeploy.pipelines import EVERY
from safedeploy.screens import WIDTH
from safedeploy.states import Completed, Paused, Rollout
from safedeploy.terminals import Exit, Terminal
from safedeploy.testing import FakeClock
from tests.laws.histories import START, started
from tests.test_status import completed, flagged, release

HOUR = timedelta(hours=1)
GOOD = """
rings = [
    { name = "canary", percent = 10, bake = "6 h" },
    { name = "everyone", percent = 100, bake = "1 d" },
]
before = ["reviewed"]
health = { signals = [{ kind = "ErrorRate" }, { kind = "Usage", at_least = 100 }] }
traffic = { per_minute = 600, failing = 0.01 }
"""
FLAG = FeatureFlag.boolean("new-checkout").serve("on")
PLAN = Plan(
    rings=(
        Ring("canary", percent=5, bake=HOUR, gates=(Approval("release managers", quorum=2),)),
        Ring("everyone", percent=100, bake=HOUR),
    ),
    health=HealthModel(ErrorRate(), Usage(at_least=100)),
)


class Screen(io.StringIO):
    """What is spoken to, as wide and as colourful as is said."""

    def __init__(self, encoding: str = "utf-8", *, is_terminal: bool = False) -> None:
        super().__init__()
        self._encoding = encoding
        self._is_terminal = is_terminal

    @property
    def encoding(self) -> str:  # type: ignore[override]
        return self._encoding

    def isatty(self) -> bool:
        return self._is_terminal


@attrs.define
class World:
    """A machine with a clock that goes on while a command sleeps, and a journal."""

    path: Path
    out: Screen = attrs.field(factory=Screen)
    err: Screen = attrs.field(factory=Screen)
    clock: FakeClock = attrs.field(factory=FakeClock)
    environ: dict[str, str] = attrs.field(factory=dict)
    meanwhile: Callable[[], object] = lambda: None
    slept: list[float] = attrs.field(factory=list)

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.clock.advance(timedelta(seconds=seconds))
        self.meanwhile()

    def run(self, *argv: str) -> int:
        """Run a command, and return its exit status."""
        self.out, self.err = (
            Screen(it.encoding, is_terminal=it.isatty()) for it in (self.out, self.err)
        )
        terminal = Terminal(
            out=self.out,
            err=self.err,
            clock=self.clock,
            sleep=self.sleep,
            environ=self.environ,
        )
        return main(argv, terminal=terminal)

    def on(self, command: str, *argv: str) -> int:
        """Run a command on the journal."""
        return self.run(command, str(self.path), *argv)

    def facts(self) -> Any:
        return json.loads(self.out.getvalue())

    def keep(self, events: Sequence[Event], name: str | None = None) -> str:
        """Append a stream, or go on with it, and return its name."""
        first = events[0]
        journal = SqliteJournal(self.path)
        name = name or fold([first]).id
        journal.append(name, events, expected=len(journal.read(name)))
        return name

    def release(self) -> Rollout:
        """Release a flag as an application does, which asks for two approvals."""
        engine = Engine(journal=self.path, clock=self.clock)
        rollout = engine.release(FLAG, PLAN, author="person-7")
        engine.tick()
        engine.stop()
        return rollout

    def rollout(self) -> Rollout:
        """Return the rollout as an application has it, a tick later."""
        engine = Engine(journal=self.path, clock=self.clock)
        engine.release(FLAG, PLAN, author="person-7")
        engine.tick()
        engine.stop()
        return engine.rollouts()[-1]


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path / "rollouts.db")


def plan_file(world: World, text: str = GOOD, name: str = "plan.toml") -> str:
    """Write a plan file, and return its path."""
    path = world.path.with_name(name)
    path.write_text(text, encoding="utf-8")
    return str(path)


PASSED = [*completed(release("2"))]
"""Of these, the first four are in the first ring, and the fifth leaves it."""


# Plan files


def test_a_sound_plan_opens_and_a_weak_one_fails(world: World) -> None:
    """The exit status says whether a weakness matters."""
    assert Exit.OPENS == world.run("lint", plan_file(world))
    assert world.out.getvalue().startswith("22 of 27 lints pass")

    weak = GOOD.replace('"6 h"', '"2 d"')
    assert Exit.FAILS == world.run("lint", plan_file(world, weak))
    assert "shorter-bake: ring 'everyone'" in world.out.getvalue()
    assert Exit.OPENS == world.run("lint", plan_file(world, weak), "--severity", "error")
    assert Exit.FAILS == world.run("lint", plan_file(world), "--severity", "note")
    with pytest.raises(SystemExit) as ended:
        world.run("lint", plan_file(world), "--severity", "loud")
    assert Exit.MISUSE == ended.value.code


def test_what_is_waived_does_not_fail(world: World) -> None:
    """Reasons come from the file, or the command line."""
    weak = GOOD.replace('"6 h"', '"2 d"')
    given = world.run("lint", plan_file(world, weak), "--waive", "shorter-bake=a weekend")
    assert Exit.OPENS == given
    assert "waived   shorter-bake: a weekend" in world.out.getvalue()

    kept = weak + 'waive = { shorter-bake = "a weekend" }'
    assert Exit.OPENS == world.run("lint", plan_file(world, kept))
    assert Exit.MISUSE == world.run("lint", plan_file(world), "--waive", "shorter-bake")
    assert "give a reason why" in world.err.getvalue()


def test_a_review_is_there_for_programs(world: World) -> None:
    """`--json` prints one object with stable names."""
    path = plan_file(world, GOOD.replace('"reviewed"', ""))
    assert Exit.FAILS == world.run("lint", path, "--json")

    facts = world.facts()
    weakness = facts["weaknesses"][0]
    assert {"P21": {"passed": 0, "asked": 1}}.items() <= facts["practices"].items()
    assert ("fails", 21, 27) == (facts["outcome"], facts["passed"], facts["asked"])
    assert ("no-check", "P21", "warning", "canary") == tuple(
        weakness[key] for key in ("lint", "practice", "severity", "ring")
    )
    assert read(parse(Path(path).read_text(), "toml")).plan.digest == facts["digest"]
    assert [None] == [it["ring"] for it in facts["weaknesses"] if it["lint"] == "one-sided"]


def test_a_forecast_is_told(world: World) -> None:
    """`explain` is `Plan.explain`, for people and for programs."""
    path = plan_file(world)
    document = read(parse(GOOD, "toml"))
    assert document.traffic
    forecast = document.plan.explain(document.traffic)

    assert Exit.OPENS == world.run("explain", path)
    assert f"{forecast}\n" == world.out.getvalue()
    assert Exit.OPENS == world.run("explain", path, "--json")
    facts = world.facts()
    assert forecast.takes
    assert forecast.takes.total_seconds() == facts["takes_seconds"]
    told = [(ring["ring"], ring["percent"]) for ring in facts["rings"]]
    assert [("canary", 10.0), ("everyone", 95.0)] == told


def test_what_is_infinite_is_null(world: World) -> None:
    """JSON has no infinity: what is never seen has no number."""
    blind = GOOD.replace('{ kind = "ErrorRate" }, ', "")
    assert Exit.OPENS == world.run("explain", plan_file(world, blind), "--json")

    [canary, _] = world.facts()["rings"]
    assert (None, None) == (canary["detectable"], canary["harm"])
    never = GOOD.replace('"ErrorRate"', '"ErrorRate", shadow = true')
    assert Exit.OPENS == world.run("explain", plan_file(world, never), "--json")


def test_a_plan_is_drawn(world: World) -> None:
    """Pictures need no traffic."""
    path = plan_file(world, GOOD.replace("traffic", "# traffic"))
    assert Exit.OPENS == world.run("explain", path, "--mermaid")
    assert world.out.getvalue().startswith("flowchart TB\n")
    assert Exit.OPENS == world.run("explain", path, "--svg")
    assert ET.fromstring(world.out.getvalue()).tag.endswith("svg")  # noqa: S314 - made here

    assert Exit.MISUSE == world.run("explain", path)
    assert "traffic = { per_minute = 600" in world.err.getvalue()


def test_a_file_that_is_no_plan_is_a_misuse(world: World) -> None:
    """Files that aren't there, aren't text, or aren't plans: each says what to mend."""
    binary = world.path.with_name("binary.toml")
    binary.write_bytes(b"\xff\xfe")
    for path, mend in (
        (str(world.path.with_name("none.toml")), "give a file that can be read: No such file"),
        (str(binary), f"{binary}:1: toml='invalid start byte': save it as UTF-8"),
        (plan_file(world, "a = 1\n]", name="open.toml"), "open.toml:2: toml=']': make it TOML"),
        (plan_file(world, name="plan.yaml"), 'give "toml" or "json"'),
        (plan_file(world, GOOD.replace("bake", "bakes")), "choose one of bake"),
    ):
        assert Exit.MISUSE == world.run("lint", path)
        assert mend in world.err.getvalue()
        assert "" == world.out.getvalue()


def test_a_misuse_is_there_for_programs(world: World) -> None:
    """With `--json`, what went wrong is an object too."""
    path = plan_file(world, GOOD.replace("bake", "bakes"))
    assert Exit.MISUSE == world.run("lint", path, "--json")

    assert {
        "outcome": "misuse",
        "error": {
            "field": "rings[0].bakes",
            "value": "'bakes'",
            "mend": "choose one of bake, gates",
        },
    } == world.facts()


# A gate


def test_a_gate_holds_until_its_ring_was_left(world: World) -> None:
    """A ring's gate opens by evidence alone, and the rollout's when all is through."""
    name = world.keep(PASSED[:1])
    assert Exit.HOLDS == world.on("gate")
    assert "holds: pending, ring canary" in world.out.getvalue()
    assert "; for reviewed; until" in world.out.getvalue()
    for number, event in enumerate(PASSED[1:], 2):
        world.keep([event], name)
        state = fold(PASSED[:number]).state
        assert (state.ring > 0) is (Exit.OPENS == world.on("gate", "--ring", "canary"))
        done = Exit.OPENS if isinstance(state, Completed) else Exit.HOLDS
        assert done == world.on("gate", name)
    assert world.out.getvalue().startswith("opens: completed, ring everyone (3 of 3)")
    assert Exit.OPENS == world.on("gate", "--ring", "everyone")


@pytest.mark.parametrize("after", [[], [RecoveryStarted(START, "at once")]])
@pytest.mark.parametrize("number", range(1, 9))
def test_a_gate_fails_once_a_rollout_has_halted(
    world: World, number: int, after: list[Event]
) -> None:
    """What was withdrawn opens no gate, not even that of a ring that was left."""
    world.keep([*PASSED[:number], Aborted(START, "person-7", "no"), *after])

    assert Exit.FAILS == world.on("gate", "--ring", "canary")
    assert world.out.getvalue().startswith(f"fails: {'recovering' if after else 'halted'}, ring ")
    assert world.out.getvalue().endswith("; no\n")


def test_a_kill_fails_what_had_completed(world: World) -> None:
    """A completed rollout whose flag was killed isn't out any more."""
    world.keep(completed(flagged()))
    world.keep([Killed(START + HOUR, "shop", "person-7", "it burns")], "kills/shop")

    assert Exit.FAILS == world.on("gate")


def test_what_is_not_there_yet_holds(world: World) -> None:
    """No evidence, no advance: a journal or a rollout may come later."""
    assert Exit.HOLDS == world.on("gate", "shop")
    assert "there is no such file" in world.out.getvalue()
    assert [] == [*world.path.parent.iterdir()]

    world.keep([started()])
    assert Exit.HOLDS == world.on("gate", "shpo", "--json")
    facts = world.facts()
    assert ("holds", None) == (facts["outcome"], facts["rollout"])
    assert "choose one of shop" in facts["why"]


def test_what_cannot_be_read_holds(world: World) -> None:
    """A rollout that a later version began tells nothing."""
    world.keep([Unknown(START, "Started", '{"$":"Started"}')], "service:shop@2/abc/1")

    assert Exit.HOLDS == world.on("gate", "shop", "--ring", "canary")
    assert "holds: can't be told" in world.out.getvalue()


def test_a_gate_waits_as_long_as_it_is_told(world: World) -> None:
    """It looks again and again, says what is new, and ends at its time."""
    world.keep(PASSED[:4])
    assert Exit.HOLDS == world.on("gate", "--wait", "12")

    assert [EVERY, EVERY, 2.0] == world.slept
    assert 1 == world.err.getvalue().count("holds: baking")


def test_a_gate_that_waits_opens_as_soon_as_it_can(world: World) -> None:
    """What happens meanwhile ends the wait."""
    name = world.keep(PASSED[:2])
    rest = [*PASSED[2:6]]
    world.meanwhile = lambda: world.keep([rest.pop(0)], name)

    assert Exit.OPENS == world.on("gate", "--ring", "canary", "--wait", "600")
    assert len(world.slept) < 5
    assert "holds: baking" in world.err.getvalue()
    assert world.out.getvalue().startswith("opens: ")


@pytest.mark.parametrize("wait", ["-1", "nan", "soon", "1e9"])
def test_a_wait_is_a_time(world: World, wait: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Nobody waits for ever."""
    with pytest.raises(SystemExit) as ended:
        world.on("gate", f"--wait={wait}")

    assert Exit.MISUSE == ended.value.code
    assert "is no time to wait" in capsys.readouterr().err


def test_a_ring_that_is_not_there_is_a_misuse(world: World) -> None:
    """A name that was misspelt doesn't hold a pipeline for ever."""
    world.keep([started()])

    assert Exit.MISUSE == world.on("gate", "--ring", "canry")
    assert "choose one of canary" in world.err.getvalue()


def test_a_rollout_has_several_names(world: World) -> None:
    """Its id, the change, the subject and the name; the latest of several is meant."""
    first = world.keep(completed(release("1")))
    world.keep(PASSED[:1])
    for name in (first, "service:shop@1", "shop@1"):
        status = Exit.HOLDS if name == "shop@1" else Exit.OPENS
        assert status == world.on("gate", name)
    for name in ("shop", "service:shop", "service:shop@2"):
        assert Exit.HOLDS == world.on("gate", name)
    assert Exit.HOLDS == world.on("gate")


def test_where_there_are_several_one_is_said(world: World) -> None:
    """Nobody halts the wrong thing by leaving out its name."""
    world.keep([started()])
    other = attrs.evolve(started(), change=Change.code("depot", version="1"))
    world.keep([other])

    assert Exit.MISUSE == world.on("halt", "--by", "person-7", "--reason", "no")
    assert "say which: service:depot, service:shop" in world.err.getvalue()


# Decisions


def test_people_approve_by_it(world: World) -> None:
    """An approval counts as if the application had been told, and only once."""
    rollout = world.release()
    role = ("--role", "release managers")
    assert Exit.OPENS == world.on("approve", "new-checkout", "--by", "person-8", *role)
    assert world.out.getvalue().startswith("recorded: pending, ring canary (1 of 2)")
    assert "pending" == world.rollout().state.label

    assert Exit.FAILS == world.on("approve", "--by", "person-9", *role, "--gate", "cooks")
    done = world.on("approve", rollout.id, "--by", "person-9", *role, "--gate", role[1], "--json")
    assert Exit.OPENS == done
    assert ("opens", rollout.id) == (world.facts()["outcome"], world.facts()["rollout"]["id"])
    assert "baking" == world.rollout().state.label


@pytest.mark.parametrize(
    ("who", "role", "mend"),
    [
        ("person-7", "release managers", "nobody approves their own change"),
        ("person-8", "cooks", "who has the role 'release managers'"),
    ],
)
def test_what_would_not_count_is_refused(world: World, who: str, role: str, mend: str) -> None:
    """The rules are the engine's: an author's approval, or one without the role, fails."""
    world.release()
    before = SqliteJournal(world.path).head()

    assert Exit.FAILS == world.on("approve", "--by", who, "--role", role)
    assert mend in world.err.getvalue()
    assert before == SqliteJournal(world.path).head()


def test_an_alert_of_a_user_halts(world: World) -> None:
    """Nobody has to wait for a person."""
    world.release()

    assert Exit.OPENS == world.on("alert", "--by-user", "--reason", "it hurts")
    assert world.out.getvalue().startswith("recorded: halted")
    assert "rolled back" == world.rollout().state.label
    assert Exit.FAILS == world.on("gate")


def test_an_alert_about_health_stops_the_clock(world: World) -> None:
    """A person has to look."""
    world.release()

    assert Exit.OPENS == world.on("alert", "--reason", "the disk is filling")
    assert "paused" == world.rollout().state.label


def test_a_pause_goes_on_once_somebody_has_looked(world: World) -> None:
    """First they say that they do, so that nobody else is called; then that it is no harm."""
    world.release()
    for argv in (["acknowledge"], ["resume", "--reason", "no harm"]):
        assert Exit.FAILS == world.on(*argv, "--by", "person-7")
    world.on("alert", "--reason", "the disk is filling")

    assert Exit.OPENS == world.on("acknowledge", "--by", "person-7")
    paused = world.rollout().state
    assert isinstance(paused, Paused)
    assert paused.acknowledged
    with pytest.raises(SystemExit):
        world.on("resume", "--by", "person-7")
    assert Exit.OPENS == world.on("resume", "--by", "person-7", "--reason", "it is swept daily")
    assert "pending" == world.rollout().state.label


def test_a_halt_halts(world: World) -> None:
    """Who halts is on record; there is nothing to halt once it has completed."""
    world.release()

    assert Exit.OPENS == world.on("halt", "--by", "person-9", "--reason", "no")
    assert "rolled back" == world.rollout().state.label
    [halt] = [
        entry.event
        for entry in SqliteJournal(world.path).entries()
        if isinstance(entry.event, Aborted)
    ]
    assert ("person-9", "no") == (halt.by, halt.reason)


def test_a_ring_is_promoted_by_hand(world: World) -> None:
    """Only where one bakes, and with a reason where there is no evidence."""
    world.release()
    assert Exit.FAILS == world.on("promote", "--by", "person-9", "--reason", "a holiday")
    assert "only a ring that bakes is promoted" in world.err.getvalue()
    for who in ("person-8", "person-9"):
        world.on("approve", "--by", who, "--role", "release managers")
    world.rollout()

    assert Exit.FAILS == world.on("promote", "--by", "person-9")
    assert "write down why" in world.err.getvalue()
    assert Exit.OPENS == world.on("promote", "--by", "person-9", "--reason", "a holiday")
    world.clock.advance(timedelta(seconds=10))
    assert "everyone" == world.rollout().ring.name


def test_a_decision_needs_who_and_why(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    """A halt without a name or a reason is a misuse, as is an empty name."""
    world.release()
    for argv in (["--by", "person-9"], ["--reason", "no"]):
        with pytest.raises(SystemExit) as ended:
            world.on("halt", *argv)
        assert Exit.MISUSE == ended.value.code
    assert "--reason" in capsys.readouterr().err
    assert Exit.MISUSE == world.on("halt", "--by", " ", "--reason", "no")


def test_a_decision_on_nothing_is_a_misuse(world: World) -> None:
    """A rollout that isn't there, or a journal: nothing is made, nothing is recorded."""
    assert Exit.HOLDS == world.on("halt", "--by", "person-9", "--reason", "no")
    assert [] == [*world.path.parent.iterdir()]

    world.release()
    assert Exit.MISUSE == world.on("halt", "new-chekout", "--by", "person-9", "--reason", "no")
    assert "choose one of new-checkout" in world.err.getvalue()


def test_what_could_not_be_recorded_is_said(
    world: World, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """An engine would try again; a command ends, and so it must not say that it is done."""
    rollout = world.release()
    monkeypatch.setattr(SqliteJournal, "append", lambda *_, **__: 1 / 0)

    assert Exit.HOLDS == world.on("halt", "--by", "person-9", "--reason", "no")
    assert "it couldn't be recorded now: ask again" in world.err.getvalue()
    assert rollout.version == len(SqliteJournal(world.path).read(rollout.id))
    assert "" == capsys.readouterr().out  # what was logged is for people


# What is seen


def test_a_terminal_shows_bars(world: World) -> None:
    """Each ring has a bar of what it exposes, in the colour of where it stands."""
    world.out = Screen(is_terminal=True)
    world.keep(PASSED[:7])
    assert Exit.OPENS == world.on("status")

    text = world.out.getvalue()
    half = "█" * (WIDTH // 2) + "░" * (WIDTH // 2)
    assert f"  canary    \x1b[32m█{'░' * (WIDTH - 1)}    1 %  passed\x1b[0m" in text
    assert f"  half      \x1b[33m{half}   50 %  pending\x1b[0m" in text
    assert "  everyone  \x1b[2m" in text
    assert Exit.HOLDS == world.on("gate", "shop")
    assert half in world.out.getvalue()


@pytest.mark.parametrize(("name", "value"), [("NO_COLOR", "1"), ("TERM", "dumb")])
def test_who_wants_no_colour_gets_none(world: World, name: str, value: str) -> None:
    """Bars stay, and escape sequences don't."""
    world.out, world.environ = Screen(is_terminal=True), {name: value}
    world.keep(PASSED[:4])
    world.on("status")

    assert "\x1b" not in world.out.getvalue()
    assert "1 %  baking, 10 s of 20 s" in world.out.getvalue()


def test_a_poor_terminal_has_plain_bars(world: World) -> None:
    """What knows ASCII alone gets bars of it."""
    world.out = Screen("ascii", is_terminal=True)
    world.keep([*PASSED[:3], Alerted(START, by_user=True, reason="es brennt, übel")])
    world.on("status")

    text = world.out.getvalue()
    assert f"#{'.' * (WIDTH - 1)}    1 %  withdrawn" in text
    assert "es brennt, \\xfcbel" in text


def test_a_pipe_gets_plain_text(world: World) -> None:
    """What is no terminal gets neither bars nor colours, and no file name moves the cursor."""
    world.keep(PASSED[:3])
    world.on("status")
    assert "█" not in world.out.getvalue()

    world.path = world.path.with_name("\x1b[2J.db")
    world.on("status")
    assert "\x1b" not in world.err.getvalue()


def test_a_rollout_that_is_paused_says_what_it_has_baked(world: World) -> None:
    """A ring that is paused stands where it was."""
    world.keep([*PASSED[:4], Alerted(START, by_user=False, reason="?")])
    world.on("status", "--json")

    [first, second, _] = world.facts()["rollouts"][0]["steps"]
    assert ("paused", 10.0) == (first["state"], first["baked"])
    assert ("ahead", None) == (second["state"], second["baked"])


# The program


def test_every_command_has_help(capsys: pytest.CaptureFixture[str]) -> None:
    """Whoever asks is told."""
    for name, _, about in COMMANDS:
        with pytest.raises(SystemExit) as ended:
            main([name, "--help"])
        assert 0 == ended.value.code
        assert about[1:20] in capsys.readouterr().out


def test_the_system_is_what_a_program_speaks_to() -> None:
    """Unless something else is given, time and environment are the machine's."""
    terminal = Terminal(out=sys.stdout, err=sys.stderr)

    assert isinstance(terminal.clock, SystemClock)
    assert "PATH" in terminal.environ


def test_a_pipeline_runs_the_program(world: World) -> None:
    """A whole pipeline in processes of its own: a plan, a gate that holds, an approval, a halt."""
    world.release()

    def run(*argv: str) -> tuple[int, str]:
        command = [sys.executable, "-m", "safedeploy", *argv]
        ran = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
        return ran.returncode, ran.stdout

    journal = str(world.path)
    assert Exit.OPENS == run("lint", plan_file(world))[0]
    assert Exit.HOLDS == run("gate", journal)[0]
    role = ("--role", "release managers")
    assert Exit.OPENS == run("approve", journal, "--by", "person-8", *role)[0]
    code, text = run("halt", journal, "--by", "person-8", "--reason", "no", "--json")
    assert (Exit.OPENS, "halted") == (code, json.loads(text)["rollout"]["state"])
    assert Exit.FAILS == run("gate", journal)[0]
    assert Exit.MISUSE == run("gate")[0]
