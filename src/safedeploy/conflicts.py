"""Conflicts: what else is in flight, or is there already, that keeps a release from beginning."""

from __future__ import annotations

from typing import Any

from safedeploy.errors import ReleaseRefusedError
from safedeploy.exposures import Exposures
from safedeploy.flags import FeatureFlag
from safedeploy.rosters import Roster


def refuse_conflict(definition: FeatureFlag[Any], roster: Roster, exposures: Exposures) -> None:
    """Refuse a release that couldn't be told apart from another one, or that changes nothing.

    Args:
        definition: what is to be released.
        roster: the rollouts, in step with the journal.
        exposures: asked what is served.

    Raises:
        ReleaseRefusedError: a rollout of the flag is in flight, or of one that it requires or that
            requires it; or everybody has the definition.
    """
    flight = roster.present(definition.key)
    if unread := roster.unread.get(definition.key):
        mend = f"{unread} can't be read: upgrade this process, or give its journal the kinds"
        raise ReleaseRefusedError("subject", definition.key, mend)
    if flight:
        flight.try_to_save()  # its end comes before the next one's begin, for everybody
    if flight and flight.is_busy:
        mend = f"wait until {flight.rollout.id} is over, or abort it"
        raise ReleaseRefusedError("subject", flight.rollout.change.subject, mend)
    _refuse_prerequisites(definition, roster, exposures)
    if definition == exposures.settled(definition.key):
        mend = "everybody has this definition: release another one, or nothing"
        raise ReleaseRefusedError("definition", definition.version, mend)


def _refuse_prerequisites(
    definition: FeatureFlag[Any], roster: Roster, exposures: Exposures
) -> None:
    required = exposures.requires(definition)
    if definition.key in required:
        mend = "let no prerequisite lead back to the flag"
        raise ReleaseRefusedError("prerequisites", definition.key, mend)
    for flight in roster.busy():
        changed, changing = flight.rollout.change.name, flight.rollout.definition
        depends = changing and definition.key in exposures.requires(changing)
        if changed in required or depends:
            # What one of them does would be blamed on the other.
            which = "requires it" if depends else "is required by it"
            mend = f"{changed!r} {which}: wait until {flight.rollout.id} is over, or abort it"
            raise ReleaseRefusedError("prerequisites", definition.key, mend)
