"""Status: what a journal says of its rollouts, to people and to programs."""

from __future__ import annotations

import json
import sys
from argparse import ArgumentParser, ArgumentTypeError, Namespace
from collections.abc import Iterable, Sequence
from contextlib import suppress
from datetime import datetime
from typing import TYPE_CHECKING

import attrs

from safedeploy.clocks import SystemClock
from safedeploy.errors import DefinitionError, SafeDeployError
from safedeploy.events import Assessed, Event, Killed, Started, Unknown
from safedeploy.explanations import Facts, utc, waits, when
from safedeploy.records import Codec
from safedeploy.rollouts import exposure, fold
from safedeploy.states import Completed, Rollout

if TYPE_CHECKING:  # SQLite is imported when a journal is opened
    from safedeploy.journals import Head, Journal

_MODEL = '{"$": "HealthModel", "signals": [{"$": "Usage", "at_least": 1}]}'
_BLANK = '{"$": "Health", "tests": [null]}'


def accept(parser: ArgumentParser) -> None:
    """Teach a parser the arguments of a status, and to `run` it."""
    parser.add_argument("file", metavar="FILE", help="a journal, as Engine(journal=FILE) keeps it")
    parser.add_argument("--json", action="store_true", help="print one object, for programs")
    about = "a head that was kept elsewhere: fail unless it is in the journal still"
    parser.add_argument("--head", type=_head, metavar="POSITION:DIGEST", help=about)
    parser.set_defaults(run=run)


def run(arguments: Namespace) -> int:
    """Print what a journal says, and return the exit status: 1 if it can't be used.

    Args:
        arguments: what a parser that `accept`s a status made of the command line.
    """
    from safedeploy.journals import SqliteJournal

    path, kept = arguments.file, arguments.head
    facts: Facts = {"journal": path, "kept_head": kept and str(kept)}
    try:
        facts |= summarize(SqliteJournal(path, head=kept, read_only=True), SystemClock().now())
    except SafeDeployError as error:
        told = error.mend if error.field in ("journal", "path") else str(error)
        if kept and error.value == kept.position:
            told = f"{kept} isn't in it: {error.mend}"
        sys.stderr.write(_printable(f"python -m safedeploy status: {path}: {told}") + "\n")
        return 2 if isinstance(error, DefinitionError) else 1
    text = json.dumps(facts, default=datetime.isoformat) if arguments.json else render(facts)
    charset = sys.stdout.encoding or "utf-8"
    sys.stdout.write(text.encode(charset, "backslashreplace").decode(charset) + "\n")
    return 0


def summarize(journal: Journal, at: datetime) -> Facts:
    """Return what a journal says, as plain values by name; times are datetimes.

    Args:
        journal: any; it is only read.
        at: now.
    """
    head, lease = journal.head(), journal.lease()
    streams: dict[str, list[Event]] = {}
    for entry in journal.entries():
        if entry.position <= head.position:  # in a live journal, more may have come since
            streams.setdefault(entry.stream, []).append(entry.event)
    begun = {name for name, events in streams.items() if _kind(events[0]) == Started.__name__}
    told = [_told(name, streams[name], at) for name in streams if name in begun]
    others = [event for name in streams if name not in begun for event in streams[name]]
    ends = _ends([rollout for rollout, _ in told if rollout], others)
    kills = [end for end in ends.values() if isinstance(end, Killed)]
    return {
        "at": at,
        "rollouts": [{**facts, **_standing(rollout, ends)} for rollout, facts in told],
        "killed": [{"flag": it.flag, "since": it.at, "reason": it.reason} for it in kills],
        "unread_events": _count_unread(others),
        "driver": lease.holder or None,
        "head": str(head),
    }


def _head(text: str) -> Head:
    from safedeploy.journals import Head

    try:
        return Head.parse(text)
    except DefinitionError as error:
        raise ArgumentTypeError(str(error)) from None


# What a stream says


def _told(name: str, events: Sequence[Event], at: datetime) -> tuple[Rollout | None, Facts]:
    """Return a rollout, if its stream tells where it stands, and what is known in any case."""
    rollout: Rollout | None = None
    owed: tuple[Facts, ...] = ()
    with suppress(Exception):  # whatever is in it, the other rollouts are shown
        if _count_unread(events):
            codec = Codec()
            events = [_without_host_kinds(event, codec) for event in events]
        rollout = attrs.evolve(fold(events), id=name)
        owed = waits(rollout, at)
    return rollout, {
        "id": name,
        "state": None,
        "waits": owed,
        "events": len(events),
        "unread_events": _count_unread(events),
        "last_event": {"kind": _kind(events[-1]), "at": events[-1].at},
    }


def _kind(event: Event) -> str:
    return event.kind if isinstance(event, Unknown) else type(event).__name__


def _count_unread(events: Iterable[Event]) -> int:
    return sum(isinstance(event, Unknown) for event in events)


def _without_host_kinds(event: Event, codec: Codec) -> Event:
    """Read again what may hold the host's own classes: signals, values of flags.

    What a flag serves and what signals remember don't matter to where a rollout stands. So they
    are left out, and a model that remembers nothing stands in.
    """
    tree = json.loads(codec.encode(event))
    if tree["$"] == Started.__name__:
        tree["definition"], tree["plan"]["health"] = None, json.loads(_MODEL)
    elif tree["$"] == Assessed.__name__:
        tree["health"] = json.loads(_BLANK) | {"used": tree["at"], "compared": tree["at"]}
    return codec.decode(json.dumps(tree))


def _ends(rollouts: Iterable[Rollout], events: Iterable[Event]) -> dict[str, Rollout | Killed]:
    """Return what settled each flag last: a rollout that completed, or a kill."""
    ends: list[tuple[datetime, str, Rollout | Killed]] = [
        (it.state.since, it.change.name, it) for it in rollouts if isinstance(it.state, Completed)
    ]
    # Of two at one moment, the kill came later: it would have halted the rollout.
    ends += [(it.at, it.flag, it) for it in events if isinstance(it, Killed)]
    return {flag: end for _, flag, end in sorted(ends, key=lambda end: utc(end[0]))}


def _standing(rollout: Rollout | None, ends: dict[str, Rollout | Killed]) -> Facts:
    if rollout is None:
        return {}
    state, end = rollout.state, ends.get(rollout.change.name)
    cause = getattr(state, "cause", None)
    is_replaced = isinstance(state, Completed) and end is not rollout
    by = "kill" if isinstance(end, Killed) else "release"
    return {
        "state": state.label,
        "ring": rollout.ring.name,
        "ring_number": state.ring + 1,
        "rings": len(rollout.plan.rings),
        "exposed_percent": 0.0 if is_replaced else exposure(rollout).percent,
        "since": state.since,
        "reason": cause and cause.reason,
        "replaced_by": by if is_replaced else None,
    }


# What people read


def render(facts: Facts) -> str:
    """Return what `summarize` says as text, the newest rollout last."""
    at, unread = facts["at"], facts["unread_events"]
    blocks = [_block(each, at) for each in facts["rollouts"]] or [["There are no rollouts."]]
    rows = [
        ("killed", f"{each['flag']}, since {when(each['since'], at)}: {each['reason']}")
        for each in facts["killed"]
    ]
    rows += [("unread", f"{unread} events besides")] if unread else []
    rows += [("driver", facts["driver"] or "nobody"), ("head", facts["head"])]
    return "\n\n".join("\n".join(map(_printable, block)) for block in [*blocks, _aligned(rows)])


def _block(facts: Facts, at: datetime) -> list[str]:
    rows = [("state", _state(facts))]
    if facts["state"]:
        rows += [("since", when(facts["since"], at))]
        rows += [("why", facts["reason"])] if facts["reason"] else []
    rows += [("waits", wait["text"]) for wait in facts["waits"]]
    if unread := facts["unread_events"]:
        last = f"the last is {facts['last_event']['kind']}, {when(facts['last_event']['at'], at)}"
        told = f"{unread} of {facts['events']} events, recorded by a later version"
        rows += [("unread", told), ("unread", last)]
    return [facts["id"], *(f"  {line}" for line in _aligned(rows))]


def _state(facts: Facts) -> str:
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
    return [
        f"{'' if label == above else label:<8}{text}"
        for above, (label, text) in zip(labels, rows, strict=False)
    ]


def _printable(line: str) -> str:
    """Return a line that moves no cursor, whatever a reason holds."""
    return "".join(char if char.isprintable() else "?" for char in line)
