"""Refusals: what a release is refused for before anything is recorded."""

from __future__ import annotations

from typing import Any

from safedeploy.changes import Change, ChangeKind
from safedeploy.errors import ReleaseRefusedError
from safedeploy.flags import FeatureFlag
from safedeploy.gates import Approval, Check
from safedeploy.plans import Plan
from safedeploy.streams import looks_foreign


def refuse_misuse(definition: FeatureFlag[Any] | Change, plan: Plan, attempt: int) -> None:
    """Refuse what is no release at all.

    Raises:
        ReleaseRefusedError: no flag and no change, no plan, or no number of an attempt.
    """
    if not isinstance(definition, FeatureFlag | Change):
        raise ReleaseRefusedError("definition", definition, "give a FeatureFlag, or a Change")
    if not isinstance(plan, Plan):
        raise ReleaseRefusedError("plan", plan, "give a Plan")
    if isinstance(definition, FeatureFlag):
        _refuse_odd_flag(definition, plan)
    elif definition.kind is ChangeKind.FLAG:
        raise ReleaseRefusedError("definition", definition, "give the FeatureFlag itself")
    if isinstance(attempt, bool) or not isinstance(attempt, int) or attempt < 1:
        raise ReleaseRefusedError("attempt", attempt, "give a number of 1 or more")


def refuse_foreign(definition: FeatureFlag[Any]) -> None:
    """Refuse a flag that could be taken for something else.

    Raises:
        ReleaseRefusedError: its key is the subject of a change of another kind.
    """
    if looks_foreign(definition.key):
        mend = "choose a key that isn't the subject of a change of another kind"
        raise ReleaseRefusedError("definition", definition.key, mend)


def _refuse_odd_flag(definition: FeatureFlag[Any], plan: Plan) -> None:
    refuse_foreign(definition)
    if any(plan.place(number) for number in range(len(plan.rings))):
        mend = "leave the target out: the engine serves flags itself"
        raise ReleaseRefusedError("target", definition.key, mend)


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
