"""A release that watches itself: a defect shows in the second ring, and the release undoes itself.

The new checkout fails one time in ten, from 25 % of the people on; the old one fails one time in a
hundred. The engine compares those who got the change with those who didn't, halts, and rolls back.
A fake clock makes hours pass in a moment, and an observer prints every event as it happens.
"""

from datetime import timedelta

from safedeploy import (
    Context,
    Engine,
    ErrorRate,
    FeatureFlag,
    HealthModel,
    MemoryJournal,
    Plan,
    Ring,
    RolledBack,
    Rollout,
    Usage,
    exposure,
)
from safedeploy.events import Event
from safedeploy.testing import FakeClock

clock = FakeClock()
new_checkout = FeatureFlag.boolean("new-checkout")
plan = Plan(
    rings=(
        Ring("canary", percent=5, bake=timedelta(minutes=30)),
        Ring("early", percent=25, bake=timedelta(hours=2)),
        Ring("everyone", percent=100, bake=timedelta(hours=6)),
    ),
    health=HealthModel(ErrorRate(tolerate=1.25), Usage(at_least=20)),
    must_see=5,  # a ring isn't left before five times the failures would have been noticed
    assess_every=timedelta(minutes=1),
)


class CheckoutError(Exception):
    """The checkout failed."""


def narrate(event: Event, rollout: Rollout) -> None:
    """Print an event, and how far the change has got after it."""
    exposed = f"{exposure(rollout).percent:g} %"
    what = f"{type(event).__name__:15} {rollout.state.label:11} {exposed:>5}"
    print(f"{event.at:%H:%M}  {what}  {event.reason}")


def checkout(number: int, *, new: bool, early: bool) -> None:
    """Sell something: the new way has a defect that only shows at some scale."""
    if number % 100 == 0 or (new and early and number % 10 == 0):
        raise CheckoutError


def visit(engine: Engine, number: int, *, early: bool) -> None:
    """Serve one visitor, and let the guard see how it ends."""
    try:
        with engine.guard(new_checkout, Context(f"visitor-{number}")) as got:
            checkout(number, new=got.value, early=early)
    except CheckoutError:
        pass  # the visitor sees an apology, and the guard has seen the failure


def drive(engine: Engine, rollout: Rollout) -> Rollout:
    """Let minutes of 600 visitors each pass, until the rollout is over."""
    visitors = 0
    while (now := engine.rollout(rollout)).in_flight:
        for _ in range(600):
            visitors += 1
            visit(engine, visitors, early=now.state.ring >= 1)
        clock.advance(plan.assess_every)
        engine.tick()
    return now


if __name__ == "__main__":
    engine = Engine(clock=clock, journal=MemoryJournal(), observers=[narrate])
    rollout = engine.release(new_checkout.serve("on"), plan)
    engine.tick()
    rollout = drive(engine, rollout)

    assert isinstance(rollout.state, RolledBack)
    assert rollout.ring.name == "early"
    assert "error rate" in rollout.state.cause.reason
    people = [Context(f"visitor-{number}") for number in range(1000)]
    assert not any(engine.value(new_checkout, person) for person in people)
    print(f"{rollout.change} is {rollout.state.label}: nobody has it any more.")
