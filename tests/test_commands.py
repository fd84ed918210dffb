"""Commands: what a rollout asks of its shell."""

from datetime import UTC, datetime
from typing import get_args

import attrs
import pytest

from safedeploy import commands
from safedeploy.changes import Change
from safedeploy.commands import Command

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
CHANGE = Change.code("shop", version="2")

EVERY_COMMAND: list[Command] = [
    commands.Await("id", "service:shop@1/d1g35t/1"),
    commands.Supersede("id", "service:shop@1/d1g35t/1"),
    commands.Ask("id", "reviewed"),
    commands.Request("id", "managers"),
    commands.Apply("id", CHANGE, "canary", 1),
    commands.Assess("id", "canary"),
    commands.Recover("id"),
    commands.Withdraw("id", CHANGE),
    commands.Wake("id", NOON),
    commands.Page("id", "look"),
]


@pytest.mark.parametrize("command", EVERY_COMMAND)
def test_a_command_has_an_id(command: Command) -> None:
    """Every command has an id first, to be idempotent by, and can't be changed."""
    assert "id" == command.id == attrs.astuple(command, recurse=False)[0]
    with pytest.raises(attrs.exceptions.FrozenInstanceError):
        command.id = "other"  # type: ignore[misc]


def test_every_command_is_known_here() -> None:
    """No command goes untested."""
    assert set(get_args(Command)) == {type(command) for command in EVERY_COMMAND}
