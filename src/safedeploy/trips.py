"""Trips: what breakers record: a plan's, with what it rests on, and those that people move."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime

import attrs

from safedeploy.verdicts import Scope, Verdict

BREAKER = ("breaker", "")
"""What stands for the breaker among the findings that a person has accepted."""


@attrs.frozen
class Calls:
    """Count the latest calls of an arm, those in its breaker's window.

    Attributes:
        calls: how many there were.
        failures: how many of them failed.
        slow: how many of them were slow.
    """

    calls: int = 0
    failures: int = 0
    slow: int = 0

    def __str__(self) -> str:
        return f"of {self.calls} calls {self.failures} failed, {self.slow} were slow"


@attrs.frozen
class Trip:
    """Hold what the breakers of one process saw when the canary's tripped.

    Attributes:
        scope: the exposure that was watched.
        verdict: HALT; or INVESTIGATE where the baseline was failing as well, and what both arms
            depend on is to be suspected.
        canary: the latest calls of those whom the change reached.
        baseline: those of whom it would affect, but hasn't reached.
    """

    scope: Scope
    verdict: Verdict
    canary: Calls
    baseline: Calls

    @property
    def reason(self) -> str:
        """What was counted, for people."""
        as_well = ", as well" if self.verdict is Verdict.INVESTIGATE else ""
        return (
            f"the breaker tripped in {self.scope.ring}: {self.canary};"
            f" of the baseline{as_well}: {self.baseline}"
        )

    def but_for(self, accepted: Collection[tuple[str, str]]) -> Verdict:
        """Return the verdict once a person has decided to go on: nobody is asked twice."""
        is_accepted = self.verdict is Verdict.INVESTIGATE and BREAKER in accepted
        return Verdict.PASS if is_accepted else self.verdict

    @property
    def asking(self) -> frozenset[tuple[str, str]]:
        """What a person is asked to decide."""
        return frozenset({BREAKER} if self.verdict is Verdict.INVESTIGATE else ())


@attrs.frozen
class Tripped:
    """The breaker that the plan keeps for the canary arm tripped, in one of the processes.

    Attributes:
        at: when.
        evidence: what it asks for, and what it rests on.
    """

    at: datetime
    evidence: Trip

    @property
    def reason(self) -> str:
        """Why, for people."""
        return self.evidence.reason


@attrs.frozen
class Moved:
    """A breaker of an engine's registry tripped, or somebody moved it. It is in its own stream.

    Attributes:
        at: when.
        breaker: its name; of one of a key, the same, for the key isn't kept.
        before: the state in which it was.
        after: the state in which it is since.
        cause: what moved it; see `circuits.Cause`.
        reason: why, for people.
        by: the opaque id of who did it; empty where it happened by itself.
        trips: how often breakers of that name have tripped since the last such record, with this
            time. Of a name that trips again and again, ever less is recorded.
    """

    at: datetime
    breaker: str
    before: str
    after: str
    cause: str
    reason: str
    by: str = ""
    trips: int = 0
