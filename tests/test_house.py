"""The house keeps its own rules: what import-linter and ruff can't see."""

import ast
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[1]
HOME = ROOT / "src" / "safedeploy"
LAST_FLOOR_ABOVE = "(forks)"
LONGEST_FILE = 300
LONGEST_FUNCTION = 30
ASKS_FOR_TIME = {"now", "utcnow", "today"}

Function = ast.FunctionDef | ast.AsyncFunctionDef


def contract(kind: str) -> dict[str, Any]:
    """Find the import contract of one kind, of which there is one each."""
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    contracts = settings["tool"]["importlinter"]["contracts"]
    [found] = [each for each in contracts if each["type"] == kind]
    return dict(found)


def rooms_below_the_line() -> set[str]:
    """List the rooms that exist, of those below the line."""
    floors = contract("layers")["layers"]
    below = floors[floors.index(LAST_FLOOR_ABOVE) + 1 :]
    rooms = {room.strip(" ()") for floor in below for room in floor.split("|")}
    return {room for room in rooms if files(room)}


def files(room: str) -> list[Path]:
    """List the files of a room: one, or those of its package."""
    return [*HOME.glob(f"{room}.py"), *HOME.glob(f"{room}/**/*.py")]


def parse(path: str | Path) -> ast.Module:
    """Read a file of the house, or any other by its whole path."""
    return ast.parse((HOME / path).read_text(encoding="utf-8"))


def functions(tree: ast.AST) -> Iterator[Function]:
    """Find every function, methods and nested ones as well."""
    return (node for node in ast.walk(tree) if isinstance(node, Function))


def length(function: Function) -> int:
    """Count a function's lines from its `def`, without its docstring."""
    first, last = function.body[0], function.end_lineno or function.lineno
    spoken = (first.end_lineno or 0) - first.lineno + 1 if ast.get_docstring(function) else 0
    return last - function.lineno + 1 - spoken


every_file = pytest.mark.parametrize(
    "path", [str(path.relative_to(HOME)) for path in sorted(HOME.rglob("*.py"))]
)


@every_file
def test_a_file_says_what_it_is_for(path: str) -> None:
    """A module's first sentence says what the room is for."""
    assert ast.get_docstring(parse(path))


@every_file
def test_a_file_holds_one_room(path: str) -> None:
    """A file that grows past 300 lines holds two rooms."""
    lines = (HOME / path).read_text(encoding="utf-8").splitlines()

    assert len(lines) <= LONGEST_FILE


@every_file
def test_a_function_fits_a_glance(path: str) -> None:
    """No function has more than 30 lines, its docstring apart."""
    too_long = {each.name: length(each) for each in functions(parse(path))}

    assert {} == {name: lines for name, lines in too_long.items() if lines > LONGEST_FUNCTION}


def test_the_pure_contract_covers_every_room_below_the_line() -> None:
    """A room can't move in below the line without being held to its rules."""
    listed = {name.removeprefix("safedeploy.") for name in contract("forbidden")["source_modules"]}

    assert rooms_below_the_line() == listed


@pytest.mark.parametrize("room", sorted(rooms_below_the_line()))
def test_nothing_below_the_line_asks_for_the_time(room: str) -> None:
    """Core functions take `at`; they never ask for the time."""
    asked = [
        f"{path.name}, line {node.lineno}: .{node.func.attr}("
        for path in files(room)
        for node in ast.walk(parse(path))
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and node.func.attr in ASKS_FOR_TIME
    ]

    assert [] == asked


def test_every_test_states_its_law() -> None:
    """A test's docstring states the law that it checks."""
    silent = [
        f"{path.relative_to(ROOT)}: {function.name}"
        for path in sorted((ROOT / "tests").rglob("*.py"))
        for function in functions(parse(path))
        if function.name.startswith("test_") and not ast.get_docstring(function)
    ]

    assert [] == silent
