"""The pages on breakers say what is there: the diagram is drawn from the table."""

from __future__ import annotations

import re
from collections import defaultdict
from pathlib import Path
from typing import get_args

from safedeploy import circuits
from safedeploy.circuits import TRANSITIONS, Cause, State

PAGE = Path(__file__).parents[1] / "docs" / "explanation" / "breakers.md"
STATES = get_args(State)


def diagram() -> str:
    """Return the table in Mermaid's words; what leads to a state from all others, is one arrow."""
    arrows = defaultdict[tuple[str, str], list[str]](list)
    for cause in Cause:
        pairs = {before: after for (before, why), after in TRANSITIONS.items() if why is cause}
        everywhere = len({*pairs.values()}) == 1 and {*STATES} - {*pairs} <= {*pairs.values()}
        if everywhere and len(pairs) > 1:
            arrows["Any", next(iter(pairs.values())).__name__].append(cause.value)
        else:
            for before, after in pairs.items():
                arrows[before.__name__, after.__name__].append(cause.value)
    lines = [f"{one} --> {other}: {', '.join(causes)}" for (one, other), causes in arrows.items()]
    names = [f'state "{kind.label}" as {kind.__name__}' for kind in STATES]
    return "\n    ".join(
        ["stateDiagram-v2", *names, 'state "any other" as Any', "[*] --> Closed", *lines]
    )


def test_the_diagram_is_what_the_table_says() -> None:
    """The page has every arrow of the table, and no other."""
    [told] = re.findall(r"```mermaid\n(.*?)\n```", PAGE.read_text(encoding="utf-8"), re.DOTALL)

    assert diagram() == told


def test_every_cause_leads_somewhere() -> None:
    """The table has each of them, and enters every state."""
    assert {*Cause} == {cause for _, cause in circuits.TRANSITIONS}
    assert {*STATES} == {*circuits.TRANSITIONS.values()}
