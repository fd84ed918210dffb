"""Projections: a flag, and the rollout that changes it, become functions that are fast to ask."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, Protocol, TypeAlias, TypeVar

import attrs

from safedeploy.audiences import MASK, Exposure, Percentage, multiplier, threshold
from safedeploy.contexts import Context
from safedeploy.flags import FeatureFlag, Reason, Resolution, Surroundings, chooser
from safedeploy.flags.choosers import constant
from safedeploy.flags.likenesses import agree, decide_alike
from safedeploy.guards import Served, Watch
from safedeploy.tallies import Tally

if TYPE_CHECKING:  # whoever only asks flags doesn't wait for it
    from safedeploy.overrides import Override

T = TypeVar("T")
A = TypeVar("A")

Take: TypeAlias = Callable[[Any, str], A]
"""What is asked for of a variant, by its value and its name."""


class Projection(Protocol):
    """What a flag serves at present."""

    def of(self, take: Take[A], around: Surroundings) -> Callable[[Context], A]:
        """Return a function from a context to what is asked for of its variant."""
        ...

    def served(self, around: Surroundings) -> Callable[[Context], Served[Any]]:
        """Return a function from a context to what it is served, with the reason."""
        ...

    def explained(self, context: Context, around: Surroundings) -> str:
        """Return for people how it decides, with the context's attributes."""
        ...


def value(value: Any, _: str) -> Any:
    """Take a variant's value."""
    return value


def name(_: Any, variant: str) -> str | None:
    """Take a variant's name."""
    return variant


class Watched(Protocol):
    """What is told of the calls of both arms."""

    @property
    def canary(self) -> Watch:
        """Told of those whom the rollout has reached."""
        ...

    @property
    def baseline(self) -> Watch:
        """Told of the others whom it would affect."""
        ...


@attrs.frozen
class Settled:
    """A flag that no rollout is changing.

    Args:
        flag: its stable definition.
        detail: what there is to say of that.
    """

    flag: FeatureFlag[Any]
    detail: str = attrs.field(default="", kw_only=True)

    def of(self, take: Take[A], around: Surroundings) -> Callable[[Context], A]:
        """Return a function from a context to what is asked for of its variant."""
        return _taken(self.flag, take, around)

    def served(self, around: Surroundings) -> Callable[[Context], Served[Any]]:
        """Return a function from a context to what it is served, with the reason."""
        found = self.flag.resolutions
        if self.detail:
            found = tuple(each.adding(self.detail) for each in found)
        return chooser(self.flag, [_served(each) for each in found], around)

    def explained(self, context: Context, around: Surroundings) -> str:
        """Return for people how it decides, with the context's attributes."""
        from safedeploy.flags.explaining import explained

        found = explained(self.flag, context, around)
        return f"{found}\n  {self.detail}" if self.detail else found


@attrs.frozen
class Released:
    """A flag that a rollout moves from a stable to a new definition.

    Args:
        stable: what those get whom the rollout hasn't reached.
        definition: what the others get.
        exposure: whom it has reached.
        tally: where the outcomes of affected contexts are recorded.
        rollout: the rollout's id.
        ring: the name of the ring that it has reached.
        watch: what else is told of both arms' calls.
    """

    stable: FeatureFlag[Any]
    definition: FeatureFlag[Any] = attrs.field(kw_only=True)
    exposure: Exposure = attrs.field(kw_only=True)
    tally: Tally = attrs.field(kw_only=True)
    rollout: str = attrs.field(kw_only=True)
    ring: str = attrs.field(kw_only=True)
    watch: Watched | None = attrs.field(default=None, kw_only=True)

    def of(self, take: Take[A], around: Surroundings) -> Callable[[Context], A]:
        """Return a function from a context to what is asked for of its variant."""
        new, old = (_taken(each, take, around) for each in (self.definition, self.stable))
        return self._parted(new, old)

    def served(self, around: Surroundings) -> Callable[[Context], Served[Any]]:
        """Return a function from a context to what it is served, with the reason.

        Who isn't affected by the rollout is told nothing of it, and tallied nowhere.
        """
        stable, definition = self.stable, self.definition
        if decide_alike(stable, definition):
            # Whom the rules match is asked once, not twice.
            pairs = map(self._pair, stable.resolutions, definition.resolutions)
            pair_of = chooser(stable, [*pairs], around)
            is_reached = Percentage(self.exposure.percent).predicate(self.exposure.salt)
            return lambda context: pair_of(context)[is_reached(context)]
        rows = [
            [self._pair(old, new) for old in stable.resolutions] for new in definition.resolutions
        ]
        row_of = chooser(definition, rows, around)
        number_of = chooser(stable, range(len(stable.outcomes)), around)
        is_reached = Percentage(self.exposure.percent).predicate(self.exposure.salt)
        return lambda context: row_of(context)[number_of(context)][is_reached(context)]

    def explained(self, context: Context, around: Surroundings) -> str:
        """Return for people how it decides, with the context's attributes."""
        from safedeploy.flags.explaining import explained

        share = Percentage(self.exposure.percent)
        is_reached = share.matches(context, salt=self.exposure.salt)
        found = explained(self.definition if is_reached else self.stable, context, around)
        reached = (
            f"ring {self.ring!r} of {self.rollout} has{'' if is_reached else ' not'} reached it"
        )
        return f"{found}\n  {reached}: {share.told(context, self.exposure.salt)}"

    def _parted(
        self, new: Callable[[Context], A], old: Callable[[Context], A]
    ) -> Callable[[Context], A]:
        if self.exposure.percent == 100:
            return new
        times, end = multiplier(self.exposure.salt), threshold(self.exposure.percent)

        def choose(context: Context) -> A:
            # As a percentage decides; a call would cost as much again.
            unit = context.unit
            return (old if unit is None or unit * times & MASK >= end else new)(context)

        return choose

    def _pair(self, old: Resolution[Any], new: Resolution[Any]) -> tuple[Served[Any], Served[Any]]:
        if agree(old, new):
            return (_served(old), _served(old))
        old = attrs.evolve(old, rollout=self.rollout)
        new = attrs.evolve(new, rollout=self.rollout, ring=self.ring)
        tally, watch = self.tally, self.watch
        told = (watch.baseline, watch.canary) if watch else (None, None)
        baseline = Served(old, old.value, tally, tally.baseline, told[0])
        return (baseline, Served(new, new.value, tally, tally.canary, told[1]))


@attrs.frozen
class Overridden:
    """A flag that operators override.

    Whoever is let in by an override is in no arm: what happens to them says nothing of a change.

    Args:
        overrides: those that stand; of several that let a context in, the latest decides.
        otherwise: what serves everybody else.
    """

    overrides: Sequence[Override]
    otherwise: Projection

    def of(self, take: Take[A], around: Surroundings) -> Callable[[Context], A]:
        """Return a function from a context to what is asked for of its variant."""
        answers = [take(each.value, each.variant) for each in self.overrides]
        return self._asking(answers, self.otherwise.of(take, around), around)

    def served(self, around: Surroundings) -> Callable[[Context], Served[Any]]:
        """Return a function from a context to what it is served, with the reason."""
        answers = [_served(each.resolution) for each in self.overrides]
        return self._asking(answers, self.otherwise.served(around), around)

    def explained(self, context: Context, around: Surroundings) -> str:
        """Return for people how it decides, with the context's attributes."""
        answers = [each.resolution.explain() for each in self.overrides]
        return self._asking(answers, lambda it: self.otherwise.explained(it, around), around)(
            context
        )

    def _asking(
        self, answers: Sequence[A], otherwise: Callable[[Context], A], around: Surroundings
    ) -> Callable[[Context], A]:
        now = around.now
        asked = [
            (each.audience.predicate(each.flag, now), each.until, answer)
            for each, answer in zip(reversed(self.overrides), reversed(answers), strict=True)
        ]

        def ask(context: Context) -> A:
            for matches, until, answer in asked:
                if matches(context) and (at := now()) is not None and at < until:
                    return answer
            return otherwise(context)

        return ask


@attrs.frozen
class Stale:
    """A flag whose definition is the last known good, because it can't be brought up to date.

    Args:
        known: what serves it.
        why: what keeps it from being brought up to date.
    """

    known: Projection
    why: str

    def of(self, take: Take[A], around: Surroundings) -> Callable[[Context], A]:
        """Return a function from a context to what is asked for of its variant."""
        return self.known.of(take, around)

    def served(self, around: Surroundings) -> Callable[[Context], Served[Any]]:
        """Return a function from a context to what it is served, with the reason."""
        choose, why = self.known.served(around), self.why
        told: dict[int, tuple[Served[Any], Served[Any]]] = {}  # what is served is one of a few

        def ask(context: Context) -> Served[Any]:
            found = choose(context)
            if id(found) not in told:
                said = attrs.evolve(found.resolution.adding(why), reason=Reason.STALE)
                told[id(found)] = (found, attrs.evolve(found, resolution=said))
            return told[id(found)][1]

        return ask

    def explained(self, context: Context, around: Surroundings) -> str:
        """Return for people how it decides, with the context's attributes."""
        return f"{self.known.explained(context, around)}\n  {self.why}"


@attrs.frozen(eq=False)
class Forced:
    """A flag that has one answer, for everybody, in no arm."""

    resolution: Resolution[Any]

    def of(self, take: Take[A], around: Surroundings) -> Callable[[Context], A]:
        """Return a function from a context to what is asked for of its variant."""
        return constant(take(self.resolution.value, self.resolution.variant))

    def served(self, around: Surroundings) -> Callable[[Context], Served[Any]]:
        """Return a function from a context to what it is served, with the reason."""
        return constant(_served(self.resolution))

    def explained(self, context: Context, around: Surroundings) -> str:
        """Return for people how it decides."""
        return self.resolution.explain()


def failed(flag: FeatureFlag[T], error: Exception) -> Served[T]:
    """Return what a caller is served when asking went wrong."""
    return _served(flag.failed(error))


def _taken(flag: FeatureFlag[Any], take: Take[A], around: Surroundings) -> Callable[[Context], A]:
    return chooser(flag, [take(flag.variants[name], name) for name in flag.outcomes], around)


def _served(resolution: Resolution[T]) -> Served[T]:
    return Served(resolution, resolution.value)
