"""Benchmarks keep to one format, so that a program can read what they found."""

import json
import math
import subprocess
import sys
from functools import cache
from pathlib import Path
from random import Random
from statistics import fmean, variance
from typing import Any
from unittest.mock import patch

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks import _tables, flags
from benchmarks._cells import A_RING, Cell, Flow, least_harm, poisson
from benchmarks._delays import Delayed, shares
from benchmarks.decisions import CELLS, interval
from safedeploy.audiences import Percentage
from safedeploy.flags import FeatureFlag
from safedeploy.latencies import upper

ROOT = Path(__file__).parents[1]
BENCHMARKS = sorted(path.stem for path in (ROOT / "benchmarks").glob("[!_]*.py"))

# storms of threads; rollouts; a dozen processes; ten thousand entries
SLOW = {"breakers", "decisions", "imports", "journals"}

every_benchmark = pytest.mark.parametrize(
    "name",
    [pytest.param(name, marks=[pytest.mark.long] if name in SLOW else []) for name in BENCHMARKS],
)


@cache
def run(name: str, *options: str) -> str:
    """Run a benchmark, one round of it, and return what it prints; its exit status must be 0."""
    program = [sys.executable, str(ROOT / "benchmarks" / f"{name}.py"), "--rounds", "1", *options]
    return subprocess.run(program, check=True, stdout=subprocess.PIPE, text=True).stdout


def is_figure(value: Any) -> bool:
    return value is None or type(value) is float


def test_there_are_benchmarks() -> None:
    """What follows isn't vacuous."""
    names = {"breakers", "decisions", "flags", "imports", "journals", "rollouts"}
    assert names <= set(BENCHMARKS)


@pytest.mark.parametrize("percent", [20, 100])
def test_a_flag_is_small(percent: float) -> None:
    """A flag takes a kibibyte at most, definition and compiled function."""
    with patch.object(flags, "FLAGS", 1000):
        when = Percentage(percent)
        row = flags.footprint("any", lambda key: FeatureFlag.boolean(key, when=when), 1024)
    assert row.ratio is not None
    assert 100 < row.ratio <= 1024


def test_tables_stand_between_their_marks() -> None:
    """What was measured is written into the page, again and again, and nothing else is touched."""
    peers = [f"peer: growthbook, {column}" for column in _tables.OURS]
    names = [*_tables.OURS.values(), *peers[1:], "other"]
    rows = [{"name": name, "ns": 1234.5, "ratio": 2.345, "bar": None} for name in names]
    made = _tables.tables({"rows": rows})
    page = "a\n<!-- peers -->\n<!-- end of peers -->\nb\n<!-- ours -->old<!-- end of ours -->\nc"
    once = _tables.replaced(page, made)
    assert once == _tables.replaced(once, made)
    assert ["a", "b", "c"] == [line for line in once.splitlines() if line in "abc" and line]
    assert "| growthbook | - | 2.35 | 2.35 | 2.35 | 2.35 | 2.35 |" in once
    assert "| other | 1,234 | 2.35 | - |" in once
    with pytest.raises(SystemExit, match="the page has no"):
        _tables.replaced("nothing", made)


def test_the_page_has_all_columns() -> None:
    """What the page shows is what the benchmark times."""
    timed = {each.name for each in flags.CONTENDERS}
    assert set(_tables.OURS.values()) <= timed
    assert _tables.replaced(_tables.PAGE.read_text(encoding="utf-8"), {"peers": "", "ours": ""})


@every_benchmark
def test_json_is_one_object_of_the_stated_shape(name: str) -> None:
    """`--json` prints {benchmark, yardstick_ns, rows: [{name, ns, ratio, bar, holds}]}, no more."""
    found = json.loads(run(name, "--json", "--peers"))

    assert {"benchmark", "yardstick_ns", "rows"} == set(found)
    assert name == found["benchmark"]
    assert is_figure(found["yardstick_ns"])
    assert found["rows"]
    for row in found["rows"]:
        assert ["name", "ns", "ratio", "bar", "holds"] == list(row)
        assert all(is_figure(row[figure]) for figure in ("ns", "ratio", "bar"))


@every_benchmark
def test_a_row_holds_when_its_ratio_is_within_its_bar(name: str) -> None:
    """`holds` says that the ratio is at most the bar; without either, it is null."""
    for row in json.loads(run(name, "--json", "--peers"))["rows"]:
        ratio, bar = row["ratio"], row["bar"]
        expected = None if ratio is None or bar is None else ratio <= bar

        assert expected == row["holds"]


@every_benchmark
def test_a_table_names_every_row(name: str) -> None:
    """Without `--json`, people get the same rows; of decisions a line and a column for each."""
    names = [row["name"] for row in json.loads(run(name, "--json", "--peers"))["rows"]]
    parts = {part for each in names for part in each.split(": " if name == "decisions" else "\n")}
    table = run(name, "--peers")

    assert [] == [each for each in parts if each not in table]


def test_decisions_tell_of_the_cells_that_are_asked_for() -> None:
    """`--cells` picks cells by name; each judge has false halts, or harm, misses and delay."""
    cells = ["--cells", "^1 %, (crash|no worse)$", "--processes", "1"]
    names = {row["name"] for row in json.loads(run("decisions", "--json", *cells))["rows"]}

    for judge in ("safedeploy", "fixed threshold", "Mann-Whitney", "mSPRT", "naive z-test"):
        assert f"false halts, %: 1 %, no worse: {judge}" in names
        assert f"harm / least harm: 1 %, crash: {judge}" in names
        assert f"misses, %: 1 %, crash: {judge}" in names
        assert f"delay, s: 1 %, crash: {judge}" in names
    assert not [name for name in names if "x2" in name.split(": ")[1].split()]


def test_a_pattern_that_matches_no_cell_is_refused() -> None:
    """A table of nothing would look like good news."""
    with pytest.raises(subprocess.CalledProcessError):
        run("decisions", "--cells", "no such cell")


@pytest.mark.parametrize(
    ("ratio", "per_canary", "harm"),
    [(1.5, 1e4, 21.2813), (5, 1e4, 4.5515), (1.5, 1, 45.7418), (5, 1, 12.6558)],
)
def test_the_least_harm_is_walds(ratio: float, per_canary: float, harm: float) -> None:
    """It is log(1/alpha) times excess per information: published figures, for small rates."""
    flow = Flow("", 1e5, 1e5 * per_canary, 1e-6, 1e-6 * ratio)

    assert pytest.approx(harm, rel=1e-3) == least_harm([[flow]] * 10_000)


def test_what_never_tells_enough_has_no_least_harm() -> None:
    """A rule that never halts may be best then: the plan can't show the regression."""
    assert math.inf == least_harm([[Flow("", 100, 9900, 0.01, 0.011)]] * 10)
    assert math.inf == CELLS["1 %, no worse"].bound


def test_traffic_is_of_delay_not_of_harm() -> None:
    """Within a ring only rates decide how much harm is done before it can be known."""
    busy, calm = (Cell("", ratio=5, per_minute=requests) for requests in (10_000, 5_000))

    assert pytest.approx(busy.bound, rel=1e-6) == calm.bound


def test_lost_ticks_cost_harm() -> None:
    """Nothing is learned in a lost tick, and harm is done."""
    whole, lossy = (Cell("", ratio=5, lost=lost) for lost in (0.0, 0.2))

    assert pytest.approx(1.25 * whole.bound, rel=1e-6) == lossy.bound


@given(st.floats(0, 900), st.integers(0, 99))
def test_draws_are_poisson(mean: float, seed: int) -> None:
    """Mean and variance are the same, but for six standard errors of 400 draws."""
    random = Random(seed)
    drawn = [poisson(mean, random) for _ in range(400)]

    assert abs(fmean(drawn) - mean) <= 6 * math.sqrt(mean / 400) + 0.01
    assert abs(variance(drawn) - mean) <= 6 * math.sqrt((mean + 2 * mean**2) / 400) + 0.01


@pytest.mark.parametrize(
    ("halted", "low", "high"), [(0, 0.0, 0.000384), (100, 0.00823, 0.01215), (10_000, 0.999616, 1)]
)
def test_intervals_are_wilsons(halted: int, low: float, high: float) -> None:
    """Of 10,000 runs, at 95 %."""
    assert pytest.approx((low, high), abs=1e-5) == interval(halted, 10_000)


def test_all_that_are_slowed_tell_sooner_than_some() -> None:
    """A shift is seen in every call, a tail only in its own; in equal arms there is nothing."""
    assert math.inf == Delayed("").bound
    assert Delayed("", 4).bound < Delayed("", 4, 0.05).bound < Delayed("", 4, 0.01).bound


@given(st.floats(1, 30), st.floats(0, 1))
def test_every_call_is_in_a_bucket(factor: float, part: float) -> None:
    """However slow, and however few of them."""
    each = shares(factor, part)

    assert pytest.approx(1) == sum(each)
    assert min(each) >= 0


def test_calls_are_new_units_as_slow_as_their_share_says() -> None:
    """No bucket before; in the long run half take longer than the median of 100 ms."""
    drawn = [one.baseline for one in Delayed("").draw(Random(1))[:A_RING] if one]
    slow = sum(n for one in drawn for (_, to), n in one.slowest.items() if upper(to) > 0.1)

    assert {0} == {before for one in drawn for before, _ in one.slowest}
    assert all(one.units == one.fresh == sum(one.slowest.values()) for one in drawn)
    assert 0.5 < slow / sum(one.units for one in drawn) < 0.57


def test_units_that_fail_again_are_counted_once_unless_requests_are() -> None:
    """In bursts of three, requests fail three times as often as units."""
    units, requests = (
        [one.baseline for one in CELLS[f"bursts, {what} counted, x2"].draw(Random(1)) if one]
        for what in ("units", "requests")
    )

    assert all(one.exposures > one.units for one in units if one.failures > 9)
    assert 2.5 < sum(one.failures for one in requests) / sum(one.failures for one in units) < 3.5


def test_strata_add_up_to_both_arms() -> None:
    """Employees have an arm each; the first ring is of nobody else."""
    drawn = [one for one in CELLS["employees first, x2"].draw(Random(1)) if one]

    for one in drawn:
        assert one.canary.units == sum(canary.units for canary, _ in one.strata.values())
        assert one.baseline.units == sum(baseline.units for _, baseline in one.strata.values())
    assert 0 == sum(one.strata[""][0].units for one in drawn[:A_RING])
