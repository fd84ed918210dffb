"""Rollback policies: how to recover from a halt."""

from __future__ import annotations

import attrs

from safedeploy.validators import ADDED, a


@attrs.frozen
class RollBack:
    """Return to the stable version: withdraw the change wherever it was applied."""


@attrs.frozen
class RollbackPolicy:
    """Say how a rollout recovers. Exposure is withdrawn by the halt itself, whatever stands here.

    Args:
        reversible: what to do where the change can be undone.
        ask: wait for a person's decision before recovering; exposure stays withdrawn meanwhile.
        halt_unapplied: halt where a target can't apply the change. Unless so, that calls a person,
            and halts when nobody has decided by the plan's `alert_deadline`.
    """

    reversible: RollBack = attrs.field(default=RollBack(), validator=a(RollBack))
    ask: bool = attrs.field(default=False, kw_only=True, validator=a(bool))
    halt_unapplied: bool = attrs.field(
        default=False, kw_only=True, validator=a(bool), metadata=ADDED
    )

    @classmethod
    def roll_back(cls, *, ask: bool = False, halt_unapplied: bool = False) -> RollbackPolicy:
        """Roll back at once, or when a person says so."""
        return cls(RollBack(), ask=ask, halt_unapplied=halt_unapplied)
