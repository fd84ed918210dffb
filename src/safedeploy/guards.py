"""Guards: the block around a caller's own code whose outcome is recorded."""

from __future__ import annotations

from typing import Any, Generic, Protocol, TypeVar

import attrs

from safedeploy.arms import FAILURE, Arm
from safedeploy.contexts import Context
from safedeploy.flags import FeatureFlag, Resolution
from safedeploy.tallies import Tally

T = TypeVar("T")

NOBODYS = Arm()
"""The arm of those whom no rollout affects: nothing is recorded there."""


class Watch(Protocol):
    """Take note of how a call ended."""

    def __call__(self, began: float, *, failed: bool) -> None:
        """Take note of a call, that began at a time of the tally's clock."""
        ...


@attrs.frozen
class Served(Generic[T]):
    """Hold what a context is served.

    Attributes:
        resolution: the answer.
        value: its value.
        tally: where outcomes are recorded; None where the context isn't affected by a rollout.
        arm: which of the tally's arms the context is of, unless it is of a named stratum.
        watch: told when a call began, and whether it failed, where a breaker watches the arm.
    """

    resolution: Resolution[T]
    value: T
    tally: Tally | None = None
    arm: Arm = NOBODYS
    watch: Watch | None = None


class Guard(Generic[T]):
    """Hold what a context is served, and record how the block around it ends, and when.

    An exception is a failure unless the flag ignores it; cancellation, KeyboardInterrupt and their
    like are neither a failure nor a success. The exception passes on unchanged. No lock is held
    meanwhile, so the block may await. A block that goes on for longer than the health model's
    `unfinished_after` counts as unfinished, however it ends then.

    Attributes:
        value: what the caller gets.
    """

    __slots__ = ("_context", "_failed", "_flag", "_served", "value")

    def __init__(self, served: Served[T], context: Context, flag: FeatureFlag[T]) -> None:
        self.value = served.value
        self._served = served
        self._context = context
        self._flag = flag
        self._failed: bool | None = False

    @property
    def resolution(self) -> Resolution[T]:
        """The whole answer."""
        return self._served.resolution

    @property
    def place(self) -> tuple[Arm, int] | None:
        """Where the outcome belongs: the arm, and the unit; None where it isn't recorded."""
        return _place(self._served, self._context)

    def fail(self) -> None:
        """Count the block as a failure that no exception shows: a returned 500, say."""
        self._failed = True

    def ignore(self) -> None:
        """Don't count the block, whatever happens: a 404 that is right, say."""
        self._failed = None

    def event(self, name: str) -> None:
        """Tell what happened to the unit besides: an order that it finished, or a part that failed.

        Each unit counts once for each name. What no signal of the plan asks for isn't kept.
        """
        met(self._served, self._context, name)

    def __enter__(self) -> Guard[T]:
        """Begin the block."""
        tally = self._served.tally
        if tally is not None:
            try:  # noqa: SIM105 - for nothing, where `suppress` would cost as much as all the rest
                tally.open[self] = tally.clock()
            except Exception:  # noqa: BLE001, S110 - a broken clock is told when a block is taken
                pass
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: object
    ) -> None:
        """Record the outcome, and let an exception pass."""
        served = self._served
        tally = served.tally
        if tally is None:
            return
        began = tally.open.pop(self, None)
        unit, failed = self._context.unit, self._failed
        if began is None or unit is None or failed is None:
            return
        if kind is not None:
            if not issubclass(kind, Exception) or issubclass(kind, self._flag.ignores):
                return
            failed = True
        try:
            arm = tally.placed(served.arm, self._context) if tally.strata else served.arm
            if failed:
                tally.record(arm, unit, FAILURE, tally.clock() - began if tally.times else 0.0)
            else:
                # Written out here: a call would cost as much again.
                calls = arm.calls
                calls.append((unit, tally.clock() - began) if tally.times else unit)
                if len(calls) >= tally.backlog:
                    tally.count()
            if served.watch is not None:
                served.watch(began, failed=failed)
        except Exception:  # noqa: BLE001, S110 - as above
            pass


def met(served: Served[Any], context: Context, name: str) -> None:
    """Record an event, if anybody asks for it. It never raises."""
    tally = served.tally
    try:
        if tally is not None and name in tally.numbers and (place := _place(served, context)):
            tally.record(*place, tally.numbers[name])
    except Exception:  # noqa: BLE001, S110 - whatever a host passes, even no text
        pass


def _place(served: Served[Any], context: Context) -> tuple[Arm, int] | None:
    tally, unit = served.tally, context.unit
    if tally is None or unit is None:
        return None
    return tally.placed(served.arm, context), unit
