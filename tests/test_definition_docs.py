"""The reference of definitions says what is there: its tables are those of the loader."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from safedeploy.documents.shapes import Kind
from safedeploy.documents.tables import AUDIENCES, DOCUMENT, FLAG, LAYER, PREREQUISITE, RULE, SPLIT

PAGE = Path(__file__).parents[1] / "docs" / "reference" / "definitions.md"


def table(kind: Kind) -> str:
    """Return the fields of an object as a table."""
    rows = [
        f"| `{name}`{', required' * each.required} | {each.shape.words} | {each.about} |"
        for name, each in kind.fields.items()
    ]
    return "\n".join(["| field | holds | what it says |", "|---|---|---|", *rows])


def audiences() -> str:
    """Return the fields of all audiences as a table."""
    rows = []
    for kind in AUDIENCES:
        fields = [
            f"`{name}`{'' if name in kind.required else ', if need be'}: {field.shape.words}"
            for name, field in kind.fields.items()
        ]
        rows.append(f"| {'; '.join(fields)} | {kind.about} |")
    return "\n".join(["| fields | who is in it |", "|---|---|", *rows])


SECTIONS = {
    "The document": table(DOCUMENT),
    "A flag": table(FLAG),
    "A rule": table(RULE),
    "A split": table(SPLIT),
    "A prerequisite": table(PREREQUISITE),
    "A layer": table(LAYER),
    "An audience": audiences(),
}


@pytest.mark.parametrize("section", SECTIONS)
def test_the_page_has_every_field(section: str) -> None:
    """What the loader takes is on the page, and nothing else."""
    parts = re.split(r"^## (.*)\n", PAGE.read_text(encoding="utf-8"), flags=re.MULTILINE)
    [told] = re.findall(
        r"(?:^\|.*\n?)+", dict(zip(parts[1::2], parts[2::2], strict=True))[section], re.MULTILINE
    )
    assert SECTIONS[section] == told.strip()
