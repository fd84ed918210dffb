"""Terminals: where a command speaks, which exit statuses it has, and what it knows of the world."""

from __future__ import annotations

import enum
import json
import os
import sys
import time
from argparse import ArgumentParser
from collections.abc import Callable, Mapping
from datetime import datetime
from types import MappingProxyType
from typing import Any, NoReturn, TextIO

import attrs

from safedeploy.clocks import Clock, SystemClock
from safedeploy.errors import (
    DefinitionError,
    JournalUnavailableError,
    RolloutNotFoundError,
    SafeDeployError,
)
from safedeploy.screens import Style, printable

PROGRAM = "python -m safedeploy"


class Exit(enum.IntEnum):
    """Say how a command ended, so that a pipeline's step knows what to do."""

    OPENS = 0
    """Yes: the gate is open, the plan is sound, or what was decided is recorded."""
    FAILS = 1
    """No, and asking again won't help."""
    HOLDS = 2
    """Not yet, or not now: ask again."""
    MISUSE = 3
    """The command can't be what was meant: mend it."""


_EXITS: Mapping[type[SafeDeployError], Exit] = MappingProxyType(
    {
        DefinitionError: Exit.MISUSE,
        RolloutNotFoundError: Exit.MISUSE,
        JournalUnavailableError: Exit.HOLDS,
    }
)


class Parser(ArgumentParser):
    """Parse a command line; what isn't one ends with the status of a misuse."""

    def error(self, message: str) -> NoReturn:
        """Print what is wrong, and exit."""
        self.print_usage(sys.stderr)
        self.exit(Exit.MISUSE, f"{self.prog}: error: {message}\n")


@attrs.frozen(kw_only=True)
class Terminal:
    """Speak to whoever has given a command.

    Args:
        out: what was asked for goes there.
        err: what went wrong, and what is waited for, goes there.
        clock: the time.
        sleep: waits so many seconds.
        environ: the environment: `NO_COLOR` and `TERM`.
    """

    out: TextIO
    err: TextIO
    clock: Clock = attrs.field(factory=SystemClock)
    sleep: Callable[[float], object] = time.sleep
    environ: Mapping[str, str] = attrs.field(factory=lambda: os.environ)

    @property
    def style(self) -> Style | None:
        """What can be drawn; None where nobody looks."""
        if not self.out.isatty():
            return None
        environ, has_blocks = self.environ, _can_hold(self.out, "█░")
        is_coloured = not environ.get("NO_COLOR") and environ.get("TERM") != "dumb"
        full, empty = ("█", "░") if has_blocks else ("#", ".")
        return Style(full, empty, is_coloured)

    def say(self, text: str) -> None:
        """Write a text, as far as the terminal knows its letters."""
        _write(self.out, text)

    def tell(self, facts: Mapping[str, Any]) -> None:
        """Write facts as one line of JSON, for programs."""
        self.say(json.dumps(facts, default=datetime.isoformat, allow_nan=False))

    def complain(self, text: str) -> None:
        """Write a line to people, in which nothing moves the cursor."""
        _write(self.err, printable(text))

    def fail(self, error: SafeDeployError, command: str, *, as_json: bool) -> Exit:
        """Tell what a command came to grief by, and return its exit status."""
        end = next((it for kind, it in _EXITS.items() if isinstance(error, kind)), Exit.FAILS)
        self.complain(f"{PROGRAM} {command}: {error}")
        if as_json:
            told = {"field": error.field, "value": repr(error.value), "mend": error.mend}
            self.tell({"outcome": end.name.lower(), "error": told})
        return end


def _can_hold(stream: TextIO, text: str) -> bool:
    try:
        text.encode(stream.encoding or "ascii")
    except UnicodeEncodeError:
        return False
    return True


def _write(stream: TextIO, text: str) -> None:
    charset = stream.encoding or "utf-8"
    stream.write(text.encode(charset, "backslashreplace").decode(charset) + "\n")
    stream.flush()
