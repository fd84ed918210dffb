"""Decisions: what people tell an engine: alerts, approvals, the kill switch, overrides."""

from __future__ import annotations

import abc
from collections.abc import Callable
from datetime import datetime, timedelta
from os import PathLike
from typing import TYPE_CHECKING, Any, TypeVar

from safedeploy.audiences import Audience
from safedeploy.changes import UNKNOWN, Provenance
from safedeploy.clocks import POLL
from safedeploy.errors import DefinitionError
from safedeploy.flags import FeatureFlag
from safedeploy.people import Person, person, who

if TYPE_CHECKING:  # whoever only asks flags doesn't wait for it
    from safedeploy.fleets import Fleet
    from safedeploy.moves import Flags, Reloaded
    from safedeploy.overrides import Override
    from safedeploy.plans import Plan
    from safedeploy.sources import Source
    from safedeploy.states import Rollout

T = TypeVar("T")


class Decisions(abc.ABC):
    """Listen to people. Every engine does; an engine is what has these methods."""

    @abc.abstractmethod
    def _fleet(self) -> Fleet: ...

    def alert(self, rollout: Rollout | str, *, by_user: bool, reason: str) -> Rollout:
        """Raise an alert. Once this returns, a user's has halted the rollout here.

        Args:
            rollout: which.
            by_user: True halts at once. False, an alert about health, stops the clock until a
                person closes it with `resume` or `abort`; unclosed at its deadline, it halts.
            reason: what is wrong, for people; it goes into the journal, so nothing personal.

        Raises:
            RolloutStateError: the rollout has completed; `kill` the flag, or release the mend.
        """
        return self._fleet().alert(rollout, by_user=by_user, reason=reason)

    def acknowledge(self, rollout: Rollout | str, *, by: Person | str, reason: str = "") -> Rollout:
        """Say that somebody looks after an alert, so that nobody else is called.

        The rollout stays paused, and halts at its deadline all the same: `resume` or `abort` it.

        Args:
            rollout: which.
            by: who.
            reason: what is known by then; it goes into the journal, so nothing personal.

        Raises:
            RolloutStateError: the rollout isn't paused.
        """
        return self._fleet().acknowledge(rollout, by=who(by), reason=reason)

    def resume(self, rollout: Rollout | str, *, by: Person | str, reason: str) -> Rollout:
        """Close an alert with the decision to go on; the ring's bake begins again.

        Findings for which a person was called are accepted with that: they don't stop the clock
        again in this ring, while they are no worse than INVESTIGATE.

        Raises:
            RolloutStateError: the rollout isn't paused.
        """
        return self._fleet().resume(rollout, by=who(by), reason=reason)

    def abort(self, rollout: Rollout | str, *, by: Person | str, reason: str) -> Rollout:
        """Halt a rollout. Once this returns, nobody is exposed here any more.

        Raises:
            RolloutStateError: the rollout has completed.
        """
        return self._fleet().abort(rollout, by=who(by), reason=reason)

    def promote(self, rollout: Rollout | str, *, by: Person | str, reason: str = "") -> Rollout:
        """Leave the ring that bakes now, at the next tick, whatever is left of its bake.

        It shortens the bake, and nothing else: gates and windows hold, and harm that shows by then
        halts. Without a reason, the ring is left with a PASS only.

        Args:
            rollout: which.
            by: who; never the author, and one of the plan's `promoters` where it names any.
            reason: what the decision rests on; it goes into the journal, so nothing personal.

        Raises:
            RolloutStateError: no ring of it bakes now.
            PromotionRefusedError: this person may not, or has neither a fresh PASS nor a reason.
        """
        return self._fleet().promote(rollout, by=person(by), reason=reason)

    def retry(self, rollout: Rollout | str, *, by: Person | str, reason: str) -> Rollout:
        """Try again what was rolled back, from the first ring: the next attempt, along its plan.

        Asked again, it is the same attempt.

        Args:
            rollout: the attempt that was rolled back.
            by: who decides.
            reason: what has changed since, for people; it goes into the journal, so nothing
                personal.

        Raises:
            RolloutStateError: it isn't over, or has completed.
            ReleaseRefusedError: another rollout of its subject is in flight, say, or this engine
                lacks a target of its plan.
        """
        return self._fleet().retry(rollout, by=person(by), reason=reason)

    def recover(self, rollout: Rollout | str, *, by: Person | str, reason: str) -> Rollout:
        """Begin the recovery of a halted rollout whose policy asks a person.

        Raises:
            RolloutStateError: the rollout hasn't halted.
        """
        return self._fleet().recover(rollout, by=who(by), reason=reason)

    def approve(
        self, rollout: Rollout | str, gate: str | None = None, *, by: Person, reason: str = ""
    ) -> Rollout:
        """Approve that a ring begins, or is left: the change, along the plan that the rollout has.

        Args:
            rollout: which.
            gate: the role that the plan asks for; unless given, every one that the person has.
            by: who. The host has verified the id and the roles.
            reason: what the decision rests on; it goes into the journal, so nothing personal.

        Raises:
            ApprovalRefusedError: nobody asks for it now, the person is the author, or lacks the
                role.
        """
        return self._fleet().approve(rollout, gate, by=by, reason=reason)

    def revoke(
        self, rollout: Rollout | str, gate: str | None = None, *, by: Person, reason: str = ""
    ) -> Rollout:
        """Take a person's approval back, while it is still asked for: `abort` what has begun.

        Raises:
            ApprovalRefusedError: nobody asks for it now, or the person couldn't have given it.
        """
        return self._fleet().revoke(rollout, gate, by=by, reason=reason)

    def reload(
        self,
        definitions: Flags,
        *,
        plan: Plan | None = None,
        unguarded: str | None = None,
        by: str | None = None,
        provenance: Provenance = UNKNOWN,
    ) -> Reloaded:
        """Bring definitions to people, each that differs as a change, and return what was done.

        Every worker may ask, as often as it likes: what everybody has, and what is in flight, stays
        so. The first definitions that a journal is given are the stable ones; a flag that comes
        later is off until its release reaches people. No reload turns a killed flag on, or tries
        again what was halted.

        Args:
            definitions: flags, or what has them as `flags`; other flags stay as they are.
            plan: how each change gets to people: as `release` does it.
            unguarded: why they get all of them at once instead; it goes into the journal.
            by: an opaque id of whoever made the changes; needed with `unguarded`.
            provenance: where the definitions come from, for checks to read.

        Raises:
            DefinitionError: no flags, both a plan and a reason or neither, or nobody who gives it.
            JournalUnavailableError: it couldn't be saved; asked again, it goes on where it was.
        """
        from safedeploy.reloads import How

        how = How(plan=plan, unguarded=unguarded, by=by, provenance=provenance)
        return self._fleet().keeper.reload(definitions, how)

    def follow(
        self,
        read: Callable[..., Flags],
        path: str | PathLike[str] | None = None,
        *,
        plan: Plan | None = None,
        unguarded: str | None = None,
        by: str | None = None,
        provenance: Provenance = UNKNOWN,
        every: timedelta = POLL,
    ) -> Source:
        """Reload definitions from a source now, and in ticks whenever they have changed.

        A source that can't be used changes nothing: the last known good is served, evaluations say
        that it is STALE, and a warning is logged once. It recovers by itself.

        Args:
            read: returns the definitions. It is called with the path, and only when that file has
                changed; without a path, with nothing, and whenever the source is looked at.
            path: the file that it reads.
            plan: as in `reload`.
            unguarded: as in `reload`.
            by: as in `reload`.
            provenance: as in `reload`.
            every: how long to wait before looking again, at least.

        Raises:
            DefinitionError: as in `reload`.
            Exception: whatever reading it raises now, unless the journal knows definitions.
        """
        from safedeploy.reloads import How
        from safedeploy.sources import Origin

        how = How(plan=plan, unguarded=unguarded, by=by, provenance=provenance)
        return self._fleet().keeper.follow(Origin.of(read, path), how, every)

    def sources(self) -> tuple[Source, ...]:
        """Return the sources that are followed, each with what is wrong with it."""
        return self._fleet().keeper.sources

    def kill(self, flag: FeatureFlag[Any], *, by: Person | str, reason: str) -> None:
        """Serve the flag's off variant to everybody, at once, and halt what is changing it.

        A killed flag stays off until a release of it completes.
        """
        self._fleet().kill(flag, by=who(by), reason=reason)

    def override(
        self,
        flag: FeatureFlag[T],
        value: str | T,
        *,
        audience: Audience,
        until: datetime,
        by: Person | str,
        reason: str,
    ) -> Override:
        """Serve a value to an audience for a while, whatever rings and rules say.

        Other processes on the journal follow within a second. Whoever gets it counts in no arm of
        a release. A kill beats it; and a halt, unless it is given after that, to debug.

        Args:
            flag: a definition that has the value.
            value: a variant's name or its value, as `FeatureFlag.serve` takes it.
            audience: who gets it.
            until: when that ends, with a time zone; 90 days from now at most.
            by: whoever decides: a `Person`, or their opaque id.
            reason: why, for people; it goes into the journal, so nothing personal.

        Raises:
            DefinitionError: no flag, no such value, no audience, or no moment within 90 days.
            OverrideRefusedError: the flag is killed, or 100 overrides of it stand.
            JournalUnavailableError: it couldn't be saved; nothing has changed.
        """
        from safedeploy.overrides import Override

        if not isinstance(flag, FeatureFlag):
            raise DefinitionError("flag", flag, "give a FeatureFlag")
        variant = flag.named(value)
        served = flag.variants[variant]
        draft = Override(
            "", flag.key, variant, served, flag.version, audience, until, who(by), reason
        )
        return self._fleet().override(draft)

    def lift(self, override: Override | str, *, by: Person | str, reason: str) -> None:
        """Take an override back before its end.

        Raises:
            OverrideRefusedError: it doesn't stand, or doesn't any more.
        """
        self._fleet().lift(override, by=who(by), reason=reason)

    def overrides(self) -> tuple[Override, ...]:
        """Return the overrides that stand."""
        return self._fleet().overrides()
