"""The front door: every name is there, for programs and for type checkers."""

from __future__ import annotations

import ast
import importlib
import subprocess
import sys
from pathlib import Path

import pytest

import safedeploy


def names_for_type_checkers() -> dict[str, str]:
    """Read what type checkers see: each name with the room that it comes from."""
    tree = ast.parse(Path(safedeploy.__file__).read_text(encoding="utf-8"))
    block = next(node for node in tree.body if isinstance(node, ast.If))
    return {
        alias.name: statement.module or ""
        for statement in block.body
        if isinstance(statement, ast.ImportFrom)
        for alias in statement.names
    }


def test_programs_and_type_checkers_see_the_same() -> None:
    """Every name is listed once for each, and is what its room calls by that name."""
    seen = names_for_type_checkers()
    assert set(seen) == set(safedeploy.__all__) == set(dir(safedeploy))
    for name, room in seen.items():
        assert getattr(importlib.import_module(room), name) is getattr(safedeploy, name)


def test_an_unknown_name_is_an_error() -> None:
    """A typing error is told as for any module."""
    with pytest.raises(AttributeError, match="no attribute 'FeatureFlga'"):
        _ = safedeploy.FeatureFlga  # type: ignore[attr-defined]


def test_asking_a_flag_imports_no_machinery() -> None:
    """An application that only asks flags loads neither rollouts nor what the ports need."""
    program = (
        "import sys\n"
        "from safedeploy import Context, Engine, FeatureFlag, Percentage\n"
        "Engine().value(FeatureFlag.boolean('f', when=Percentage(5)), Context('user-1'))\n"
        "print(*sys.modules)"
    )
    run = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    unwanted = {
        "safedeploy.rollouts",
        "safedeploy.fleets",
        "structlog",
        "tenacity",
        "opentelemetry",
    }
    assert set() == unwanted & set(run.stdout.split())
