"""Operators: overrides are given, taken back, bounded, and refused, on one journal or several."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any
from unittest.mock import patch

import pytest
from hypothesis import given
from hypothesis import strategies as st

from safedeploy.audiences import Everyone, Group
from safedeploy.contexts import Context
from safedeploy.engine import Engine
from safedeploy.errors import (
    DefinitionError,
    JournalUnavailableError,
    OverrideRefusedError,
    SafeDeployError,
)
from safedeploy.events import Event, Killed, Lifted, Overridden, Unknown
from safedeploy.flags import FeatureFlag, Reason
from safedeploy.journals import Journal, MemoryJournal
from safedeploy.overrides import MOST, Override
from safedeploy.rosters import Roster
from safedeploy.standings import Standings
from safedeploy.testing import FakeClock
from tests.laws.histories import EVERY, START
from tests.laws.shops import Shop, customer, quick

FLAG = FeatureFlag("checkout", {"old": "old", "new": "new"}, "old")
STAFF, OTHERS = Context("user-1", groups=["staff"]), Context("user-2")
HOUR = timedelta(hours=1)


def engine_roster(engine: Engine) -> Roster:
    """Return what an engine knows."""
    assert engine._launched is not None
    return engine._launched._roster


def engine_standings(engine: Engine) -> Standings:
    """Return which overrides stand in an engine."""
    return engine_roster(engine).standings


def opened(journal: Journal | None = None, clock: FakeClock | None = None) -> Engine:
    """Start a process."""
    return Engine(clock=clock or FakeClock(START), journal=journal or MemoryJournal())


def test_only_a_flag_is_overridden() -> None:
    """Whoever gives a flag's name is told to give the flag."""
    name: Any = "checkout"
    with pytest.raises(DefinitionError, match=r"^flag='checkout': give a FeatureFlag"):
        opened().override(
            name, "new", audience=Everyone(), until=START + HOUR, by="7", reason="to debug"
        )


def give(engine: Engine, value: str = "new", **how: Any) -> Override:
    """Give an override to the staff, for an hour."""
    usual = {"audience": Group("staff"), "until": START + HOUR, "by": "7", "reason": "to debug"}
    return engine.override(FLAG, value, **{**usual, **how})


def test_an_override_lets_an_audience_in() -> None:
    """At the next evaluation its audience gets the value, and nobody else."""
    engine = opened()
    assert "old" == engine.value(FLAG, STAFF)
    override = give(engine)
    found = engine.evaluate(FLAG, STAFF)
    assert ("new", Reason.OVERRIDE, "new") == (found.value, found.reason, found.variant)
    assert "to debug" in found.detail
    odd = Context("user-1", {"odd": object()}, groups=["staff"])
    assert f"{found.detail}; absent: attribute 'odd'" == engine.evaluate(FLAG, odd).detail
    assert "old" == engine.value(FLAG, OTHERS)
    assert (override,) == engine.overrides()
    assert ("checkout#1", "checkout", "new", "") == (
        override.id,
        override.flag,
        override.variant,
        override.despite,
    )


def test_an_override_ends_by_the_engines_clock() -> None:
    """At its end, whoever asks next gets what everybody gets, ticked or not."""
    clock = FakeClock(START)
    engine = opened(clock=clock)
    give(engine)
    clock.advance(HOUR - timedelta(microseconds=1))
    assert "new" == engine.value(FLAG, STAFF)
    clock.advance(timedelta(microseconds=1))
    assert "old" == engine.value(FLAG, STAFF)
    assert () == engine.overrides()


def test_a_tick_makes_a_flag_fast_again() -> None:
    """Once a tick saw that it is over, it costs nothing, and a clock set back doesn't revive it."""
    clock = FakeClock(START)
    engine = opened(clock=clock)
    give(engine)
    clock.advance(HOUR)
    engine.tick()
    assert {} == engine._exposures._overrides
    clock.set_wall(START)
    assert "old" == engine.value(FLAG, STAFF)


def test_an_override_can_be_taken_back() -> None:
    """By itself or its id, once; the next evaluation knows."""
    engine = opened()
    first, second = give(engine), give(engine, audience=Everyone())
    engine.lift(second, by="7", reason="seen enough")
    assert ("new", "old") == (engine.value(FLAG, STAFF), engine.value(FLAG, OTHERS))
    engine.lift(first.id, by="7", reason="seen enough")
    assert "old" == engine.value(FLAG, STAFF)
    for gone in (first, second.id, "checkout#9", "another#1", ""):
        with pytest.raises(OverrideRefusedError, match=r"^override="):
            engine.lift(gone, by="7", reason="again")


def test_what_operators_did_is_in_the_journal() -> None:
    """Given and taken back, each with who and why; and nothing else was written."""
    journal = MemoryJournal()
    engine = opened(journal)
    override = give(engine)
    engine.lift(override, by="8", reason="seen enough")
    assert ["kills/checkout"] == list(journal.streams())
    assert [
        Overridden(START, override),
        Lifted(START, "checkout", override.id, "8", "seen enough"),
    ] == list(journal.read("kills/checkout"))


def test_a_stream_never_goes_back_in_time() -> None:
    """A clock that is set back makes no event older than the one before it, nor a kill."""
    journal, clock = MemoryJournal(), FakeClock(START)
    engine = opened(journal, clock)
    give(engine)
    clock.set_wall(START - HOUR)
    give(engine)
    engine.kill(FLAG, by="7", reason="it burns")
    assert {START} == {event.at for event in journal.read("kills/checkout")}


@pytest.mark.parametrize("how", ["alert", "abort"])
def test_who_halts_again_ends_what_was_given_in_spite_of_it(how: str) -> None:
    """A halt that is told twice withdraws twice: here at once, and elsewhere as the first one."""
    shop = Shop(plan=quick())
    other = Engine(clock=shop.clock, journal=shop.journal)
    shop.serve_an_interval()
    shop.stop(how)
    other.tick()
    give(other, audience=Everyone())
    shop.engine.tick()
    assert "new" == shop.engine.value(shop.flag, OTHERS)
    shop.stop(how)
    assert "old" == shop.engine.value(shop.flag, OTHERS)
    other.tick()
    assert "old" == other.value(shop.flag, OTHERS)
    assert () == opened(shop.journal).overrides()


def test_who_halts_an_older_attempt_again_leaves_overrides_alone() -> None:
    """What is about another rollout ends nothing that was given since."""
    shop = Shop(plan=quick())
    shop.stop("abort")
    shop.engine.tick()
    shop.engine.release(shop.flag.serve("new"), quick(), attempt=2)
    shop.engine.abort(shop.released.id.removesuffix("1") + "2", by="7", reason="better not")
    shop.engine.tick()
    given = give(shop.engine)
    shop.stop("abort")
    assert (given,) == shop.engine.overrides()


def test_every_process_on_the_journal_follows() -> None:
    """Another process serves it at its next tick, and one that starts later at once."""
    journal = MemoryJournal()
    one, other = opened(journal), opened(journal)
    override = give(one)
    assert "old" == other.value(FLAG, STAFF)
    other.tick()
    late = opened(journal)
    assert ["new", "new"] == [engine.value(FLAG, STAFF) for engine in (other, late)]
    late.lift(override, by="7", reason="seen enough")
    other.tick()
    one.tick()
    assert ["old"] * 3 == [engine.value(FLAG, STAFF) for engine in (one, other, late)]
    assert () == opened(journal).overrides()


def test_a_number_is_never_used_twice() -> None:
    """An id names one override for ever, whoever gave it."""
    journal = MemoryJournal()
    one, other = opened(journal), opened(journal)
    given_by_turns = [give(each) for each in (one, other, one, other)]
    assert 4 == len({override.id for override in given_by_turns})
    one.tick()
    other.tick()
    assert one.overrides() == other.overrides() == tuple(given_by_turns)


@pytest.mark.law("S1")
def test_overrides_are_bounded() -> None:
    """A flag has so many at a time; one that is over or taken back makes room."""
    clock = FakeClock(START)
    engine = opened(clock=clock)
    for _ in range(MOST):
        override = give(engine)
    with pytest.raises(OverrideRefusedError, match="lift one of"):
        give(engine)
    engine.lift(override, by="7", reason="to make room")
    give(engine)
    clock.advance(HOUR)
    give(engine, until=START + 2 * HOUR)
    assert 1 == len(engine.overrides())


def test_a_killed_flag_is_not_overridden() -> None:
    """A kill beats every override, so none is given that would do nothing, and none stands."""
    engine = opened()
    give(engine)
    engine.kill(FLAG, by="7", reason="it burns")
    with pytest.raises(OverrideRefusedError, match="killed"):
        give(engine)
    assert () == engine.overrides()


def test_what_cannot_be_read_is_not_overridden() -> None:
    """Where a later version has begun a rollout, nobody here knows what there is to override."""
    journal = MemoryJournal()
    journal.append("flag:checkout@1/2/1", [Unknown(START, "Began", "{}")], expected=0)
    with pytest.raises(OverrideRefusedError, match="upgrade this process"):
        give(opened(journal))


def test_an_override_that_cannot_be_read_is_left_out() -> None:
    """What a later version gave stands in no way here, whether it comes first or later."""
    journal = MemoryJournal()
    engine = opened(journal)
    journal.append("kills/checkout", [Unknown(START, "Overridden", "{}")], expected=0)
    engine.tick()
    override = give(engine)
    journal.append("kills/checkout", [Unknown(START, "Overridden", "{}")], expected=2)
    engine.tick()
    assert (override,) == engine.overrides() == opened(journal).overrides()
    assert engine.release(FLAG.serve("new"), quick()).in_flight


@pytest.mark.parametrize(
    ("how", "field"),
    [
        ({"value": "newer"}, "variant"),
        ({"audience": "staff"}, "audience"),
        ({"until": START}, "until"),
        ({"until": START + timedelta(days=91)}, "until"),
        ({"until": "tomorrow"}, "until"),
        ({"until": datetime(2027, 1, 1)}, "until"),  # noqa: DTZ001 - what is refused
        ({"by": ""}, "by"),
        ({"reason": ""}, "reason"),
    ],
)
def test_bad_input_changes_nothing(how: dict[str, Any], field: str) -> None:
    """The error names the field, and neither journal nor answers change."""
    journal = MemoryJournal()
    engine = opened(journal)
    with pytest.raises(DefinitionError, match=f"^{field}="):
        give(engine, **how)
    assert [] == list(journal.streams())
    assert "old" == engine.value(FLAG, STAFF)


class Contested(MemoryJournal):
    """A journal that somebody else appends to whenever one is about to."""

    def __init__(self, times: int) -> None:
        super().__init__()
        self.times = times

    def append(self, stream: str, events: Sequence[Event], **how: Any) -> int:
        if self.times:
            self.times -= 1
            killed = Killed(START, f"other-{self.times}", "7", "it burns")
            super().append(f"kills/other-{self.times}", [killed], expected=0)
        return super().append(stream, events, **how)


def test_who_is_slower_decides_anew() -> None:
    """An override is given on all that the journal holds by then; whoever always loses is told."""
    assert "checkout#1" == give(opened(Contested(3))).id
    with pytest.raises(OverrideRefusedError, match="ask again"):
        give(opened(Contested(99)))


class Shut(MemoryJournal):
    """A journal that can't be written."""

    shut = False

    def append(self, stream: str, events: Sequence[Event], **how: Any) -> int:
        if self.shut:
            raise JournalUnavailableError("journal", "rollouts.db", "free some space")
        return super().append(stream, events, **how)


def test_what_cannot_be_saved_is_not_given() -> None:
    """An override lets people in, so it is saved first. A lift works at once, saved or not."""
    journal = Shut()
    engine = opened(journal)
    override = give(engine)
    journal.shut = True
    with pytest.raises(JournalUnavailableError):
        give(engine, audience=Everyone())
    assert ("new", "old") == (engine.value(FLAG, STAFF), engine.value(FLAG, OTHERS))
    engine.lift(override, by="7", reason="seen enough")
    assert "old" == engine.value(FLAG, STAFF)
    other = opened(journal)
    assert "new" == other.value(FLAG, STAFF)
    journal.shut = False
    engine.tick()
    other.tick()
    engine.tick()
    assert "old" == engine.value(FLAG, STAFF) == other.value(FLAG, STAFF)
    assert {} == engine_standings(engine)._lifted


def test_a_lift_outlives_what_others_do_meanwhile() -> None:
    """Until it can be saved, nothing that comes from the journal gives an override back."""
    journal = Shut()
    engine, other = opened(journal), opened(journal)
    override = give(engine)
    journal.shut = True
    engine.lift(override, by="7", reason="seen enough")
    journal.shut = False
    with patch.object(engine_roster(engine), "save_kills"):
        kept = give(other, audience=Everyone())
        engine.tick()
        assert (kept,) == engine.overrides()
    engine.tick()
    assert (kept,) == engine.overrides() == opened(journal).overrides()


def test_an_overridden_context_is_in_no_arm() -> None:
    """What happens to it says nothing about the change: no outcome counts, in either arm."""
    shop = Shop(plan=quick())
    shop.engine.override(
        shop.flag, "new", audience=Group("staff"), until=START + HOUR, by="7", reason="to debug"
    )
    for _ in range(3):
        shop.serve_an_interval()  # all customers are staff
    for number in range(50):
        guard = shop.engine.guard(shop.flag, customer(number))
        assert ("new", None) == (guard.value, guard.place)
    evidence = shop.rollout.health
    assert evidence is not None
    assert (0, 0) == (evidence.canary.exposures, evidence.baseline.exposures)


def test_nothing_stands_before_anything_was_given() -> None:
    """An engine that was only asked has no overrides, and needs no journal to say so."""
    assert () == Engine().overrides()


def test_an_override_serves_what_it_was_given_with() -> None:
    """Its value is that of the definition it was given, whatever the code's own says."""
    engine = opened()
    edited = FeatureFlag("checkout", {"old": "old", "new": "newer"}, "old")
    engine.override(
        edited, "newer", audience=Everyone(), until=START + HOUR, by="7", reason="to debug"
    )
    found = engine.evaluate(FLAG, STAFF)
    assert ("newer", edited.version) == (found.value, found.version)


DEEDS = st.lists(
    st.tuples(
        st.sampled_from(["give", "give", "give", "lift", "kill", "wait", "tick", "tick"]),
        st.integers(0, 1),
        st.sampled_from(["old", "new"]),
    ),
    max_size=25,
)


@given(DEEDS)
def test_all_processes_agree_with_the_journal(deeds: list[tuple[str, int, str]]) -> None:
    """Whoever does what, and in whatever order: all that caught up serve what a new one serves."""
    journal, clock = MemoryJournal(), FakeClock(START)
    engines = [opened(journal, clock), opened(journal, clock)]
    for what, who, value in deeds:
        engine = engines[who]
        try:
            if what == "give":
                give(engine, value, until=clock.now() + 3 * EVERY)
            elif what == "lift" and (standing := engine.overrides()):
                engine.lift(standing[0], by="7", reason="seen enough")
            elif what == "kill":
                engine.kill(FLAG, by="7", reason="it burns")
            elif what == "wait":
                clock.advance(EVERY)
            else:
                engine.tick()
        except SafeDeployError:
            continue
    for engine in engines:
        engine.tick()
    late = opened(journal, clock)
    for engine in engines:
        assert late.overrides() == engine.overrides()
        assert late.evaluate(FLAG, STAFF) == engine.evaluate(FLAG, STAFF)
