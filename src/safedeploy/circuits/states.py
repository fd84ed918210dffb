"""States: where a circuit can be, and the circuit itself."""

from __future__ import annotations

import enum
from typing import ClassVar, TypeAlias

import attrs

from safedeploy.circuits.settings import Settings
from safedeploy.circuits.windows import Window


@attrs.frozen(weakref_slot=False)
class _State:
    """What every state has.

    Attributes:
        label: the state's name, for people.
        permits: whether every call is let through.
        measures: whether outcomes are recorded.
        generation: rises with every change of state; an outcome of an earlier one is late.
        openings: how many times in a row it was opened, with no trial closing it in between.
    """

    label: ClassVar[str]
    permits: ClassVar[bool] = False
    measures: ClassVar[bool] = False
    generation: int
    openings: int


@attrs.frozen(weakref_slot=False)
class Closed(_State):
    """Let calls through, and judge how they end."""

    label = "closed"
    permits = True
    measures = True


@attrs.frozen(weakref_slot=False)
class Open(_State):
    """Refuse calls, until it is time to try again.

    Attributes:
        until: when a trial is permitted, on the clock that measures.
    """

    label = "open"

    until: float


@attrs.frozen(weakref_slot=False)
class HalfOpen(_State):
    """Let some trials through, and let them decide.

    Attributes:
        deadline: when it opens again if they haven't, on the clock that measures.
        out: the permits of those that haven't ended.
    """

    label = "half-open"
    measures = True

    deadline: float
    out: frozenset[int] = frozenset()


@attrs.frozen(weakref_slot=False)
class Isolated(_State):
    """Refuse calls, until somebody says otherwise."""

    label = "isolated"


@attrs.frozen(weakref_slot=False)
class Disabled(_State):
    """Let calls through, whatever happens, and record nothing."""

    label = "disabled"
    permits = True


@attrs.frozen(weakref_slot=False)
class MetricsOnly(_State):
    """Let calls through, whatever happens, and measure.

    Attributes:
        breached: whether it would have tripped.
    """

    label = "metrics-only"
    permits = True
    measures = True

    breached: bool = False


State: TypeAlias = Closed | Open | HalfOpen | Isolated | Disabled | MetricsOnly


class Cause(enum.Enum):
    """What moves a circuit from one state to another.

    The first four happen by themselves, and FORKED in a child process; the others are what people
    do.
    """

    TRIPPED = "tripped"
    WAITED = "waited"
    RECOVERED = "recovered"
    FORKED = "forked"
    OPENED = "opened"
    HALF_OPENED = "half-opened"
    CLOSED = "closed"
    RESET = "reset"
    ISOLATED = "isolated"
    DISABLED = "disabled"
    MEASURED = "measured"


@attrs.frozen(weakref_slot=False)
class Terms:
    """Hold what stays the same about a circuit.

    Attributes:
        settings: when it trips, for how long.
        salt: what jitter is drawn with.
    """

    settings: Settings
    salt: int = 0


@attrs.define(weakref_slot=False)
class Circuit:
    """Hold a circuit as a value; not frozen, but never changed, as a `CountWindow`.

    Attributes:
        terms: what stays the same.
        state: where it is.
        window: the latest calls: when open, those that tripped it; when half-open, the trials.
    """

    terms: Terms
    state: State
    window: Window


@attrs.frozen
class Transitioned:
    """Tell that a circuit went from one state to another.

    Attributes:
        before: where it was.
        after: where it is. Its generation orders what several threads tell.
        cause: what moved it.
        reason: why, for people.
        by: the opaque id of who did it; empty where it happened by itself.
    """

    before: State
    after: State
    cause: Cause
    reason: str
    by: str = ""


@attrs.frozen
class Breached:
    """Tell that the condition came to hold, where a circuit trips and where it only measures.

    Attributes:
        state: where it was.
        reason: what was counted.
    """

    state: State
    reason: str


@attrs.frozen
class Refused:
    """Tell that a call was refused.

    Attributes:
        state: where the circuit is.
    """

    state: State


@attrs.frozen
class Slow:
    """Tell that a call was slow.

    Attributes:
        state: where the circuit was when the call ended, before it counted.
        seconds: how long it took.
    """

    state: State
    seconds: float


Notice: TypeAlias = Transitioned | Breached | Refused | Slow
"""What a breaker's observers are told."""
