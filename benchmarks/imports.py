"""Time a fresh process that imports and asks a first flag, against one that imports OpenFeature.

The yardstick is `from openfeature import api` (openfeature-sdk; without it, there are no ratios). A
bare interpreter's start is subtracted from both, and the three take turns. Bytecode is cached in a
folder of its own, which a first round fills; whatever the environment says, it is written.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from time import perf_counter_ns

sys.path.insert(0, str(Path(__file__).parents[1]))

from benchmarks._measure import Row, arguments, report

BAR = 1.5
UNIT = "x openfeature's import"
BARE = "pass"
OPENFEATURE = "from openfeature import api"
NOUNS = "from safedeploy import Context, Engine, FeatureFlag, Percentage"
EVALUATION = (
    f"{NOUNS}\n"
    "flag = FeatureFlag.boolean('new-checkout', when=Percentage(20))\n"
    "Engine().value(flag, Context('user-17'))"
)
FLAG_ALONE = (
    "from safedeploy import Context, FeatureFlag, Percentage\n"
    "flag = FeatureFlag.boolean('new-checkout', when=Percentage(20))\n"
    "flag.resolve(Context('user-17'))"
)
OURS = {
    "import and first evaluation": EVALUATION,
    "import alone": NOUNS,
    "import and first evaluation, no engine": FLAG_ALONE,
}
PEERS = {
    "growthbook": "import growthbook",
    "ldclient": "import ldclient",
    "UnleashClient": "import UnleashClient",
}


def environment(cache: str) -> dict[str, str]:
    """Return this process's environment, changed so that bytecode is cached in a folder."""
    kept = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    return {**kept, "PYTHONPYCACHEPREFIX": cache}


def run(program: str, environ: Mapping[str, str]) -> float:
    """Return the nanoseconds that a fresh process takes to run a program."""
    began = perf_counter_ns()
    subprocess.run([sys.executable, "-c", program], check=True, env=environ)  # noqa: S603 - ours
    return float(perf_counter_ns() - began)


def medians(programs: list[str], rounds: int) -> dict[str, float]:
    """Return each program's nanoseconds, and say so on stderr if bytecode wasn't cached."""
    with TemporaryDirectory() as cache:
        environ = environment(cache)
        for program in programs:
            run(program, environ)
        if not any(Path(cache).rglob("safedeploy/__init__.*.pyc")):
            print("imports: bytecode isn't cached: every start compiles", file=sys.stderr)
        took = [[run(program, environ) for program in programs] for _ in range(rounds)]
    return dict(zip(programs, map(median, zip(*took, strict=True)), strict=True))


def rows(
    name: str, *, whole: float, bare: float, theirs: float | None, bar: float | None
) -> list[Row]:
    """Return two rows of one program: without the bare interpreter's start, and with it."""
    net = None if theirs is None else (whole - bare) / (theirs - bare)
    gross = None if theirs is None else whole / theirs
    return [
        Row(f"{name} ({UNIT}, bare interpreter subtracted)", whole - bare, net, bar),
        Row(f"{name} ({UNIT}, nothing subtracted)", whole, gross, None),
    ]


def main() -> None:
    options = arguments(__doc__, rounds=40, quick=10)
    others = PEERS if options.peers else {}
    peers = {f"peer: {code}": code for name, code in others.items() if find_spec(name)}
    named = {**OURS, **peers}
    known = [OPENFEATURE] if find_spec("openfeature") else []
    took = medians([BARE, *known, *named.values()], options.rounds)
    bare, theirs = took[BARE], took.get(OPENFEATURE)
    found = [Row("a bare interpreter (not compared)", bare, None, None)]
    for name, program in named.items():
        bar = BAR if program == EVALUATION else None
        found += rows(name, whole=took[program], bare=bare, theirs=theirs, bar=bar)
    yardstick = None if theirs is None else theirs - bare
    report("imports", yardstick, found, as_json=options.json)


if __name__ == "__main__":
    main()
