"""What type checkers know of flags: every way to ask one gives its own value type, without a cast.

Nothing here is run. mypy and pyright, both strict, must agree with every `assert_type`.
"""

from datetime import UTC, datetime
from enum import Enum
from typing import assert_type

from safedeploy import (
    Context,
    Engine,
    Everyone,
    FeatureFlag,
    Layer,
    Percentage,
    Resolution,
    Schedule,
    Split,
)
from safedeploy.guards import Guard

user = Context("user-17", {"plan": "beta"})
engine = Engine()

# A boolean flag

new_checkout = FeatureFlag.boolean("new-checkout", when=Percentage(5))

assert_type(new_checkout, FeatureFlag[bool])
assert_type(new_checkout.resolve(user), Resolution[bool])
assert_type(new_checkout.resolve(user).value, bool)
assert_type(engine.value(new_checkout, user), bool)
assert_type(engine.evaluate(new_checkout, user), Resolution[bool])
assert_type(engine.guard(new_checkout, user), Guard[bool])

with engine.guard(new_checkout, user) as exposure:
    assert_type(exposure.value, bool)
    assert_type(exposure.resolution, Resolution[bool])

# A multivariate flag: texts

buy_button = FeatureFlag("buy-button", variants={"calm": "grey", "loud": "red"}, default="calm")

assert_type(buy_button, FeatureFlag[str])
assert_type(buy_button.resolve(user).value, str)
assert_type(engine.value(buy_button, user), str)
assert_type(engine.guard(buy_button, user).value, str)

# A multivariate flag: any other values

page_size = FeatureFlag("page-size", variants={"small": 10, "large": 50}, default="small")
timeouts = FeatureFlag("timeouts", {"short": (0.1, 1.0), "long": (1.0, 10.0)}, "short")

assert_type(engine.value(page_size, user), int)
assert_type(engine.value(timeouts, user), tuple[float, float])

# Every edit keeps the type, and takes a variant by its name or by its value

assert_type(new_checkout.serve(variant=True), FeatureFlag[bool])
assert_type(new_checkout.serve("on"), FeatureFlag[bool])
assert_type(buy_button.serve("loud", when=Percentage(50)), FeatureFlag[str])
assert_type(page_size.serve(50, when=Everyone()), FeatureFlag[int])
assert_type(page_size.disable(), FeatureFlag[int])

# Splits, prerequisites, layers, members of enums: the type stays


class Colour(Enum):
    """Values of a flag."""

    RED = "red"
    BLUE = "blue"


checkout = Layer("checkout", {"express": 40, "one-page": 40}, holdback=10)
shade = FeatureFlag("shade", {each.name: each for each in Colour}, "RED", owner="design")
express = FeatureFlag.boolean("express", within=checkout.share("express"), expires="2026-12-31")

assert_type(shade, FeatureFlag[Colour])
assert_type(
    shade.serve(Colour.BLUE, when=Schedule(since=datetime(2026, 1, 1, tzinfo=UTC))),
    FeatureFlag[Colour],
)
assert_type(shade.serve(Split({"RED": 1, "BLUE": 2})), FeatureFlag[Colour])
assert_type(engine.value(shade.require(express, "on"), user), Colour)
assert_type(shade.require(page_size, "small", 50), FeatureFlag[Colour])
assert_type(shade.resolve(user, at=datetime(2026, 1, 1, tzinfo=UTC)).value, Colour)
assert_type(shade.explain(user), str)
assert_type(engine.explain(shade, user), str)
assert_type(engine.evaluate(shade, user).explain(), str)
