"""The command line: `python -m safedeploy`."""

from __future__ import annotations

import sys
from argparse import ArgumentParser
from collections.abc import Callable, Sequence

from safedeploy import demo, pipelines, planning, status
from safedeploy.errors import SafeDeployError
from safedeploy.terminals import PROGRAM, Parser, Terminal

INTERRUPTED = 130
"""The exit status of a program that was stopped by Ctrl-C, as shells have it."""

COMMANDS: tuple[tuple[str, Callable[[ArgumentParser], None], str], ...] = (
    ("demo", demo.accept, "release a checkout with a defect in a live shop, then the fix"),
    ("lint", planning.accept_lint, "say where a plan is weak, and what mends it"),
    ("explain", planning.accept_explain, "say what a plan can see, how long it takes, what harm"),
    ("status", status.accept, "say where the rollouts in a journal stand, and what they wait for"),
    ("gate", pipelines.accept_gate, "open once a ring was left, or the whole rollout is through"),
    ("approve", pipelines.accept_approve, "approve what a rollout asks for"),
    ("alert", pipelines.accept_alert, "raise an alert: a user's halts at once"),
    ("acknowledge", pipelines.accept_acknowledge, "say that you look after an alert about health"),
    ("resume", pipelines.accept_resume, "go on after an alert about health: it is no harm"),
    ("promote", pipelines.accept_promote, "leave the ring that bakes now, whatever is left of it"),
    ("halt", pipelines.accept_halt, "halt a rollout: nobody is exposed any more"),
)


def parser() -> ArgumentParser:
    """Return what parses the command line."""
    made = Parser(prog=PROGRAM, description="Change production safely.")
    commands = made.add_subparsers(title="commands", metavar="COMMAND", dest="command")
    for name, accept, about in COMMANDS:
        accept(commands.add_parser(name, help=about, description=f"{about[0].upper()}{about[1:]}."))
    return made


def main(argv: Sequence[str] | None = None, *, terminal: Terminal | None = None) -> int:
    """Run a command, and return its exit status; without one, print the help.

    Args:
        argv: the arguments; those that the program was started with, unless given.
        terminal: where to speak; that of the process, unless given.
    """
    terminal = terminal or Terminal(out=sys.stdout, err=sys.stderr)
    arguments = parser().parse_args(argv)
    if arguments.command is None:
        parser().print_help()
        return 0
    try:
        return int(arguments.run(arguments, terminal))
    except SafeDeployError as error:
        return int(terminal.fail(error, arguments.command, as_json=arguments.json))
    except KeyboardInterrupt:
        return INTERRUPTED


if __name__ == "__main__":
    sys.exit(main())
