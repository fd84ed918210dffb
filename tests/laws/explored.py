"""Everything that can happen to a small rollout: breadth first, until no new state comes up.

Two rollouts that differ only in what the clock says are one state. Times count from the present,
and what lies further back than every deadline lies there for ever.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Mapping
from datetime import datetime, timedelta
from functools import partial
from typing import Any, TypeAlias, get_args

import attrs

from safedeploy import commands, events, rollouts
from safedeploy.changes import Change
from safedeploy.events import Event
from safedeploy.gates import Answer, Approval, Check, Opening, Shown, Word
from safedeploy.plans import Plan, Ring
from safedeploy.rollbacks import RollbackPolicy
from safedeploy.states import Rollout, State
from safedeploy.validators import NOTHING
from safedeploy.verdicts import Verdict
from safedeploy.windows import Window
from tests.laws.histories import (
    AUTHOR,
    BEHIND,
    BESIDE,
    EVERY,
    HEALTH,
    ROLES,
    SAID,
    START,
    STRANGE,
    Move,
    assessed,
    confirmed,
)

Checked: TypeAlias = Callable[[Rollout, Event, Rollout], object]


def small(
    *,
    rings: int = 2,
    gates: int = 1,
    ask: bool = False,
    people: bool = False,
    bakes: int = 1,
    late: int = 3,
    windows: Window | None = None,
) -> Plan:
    """Make a plan of few rings, each behind so many gates.

    Args:
        rings: how many.
        gates: how many before each ring.
        ask: whether a person decides to recover.
        people: whether somebody has to approve the first ring, in time.
        bakes: how many intervals each ring bakes.
        late: after how many a ring is late: the more, the more times there are to tell apart.
        windows: when it goes on.
    """
    percents = (1, 50, 100)[-rings:]
    signed = (Approval("owners", expires=late * EVERY),) if people else ()
    return Plan(
        before=(Check("reviewed"), *signed),
        rings=tuple(
            Ring(
                f"ring {number}",
                percent=percent,
                bake=bakes * EVERY,
                gates=tuple(Check(f"gate {gate}") for gate in range(gates)),
                deadline=late * EVERY,
            )
            for number, percent in enumerate(percents)
        ),
        health=HEALTH,
        on_issue=RollbackPolicy.roll_back(ask=ask),
        alert_deadline=2 * EVERY,
        assess_every=EVERY,
        promoters=ROLES,
        windows=windows,
    )


def begun(plan: Plan) -> Rollout:
    """Return a rollout of a plan as it begins; in a conflict group, behind others."""
    change = Change.code("shop", version="2", author=AUTHOR)
    behind, beside = (BEHIND[:1], BESIDE) if plan.conflict_group else ((), ())
    return rollouts.begin(events.Started(START, change, plan, behind=behind, beside=beside))


def _answered(gate: str, answer: Answer, _: Rollout, at: datetime) -> Event:
    return events.Answered(at, gate, answer)


def _judged(verdict: Verdict, baked: timedelta, rollout: Rollout, at: datetime) -> Event:
    return assessed(rollout, verdict, at, baked)


def _owed(rollout: Rollout, at: datetime) -> Iterator[Event]:
    """Go through what an honest shell reports next: of each command, and that time has passed."""
    for command in rollouts.pending(rollout):
        yield confirmed(command, rollout, at)
        if isinstance(command, commands.Wake):
            yield events.Woken(at)


def _strange(plan: Plan) -> Mapping[str, Move]:
    """Return what else can come: late, early, foreign, repeated."""
    names = {gate.name for gate in plan.all_gates if isinstance(gate, Check)}
    gates = {
        f"{name} {answer.value}": partial(_answered, name, answer)
        for name in sorted(names)
        for answer in Answer
    }
    judged = {
        f"{verdict.name} {baked}": partial(_judged, verdict, baked)
        for verdict in Verdict
        for baked in ((timedelta(0), timedelta(days=1)) if verdict <= 1 else (timedelta(0),))
    }
    others = {
        name: move
        for name, move in {**STRANGE, **SAID}.items()
        if not name.startswith("assessed") and _is_heard(move(begun(plan), START), plan)
    }
    return {**others, **gates, **judged}


def _is_heard(event: Event, plan: Plan) -> bool:
    """Tell whether an event isn't about a gate that the plan doesn't have; one such is enough.

    Nor about a breaker, a queue or a call that it doesn't have.
    """
    if isinstance(event, events.Acknowledged):
        return plan.acknowledge_within is not None
    if isinstance(event, events.Tripped):
        return plan.breaker is not None
    if isinstance(event, events.Ended):
        return plan.conflict_group is not None
    names = {"nobody's", *(leaf.name for leaf in plan.all_gates)}
    return getattr(event, "gate", "nobody's") in names


class Explored:
    """Go through every state that a plan's rollout can be in, and every step from each.

    Args:
        plan: the plan.
        most: how many states to look for; there may be more.
        strange: what can come besides what is owed; everything there is, unless given.
        check: called with every step: the rollout before, the event, and the rollout after.

    Attributes:
        rollouts: one rollout of each state.
        is_whole: whether there are no more states.
    """

    def __init__(
        self, plan: Plan, check: Checked, *, most: int, strange: Mapping[str, Move] = NOTHING
    ) -> None:
        begin = begun(plan)
        self.rollouts: dict[object, Rollout] = {key(begin): begin}
        self.is_whole = True
        self._strange = strange or _strange(plan)
        self._honest: dict[object, set[object]] = {}
        self._explore(deque([begin]), check, most)

    def stuck(self) -> list[Rollout]:
        """Return the rollouts that honest work doesn't bring to an end."""
        ahead = [known for known, rollout in self.rollouts.items() if not rollout.in_flight]
        reached = {*ahead}
        while ahead:
            new = self._honest.get(ahead.pop(), set()) - reached
            reached |= new
            ahead += new
        return [rollout for known, rollout in self.rollouts.items() if known not in reached]

    def _explore(self, ahead: deque[Rollout], check: Checked, most: int) -> None:
        while ahead:
            before = ahead.popleft()
            here = key(before)
            for event, is_owed in self._events(before):
                after = rollouts.following(before, event)
                check(before, event, after)
                there = key(after)
                if is_owed:
                    self._honest.setdefault(there, set()).add(here)
                if there in self.rollouts:
                    continue
                if len(self.rollouts) >= most:
                    self.is_whole = False
                    continue
                self.rollouts[there] = after
                ahead.append(after)

    def _events(self, rollout: Rollout) -> Iterator[tuple[Event, bool]]:
        for wait in (timedelta(0), EVERY, rollout.ring.deadline):
            for event in _owed(rollout, rollout.at + wait):
                yield event, True
        for move in self._strange.values():
            yield move(rollout, rollout.at + EVERY), False


def key(rollout: Rollout) -> object:
    """Return what tells a state from others."""
    evidence, far = rollout.evidence, rollout.ring.deadline
    judged = (evidence.verdict, evidence.canary.exposures > 0) if evidence else None
    exposed_at = min(rollout.at - rollout.exposed_at, far)
    told = _seen(rollout.state, rollout.at, far), _opened(rollout)
    place = rollout.epoch, rollout.reached, rollout.begun
    carried = tuple((each.place, each.ring, each.stage) for each in rollout.deliveries)
    return *place, exposed_at, judged, rollout.accepted, *told, carried


def _opened(rollout: Rollout) -> object:
    """Return how its windows stand, and how what was shown to its gates last knew of them."""
    window, shown = rollout.plan.windows, getattr(rollout.state, "shown", None)
    times = [rollout.at, *([shown.at] if shown else [])] if window else []
    return tuple((window.contains(at), _ahead(window, at, rollout)) for at in times if window)


def _ahead(window: Window, at: datetime, rollout: Rollout) -> timedelta:
    flip = window.next_change(at)
    assert flip
    return max(-rollout.ring.deadline, flip - rollout.at)


def _seen(state: Any, at: datetime, far: timedelta) -> object:
    return type(state), *(_told(getattr(state, name), at, far) for name in _NAMES[type(state)])


def _told(value: Any, at: datetime, far: timedelta) -> object:
    """Return a value with its times counted from the present, as far as that counts."""
    tell = _TELL.get(type(value))
    return tell(value, at, far) if tell else value


_NAMES = {
    Shown: ("opened", "failed", "words"),
    Opening: ("gate", "until"),
    **{kind: tuple(field.name for field in attrs.fields(kind)) for kind in get_args(State)},
}
_TELL: Mapping[type, Callable[[Any, datetime, timedelta], object]] = {
    datetime: lambda it, at, far: max(-far, it - at),
    timedelta: lambda it, _, far: min(it, far),
    frozenset: lambda it, at, far: frozenset(_told(each, at, far) for each in it),
    Word: lambda it, at, far: (it.gate, it.who, _told(max(at, it.until), at, far)),
    **dict.fromkeys(_NAMES, _seen),
    **dict.fromkeys(get_args(Event), lambda it, *_: type(it)),
    events.Promoted: lambda it, *_: it.is_explained,
}
