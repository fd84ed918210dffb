"""Changes: what is being released."""

from __future__ import annotations

import enum

import attrs

from safedeploy import people, validators
from safedeploy.validators import ADDED


class ChangeKind(enum.Enum):
    """Say what sort of thing changes. All sorts follow one pattern."""

    CODE = "service"
    INFRASTRUCTURE = "infrastructure"
    FLAG = "flag"
    CONFIGURATION = "configuration"


@attrs.frozen(kw_only=True)
class Provenance:
    """Say where a version comes from, as far as whoever releases it knows. Checks read it.

    Args:
        branch: the branch that it was built from.
        commit: what was built, by the id that version control has for it.
        build: which build made it: an id, or an address.
        reviewed_by: opaque ids of those who have reviewed it.

    Raises:
        DefinitionError: a field is no text, or a reviewer's id is empty.
    """

    branch: str = attrs.field(default="", validator=validators.a(str))
    commit: str = attrs.field(default="", validator=validators.a(str))
    build: str = attrs.field(default="", validator=validators.a(str))
    reviewed_by: frozenset[str] = attrs.field(
        default=frozenset(), converter=people.names, validator=people.named
    )


UNKNOWN = Provenance()
"""What is said of a version where nobody knows where it comes from."""


@attrs.frozen
class Change:
    """Say what is released: one version of one subject.

    Args:
        kind: what sort of thing changes.
        name: the name of what changes, unique within its kind.
        version: the version that is released; two contents never share one.
        author: an opaque id of whoever made the change, where that is known.
        provenance: where the version comes from, where that is known.

    Raises:
        DefinitionError: a name or version is empty.
    """

    kind: ChangeKind = attrs.field(validator=validators.a(ChangeKind))
    name: str = attrs.field(validator=validators.text)
    version: str = attrs.field(validator=validators.text)
    author: str | None = attrs.field(default=None, kw_only=True)
    provenance: Provenance = attrs.field(
        default=UNKNOWN,
        kw_only=True,
        repr=False,
        validator=validators.a(Provenance),
        metadata=ADDED,
    )

    @classmethod
    def code(
        cls,
        name: str,
        *,
        version: str,
        author: str | None = None,
        provenance: Provenance = UNKNOWN,
    ) -> Change:
        """Release a version of a service's code."""
        return cls(ChangeKind.CODE, name, version, author=author, provenance=provenance)

    @classmethod
    def infrastructure(
        cls,
        name: str,
        *,
        version: str,
        author: str | None = None,
        provenance: Provenance = UNKNOWN,
    ) -> Change:
        """Release a version of infrastructure: of a template, a cluster, a network."""
        kind = ChangeKind.INFRASTRUCTURE
        return cls(kind, name, version, author=author, provenance=provenance)

    @classmethod
    def configuration(
        cls,
        name: str,
        *,
        version: str,
        author: str | None = None,
        provenance: Provenance = UNKNOWN,
    ) -> Change:
        """Release a version of a configuration."""
        return cls(ChangeKind.CONFIGURATION, name, version, author=author, provenance=provenance)

    @property
    def subject(self) -> str:
        """What is changed, such as `flag:new-checkout`. Only one change of it is ever in flight."""
        return f"{self.kind.value}:{self.name}"

    def __str__(self) -> str:
        return f"{self.subject}@{self.version}"
