"""Contracts: what every target does, to be held against a target of one's own."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

from safedeploy.changes import Change
from safedeploy.targets import Order, Target
from safedeploy.testing.expectations import holds

Made: TypeAlias = Callable[[], Target]
"""Makes a target to which nothing of the subject `service:contract` was ever applied."""

_ONE = Change.code("contract", version="1")
_TWO = Change.code("contract", version="2")


def _order(target: Target, change: Change, number: int, percent: float = 100) -> Order:
    ring = f"ring {number}"
    parameters = dict.fromkeys(target.needs, "1")
    return Order(
        id=f"{change}#{number}.{ring}",
        change=change,
        ring=ring,
        percent=percent,
        epoch=number,
        parameters=parameters,
    )


def it_says_what_it_is(make: Made) -> None:
    """Say what it is called, and by name what parameters it needs."""
    target = make()
    holds(isinstance(target.name, str) and target.name, "it has a name")
    holds(all(isinstance(name, str) for name in target.needs), "it needs parameters by name")


def what_was_applied_is_there(make: Made) -> None:
    """Verify what was applied, and nothing else."""
    target = make()
    order = _order(target, _ONE, 1)
    holds(target.verify(order) is False, "what wasn't applied isn't there")
    target.apply(order)
    holds(target.verify(order) is True, "what was applied is there")
    holds(target.verify(_order(target, _TWO, 1)) is False, "and no other version is")


def an_order_may_be_repeated(make: Made) -> None:
    """Carry out again what was carried out, as after a crash."""
    target = make()
    order = _order(target, _ONE, 1)
    for _ in range(2):
        target.apply(order)
        holds(target.verify(order) is True, "applied again, it is there")
    back = _order(target, _ONE, 2, 0)
    for _ in range(2):
        target.withdraw(back)
        holds(target.verify(back) is False, "withdrawn again, it is gone")


def a_share_grows(make: Made) -> None:
    """Bring a change further, for a later ring."""
    target = make()
    target.apply(_order(target, _ONE, 1, 10))
    target.apply(_order(target, _ONE, 2, 100))
    holds(target.verify(_order(target, _ONE, 2, 100)) is True, "it is on the larger share")


def withdrawing_reverses_applying(make: Made) -> None:
    """Take a change away at once, whichever rings it was applied for."""
    target = make()
    target.apply(_order(target, _ONE, 1, 10))
    target.apply(_order(target, _ONE, 2, 100))
    target.withdraw(_order(target, _ONE, 3, 0))
    for number, percent in ((1, 10.0), (2, 100.0), (3, 0.0)):
        found = target.verify(_order(target, _ONE, number, percent))
        holds(found is False, "what was withdrawn is on no share")


def what_was_there_returns(make: Made) -> None:
    """Give back the version that was there before."""
    target = make()
    before = _order(target, _ONE, 1)
    target.apply(before)
    target.apply(_order(target, _TWO, 1))
    holds(target.verify(before) is False, "the new version is in the place of the old one")
    target.withdraw(_order(target, _TWO, 2, 0))
    holds(target.verify(before) is True, "the version before is there again")


def what_never_arrived_may_be_withdrawn(make: Made) -> None:
    """Leave alone what is there when something else is withdrawn that never arrived."""
    target = make()
    before = _order(target, _ONE, 1)
    target.withdraw(_order(target, _TWO, 1, 0))
    target.apply(before)
    target.withdraw(_order(target, _TWO, 1, 0))
    holds(target.verify(before) is True, "what is there stays")


def it_may_be_applied_anew(make: Made) -> None:
    """Apply again what was withdrawn, by a new order: it is another attempt."""
    target = make()
    target.apply(_order(target, _ONE, 1))
    target.withdraw(_order(target, _ONE, 2, 0))
    again = _order(target, _ONE, 3)
    target.apply(again)
    holds(target.verify(again) is True, "it is there again")


TARGET_CONTRACT: tuple[Callable[[Made], None], ...] = (
    it_says_what_it_is,
    what_was_applied_is_there,
    an_order_may_be_repeated,
    a_share_grows,
    withdrawing_reverses_applying,
    what_was_there_returns,
    what_never_arrived_may_be_withdrawn,
    it_may_be_applied_anew,
)
"""Every check of a target; each is called with a function that makes one."""
