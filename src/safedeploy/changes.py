"""Changes: what is being released."""

from __future__ import annotations

import enum

import attrs

from safedeploy import validators


class ChangeKind(enum.Enum):
    """Say what sort of thing changes. All sorts follow one pattern."""

    CODE = "service"
    INFRASTRUCTURE = "infrastructure"
    FLAG = "flag"
    CONFIGURATION = "configuration"


@attrs.frozen
class Change:
    """Say what is released: one version of one subject.

    Args:
        kind: what sort of thing changes.
        name: the name of what changes, unique within its kind.
        version: the version that is released; two contents never share one.
        author: an opaque id of whoever made the change, where that is known.

    Raises:
        DefinitionError: a name or version is empty.
    """

    kind: ChangeKind = attrs.field(validator=validators.a(ChangeKind))
    name: str = attrs.field(validator=validators.text)
    version: str = attrs.field(validator=validators.text)
    author: str | None = attrs.field(default=None, kw_only=True)

    @classmethod
    def code(cls, name: str, *, version: str, author: str | None = None) -> Change:
        """Release a version of a service's code."""
        return cls(ChangeKind.CODE, name, version, author=author)

    @property
    def subject(self) -> str:
        """What is changed, such as `flag:new-checkout`. Only one change of it is ever in flight."""
        return f"{self.kind.value}:{self.name}"

    def __str__(self) -> str:
        return f"{self.subject}@{self.version}"
