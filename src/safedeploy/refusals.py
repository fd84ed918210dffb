"""Refusals: what a release is refused for before anything is recorded."""

from __future__ import annotations

from typing import Any

from safedeploy.errors import ReleaseRefusedError
from safedeploy.flags import FeatureFlag
from safedeploy.gates import Approval, Check
from safedeploy.plans import Plan


def refuse_misuse(definition: FeatureFlag[Any], plan: Plan, attempt: int) -> None:
    """Refuse what is no release at all.

    Raises:
        ReleaseRefusedError: no flag, no plan, or no number of an attempt.
    """
    for field, value, kind in (("definition", definition, FeatureFlag), ("plan", plan, Plan)):
        if not isinstance(value, kind):
            raise ReleaseRefusedError(field, value, f"give a {kind.__name__}")
    if isinstance(attempt, bool) or not isinstance(attempt, int) or attempt < 1:
        raise ReleaseRefusedError("attempt", attempt, "give a number of 1 or more")


def refuse_closed(plan: Plan, author: str | None) -> None:
    """Refuse a plan with a gate that could never open.

    Raises:
        ReleaseRefusedError: nobody could answer a check, or too few people could approve.
    """
    for gate in plan.all_gates:
        if isinstance(gate, Check) and gate.run is None:
            mend = "give it a function: Check(..., run=...)"
            raise ReleaseRefusedError("check", gate.name, mend)
        if isinstance(gate, Approval) and author is None:
            mend = "name the author, who may not approve: release(..., author=...)"
            raise ReleaseRefusedError("author", author, mend)
        if isinstance(gate, Approval) and gate.people and len(gate.people - {author}) < gate.quorum:
            mend = f"let more people approve: the author is one of {len(gate.people)}"
            raise ReleaseRefusedError("quorum", gate.quorum, mend)
