"""Explanations: what a rollout waits for, for people and for programs, from its state alone."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any, TypeAlias

from safedeploy import commands, openings
from safedeploy.gates import Gate, Shown, Within
from safedeploy.obligations import pending
from safedeploy.states import Baking, Paused, Queued, Rollout
from safedeploy.verdicts import Verdict

Facts: TypeAlias = dict[str, Any]


def explain(rollout: Rollout, at: datetime) -> str:
    """Say for people where a rollout stands, what it waits for, and what comes after that.

    What is asked once that is there follows after "then"; a window that is closed says when it
    opens. Subjects, gates and roles are named, and no people.

    Args:
        rollout: which.
        at: now.
    """
    state, number = rollout.state, rollout.state.ring + 1
    place = f"{state.label}, ring {rollout.ring.name} ({number} of {len(rollout.plan.rings)})"
    if not rollout.in_flight:
        cause = getattr(state, "cause", None)
        return f"{place}: it is over" + (f", {cause.reason}" if cause else "")
    now = [it for it in waits(rollout, at) if it["kind"] != "deadline" or _halts(rollout)]
    told = [*dict.fromkeys(it["text"] for it in now)]
    later = [f"then {text}" for text in _later(rollout, at)]
    first = [f"waits {', '.join(told)}"] if told else []
    return f"{place}: {'; '.join([*first, *later, *_closed(rollout, at)])}"


def _halts(rollout: Rollout) -> bool:
    return isinstance(rollout.state, Paused)


def _ahead(rollout: Rollout) -> tuple[Gate, ...]:
    """Return the gates that are asked next, once what is waited for is there."""
    match rollout.state:
        case Queued():
            return rollout.plan.gates(0)
        case Baking(ring=ring, earned=False):
            return rollout.plan.after(ring)
        case _:
            return ()


def _later(rollout: Rollout, at: datetime) -> Iterator[str]:
    gates = [gate for gate in _ahead(rollout) if not isinstance(gate, Within)]
    return (f"for {gate.missing(Shown(at))}" for gate in gates)


def _closed(rollout: Rollout, at: datetime) -> Iterator[str]:
    for gate in (*openings.asked(rollout, rollout.state), *_ahead(rollout)):
        if isinstance(gate, Within) and not gate.window.contains(at):
            yield gate.window.explain(at)


def waits(rollout: Rollout, at: datetime) -> tuple[Facts, ...]:
    """Return what a rollout waits for at a moment; the deadline comes last.

    Each wait has a `kind`, the `text` for people that goes on from "waits", and what can be told of
    its kind: the `gate`, the `seconds` of bake to be earned, the `units` needed, the deadline `at`.
    """
    found = [wait for command in pending(rollout) for wait in _waits(command, rollout, at)]
    return tuple(sorted(found, key=lambda wait: wait["kind"] == "deadline"))


def _waits(command: commands.Command, rollout: Rollout, at: datetime) -> Iterator[Facts]:
    match command:
        case commands.Await(rollout=name):
            yield _wait("rollout", f"for {name} to be over", rollout=name)
        case commands.Supersede(rollout=name):
            yield _wait("superseding", f"for the next tick: it halts {name}", rollout=name)
        case commands.Ask(gate=gate) | commands.Request(gate=gate):
            yield _wait("gate", f"for {openings.missing(rollout, gate)}", gate=gate)
        case commands.Apply(ring=ring, place=place):
            yield _wait("apply", f"for {place or 'the next tick'}: it applies ring {ring}")
        case commands.Page(duty=duty):
            yield _wait("person", f"for a person: {duty}")
        case commands.Recover():
            yield _wait("recovery", "for the next tick: it begins the recovery")
        case commands.Withdraw(place=place):
            yield _wait("withdrawal", f"for {place or 'the next tick'}: it withdraws the change")
        case commands.Wake(at=until):
            then = _then(rollout, until)
            yield _wait("deadline", f"until {when(until, at)}: then {then}", at=until)
        case _:  # Assess: what it finds is waited for while a ring bakes
            if isinstance(rollout.state, Baking):
                yield from _waits_while_baking(rollout, rollout.state)


def _then(rollout: Rollout, until: datetime) -> str:
    if not isinstance(rollout.state, Paused):
        return openings.then(rollout, until)
    if until < rollout.state.deadline:
        return "a person is called once more"
    return f"it halts{', unless whoever looks after it decides' * rollout.state.acknowledged}"


def _wait(kind: str, text: str, **known: object) -> Facts:
    return {"kind": kind, "text": text, **known}


def _waits_while_baking(rollout: Rollout, state: Baking) -> Iterator[Facts]:
    left, evidence = rollout.ring.bake - state.baked, rollout.evidence
    if state.promoted and (state.promoted.is_explained or left > timedelta(0)):
        yield _wait("assessment", "for the next assessment: it is promoted by hand")
        return
    if left > timedelta(0):
        text = f"for {span(left)} of its {span(rollout.ring.bake)} of bake, as last recorded"
        yield _wait("bake", text, seconds=left.total_seconds())
    if evidence is None:
        yield _wait("evidence", "for the first assessment of this ring")
    elif (verdict := evidence.but_for(rollout.accepted)) is not Verdict.PASS:
        for one in evidence.findings:
            if one.but_for(rollout.accepted) is verdict:
                yield _wait("evidence", f"for {one.signal}: {one.detail}", units=one.remaining)
    elif left <= timedelta(0):
        yield _wait("assessment", "for the next assessment, and for use")


def when(then: datetime, at: datetime) -> str:
    """Return a time, and how far it is from another."""
    then, at = utc(then), utc(at)
    away = f"{span(at - then)} ago" if then <= at else f"in {span(then - at)}"
    return f"{then:%Y-%m-%d %H:%M:%S} UTC ({away})"


def utc(at: datetime) -> datetime:
    """Return a time in UTC, which it is taken for without a zone."""
    return at.astimezone(UTC) if at.tzinfo else at.replace(tzinfo=UTC)


def span(time: timedelta) -> str:
    """Return a length of time in its two largest units."""
    left, parts = time.total_seconds(), list[str]()
    if left < 10:
        return f"{left:.2g} s"
    for unit, seconds in (("d", 86400), ("h", 3600), ("min", 60), ("s", 1)):
        number, left = divmod(left, seconds)
        parts += [f"{number:.0f} {unit}"] if number or parts else []
    return " ".join(part for part in parts[:2] if not part.startswith("0 "))
