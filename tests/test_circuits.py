"""The breaker machine: windows, conditions, settings, and each way through the table."""

from __future__ import annotations

import math
from datetime import timedelta
from typing import Any

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from safedeploy import circuits
from safedeploy.circuits import (
    BUCKETS,
    TRANSITIONS,
    AllHold,
    AnyHolds,
    Breached,
    Cause,
    Circuit,
    Closed,
    Condition,
    CountWindow,
    DecideWhen,
    Exponential,
    FailureRate,
    Failures,
    HalfOpen,
    Open,
    Settings,
    SlowCallRate,
    TimeWindow,
    Transitioned,
    failure_rate,
    slow_call_rate,
)
from safedeploy.errors import DefinitionError

SECOND = timedelta(seconds=1)

ended = st.tuples(st.booleans(), st.booleans())
several = st.lists(ended, max_size=60)
leaves = st.one_of(
    st.builds(FailureRate, st.floats(0.01, 1)),
    st.builds(SlowCallRate, st.floats(0.01, 1)),
    st.builds(Failures, st.integers(1, 3), st.integers(3, 6)),
    st.builds(Failures, st.integers(1, 4)),
)
conditions = st.recursive(
    leaves,
    lambda parts: st.builds(lambda one, other, both: one & other if both else one | other,
                            parts, parts, st.booleans()),
    max_leaves=5,
)  # fmt: skip


def counts(window: circuits.Window) -> tuple[int, int, int, int]:
    return window.calls, window.failures, window.slow, window.slow_failures


def counted(calls: list[tuple[bool, bool]]) -> tuple[int, int, int, int]:
    failed, slow = (sum(call[place] for call in calls) for place in (0, 1))
    return len(calls), failed, slow, sum(all(call) for call in calls)


def bits(calls: list[tuple[bool, bool]], depth: int) -> int:
    return sum(failed << place for place, (failed, _) in enumerate(reversed(calls[-depth:])))


@given(st.integers(1, 20), several)
def test_a_count_window_keeps_the_latest(size: int, calls: list[tuple[bool, bool]]) -> None:
    """It counts what a list of the latest calls would."""
    window = CountWindow(size, 1)
    for call in calls:
        window = window.record(0.0, *call)

    assert counted(calls[-size:]) == counts(window)
    assert bits(calls, size) == window.recent
    assert window is window.turned(1e9)


@given(st.integers(1, 30), st.lists(st.tuples(st.floats(0, 8), ended), max_size=40))
def test_a_time_window_keeps_what_is_recent(
    seconds: int, calls: list[tuple[float, tuple[bool, bool]]]
) -> None:
    """It counts the calls of the latest ten parts, of which the newest isn't over."""
    window, at, seen = TimeWindow.starting(seconds, 1, 5, 0.0), 0.0, list[tuple[int, Any]]()
    for by, call in calls:
        at += by
        window = window.record(at, *call)
        assert at < window.until
        seen.append((window.index, call))
    kept = [call for index, call in seen if index > window.index - BUCKETS]

    assert counted(kept) == counts(window)
    assert bits([call for _, call in seen], 5) == window.recent
    assert window.turned(at + 2 * seconds).calls == 0


@given(st.floats(0, 1e12), st.floats(1e-6, 1e6))
def test_a_part_never_ends_before_it_begins(at: float, seconds: float) -> None:
    """However coarse the clock is: each look gets on, and none is stuck."""
    window = TimeWindow.starting(seconds, 1, 0, at)

    assert window.until > at
    later = window.turned(window.until)
    assert later.until > window.until
    assert later.index > window.index


@given(st.sampled_from(["count", "time"]), several, st.integers(0, 200))
def test_passing_calls_are_as_many_successes(
    kind: str, calls: list[tuple[bool, bool]], passed: int
) -> None:
    """`absorb` and `passed` do what recording each of them does."""
    window: circuits.Window = (
        CountWindow(9, 1) if kind == "count" else TimeWindow.starting(10, 1, 7, 0.0)
    )
    for call in calls:
        window = window.record(0.0, *call)
    one_by_one = window
    for _ in range(passed):
        one_by_one = one_by_one.record(0.0, False, False)

    assert one_by_one == window.absorb(passed)
    assert one_by_one.record(0.0, True, True) == window.record(0.0, True, True, passed)


@given(st.sampled_from(["count", "time"]), several, st.lists(st.integers(0, 12), max_size=9))
def test_marks_are_as_many_calls(kind: str, calls: list[Any], gaps: list[int]) -> None:
    """`mark` does what recording each call does: before each failure, so many that went well."""
    window: circuits.Window = (
        CountWindow(9, 1) if kind == "count" else TimeWindow.starting(10, 1, 7, 0.0)
    )
    for call in calls:
        window = window.record(0.0, *call)
    one_by_one, marks = window, 0
    for gap in gaps:
        one_by_one = one_by_one.record(0.0, True, False, gap)
        marks = marks << min(gap + 1, window.depth) | 1

    assert one_by_one == window.mark(sum(gaps) + len(gaps), len(gaps), marks)


@given(
    st.sampled_from([8, 10 * SECOND]),
    several,
    st.lists(st.integers(0, 9), min_size=32, max_size=32),
    conditions,
)
def test_failures_to_spare_trip_nothing(
    window: Any, calls: list[Any], gaps: list[int], condition: Condition
) -> None:
    """Whatever goes well in between: none of so many failures changes the state."""
    settings = Settings(trips_when=condition, window=window, minimum_calls=3, slow_call=SECOND)
    circuit = circuits.begin(settings, 0.0)
    for failed, slow in calls:
        circuit, _, _ = circuits.record(circuit, 0, -1, 0.0, failed=failed, slow=slow)
    if isinstance(circuit.state, Closed) and circuit.window.calls >= 3:
        for gap in gaps[: circuits.spare(circuit)]:
            circuit, _, told = circuits.record(circuit, 0, -1, 0.0, failed=True, passed=gap)
            assert () == told


def test_a_breach_that_was_told_leaves_all_failures_to_spare() -> None:
    """A circuit that only measures has nothing more to do."""
    circuit = circuits.move(circuits.begin(Settings(window=1), 0.0), Cause.MEASURED, 0.0)[0]
    assert 0 == circuits.spare(circuit)
    circuit, _, _ = circuits.record(circuit, 1, circuits.ORDINARY, 0.0, failed=True)
    assert circuits.spare(circuit) > 0


def test_a_time_that_goes_back_changes_nothing() -> None:
    """What was seen later stays, and what comes with an earlier time counts now."""
    window = TimeWindow.starting(10, 1, 0, 100.0).record(100.0, True, False)

    assert window is window.turned(3.0)
    assert window.record(3.0, True, False).failures == 2


@given(conditions, several)
def test_a_fast_success_makes_no_condition_true(
    condition: Condition, calls: list[tuple[bool, bool]]
) -> None:
    """With enough calls for a rate, it can't: the fast path rests on that."""
    window = CountWindow(8, 3)
    for call in calls:
        window = window.record(0.0, *call)
    if window.calls >= window.minimum and not condition.holds(window):
        assert not condition.holds(window.absorb(1))


@given(conditions, conditions, several)
def test_conditions_compose(one: Condition, other: Condition, calls: list[Any]) -> None:
    """`&` is both and `|` is either."""
    window = CountWindow(8, 3)
    for call in calls:
        window = window.record(0.0, *call)
    found = one.holds(window), other.holds(window)

    assert all(found) == (one & other).holds(window)
    assert any(found) == (one | other).holds(window)
    assert isinstance(one & other, AllHold)
    assert isinstance(one | other, AnyHolds)
    assert {*one.leaves(), *other.leaves()} == {*(one & other).leaves()}


def test_rates_are_inclusive_and_unknown_below_the_minimum() -> None:
    """At 0.5, one of two trips; one of one has no rate yet."""
    window = CountWindow(4, 2).record(0.0, True, True)
    assert (None, None) == (failure_rate(window), slow_call_rate(window))
    assert not FailureRate(0.5).holds(window)

    window = window.record(0.0, False, False)
    assert (0.5, 0.5) == (failure_rate(window), slow_call_rate(window))
    assert FailureRate(0.5).holds(window)
    assert SlowCallRate(0.5).holds(window)
    assert not FailureRate(0.51).holds(window)


def test_trials_are_judged_over_as_many_as_there_are() -> None:
    """A row of five is one of as many as there can be; a share stays what it is."""
    condition = (Failures(5) | Failures(3, of=10)) & FailureRate(0.5) & SlowCallRate(0.2)

    assert condition.over(2) == (Failures(2) | Failures(2, of=2)) & FailureRate(0.5) & SlowCallRate(
        0.2
    )


def test_a_call_counts_for_nine_tenths_of_a_window_at_least() -> None:
    """A part of a window lasts a tenth of it, and leaves it whole."""
    window = TimeWindow.starting(10, 1, 0, 0.0).record(0.5, True, False).record(1.5, True, False)

    assert [2, 1, 0] == [window.turned(at).failures for at in (9.9, 10.2, 11.2)]


def test_openings_may_be_alike() -> None:
    """A factor of one is no growth."""
    assert 1.0 == Exponential(SECOND, 60 * SECOND, factor=1).seconds(9, 0.5)


@given(st.integers(1, 10**6), st.floats(0, 1, exclude_max=True), st.floats(0, 1))
def test_openings_grow_up_to_their_cap(openings: int, draw: float, jitter: float) -> None:
    """Each is no shorter than the one before, none is above the cap, and jitter only takes off."""
    grows = Exponential(SECOND, 60 * SECOND, factor=1.5)
    jittered = Exponential(SECOND, 60 * SECOND, factor=1.5, jitter=jitter)
    lasts = grows.seconds(openings, draw)

    assert 1.0 <= lasts <= grows.seconds(openings + 1, draw) <= 60.0
    assert pytest.approx(min(60.0, 1.5 ** min(openings - 1, 99))) == lasts
    assert lasts * (1 - jitter) <= jittered.seconds(openings, draw) <= lasts


REFUSED: list[tuple[dict[str, Any], str, object]] = [
    ({"failure_rate": 1.1}, "failure_rate", 1.1),
    ({"failure_rate": -0.1}, "failure_rate", -0.1),
    ({"failure_rate": 0}, "failure_rate", 0),
    ({"failure_rate": True}, "failure_rate", True),
    ({"failure_rate": math.nan}, "failure_rate", math.nan),
    ({"slow_call_rate": 50, "slow_call": SECOND}, "slow_call_rate", 50),
    ({"slow_call_rate": 0.5}, "slow_call", None),
    ({"trips_when": SlowCallRate(0.5)}, "slow_call", None),
    ({"slow_call": timedelta(0)}, "slow_call", timedelta(0)),
    ({"slow_call": 2}, "slow_call", 2),
    ({"consecutive_failures": 0}, "consecutive_failures", 0),
    ({"consecutive_failures": 5, "window": 4, "minimum_calls": 1}, "window", 4),
    ({"trips_when": Failures(1, of=9), "window": 8}, "window", 8),
    ({"trips_when": "often"}, "trips_when", "often"),
    ({"minimum_calls": 0}, "minimum_calls", 0),
    ({"minimum_calls": 101}, "minimum_calls", 101),
    ({"minimum_calls": 6, "window": 5}, "minimum_calls", 6),
    ({"window": 0}, "window", 0),
    ({"window": 1.5}, "window", 1.5),
    ({"window": timedelta(0)}, "window", timedelta(0)),
    ({"window": -SECOND}, "window", -SECOND),
    ({"open_for": timedelta(0)}, "open_for", timedelta(0)),
    ({"open_for": -SECOND}, "open_for", -SECOND),
    ({"open_for": 30}, "open_for", 30),
    ({"permitted_calls": 0}, "permitted_calls", 0),
    ({"half_open_for": timedelta(0)}, "half_open_for", timedelta(0)),
    ({"decide_when": "first"}, "decide_when", "first"),
    ({"automatic_half_open": 1}, "automatic_half_open", 1),
    ({"failures": "OSError"}, "failures", "OSError"),
    ({"failures": (OSError, 3)}, "failures", 3),
    ({"ignores": KeyboardInterrupt}, "ignores", KeyboardInterrupt),
    ({"failed_result": 500}, "failed_result", 500),
    ({"retry_after": SECOND}, "retry_after", SECOND),
]


@pytest.mark.parametrize(("options", "field", "value"), REFUSED, ids=str)
def test_bad_settings_are_refused(options: dict[str, Any], field: str, value: object) -> None:
    """Whatever can't be meant is refused with the field, the value and the mend."""
    with pytest.raises(DefinitionError) as refused:
        Settings(**options)

    assert field == refused.value.field
    assert str(value) == str(refused.value.value)
    assert refused.value.mend


@pytest.mark.parametrize(
    ("make", "field"),
    [
        (lambda: Failures(4, of=3), "at_least"),
        (lambda: Failures(0), "at_least"),
        (lambda: FailureRate(0.0), "at_least"),
        (lambda: AllHold(("often",)), "parts"),  # type: ignore[arg-type]
        (lambda: Exponential(SECOND, SECOND / 2), "cap"),
        (lambda: Exponential(timedelta(0), SECOND), "first"),
        (lambda: Exponential(SECOND, SECOND, factor=0.9), "factor"),
        (lambda: Exponential(SECOND, SECOND, factor=math.inf), "factor"),
        (lambda: Exponential(SECOND, SECOND, jitter=1.1), "jitter"),
        (lambda: Exponential(SECOND, SECOND, jitter=True), "jitter"),
    ],
    ids=[str(number) for number in range(10)],
)
def test_conditions_that_can_never_be_true_are_refused(make: Any, field: str) -> None:
    """So are waits that no clock can keep."""
    with pytest.raises(DefinitionError) as refused:
        make()

    assert field == refused.value.field


def test_the_defaults_fit_together() -> None:
    """Half of a hundred calls; small windows have a small minimum."""
    assert FailureRate(0.5) == Settings().condition
    assert (20, 100) == (Settings().minimum, Settings().window)
    assert 5 == Settings(window=5).minimum
    assert 20 == Settings(window=SECOND).minimum
    assert Settings(failure_rate=0.1, consecutive_failures=3).condition == FailureRate(
        0.1
    ) | Failures(3)


def test_a_failure_is_what_the_settings_say() -> None:
    """Kinds, several of them, or a function; what is ignored is first, and Exceptions only."""
    listed = Settings(failures=(OSError, LookupError), ignores=FileNotFoundError)
    asked = Settings(failures=lambda error: "slow" in str(error))

    assert [True, True, None, False, None] == [
        listed.failed(error)
        for error in (OSError(), KeyError(), FileNotFoundError(), TypeError(), KeyboardInterrupt())
    ]
    assert [True, False] == [asked.failed(ValueError(text)) for text in ("slow", "bad")]


def half_open(at: float = 0.0, **options: Any) -> Circuit:
    """Return a circuit that is half-open."""
    circuit = circuits.begin(Settings(**options), at)
    return circuits.move(circuit, Cause.HALF_OPENED, at, "a test begins")[0]


def after_trials(circuit: Circuit, *outcomes: bool) -> list[str]:
    """Return where a circuit is after each trial."""
    labels = []
    for number, failed in enumerate(outcomes):
        generation = circuit.state.generation
        circuit, permit, _ = circuits.acquire(circuit, 0.0, number)
        if permit is None:
            labels.append("refused")
            continue
        circuit, _, _ = circuits.record(circuit, generation, permit, 0.0, failed=failed)
        labels.append(circuit.state.label)
    return labels


@pytest.mark.parametrize(
    ("when", "outcomes", "labels"),
    [
        (DecideWhen.ALL, "ffss", "half-open half-open half-open open"),
        (DecideWhen.ALL, "fsss", "half-open half-open half-open closed"),
        (DecideWhen.SETTLED, "ff", "half-open open"),
        (DecideWhen.SETTLED, "fsss", "half-open half-open half-open closed"),
        (DecideWhen.SETTLED, "sss", "half-open half-open closed"),
        (DecideWhen.FIRST, "f", "open"),
        (DecideWhen.FIRST, "s", "closed"),
    ],
)
def test_trials_decide_when_they_are_told_to(when: DecideWhen, outcomes: str, labels: str) -> None:
    """When all are in, as soon as nothing can change it, or at the first."""
    circuit = half_open(failure_rate=0.5, permitted_calls=4, decide_when=when)

    assert labels.split() == after_trials(circuit, *(each == "f" for each in outcomes))


@given(st.lists(st.booleans(), min_size=1, max_size=6), conditions)
def test_trials_that_settle_it_say_what_all_of_them_would(
    outcomes: list[bool], condition: Condition
) -> None:
    """Deciding early never decides otherwise."""
    options: dict[str, Any] = {
        "trips_when": condition,
        "slow_call": SECOND,
        "window": 8,
        "permitted_calls": len(outcomes),
    }
    early, late = (
        after_trials(half_open(**options, decide_when=when), *outcomes)
        for when in (DecideWhen.SETTLED, DecideWhen.ALL)
    )
    decided = next(each for each in early if each != "half-open")

    assert decided == next(each for each in late if each != "half-open")


def test_an_opening_lasts_as_long_as_it_says() -> None:
    """A failure's own wait comes first; openings in a row grow, and closing begins anew."""
    options: dict[str, Any] = {"open_for": Exponential(SECOND, 60 * SECOND), "window": 1}
    circuit = circuits.begin(Settings(**options), 0.0)
    for at, lasts in ((0.0, 1.0), (1.0, 2.0), (3.0, 4.0)):
        circuit, permit, _ = circuits.acquire(circuit, at, 1)
        assert permit is not None
        generation = circuit.state.generation
        circuit, _, told = circuits.record(circuit, generation, permit, at, failed=True)
        assert isinstance(circuit.state, Open)
        assert at + lasts == circuit.state.until
        assert [Breached, Transitioned] == [type(each) for each in told]
    circuit, permit, _ = circuits.acquire(circuit, 7.0, 1)
    generation = circuit.state.generation
    circuit, _, _ = circuits.record(circuit, generation, 1, 7.0, failed=False)
    assert Closed(generation + 1, 0) == circuit.state
    circuit, _, _ = circuits.record(
        circuit, generation + 1, circuits.ORDINARY, 7.0, failed=True, wait=90.0
    )
    assert Open(generation + 2, 1, 97.0) == circuit.state


def test_jitter_differs_from_opening_to_opening_and_by_salt() -> None:
    """Two processes don't come back at once."""
    settings = Settings(open_for=Exponential(SECOND, SECOND, jitter=1.0))
    found = {
        circuits.move(circuits.begin(settings, 0.0, salt), Cause.OPENED, 0.0)[0].state
        for salt in range(99)
    }
    until = [state.until for state in found if isinstance(state, Open)]

    assert 99 == len(until)
    assert min(until) < 0.1
    assert max(until) > 0.9


def test_trials_that_take_too_long_open_it_from_then_on() -> None:
    """However late it is seen: the wait began at the deadline."""
    circuit = half_open(half_open_for=5 * SECOND, open_for=10 * SECOND)
    circuit, number, _ = circuits.acquire(circuit, 0.0, 1)
    seen, told = circuits.look(circuit, 12.0)
    assert seen.state.label == "open"
    assert isinstance(seen.state, Open)
    assert 15.0 == seen.state.until
    assert ["waited"] == [each.cause.value for each in told if isinstance(each, Transitioned)]

    late, fate, _ = circuits.record(circuit, circuit.state.generation, 1, 12.0, failed=False)
    assert ("late", seen) == (fate, late)

    again, number, told = circuits.acquire(circuit, 40.0, 2)
    assert 2 == number
    assert isinstance(again.state, HalfOpen)
    assert 45.0 == again.state.deadline
    assert 2 == len(told)


def test_a_permit_is_returned_once() -> None:
    """Twice is once, and a permit that was never given is none."""
    circuit = half_open(permitted_calls=2)
    generation = circuit.state.generation
    circuit, _, _ = circuits.acquire(circuit, 0.0, 7)
    once, fate, _ = circuits.record(circuit, generation, 7, 0.0, failed=None)
    assert fate == "ignored"

    for number in (7, 8):
        twice, fate, _ = circuits.record(once, generation, number, 0.0, failed=True)
        assert (once, None) == (twice, fate)


def test_what_the_table_has_not_changes_nothing() -> None:
    """A breaker that is isolated can't be isolated, nor one that is closed be forked."""
    for kind in circuits.State.__args__:
        for cause in Cause:
            circuit = arrived(kind)
            moved, told = circuits.move(circuit, cause, 0.0, "why", "7")
            if (kind, cause) in TRANSITIONS:
                assert TRANSITIONS[kind, cause] is type(moved.state)
                assert moved.state.generation == circuit.state.generation + 1
                assert (Transitioned(circuit.state, moved.state, cause, "why", "7"),) == told
            else:
                assert (circuit, ()) == (moved, told)


def arrived(kind: type) -> Circuit:
    """Return a circuit that is in a state."""
    ways = {target: cause for (_, cause), target in TRANSITIONS.items() if cause in BY_HAND}
    circuit = circuits.begin(Settings(), 0.0)
    return circuits.move(circuit, ways[kind], 0.0)[0]


BY_HAND = {
    Cause.OPENED,
    Cause.HALF_OPENED,
    Cause.RESET,
    Cause.ISOLATED,
    Cause.DISABLED,
    Cause.MEASURED,
}


def test_a_child_has_all_trials_and_draws_its_own_waits() -> None:
    """A half-open circuit begins anew there; any other stays as it is."""
    circuit = circuits.acquire(half_open(), 0.0, 1)[0]
    child, told = circuits.forked(circuit, 0.0, 99)

    assert 99 == child.terms.salt
    assert circuits.acquire(child, 0.0, 2)[1] == 2
    assert 1 == len(told)
    closed = circuits.begin(Settings(), 0.0)
    assert (closed.state, ()) == (
        circuits.forked(closed, 0.0, 1)[0].state,
        circuits.forked(closed, 0.0, 1)[1],
    )


def test_metrics_only_tells_a_breach_once() -> None:
    """It never opens, and after a reset it may tell again."""
    circuit = circuits.move(circuits.begin(Settings(window=2), 0.0), Cause.MEASURED, 0.0)[0]
    told: list[Any] = []
    for _ in range(5):
        circuit, _, news = circuits.record(
            circuit, circuit.state.generation, circuits.ORDINARY, 0.0, failed=True
        )
        told += news

    assert [Breached] == [type(each) for each in told]
    assert "metrics-only" == circuit.state.label


def test_a_circuit_is_a_value() -> None:
    """Two that have seen the same are equal, and evolving one leaves it alone."""
    one, other = (circuits.begin(Settings(window=3), 0.0) for _ in range(2))
    assert one == other
    assert one != attrs.evolve(other, window=other.window.absorb(1))
    assert one == other


def test_a_time_window_trips_when_successes_drop_out_of_it() -> None:
    """The first call of each part is judged, though it went well: the others' share has risen."""
    settings = Settings(window=10 * SECOND, failure_rate=0.5, minimum_calls=3)
    circuit = circuits.begin(settings, 0.0)
    for at, failed in ((0.5, False), (0.5, False), (5.0, True), (5.0, False), (5.0, True)):
        circuit, _, _ = circuits.record(circuit, 0, circuits.ORDINARY, at, failed=failed)
        assert "closed" == circuit.state.label
    circuit, _, _ = circuits.record(circuit, 0, circuits.ORDINARY, 10.5, failed=False)

    assert "open" == circuit.state.label


def test_looking_shows_what_is_left_of_a_time_window() -> None:
    """A closed circuit's window slides though nobody calls; an open one keeps what tripped it."""
    circuit = circuits.begin(Settings(window=10 * SECOND, minimum_calls=1, failure_rate=1.0), 0.0)
    closed = circuits.record(circuit, 0, circuits.ORDINARY, 0.0, failed=False)[0]
    tripped = circuits.record(circuit, 0, circuits.ORDINARY, 0.0, failed=True)[0]

    assert 0 == circuits.look(closed, 60.0)[0].window.calls
    assert 1 == circuits.look(tripped, 60.0)[0].window.calls
