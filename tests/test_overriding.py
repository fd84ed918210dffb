"""Overriding in tests: one flag, one value, whatever else is."""

from __future__ import annotations

import threading
from datetime import timedelta

import pytest

from safedeploy.audiences import Everyone, Group
from safedeploy.contexts import Context
from safedeploy.engine import Engine
from safedeploy.errors import DefinitionError
from safedeploy.flags import FeatureFlag, Reason
from safedeploy.testing import FakeClock, overridden
from tests.laws.histories import START
from tests.laws.shops import Shop, customer, quick

USER = Context("user-1")
FLAG = FeatureFlag("checkout", {"old": "old", "new": "new"}, "old")


def test_a_test_decides_for_as_long_as_its_block_lasts() -> None:
    """Everybody gets the value, the anonymous too, with the reason; then all is as before."""
    engine = Engine()
    with overridden(engine, FLAG, "new"):
        for context in (USER, Context()):
            found = engine.evaluate(FLAG, context)
            assert ("new", Reason.OVERRIDE) == (found.value, found.reason)
        assert "test" in engine.evaluate(FLAG, USER).detail
        assert "overridden by a test" in engine.explain(FLAG, USER)
    assert "old" == engine.value(FLAG, USER)
    with pytest.raises(LookupError), overridden(engine, FLAG, "new"):
        raise LookupError
    assert "old" == engine.value(FLAG, USER)


@pytest.mark.parametrize("what", ["kill", "halt", "release", "override"])
def test_a_test_beats_everything(what: str) -> None:
    """Kills, halts, rings and operators have no say, and nothing of it is recorded."""
    shop = Shop(plan=quick())
    shop.engine.tick()
    if what == "override":
        shop.engine.override(
            shop.flag,
            "new",
            audience=Everyone(),
            until=START + timedelta(hours=1),
            by="7",
            reason="to debug",
        )
    elif what != "release":
        shop.stop({"kill": "kill", "halt": "abort"}[what])
    recorded = len(shop.journal.entries())
    for value in ("old", "new"):
        with overridden(shop.engine, shop.flag, value):
            assert {value} == {shop.engine.value(shop.flag, customer(n)) for n in range(50)}
            assert shop.engine.guard(shop.flag, customer(1)).place is None
    assert recorded == len(shop.journal.entries())


def test_the_innermost_wins_and_other_flags_are_let_alone() -> None:
    """Blocks may be nested, and end in any order."""
    engine = Engine()
    outer, inner = overridden(engine, FLAG, "new"), overridden(engine, FLAG, "old")
    with outer:
        with inner:
            assert "old" == engine.value(FLAG, USER)
        assert "new" == engine.value(FLAG, USER)
        assert engine.value(FeatureFlag.boolean("another"), USER) is False
    one, other = overridden(engine, FLAG, "new"), overridden(engine, FLAG, "old")
    one.__enter__()
    other.__enter__()
    one.__exit__(None, None, None)
    assert "old" == engine.value(FLAG, USER)
    other.__exit__(None, None, None)
    assert {} == engine._exposures._forced


def test_every_thread_sees_it() -> None:
    """What a test's server runs in threads of its own gets the value, too."""
    engine, seen = Engine(), list[str]()
    with overridden(engine, FLAG, "new"):
        thread = threading.Thread(target=lambda: seen.append(engine.value(FLAG, USER)))
        thread.start()
        thread.join()
    assert ["new"] == seen


def test_a_value_that_the_flag_does_not_have_is_refused() -> None:
    """A test that overrides with it is wrong, and told so."""
    with pytest.raises(DefinitionError, match=r"^variant="), overridden(Engine(), FLAG, "newer"):
        raise AssertionError


def test_an_override_of_an_operator_is_explained() -> None:
    """Who has it is told so, and everybody else how the flag decides without."""
    engine, until = Engine(clock=FakeClock(START)), START + timedelta(hours=1)
    engine.override(FLAG, "new", audience=Group("staff"), until=until, by="7", reason="to debug")
    staff, other = Context("user-2", groups=["staff"]), engine.explain(FLAG, USER)
    assert "to debug" in engine.explain(FLAG, staff)
    assert FLAG.explain(USER) == other
