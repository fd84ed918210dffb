"""Flights: one rollout as its engine drives it: what was recorded, and what was seen since."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import TypeAlias

import attrs

from safedeploy import telemetry
from safedeploy.assessments import assess, is_worth_recording
from safedeploy.errors import JournalConflictError
from safedeploy.events import Assessed, Event
from safedeploy.gates import Run
from safedeploy.journals import Journal
from safedeploy.rollouts import exposure, fold, transition
from safedeploy.states import Rollout
from safedeploy.verdicts import Measurement

Adopted: TypeAlias = Callable[["Flight", "Sequence[tuple[Event, Rollout]]"], None]


class Flight:
    """Keep one rollout in step with its stream. Its engine's lock is held around every method.

    Args:
        rollout: as its stream says.
        journal: where the stream is.
        adopted: called when the rollout has changed, with the flight and the events that did it,
            each with the rollout after it.
    """

    def __init__(self, rollout: Rollout, journal: Journal, adopted: Adopted) -> None:
        self.rollout = rollout
        self.view = rollout
        self.checks: dict[str, Run] = {}
        self.answers: dict[str, str] = {}
        self.paged: set[str] = set()
        self.epoch = 0
        self._journal = journal
        self._adopted = adopted
        self._saved = rollout.version
        self._unsaved: tuple[Event, ...] = ()
        self._seen: Assessed | None = None
        self._looked: tuple[datetime, float] | None = None

    @property
    def is_busy(self) -> bool:
        """Whether there is anything left to do or to save."""
        return self.rollout.in_flight or bool(self._unsaved)

    def record(self, event: Event) -> None:
        """Apply an event, and append it to the journal.

        What lets more people in is saved first, and given up if it can't be. Anything else is
        applied first, so that a halt withdraws here whatever the journal does, and saved when
        it can be.
        """
        events: tuple[Event, ...] = (self._seen, event) if self._seen else (event,)
        steps = self._after(events)
        after = steps[-1][1]
        if exposure(after).percent > exposure(self.rollout).percent:
            self.save(*events)
            self._adopt(after, steps)
        else:
            self._adopt(after, steps)
            self._unsaved += events
            self.try_to_save()

    def look(self, measurement: Measurement, at: datetime, monotonic: float) -> None:
        """Assess health, and record the assessment if a journal should learn of it."""
        event = assess(self.view, measurement, at, self._elapsed(at, monotonic)).after(self._seen)
        [(_, after)] = self._after((event,))
        if not is_worth_recording(self.rollout, after):
            self._seen, self.view = event, after
            return
        self._seen = None
        try:
            self.record(event)
        except Exception:
            # What was measured is measured once: keep it for the next look.
            self._seen, self.view = event, attrs.evolve(self.view, health=event.health)
            raise

    def save(self, *events: Event) -> None:
        """Append what wasn't saved yet, and these events.

        Raises:
            Exception: whatever the journal raises; what waited goes on waiting.
        """
        batch = (*self._unsaved, *events)
        if batch:
            self._saved = self._journal.append(self.rollout.id, batch, expected=self._saved)
            self._unsaved = ()

    def try_to_save(self) -> None:
        """Append what wasn't saved yet, if that can be done now."""
        try:
            self.save()
        except JournalConflictError:
            self.reload()
        except Exception as error:  # noqa: BLE001 - whatever the journal raises, it is tried again
            telemetry.warn("saving failed", rollout=self.rollout.id, error=type(error).__name__)

    def reload(self) -> None:
        """Take over what somebody else appended, and apply on top what wasn't saved yet."""
        stream = self._journal.read(self.rollout.id)
        self.rollout, self._saved, self._seen = fold(stream), len(stream), None
        for _, after in self._after(self._unsaved):
            self.rollout = after
        self._adopt(self.rollout, ())

    def _after(self, events: Sequence[Event]) -> list[tuple[Event, Rollout]]:
        """Return each event with the rollout after it."""
        steps: list[tuple[Event, Rollout]] = []
        after = self.rollout
        for event in events:
            after, _ = transition(after, event)
            steps.append((event, after))
        return steps

    def _adopt(self, after: Rollout, steps: Sequence[tuple[Event, Rollout]]) -> None:
        self.rollout = self.view = after
        self._seen = None
        self._adopted(self, steps)

    def _elapsed(self, at: datetime, monotonic: float) -> timedelta:
        looked, self._looked = self._looked, (at, monotonic)
        if looked is None:
            return timedelta(0)
        wall, seconds = at - looked[0], monotonic - looked[1]
        return max(timedelta(0), min(wall, timedelta(seconds=seconds)))
