"""Tallies: what was measured, block by block."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from unittest.mock import patch

import pytest

from safedeploy import metrics
from safedeploy.contexts import mixed
from safedeploy.metrics import Tallies, Tally
from safedeploy.verdicts import Counts, Scope
from tests.laws.histories import EVERY, START

SCOPE = Scope("flag:f@1", 1, "canary", 1)
LATER = Scope("flag:f@1", 1, "half", 2)


def test_a_block_holds_what_happened_since_the_last() -> None:
    """Blocks follow one another without gap or overlap; a unit that failed is out of the next."""
    tally = Tally(START)
    for unit, failed in ((1, False), (1, True), (2, False)):
        tally.record(unit, canary=True, failed=failed)
    first = tally.take(START + EVERY)
    assert (START, START + EVERY, Counts(3, 2, 1, 2)) == (first.since, first.until, first.canary)
    for unit in (1, 2, 3):
        tally.record(unit, canary=True, failed=False)
    second = tally.take(START + 2 * EVERY)
    assert (START + EVERY, Counts(3, 2, 0, 1)) == (second.since, second.canary)
    assert Counts() == second.baseline


def test_a_change_has_one_exposure_at_a_time() -> None:
    """A new exposure drops the tally of the last; asking for the last is an error."""
    tallies = Tallies()
    tallies.open(SCOPE, START).record(1, canary=True, failed=False)
    tallies.open(LATER, START)
    assert Counts() == tallies.measure(LATER, START).canary
    for scope in (SCOPE, Scope("flag:g@1", 1, "canary", 1)):
        with pytest.raises(LookupError):
            tallies.measure(scope, START)
    tallies.close(LATER.change)
    with pytest.raises(LookupError):
        tallies.measure(LATER, START)


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
    assert 4000 == sum(block.canary.exposures for block in blocks)
    assert 4000 == sum(block.baseline.fresh for block in blocks)


def test_both_arms_are_sampled_alike() -> None:
    """Past its capacity, a tally keeps the same share of both arms, and of their failures."""
    tally = Tally(START)
    with patch.object(metrics, "CAPACITY", 2000), patch.object(metrics, "BACKLOG", 100):
        for number in range(40_000):
            unit = mixed(f"user-{number}")
            tally.record(unit, canary=number % 4 == 0, failed=number % 40 < 8)
        block = tally.take(START)
    kept = block.canary.units + block.baseline.units
    assert 900 < kept <= 2000
    assert pytest.approx(0.25, abs=0.04) == block.canary.units / kept
    assert pytest.approx(0.2, abs=0.04) == block.canary.failures / block.canary.units


def test_a_large_baseline_does_not_thin_out_a_small_canary() -> None:
    """However many people were seen in all, each block's canary units all count."""
    tally = Tally(START)
    counted = 0
    with patch.object(metrics, "CAPACITY", 1000), patch.object(metrics, "BACKLOG", 100):
        for block in range(50):
            for number in range(200):
                unit = mixed(f"user-{block}-{number}")
                tally.record(unit, canary=number % 100 == 0, failed=False)
            counted += tally.take(START).canary.units
    assert 100 == counted
