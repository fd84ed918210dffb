"""Censuses: of what all processes saw, each unit counts once."""

from __future__ import annotations

from collections import Counter
from datetime import timedelta
from random import Random
from typing import Any
from unittest.mock import patch

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from safedeploy import sketches
from safedeploy.blocks import Block, Part
from safedeploy.censuses import LOST, Census
from safedeploy.contexts import mixed
from safedeploy.sketches import SLOTS
from safedeploy.verdicts import Counts
from tests.laws.histories import START

UNITS = st.frozensets(st.integers(0, 30))
NO_UNITS = frozenset[int]()


def block(canary: Part, process: str = "one", sequence: int = 1, **more: object) -> Block:
    """Make a block."""
    return Block("r#1", process, sequence, START, START, canary, **more)  # type: ignore[arg-type]


def counted(census: Census, canary: Part, number: int = 1, **more: Any) -> Counts:
    """Count a block, and return what the canary did."""
    return census.count(block(canary, sequence=number, **more), number)[""][0]


@st.composite
def parts(draw: st.DrawFn) -> Part:
    """Draw what an arm may have done in a block."""
    failing, hung = draw(UNITS), draw(UNITS)
    active = len(failing | hung) + draw(st.integers(0, 9))
    return Part(
        active + draw(st.integers(0, 9)),
        active,
        failing,
        draw(UNITS),
        hung - failing,
        {name: units for name in ("crash", "order") if (units := draw(UNITS))},
        draw(st.dictionaries(st.integers(0, 30), st.integers(1, 127), max_size=8)),
        draw(st.dictionaries(st.integers(1, 127), st.integers(1, 5), max_size=4)),
    )


class ByHand:
    """Count what blocks say that no earlier block has said, in sets."""

    def __init__(self) -> None:
        self.failed, self.hung, self.seen = set[int](), set[int](), set[int]()
        self.met, self.slowest = set[tuple[str, int]](), dict[int, int]()

    def count(self, part: Part) -> Counts:
        """Count a block."""
        failing = part.failing - self.failed
        self.failed |= failing
        late = failing & self.hung
        hung, fresh = part.unfinished - self.failed - self.hung, part.fresh - self.seen
        self.hung |= hung
        self.seen |= fresh
        met = {(name, unit) for name, units in part.events.items() for unit in units} - self.met
        self.met |= met
        moved = Counter({(each, each): units for each, units in part.stood.items()})
        for unit, after in part.risen.items():
            before = self.slowest.get(unit, 0)
            self.slowest[unit] = max(before, after)
            moved[before, self.slowest[unit]] += 1
        return Counts(
            part.exposures,
            max(len(hung), part.units - len(part.failing)) + len(failing),
            len(failing),
            len(fresh),
            len(hung),
            Counter(name for name, _ in met),
            moved,
            hung=len(late),
        )


@given(st.lists(parts(), max_size=8), st.data())
def test_what_one_process_said_no_other_says_again(given: list[Part], data: st.DataObject) -> None:
    """Counted by hand: a unit fails, hangs, is new, meets an event or gets slower once, in all
    processes; and a summary of what was counted changes nothing.
    """
    census, by_hand = Census(), ByHand()
    for number, part in enumerate(given, 1):
        assert by_hand.count(part) == counted(census, part, number)
        if data.draw(st.booleans()):
            summary, census = census.summary("r#1", number), Census()
            assert {} == census.count(summary, number)
            assert number == census.number


@given(st.lists(parts(), min_size=1, max_size=6), st.randoms())
def test_blocks_may_come_late_and_in_any_order(given: list[Part], dice: Random) -> None:
    """However blocks are mixed up, they say of all units together the same."""

    def totals(some: list[Part]) -> tuple[object, ...]:
        census = Census()
        whole = sum((counted(census, part) for part in some), Counts())
        return whole.exposures, whole.failures, whole.fresh, whole.events

    shuffled = list(given)
    dice.shuffle(shuffled)
    assert totals(given) == totals(shuffled)


def test_strata_are_counted_apart() -> None:
    """Each has its own counts; a unit that is in two of them, because it changed, counts once."""
    part = Part(2, 1, frozenset({1}), frozenset({1, 2}))
    both = block(part, strata={"staff": (part, Part(1, 1))})
    counts = Census().count(both, 1)
    assert {"", "staff"} == set(counts)
    assert (Counts(2, 1, 1, 2), Counts()) == counts[""]
    assert (Counts(2, 0, 0, 0), Counts(1, 1)) == counts["staff"]


def many(first: int, units: int) -> frozenset[int]:
    """Make names of units."""
    return frozenset(mixed(str(number)) >> 16 for number in range(first, first + units))


def test_a_census_is_bounded() -> None:
    """However many units there are, it remembers them in two tables, and summaries are as large."""
    census = Census()
    for number in range(60):
        names = many(number * 1000, 1000)
        part = Part(1000, 1000, names, names, risen=dict.fromkeys(names, 9))
        census.count(block(part, sequence=number), number)
    summary = census.summary("r#1", 60)
    assert all(len(text) <= 4 * SLOTS / 3 + 8 for text in summary.census)
    assert (2, 2) == summary.halved
    again = Census()
    again.count(summary, 60)
    assert again.summary("r#1", 60) == summary


def test_both_arms_are_sampled_alike() -> None:
    """What is left out is left out of both arms, of those who fail and of those who could."""
    with patch.multiple(sketches, EXACT=10, SLOTS=1021):
        census, canary, baseline = Census(), Counts(), Counts()
        for number in range(100):
            first = number * 200
            some, others = (
                Part(len(names), len(names), frozenset(sorted(names)[: len(names) // 5]), names)
                for names in (many(first, 50), many(first + 50, 150))
            )
            counts = census.count(block(some, sequence=number, baseline=others), number)
            canary, baseline = canary + counts[""][0], baseline + counts[""][1]
    units = canary.units + baseline.units
    assert 20_000 / 8 < units < 20_000 / 2
    assert pytest.approx(0.25, abs=0.01) == canary.units / units
    assert pytest.approx(0.2, abs=0.03) == canary.failures / canary.units
    assert pytest.approx(0.2, abs=0.03) == baseline.failures / baseline.units
    assert pytest.approx(0.25, abs=0.05) == canary.fresh / (canary.fresh + baseline.fresh)


def test_what_a_process_has_left_out_is_not_left_out_again() -> None:
    """Of a process that names one unit in four already, all are counted: the same quarter."""
    census = Census()
    census.count(attrs.evolve(Census().summary("r#1", 1), halved=(2, 2)), 1)
    part = Part(100, 80, stood={9: 40})
    for halved, units, stood in (((2, 2), 80, 40), ((3, 3), 80, 40), ((1, 0), 40, 10)):
        found = counted(census, part, 2, halved=halved)
        assert (units, {(9, 9): stood}) == (found.units, found.slowest)


def test_few_without_names_are_not_lost_by_halving() -> None:
    """What is over in one block counts in a later one: a canary of one unit a block is seen."""
    census = Census()
    summary = Census().summary("r#1", 1)
    census.count(attrs.evolve(summary, halved=(2, 2)), 1)
    counts = [counted(census, Part(1, 1, stood={9: 1}), number) for number in range(2, 42)]
    assert 10 == sum(each.units for each in counts)
    assert 10 == sum(each.slowest.get((9, 9), 0) for each in counts)


def test_whoever_hangs_is_among_those_who_could() -> None:
    """However few are left of those without names, there are as many units as hang."""
    census = Census()
    census.count(attrs.evolve(Census().summary("r#1", 1), halved=(2, 2)), 1)
    hung = frozenset({4, 8, 12, 13})
    assert Counts(4, 3, 0, 0, 3) == counted(census, Part(4, 4, unfinished=hung), 2)


def test_who_fails_after_hanging_came_to_harm_once() -> None:
    """Whichever process says so, and in whatever order, in the sum a unit counts once."""
    census = Census()
    first = counted(census, Part(3, 3, unfinished=frozenset({1, 2})), 1)
    then = counted(census, Part(3, 3, failing=frozenset({2, 3})), 2)
    again = counted(census, Part(3, 3, frozenset({1, 2}), unfinished=frozenset({3})), 3)

    assert [(0, 2, 0), (2, 0, 1), (1, 0, 1)] == [
        (each.failures, each.unfinished, each.hung) for each in (first, then, again)
    ]
    assert 3 == (first + then + again).failed_or_hung


def test_calls_that_go_on_are_known_until_a_later_block_tells_of_none() -> None:
    """An earlier block that comes late brings nothing back, and a summary keeps all of it."""
    census = Census()
    lasting = Part(open=frozenset({7}))
    census.count(block(lasting, "one", 1), 1)
    census.count(block(lasting, "other", 1, strata={"day/night": (lasting, lasting)}), 2)
    assert {("one", 1), ("other", 1)} == set(census.lasting())
    census.count(block(Part(1, 1), "one", 3), 3)
    census.count(block(lasting, "one", 2), 4)
    again = Census()
    again.count(census.summary("r#1", 4), 4)
    for each in (census, again):
        assert [("other", 1)] == list(each.lasting())
        lost = each.lost("r#1", "other", START)
        assert (LOST + "other", 1, START) == (lost.process, lost.sequence, lost.until)
        assert Part(1, 1, NO_UNITS, frozenset({7}), frozenset({7})) == lost.canary
        assert lost.strata["day/night"] == (lost.canary, lost.canary)


def test_calls_that_died_are_unfinished_once() -> None:
    """A lost process's calls count as exposures of units that hang, unless these have failed."""
    census = Census()
    census.count(block(Part(3, 3, frozenset({1}), open=frozenset({1, 2, 3})), "one", 5), 1)
    lost = census.lost("r#1", "one", START + timedelta(minutes=1))
    assert (Counts(3, 2, 0, 3, 2), Counts()) == census.count(lost, 2)[""]
    assert [] == list(census.lasting())
    assert 0 == census.count(lost, 3)[""][0].unfinished


def test_a_summary_of_an_earlier_version_is_read() -> None:
    """It named the units that failed, and those that were seen."""
    census = Census()
    old = Block("r#1", "", 3, START, START, Part(failing=many(0, 5)), Part(fresh=many(0, 9)))
    assert {} == census.count(old, 3)
    assert Counts(10, 5, 5, 1) == counted(census, Part(10, 10, many(0, 10), many(0, 10)), 4)
