"""Rules and prerequisites: what a flag is made of, besides its variants."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import attrs

from safedeploy import validators
from safedeploy.audiences.algebra import Audience
from safedeploy.errors import DefinitionError

if TYPE_CHECKING:
    from safedeploy.audiences.splits import Split
    from safedeploy.flags.definitions import FeatureFlag


@attrs.frozen
class Rule:
    """Serve a variant, or several by weight, to an audience.

    Args:
        variant: the name of the variant, or a `Split`. A split doesn't match who can't be drawn.
        when: who gets it.
    """

    variant: str | Split
    when: Audience = attrs.field(validator=validators.a(Audience))


def _names(given: str | Iterable[str]) -> tuple[str, ...]:
    names = (given,) if isinstance(given, str) else validators.several(given)
    if not isinstance(names, tuple) or not names or not all(isinstance(it, str) for it in names):
        raise DefinitionError("variants", given, "give the name of one variant or more")
    return names


@attrs.frozen
class Prerequisite:
    """Let a flag be on for those only who get a certain variant of another flag.

    Equal are those of the same key and variants, and records keep no more: a flag isn't another one
    because its prerequisite is edited. Make one with `FeatureFlag.require`.

    Args:
        key: the other flag's key.
        variants: the names of the variants of which one is wanted.
        flag: the other flag; None where only its key is known, as in a journal. It is unmet then,
            unless an engine knows the flag.

    Raises:
        DefinitionError: an empty key, no variants, or another flag than the key says.
    """

    key: str = attrs.field(validator=validators.text)
    variants: tuple[str, ...] = attrs.field(converter=_names)
    flag: FeatureFlag[Any] | None = attrs.field(default=None, eq=False, repr=False)

    def __attrs_post_init__(self) -> None:
        if self.flag is not None and self.flag.key != self.key:
            raise DefinitionError("key", self.key, f"give the flag's own: {self.flag.key!r}")
        for name in self.variants if self.flag is not None else ():
            if self.flag is not None and name not in self.flag.variants:
                mend = f"choose one of {list(self.flag.variants)}"
                raise DefinitionError("variants", name, mend)

    @property
    def unmet(self) -> str:
        """What there is to say where it isn't met."""
        return f"prerequisite {self.key!r} isn't {' or '.join(map(repr, self.variants))}"
