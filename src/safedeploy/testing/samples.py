"""Samples: events of every kind, and blocks, to try a journal with."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from safedeploy import events
from safedeploy.audiences import Percentage
from safedeploy.blocks import Block, Part
from safedeploy.deliveries import Delivered, Stage
from safedeploy.events import Event
from safedeploy.flags import FeatureFlag
from safedeploy.gates import Answer, Check
from safedeploy.health import HealthModel
from safedeploy.overrides import Override
from safedeploy.people import Person
from safedeploy.plans import Plan, Ring
from safedeploy.rings import Place
from safedeploy.rollbacks import RollbackPolicy
from safedeploy.signals import ErrorRate, Health, Usage
from safedeploy.trips import Calls, Trip
from safedeploy.verdicts import Against, Counts, Evidence, Finding, Scope, Verdict

AT = datetime(2026, 1, 1, tzinfo=UTC)
WOKEN: tuple[Event, ...] = tuple(events.Woken(AT + timedelta(number)) for number in range(4))
"""Four events, each other."""

_FLAG = FeatureFlag.boolean("shop", when=Percentage(5))
_CHANGE = _FLAG.change(author="7")
_PLAN = Plan(
    rings=(Ring("all", percent=100, bake=timedelta(days=1), gates=(Check("signed"),)),),
    health=HealthModel(ErrorRate(), Usage(at_least=10)),
    on_issue=RollbackPolicy.roll_back(ask=True),
)
_COUNTS = Counts(
    exposures=9,
    units=5,
    failures=1,
    fresh=2,
    unfinished=1,
    events={"order": 3},
    slowest={(0, 89): 2, (89, 97): 1},
    values={"load": 0.5},
    hung=1,
)
_SCOPE = Scope(str(_CHANGE), 1, "all", 2)
_EVIDENCE = Evidence(
    _SCOPE,
    AT,
    AT,
    "counted",
    _COUNTS,
    _COUNTS,
    (Finding("errors", Verdict.HALT, "too many: \N{SNOWMAN}\n\0", wait=timedelta(seconds=9)),),
    Against.HOLDBACK,
)
_OVERRIDE = Override(
    "shop#1",
    "shop",
    "on",
    value=True,
    version="1",
    audience=Percentage(5),
    until=AT,
    by="7",
    reason="to debug",
)

# Spaces, a number in another form: who reads it and writes it again writes something else.
_UNKNOWN = '{ "$":"Renamed", "at":{"$":"time","is":"2026-01-01T00:00:00+00:00"}, "to":1e3 }'

EVERY_EVENT: tuple[Event, ...] = (
    events.Started(AT, _CHANGE, _PLAN, 2, _FLAG),
    events.Ended(AT, "flag:shop@1/0f0f/1"),
    events.Superseded(AT, "flag:shop@3/0f0f/1"),
    events.Answered(AT, "signed", Answer.HOLDS, "not yet"),
    events.Applied(AT, "all", 1),
    Delivered(AT, Place("production", "eu"), "all", Stage.FAILED, "no room"),
    events.Assessed(AT, _EVIDENCE, Health(AT, AT, ()), timedelta(microseconds=1)),
    events.Alerted(AT, by_user=True, reason="it hurts"),
    events.Woken(AT),
    events.Acknowledged(AT, "7", "it is looked into"),
    events.Resumed(AT, "7", "it was the weather"),
    events.Aborted(AT, "7", ""),
    events.RecoveryStarted(AT, "said so"),
    events.Withdrawn(AT),
    events.Approved(AT, "managers", _SCOPE, "0f" * 32, Person("8", ["managers"]), "fine"),
    events.Revoked(AT, "managers", _SCOPE, Person("8", ["managers"]), ""),
    events.Promoted(AT, _SCOPE, Person("8", ["managers"]), "it can't wait"),
    events.Killed(AT, "shop", "7", "it burns"),
    events.Overridden(AT, _OVERRIDE),
    events.Lifted(AT, "shop", "shop#1", "7", "seen"),
    events.Tripped(AT, Trip(_SCOPE, Verdict.HALT, Calls(20, 12, 1), Calls(180, 2))),
    events.Moved(AT, "payments", "closed", "open", "tripped", "of 9 calls 9 failed", trips=2),
    events.Defined(AT, (_FLAG,), "7", "as ever"),
    events.Unknown(AT, "Renamed", _UNKNOWN),
)
"""One event of every kind."""


def measured(sequence: int, exposure: str = "e", *, process: str = "p") -> Block:
    """Return a block."""
    part = Part(
        exposures=3,
        units=2,
        failing=frozenset({sequence}),
        fresh=frozenset({1, 2}),
        unfinished=frozenset({3}),
        events={"order": frozenset({1})},
        risen={2: 97},
        stood={89: 1},
        open=frozenset({4}),
    )
    return Block(exposure, process, sequence, AT, AT, part, strata={"staff": (part, Part())})


def near(written: tuple[Event, ...]) -> list[list[tuple[str, Event]]]:
    """Return what differs a little from these events in one stream."""
    same = [("a", event) for event in written]
    other = [[*same[:n], ("a", EVERY_EVENT[4]), *same[n + 1 :]] for n in range(len(same))]
    moved = [[*same[:n], ("b", same[n][1]), *same[n + 1 :]] for n in range(len(same))]
    return [*other, *moved, [same[1], same[0], same[2]], [same[0], same[2], same[1]]]
