"""Conflicts: what else is in flight, or is there already, that keeps a release from beginning."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from safedeploy.changes import Change
from safedeploy.errors import ReleaseRefusedError
from safedeploy.exposures import Exposures
from safedeploy.flags import FeatureFlag
from safedeploy.flights import Flight
from safedeploy.plans import OnNewVersion, Plan
from safedeploy.releases import Release
from safedeploy.rosters import Roster
from safedeploy.streams import key_of


def queue(
    asked: Release, roster: Roster, exposures: Exposures
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return whom a release waits for: those that must be over, and those of its conflict group.

    All of them were there before it, so nobody waits in a circle, and each for its turn.

    Args:
        asked: what is to be released.
        roster: the rollouts, in step with the journal.
        exposures: asked what is served.

    Raises:
        ReleaseRefusedError: as in `in_flight`, or everybody has the definition.
    """
    flag, plan = asked.flag, asked.plan
    behind = in_flight(flag or asked.change, plan.on_new_version, roster, exposures)
    if flag is not None and flag == exposures.settled(flag.key):
        mend = "everybody has this definition: release another one, or nothing"
        raise ReleaseRefusedError("definition", flag.version, mend)
    beside = [flight for flight in roster.busy() if _is_beside(plan, asked.key, flight)]
    if not behind and len(beside) < plan.most_in_flight:
        beside = []
    return tuple(it.rollout.id for it in behind), tuple(it.rollout.id for it in beside)


def in_flight(
    definition: FeatureFlag[Any] | Change,
    on_new_version: OnNewVersion,
    roster: Roster,
    exposures: Exposures,
) -> list[Flight]:
    """Return the flights of a flag, or of another subject, that aren't over, oldest first.

    Args:
        definition: what is to become of a flag; or a change that isn't a flag's.
        on_new_version: what is to happen while there are any.
        roster: the rollouts, in step with the journal.
        exposures: asked what is served.

    Raises:
        ReleaseRefusedError: there are some and nothing was said for that, or one of a flag that it
            requires or that requires it; or what is in flight can't be read.
    """
    key = key_of(definition) if isinstance(definition, Change) else definition.key
    if unread := roster.unread.get(key):
        mend = f"{unread} can't be read: upgrade this process, or give its journal the kinds"
        raise ReleaseRefusedError("subject", key, mend)
    behind = [flight for flight in roster.of(key) if flight.is_busy]
    for flight in behind:
        flight.try_to_save()  # its end comes before the next one's begin, for everybody
    behind = [flight for flight in behind if flight.is_busy]
    _refuse_another(definition, on_new_version, behind)
    if isinstance(definition, FeatureFlag):
        _refuse_prerequisites(definition, roster, exposures)
    return behind


def _is_beside(plan: Plan, key: str, flight: Flight) -> bool:
    other, group = flight.rollout, plan.conflict_group
    return group is not None and group == other.plan.conflict_group and key != key_of(other.change)


def _refuse_another(
    definition: FeatureFlag[Any] | Change, on_new_version: OnNewVersion, behind: Sequence[Flight]
) -> None:
    for flight in behind[-1:] if on_new_version is OnNewVersion.REFUSE else ():
        mend = f"wait until {flight.rollout.id} is over, or abort it; or say on_new_version"
        raise ReleaseRefusedError("subject", flight.rollout.change.subject, mend)
    for flight in behind if on_new_version is OnNewVersion.QUEUE else ():
        if _leads_to(flight, definition):
            mend = f"{flight.rollout.id} is on its way to it: wait, or supersede it"
            raise ReleaseRefusedError("definition", definition.version, mend)


def _leads_to(flight: Flight, definition: FeatureFlag[Any] | Change) -> bool:
    if isinstance(definition, Change):
        return flight.rollout.change.version == definition.version
    return flight.rollout.definition == definition


def _refuse_prerequisites(
    definition: FeatureFlag[Any], roster: Roster, exposures: Exposures
) -> None:
    required = exposures.requires(definition)
    if definition.key in required:
        mend = "let no prerequisite lead back to the flag"
        raise ReleaseRefusedError("prerequisites", definition.key, mend)
    for flight in roster.busy():
        changed, changing = key_of(flight.rollout.change), flight.rollout.definition
        depends = changing and definition.key in exposures.requires(changing)
        if changed in required or depends:
            # What one of them does would be blamed on the other.
            which = "requires it" if depends else "is required by it"
            mend = f"{changed!r} {which}: wait until {flight.rollout.id} is over, or abort it"
            raise ReleaseRefusedError("prerequisites", definition.key, mend)
