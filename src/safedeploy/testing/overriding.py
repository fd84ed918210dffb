"""Overriding: let a test decide what a flag serves."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager
from typing import TypeVar

from safedeploy.engine import Engine
from safedeploy.flags import FeatureFlag, Reason, Resolution

T = TypeVar("T")


@contextmanager
def overridden(engine: Engine, flag: FeatureFlag[T], value: str | T) -> Generator[None]:
    """Serve everybody one value of a flag for as long as a test's block lasts.

    It beats all else that an engine knows: kills, halts, rings, rules. It holds in every thread,
    is recorded nowhere, and what happens under it counts in no arm. Of several, the innermost wins.

    Args:
        engine: the one that the code under test asks.
        flag: which flag.
        value: a variant's name or its value, as `FeatureFlag.serve` takes it.

    Raises:
        DefinitionError: the flag has no such variant.
    """
    variant = flag.named(value)
    served = flag.variants[variant]
    detail = "overridden by a test"
    answer = Resolution(flag.key, served, variant, Reason.OVERRIDE, flag.version, detail=detail)
    with engine._exposures.forced(answer):  # noqa: SLF001 # pyright: ignore[reportPrivateUsage]
        yield
