"""People: who decides, as the host knows them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import attrs

from safedeploy import validators
from safedeploy.errors import DefinitionError


def names(given: Iterable[str]) -> frozenset[str]:
    """Convert several texts to a set; leave anything else alone, for `named` to refuse."""
    is_one = isinstance(given, str) or not isinstance(given, Iterable)
    several: Any = given if is_one else tuple(given)
    return several if is_one or not all(map(_is_text, several)) else frozenset(several)


def named(_: object, field: attrs.Attribute[frozenset[str]], value: frozenset[str]) -> None:
    """Refuse what isn't a set of texts with something in them."""
    if not isinstance(value, frozenset) or not all(map(_is_text, value)):
        raise DefinitionError(field.name, value, "give several texts that aren't empty")


def _is_text(value: object) -> bool:
    return isinstance(value, str) and bool(value.strip())


@attrs.frozen
class Person:
    """Name whoever decides, by what the host knows of them.

    Args:
        id: an opaque id, always the same for one person. It goes into the journal, so nothing
            personal: no name, no address.
        roles: what the person may act as; the host has verified it.

    Raises:
        DefinitionError: the id or a role is empty.
    """

    id: str = attrs.field(validator=validators.text)
    roles: frozenset[str] = attrs.field(default=frozenset(), converter=names, validator=named)

    def __str__(self) -> str:
        return self.id


def person(by: Person | str) -> Person:
    """Return a person; one without roles, where only the id is given.

    Raises:
        DefinitionError: the id is empty, or no text.
    """
    return by if isinstance(by, Person) else Person(by)


def who(by: Person | str) -> str:
    """Return the id of whoever decides."""
    return by.id if isinstance(by, Person) else by
