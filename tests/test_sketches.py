"""Sketches: exact for few units; for many, a table that takes no more room."""

from __future__ import annotations

import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from safedeploy import sketches
from safedeploy.contexts import mixed
from safedeploy.sketches import ALL, EXACT, FAILED, MET, SEEN, SLOTS, Sample, Sketch

UNITS = st.integers(0, 2**64 - 1)


def filled(units: int, bit: int = SEEN) -> Sketch:
    """Return a sketch that has seen so many units."""
    sketch = Sketch()
    for number in range(units):
        sketch.add(mixed(f"user-{number}"), bit)
        if sketch.is_crowded:
            sketch.settle()
    return sketch


@given(st.lists(st.tuples(UNITS, st.sampled_from([SEEN, FAILED])), max_size=100))
def test_few_units_are_known_exactly(added: list[tuple[int, int]]) -> None:
    """A bit is new the first time that a unit gets it, and nobody else has it."""
    sketch, known = Sketch(), set[tuple[int, int]]()
    for unit, bit in added:
        assert ((unit, bit) not in known) is sketch.add(unit, bit)
        known.add((unit, bit))
    assert not sketch.is_crowded
    for unit, bit in added:
        assert bool(sketch.get(unit) & FAILED) is ((unit, FAILED) in known)
        assert not sketch.get(unit ^ 1) & bit or (unit ^ 1, bit) in known


@given(st.integers(0, 3000))
def test_who_is_known_stays_known(units: int) -> None:
    """Going over to the table forgets nobody, and what is added twice is new once at most."""
    sketch = filled(units)
    assert all(sketch.get(mixed(f"user-{number}")) & SEEN for number in range(units))
    assert isinstance(sketch.values, dict) is (units <= EXACT)


@pytest.mark.parametrize(("units", "share"), [(500, 0.03), (5000, 0.26), (11_000, 0.49)])
def test_the_chance_of_being_taken_for_known_is_as_stated(units: int, share: float) -> None:
    """With n units in the table, it is 1 - exp(-n / SLOTS)."""
    sketch = filled(units)
    taken = sum(bool(sketch.get(mixed(f"other-{number}")) & SEEN) for number in range(5000))
    assert share == pytest.approx(taken / 5000, abs=0.025)


def test_those_who_share_a_slot_share_all_that_is_known() -> None:
    """Going over to the table, no bit is lost."""
    sketch = Sketch()
    sketch.add(5, SEEN)
    sketch.add(5 + SLOTS, FAILED)
    sketch.settle()
    assert SEEN | FAILED == sketch.get(5) == sketch.get(5 + SLOTS)


def test_a_sketch_takes_no_more_room_however_many_units_there_are() -> None:
    """The table has a byte for each slot, and no more."""
    assert sys.getsizeof(filled(100_000).values) < SLOTS + 100
    assert sys.getsizeof(filled(EXACT).values) < SLOTS


def test_it_is_full_when_half_of_it_is_used() -> None:
    """Each bit fills up by itself; while memory is exact, none does."""
    assert 0 == filled(EXACT).share(ALL)
    sketch = filled(12_000)
    assert 0.5 < sketch.share(SEEN) == sketch.share(SEEN | FAILED) < 0.55
    assert 0 == sketch.share(FAILED)
    assert Sample(sketch, SEEN).is_full
    assert not Sample(filled(10_000), SEEN).is_full


@pytest.mark.parametrize("units", [100, 1000])
def test_clearing_takes_some_bits_from_all(units: int) -> None:
    """The other bits stay, in the table as before it."""
    sketch = filled(units)
    for number in range(units):
        sketch.add(mixed(f"user-{number}"), FAILED)
    sketch.clear(SEEN | MET)
    assert {FAILED} == {sketch.get(mixed(f"user-{number}")) for number in range(units)}
    sketch.clear(FAILED)
    assert {0} == {sketch.get(mixed(f"user-{number}")) for number in range(units)}


@given(st.dictionaries(UNITS, st.integers(1, ALL), max_size=EXACT), st.booleans())
def test_a_text_makes_an_equal_sketch(values: dict[int, int], settled: bool) -> None:
    """What a text remembers is all that the sketch did, in either form."""
    sketch = Sketch()
    for unit, value in values.items():
        sketch.put(unit, value)
    if settled:
        sketch.settle()
    again = Sketch(sketch.text())
    assert (sketch.values, sketch.size) == (again.values, again.size)
    again.settle()
    sketch.settle()
    assert sketch.values == again.values


def test_samples_nest() -> None:
    """Each halving leaves out half of those that were left, and brings nobody back."""
    sample, left = Sample(Sketch(), SEEN), set(range(1024))
    for number in range(5):
        named = {unit for unit in left if sample.names(unit)}
        assert named == {unit for unit in range(1024) if sample.names(unit)}
        assert (1024 >> number, number) == (len(named), sample.halvings)
        left = named
        sample.halve(forget=False)


@pytest.mark.parametrize("forget", [False, True])
def test_a_sample_that_is_full_begins_anew(forget: bool) -> None:
    """Halved because it is full, it forgets its own bits; otherwise, it goes on knowing."""
    sketch = filled(12_000)
    sketch.add(1, FAILED)
    sample = Sample(sketch, SEEN)
    assert sample.is_full
    sample.halve(forget=forget)
    assert forget is not sample.is_full
    assert sketch.get(1) & FAILED


def test_the_number_of_slots_is_prime() -> None:
    """So the slot depends on all bits, those by which samples are taken among them."""
    assert all(sketches.SLOTS % divisor for divisor in range(2, 128))
    assert len({unit % SLOTS for unit in range(0, 1000 << 10, 1 << 10)}) == 1000
