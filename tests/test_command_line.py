"""The command line's page and its examples say what there is."""

from __future__ import annotations

import argparse
import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import pytest

from safedeploy.__main__ import main, parser
from safedeploy.blueprints import parse, read
from safedeploy.terminals import Exit

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "docs" / "reference" / "command-line.md"
EXAMPLES = ROOT / "examples"
WORKFLOWS = ["github-actions.yml", "azure-pipelines.yml"]
GUIDES = ["release-from-a-pipeline.md", "deploy-with-your-own-script.md"]


def commands() -> dict[str, argparse.ArgumentParser]:
    """Return the parser of each command."""
    [found] = [it for it in parser()._actions if isinstance(it, argparse._SubParsersAction)]
    return dict(found.choices)


def rows(command: argparse.ArgumentParser) -> Iterator[tuple[str, str]]:
    """Tell a command's arguments as the page should: how they are written, and what they say."""
    for action in command._actions:
        if "--help" not in action.option_strings:
            name = " ".join(filter(None, [*action.option_strings, str(action.metavar or "")]))
            needed = "; required" if action.option_strings and action.required else ""
            yield name, f"{action.help}{needed}"


def sections() -> dict[str, str]:
    """Return what the page says of each command."""
    _, *parts = re.split(r"^## `(\w+)`$", PAGE.read_text(encoding="utf-8"), flags=re.MULTILINE)
    return dict(zip(parts[::2], parts[1::2], strict=True))


def test_the_page_has_every_command() -> None:
    """No command is missing, and none is there that isn't."""
    assert [*commands()] == [*sections()]


@pytest.mark.parametrize("name", [*commands()])
def test_the_page_has_every_argument(name: str) -> None:
    """Each argument is told as the program's own help tells it."""
    told = re.findall(r"^\| `(.+?)` \| (.+) \|$", sections()[name], re.MULTILINE)

    assert [*rows(commands()[name])] == told
    assert commands()[name].description in sections()[name].strip().splitlines()


def test_the_page_has_every_exit_status() -> None:
    """The statuses are those that commands end with."""
    text = PAGE.read_text(encoding="utf-8")

    assert [(f"{it.value}", it.name.lower()) for it in Exit] == re.findall(
        r"^\| (\d) \| (\w+) \|", text, re.MULTILINE
    )


# Examples


def written(path: Path) -> Iterator[list[str]]:
    """Find the commands in a file, each with its arguments as a shell would see them."""
    for line in path.read_text(encoding="utf-8").splitlines():
        if found := re.search(r"(?:^|run: |bash: )python -m safedeploy (.*)", line):
            words = shlex.split(re.split(r" [#|>]", found[1])[0])
            yield [re.sub(r"^\$\w+$", "something", word) for word in words]


@pytest.mark.parametrize(
    "path",
    [*(EXAMPLES / name for name in WORKFLOWS), *(ROOT / "docs" / "how-to" / it for it in GUIDES)],
    ids=lambda path: path.name,
)
def test_examples_give_commands_that_there_are(path: Path) -> None:
    """Every command that an example gives can be given so."""
    found = [*written(path)]

    assert len(found) >= 2
    for argv in found:
        assert parser().parse_args(argv).command == argv[0]


def test_the_example_of_a_plan_is_sound() -> None:
    """It passes the lint that both examples ask."""
    assert 0 == main(["lint", str(EXAMPLES / "plan.toml"), "--severity", "note"])

    document = read(parse((EXAMPLES / "plan.toml").read_text(encoding="utf-8"), "toml"))
    names = {ring.name for ring in document.plan.rings}
    for name in WORKFLOWS:
        for argv in written(EXAMPLES / name):
            assert getattr(parser().parse_args(argv), "ring", None) in {None, *names}


def shape(name: str) -> list[tuple[int, str]]:
    """Return the lines of a workflow that mean something: how far each is in, and what it is."""
    lines = (EXAMPLES / name).read_text(encoding="utf-8").splitlines()
    bare = [(len(it) - len(it.lstrip()), it.strip()) for it in lines]
    return [(depth, text) for depth, text in bare if text and not text.startswith("#")]


ENTRY = re.compile(r"(?:- )?(?:[\w-]+|\$\{\{.*\}\}):(?: \S.*)?|- \S.*")


@pytest.mark.parametrize("name", WORKFLOWS)
def test_a_workflow_is_well_formed(name: str) -> None:
    """Every line is an entry of a mapping or a list, as deep as one above it or just deeper."""
    open_ends = [0]
    before = ""
    for depth, text in shape(name):
        assert "\t" not in text
        assert ENTRY.fullmatch(text), text
        assert not len(re.findall(r"(?<!\\)\"", text)) % 2, text
        while open_ends[-1] > depth:
            open_ends.pop()
        if open_ends[-1] < depth:
            is_item = before.startswith("- ")
            assert before.endswith(":") or (is_item and depth == open_ends[-1] + 2), text
            open_ends.append(depth)
        before = text


@pytest.mark.parametrize("name", WORKFLOWS)
def test_a_workflow_names_what_it_needs(name: str) -> None:
    """What waits for a job or a stage names one that is there, and comes after it."""
    known: set[str] = set()
    for depth, text in shape(name):
        if name.startswith("github") and depth == 2 and re.fullmatch(r"\w+:", text):
            known.add(text.rstrip(":"))
        if found := re.fullmatch(r"- stage: (\w+)", text):
            known.add(found[1])
        if found := re.fullmatch(r"(?:needs|dependsOn): \[(\w*)\]", text):
            assert {found[1]} <= {*known, ""}

    assert {"plan", "deploy", "canary", "smoke", "decide"} <= known
