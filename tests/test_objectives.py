"""Objectives: how fast an error budget burns, over a long and a short window."""

import math
from collections.abc import Iterable
from datetime import datetime, timedelta
from fractions import Fraction
from typing import Any

import attrs
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from safedeploy.digests import digest
from safedeploy.signals import BURNS, Burn, Objective, Window
from safedeploy.signals.objectives import SLOTS
from safedeploy.verdicts import Counts, Measurement, Verdict
from tests.measurements import CRITERIA, NOON, arm, block, check_refused, judged, judged_after, seen

MINUTE, HOUR = timedelta(minutes=1), timedelta(hours=1)
MONTH = timedelta(days=30)
EPOCH = datetime.fromisoformat("1970-01-01T00:00+00:00")


def at(minutes: float, units: int, failures: int = 0, **more: Any) -> Measurement:
    """Make a block that ends so many minutes after noon."""
    until = NOON + minutes * MINUTE
    return block(arm(units, failures, **more), since=until - MINUTE, until=until)


# By brute force


@st.composite
def histories(draw: st.DrawFn) -> tuple[Measurement, ...]:
    """Draw blocks with gaps, some of them late, in whatever order they arrive."""
    blocks, minutes = [], 0.0
    for _ in range(draw(st.integers(1, 25))):
        minutes += draw(st.sampled_from([0, 0.02, 0.5, 3, 30, 200]))
        late = draw(st.sampled_from([0, 0, 0, 0.1, 4, 45]))
        units = draw(st.integers(0, 60))
        failures = draw(st.integers(0, units) | st.just(0))
        hanging = draw(st.integers(0, min(3, units - failures)))
        blocks.append(at(minutes - late, units, failures, unfinished=hanging))
    return tuple(blocks)


def expected(
    history: Iterable[Measurement], burn: Burn, budget: Fraction, at_least: int
) -> Fraction:
    """Return how fast the budget burns, counted slot by slot from everything that was measured."""
    latest, counted = 0, []
    for each in history:
        latest = max(latest, int((each.until - EPOCH) / (burn.over / SLOTS)))
        counted.append((latest, each.canary.units, each.canary.failures + each.canary.unfinished))
    rates, failed_in_all = [], 0
    for slots in (2, SLOTS):
        recent = [each for each in counted if each[0] > latest - slots]
        units, failed_in_all = sum(each[1] for each in recent), sum(each[2] for each in recent)
        rates.append(Fraction(failed_in_all, units) / budget if units else Fraction(0))
    return min(rates) if failed_in_all >= at_least else Fraction(0)


burns = st.builds(
    Burn,
    st.sampled_from([0.5, 1, 2, 6, 14.4]),
    st.sampled_from([MINUTE, 10 * MINUTE, HOUR, 6 * HOUR]),
    st.sampled_from([Verdict.INVESTIGATE, Verdict.HALT]),
)


def test_who_hangs_and_then_fails_burns_once() -> None:
    """A unit that was counted as unfinished isn't counted again when it fails."""
    hour = Objective(0.9, burns=(Burn(2, timedelta(hours=1)),), at_least=1)
    first, then = arm(100, unfinished=10), Counts(10, 10, 10, 0, hung=10)
    memory = hour.observe(hour.observe(hour.start(), block(first), 0), block(then), 0)
    assert 10 == sum(failed for _, failed in memory[0].slots)


@given(
    histories(),
    st.lists(burns, min_size=1, max_size=3),
    st.sampled_from([0.5, 0.9, 0.99]),
    st.integers(1, 20),
)
def test_it_fires_just_where_both_windows_burn_too_fast(
    history: tuple[Measurement, ...], burns: list[Burn], target: float, at_least: int
) -> None:
    """The verdict is the worst of the rules whose long and short window are beyond their rate."""
    budget = 1 - Fraction(target)
    assume(all(burn.rate * budget < 1 for burn in burns))
    found = judged_after(Objective(target, burns=burns, at_least=at_least), history)

    rates = [expected(history, burn, budget, at_least) for burn in burns]
    pairs = list(zip(rates, burns, strict=True))
    assume(all(abs(rate - Fraction(burn.rate)) > 1e-9 for rate, burn in pairs))
    fired = [burn.verdict for rate, burn in pairs if rate > burn.rate]
    used = sum(each.canary.units for each in history)
    calm = Verdict.PASS if used >= at_least else Verdict.INCONCLUSIVE
    assert max(fired, default=calm) == found.verdict or (
        not used and found.verdict is Verdict.NO_DATA
    )
    assert not used or found.statistic == pytest.approx(float(shown(pairs)))


def shown(pairs: list[tuple[Fraction, Burn]]) -> Fraction:
    """Return the rate that is shown: of the rule that is most exceeded among the worst."""
    fired = [(burn.verdict, rate / Fraction(burn.rate), rate) for rate, burn in pairs]
    worst = [each for each in fired if each[1] > 1]
    return max(worst)[2] if worst else max(rate for rate, _ in pairs)


@given(histories(), st.integers(0, 24))
def test_one_more_failure_never_slows_a_burn(history: tuple[Measurement, ...], number: int) -> None:
    """Whichever block a failure is added to, the verdict is as bad or worse."""
    number %= len(history)
    counts = history[number].canary
    assume(counts.failures + counts.unfinished < counts.units)
    failing = attrs.evolve(counts, failures=counts.failures + 1)
    worse = [*history]
    worse[number] = attrs.evolve(history[number], canary=failing)
    objective = Objective(0.95, at_least=1)

    assert judged_after(objective, history).verdict <= judged_after(objective, worse).verdict


@given(histories(), st.lists(st.integers(1, 3), min_size=25, max_size=25))
def test_a_window_does_not_depend_on_how_often_is_measured(
    history: tuple[Measurement, ...], times: list[int]
) -> None:
    """A block counts the same in one piece or with empty blocks beside it."""
    split = [
        piece
        for each, more in zip(history, times, strict=False)
        for piece in [each, *[block(until=each.until)] * (more - 1)]
    ]

    assert seen(Objective(0.99), history)[0] == seen(Objective(0.99), split)[0]


# The usual rules


def test_the_usual_rules_are_those_of_the_workbook() -> None:
    """They fire when 2, 5 and 10 % of the budget of 30 days are gone, and the last calls a person.

    Each short window is a twelfth of the long one.
    """
    spent = [burn.rate * (burn.over / MONTH) for burn in BURNS]
    assert [0.02, 0.05, 0.1] == pytest.approx(spent)
    assert [Verdict.HALT, Verdict.HALT, Verdict.INVESTIGATE] == [burn.verdict for burn in BURNS]
    shorts = [2 * burn.over / SLOTS for burn in BURNS]
    assert [5 * MINUTE, 30 * MINUTE, 6 * HOUR] == shorts
    assert BURNS == Objective(0.999).burns


@pytest.mark.parametrize("failing", [0.02, 0.1, 0.5, 1.0])
def test_an_outage_halts_when_two_percent_of_the_budget_is_gone(failing: float) -> None:
    """After an hour of healthy traffic, whatever share fails from then on.

    The long window holds 23 to 24 of its slots, so it may be a twentieth early.
    """
    objective, each = Objective(0.999, burns=BURNS[:1]), 1000
    budget = 0.001 * each * (MONTH / MINUTE)
    memory, _ = seen(objective, [at(minute, each) for minute in range(60)])
    health = seen(objective, [at(0, each)])[1]
    spent = 0.0
    for minute in range(60, 200):
        memory = objective.observe(memory, at(minute, each, int(failing * each)), 0)
        spent += failing * each
        if objective.judge(memory, health, CRITERIA).verdict is Verdict.HALT:
            break

    assert 0.019 * budget <= spent <= 0.02 * budget + failing * each


def test_a_burn_that_is_over_fires_no_more() -> None:
    """The short window has forgotten an outage after some minutes, the long one within the hour."""
    objective = Objective(0.999, burns=BURNS[:1])
    outage = [at(minute, 100, 50) for minute in range(5)]
    after = [at(minute, 100) for minute in range(5, 10)]

    assert Verdict.HALT is judged_after(objective, outage).verdict
    assert Verdict.HALT is judged_after(objective, [*outage, *after[:1]]).verdict
    assert Verdict.PASS is judged_after(objective, [*outage, *after]).verdict
    assert Verdict.PASS is judged_after(objective, [*outage, at(10, 0)]).verdict
    again = at(12, 100, 3)
    assert Verdict.HALT is judged_after(objective, [*outage, *after, again, at(13, 100)]).verdict
    assert Verdict.PASS is judged_after(objective, [*outage, at(70, 100, 9), at(71, 1)]).verdict


@pytest.mark.parametrize("failures", [1, 5, 9])
def test_little_traffic_fires_nothing(failures: int) -> None:
    """Fewer failures than asked for say nothing, even if everything fails."""
    rare = [at(7 * minute, 1, 1) for minute in range(failures)]

    assert Verdict.INCONCLUSIVE is judged_after(Objective(0.999), rare).verdict
    assert Verdict.HALT is judged_after(Objective(0.999, at_least=failures), rare).verdict
    assert Verdict.HALT is judged_after(Objective(0.999), [*rare, at(63, 10, 10)]).verdict


@given(st.integers(1, 30), st.integers(1, 30), st.integers(0, 30))
def test_nothing_passes_before_it_could_have_fired(least: int, units: int, failed: int) -> None:
    """Too few units to fail often enough are too few to tell; after that it says so at once."""
    objective = Objective(0.9, burns=(Burn(2, HOUR),), at_least=least)
    found = judged(objective, arm(units, min(units, failed)))

    if units < least:
        assert (Verdict.INCONCLUSIVE, least - units) == (found.verdict, found.remaining)
        assert found.detail.endswith(f"; {least - units} more canary units are needed")
    else:
        assert found.verdict in (Verdict.PASS, Verdict.HALT)
        assert 0 == found.remaining


@pytest.mark.law("A3")
def test_a_canary_that_was_never_used_meets_no_objective() -> None:
    """Without a unit there is no data, and the baseline's are no concern."""
    found = judged(Objective(0.99), Counts(), arm(1000, 1000))

    assert (Verdict.NO_DATA, "the canary was never used") == (found.verdict, found.detail)
    assert Verdict.PASS is judged(Objective(0.99), arm(1000), arm(1000, 1000)).verdict


def test_what_was_burnt_in_one_ring_is_burnt() -> None:
    """A window goes on when a new exposure begins."""
    memory, _ = seen(Objective(0.99), [at(0, 100, 50)])

    assert memory == Objective(0.99).enter(memory) != Objective(0.99).start()


def test_a_finding_says_how_fast_and_over_what() -> None:
    """It shows the rate and what it may be, of the rule that fired or else of the first."""
    fine = judged_after(Objective(0.99), [at(0, 1000, 20)])
    assert "the budget of 1.000% burns 2 times as fast as it may" in fine.detail
    assert (Verdict.INVESTIGATE, 1.0) == (fine.verdict, fine.threshold)

    fires = judged_after(Objective(0.99), [at(0, 1000, 200)])
    told = "the budget of 1.000% burns 20 times as fast as it may over 1:00:00, where 14.4 is"
    assert f"{told} too fast" == judged_after(Objective(0.99, burns=BURNS[:1]), FAST).detail
    assert (Verdict.HALT, 6.0) == (fires.verdict, fires.threshold)
    assert 20 == pytest.approx(fires.statistic)

    passes = judged_after(Objective(0.99), [at(0, 10_000, 20)])
    assert "the budget of 1.000% burns 0.2 times as fast as it may" == passes.detail
    assert (Verdict.PASS, 14.4) == (passes.verdict, passes.threshold)


FAST = [at(0, 1000, 200)]


def test_an_event_is_counted_rather_than_failures() -> None:
    """An objective may be of an event, and is named after it."""
    slow = Objective(0.9, of="slow", burns=(Burn(2, HOUR),), at_least=1)
    found = judged(slow, arm(100, 100, unfinished=0, events={"slow": 21}))

    assert ("objective of slow", Verdict.HALT) == (found.signal, found.verdict)
    assert Verdict.PASS is judged(slow, arm(100, 100, events={"order": 100})).verdict
    assert "objective" == Objective(0.9, burns=slow.burns).name
    assert "pages" == attrs.evolve(slow, name="pages").name


def test_calls_that_never_end_burn_the_budget() -> None:
    """What hangs has gone wrong."""
    hangs = Objective(0.9, burns=(Burn(2, HOUR),), at_least=10)

    assert Verdict.HALT is judged(hangs, arm(40, 4, unfinished=6)).verdict


def test_an_objective_spends_no_alpha_and_compares_nobody() -> None:
    """It has no say in what is relative to the baseline."""
    assert (False, True) == (Objective(0.9, burns=BURNS[2:]).spends_alpha, Objective(0.99).absolute)
    assert Objective(0.99).can_notice(CRITERIA)


def test_a_time_before_1970_is_a_time() -> None:
    """A clock that was never set doesn't break the windows."""
    early = block(arm(100, 50), until=EPOCH - HOUR), block(arm(100, 50), until=EPOCH)

    assert Verdict.HALT is judged_after(Objective(0.99), early).verdict
    assert Window().slots == ((0, 0),) * SLOTS


# What is refused


@pytest.mark.parametrize(
    ("change", "field", "value", "mend"),
    [
        *(
            ({"target": value}, "target", value, "give a share below 1, such as 0.999")
            for value in (0.0, 1.0, -0.5, 99.9, math.nan, math.inf)
        ),
        *(
            ({"target": value}, "target", value, "give a float")
            for value in (1, "0.999", None, True)
        ),
        ({"burns": ()}, "burns", (), "give one or more, such as BURNS"),
        ({"burns": BURNS[0]}, "burns", BURNS[0], "give a tuple"),
        ({"burns": [14.4]}, "burns", 14.4, "give a Burn"),
        ({"of": None}, "of", None, "give a str"),
        *(
            ({"at_least": value}, "at_least", value, "give a number of failures, 1 or more")
            for value in (0, -1)
        ),
        *(({"at_least": value}, "at_least", value, "give an int") for value in (1.0, "1", True)),
    ],
    ids=repr,
)
def test_a_bad_objective_is_refused(
    change: dict[str, Any], field: str, value: object, mend: str
) -> None:
    """What can't be is refused by field, value and mend."""
    check_refused(lambda: Objective(**{"target": 0.999, **change}), field, value, mend)


@given(st.floats(0.001, 0.9999), st.floats(0.1, 10_000))
def test_what_can_never_fire_is_refused(target: float, rate: float) -> None:
    """A rule that not even a failure of everything meets is refused; any other can fire."""
    budget = 1 - target
    assume(abs(rate * budget - 1) > 1e-9)
    burns = (Burn(rate, HOUR),)
    if rate * budget >= 1:
        mend = f"give a rate below {1 / budget:g}: not even an outage burns so fast"
        check_refused(lambda: Objective(target, burns=burns), "burns", rate, mend)
    else:
        found = judged(Objective(target, burns=burns), arm(10, 10))
        assert Verdict.HALT is found.verdict


def test_the_usual_rules_need_a_high_objective() -> None:
    """14.4 times the budget of 90 % is more than everything."""
    mend = "give a rate below 10: not even an outage burns so fast"

    check_refused(lambda: Objective(0.9), "burns", 14.4, mend)


RATE = "give a number above 0, such as 14.4"
OVER = "give a minute or more, such as an hour"
WORSE = "give Verdict.HALT or Verdict.INVESTIGATE"


@pytest.mark.parametrize(
    ("change", "field", "value", "mend"),
    [
        *(({"rate": value}, "rate", value, RATE) for value in (0.0, -1.0, math.inf, math.nan)),
        *(({"rate": value}, "rate", value, "give a float") for value in ("2", None, True)),
        *(
            ({"over": value}, "over", value, OVER)
            for value in (timedelta(0), -HOUR, timedelta(seconds=59))
        ),
        *(({"over": value}, "over", value, "give a timedelta") for value in (3600, None)),
        *(
            ({"verdict": value}, "verdict", value, WORSE)
            for value in (Verdict.PASS, Verdict.NO_DATA, Verdict.SOURCE_ERROR)
        ),
        *(({"verdict": value}, "verdict", value, "give a Verdict") for value in ("HALT", None, 5)),
    ],
    ids=repr,
)
def test_a_bad_burn_is_refused(
    change: dict[str, Any], field: str, value: object, mend: str
) -> None:
    """A rule that can't be is refused by field, value and mend."""
    check_refused(lambda: Burn(**{"rate": 2.0, "over": HOUR, **change}), field, value, mend)


def test_equal_objectives_have_one_digest() -> None:
    """Rules may be given in any sequence, and rates as whole numbers."""
    one, other = Objective(0.99, burns=[Burn(2, HOUR)]), Objective(0.99, burns=(Burn(2.0, HOUR),))

    assert (one, digest(one)) == (other, digest(other))
    assert digest(Objective(0.99)) == digest(Objective(0.99, burns=BURNS))
    assert Burn(1, MINUTE).over == MINUTE
