"""Blocks: what one process measured, as a value."""

from __future__ import annotations

from safedeploy.blocks import Block, Part
from tests.laws.histories import EVERY, START


def test_what_an_arm_did_adds_up_and_each_unit_stays_one() -> None:
    """Exposures and active units are numbers; those who failed or were new are named once."""
    one = Part(3, 2, frozenset({1}), frozenset({1, 2}))
    then = Part(4, 3, frozenset({2}), frozenset({2, 3}))
    assert Part(7, 5, frozenset({1, 2}), frozenset({1, 2, 3})) == one + then
    assert one == one + Part()


def test_a_block_shows_no_unit() -> None:
    """The names of units aren't in a repr, which may end up in a log."""
    part = Part(1, 1, frozenset({271828}), frozenset({271828}))
    assert "271828" not in repr(Block("r#1", "7-me", 1, START, START + EVERY, part, part))
