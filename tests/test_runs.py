"""Runs: functions of the host answer for checks, and no tick waits for them."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any

import pytest

from safedeploy import events, runs
from safedeploy.changes import Change
from safedeploy.clocks import Clock
from safedeploy.events import Answered
from safedeploy.gates import Answer, Check, Report
from safedeploy.runs import MOST, Inquiry, Runs
from safedeploy.testing import FakeClock
from safedeploy.verdicts import Scope

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
SECOND, MINUTE = timedelta(seconds=1), timedelta(minutes=1)
CHANGE = Change.code("shop", version="2")
SCOPE = Scope("service:shop@2", 1, "canary", 0)
OPENS, HOLDS, FAILS = (Report(answer) for answer in Answer)
LATE = Report(Answer.HOLDS, "gave no answer within 0:05:00")


TESTED = Check("tested")


def inquiry(check: Check = TESTED, **options: Any) -> Inquiry:
    given: dict[str, Any] = {"since": NOON, "tolerance": 30 * SECOND} | options
    return Inquiry("id", check, SCOPE, **given)


class Hanging:
    """Answer only when told to; a clock that goes on."""

    def __init__(self, answer: Any = True) -> None:
        self.clock = FakeClock(NOON)
        self.clock.stands_still = False
        self.begun = threading.Event()
        self.end = threading.Event()
        self.answer = answer
        self.news: list[bool] = []
        self.runs = Runs(self.clock, self.tell)

    def tell(self) -> None:
        self.news.append(True)

    def __call__(self, change: Change) -> Any:
        self.begun.set()
        assert self.end.wait(timeout=30)
        return self.answer

    def finish(self) -> None:
        """Let it answer, and wait for its threads."""
        self.end.set()
        join()


def join() -> None:
    """Wait for the threads of all checks."""
    for thread in threading.enumerate():
        if thread.name == "safedeploy check":
            thread.join(timeout=30)


@pytest.fixture
def hanging() -> Iterator[Hanging]:
    """A check that hangs; it is let go at the end."""
    made = Hanging()
    yield made
    made.finish()


def ask(run: Callable[[Change], Any], clock: Clock | None = None) -> Report | None:
    return Runs(clock or FakeClock(NOON), lambda: None).ask(inquiry(), run, CHANGE)


async def opens_later(change: Change) -> bool:
    """Stand in for a check that asks a service."""
    await asyncio.sleep(0)
    return change is CHANGE


async def breaks_later(change: Change) -> bool:
    """Stand in for a service that is down."""
    await asyncio.sleep(0)
    raise ConnectionError(change)


def leaves_the_thread(_: Change) -> bool:
    """Do what no check should do."""
    raise SystemExit(1)


@pytest.mark.parametrize(
    ("run", "report"),
    [
        (lambda change: change is CHANGE, OPENS),
        (lambda _: False, HOLDS),
        (lambda _: 1, HOLDS),
        (lambda _: "yes", HOLDS),
        (lambda _: Answer.FAILS, FAILS),
        (lambda _: Report(Answer.OPENS, "9 passed"), Report(Answer.OPENS, "9 passed")),
        (opens_later, OPENS),
        (breaks_later, Report(Answer.HOLDS, "raised ConnectionError")),
        (leaves_the_thread, Report(Answer.HOLDS, "raised SystemExit")),
        (lambda: True, Report(Answer.HOLDS, "raised TypeError")),
    ],
)
def test_a_function_answers(run: Callable[[Change], Any], report: Report) -> None:
    """Only True and OPENS open, FAILS fails, and whatever else comes of it holds."""
    assert report == ask(run)


def test_nothing_waits_for_a_check_that_hangs(hanging: Hanging) -> None:
    """Asking returns at once, and again and again without an answer, running it only once."""
    asked = inquiry()
    assert None is hanging.runs.ask(asked, hanging, CHANGE)
    assert hanging.begun.wait(timeout=30)
    for _ in range(3):
        assert None is hanging.runs.ask(asked, lambda _: False, CHANGE)
    assert asked.is_running
    assert [] == hanging.news

    hanging.finish()
    assert OPENS == hanging.runs.ask(asked, hanging, CHANGE)
    assert [True] == hanging.news
    assert not asked.is_running


def test_an_answer_that_takes_too_long_is_none(hanging: Hanging) -> None:
    """Past its timeout it is told once that there is none; what comes then is dropped."""
    asked = inquiry()
    hanging.runs.ask(asked, hanging, CHANGE)
    hanging.clock.advance(5 * MINUTE)
    assert None is hanging.runs.ask(asked, hanging, CHANGE)
    hanging.clock.advance(SECOND)
    assert LATE == hanging.runs.ask(asked, hanging, CHANGE)
    assert None is hanging.runs.ask(asked, hanging, CHANGE)
    hanging.finish()
    assert None is asked.take(hanging.clock.monotonic())
    assert asked.is_due(hanging.clock.monotonic())


def test_a_late_answer_that_nobody_waited_for_is_told_of(hanging: Hanging) -> None:
    """Where no tick came in between, it is late all the same, and somebody should know."""
    asked = inquiry()
    hanging.runs.ask(asked, hanging, CHANGE)
    hanging.clock.advance(6 * MINUTE)
    hanging.finish()
    assert LATE == hanging.runs.ask(asked, hanging, CHANGE)


def test_an_answer_in_time_counts_at_the_next_tick(hanging: Hanging) -> None:
    """However long the next tick takes within the tolerance; after that it is asked anew."""
    for waited, report in ((30 * SECOND, OPENS), (31 * SECOND, None)):
        asked = inquiry()
        hanging.runs.ask(asked, hanging, CHANGE)
        hanging.finish()
        hanging.clock.advance(waited)
        assert report == asked.take(hanging.clock.monotonic())


def test_a_check_is_asked_as_often_as_it_says() -> None:
    """Not before its time has passed since it was last begun."""
    clock = FakeClock(NOON)
    asked, times = inquiry(Check("tested", every=MINUTE)), list[float]()

    def run(_: Change) -> bool:
        times.append(clock.monotonic())
        return False

    for _ in range(10):
        Runs(clock, lambda: None).ask(asked, run, CHANGE)
        clock.advance(25 * SECOND)
    assert [0, 75, 150, 225] == times


def test_only_so_many_run_at_once(hanging: Hanging) -> None:
    """Those that find no room hold, and have it once others are done."""
    for _ in range(MOST):
        assert None is hanging.runs.ask(inquiry(), hanging, CHANGE)
    last = inquiry()
    report = hanging.runs.ask(last, hanging, CHANGE)
    assert Report(Answer.HOLDS, "64 checks are running already") == report
    hanging.finish()
    hanging.clock.stands_still = True
    assert OPENS == hanging.runs.ask(last, hanging, CHANGE)


def test_a_thread_that_cannot_start_takes_no_room(monkeypatch: pytest.MonkeyPatch) -> None:
    """A process that is out of threads raises, and what comes then finds all the room."""
    made = Runs(FakeClock(NOON), lambda: None)

    def refuse(self: object) -> None:
        raise RuntimeError("can't start new thread")

    with monkeypatch.context() as patch:
        patch.setattr(threading.Thread, "start", refuse)
        for _ in range(MOST + 1):
            with pytest.raises(RuntimeError):
                made.ask(inquiry(), lambda _: True, CHANGE)
    assert OPENS == made.ask(inquiry(), lambda _: True, CHANGE)


@pytest.mark.parametrize(
    ("report", "check", "news"),
    [
        (OPENS, Check("tested"), 1),
        (FAILS, Check("tested"), 1),
        (HOLDS, Check("tested"), 0),
        (OPENS, Check("tested", holds_for=MINUTE), 0),
    ],
)
def test_only_news_makes_a_tick_due(report: Report, check: Check, news: int) -> None:
    """Otherwise checks that hold would be asked as fast as they answer."""
    told: list[None] = []
    made = Runs(FakeClock(NOON), lambda: told.append(None))
    assert report == made.ask(inquiry(check), lambda _: report, CHANGE)
    assert news == len(told)


# What a journal learns


def test_an_answer_is_told_with_what_it_is_about() -> None:
    """The event names the gate, the scope, and what it rests on."""
    report = Report(Answer.OPENS, "9 passed")
    event = inquiry().told(report, NOON, 0.0)
    assert Answered(NOON, "tested", Answer.OPENS, "9 passed", SCOPE) == event


def sampled(*reports: Report, every: timedelta = 10 * SECOND) -> list[Answered | None]:
    """Return what is told of samples of a check that must open for a minute."""
    clock, asked = FakeClock(NOON), inquiry(Check("quiet", holds_for=MINUTE))
    given, told = iter(reports), list[Answered | None]()
    for _ in reports:
        report = Runs(clock, lambda: None).ask(asked, lambda _: next(given), CHANGE)
        assert report
        told.append(asked.told(report, clock.now(), clock.monotonic()))
        clock.advance(every)
    return told


def test_a_check_that_must_hold_is_told_once_it_has() -> None:
    """First that it opens, and then that it did so all the time, and since when."""
    first, *between, last = sampled(*[OPENS] * 7)

    detail = "opens, and must for 0:01:00 without a break"
    assert Answered(NOON, "quiet", Answer.HOLDS, detail, SCOPE, NOON) == first
    assert [None] * 5 == between
    assert Answered(NOON + MINUTE, "quiet", Answer.OPENS, "", SCOPE, NOON) == last


def test_a_break_begins_the_time_anew() -> None:
    """One sample that holds, and what opened before it counts no more."""
    told = sampled(OPENS, OPENS, HOLDS, *[OPENS] * 6)
    assert Answer.OPENS not in {each.answer for each in told if each}
    told = sampled(OPENS, OPENS, HOLDS, *[OPENS] * 7)
    assert told[-1]
    assert (Answer.OPENS, NOON + 30 * SECOND) == (told[-1].answer, told[-1].since)


def test_a_gap_is_a_break() -> None:
    """Where nobody has looked for longer than the tolerance, nobody knows that it held."""
    told = sampled(*[OPENS] * 9, every=31 * SECOND)
    assert Answer.OPENS not in {each.answer for each in told if each}


def test_equal_answers_that_hold_are_told_once() -> None:
    """And other ones ever less often, the longer the gate has been waited for."""
    asked, told = inquiry(), list[datetime]()
    for number in range(1000):
        at = NOON + number * MINUTE
        for report in (HOLDS, Report(Answer.HOLDS, f"{number} of 1000")):
            if asked.told(report, at, 0.0):
                told.append(at)
    gaps = [later - earlier for earlier, later in pairwise(told)]
    assert len(told) < 80
    assert gaps[-1] > timedelta(hours=1)
    asked = inquiry()
    assert 1 == sum(bool(asked.told(HOLDS, NOON + n * MINUTE, 0.0)) for n in range(100))


def test_what_opens_is_told_however_often() -> None:
    """An opening that has expired is shown anew."""
    asked = inquiry()
    assert all(isinstance(asked.told(OPENS, NOON, 0.0), events.Answered) for _ in range(3))


def test_a_room_is_bounded() -> None:
    """One rollout can't take all of it."""
    assert runs.MOST_OF_ONE < MOST
