"""Exposures: what every flag serves at present, ready to be asked without a lock."""

from __future__ import annotations

from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager
from datetime import datetime
from typing import TYPE_CHECKING, Any, TypeAlias, TypeVar

from safedeploy import projections
from safedeploy.clocks import SystemClock
from safedeploy.contexts import Context
from safedeploy.flags import FeatureFlag, Resolution
from safedeploy.guards import Served
from safedeploy.projections import Projection

if TYPE_CHECKING:  # whoever only asks flags doesn't wait for it
    from safedeploy.overrides import Override
    from safedeploy.sampling import Sampler

T = TypeVar("T")

Project: TypeAlias = Callable[[FeatureFlag[Any]], Projection]
"""Makes the function of a flag from its stable definition."""

FLAGS = 10_000
"""How many flags are kept compiled; past it, all are compiled anew when they are asked."""


class Exposures:
    """Serve flags as their rollouts and operators say.

    Args:
        now: the time, which overrides end by; the system's, unless given.
        sampler: shows some of the answers; nobody sees any, unless given.
    """

    def __init__(
        self, now: Callable[[], datetime] | None = None, sampler: Sampler | None = None
    ) -> None:
        self.now = now or SystemClock().now
        self._sampler = sampler
        self._projects: dict[str, Project] = {}
        self._settled: dict[str, tuple[datetime, FeatureFlag[Any] | None]] = {}
        self._killing: set[str] = set()
        self._held: set[str] = set()
        self._overrides: dict[str, Sequence[Override]] = {}
        self._forced: dict[str, tuple[Projection, ...]] = {}
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
            served = projections.failed(flag, error)
            if self._sampler:
                self._sampler.show(served.resolution)
            return served

    def settled(self, key: str) -> FeatureFlag[Any] | None:
        """Return the definition that the latest completed rollout left, if no kill came after."""
        return self._settled.get(key, (None, None))[1]

    def is_killed(self, key: str) -> bool:
        """Tell whether a kill settled the flag last."""
        return key in self._settled and self._settled[key][1] is None

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

    def override(self, key: str, overrides: Sequence[Override]) -> None:
        """Let these overrides of a flag stand from now on, and no others."""
        self._overrides[key] = overrides
        if not overrides:
            del self._overrides[key]
        self._table = {}

    @contextmanager
    def forced(self, resolution: Resolution[Any]) -> Generator[None]:
        """Serve everybody one answer of a flag for as long as the block lasts, whatever else is."""
        key, projection = resolution.flag, projections.forced(resolution)
        self._forced[key] = (*self._forced.get(key, ()), projection)
        self._table = {}
        try:
            yield
        finally:
            left = tuple(each for each in self._forced.pop(key) if each is not projection)
            self._forced |= {key: left} if left else {}
            self._table = {}

    def _compile(self, flag: FeatureFlag[Any]) -> Projection:
        table = self._table
        if len(table) >= FLAGS:
            table = self._table = {}
        projection = self._projection(flag)
        if self._sampler:
            projection = self._sampler.watched(projection)
        table[flag.key] = (flag, projection)
        return projection

    def _projection(self, flag: FeatureFlag[Any]) -> Projection:
        """Return what is served of a flag. Who wins is decided here, the strongest first."""
        if forced := self._forced.get(flag.key):
            return forced[-1]
        _, stable = self._settled.get(flag.key, (None, flag))
        project = self._projects.get(flag.key, projections.settled)
        if flag.key in self._held:
            return projections.settled(stable or flag.disable())
        projection = project(stable or flag.disable())
        if stable and (overrides := self._overrides.get(flag.key)):
            return projections.overridden(overrides, projection, self.now)
        return projection
