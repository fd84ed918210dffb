"""Parameters: what differs between environments, apart from what uses it."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from typing import Any

import attrs

from safedeploy.errors import DefinitionError
from safedeploy.validators import NOTHING, frozen, text


def _by_name(
    given: Mapping[Any, Any], field: str, mend: str, *, fits: Callable[[object], bool]
) -> None:
    # What is wrong is named, and not shown: it may be a secret.
    if not isinstance(given, Mapping):
        raise DefinitionError(field, type(given).__name__, "give a mapping")
    for name, value in given.items():
        if not isinstance(name, str) or not name.strip() or not fits(value):
            raise DefinitionError(field, name, mend)


def _texts(_: object, field: attrs.Attribute[Any], given: Mapping[Any, Any]) -> None:
    mend = "give a text for each name, and no empty name"
    _by_name(given, field.name, mend, fits=lambda value: isinstance(value, str))


def _functions(_: object, field: attrs.Attribute[Any], given: Mapping[Any, Any]) -> None:
    _by_name(given, field.name, "give a function for each name, and no empty name", fits=callable)


def _names(given: Mapping[str, object]) -> str:
    return f"{sorted(given)}"


@attrs.frozen
class Parameters:
    """Say what an environment has for those parameters that differ between environments.

    What uses them says by name what it needs; a ring says of which environment. Whether nothing is
    missing is checked before a release, and again before each ring. A journal holds the
    environment's name, and nothing of this.

    Args:
        name: that of the environment.
        values: texts by name.
        secrets: functions by name, each of which returns a text. They are asked whenever something
            is applied or withdrawn, and what they return is kept nowhere and shown nowhere.

    Raises:
        DefinitionError: the environment's name is empty, a name is empty or is given twice, or a
            value is no text.
    """

    name: str = attrs.field(validator=text)
    values: Mapping[str, str] = attrs.field(
        default=NOTHING, converter=frozen, validator=_texts, repr=_names
    )
    secrets: Mapping[str, Callable[[], str]] = attrs.field(
        default=NOTHING, kw_only=True, converter=frozen, validator=_functions, repr=_names
    )

    def __attrs_post_init__(self) -> None:
        if twice := sorted(self.values.keys() & self.secrets.keys()):
            raise DefinitionError("secrets", twice, "give each name once")

    def lacks(self, needs: Collection[str]) -> list[str]:
        """Return what is missing, by name, of what something needs."""
        return sorted({*needs} - {*self.values} - {*self.secrets})

    def only(self, needs: Collection[str]) -> Parameters:
        """Return those that something needs: nobody is told what they don't ask for."""
        return attrs.evolve(
            self,
            values={name: self.values[name] for name in self.values if name in needs},
            secrets={name: self.secrets[name] for name in self.secrets if name in needs},
        )
