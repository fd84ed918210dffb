"""Explaining: how a flag decides for a context, step by step, for people."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from safedeploy.audiences.splits import Split
from safedeploy.contexts import Context
from safedeploy.errors import shown
from safedeploy.flags.choosers import Surroundings, chooser, drawn_by, variant_of
from safedeploy.flags.resolutions import noted

if TYPE_CHECKING:
    from safedeploy.flags.definitions import FeatureFlag


def explained(flag: FeatureFlag[Any], context: Context, around: Surroundings) -> str:
    """Return the answer, and under it what was asked, in order, until it was clear.

    Args:
        flag: what decides.
        context: for whom; the attributes that were asked for are in the text.
        around: what else decides.
    """
    found = noted(chooser(flag, flag.resolutions, around)(context), context)
    return "\n  ".join(
        [f"{found.explain()}; value {shown(found.value, 80)}", *_steps(flag, context, around)]
    )


def _steps(flag: FeatureFlag[Any], context: Context, around: Surroundings) -> Iterator[str]:
    if not flag.enabled:
        return
    if flag.within is not None:
        yield f"within: {flag.within.told(context, flag.key, around.now)}"
        if not flag.within.predicate(flag.key, around.now)(context):
            return
    for each in flag.prerequisites:
        variant = variant_of(each, around)(context)
        yield (
            f"prerequisite {each.key!r} is {variant!r}"
            if variant
            else f"{each.unmet}: unknown here"
        )
        if variant not in each.variants:
            return
    yield from _rules(flag, context, around)


def _rules(flag: FeatureFlag[Any], context: Context, around: Surroundings) -> Iterator[str]:
    for number, rule in enumerate(flag.rules, start=1):
        why = rule.when.told(context, flag.key, around.now)
        matched = rule.when.predicate(flag.key, around.now)(context)
        if isinstance(rule.variant, Split) and matched:
            matched = rule.variant.can_draw(context)
            why = f"{why}; {rule.variant.told(context, drawn_by(flag.key))}"
        yield f"rule {number} {'matched because' if matched else 'did not match:'} {why}"
        if matched:
            return
    if isinstance(flag.default, Split):
        yield f"default: {flag.default.told(context, drawn_by(flag.key))}"
