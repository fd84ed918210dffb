"""Sampling: who watches evaluations sees enough, never too much, and never whom they were for."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Iterator
from datetime import timedelta
from typing import Any
from unittest.mock import call, patch

import pytest
from hypothesis import given
from hypothesis import strategies as st

from safedeploy import telemetry
from safedeploy.audiences import Percentage
from safedeploy.contexts import Context
from safedeploy.engine import Engine
from safedeploy.errors import DefinitionError
from safedeploy.flags import FeatureFlag, Reason, Resolution
from safedeploy.sampling import Sampling
from safedeploy.testing import FakeClock, overridden
from tests.laws.histories import START
from tests.laws.shops import Shop, customer, quick

FLAG = FeatureFlag.boolean("new-checkout", when=Percentage(50))
MANY = 10**9


@pytest.fixture(autouse=True)
def dice() -> Iterator[None]:
    """Let the dice fall the same way every time."""
    random.seed(1)
    yield
    random.seed()


def watched(
    share: float = 1, *, per_second: int = MANY, clock: FakeClock | None = None
) -> tuple[Engine, list[Resolution[Any]]]:
    """Return an engine, and what its observer is shown."""
    seen: list[Resolution[Any]] = []
    sampling = Sampling(seen.append, share=share, per_second=per_second)
    return Engine(clock=clock or FakeClock(START), evaluations=sampling), seen


def test_every_way_to_ask_is_seen() -> None:
    """A value, an evaluation and a guard show the answer that the caller gets."""
    engine, seen = watched()
    user = Context("user-1", {"plan": object()})
    expected = engine.evaluate(FLAG, Context("user-1"))
    engine.value(FLAG, user)
    engine.evaluate(FLAG, user)
    with engine.guard(FLAG, user) as exposure:
        assert exposure.resolution is seen[-1]
    assert [expected] * 4 == seen


def test_a_share_is_drawn_by_lot() -> None:
    """Of several flags that are asked in turn, each is seen as often as its share says."""
    engine, seen = watched(0.1)
    others = FeatureFlag.boolean("another")
    for number in range(10_000):
        engine.value((FLAG, others)[number % 2], Context(f"user-{number}"))
    counts = Counter(found.flag for found in seen)
    assert all(400 < counts[flag.key] < 600 for flag in (FLAG, others))
    engine, seen = watched(0)
    engine.value(FLAG, Context("user-1"))
    assert [] == seen


@given(st.lists(st.integers(0, 1500), max_size=100))
def test_no_second_shows_more_than_it_may(waits: list[int]) -> None:
    """However fast a flag is asked, two seconds that touch have twice what was agreed at most."""
    clock = FakeClock(START)
    engine, seen = watched(per_second=3, clock=clock)
    shown: list[float] = []
    for wait in waits:
        clock.advance(timedelta(milliseconds=wait))
        before = len(seen)
        engine.value(FLAG, Context("user-1"))
        shown += [clock.monotonic()] * (len(seen) - before)
    assert len(shown) <= 3 * (clock.monotonic() + 1)
    assert all(later - at > 0.999 for at, later in zip(shown, shown[6:], strict=False))
    assert min(3, len(waits)) <= len(shown)


def test_a_clock_that_is_new_begins_a_second() -> None:
    """A process whose clock starts again isn't silent until it has caught up."""
    clock = FakeClock(START)
    clock.advance(timedelta(days=1))
    engine, seen = watched(per_second=1, clock=clock)
    engine.value(FLAG, Context("user-1"))
    clock._monotonic = 0.0
    engine.value(FLAG, Context("user-1"))
    assert 2 == len(seen)


def broken(_: object) -> None:
    """Observe badly."""
    raise LookupError("user-1")


def test_an_observer_that_fails_changes_no_answer() -> None:
    """It is logged once, by the kind of error alone; a log that fails as well is let fail."""
    engine = Engine(evaluations=Sampling(broken, share=1))
    expected = Engine().evaluate(FLAG, Context("user-1"))
    with patch("safedeploy.telemetry.warn") as warn:
        for _ in range(3):
            assert expected == engine.evaluate(FLAG, Context("user-1"))
    assert [call("observing an evaluation failed", error="LookupError")] == warn.call_args_list
    engine = Engine(evaluations=Sampling(broken, share=1))
    with patch("safedeploy.telemetry.warn", side_effect=OSError):
        assert expected == engine.evaluate(FLAG, Context("user-1"))


def test_an_observer_that_asks_flags_itself_ends() -> None:
    """Its own questions are seen as well, and there is an end to that."""
    sampling = Sampling(lambda _: engine.value(FLAG, Context("user-1")), share=1, per_second=9)
    engine = Engine(evaluations=sampling)
    assert engine.value(FLAG, Context("user-1")) == Engine().value(FLAG, Context("user-1"))


def test_what_goes_wrong_is_seen() -> None:
    """A context that can't be asked shows as an error, with the kind of it."""
    engine, seen = watched()
    nobody: Any = None
    assert engine.value(FLAG, nobody) is False
    assert [Reason.ERROR] == [found.reason for found in seen]
    assert 1 == len(seen)


def test_releases_and_overrides_are_seen() -> None:
    """What is shown is what was served, ring, rollout and override included."""
    seen: list[Resolution[Any]] = []
    sampling = Sampling(seen.append, share=1, per_second=MANY)
    engine = Engine(clock=FakeClock(START), evaluations=sampling)
    engine.release(Shop.flag.serve("new"), quick())
    engine.tick()
    for number in range(50):
        assert engine.value(Shop.flag, customer(number)) == seen[-1].value
    assert {"canary", None} == {found.ring for found in seen}
    with overridden(engine, Shop.flag, "new"):
        engine.value(Shop.flag, customer(1))
    assert Reason.OVERRIDE is seen[-1].reason


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("observer", None),
        ("share", -0.1),
        ("share", 1.1),
        ("share", float("nan")),
        ("share", "1"),
        ("share", True),
        ("per_second", 0),
        ("per_second", 1.5),
        ("per_second", True),
    ],
)
def test_a_sampling_that_makes_no_sense_is_refused(field: str, value: object) -> None:
    """The error names the field and the mend."""
    given: dict[str, Any] = {"observer": print, field: value}
    with pytest.raises(DefinitionError, match=rf"^{field}=.*: give a"):
        Sampling(**given)


class Emitted:
    """Keep what a logger of OpenTelemetry is told."""

    def __init__(self) -> None:
        self.told: list[dict[str, Any]] = []

    def emit(self, **event: Any) -> None:
        self.told.append(event)


def emitted(*questions: tuple[Engine, FeatureFlag[Any], Any]) -> list[dict[str, Any]]:
    """Ask, and return the events that came of it."""
    logger = Emitted()
    with patch("opentelemetry._logs.get_logger", return_value=logger):
        observe = telemetry.evaluations()
    for engine, flag, context in questions:
        observe(engine._exposures.serve(flag, context).resolution)
    return logger.told


def test_evaluations_are_told_by_the_names_of_opentelemetry() -> None:
    """Key, variant, reason and version; ring and rollout under our own names; the kind of error."""
    engine = Engine(clock=FakeClock(START))
    rollout = engine.release(Shop.flag.serve("new"), quick())
    engine.tick()
    reached = next(n for n in range(99) if engine.value(Shop.flag, customer(n)) == "new")
    plain, ring, error = emitted(
        (Engine(), FLAG, Context("user-1")),
        (engine, Shop.flag, customer(reached)),
        (engine, FLAG, None),
    )
    assert "feature_flag.evaluation" == plain["event_name"]
    assert {
        "feature_flag.key": "new-checkout",
        "feature_flag.provider.name": "safedeploy",
        "feature_flag.result.variant": FLAG.resolve(Context("user-1")).variant,
        "feature_flag.result.reason": FLAG.resolve(Context("user-1")).reason.name.lower(),
        "feature_flag.version": FLAG.version,
    } == plain["attributes"]
    assert ("canary", rollout.id) == (
        ring["attributes"]["safedeploy.ring"],
        ring["attributes"]["safedeploy.rollout"],
    )
    assert ("general", "AttributeError") == (
        error["attributes"]["error.type"],
        error["attributes"]["feature_flag.error.message"],
    )


def test_evaluations_reach_opentelemetry() -> None:
    """The API of OpenTelemetry takes what is told; without an SDK that is nothing."""
    telemetry.evaluations()(FLAG.resolve(Context("user-1")))
