"""What people do by hand: promote a ring, try again, and be a Person or an id."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import attrs
import pytest

from safedeploy import events
from safedeploy.audiences import Everyone
from safedeploy.changes import Change, ChangeKind
from safedeploy.engine import Engine
from safedeploy.errors import (
    DefinitionError,
    PromotionRefusedError,
    ReleaseRefusedError,
    RolloutStateError,
)
from safedeploy.gates import Approval, Check
from safedeploy.journals import Journal, MemoryJournal
from safedeploy.people import Person
from safedeploy.plans import Plan, Ring
from safedeploy.rollouts import begin
from safedeploy.states import Rollout
from tests.laws.histories import EVERY, HEALTH, START, started
from tests.laws.shops import Shop, quick
from tests.test_gated import ADA, AUTHOR, FLAG, GUEST, Desk, gated

LONG = timedelta(days=8)


def slow(**fields: Any) -> Plan:
    """Make a plan of one ring whose bake nobody waits for."""
    ring = Ring("half", percent=50, bake=LONG)
    return Plan(**{"rings": [ring], "health": HEALTH, "assess_every": EVERY, **fields})


def slow_shop() -> Shop:
    """Open a shop that has traffic, and a first ring that bakes for days."""
    first, *others = quick().rings
    return Shop(plan=attrs.evolve(quick(), rings=(attrs.evolve(first, bake=LONG), *others)))


# Acknowledging


def test_a_person_is_called_once_more_where_nobody_comes() -> None:
    """And nobody any more once somebody looks after it; the deadline stays."""
    desk = Desk(slow(acknowledge_within=2 * EVERY, alert_deadline=9 * EVERY))

    def called() -> list[str]:
        return [text for text in desk.waits() if text.startswith("for a person")]

    desk.engine.alert(desk.rollout, by_user=False, reason="it looks odd")
    desk.tick(2, EVERY)
    assert 1 == len(called())
    desk.tick(1, EVERY)
    assert 2 == len(called())
    seen = desk.engine.acknowledge(desk.rollout, by="8")
    assert [] == called()
    again = desk.engine.acknowledge(desk.rollout, by="7", reason="it is the disk")
    first, second = desk.recorded(events.Acknowledged)
    assert events.Acknowledged(seen.at, "8") == first
    assert first.reason.strip()
    assert events.Acknowledged(again.at, "7", "it is the disk") == second
    assert "rolled back" == desk.tick(9, EVERY)


def test_only_an_alert_about_health_is_acknowledged() -> None:
    """Where nothing is paused there is nothing to look after."""
    desk = Desk(slow())
    with pytest.raises(RolloutStateError, match="only an alert about health pauses"):
        desk.engine.acknowledge(desk.rollout, by="8")


# Promoting


def test_a_promotion_with_a_reason_leaves_the_ring_at_the_next_tick() -> None:
    """Nobody uses it, so there will never be a PASS; a person may know better, and says so."""
    desk = Desk(slow())
    desk.tick(3, EVERY)
    promoted = desk.engine.promote(desk.rollout, by="8", reason="tried by hand on the machine")
    assert "baking" == promoted.state.label
    assert "completed" == desk.tick()
    [event] = desk.recorded(events.Promoted)
    assert (Person("8"), "tried by hand on the machine") == (event.by, event.reason)


def test_a_promotion_without_a_reason_needs_a_pass() -> None:
    """Silence is no ground, and a PASS that is fresh is."""
    desk = Desk(slow())
    desk.tick(3, EVERY)
    with pytest.raises(PromotionRefusedError, match="write down why"):
        desk.engine.promote(desk.rollout, by=ADA, reason="  ")
    shop = slow_shop()
    shop.open(intervals=30)
    assert ("baking", 0) == (shop.rollout.state.label, shop.rollout.state.ring)
    shop.engine.promote(shop.rollout, by=ADA)
    shop.open(intervals=2)
    assert shop.rollout.reached == 1


def test_harm_that_shows_after_a_promotion_halts() -> None:
    """A promotion shortens the bake, and hides nothing."""
    shop = slow_shop()
    shop.open(intervals=5)
    shop.defect = 1.0
    shop.engine.promote(shop.rollout, by=ADA, reason="in a hurry")
    shop.open(intervals=30)
    assert "rolled back" == shop.rollout.state.label


def test_a_promotion_opens_no_gate() -> None:
    """What has to be approved after a ring is asked then, and waited for."""
    desk = Desk(attrs.evolve(gated(after=(Approval("managers"),))))
    desk.tick(2, EVERY)
    desk.engine.promote(desk.rollout, by=GUEST, reason="nobody is awake")
    assert "baking" == desk.tick(3, EVERY)
    assert "for 1 more approval of managers" in desk.waits()[0]
    desk.engine.approve(desk.rollout, by=ADA)
    assert "completed" == desk.tick(1, EVERY)


def test_a_pause_ends_a_promotion() -> None:
    """Who goes on after an alert decides anew whether to wait."""
    desk = Desk(slow())
    desk.tick(2, EVERY)
    desk.engine.promote(desk.rollout, by=ADA, reason="in a hurry")
    desk.engine.alert(desk.rollout, by_user=False, reason="it looks odd")
    desk.engine.resume(desk.rollout, by=ADA, reason="it was the weather")
    assert "baking" == desk.tick(3, EVERY)


@pytest.mark.parametrize(
    ("promoters", "by", "mend"),
    [
        ((), AUTHOR, "nobody promotes their own change"),
        (["managers"], AUTHOR, "nobody promotes their own change"),
        (["managers"], GUEST, r"one of \['managers'\]"),
        (["managers"], "9", r"one of \['managers'\]"),
    ],
)
def test_not_everybody_may_promote(promoters: list[str], by: Person | str, mend: str) -> None:
    """Never the author; and only who has a role, where the plan names any. Nothing is recorded."""
    desk = Desk(slow(promoters=promoters))
    desk.tick()
    before = desk.rollout.version
    with pytest.raises(PromotionRefusedError, match=mend):
        desk.engine.promote(desk.rollout, by=by, reason="in a hurry")
    assert before == desk.rollout.version
    desk.engine.promote(desk.rollout, by=ADA, reason="in a hurry")


def test_only_what_bakes_is_promoted() -> None:
    """A ring that waits for its gates isn't, and neither is a paused or a halted one."""
    desk = Desk(gated(Check("signed", run=lambda _: False)))
    desk.tick()
    for prepare in (
        lambda: None,
        lambda: desk.engine.alert(desk.rollout, by_user=False, reason="it looks odd"),
        lambda: desk.engine.abort(desk.rollout, by="8", reason="better not"),
    ):
        prepare()
        with pytest.raises(RolloutStateError, match="only a ring that bakes"):
            desk.engine.promote(desk.rollout, by=ADA, reason="in a hurry")


def test_promoters_have_names() -> None:
    """An empty role is refused where the plan is made."""
    with pytest.raises(DefinitionError, match="promoters"):
        slow(promoters=[""])


# Trying again


def rolled_back(plan: Plan) -> Desk:
    """Release, abort, and recover."""
    desk = Desk(plan)
    desk.tick()
    desk.engine.abort(desk.rollout, by="8", reason="better not")
    assert "rolled back" == desk.tick()
    return desk


def test_a_retry_is_the_next_attempt_from_the_first_ring() -> None:
    """It says who tries again, and why; the checks are known as they were."""
    desk = rolled_back(gated(Check("signed", run=lambda _: True)))
    again = desk.engine.retry(desk.rollout, by=ADA, reason="the database is back")
    assert (2, "pending", 0) == (again.attempt, again.state.label, again.state.ring)
    [begun] = desk.journal.read(again.id)
    assert f"attempt 2 of {again.change}: the database is back (8)" == begun.reason
    desk.engine.tick()
    assert "baking" == desk.engine.rollout(again).state.label
    assert "rolled back" == desk.label


def test_a_retry_asked_again_is_the_same_attempt() -> None:
    """Also when that one is over: who tries again tries the latest."""
    desk = rolled_back(gated())
    again = desk.engine.retry(desk.rollout, by=ADA, reason="once more")
    assert again == desk.engine.retry(desk.released.id, by="9", reason="me too")
    desk.engine.abort(again, by=ADA, reason="better not")
    desk.engine.tick()
    assert 2 == desk.engine.retry(desk.rollout, by=ADA, reason="once more").attempt
    assert 3 == desk.engine.retry(again, by=ADA, reason="once more").attempt


def test_only_what_was_rolled_back_is_tried_again() -> None:
    """What moves, or has halted and waits to recover, isn't."""
    desk = Desk(slow())
    with pytest.raises(RolloutStateError, match="only what was rolled back"):
        desk.engine.retry(desk.rollout, by=ADA, reason="once more")
    desk.tick()
    desk.engine.abort(desk.rollout, by="8", reason="better not")
    with pytest.raises(RolloutStateError, match="only what was rolled back"):
        desk.engine.retry(desk.rollout, by=ADA, reason="once more")


@pytest.mark.parametrize(
    ("change", "why"),
    [
        (Change.code("f", version="2"), "give ring 'canary' a target"),
        (Change(ChangeKind.FLAG, "f", "2"), "the journal has no definition of the flag"),
    ],
)
def test_what_a_shell_of_ones_own_began_is_not_tried_again_here(change: Change, why: str) -> None:
    """It may keep its rollouts in the same journal, without targets or definitions."""
    journal = MemoryJournal()
    begun = attrs.evolve(started(), change=change)
    rollout = begin(begun)
    stopped = events.Aborted(START, "8", ""), events.RecoveryStarted(START, "")
    journal.append(rollout.id, [begun, *stopped, events.Withdrawn(START)], expected=0)
    with pytest.raises(ReleaseRefusedError, match=why):
        Engine(journal=journal).retry(rollout.id, by=ADA, reason="once more")


# A Person or an id


BY = events.Resumed | events.Aborted | events.Killed | events.Lifted


def decided(engine: Engine, journal: Journal, rollout: Rollout, by: Any) -> list[str]:
    """Let somebody decide all there is to decide, and return who is recorded for it."""
    engine.tick()
    engine.alert(rollout, by_user=False, reason="it looks odd")
    engine.resume(rollout, by=by, reason="it was the weather")
    override = engine.override(
        FLAG, "on", audience=Everyone(), until=rollout.at + LONG, by=by, reason="to debug"
    )
    engine.lift(override, by=by, reason="seen")
    engine.abort(rollout, by=by, reason="better not")
    engine.recover(rollout, by=by, reason="at once")
    engine.kill(FLAG, by=by, reason="it burns")
    told: list[Any] = [entry.event for entry in journal.entries()]
    people = [each.override.by for each in told if isinstance(each, events.Overridden)]
    people += [each.by for each in told if isinstance(each, BY)]
    return [*people, *(each.reason for each in told if isinstance(each, events.RecoveryStarted))]


@pytest.mark.parametrize("by", ["8", Person("8"), ADA])
def test_whoever_decides_is_a_person_or_an_id(by: Person | str) -> None:
    """What is recorded is the same."""
    desk = Desk(slow())
    assert [*["8"] * 5, "at once (8)"] == decided(desk.engine, desk.journal, desk.released, by)
