"""Standings: the overrides of every flag that stand, in step with an engine's journal."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from itertools import chain

from safedeploy.events import Event, Killed, Lifted, Overridden
from safedeploy.exposures import Exposures
from safedeploy.journals import Journal
from safedeploy.overrides import Override
from safedeploy.streams import flag_of


class Standings:
    """Know which overrides stand. Its engine's lock is held around every method.

    A halt ends the overrides of its flag that were given before it, and so does a kill, for good:
    whoever gave them didn't know what has come to light since.

    Args:
        journal: where they are.
        exposures: told which of them stand.
        is_withdrawn: tells of the name of a stream whether it is a rollout that was halted.
    """

    def __init__(
        self, journal: Journal, exposures: Exposures, is_withdrawn: Callable[[str], bool]
    ) -> None:
        self._journal = journal
        self._exposures = exposures
        self._is_withdrawn = is_withdrawn
        self._standing: dict[str, list[Override]] = {}
        self._lifted: dict[str, set[str]] = {}

    def of(self, flag: str) -> list[Override]:
        """Return the overrides of a flag that stand, the latest last."""
        if self._exposures.is_killed(flag):
            return []
        return self._live(self._standing.get(flag, ()))

    def all(self) -> tuple[Override, ...]:
        """Return all that stand, flag by flag."""
        return tuple(chain.from_iterable(map(self.of, list(self._standing))))

    def halted(self, flag: str) -> str:
        """Return the id of a flag's last rollout that was halted; empty where none was."""
        names = [name for name in self._journal.streams() if flag_of(name) == flag]
        return next((name for name in reversed(names) if self._is_withdrawn(name)), "")

    def restore(self, flag: str, decided: Iterable[Event]) -> None:
        """Learn what stands of a flag from all that operators did to it."""
        given = self._live(_given(decided))
        lifted = self._lifted.pop(flag, set()) & {each.id for each in given}
        if lifted:  # and the journal doesn't know yet
            self._lifted[flag] = lifted
            given = [each for each in given if each.id not in lifted]
        halted = self.halted(flag) if given else ""
        self._put(flag, [each for each in given if each.despite == halted])

    def halt(self, flag: str, rollout: str) -> None:
        """Keep what was given in spite of a halt, and nothing else."""
        standing = self._standing.get(flag, ())
        self._put(flag, [each for each in standing if each.despite == rollout])

    def lift(self, flag: str, override: str) -> None:
        """Let an override stand no more, whatever the journal still says."""
        self._lifted.setdefault(flag, set()).add(override)
        self._put(flag, [each for each in self._standing.get(flag, ()) if each.id != override])

    def tidy(self) -> None:
        """Drop what is over."""
        for flag in list(self._standing):
            self._put(flag, self.of(flag))

    def _live(self, overrides: Iterable[Override]) -> list[Override]:
        at = self._exposures.now()
        return [each for each in overrides if at < each.until]

    def _put(self, flag: str, overrides: list[Override]) -> None:
        if overrides != self._standing.pop(flag, []):
            self._exposures.override(flag, overrides)
        if overrides:
            self._standing[flag] = overrides


def _given(decided: Iterable[Event]) -> list[Override]:
    """Return what was given, and neither taken back nor followed by a kill."""
    given: dict[str, Override] = {}
    for event in decided:
        if isinstance(event, Overridden):
            given[event.override.id] = event.override
        elif isinstance(event, Lifted):
            given.pop(event.override, None)
        elif isinstance(event, Killed):
            given.clear()
    return list(given.values())
