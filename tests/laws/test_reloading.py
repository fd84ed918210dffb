"""The laws of what comes from elsewhere: A14, that nothing goes around a plan, and E5, of files."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from datetime import timedelta
from typing import Any

import attrs
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from safedeploy.audiences import Group, Percentage
from safedeploy.contexts import Context
from safedeploy.engine import Engine
from safedeploy.errors import DefinitionError, OverrideRefusedError, ReleaseRefusedError
from safedeploy.flags import FeatureFlag, Reason
from safedeploy.health import HealthModel
from safedeploy.journals import Journal, MemoryJournal
from safedeploy.moves import Fate, Reloaded
from safedeploy.plans import Plan, Ring
from safedeploy.signals import Usage
from safedeploy.states import Rollout
from safedeploy.testing import FakeClock
from tests.laws.histories import EVERY, START

PLAN = Plan(
    rings=(
        Ring("some", percent=30, bake=EVERY),
        Ring("everyone", percent=100, bake=EVERY),
    ),
    health=HealthModel(Usage(at_least=1)),
    holdback=10,
    assess_every=EVERY,
)
PEOPLE = [Context(f"user-{number}", groups=["staff"] * (number % 3 == 0)) for number in range(60)]

_A = FeatureFlag("a", {"old": "old", "new": "new"}, "old")
_B = FeatureFlag("b", {"x": 1, "y": 2, "z": 3}, "x")
_C = FeatureFlag.boolean("c")
POOL: Mapping[str, tuple[FeatureFlag[Any], ...]] = {
    "a": (_A, _A.serve("new", when=Percentage(40)), _A.serve("new"), _A.disable()),
    "b": (_B, _B.serve("y"), _B.serve("z", when=Percentage(50)), _B.serve("y", when=Percentage(0))),
    "c": (_C, _C.serve("on"), _C.serve("on").require(_A.serve("new"), "new")),
}
FIRST = {"a": 1, "b": 0}
"""Which of the definitions are in the file at first, by number; "c" comes later."""

Served = Mapping[str, tuple[object, ...]]


BY_PEOPLE = ["kill", "override", "lift", "release", "abort", "unguarded"]
STEPS = st.lists(
    st.tuples(
        st.sampled_from(["edit", "edit", "tick", "tick", "tick", "reload", "restart", *BY_PEOPLE]),
        st.sampled_from(sorted(POOL)),
        st.integers(0, 3),
    ),
    max_size=14,
)


class Shop:
    """A file of flags, and an engine that serves what is in it, in virtual time.

    Each step says of which flags it may change what anybody gets; and what may be got of them.
    """

    def __init__(self) -> None:
        self.clock = FakeClock(START)
        self.journal: Journal = MemoryJournal()
        self.numbers = dict(FIRST)
        self.start()

    def start(self) -> None:
        """Start a process: whatever the code has comes from the file, read anew."""
        self.engine = Engine(clock=self.clock, journal=self.journal)
        self.reload()

    def reload(self) -> Reloaded:
        """Bring what is in the file to people, under a plan."""
        self.file = {key: attrs.evolve(POOL[key][n]) for key, n in self.numbers.items()}
        return self.engine.reload(self.file, plan=PLAN)

    @property
    def served(self) -> Served:
        """What everybody gets, by flag."""
        return {
            key: tuple(self.engine.value(flag, person) for person in PEOPLE)
            for key, flag in self.file.items()
        }

    @property
    def in_flight(self) -> dict[str, Rollout]:
        """The rollouts that may move people, by flag."""
        return {each.change.name: each for each in self.engine.rollouts() if each.in_flight}

    def do(self, action: str, key: str, number: int) -> set[str]:
        """Do something, and return the flags of which somebody may get something else by it."""
        known = key in self.file
        flag = POOL[key][number % len(POOL[key])]
        if action == "edit":
            self.numbers[key] = number % len(POOL[key])
            self.reload()
        elif action == "reload":
            self.reload()
        elif action == "restart":
            self.start()
        elif action == "tick":
            return self.tick()
        elif action == "lift":
            return self.lift()
        elif action == "unguarded":
            self.file.setdefault(key, flag)
            self.numbers.setdefault(key, number % len(POOL[key]))
            return {*self.engine.reload([flag], unguarded="it burns", by="7").of(Fate.TAKEN)}
        elif known:
            getattr(self, action)(flag)
            return {key} - ({key} if action == "release" else set())
        return set()

    def tick(self) -> set[str]:
        """Let an interval pass in which everybody comes by."""
        moving = {*self.in_flight}
        self.clock.advance(EVERY)
        self.engine.tick()
        for key in moving & {*self.file}:
            for person in PEOPLE:
                with self.engine.guard(self.file[key], person):
                    pass
        return moving

    def kill(self, flag: FeatureFlag[Any]) -> None:
        """Kill a flag."""
        self.engine.kill(flag, by="7", reason="it burns")

    def override(self, flag: FeatureFlag[Any]) -> None:
        """Override a flag for some, if that can be done."""
        variant, until = next(iter(flag.variants)), self.clock.now() + timedelta(days=1)
        how = {"by": "7", "reason": "to debug"}
        with suppress(OverrideRefusedError):
            self.engine.override(flag, variant, audience=Group("staff"), until=until, **how)

    def lift(self) -> set[str]:
        """Lift all overrides."""
        standing = self.engine.overrides()
        for override in standing:
            self.engine.lift(override, by="7", reason="seen")
        return {override.flag for override in standing}

    def release(self, flag: FeatureFlag[Any]) -> None:
        """Release a definition that isn't in the file, if that can be done."""
        with suppress(ReleaseRefusedError):
            self.engine.release(flag, PLAN)

    def abort(self, flag: FeatureFlag[Any]) -> None:
        """Abort what is in flight."""
        if rollout := self.in_flight.get(flag.key):
            self.engine.abort(rollout, by="7", reason="better not")


def moved(before: Served, after: Served) -> set[str]:
    """Return the flags of which somebody gets something else; of a new one, not the off variant."""
    off = {key: (POOL[key][0].variants[POOL[key][0].off],) * len(PEOPLE) for key in POOL}
    return {key for key, values in after.items() if values != before.get(key, off[key])}


def also(flags: set[str]) -> set[str]:
    """Return flags, with those that require them."""
    return flags | {"c"} if "a" in flags else flags


@pytest.mark.law("A14")
@given(STEPS)
@example([("edit", "a", 2), ("tick", "a", 0), ("restart", "a", 0), ("tick", "a", 0)])
@example([("edit", "c", 1), ("restart", "a", 0), ("tick", "a", 0), ("reload", "a", 0)])
@example([("kill", "a", 0), ("edit", "a", 2), ("restart", "a", 0), ("tick", "a", 0)])
@example([("unguarded", "b", 1), ("edit", "b", 1), ("restart", "a", 0)])
def test_nothing_goes_around_a_plan(steps: list[tuple[str, str, int]]) -> None:
    """What anybody gets changes by a release that ticks, a reason, a kill, a halt, an override.

    A reload by itself, a restart, and a file that is read anew change nothing. The first file is
    what everybody has; a flag that comes later is off.
    """
    shop = Shop()
    served = shop.served
    assert served == {
        key: tuple(flag.resolve(person).value for person in PEOPLE)
        for key, flag in shop.file.items()
    }
    for step in steps:
        may_move = also(shop.do(*step))
        before, served = served, shop.served
        assert moved(before, served) <= may_move, step


@pytest.mark.law("A14")
@given(STEPS)
@example([("edit", "b", 1), ("tick", "b", 0)])
def test_who_is_moved_gets_what_was_released(steps: list[tuple[str, str, int]]) -> None:
    """A tick moves people to the definition that is in flight, from the one that was stable."""
    shop = Shop()
    for action, key, number in steps:
        before, moving = shop.served, shop.in_flight
        shop.do(action, key, number)
        after = shop.served
        if action == "tick":
            for each, rollout in moving.items():
                if each not in shop.file or each == "c" or rollout.definition is None:
                    continue
                new = [rollout.definition.resolve(person).value for person in PEOPLE]
                now = zip(before.get(each, after[each]), after[each], new, strict=True)
                assert all(value in {old, fresh} for old, value, fresh in now)


class File:
    """A file of definitions that may be gone, broken, or good."""

    def __init__(self, flags: Mapping[str, FeatureFlag[Any]]) -> None:
        self.flags: Mapping[str, FeatureFlag[Any]] | None = flags

    def read(self) -> Mapping[str, FeatureFlag[Any]]:
        """Return what is in it."""
        if self.flags is None:
            raise DefinitionError("file", "user-17", "close the bracket")
        return self.flags


@pytest.mark.law("E5")
@given(st.lists(st.sampled_from(["tick", "break", "mend", "ask", "restart"]), max_size=12))
@example(["break", "tick", "ask", "mend", "tick", "ask"])
@example(["break", "restart", "ask"])
def test_a_file_that_breaks_changes_nothing(steps: list[str]) -> None:
    """The last known good is served, and said to be: at the next tick, until the file is mended."""
    clock, journal, good = FakeClock(START), MemoryJournal(), dict(Shop().file)
    file = File(good)
    engine = Engine(clock=clock, journal=journal)
    source, is_stale = engine.follow(file.read, plan=PLAN), False
    usual = {key: [engine.evaluate(flag, it) for it in PEOPLE] for key, flag in good.items()}
    for step in steps:
        if step in {"break", "mend"}:
            file.flags = None if step == "break" else good
        elif step == "tick":
            clock.advance(source.every)
            engine.tick()
            is_stale = file.flags is None
        elif step == "restart":
            engine = Engine(clock=clock, journal=journal)
            source, is_stale = engine.follow(file.read, plan=PLAN), file.flags is None
        assert is_stale == bool(source.trouble)
        for key, found in usual.items():
            for person, before in zip(PEOPLE, found, strict=True):
                now = engine.evaluate(source.flags[key], person)
                assert (before.value, before.variant) == (now.value, now.variant)
                assert now.reason is (Reason.STALE if is_stale else before.reason)
