"""Mutants that survive: how the build judges them, and the list of those that may."""

from __future__ import annotations

import tomllib
from fnmatch import fnmatch
from typing import Any

import pytest

from tests.mutants import KNOWN, SAMPLE, judged

LIST = tomllib.loads(KNOWN.read_text())
ALLOWED: dict[str, Any] = {"score": 0.5, "survivors": [{"why": "a wording", "names": ["a", "b"]}]}


@pytest.mark.parametrize(
    ("found", "wrong"),
    [
        ({"a": 0, "b": 33, "c": 1, "d": -24}, []),
        ({"a": 0, "b": 0, "c": 0, "d": 1, "e": 1, "f": 1}, ["nobody notices c"]),
        ({"a": 0, "b": 1, "c": 1}, ["b is noticed now: take it out"]),
        ({"a": 0, "b": 0, "c": 1}, ["the score has fallen: 50.0% were noticed before"]),
    ],
)
def test_whoever_survives_is_known_and_the_score_only_rises(
    found: dict[str, int | None], wrong: list[str]
) -> None:
    """A mutant that no test notices fails the build, and so does a list that says too much."""
    assert wrong == [*judged(found, ALLOWED)]


def test_each_survivor_is_listed_once_with_its_reason() -> None:
    """And is one of the sample."""
    names = [name for reason in LIST["survivors"] for name in reason["names"]]
    assert len({*names}) == len(names)
    assert all(any(fnmatch(name, pattern) for pattern in SAMPLE) for name in names)
    assert all(reason["why"].endswith(".") for reason in LIST["survivors"])
