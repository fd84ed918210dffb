"""Pipelines: what a step of a build system asks of a journal, and what people decide by it."""

from __future__ import annotations

from argparse import ArgumentParser, ArgumentTypeError, Namespace
from collections.abc import Callable, Generator, Sequence
from contextlib import closing, contextmanager
from datetime import timedelta

from safedeploy import screens, status
from safedeploy.engine import Engine
from safedeploy.errors import (
    DefinitionError,
    JournalUnavailableError,
    RolloutNotFoundError,
    near,
)
from safedeploy.explanations import Facts
from safedeploy.people import Person
from safedeploy.states import Rollout
from safedeploy.terminals import Exit, Terminal

EVERY = 5.0
"""How many seconds a gate that waits lets pass before it looks again."""

PATIENCE = timedelta(seconds=10)
"""How long a decision waits for a journal that somebody has locked."""

_STOPPED = ("halted", "recovering", "rolled back")


# What is asked


def accept_gate(parser: ArgumentParser) -> None:
    """Teach a parser the arguments of a gate, and to run it."""
    _accept(parser)
    about = "open once this ring was left; unless given, once the rollout has completed"
    parser.add_argument("--ring", metavar="RING", help=about)
    about = "how long to look again and again while it holds; unless given, it looks once"
    parser.add_argument("--wait", type=_seconds, default=0.0, metavar="SECONDS", help=about)
    parser.set_defaults(run=gate)


def accept_approve(parser: ArgumentParser) -> None:
    """Teach a parser the arguments of an approval, and to run it."""
    _accept(parser)
    _accept_person(parser)
    _accept_reason(parser, required=False)
    about = "the role that the plan asks for; unless given, every one that the person has"
    parser.add_argument("--gate", metavar="ROLE", help=about)
    parser.set_defaults(run=_decides(_approve))


def accept_alert(parser: ArgumentParser) -> None:
    """Teach a parser the arguments of an alert, and to run it."""
    _accept(parser)
    about = "a user is affected: halt at once; unless given, the clock stops until a person decides"
    parser.add_argument("--by-user", action="store_true", help=about)
    _accept_reason(parser, required=True)
    parser.set_defaults(run=_decides(_alert))


def _accept(parser: ArgumentParser) -> None:
    about = "the journal that the application keeps: Engine(journal=FILE)"
    parser.add_argument("journal", metavar="FILE", help=about)
    about = "an id, or what is changed: the latest of it; it may be left out where there is one"
    parser.add_argument("rollout", metavar="ROLLOUT", nargs="?", help=about)
    parser.add_argument("--json", action="store_true", help="print one object, for programs")


def _accept_person(parser: ArgumentParser) -> None:
    about = "an opaque id of whoever decides, as the build system has verified it"
    parser.add_argument("--by", required=True, metavar="ID", help=about)
    about = "a role of theirs, verified likewise; may be given several times"
    parser.add_argument("--role", action="append", default=[], metavar="ROLE", help=about)


def _accept_reason(parser: ArgumentParser, *, required: bool) -> None:
    about = "why, for people; it goes into the journal, so nothing personal"
    parser.add_argument("--reason", required=required, default="", metavar="TEXT", help=about)


def _seconds(text: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        seconds = -1.0
    if not 0 <= seconds <= timedelta(days=30).total_seconds():
        raise ArgumentTypeError(f"{text!r} is no time to wait: give seconds, up to 30 days")
    return seconds


# A gate


def gate(arguments: Namespace, terminal: Terminal) -> Exit:
    """Tell whether a pipeline may go on: a journal that isn't there yet holds it."""
    until = terminal.clock.monotonic() + arguments.wait
    said: object = ()
    while True:
        end, why, facts = _look(arguments, terminal)
        left = until - terminal.clock.monotonic()
        if end is not Exit.HOLDS or left <= 0:
            break
        known = facts and facts["events"]
        if known != said:
            terminal.complain(f"holds: {why}")
            said = known
        terminal.sleep(min(EVERY, left))
    _show(terminal, arguments, end, why, facts)
    return end


def _look(arguments: Namespace, terminal: Terminal) -> tuple[Exit, str, Facts | None]:
    try:
        facts = _found(arguments, terminal)
    except (JournalUnavailableError, RolloutNotFoundError) as error:
        return Exit.HOLDS, str(error), None
    end = _judged(facts, arguments.ring)
    waits = [wait["text"] for wait in facts["waits"]] if end is Exit.HOLDS else []
    told = [screens.state(facts), *([facts["reason"]] if facts.get("reason") else []), *waits]
    return end, "; ".join(told), facts


def _judged(facts: Facts, ring: str | None) -> Exit:
    if facts["state"] is None:
        return Exit.HOLDS
    steps = {step["ring"]: step["state"] for step in facts["steps"]}
    if ring is not None and ring not in steps:
        raise DefinitionError("ring", ring, _near(ring, [*steps]))
    if facts["state"] in _STOPPED or facts["replaced_by"] == "kill":
        return Exit.FAILS
    is_through = facts["state"] == "completed" if ring is None else steps[ring] == "passed"
    return Exit.OPENS if is_through else Exit.HOLDS


def _found(arguments: Namespace, terminal: Terminal) -> Facts:
    """Return the facts of the rollout that is meant."""
    from safedeploy.journals import SqliteJournal

    with closing(SqliteJournal(arguments.journal, read_only=True)) as journal:
        facts = status.summarize(journal, terminal.clock.now())
    return _chosen(facts["rollouts"], arguments.rollout)


def _chosen(rollouts: Sequence[Facts], name: str | None) -> Facts:
    names = {each["id"]: _names(each["id"]) for each in rollouts}
    if name is None:
        subjects = {subject for _, subject, *_ in names.values()}
        if len(subjects) > 1:
            mend = f"say which: {', '.join(sorted(subjects))}"
            raise DefinitionError("rollout", name, mend)
        found = [*rollouts]
    else:
        found = [each for each in rollouts if name in names[each["id"]]]
    if not found:
        known = [it for several in names.values() for it in several]
        raise RolloutNotFoundError("rollout", name, _near(name or "", known))
    return found[-1]


def _names(rollout: str) -> tuple[str, str, str, str]:
    """Return what a rollout may be called by: its id, its subject, what is changed, the change."""
    change = rollout.rsplit("/", 2)[0]
    subject = change.rpartition("@")[0]
    return rollout, subject, subject.partition(":")[2], change


def _near(name: str, names: Sequence[str]) -> str:
    known = near(name, sorted({*names}))
    return f"choose one of {known}" if known else "there is none in the journal yet"


# Decisions


def _approve(engine: Engine, rollout: str, arguments: Namespace) -> Rollout:
    by = Person(arguments.by, arguments.role)
    return engine.approve(rollout, arguments.gate, by=by, reason=arguments.reason)


def _alert(engine: Engine, rollout: str, arguments: Namespace) -> Rollout:
    return engine.alert(rollout, by_user=arguments.by_user, reason=arguments.reason)


def _decides(
    decision: Callable[[Engine, str, Namespace], Rollout],
) -> Callable[[Namespace, Terminal], Exit]:
    """Return a command that records a decision, and makes sure that it is recorded."""

    def run(arguments: Namespace, terminal: Terminal) -> Exit:
        name = _found(arguments, terminal)["id"]
        with _engine(arguments.journal, terminal) as engine:
            version = decision(engine, name, arguments).version
        arguments.rollout = name
        facts = _found(arguments, terminal)
        if facts["events"] < version:
            # An engine would go on trying; this process ends.
            mend = "it couldn't be recorded now: ask again"
            raise JournalUnavailableError("journal", arguments.journal, mend)
        _show(terminal, arguments, Exit.OPENS, f"recorded: {screens.state(facts)}", facts)
        return Exit.OPENS

    return run


def _of_a_person(
    decide: Callable[..., Rollout], *, reasoned: bool
) -> Callable[[ArgumentParser], None]:
    """Return what teaches a parser the arguments of a person's decision, and to run it."""

    def decision(engine: Engine, rollout: str, arguments: Namespace) -> Rollout:
        by = Person(arguments.by, arguments.role)
        return decide(engine, rollout, by=by, reason=arguments.reason)

    def accept(parser: ArgumentParser) -> None:
        _accept(parser)
        _accept_person(parser)
        _accept_reason(parser, required=reasoned)
        parser.set_defaults(run=_decides(decision))

    return accept


accept_acknowledge = _of_a_person(Engine.acknowledge, reasoned=False)
accept_resume = _of_a_person(Engine.resume, reasoned=True)
accept_promote = _of_a_person(Engine.promote, reasoned=False)
accept_halt = _of_a_person(Engine.abort, reasoned=True)


@contextmanager
def _engine(path: str, terminal: Terminal) -> Generator[Engine]:
    """Open an engine on a journal that is there, to tell it what people decide."""
    from safedeploy.journals import SqliteJournal

    with closing(SqliteJournal(path, patience=PATIENCE)) as journal:
        yield Engine(journal=journal, clock=terminal.clock)


def _show(
    terminal: Terminal, arguments: Namespace, end: Exit, why: str, facts: Facts | None
) -> None:
    if arguments.json:
        terminal.tell({"outcome": end.name.lower(), "why": why, "rollout": facts})
        return
    told = why if why.startswith("recorded") else f"{end.name.lower()}: {why}"
    terminal.say(screens.printable(told))
    if facts and terminal.style:
        terminal.say("\n".join(screens.block(facts, terminal.clock.now(), terminal.style)))
