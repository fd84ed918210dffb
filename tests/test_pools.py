"""Pools: what several processes measured, each unit once, and each block once."""

from __future__ import annotations

from contextlib import suppress
from datetime import timedelta
from typing import Any

import pytest

from safedeploy.arms import FAILURE, SUCCESS, Asked
from safedeploy.audiences import Group
from safedeploy.blocks import Block
from safedeploy.contexts import Context
from safedeploy.journals import MemoryJournal
from safedeploy.metrics import Tallies
from safedeploy.pools import Pool
from safedeploy.tallies import NOTHING
from safedeploy.testing import FakeClock
from safedeploy.verdicts import Counts, Measurement
from tests.laws.histories import EVERY, START
from tests.test_tallies import Open


class Flaky(MemoryJournal):
    """A journal that fails to take blocks, or takes them and fails, or can't be read."""

    taking = True
    failing = False
    blind = False

    def post(self, block: Block) -> None:
        if self.taking:
            super().post(block)
        if self.failing or not self.taking:
            raise ConnectionError

    def posted(self, exposure: str, *, after: int = 0) -> Any:
        if self.blind:
            raise ConnectionError
        return super().posted(exposure, after=after)


class Process:
    """One process that tallies an exposure, `r#1`, and pools it."""

    def __init__(self, journal: MemoryJournal, name: str, asked: Asked = NOTHING) -> None:
        self.clock = FakeClock()
        self.tallies = Tallies(name, self.clock.monotonic)
        self.tally = self.tallies.open("r", "r#1", START, asked)
        self.pool = Pool(journal, self.tallies)
        self.at = START

    def serve(self, *units: int, canary: bool = True, failed: bool = False) -> Process:
        """Record outcomes."""
        arm = self.tally.canary if canary else self.tally.baseline
        for unit in units:
            self.tally.record(arm, unit << 16, FAILURE if failed else SUCCESS)
        return self

    def begin(self, unit: int, *, canary: bool = True) -> Open:
        """Begin a call that goes on, and return it."""
        call = Open(self.tally.canary if canary else self.tally.baseline, unit << 16)
        self.tally.open[call] = self.clock.monotonic()
        return call

    def post(self) -> Process:
        """Post what was recorded, or try to."""
        self.at += EVERY
        self.clock.advance(EVERY)
        with suppress(ConnectionError):
            self.pool.post("r", self.at)
        return self


def test_processes_make_one_measurement() -> None:
    """Outcomes add up; who fails, or is seen, in several processes counts once."""
    journal = MemoryJournal()
    one, other = Process(journal, "one"), Process(journal, "other")
    one.serve(1, 2).serve(3, failed=True).serve(7, canary=False).post()
    other.serve(2, 4).serve(3, failed=True).post()
    measured = one.pool.measure("r#1", one.at, after=0)
    assert Counts(6, 5, 1, 4) == measured.canary
    assert Counts(1, 1, 0, 1) == measured.baseline
    assert (2, START, one.at, one.at) == (
        measured.block,
        measured.since,
        measured.until,
        measured.seen,
    )


def test_nothing_is_measured_twice() -> None:
    """What comes after the last judged block is measured, and nothing else."""
    journal = MemoryJournal()
    one = Process(journal, "one").serve(1, 2).post()
    assert 2 == one.pool.measure("r#1", one.at, after=0).canary.exposures
    measured = one.pool.measure("r#1", one.at, after=1)
    assert (Counts(), 1, None) == (measured.canary, measured.block, measured.seen)
    assert (one.at, one.at) == (measured.since, measured.until)
    one.serve(1, 3).post()
    assert Counts(2, 2, 0, 1) == one.pool.measure("r#1", one.at, after=1).canary


def test_what_was_judged_and_lost_is_measured_again() -> None:
    """Where an assessment wasn't kept, its blocks come again, with all that they said."""
    one = Process(MemoryJournal(), "one").serve(1).serve(2, failed=True).post()
    first = one.pool.measure("r#1", one.at, after=0)
    assert first == one.pool.measure("r#1", one.at, after=0)


def test_a_successor_knows_whom_its_predecessor_saw() -> None:
    """Another process that goes on from a recorded block counts no unit anew."""
    journal = MemoryJournal()
    one, other = Process(journal, "one"), Process(journal, "other")
    one.serve(1, failed=True).post()
    other.serve(1, failed=True).serve(2).post()
    assert Counts(2, 1, 0, 1) == other.pool.measure("r#1", other.at, after=1).canary


def test_a_block_ends_no_later_than_now() -> None:
    """A process whose clock is ahead makes nobody look as if seen in the future."""
    journal = MemoryJournal()
    ahead = Process(journal, "ahead").serve(1)
    ahead.at += timedelta(hours=1)
    ahead.post()
    assert START + EVERY == ahead.pool.measure("r#1", START + EVERY, after=0).seen


def test_a_compacted_exposure_remembers_whom_it_saw() -> None:
    """One block takes the place of those that are recorded, and names all units; counts go on."""
    journal = MemoryJournal()
    one, other = Process(journal, "one"), Process(journal, "other")
    for number in range(4):
        one.serve(number, failed=number % 2 == 0).serve(9 + number, canary=False).post()
    measured = one.pool.measure("r#1", one.at, after=0)
    one.pool.compact("r#1", measured.block - 1)
    assert 4 == len(journal.posted("r#1"))
    one.pool.compact("r#1", measured.block)
    [(number, _)] = journal.posted("r#1")
    assert 4 == number
    one.pool.compact("r#1", measured.block)
    other.serve(0, 2, 5, failed=True).serve(9, canary=False).post()
    for process in (one, other):
        measured = process.pool.measure("r#1", other.at, after=4)
        assert Counts(3, 1, 1, 1) == measured.canary
        assert Counts(1, 1, 0, 0) == measured.baseline


def test_a_summary_counts_nothing() -> None:
    """Even where it is read as news, a block that sums up others has no outcomes and no time."""
    journal = MemoryJournal()
    one = Process(journal, "one").serve(1, failed=True).post().serve(2).post()
    one.pool.measure("r#1", one.at, after=0)
    one.pool.compact("r#1", 2)
    measured = Process(journal, "late").pool.measure("r#1", one.at, after=0)
    assert (Counts(), Counts(), one.at) == (measured.canary, measured.baseline, measured.since)


def test_an_exposure_that_was_never_measured_is_not_compacted() -> None:
    """Only who has counted the blocks can put them into one."""
    journal = MemoryJournal()
    one = Process(journal, "one").serve(1).post()
    one.pool.compact("r#1", 1)
    assert 1 == len(journal.posted("r#1"))


def test_other_exposures_are_forgotten() -> None:
    """Blocks and censuses of what is over are dropped."""
    journal = MemoryJournal()
    one = Process(journal, "one").serve(1).post()
    one.pool.measure("r#1", one.at, after=0)
    one.pool.retain(["r#1"])
    assert 1 == len(journal.posted("r#1"))
    one.pool.retain(["r#2"])
    assert () == journal.posted("r#1")
    assert {} == one.pool._censuses


def test_what_cannot_be_posted_is_judged_all_the_same() -> None:
    """Harm is seen although the journal takes no blocks, and can't be read either."""
    journal = Flaky()
    one = Process(journal, "one")
    journal.taking, journal.blind = False, True
    one.serve(1, failed=True).post()
    measured = one.pool.measure("r#1", one.at, after=0)
    assert Counts(1, 1, 1, 1) == measured.canary


def test_without_a_journal_and_without_outcomes_nothing_is_measured() -> None:
    """An error passes on if there isn't anything to judge."""
    journal = Flaky()
    journal.blind = True
    with pytest.raises(ConnectionError):
        Process(journal, "one").pool.measure("r#1", START, after=0)


def test_a_block_that_was_posted_though_that_failed_counts_once() -> None:
    """Neither here, nor in another process that goes on, is it counted a second time."""
    journal = Flaky()
    one, other = Process(journal, "one"), Process(journal, "other")
    journal.failing = True
    one.serve(1, 2).post()
    measured = one.pool.measure("r#1", one.at, after=0)
    assert (2, 1) == (measured.canary.exposures, measured.block)
    journal.failing = False
    one.post()
    for process in (one, other):
        again = process.pool.measure("r#1", one.at, after=measured.block)
        assert 0 == again.canary.exposures


def test_a_block_that_shows_up_late_counts_once() -> None:
    """What was judged while the journal couldn't be read is known when it is read."""
    journal = Flaky()
    one = Process(journal, "one")
    journal.failing = journal.blind = True
    one.serve(1, 2).post()
    assert 2 == one.pool.measure("r#1", one.at, after=0).canary.exposures
    journal.failing = journal.blind = False
    measured = one.pool.measure("r#1", one.at, after=0)
    assert (0, 1) == (measured.canary.exposures, measured.block)


def test_what_waits_is_two_blocks() -> None:
    """The first may have been posted, so it stays as it is; what follows becomes one."""
    journal = Flaky()
    one = Process(journal, "one")
    journal.taking = False
    for number in range(5):
        one.serve(number, number).post()
    journal.taking = True
    one.post()
    [(_, first), (_, rest)] = journal.posted("r#1")
    assert (2, 8) == (first.canary.exposures, rest.canary.exposures)
    assert (START + EVERY, START + 5 * EVERY) == (rest.since, rest.until)
    assert Counts(10, 5, 0, 5) == one.pool.measure("r#1", one.at, after=0).canary


def test_all_that_waits_is_posted_in_order() -> None:
    """Blocks of an exposure that is over don't stay behind, and nothing is posted twice."""
    journal = Flaky()
    one = Process(journal, "one")
    journal.taking = False
    one.serve(1).post()
    one.tally = one.tallies.open("r", "r#2", one.at)
    one.serve(2).post()
    journal.taking = True
    one.post().post()
    assert 1 == len(journal.posted("r#1")) == len(journal.posted("r#2"))
    assert {} == one.pool._waiting


def measured(process: Process, after: int = 0) -> Measurement:
    """Measure, with a minute's patience."""
    return process.pool.measure("r#1", process.at, after=after, deadline=60)


def patient(process: Process, *, after: int = 0, minutes: int = 2) -> Measurement:
    """Measure again and again for some time, and return the last measurement."""
    found = measured(process, after)
    for _ in range(minutes * 60 // int(EVERY.total_seconds())):
        process.post()
        found = measured(process, after)
    return found


def test_calls_that_died_with_their_process_are_unfinished() -> None:
    """Once it has been silent for longer than the deadline, what it said last counts, once."""
    journal = MemoryJournal()
    one, other = Process(journal, "one"), Process(journal, "other")
    one.serve(1).begin(2)
    one.begin(3, canary=False)
    one.post().post()
    for _ in range(7):
        assert 0 == measured(other).canary.unfinished
        other.post()
    found = patient(other)
    assert (Counts(2, 2, 0, 2, 1), Counts(1, 1, 0, 1, 1)) == (found.canary, found.baseline)
    assert found.seen is not None
    assert found.seen <= other.at
    number = len(journal.posted("r#1"))
    assert 0 == patient(other, after=found.block, minutes=9).canary.exposures
    assert number == len(journal.posted("r#1"))


def test_whoever_drives_finds_out_which_process_died() -> None:
    """A successor counts what its predecessor didn't, and doesn't count again what it did; even if
    the blocks were put into one meanwhile.
    """
    journal = MemoryJournal()
    one, other, third = (Process(journal, name) for name in ("one", "other", "third"))
    one.serve(1).serve(4).begin(2)
    one.post().post()
    block = measured(one).block
    one.pool.compact("r#1", block)
    for process in (other, third):
        found = patient(process, after=block)
        assert (1, 1) == (found.canary.exposures, found.canary.unfinished)
    assert 2 == len(journal.posted("r#1"))


def test_a_process_that_lives_has_no_lost_calls() -> None:
    """As long as it says that its calls go on, and once it has said that they ended, none is lost;
    nor does it take itself for dead.
    """
    journal = MemoryJournal()
    one, other = Process(journal, "one", Asked(deadline=10**6)), Process(journal, "other")
    call = one.begin(2)
    for _ in range(20):
        one.post()
        other.post()
        for process in (one, other):
            assert 0 == measured(process).canary.unfinished
    del one.tally.open[call]
    one.post()
    assert 0 == patient(other).canary.unfinished


def test_a_process_that_left_has_no_lost_calls() -> None:
    """Whoever stops in good order takes back what it said of calls that go on."""
    journal = MemoryJournal()
    one, other = Process(journal, "one"), Process(journal, "other")
    one.begin(2)
    one.post().post()
    one.pool.post("r", one.at, last=True)
    assert 0 == patient(other).canary.unfinished


def test_a_process_that_was_slow_is_heard_again() -> None:
    """Its calls were taken for lost, and count once; how others end is counted as ever."""
    journal = MemoryJournal()
    one, other = Process(journal, "one"), Process(journal, "other")
    call = one.begin(2)
    one.post().post()
    assert 1 == patient(other).canary.unfinished
    del one.tally.open[call]
    one.serve(2, 5).post()
    found = patient(other)
    assert (3, 1, 2) == (found.canary.exposures, found.canary.unfinished, found.canary.fresh)
    one.begin(6)
    one.post().post()
    assert 2 == patient(other).canary.unfinished


def test_harm_is_measured_although_nobody_can_be_told_who_died() -> None:
    """Where the lost calls can't be posted, the rest is measured, and they are told later."""
    journal = Flaky()
    one, other = Process(journal, "one"), Process(journal, "other")
    one.serve(1, failed=True).begin(2)
    one.post().post()
    journal.taking = False
    assert (1, 0) == (patient(other).canary.failures, patient(other).canary.unfinished)
    journal.taking = True
    assert 1 == patient(other).canary.unfinished


def test_strata_are_measured_apart_and_together() -> None:
    """Both arms are the sums of all strata; where there are none, none are told."""
    journal = MemoryJournal()
    asked = Asked(strata=(("staff", Group("staff").predicate("")),))
    one, other = Process(journal, "one", asked), Process(journal, "other", asked)
    for process in (one, other):
        tally = process.tally
        staff = Context("1", groups=["staff"])
        tally.record(tally.placed(tally.canary, staff), 1, FAILURE)
        process.serve(2, 3).serve(4, canary=False).post()
    found = measured(one)
    assert {
        "": (Counts(4, 4, 0, 2), Counts(2, 2, 0, 1)),
        "staff": (Counts(2, 1, 1, 1), Counts()),
    } == (found.strata)
    assert (Counts(6, 5, 1, 3), Counts(2, 2, 0, 1)) == (found.canary, found.baseline)
    assert {} == measured(Process(MemoryJournal(), "one").serve(1).post()).strata


def test_what_was_judged_here_only_is_lent() -> None:
    """Until the journal has what came of it, or it was posted, a pool owes it."""
    journal = Flaky()
    one = Process(journal, "one")
    assert not one.pool.lends("r#1")
    journal.taking = False
    one.serve(1).post()
    assert 1 == measured(one).canary.exposures
    assert one.pool.lends("r#1")
    journal.taking = True
    one.pool.reclaim("r#1", dropped=1, saved=True)
    assert not one.pool.lends("r#1")
    assert 1 == len(one.post().pool._journal.posted("r#1"))
