"""Tallies: where this process's guards record, and which of their calls go on."""

from __future__ import annotations

import math
import threading
from collections.abc import Callable, Mapping
from contextlib import suppress
from datetime import datetime
from itertools import chain
from typing import Protocol, TypeAlias

from safedeploy.arms import UNFINISHED, Arm, Asked, cut
from safedeploy.blocks import Part
from safedeploy.contexts import Context
from safedeploy.ledgers import FEW, Ledger, Outcome

BACKLOG = 32
"""How many outcomes of an arm a tally keeps before it counts all."""

OPEN = 4096
"""How many guarded calls are watched at a time; of more, the latest aren't seen at all."""

NOTHING = Asked()
"""What a model asks for that only wants to know how calls end."""


Parts: TypeAlias = dict[str, tuple[Part, Part]]


class Call(Protocol):
    """A guarded call that goes on."""

    @property
    def place(self) -> tuple[Arm, int] | None:
        """Where its outcome belongs: the arm, and the unit; None where nothing is recorded."""
        ...


class Tally:
    """Record what both arms of one exposure do, for a `Ledger` to count.

    Recording never waits: an outcome goes to the end of a list. When one is long enough, all are
    counted, unless another thread is at that. So both arms are counted together, a few outcomes of
    each at a time, and what is approximate is so for both alike.

    Args:
        since: the begin of the first block.
        clock: seconds since some moment: what durations are measured with.
        asked: what the health model asks for.
        salt: what units are hashed with before they leave; odd.

    Attributes:
        canary, baseline: the arms of those who are of no named stratum.
        strata: the named strata, as functions from a context.
        times: whether anybody asks how long calls take.
        numbers: of the events that are asked for, by name.
        open: calls that go on, and when they began.
        clock: as given.
        backlog: how many successes of an arm are kept before all are counted.
    """

    def __init__(
        self,
        since: datetime,
        clock: Callable[[], float],
        asked: Asked = NOTHING,
        *,
        salt: int = 1,
    ) -> None:
        self._since = since
        self.clock = clock
        self._deadline = asked.deadline
        self._ledger = Ledger(asked, salt)
        self.canary, self.baseline = self._ledger.arms[""]
        self.strata = asked.strata
        self.times = asked.latency
        self.numbers = self._ledger.numbers
        self.backlog = max(1, BACKLOG // len(self._ledger.arms))
        self.open: dict[Call, float] = {}
        self._others: list[Outcome] = []
        self.restart()

    def restart(self) -> None:
        """Forget everything: in a child process, another thread's lock would be held for ever."""
        self._lock = threading.Lock()
        # Emptied, not replaced: a call of the parent's finds itself unwatched, and isn't recorded.
        self.open.clear()
        self._others.clear()
        self._ledger.restart()
        self._taken, self._lasted = -math.inf, False
        with suppress(Exception):  # a broken clock is told when a block is taken
            self._taken = self.clock()

    @property
    def halved(self) -> tuple[int, int]:
        """How often units were halved, those of harm and those of latencies."""
        return self._ledger.halved

    def placed(self, arm: Arm, context: Context) -> Arm:
        """Return an arm's like in the first stratum that a context is of."""
        for name, matches in self.strata:
            if matches(context):
                return self._ledger.arms[name][arm is not self.canary]
        return arm

    def record(self, arm: Arm, unit: int, outcome: int, seconds: float = 0.0) -> None:
        """Record one outcome. A success may as well be appended to the calls of its arm.

        Args:
            arm: one of the tally's.
            unit: the context's 64 mixed bits.
            outcome: SUCCESS, FAILURE, UNFINISHED, or the number of an event.
            seconds: how long the call took, or has lasted.
        """
        self._others.append((arm, unit, outcome, seconds))
        if len(self._others) >= BACKLOG:
            self.count()

    def count(self) -> None:
        """Count what was recorded, unless somebody is at it."""
        if self._lock.acquire(blocking=False):
            try:
                self._count()
            finally:
                self._lock.release()

    def take(self, at: datetime, *, last: bool = False) -> tuple[datetime, Parts]:
        """Return since when, and what canary and baseline of each stratum did; begin a new block.

        Where nothing happened, there are no strata.

        Args:
            at: now.
            last: whether the process leaves: calls that go on have nobody to report them then.
        """
        with self._lock:
            lasting = self._lasting(last=last)
            self._count()
            parts = self._ledger.close(lasting)
            since, self._since = self._since, at
            # That no call goes on any more is news.
            is_news = self._lasted or any(part != Part() for part in chain(*parts.values()))
            self._lasted = bool(lasting)
            return since, parts if is_news else {}

    def _count(self) -> None:
        while len(self.open) > OPEN:
            self.open.popitem()
        self._ledger.count(cut(self._others))

    def _lasting(self, *, last: bool) -> Mapping[Arm, list[int]]:
        """Record the calls that are past their deadline, and return whose have lasted a while."""
        now, told, lasting = self.clock(), 0, dict[Arm, list[int]]()
        for call, began in self.open.copy().items():
            if not (place := call.place):
                continue
            arm, unit = place
            if now - began >= self._deadline:
                # Whoever takes it out of the open ones records it: this, or the call when it ends.
                if self.open.pop(call, None) is not None:
                    self._others.append((arm, unit, UNFINISHED, now - began))
            elif began <= self._taken and not last and told < FEW:
                lasting.setdefault(arm, []).append(unit)
                told += 1
        self._taken = now
        return lasting
