"""Programs: run one as a check, or as a target, and keep what it says."""

from __future__ import annotations

import os
import subprocess
import tempfile
from collections.abc import Callable, Collection, Iterable, Mapping
from datetime import timedelta
from typing import IO, Any

import attrs

from safedeploy import people, validators
from safedeploy.changes import Change
from safedeploy.errors import DefinitionError, TargetError
from safedeploy.gates import REPORT, Answer, Report
from safedeploy.targets import Order

_NONE: frozenset[str] = frozenset()


def _check_arguments(field: str, value: tuple[object, ...]) -> None:
    if not isinstance(value, tuple) or not value or not all(isinstance(it, str) for it in value):
        raise DefinitionError(field, value, "give a program and its arguments, each a text")


def _check_timeout(field: str, value: object) -> None:
    if not isinstance(value, timedelta) or value <= timedelta(0):
        raise DefinitionError(field, value, "give a timedelta above zero")


def _program(given: str | Iterable[str]) -> tuple[str, ...]:
    return (given,) if isinstance(given, str) else validators.several(given)


def _arguments(_: object, field: attrs.Attribute[Any], value: tuple[str, ...]) -> None:
    _check_arguments(field.name, value)


def _names(_: object, field: attrs.Attribute[Any], value: Collection[str]) -> None:
    people.named(_, field, people.names(value))


def _above_zero(_: object, field: attrs.Attribute[Any], value: object) -> None:
    _check_timeout(field.name, value)


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
    _check_arguments("arguments", arguments)
    _check_timeout("timeout", timeout)
    fails = frozenset(failing)

    def run(change: Change) -> Report:
        with tempfile.TemporaryFile() as output:
            try:
                status = _run(arguments, _told(change), output, timeout)
            except subprocess.TimeoutExpired:
                return Report(Answer.HOLDS, f"{_end_of(output)}didn't end within {timeout}")
            other = Answer.FAILS if status in fails else Answer.HOLDS
            answer = other if status else Answer.OPENS
            return Report(answer, f"{_end_of(output)}exit status {status}")

    return run


@attrs.frozen
class Script:
    """Make a target of programs: a deploy script, one that rolls back, and one that looks.

    They are run without a shell; exit status 0 is success, and for `verify`, 1 says that the change
    isn't there. In their environment are the parameters that the script needs, by name, and

    - `SAFEDEPLOY_ORDER`: an id, the same for the same thing;
    - `SAFEDEPLOY_SUBJECT`, `SAFEDEPLOY_VERSION`: what is released;
    - `SAFEDEPLOY_RING`, `SAFEDEPLOY_PERCENT`, `SAFEDEPLOY_ENVIRONMENT`, `SAFEDEPLOY_EPOCH`: where.

    The last 2,000 characters that a failing program prints are recorded, without the values of
    secrets.

    Args:
        name: what plans call it.
        apply_by: the program that applies; with arguments, all of them one by one.
        withdraw_by: the one that withdraws.
        verify_by: the one that tells whether the change is there.
        needs: the parameters that they need, by name.
        timeout: when one of them is killed, which is a failure. What it has started itself isn't
            killed.

    Raises:
        DefinitionError: an empty name, no program, an argument that is no text, or a timeout that
            isn't above zero.
    """

    name: str = attrs.field(validator=validators.text)
    apply_by: tuple[str, ...] = attrs.field(kw_only=True, converter=_program, validator=_arguments)
    withdraw_by: tuple[str, ...] = attrs.field(
        kw_only=True, converter=_program, validator=_arguments
    )
    verify_by: tuple[str, ...] = attrs.field(kw_only=True, converter=_program, validator=_arguments)
    needs: Collection[str] = attrs.field(default=_NONE, kw_only=True, validator=_names)
    timeout: timedelta = attrs.field(
        default=timedelta(minutes=30), kw_only=True, validator=_above_zero
    )

    def apply(self, order: Order) -> None:
        """Run the program that applies.

        Raises:
            TargetError: it has failed.
        """
        self._succeed("apply", self.apply_by, order)

    def withdraw(self, order: Order) -> None:
        """Run the program that withdraws.

        Raises:
            TargetError: it has failed.
        """
        self._succeed("withdraw", self.withdraw_by, order)

    def verify(self, order: Order) -> bool:
        """Run the program that tells whether the change is there.

        Raises:
            TargetError: it couldn't tell.
        """
        return self._succeed("verify", self.verify_by, order, or_status=1) == 0

    def _succeed(
        self, doing: str, arguments: tuple[str, ...], order: Order, *, or_status: int = 0
    ) -> int:
        with tempfile.TemporaryFile() as output:
            try:
                status = _run(arguments, _ordered(order), output, self.timeout)
            except subprocess.TimeoutExpired:
                how = f"didn't end within {self.timeout}"
            else:
                if status in {0, or_status}:
                    return status
                how = f"exit status {status}"
            raise TargetError(doing, how, f"it said: {_end_of(output)}")


def _told(change: Change) -> dict[str, str]:
    return {"SAFEDEPLOY_SUBJECT": change.subject, "SAFEDEPLOY_VERSION": change.version}


def _ordered(order: Order) -> dict[str, str]:
    where = {
        "SAFEDEPLOY_ORDER": order.id,
        "SAFEDEPLOY_RING": order.ring,
        "SAFEDEPLOY_PERCENT": f"{order.percent:g}",
        "SAFEDEPLOY_ENVIRONMENT": order.environment,
        "SAFEDEPLOY_EPOCH": f"{order.epoch}",
    }
    return {**order.parameters, **_told(order.change), **where}


def _run(
    arguments: tuple[str, ...], told: Mapping[str, str], output: IO[bytes], timeout: timedelta
) -> int:
    done = subprocess.run(  # noqa: S603 - the host says what to run, and no shell reads it
        arguments,
        check=False,
        env={**os.environ, **told},
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
