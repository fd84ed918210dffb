"""Settings: when a circuit trips, for how long, and what it takes to close it again."""

from __future__ import annotations

import enum
import math
from collections.abc import Callable
from datetime import timedelta
from typing import Any, TypeAlias, TypedDict, cast

import attrs

from safedeploy import validators
from safedeploy.circuits.conditions import Condition, whole
from safedeploy.circuits.tripping import TripsWhen, positive
from safedeploy.errors import DefinitionError

Judged: TypeAlias = type[Exception] | tuple[type[Exception], ...] | Callable[[Exception], bool]
"""Which exceptions are meant: a kind, several, or a function that tells."""


class DecideWhen(enum.Enum):
    """When trials decide whether a half-open circuit closes.

    Attributes:
        ALL: when all of them are in.
        SETTLED: as soon as those that are missing can't change it.
        FIRST: at the first one.
    """

    ALL = "all"
    SETTLED = "settled"
    FIRST = "first"


@attrs.frozen
class Exponential:
    """Stay open for longer each time, until a trial closes the circuit.

    The nth opening in a row lasts `first * factor**(n - 1)`, at most `cap`, less a share of up to
    `jitter` that is drawn anew for each: so many processes don't all try again at once.

    Attributes:
        first: how long the first opening lasts.
        cap: how long any may last.
        factor: by how much each is longer than the one before; 1 or more.
        jitter: the share that may be taken off, 0..1.
    """

    first: timedelta = attrs.field(validator=positive)
    cap: timedelta = attrs.field(validator=positive)
    factor: float = attrs.field(default=2.0, kw_only=True)
    jitter: float = attrs.field(default=0.0, kw_only=True)

    def __attrs_post_init__(self) -> None:
        if self.cap < self.first:
            raise DefinitionError("cap", self.cap, f"give {self.first} or more, as first=")
        if not _is_number(self.factor) or not 1 <= self.factor < math.inf:
            raise DefinitionError("factor", self.factor, "give a number of 1 or more")
        if not _is_number(self.jitter) or not 0 <= self.jitter <= 1:
            raise DefinitionError("jitter", self.jitter, "give a share between 0 and 1")

    def seconds(self, openings: int, draw: float) -> float:
        """Return how long an opening lasts.

        Args:
            openings: how many there were in a row, with this one.
            draw: anything in [0, 1).
        """
        first, cap = self.first.total_seconds(), self.cap.total_seconds()
        # Compared as logarithms, since the power of a long outage is no float.
        grown = (openings - 1) * math.log(self.factor)
        longest = cap if grown >= math.log(cap / first) else first * math.exp(grown)
        return longest * (1 - self.jitter * draw)


class Options(TypedDict, total=False):
    """What `Settings` may be given, for whoever passes it on."""

    failure_rate: float | None
    slow_call_rate: float | None
    slow_call: timedelta | None
    consecutive_failures: int | None
    trips_when: Condition | None
    minimum_calls: int | None
    window: int | timedelta
    open_for: timedelta | Exponential
    permitted_calls: int
    half_open_for: timedelta | None
    decide_when: DecideWhen
    automatic_half_open: bool
    failures: Judged
    ignores: Judged
    failed_result: Callable[[Any], bool] | None
    retry_after: Callable[[Any], timedelta | None] | None


_optional = attrs.validators.optional


def _period(settings: object, field: attrs.Attribute[Any], value: object) -> None:
    if not isinstance(value, Exponential):
        positive(settings, field, value)


def _judged(_: object, field: attrs.Attribute[Any], value: object) -> None:
    if not isinstance(value, type | tuple) and callable(value):
        return
    for kind in cast("tuple[object, ...]", value) if isinstance(value, tuple) else (value,):
        if not _is_exception(kind):
            mend = "give a kind of Exception, several in a tuple, or a function that tells"
            raise DefinitionError(field.name, kind, mend)


def _function(_: object, field: attrs.Attribute[Any], value: object) -> None:
    if value is not None and not callable(value):
        raise DefinitionError(field.name, value, "give a function")


@attrs.frozen(kw_only=True, weakref_slot=False)
class Settings(TripsWhen):
    """Say when a circuit trips, for how long, and what it takes to close it again.

    When it trips is said as in `TripsWhen`.

    Attributes:
        open_for: how long to refuse calls before trying again: always the same, or `Exponential`.
        permitted_calls: how many trials a half-open circuit lets through.
        half_open_for: how long trials may take before the circuit opens again; None is for ever.
        decide_when: when trials decide.
        automatic_half_open: be half-open as soon as it was open for long enough, instead of at the
            next call: only what is shown differs.
        failures: which exceptions are failures; any other is a success.
        ignores: which exceptions count as nothing at all, even if `failures` names them. What is no
            `Exception` (KeyboardInterrupt, cancellation) is always ignored.
        failed_result: tells which results of decorated calls are failures.
        retry_after: asked with a failure that may trip the circuit, an exception or a result, for
            how long it says to stay away. If it does trip it, the circuit is open for so long; None
            leaves it to `open_for`. Failures that can't change the state aren't asked.

    Raises:
        DefinitionError: with the field, the value and the mend.
    """

    open_for: timedelta | Exponential = attrs.field(
        default=timedelta(seconds=60), validator=_period
    )
    permitted_calls: int = attrs.field(default=1, validator=whole)
    half_open_for: timedelta | None = attrs.field(default=None, validator=_optional(positive))
    decide_when: DecideWhen = attrs.field(
        default=DecideWhen.ALL, validator=validators.a(DecideWhen)
    )
    automatic_half_open: bool = attrs.field(default=False, validator=validators.a(bool))
    failures: Judged = attrs.field(default=Exception, validator=_judged)
    ignores: Judged = attrs.field(default=(), validator=_judged)
    failed_result: Callable[[Any], bool] | None = attrs.field(default=None, validator=_function)
    retry_after: Callable[[Any], timedelta | None] | None = attrs.field(
        default=None, validator=_function
    )

    trial_condition: Condition = attrs.field(init=False, eq=False, repr=False)

    def __attrs_post_init__(self) -> None:
        super().__attrs_post_init__()
        calls = 1 if self.decide_when is DecideWhen.FIRST else self.permitted_calls
        object.__setattr__(self, "trial_condition", self.condition.over(calls))

    def failed(self, error: BaseException) -> bool | None:
        """Tell whether an exception is a failure; None if it is ignored."""
        if not isinstance(error, Exception) or (self.ignores and _is_meant(self.ignores, error)):
            return None
        return self.failures is Exception or _is_meant(self.failures, error)


def _is_meant(judged: Judged, error: Exception) -> bool:
    if isinstance(judged, type | tuple):
        return isinstance(error, judged)
    return bool(judged(error))


def _is_exception(kind: object) -> bool:
    return isinstance(kind, type) and issubclass(kind, Exception)


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
