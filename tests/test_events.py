"""Events: what can happen to a rollout, and why it did."""

from datetime import UTC, datetime, timedelta
from typing import get_args

import attrs
import pytest

from safedeploy import events
from safedeploy.audiences import Group
from safedeploy.changes import Change
from safedeploy.deliveries import Delivered, Stage
from safedeploy.events import Assessed, Event
from safedeploy.flags import FeatureFlag
from safedeploy.gates import Answer
from safedeploy.health import HealthModel
from safedeploy.overrides import Override
from safedeploy.people import Person
from safedeploy.plans import Plan, Ring
from safedeploy.rings import Place
from safedeploy.signals import Health, Usage
from safedeploy.trips import Calls, Trip
from safedeploy.verdicts import Counts, Evidence, Finding, Scope, Verdict

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
LATER = NOON + timedelta(minutes=5)
CHANGE = Change.code("shop", version="2")
PLAN = Plan(rings=(Ring("canary", percent=1),), health=HealthModel(Usage(at_least=1)))
HEALTH = Health(NOON, NOON, ())
FOUND = (Finding("usage", Verdict.NO_DATA, "9 more exposures are needed"),)
SCOPE = Scope("service:shop@2", 1, "canary", 1)
EVIDENCE = Evidence(SCOPE, NOON, NOON, "made up", Counts(), Counts(), FOUND)

OVERRIDE = Override(
    "new-checkout#1", "new-checkout", "on", True, "1", Group("staff"), LATER, "7", "to debug"
)

EVERY_EVENT: list[tuple[Event, str]] = [
    (events.Started(NOON, CHANGE, PLAN, 2), "attempt 2 of service:shop@2"),
    (
        events.Started(NOON, CHANGE, PLAN, 2, by=Person("8"), why="it is back"),
        "attempt 2 of service:shop@2: it is back (8)",
    ),
    (events.Ended(NOON, "service:shop@1/d1g35t/1"), "service:shop@1/d1g35t/1 is over"),
    (events.Superseded(NOON, "service:shop@3/d/1"), "superseded by service:shop@3/d/1"),
    (events.Answered(NOON, "reviewed", Answer.OPENS), "reviewed opens"),
    (events.Answered(NOON, "reviewed", Answer.HOLDS, "no reviewer"), "reviewed holds: no reviewer"),
    (events.Approved(NOON, "managers", SCOPE, "d1g35t", Person("8", ["managers"]), "fine"), "fine"),
    (events.Revoked(NOON, "managers", SCOPE, Person("8"), "not so fine"), "not so fine"),
    (events.Applied(NOON, "canary", 1), "applied to canary"),
    (Delivered(NOON, Place("eu"), "canary", Stage.BEGUN), "eu: begun"),
    (
        Delivered(NOON, Place("eu", "test"), "canary", Stage.FAILED, "no room"),
        "eu in test: couldn't be applied: no room",
    ),
    (Assessed(NOON, EVIDENCE, HEALTH), "usage: 9 more exposures are needed"),
    (events.Alerted(NOON, by_user=True, reason="pager"), "pager"),
    (events.Woken(NOON), "its deadline passed"),
    (events.Acknowledged(NOON, "7", "it is looked into"), "it is looked into"),
    (events.Resumed(NOON, "7", "a false alarm"), "a false alarm"),
    (events.Aborted(NOON, "7", "wrong build"), "wrong build"),
    (events.RecoveryStarted(NOON, "policy"), "policy"),
    (events.Withdrawn(NOON), "withdrawn"),
    (events.Promoted(NOON, SCOPE, Person("8"), "it can't wait"), "it can't wait"),
    (events.Killed(NOON, "new-checkout", "7", "it burns"), "it burns"),
    (events.Overridden(NOON, OVERRIDE), "to debug"),
    (events.Lifted(NOON, "new-checkout", "new-checkout#1", "7", "seen"), "seen"),
    (
        events.Tripped(NOON, Trip(SCOPE, Verdict.HALT, Calls(20, 12, 1), Calls(180, 2))),
        (
            "the breaker tripped in canary: of 20 calls 12 failed, 1 were slow;"
            " of the baseline: of 180 calls 2 failed, 0 were slow"
        ),
    ),
    (
        events.Tripped(NOON, Trip(SCOPE, Verdict.INVESTIGATE, Calls(9, 9), Calls(9, 8))),
        (
            "the breaker tripped in canary: of 9 calls 9 failed, 0 were slow;"
            " of the baseline, as well: of 9 calls 8 failed, 0 were slow"
        ),
    ),
    (events.Moved(NOON, "payments", "closed", "isolated", "isolated", "why", "7"), "why"),
    (events.Defined(NOON, (FeatureFlag.boolean("shop"),), "7", "it burns"), "it burns"),
    (events.Unknown(NOON, "Replaced", "{}"), "Replaced, which can't be read here"),
]


@pytest.mark.parametrize(("event", "reason"), EVERY_EVENT)
def test_an_event_says_when_and_why(event: Event, reason: str) -> None:
    """Every event has its time and a reason for people, and can't be changed."""
    assert (NOON, reason) == (event.at, event.reason)
    with pytest.raises(attrs.exceptions.FrozenInstanceError):
        event.at = LATER  # type: ignore[misc]


def test_every_event_is_known_here() -> None:
    """No event goes untested."""
    assert set(get_args(Event)) == {type(event) for event, _ in EVERY_EVENT}


def test_an_attempt_is_the_first_unless_said() -> None:
    """A rollout begins with the first attempt."""
    assert "attempt 1 of service:shop@2" == events.Started(NOON, CHANGE, PLAN).reason


def test_two_assessments_become_one() -> None:
    """The later one keeps what it found, and has earned what both have earned."""
    earlier = Assessed(NOON, EVIDENCE, HEALTH, timedelta(seconds=10))
    later = Assessed(LATER, EVIDENCE, HEALTH, timedelta(seconds=5))

    assert attrs.evolve(later, baked=timedelta(seconds=15)) == later.after(earlier)
    assert later is later.after(None)


def test_folding_assessments_is_associative() -> None:
    """However assessments that weren't recorded are folded, the bake adds up alike."""
    one, two, three = (
        Assessed(NOON + timedelta(seconds=n), EVIDENCE, HEALTH, timedelta(seconds=n))
        for n in (1, 2, 4)
    )

    assert three.after(two.after(one)) == three.after(two).after(one)
    assert timedelta(seconds=7) == three.after(two.after(one)).baked
