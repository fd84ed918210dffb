"""Histories of rollouts, as Hypothesis draws them: what is owed, and all that can come between.

A history is a list of moves. A move looks at the rollout and makes an event: the one that an honest
shell would report, or one that is late, early, foreign or repeated.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

import attrs
from hypothesis import strategies as st

from safedeploy import commands, events, rollouts, states
from safedeploy.changes import Change
from safedeploy.commands import Command
from safedeploy.deliveries import Delivered, Stage, is_begun
from safedeploy.events import Event
from safedeploy.gates import Answer, Approval, Check, Gate
from safedeploy.health import HealthModel
from safedeploy.people import Person
from safedeploy.plans import OnNewVersion, Plan, Ring
from safedeploy.rollbacks import RollbackPolicy
from safedeploy.signals import ErrorRate, Usage
from safedeploy.states import Rollout
from safedeploy.trips import Calls, Trip
from safedeploy.verdicts import Counts, Evidence, Finding, Verdict
from safedeploy.windows import Window

START = datetime(2026, 1, 1, tzinfo=UTC)
EVERY = timedelta(seconds=10)
HEALTH = HealthModel(ErrorRate(), Usage(at_least=10))
USED = Counts(exposures=100, units=100, failures=0, fresh=100)


AUTHOR = "7"
BEHIND = ("service:shop@0/d1g35t/1", "service:shop@1/d1g35t/1")
BESIDE = ("service:cart@1/d1g35t/1", "service:till@1/d1g35t/1")
"""Ids of rollouts that others wait for: of their subject, and of their conflict group."""
PEOPLE = ("8", "9", "10")
ROLES = ("managers", "owners")


@attrs.frozen(repr=False)
class Blink(Window):
    """Open for two intervals, closed for two, and so on: a window in which a history has room."""

    period: timedelta = 4 * EVERY

    def contains(self, at: datetime) -> bool:
        return (at - START) % self.period < self.period / 2

    def flip(self, at: datetime, until: datetime) -> datetime | None:
        half = self.period / 2
        flip = at + half - (at - START) % half
        return flip if flip <= until else None

    def times(self) -> Iterator[datetime]:
        return iter(())

    def zone_at(self, flip: datetime) -> str:
        return "UTC"

    def __repr__(self) -> str:
        return f"Blink({self.period!r})"


def plan(*, ask: bool = False, people: bool = False, bake: timedelta = 2 * EVERY) -> Plan:
    """Make a plan with gates before the first ring and the second; with people, after the last."""
    signed: Gate = Check("signed")
    if people:
        signed |= Approval("managers", quorum=2, expires=30 * EVERY)
    tested = Check("tested") & Approval("owners")
    quiet = Check("quiet", expires=20 * EVERY) if people else Check("quiet")
    return Plan(
        before=(Check("reviewed"),),
        rings=(
            Ring("canary", percent=1, bake=bake),
            Ring("half", percent=50, bake=bake, gates=(quiet, signed)),
            Ring("everyone", percent=100, bake=bake, after=(tested,) if people else ()),
        ),
        health=HEALTH,
        on_issue=RollbackPolicy.roll_back(ask=ask),
        assess_every=EVERY,
        promoters=ROLES,
    )


def started(
    *, ask: bool = False, people: bool = False, behind: Sequence[str] = (), most: int = 1
) -> events.Started:
    """Make the event that a history begins with; behind somebody, it waits for others as well."""
    change = Change.code("shop", version="2", author=AUTHOR)
    made = plan(ask=ask, people=people)
    if behind:
        policy = OnNewVersion.SUPERSEDE if ask else OnNewVersion.QUEUE
        made = attrs.evolve(
            made, on_new_version=policy, conflict_group="shops", most_in_flight=most
        )
    beside = BESIDE if behind else ()
    return events.Started(START, change, made, behind=tuple(behind), beside=beside)


def evidence(rollout: Rollout, verdict: Verdict, at: datetime) -> Evidence:
    """Make evidence about the present exposure."""
    found = Finding("made up", verdict, "because")
    return Evidence(rollout.scope, rollout.exposed_at, at, "made up", USED, USED, (found,))


def assessed(
    rollout: Rollout, verdict: Verdict, at: datetime, baked: timedelta = EVERY
) -> events.Assessed:
    """Make an honest assessment of the present exposure."""
    return events.Assessed(at, evidence(rollout, verdict, at), rollout.health, baked)


def approved(
    rollout: Rollout, gate: str, at: datetime, who: str | None = None, **wrong: Any
) -> events.Approved:
    """Make an approval of what is asked for, by somebody who hasn't approved yet."""
    state = rollout.state
    have = state.shown.approvers(gate) if isinstance(state, states.Advancing) else ()
    who = who or next((each for each in PEOPLE if each not in have), PEOPLE[0])
    event = events.Approved(at, gate, rollout.guarded, rollout.digest, Person(who, ROLES), "fine")
    return attrs.evolve(event, **wrong)


def confirmed(  # noqa: PLR0911 - one answer for each command
    command: Command, rollout: Rollout, at: datetime
) -> Event:
    """Make what an honest shell reports once it has carried a command out."""
    match command:
        case commands.Await(rollout=name):
            return events.Ended(at, name)
        case commands.Supersede():
            return events.Woken(at)  # what comes of it is the other's
        case commands.Ask(gate=gate):
            return events.Answered(at, gate, Answer.OPENS)
        case commands.Request(gate=gate):
            return approved(rollout, gate, at)
        case commands.Apply():
            return _brought(command, rollout, at)
        case commands.Assess():
            return assessed(rollout, Verdict.PASS, at)
        case commands.Recover():
            return events.RecoveryStarted(at, "at once")
        case commands.Withdraw(place=place):
            gone = place and Delivered(at, place, rollout.ring.name, Stage.WITHDRAWN)
            return gone or events.Withdrawn(at)
        case commands.Wake(at=due):
            return events.Woken(max(at, due))
        case _:  # somebody was paged, and decided to stop and recover
            halted = isinstance(rollout.state, states.Halted)
            return (
                events.RecoveryStarted(at, "said so")
                if halted
                else events.Aborted(at, "7", "better not")
            )


def _brought(command: commands.Apply, rollout: Rollout, at: datetime) -> Event:
    place, ring = command.place, command.ring
    if place and not is_begun(rollout.deliveries, place, ring):
        return Delivered(at, place, ring, Stage.BEGUN)
    return events.Applied(at, ring, command.epoch)


def revoked(rollout: Rollout, gate: str, at: datetime) -> events.Revoked:
    """Make a revocation by somebody who may have approved."""
    return events.Revoked(at, gate, rollout.guarded, Person(PEOPLE[0], ROLES), "not so fine")


def promoted(rollout: Rollout, at: datetime, **wrong: Any) -> events.Promoted:
    """Make a promotion of what is exposed, by somebody who may, with a reason."""
    event = events.Promoted(at, rollout.scope, Person(PEOPLE[0], ROLES), "it can't wait")
    return attrs.evolve(event, **wrong)


Move = Callable[[Rollout, datetime], Event]


def _unbound(rollout: Rollout, at: datetime, **wrong: Any) -> Event:
    honest = assessed(rollout, Verdict.PASS, at)
    return attrs.evolve(honest, evidence=attrs.evolve(honest.evidence, **wrong))


def tripped(rollout: Rollout, at: datetime, verdict: Verdict = Verdict.HALT) -> Event:
    """Return the event that says that the breaker of a rollout's canary tripped."""
    return events.Tripped(at, Trip(rollout.scope, verdict, Calls(10, 10), Calls(10, 1)))


def _judged(verdict: Verdict, rollout: Rollout, at: datetime) -> Event:
    return assessed(rollout, verdict, at)


UNBOUND: dict[str, Move] = {
    "of another change": lambda rollout, at: _unbound(
        rollout, at, scope=attrs.evolve(rollout.scope, change="service:other@1")
    ),
    "of another attempt": lambda rollout, at: _unbound(
        rollout, at, scope=attrs.evolve(rollout.scope, attempt=rollout.attempt + 1)
    ),
    "of another ring": lambda rollout, at: _unbound(
        rollout, at, scope=attrs.evolve(rollout.scope, ring="elsewhere")
    ),
    "of an earlier epoch": lambda rollout, at: _unbound(
        rollout, at, scope=attrs.evolve(rollout.scope, epoch=rollout.epoch - 1)
    ),
    "begun before the exposure": lambda rollout, at: _unbound(
        rollout, at, since=rollout.exposed_at - timedelta(microseconds=1)
    ),
    "stale": lambda rollout, at: attrs.evolve(
        assessed(rollout, Verdict.PASS, at),
        at=at + rollouts.FRESH * EVERY + timedelta(microseconds=1),
    ),
    "from the future": lambda rollout, at: _unbound(rollout, at, until=at + EVERY),
}
"""Every way in which evidence can miss the exposure that it should be about."""

PROMOTED: dict[str, Move] = {
    "promoted": promoted,
    "promoted without a reason": lambda rollout, at: promoted(rollout, at, reason=" "),
    "promoted by the author": lambda rollout, at: promoted(rollout, at, by=Person(AUTHOR, ROLES)),
    "promoted by a guest": lambda rollout, at: promoted(rollout, at, by=Person("8", ["guests"])),
    "promoted an earlier exposure": lambda rollout, at: promoted(
        rollout, at, scope=attrs.evolve(rollout.scope, epoch=rollout.epoch - 1)
    ),
    "promoted another attempt": lambda rollout, at: promoted(
        rollout, at, scope=attrs.evolve(rollout.scope, attempt=rollout.attempt + 1)
    ),
}
"""Promotions by hand; all but the first two never count."""


def _ended(name: str, _: Rollout, at: datetime) -> Event:
    return events.Ended(at, name)


STRANGE: dict[str, Move] = {
    **PROMOTED,
    **{f"assessed {verdict.name}": partial(_judged, verdict) for verdict in Verdict},
    **UNBOUND,
    "without evidence": lambda rollout, at: _unbound(rollout, at, findings=()),
    "without use": lambda rollout, at: _unbound(rollout, at, canary=Counts()),
    "user alert": lambda _, at: events.Alerted(at, by_user=True, reason="it hurts"),
    "health alert": lambda _, at: events.Alerted(at, by_user=False, reason="it looks odd"),
    "the breaker trips": tripped,
    "both breakers trip": lambda rollout, at: tripped(rollout, at, Verdict.INVESTIGATE),
    "another attempt's breaker trips": lambda rollout, at: tripped(
        attrs.evolve(rollout, attempt=rollout.attempt + 1), at
    ),
    "woken early": lambda _, at: events.Woken(at),
    "woken late": lambda _, at: events.Woken(at + timedelta(days=9)),
    "acknowledged": lambda _, at: events.Acknowledged(at, "7"),
    "resumed": lambda _, at: events.Resumed(at, "7", "it was the weather"),
    "aborted": lambda _, at: events.Aborted(at, "7", "better not"),
    "unknown gate": lambda _, at: events.Answered(at, "nobody's", Answer.OPENS),
    "gate holds": lambda _, at: events.Answered(at, "reviewed", Answer.HOLDS),
    "gate opens": lambda _, at: events.Answered(at, "quiet", Answer.OPENS),
    "gate fails": lambda _, at: events.Answered(at, "reviewed", Answer.FAILS),
    "applied elsewhere": lambda rollout, at: events.Applied(at, "everyone", rollout.epoch),
    "applied again": lambda rollout, at: events.Applied(at, rollout.ring.name, rollout.epoch),
    "recovery started": lambda _, at: events.RecoveryStarted(at, "said so"),
    "withdrawn": lambda _, at: events.Withdrawn(at),
    "started again": lambda _, at: attrs.evolve(started(), at=at),
    "killed": lambda _, at: events.Killed(at, "shop", "7", "it burns"),
    "superseded": lambda _, at: events.Superseded(at, "service:shop@3/d1g35t/1"),
    "another subject superseded": lambda _, at: events.Superseded(at, "service:shops@3/d1g35t/1"),
    "superseded by itself": lambda rollout, at: events.Superseded(at, rollout.id),
    "somebody else ended": lambda _, at: events.Ended(at, "service:shop@9/d1g35t/1"),
    **{f"{name} ended": partial(_ended, name) for name in (*BEHIND, *BESIDE)},
}

SAID: dict[str, Move] = {
    "gate answered for another ring": lambda rollout, at: events.Answered(
        at, "quiet", Answer.OPENS, scope=attrs.evolve(rollout.guarded, ring="elsewhere")
    ),
    "gate answered before it was asked": lambda rollout, _: events.Answered(
        rollout.state.since - EVERY, "quiet", Answer.OPENS
    ),
    "an alternative fails": lambda _, at: events.Answered(at, "signed", Answer.FAILS),
    "a gate after fails": lambda _, at: events.Answered(at, "tested", Answer.FAILS),
    "a check opens for people": lambda _, at: events.Answered(at, "managers", Answer.OPENS),
    "managers approve": lambda rollout, at: approved(rollout, "managers", at, PEOPLE[0]),
    "owners approve": lambda rollout, at: approved(rollout, "owners", at),
    "the author approves": lambda rollout, at: approved(rollout, "owners", at, AUTHOR),
    "somebody else approves": lambda rollout, at: approved(
        rollout, "owners", at, by=Person(PEOPLE[0], ["guests"])
    ),
    "approved another plan": lambda rollout, at: approved(rollout, "owners", at, digest="f00"),
    "approved another ring": lambda rollout, at: approved(
        rollout, "owners", at, scope=attrs.evolve(rollout.guarded, ring="canary")
    ),
    "a manager revokes": lambda rollout, at: revoked(rollout, "managers", at),
    "an owner revokes": lambda rollout, at: revoked(rollout, "owners", at),
}
"""What is said of gates besides: late, of something else, or by somebody who has no say."""


class Step:
    """One event of a history, with what it did. No attrs class: those are shown whole."""

    def __init__(
        self, before: Rollout, event: Event, after: Rollout, commands: tuple[Command, ...]
    ) -> None:
        self.before = before
        self.event = event
        self.after = after
        self.commands = commands

    def __repr__(self) -> str:
        return f"{type(self.event).__name__} -> {self.after.state.label}"


@st.composite
def moves(draw: st.DrawFn, *, people: bool) -> Move:
    """Draw a move: four times in five, what an honest shell does next."""
    if draw(st.integers(0, 4)):
        which = draw(st.integers(0, 3))
        return lambda rollout, at: _owed(rollout, at, which)
    strange = SAID if people and draw(st.booleans()) else STRANGE
    return strange[draw(st.sampled_from(sorted(strange)))]


def _owed(rollout: Rollout, at: datetime, which: int) -> Event:
    owed = [each for each in rollouts.pending(rollout) if not isinstance(each, commands.Wake)]
    return confirmed(owed[which % len(owed)], rollout, at) if owed else events.Woken(at)


@st.composite
def histories(
    draw: st.DrawFn, *, people: bool = False, queued: bool = False, least: int = 0
) -> tuple[Step, ...]:
    """Draw a history from its first event on, with so many moves at least."""
    behind = draw(st.sampled_from([(), BEHIND[:1], BEHIND])) if queued else ()
    most = draw(st.integers(1, 2))
    begin = started(ask=draw(st.booleans()), people=people, behind=behind, most=most)
    drawn = draw(
        st.lists(st.tuples(moves(people=people), st.integers(0, 3)), min_size=least, max_size=40)
    )
    return tuple(played(begin, drawn))


def played(begin: events.Started, drawn: list[tuple[Move, int]]) -> Iterator[Step]:
    """Make the moves one after the other, each so many intervals after the last."""
    before = rollouts.begin(begin)
    for move, intervals in drawn:
        event = move(before, before.at + intervals * EVERY)
        after, owed = rollouts.transition(before, event)
        yield Step(before, event, after, owed)
        before = after


def stream(history: tuple[Step, ...]) -> list[Event]:
    """Return the events of a history, the first one included."""
    if not history:
        return [started()]
    first = history[0].before
    return [
        begun_as(first),
        *(step.event for step in history),
    ]


def begun_as(rollout: Rollout) -> events.Started:
    """Return the event that a rollout that has only begun had begun with."""
    started = events.Started(rollout.at, rollout.change, rollout.plan, rollout.attempt)
    state = rollout.state
    if not isinstance(state, states.Queued):
        return started
    return attrs.evolve(started, behind=state.behind, beside=state.beside)


def reachable(history: tuple[Step, ...]) -> list[Rollout]:
    """Return every rollout that a history goes through."""
    return [step.before for step in history] + [step.after for step in history[-1:]]


def resolved(rollout: Rollout) -> Rollout:
    """Carry out what is owed, honestly, until the rollout is over or only waits."""
    for _ in range(100):
        owed = [each for each in rollouts.pending(rollout) if not isinstance(each, commands.Wake)]
        if not owed:
            break
        event = confirmed(owed[0], rollout, rollout.at + EVERY)
        rollout, _ = rollouts.transition(rollout, event)
    return rollout


EITHER = histories() | histories(people=True, least=8) | histories(queued=True, least=8)
"""Histories of which some have approvals, and gates after a ring, and some wait for others."""
