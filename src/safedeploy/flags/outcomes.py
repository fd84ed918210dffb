"""Outcomes: every answer that a flag can give, known beforehand."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any, TypeVar

from safedeploy.audiences.forms import Asked
from safedeploy.audiences.splits import Split
from safedeploy.flags.resolutions import Reason, Resolution

if TYPE_CHECKING:
    from safedeploy.flags.definitions import FeatureFlag

T = TypeVar("T")

MOST_ASKED = 100
"""Of how many attributes a resolution tells that they are missing."""


def named(served: Any) -> tuple[Any, ...]:
    """Return the names of what a rule or the default serves."""
    return served.names if isinstance(served, Split) else (served,)


def names(flag: FeatureFlag[Any]) -> tuple[str, ...]:
    """Return the variant of each answer: of `resolutions`, in their order."""
    if not flag.enabled:
        return (flag.off,)
    served = (*(rule.variant for rule in flag.rules), flag.default)
    offs = (flag.off,) * len(tuple(_offs(flag)))
    return (*(name for each in served for name in named(each)), *offs)


def resolutions(flag: FeatureFlag[T]) -> Iterator[Resolution[T]]:
    """Go through the answers: the rules' in order, the default's, and those that are off."""
    if not flag.enabled:
        yield resolution(flag, flag.off, Reason.DISABLED)
        return
    asked = _distinct(() if flag.within is None else flag.within.asked())
    for number, rule in enumerate(flag.rules, start=1):
        asked = _distinct((*asked, *rule.when.asked(), *_drawn_by(rule.variant)))
        is_split = rule.when.is_split() or isinstance(rule.variant, Split)
        reason = Reason.SPLIT if is_split else Reason.TARGETING_MATCH
        for name in named(rule.variant):
            yield resolution(flag, name, reason, rule=number, asked=asked)
    asked = _distinct((*asked, *_drawn_by(flag.default)))
    reason = Reason.DEFAULT if flag.rules else Reason.STATIC
    reason = Reason.SPLIT if isinstance(flag.default, Split) else reason
    for name in named(flag.default):
        yield resolution(flag, name, reason, asked=asked)
    for detail in _offs(flag):
        yield resolution(flag, flag.off, Reason.DISABLED, detail=detail, asked=asked)


def resolution(
    flag: FeatureFlag[T],
    variant: str,
    reason: Reason,
    *,
    rule: int | None = None,
    detail: str = "",
    asked: tuple[Asked, ...] = (),
) -> Resolution[T]:
    """Return one answer."""
    value, version = flag.variants[variant], flag.version
    return Resolution(flag.key, value, variant, reason, version, rule, detail=detail, asked=asked)


def _offs(flag: FeatureFlag[Any]) -> Iterator[str]:
    """Go through what there is to say where the flag is off for a context."""
    if isinstance(flag.default, Split):
        yield f"there is no {flag.default.of or 'targeting key'} to draw by"
    for prerequisite in flag.prerequisites:
        yield prerequisite.unmet
    if flag.within is not None:
        yield "not within the flag's audience: held back, or in another share"


def _drawn_by(served: str | Split) -> Iterator[Asked]:
    return served.asked() if isinstance(served, Split) else iter(())


def _distinct(asked: Iterable[Asked]) -> tuple[Asked, ...]:
    return tuple(dict.fromkeys(asked))[:MOST_ASKED]
