"""Obligations: the commands that a rollout owes, from its state alone. A crash can't lose them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from datetime import datetime
from types import MappingProxyType
from typing import Any

from safedeploy import commands, deliveries, pauses, queues, states
from safedeploy.commands import Command
from safedeploy.gates import Approval, Shown
from safedeploy.openings import are_open, asked, due
from safedeploy.plans import OnNewVersion
from safedeploy.states import Rollout


def pending(rollout: Rollout) -> tuple[Command, ...]:
    """Return every command that is owed, from the state alone: what a crash can't lose."""
    owed = _OWED[type(rollout.state)](rollout, rollout.state)
    if rollout.reached >= 0 and isinstance(rollout.state, states.Moving):
        ring = rollout.plan.rings[rollout.reached].name
        return (*owed, commands.Assess(_id(rollout, "assess"), ring))
    return owed


def owe_alike(before: Rollout, after: Rollout) -> bool:
    """Tell whether a ring only went on baking, so that the same is owed: `pending`, foreseen.

    Most assessments do nothing else, and there are thousands of them.
    """
    was, state = before.state, after.state
    if not isinstance(was, states.Baking) or not isinstance(state, states.Baking):
        return False
    return before.epoch == after.epoch and _standing(was) == _standing(state)


def _standing(state: states.Baking) -> tuple[int, datetime, bool, bool, Shown]:
    return state.ring, state.since, state.overdue, state.earned, state.shown


def _id(rollout: Rollout, what: str) -> str:
    # Made of where the rollout stands: however often a command is derived, it has the same id.
    state = rollout.state
    return f"{rollout.id}#{rollout.epoch}.{state.label}@{state.since.isoformat()}.{what}"


def _owed_while_queued(rollout: Rollout, state: states.Queued) -> tuple[Command, ...]:
    halting = rollout.plan.on_new_version is OnNewVersion.SUPERSEDE
    ahead = (*state.behind, *state.beside)
    return (
        *(commands.Supersede(_id(rollout, f"halt {it}"), it) for it in state.behind if halting),
        *(commands.Await(_id(rollout, f"await {it}"), it) for it in ahead),
        _late_in_queue(rollout, state),
    )


def _late_in_queue(rollout: Rollout, state: states.Queued) -> Command:
    if state.overdue:
        duty = (
            f"look why {rollout.id} waits so long for {', '.join((*state.behind, *state.beside))}"
        )
        return commands.Page(_id(rollout, "page"), duty)
    return commands.Wake(_id(rollout, "wake"), queues.due(rollout, state))


def _owed_while_pending(rollout: Rollout, state: states.Pending) -> tuple[Command, ...]:
    ring, epoch = rollout.ring.name, rollout.epoch + 1
    place = rollout.plan.place(state.ring)
    applied = (commands.Apply(_id(rollout, "apply"), rollout.change, ring, epoch, place),)
    is_begun = place is not None and deliveries.is_begun(rollout.deliveries, place, ring)
    goes_on = is_begun or are_open(asked(rollout, state), state.shown)
    return (*_asking(rollout, state), *(applied if goes_on else ()), _deadline(rollout, state))


def _owed_while_baking(rollout: Rollout, state: states.Baking) -> tuple[Command, ...]:
    return (*_asking(rollout, state), _deadline(rollout, state))


def _asking(rollout: Rollout, state: states.Advancing) -> Iterator[Command]:
    """Find what gates ask for, what comes of time first."""
    gates, shown = asked(rollout, state), state.shown
    if not gates:
        return
    begun = shown.since.isoformat()
    for at in sorted(at for gate in gates for at in gate.turns(shown))[:1]:
        yield commands.Wake(_id(rollout, f"turn {at.isoformat()}"), at)
    for leaf in (leaf for gate in gates for leaf in gate.awaited(shown)):
        kind = commands.Request if isinstance(leaf, Approval) else commands.Ask
        yield kind(_id(rollout, f"ask {leaf.name} {begun}"), leaf.name)


def _owed_while_paused(rollout: Rollout, state: states.Paused) -> tuple[Command, ...]:
    return (*_calling(rollout, state), commands.Wake(_id(rollout, "wake"), state.deadline))


def _calling(rollout: Rollout, state: states.Paused) -> Iterator[Command]:
    if state.acknowledged:
        return
    duty = f"decide whether {rollout.id} goes on: {state.cause.reason}"
    yield commands.Page(_id(rollout, "page"), duty)
    if state.escalated:
        yield commands.Page(_id(rollout, "escalate"), f"nobody has come yet: {duty}")
    if (at := pauses.escalates(rollout, state)) is not None:
        yield commands.Wake(_id(rollout, "wake earlier"), at)


def _owed_while_halted(rollout: Rollout, state: states.Halted) -> tuple[Command, ...]:
    if rollout.plan.on_issue.ask:
        duty = f"decide how {rollout.id} recovers: {state.cause.reason}"
        return (commands.Page(_id(rollout, "page"), duty),)
    return (commands.Recover(_id(rollout, "recover")),)


def _owed_while_recovering(rollout: Rollout, _: states.Recovering) -> tuple[Command, ...]:
    if not deliveries.standing(rollout.deliveries):
        return (commands.Withdraw(_id(rollout, "withdraw"), rollout.change),)
    return (
        *(
            commands.Withdraw(_id(rollout, f"withdraw {each.place}"), rollout.change, each.place)
            for each in deliveries.next_to_leave(rollout.deliveries)
        ),
        *_help_out(rollout),
    )


def _help_out(rollout: Rollout) -> Iterator[Command]:
    if stuck := deliveries.stuck(rollout.deliveries):
        places = " and ".join(str(each.place) for each in stuck)
        yield commands.Page(
            _id(rollout, f"page {places}"), f"help to withdraw {rollout.id} from {places}"
        )


def _deadline(rollout: Rollout, state: states.Pending | states.Baking) -> Command:
    if state.overdue:
        duty = f"look why {rollout.id} is late in ring {rollout.ring.name}"
        return commands.Page(_id(rollout, "page"), duty)
    return commands.Wake(_id(rollout, "wake"), due(rollout, state))


_OWED: Mapping[type, Callable[[Rollout, Any], tuple[Command, ...]]] = MappingProxyType(
    {
        states.Queued: _owed_while_queued,
        states.Pending: _owed_while_pending,
        states.Baking: _owed_while_baking,
        states.Paused: _owed_while_paused,
        states.Halted: _owed_while_halted,
        states.Recovering: _owed_while_recovering,
        states.RolledBack: lambda _, __: (),
        states.Completed: lambda _, __: (),
    }
)
