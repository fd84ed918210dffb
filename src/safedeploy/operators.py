"""Operators: what people do to a flag beside its rollouts, and can take back: overrides."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from datetime import datetime

import attrs

from safedeploy.clocks import Clock
from safedeploy.errors import JournalConflictError, OverrideRefusedError
from safedeploy.events import Event, Lifted, Overridden
from safedeploy.exposures import Exposures
from safedeploy.journals import Entry, Journal
from safedeploy.journals.port import RACES
from safedeploy.overrides import MOST, Override, refuse_end
from safedeploy.rosters import Roster
from safedeploy.streams import KILLS
from safedeploy.telemetry import Troubles


class Operators:
    """Record what operators decide, on all that is in the journal by then, and serve it.

    Its engine's lock is held around every method.

    Args:
        clock: the time.
        journal: where the flags' streams are.
        exposures: asked what is killed.
        roster: in step with the journal.
    """

    def __init__(
        self, *, clock: Clock, journal: Journal, exposures: Exposures, roster: Roster
    ) -> None:
        self._clock = clock
        self._journal = journal
        self._exposures = exposures
        self._roster = roster
        self._troubles = Troubles()

    def override(self, draft: Override) -> Override:
        """Record an override, and return it with its id, and its place after the last halt."""

        def given(number: int, at: datetime) -> Overridden:
            self._refuse(draft.flag)
            halted = self._roster.standings.halted(draft.flag)
            name = f"{draft.flag}#{number}"
            return Overridden(at, attrs.evolve(draft, id=name, despite=halted))

        refuse_end(draft.until, self._clock.now())
        return self._decide(draft.flag, given).override

    def lift(self, override: Override | str, *, by: str, reason: str) -> None:
        """Take an override back, and record that when possible."""
        name = override.id if isinstance(override, Override) else str(override)
        flag = name.rpartition("#")[0]
        if name not in self._standing(flag):
            self._roster.catch_up()
        if name not in (standing := self._standing(flag)):
            raise OverrideRefusedError("override", name, f"choose one of {standing}")
        self._lift(flag, name, by, reason)

    def halt(self, flag: str, rollout: str, reason: str) -> None:
        """Take back what was given in spite of a rollout's halt: somebody has halted it again."""
        with self._troubles.told_once("reading the journal"):
            self._roster.catch_up()
        for override in self._roster.standings.of(flag):
            if override.despite == rollout:
                self._lift(flag, override.id, "", reason)

    def _decide(self, flag: str, decision: Callable[[int, datetime], Overridden]) -> Overridden:
        """Append the event that a decision makes, given its number and its time."""
        for _ in range(RACES):
            self._roster.catch_up()
            if flight := self._roster.present(flag):
                flight.try_to_save()  # a halt that waits comes before it, for everybody
            name = f"{KILLS}{flag}"
            recorded = self._journal.read(name)
            event = decision(len(recorded) + 1, self._not_before(recorded))
            with suppress(JournalConflictError):
                self._append(name, event, len(recorded))
                return event
        raise OverrideRefusedError("flag", flag, "somebody else was faster, always: ask again")

    def _lift(self, flag: str, name: str, by: str, reason: str) -> None:
        self._roster.lift(Lifted(self._clock.now(), flag, name, by, reason), self._clock)

    def _append(self, name: str, event: Event, known: int) -> None:
        position = self._roster.position
        self._journal.append(name, [event], expected=known, seen=position)
        self._roster.follow(Entry(position + 1, name, known + 1, event))

    def _not_before(self, recorded: Sequence[Event]) -> datetime:
        """Return the time, never before what the stream holds: a clock may be set back."""
        return max([self._clock.now(), *(event.at for event in recorded[-1:])])

    def _refuse(self, flag: str) -> None:
        if self._exposures.is_killed(flag):
            mend = "it is killed, which beats every override: release it"
            raise OverrideRefusedError("flag", flag, mend)
        if unread := self._roster.unread.get(flag):
            mend = f"{unread} can't be read: upgrade this process, or give its journal the kinds"
            raise OverrideRefusedError("flag", flag, mend)
        if len(standing := self._standing(flag)) >= MOST:
            mend = f"{MOST} overrides stand: lift one of {standing}"
            raise OverrideRefusedError("flag", flag, mend)

    def _standing(self, flag: str) -> list[str]:
        return [each.id for each in self._roster.standings.of(flag)]
