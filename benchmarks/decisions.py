"""Simulate rollouts, and say when judges halt them: how much harm is done, and how often in vain.

Five rings bake for a quarter of an hour each; data come every five seconds. Some rollouts mustn't
be halted, others must: each kind is a cell, a line of the tables. All judges read the same data.
Harm is how many units failed because of the change, over the least that is possible.
"""

from __future__ import annotations

import argparse
import math
import os
import re
import sys
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from itertools import chain, groupby, product
from pathlib import Path
from random import Random
from statistics import fmean, geometric_mean
from time import perf_counter
from typing import TypeAlias

import attrs

sys.path.insert(0, str(Path(__file__).parents[1]))

from benchmarks._cells import EVERY, FINE, TICKS, WORSE, Cell
from benchmarks._delays import DELAYED, Delayed
from benchmarks._judges import OTHERS, safedeploy
from benchmarks._measure import Row, report

Simulated: TypeAlias = Cell | Delayed
_EVERY_CELL: tuple[Simulated, ...] = (*FINE, *WORSE, *DELAYED)
CELLS = {cell.name: cell for cell in _EVERY_CELL}
RUNS, FEW = 10_000, 20
CHUNK = 20
WORSE_RUNS = 1_000
"""So many runs at most of what must be halted: a mean needs fewer than a rare event."""
OURS = "safedeploy"
JUDGES = (OURS, *OTHERS)
ERRORS, AT_LEAST, AT_MOST = (
    "false halts, %",
    "false halts, %, at least (95 % interval)",
    "false halts, %, at most (95 % interval)",
)
HARM, MISSES, DELAY = "harm / least harm", "misses, %", "delay, s"
MEAN = f"{HARM}, geometric mean"
ERRORS_BAR = 1.2
"""What a chance of 1 % is held to, from `RUNS` runs on: fewer can't show that it holds."""
SUDDEN = {"1 %, x1.5", "1 %, x2", "1 %, x5"}
BOUND = {name for name, cell in CELLS.items() if cell.promised and cell.bound < math.inf}
GROUPS = {"all that have a least harm": (BOUND, 1.85), "1 %, x1.5 to x5": (SUDDEN, 1.45)}


@attrs.frozen
class Outcome:
    """Hold when a judge halted the rollouts of a cell: the ticks, None where it didn't."""

    cell: Simulated
    judge: str
    halts: Sequence[int | None]

    def rows(self) -> Iterator[Row]:
        """Yield what is reported."""
        yield from (self._worse if self.cell.worse else self._fine)()

    def _fine(self) -> Iterator[Row]:
        halted = len(self.halts) - self.halts.count(None)
        low, high = interval(halted, len(self.halts))
        barred = self.judge == OURS and self.cell.promised and len(self.halts) >= RUNS
        yield self._row(ERRORS, 100 * halted / len(self.halts))
        yield self._row(AT_LEAST, 100 * low)
        yield self._row(AT_MOST, 100 * high, ERRORS_BAR if barred else None)

    def _worse(self) -> Iterator[Row]:
        onset = self.cell.onset
        due = [halt for halt in self.halts if halt is None or halt >= onset]
        harm = [self.cell.harm[TICKS - 1 if halt is None else halt] for halt in due]
        delays = [(halt + 1 - onset) * EVERY.total_seconds() for halt in due if halt is not None]
        yield self._row(
            HARM, fmean(harm) / self.cell.bound if harm and self.cell.name in BOUND else None
        )
        yield self._row(MISSES, 100 * due.count(None) / len(due) if due else None)
        yield self._row(DELAY, fmean(delays) if delays else None)

    def _row(self, figure: str, value: float | None, bar: float | None = None) -> Row:
        return Row(f"{figure}: {self.cell.name}: {self.judge}", None, value, bar)


def interval(halted: int, runs: int) -> tuple[float, float]:
    """Return Wilson's 95 % interval of a chance."""
    z = 1.96
    middle, scale = (halted + z * z / 2) / (runs + z * z), z / (runs + z * z)
    reach = scale * math.sqrt(halted * (runs - halted) / runs + z * z / 4)
    return max(0.0, middle - reach), min(1.0, middle + reach)


def simulate(name: str, numbers: range) -> list[list[int | None]]:
    """Return when each judge halted each of a cell's rollouts."""
    cell = CELLS[name]
    drawn = [cell.draw(Random(f"{name} {number}")) for number in numbers]  # noqa: S311 - no secret
    ours = [safedeploy(cell.plan, one) for one in drawn]
    return [ours, *([judge(one) for one in drawn] for judge in OTHERS.values())]


def outcomes(cells: Sequence[Simulated], runs: int, processes: int) -> Iterator[Outcome]:
    """Yield what each judge did in each cell, and tell on stderr how far it is."""
    tasks = [
        (cell.name, range(first, min(first + CHUNK, times)))
        for cell in cells
        for times in [min(runs, WORSE_RUNS) if cell.worse else runs]
        for first in range(0, times, CHUNK)
    ]
    began = perf_counter()
    with ProcessPoolExecutor(processes) as pool:
        found = zip(tasks, pool.map(simulate, *zip(*tasks, strict=True)), strict=True)
        for number, (name, chunks) in enumerate(groupby(found, lambda one: one[0][0]), 1):
            each = zip(*(chunk for _, chunk in chunks), strict=True)
            for judge, halts in zip(JUDGES, each, strict=True):
                yield Outcome(CELLS[name], judge, [*chain.from_iterable(halts)])
            took = perf_counter() - began
            print(f"{number} of {len(cells)} cells, {took:.0f} s: {name}", file=sys.stderr)


def means(rows: Iterable[Row]) -> Iterator[Row]:
    """Yield the geometric means of harm over groups of cells."""
    harms = {row.name: row.ratio for row in rows if row.name.startswith(HARM)}
    for (group, (names, bar)), judge in product(GROUPS.items(), JUDGES):
        found = [harms.get(f"{HARM}: {name}: {judge}") for name in names]
        known = [harm for harm in found if harm]
        mean = geometric_mean(known) if known else None
        yield Row(f"{MEAN}: {group}: {judge}", None, mean, bar if judge == OURS else None)


def show(rows: Iterable[Row]) -> None:
    """Print a table per figure: a line per cell, a column per judge."""
    tables: dict[str, dict[str, list[Row]]] = {}
    for row in rows:
        figure, name, _ = row.name.split(": ")
        tables.setdefault(figure, {}).setdefault(name, []).append(row)
    for figure, lines in tables.items():
        print(f"\n{figure}\n{''.join(f'{judge:>16}' for judge in JUDGES)}")
        for name, line in lines.items():
            ratios = "".join(
                "               -" if row.ratio is None else f"{row.ratio:>16,.2f}" for row in line
            )
            bars = [f"  ABOVE {row.bar}" for row in line if row.holds is False]
            print(f"{ratios}  {name}{''.join(bars)}")


def options() -> argparse.Namespace:
    """Read what is asked for."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.add_argument("--peers", action="store_true", help="changes nothing: they always judge")
    runs = f"{RUNS}, unless given; of what must be halted {WORSE_RUNS} at most"
    parser.add_argument("--runs", "--rounds", type=int, default=RUNS, help=runs)
    parser.add_argument("--quick", dest="runs", action="store_const", const=FEW)
    parser.add_argument("--cells", default="", metavar="PATTERN", help="only those that match")
    processes = min(2, os.cpu_count() or 1)
    parser.add_argument("--processes", type=int, default=processes)
    return parser.parse_args()


def main() -> None:
    asked = options()
    cells = [cell for name, cell in CELLS.items() if re.search(asked.cells, name)]
    if not cells:
        raise SystemExit(f"no cell matches {asked.cells!r}; there are {', '.join(CELLS)}")
    found = outcomes(cells, asked.runs, asked.processes)
    rows = [row for outcome in found for row in outcome.rows()]
    rows += means(rows)
    if asked.json:
        report("decisions", None, rows, as_json=True)
    else:
        show(rows)


if __name__ == "__main__":
    main()
