"""The machine's edges: what a stream begins with, and what stays outside the laws' histories."""

from __future__ import annotations

import pytest

from safedeploy import events, rollouts
from safedeploy.errors import DefinitionError
from safedeploy.events import Event
from tests.laws.histories import START, started


@pytest.mark.parametrize("stream", [[], [events.Woken(START)]], ids=["empty", "headless"])
def test_a_stream_begins_with_started(stream: list[Event]) -> None:
    """Nothing, or anything else in front, is an error that says so."""
    with pytest.raises(DefinitionError, match="begin a stream with Started"):
        rollouts.fold(stream)


def test_a_rollout_is_named_after_change_plan_and_attempt() -> None:
    """The same release has the same id, and the repr of a rollout stays short."""
    one, other = rollouts.begin(started()), rollouts.begin(started(ask=True))
    assert one.id == rollouts.begin(started()).id
    assert one.id != other.id
    assert one.id.startswith("service:shop@2/")
    assert len(repr(one)) < 500
