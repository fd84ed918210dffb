"""Laws B1 to B6: breakers let no trial too many through, lose none, and count each call once."""

from __future__ import annotations

import math
import threading
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import attrs
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from safedeploy import circuits
from safedeploy.breakers import CircuitBreaker, Guard
from safedeploy.breakers.counts import FATES
from safedeploy.breakers.steps import Permit
from safedeploy.circuits import Cause, Circuit, Options
from safedeploy.errors import CircuitOpenError
from tests.laws import test_breaking_points, test_breaking_storms
from tests.laws.breaking import (
    OPTIONS,
    Model,
    Times,
    breaker_of,
    by_hand,
    ended,
    every_option,
    nameless,
    outcomes,
    passing,
    settings_of,
)
from tests.laws.interleavings import TurnLock, Turns

numbers = st.integers(0, 3)
begins = st.tuples(st.just("start"), st.just(0))
ends = st.tuples(st.just("end"), st.tuples(numbers, outcomes))
calls = st.tuples(st.just("call"), outcomes)
drops = st.tuples(st.just("drop"), numbers)
moves = st.tuples(st.just("move"), by_hand)
looks = st.tuples(st.just("look"), st.just(0))
steps = st.one_of(calls, calls, calls, calls, calls, begins, ends, ends, drops, moves, looks)
histories = st.lists(st.tuples(passing, steps), min_size=15, max_size=60)


class Pair:
    """A breaker and its model, to which the same happens."""

    def __init__(self, options: Options) -> None:
        self.clock = Times()
        self.breaker = breaker_of(options, self.clock)
        self.model = Model.of(settings_of(options))
        self.guards: dict[int, Guard] = {}
        self.made = 0

    def start(self, _: object = None) -> None:
        """Begin a call, which both must permit or refuse."""
        self.made += 1
        permitted = self.model.start(self.made, self.clock.at)
        with suppress(CircuitOpenError):
            self.guards[self.made] = self.breaker.acquire()
        assert permitted == (self.made in self.guards)

    def _pick(self, number: int) -> int | None:
        found = sorted(self.guards)
        return found[number % len(found)] if found else None

    def end(self, how: tuple[int, bool | None]) -> None:
        """End one of the calls that are under way."""
        call = self._pick(how[0])
        if call is not None:
            finish(self.breaker, self.guards.pop(call), how[1])
            self.model.end(call, self.clock.at, how[1])

    def call(self, failed: bool | None) -> None:
        """Make a whole call by a decorated function."""
        self.made += 1
        permitted = self.model.start(self.made, self.clock.at)
        if permitted:
            self.model.end(self.made, self.clock.at, failed)
        refused = False
        try:
            self.breaker(body)(failed)
        except (LookupError, KeyboardInterrupt):
            pass
        except CircuitOpenError:
            refused = True
        assert permitted is not refused

    def drop(self, number: int) -> None:
        """Forget one of the calls that are under way."""
        call = self._pick(number)
        if call is not None:
            del self.guards[call]
            self.model.drop(call)

    def move(self, cause: Cause) -> None:
        self.breaker.move(cause, reason="why")
        self.model.move(cause, self.clock.at)

    def look(self, _: object = None) -> None:
        """Both show the same."""
        assert self.model.look(self.clock.at) == nameless(self.breaker.metrics)


def body(failed: bool | None) -> None:
    if failed:
        raise LookupError
    if failed is None:
        raise KeyboardInterrupt


def finish(breaker: CircuitBreaker, guard: Guard, failed: bool | None) -> None:
    """End a call: well, by an exception that counts, or by one that doesn't."""
    errors: dict[bool | None, BaseException | None] = {
        False: None,
        True: LookupError(),
        None: KeyboardInterrupt(),
    }
    breaker.record(guard, errors[failed])


@pytest.mark.law("B6")
@settings(max_examples=100)
@given(every_option, histories)
def test_a_breaker_does_what_the_machine_does(options: Options, history: list[Any]) -> None:
    """Without a lock or with one, on every history, answers and counts are the machine's."""
    pair = Pair(options)
    for by, (what, how) in history:
        pair.clock.at += by
        getattr(pair, what)(how)
    pair.look()


class OwnTimes(threading.local):
    """A clock of which each thread has its own time, so that no schedule changes an outcome."""

    at = 0.0

    def now(self) -> Any:
        raise NotImplementedError  # a breaker asks for seconds only

    def monotonic(self) -> float:
        return self.at


@attrs.define
class Operation:
    """What one thread did: what it was, what came of it, and between which two moments."""

    what: str
    how: tuple[Any, ...]
    began: int
    answer: object = None
    over: int | None = None


class Record:
    """Keep what all threads do, in the order in which it begins and ends."""

    def __init__(self) -> None:
        self.operations: list[Operation] = []
        self.moments = 0

    def add(self, what: str, *how: Any) -> Operation:
        self.moments += 1
        self.operations.append(Operation(what, how, self.moments))
        return self.operations[-1]

    def close(self, operation: Operation, answer: object = None) -> None:
        self.moments += 1
        operation.answer, operation.over = answer, self.moments


plans = st.tuples(
    outcomes, st.sampled_from([0.0, 0.0, 0.0, 11.0]), st.sampled_from([0.0, 0.5, 1.5])
)
threads = st.lists(st.lists(plans, min_size=1, max_size=2), min_size=2, max_size=3)
# Few switches find most: one thread is stopped somewhere, and others go on for long.
turns = st.one_of(st.integers(1, 100), st.just(10_000))
schedules = st.lists(st.tuples(st.integers(0, 2), turns), min_size=1, max_size=6)
befores = st.lists(st.sampled_from([False, False, False, True]), min_size=2, max_size=4)


def task(
    breaker: CircuitBreaker, clock: OwnTimes, record: Record, number: int, plan: list[Any]
) -> Callable[[], None]:
    """Return a thread's work: guarded calls, one after the other."""

    def one(call: int, failed: bool | None, at: float, takes: float) -> None:
        clock.at = at
        asked = record.add("start", call, at)
        finished: list[Operation] = []

        @breaker
        def work() -> None:
            record.close(asked, True)
            clock.at = at + takes
            finished.append(record.add("end", call, at + takes, failed))
            body(failed)

        try:
            work()
        except CircuitOpenError:
            record.close(asked, False)
        except (LookupError, KeyboardInterrupt):
            pass
        for each in finished:
            record.close(each)

    def work() -> None:
        for place, each in enumerate(plan):
            one(number * 10 + place, *each)

    return work


def explains(model: Model, left: list[Operation], shown: object) -> bool:
    """Tell whether there is an order of operations in which the machine does the same.

    An operation that was over before another began comes before it.
    """
    if not left:
        return model.shown() == shown
    first = min(each.over or 0 for each in left)
    for each in left:
        if each.began < first:
            after = model.copy()
            answer = getattr(after, each.what)(*each.how)
            others = [other for other in left if other is not each]
            if answer == each.answer and explains(after, others, shown):
                return True
    return False


def interleave(options: Options, before: list[bool], plan: list[Any], schedule: list[Any]) -> None:
    """Let threads make calls by turns, and find an order in which the machine does the same."""
    clock, record, turns = OwnTimes(), Record(), Turns(schedule)
    breaker, model = breaker_of(options, clock), Model.of(settings_of(options))
    for call, failed in enumerate(before, 1000):
        with suppress(CircuitOpenError, LookupError):
            breaker(body)(failed)
        if model.start(call, 0.0):
            model.end(call, 0.0, failed)
    breaker._lock = TurnLock(turns)
    tasks = [task(breaker, clock, record, *each) for each in enumerate(plan)]
    assert [] == turns.run(tasks)
    breaker._lock = threading.RLock()
    clock.at = -1e9  # looking changes nothing then
    shown = nameless(breaker.metrics)
    assert explains(model, record.operations, shown), (shown, record.operations)


@pytest.mark.law("B6")
@settings(max_examples=200)
@given(every_option, befores, threads, schedules)
def test_any_interleaving_is_some_order_of_calls(
    options: Options, before: list[bool], plan: list[Any], schedule: list[Any]
) -> None:
    """Wherever threads are stopped, what they get and what is counted is what one order of their
    calls gives, one by one and under a lock.
    """
    interleave(options, before, plan, schedule)


GOOD, BAD = (False, 0.0, 0.0), (True, 0.0, 0.0)
LATER = (False, 11.0, 0.0)
STOPPED: dict[str, tuple[list[bool], list[Any]]] = {
    "a success, while others trip the breaker": ([False, False], [[GOOD], [BAD, BAD]]),
    "a failure, while others trip the breaker": ([False, False], [[BAD], [BAD, BAD]]),
    "a failure, while others succeed": ([False, True, False], [[BAD], [GOOD, GOOD]]),
    "a refusal, while a trial closes the breaker": ([True, True], [[GOOD], [LATER]]),
    "a trial, while others ask for one": ([True, True], [[LATER], [LATER]]),
    "a success, while a window of time slides": ([False, False], [[GOOD, GOOD], [LATER, BAD]]),
}


@pytest.mark.law("B6")
@pytest.mark.parametrize("options", [OPTIONS[0], OPTIONS[4]], ids=["calls", "time"])
@pytest.mark.parametrize("scene", STOPPED)
def test_a_thread_may_be_stopped_anywhere(options: Options, scene: str) -> None:
    """After each of its instructions, others go on to their ends, and then the stopped one does."""
    before, plan = STOPPED[scene]
    for point in range(1, 150):
        interleave(options, before, plan, [(0, point), (1, 10_000)])


@pytest.mark.law("B1")
@given(every_option, histories)
def test_trials_are_never_more_than_permitted(options: Options, history: list[Any]) -> None:
    """However calls begin, end and get lost, no more trials are out than are permitted."""
    pair = Pair(options)
    pair.move(Cause.HALF_OPENED)
    permitted = settings_of(options).permitted_calls
    for by, (what, how) in history:
        pair.clock.at += by
        with suppress(AssertionError):  # what differs is another law's
            getattr(pair, what)(how)
        state = pair.breaker._held[0].state
        under_way = [
            guard
            for guard in pair.guards.values()
            if isinstance(guard._permit, Permit) and guard._permit.generation == state.generation
        ]
        assert len(under_way) <= permitted


@pytest.mark.law("B3")
@given(every_option, histories)
def test_late_outcomes_change_nothing(options: Options, history: list[Any]) -> None:
    """What was begun in one state and ends in another is counted as late, and nothing more."""
    pair = Pair(options)
    pair.start()
    guard = pair.guards.pop(1)
    pair.move(Cause.ISOLATED)
    pair.move(Cause.CLOSED)
    for by, (what, how) in history:
        pair.clock.at += by
        with suppress(AssertionError):
            getattr(pair, what)(how)
    before = pair.breaker.metrics
    finish(pair.breaker, guard, failed=True)
    after = pair.breaker.metrics

    assert before.totals.late + 1 == after.totals.late
    assert before == attrs.evolve(after, totals=before.totals)


@pytest.mark.law("B4")
@given(every_option, histories)
def test_every_call_is_counted_once(options: Options, history: list[Any]) -> None:
    """Permitted calls are successes, failures, ignored, late, or under way."""
    pair = Pair(options)
    for by, (what, how) in history:
        pair.clock.at += by
        if what != "drop":
            with suppress(AssertionError):
                getattr(pair, what)(how)
    totals = pair.breaker.metrics.totals

    assert pair.made == ended(totals) + totals.refused + len(pair.guards)


def half_open_to_all(circuit: Circuit, at: float, number: int) -> Any:
    """Let everybody through a half-open circuit."""
    roomy = attrs.evolve(circuit.terms.settings, permitted_calls=99)
    terms = attrs.evolve(circuit.terms, settings=roomy)
    after, found, told = ACQUIRE(attrs.evolve(circuit, terms=terms), at, number)
    return attrs.evolve(after, terms=circuit.terms), found, told


def of_this_generation(circuit: Circuit, _: int, number: int, at: float, **how: Any) -> Any:
    """Take every outcome for one of the state that is."""
    return RECORD(circuit, circuit.state.generation, number, at, **how)


ACQUIRE, RECORD, SPARE = circuits.acquire, circuits.record, circuits.spare

BREAKING_MUTANTS: tuple[tuple[Any, ...], ...] = (
    (
        "B1",
        "a half-open breaker lets everybody through",
        "safedeploy.circuits.acquire",
        half_open_to_all,
        test_breaking_storms.test_a_race_of_tasks_lets_no_trial_too_many_through,
        (1,),
    ),
    (
        "B2",
        "a permit that is dropped is lost",
        "safedeploy.breakers.steps.Permit.__del__",
        lambda self: None,
        test_breaking_points.test_what_is_never_resumed_strands_no_permit,
    ),
    (
        "B2",
        "a child takes its parent's trials over",
        "safedeploy.circuits.forked",
        lambda circuit, at, salt: (circuit, ()),
        test_breaking_points.test_a_child_starts_without_its_parents_trials,
    ),
    (
        "B3",
        "an outcome counts whichever state it is of",
        "safedeploy.circuits.record",
        of_this_generation,
        test_late_outcomes_change_nothing,
    ),
    (
        "B4",
        "late calls aren't counted",
        "safedeploy.breakers.steps.FATES",
        {**FATES, "late": 0},
        test_every_call_is_counted_once,
    ),
    (
        "B5",
        "an interrupt is a failure",
        "safedeploy.circuits.Settings.failed",
        lambda self, error: True,
        test_breaking_points.test_what_a_call_raises_passes_unchanged,
        (test_breaking_points.in_a_block, KeyboardInterrupt),
    ),
    (
        "B6",
        "a ticket that comes too late is lost",
        "safedeploy.breakers.CircuitBreaker._passed_late",
        lambda *_: None,
        test_a_thread_may_be_stopped_anywhere,
        (OPTIONS[0], "a success, while others trip the breaker"),
    ),
    (
        "B6",
        "a ticket that was in time is counted twice",
        "safedeploy.breakers.tickets.Tickets.is_late",
        lambda *_: True,
        test_a_thread_may_be_stopped_anywhere,
        (OPTIONS[0], "a success, while others trip the breaker"),
    ),
    (
        "B6",
        "the fast path doesn't wait for the minimum of calls",
        "safedeploy.breakers.core.Core._until",
        lambda self, circuit: math.inf if circuit.state.permits else -math.inf,
        test_a_breaker_does_what_the_machine_does,
    ),
    (
        "B6",
        "one failure too many is to spare",
        "safedeploy.circuits.spare",
        lambda circuit: 1 + SPARE(circuit),
        test_a_breaker_does_what_the_machine_does,
    ),
    (
        "B6",
        "a refusal isn't held against the state that is",
        "safedeploy.breakers.core.Core._refused_late",
        lambda *_: None,
        test_a_thread_may_be_stopped_anywhere,
        (OPTIONS[0], "a refusal, while a trial closes the breaker"),
    ),
)
