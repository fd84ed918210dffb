"""Buckets: uniform, independent from flag to flag, and the same for ever."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections import Counter
from hashlib import sha256
from itertools import combinations, islice, pairwise
from pathlib import Path
from statistics import fmean

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks._buckets import LANE, SHAPES, Units, correlations, strays, units
from benchmarks._buckets_picture import picture
from benchmarks.buckets import FIFTH, FLAGS, SALTS
from safedeploy.audiences import Exposure, Percentage, bucket
from safedeploy.contexts import Context

ROOT = Path(__file__).parents[1]

# Frozen, like data/buckets.json: the SHA-256 of the buckets of 10,000 keys of each shape.
COHORTS = json.loads((ROOT / "tests" / "data" / "cohorts.json").read_text(encoding="utf-8"))

every_shape = pytest.mark.parametrize("shape", SHAPES)


@given(st.lists(st.text(), min_size=1, max_size=20), st.text())
def test_many_buckets_at_once_are_those_of_one(keys: list[str], salt: str) -> None:
    """What these tests count is what the library draws."""
    drawn = Units.of(keys).buckets(salt)
    for number, key in enumerate(keys):
        bits = int.from_bytes(drawn[LANE * number + 8 : LANE * (number + 1)], "big")
        assert bucket(key, salt) == (bits >> 11) / 2**53


def digest(shape: str, keys: int, salt: str) -> str:
    """Return what names the buckets of keys of a shape, to the last bit."""
    drawn = units(shape, keys).buckets(salt)
    low = b"".join(drawn[at : at + 8] for at in range(8, len(drawn), LANE))
    return sha256(low).hexdigest()


@pytest.mark.law("E1")
@pytest.mark.parametrize(("shape", "salt", "golden"), COHORTS, ids=range(len(COHORTS)))
def test_cohorts_are_frozen(shape: str, salt: str, golden: str) -> None:
    """Ten thousand people of every shape are drawn as ever, on every platform."""
    assert golden == digest(shape, 10_000, salt)


@pytest.mark.law("E1")
@pytest.mark.parametrize("seed", ["0", "1", "4294967295"])
def test_a_restart_keeps_every_cohort(seed: str) -> None:
    """A process that starts again, with another hash seed, draws the same people."""
    program = (
        "import sys; sys.path[:0] = ['src', '.']\n"
        "from tests.test_buckets import SALTS, SHAPES, digest\n"
        "print(*(digest(shape, 500, salt) for shape in SHAPES for salt in SALTS))"
    )
    run = subprocess.run(
        [sys.executable, "-c", program],
        capture_output=True,
        text=True,
        check=True,
        cwd=ROOT,
        env={**os.environ, "PYTHONHASHSEED": seed},
    )
    assert [digest(shape, 500, salt) for shape in SHAPES for salt in SALTS] == run.stdout.split()


@pytest.mark.law("E2")
@every_shape
def test_cohorts_nest(shape: str) -> None:
    """Of keys of any shape, whoever is in at a percentage is in at every higher one, to 0.001 %."""
    percents = (0.001, 0.01, 1, 1.001, 5, 20, 50, 99.999, 100)
    contexts = [Context(key) for key in islice(SHAPES[shape](), 2000)]
    for make in (Percentage, lambda percent: Exposure("flag:shop", percent)):
        audiences = [make(percent) for percent in percents]
        cohorts = [
            {each.key for each in contexts if is_in(audience, each)} for audience in audiences
        ]
        assert all(less <= more for less, more in pairwise(cohorts))
        assert 2000 == len(cohorts[-1])


def is_in(share: Percentage | Exposure, context: Context) -> bool:
    """Ask either kind of share."""
    if isinstance(share, Exposure):
        return share.reaches(context)
    return share.matches(context, salt="shop")


@pytest.mark.law("E3")
@every_shape
def test_buckets_are_uniform_for_every_shape(shape: str) -> None:
    """Of 100,000 keys of any shape every 65,536th of the buckets gets its share, by chi-squared."""
    drawn = units(shape, 100_000)
    for salt in SALTS[:2]:
        assert abs(strays(drawn.cells(salt), drawn.keys)) < 4


@pytest.mark.law("E3")
@every_shape
def test_flags_are_pairwise_independent(shape: str) -> None:
    """Of 10,000 keys of any shape 60 flags expose a fifth each, every two as if by chance."""
    check_independence(units(shape, 10_000), FLAGS[:60], FIFTH)


@pytest.mark.law("E3")
@pytest.mark.long
@every_shape
def test_a_million_keys_are_drawn_fairly(shape: str) -> None:
    """Of a million keys of any shape buckets are uniform, and 200 flags pairwise independent."""
    drawn = units(shape, 1_000_000)
    for salt in SALTS:
        assert abs(strays(drawn.cells(salt), drawn.keys)) < 4
    check_independence(drawn, FLAGS, FIFTH)


def check_independence(drawn: Units, flags: tuple[str, ...], part: int) -> None:
    """Check that of so many flags every two overlap as if by chance."""
    found = correlations([drawn.cohort(flag, part) for flag in flags], drawn.keys)
    assert len(list(combinations(flags, 2))) == len(found)
    assert max(map(abs, found)) < 5
    assert 0.9 < fmean(each * each for each in found) < 1.1


def test_the_checks_notice_what_is_unfair() -> None:
    """Buckets that stay empty, or flags that draw alike, are far from chance."""
    drawn = units("sequential", 100_000)
    halved: Counter[int] = Counter()
    for cell, number in drawn.cells("").items():
        halved[cell // 2] += number
    assert strays(halved, drawn.keys) > 100
    cohort = drawn.cohort("one", FIFTH)
    [overlap] = correlations([cohort, cohort], drawn.keys)
    assert overlap > 300


def test_the_picture_is_of_this_version() -> None:
    """The page shows what the script draws."""
    kept = ROOT / "docs" / "explanation" / "buckets.svg"
    assert picture() == kept.read_text(encoding="utf-8")
