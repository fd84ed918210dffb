"""Proofs: which evidence, and whose word for it, counts for the present exposure."""

from __future__ import annotations

from safedeploy import events
from safedeploy.events import Event
from safedeploy.people import Person
from safedeploy.states import Rollout
from safedeploy.trips import Trip
from safedeploy.verdicts import Evidence, Verdict

FRESH = 2
"""Evidence is used up to this many assessment intervals after it was observed."""


def is_of_attempt(rollout: Rollout, evidence: Evidence | Trip) -> bool:
    """Tell whether evidence is about this attempt of this change, in whichever ring."""
    scope = rollout.scope
    return (evidence.scope.change, evidence.scope.attempt) == (scope.change, scope.attempt)


def is_of_exposure(rollout: Rollout, event: events.Assessed) -> bool:
    """Tell whether an assessment is about the present exposure, and fresh."""
    evidence, plan = event.evidence, rollout.plan
    return (
        rollout.reached >= 0
        and evidence.scope == rollout.scope
        and event.health.block >= rollout.health.block
        and evidence.since >= rollout.exposed_at
        and evidence.since <= evidence.until <= event.at
        and event.at - evidence.until <= FRESH * plan.assess_every
    )


def looked_at(rollout: Rollout, cause: Event) -> frozenset[tuple[str, str]]:
    """Return of which findings of this exposure somebody was asked to decide: component, signal."""
    evidence: Evidence | Trip | None = getattr(cause, "evidence", None)
    return evidence.asking if evidence and evidence.scope == rollout.scope else frozenset()


def why_not(rollout: Rollout, by: Person) -> str:
    """Return why a person may not promote a rollout, and what to do instead; "" if they may."""
    roles = rollout.plan.promoters
    if by.id == rollout.change.author:
        return "nobody promotes their own change: let somebody else"
    if roles and not roles & by.roles:
        return f"let somebody promote who is one of {sorted(roles)}"
    return ""


def counts(rollout: Rollout, event: events.Promoted) -> bool:
    """Tell whether a promotion is of the present exposure, by somebody who may, with a ground."""
    is_ours = event.scope == rollout.scope and event.at >= rollout.exposed_at
    return is_ours and not why_not(rollout, event.by) and is_grounded(rollout, event)


def is_grounded(rollout: Rollout, event: events.Promoted) -> bool:
    """Tell whether a promotion has a written reason, or a fresh PASS of the present exposure."""
    evidence = rollout.evidence
    if event.is_explained:
        return True
    if evidence is None or evidence.but_for(rollout.accepted) is not Verdict.PASS:
        return False
    return event.at - evidence.until <= FRESH * rollout.plan.assess_every
