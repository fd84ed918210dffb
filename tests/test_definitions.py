"""Definitions in files: read whole or not at all, and written at once."""

from __future__ import annotations

import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

from safedeploy import FeatureFlag, Percentage
from safedeploy.definitions import Definitions, dump, dumps, load
from safedeploy.documents.formats import LARGEST
from safedeploy.errors import DefinitionsInvalidError

SOME = Definitions([FeatureFlag.boolean("f", when=Percentage(20), description="é")])


@pytest.mark.parametrize("name", ["flags.json", "flags.toml", "flags.yaml", "flags.yml"])
def test_a_file_reads_as_it_was_written(tmp_path: Path, name: str) -> None:
    """The name says which format it is, and nothing else is left in the folder."""
    path = tmp_path / name
    dump(Definitions(), path)
    dump(SOME, path)
    assert SOME == load(path) == load(str(path))
    assert "é" == load(path).flags["f"].description
    assert [path] == [*tmp_path.iterdir()]


def test_a_file_of_another_name_reads_if_its_format_is_said(tmp_path: Path) -> None:
    """A format that is given counts, whatever the file is called."""
    path = tmp_path / "flags.conf"
    dump(SOME, path, format="toml")
    assert SOME == load(path, format="toml")
    with pytest.raises(DefinitionsInvalidError, match=r"name it \.json, \.toml, \.yaml, \.yml"):
        load(path)
    with pytest.raises(DefinitionsInvalidError, match="or say which format it is"):
        dump(SOME, path)


def test_an_error_names_the_file_and_the_line(tmp_path: Path) -> None:
    """What can't be read is said as compilers say it."""
    path = tmp_path / "flags.toml"
    path.write_text("[flags.f]\nowner = \n", encoding="utf-8")
    with pytest.raises(DefinitionsInvalidError) as caught:
        load(path)
    assert (str(path), 2) == (caught.value.source, caught.value.line)
    assert str(caught.value).startswith(f"{path}:2: toml='owner = '")
    path.write_text("[flags.f]\nowner = 5\n", encoding="utf-8")
    with pytest.raises(DefinitionsInvalidError) as caught:
        load(path)
    assert str(caught.value).startswith(f"{path}: flags.f.owner=5: give a str")


def test_a_file_that_is_too_large_is_not_read(tmp_path: Path) -> None:
    """A hundred megabytes are refused before they are in memory."""
    path = tmp_path / "flags.json"
    with path.open("wb") as file:
        file.truncate(100 * 2**20)
    with pytest.raises(DefinitionsInvalidError, match=f"{LARGEST + 1:,} bytes"):
        load(path)


def test_a_file_that_can_not_be_opened_is_told_as_any_fault(tmp_path: Path) -> None:
    """Whoever loads has one kind of error to catch."""
    for path in (tmp_path / "none.json", tmp_path / "\0.json"):
        with pytest.raises(DefinitionsInvalidError, match="let it be read") as caught:
            load(path)
        assert str(path) == caught.value.value
        target: Any = path if "\0" in str(path) else tmp_path / "none" / "flags.json"
        with pytest.raises(DefinitionsInvalidError, match="let it be written"):
            dump(SOME, target)


def test_known_flags_may_be_required(tmp_path: Path) -> None:
    """A file's flags may require flags that are in code."""
    other = FeatureFlag.boolean("other")
    path = tmp_path / "flags.json"
    dump(Definitions([FeatureFlag.boolean("a").require(other, "on")]), path)
    assert load(path, known=[other]).flags["a"].prerequisites[0].flag is other


@pytest.mark.long
def test_a_guided_search_finds_no_text_that_escapes(tmp_path: Path) -> None:
    """Texts that are grown from right documents read as they were written, or are refused."""
    if find_spec("atheris") is None:
        pytest.skip("no atheris here: it is for Linux, and for some versions of Python")
    for number, form in enumerate(("json", "toml", "yaml")):
        (tmp_path / form).write_bytes(bytes([number]) + dumps(SOME, format=form).encode())
    script = str(Path(__file__).with_name("guided.py"))
    options = ("-runs=3000", "-seed=1", "-max_len=2000", f"-artifact_prefix={tmp_path}/")
    run = subprocess.run(
        [sys.executable, script, str(tmp_path), *options], capture_output=True, check=False
    )
    assert 0 == run.returncode, run.stderr.decode()
