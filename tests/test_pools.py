"""Pools: what several processes measured, each unit once, and each block once."""

from __future__ import annotations

from contextlib import suppress
from datetime import timedelta
from typing import Any
from unittest.mock import patch

import pytest
from hypothesis import given
from hypothesis import strategies as st

from safedeploy import pools
from safedeploy.blocks import Block, Part
from safedeploy.journals import MemoryJournal
from safedeploy.metrics import Tallies
from safedeploy.pools import Census, Pool, Sample
from safedeploy.verdicts import Counts
from tests.laws.histories import EVERY, START


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

    def __init__(self, journal: MemoryJournal, name: str) -> None:
        self.tallies = Tallies(name)
        self.tally = self.tallies.open("r", "r#1", START)
        self.pool = Pool(journal, self.tallies)
        self.at = START

    def serve(self, *units: int, canary: bool = True, failed: bool = False) -> Process:
        """Record outcomes."""
        for unit in units:
            self.tally.record(unit << 16, canary=canary, failed=failed)
        return self

    def post(self) -> Process:
        """Post what was recorded, or try to."""
        self.at += EVERY
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


@given(st.lists(st.tuples(st.integers(0, 300), st.booleans()), max_size=400), st.integers(1, 9))
def test_a_census_is_bounded(units: list[tuple[int, bool]], size: int) -> None:
    """However many units there are, few are remembered, and both arms are sampled alike."""
    with patch.object(pools, "CAPACITY", 50):
        census = Census()
        for number in range(0, len(units), size):
            parts = []
            for canary in (True, False):
                names = frozenset(u for u, arm in units[number : number + size] if arm is canary)
                parts.append(Part(len(names), len(names), names, names))
            census.count(Block("r#1", "one", number, START, START, *parts), number)
            assert max(len(census._failed.units), len(census._known.units)) <= 50
        again = Census()
        again.count(census.summary("r#1", 7), 7)
        for one, other in ((census._failed, again._failed), (census._known, again._known)):
            assert (one.units, one.mask) == (other.units, other.mask)
        assert 7 == again.number


def test_a_sample_never_counts_a_unit_again() -> None:
    """A unit that was thinned out stays out, and one that is in is known."""
    with patch.object(pools, "CAPACITY", 4):
        sample = Sample()
        assert 8 == sample.add(range(8))
        sample.thin()
        assert ({0, 2, 4, 6}, 1) == (sample.units, sample.mask)
        assert 0 == sample.add(range(8))
        assert 1 == sample.add([9, 11, 10])


def test_both_arms_of_a_block_are_sampled_by_the_same_bits() -> None:
    """A block in which the samples are thinned keeps the ratio of its arms."""
    with patch.object(pools, "CAPACITY", 100):
        census = Census()
        parts = [Part(90, 90, frozenset(), frozenset(range(90 * n, 90 * n + 90))) for n in (2, 3)]
        canary, baseline = census.count(Block("r#1", "one", 1, START, START, *parts), 1)
        assert (90, 90) == (canary.fresh, baseline.fresh)
        assert 1 == census._known.mask
