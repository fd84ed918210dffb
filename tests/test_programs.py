"""Programs: how a check that runs one answers, and what it keeps."""

from __future__ import annotations

import os
import sys
from datetime import timedelta
from typing import Any

import pytest

from safedeploy.changes import Change
from safedeploy.errors import DefinitionError, TargetError
from safedeploy.gates import REPORT, Answer, Report
from safedeploy.programs import Script, command
from safedeploy.targets import Order

CHANGE = Change.code("shop", version="2")


def python(text: str, **options: Any) -> Report:
    """Run a program of Python as a check."""
    return command(sys.executable, "-c", text, **options)(CHANGE)


@pytest.mark.parametrize(
    ("status", "answer"),
    [(0, Answer.OPENS), (1, Answer.HOLDS), (2, Answer.FAILS), (3, Answer.HOLDS), (5, Answer.FAILS)],
)
def test_an_exit_status_answers(status: int, answer: Answer) -> None:
    """Zero opens, those that are named fail, and any other holds."""
    report = python(f"raise SystemExit({status})", failing=(2, 5))

    assert Report(answer, f"exit status {status}") == report


def test_what_it_prints_is_the_report() -> None:
    """Both of its outputs, in order, and the status last."""
    report = python("import sys; print('3 passed', flush=True); sys.exit('1 failed')")

    assert ["3 passed", "1 failed", "exit status 1"] == report.detail.splitlines()


def test_a_report_is_the_end_of_what_it_prints() -> None:
    """However much it prints, in whatever letters, only so much is kept."""
    report = python("import sys; sys.stdout.buffer.write('ж'.encode() * 10**6 + b'\\xff 9 passed')")

    assert REPORT == len(report.detail)
    assert report.detail.endswith("ж\N{REPLACEMENT CHARACTER} 9 passed\nexit status 0")


def test_it_learns_what_is_released() -> None:
    """Its environment names the subject and the version, besides what was there."""
    names = "SAFEDEPLOY_SUBJECT", "SAFEDEPLOY_VERSION", "PATH"
    report = python(f"import os; print(*map(os.environ.get, {names}))")

    assert f"service:shop 2 {os.environ['PATH']}" in report.detail


def test_no_shell_reads_its_arguments() -> None:
    """What means something to a shell is a text like any other."""
    report = command(sys.executable, "-c", "import sys; print(sys.argv[1])", "$(id) > x; *")(CHANGE)

    assert "$(id) > x; *" in report.detail


def test_it_waits_for_nobody_to_type() -> None:
    """There is nothing to read on its standard input."""
    assert "EOFError" in python("input()").detail


def test_what_does_not_end_holds() -> None:
    """It is killed at its timeout, and what it has printed by then is kept."""
    text = "import threading; print('begun', flush=True); threading.Event().wait()"
    report = python(text, timeout=timedelta(seconds=2))

    assert Answer.HOLDS is report.answer
    assert ["begun", "didn't end within 0:00:02"] == report.detail.splitlines()


@pytest.mark.parametrize(
    ("arguments", "options", "field", "mend"),
    [
        ((), {}, "arguments", "give a program and its arguments, each a text"),
        (("pytest", 5), {}, "arguments", "each a text"),
        ((["pytest", "-q"],), {}, "arguments", "each a text"),
        (("pytest",), {"timeout": timedelta(0)}, "timeout", "give a timedelta above zero"),
        (("pytest",), {"timeout": 5}, "timeout", "give a timedelta above zero"),
    ],
)
def test_what_can_not_be_run_is_refused(
    arguments: Any, options: dict[str, Any], field: str, mend: str
) -> None:
    """By field, value and mend, when the plan is made."""
    with pytest.raises(DefinitionError) as caught:
        command(*arguments, **options)

    assert field == caught.value.field
    assert mend in caught.value.mend


# Programs as targets

ORDER = Order(id="1", change=CHANGE, ring="all", percent=12.5, epoch=3, parameters={"SIZE": "9"})


def script(text: str, **options: Any) -> Script:
    """Make a target of a program of Python."""
    program = (sys.executable, "-c", text)
    options = {"apply_by": program, "withdraw_by": program, "verify_by": program, **options}
    return Script("script", **options)


def test_a_target_learns_what_it_is_to_do() -> None:
    """Its environment has the order, and the parameters that it needs."""
    names = ("SUBJECT", "VERSION", "RING", "PERCENT", "ENVIRONMENT", "ORDER", "EPOCH")
    asked = (*(f"SAFEDEPLOY_{name}" for name in names), "SIZE")
    with pytest.raises(TargetError) as raised:
        script(f"import os; print(*map(os.environ.get, {asked})); raise SystemExit(3)").apply(ORDER)
    assert "it said: service:shop 2 all 12.5  1 3 9\n" == raised.value.mend
    assert ("apply", "exit status 3") == (raised.value.field, raised.value.value)


@pytest.mark.parametrize(("status", "there"), [(0, True), (1, False), (2, None)])
def test_a_target_looks_by_an_exit_status(status: int, there: bool | None) -> None:
    """0 says that it is there, 1 that it isn't, and any other says nothing."""
    target = script(f"raise SystemExit({status})")
    if there is None:
        with pytest.raises(TargetError, match="verify='exit status 2'"):
            target.verify(ORDER)
    else:
        assert there is target.verify(ORDER)


@pytest.mark.parametrize("deed", ["apply", "withdraw"])
def test_a_target_fails_by_an_exit_status(deed: str) -> None:
    """Anything but 0 is a failure."""
    getattr(script("pass"), deed)(ORDER)
    with pytest.raises(TargetError, match=f"{deed}='exit status 1'"):
        getattr(script("raise SystemExit(1)"), deed)(ORDER)


def test_a_target_that_takes_too_long_is_killed() -> None:
    """That is a failure."""
    forever = "import signal; print('on my way', flush=True); signal.pause()"
    with pytest.raises(TargetError, match=r"didn't end within 0:00:01.: it said: on my way"):
        script(forever, timeout=timedelta(seconds=1)).apply(ORDER)


def test_a_program_without_arguments_is_a_text() -> None:
    """One text is a program, and no letters."""
    assert ("./deploy.sh",) == script("", apply_by="./deploy.sh").apply_by


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("apply_by", []),
        ("withdraw_by", [7]),
        ("verify_by", 7),
        ("needs", [""]),
        ("timeout", timedelta(0)),
        ("timeout", 9),
    ],
)
def test_a_target_that_makes_no_sense_is_refused(field: str, value: Any) -> None:
    """With field and mend."""
    with pytest.raises(DefinitionError) as refused:
        script("", **{field: value})
    assert field == refused.value.field
