"""Exposures: what every flag serves at present, ready to be asked without a lock."""

from __future__ import annotations

from collections.abc import Callable, Generator
from contextlib import contextmanager
from datetime import datetime
from typing import Any, TypeAlias, TypeVar

from safedeploy import projections
from safedeploy.contexts import Context
from safedeploy.flags import FeatureFlag
from safedeploy.guards import Served
from safedeploy.projections import Projection

T = TypeVar("T")

Project: TypeAlias = Callable[[FeatureFlag[Any]], Projection]
"""Makes the function of a flag from its stable definition."""

FLAGS = 10_000
"""How many flags are kept compiled; past it, all are compiled anew when they are asked."""


class Exposures:
    """Serve flags as their rollouts say."""

    def __init__(self) -> None:
        self._projects: dict[str, Project] = {}
        self._settled: dict[str, tuple[datetime, FeatureFlag[Any] | None]] = {}
        self._killing: set[str] = set()
        self._held: set[str] = set()
        # Replaced, never emptied: whoever compiles from an older state stores into the older one.
        self._table: dict[str, tuple[FeatureFlag[Any], Projection]] = {}

    def serve(self, flag: FeatureFlag[T], context: Context) -> Served[T]:
        """Return what a context is served. It takes no lock and never raises."""
        try:
            table = self._table
            if flag.key in table:
                known, projection = table[flag.key]
                if known is flag:
                    return projection(context)
            return self._compile(flag)(context)
        except Exception as error:  # noqa: BLE001 - in application code, evaluating never raises
            return projections.failed(flag, error)

    def settled(self, key: str) -> FeatureFlag[Any] | None:
        """Return the definition that the latest completed rollout left, if no kill came after."""
        return self._settled.get(key, (None, None))[1]

    def after(self, key: str, at: datetime) -> datetime:
        """Return the moment, or a later one that comes after whatever settled the flag.

        A clock that was set back must not make a kill, or what follows one, look old.
        """
        return max(at, self._settled.get(key, (at, None))[0])

    def settle(self, key: str, at: datetime, definition: FeatureFlag[Any] | None) -> None:
        """Make a definition the stable one, whatever the code says; None kills the flag.

        Of two for one flag the later counts, in whatever order they come; and a kill that isn't in
        the journal yet comes after everything that is.
        """
        if definition and key in self._killing:
            definition = None  # and the kill is told to be later than this, whatever the clocks say
        if key not in self._settled or self._settled[key][0] <= at:
            self._settled[key] = (at, definition)
        self._table = {}

    def kill(self, key: str, at: datetime) -> None:
        """Serve a flag's off variant from now on, whatever the journal still brings."""
        self._killing.add(key)
        self.settle(key, at, None)

    def killed(self, key: str) -> None:
        """Take note that a kill is in the journal."""
        self._killing.discard(key)

    @contextmanager
    def withdrawn(self, key: str) -> Generator[None]:
        """Serve the stable definition while a halt waits for the engine's lock."""
        self._held.add(key)
        self._table = {}
        try:
            yield
        finally:
            self._held.discard(key)
            self._table = {}

    def release(self, key: str, project: Project) -> None:
        """Serve a flag as its rollout says from now on."""
        self._projects[key] = project
        self._table = {}

    def _compile(self, flag: FeatureFlag[Any]) -> Projection:
        table = self._table
        if len(table) >= FLAGS:
            table = self._table = {}
        _, stable = self._settled.get(flag.key, (None, flag))
        project = self._projects.get(flag.key, projections.settled)
        if flag.key in self._held:
            project = projections.settled
        projection = project(stable or flag.disable())
        table[flag.key] = (flag, projection)
        return projection
