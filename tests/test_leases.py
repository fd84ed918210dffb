"""Leases: one process at a time drives."""

from __future__ import annotations

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from safedeploy.errors import JournalConflictError, JournalUnavailableError
from safedeploy.journals import Lease, MemoryJournal
from safedeploy.leases import TERM, Tenure
from safedeploy.testing import FakeClock

MOMENT = timedelta(seconds=1)


class Hasty(MemoryJournal):
    """A journal in which somebody else is faster once, or which is away."""

    faster = ""
    gone = False

    def lease(self) -> Lease:
        if self.gone:
            raise JournalUnavailableError("journal", "rollouts.db", "wait")
        return super().lease()

    def claim(self, holder: str, *, after: Lease) -> Lease:
        if self.faster:
            name, self.faster = self.faster, ""
            super().claim(name, after=after)
        return super().claim(holder, after=after)


def two(journal: MemoryJournal) -> tuple[Tenure, Tenure, FakeClock]:
    """Make the tenures of two processes, with one clock."""
    clock = FakeClock()
    return Tenure(journal, clock, "one"), Tenure(journal, clock, "other"), clock


def test_a_free_lease_is_taken_and_kept_alive() -> None:
    """Whoever looks first has it; every quarter of a term it beats, and not more often."""
    journal = MemoryJournal()
    one, other, clock = two(journal)
    assert one.lease is None
    for _ in range(20):
        one.renew()
        other.renew()
        assert other.lease is None
        assert one.lease == journal.lease()
        clock.advance(MOMENT)
    assert Lease("one", 1, 9) == journal.lease()


def test_who_falls_silent_is_replaced_after_a_term() -> None:
    """A holder that doesn't beat for a term loses the lease, and learns of it when it looks."""
    journal = MemoryJournal()
    one, other, clock = two(journal)
    one.renew()
    other.renew()
    clock.advance(TERM - MOMENT)
    other.renew()
    assert "one" == journal.lease().holder
    clock.advance(MOMENT)
    other.renew()
    assert Lease("other", 2) == journal.lease() == other.lease
    assert one.lease is not None  # it can't know yet, and what it appends is refused
    one.renew()
    assert one.lease is None


def test_a_beat_begins_the_term_anew() -> None:
    """A holder that beats now and then is never replaced, however long it lives."""
    one, other, clock = two(MemoryJournal())
    for _ in range(30):
        one.renew()
        other.renew()
        clock.advance(TERM - MOMENT)
    assert one.lease is not None


def test_a_wall_clock_gives_no_lease_away() -> None:
    """Only time that has really passed counts, however a clock is set."""
    one, other, clock = two(MemoryJournal())
    one.renew()
    other.renew()
    clock.set_wall(clock.now() + timedelta(days=1))
    other.renew()
    assert other.lease is None


def test_a_lease_that_is_given_back_is_free_at_once() -> None:
    """Who stops lets the next one drive without a wait; who has nothing gives nothing back."""
    journal = MemoryJournal()
    one, other, _ = two(journal)
    one.renew()
    other.give_back()
    assert "one" == journal.lease().holder
    one.give_back()
    assert one.lease is None
    other.renew()
    assert Lease("other", 2) == other.lease


def test_who_loses_a_race_looks_again() -> None:
    """If somebody else was faster, nothing is held, and nothing raised."""
    journal = Hasty()
    one, _, clock = two(journal)
    journal.faster = "third"
    one.renew()
    assert one.lease is None
    one.renew()
    assert one.lease is None
    clock.advance(TERM)
    one.renew()
    assert Lease("one", 2) == one.lease


def test_a_lease_that_was_lost_meanwhile_is_not_given_back() -> None:
    """Giving back late takes the lease from nobody."""
    journal = MemoryJournal()
    one, other, clock = two(journal)
    one.renew()
    other.renew()
    clock.advance(TERM)
    other.renew()
    one.give_back()
    assert one.lease is None
    assert "other" == journal.lease().holder


def test_while_the_journal_is_away_a_holder_goes_on() -> None:
    """Trouble passes to the caller, and leaves the lease as it was seen last."""
    journal = Hasty()
    one, _, clock = two(journal)
    one.renew()
    journal.gone = True
    clock.advance(TERM)
    with pytest.raises(JournalUnavailableError):
        one.renew()
    assert Lease("one", 1) == one.lease
    journal.gone = False
    one.renew()
    assert Lease("one", 1, 1) == one.lease


@pytest.mark.law("R4")
@given(st.lists(st.tuples(st.integers(0, 2), st.integers(0, 7), st.booleans()), max_size=60))
def test_a_journal_obeys_one_process_at_a_time(steps: list[tuple[int, int, bool]]) -> None:
    """Of all who believe to hold the lease, the journal obeys one; tokens only rise."""
    journal, clocks = MemoryJournal(), [FakeClock() for _ in range(3)]
    tenures = [Tenure(journal, clock, str(number)) for number, clock in enumerate(clocks)]
    token = obeyed = 0
    for which, seconds, back in steps:
        for clock in clocks:
            clock.advance(timedelta(seconds=seconds))
        tenures[which].give_back() if back else tenures[which].renew()
        accepted = 0
        for tenure in tenures:
            if lease := tenure.lease:
                try:
                    obeyed = journal.append("s", [], expected=obeyed, lease=lease)
                except JournalConflictError:
                    continue
                accepted += 1
        assert accepted <= 1
        assert token <= journal.lease().token
        token = journal.lease().token
