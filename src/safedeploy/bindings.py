"""Bindings: the targets and parameters that names in plans stand for, in this process."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import attrs

from safedeploy.errors import DefinitionError, ReleaseRefusedError, SafeDeployError
from safedeploy.parameters import Parameters
from safedeploy.plans import Plan
from safedeploy.rings import Named, Place
from safedeploy.targets import Target

_NONE = Parameters("none")


@attrs.frozen
class _Known:
    targets: Mapping[str, Target]
    environments: Mapping[str, Parameters]

    def parameters(self, place: Place) -> Parameters:
        return self.environments[place.environment] if place.environment else _NONE

    def trouble(self, place: Place) -> ReleaseRefusedError | None:
        target, environment = self.targets.get(place.target), place.environment
        if target is None:
            mend = "give the engine a target of that name, or the ring a target"
            return ReleaseRefusedError("target", place.target, mend)
        if environment and environment not in self.environments:
            mend = "give the engine parameters of that name, or the ring parameters"
            return ReleaseRefusedError("environment", environment, mend)
        if lacks := self.parameters(place).lacks(target.needs):
            mend = f"{place.target!r} needs parameters that it lacks: {', '.join(lacks)}"
            return ReleaseRefusedError("environment", environment, mend)
        return None


class Bindings:
    """Know targets and parameters by name.

    Args:
        targets: those that any plan may name.
        environments: the parameters of environments that any plan may name.

    Raises:
        DefinitionError: two have one name, or something else was given.
    """

    def __init__(
        self, targets: Iterable[Target] = (), environments: Iterable[Parameters] = ()
    ) -> None:
        self._known = _Known(_by_name("targets", targets), _by_name("environments", environments))

    def learn(self, plan: Plan) -> None:
        """Take over what a plan brings along, if nothing is missing then.

        Raises:
            ReleaseRefusedError: a ring has no target, a name stands for nothing or for two things,
                or an environment lacks a parameter that its target needs.
        """
        targets = [plan.target, *(ring.target for ring in plan.rings)]
        environments = [ring.environment for ring in plan.rings]
        known = _Known(
            {**self._known.targets, **_brought("target", targets)},
            {**self._known.environments, **_brought("environment", environments)},
        )
        for number, ring in enumerate(plan.rings):
            place = plan.place(number)
            if place is None:
                mend = f"give ring {ring.name!r} a target, or the plan: Ring(target=...)"
                raise ReleaseRefusedError("target", None, mend)
            if trouble := known.trouble(place):
                raise trouble
        self._known = known

    def missing(self, place: Place) -> str:
        """Return what keeps a place from being used, and the mend; empty if nothing does."""
        trouble = self._known.trouble(place)
        return str(trouble) if trouble else ""

    def target(self, place: Place) -> Target:
        """Return the target of a place of which nothing is `missing`."""
        return self._known.targets[place.target]

    def parameters(self, place: Place) -> Parameters:
        """Return the parameters of a place of which nothing is `missing`."""
        return self._known.parameters(place)


def _by_name(field: str, values: Iterable[Any]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for value in values:
        _check(field, value, DefinitionError)
        if value.name in found:
            raise DefinitionError(field, value.name, "give each a name of its own")
        found[value.name] = value
    return found


def _brought(field: str, given: Iterable[Named | None]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for each in given:
        if each is None or each.value is None:
            continue
        _check(field, each.value, ReleaseRefusedError)
        if found.setdefault(each.name, each.value) is not each.value:
            raise ReleaseRefusedError(field, each.name, "give each a name of its own")
    return found


def _check(field: str, value: object, error: type[SafeDeployError]) -> None:
    """Refuse what is no target, or no parameters. It isn't shown: there may be secrets in it."""
    if field.startswith("environment"):
        if not isinstance(value, Parameters):
            raise error(field, type(value).__name__, "give Parameters")
        return
    wanted = ("name", "needs", "apply", "withdraw", "verify")
    if lacks := [name for name in wanted if not hasattr(value, name)]:
        raise error(field, type(value).__name__, f"give what has {' and '.join(lacks)}, too")
