"""Reloads: a set of definitions becomes changes, each under a plan or with a written reason."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from datetime import timedelta
from typing import Any, TypeAlias

import attrs

from safedeploy.changes import Provenance
from safedeploy.clocks import Clock
from safedeploy.conflicts import in_flight
from safedeploy.errors import DefinitionError, JournalConflictError, ReleaseRefusedError
from safedeploy.events import Defined
from safedeploy.exposures import Exposures
from safedeploy.flags import FeatureFlag
from safedeploy.flags.likenesses import serve_alike
from safedeploy.journals import Entry, Journal
from safedeploy.journals.port import RACES
from safedeploy.moves import Fate, Move, Reloaded
from safedeploy.plans import OnNewVersion, Plan
from safedeploy.refusals import refuse_foreign
from safedeploy.rollouts import stream
from safedeploy.rosters import Roster
from safedeploy.states import Rollout
from safedeploy.streams import DEFINITIONS, by_flag

Release: TypeAlias = Callable[..., Rollout]
"""`Fleet.release`."""

FIRST = "the first definitions of this journal"
FOUND = "as the code has it"
ALIKE = "everybody gets the same by it"
OFF = "new, and off for everybody"

_MOMENT = timedelta(microseconds=1)


@attrs.frozen(kw_only=True)
class How:
    """Say how a reload is to be done.

    Args:
        plan: of the changes; None where they are to be taken at once.
        unguarded: why they are, then.
        by: an opaque id of whoever says so.
        provenance: where the definitions come from.

    Raises:
        DefinitionError: both a plan and a reason, or neither; or nobody who gives the reason.
    """

    plan: Plan | None
    unguarded: str | None
    by: str | None
    provenance: Provenance

    def __attrs_post_init__(self) -> None:
        if self.unguarded is None and isinstance(self.plan, Plan):
            return
        if self.unguarded is None or self.plan is not None:
            mend = "give a Plan, or unguarded='why there is none', and not both"
            raise DefinitionError("plan", self.plan, mend)
        for field, said in (("unguarded", self.unguarded), ("by", self.by)):
            if not isinstance(said, str) or not said.strip():
                raise DefinitionError(field, said, "give a text that isn't empty")


@attrs.frozen
class _Step:
    """Say what is to be done with a definition: defined for a reason, released, or neither."""

    fate: Fate
    why: str = ""
    rollout: str | None = None
    defined: str = attrs.field(default="", kw_only=True)
    attempt: int = attrs.field(default=0, kw_only=True)


class Reloads:
    """Compare definitions with what is served, and bring what differs to people.

    Its engine's lock is held around every method.

    Args:
        clock: the time.
        journal: where definitions are recorded.
        exposures: asked what is served.
        roster: the rollouts, in step with the journal.
        release: begins a rollout, or returns the one that the same release began.
    """

    def __init__(
        self,
        *,
        clock: Clock,
        journal: Journal,
        exposures: Exposures,
        roster: Roster,
        release: Release,
    ) -> None:
        self._clock = clock
        self._journal = journal
        self._exposures = exposures
        self._roster = roster
        self._catalog = roster.catalog
        self._release = release

    def reload(self, flags: Mapping[str, FeatureFlag[Any]], how: How) -> Reloaded:
        """Define what needs no release, release the rest, and say what was done with each."""
        for _ in range(RACES):
            self._roster.catch_up()
            streams = by_flag(self._journal.streams())
            steps = {
                key: self._step(flag, how, streams.get(key, ())) for key, flag in flags.items()
            }
            with suppress(JournalConflictError):
                self._define(flags, steps, how)
                self._exposures.load(flags.values())
                return Reloaded({key: self._go(flags[key], it, how) for key, it in steps.items()})
        mend = "somebody else was faster, always: ask again"
        raise ReleaseRefusedError("definitions", len(flags), mend)

    def known(self) -> Mapping[str, FeatureFlag[Any]]:
        """Return the definitions of the flags that were defined here once, as they are now."""
        kept = self._catalog.flags
        return {key: self._exposures.settled(key) or flag for key, flag in kept.items()}

    # Deciding

    def _step(self, flag: FeatureFlag[Any], how: How, streams: Sequence[str]) -> _Step:
        flights = [it.rollout for it in self._roster.of(flag.key) if it.rollout.in_flight]
        busy = flights[-1] if flights else None
        if busy and busy.change.version == flag.version and not busy.is_withdrawn:
            is_same = how.plan is not None and how.plan.digest == busy.plan.digest
            attempt = busy.attempt if is_same else 0  # asked again, for this process's checks
            return _Step(Fate.RELEASED, busy.state.label, busy.id, attempt=attempt)
        try:
            refuse_foreign(flag)
            self._refuse_dead(flag)
            stable = self._exposures.settled(flag.key) or self._exposures.known(flag.key)
            if stable and stable.version == flag.version:
                return self._stay(flag, busy)
            attempt = self._attempt(flag, how, streams)
            then = how.plan.on_new_version if how.plan else OnNewVersion.REFUSE
            if in_flight(flag, then, self._roster, self._exposures):
                return _Step(Fate.RELEASED, attempt=attempt)
            return self._change(flag, stable, how, attempt)
        except ReleaseRefusedError as error:
            return _Step(Fate.REFUSED, error.mend)

    def _refuse_dead(self, flag: FeatureFlag[Any]) -> None:
        if not self._catalog.is_readable:
            mend = "what was defined can't be read: upgrade this process, or give it the kinds"
            raise ReleaseRefusedError("definitions", flag.key, mend)
        if self._exposures.is_killed(flag.key):
            mend = "it is killed: no reload turns it on again, but a release does"
            raise ReleaseRefusedError("flag", flag.key, mend)

    def _stay(self, flag: FeatureFlag[Any], busy: Rollout | None) -> _Step:
        why = f"{busy.id} is in flight: abort it to keep this one" if busy else ""
        is_settled = self._exposures.settled(flag.key) is not None
        return _Step(Fate.UNCHANGED, why, defined="" if is_settled else FOUND)

    def _attempt(self, flag: FeatureFlag[Any], how: How, streams: Sequence[str]) -> int:
        """Return the number of the attempt to make, unless the last one was halted."""
        change = flag.change()
        tries = [name for name in streams if name.startswith(f"{change}/")]
        last = self._roster.read(tries[-1]) if tries else None
        if tries and (last is None or last.rollout.is_withdrawn):
            mend = f"{tries[-1]} was halted: edit the definition, or release it as attempt={{}}"
            raise ReleaseRefusedError("definition", flag.version, mend.format(len(tries) + 1))
        begun = stream(change, how.plan, 1).removesuffix("1") if how.plan else "-"
        return 1 + sum(name.startswith(begun) for name in tries)

    def _change(
        self, flag: FeatureFlag[Any], stable: FeatureFlag[Any] | None, how: How, attempt: int
    ) -> _Step:
        if how.unguarded is not None:
            return _Step(Fate.TAKEN, how.unguarded, defined=how.unguarded)
        if stable is None and not self._catalog.version:
            return _Step(Fate.TAKEN, FIRST, defined=FIRST)
        if not serve_alike(stable or flag.disable(), flag):
            return _Step(Fate.RELEASED, attempt=attempt)
        if stable is None:
            return _Step(Fate.UNCHANGED, OFF)
        return _Step(Fate.TAKEN, ALIKE, defined=ALIKE)

    # Doing

    def _define(
        self, flags: Mapping[str, FeatureFlag[Any]], steps: Mapping[str, _Step], how: How
    ) -> None:
        """Append what is defined, all or none."""
        reasons: dict[str, list[FeatureFlag[Any]]] = {}
        for key, step in steps.items():
            if step.defined:
                reasons.setdefault(step.defined, []).append(flags[key])
        if not reasons:
            return
        now = self._clock.now()
        # Later than what it replaces, whatever the clock says.
        settled = (self._exposures.after(key, now) for key, step in steps.items() if step.defined)
        at, by, where = max(self._catalog.at, *settled) + _MOMENT, how.by or "", how.provenance
        defined = [Defined(at, tuple(them), by, reason, where) for reason, them in reasons.items()]
        known, position = self._catalog.version, self._roster.position
        self._journal.append(DEFINITIONS, defined, expected=known, seen=position)
        for number, event in enumerate(defined, start=1):
            self._roster.follow(Entry(position + number, DEFINITIONS, known + number, event))

    def _go(self, flag: FeatureFlag[Any], step: _Step, how: How) -> Move:
        if not step.attempt:
            return Move(step.fate, step.why, step.rollout)
        try:
            rollout = self._release(
                flag, how.plan, attempt=step.attempt, author=how.by, provenance=how.provenance
            )
        except ReleaseRefusedError as error:
            return Move(Fate.REFUSED, error.mend)
        return Move(Fate.RELEASED, rollout.state.label, rollout.id)
