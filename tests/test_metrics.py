"""Metrics: the tallies of a process, one for each rollout's present exposure."""

from __future__ import annotations

import pytest

from safedeploy.arms import FAILURE, SUCCESS, Asked
from safedeploy.audiences import Everyone
from safedeploy.contexts import mixed
from safedeploy.metrics import Tallies
from safedeploy.testing import FakeClock
from tests.laws.histories import EVERY, START


def made() -> Tallies:
    """Make the tallies of a process."""
    return Tallies("7-me", FakeClock().monotonic)


def test_a_rollout_has_one_exposure_at_a_time() -> None:
    """A new exposure drops the tally of the last, and a block names the exposure that it is of."""
    tallies = made()
    tally = tallies.open("r", "r#1", START)
    tally.record(tally.canary, 1, SUCCESS)
    tallies.open("r", "r#2", START)
    assert tallies.take("r", START) is None
    tally = tallies.open("r", "r#3", START)
    tally.record(tally.canary, 1, SUCCESS)
    block = tallies.take("r", START + EVERY)
    assert block is not None
    assert ("r#3", "7-me", 1) == (block.exposure, block.process, block.sequence)
    assert (START, START + EVERY) == (block.since, block.until)
    tallies.close("r")
    assert tallies.take("r", START) is None


def test_units_leave_as_hashes_of_their_exposure() -> None:
    """A block names a unit by bits that differ from its own and from those of other exposures."""
    names: set[int] = set()
    for exposure in ("r#1", "r#2"):
        tallies = made()
        tally = tallies.open("r", exposure, START)
        tally.record(tally.canary, mixed("user-17"), FAILURE)
        block = tallies.take("r", START)
        assert block is not None
        assert block.canary.fresh == block.canary.failing
        names |= block.canary.fresh
    assert 2 == len(names)
    assert all(name < 1 << 48 for name in names)
    assert mixed("user-17") >> 16 not in names


def test_a_child_process_begins_with_empty_tallies() -> None:
    """What was tallied before a fork is the parent's; the child's blocks have its own name."""
    tallies = made()
    tally = tallies.open("r", "r#1", START)
    tally.record(tally.canary, 1, SUCCESS)
    tallies.restart("8-me")
    assert tallies.take("r", START) is None
    tally.record(tally.canary, 1, SUCCESS)
    block = tallies.take("r", START)
    assert block is not None
    assert "8-me" == block.process


@pytest.mark.parametrize("names", [(), ("staff",)])
def test_a_block_has_the_strata_that_are_asked_for(names: tuple[str, ...]) -> None:
    """Those of no named stratum are canary and baseline; a stratum that did nothing is there."""
    tallies = made()
    asked = Asked(strata=tuple((name, Everyone().predicate("")) for name in names))
    tally = tallies.open("r", "r#1", START, asked)
    tally.record(tally.canary, 1, SUCCESS)
    block = tallies.take("r", START)
    assert block is not None
    assert (1, 0, set(names)) == (
        block.canary.exposures,
        block.baseline.exposures,
        set(block.strata),
    )


def test_a_block_says_how_often_units_were_halved() -> None:
    """Who counts it has to know of how many units its names are a sample."""
    tallies = made()
    tally = tallies.open("r", "r#1", START, Asked(latency=True))
    for number in range(2000):
        tally.record(tally.canary, mixed(str(number)), FAILURE, 1.0)
    block = tallies.take("r", START)
    assert block is not None
    assert tally.halved == block.halved
    assert min(block.halved) >= 1
