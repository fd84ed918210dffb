"""Port: MetricSource. What was measured of both arms; and the tallies that this process keeps."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Protocol

from safedeploy.arms import Asked
from safedeploy.audiences import multiplier
from safedeploy.blocks import Block
from safedeploy.tallies import NOTHING, Tally
from safedeploy.verdicts import Measurement, Scope


class MetricSource(Protocol):
    """Measure both arms of an exposure."""

    def measure(self, scope: Scope, at: datetime) -> Measurement:
        """Return what was seen of an exposure since it was last measured.

        An exception means that nothing could be measured: it holds the rollout, and its type is all
        that is recorded of it. What can't be true (see `doubts`) holds it, too.

        Args:
            scope: the exposure. A source that can't tell it from others has to raise.
            at: now; the end of the block.
        """
        ...


class Tallies:
    """Hold this process's tally of each rollout's present exposure.

    Args:
        process: the name of the process.
        clock: seconds since some moment: what durations are measured with.

    Attributes:
        process: the name of the process, which its blocks carry.
        clock: as given.
    """

    def __init__(self, process: str, clock: Callable[[], float]) -> None:
        self.process = process
        self.clock = clock
        self._sequence = 0
        self._open: dict[str, tuple[str, Tally]] = {}

    def open(self, rollout: str, exposure: str, since: datetime, asked: Asked = NOTHING) -> Tally:
        """Return a new tally for an exposure; that of the rollout's earlier exposure is dropped.

        Outcomes still under way record where their guard opened, and so are dropped, too.
        """
        tally = Tally(since, self.clock, asked, salt=multiplier(exposure))
        self._open[rollout] = (exposure, tally)
        return tally

    def close(self, rollout: str) -> None:
        """Drop the tally of a rollout."""
        self._open.pop(rollout, None)

    def take(self, rollout: str, at: datetime, *, last: bool = False) -> Block | None:
        """Return what was tallied of a rollout since last time; None where nothing happened.

        Args:
            rollout: its id.
            at: now.
            last: whether the process leaves.
        """
        exposure, tally = self._open.get(rollout, ("", None))
        if tally is None:
            return None
        since, parts = tally.take(at, last=last)
        if not parts:
            return None
        self._sequence += 1
        canary, baseline = parts.pop("")
        names = (exposure, self.process, self._sequence)
        return Block(*names, since, at, canary, baseline, parts, tally.halved)

    def restart(self, process: str) -> None:
        """Empty all tallies, in a child process with a name of its own."""
        self.process = process
        for _, tally in self._open.values():
            tally.restart()
