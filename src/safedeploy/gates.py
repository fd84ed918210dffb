"""Gates: what must be shown before a ring begins."""

from __future__ import annotations

import enum
from collections.abc import Callable
from typing import TypeAlias

import attrs

from safedeploy import validators
from safedeploy.changes import Change


class Answer(enum.Enum):
    """Say what a gate does."""

    OPENS = "opens"
    """What was to be shown has been shown."""
    HOLDS = "holds"
    """Not yet: it is asked again at the next tick."""
    FAILS = "fails"
    """It never will be: the rollout halts."""


Run: TypeAlias = Callable[[Change], "bool | Answer"]


@attrs.frozen
class Check:
    """Name a gate that opens when a function of the host says so.

    A plan holds a check by name: equality and digests leave `run` out, and the core never calls it.

    Args:
        name: the check's name, unique in its plan.
        run: asked with the change. True opens, False holds (it is asked again), `Answer.FAILS`
            halts. An exception holds as well: a broken check isn't the change's failure.

    Raises:
        DefinitionError: the name is empty.
    """

    name: str = attrs.field(validator=validators.text)
    run: Run | None = attrs.field(default=None, kw_only=True, eq=False, repr=False)
