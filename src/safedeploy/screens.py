"""Screens: where rollouts stand, as text: plain for files, with bars of the rings on a terminal."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from types import MappingProxyType

import attrs

from safedeploy.explanations import Facts, span, when

WIDTH = 24
"""How many characters a whole bar has."""

_COLOURS: Mapping[str, str] = MappingProxyType(
    {
        "passed": "32",  # green
        "baking": "36",  # cyan
        "queued": "33",  # yellow
        "pending": "33",
        "paused": "33",
        "withdrawn": "31",  # red
        "ahead": "2",  # dim
    }
)


@attrs.frozen
class Style:
    """Say what a terminal can show.

    Attributes:
        full, empty: what bars are made of.
        is_coloured: whether it shows colours.
    """

    full: str = "#"
    empty: str = "."
    is_coloured: bool = False

    def paint(self, text: str, state: str) -> str:
        """Return a text in the colour of a ring's state."""
        return f"\x1b[{_COLOURS[state]}m{text}\x1b[0m" if self.is_coloured else text


def render(facts: Facts, style: Style | None = None) -> str:
    """Return what a status says as text, the newest rollout last; with bars in a style."""
    at, unread = facts["at"], facts["unread_events"]
    blocks = [block(each, at, style) for each in facts["rollouts"]] or [["There are no rollouts."]]
    rows = [
        ("killed", f"{each['flag']}, since {when(each['since'], at)}: {each['reason']}")
        for each in facts["killed"]
    ]
    rows += [("override", _override(each, at)) for each in facts["overrides"]]
    rows += [("defined", _defined(facts["defined"], at))] if facts["defined"] else []
    rows += [("unread", f"{unread} events besides")] if unread else []
    rows += [("driver", facts["driver"] or "nobody"), ("head", facts["head"])]
    return "\n\n".join(map("\n".join, [*blocks, map(printable, _aligned(rows))]))


def block(facts: Facts, at: datetime, style: Style | None = None) -> list[str]:
    """Return the lines about one rollout; with bars in a style."""
    rows = [("state", state(facts))]
    if facts["state"]:
        rows += [("since", when(facts["since"], at))]
        rows += [("why", facts["reason"])] if facts["reason"] else []
    rows += [("waits", wait["text"]) for wait in facts["waits"]]
    if unread := facts["unread_events"]:
        last = f"the last is {facts['last_event']['kind']}, {when(facts['last_event']['at'], at)}"
        told = f"{unread} of {facts['events']} events, recorded by a later version"
        rows += [("unread", told), ("unread", last)]
    lines = [facts["id"], *(f"  {line}" for line in _aligned(rows))]
    return [*map(printable, lines), *(_bars(facts.get("steps", ()), style) if style else ())]


def _override(facts: Facts, at: datetime) -> str:
    served = f"{facts['override']}: {facts['variant']}"
    return f"{served}, until {when(facts['until'], at)}: {facts['reason']}"


def _defined(defined: Sequence[Facts], at: datetime) -> str:
    """Tell of what was defined last, and how often something was."""
    last, times = defined[-1], f", the last of {len(defined)} times" if defined[1:] else ""
    told = f"{len(last['flags'])} flags without a release, {when(last['at'], at)}{times}"
    return f"{told}: {last['reason']}"


def _bars(steps: Sequence[Facts], style: Style) -> Iterator[str]:
    """Draw a bar for each ring: what it exposes, of all."""
    longest = max((len(step["ring"]) for step in steps), default=0)
    for step in steps:
        full = math.ceil(WIDTH * step["percent"] / 100)
        bar = style.full * full + style.empty * (WIDTH - full)
        name, percent = printable(f"{step['ring']:<{longest}}"), f"{step['percent']:.3g} %"
        told = style.paint(f"{bar} {percent:>6}  {_told(step)}", step["state"])
        yield f"  {name}  {told}"


def _told(step: Facts) -> str:
    if step["baked"] is None:
        return str(step["state"])
    baked, bake = (span(timedelta(seconds=step[key])) for key in ("baked", "bake"))
    return f"{step['state']}, {baked} of {bake}"


def state(facts: Facts) -> str:
    """Return where a rollout stands, in a line."""
    if facts["state"] is None:
        return "can't be told"
    if facts["replaced_by"]:
        return f"completed, then replaced by a {facts['replaced_by']}"
    place = f"ring {facts['ring']} ({facts['ring_number']} of {facts['rings']})"
    doubt = ", as far as it can be read" if facts["unread_events"] else ""
    return f"{facts['state']}, {place}, {facts['exposed_percent']:g} % exposed{doubt}"


def _aligned(rows: Sequence[tuple[str, str]]) -> list[str]:
    """Return a line for each row, with its label unless that is the one above."""
    labels = ["", *(label for label, _ in rows)]
    width = max(8, *(len(label) + 1 for label in labels))
    return [
        f"{'' if label == above else label:<{width}}{text}"
        for above, (label, text) in zip(labels, rows, strict=False)
    ]


def printable(line: str) -> str:
    """Return a line that moves no cursor, whatever a reason holds."""
    return "".join(char if char.isprintable() else "?" for char in line)
