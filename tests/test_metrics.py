"""Tallies: what was measured, block by block."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from unittest.mock import patch

import pytest

from safedeploy import metrics
from safedeploy.blocks import Part
from safedeploy.contexts import mixed
from safedeploy.metrics import Tallies, Tally
from tests.laws.histories import EVERY, START


def counted(part: Part) -> tuple[int, int, int, int]:
    """Count what a part of a block holds."""
    return part.exposures, part.units, len(part.failing), len(part.fresh)


def test_a_block_holds_what_happened_since_the_last() -> None:
    """Blocks follow one another without gap or overlap; a unit that failed is out of the next."""
    tally = Tally(START)
    for unit, failed in ((1 << 20, False), (1 << 20, True), (2 << 20, False)):
        tally.record(unit, canary=True, failed=failed)
    since, canary, _ = tally.take(START + EVERY)
    assert (START, (3, 2, 1, 2)) == (since, counted(canary))
    for unit in (1 << 20, 2 << 20, 3 << 20):
        tally.record(unit, canary=True, failed=False)
    since, canary, baseline = tally.take(START + 2 * EVERY)
    assert (START + EVERY, (3, 2, 0, 1)) == (since, counted(canary))
    assert Part() == baseline


def test_a_rollout_has_one_exposure_at_a_time() -> None:
    """A new exposure drops the tally of the last, and a block names the exposure that it is of."""
    tallies = Tallies("7-me")
    tallies.open("r", "r#1", START).record(1, canary=True, failed=False)
    tallies.open("r", "r#2", START)
    assert tallies.take("r", START) is None
    tallies.open("r", "r#3", START).record(1, canary=True, failed=False)
    block = tallies.take("r", START + EVERY)
    assert block is not None
    assert ("r#3", "7-me", 1) == (block.exposure, block.process, block.sequence)
    tallies.close("r")
    assert tallies.take("r", START) is None


def test_units_leave_as_hashes_of_their_exposure() -> None:
    """A block names a unit by bits that differ from its own and from those of other exposures."""
    names: set[int] = set()
    for exposure in ("r#1", "r#2"):
        tallies = Tallies("7-me")
        tallies.open("r", exposure, START).record(mixed("user-17"), canary=True, failed=True)
        block = tallies.take("r", START)
        assert block is not None
        assert block.canary.fresh == block.canary.failing
        names |= block.canary.fresh
    assert 2 == len(names)
    assert all(name < 1 << 48 for name in names)
    assert mixed("user-17") >> 16 not in names


def test_a_child_process_begins_with_empty_tallies() -> None:
    """What was tallied before a fork is the parent's, and so is a lock that somebody held."""
    tallies = Tallies("7-me")
    tally = tallies.open("r", "r#1", START)
    tally.record(1, canary=True, failed=False)
    tally._lock.acquire()
    tallies.restart("8-me")
    assert tallies.take("r", START) is None
    tally.record(1, canary=True, failed=False)
    block = tallies.take("r", START)
    assert block is not None
    assert "8-me" == block.process


def test_threads_lose_nothing() -> None:
    """Outcomes recorded by many threads while blocks are taken are all counted once."""
    tally = Tally(START)

    def record(first: int) -> None:
        for number in range(first, first + 2000):
            tally.record(mixed(str(number)), canary=number % 2 == 0, failed=False)

    with patch.object(metrics, "BACKLOG", 64), ThreadPoolExecutor(4) as pool:
        futures = [pool.submit(record, thread * 2000) for thread in range(4)]
        blocks = [tally.take(START) for _ in range(50)]
        for future in futures:
            future.result()
    blocks.append(tally.take(START))
    assert 4000 == sum(canary.exposures for _, canary, _ in blocks)
    assert 4000 == sum(len(baseline.fresh) for _, _, baseline in blocks)


def test_both_arms_are_sampled_alike() -> None:
    """Past its capacity, a tally keeps the same share of both arms, and of their failures."""
    tally = Tally(START)
    with patch.object(metrics, "CAPACITY", 2000), patch.object(metrics, "BACKLOG", 100):
        for number in range(40_000):
            unit = mixed(f"user-{number}")
            tally.record(unit, canary=number % 4 == 0, failed=number % 40 < 8)
        _, canary, baseline = tally.take(START)
    kept = canary.units + baseline.units
    assert 900 < kept <= 2000
    assert pytest.approx(0.25, abs=0.04) == canary.units / kept
    assert pytest.approx(0.2, abs=0.04) == len(canary.failing) / canary.units


def test_a_large_baseline_does_not_thin_out_a_small_canary() -> None:
    """However many people were seen in all, each block's canary units all count."""
    tally = Tally(START)
    canary_units = 0
    with patch.object(metrics, "CAPACITY", 1000), patch.object(metrics, "BACKLOG", 100):
        for block in range(50):
            for number in range(200):
                unit = mixed(f"user-{block}-{number}")
                tally.record(unit, canary=number % 100 == 0, failed=False)
            canary_units += tally.take(START)[1].units
    assert 100 == canary_units
