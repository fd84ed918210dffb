"""Status: what a journal says of its rollouts, to people and to programs."""

from __future__ import annotations

import json
from argparse import ArgumentParser, ArgumentTypeError, Namespace
from collections.abc import Iterable, Sequence
from contextlib import suppress
from datetime import datetime
from typing import TYPE_CHECKING, TypeAlias

import attrs

from safedeploy.errors import DefinitionError, SafeDeployError
from safedeploy.events import Assessed, Defined, Event, Killed, Started, Unknown
from safedeploy.explanations import Facts, utc, waits
from safedeploy.exposures import Exposures
from safedeploy.records import Codec
from safedeploy.rollouts import exposure, fold
from safedeploy.screens import render
from safedeploy.standings import Standings
from safedeploy.states import Baking, Completed, Paused, Rollout
from safedeploy.streams import KILLS, flag_of, key_of
from safedeploy.terminals import Exit, Terminal

if TYPE_CHECKING:  # SQLite is imported when a journal is opened
    from safedeploy.journals import Head, Journal

End: TypeAlias = Rollout | Killed | Defined

_MODEL = '{"$": "HealthModel", "signals": [{"$": "Usage", "at_least": 1}]}'
_BLANK = '{"$": "Health", "tests": [null]}'


def accept(parser: ArgumentParser) -> None:
    """Teach a parser the arguments of a status, and to `run` it."""
    parser.add_argument("file", metavar="FILE", help="a journal, as Engine(journal=FILE) keeps it")
    parser.add_argument("--json", action="store_true", help="print one object, for programs")
    about = "a head that was kept elsewhere: fail unless it is in the journal still"
    parser.add_argument("--head", type=_head, metavar="POSITION:DIGEST", help=about)
    parser.set_defaults(run=run)


def run(arguments: Namespace, terminal: Terminal) -> Exit:
    """Print what a journal says, and return the exit status.

    Args:
        arguments: what a parser that `accept`s a status made of the command line.
        terminal: where to.
    """
    from safedeploy.journals import SqliteJournal

    path, kept = arguments.file, arguments.head
    facts: Facts = {"journal": path, "kept_head": kept and str(kept)}
    try:
        journal = SqliteJournal(path, head=kept, read_only=True)
    except SafeDeployError as error:
        told = error.mend if error.field in ("journal", "path") else str(error)
        if kept and error.value == kept.position:
            told = f"{kept} isn't in it: {error.mend}"
        raise type(error)("journal", path, told) from None
    facts |= summarize(journal, terminal.clock.now())
    if arguments.json:
        terminal.tell(facts)
    else:
        terminal.say(render(facts, terminal.style))
    return Exit.OPENS


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
    rollouts = [rollout for rollout, _ in told if rollout]
    ends = _ends(rollouts, others)
    kills = [end for end in ends.values() if isinstance(end, Killed)]
    return {
        "at": at,
        "rollouts": [{**facts, **_standing(rollout, ends)} for rollout, facts in told],
        "killed": [{"flag": it.flag, "since": it.at, "reason": it.reason} for it in kills],
        "overrides": _overrides(journal, streams, rollouts, at),
        "defined": [_defined(event) for event in others if isinstance(event, Defined)],
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


def _ends(rollouts: Iterable[Rollout], events: Sequence[Event]) -> dict[str, End]:
    """Return what settled each flag last: a rollout that completed, a reload, or a kill."""
    ends: list[tuple[datetime, str, End]] = [
        (it.at, flag.key, it) for it in events if isinstance(it, Defined) for flag in it.flags
    ]
    completed = [it for it in rollouts if isinstance(it.state, Completed)]
    ends += [(it.state.since, key_of(it.change), it) for it in completed]
    # Of two at one moment, the kill came later: it would have halted the rollout.
    ends += [(it.at, it.flag, it) for it in events if isinstance(it, Killed)]
    return {flag: end for _, flag, end in sorted(ends, key=lambda end: utc(end[0]))}


def _standing(rollout: Rollout | None, ends: dict[str, End]) -> Facts:
    if rollout is None:
        return {}
    state, end = rollout.state, ends.get(key_of(rollout.change))
    cause = getattr(state, "cause", None)
    is_replaced = isinstance(state, Completed) and end is not rollout
    by = "kill" if isinstance(end, Killed) else "release"
    by = "reload" if isinstance(end, Defined) else by
    return {
        "state": state.label,
        "ring": rollout.ring.name,
        "ring_number": state.ring + 1,
        "rings": len(rollout.plan.rings),
        "exposed_percent": 0.0 if is_replaced else exposure(rollout).percent,
        "since": state.since,
        "reason": cause and cause.reason,
        "replaced_by": by if is_replaced else None,
        "steps": [_step(rollout, number) for number in range(len(rollout.plan.rings))],
    }


def _step(rollout: Rollout, number: int) -> Facts:
    """Return where one ring of a rollout stands: passed, withdrawn, ahead, or as the rollout."""
    state, ring = rollout.state, rollout.plan.rings[number]
    was = state.was if isinstance(state, Paused) else state
    label, baked = "ahead", None
    if rollout.is_withdrawn:
        label = "withdrawn" if number <= rollout.reached else "ahead"
    elif number < state.ring or isinstance(state, Completed):
        label = "passed"
    elif number == state.ring:
        label = state.label
        baked = was.baked.total_seconds() if isinstance(was, Baking) else None
    return {
        "ring": ring.name,
        "percent": rollout.plan.exposed(number),
        "state": label,
        "bake": ring.bake.total_seconds(),
        "baked": baked,
    }


def _overrides(
    journal: Journal, streams: dict[str, list[Event]], rollouts: Iterable[Rollout], at: datetime
) -> list[Facts]:
    """Return the overrides that stand; not for whom, which may be personal."""
    halted = {rollout.id for rollout in rollouts if rollout.is_withdrawn}
    standings = Standings(journal, Exposures(lambda: at), halted.__contains__)
    for name, events in streams.items():
        if name.startswith(KILLS):
            standings.restore(flag_of(name), events)
    shown = ("flag", "variant", "until", "reason")
    return [
        {"override": it.id, **{name: getattr(it, name) for name in shown}} for it in standings.all()
    ]


def _defined(event: Defined) -> Facts:
    return {"flags": [flag.key for flag in event.flags], "at": event.at, "reason": event.reason}
