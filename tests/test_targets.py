"""Targets: each of ours keeps the contract, each check of it was seen to fail; and regions."""

from __future__ import annotations

import sys
import threading
from collections import Counter
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from safedeploy.changes import Change
from safedeploy.errors import DefinitionError, TargetError
from safedeploy.programs import Script
from safedeploy.targets import Order, Regions, RetryingTarget, Target, applied, withdrawn
from safedeploy.testing import TARGET_CONTRACT, FakeTarget, Made

CHECKS = {check.__name__: check for check in TARGET_CONTRACT}
CHANGE = Change.code("shop", version="2")
ORDER = Order(id="1", change=CHANGE, ring="all", percent=50, epoch=1)

DEPLOY = """
import json, os, pathlib, sys
place, doing = pathlib.Path(sys.argv[1]), sys.argv[2]
known = json.loads(place.read_text()) if place.exists() else []
version, percent = os.environ["SAFEDEPLOY_VERSION"], os.environ["SAFEDEPLOY_PERCENT"]
others = [each for each in known if each[0] != version]
if doing == "apply":
    place.write_text(json.dumps([*others, [version, percent]]))
elif doing == "withdraw":
    place.write_text(json.dumps(others))
else:
    there = dict(known[-1:]).get(version)
    sys.exit(there is None or percent not in ("0", there))
"""
"""A deploy script whose place is a file."""


def fakes(_: Path) -> Made:
    return partial(FakeTarget, needs=["size"])


def regions(_: Path) -> Made:
    return lambda: Regions("world", [FakeTarget("eu"), FakeTarget("us")], at_once=2)


def retrying(_: Path) -> Made:
    return lambda: RetryingTarget(FakeTarget())


def scripts(folder: Path) -> Made:
    program, number = folder / "deploy.py", iter(range(99))
    program.write_text(DEPLOY, encoding="utf-8")

    def made() -> Script:
        run = (sys.executable, str(program), str(folder / f"{next(number)}.json"))
        return Script(
            "script",
            apply_by=[*run, "apply"],
            withdraw_by=[*run, "withdraw"],
            verify_by=[*run, "verify"],
        )

    return made


TARGETS: dict[str, Callable[[Path], Made]] = {
    "fake": fakes,
    "regions": regions,
    "retrying": retrying,
    "script": scripts,
}


@pytest.mark.parametrize("check", TARGET_CONTRACT, ids=lambda check: check.__name__)
@pytest.mark.parametrize("kind", list(TARGETS))
def test_every_target_keeps_the_contract(
    kind: str, check: Callable[[Made], None], tmp_path: Path
) -> None:
    """Whatever a target is made of, all that an engine relies on holds."""
    check(TARGETS[kind](tmp_path))


# Planted bugs


class Nameless(FakeTarget):
    """It doesn't say what it is."""

    def __init__(self) -> None:
        super().__init__("")


class Sure(FakeTarget):
    """It never looks."""

    def verify(self, order: Order) -> bool:
        return bool(order.percent)


class Once(FakeTarget):
    """What was done isn't done again, even if it was undone."""

    def apply(self, order: Order) -> None:
        if not any(deed == "withdraw" for deed, _ in self.asked):
            super().apply(order)


class Strict(FakeTarget):
    """Who repeats an order is refused."""

    def apply(self, order: Order) -> None:
        if ("apply", order) in self.asked:
            raise TargetError("id", order.id, "this was done")
        super().apply(order)


class Small(FakeTarget):
    """A share never grows."""

    def apply(self, order: Order) -> None:
        if not self.share(order.change):
            super().apply(order)


class OneByOne(FakeTarget):
    """Each ring has to be withdrawn by itself."""

    def apply(self, order: Order) -> None:
        self._there.setdefault(order.change.subject, []).append(order)

    def withdraw(self, order: Order) -> None:
        if there := self._there.get(order.change.subject):
            there.pop()


class Emptying(FakeTarget):
    """Nothing is there after a withdrawal."""

    def withdraw(self, order: Order) -> None:
        self._there.clear()


class RollingBack(FakeTarget):
    """Whatever is there last goes, whose ever it is."""

    def withdraw(self, order: Order) -> None:
        if there := self._there.get(order.change.subject):
            there.pop()


PLANTED: list[tuple[str, Callable[[], Target]]] = [
    ("it_says_what_it_is", Nameless),
    ("what_was_applied_is_there", Sure),
    ("an_order_may_be_repeated", Strict),
    ("a_share_grows", Small),
    ("withdrawing_reverses_applying", OneByOne),
    ("what_was_there_returns", Emptying),
    ("what_never_arrived_may_be_withdrawn", RollingBack),
    ("it_may_be_applied_anew", Once),
]


@pytest.mark.parametrize(("name", "bug"), PLANTED)
def test_a_planted_bug_is_noticed(name: str, bug: Callable[[], Target]) -> None:
    """Each check fails for a target that breaks the law that it names."""
    with pytest.raises((AssertionError, TargetError)):
        CHECKS[name](bug)


def test_every_check_was_seen_to_fail() -> None:
    """No check of the contract is without a planted bug."""
    assert set(CHECKS) == {name for name, _ in PLANTED}


# Verifying


def test_what_is_applied_is_verified() -> None:
    """A target that has done nothing hasn't done it, whatever it returns."""

    class Idle(FakeTarget):
        def apply(self, order: Order) -> None:
            pass

        def withdraw(self, order: Order) -> None:
            pass

    target = Idle()
    with pytest.raises(TargetError, match="it isn't there"):
        applied(target, ORDER)
    withdrawn(target, ORDER)
    FakeTarget.apply(target, ORDER)
    with pytest.raises(TargetError, match="it is there still"):
        withdrawn(target, attrs.evolve(ORDER, percent=0))


# Regions


LOCK = threading.Lock()


class Counting(FakeTarget):
    """A region that sees how many are at work, and waits for enough of them."""

    def __init__(self, name: str, meeting: threading.Barrier, busy: Counter[str]) -> None:
        super().__init__(name)
        self.meeting, self.busy = meeting, busy

    def apply(self, order: Order) -> None:
        with LOCK:
            self.busy["now"] += 1
            self.busy["most"] = max(self.busy["most"], self.busy["now"])
        self.meeting.wait(timeout=30)
        with LOCK:
            self.busy["now"] -= 1
        super().apply(order)


@pytest.mark.parametrize("at_once", [1, 2, 4])
def test_so_many_regions_work_at_once(at_once: int) -> None:
    """As many as may, and no more."""
    busy, meeting = Counter[str](), threading.Barrier(at_once)
    places = [Counting(f"{number}", meeting, busy) for number in range(4)]
    Regions("world", places, at_once=at_once).apply(ORDER)
    assert at_once == busy["most"]
    assert all(place.share(CHANGE) == 50 for place in places)


def world(*fails: str, at_once: int = 1) -> tuple[Regions, dict[str, FakeTarget]]:
    """Make three regions, some of which fail."""
    places = {name: FakeTarget(name, needs=[f"size of {name}"]) for name in ("eu", "us", "asia")}
    for name in fails:
        places[name].fails = {"apply", "withdraw"}
    return Regions("world", places.values(), at_once=at_once), places


def test_one_region_that_fails_keeps_others_from_beginning() -> None:
    """What a ring breaks in one region goes no further, and each region's part is told."""
    regions, places = world("us")
    with pytest.raises(TargetError) as raised:
        regions.apply(ORDER)
    assert "eu: done; us: apply='us': it was told to fail; asia: not begun" in str(raised.value)
    assert [] == places["asia"].asked


def test_one_region_that_fails_keeps_none_from_being_withdrawn() -> None:
    """Recovery is per region: the last one first, and all of them."""
    regions, places = world()
    regions.apply(ORDER)
    places["us"].fails = {"withdraw"}
    with pytest.raises(TargetError, match=r"asia: done; us: withdraw='us': .*; eu: done"):
        regions.withdraw(attrs.evolve(ORDER, percent=0))
    assert {0.0} == {place.share(CHANGE) for place in places.values()}


def test_a_region_is_told_what_concerns_it() -> None:
    """Orders of regions have ids of their own, and the parameters that the region needs."""
    regions, places = world()
    needs = dict.fromkeys(regions.needs, "9")
    regions.apply(attrs.evolve(ORDER, parameters=needs))
    [order] = [order for deed, order in places["us"].asked if deed == "apply"]
    assert ("1/us", {"size of us": "9"}) == (order.id, dict(order.parameters))


def test_a_change_in_some_regions_is_neither_there_nor_gone() -> None:
    """So neither applying nor withdrawing counts as done."""
    regions, places = world()
    places["eu"].apply(ORDER)
    with pytest.raises(TargetError, match="in some of them"):
        regions.verify(ORDER)


@given(st.sets(st.sampled_from(["eu", "us", "asia"])), st.integers(1, 3))
def test_regions_that_failed_are_asked_again(fails: set[str], at_once: int) -> None:
    """Whatever was half done, asking again does the whole, and asking for the reverse undoes it."""
    regions, places = world(*fails, at_once=at_once)
    for _ in range(2):
        try:
            regions.apply(ORDER)
            assert regions.verify(ORDER)
        except TargetError:
            assert fails
        for place in places.values():
            place.fails.clear()
    assert regions.verify(ORDER)
    regions.withdraw(attrs.evolve(ORDER, percent=0))
    assert not regions.verify(attrs.evolve(ORDER, percent=0))


@pytest.mark.parametrize(
    ("field", "regions", "at_once"),
    [
        ("regions", [], 1),
        ("regions", [FakeTarget("eu"), FakeTarget("eu")], 1),
        ("at_once", [FakeTarget("eu")], 0),
        ("at_once", [FakeTarget("eu")], True),
        ("at_once", [FakeTarget("eu")], 1.5),
    ],
)
def test_regions_that_make_no_sense_are_refused(field: str, regions: Any, at_once: Any) -> None:
    """With field and mend."""
    with pytest.raises(DefinitionError) as refused:
        Regions("world", regions, at_once=at_once)
    assert field == refused.value.field


# Trying again


class Flaky(FakeTarget):
    """It fails so often, and then no more."""

    def __init__(self, times: int, error: Exception) -> None:
        super().__init__()
        self.left, self.error = times, error

    def apply(self, order: Order) -> None:
        super().apply(order)
        if self.left:
            self.left -= 1
            raise self.error


@pytest.mark.parametrize("error", [OSError(), TargetError("a", "b", "c")])
def test_what_fails_in_passing_is_tried_again(error: Exception) -> None:
    """So often, with growing pauses; what the last try raises is passed on."""
    pauses: list[float] = []
    target = Flaky(2, error)
    RetryingTarget(target, sleep=pauses.append).apply(ORDER)
    assert (2, 50.0) == (len(pauses), target.share(CHANGE))
    with pytest.raises(type(error)):
        RetryingTarget(Flaky(3, error), sleep=pauses.append).apply(ORDER)


def test_what_is_no_passing_failure_is_not_tried_again() -> None:
    """A mistake stays one."""
    target = Flaky(1, ValueError("oh"))
    with pytest.raises(ValueError, match=r"^oh$"):
        RetryingTarget(target, sleep=lambda _: None).apply(ORDER)
