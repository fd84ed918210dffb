"""Forecasts: what a plan will see, how long it will take, and what harm it lets happen."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random
from statistics import mean, median
from typing import Any
from xml.etree import ElementTree as ET

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from safedeploy.audiences import Attribute
from safedeploy.errors import DefinitionError
from safedeploy.forecasts import Forecast, RingForecast
from safedeploy.health import HealthModel
from safedeploy.plans import Plan, Ring
from safedeploy.signals import Comparing, Criteria, ErrorRate, Objective, Throughput, Usage
from safedeploy.statistics import detectable, harm_bound, power, sample_size
from safedeploy.traffic import Foresight, Traffic
from tests.rehearsals import Ending, rehearse

MINUTE, HOUR = timedelta(minutes=1), timedelta(hours=1)
HEALTH = HealthModel(ErrorRate(), Usage(at_least=100))
TRAFFIC = Traffic(per_minute=600, failing=0.01)


def plan(*rings: tuple[float, timedelta], health: HealthModel = HEALTH, **more: Any) -> Plan:
    made = (Ring(f"ring {n}", percent=size, bake=bake) for n, (size, bake) in enumerate(rings, 1))
    return Plan(rings=tuple(made), health=health, **more)


USUAL = plan((1, HOUR), (10, 6 * HOUR), (100, 24 * HOUR))

percents = st.floats(min_value=0.5, max_value=100)
bakes = st.integers(min_value=0, max_value=3000).map(lambda minutes: minutes * MINUTE)
plans = st.builds(
    lambda sizes, bakes, signal, **more: plan(
        *zip(sorted(sizes), bakes, strict=False),
        health=HealthModel(signal, Usage(at_least=50)),
        **more,
    ),
    st.lists(percents, min_size=1, max_size=4),
    st.lists(bakes, min_size=4, max_size=4),
    st.builds(
        ErrorRate,
        tolerate=st.floats(min_value=1, max_value=1.4),
        rare=st.floats(min_value=1e-4, max_value=0.02),
        at_least=st.sampled_from([0, 500]),
    ),
    must_see=st.floats(min_value=1.9, max_value=8),
    power=st.floats(min_value=0.6, max_value=0.95),
    holdback=st.sampled_from([2, 5, 20]),
)
traffics = st.builds(
    Traffic,
    per_minute=st.floats(min_value=1, max_value=100_000),
    failing=st.floats(min_value=0, max_value=0.08),
)


@attrs.frozen
class Ceiling:
    """Stand in for a signal of the host's own, which knows of no forecasts."""

    name = "ceiling"
    spends_alpha = False

    start = enter = observe = judge = lambda *_: None

    def can_notice(self, criteria: Criteria) -> bool:
        return True


@attrs.frozen
class Slow(Ceiling):
    """Stand in for one that does."""

    name = "slow"
    units: float = 1000.0

    def foresee(self, traffic: Traffic, criteria: Criteria) -> Foresight:
        return Foresight(units=self.units / (criteria.must_see - 1), worse=0.1)


@attrs.frozen
class Sure(Ceiling):
    """Stand in for one that can exclude that the change is worse."""

    name = "sure"
    margin = 1.5


# What it says of a ring


def test_a_small_ring_takes_as_long_as_its_evidence() -> None:
    """A ring of 1 % of 600 a minute, of whom 1 % fail, needs nine hours to see twice as many."""
    canary, early, everyone = USUAL.explain(TRAFFIC).rings

    assert 6 == pytest.approx(canary.canary)
    assert 594 == pytest.approx(canary.baseline)
    assert canary.needs
    assert timedelta(hours=9) < canary.needs < timedelta(hours=10)
    assert canary.takes
    assert timedelta(0) <= canary.takes - canary.needs < USUAL.assess_every
    assert 5 < canary.detectable < 5.5
    assert 0.01 < canary.power < 0.05
    assert not canary.sees_enough
    assert early.sees_enough
    assert everyone.sees_enough
    assert early.begins == canary.over
    assert 0.95 == everyone.share


def test_a_ring_that_sees_enough_takes_its_use_and_its_bake() -> None:
    """Where evidence comes fast, a ring is left when it was used, and then has baked."""
    made = plan((50, HOUR), (100, HOUR), health=HealthModel(ErrorRate(), Usage(at_least=9000)))
    seen = made.explain(TRAFFIC).rings[0]
    assert timedelta(minutes=30) == seen.floor
    assert timedelta(minutes=90) == seen.baked == seen.takes
    assert seen.needs
    assert seen.needs < HOUR


def test_a_ring_that_nobody_need_use_is_watched_once_before_it_bakes() -> None:
    """The bake begins with the first assessment, if there is no floor of use."""
    unused = HealthModel(ErrorRate(), waive={"usage": "a test"})
    [seen] = plan((50, HOUR), health=unused, assess_every=5 * MINUTE).explain(TRAFFIC).rings
    assert timedelta(0) == seen.floor
    assert HOUR + 5 * MINUTE == seen.baked


def test_nothing_fails_more_often_than_always() -> None:
    """Where three of ten fail anyhow, four times as many can't, however little is seen."""
    often = Traffic(per_minute=60, failing=0.3)
    for minutes in range(1, 30):
        [seen] = plan((10, minutes * MINUTE), assess_every=MINUTE).explain(often).rings
        assert seen.detectable <= 1 / 0.3 or seen.detectable == math.inf


@given(plans, traffics)
def test_three_ways_to_ask_have_one_answer(made: Plan, traffic: Traffic) -> None:
    """A bake is long enough just where its power, and what it detects, are good enough."""
    for ring in made.explain(traffic).rings:
        if not ring.needs or math.isclose(ring.needs / MINUTE, ring.bake / MINUTE, rel_tol=1e-6):
            continue
        assert (ring.needs <= ring.bake) == ring.sees_enough
        assert (ring.power >= made.power) == ring.sees_enough
        if ring.sees_enough:
            assert ring.detectable <= made.must_see
        elif traffic.failing * made.must_see <= 1:
            assert ring.detectable > made.must_see


@given(plans, traffics, st.floats(min_value=1, max_value=10))
def test_more_traffic_is_never_slower(made: Plan, traffic: Traffic, times: float) -> None:
    """With more people, a ring takes no longer, and sees no less."""
    more = attrs.evolve(traffic, per_minute=traffic.per_minute * times)
    for few, many in zip(made.explain(traffic).rings, made.explain(more).rings, strict=True):
        assert few.takes
        assert many.takes
        assert many.takes <= few.takes + made.assess_every
        assert many.power >= few.power - 1e-9
        assert many.detectable <= few.detectable * (1 + 1e-9)


@given(plans, traffics)
def test_rings_follow_each_other(made: Plan, traffic: Traffic) -> None:
    """Each ring begins when the one before is over, and the last one ends the rollout."""
    forecast = made.explain(traffic)
    passed = timedelta(0)
    for ring in forecast.rings:
        assert ring.begins == passed
        assert ring.takes
        passed = ring.over or timedelta.max
        assert passed - ring.takes == pytest.approx(ring.begins, abs=timedelta(seconds=1))
    assert passed == forecast.takes


@given(plans, traffics)
def test_no_forecast_promises_the_impossible(made: Plan, traffic: Traffic) -> None:
    """No rule that keeps its false halts to alpha halts sooner than Wald's bound, nor does this."""
    for ring in made.explain(traffic).rings:
        least = harm_bound(made.must_see, ring.baseline / ring.canary, made.health.alpha)
        assert ring.harm >= least * (1 - 1e-9)


@given(plans, traffics)
def test_a_forecast_is_what_statistics_reckon(made: Plan, traffic: Traffic) -> None:
    """For errors, a ring's power and what it detects are those of the test that will judge it."""
    for ring in made.explain(traffic).rings:
        signal: Any = ring.asked[0].signal
        if signal.at_least:
            continue
        base, per_canary = max(traffic.failing, signal.rare), ring.baseline / ring.canary
        seen = ring.canary * (ring.bake / MINUTE)
        asked = {"alpha": made.health.alpha, "tolerate": signal.tolerate}
        chance = power(made.must_see, per_canary, base, seen, **asked)
        ratio = detectable(per_canary, base, seen, power=made.power, **asked)
        # Below evens, bets that lose on average win by luck: that isn't counted on.
        assert ring.power == pytest.approx(chance, abs=1e-6 if chance > 0.5 else 0.1)
        if ratio < 1000:
            assert ring.detectable == pytest.approx(ratio, rel=1e-5)


def test_harm_ends_with_the_ring() -> None:
    """Where nobody is left to compare with, everybody who comes may come to harm."""
    absolute = HealthModel(ErrorRate(), Objective(0.99), Usage(at_least=100))
    made = plan((50, HOUR), (100, HOUR), health=absolute, holdback=0)
    forecast = made.explain(TRAFFIC)
    last = forecast.rings[-1]

    assert last.blind
    assert last.takes
    assert last.harm == pytest.approx(600 * 0.01 * (last.takes / MINUTE))
    assert math.inf == last.detectable
    assert last.power < 1e-6
    assert () == forecast.weaknesses
    forecast.check()
    assert "Ring 'ring 2' leaves nobody to compare with, so this sees nothing: error rate." in str(
        forecast
    )
    assert "leaves nobody to compare with" in forecast.svg()


def test_the_harm_of_a_rollout_is_hardly_more_than_that_of_its_first_ring() -> None:
    """What a ring has missed, with a chance of a tenth, does its harm in the next one."""
    forecast = USUAL.explain(TRAFFIC)
    first, second, third = (ring.harm for ring in forecast.rings)
    assert forecast.harm == pytest.approx(first + 0.1 * second + 0.01 * third)
    assert 0.01 == forecast.false_halt


def test_who_never_halts_by_chance_is_never_halted_by_chance() -> None:
    """Without a signal that spends alpha there is no false halt, and nothing is compared."""
    silent = plan((50, HOUR), health=HealthModel(Usage(at_least=1)))
    forecast = silent.explain(TRAFFIC)
    assert 0.0 == forecast.false_halt
    assert math.inf == forecast.rings[0].harm == forecast.rings[0].detectable
    assert ("ring 'ring 1' compares nothing that can be forecast: add ErrorRate()",) == (
        forecast.weaknesses
    )
    assert () == forecast.rings[0].mends
    assert "If 2 x shows, nothing halts it." in str(forecast)


# What it proposes


def mended_by(made: Plan, number: int, mend: str) -> Plan:
    """Write a mend into a plan, as a reader would."""
    field, value = mend.split("=", 1)
    changed: dict[str, Any] = {}
    if span := re.fullmatch(r"timedelta\((\w+)=(\d+)\)", value):
        changed = {"bake": timedelta(**{span[1]: int(span[2])})}
    else:
        changed = {field: float(value)}
    if field in ("must_see", "holdback"):
        return attrs.evolve(made, **changed)
    rings = [*made.rings]
    rings[number] = attrs.evolve(rings[number], **changed)
    return attrs.evolve(made, rings=rings)


@given(plans, traffics)
def test_every_mend_mends(made: Plan, traffic: Traffic) -> None:
    """Whatever is proposed for a ring lets that ring see enough, each by itself."""
    for number, ring in enumerate(made.explain(traffic).rings):
        assert bool(ring.mends) is not ring.sees_enough
        for mend in ring.mends:
            better = mended_by(made, number, mend).explain(traffic)
            assert better.rings[number].sees_enough, mend


@given(plans, traffics)
def test_a_mended_plan_has_no_weakness(made: Plan, traffic: Traffic) -> None:
    """Only bakes change, only those that were too short, and a plan without weakness stays."""
    forecast, better = made.explain(traffic), made.mended(traffic)
    better.explain(traffic).check()
    assert (better == made) is not bool(forecast.weaknesses)
    for before, after, seen in zip(made.rings, better.rings, forecast.rings, strict=True):
        assert (before == after) is seen.sees_enough
        assert after.bake >= before.bake
        assert after.deadline >= after.bake


def test_a_minimum_bake_stays_what_it_was() -> None:
    """A mended ring may be left as early as before on strong evidence; else it may not."""
    sure: Any = Sure()
    health = HealthModel(ErrorRate(), sure, Usage(at_least=100))
    early = Ring("early", percent=1, bake=HOUR, minimum_bake=MINUTE)
    late = Ring("late", percent=1, bake=HOUR)
    better = Plan(rings=(early, late), health=health).mended(TRAFFIC)
    assert (MINUTE, 10 * HOUR) == (better.rings[0].minimum_bake, better.rings[0].bake)
    assert 10 * HOUR == better.rings[1].needed(excluded=True) == better.rings[1].bake
    assert 100 * HOUR == better.rings[1].deadline


def test_weaknesses_name_the_ring_and_the_mends() -> None:
    """A weakness says which ring, what it has, what it needs, and what to write instead."""
    made = plan((1, HOUR), (2, HOUR), (50, HOUR), (100, HOUR))
    assert made.explain(TRAFFIC).weaknesses == (
        (
            "ring 'ring 1' bakes 1 h but needs 9 h 23 min to see 2 x:"
            " bake=timedelta(hours=10) or must_see=5.2"
        ),
        (
            "ring 'ring 2' bakes 1 h but needs 4 h 45 min to see 2 x:"
            " bake=timedelta(hours=5) or percent=15 or must_see=3.6"
        ),
        (
            "ring 'ring 4' bakes 1 h but needs 2 h 6 min to see 2 x:"
            " bake=timedelta(hours=3) or holdback=15 or must_see=2.7"
        ),
    )


def test_nothing_gross_is_proposed() -> None:
    """A ratio that would let nearly everything pass isn't offered as a mend."""
    rare = Traffic(per_minute=60, failing=0.001)
    ring, _ = plan((1, HOUR), (100, HOUR)).explain(rare).rings
    assert 10 < ring.detectable < 1000
    assert ("bake=timedelta(days=40)",) == ring.mends


def test_a_plan_that_sees_too_little_is_refused() -> None:
    """`check` raises with the field, its value, and all mends; a mended plan passes."""
    forecast = USUAL.explain(TRAFFIC)
    with pytest.raises(DefinitionError) as refused:
        forecast.check()
    assert ("bake", HOUR) == (refused.value.field, refused.value.value)
    assert forecast.weaknesses == (refused.value.mend,)
    USUAL.mended(TRAFFIC).explain(TRAFFIC).check()


def test_a_picture_says_what_comes_later_only_where_something_does() -> None:
    """A ring that sees enough within its bake has nothing left to see."""
    labels = [*texts(USUAL.mended(TRAFFIC).explain(TRAFFIC).svg())]
    seen = [label for label in labels if label.startswith("sees ")]
    assert len(USUAL.rings) == len(seen)
    assert not any("after" in label for label in seen)


def test_what_never_ends_is_said() -> None:
    """With next to no traffic, the first ring is never over and the others never begin."""
    forecast = USUAL.explain(Traffic(per_minute=1e-12, failing=0.01))
    first, second, _ = forecast.rings
    assert (None, None, None) == (first.needs, first.floor, first.takes)
    assert (None, None) == (second.begins, forecast.takes)
    assert "It never gets through." in str(forecast)
    assert "bakes 1 h but needs for ever to see 2 x: no bake is long enough" in str(forecast)
    assert "sees nothing within 1 h, never 2 x" in forecast.svg()
    assert "never begins" in forecast.svg()
    with pytest.raises(DefinitionError, match="no bake is long enough"):
        USUAL.mended(forecast.traffic)


# What signals foresee


def only(forecast: Forecast) -> RingForecast:
    [ring] = forecast.rings
    return ring


def test_a_signal_that_foresees_nothing_is_named() -> None:
    """A host's own signal that can't be asked isn't reckoned with, and the forecast says so."""
    unknown: Any = Ceiling()
    unheard = ErrorRate(of="crash")
    model = HealthModel(ErrorRate(), unknown, unheard, Usage(at_least=1))
    forecast = plan((50, HOUR), health=model).explain(TRAFFIC)
    assert ("ceiling", "error rate of crash") == forecast.unforeseen
    assert "Not reckoned with: ceiling, error rate of crash." in str(forecast)
    assert ["error rate"] == [each.signal for each in only(forecast).sights]


def test_a_comparing_signal_that_tells_no_rate_foresees_nothing() -> None:
    """What a signal counts is for its kind to say; without a rate there is nothing to reckon."""
    criteria = USUAL.criteria(0, datetime(2026, 1, 1, tzinfo=UTC))
    assert Comparing().foresee(TRAFFIC, criteria) is None


def test_the_weakest_signal_counts() -> None:
    """A ring waits for all signals, sees what all see, and harm is that of the worst."""
    slow: Any = Slow(units=60_000.0)
    ring = only(
        plan((50, HOUR), health=HealthModel(ErrorRate(), slow, Usage(at_least=1))).explain(TRAFFIC)
    )
    fast, late = ring.sights
    assert ("error rate", "slow") == (fast.signal, late.signal)
    assert ring.needs == late.needs == timedelta(minutes=200)
    assert ring.detectable == late.detectable == pytest.approx(1 + 60_000 / 18_000)
    assert ring.power == late.power < fast.power
    assert ring.harm > 100 > fast.unnoticed * fast.worse
    never: Any = Slow(units=math.inf)
    stuck = plan((50, HOUR), health=HealthModel(never, Usage(at_least=1))).explain(TRAFFIC)
    assert only(stuck).needs is None
    assert timedelta(seconds=10) < (only(stuck).baked or timedelta(0))


def test_a_shadow_holds_nothing() -> None:
    """A signal that is only tried isn't waited for."""
    shadow = HealthModel(
        ErrorRate(rare=0.05), ErrorRate(name="new", shadow=True), Usage(at_least=1)
    )
    ring = only(plan((50, HOUR), health=shadow).explain(TRAFFIC))
    assert ["error rate"] == [each.signal for each in ring.sights]


def test_signals_share_alpha_in_a_forecast_too() -> None:
    """Two signals that may halt by chance have half the alpha each, and need longer."""
    alone = plan((10, HOUR)).explain(Traffic(per_minute=600, failing=0.01, meeting={"e": 0.01}))
    both = HealthModel(ErrorRate(), ErrorRate(of="e"), Usage(at_least=1))
    shared = plan((10, HOUR), health=both).explain(alone.traffic)
    assert (only(alone).needs or HOUR) < (only(shared).needs or HOUR)


def test_a_throughput_that_falls_is_foreseen() -> None:
    """With half the orders, what is rare is the canary's: the arms are exchanged."""
    model = HealthModel(Throughput(of="order"), Usage(at_least=1))
    traffic = Traffic(per_minute=600, failing=0.0, meeting={"order": 0.3})
    ring = only(plan((10, HOUR), health=model).explain(traffic))
    [sight] = ring.sights
    assert 0.15 == pytest.approx(sight.worse)
    # A ninth of the baseline's units, which are the suspects; the canary's 15 % is the base rate.
    units = sample_size(2, 1 / 9, 0.15, alpha=0.01) / 9
    assert units / 60 * MINUTE == pytest.approx(ring.needs, abs=MINUTE / 60)
    assert (ring.takes or HOUR) < HOUR + MINUTE
    [slow] = plan((10, MINUTE), health=model).explain(traffic).rings
    assert slow.needs
    assert slow.takes == pytest.approx(slow.needs / 2, abs=MINUTE)
    unknown = plan((10, HOUR), health=model).explain(TRAFFIC)
    assert ("throughput of order",) == unknown.unforeseen
    blind = HealthModel(Throughput(of="order"), Objective(0.99), Usage(at_least=1))
    unseen = only(plan((100, HOUR), health=blind, holdback=0).explain(traffic))
    assert unseen.blind
    assert [None] == [each.needs for each in unseen.sights]


def test_strata_share_the_stake() -> None:
    """Who is compared within strata needs more than who isn't: each has a part of the stake."""
    apart = HealthModel(
        ErrorRate(), Usage(at_least=100), strata={"staff": Attribute("staff").equals("yes")}
    )
    whole, parts = (plan((10, HOUR), health=it).explain(TRAFFIC) for it in (HEALTH, apart))
    more, less = only(parts).needs, only(whole).needs
    assert more
    assert less
    assert less < more < 1.2 * less


def test_a_floor_of_the_signal_counts() -> None:
    """A signal that passes nothing below so many units is waited for."""
    floor = HealthModel(ErrorRate(at_least=60_000), Usage(at_least=1))
    ring = only(plan((95, HOUR), health=floor).explain(TRAFFIC))
    assert timedelta(minutes=2000) == pytest.approx(ring.needs, abs=MINUTE)


# How it is told


def test_the_docs_show_what_is_printed() -> None:
    """The page on plans shows a forecast as it is printed, in lines that a terminal holds."""
    page = Path(__file__).parents[1] / "docs" / "how-to" / "choose-a-plan.md"
    [shown] = re.findall(r"```text\n(.*?)\n```", page.read_text(encoding="utf-8"), re.DOTALL)
    names = ("canary", "early", "everyone")
    made = attrs.evolve(
        USUAL,
        rings=[
            attrs.evolve(ring, name=name) for ring, name in zip(USUAL.rings, names, strict=True)
        ],
    )
    assert shown == str(made.explain(TRAFFIC))
    assert max(map(len, shown.splitlines())) <= 100


def texts(svg: str) -> Iterator[str]:
    for element in ET.fromstring(svg).iter():  # noqa: S314 - what is parsed was made here
        yield element.text or ""


def test_names_are_no_markup_and_move_no_cursor() -> None:
    """A ring may be called anything: pictures stay well-formed, and terminals in order."""
    nasty = "<b>&\"it's\x1b[2J\x00\udc00"
    made = Plan(rings=(Ring(nasty, percent=10, bake=HOUR),), health=HEALTH)
    forecast = made.explain(TRAFFIC)
    assert any("<b>&\"it's?[2J??" in text for text in texts(forecast.svg()))
    assert "<b>" not in forecast._repr_html_()
    assert not re.search(r"[\x00\x1b\udc00]", f"{forecast}{forecast._repr_html_()}")


def test_a_notebook_shows_picture_and_table() -> None:
    """What a notebook shows holds both, the table as it is printed."""
    forecast = USUAL.explain(TRAFFIC)
    shown = forecast._repr_html_()
    assert shown.startswith(forecast.svg())
    assert "<pre>600 a minute" in shown
    assert "&gt; 99 %" in shown


# Whether it comes true


def test_a_forecast_comes_true() -> None:
    """Rehearsed, a ring notices as often as promised, and takes as long as forecast."""
    made = plan((10, 10 * MINUTE), (100, HOUR), assess_every=5 * MINUTE)
    seen, dice = made.explain(TRAFFIC).rings[0], Random(1)
    worse = [rehearse(made, TRAFFIC, dice, ratio=2) for _ in range(50)]
    fine = [rehearse(made, TRAFFIC, dice) for _ in range(20)]
    assert sum(end.halted for end in worse) >= 0.9 * 50
    assert seen.takes
    assert median(end.took / seen.takes for end in fine) == pytest.approx(1, rel=0.1)


@pytest.mark.long
@pytest.mark.parametrize(
    "case",
    [
        (1, 300, 600, 0.01, 2.0, 1.0),
        (10, 30, 600, 0.01, 2.0, 1.0),
        (50, 30, 600, 0.01, 2.0, 1.0),
        (100, 60, 600, 0.01, 2.0, 1.0),
        (1, 30, 600, 0.01, 5.0, 1.0),
        (10, 120, 600, 0.01, 1.5, 1.0),
        (10, 5, 600, 0.1, 2.0, 1.0),
        (10, 30, 6000, 0.001, 2.0, 1.0),
        (10, 60, 600, 0.01, 2.0, 1.25),
        (10, 1, 600, 0.01, 20.0, 1.0),
    ],
)
def test_many_forecasts_come_true(case: tuple[float, float, float, float, float, float]) -> None:
    """Chances are at least as good as forecast, times within a tenth, and harm is hardly worse."""
    percent, bake, per_minute, failing, must_see, tolerate = case
    made = plan(
        (percent, bake * MINUTE),
        (100, HOUR),
        health=HealthModel(ErrorRate(tolerate=tolerate), Usage(at_least=10)),
        must_see=must_see,
        assess_every=max(MINUTE, bake * MINUTE / 30),
    )
    traffic, dice, runs = Traffic(per_minute=per_minute, failing=failing), Random(1), 300
    seen = made.explain(traffic).rings[0]
    assert seen.takes

    def noticed(ends: list[Ending]) -> float:
        """Return how many were halted within the bake, and three standard deviations more."""
        share = sum(end.halted and end.took <= seen.bake for end in ends) / runs
        return share + 3 * math.sqrt(share * (1 - share) / runs)

    bad = [rehearse(made, traffic, dice, ratio=must_see) for _ in range(runs)]
    assert sum(end.halted for end in bad) >= 0.9 * runs
    assert noticed(bad) >= seen.power
    assert 0.6 < mean(end.harmed for end in bad) / seen.harm < 1.2

    found = [rehearse(made, traffic, dice, ratio=seen.detectable) for _ in range(runs)]
    assert noticed(found) >= made.power

    fine = [rehearse(made, traffic, dice) for _ in range(runs // 4)]
    assert median(end.took / seen.takes for end in fine) == pytest.approx(1, rel=0.1)
