"""Mutation testing of all that is below the line: change the code, and see some test fail.

`python -m tests.mutants` tests a sample that is the same every time: one mutant of each function
that has enough to be changed. mutmut makes and tests them; `tests/data/survivors.toml` has the
score, and for each mutant that may survive the reason.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parent.parent
KNOWN = ROOT / "tests" / "data" / "survivors.toml"
READ = ("docs", "benchmarks", "examples", "conftest.py", "README.md", "CHANGELOG.md")
"""What tests read, apart from themselves."""

SAMPLE = ("*__mutmut_13",)
ANYBODY: Mapping[str, Any] = {"score": 0.0, "survivors": []}

# Not the ones that look at files or run programs, for which mutants aren't there, nor the ones that
# take too long to be run for each. What documents are is tested by how deep they may nest, and a
# mutant's calls are twice as deep.
NOT_MUTATED = "safedeploy.documents"
LEFT_OUT = (
    "laws/test_breaking_storms.py",
    "laws/test_exhaustively.py",
    "laws/test_mutants.py",
    "laws/test_sharing.py",
    "test_benchmarks.py",
    "test_command_line.py",
    "test_crashes.py",
    "test_demo.py",
    "test_docs.py",
    "test_documents.py",
    "test_forking.py",
    "test_forks.py",
    "test_front_door.py",
    "test_fuzzing.py",
    "test_house.py",
    "test_peers.py",
    "test_pipelines.py",
    "test_workers.py",
)

# Codes by which mutmut keeps results; whatever else there is counts as noticed: a failure, a crash,
# an endless loop.
SURVIVED, UNTESTED, UNTRIED = 0, 33, None


def settings() -> str:
    """Return what mutmut is told: what to mutate, and by which tests."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    contracts = project["tool"]["importlinter"]["contracts"]
    (below,) = (it["source_modules"] for it in contracts if "source_modules" in it)
    rooms = [
        f"src/{room.replace('.', '/')}{end}"
        for room in below
        if room != NOT_MUTATED
        for end in (".py", "/*.py")
    ]
    told: dict[str, object] = {
        "source_paths": ["src"],
        "only_mutate": rooms,
        "do_not_mutate_patterns": ["raise ", "mend ="],  # texts for people
        "also_copy": READ,
        "pytest_add_cli_args": ["-p", "no:cacheprovider"],
        "pytest_add_cli_args_test_selection": [
            "tests",
            *(f"--ignore=tests/{name}" for name in LEFT_OUT),
            "--deselect=tests/test_comparisons.py::test_every_operator_is_a_method",
        ],
        # What never ends may take three times as long as without the mutant, and 15 seconds more.
        "timeout_multiplier": 1.5,
        "timeout_constant": 5.0,
        "on_dependency_change": "ignore",
    }
    return "\n".join(["[tool.mutmut]", *(f"{key} = {json.dumps(it)}" for key, it in told.items())])


def results(folder: Path) -> Iterator[tuple[str, int | None]]:
    """Go through the mutants and what became of them."""
    for file in sorted(folder.glob("mutants/src/**/*.meta")):
        yield from json.loads(file.read_text())["exit_code_by_key"].items()


def alive(found: Mapping[str, int | None]) -> set[str]:
    """Return who survives."""
    return {name for name, code in found.items() if code in {SURVIVED, UNTESTED}}


def share(found: Mapping[str, int | None]) -> float:
    """Return the share that was noticed."""
    return 1 - len(alive(found)) / len(found)


def judged(found: Mapping[str, int | None], known: Mapping[str, Any]) -> Iterator[str]:
    """Say what is wrong: who survives unknown, who is known and was noticed, and a low score."""
    names = {name for reason in known["survivors"] for name in reason["names"]}
    yield from (f"nobody notices {name}" for name in sorted(alive(found) - names))
    yield from (f"{name} is noticed now: take it out" for name in sorted(names - alive(found)))
    if share(found) < known["score"]:
        yield f"the score has fallen: {known['score']:.1%} were noticed before"


def copied(folder: Path) -> None:
    """Copy the repository to where mutants may be made of it."""
    left_out = shutil.ignore_patterns(".git", ".venv", ".*_cache", ".hypothesis", "__pycache__")
    shutil.copytree(ROOT, folder, ignore=left_out, dirs_exist_ok=True)
    with (folder / "pyproject.toml").open("a") as project:
        project.write(f"\n{settings()}\n")


def main() -> int:
    """Test the sample, or what was asked for, and say who survives that shouldn't."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*", default=SAMPLE, help="patterns; the sample, else")
    parser.add_argument("--keep", type=Path, help="a folder for the mutants; a temporary one, else")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        folder = given.keep or Path(scratch)
        copied(folder)
        mutmut = [sys.executable, "-m", "mutmut"]
        workers = ["--max-children", str(os.cpu_count() or 1)]
        quick = {**os.environ, "HYPOTHESIS_PROFILE": "mutants"}
        subprocess.run([*mutmut, "run", *workers, *given.names], cwd=folder, env=quick, check=True)
        found = {name: code for name, code in results(folder) if code is not UNTRIED}
        if not found:
            parser.error(f"no mutant is called {' or '.join(given.names)}")
        known = tomllib.loads(KNOWN.read_text()) if given.names is SAMPLE else ANYBODY
        wrong = [*judged(found, known)]
        for line in (*wrong, f"{share(found):.1%} of {len(found)} mutants were noticed"):
            print(line)  # noqa: T201 - it is a program
    return bool(wrong)


if __name__ == "__main__":
    sys.exit(main())
