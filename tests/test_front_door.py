"""Doors: every name is there, for programs and for type checkers, and fetched when it is needed."""

from __future__ import annotations

import ast
import importlib
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest

import safedeploy
from safedeploy import journals

every_door = pytest.mark.parametrize("package", [safedeploy, journals], ids=lambda it: it.__name__)


def names_for_type_checkers(package: ModuleType) -> dict[str, str]:
    """Read what type checkers see: each name with the room that it comes from."""
    tree = ast.parse(Path(str(package.__file__)).read_text(encoding="utf-8"))
    block = next(node for node in tree.body if isinstance(node, ast.If))
    return {
        alias.name: statement.module or ""
        for statement in block.body
        if isinstance(statement, ast.ImportFrom)
        for alias in statement.names
    }


def loaded_by(program: str) -> set[str]:
    """Run a program in a fresh interpreter, and return what it has imported."""
    run = subprocess.run(
        [sys.executable, "-c", f"import sys\n{program}\nprint(*sys.modules)"],
        capture_output=True,
        text=True,
        check=True,
    )
    return set(run.stdout.split())


@every_door
def test_programs_and_type_checkers_see_the_same(package: ModuleType) -> None:
    """Every name is listed once for each, and is what its room calls by that name."""
    seen = names_for_type_checkers(package)
    assert sorted(seen) == sorted(package.__all__) == dir(package)
    for name, room in seen.items():
        assert getattr(importlib.import_module(room), name) is getattr(package, name)


@every_door
def test_a_name_is_fetched_once(package: ModuleType) -> None:
    """Whoever asks again doesn't go through the door again."""
    for name in package.__all__:
        assert getattr(package, name) is vars(package)[name]


def test_an_unknown_name_is_an_error() -> None:
    """A typing error is told as for any module."""
    with pytest.raises(AttributeError, match="no attribute 'FeatureFlga'"):
        _ = safedeploy.FeatureFlga  # type: ignore[attr-defined]


def test_asking_a_flag_imports_no_machinery() -> None:
    """An application that only asks flags loads neither rollouts nor what the ports need."""
    loaded = loaded_by(
        "from safedeploy import Context, Engine, FeatureFlag, Percentage\n"
        "Engine().value(FeatureFlag.boolean('f', when=Percentage(5)), Context('user-1'))"
    )
    unwanted = {
        "safedeploy.rollouts",
        "safedeploy.fleets",
        "structlog",
        "tenacity",
        "opentelemetry",
    }
    assert set() == unwanted & loaded


def test_a_journal_in_memory_imports_no_other() -> None:
    """Without a file, neither SQLite is loaded nor how events are written."""
    loaded = loaded_by(
        "from safedeploy import Engine, FeatureFlag, MemoryJournal\n"
        "for engine in Engine(), Engine(journal=MemoryJournal()):\n"
        "    engine.kill(FeatureFlag.boolean('f'), by='me', reason='it hurts')\n"
        "    engine.tick()"
    )
    unwanted = {
        "safedeploy.journals.sqlite",
        "safedeploy.journals.retrying",
        "safedeploy.records",
        "sqlite3",
    }
    assert "safedeploy.journals.memory" in loaded
    assert set() == unwanted & loaded
