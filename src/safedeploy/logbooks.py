"""Logbooks: what breakers do, and what people do to them, as a journal keeps it."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable
from datetime import datetime, timedelta

import attrs

from safedeploy.breakers import CircuitBreaker
from safedeploy.circuits import Cause, Notice, Transitioned
from safedeploy.clocks import Clock
from safedeploy.errors import JournalConflictError
from safedeploy.events import Moved
from safedeploy.journals import Journal
from safedeploy.journals.port import RACES
from safedeploy.streams import BREAKERS
from safedeploy.telemetry import Troubles, warn

MOST = 1000
"""So many entries wait at most; of more, the latest are lost."""

QUIET = timedelta(hours=1)
"""A breaker that hasn't tripped for so long is told of anew."""

_UNTOLD = frozenset({Cause.WAITED, Cause.RECOVERED, Cause.FORKED})
"""What breakers do by themselves after they tripped."""


@attrs.define
class _Row:
    """What was told of a name's trips: since when, when last, and how many weren't."""

    since: datetime
    last: datetime
    told: datetime
    untold: int = 0


class Logbook:
    """Record when breakers trip, and who moves them, why.

    A move by hand is appended at once, and a trip at the next tick, for the call that it ends must
    not wait for a journal. A breaker that trips again and again writes ever less.

    Args:
        clock: the time.
        journal: where it is kept, one stream for each name.
        changed: called when there is something to save.
    """

    def __init__(self, clock: Clock, journal: Journal, changed: Callable[[], object]) -> None:
        self._clock = clock
        self._journal = journal
        self._changed = changed
        self._rows: dict[str, _Row] = {}
        self._known: dict[str, tuple[int, datetime]] = {}
        self._troubles = Troubles()
        self.restart()

    def restart(self) -> None:
        """Forget what waits, in a child process: that is the parent's to save."""
        self._waiting: deque[Moved] = deque()
        self._saving = threading.Lock()

    def observe(self, breaker: CircuitBreaker, notice: Notice) -> None:
        """Take note of what happened to a breaker."""
        if not isinstance(notice, Transitioned) or notice.cause in _UNTOLD:
            return
        if len(self._waiting) < MOST:
            states = notice.before.label, notice.after.label
            told = notice.cause.value, notice.reason, notice.by
            self._waiting.append(Moved(self._clock.now(), breaker.name, *states, *told))
        if notice.cause is Cause.TRIPPED:
            self._changed()
        else:
            self.save()

    def save(self) -> None:
        """Append what waits, unless somebody is at that; what fails is tried again."""
        if self._saving.acquire(blocking=False):
            try:
                with self._troubles.told_once("recording what breakers do"):
                    while self._waiting:
                        self._record(self._waiting[0])
                        self._waiting.popleft()
            finally:
                self._saving.release()

    def _record(self, moved: Moved) -> None:
        if moved.cause != Cause.TRIPPED.value:
            self._append(moved)
            return
        row = self._rows.get(moved.breaker)
        if row is None or moved.at - row.last > QUIET:
            row = _Row(moved.at, moved.at, datetime.min.replace(tzinfo=moved.at.tzinfo))
        if moved.at - row.told >= (moved.at - row.since) / 10:
            self._append(attrs.evolve(moved, trips=row.untold + 1))
            row.told, row.untold = moved.at, -1
        row.last, row.untold = moved.at, row.untold + 1
        self._rows[moved.breaker] = row

    def _append(self, moved: Moved) -> None:
        stream = f"{BREAKERS}{moved.breaker}"
        for _ in range(RACES):
            known, at = self._known.get(stream) or self._read(stream, moved.at)
            moved = attrs.evolve(moved, at=max(at, moved.at))
            try:
                version = self._journal.append(stream, [moved], expected=known)
            except JournalConflictError:
                self._known.pop(stream, None)
            except ValueError as error:  # a name, or a reason, that no journal can keep
                warn("a breaker's move can't be recorded", error=type(error).__name__)
                return
            else:
                self._known[stream] = version, moved.at
                return
        raise JournalConflictError("stream", stream, "somebody else was faster, always")

    def _read(self, stream: str, at: datetime) -> tuple[int, datetime]:
        recorded = self._journal.read(stream)
        return len(recorded), max([at, *(event.at for event in recorded[-1:])])
