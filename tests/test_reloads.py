"""Reloads: what becomes of each definition, and what is refused."""

from __future__ import annotations

import gc
from datetime import timedelta
from types import SimpleNamespace
from typing import Any
from unittest.mock import patch

import attrs
import pytest

from safedeploy.audiences import Group, Percentage
from safedeploy.catalogs import Catalog
from safedeploy.changes import Provenance
from safedeploy.contexts import Context
from safedeploy.engine import Engine
from safedeploy.errors import (
    DefinitionError,
    JournalConflictError,
    JournalUnavailableError,
    ReleaseRefusedError,
)
from safedeploy.events import Defined, Started, Unknown
from safedeploy.exposures import Exposures
from safedeploy.flags import FeatureFlag
from safedeploy.gates import Approval, Check
from safedeploy.journals import Journal, MemoryJournal
from safedeploy.moves import Fate, Move, Reloaded
from safedeploy.plans import OnNewVersion, Plan, Ring
from safedeploy.streams import DEFINITIONS
from safedeploy.testing import FakeClock
from tests.laws.histories import START
from tests.laws.test_reloading import PLAN

SHOP = FeatureFlag("shop", {"old": 1, "new": 2}, "old")
NEXT = SHOP.serve("new")
OTHER = FeatureFlag.boolean("other", when=Percentage(50))
PEOPLE = [Context(f"user-{number}") for number in range(50)]


def opened(journal: Journal | None = None, clock: FakeClock | None = None) -> Engine:
    """Return an engine in virtual time."""
    return Engine(clock=clock or FakeClock(START), journal=journal)


def stocked(journal: Journal | None = None) -> Engine:
    """Return an engine that has its first definitions."""
    engine = opened(journal)
    engine.reload([SHOP, OTHER], plan=PLAN)
    return engine


def fates(reloaded: Reloaded) -> dict[str, Fate]:
    """Return what happened to each flag."""
    return {key: move.fate for key, move in reloaded.moves.items()}


def values(engine: Engine, flag: FeatureFlag[Any]) -> set[Any]:
    """Return what people get."""
    return {engine.value(flag, person) for person in PEOPLE}


def defined(journal: Journal) -> list[Defined]:
    """Return what was defined without a release."""
    return [event for event in journal.read(DEFINITIONS) if isinstance(event, Defined)]


def test_the_first_definitions_are_the_stable_ones() -> None:
    """A journal that knows none takes what it is given, together, with the reason."""
    journal = MemoryJournal()
    found = opened(journal).reload([SHOP, OTHER], plan=PLAN)
    assert {"shop": Fate.TAKEN, "other": Fate.TAKEN} == fates(found)
    [event] = defined(journal)
    assert (SHOP, OTHER) == event.flags
    assert ("", "the first definitions of this journal") == (event.by, event.reason)


def test_what_everybody_has_is_unchanged() -> None:
    """Every worker may ask, as often as it likes: nothing more is recorded."""
    journal = MemoryJournal()
    stocked(journal)
    for engine in (opened(journal), opened(journal)):
        found = engine.reload([attrs.evolve(OTHER), SHOP], plan=PLAN)
        assert {"shop": Fate.UNCHANGED, "other": Fate.UNCHANGED} == fates(found)
    assert 1 == journal.head().position


def test_what_differs_is_released() -> None:
    """Each flag by itself, and once, whoever asks; the author and the origin are in the change."""
    journal, built = MemoryJournal(), Provenance(commit="f00")
    stocked(journal)
    found = [
        opened(journal).reload([NEXT, OTHER], plan=PLAN, by="7", provenance=built) for _ in "ab"
    ]
    assert found[0] == found[1]
    assert Fate.RELEASED is found[0].moves["shop"].fate
    [started] = journal.read(found[0].moves["shop"].rollout or "")
    assert isinstance(started, Started)
    assert ("7", built) == (started.change.author, started.change.provenance)


def test_a_new_flag_is_off_until_it_is_released() -> None:
    """The journal has no definition of it that people could keep; nor has the code."""
    engine = stocked()
    new = FeatureFlag("new", {"a": 1, "b": 2}, "b", off="a")
    for _ in range(2):
        found = engine.reload([new], plan=PLAN)
        assert {"new": Fate.RELEASED} == fates(found)
        assert {1} == values(engine, new)
    engine.tick()
    assert {1, 2} == values(engine, new)


def test_a_new_flag_that_is_off_for_everybody_needs_no_release() -> None:
    """It would wait for people who get something else by it, and there are none."""
    engine = stocked()
    new = FeatureFlag.boolean("new", when=Percentage(0))
    found = engine.reload([new], plan=PLAN)
    assert Move(Fate.UNCHANGED, "new, and off for everybody") == found.moves["new"]
    found = engine.reload([attrs.evolve(new).serve("on", when=Group("staff"))], plan=PLAN)
    assert {"new": Fate.RELEASED} == fates(found)


def test_new_flags_may_require_each_other() -> None:
    """What is required is off as well, whoever asks for it; what only the code has is as it is."""
    engine = stocked()
    coded = FeatureFlag.boolean("coded").serve("on")
    one = FeatureFlag.boolean("one").serve("on").require(coded, "on")
    two = FeatureFlag.boolean("two").serve("on").require(one, "on")
    found = engine.reload([two, attrs.evolve(one)], plan=PLAN)
    assert Fate.RELEASED is found.moves["two"].fate
    assert "'two' requires it" in found.moves["one"].why
    assert ({False}, {True}) == (values(engine, one), values(engine, coded))


def test_definitions_that_nobody_has_any_more_are_forgotten() -> None:
    """However often a new flag is reloaded, and as whichever value, memory doesn't grow."""
    engine = stocked()
    new = FeatureFlag.boolean("new").serve("on")
    for _ in range(50):
        handle = attrs.evolve(new)
        engine.reload([handle], plan=PLAN)
        assert {False} == values(engine, handle)
    gc.collect()
    assert 3 > len(engine._exposures._sightings._loaded)


def test_a_flag_that_settled_meanwhile_is_required_as_it_is() -> None:
    """Only what nobody has settled is off."""
    engine = stocked()
    new = FeatureFlag.boolean("new").serve("on").require(OTHER, "on")
    engine.reload([new, OTHER], plan=PLAN)
    assert {True, False} == values(engine, OTHER)


def test_what_the_code_has_stays_until_the_release_reaches_people() -> None:
    """A definition that was asked here is what people have, though the journal doesn't know it."""
    engine = stocked()
    code = FeatureFlag("code", {"a": 1, "b": 2, "c": 3}, "b", off="a")
    assert {2} == values(engine, code)
    loaded = code.serve("c")
    assert {"code": Fate.RELEASED} == fates(engine.reload([loaded], plan=PLAN))
    assert ({2}, {2}) == (values(engine, code), values(engine, loaded))
    engine.tick()
    assert values(engine, code) == values(engine, loaded) == {2, 3}


def test_what_the_code_has_already_is_recorded() -> None:
    """So that it isn't new to the next process."""
    journal = MemoryJournal()
    engine = stocked(journal)
    code = FeatureFlag.boolean("code").serve("on")
    assert {True} == values(engine, code)
    found = engine.reload([attrs.evolve(code)], plan=PLAN)
    assert {"code": Fate.UNCHANGED} == fates(found)
    assert "as the code has it" == defined(journal)[-1].reason
    again, handle = opened(journal), attrs.evolve(code)
    again.reload([handle], plan=PLAN)
    assert {True} == values(again, handle)


def test_what_nobody_notices_needs_no_release() -> None:
    """A definition by which everybody gets the same is taken at once: nothing could be compared."""
    journal = MemoryJournal()
    engine = stocked(journal)
    more = attrs.evolve(SHOP, variants={"old": 1, "new": 2, "third": 3})
    assert {"shop": Fate.TAKEN} == fates(engine.reload([more], plan=PLAN))
    found = engine.reload([OTHER.serve("on", when=Percentage(0))], plan=PLAN)
    assert {"other": Fate.TAKEN} == fates(found)
    assert {"everybody gets the same by it"} == {it.reason for it in defined(journal)[1:]}


def test_a_reason_takes_all_at_once() -> None:
    """It is recorded, with whoever gave it; other processes follow at their next tick."""
    journal, built = MemoryJournal(), Provenance(commit="f00")
    engine, other = stocked(journal), opened(journal)
    found = engine.reload([NEXT], unguarded="prices were wrong", by="7", provenance=built)
    assert Move(Fate.TAKEN, "prices were wrong") == found.moves["shop"]
    assert {2} == values(engine, SHOP)
    assert {1} == values(other, SHOP)
    other.tick()
    assert {2} == values(other, SHOP) == values(opened(journal), SHOP)
    event = defined(journal)[-1]
    assert ("7", "prices were wrong", built) == (event.by, event.reason, event.provenance)


def test_a_clock_that_is_set_back_undoes_nothing() -> None:
    """What was defined last counts, whatever its clock said."""
    journal = MemoryJournal()
    opened(journal, FakeClock(START + timedelta(days=1))).reload([SHOP], plan=PLAN)
    opened(journal).reload([NEXT], unguarded="it burns", by="7")
    assert {2} == values(opened(journal), SHOP)


def test_a_key_that_is_the_subject_of_something_else_is_refused() -> None:
    """It would be taken for a service's, whose rollouts are in the same journal."""
    move = stocked().reload([FeatureFlag.boolean("service:shop")], plan=PLAN).moves["service:shop"]
    assert Fate.REFUSED is move.fate
    assert move.why.startswith("choose a key")


def test_another_rollout_in_flight_refuses() -> None:
    """One at a time, as of any release; what everybody had stays, and says what is in flight."""
    engine = stocked()
    rollout = engine.release(NEXT, PLAN)
    third = SHOP.serve("new", when=Percentage(50))
    how: dict[str, Any]
    for how in ({"plan": PLAN}, {"unguarded": "it burns", "by": "7"}):
        move = engine.reload([third], **how).moves["shop"]
        mend = f"wait until {rollout.id} is over, or abort it; or say on_new_version"
        assert Move(Fate.REFUSED, mend) == move
    move = engine.reload([SHOP], plan=PLAN).moves["shop"]
    assert Move(Fate.UNCHANGED, f"{rollout.id} is in flight: abort it to keep this one") == move
    for how in ({"plan": attrs.evolve(PLAN, holdback=20)}, {"unguarded": "it burns", "by": "7"}):
        move = engine.reload([NEXT], **how).moves["shop"]
        assert Move(Fate.RELEASED, "pending", rollout.id) == move


def test_a_plan_may_say_that_a_reload_waits_for_another_rollout() -> None:
    """It is released then, behind the other; what it serves to everybody alike waits as well."""
    engine = stocked()
    first = engine.release(NEXT, PLAN)
    queue = attrs.evolve(PLAN, on_new_version=OnNewVersion.QUEUE)
    move = engine.reload([attrs.evolve(SHOP, off="new")], plan=queue).moves["shop"]
    assert (Fate.RELEASED, "queued") == (move.fate, move.why)
    assert [first.id, move.rollout] == [rollout.id for rollout in engine.rollouts()]
    assert {1} == values(engine, SHOP)


def test_no_reload_tries_again_what_was_halted() -> None:
    """Not under another plan either, nor for a reason; another definition may be released."""
    engine = stocked()
    rollout = engine.abort(engine.release(NEXT, PLAN), by="7", reason="better not")
    engine.tick()
    for how in (
        {"plan": PLAN},
        {"plan": attrs.evolve(PLAN, holdback=20)},
        {"unguarded": "it burns", "by": "7"},
    ):
        move = engine.reload([NEXT], **how).moves["shop"]
        why = f"{rollout.id} was halted: edit the definition, or release it as attempt=2"
        assert Move(Fate.REFUSED, why) == move
    engine.release(NEXT, PLAN, attempt=2)
    assert {"shop": Fate.RELEASED} == fates(engine.reload([NEXT], plan=PLAN))


def test_what_was_replaced_may_come_back() -> None:
    """A definition that completed once, and isn't there any more, is released anew."""
    journal = MemoryJournal()
    engine = stocked(journal)
    complete(engine, NEXT)
    complete(engine, SHOP)
    found = engine.reload([NEXT], plan=PLAN)
    assert (found.moves["shop"].rollout or "").endswith("/2")
    complete(engine, NEXT)
    assert {2} == values(engine, SHOP)


def complete(engine: Engine, flag: FeatureFlag[Any]) -> None:
    """Reload a flag, and let everybody use it until everybody has it."""
    clock: Any = engine._clock
    engine.reload([flag], plan=PLAN)
    for _ in range(30):
        engine.tick()
        clock.advance(PLAN.assess_every)
        for person in PEOPLE:
            with engine.guard(flag, person):
                pass
    assert not any(rollout.in_flight for rollout in engine.rollouts())


def test_no_reload_turns_a_killed_flag_on() -> None:
    """Neither under a plan nor for a reason: a person releases it."""
    engine = stocked()
    engine.kill(SHOP, by="7", reason="it burns")
    for how in ({"plan": PLAN}, {"unguarded": "it burns", "by": "7"}):
        for flag in (SHOP, NEXT):
            move = engine.reload([flag], **how).moves["shop"]
            assert Fate.REFUSED is move.fate
            assert "it is killed" in move.why
    engine.release(NEXT, PLAN)
    assert {"shop": Fate.RELEASED} == fates(engine.reload([NEXT], plan=PLAN))


def test_a_kill_that_is_not_saved_yet_beats_what_was_defined() -> None:
    """Whatever the journal still brings."""
    journal = MemoryJournal()
    engine, other = stocked(journal), opened(journal)
    other.reload([NEXT], unguarded="it burns", by="7")
    with patch.object(journal, "watch", side_effect=JournalUnavailableError("journal", "", "")):
        engine.kill(SHOP, by="7", reason="it burns")
    engine.tick()
    assert {1} == values(engine, SHOP)


def test_the_plan_has_its_say() -> None:
    """A plan that refuses a release refuses it in a reload, flag by flag."""
    engine = stocked()
    ring = Ring("some", percent=10, gates=[Approval("managers")])
    plan = Plan(rings=(ring,), health=PLAN.health)
    assert "name the author" in engine.reload([NEXT], plan=plan).moves["shop"].why
    assert {"shop": Fate.RELEASED} == fates(engine.reload([NEXT], plan=plan, by="7"))


def test_every_worker_brings_its_checks() -> None:
    """Whoever drives in the end can ask them, though another worker began the rollout."""
    journal, clock = MemoryJournal(), FakeClock(START)
    asked: list[str] = []

    def plan(name: str) -> Plan:
        def run(_: object) -> bool:
            asked.append(name)
            return True

        check = Check("tested", run=run)
        return attrs.evolve(PLAN, rings=(Ring("all", percent=50, gates=[check]),))

    first, second = opened(journal, clock), opened(journal, clock)
    first.reload([SHOP], plan=PLAN)
    first.reload([NEXT], plan=plan("first"))
    second.reload([NEXT], plan=plan("second"))
    second.tick()
    assert ["second"] == asked


@pytest.mark.parametrize(
    ("how", "field"),
    [
        ({}, "plan"),
        ({"plan": PLAN, "unguarded": "it burns", "by": "7"}, "plan"),
        ({"plan": "fast"}, "plan"),
        ({"unguarded": " ", "by": "7"}, "unguarded"),
        ({"unguarded": 7, "by": "7"}, "unguarded"),
        ({"unguarded": "it burns"}, "by"),
        ({"unguarded": "it burns", "by": ""}, "by"),
    ],
)
def test_a_reload_has_a_plan_or_a_reason(how: dict[str, Any], field: str) -> None:
    """One of both, and the reason is somebody's."""
    with pytest.raises(DefinitionError, match=f"^{field}=.*: give "):
        opened().reload([SHOP], **how)


@pytest.mark.parametrize(
    "definitions",
    [[SHOP, "shop"], {"shop": 1}, 7, None, [SHOP, NEXT], SimpleNamespace(flags=[None])],
)
def test_definitions_are_flags(definitions: Any) -> None:
    """One of each key, and nothing else; nothing has happened then."""
    engine = opened()
    with pytest.raises(DefinitionError, match=r"^definitions=.*: give "):
        engine.reload(definitions, plan=PLAN)
    assert () == engine.rollouts()


@pytest.mark.parametrize(
    "definitions",
    [
        [SHOP],
        {"shop": SHOP},
        [SHOP, SHOP],
        [SHOP, attrs.evolve(SHOP)],
        SimpleNamespace(flags={"shop": SHOP}),
        SHOP,
    ],
)
def test_flags_come_in_many_ways(definitions: Any) -> None:
    """By name, in a row, or as what was loaded."""
    assert ["shop"] == [*opened().reload(definitions, plan=PLAN).moves]


def test_flags_may_come_one_by_one() -> None:
    """An iterator is read once."""
    assert ["shop"] == [*opened().reload(iter([SHOP]), plan=PLAN).moves]


def test_a_reload_tells_people_what_it_did() -> None:
    """In a line, and at length; what is as it was goes without saying, and so does the rest."""
    moves = {"a": Move(Fate.UNCHANGED), "b": Move(Fate.REFUSED, "no"), "c": Move(Fate.TAKEN)}
    found = Reloaded(moves)
    assert "<Reloaded: 1 unchanged, 1 taken, 1 refused>" == repr(found)
    assert ["Reloaded: 1 unchanged, 1 taken, 1 refused", "  b: refused: no", "  c: taken"] == str(
        found
    ).splitlines()
    assert ("b",) == found.refused
    assert "<Reloaded: no flags>" == repr(Reloaded({}))
    many = Reloaded({str(number): Move(Fate.TAKEN) for number in range(25)})
    assert "  and 5 more" == str(many).splitlines()[-1]
    assert 22 == len(str(many).splitlines())
    few = Reloaded({str(number): Move(Fate.TAKEN) for number in range(20)})
    assert "  19: taken" == str(few).splitlines()[-1]


def test_who_is_late_decides_anew() -> None:
    """What somebody else has appended meanwhile is looked at first."""
    journal = MemoryJournal()
    engine, other = stocked(journal), opened(journal)
    append = journal.append

    def late(*arguments: Any, **options: Any) -> int:
        with patch.object(journal, "append", append):
            other.reload([NEXT], unguarded="it burns", by="8")
        return append(*arguments, **options)

    with patch.object(journal, "append", late):
        found = engine.reload([NEXT], unguarded="it burns", by="7")
    assert {"shop": Fate.UNCHANGED} == fates(found)
    assert "8" == defined(journal)[-1].by


def test_who_is_always_late_is_refused() -> None:
    """It ends, and says so."""
    journal = MemoryJournal()
    engine, conflict = stocked(journal), JournalConflictError("stream", "", "")
    with (
        patch.object(journal, "append", side_effect=conflict),
        pytest.raises(ReleaseRefusedError, match="ask again"),
    ):
        engine.reload([NEXT], unguarded="it burns", by="7")
    assert {1} == values(engine, SHOP)


def test_an_append_that_failed_and_got_through_is_noticed() -> None:
    """Asked again, a reload goes on where it was."""
    journal = MemoryJournal()
    engine, append = opened(journal), journal.append

    def broken(*arguments: Any, **options: Any) -> int:
        append(*arguments, **options)
        raise JournalUnavailableError("journal", "", "try again")

    with (
        patch.object(journal, "append", broken),
        pytest.raises(JournalUnavailableError),
    ):
        engine.reload([SHOP], plan=PLAN)
    assert {"shop": Fate.UNCHANGED} == fates(engine.reload([SHOP], plan=PLAN))


def test_what_is_known_already_is_not_followed_twice() -> None:
    """A journal may tell it again."""
    exposures = Exposures()
    catalog, event = Catalog(exposures), Defined(START, (SHOP,), "7", "as ever")
    catalog.follow(1, event)
    exposures.settle("shop", START, NEXT)
    catalog.follow(1, event)
    assert (1, NEXT) == (catalog.version, exposures.settled("shop"))


def test_what_was_defined_by_a_later_version_refuses() -> None:
    """What people have can't be told, so nothing is changed; what can be told is served."""
    journal = MemoryJournal()
    stocked(journal)
    journal.append(DEFINITIONS, [Unknown(START, "Redefined", "{}")], expected=1)
    engine = opened(journal)
    assert "upgrade" in engine.reload([NEXT], plan=PLAN).moves["shop"].why
    assert {1} == values(engine, NEXT)


def test_an_attempt_that_cannot_be_read_is_not_tried_again() -> None:
    """It may have been halted."""
    journal = MemoryJournal()
    engine = stocked(journal)
    name = f"{NEXT.change()}/0f/1"
    journal.append(name, [Unknown(START, "Begun", "{}")], expected=0)
    assert "attempt=2" in engine.reload([NEXT], plan=PLAN).moves["shop"].why


def test_a_child_process_goes_on() -> None:
    """It has a lock of its own, and what was defined."""
    engine = stocked()
    engine._restart()
    assert {"shop": Fate.RELEASED} == fates(engine.reload([NEXT], plan=PLAN))
