"""A target in memory, which remembers what it was asked, and fails when it is told to."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal, TypeAlias

from safedeploy.changes import Change
from safedeploy.errors import TargetError
from safedeploy.targets import Order

Deed: TypeAlias = Literal["apply", "withdraw", "verify"]


class FakeTarget:
    """Apply changes to nothing.

    Attributes:
        name: what plans call it.
        needs: the parameters that it needs, by name.
        asked: what was ordered, in order, with what was to be done.
        fails: what raises a `TargetError` for now, after it was done in full.

    Args:
        name: what plans call it.
        needs: the parameters that it needs, by name.
    """

    def __init__(self, name: str = "fake", *, needs: Iterable[str] = ()) -> None:
        self.name = name
        self.needs = frozenset(needs)
        self.asked: list[tuple[Deed, Order]] = []
        self.fails: set[Deed] = set()
        self._there: dict[str, list[Order]] = {}

    def share(self, change: Change) -> float:
        """Return the share on which a change is, 0..100."""
        there = self._there.get(change.subject, [])
        return there[-1].percent if there and there[-1].change == change else 0.0

    def apply(self, order: Order) -> None:
        """Remember the order, in the place of an earlier one for the same change."""
        self._there[order.change.subject] = [*self._others(order), order]
        self._done("apply", order)

    def withdraw(self, order: Order) -> None:
        """Forget the orders for this change; the one before it counts again."""
        self._there[order.change.subject] = self._others(order)
        self._done("withdraw", order)

    def verify(self, order: Order) -> bool:
        """Tell whether the change is there, on the share that is ordered; of 0 %, on any."""
        self._done("verify", order)
        share = self.share(order.change)
        return share == order.percent if order.percent else share > 0

    def _others(self, order: Order) -> list[Order]:
        known = self._there.get(order.change.subject, [])
        return [each for each in known if each.change != order.change]

    def _done(self, deed: Deed, order: Order) -> None:
        self.asked.append((deed, order))
        if deed in self.fails:
            raise TargetError(deed, self.name, "it was told to fail")
