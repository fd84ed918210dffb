"""Write what `flags.py --peers --json` found into docs/explanation/performance.md.

    python benchmarks/flags.py --peers --json > flags.json
    python benchmarks/_tables.py flags.json

Only the tables between the page's markers are replaced; the words around them are people's.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))

from benchmarks import _peers

PAGE = Path(__file__).parents[1] / "docs" / "explanation" / "performance.md"

OURS = {
    _peers.ON: "engine.value, on for all",
    _peers.FIFTH: "engine.value, 20 %",
    _peers.RULE: "engine.value, one rule and 20 %",
    _peers.THREE: "engine.value, three weighted variants",
    _peers.MADE: "Context and engine.value, 20 %",
    _peers.MADE_OF_TWO: "Context of two attributes and engine.value, 20 %",
}
"""Our row for each column of the peers."""

Row = Mapping[str, Any]


def tables(found: Mapping[str, Any]) -> dict[str, str]:
    """Return each table of the page, by its name."""
    rows = {row["name"]: row for row in found["rows"]}
    others = [row for row in found["rows"] if not _is_elsewhere(row["name"])]
    return {
        "peers": _table(("times the yardstick", *OURS), _peer_lines(rows)),
        "ours": _table(
            ("what", "ns", "times the yardstick", "at most"),
            [(it["name"], *map(_figure, (it["ns"], it["ratio"], it["bar"]))) for it in others],
        ),
    }


def _is_elsewhere(name: str) -> bool:
    return name.startswith("peer:") or name in OURS.values()


def _peer_lines(rows: Mapping[str, Row]) -> Iterable[tuple[str, ...]]:
    ours = [rows[name] for name in OURS.values()]
    yield ("at most", *(_figure(row["bar"]) for row in ours))
    yield ("safedeploy", *(_figure(row["ratio"]) for row in ours))
    for package in _peers.PEERS:
        names = [f"peer: {package}, {column}" for column in OURS]
        if any(name in rows for name in names):
            yield (package, *(_figure(rows.get(name, {}).get("ratio")) for name in names))


def _table(head: Sequence[str], lines: Iterable[Sequence[str]]) -> str:
    written = [head, ["---"] * len(head), *lines]
    return "\n".join(f"| {' | '.join(line)} |" for line in written)


def _figure(value: float | None) -> str:
    if value is None:
        return "-"
    return f"{value:.2f}" if value < 10 else f"{value:.1f}" if value < 100 else f"{value:,.0f}"


def replaced(page: str, tables: Mapping[str, str]) -> str:
    """Return a page with its tables replaced."""
    for name, table in tables.items():
        begin, end = f"<!-- {name} -->", f"<!-- end of {name} -->"
        if begin not in page or end not in page:
            raise SystemExit(f"the page has no {begin} and {end}")
        above, below = page.partition(begin)[0], page.partition(end)[2]
        page = f"{above}{begin}\n\n{table}\n\n{end}{below}"
    return page


def main() -> None:
    [path] = sys.argv[1:]
    found = json.loads(Path(path).read_text(encoding="utf-8"))
    page = replaced(PAGE.read_text(encoding="utf-8"), tables(found))
    PAGE.write_text(page, encoding="utf-8")


if __name__ == "__main__":
    main()
