"""Gates in an engine: checks off the hot path, and people who approve."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import attrs
import pytest

from safedeploy import events, explanations, openings
from safedeploy.changes import Change, Provenance
from safedeploy.engine import Engine
from safedeploy.errors import ApprovalRefusedError, ReleaseRefusedError
from safedeploy.events import Event
from safedeploy.flags import FeatureFlag
from safedeploy.gates import Answer, Approval, Check, Gate, Within, at_least
from safedeploy.journals import MemoryJournal
from safedeploy.people import Person
from safedeploy.plans import Plan, Ring
from safedeploy.runs import MOST_OF_ONE
from safedeploy.states import Rollout
from safedeploy.testing import FakeClock
from safedeploy.windows import business_hours
from tests.laws.histories import EVERY, HEALTH, START
from tests.laws.shops import Shop, quick
from tests.test_runs import Hanging, join

FLAG = FeatureFlag.boolean("f")
AUTHOR = "7"
ADA, BOB, GUEST = Person("8", ["managers"]), Person("9", ["managers", "owners"]), Person("10")


def gated(*gates: Gate, after: tuple[Gate, ...] = ()) -> Plan:
    """Make a plan with gates around its only ring."""
    ring = Ring("half", percent=50, bake=EVERY, gates=gates, after=after)
    return Plan(rings=[ring], health=HEALTH, assess_every=EVERY)


def noted(where: list[Any], what: object) -> bool:
    """Open, and remember what was asked with."""
    where.append(what)
    return True


class Desk:
    """An engine with one release, in virtual time."""

    def __init__(self, plan: Plan, *, journal: MemoryJournal | None = None) -> None:
        self.clock = FakeClock(START)
        self.journal = journal or MemoryJournal()
        self.engine = Engine(clock=self.clock, journal=self.journal)
        self.released = self.engine.release(FLAG.serve("on"), plan, author=AUTHOR)

    @property
    def rollout(self) -> Rollout:
        return self.engine.rollout(self.released)

    @property
    def label(self) -> str:
        return self.rollout.state.label

    def recorded(self, kind: type[Event]) -> list[Any]:
        return [each for each in self.journal.read(self.released.id) if type(each) is kind]

    def tick(self, times: int = 1, every: timedelta = timedelta(0)) -> str:
        for _ in range(times):
            self.engine.tick()
            self.clock.advance(every)
        return self.label

    def waits(self) -> list[str]:
        return [each["text"] for each in explanations.waits(self.rollout, self.clock.now())]


# Checks off the hot path


@pytest.fixture
def hanging() -> Iterator[Hanging]:
    """A check that hangs; it is let go at the end."""
    made = Hanging()
    yield made
    made.finish()


def test_a_hanging_check_holds_up_no_other_rollout(hanging: Hanging) -> None:
    """While it hangs, ticks go on, and another rollout is watched, and halts."""
    shop = Shop(defect=1.0)
    shop.clock.stands_still = False
    stuck = shop.engine.release(FLAG.serve("on"), gated(Check("stuck", run=hanging)))
    shop.open(intervals=30)
    assert "rolled back" == shop.rollout.state.label
    assert "pending" == shop.engine.rollout(stuck).state.label
    assert hanging.begun.is_set()

    hanging.finish()
    shop.engine.tick()
    assert "baking" == shop.engine.rollout(stuck).state.label


def test_a_hanging_check_holds_up_no_watch_of_its_own_rollout(hanging: Hanging) -> None:
    """The rings that are exposed already are watched while the next one's check hangs."""
    first, second, last = quick().rings
    gate = Check("stuck", run=hanging)
    plan = attrs.evolve(quick(), rings=(first, attrs.evolve(second, gates=(gate,)), last))
    shop = Shop(plan=plan)
    shop.clock.stands_still = False
    while not hanging.begun.is_set():
        shop.serve_an_interval()
        if shop.rollout.state.ring == 1:
            assert hanging.begun.wait(timeout=30)
    assert ("pending", 1) == (shop.rollout.state.label, shop.rollout.state.ring)
    shop.defect = 1.0
    shop.open(intervals=30)
    assert "rolled back" == shop.rollout.state.label


def test_a_check_has_a_deadline_in_virtual_time(hanging: Hanging) -> None:
    """Past its timeout it holds, on record; what it says then is dropped, and it is asked again."""
    desk = Desk(gated(Check("stuck", run=hanging)))
    desk.clock.stands_still = False
    desk.tick()
    desk.clock.advance(timedelta(minutes=6))
    desk.tick(3)
    [told] = desk.recorded(events.Answered)
    assert (Answer.HOLDS, "gave no answer within 0:05:00") == (told.answer, told.detail)
    hanging.finish()
    assert 1 == len(desk.recorded(events.Answered))
    desk.tick()
    join()
    assert "baking" == desk.tick()


def test_a_check_that_runs_for_one_ring_answers_for_no_other(hanging: Hanging) -> None:
    """What was begun for a ring is waited for before the next ring asks anew, and dropped."""
    asked: list[bool] = []

    def run(change: Change) -> bool:
        asked.append(True)
        return len(asked) == 1 and bool(hanging(change))

    check = Check("stuck", run=run)
    first, second, last = quick().rings
    rings = (
        attrs.evolve(first, gates=(check | Approval("managers"),)),
        attrs.evolve(second, gates=(check,)),
        last,
    )
    shop = Shop(plan=attrs.evolve(quick(), rings=rings), author=AUTHOR)
    shop.clock.stands_still = False
    shop.engine.tick()
    shop.engine.approve(shop.rollout, by=ADA)
    shop.open(intervals=20)
    assert ("pending", 1) == (shop.rollout.state.label, shop.rollout.state.ring)
    assert [True] == asked
    hanging.finish()
    for _ in range(3):
        shop.serve_an_interval()
        join()
    assert len(asked) > 1
    assert ("pending", 1) == (shop.rollout.state.label, shop.rollout.state.ring)


def test_a_rollout_asks_so_many_checks_at_once(hanging: Hanging) -> None:
    """Those that are left have their turn when others have answered."""
    checks = [Check(f"check {number}", run=hanging) for number in range(MOST_OF_ONE + 3)]
    desk = Desk(gated(*checks))
    desk.clock.stands_still = False
    desk.tick(3)
    running = [each for each in threading.enumerate() if each.name == "safedeploy check"]
    assert MOST_OF_ONE == len(running)
    hanging.finish()
    desk.tick(2)
    join()
    assert "baking" == desk.tick()


def test_a_check_is_asked_again_when_its_process_has_died(hanging: Hanging) -> None:
    """Nobody knows what it would have said, so the next one to drive asks anew."""
    plan = gated(Check("stuck", run=hanging))
    dead = Desk(plan)
    dead.clock.stands_still = False
    dead.tick()
    assert hanging.begun.wait(timeout=30)
    hanging.begun.clear()
    again = Desk(plan, journal=dead.journal)
    hanging.end.set()
    assert "baking" == again.tick(10, every=timedelta(minutes=1))  # the lease of the dead lapses


@pytest.mark.law("T2")
def test_a_child_asks_anew(hanging: Hanging) -> None:
    """The threads that ran checks are the parent's."""
    desk = Desk(gated(Check("stuck", run=hanging)))
    desk.clock.stands_still = False
    desk.tick()
    assert hanging.begun.wait(timeout=30)
    desk.engine._restart()  # what the interpreter calls in the child
    hanging.finish()
    desk.clock.stands_still = True
    assert "baking" == desk.tick(10, every=timedelta(minutes=1))


def test_an_opening_that_expires_is_shown_anew() -> None:
    """While another gate still holds, a check whose opening has expired is asked again."""
    asked: list[Change] = []
    is_quiet = threading.Event()
    scanned = Check(
        "scanned", run=lambda change: noted(asked, change), expires=timedelta(minutes=1)
    )
    desk = Desk(gated(scanned, Check("quiet", run=lambda _: is_quiet.is_set())))
    assert "pending" == desk.tick(3)
    assert 1 == len(asked)
    assert any("what scanned has shown expires" in text for text in desk.waits())
    desk.clock.advance(timedelta(minutes=1))
    desk.tick(3)
    assert 2 == len(asked)
    is_quiet.set()
    assert "baking" == desk.tick()


def test_a_check_that_must_hold_delays_its_ring() -> None:
    """It is sampled at every tick, and the ring begins once it has held for long enough."""
    check = Check("quiet", run=lambda _: True, holds_for=timedelta(minutes=1))
    desk = Desk(gated(check))
    assert "pending" == desk.tick(6, EVERY)
    assert ["for quiet, which must hold for 0:01:00 without a break"] == desk.waits()[:1]
    assert "baking" == desk.tick()
    assert [Answer.HOLDS, Answer.OPENS] == [it.answer for it in desk.recorded(events.Answered)]


def test_an_alternative_opens_the_gate() -> None:
    """A check that fails halts nothing where people may approve instead."""
    failing = Check("signed", run=lambda _: Answer.FAILS)
    desk = Desk(gated(failing | Approval("managers")))
    assert "pending" == desk.tick(2)
    assert desk.waits()[0].endswith("(1 needed), of signed | managers")
    desk.engine.approve(desk.rollout, by=ADA)
    assert "baking" == desk.tick()


def test_a_gate_that_can_not_open_any_more_halts() -> None:
    """Two of three can't open when two have failed."""
    runs: list[Callable[[Change], Any]] = [lambda _: Answer.FAILS] * 2 + [lambda _: False]
    gates = [Check(f"check {number}", run=run) for number, run in enumerate(runs)]
    desk = Desk(gated(at_least(2, *gates)))
    assert "rolled back" == desk.tick(2)


@pytest.mark.law("A9")
def test_a_ring_begins_when_its_window_opens() -> None:
    """Not before, not once it has closed again, and a halt doesn't wait for it."""
    hours = business_hours("UTC")
    is_quiet = threading.Event()
    desk = Desk(gated(Within(hours), Check("quiet", run=lambda _: is_quiet.is_set())))
    desk.tick()  # the first of January 2026 is a Thursday
    assert "until 2026-01-01 09:00:00 UTC (in 9 h): then window opens" in desk.waits()
    desk.clock.advance(timedelta(hours=10))
    desk.tick()
    assert "until 2026-01-01 17:00:00 UTC (in 7 h): then window closes" in desk.waits()
    desk.clock.advance(timedelta(hours=7))
    is_quiet.set()
    assert "pending" == desk.tick(3)
    assert not desk.recorded(events.Applied)
    desk.clock.advance(timedelta(hours=16))
    assert "baking" == desk.tick()


@pytest.mark.law("A9")
def test_no_window_blocks_a_halt() -> None:
    """In the midst of the night, what is exposed is withdrawn as at any time."""
    first, second, last = quick().rings
    gate = Within(business_hours("UTC"))
    plan = attrs.evolve(quick(), rings=(first, attrs.evolve(second, gates=(gate,)), last))
    shop = Shop(plan=plan)
    shop.open(intervals=30)
    assert ("pending", 1) == (shop.rollout.state.label, shop.rollout.state.ring)
    shop.defect = 1.0
    shop.open(intervals=30)
    assert "rolled back" == shop.rollout.state.label


# People


def test_a_ring_waits_for_its_approvals() -> None:
    """It tells how many are missing, and begins when enough people have approved."""
    desk = Desk(gated(Approval("managers", quorum=2)))
    assert "pending" == desk.tick(3)
    assert "for 2 more approvals of managers (2 needed)" == desk.waits()[0]
    desk.engine.approve(desk.rollout, by=ADA, reason="seen")
    desk.engine.approve(desk.rollout, "managers", by=ADA)
    assert "pending" == desk.tick(3)
    assert "for 1 more approval of managers (2 needed)" == desk.waits()[0]
    desk.engine.approve(desk.released.id, by=BOB)
    assert "baking" == desk.tick()


def test_people_are_told_once_that_they_are_asked(capsys: pytest.CaptureFixture[str]) -> None:
    """On stderr, with the rollout, the ring and the role."""
    desk = Desk(gated(Approval("managers")))
    desk.tick(3)
    told = capsys.readouterr().err
    assert 1 == told.count("an approval is needed")
    assert "managers" in told
    assert desk.released.id in told


def test_an_approval_can_be_taken_back() -> None:
    """Until the ring begins; it counts again when it is given again."""
    desk = Desk(gated(Approval("managers", quorum=2)))
    desk.tick()
    desk.engine.approve(desk.rollout, by=ADA)
    desk.engine.revoke(desk.rollout, by=ADA, reason="not so fine")
    desk.engine.approve(desk.rollout, by=BOB)
    assert "pending" == desk.tick(2)
    desk.clock.advance(EVERY)
    desk.engine.approve(desk.rollout, by=ADA)
    assert "baking" == desk.tick()


def test_an_approval_expires() -> None:
    """Whoever approved long ago has seen another world."""
    desk = Desk(gated(Approval("managers", quorum=2, expires=timedelta(hours=1))))
    desk.tick()
    desk.engine.approve(desk.rollout, by=ADA)
    desk.clock.advance(timedelta(hours=1))
    desk.tick()
    desk.engine.approve(desk.rollout, by=BOB)
    assert "pending" == desk.tick(2)


def test_all_that_a_person_may_approve_is_approved_at_once() -> None:
    """Unless a role is named, every one that the person has and that is asked for."""
    for gate, label in ((None, "baking"), ("owners", "pending")):
        desk = Desk(gated(Approval("managers"), Approval("owners")))
        desk.engine.approve(desk.rollout, gate, by=BOB)
        assert label == desk.tick()


def test_gates_after_a_ring_keep_it_from_being_left() -> None:
    """Its bake earned, it is asked for its gates, and left at the first pass after that."""
    first, *others = quick().rings
    after = (Approval("owners"),)
    plan = attrs.evolve(quick(), rings=(attrs.evolve(first, after=after), *others))
    shop = Shop(plan=plan, author=AUTHOR)
    shop.open(intervals=30)
    assert ("baking", 0) == (shop.rollout.state.label, shop.rollout.state.ring)
    with pytest.raises(ApprovalRefusedError):
        shop.engine.approve(shop.rollout, by=ADA)
    shop.engine.approve(shop.rollout, by=BOB)
    shop.open()
    assert "completed" == shop.rollout.state.label


def test_another_process_may_take_the_approval() -> None:
    """Whichever process a person talks to, the one that drives learns of it."""
    driving = Desk(gated(Approval("managers")))
    driving.tick()
    other = Engine(clock=driving.clock, journal=driving.journal)
    other.approve(driving.released.id, by=ADA)
    assert "baking" == driving.tick()


@pytest.mark.parametrize(
    ("gate", "by", "field", "mend"),
    [
        (None, Person(AUTHOR, ["managers"]), "by", "nobody approves their own change"),
        (None, GUEST, "by", "has the role 'managers'"),
        ("managers", GUEST, "by", "has the role 'managers'"),
        ("owners", BOB, "gate", "choose one of ['managers']"),
        ("signed", BOB, "gate", "choose one of ['managers']"),
        (None, "8", "by", "give a Person"),
    ],
)
@pytest.mark.parametrize("how", ["approve", "revoke"])
def test_an_approval_that_would_not_count_is_refused(
    how: str, gate: str | None, by: Any, field: str, mend: str
) -> None:
    """By field, value and mend, and nothing is recorded."""
    desk = Desk(gated(Approval("managers"), Check("signed", run=lambda _: False)))
    with pytest.raises(ApprovalRefusedError) as refused:
        getattr(desk.engine, how)(desk.rollout, gate, by=by)
    assert field == refused.value.field
    assert mend in refused.value.mend
    assert 1 == len(desk.journal.read(desk.released.id))


def test_nothing_is_approved_that_nobody_asks_for() -> None:
    """Before a ring waits, and once it has begun, there is nothing to approve."""
    desk = Desk(gated(Approval("managers")))
    desk.engine.approve(desk.rollout, by=ADA)
    desk.tick()
    with pytest.raises(ApprovalRefusedError, match="wait until one is"):
        desk.engine.approve(desk.rollout, by=BOB)


@pytest.mark.parametrize(
    ("gates", "author", "field"),
    [
        ((Approval("managers"),), None, "author"),
        ((Check("signed", run=lambda _: True) | Approval("managers"),), None, "author"),
        ((Approval("managers", quorum=2, people={AUTHOR, "8"}),), AUTHOR, "quorum"),
        ((Approval("managers", people={AUTHOR}),), AUTHOR, "quorum"),
        ((Check("signed") & Check("sealed", run=lambda _: True),), AUTHOR, "check"),
    ],
)
def test_gates_that_can_not_open_are_refused(
    gates: tuple[Gate, ...], author: str | None, field: str
) -> None:
    """Before anything begins: nobody could answer, or too few others than the author approve."""
    for plan in (gated(*gates), gated(after=gates)):
        engine = Engine(clock=FakeClock())
        with pytest.raises(ReleaseRefusedError) as refused:
            engine.release(FLAG.serve("on"), plan, author=author)
        assert field == refused.value.field
        assert () == engine.rollouts()


def test_a_check_reads_where_a_change_comes_from() -> None:
    """What a release says of its provenance is asked with, and recorded."""
    seen: list[Provenance] = []
    built = Provenance(branch="main", commit="c0ffee", build="ci/7", reviewed_by={"8"})
    engine = Engine(clock=FakeClock())
    check = Check("built", run=lambda change: noted(seen, change.provenance))
    rollout = engine.release(FLAG.serve("on"), gated(check), provenance=built)
    engine.tick()
    assert [built] == seen
    assert built == rollout.change.provenance
    assert () == openings.asked(engine.rollout(rollout), engine.rollout(rollout).state)
