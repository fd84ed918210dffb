"""Benchmarks keep to one format, so that a program can read what they found."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[1]
BENCHMARKS = sorted(path.stem for path in (ROOT / "benchmarks").glob("[!_]*.py"))

SLOW = {"imports", "journals"}  # a dozen processes; ten thousand entries

every_benchmark = pytest.mark.parametrize(
    "name",
    [pytest.param(name, marks=[pytest.mark.long] if name in SLOW else []) for name in BENCHMARKS],
)


def run(name: str, *options: str) -> str:
    """Run a benchmark, one round of it, and return what it prints; its exit status must be 0."""
    program = [sys.executable, str(ROOT / "benchmarks" / f"{name}.py"), "--rounds", "1", *options]
    return subprocess.run(program, check=True, stdout=subprocess.PIPE, text=True).stdout


def is_figure(value: Any) -> bool:
    return value is None or type(value) is float


def test_there_are_benchmarks() -> None:
    """What follows isn't vacuous."""
    assert {"flags", "imports", "journals", "rollouts"} <= set(BENCHMARKS)


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
    for row in json.loads(run(name, "--json"))["rows"]:
        ratio, bar = row["ratio"], row["bar"]
        expected = None if ratio is None or bar is None else ratio <= bar

        assert expected == row["holds"]


@every_benchmark
def test_a_table_names_every_row(name: str) -> None:
    """Without `--json`, people get a table of the same rows."""
    names = [row["name"] for row in json.loads(run(name, "--json"))["rows"]]
    table = run(name)

    assert [] == [each for each in names if each not in table]
