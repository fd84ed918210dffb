"""New versions while one is in flight, and conflict groups: who waits for whom, and until when."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from functools import partial
from typing import Any

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from safedeploy import commands, events, explanations, rollouts
from safedeploy.contexts import Context
from safedeploy.engine import Engine
from safedeploy.errors import DefinitionError, ReleaseRefusedError
from safedeploy.flags import FeatureFlag
from safedeploy.gates import Check
from safedeploy.health import HealthModel
from safedeploy.journals import MemoryJournal
from safedeploy.plans import OnNewVersion, Plan, Ring
from safedeploy.rollbacks import RollbackPolicy
from safedeploy.signals import Usage
from safedeploy.states import Moving, Queued, Rollout
from safedeploy.testing import FakeClock
from tests.laws.histories import BEHIND, EVERY, START, approved, started
from tests.test_gated import noted

FLAG = FeatureFlag("search", {"old": "old", "new": "new", "newer": "newer"}, "old")
FIRST, SECOND = FLAG.serve("new"), FLAG.serve("newer")
OTHER = FeatureFlag.boolean("other").serve("on")


def plan(**fields: Any) -> Plan:
    """Make a plan that waits for use, and so until somebody promotes it."""
    rings = fields.pop("rings", (Ring("half", percent=50, bake=EVERY),))
    health = HealthModel(Usage(at_least=10))
    return Plan(rings=rings, health=health, assess_every=EVERY, **fields)


QUEUE = plan(on_new_version=OnNewVersion.QUEUE)
SUPERSEDE = plan(on_new_version=OnNewVersion.SUPERSEDE)


class Office:
    """One engine, or several, on one journal, in virtual time."""

    def __init__(
        self, journal: MemoryJournal | None = None, clock: FakeClock | None = None
    ) -> None:
        self.journal = journal or MemoryJournal()
        self.clock = clock or FakeClock(START)
        self.engine = Engine(clock=self.clock, journal=self.journal)

    def beside(self) -> Office:
        """Open another engine on the same journal."""
        return Office(self.journal, self.clock)

    def label(self, rollout: Rollout) -> str:
        return self.engine.rollout(rollout).state.label

    def tick(self, times: int = 3) -> None:
        for _ in range(times):
            self.engine.tick()
            self.clock.advance(EVERY)

    def finish(self, rollout: Rollout) -> None:
        """Let a rollout complete, by hand."""
        self.tick()
        self.engine.promote(rollout, by="8", reason="seen")
        self.tick()
        assert "completed" == self.label(rollout)

    def served(self) -> set[str]:
        return {self.engine.value(FLAG, Context(f"user-{n}")) for n in range(100)}


# Refused, queued, superseded


def test_a_second_release_is_refused_unless_its_plan_says_otherwise() -> None:
    """And nothing is recorded of it."""
    office = Office()
    first = office.engine.release(FIRST, plan())
    with pytest.raises(ReleaseRefusedError, match=f"wait until {first.id} is over"):
        office.engine.release(SECOND, plan())
    assert [first] == list(office.engine.rollouts())


def test_a_queued_release_begins_when_the_first_is_over() -> None:
    """Until then nobody gets it, and the first goes on as if it weren't there."""
    office = Office()
    first = office.engine.release(FIRST, plan())
    second = office.engine.release(SECOND, QUEUE)
    assert Queued(second.at, (first.id,), ()) == second.state
    office.tick()
    assert ("baking", "queued") == (office.label(first), office.label(second))
    assert {"old", "new"} == office.served()
    assert second == attrs.evolve(office.engine.release(SECOND, QUEUE))
    office.finish(first)
    office.tick()
    assert "baking" == office.label(second)
    assert {"new", "newer"} == office.served()
    office.finish(second)
    assert {"newer"} == office.served()


def test_a_queued_release_begins_after_a_rollback_as_well() -> None:
    """With the stable definition as it was before the first."""
    office = Office()
    first = office.engine.release(FIRST, plan())
    second = office.engine.release(SECOND, QUEUE)
    office.tick()
    office.engine.abort(first, by="8", reason="better not")
    assert {"old"} == office.served()
    office.tick()
    assert ("rolled back", "baking") == (office.label(first), office.label(second))
    assert {"old", "newer"} == office.served()


def test_a_superseding_release_halts_the_first_and_waits_for_its_recovery() -> None:
    """The first is withdrawn and rolled back before the second begins; both say why."""
    office = Office()
    asking = RollbackPolicy.roll_back(ask=True)
    first = office.engine.release(FIRST, plan(on_issue=asking))
    office.tick()
    assert {"old", "new"} == office.served()
    second = office.engine.release(SECOND, SUPERSEDE)
    office.tick()
    assert ("halted", "queued") == (office.label(first), office.label(second))
    assert {"old"} == office.served()
    [cause] = [it for it in office.journal.read(first.id) if isinstance(it, events.Superseded)]
    assert f"superseded by {second.id}" == cause.reason
    office.engine.recover(first, by="8", reason="no data was written")
    office.tick()
    assert ("rolled back", "baking") == (office.label(first), office.label(second))
    assert {"old", "newer"} == office.served()
    assert first.id == office.engine.release(FIRST, plan(on_issue=asking)).id


def test_the_latest_supersedes_all_that_came_before_it() -> None:
    """A queued one that is superseded never begins, and has served nobody."""
    office = Office()
    first = office.engine.release(FIRST, plan())
    second = office.engine.release(SECOND, QUEUE)
    third = office.engine.release(FIRST, SUPERSEDE)
    office.tick(4)
    labels = [office.label(each) for each in (first, second, third)]
    assert ["rolled back", "rolled back", "baking"] == labels
    assert not office.engine.rollout(second).begun


def test_the_same_definition_is_not_queued_behind_itself() -> None:
    """It would change nothing; a new plan for it supersedes the old one."""
    office = Office()
    office.engine.release(FIRST, plan())
    with pytest.raises(ReleaseRefusedError, match="is on its way to it"):
        office.engine.release(FIRST, QUEUE)
    assert "queued" == office.engine.release(FIRST, SUPERSEDE).state.label


def test_a_person_may_stop_what_is_queued() -> None:
    """It is over without a begin, and the first goes on serving."""
    office = Office()
    first = office.engine.release(FIRST, plan())
    second = office.engine.release(SECOND, QUEUE)
    office.tick()
    office.engine.abort(second, by="8", reason="better not")
    office.tick()
    assert ("baking", "rolled back") == (office.label(first), office.label(second))
    assert {"old", "new"} == office.served() == office.beside().served()
    third = office.engine.retry(second, by="8", reason="once more")
    assert "queued" == third.state.label
    office.finish(first)
    office.tick()
    assert "baking" == office.label(third)


def test_a_kill_stops_what_is_queued() -> None:
    """Nobody has decided since the kill to bring the flag back."""
    office = Office()
    first = office.engine.release(FIRST, plan())
    second = office.engine.release(SECOND, QUEUE)
    office.tick()
    office.engine.kill(FLAG, by="8", reason="it burns")
    office.tick()
    assert ["rolled back"] * 2 == [office.label(first), office.label(second)]
    assert {"old"} == office.served()


def test_a_pause_in_the_queue_is_decided_by_a_person() -> None:
    """Its turn may have come meanwhile; unclosed, it halts."""
    office = Office()
    first = office.engine.release(FIRST, plan())
    second = office.engine.release(SECOND, QUEUE)
    office.engine.alert(second, by_user=False, reason="it looks odd")
    office.finish(first)
    assert "paused" == office.label(second)
    assert "queued" == office.engine.resume(second, by="8", reason="fine").state.label
    office.tick()
    assert "baking" == office.label(second)


def test_nobody_approves_what_is_paused_in_the_queue() -> None:
    """Nothing is asked for yet."""
    begun = rollouts.begin(started(people=True, behind=BEHIND))
    paused = rollouts.following(begun, events.Alerted(START, by_user=False, reason="odd"))
    assert paused.state == rollouts.following(paused, approved(paused, "owners", START)).state


def test_who_waits_for_long_calls_a_person() -> None:
    """After as long as its own plan may take."""
    office = Office()
    first = office.engine.release(FIRST, plan(rings=[Ring("half", percent=50, bake=timedelta(9))]))
    second = office.engine.release(SECOND, QUEUE)
    office.tick()
    office.clock.advance(timedelta(hours=1))
    office.tick()
    [page] = [
        it
        for it in rollouts.pending(office.engine.rollout(second))
        if isinstance(it, commands.Page)
    ]
    assert f"look why {second.id} waits so long for {first.id}" == page.duty


# Several workers, and crashes


@pytest.mark.law("A10")
@pytest.mark.parametrize("policy", [QUEUE, SUPERSEDE])
def test_every_worker_may_release_both(policy: Plan) -> None:
    """Whoever asks in whatever order gets the same two rollouts, each begun once."""
    offices = [Office()]
    offices += [offices[0].beside() for _ in range(2)]
    first = offices[0].engine.release(FIRST, plan())
    seconds = {office.engine.release(SECOND, policy).id for office in offices}
    assert 1 == len(seconds)
    for office in [*offices, offices[0].beside()]:
        office.tick(2)
        assert first.id == office.engine.release(FIRST, plan()).id
    assert 2 == len(offices[0].engine.rollouts())


@pytest.mark.law("A10")
@pytest.mark.parametrize("policy", [QUEUE, SUPERSEDE])
@pytest.mark.parametrize("crashes", range(1, 8))
def test_a_crash_between_any_two_ticks_loses_no_turn(policy: Plan, crashes: int) -> None:
    """What is owed follows from the journal alone, so whoever opens it goes on."""
    office = Office()
    first = office.engine.release(FIRST, plan())
    second = office.engine.release(SECOND, policy)
    for number in range(8):
        if number % crashes == 0:
            office.engine.stop()
            office = office.beside()
        office.tick(1)
        if number == 3 and policy is QUEUE:
            office.engine.abort(first, by="8", reason="better not")
    assert ("rolled back", "baking") == (office.label(first), office.label(second))
    assert {"old", "newer"} == office.served() == office.beside().served()


# Conflict groups


def grouped(most: int = 1, **fields: Any) -> Plan:
    """Make a plan of a conflict group."""
    return plan(conflict_group="checkout", most_in_flight=most, **fields)


def test_two_changes_of_a_conflict_group_wait_for_each_other() -> None:
    """The later one says for whom; a change outside of the group doesn't wait."""
    office = Office()
    first = office.engine.release(FIRST, grouped())
    second = office.engine.release(OTHER, grouped())
    third = office.engine.release(FeatureFlag.boolean("third").serve("on"), plan())
    office.tick()
    assert ["baking", "queued", "baking"] == [office.label(it) for it in (first, second, third)]
    told = [wait["text"] for wait in explanations.waits(office.engine.rollout(second), START)]
    assert f"for {first.id} to be over" in told
    office.finish(first)
    office.tick()
    assert "baking" == office.label(second)


def test_so_many_of_a_group_may_be_in_flight() -> None:
    """The plan of whoever comes later says how many."""
    office = Office()
    flags = [FeatureFlag.boolean(name).serve("on") for name in "abc"]
    first, second, third = [office.engine.release(flag, grouped(2)) for flag in flags]
    office.tick()
    assert ["baking", "baking", "queued"] == [office.label(it) for it in (first, second, third)]
    office.engine.abort(second, by="8", reason="better not")
    office.tick()
    assert ["baking", "rolled back", "baking"] == [
        office.label(it) for it in (first, second, third)
    ]


def test_what_says_nothing_of_others_is_refused() -> None:
    """A group without a name, room for nobody, a policy that is no policy."""
    for wrong in ({"conflict_group": " "}, {"most_in_flight": 0}, {"on_new_version": "queue"}):
        with pytest.raises(DefinitionError):
            plan(**wrong)


FLAGS = [FeatureFlag(name, {"0": 0, "1": 1, "2": 2, "3": 3}, "0") for name in "abc"]
POLICIES = st.builds(
    plan,
    on_new_version=st.sampled_from(OnNewVersion),
    conflict_group=st.just("checkout"),
    most_in_flight=st.integers(1, 2),
)
RELEASES = st.lists(
    st.tuples(st.sampled_from(FLAGS), st.sampled_from("123"), POLICIES, st.integers(0, 2)),
    min_size=2,
    max_size=8,
)


@pytest.mark.law("A10")
@given(RELEASES)
def test_whoever_waits_has_a_turn(drawn: Sequence[tuple[FeatureFlag[int], str, Plan, int]]) -> None:
    """Whatever is released, nobody waits in a circle, too few of a group are never too many, and
    all end once those who are ahead do: in the order in which they came, flag by flag.
    """
    office, released = Office(), dict[str, Rollout]()
    for flag, variant, policy, ticks in drawn:
        try:
            rollout = office.engine.release(flag.serve(variant), policy)
        except ReleaseRefusedError:
            continue
        if isinstance(rollout.state, Queued):
            ahead = {*rollout.state.behind, *rollout.state.beside}
            assert ahead <= {*released} - {rollout.id}
        released[rollout.id] = rollout
        office.tick(ticks)
        check_fairness(office, list(released))
    for _ in range(3 * len(released)):
        office.tick(3)
        check_fairness(office, list(released))
        for rollout in map(office.engine.rollout, released):
            if rollout.begun and isinstance(rollout.state, Moving):
                office.engine.abort(rollout, by="8", reason="better not")
    assert not [it for it in office.engine.rollouts() if it.in_flight]


def check_fairness(office: Office, names: list[str]) -> None:
    """Hold what is in flight against what each plan says of it."""
    known = {name: office.engine.rollout(name) for name in names}
    going = [it for it in known.values() if it.in_flight and it.begun]
    for rollout in going:
        before = [it for it in going if names.index(it.id) < names.index(rollout.id)]
        assert len(before) < rollout.plan.most_in_flight
        assert rollout.change.subject not in {it.change.subject for it in before}


def test_a_superseded_rollout_is_of_the_same_subject() -> None:
    """What another subject, or itself, is said to supersede goes on."""
    begun = rollouts.begin(events.Started(START, FIRST.change(), plan()))
    for by in (begun.id, "flag:other@1/d1g35t/1", "flag:search"):
        assert begun.state == rollouts.following(begun, events.Superseded(START, by)).state
    halted = rollouts.following(begun, events.Superseded(START, "flag:search@9/d1g35t/1"))
    assert "halted" == halted.state.label


def test_checks_of_a_queued_release_are_asked_in_its_turn() -> None:
    """Not before: what they would say then may not hold any more."""
    asked: list[object] = []
    office = Office()
    gates = (Check("quiet", run=partial(noted, asked)),)
    first = office.engine.release(FIRST, plan())
    office.engine.release(SECOND, attrs.evolve(QUEUE, before=gates))
    office.tick()
    assert [] == asked
    office.finish(first)
    office.tick()
    assert 1 == len(asked)


QUEUEING_MUTANTS: list[tuple[Any, ...]] = [
    (
        "A10",
        "a release waits for nobody",
        "safedeploy.fleets.queue",
        lambda *_: ((), ()),
        test_whoever_waits_has_a_turn,
    ),
    (
        "A10",
        "what is superseded goes on",
        "safedeploy.queues.supersedes",
        lambda rollout, event: False,
        test_a_crash_between_any_two_ticks_loses_no_turn,
        (SUPERSEDE, 3),
    ),
    (
        "A10",
        "who starts again forgets who waits",
        "safedeploy.flights.Flight.is_busy",
        property(lambda self: self.rollout.in_flight and self.rollout.begun),
        test_a_crash_between_any_two_ticks_loses_no_turn,
        (QUEUE, 3),
    ),
]
