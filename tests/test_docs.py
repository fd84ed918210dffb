"""The documentation says what is there: its laws, tests, links and diagram are held to the code."""

from __future__ import annotations

import ast
import re
from collections import defaultdict
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import get_args

import attrs
import pytest

from safedeploy import events, rollouts, states
from safedeploy.events import Event
from safedeploy.states import Rollout
from tests.laws.carried import TOLD, delivering
from tests.laws.carried import started as carried_started
from tests.laws.histories import BEHIND, EVERY, ROLES, SAID, STRANGE, confirmed, started
from tests.laws.test_mutants import MUTANTS

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"
PAGES = [
    *(ROOT / name for name in ("README.md", "CONTRIBUTING.md", "CHANGELOG.md")),
    *sorted(path for path in DOCS.rglob("*.md") if "_build" not in path.parts),
]
LAWS = DOCS / "explanation" / "laws.md"
DIAGRAM = DOCS / "explanation" / "rollout-states.md"


def sections() -> dict[str, str]:
    """Return what the laws page says of each law that holds, by its number."""
    held, _, _ = LAWS.read_text(encoding="utf-8").partition("\n## Not yet")
    parts = re.split(r"^### ([A-Z]\d+): ", held, flags=re.MULTILINE)
    return dict(zip(parts[1::2], parts[2::2], strict=True))


@cache
def marked() -> dict[str, set[tuple[str, str]]]:
    """Return the tests that are marked with each law, by file and name."""
    found: dict[str, set[tuple[str, str]]] = defaultdict(set)
    for path in sorted((ROOT / "tests").rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                for law in marks(node):
                    found[law].add((str(path.relative_to(ROOT)), node.name))
    return found


def marks(function: ast.FunctionDef | ast.AsyncFunctionDef) -> Iterator[str]:
    """Find the laws that a test is marked with."""
    for decorator in function.decorator_list:
        if isinstance(decorator, ast.Call) and ast.unparse(decorator.func) == "pytest.mark.law":
            yield ast.literal_eval(decorator.args[0])


def named(section: str) -> set[tuple[str, str]]:
    """Return the tests that a law's section names, each after a link to its file."""
    items = re.findall(r"^- \[(tests/\S+)\]((?:.+\n?)+?)(?=- |\Z|\n)", section, re.MULTILINE)
    return {(path, name) for path, names in items for name in re.findall(r"`(test_\w+)`", names)}


def planted() -> dict[str, set[str]]:
    """Return the bugs that are planted for each law, by what they do."""
    found: dict[str, set[str]] = defaultdict(set)
    for mutant in MUTANTS:
        found[mutant.law].add(mutant.bug)
    return found


def test_every_law_that_is_checked_is_told() -> None:
    """The laws on the page are those that tests are marked with, no more and no fewer."""
    assert set(marked()) == set(sections())


@pytest.mark.parametrize("law", sorted(sections()))
def test_a_law_names_its_checks(law: str) -> None:
    """A law's section names tests, and each exists where it says, marked with the law."""
    checks = named(sections()[law])

    assert checks
    assert set() == checks - marked()[law]


@pytest.mark.parametrize("law", sorted(sections()))
def test_a_law_names_its_planted_bugs(law: str) -> None:
    """A law's section quotes the bugs that are planted for it, all of them."""
    text = " ".join(sections()[law].split())

    assert planted()[law] == set(re.findall("“(.+?)”", text))


def links(page: Path) -> list[str]:
    """Return the files that a page links to, as it writes them."""
    text = re.sub(
        r"^```.*?^```$", "", page.read_text(encoding="utf-8"), flags=re.MULTILINE | re.DOTALL
    )
    targets = re.findall(r"\]\(([^)#\s]+)[^)]*\)", text)
    return [each for each in targets if not re.match(r"\w+:", each)]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_link_leads_somewhere(page: Path) -> None:
    """Each relative link is to a file of the repository."""
    assert [] == [each for each in links(page) if not (page.parent / each).is_file()]


def explored() -> dict[tuple[type, type], dict[type, None]]:
    """Drive the machine through all it can do, and return the events that led from state to state.

    An event counts when it changes more than a rollout's version and time.
    """
    found: dict[tuple[type, type], dict[type, None]] = defaultdict(dict)
    carried = carried_started(delivering("staging", "production"))
    begun = (started(people=True, behind=BEHIND[:1]), carried)
    waiting, known = [rollouts.begin(it) for it in begun], set()
    while waiting:
        before = waiting.pop()
        for event in representatives(before):
            after, _ = rollouts.transition(before, event)
            if attrs.evolve(after, version=before.version, at=before.at) == before:
                continue
            found[type(before.state), type(after.state)][type(event)] = None
            if kind(after) not in known:
                known.add(kind(after))
                waiting.append(after)
    return found


def representatives(rollout: Rollout) -> Iterator[Event]:
    """Make an event of every sort: what a rollout is owed, and all that could come between."""
    at = rollout.at + EVERY
    yield from (confirmed(command, rollout, at) for command in rollouts.pending(rollout))
    yield from (move(rollout, at) for move in (STRANGE | SAID | TOLD).values())


def kind(rollout: Rollout) -> tuple[object, ...]:
    """Return what tells a rollout from one that goes on in the same way."""
    state = rollout.state
    was = getattr(state, "was", state)
    shown = getattr(was, "shown", None)
    told = shown and (
        frozenset(opening.gate for opening in shown.opened if shown.has_opened(opening.gate)),
        shown.failed,
        *(shown.approvers(role) for role in ROLES),
    )
    ahead = getattr(was, "behind", ()), getattr(was, "beside", ())
    seen = (ahead, told, getattr(was, "overdue", None), getattr(was, "earned", None))
    return (
        rollout.id,
        type(state),
        type(was),
        state.ring,
        rollout.reached,
        bool(getattr(was, "baked", 0)),
        tuple(each.stage for each in rollout.deliveries),
        *seen,
    )


def diagram() -> str:
    """Return the states and what leads from one to another, in Mermaid's words."""
    found, every = explored(), list(get_args(states.State))
    arrows = [
        f"{one.__name__} --> {other.__name__}: "
        + ", ".join(
            event.__name__ for event in get_args(events.Event) if event in found[one, other]
        )
        for one in every
        for other in every
        if (one, other) in found
    ]
    ends = [
        f"{each.__name__} --> [*]" for each in every if not any(one is each for one, _ in found)
    ]
    begins = ["[*] --> Queued: Started", "[*] --> Pending: Started"]
    lines = ["stateDiagram-v2", *begins, *arrows, *ends]
    return "\n    ".join(lines)


def test_the_diagram_is_what_the_machine_does() -> None:
    """The page has every arrow that driving the machine finds, and no other."""
    [told] = re.findall(r"```mermaid\n(.*?)\n```", DIAGRAM.read_text(encoding="utf-8"), re.DOTALL)

    assert diagram() == told


def test_the_diagram_leaves_out_no_transition() -> None:
    """Driving the machine used every pair of its table, so none is missing from the diagram."""
    found = explored()
    pairs = {(one, event) for (one, _), kinds in found.items() for event in kinds}

    assert set(rollouts.TRANSITIONS) == pairs
