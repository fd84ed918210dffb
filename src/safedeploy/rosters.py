"""Rosters: the rollouts that an engine knows, in step with its journal."""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Sequence
from contextlib import suppress

import attrs

from safedeploy import events, telemetry
from safedeploy.catalogs import Catalog
from safedeploy.changes import ChangeKind
from safedeploy.clocks import Clock
from safedeploy.errors import JournalConflictError, RolloutNotFoundError
from safedeploy.events import Event
from safedeploy.exposures import Exposures
from safedeploy.flights import Flight
from safedeploy.journals import Entry, Journal
from safedeploy.metrics import Tallies
from safedeploy.servings import Servings
from safedeploy.standings import Standings
from safedeploy.states import Completed, Moving, Rollout
from safedeploy.streams import BREAKERS, DEFINITIONS, KILLS, by_flag, flag_of, key_of
from safedeploy.telemetry import Observer, Troubles
from safedeploy.watches import Watches


class Roster:
    """Know every rollout that matters still. Its engine's lock is held around every method.

    Rollouts that are over, and have another one of their flag after them, are in the journal only.

    Attributes:
        position: of the last entry that was read.
        standings: the overrides that stand.
        servings: what is served and tallied of them.
        catalog: what was defined without a release.
        unread: of each flag or other subject, the name of a stream that can't be read here: it may
            be in flight.

    Args:
        journal: where the rollouts' events are.
        observers: called with every event that is recorded here, and the rollout after it.
        exposures: told what every flag serves.
        tallies: where guarded blocks are tallied.
        watches: where breakers watch them.
    """

    def __init__(
        self,
        journal: Journal,
        observers: Sequence[Observer],
        exposures: Exposures,
        tallies: Tallies,
        watches: Watches,
    ) -> None:
        self._journal = journal
        self._observers = tuple(observers)
        self._exposures = exposures
        self.servings = Servings(exposures, tallies, watches)
        self.catalog = Catalog(exposures)
        self.standings = Standings(journal, exposures, self._is_withdrawn)
        self._flights: dict[str, Flight] = {}
        self._of: dict[str, dict[str, Flight]] = {}
        self._present: dict[str, Flight] = {}
        self._mark: Hashable = None
        self._is_half_done = False
        self._troubles = Troubles()
        self._kills: list[events.Killed | events.Lifted] = []
        self._tried: Entry | None = None
        self.unread: dict[str, str] = {}
        self.position = 0
        self._open()

    def __iter__(self) -> Iterator[Flight]:
        """Go through the flights, oldest first."""
        yield from tuple(self._flights.values())

    def busy(self) -> list[Flight]:
        """Return the flights that aren't done."""
        return [flight for flight in self if flight.is_busy]

    @property
    def reads_all(self) -> bool:
        """Whether everything in the journal that matters can be read here."""
        return not self.unread and all(flight.is_readable for flight in self)

    def present(self, flag: str) -> Flight | None:
        """Return the latest flight that has begun of a flag, by its key, or of another subject."""
        return self._present.get(flag)

    def of(self, flag: str) -> list[Flight]:
        """Return those of its flights that matter still, oldest first, queued ones as well."""
        return [*self._of.get(flag, {}).values()]

    def get(self, name: str) -> Flight | None:
        """Return a flight by the id of its rollout, if it matters still."""
        return self._flights.get(name)

    def read(self, name: str) -> Flight | None:
        """Return a flight, of those in the journal as well; None where there is none to be read."""
        if flight := self.get(name):
            return flight
        recorded = self._journal.read(name)
        if not recorded or not isinstance(recorded[0], events.Started):
            return None
        return Flight(recorded, self._journal, self._adopted)

    def find(self, name: str) -> Flight:
        """Return a flight, whether it matters still or not.

        Raises:
            RolloutNotFoundError: there is none.
        """
        if flight := self.read(name):
            return flight
        raise RolloutNotFoundError("rollout", name, f"choose one of {list(self._flights)}")

    def all(self) -> Iterator[Rollout]:
        """Go through all rollouts, oldest first, those in the journal as well."""
        return (it.view for it in map(self.read, self._journal.streams()) if it)

    def catch_up(self) -> None:
        """Take over what other processes have appended.

        Raises:
            Exception: whatever the journal raises; the rollouts stay as they were.
        """
        mark = self._journal.watch()
        if self._is_half_done:
            for flight in self:
                flight.reload()
            self._is_half_done = False
        if mark != self._mark:
            for entry in self._journal.entries(after=self.position):
                self.follow(entry)
            self._mark = mark

    def follow(self, entry: Entry) -> None:
        """Take over an entry of the journal."""
        event = entry.event
        if flight := self._flights.get(entry.stream):
            flight.follow(entry.version, event)
        elif entry.stream.startswith(KILLS):
            self._decided(entry)
        elif entry.stream == DEFINITIONS:
            self.catalog.follow(entry.version, event)
        elif entry.version == 1 and isinstance(event, events.Started | events.Unknown):
            self._begun(entry)
        self.position = entry.position

    def begin(self, started: events.Started) -> Flight:
        """Begin a rollout.

        Raises:
            JournalConflictError: something was appended meanwhile that might matter.
        """
        flight = Flight([started], self._journal, self._adopted)
        self._journal.append(flight.rollout.id, [started], expected=0, seen=self.position)
        self._board(flight)
        self._adopted(flight, [(started, flight.rollout)])
        return flight

    def kill(self, killed: events.Killed, clock: Clock) -> None:
        """Halt what changes a flag, and append its kill, which is served already, when possible."""
        self._halt(killed, clock)
        self._kills.append(killed)
        self.save_kills(clock)

    def lift(self, lifted: events.Lifted, clock: Clock) -> None:
        """Let an override stand no more, and append that when possible."""
        self.standings.lift(lifted.flag, lifted.override)
        self._kills.append(lifted)
        self.save_kills(clock)

    def save_kills(self, clock: Clock) -> None:
        """Append the kills and lifts that aren't in the journal yet, if that can be done now."""
        with self._troubles.told_once("saving a kill"):
            while self._kills:
                self.catch_up()
                if self._kills:  # still: the last try may have failed and got through
                    self._save(self._kills[0], clock)

    def restart(self) -> None:
        """Start anew in a child process: whatever another thread was doing here is half done."""
        for flight in self:
            flight.restart()
        for killed in self._kills:
            self._exposures.killed(killed.flag)
        self._kills.clear()
        self._tried = None
        self._is_half_done = True

    def _halt(self, killed: events.Killed, clock: Clock) -> None:
        for flight in self.of(killed.flag):
            if isinstance(flight.rollout.state, Moving):
                flight.record(events.Aborted(flight.now(clock), killed.by, killed.reason))

    def _save(self, killed: events.Killed | events.Lifted, clock: Clock) -> None:
        if isinstance(killed, events.Killed):
            self._halt(killed, clock)  # another process may have begun one meanwhile
        name = f"{KILLS}{killed.flag}"
        # A kill comes after all that is in the journal, whatever the clocks say.
        recorded, at = self._journal.read(name), self._exposures.after(killed.flag, killed.at)
        killed = attrs.evolve(killed, at=max([at, *(event.at for event in recorded[-1:])]))
        known = len(recorded)
        self._tried = Entry(self.position + 1, name, known + 1, killed)
        with suppress(JournalConflictError):  # somebody was faster: look what, and try again
            self._journal.append(name, [killed], expected=known, seen=self.position)
            self._saved()

    def _saved(self) -> None:
        """Take note that what waited first is in the journal."""
        self._tried, saved = None, self._kills.pop(0)
        waiting = [other.flag for other in self._kills if isinstance(other, events.Killed)]
        if isinstance(saved, events.Killed) and saved.flag not in waiting:
            self._exposures.killed(saved.flag)

    def _open(self) -> None:
        # Of each flag, only its latest streams are read: however old a journal is, that is little.
        mark, self.position = self._journal.watch(), self._journal.head().position
        for version, event in enumerate(self._journal.read(DEFINITIONS), start=1):
            self.catalog.follow(version, event)  # first: of two at one time, a release came later
        for key, names in by_flag(self._journal.streams()).items():
            self._restore(key, names)
        self._mark = mark

    def _restore(self, key: str, names: Sequence[str]) -> None:
        """Learn from a flag's streams what its latest rollout is, and what was settled last."""
        found: list[Flight] = []
        for name in reversed([name for name in names if name != KILLS + key]):
            recorded = self._journal.read(name)
            is_latest = not any(it.rollout.begun for it in found)
            if isinstance(recorded[0], events.Started):
                flight = Flight(recorded, self._journal, self._adopted)
                if flight.is_busy or (is_latest and flight.rollout.begun):
                    found.insert(0, flight)
                if isinstance(flight.rollout.state, Completed):
                    self._settle(flight.rollout)
                    break  # what came before is over, and was settled anew
            elif is_latest:
                self.unread[key] = name
        for flight in found:
            self._board(flight)
        decided = self._journal.read(KILLS + key)
        for killed in [event for event in decided if isinstance(event, events.Killed)][-1:]:
            # Last, because a kill's time may be that of the completion which it came after.
            self._exposures.settle(key, killed.at, None)
        self.standings.restore(key, decided)

    def _decided(self, entry: Entry) -> None:
        event = entry.event
        if isinstance(event, events.Killed):
            self._exposures.settle(event.flag, event.at, None)
        if entry == self._tried:
            # An append that failed had appended all the same: what comes next comes after it.
            self._saved()
        self.standings.restore(flag_of(entry.stream), self._journal.read(entry.stream))

    def _begun(self, entry: Entry) -> None:
        if entry.stream.startswith(BREAKERS):
            return
        if isinstance(entry.event, events.Started):
            self.unread.pop(flag_of(entry.stream), None)  # one at a time: an earlier one is over
            self._board(Flight([entry.event], self._journal, self._adopted))
        else:
            self.unread[flag_of(entry.stream)] = entry.stream

    def _board(self, flight: Flight) -> None:
        name, flights = flight.rollout.id, self._of.setdefault(key_of(flight.rollout.change), {})
        for over in [known for known, it in flights.items() if not it.is_busy]:
            del self._flights[over], flights[over]
        self._flights[name] = flights[name] = flight
        self._adopted(flight, ())

    def _is_withdrawn(self, name: str) -> bool:
        flight = self.read(name)
        return flight is not None and flight.rollout.begun and flight.rollout.is_withdrawn

    def _settle(self, rollout: Rollout) -> None:
        if rollout.change.kind is ChangeKind.FLAG:
            self._exposures.settle(rollout.change.name, rollout.state.since, rollout.definition)

    def _adopted(self, flight: Flight, steps: Sequence[tuple[Event, Rollout]]) -> None:
        """Bring what is served in line with what a rollout has become, then tell the observers."""
        rollout, key = flight.rollout, key_of(flight.rollout.change)
        if [it for it in self.of(key) if it.rollout.begun][-1:] == [flight]:
            self._present[key] = flight  # it is its turn
        if flight.epoch != rollout.epoch and self._present.get(key) is flight:
            flight.epoch = rollout.epoch
            if isinstance(rollout.state, Completed):
                self._settle(rollout)
            if rollout.is_withdrawn:
                self.standings.halt(key, rollout.id)
            self.servings.show(flight)
        for event, after in steps:
            for observer in self._observers:
                telemetry.tell(observer, event, after)
