"""Programs: run one as a check, and keep what it says as evidence."""

from __future__ import annotations

import os
import subprocess
import tempfile
from collections.abc import Callable, Iterable
from datetime import timedelta
from typing import IO

from safedeploy.changes import Change
from safedeploy.errors import DefinitionError
from safedeploy.gates import REPORT, Answer, Report


def command(
    *arguments: str, timeout: timedelta = timedelta(minutes=4), failing: Iterable[int] = ()
) -> Callable[[Change], Report]:
    """Return a function for a `Check` that runs a program: a test run, or a scan.

    It is run without a shell. Exit status 0 opens, and any other holds; the last 2,000 characters
    of what it prints are the report. In its environment, `SAFEDEPLOY_SUBJECT` and
    `SAFEDEPLOY_VERSION` say what is released.

    Args:
        arguments: the program, and its arguments, one by one.
        timeout: when it is killed, which holds; less than that of the check. What it has started
            itself isn't killed.
        failing: exit statuses that say that it never will open: the gate fails.

    Raises:
        DefinitionError: there is no program, an argument is no text, or the timeout isn't above
            zero.
    """
    if not arguments or not all(isinstance(each, str) for each in arguments):
        mend = "give a program and its arguments, each a text"
        raise DefinitionError("arguments", arguments, mend)
    if not isinstance(timeout, timedelta) or timeout <= timedelta(0):
        raise DefinitionError("timeout", timeout, "give a timedelta above zero")
    fails = frozenset(failing)

    def run(change: Change) -> Report:
        with tempfile.TemporaryFile() as output:
            try:
                status = _run(arguments, change, output, timeout)
            except subprocess.TimeoutExpired:
                return Report(Answer.HOLDS, f"{_end_of(output)}didn't end within {timeout}")
            other = Answer.FAILS if status in fails else Answer.HOLDS
            answer = other if status else Answer.OPENS
            return Report(answer, f"{_end_of(output)}exit status {status}")

    return run


def _run(arguments: tuple[str, ...], change: Change, output: IO[bytes], timeout: timedelta) -> int:
    told = {"SAFEDEPLOY_SUBJECT": change.subject, "SAFEDEPLOY_VERSION": change.version}
    done = subprocess.run(  # noqa: S603 - the host says what to run, and no shell reads it
        arguments,
        check=False,
        env=os.environ | told,
        stdin=subprocess.DEVNULL,
        stdout=output,
        stderr=subprocess.STDOUT,
        timeout=timeout.total_seconds(),
    )
    return done.returncode


def _end_of(output: IO[bytes]) -> str:
    # However much was printed, only so much is read; a character has four bytes at most.
    size = output.seek(0, os.SEEK_END)
    output.seek(max(0, size - 4 * REPORT))
    text = output.read().decode(errors="replace").rstrip()
    return f"{text}\n" if text else ""
