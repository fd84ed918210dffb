"""The law of windows, A9, on the machine: they hold what lets more people in, and nothing else."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from safedeploy import commands, events, rollouts, states
from safedeploy.events import Event
from safedeploy.states import Halted, Rollout
from safedeploy.verdicts import Verdict
from safedeploy.windows import Window
from tests.laws.histories import (
    EVERY,
    Blink,
    Move,
    Step,
    assessed,
    confirmed,
    moves,
    plan,
    played,
    reachable,
    started,
)
from tests.laws.test_advance import grows, leaves

OFTEN, SELDOM = Blink(), Blink(12 * EVERY)


@st.composite
def frozen(draw: st.DrawFn) -> tuple[Step, ...]:
    """Draw a history of a plan that has windows, and whose last ring has more of its own."""
    begun = started(ask=draw(st.booleans()), people=draw(st.booleans()))
    *rings, last = plan(people=begun.plan.all_gates[-1].name == "owners").rings
    own = attrs.evolve(last, windows=draw(st.sampled_from([None, SELDOM])))
    windowed = attrs.evolve(begun.plan, rings=(*rings, own), windows=OFTEN)
    drawn: list[tuple[Move, int]] = draw(
        st.lists(st.tuples(moves(people=False), st.integers(0, 3)), min_size=8, max_size=40)
    )
    return tuple(played(attrs.evolve(begun, plan=windowed), drawn))


def is_closed(rollout: Rollout, at: datetime) -> bool:
    """Tell whether some window of the plan, or of the ring, is closed."""
    windows: list[Window | None] = [rollout.plan.windows, rollout.ring.windows]
    return not all(window.contains(at) for window in windows if window)


@pytest.mark.law("A9")
@given(frozen())
def test_nothing_goes_on_outside_of_its_windows(history: tuple[Step, ...]) -> None:
    """No ring begins, none is left, and nobody else is exposed, while a window is closed."""
    for step in history:
        begins = step.after.reached > step.before.reached
        if begins or grows(step) or leaves(step):
            assert not is_closed(step.before, step.event.at)


STOPS: dict[str, Callable[[Rollout, datetime], Event]] = {
    "a user's alert": lambda _, at: events.Alerted(at, by_user=True, reason="it hurts"),
    "a person": lambda _, at: events.Aborted(at, "7", "better not"),
    "harm": lambda rollout, at: assessed(rollout, Verdict.HALT, at),
}


@pytest.mark.law("A9")
@given(frozen(), st.sampled_from(sorted(STOPS)))
def test_no_freeze_blocks_a_halt(history: tuple[Step, ...], how: str) -> None:
    """In the midst of a freeze what moves halts in the same transition, and recovers to its end."""
    for rollout in reachable(history):
        if not isinstance(rollout.state, states.Moving):
            continue
        at = next(at for n in range(12) if is_closed(rollout, at := rollout.at + n * EVERY))
        after = rollouts.following(rollout, STOPS[how](rollout, at))
        assert isinstance(after.state, Halted)
        assert 0 == rollouts.exposure(after).percent
        for event in (events.RecoveryStarted(at, "at once"), events.Withdrawn(at)):
            after = rollouts.following(after, event)
        assert isinstance(after.state, states.RolledBack)


def carried_on(rollout: Rollout) -> Rollout:
    """Do honestly what is owed, interval by interval, until it is over or a person is called."""
    for _ in range(200):
        at = rollout.at + EVERY
        for command in rollouts.pending(rollout):
            is_due = not isinstance(command, commands.Wake) or command.at <= at
            if is_due and command in rollouts.pending(rollout):
                rollout = rollouts.following(rollout, confirmed(command, rollout, at))
        rollout = attrs.evolve(rollout, at=at)
        if not rollout.in_flight:
            break
    return rollout


@pytest.mark.law("A11")
@given(frozen())
def test_what_waits_for_its_windows_goes_on_when_they_open(history: tuple[Step, ...]) -> None:
    """Honest work leads to everybody, and nobody is called for what a closed window keeps."""
    for rollout in reachable(history):
        if isinstance(rollout.state, states.Advancing) and not rollout.state.overdue:
            assert isinstance(carried_on(rollout).state, states.Completed)
            for command in rollouts.pending(rollout):
                if isinstance(command, commands.Wake):
                    is_open = not is_closed(rollout, command.at)
                    late = rollouts.following(rollout, events.Woken(command.at)).state
                    assert is_open or not (isinstance(late, states.Advancing) and late.overdue)


HALT: Any = rollouts._halt


def halt_unless_frozen(rollout: Rollout, state: Any, event: Event) -> Rollout:
    """Let a freeze stop everything, a halt as well."""
    return rollout if is_closed(rollout, event.at) else HALT(rollout, state, event)


FREEZING_MUTANTS: list[tuple[Any, ...]] = [
    (
        "A9",
        "a freeze blocks a halt",
        "safedeploy.rollouts._halt",
        halt_unless_frozen,
        test_no_freeze_blocks_a_halt,
    ),
    (
        "A9",
        "a window holds no ring",
        "safedeploy.plans.Plan._within",
        lambda self, number: (),
        test_nothing_goes_on_outside_of_its_windows,
    ),
    (
        "A9",
        "a ring is left while its window is closed",
        "safedeploy.plans.Plan.after",
        lambda self, number: self.rings[number].after,
        test_nothing_goes_on_outside_of_its_windows,
    ),
    (
        "A11",
        "nobody looks when a window opens",
        "safedeploy.gates.Within.turns",
        lambda self, shown: iter(()),
        test_what_waits_for_its_windows_goes_on_when_they_open,
    ),
]
