"""Blocks: what one process measured, as a value."""

from __future__ import annotations

from datetime import datetime

import pytest

from safedeploy.blocks import Block, Part
from safedeploy.records import Codec
from tests.laws.histories import EVERY, START

FULL = Part(
    4,
    3,
    frozenset({1}),
    frozenset({2}),
    frozenset({3}),
    {"crash": frozenset({1, 2})},
    {1: 9},
    {7: 2},
    frozenset({3}),
)


def block(canary: Part, at: datetime = START, **more: object) -> Block:
    """Make a block of one process, an interval long."""
    return Block("r#1", "7-me", 1, at, at + EVERY, canary, **more)  # type: ignore[arg-type]


def test_what_an_arm_did_adds_up_and_each_unit_stays_one() -> None:
    """Exposures and active units are numbers; those who failed or were new are named once."""
    one = Part(3, 2, frozenset({1}), frozenset({1, 2}))
    then = Part(4, 3, frozenset({2}), frozenset({2, 3}))
    assert Part(7, 5, frozenset({1, 2}), frozenset({1, 2, 3})) == one + then
    assert one == one + Part()
    assert FULL == Part() + FULL


def test_what_came_last_of_a_unit_counts() -> None:
    """Who hung and failed has failed; of its latencies the later stands, as do the open calls."""
    then = Part(
        1,
        1,
        frozenset({3}),
        frozenset(),
        frozenset({4}),
        {"crash": frozenset({2, 5}), "order": frozenset({5})},
        {1: 20},
        {7: 1, 20: 1},
        frozenset({8}),
    )
    both = FULL + then
    assert (frozenset({1, 3}), frozenset({4})) == (both.failing, both.unfinished)
    assert {"crash": {1, 2, 5}, "order": {5}} == both.events
    assert {1: 20} == both.risen
    assert {7: 3, 20: 1} == both.stood
    assert {8} == both.open


def test_a_block_and_the_next_are_one() -> None:
    """Each stratum adds up by itself, and the samples of the thinner one count."""
    part = Part(1, 1)
    strata = {"staff": (part, Part()), "beta": (part, part)}
    first = block(part, strata=strata, halved=(0, 2))
    second = block(part, START + EVERY, strata={"staff": (part, part)}, halved=(1, 1))
    both = first.then(second)
    assert (START, START + 2 * EVERY, 1) == (both.since, both.until, both.sequence)
    assert (1, 2) == both.halved
    assert {
        "": (part + part, Part()),
        "staff": (part + part, part),
        "beta": (part, part),
    } == both.parts
    assert {"", "staff", "beta"} == set(block(part).then(first).parts)


def test_a_block_shows_no_unit() -> None:
    """The names of units aren't in a repr, which may end up in a log."""
    names = frozenset({271828})
    part = Part(1, 1, names, names, names, {"crash": names}, {271828: 1}, {}, names)
    shown = repr(block(part, strata={"staff": (part, part)}, census=("271828",)))
    assert "271828" not in shown


@pytest.mark.parametrize("part", [Part(), FULL, FULL + FULL])
def test_a_block_is_read_as_it_was_written(part: Part) -> None:
    """A record holds all that a block says."""
    written = block(part, strata={"staff": (part, Part())}, halved=(1, 2), census=("a", "b"))
    assert written == Codec().decode_block(Codec().encode(written))


def test_a_block_that_says_nothing_new_is_written_as_ever() -> None:
    """Earlier versions read what says no more than they know."""
    text = Codec().encode(block(Part(1, 1, frozenset(), frozenset({1}))))
    words = ("unfinished", "events", "risen", "stood", "open", "strata", "halved", "census")
    assert [] == [word for word in words if f'"{word}"' in text]
