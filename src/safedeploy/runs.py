"""Runs: functions of the host that answer for checks, each in a thread of its own.

However slow one is, no tick waits for it: its answer is taken in a later one.
"""

from __future__ import annotations

import inspect
import math
import threading
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

from safedeploy.changes import Change
from safedeploy.clocks import Clock
from safedeploy.events import Answered
from safedeploy.gates import Answer, Check, Report, Run
from safedeploy.verdicts import Scope

MOST = 64
"""So many checks of one process run at once; one that hangs for ever is counted as well."""

MOST_OF_ONE = 8
"""So many checks of one rollout run at once."""


_FULL = Report(Answer.HOLDS, f"{MOST} checks are running already")


class Inquiry:
    """Ask one check for one ring, again and again: one run at a time.

    Args:
        id: of the command that asks.
        check: what is asked.
        scope: what it is asked about.
        since: since when it is waited for.
        tolerance: a longer gap between two samples is a break, and so old an answer is none.
    """

    def __init__(
        self,
        id: str,  # noqa: A002 - commands call it so
        check: Check,
        scope: Scope,
        *,
        since: datetime,
        tolerance: timedelta,
    ) -> None:
        self.id = id
        self.is_running = False
        self._check = check
        self._scope = scope
        self._waits_since = since
        self._tolerance = tolerance.total_seconds()
        self._begun = self._sampled = -math.inf
        self._answer: tuple[Report, float] | None = None
        self._is_given_up = False
        self._opens_since: datetime | None = None
        self._told: tuple[Report, datetime] | None = None

    @property
    def is_awaited(self) -> bool:
        """Whether it runs, and hasn't taken too long yet when somebody last looked."""
        return self.is_running and not self._is_given_up

    def is_due(self, monotonic: float) -> bool:
        """Tell whether it is to be asked again."""
        waited = monotonic - self._begun
        return not self.is_running and waited >= self._check.every.total_seconds()

    def begin(self, run: Run, change: Change, clock: Clock, done: Callable[[bool], None]) -> None:
        """Run a function in a thread, and call `done` after that: with True for news.

        A clock that stands still, as in tests, is waited for: no time passes while it runs.
        """

        def answer() -> None:
            report = _answered(run, change)
            try:
                self._answer = report, clock.monotonic()
            finally:
                done(report.answer is not Answer.HOLDS and not self._check.holds_for)

        thread = threading.Thread(target=answer, name="safedeploy check", daemon=True)
        self._begun, self._answer, self._is_given_up = clock.monotonic(), None, False
        thread.start()
        self.is_running = True
        if getattr(clock, "stands_still", False):
            thread.join()

    def take(self, monotonic: float) -> Report | None:
        """Return the answer if there is one now. Where it took too long, that holds."""
        if not self.is_running:
            return None
        limit = self._check.timeout.total_seconds()
        report, ended = self._answer or (None, monotonic)
        self.is_running = report is None
        if ended - self._begun > limit:
            is_told, self._is_given_up = self._is_given_up, True
            late = Report(Answer.HOLDS, f"gave no answer within {self._check.timeout}")
            return None if is_told else late
        return report if monotonic - ended <= self._tolerance else None

    def told(self, report: Report, at: datetime, monotonic: float) -> Answered | None:
        """Return what a journal should learn of an answer; None if it is nothing new.

        Args:
            report: the answer.
            at: now.
            monotonic: now, by the monotonic clock.
        """
        since = self._sample(report, at, monotonic)
        if since and at - since < self._check.holds_for:
            detail = f"opens, and must for {self._check.holds_for} without a break"
            report = Report(Answer.HOLDS, detail)
        if report.answer is Answer.HOLDS and not self._is_news(report, at):
            return None
        held_since = since if self._check.holds_for else None
        return Answered(at, self._check.name, report.answer, report.detail, self._scope, held_since)

    def _sample(self, report: Report, at: datetime, monotonic: float) -> datetime | None:
        """Return since when it opens without a break; None unless it does."""
        is_break = self._begun - self._sampled > self._tolerance
        self._sampled = monotonic
        if report.answer is not Answer.OPENS:
            self._opens_since = None
        elif self._opens_since is None or is_break:
            self._opens_since = at
        return self._opens_since

    def _is_news(self, report: Report, at: datetime) -> bool:
        if self._told:
            earlier, when = self._told
            # Who waits for ever writes ever less.
            if earlier == report or at - when <= (when - self._waits_since) / 10:
                return False
        self._told = report, at
        return True


class Runs:
    """Run checks, so many at once, each in a thread of its own.

    Args:
        clock: the time.
        changed: called when there is an answer that a tick shouldn't keep waiting.
        full: the answer where no more can run; None where that is no answer.
    """

    def __init__(
        self, clock: Clock, changed: Callable[[], object], *, full: Report | None = _FULL
    ) -> None:
        self._clock = clock
        self._full = full
        self._changed = changed
        self._room = threading.BoundedSemaphore(MOST)

    def ask(self, inquiry: Inquiry, run: Run, change: Change) -> Report | None:
        """Return a check's answer if there is one now; see to it that there will be one.

        Args:
            inquiry: what is asked.
            run: the function that answers.
            change: what it is asked with.
        """
        report = inquiry.take(self._clock.monotonic())
        if report is None and inquiry.is_due(self._clock.monotonic()):
            if not self._room.acquire(blocking=False):
                return self._full
            self._begin(inquiry, run, change)
            report = inquiry.take(self._clock.monotonic())
        return report

    def _begin(self, inquiry: Inquiry, run: Run, change: Change) -> None:
        try:
            inquiry.begin(run, change, self._clock, self._done)
        except BaseException:
            self._room.release()
            raise

    def _done(self, is_news: bool) -> None:  # noqa: FBT001 - called by position only
        self._room.release()
        if is_news:
            self._changed()


def _answered(run: Run, change: Change) -> Report:
    try:
        answer: Any = run(change)
        if inspect.iscoroutine(answer):
            import asyncio  # heavy, and rarely needed

            answer = asyncio.run(answer)
    except BaseException as error:  # noqa: BLE001 - a broken check holds, whatever it raises
        return Report(Answer.HOLDS, f"raised {type(error).__name__}")
    if isinstance(answer, Report):
        return answer
    if isinstance(answer, Answer):
        return Report(answer)
    return Report(Answer.OPENS if answer is True else Answer.HOLDS)
