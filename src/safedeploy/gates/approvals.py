"""Approvals: gates that people open."""

from __future__ import annotations

from datetime import timedelta

import attrs

from safedeploy.changes import Change
from safedeploy.errors import DefinitionError
from safedeploy.gates.algebra import Gate, a_quorum, lasting
from safedeploy.gates.showings import Shown
from safedeploy.people import Person, named, names
from safedeploy.validators import text


@attrs.frozen(repr=False)
class Approval(Gate):
    """Name a gate that opens when enough people of a role have approved.

    An approval is of one change along one plan, and counts in one attempt, before or after one
    ring. Nobody approves their own change.

    Args:
        role: who may approve; the gate's name as well.
        quorum: how many of them must, each of them another one.
        expires: how long an approval counts.
        people: the ids of those who have the role, where the plan knows them; no others count.

    Raises:
        DefinitionError: the role is empty, the quorum is below 1 or larger than those who may
            approve, or the time isn't above zero.
    """

    role: str = attrs.field(validator=text)
    quorum: int = attrs.field(default=1, kw_only=True, validator=a_quorum)
    expires: timedelta = attrs.field(default=timedelta(days=7), kw_only=True, validator=lasting)
    people: frozenset[str] = attrs.field(
        default=frozenset(), kw_only=True, converter=names, validator=named
    )

    def __attrs_post_init__(self) -> None:
        if self.people and self.quorum > len(self.people):
            mend = f"give {len(self.people)} at most: no more people may approve"
            raise DefinitionError("quorum", self.quorum, mend)

    @property
    def name(self) -> str:
        """What the gate is called: the role."""
        return self.role

    def opens(self, shown: Shown) -> bool:
        """Tell whether enough people have approved, and that counts still."""
        return len(shown.approvers(self.name)) >= self.quorum

    def missing(self, shown: Shown) -> str:
        """Return how many approvals are missing."""
        more = self.quorum - len(shown.approvers(self.name))
        noun = "approval" if more == 1 else "approvals"
        return f"{more} more {noun} of {self.role} ({self.quorum} needed)"

    def why_not(self, person: Person, change: Change) -> str:
        """Return why a person's approval wouldn't count, as a mend; empty where it would."""
        if person.id == change.author:
            return "let somebody else approve: nobody approves their own change"
        if self.role not in person.roles:
            return f"let somebody approve who has the role {self.role!r}"
        if self.people and person.id not in self.people:
            return "let somebody approve whom the plan names"
        return ""
