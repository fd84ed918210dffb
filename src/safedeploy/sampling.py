"""Sampling: an observer sees some of the evaluations, and nothing of whom they were for."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from typing import Any, TypeAlias

import attrs

from safedeploy.contexts import Context
from safedeploy.errors import DefinitionError
from safedeploy.flags import Resolution
from safedeploy.guards import Served
from safedeploy.telemetry import Troubles

Watcher: TypeAlias = Callable[[Resolution[Any]], object]
"""Is called with an answer: it was prepared before anybody asked, so it knows of nobody."""


def _callable(_: object, field: attrs.Attribute[Watcher], value: object) -> None:
    if not callable(value):
        raise DefinitionError(field.name, value, "give a function of a Resolution")


def _share(_: object, field: attrs.Attribute[float], value: Any) -> None:
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= 1:
        raise DefinitionError(field.name, value, "give a number between 0 and 1")


def _whole(_: object, field: attrs.Attribute[int], value: object) -> None:
    if not isinstance(value, int) or isinstance(value, bool) or value < 1:
        raise DefinitionError(field.name, value, "give a whole number of 1 or more")


@attrs.frozen
class Sampling:
    """Show an observer a share of an engine's evaluations, drawn by lot, and not too many.

    It is called where a flag is asked, so that it may know the trace of the request; let it be
    quick. What it raises is logged once, and changes no answer.

    Args:
        observer: called with a `Resolution`, such as `telemetry.evaluations()`. It never learns of
            targeting keys or attributes.
        share: how many of the evaluations, 0 to 1.
        per_second: about how many in a second at most.

    Raises:
        DefinitionError: no observer, or figures out of range.
    """

    observer: Watcher = attrs.field(validator=_callable)
    share: float = attrs.field(default=0.01, validator=_share, kw_only=True)
    per_second: int = attrs.field(default=100, validator=_whole, kw_only=True)

    def sampler(self, monotonic: Callable[[], float]) -> Sampler:
        """Return what carries it out, by a clock that tells seconds."""
        return Sampler(self, monotonic)


class Sampler:
    """Carry out a sampling.

    Args:
        sampling: what is asked for.
        monotonic: the time, in seconds.
    """

    def __init__(self, sampling: Sampling, monotonic: Callable[[], float]) -> None:
        self._sampling = sampling
        self._monotonic = monotonic
        self._troubles = Troubles()
        self._second: tuple[float, Iterator[int]] = (0.0, iter(range(sampling.per_second)))

    def watched(
        self, projection: Callable[[Context], Served[Any]]
    ) -> Callable[[Context], Served[Any]]:
        """Return the function of a flag, some of whose answers are shown."""
        draw, share, show = random.random, self._sampling.share, self.show

        def ask(context: Context) -> Served[Any]:
            served = projection(context)
            if draw() < share:
                show(served.resolution)
            return served

        return ask

    def show(self, resolution: Resolution[Any]) -> None:
        """Show an answer, unless there were too many of late. It never raises."""
        try:
            with self._troubles.told_once("observing an evaluation"):
                if self._has_room():
                    self._sampling.observer(resolution)
        except Exception:  # noqa: BLE001, S110 - not even the log works: the answer stands
            pass

    def _has_room(self) -> bool:
        now = self._monotonic()
        began, tickets = self._second
        if not 0 <= now - began < 1:
            # No lock, which a fork could leave held: two threads may begin a second each.
            _, tickets = self._second = (now, iter(range(self._sampling.per_second)))
        return next(tickets, None) is not None
