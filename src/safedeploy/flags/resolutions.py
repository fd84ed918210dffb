"""Resolutions: what a caller gets from a flag, and why."""

from __future__ import annotations

import enum
from typing import Generic, TypeVar

import attrs

from safedeploy.audiences.forms import Asked, lacking
from safedeploy.contexts import Context

T = TypeVar("T")


class Reason(enum.Enum):
    """Say why a caller got a value. The names are OpenFeature's, but for OVERRIDE."""

    STATIC = "no rule decides: everybody gets it"
    TARGETING_MATCH = "a rule matched"
    SPLIT = "a percentage or a split decided"
    DEFAULT = "no rule matched"
    DISABLED = "the flag is off"
    OVERRIDE = "an operator or a test said so"
    STALE = "the last known good was served"
    ERROR = "something went wrong"


@attrs.frozen
class Resolution(Generic[T]):
    """Hold the answer of a flag, explained.

    Attributes:
        flag: the flag's key.
        value: what the caller gets.
        variant: the name of that value.
        reason: why.
        version: the version of the definition that decided.
        rule: the number of the rule that matched, from 1; None where none did.
        ring: the name of the ring that has reached the context; None where none has.
        rollout: the id of the rollout that had a say; None where none had.
        detail: what else there is to say, for people.
        asked: the attributes that were asked for.
    """

    flag: str
    value: T
    variant: str
    reason: Reason
    version: str
    rule: int | None = None
    ring: str | None = None
    rollout: str | None = None
    detail: str = ""
    asked: tuple[Asked, ...] = attrs.field(default=(), eq=False, repr=False)

    def adding(self, detail: str) -> Resolution[T]:
        """Return it with something else to say."""
        # Written out: `attrs.evolve` takes thrice as long, and attributes are often missing.
        return Resolution(
            self.flag,
            self.value,
            self.variant,
            self.reason,
            self.version,
            self.rule,
            self.ring,
            self.rollout,
            f"{self.detail}; {detail}" if self.detail else detail,
            self.asked,
        )

    def explain(self) -> str:
        """Return the answer in words, and nothing of whom it is for.

        `FeatureFlag.explain` and `Engine.explain` show the whole path, with attributes.
        """
        why = self.reason.value if self.rule is None else f"rule {self.rule} matched"
        parts = [f"{self.flag} is {self.variant!r}: {why}", self.detail]
        if self.rollout is not None:
            reached = f"reached by ring {self.ring!r}" if self.ring else "not reached yet"
            parts.append(f"{reached} of {self.rollout}")
        return "; ".join(part for part in (*parts, f"version {self.version}") if part)


def noted(resolution: Resolution[T], context: Context) -> Resolution[T]:
    """Return the resolution, saying what of the context couldn't be used, and what wasn't there."""
    if not context.absent:
        said = lacking(context, resolution.asked)
    else:
        asked = (it for it in resolution.asked if f"attribute {it[0]!r}" not in context.absent)
        said = [f"absent: {', '.join(context.absent)}", *lacking(context, asked)]
    return resolution.adding("; ".join(said)) if said else resolution
