import io
import json
import re
import runpy
import signal
import subprocess
import sys
from argparse import Namespace
from collections import Counter
from datetime import timedelta
from pathlib import Path
from typing import Any

import attrs
import pytest

from safedeploy import Engine, Rollout, demo, leases
from safedeploy.__main__ import main
from safedeploy.clocks import SystemClock
from safedeploy.demo import earlier
from safedeploy.demo.acts import Report, Settings, Stage
from safedeploy.demo.crowd import Answer
from safedeploy.demo.screen import Screen, standing
from safedeploy.demo.shop import CHECKOUT, Cart, checkout_v1, checkout_v2, checkout_v3
from safedeploy.events import Aborted, Applied
from safedeploy.journals import MemoryJournal, SqliteJournal
from safedeploy.states import Baking, Completed, Recovering, RolledBack
from safedeploy.terminals import Parser
from safedeploy.testing import FakeClock
from safedeploy.verdicts import Counts, Evidence, Finding, Verdict

FIELDS = {"state", "halted_in", "exposed", "harmed", "reason"}
BRIEF = """
import os, signal, sys
from datetime import timedelta
from safedeploy import demo, leases
from safedeploy.__main__ import main
from safedeploy.demo.acts import Settings
from safedeploy.demo.screen import Screen

path, moment, how = sys.argv[1:]


class Fatal(Screen):
    def say(self, text=""):
        super().say(text)
        if moment in text:
            os.kill(os.getpid(), getattr(signal, how))


signal.signal(signal.SIGINT, signal.default_int_handler)  # whatever the shell made of it
leases.TERM = timedelta(seconds=0.4)
quick = Settings(bake=timedelta(seconds=0.2), must_see=60.0, at_least=60, linger=0.1)
demo.Settings, demo.Screen = lambda: quick, Fatal
sys.exit(main(["demo", "--defect", "0.5", "--journal", path]))
"""
ALL_RINGS = [("v2", "canary"), ("v3", "canary"), ("v3", "half"), ("v3", "everyone")]
QUICK = Settings(bake=timedelta(0), must_see=60.0, at_least=60, linger=0.1)


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def acts(*arguments: str) -> list[dict[str, Any]]:
    """Run the whole demo as a user does, and return what it says of its acts."""
    command = [sys.executable, "-W", "error", "-m", "safedeploy", "demo", "--json", *arguments]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=150, check=False)
    assert ("", 0) == (ended.stderr, ended.returncode)
    return list(json.loads(ended.stdout)["acts"])


def parsed(*arguments: str) -> Namespace:
    parser = Parser()
    demo.accept(parser)
    return parser.parse_args(arguments)


def brief(path: Path, moment: str, how: str = "SIGKILL") -> tuple[int, str]:
    """Run a brief demo that stops itself as soon as it says something; return how it ended."""
    command = [sys.executable, "-W", "error", "-c", BRIEF, str(path), moment, how]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=150, check=False)
    assert "" == ended.stderr
    return ended.returncode, ended.stdout


def whole(path: Path, moment: str = "no such moment") -> int:
    """Run the whole demo, kill it as soon as it says something, and return its exit status."""
    command = [sys.executable, "-W", "error", "-m", "safedeploy", "demo", "--journal", str(path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        for line in process.stdout or ():
            if moment in line:
                process.kill()
    return process.returncode


def rings(path: Path) -> list[tuple[str, str]]:
    """Return every ring that was applied, with what was applied to it, as the journal has it."""
    journal = SqliteJournal(path, read_only=True)
    streams = zip(("v2", "v3"), journal.streams(), strict=True)
    applied = ((each, event) for each, name in streams for event in journal.read(name))
    return [(each, event.ring) for each, event in applied if isinstance(event, Applied)]


def standings(path: Path, capsys: pytest.CaptureFixture[str]) -> list[tuple[str, str]]:
    """Return the state and the ring of every rollout, as `status` has them."""
    capsys.readouterr()
    assert 0 == main(["status", str(path), "--json"])
    told = json.loads(capsys.readouterr().out)["rollouts"]
    return [(each["state"], each["ring"]) for each in told]


def released() -> Rollout:
    return Engine().release(CHECKOUT.serve("v2"), Settings().plan)


def test_the_defect_is_rolled_back_and_the_fix_completes() -> None:
    """Act 1 halts in the canary and is rolled back; act 2 reaches everybody; no arguments."""
    first, second = acts()

    assert [FIELDS, FIELDS] == [set(first), set(second)]
    assert ("rolled back", "canary") == (first["state"], first["halted_in"])
    assert first["reason"].startswith("error rate: ")
    assert 0 < first["harmed"] < first["exposed"]
    assert ("completed", None, None) == (second["state"], second["halted_in"], second["reason"])
    assert second["harmed"] == 0 < second["exposed"]


@pytest.mark.long
@pytest.mark.parametrize("_", range(10))
def test_it_ends_so_ten_times_out_of_ten(_: int) -> None:
    """Chance spoils no demo."""
    first, second = acts()

    assert ("rolled back", "canary") == (first["state"], first["halted_in"])
    assert "completed" == second["state"]


@pytest.mark.long
def test_a_healthy_version_completes() -> None:
    """Nothing is scripted: without a defect act 1 completes."""
    assert [("completed", 0)] * 2 == [(act["state"], act["harmed"]) for act in acts("--healthy")]


@pytest.mark.long
def test_a_gross_defect_halts_within_a_few_requests() -> None:
    """Nothing is scripted: the worse the defect, the fewer it reaches."""
    first, _ = acts("--defect", "0.5")

    assert ("rolled back", "canary") == (first["state"], first["halted_in"])
    assert first["exposed"] < 100


@pytest.mark.parametrize("rate", ["-0.1", "1.1", "nan", "half"])
def test_a_rate_that_is_no_share_is_refused(rate: str, capsys: pytest.CaptureFixture[str]) -> None:
    """A defect rate outside 0..1 ends with status 3 and says what to give."""
    with pytest.raises(SystemExit) as ended:
        parsed(f"--defect={rate}")

    assert 3 == ended.value.code
    assert "give 0 to 1, such as 0.05" in capsys.readouterr().err


def test_a_bad_rate_is_refused_on_the_command_line() -> None:
    """The exit status of a misuse is 3, and no shop is opened."""
    command = [sys.executable, "-m", "safedeploy", "demo", "--defect", "2"]

    assert 3 == subprocess.run(command, capture_output=True, timeout=60, check=False).returncode


def test_healthy_is_a_defect_of_nothing() -> None:
    """`--healthy` is `--defect 0`, and without either the defect is what it is by default."""
    assert [0.0, 0.05, 0.5] == [
        parsed(*arguments).defect for arguments in (["--healthy"], [], ["--defect", "0.5"])
    ]


def test_a_halt_is_told_and_withdraws(capsys: pytest.CaptureFixture[str]) -> None:
    """Every change is a line, and no request that begins after the halt gets version 2."""
    assert 0 == demo.run(parsed("--defect", "0.5"), QUICK)

    told = capsys.readouterr().out
    lines = [line.split(" s  ")[-1] for line in told.splitlines()]
    assert "ring canary: 20 % of the customers get v2" in lines
    assert "rolled back: nobody gets v2 any more" in lines
    assert "completed: everybody gets v3" in lines
    assert "  Of the requests that began after that, it served 0." in lines
    assert "\r" not in told


def test_json_is_all_that_is_printed(capsys: pytest.CaptureFixture[str]) -> None:
    """`--json` prints one object and no story."""
    assert 0 == demo.run(parsed("--healthy", "--json"), QUICK)

    ended = json.loads(capsys.readouterr().out)["acts"]
    assert [FIELDS] * 2 == [set(act) for act in ended]
    assert ["completed"] * 2 == [act["state"] for act in ended]


def test_an_act_that_does_not_end_stops_the_demo(capsys: pytest.CaptureFixture[str]) -> None:
    """When patience ends, so does the demo, with status 1 and a message."""
    assert 1 == demo.run(parsed("--json"), attrs.evolve(QUICK, patience=0.0))

    told = capsys.readouterr()
    assert "" == told.out
    assert "The demo stops: not over after 0 s, still in ring canary" in told.err


@pytest.mark.parametrize(
    ("defect", "ended", "status"),
    [
        ("0", Completed, 0),
        ("0", RolledBack, 1),
        ("0.01", Completed, 0),
        ("0.01", RolledBack, 0),
        ("0.05", Completed, 1),
        ("0.05", RolledBack, 0),
    ],
)
def test_the_status_says_whether_act_1_ended_as_it_should(
    defect: str, ended: type, status: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What isn't worse has to complete, what must be seen has to halt; between them, either."""
    rollout = released()
    cause = Aborted(rollout.at, "somebody", "for the test")
    completed, halted = Completed(2, rollout.at), RolledBack(0, rollout.at, cause)

    def performed(_: Stage, version: str) -> Report:
        state = halted if (version, ended) == ("v2", RolledBack) else completed
        return Report(version, attrs.evolve(rollout, state=state), 1.0, Counter())

    monkeypatch.setattr(demo, "perform", performed)

    assert status == demo.run(parsed("--json", "--defect", defect))


def test_progress_is_rewritten_in_place_on_a_terminal() -> None:
    """On a terminal a line of progress is overwritten by the next line; elsewhere there is none."""
    terminal, file = Terminal(), io.StringIO()
    for stream in (terminal, file):
        screen = Screen(stream)
        screen.show(released())
        screen.say("news")

    assert "\n" not in terminal.getvalue().removesuffix("news\n")
    assert terminal.getvalue().endswith("\rnews\n")
    assert "news\n" == file.getvalue()


def test_progress_says_how_far_it_is_and_what_is_lacking(monkeypatch: pytest.MonkeyPatch) -> None:
    """Ring, exposure, both arms' failures, the e-value, its threshold, and what is still needed."""
    rollout = released()
    findings = (
        Finding("error rate", Verdict.INCONCLUSIVE, "", 12.5, 10_000.0, 700),
        Finding("usage", Verdict.NO_DATA, "", 40.0, 1000.0, 960),
    )
    canary, baseline = Counts(units=40, failures=3), Counts(units=160, failures=1)
    at, scope = rollout.at, rollout.scope
    baking = attrs.evolve(
        rollout,
        state=Baking(0, at, at, baked=timedelta(seconds=0.5)),
        reached=0,
        evidence=Evidence(scope, at, at, "somewhere", canary, baseline, findings),
    )
    monkeypatch.setenv("COLUMNS", "120")
    terminal = Terminal()

    Screen(terminal).show(baking)

    said = "canary 20 % | failed: new 3/40, old 1/160 | e 12/10000 | 960 more, 1.0 s"
    assert said == terminal.getvalue().strip()


def test_a_declined_card_is_a_failure_but_no_harm() -> None:
    """Harm is what a defect did; a card is declined by any version."""
    sold, declined, broken = (Answer("v2", status) for status in (200, 402, 500))

    assert [False, True, True] == [each.is_failure for each in (sold, declined, broken)]
    assert [False, False, True] == [each.is_harm for each in (sold, declined, broken)]


def test_only_version_2_breaks_on_yen() -> None:
    """The defect is real: version 2 doesn't know a currency that the others handle."""
    yen = Cart("customer-1", "JPY", (300, 40), card=1)

    with pytest.raises(KeyError):
        checkout_v2(yen)
    assert [340, 340] == [checkout_v1(yen), checkout_v3(yen)]


def test_the_program_without_a_command_helps(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """`python -m safedeploy` alone prints what there is."""
    monkeypatch.setattr(sys, "argv", ["safedeploy"])
    monkeypatch.delitem(sys.modules, "safedeploy.__main__")  # runpy warns of what is imported

    with pytest.raises(SystemExit) as ended:
        runpy.run_module("safedeploy", run_name="__main__")

    assert 0 == ended.value.code
    assert "demo" in capsys.readouterr().out


def test_a_command_gets_its_arguments_and_gives_the_status(monkeypatch: pytest.MonkeyPatch) -> None:
    """The command's own exit status is the program's."""
    monkeypatch.setattr(demo, "run", lambda arguments: 40 + arguments.json)

    assert 41 == main(["demo", "--json"])


def test_ctrl_c_ends_a_command_quietly(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever has seen enough gets status 130, not a traceback."""

    def interrupted(_: Namespace) -> int:
        raise KeyboardInterrupt

    monkeypatch.setattr(demo, "run", interrupted)

    assert 130 == main(["demo"])


# With a journal


def test_a_demo_that_was_stopped_goes_on(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Stopped at whatever moment, a demo goes on where it was, and applies no ring again."""
    path = tmp_path / "rollouts.db"
    dead, wait = -signal.SIGKILL, "Another process drives what is in this journal, or was killed"

    assert dead == brief(path, "ring canary: 20 % of the customers get v2")[0]
    assert [("baking", "canary")] == standings(path, capsys)

    status, said = brief(path, "HALT in ring canary")
    assert (dead, True) == (status, wait in said)
    assert "It goes on where it was: v2 baking in ring canary, 0.0 of 0.2 s of its bake" in said
    assert [("halted", "canary")] == standings(path, capsys)

    status, said = brief(path, "Act 2: version 3 is released", "SIGINT")
    assert (130, True) == (status, wait in said)
    assert "It goes on where it was: v2 halted in ring canary: error rate: " in said
    assert [("rolled back", "canary")] == standings(path, capsys)

    status, said = brief(path, "ring half: 50 % of the customers get v3")
    assert (dead, False) == (status, wait in said)
    assert "That was over before this run: v2 rolled back in ring canary: error rate: " in said
    assert [("rolled back", "canary"), ("baking", "half")] == standings(path, capsys)

    status, said = brief(path, "no such moment")
    assert (0, True) == (status, wait in said)
    assert "It goes on where it was: v3 baking in ring half" in said
    assert "Act 1: v2 rolled back before this run.\n  It halted in ring canary: error rate" in said
    assert f"python -m safedeploy status {path}\n" in said
    assert [("rolled back", "canary"), ("completed", "everyone")] == standings(path, capsys)
    assert ALL_RINGS == rings(path)


@pytest.mark.long
@pytest.mark.parametrize(
    "moment",
    [
        "Act 1: version 2 is released",
        "ring canary: 20 % of the customers get v2",
        "HALT in ring canary",
        "Act 2: version 3 is released",
        "ring canary: 20 % of the customers get v3",
        "ring everyone: 80 % of the customers get v3",
        "completed: everybody gets v3",
    ],
)
def test_the_whole_demo_goes_on_after_a_kill(
    moment: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Killed from outside at any line, the demo ends as it should in the next run."""
    path = tmp_path / "rollouts.db"

    assert [-signal.SIGKILL, 0] == [whole(path, moment), whole(path)]
    assert [("rolled back", "canary"), ("completed", "everyone")] == standings(path, capsys)
    assert ALL_RINGS == rings(path)


def test_what_earlier_runs_have_shown_is_not_shown_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """An act that is over is told as recorded, one that isn't goes on; then nothing is left."""
    path = tmp_path / "rollouts.db"
    dead = Engine(journal=path, clock=FakeClock(SystemClock().now() - timedelta(minutes=30)))
    first = dead.release(CHECKOUT.serve("v2"), QUICK.plan)
    dead.abort(first, by="somebody", reason="seen enough")
    dead.tick()
    dead.release(CHECKOUT.serve("v3"), QUICK.plan)
    dead.tick()
    monkeypatch.setattr(leases, "TERM", timedelta(seconds=0.1))

    assert 0 == demo.run(parsed("--healthy", "--journal", str(path)), QUICK)
    said = capsys.readouterr().out
    assert "Another process drives what is in this journal, or was killed while it did so." in said
    assert "That was over before this run: v2 rolled back in ring canary: seen enough." in said
    assert "An earlier run began that. It goes on where it was: v3 baking in ring canary" in said
    assert "Requests in this run: " in said
    assert re.search(r"^Act 2: v3 completed after \d\d?\.\d s in this run\.$", said, re.MULTILINE)

    assert 0 == demo.run(parsed("--journal", str(path)), QUICK)
    said = capsys.readouterr().out
    assert said.startswith("Both acts were over before this run.\nAct 1: v2 rolled back before")
    assert "To see both acts again, give another file." in said

    assert 0 == demo.run(parsed("--json", "--journal", str(path)), QUICK)
    acts = json.loads(capsys.readouterr().out)["acts"]
    assert [("rolled back", None, None), ("completed", None, None)] == [
        (act["state"], act["exposed"], act["harmed"]) for act in acts
    ]


def test_the_wait_for_a_dead_process_is_no_delay_of_an_act() -> None:
    """Patience lasts as much longer as it may take to be sure that nobody else drives."""
    told, journal = io.StringIO(), MemoryJournal()
    free = earlier.patient(journal, Screen(told), QUICK)
    assert (QUICK, "") == (free, told.getvalue())

    journal.claim("4242-1a2b", after=journal.lease())
    taken = earlier.patient(journal, Screen(told), QUICK)
    assert attrs.evolve(QUICK, patience=QUICK.patience + 5) == taken
    assert "nothing was heard of it for 5 s, this one takes over" in told.getvalue()


def test_a_journaled_demo_that_is_not_stopped_tells_the_same(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """With a new file, both acts are this run's, and no earlier one is mentioned."""
    path = tmp_path / "rollouts.db"

    assert 0 == demo.run(parsed("--defect", "0.5", "--journal", str(path)), QUICK)
    said = capsys.readouterr().out
    assert (0, 0) == (said.count("earlier run"), said.count("in this run"))
    assert [("rolled back", "canary"), ("completed", "everyone")] == standings(path, capsys)


def test_a_journal_that_cannot_be_used_stops_the_demo(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A foreign file is left alone, and a line says why."""
    path = tmp_path / "notes.txt"
    path.write_text("not a database, but long enough to be looked at\n" * 50)

    assert 1 == demo.run(parsed("--journal", str(path)), QUICK)
    said = capsys.readouterr()
    assert ("", 1) == (said.out, said.err.count("\n"))
    assert f"The demo stops: journal='{path}': it isn't a journal, or is damaged" in said.err


def test_a_standing_is_told_in_a_line() -> None:
    """State, ring, and either the bake that was earned or the reason of the halt."""
    rollout = released()
    at, cause = rollout.at, Aborted(rollout.at, "somebody", "seen enough")
    baking = Baking(1, at, at, baked=timedelta(seconds=0.5))

    assert [
        "v2 pending in ring canary",
        "v2 baking in ring half, 0.5 of 1.5 s of its bake recorded",
        "v2 recovering in ring canary: seen enough",
    ] == [
        standing(attrs.evolve(rollout, state=state))
        for state in (rollout.state, baking, Recovering(0, at, cause))
    ]
