"""Arms: what is collected of one arm in a block, and what a health model asks for."""

from __future__ import annotations

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from safedeploy.arms import EVENT, FAILURE, UNFINISHED, Arm, Asked
from safedeploy.audiences import Group
from safedeploy.blocks import Part
from safedeploy.contexts import Context, mixed
from safedeploy.health import HealthModel
from safedeploy.signals import ErrorRate, Usage

NAMES = st.sets(st.integers(0, 2**48 - 1), max_size=60)
MASKS = st.integers(0, 5).map(lambda number: (1 << number) - 1)


def arm(failing: set[int], others: int = 0) -> Arm:
    """Return an arm in which so many units failed, or were active otherwise."""
    made = Arm()
    made.units = len(failing) + others
    made.harmed.extend(name << 8 | FAILURE for name in failing)
    return made


def test_a_block_begins_empty() -> None:
    """What wasn't seen isn't in it."""
    assert Part() == Arm().part((), ())


@given(NAMES, NAMES, NAMES)
def test_each_unit_is_in_its_place(failing: set[int], hung: set[int], met: set[int]) -> None:
    """A name keeps all of its bits; who failed and hung has failed; events have their names."""
    made = arm(failing)
    made.harmed.extend(name << 8 | UNFINISHED for name in hung)
    made.harmed.extend(name << 8 | EVENT + 1 for name in met)
    part = made.part(("crash", "order"), {7})
    assert failing == part.failing
    assert hung - failing == part.unfinished
    assert ({"order": met} if met else {}) == part.events
    assert {7} == part.open
    assert len(failing | hung) == part.units


@given(NAMES, st.integers(0, 500), MASKS)
def test_harm_is_halved_with_those_who_could_have_met_it(
    failing: set[int], others: int, mask: int
) -> None:
    """Of those who failed, and of those who didn't, half are left; what is over isn't lost."""
    made = arm(failing, others)
    made.halve_harmed(mask)
    part = made.part((), ())
    assert {name for name in failing if not name & mask} == part.failing
    assert others // 2 == part.units - len(part.failing)
    made.begin()
    assert others % 2 / 2 == made.units


@given(st.dictionaries(st.integers(1, 127), st.integers(1, 9)), MASKS)
def test_who_stands_still_is_halved_through_all_buckets(stood: dict[int, int], mask: int) -> None:
    """However few stand in each bucket, half of all are left, and no bucket gains."""
    made = Arm()
    for bucket, units in stood.items():
        made.stood[bucket] = units
    made.halve_risen(mask)
    left = made.part((), ()).stood
    assert sum(stood.values()) // 2 == sum(left.values())
    assert all(left[bucket] <= stood[bucket] for bucket in left)
    assert mask == made.skip


@given(NAMES, MASKS)
def test_names_are_sampled_by_their_bits(names: set[int], mask: int) -> None:
    """New units, and those that got slower, are left out by the same bits."""
    made = Arm()
    made.fresh.extend(name << 8 for name in names)
    made.risen.extend(name << 8 | 9 for name in names)
    made.halve_fresh(mask)
    made.halve_risen(mask)
    part = made.part((), ())
    assert {name for name in names if not name & mask} == part.fresh == set(part.risen)


def test_a_model_says_what_it_asks_for() -> None:
    """Events, strata and the deadline are the model's; without signals that ask, nothing is."""
    plain = HealthModel(ErrorRate(), Usage(at_least=1))
    assert Asked(deadline=60) == Asked.by(plain, "flag:shop", 50)
    asked = Asked.by(
        HealthModel(
            ErrorRate(of="crash"),
            ErrorRate(of="abort"),
            Usage(at_least=1),
            strata={"staff": Group("staff")},
            unfinished_after=timedelta(seconds=5),
        ),
        "flag:shop",
        50,
    )
    assert (("abort", "crash"), 5) == (asked.events, asked.deadline)
    [(name, matches)] = asked.strata
    assert ("staff", True, False) == (
        name,
        matches(Context("1", groups=["staff"])),
        matches(Context("1")),
    )


@pytest.mark.parametrize(
    ("percent", "halvings"), [(100, 0), (50, 0), (20, 0), (6, 0), (5, 1), (1, 3), (0.1, 6)]
)
def test_baseline_units_enough_for_each_canary_unit_are_followed(
    percent: float, halvings: int
) -> None:
    """Eight to sixteen where there are more; all where there aren't."""
    asked = Asked.by(HealthModel(Usage(at_least=1)), "flag:shop", percent)
    assert halvings == asked.halvings
    followed = (100 - percent) / percent / 2**halvings
    assert followed < 16
    assert followed >= 8 or not halvings


def test_names_of_events_are_bounded() -> None:
    """However many events signals ask for, each kept one has a number in a byte."""
    signals = [ErrorRate(of=f"event {number}") for number in range(300)]
    events = Asked.by(HealthModel(*signals, Usage(at_least=1)), "flag:shop", 50).events
    assert EVENT + len(events) == 256
    made = Arm()
    made.harmed.append(mixed("u") >> 16 << 8 | 255)
    assert events[-1] in made.part(events, ()).events
