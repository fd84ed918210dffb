"""Likenesses: whether two definitions of a flag give people the same."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import attrs

from safedeploy.audiences.shares import Percentage
from safedeploy.audiences.splits import Split

if TYPE_CHECKING:
    from safedeploy.flags.definitions import FeatureFlag
    from safedeploy.flags.resolutions import Resolution


def serve_alike(one: FeatureFlag[Any], other: FeatureFlag[Any]) -> bool:
    """Tell whether everybody gets the same of both, as far as that can be told of all at once."""
    one, other = _without_idle_rules(one), _without_idle_rules(other)
    first, *others = (*one.resolutions, *other.resolutions)
    if all(agree(first, each) for each in others):
        return True
    return decide_alike(one, other) and all(map(agree, one.resolutions, other.resolutions))


def decide_alike(one: FeatureFlag[Any], other: FeatureFlag[Any]) -> bool:
    """Tell whether two definitions have their answers in the same cases, number by number."""
    return one.enabled == other.enabled and _cases(one) == _cases(other)


def agree(one: Resolution[Any], other: Resolution[Any]) -> bool:
    """Tell whether two answers are one to whoever gets them."""
    same = one.value is other.value or (type(one.value), one.value) == (
        type(other.value),
        other.value,
    )
    return same and one.variant == other.variant


def _without_idle_rules(flag: FeatureFlag[Any]) -> FeatureFlag[Any]:
    rules = tuple(rule for rule in flag.rules if rule.when != Percentage(0))
    return attrs.evolve(flag, rules=rules)


def _cases(flag: FeatureFlag[Any]) -> tuple[object, ...]:
    served = (flag.default, *(rule.variant for rule in flag.rules))
    return (
        [rule.when for rule in flag.rules],
        [each if isinstance(each, Split) else None for each in served],
        [(each, each.flag) for each in flag.prerequisites],
        flag.within,
    )
