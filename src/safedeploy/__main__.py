"""The command line: `python -m safedeploy`."""

from __future__ import annotations

import sys
from argparse import ArgumentParser
from collections.abc import Sequence

from safedeploy import demo, status

INTERRUPTED = 130
"""The exit status of a program that was stopped by Ctrl-C, as shells have it."""


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command, and return its exit status; without one, print the help.

    Args:
        argv: the arguments; those that the program was started with, unless given.
    """
    parser = ArgumentParser(prog="python -m safedeploy", description="Change production safely.")
    commands = parser.add_subparsers(title="commands", metavar="COMMAND")
    about = "release a checkout with a defect in a live shop, then the fix; under a minute"
    demo.accept(commands.add_parser("demo", help=about, description=demo.__doc__))
    about = "say where the rollouts in a journal stand, and what they wait for"
    status.accept(commands.add_parser("status", help=about, description=status.__doc__))
    arguments = parser.parse_args(argv)
    if "run" not in arguments:
        parser.print_help()
        return 0
    try:
        return int(arguments.run(arguments))
    except KeyboardInterrupt:
        return INTERRUPTED


if __name__ == "__main__":
    sys.exit(main())
