"""Ledgers: what is counted, by whichever way it comes, in a memory that others share."""

from __future__ import annotations

from random import Random
from unittest.mock import patch

import pytest
from hypothesis import given
from hypothesis import strategies as st

from safedeploy import ledgers, sketches
from safedeploy.arms import EVENT, FAILURE, SUCCESS, Arm, Asked
from safedeploy.audiences import multiplier
from safedeploy.blocks import Part
from safedeploy.contexts import mixed
from safedeploy.latencies import bucket
from safedeploy.ledgers import FEW, Ledger

SALT = multiplier("r#1")
TIMED = Asked(latency=True)


def close(ledger: Ledger) -> tuple[Part, Part]:
    """Close a block, and return what both arms did in it."""
    return ledger.close({})[""]


def served(ledger: Ledger, units: range, outcome: int = SUCCESS, seconds: float = 1.0) -> None:
    """Count an outcome of each unit; every other one is of the canary."""
    for first in range(units.start, units.stop, 50):
        ledger.count(
            (ledger.arms[""][number % 2], mixed(f"user-{number}"), outcome, seconds)
            for number in range(first, min(first + 50, units.stop))
        )


BATCHES = st.lists(
    st.lists(st.tuples(st.integers(0, 150), st.floats(0.001, 30)), max_size=60), max_size=12
)


@pytest.mark.parametrize("asked", [Asked(), TIMED, Asked(latency=True, halvings=2)], ids=str)
@given(batches=BATCHES, dice=st.randoms())
def test_the_short_way_of_a_success_is_the_long_one(
    asked: Asked, batches: list[list[tuple[int, float]]], dice: Random
) -> None:
    """Successes that were appended to their arm count as if each had been recorded by itself, in
    a memory that overflows, too.
    """
    small = patch.multiple(sketches, EXACT=10, SLOTS=101)
    with small, patch.multiple(ledgers, FEW=9, _NEWS=10, _LOOK=2):
        short, long = Ledger(asked, SALT), Ledger(asked, SALT)
        for batch in batches:
            calls = sorted(
                ((mixed(str(unit)), seconds) for unit, seconds in batch), key=is_baseline
            )
            for unit, seconds in calls:
                arm = short.arms[""][is_baseline((unit, seconds))]
                arm.calls.append((unit, seconds) if asked.latency else unit)
            failing = [mixed(str(unit)) for unit, _ in batch if unit % 7 == 0]
            outcomes = [
                (long.arms[""][is_baseline(call)], call[0], SUCCESS, call[1]) for call in calls
            ]
            for ledger, successes in ((short, []), (long, outcomes)):
                arms = ledger.arms[""]
                failures = [(arms[is_baseline((u, 0.0))], u, FAILURE, 0.0) for u in failing]
                ledger.count([*successes, *failures])
            if dice.random() < 0.3:
                assert close(long) == close(short)
            assert long.halved == short.halved
        assert close(long) == close(short)


def is_baseline(call: tuple[int, float]) -> bool:
    """Tell of which arm a call is, by its unit."""
    return bool(call[0] >> 40 & 1)


@pytest.mark.parametrize("asked", [Asked(), TIMED], ids=str)
@pytest.mark.parametrize("units", [100, 1000])
def test_who_has_failed_is_not_at_risk_any_more(asked: Asked, units: int) -> None:
    """Exactly so for few units, and nearly so for many, whether latencies are followed or not."""
    ledger = Ledger(asked, SALT)
    served(ledger, range(units))
    served(ledger, range(units // 2), FAILURE)
    assert units // 2 == pytest.approx(sum(len(p.failing) for p in close(ledger)), rel=0.03)
    served(ledger, range(units))
    assert units // 2 == pytest.approx(sum(part.units for part in close(ledger)), rel=0.03)


def test_a_unit_that_gets_slower_twice_leaves_one_bucket_once() -> None:
    """Others that stand where it came by aren't taken for it."""
    ledger = Ledger(TIMED, SALT)
    canary, _ = ledger.arms[""]
    ledger.count([(canary, 1, SUCCESS, 1.0), (canary, 2, SUCCESS, 2.0)])
    close(ledger)
    ledger.count([(canary, unit, SUCCESS, 0.1) for unit in (1, 2)])
    ledger.count([(canary, 1, SUCCESS, seconds) for seconds in (2.0, 4.0)])
    part, _ = close(ledger)
    assert {bucket(2.0): 1} == part.stood
    assert [bucket(4.0)] == [*part.risen.values()]


@pytest.mark.parametrize("what", [FAILURE, EVENT])
def test_whom_a_block_leaves_out_is_known_all_the_same(what: int) -> None:
    """That there are too many for a block makes nobody count again in the next."""
    ledger = Ledger(Asked(events=("crash",)), SALT)
    served(ledger, range(2 * FEW), what)
    first = sum(len(part.failing | part.met("crash")) for part in close(ledger))
    assert FEW / 2 <= first <= FEW + 200
    assert (1, 0) == ledger.halved
    served(ledger, range(2 * FEW), what)
    again = sum(len(part.failing | part.met("crash")) for part in close(ledger))
    assert 0 == again


def test_new_units_are_a_sample_from_then_on() -> None:
    """Once a block had too many, later ones name new units by the same bits, in both arms."""
    ledger = Ledger(Asked(), SALT)
    served(ledger, range(3 * FEW))
    canary, baseline = close(ledger)
    assert len(canary.fresh | baseline.fresh) <= FEW + 100
    served(ledger, range(3 * FEW, 5 * FEW))
    canary, baseline = close(ledger)
    names = canary.fresh | baseline.fresh
    assert FEW / 2 * 0.8 < len(names) < FEW / 2 * 1.2
    assert all(name & 3 == 0 for name in names)
    assert pytest.approx(0.5, abs=0.1) == len(canary.fresh) / len(names)


@pytest.mark.parametrize("asked", [Asked(), TIMED], ids=str)
def test_once_harm_is_a_sample_so_are_those_at_risk(asked: Asked) -> None:
    """Of those who go on well, too, every other one counts, though all are known."""
    ledger = Ledger(asked, SALT)
    for first in range(0, 1200, 200):
        served(ledger, range(first, first + 200))
        close(ledger)
    served(ledger, range(800), FAILURE)
    close(ledger)
    assert (1, 0) == ledger.halved
    for number in range(800, 1200):
        unit = mixed(f"user-{number}")
        ledger.arms[""][number % 2].calls.append((unit, 0.5) if asked.latency else unit)
    ledger.count(())
    canary, baseline = close(ledger)
    assert 400 == canary.exposures + baseline.exposures
    assert pytest.approx(200, rel=0.15) == canary.units + baseline.units


def test_calls_that_go_on_are_named_as_harm_is() -> None:
    """Should their process die, they are harm, and a sample of it where harm is a sample."""
    ledger = Ledger(Asked(), SALT)
    canary, _ = ledger.arms[""]
    served(ledger, range(2 * FEW), FAILURE)
    units = [mixed(str(number)) for number in range(100)]
    one, other = ledger.close({canary: units})[""]
    assert {ledger.name(unit) for unit in units if not ledger.name(unit) & 1} == one.open
    assert not other.open


@pytest.mark.parametrize("active", [2000, 8000, 30_000, 250_000])
def test_how_many_are_active_is_estimated_well(active: int) -> None:
    """However many are active in one block, and so many taken for others, the estimate is near."""
    ledger = Ledger(Asked(), SALT)
    served(ledger, range(active))
    canary, baseline = close(ledger)
    assert pytest.approx(active, rel=0.03) == canary.units + baseline.units
    assert pytest.approx(canary.units, rel=0.06) == baseline.units


def test_arms_are_another_objects_as_long_as_it_wants() -> None:
    """Whoever holds an arm may go on with it after a restart."""
    ledger = Ledger(TIMED, SALT)
    arms: list[Arm] = [*ledger.arms[""]]
    ledger.restart()
    assert all(one is other for one, other in zip(arms, ledger.arms[""], strict=True))
