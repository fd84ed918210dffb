"""Checks: gates that open when a function of the host says so."""

from __future__ import annotations

import enum
from collections.abc import Callable, Coroutine
from datetime import datetime, timedelta
from typing import Any, TypeAlias

import attrs

from safedeploy.changes import Change
from safedeploy.gates.algebra import Gate, lasting
from safedeploy.gates.showings import Shown
from safedeploy.validators import ADDED, a, duration, text

REPORT = 2000
"""A report keeps so many characters: the last ones, where a test run says how it went."""


class Answer(enum.Enum):
    """Say what a gate does."""

    OPENS = "opens"
    """What was to be shown has been shown."""
    HOLDS = "holds"
    """Not yet: it is asked again."""
    FAILS = "fails"
    """It never will be: the rollout halts, unless another gate may open in its place."""


def _tail(given: str) -> str:
    is_long = isinstance(given, str) and len(given) > REPORT
    return f"...{given[3 - REPORT :]}" if is_long else given


@attrs.frozen
class Report:
    """Answer for a gate, and say why. It is kept in the journal as evidence.

    Args:
        answer: what the gate does.
        detail: what it rests on, for people; of a long text, the last 2,000 characters are kept.
            Nothing personal and no secrets.

    Raises:
        DefinitionError: either is something else.
    """

    answer: Answer = attrs.field(validator=a(Answer))
    detail: str = attrs.field(default="", converter=_tail, validator=a(str))


Given: TypeAlias = "bool | Answer | Report"
Run: TypeAlias = Callable[[Change], "Given | Coroutine[Any, Any, Given]"]


@attrs.frozen(repr=False)
class Check(Gate):
    """Name a gate that opens when a function of the host says so.

    A plan holds a check by name: equality and digests leave `run` out, and the core never calls it.

    Args:
        name: the check's name, unique before and after a ring.
        run: asked with the change, in a thread of its own; a coroutine function will do. True
            opens, False holds (it is asked again), `Answer.FAILS` fails, and a `Report` says why
            besides. An exception holds as well: a broken check isn't the change's failure.
        timeout: an answer that takes longer counts as none; it is asked again once it has returned.
        every: how long to wait before it is asked again; at each tick, unless given.
        holds_for: how long it must open without a break, sampled again and again, before it counts.
        expires: how long an opening counts; until the ring begins (or is left), unless given.

    Raises:
        DefinitionError: the name is empty, or a time is negative.
    """

    name: str = attrs.field(validator=text)  # pyright: ignore[reportIncompatibleMethodOverride]
    run: Run | None = attrs.field(default=None, kw_only=True, eq=False, repr=False)
    timeout: timedelta = attrs.field(
        default=timedelta(minutes=5), kw_only=True, validator=lasting, metadata=ADDED
    )
    every: timedelta = attrs.field(
        default=timedelta(0), kw_only=True, validator=duration, metadata=ADDED
    )
    holds_for: timedelta = attrs.field(
        default=timedelta(0), kw_only=True, validator=duration, metadata=ADDED
    )
    expires: timedelta | None = attrs.field(
        default=None,
        kw_only=True,
        validator=attrs.validators.optional(lasting),
        metadata=ADDED,
    )

    def opens(self, shown: Shown) -> bool:
        """Tell whether it has opened, and that counts still."""
        return shown.has_opened(self.name)

    def fails(self, shown: Shown) -> bool:
        """Tell whether it was answered that it never will."""
        return self.name in shown.failed

    def missing(self, shown: Shown) -> str:
        """Return its name, and for how long it must hold."""
        held = f", which must hold for {self.holds_for} without a break" if self.holds_for else ""
        return f"{self.name}{held}"

    def answered(
        self, shown: Shown, answer: Answer, at: datetime, since: datetime | None = None
    ) -> Shown:
        """Return what is shown after an answer.

        Args:
            shown: what was shown before.
            answer: what the check does.
            at: when it said so.
            since: since when it has said so without a break.
        """
        if answer is Answer.FAILS:
            return shown.fail(self.name, at)
        begun = max(since or at, shown.since)
        if answer is Answer.HOLDS or at - begun < self.holds_for:
            return shown
        after = shown.open(self.name, at, at + self.expires if self.expires else None)
        return after if self.opens(after) else shown
