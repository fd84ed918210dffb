"""Overrides and samplings, as type checkers see them."""

from datetime import UTC, datetime
from typing import assert_type

from safedeploy import Context, Engine, Everyone, FeatureFlag, Override, Resolution, Sampling
from safedeploy.testing import overridden

engine = Engine(evaluations=Sampling(print, share=0.5))
flag = FeatureFlag("limit", {"low": 10, "high": 20}, "low")
END = datetime(2026, 1, 1, tzinfo=UTC)

given = engine.override(flag, 20, audience=Everyone(), until=END, by="7", reason="to debug")
assert_type(given, Override)
assert_type(engine.overrides(), tuple[Override, ...])
engine.override(flag, "high", audience=Everyone(), until=END, by="7", reason="to debug")
engine.lift(given, by="7", reason="seen")
engine.lift("limit#1", by="7", reason="seen")

with overridden(engine, flag, 20):
    assert_type(engine.value(flag, Context("user-17")), int)


def observe(found: Resolution[object]) -> None:
    """Take any flag's answer."""


Sampling(observe)
