"""Deliveries: what is known of each place to which a rollout has brought its change."""

from __future__ import annotations

import enum
from collections.abc import Iterable, Iterator
from datetime import datetime

import attrs

from safedeploy.rings import Place


class Stage(enum.Enum):
    """Say how far a delivery is."""

    BEGUN = "begun"
    """The target is being asked to apply the change: it may be there, or half there."""
    APPLIED = "applied"
    """It is there."""
    FAILED = "couldn't be applied"
    """Applying went wrong: it may be there, or half there."""
    STUCK = "couldn't be withdrawn"
    """Withdrawing went wrong, and is tried again."""
    WITHDRAWN = "withdrawn"
    """It is gone from there."""


@attrs.frozen
class Delivered:
    """A target was asked to apply or withdraw a change, and how far it got. An event.

    Attributes:
        at: when.
        place: where.
        ring: the ring that it was last applied for.
        stage: how far.
        detail: what went wrong, for people.
    """

    at: datetime
    place: Place
    ring: str
    stage: Stage
    detail: str = ""

    @property
    def reason(self) -> str:
        """Why, for people."""
        return f"{self.place}: {self.stage.value}" + (f": {self.detail}" if self.detail else "")


Deliveries = tuple[Delivered, ...]
"""The latest word of each place, in the order in which they were first reached."""


def told(known: Deliveries, event: Delivered) -> Deliveries:
    """Return what is known after an event."""
    if any(each.place == event.place for each in known):
        return tuple(event if each.place == event.place else each for each in known)
    return (*known, event)


def is_begun(known: Deliveries, place: Place, ring: str) -> bool:
    """Tell whether it was recorded that a change is being brought to a place, for a ring."""
    return any((it.place, it.ring, it.stage) == (place, ring, Stage.BEGUN) for it in known)


def standing(known: Deliveries) -> Deliveries:
    """Return those from which the change isn't withdrawn yet."""
    return tuple(each for each in known if each.stage is not Stage.WITHDRAWN)


def next_to_leave(known: Deliveries) -> Iterator[Delivered]:
    """Go through those that are to be withdrawn now: the last one, and what it can't hold up.

    What is stuck is tried again, and those before it don't wait for it.
    """
    for each in reversed(standing(known)):
        yield each
        if each.stage is not Stage.STUCK:
            return


def stuck(known: Iterable[Delivered]) -> Deliveries:
    """Return those that need a person's help to be withdrawn."""
    return tuple(each for each in known if each.stage is Stage.STUCK)
