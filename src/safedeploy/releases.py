"""Releases: what somebody asks an engine to release, before it is a rollout."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import attrs

from safedeploy.changes import UNKNOWN, Change, Provenance
from safedeploy.events import Started
from safedeploy.flags import FeatureFlag
from safedeploy.gates import Check, Run
from safedeploy.people import Person
from safedeploy.plans import Plan
from safedeploy.refusals import refuse_closed, refuse_misuse
from safedeploy.rollouts import stream
from safedeploy.states import Rollout
from safedeploy.streams import key_of


@attrs.frozen
class Release:
    """Hold what is to be released, and how.

    Attributes:
        change: what.
        plan: how.
        attempt: the number of the attempt, from 1.
        flag: what a flag's change leads to; None for changes of other kinds.
        by: who tries again; None where it wasn't halted before.
        why: their reason.
    """

    change: Change
    plan: Plan
    attempt: int
    flag: FeatureFlag[Any] | None
    by: Person | None = None
    why: str = ""

    @classmethod
    def of(
        cls,
        definition: FeatureFlag[Any] | Change,
        plan: Plan,
        *,
        attempt: int,
        author: str | None,
        provenance: Provenance,
    ) -> Release:
        """Return the release of a flag's new definition, or of another change.

        Raises:
            ReleaseRefusedError: it is none, or a gate of its plan could never open.
        """
        refuse_misuse(definition, plan, attempt)
        if isinstance(definition, FeatureFlag):
            change, flag = definition.change(author=author, provenance=provenance), definition
        else:
            change, flag = _told(definition, author, provenance), None
        refuse_closed(plan, change.author)
        return cls(change, plan, attempt, flag)

    @classmethod
    def again(cls, rollout: Rollout, by: Person, why: str) -> Release:
        """Return the next attempt of a rollout."""
        return cls(rollout.change, rollout.plan, rollout.attempt + 1, rollout.definition, by, why)

    @property
    def key(self) -> str:
        """What one rollout at a time is in flight of."""
        return key_of(self.change)

    @property
    def name(self) -> str:
        """The id of its rollout."""
        return stream(self.change, self.plan, self.attempt)

    @property
    def checks(self) -> Mapping[str, Run]:
        """The functions of its plan's checks, by name."""
        checks = (gate for gate in self.plan.all_gates if isinstance(gate, Check))
        return {check.name: check.run for check in checks if check.run}

    def started(
        self, at: datetime, *, behind: tuple[str, ...] = (), beside: tuple[str, ...] = ()
    ) -> Started:
        """Return the event that its rollout begins with.

        Args:
            at: when.
            behind: the ids of the rollouts that must be over before.
            beside: those of the others of its conflict group.
        """
        return Started(
            at,
            self.change,
            self.plan,
            self.attempt,
            self.flag,
            self.by,
            self.why,
            behind,
            beside,
        )


def _told(change: Change, author: str | None, provenance: Provenance) -> Change:
    return attrs.evolve(
        change,
        author=change.author if author is None else author,
        provenance=change.provenance if provenance is UNKNOWN else provenance,
    )
