"""Engines that share a journal: late holders, handovers, forks, halts in a race, later versions."""

from __future__ import annotations

import threading
from contextlib import suppress
from datetime import timedelta
from itertools import combinations
from typing import Any
from unittest.mock import patch

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from safedeploy import assessments, events
from safedeploy.changes import Change
from safedeploy.engine import Engine
from safedeploy.errors import ReleaseRefusedError, RolloutStateError
from safedeploy.flags import FeatureFlag
from safedeploy.gates import Answer, Check
from safedeploy.health import HealthModel
from safedeploy.journals import MemoryJournal
from safedeploy.leases import TERM
from safedeploy.plans import Plan, Ring
from safedeploy.rollouts import stream
from safedeploy.signals import ErrorRate, Usage
from safedeploy.testing import FakeClock
from safedeploy.verdicts import Measurement, Scope
from tests.laws.histories import EVERY, START
from tests.laws.shops import customer, quick
from tests.laws.test_sharing import FIRST, FLAG, Crowd, act, counted, named
from tests.laws.test_watching import BLOCKS
from tests.test_flights import deaf, through

LONG = quick(bake=timedelta(days=1))
SECOND = FeatureFlag.boolean("second")


def gated(*runs: Any) -> Plan:
    """Make a plan with one ring behind checks."""
    checks = [Check(f"check {number}", run=run) for number, run in enumerate(runs)]
    health = HealthModel(ErrorRate(rare=0.2), Usage(at_least=10))
    ring = Ring("all", percent=50, bake=timedelta(days=1))
    return Plan(before=checks, rings=[ring], health=health, must_see=10, assess_every=EVERY)


def complete(crowd: Crowd, number: int, *, until: str = "completed") -> None:
    """Let one engine alone drive until it sees the rollout in a state."""
    for _ in range(100):
        if crowd.now(number).state.label == until:
            return
        crowd.engines[number].tick()
        crowd.serve(number, 100)
        crowd.advance(EVERY)


def applied(crowd: Crowd) -> list[int]:
    """List the epochs that were applied."""
    recorded = crowd.journal.read(crowd.released.id)
    return [event.epoch for event in recorded if isinstance(event, events.Applied)]


def test_every_process_that_releases_can_answer_the_checks() -> None:
    """Who releases second keeps its checks, too, and answers them once it drives."""
    crowd = Crowd(2, plan=gated(lambda _: True))
    crowd.engines[1].tick()
    crowd.advance(EVERY)
    crowd.engines[1].tick()
    assert "baking" == crowd.now(1).state.label


def test_who_has_no_function_for_a_check_holds_and_says_what_to_do() -> None:
    """A check that only another process could answer holds, says so once, and opens later."""
    crowd = Crowd(1, plan=gated(lambda _: True))
    late = crowd.start()
    crowd.die(0)
    crowd.tick(3)
    [_, answered] = crowd.journal.read(crowd.released.id)
    assert isinstance(answered, events.Answered)
    assert Answer.HOLDS is answered.answer
    assert "release it here, too" in answered.detail
    late.release(FLAG.serve("new"), crowd.plan)
    crowd.tick()
    assert "baking" == crowd.now().state.label


def test_a_kill_halts_a_rollout_that_this_process_has_not_seen_yet() -> None:
    """Whoever kills a flag aborts what changes it, though another process began it just now."""
    crowd = Crowd(1)
    crowd.engines[0].abort(crowd.released, by="7", reason="better not")
    crowd.tick()
    late = crowd.start()
    again = crowd.engines[0].release(FLAG.serve("new"), crowd.plan, attempt=2)
    crowd.engines[0].tick()
    assert crowd.exposes(0)
    late.kill(FLAG, by="7", reason="it burns")
    crowd.tick(2)
    assert {"old"} == {each.value(FLAG, customer(FIRST)) for each in crowd.engines}
    assert "rolled back" == crowd.engines[0].rollout(again).state.label


def test_a_halt_that_comes_after_a_completion_is_refused() -> None:
    """An abort that lost its race to a completion doesn't look as if it had worked."""
    crowd = Crowd(2)
    crowd.tick()
    complete(crowd, 0)
    assert crowd.now(1).in_flight
    with pytest.raises(RolloutStateError, match="kill the flag"):
        crowd.engines[1].abort(crowd.released, by="7", reason="better not")


def test_a_kill_outlives_a_restart() -> None:
    """A flag killed in the moment in which its rollout completed stays killed."""
    crowd = Crowd(1)
    complete(crowd, 0)
    [clock] = crowd.clocks
    clock.set_wall(START)
    crowd.engines[0].kill(FLAG, by="7", reason="it burns")
    for attempt in (2, 3):
        again = crowd.engines[0].release(FLAG.serve("new"), crowd.plan, attempt=attempt)
        crowd.engines[0].abort(again, by="7", reason="no")
        crowd.tick(5)
    assert "old" == Engine(journal=crowd.journal).value(FLAG, customer(FIRST))


def test_a_kill_that_waits_outlasts_a_completion_elsewhere() -> None:
    """A flag that was killed here stays off here, though the journal learns of it only after the
    rollout has completed in another process; then it is off everywhere.
    """
    crowd = Crowd(2)
    with patch.object(crowd.journal, "append", refuse):
        crowd.engines[1].kill(FLAG, by="7", reason="it burns")
    complete(crowd, 0)
    with patch.object(crowd.journal, "append", refuse):
        crowd.engines[1].tick()
    assert "completed" == crowd.now(1).state.label
    assert "new" == crowd.engines[0].value(FLAG, customer(FIRST))
    assert "old" == crowd.engines[1].value(FLAG, customer(FIRST))
    for engine in reversed(crowd.engines):
        engine.tick()
        assert "old" == engine.value(FLAG, customer(FIRST))


def kills(crowd: Crowd) -> int:
    """Return how many kills the journal holds."""
    return len(crowd.journal.read(f"kills/{FLAG.key}"))


def release_again(crowd: Crowd, *, until: str) -> None:
    """Release the flag anew in the second process alone, and drive it to a state."""
    crowd.engines[1].tick()
    crowd.released = crowd.engines[1].release(FLAG.serve("new"), crowd.plan, attempt=2)
    complete(crowd, 1, until=until)


@pytest.mark.parametrize("until", ["baking", "completed"])
def test_a_kill_that_got_through_kills_nothing_that_came_after_it(until: str) -> None:
    """A kill that was appended though that failed isn't appended again: a release that began since
    goes on, and what it left is served in the process that killed as well.
    """
    crowd = Crowd(2)
    with deaf(crowd.journal):
        crowd.engines[0].kill(FLAG, by="7", reason="it burns")
    release_again(crowd, until=until)
    crowd.engines[0].tick()
    assert 1 == kills(crowd)
    for number, engine in enumerate(crowd.engines):
        assert until == crowd.now(number).state.label
        assert "new" == engine.value(FLAG, customer(FIRST))


def test_a_kill_that_waits_holds_though_an_earlier_one_was_written() -> None:
    """Of two kills in a row, one in the journal and one not yet, the second keeps the flag off."""
    crowd = Crowd(2)
    with deaf(crowd.journal):
        crowd.engines[0].kill(FLAG, by="7", reason="it burns")
    with patch.object(crowd.journal, "append", refuse):
        crowd.engines[0].kill(FLAG, by="7", reason="it burns still")
    release_again(crowd, until="completed")
    with patch.object(crowd.journal, "append", refuse):
        crowd.engines[0].tick()
    assert "old" == crowd.engines[0].value(FLAG, customer(FIRST))
    crowd.tick(2)
    assert 2 == kills(crowd)
    assert {"old"} == {engine.value(FLAG, customer(FIRST)) for engine in crowd.engines}


def lose_the_lease(crowd: Crowd) -> None:
    """Let the first process hang for so long that the second takes over, and goes on."""
    crowd.advance(TERM + EVERY)
    for _ in range(3):
        crowd.engines[1].tick()
        crowd.advance(TERM)
        crowd.engines[1].tick()


def test_who_lost_the_lease_while_a_check_ran_applies_nothing() -> None:
    """A process that comes back from a slow check obeys whoever drives now."""
    slow: list[Crowd] = []

    def run(_: Change) -> bool:
        if slow:
            lose_the_lease(slow.pop())
        return True

    crowd = Crowd(2, plan=gated(run))
    crowd.engines[1].tick()
    before = crowd.now().epoch
    slow.append(crowd)
    crowd.tick(3)
    assert [1] == applied(crowd)
    assert 0 == before


def test_a_halt_that_comes_just_before_a_ring_begins_is_obeyed_at_once() -> None:
    """Whoever finds, when a ring should begin, that the rollout was halted begins nothing."""
    crowd = Crowd(2)
    append = crowd.journal.append

    def race(stream: str, new: Any, **how: Any) -> int:
        if isinstance(new[-1], events.Applied):
            crowd.engines[1].abort(crowd.released, by="7", reason="better not")
        return append(stream, new, **how)

    with patch.object(crowd.journal, "append", race):
        crowd.engines[0].tick()
    assert "halted" == crowd.now(0).state.label
    assert [] == applied(crowd)
    assert not crowd.exposes(0)


class Slow:
    """A monitor that sees health, and is slow when it is told to be."""

    def __init__(self) -> None:
        self.meanwhile: Any = None

    def measure(self, scope: Scope, at: Any) -> Measurement:
        meanwhile, self.meanwhile = self.meanwhile, None
        if meanwhile:
            meanwhile()
        return Measurement(at, at, *BLOCKS["healthy"])


def test_who_lost_the_lease_while_measuring_applies_nothing() -> None:
    """What a late process measured lets nobody in, and each exposure begins once."""
    crowd = Crowd(0)
    crowd.plan = quick()
    sources = [Slow(), Slow()]
    for source in sources:
        crowd.clocks.append(FakeClock(crowd.time))
        crowd.engines.append(Engine(clock=crowd.clocks[-1], journal=crowd.journal, source=source))
        crowd.released = crowd.engines[-1].release(FLAG.serve("new"), crowd.plan)
    for _ in range(60):
        sources[0].meanwhile = lambda: lose_the_lease(crowd)
        crowd.tick()
        crowd.advance(EVERY)
        times = [event.at for event in crowd.journal.read(crowd.released.id)]
        assert sorted(times) == times
    assert [1, 2, 3] == applied(crowd)
    assert "completed" == crowd.now().state.label


def test_a_late_process_drops_no_blocks() -> None:
    """Who has lost the lease doesn't throw away what belongs to an exposure it never saw."""
    slow: list[Crowd] = []

    def run(_: Change) -> bool:
        if slow:
            crowd = slow.pop()
            lose_the_lease(crowd)
            while crowd.now(1).reached < 1:
                crowd.serve(1, 100)
                crowd.advance(EVERY)
                crowd.engines[1].tick()
            crowd.serve(1, 100)
            crowd.advance(EVERY)
            crowd.engines[1].tick()
        return False

    crowd = Crowd(2)
    for engine in crowd.engines:
        engine.release(SECOND.serve("on"), gated(run))
    crowd.engines[1].tick()
    crowd.engines[1].stop()
    slow.append(crowd)
    crowd.engines[0].tick()
    exposure = f"{crowd.released.id}#2"
    given = [each for each in crowd.journal.blocks.values() if each.exposure == exposure]
    assert given == [block for _, block in crowd.journal.posted(exposure)]


def test_what_an_earlier_holder_saw_does_not_undo_what_its_successor_recorded() -> None:
    """An alert through a process that held the lease once doesn't bring back its old health."""
    crowd = Crowd(2, plan=LONG)
    for _ in range(3):
        crowd.tick()
        crowd.serve(0)
        crowd.advance(EVERY)
    crowd.engines[0].tick()
    crowd.advance(TERM + EVERY)
    with patch.object(assessments, "BLOCKS", 1):
        for _ in range(4):
            crowd.engines[1].tick()
            crowd.serve(1)
            crowd.advance(EVERY)
        crowd.engines[1].tick()
    before = crowd.now(1).health
    crowd.engines[0].alert(crowd.released, by_user=False, reason="it looks odd")
    crowd.engines[1].tick()
    after = crowd.now(1).health
    assert before.block <= after.block
    assert before.canary.exposures <= after.canary.exposures
    times = [event.at for event in crowd.journal.read(crowd.released.id)]
    assert sorted(times) == times


def test_nothing_is_compacted_that_is_not_recorded() -> None:
    """A holder whose journal takes no events leaves the blocks to whoever comes after it."""
    crowd = Crowd(2, plan=LONG)
    crowd.tick()
    append = crowd.journal.append
    with patch.object(assessments, "BLOCKS", 2):
        for number in range(6):
            crowd.serve(0)
            crowd.serve(1)
            crowd.advance(EVERY)
            if number == 2:
                crowd.journal.append = refuse  # type: ignore[method-assign]
            crowd.tick()
    crowd.journal.append = append  # type: ignore[method-assign]
    crowd.die(0)
    crowd.advance(TERM + EVERY)
    for _ in range(3):
        crowd.tick()
        crowd.advance(TERM)
    assert "baking" == crowd.now().state.label
    health = crowd.now().health
    posted = crowd.journal.blocks.values()
    assert sum(block.canary.exposures for block in posted) == health.canary.exposures


def refuse(*_: Any, **__: Any) -> Any:
    """Stand in for a journal that takes no events."""
    raise OSError


def test_what_was_measured_while_the_journal_was_away_outlives_a_handover() -> None:
    """A process that lives loses nothing of what it saw, though another one drives afterwards."""
    crowd = Crowd(2, plan=LONG)
    crowd.tick()
    crowd.journal.gone = True
    for _ in range(3):
        crowd.serve(0)
        crowd.serve(1)
        crowd.advance(EVERY)
        crowd.tick()
    crowd.journal.gone = False
    for _ in range(4):
        for engine in reversed(crowd.engines):
            engine.tick()
        crowd.advance(EVERY)
    health = crowd.now(1).health
    assert crowd.served == health.canary.exposures + health.baseline.exposures


def test_a_block_that_was_posted_though_that_failed_counts_once() -> None:
    """A successor doesn't count again what its predecessor took for unposted."""
    crowd = Crowd(2, plan=LONG)
    crowd.tick()
    post = crowd.journal.post

    def post_and_fail(block: Any) -> None:
        post(block)
        raise OSError

    crowd.serve(0)
    crowd.advance(EVERY)
    crowd.journal.post = post_and_fail  # type: ignore[method-assign]
    crowd.tick()
    crowd.journal.post = post  # type: ignore[method-assign]
    crowd.engines[0].alert(crowd.released, by_user=False, reason="it looks odd")
    crowd.die(0)
    for _ in range(3):
        crowd.advance(TERM + EVERY)
        crowd.tick()
    health = crowd.now().health
    assert crowd.served == health.canary.exposures + health.baseline.exposures


TROUBLES = {"works": lambda method: method, "refuses": lambda _: refuse, "is deaf": through}
PHASES = st.tuples(
    st.sampled_from(sorted(TROUBLES)),
    st.sampled_from(sorted(TROUBLES)),
    st.lists(st.sampled_from(["tick", "serve", "an interval", "alert", "resume"]), max_size=12),
)


def do(crowd: Crowd, what: str) -> None:
    """Do one thing, and let people say when, so that nothing else is equal to it."""
    crowd.advance(timedelta(seconds=1))
    [engine], reason = crowd.engines, f"at {crowd.time}"
    with suppress(RolloutStateError, OSError):
        if what == "alert":
            engine.alert(crowd.released, by_user=False, reason=reason)
        elif what == "resume":
            engine.resume(crowd.released, by="7", reason=reason)
        else:
            act(crowd, what, 0)


@given(st.lists(PHASES, max_size=4))
@example([("is deaf", "refuses", ["serve", "an interval", "tick"]), ("works", "works", ["alert"])])
def test_what_got_through_happens_once(phases: list[tuple[str, str, list[str]]]) -> None:
    """Where appends and posts fail, or get through and fail all the same, nothing is recorded
    twice, and everything that was served is counted once.
    """
    crowd = Crowd(1, plan=LONG)
    crowd.tick()
    journal = crowd.journal
    with patch.object(assessments, "BLOCKS", 1):
        for appends, posts, history in phases:
            append, post = TROUBLES[appends](journal.append), TROUBLES[posts](journal.post)
            with patch.multiple(journal, append=append, post=post):
                for what in history:
                    do(crowd, what)
        canary, baseline = counted(crowd)
    recorded = journal.read(crowd.released.id)
    assert all(one != other for one, other in combinations(recorded, 2))
    assert crowd.served == canary.exposures + baseline.exposures


def judge_unposted(crowd: Crowd, number: int, **methods: Any) -> None:
    """Let a process serve, and judge that, while it can't be posted."""
    crowd.serve(number)
    crowd.advance(EVERY)
    with patch.multiple(crowd.journal, **{"post": refuse, **methods}):
        crowd.engines[number].tick()


def take_over(crowd: Crowd, number: int) -> None:
    """Let a process drive while all others sleep."""
    for _ in range(3):
        crowd.engines[number].tick()
        crowd.advance(TERM)


@pytest.mark.parametrize("is_deaf", [False, True])
@pytest.mark.parametrize("is_recorded", [False, True])
@pytest.mark.parametrize("is_alerted", [False, True])
def test_what_was_judged_before_another_process_went_on_counts_once(
    is_deaf: bool, is_recorded: bool, is_alerted: bool
) -> None:
    """What the journal has isn't posted, though that wasn't known; what it hasn't is."""
    crowd = Crowd(2, plan=LONG)
    crowd.tick()
    if not is_recorded:  # the first assessment is recorded, and the second isn't
        crowd.advance(EVERY)
        crowd.tick()
    with patch.object(assessments, "BLOCKS", 1):
        append = crowd.journal.append
        judge_unposted(crowd, 0, append=through(append) if is_deaf else append)
        if is_alerted:
            with patch.object(crowd.journal, "append", refuse):
                crowd.engines[0].alert(crowd.released, by_user=False, reason="it looks odd")
        crowd.serve(1)
        take_over(crowd, 1)
        canary, baseline = counted(crowd)
    assert crowd.served == canary.exposures + baseline.exposures


def test_what_was_seen_before_another_process_went_on_does_not_undo_what_that_recorded() -> None:
    """Whoever drives again goes on from the journal, even from what rests on no posted block."""
    crowd = Crowd(2, plan=LONG)
    crowd.tick()
    with patch.object(assessments, "BLOCKS", 1):
        judge_unposted(crowd, 1)
        take_over(crowd, 0)
        canary, baseline = counted(crowd)
    assert crowd.served == canary.exposures + baseline.exposures


def test_a_journal_that_hangs_delays_no_halt() -> None:
    """While a tick waits for the journal, a person's halt withdraws all the same."""
    crowd = Crowd(1)
    crowd.tick()
    reached, go_on = threading.Event(), threading.Event()
    watch = crowd.journal.watch

    def hang() -> Any:
        reached.set()
        go_on.wait(30)
        return watch()

    crowd.journal.watch = hang  # type: ignore[method-assign]
    ticking = threading.Thread(target=crowd.engines[0].tick)
    ticking.start()
    assert reached.wait(30)
    assert crowd.exposes(0)
    halting = threading.Thread(target=lambda: crowd.engines[0].kill(FLAG, by="7", reason="!"))
    halting.start()
    tries = (go_on.wait(0.01) for _ in range(500))  # a sound engine needs next to none
    withdrawn = any(not crowd.exposes(0) or next(tries) for _ in range(500))
    go_on.set()
    ticking.join()
    halting.join()
    assert withdrawn


def test_what_waits_is_saved_when_an_engine_stops() -> None:
    """A halt that couldn't be written is tried once more before the engine lets go."""
    crowd = Crowd(2)
    crowd.tick()
    crowd.journal.gone = True
    crowd.engines[0].abort(crowd.released, by="7", reason="better not")
    crowd.engines[0].kill(FLAG, by="7", reason="it burns")
    crowd.journal.gone = False
    crowd.engines[0].stop()
    crowd.die(0)
    crowd.engines[0].tick()
    assert not crowd.exposes(0)
    assert f"kills/{FLAG.key}" in crowd.journal.streams()


LATER = events.Unknown(START, "Superseded", "{}")


def test_who_cannot_read_a_stream_does_not_drive_it() -> None:
    """With an event of a later version, nothing is recorded any more; halts and evaluation work."""
    crowd = Crowd(1)
    for _ in range(2):
        crowd.tick()
        crowd.serve(0)
        crowd.advance(EVERY)
    which = crowd.released.id
    crowd.journal.append(which, [LATER], expected=len(crowd.journal.read(which)))
    length = len(crowd.journal.read(which))
    for _ in range(50):
        crowd.tick()
        crowd.serve(0)
        crowd.advance(EVERY)
    assert length == len(crowd.journal.read(which))
    assert crowd.exposes(0)
    crowd.engines[0].abort(which, by="7", reason="better not")
    assert not crowd.exposes(0)
    crowd.tick()
    assert "halted" == crowd.now().state.label
    assert "halted" == Engine(journal=crowd.journal).rollout(which).state.label


def test_who_cannot_read_a_stream_leaves_it_to_whoever_can() -> None:
    """A process that can't drive a rollout keeps nobody else from driving it."""
    crowd = Crowd(1)
    crowd.tick()
    which = crowd.released.id
    crowd.journal.append(which, [LATER], expected=len(crowd.journal.read(which)))
    crowd.tick()
    for _ in range(5):
        crowd.advance(TERM)
        crowd.tick()
    assert "" == crowd.journal.lease().holder


def test_what_cannot_be_read_stops_no_other_rollout() -> None:
    """Of two rollouts, the one that this version can't read waits, and the other one goes on."""
    crowd = Crowd(1)
    second = crowd.engines[0].release(SECOND.serve("on"), gated(lambda _: True))
    crowd.journal.append(crowd.released.id, [LATER], expected=1)
    crowd.tick(2)
    assert "baking" == crowd.engines[0].rollout(second).state.label
    assert 2 == len(crowd.journal.read(crowd.released.id))


def test_a_release_that_is_overtaken_again_and_again_is_refused() -> None:
    """A release that is never the first to append gives up, and may be asked again."""
    crowd = Crowd(2)
    [one, other], append = crowd.engines, crowd.journal.append

    def race(stream: str, new: Any, **how: Any) -> int:
        if isinstance(new[0], events.Started):
            other.kill(FLAG, by="7", reason="it burns")
        return append(stream, new, **how)

    with patch.object(crowd.journal, "append", race), pytest.raises(ReleaseRefusedError) as refused:
        one.release(SECOND.serve("on"), crowd.plan)
    assert "ask again" in refused.value.mend
    assert [crowd.released.id] == [rollout.id for rollout in one.rollouts()]
    assert one.release(SECOND.serve("on"), crowd.plan).in_flight


def test_a_stream_that_a_later_version_began_refuses_the_release() -> None:
    """The same release, begun in a way that this version can't read, is refused, and says why."""
    engine, journal = None, MemoryJournal()
    definition = FLAG.serve("new")
    journal.append(stream(definition.change(), quick(), 1), [LATER], expected=0)
    engine = Engine(journal=journal)
    with pytest.raises(ReleaseRefusedError, match="upgrade this"):
        engine.release(definition, quick())
    assert () == engine.rollouts()
    assert "old" == engine.value(FLAG, customer(FIRST))


def forked(crowd: Crowd) -> None:
    """Make the first process its own child, in which another thread held every lock."""
    engine = crowd.engines[0]
    assert engine._launched is not None
    fleet = engine._launched
    locks = (engine._launching, fleet._lock, fleet._round._going, engine._ticker._lock)
    holding = threading.Thread(target=lambda: [lock.acquire() for lock in locks])
    holding.start()
    holding.join()
    engine._restart()


def test_a_child_process_has_a_name_and_tallies_of_its_own() -> None:
    """After a fork, nothing waits for a lock of the parent's, and nothing is counted twice."""
    crowd = Crowd(1, plan=LONG)
    crowd.tick()
    before = named(crowd.engines[0])
    crowd.serve(0)
    forked(crowd)
    assert before != named(crowd.engines[0])
    crowd.advance(EVERY)
    crowd.tick()
    assert {} == crowd.journal.blocks
    crowd.serve(0, 7)
    crowd.advance(EVERY)
    crowd.tick()
    assert [7] == [b.canary.exposures + b.baseline.exposures for b in crowd.journal.blocks.values()]
    assert {named(crowd.engines[0])} == {block.process for block in crowd.journal.blocks.values()}


def test_a_child_process_leaves_to_its_parent_what_waits() -> None:
    """Events, kills and blocks that weren't saved at the fork are saved by the parent, once."""
    crowd = Crowd(1, plan=LONG)
    crowd.tick()
    crowd.journal.gone = True
    crowd.serve(0)
    crowd.advance(EVERY)
    crowd.tick()
    crowd.engines[0].alert(crowd.released, by_user=True, reason="it hurts")
    crowd.engines[0].kill(FLAG, by="7", reason="it burns")
    before = list(MemoryJournal.entries(crowd.journal))
    forked(crowd)
    crowd.journal.gone = False
    crowd.advance(EVERY)
    crowd.engines[0]._launched._roster.catch_up()  # type: ignore[union-attr]
    assert before == list(crowd.journal.entries())
    assert {} == crowd.journal.blocks


def test_a_child_process_exposes_nobody_whom_its_parent_withdrew() -> None:
    """A halt that wasn't saved at the fork holds in the child as well."""
    crowd = Crowd(1, plan=LONG)
    crowd.tick()
    crowd.journal.gone = True
    crowd.engines[0].alert(crowd.released, by_user=True, reason="it hurts")
    forked(crowd)
    crowd.journal.gone = False
    crowd.tick()
    assert not crowd.exposes(0)


def test_a_child_process_follows_and_drives() -> None:
    """A child that ticks learns what others did, answers checks, and drives when it must."""
    answers: list[bool] = []

    def run(_: Change) -> bool:
        return bool(answers)

    crowd = Crowd(2, plan=gated(run))
    crowd.tick()
    forked(crowd)
    crowd.engines[1].alert(crowd.released, by_user=False, reason="it looks odd")
    crowd.engines[0].tick()
    assert "paused" == crowd.now().state.label
    crowd.engines[1].resume(crowd.released, by="7", reason="it was the weather")
    crowd.die(1)
    answers.append(True)
    for _ in range(3):
        crowd.tick()
        crowd.advance(TERM)
    assert [1] == applied(crowd)
    assert crowd.exposes(0)


@pytest.mark.parametrize("gone", [True, False])
def test_a_halt_brings_no_completion_that_could_not_be_saved(gone: bool) -> None:
    """An abort halts a rollout whose completion the journal didn't take, and completes nothing."""
    crowd = Crowd(1)
    append = crowd.journal.append

    def append_no_end(stream: str, new: Any, **how: Any) -> int:
        crowd.journal.gone |= how.get("lease") is not None and crowd.now().reached == 2
        return append(stream, new, **how)

    crowd.journal.append = append_no_end  # type: ignore[method-assign, assignment]
    while not crowd.journal.gone:
        crowd.tick()
        crowd.serve(0, 100)
        crowd.advance(EVERY)
    crowd.tick()
    crowd.journal.append = append  # type: ignore[method-assign]
    crowd.journal.gone = gone
    assert "halted" == crowd.engines[0].abort(crowd.released, by="7", reason="no").state.label
    assert not crowd.exposes(0)
