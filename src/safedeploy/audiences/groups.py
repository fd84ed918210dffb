"""Groups that the host names, and segments: audiences that several flags share."""

from __future__ import annotations

import attrs

from safedeploy import validators
from safedeploy.audiences.algebra import Audience, Now, Predicate, check_extent, untold
from safedeploy.contexts import Context


@attrs.frozen(repr=False)
class Group(Audience):
    """Let in the members of a group, by the group names that the host gives a context.

    Args:
        name: the group's name.
    """

    name: str = attrs.field(validator=validators.text)

    def __repr__(self) -> str:
        """Show it as it is written."""
        return f"Group({self.name!r})"

    def predicate(self, salt: str, now: Now = untold) -> Predicate:
        """Return a function that looks the group up."""
        name = self.name
        return lambda context: name in context.groups

    def told(self, context: Context, salt: str, now: Now = untold) -> str:
        """Return whether the context is in the group."""
        return f"{'in' if self.name in context.groups else 'not in'} group {self.name!r}"


@attrs.frozen(repr=False)
class Segment(Audience):
    """Name an audience, so that several flags mean the same people by it.

    A percentage in it is drawn by the segment's name: it is of the same people in all flags.

    Args:
        name: the segment's name.
        audience: who is in it.
    """

    name: str = attrs.field(validator=validators.text)
    audience: Audience = attrs.field(validator=validators.a(Audience))

    def __attrs_post_init__(self) -> None:
        check_extent(self)

    def __repr__(self) -> str:
        """Show it as it is written."""
        return f"Segment({self.name!r}, {self.audience!r})"

    @property
    def parts(self) -> tuple[Audience, ...]:
        """The audience that it names."""
        return (self.audience,)

    @property
    def depth(self) -> int:
        """How deep it is nested."""
        return self.audience.depth + 1

    @property
    def size(self) -> int:
        """Of how many parts it is made."""
        return self.audience.size

    def predicate(self, salt: str, now: Now = untold) -> Predicate:
        """Return the audience's function, which draws by the segment's name."""
        return self.audience.predicate(self._salt, now)

    def told(self, context: Context, salt: str, now: Now = untold) -> str:
        """Return whether the context is in the segment, and why."""
        is_in = self.predicate(salt, now)(context)
        why = self.audience.told(context, self._salt, now)
        return f"{'in' if is_in else 'not in'} segment {self.name!r} ({why})"

    @property
    def _salt(self) -> str:
        return f"segment:{self.name}"
