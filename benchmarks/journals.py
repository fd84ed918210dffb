"""Time the journal in a file: appending, opening, noticing what others did, and being locked.

Each ratio is to raw sqlite3 doing the same to the same rows, in the same run.
"""

from __future__ import annotations

import random
import sqlite3
import sys
import tempfile
from collections.abc import Callable, Sequence
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from statistics import median
from time import perf_counter_ns, process_time_ns

import attrs

sys.path.insert(0, str(Path(__file__).parents[1]))

from benchmarks._measure import Row, arguments, report
from safedeploy import Context, Engine, ErrorRate, FeatureFlag, HealthModel, Plan, Ring, Usage
from safedeploy.changes import Change
from safedeploy.events import Assessed, Event, Started
from safedeploy.journals import Entry, MemoryJournal, SqliteJournal
from safedeploy.rollouts import fold, stream
from safedeploy.testing import FakeClock

START = datetime(2026, 1, 1, tzinfo=UTC)
EVERY = timedelta(seconds=10)
FLAG = FeatureFlag.boolean("new-checkout")
PLAN = Plan(
    rings=(
        Ring("canary", percent=20, bake=6 * EVERY),
        Ring("half", percent=50, bake=6 * EVERY),
        Ring("everyone", percent=100, bake=6 * EVERY),
    ),
    health=HealthModel(ErrorRate(rare=0.2), Usage(at_least=10)),
    holdback=20,
    must_see=10,
    assess_every=EVERY,
)
ENTRIES = 10_000
APPENDS = 200
POLLS = 1000
FLAGS = 50
MODE = "WAL" if sqlite3.sqlite_version_info >= (3, 51, 3) else "TRUNCATE"  # as the journal's
MEMORY = Path("/dev/shm")  # noqa: S108 - a file system in memory, where there is one
INSERT = "INSERT INTO entries (position, stream, version, event, digest) VALUES (?, ?, ?, ?, ?)"
ROWS = "SELECT position, stream, version, event, digest FROM entries ORDER BY position"

Timed = Callable[[], float]


def rollout() -> list[Event]:
    """Return what a journal holds of one rollout that completes."""
    clock, journal, dice = FakeClock(START), MemoryJournal(), random.Random(1)  # noqa: S311 - customers, not secrets
    engine = Engine(clock=clock, journal=journal)
    started = engine.release(FLAG.serve("on"), PLAN)
    while engine.rollout(started).in_flight:
        engine.tick()
        for _ in range(100):
            with engine.guard(FLAG, Context(str(dice.random()))):
                pass
        clock.advance(EVERY)
    return list(journal.read(started.id))


def another(events: list[Event], number: int) -> tuple[str, list[Event]]:
    """Return the stream of a rollout like one, of another flag or attempt, and its events."""
    flag, attempt = FeatureFlag.boolean(f"flag-{number % FLAGS}"), number // FLAGS + 1
    definition = flag.serve("on")
    change = definition.change()
    copies = [_renamed(event, definition, change, attempt) for event in events]
    return stream(change, PLAN, attempt), copies


def _renamed(event: Event, definition: FeatureFlag[bool], change: Change, attempt: int) -> Event:
    if isinstance(event, Started):
        return Started(event.at, change, PLAN, attempt, definition)
    if isinstance(event, Assessed):
        scope = attrs.evolve(event.evidence.scope, change=str(change), attempt=attempt)
        return attrs.evolve(event, evidence=attrs.evolve(event.evidence, scope=scope))
    return event


def elapsed(code: Callable[[], object], clock: Callable[[], int] = perf_counter_ns) -> float:
    """Return the nanoseconds that code takes."""
    before = clock()
    code()
    return float(clock() - before)


def interleaved(rounds: int, yardstick: Timed, *contenders: Timed) -> list[float]:
    """Return medians over rounds in which all take turns."""
    timed = [[each() for each in (yardstick, *contenders)] for _ in range(rounds)]
    return [median(column) for column in zip(*timed, strict=True)]


def appending(folder: Path, events: list[Event], rounds: int) -> list[float]:
    """Return the nanoseconds of a raw insert, and of an append of the same row."""
    path = folder / "appends.db"
    with closing(SqliteJournal(path)) as journal:
        for number in range(APPENDS // len(events) + 1):
            name, copies = another(events, number)
            journal.append(name, copies, expected=0)
        entries = journal.entries()[:APPENDS]
    rows = read(path)[:APPENDS]
    timed = interleaved(
        rounds,
        lambda: _inserted(folder / "raw.db", rows),
        lambda: _appended(folder / "ours.db", entries),
    )
    return [value / APPENDS for value in timed]


def _inserted(path: Path, rows: list[tuple[object, ...]]) -> float:
    """Insert rows into a new file, one transaction each."""
    _begin(path).close()

    def insert() -> None:
        for row in rows:
            raw.execute(INSERT, row)

    with closing(sqlite3.connect(path, isolation_level=None)) as raw:
        raw.execute(f"PRAGMA journal_mode = {MODE}")
        raw.execute("PRAGMA synchronous = FULL")
        return elapsed(insert)


def _appended(path: Path, entries: Sequence[Entry]) -> float:
    """Append the same events to a new journal, one at a time."""

    def append() -> None:
        for each in entries:
            journal.append(each.stream, [each.event], expected=each.version - 1)

    with closing(_begin(path)) as journal:
        return elapsed(append)


def _begin(path: Path) -> SqliteJournal:
    path.unlink(missing_ok=True)
    return SqliteJournal(path)


def read(path: Path) -> list[tuple[object, ...]]:
    """Return all rows, as raw sqlite3 reads them."""
    with closing(sqlite3.connect(path)) as connection:
        return connection.execute(ROWS).fetchall()


def filled(path: Path, events: list[Event]) -> None:
    """Fill a journal with rollouts that are over, and one in flight."""
    with closing(SqliteJournal(path)) as journal:
        for number in range(ENTRIES // len(events)):
            name, copies = another(events, number)
            journal.append(name, copies, expected=0)
        name, copies = another(events, ENTRIES)
        journal.append(name, copies[:2], expected=0)


def opening(folder: Path, events: list[Event], rounds: int) -> list[float]:
    """Return the nanoseconds of reading all rows, of opening, and of replaying everything."""
    path = folder / "filled.db"
    filled(path, events)

    def replay() -> None:
        streams: dict[str, list[Event]] = {}
        with closing(SqliteJournal(path)) as journal:
            for entry in journal.entries():
                streams.setdefault(entry.stream, []).append(entry.event)
        for each in streams.values():
            fold(each)

    return interleaved(
        rounds,
        lambda: elapsed(lambda: read(path)),
        lambda: elapsed(lambda: Engine(journal=path)),
        lambda: elapsed(replay),
    )


def polling(folder: Path, rounds: int) -> list[float]:
    """Return the nanoseconds of CPU of a `PRAGMA data_version`, and of a poll."""
    path = folder / "polled.db"
    journal = SqliteJournal(path)
    with closing(journal), closing(sqlite3.connect(path)) as raw:

        def pragma() -> None:
            for _ in range(POLLS):
                raw.execute("PRAGMA data_version").fetchone()

        def watch() -> None:
            for _ in range(POLLS):
                journal.watch()

        timed = interleaved(
            rounds,
            lambda: elapsed(pragma, process_time_ns),
            lambda: elapsed(watch, process_time_ns),
        )
    return [value / POLLS for value in timed]


def evaluating(folder: Path, rounds: int) -> list[float]:
    """Return the nanoseconds of a value while nothing is the matter, and while a file is locked."""
    path = folder / "locked.db"
    engine = Engine(journal=path)
    engine.release(FLAG.serve("on"), PLAN)
    users = [Context(str(number)) for number in range(1000)]

    def values() -> None:
        for user in users:
            engine.value(FLAG, user)

    def while_locked() -> float:
        with closing(sqlite3.connect(path, isolation_level=None)) as other:
            other.execute("BEGIN EXCLUSIVE")
            return median(elapsed(values) for _ in range(9))

    def while_free() -> float:
        return median(elapsed(values) for _ in range(9))

    with engine.running():
        timed = interleaved(rounds, while_free, while_locked)
    return [value / len(users) for value in timed]


def rows(folder: Path, rounds: int) -> tuple[float, list[Row]]:
    """Return the nanoseconds of a raw insert, and all rows."""
    events = rollout()
    raw, append = appending(folder, events, rounds)
    found = [Row("append, full sync, x raw insert", append, append / raw, 1.25)]
    if MEMORY.is_dir():
        with tempfile.TemporaryDirectory(dir=MEMORY) as memory:
            insert, append = appending(Path(memory), events, rounds)
        found.append(Row("append in memory, x raw insert", append, append / insert, 1.5))
    rows_read, opened, replayed = opening(folder, events, rounds)
    of = f"{ENTRIES:,} entries, x reading their rows"
    found.append(Row(f"open, verified, {of}", opened, opened / rows_read, 3.0))
    found.append(Row(f"replay, verified, {of}", replayed, replayed / rows_read, 30.0))
    pragma, poll = polling(folder, rounds)
    found.append(Row("poll, microseconds of CPU", poll, poll / 1000, 15.0))
    found.append(Row("poll, x PRAGMA data_version", poll, poll / pragma, None))
    value, locked = evaluating(folder, rounds)
    found.append(Row("Engine.value while the file is locked, x else", locked, locked / value, 1.1))
    return raw, found


def main() -> None:
    options = arguments(__doc__, rounds=9, quick=3)
    with tempfile.TemporaryDirectory() as folder:
        raw, found = rows(Path(folder), options.rounds)
    report("journals", raw, found, as_json=options.json)


if __name__ == "__main__":
    main()
