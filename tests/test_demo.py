import io
import json
import runpy
import subprocess
import sys
from argparse import ArgumentParser, Namespace
from collections import Counter
from datetime import timedelta
from typing import Any

import attrs
import pytest

from safedeploy import Engine, Rollout, demo
from safedeploy.__main__ import main
from safedeploy.demo.acts import Report, Settings, Stage
from safedeploy.demo.crowd import Answer
from safedeploy.demo.screen import Screen
from safedeploy.demo.shop import CHECKOUT, Cart, checkout_v1, checkout_v2, checkout_v3
from safedeploy.events import Aborted
from safedeploy.states import Baking, Completed, RolledBack
from safedeploy.verdicts import Counts, Evidence, Finding, Verdict

FIELDS = {"state", "halted_in", "exposed", "harmed", "reason"}
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
    parser = ArgumentParser()
    demo.accept(parser)
    return parser.parse_args(arguments)


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
    """A defect rate outside 0..1 ends with status 2 and says what to give."""
    with pytest.raises(SystemExit) as ended:
        parsed(f"--defect={rate}")

    assert 2 == ended.value.code
    assert "give 0 to 1, such as 0.05" in capsys.readouterr().err


def test_a_bad_rate_is_refused_on_the_command_line() -> None:
    """The exit status of a misuse is 2, and no shop is opened."""
    command = [sys.executable, "-m", "safedeploy", "demo", "--defect", "2"]

    assert 2 == subprocess.run(command, capture_output=True, timeout=60, check=False).returncode


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
