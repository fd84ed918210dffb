"""Exposures: what every flag serves at present, ready to be asked without a lock."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from typing import TYPE_CHECKING, Any, TypeAlias, TypeVar, cast

from safedeploy import projections
from safedeploy.clocks import SystemClock
from safedeploy.contexts import Context
from safedeploy.flags import FeatureFlag, Prerequisite, Resolution, Surroundings, noted
from safedeploy.flags.choosers import constant
from safedeploy.guards import Served
from safedeploy.projections import Forced, Overridden, Projection, Settled, Stale
from safedeploy.sightings import Sightings

if TYPE_CHECKING:  # whoever only asks flags doesn't wait for it
    from safedeploy.overrides import Override
    from safedeploy.sampling import Sampler

T = TypeVar("T")
A = TypeVar("A")

Project: TypeAlias = Callable[[FeatureFlag[Any]], Projection]
"""Makes the function of a flag from its stable definition."""

FLAGS = 10_000
"""How many flags are kept compiled; past it, all are compiled anew when they are asked."""


class Exposures:
    """Serve flags as their rollouts and operators say.

    Attributes:
        values: functions from a context to a value, by the marks of the definitions that were asked
            for one. Whoever is in a hurry asks them, and `value` where that goes wrong.
        served: functions from a context to what it is served, with the reason.

    Args:
        now: the time, for schedules, expiry dates and the ends of overrides; the system's, unless
            given.
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
        self._forced: dict[str, tuple[Forced, ...]] = {}
        self._stale: dict[str, str] = {}
        self._sightings = Sightings(self.now, FLAGS)
        self._anew()

    def value(self, flag: FeatureFlag[T], context: Context) -> T:
        """Return the value that a context is served. It takes no lock and never raises."""
        try:
            choose = self.values.get(flag.mark)
            if choose is None:
                values = self.values
                choose = self._value_of(flag)
                self._keep(values, flag, choose)
            return cast("T", choose(context))
        except Exception as error:  # noqa: BLE001 - in application code, evaluating never raises
            return self._failed(flag, error).value

    def serve(self, flag: FeatureFlag[T], context: Context) -> Served[T]:
        """Return what a context is served. It takes no lock and never raises."""
        try:
            choose = self.served.get(flag.mark)
            if choose is None:
                served = self.served
                choose = self._served_of(flag)
                self._keep(served, flag, choose)
            return choose(context)
        except Exception as error:  # noqa: BLE001 - as above
            return self._failed(flag, error)

    def evaluate(self, flag: FeatureFlag[T], context: Context) -> Resolution[T]:
        """Return what a context is served, and why. It takes no lock and never raises."""
        resolution = self.serve(flag, context).resolution
        try:
            return noted(resolution, context)
        except Exception:  # noqa: BLE001 - as above
            return resolution

    def explained(self, flag: FeatureFlag[Any], context: Context) -> str:
        """Return for people how a flag decides at present, with the context's attributes."""
        return self._projection(flag).explained(context, self._around(flag.key))

    def requires(self, definition: FeatureFlag[Any]) -> set[str]:
        """Return the keys of the flags that a definition requires, however indirectly."""
        found: set[str] = set()
        left = list(definition.prerequisites)
        while left:
            each = left.pop()
            if each.key not in found:
                found.add(each.key)
                for flag in (self.settled(each.key), each.flag, self._sightings.get(each.key)):
                    left += flag.prerequisites if flag is not None else ()
        return found

    def settled(self, key: str) -> FeatureFlag[Any] | None:
        """Return the definition that the latest completed rollout left, if no kill came after."""
        return self._settled.get(key, (None, None))[1]

    def known(self, key: str) -> FeatureFlag[Any] | None:
        """Return the definition that the code has, as far as it was asked here."""
        return self._sightings.coded(key)

    def load(self, definitions: Iterable[FeatureFlag[Any]]) -> None:
        """Serve definitions that came from a file, and are new, only as releases of them say.

        Whoever asks one of these very values gets what the code has, or the off variant.
        """
        self._sightings.load(definitions, self._settled)
        self._anew()

    def stale(self, said: Mapping[str, str]) -> None:
        """Say of these flags, and of no others, why the last known good is served; by key."""
        self._stale = dict(said)
        self._anew()

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
        self._settle(key, at, definition)
        self._anew()

    def define(self, at: datetime, definitions: Iterable[FeatureFlag[Any]]) -> None:
        """Make definitions the stable ones of their flags, as `settle` does."""
        for definition in definitions:
            self._settle(definition.key, at, definition)
        self._anew()

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
        self.withhold(key)
        try:
            yield
        finally:
            self.let_go(key)

    def withhold(self, key: str) -> None:
        """Serve the stable definition, whatever its rollout says."""
        self._held.add(key)
        self._anew()

    def let_go(self, key: str) -> None:
        """Serve what its rollout says, again."""
        if key in self._held:
            self._held.discard(key)
            self._anew()

    def release(self, key: str, project: Project) -> None:
        """Serve a flag as its rollout says from now on."""
        self._projects[key] = project
        self._anew()

    def override(self, key: str, overrides: Sequence[Override]) -> None:
        """Let these overrides of a flag stand from now on, and no others."""
        self._overrides[key] = overrides
        if not overrides:
            del self._overrides[key]
        self._anew()

    @contextmanager
    def forced(self, resolution: Resolution[Any]) -> Generator[None]:
        """Serve everybody one answer of a flag for as long as the block lasts, whatever else is."""
        key, projection = resolution.flag, Forced(resolution)
        self._forced[key] = (*self._forced.get(key, ()), projection)
        self._anew()
        try:
            yield
        finally:
            left = tuple(each for each in self._forced.pop(key) if each is not projection)
            self._forced |= {key: left} if left else {}
            self._anew()

    def _settle(self, key: str, at: datetime, definition: FeatureFlag[Any] | None) -> None:
        if definition and key in self._killing:
            definition = None  # and the kill is told to be later than this, whatever the clocks say
        if key not in self._settled or self._settled[key][0] <= at:
            self._settled[key] = (at, definition)

    def _anew(self) -> None:
        # Replaced, never emptied: whoever compiles from an older state stores into the older ones.
        self.values: dict[object, Callable[[Context], Any]] = {}
        self.served: dict[object, Callable[[Context], Served[Any]]] = {}

    def _keep(self, table: dict[object, A], flag: FeatureFlag[Any], choose: A) -> None:
        if len(table) >= FLAGS:
            self._anew()
        table[flag.mark] = choose
        if self._sightings.see(flag):
            self._anew()

    def _value_of(self, flag: FeatureFlag[Any]) -> Callable[[Context], Any]:
        if self._sampler is None:
            return self._projection(flag).of(projections.value, self._around(flag.key))
        served = self._served_of(flag)
        return lambda context: served(context).value

    def _served_of(self, flag: FeatureFlag[Any]) -> Callable[[Context], Served[Any]]:
        served = self._projection(flag).served(self._around(flag.key))
        return self._sampler.watched(served) if self._sampler else served

    def _failed(self, flag: FeatureFlag[T], error: Exception) -> Served[T]:
        served = projections.failed(flag, error)
        if self._sampler:
            self._sampler.show(served.resolution)
        return served

    def _projection(self, flag: FeatureFlag[Any]) -> Projection:
        """Return what is served of a flag. Who wins is decided here, the strongest first."""
        if forced := self._forced.get(flag.key):
            return forced[-1]
        if flag.key in self._settled:
            stable = self._settled[flag.key][1]
        else:
            stable = self._sightings.stable(flag)
        project = self._projects.get(flag.key, Settled)
        if flag.key in self._held:
            return Settled(stable or flag.disable())
        projection = project(stable or flag.disable())
        if stable and (why := self._stale.get(flag.key)):
            projection = Stale(projection, why)
        if stable and (overrides := self._overrides.get(flag.key)):
            return Overridden(overrides, projection)
        return projection

    def _around(self, *path: str) -> Surroundings:
        """Return what the flags on a path of prerequisites can't know by themselves."""

        def variant(prerequisite: Prerequisite) -> Callable[[Context], str | None]:
            key = prerequisite.key
            flag = prerequisite.flag or self._sightings.find(key)
            if flag is None or key in path:
                return constant(None)
            return self._projection(flag).of(projections.name, self._around(*path, key))

        return Surroundings(self.now, variant)
