"""Flights: one rollout as its engine drives it: what was recorded, and what was seen since."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import TypeAlias

import attrs

from safedeploy.assessments import assess, has_moved, is_worth_recording
from safedeploy.clocks import Clock
from safedeploy.deliveries import Delivered, Stage
from safedeploy.errors import JournalConflictError
from safedeploy.events import Applied, Assessed, Event, Unknown
from safedeploy.gates import Run
from safedeploy.journals import Journal, Lease
from safedeploy.rings import Place
from safedeploy.rollouts import exposure, fold, following
from safedeploy.runs import Inquiry
from safedeploy.signals import Health
from safedeploy.states import Rollout
from safedeploy.telemetry import Troubles
from safedeploy.verdicts import Measurement, Verdict

Adopted: TypeAlias = Callable[["Flight", "Sequence[tuple[Event, Rollout]]"], None]


class Flight:
    """Keep one rollout in step with its stream. Its engine's lock is held around every method.

    Args:
        stream: the events of the rollout so far.
        journal: where they are.
        adopted: called when the rollout has changed, with the flight and the events that did it,
            each with the rollout after it.
    """

    def __init__(self, stream: Sequence[Event], journal: Journal, adopted: Adopted) -> None:
        self.rollout = self.view = fold(stream)
        self.checks: dict[str, Run] = {}
        self.inquiries: dict[str, Inquiry] = {}
        self.errands: dict[Place, Inquiry] = {}
        self.paged: set[str] = set()
        self.epoch = -1  # not served yet
        self.posted = -math.inf
        self.dropped = 0
        self._journal = journal
        self._adopted = adopted
        self._troubles = Troubles()
        self._unsaved: tuple[Event, ...] = ()
        self._seen: Assessed | None = None
        self._looked: tuple[datetime, float] | None = None
        self._saved = len(stream)
        self.is_readable = _is_readable(stream)

    @property
    def is_busy(self) -> bool:
        """Whether there is anything left to do or to save."""
        return self.rollout.in_flight or bool(self._unsaved)

    @property
    def exposure(self) -> str:
        """The name of the present exposure, which blocks carry."""
        return f"{self.rollout.id}#{self.rollout.epoch}"

    def now(self, clock: Clock) -> datetime:
        """Return the time, never before what the stream holds: a clock may be set back."""
        return max(clock.now(), self.view.at)

    @property
    def is_saved(self) -> bool:
        """Whether the journal has everything that was seen here."""
        return not self._seen and not any(isinstance(event, Assessed) for event in self._unsaved)

    def record(self, event: Event, *, lease: Lease | None = None) -> None:
        """Apply an event, and append it to the journal.

        What lets more people in, or begins to, is saved first, under the lease, and given up if it
        can't be.
        Anything else is applied first, so that a halt withdraws here whatever the journal does,
        and saved when it can be.
        """
        events = (*self._worth_telling(), event)
        steps = self._after(events)
        after = steps[-1][1]
        grows = exposure(after).percent > exposure(self.rollout).percent
        if grows or isinstance(event, Applied) or _begins(event):
            self.save(*events, lease=lease)
            self._adopt(after, steps)
        else:
            self._adopt(after, ())
            self._unsaved += events
            self.try_to_save()
            # Observers are told last: no crash must take back what people have read.
            self._adopted(self, steps)

    def follow(self, version: int, event: Event) -> None:
        """Take over what somebody else appended, unless it is known already."""
        if version <= self._saved:
            return
        if version > self._saved + 1 or self._unsaved or self._seen:
            self.reload()
        else:
            self._saved = version
            self.is_readable &= not isinstance(event, Unknown)
            self._adopt(following(self.rollout, event), ())

    def is_due(self, last: float, monotonic: float) -> bool:
        """Tell whether what should be done once an interval should be done again."""
        # A little early is better than a whole tick late.
        return monotonic - last >= 0.9 * self.rollout.plan.assess_every.total_seconds()

    @property
    def looked(self) -> float:
        """When health was last looked at, by the monotonic clock."""
        return self._looked[1] if self._looked else -math.inf

    def look(
        self,
        measurement: Measurement,
        at: datetime,
        monotonic: float,
        *,
        lease: Lease | None = None,
    ) -> None:
        """Assess health, and record the assessment if a journal should learn of it."""
        event = assess(self.view, measurement, at, self._elapsed(at, monotonic)).after(self._seen)
        [(_, after)] = self._after((event,))
        if not is_worth_recording(self.rollout, after):
            self._seen, self.view = event, after
            return
        self._seen = None
        try:
            self.record(event, lease=lease)
        except Exception:
            # What was measured is measured once: keep it for the next look.
            self._seen, self.view = event, attrs.evolve(self.view, health=event.health)
            raise

    def save(self, *events: Event, lease: Lease | None = None) -> None:
        """Append what wasn't saved yet, and these events.

        Raises:
            Exception: whatever the journal raises; what waited goes on waiting.
        """
        batch = (*self._unsaved, *events)
        if batch:
            self._saved = self._journal.append(
                self.rollout.id, batch, expected=self._saved, lease=lease
            )
            self._unsaved = ()

    def try_to_save(self) -> None:
        """Append what wasn't saved yet, if that can be done now."""
        with self._troubles.told_once("saving", rollout=self.rollout.id):
            try:
                self.save()
            except JournalConflictError:
                self.reload()
                self.save()

    def reload(self) -> None:
        """Take over what somebody else appended, and apply on top what wasn't saved yet."""
        stream = self._journal.read(self.rollout.id)
        others, seen, rollout = tuple(stream[self._saved :]), self._seen, fold(stream)
        while self._unsaved and others[:1] == self._unsaved[:1]:
            # An append that failed had appended all the same. Should it be another process that
            # appended the very same event in its place, that one will do: the state is the same.
            others, self._unsaved = others[1:], self._unsaved[1:]
        if any(isinstance(event, Assessed | Applied) for event in others):
            # Somebody else has judged meanwhile, and what was merely seen here is to be seen anew.
            self.dropped += not self.is_saved
            self._unsaved, seen = _without_looks(self._unsaved, rollout.health), None
        self._saved, self.is_readable = len(stream), _is_readable(stream)
        self._unsaved = tuple(_not_before(rollout.at, event) for event in self._unsaved)
        for event in self._unsaved:
            rollout = following(rollout, event)
        self._adopt(rollout, ())
        self._keep(seen)

    def give_up(self) -> None:
        """Forget what was merely seen here, and leave it to others to see it anew."""
        if self._seen:
            self._seen, self.view = None, self.rollout
            self.dropped += 1

    def restart(self) -> None:
        """Forget what was merely seen, in a child process: that is the parent's to save."""
        self._unsaved = _without_looks(self._unsaved, self.rollout.health)
        self._seen, self._looked, self.view = None, None, self.rollout
        self.errands.clear()
        self.inquiries.clear()  # their threads are the parent's

    def _after(self, events: Sequence[Event]) -> list[tuple[Event, Rollout]]:
        """Return each event with the rollout after it."""
        steps: list[tuple[Event, Rollout]] = []
        after = self.rollout
        for event in events:
            after = following(after, event)
            steps.append((event, after))
        return steps

    def _worth_telling(self) -> tuple[Event, ...]:
        """Return what was seen, unless the rollout would go on by it: that wasn't saved in time."""
        if not self._seen:
            return ()
        if has_moved(self.rollout, following(self.rollout, self._seen)):
            self.dropped += 1
            return ()
        return (self._seen,)

    def _adopt(self, after: Rollout, steps: Sequence[tuple[Event, Rollout]]) -> None:
        self.rollout = self.view = after
        self._seen = None
        self._adopted(self, steps)

    def _keep(self, seen: Assessed | None) -> None:
        """Go on seeing what was seen, if that is about the present exposure still."""
        if seen:
            view = following(self.rollout, seen)
            if view.health is seen.health:
                self._seen, self.view = seen, view
            else:
                self.dropped += 1

    def _elapsed(self, at: datetime, monotonic: float) -> timedelta:
        looked, self._looked = self._looked, (at, monotonic)
        if looked is None:
            return timedelta(0)
        wall, seconds = at - looked[0], monotonic - looked[1]
        return max(timedelta(0), min(wall, timedelta(seconds=seconds)))


def _is_readable(stream: Sequence[Event]) -> bool:
    """Tell whether this version knows everything that happened."""
    return not any(isinstance(event, Unknown) for event in stream)


def _without_looks(events: Sequence[Event], health: Health) -> tuple[Event, ...]:
    """Leave out how health looked, but for what stops a rollout; that counts no more than this."""
    return tuple(
        attrs.evolve(event, health=health) if isinstance(event, Assessed) else event
        for event in events
        if not isinstance(event, Assessed) or event.evidence.verdict >= Verdict.INVESTIGATE
    )


def _begins(event: Event) -> bool:
    return isinstance(event, Delivered) and event.stage is Stage.BEGUN


def _not_before(at: datetime, event: Event) -> Event:
    return event if event.at >= at else attrs.evolve(event, at=at)
