"""Choosers: a flag becomes a function from a context to one of its answers, fast to ask.

Everything is decided beforehand that doesn't depend on the context. The forms that nearly every
flag has are written out, because a call costs as much as a decision.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from itertools import islice
from typing import TYPE_CHECKING, TypeAlias, TypeVar

import attrs

from safedeploy.audiences.algebra import Now, Predicate, untold
from safedeploy.audiences.shares import MASK, Percentage, multiplier, threshold
from safedeploy.contexts import Context
from safedeploy.flags.rules import Prerequisite, Rule

if TYPE_CHECKING:
    from typing import Any

    from safedeploy.flags.definitions import FeatureFlag

A = TypeVar("A")

Choose: TypeAlias = Callable[[Context], A]


def _nothing(_: Prerequisite) -> Choose[str | None] | None:
    return None


@attrs.frozen
class Surroundings:
    """Say what a flag can't know by itself.

    Attributes:
        now: tells the time.
        variant: returns a function from a context to the variant that it gets of a prerequisite's
            flag; None where the flag itself is to be asked.
    """

    now: Now = untold
    variant: Callable[[Prerequisite], Choose[str | None] | None] = _nothing


ALONE = Surroundings()
"""The surroundings of a flag that knows no engine, and isn't told the time."""


def chooser(flag: FeatureFlag[Any], answers: Sequence[A], around: Surroundings) -> Choose[A]:
    """Return a function from a context to one of the answers.

    Args:
        flag: what decides.
        answers: one for each of `flag.outcomes`, in their order.
        around: what else decides.
    """
    rest = iter(answers)
    if not flag.enabled:
        return constant(next(rest))
    if flag.is_simple and flag.rules:
        asked = [rule.when.predicate(flag.key, around.now) for rule in flag.rules]
        if len(asked) == 1:
            return _by_one_rule(asked[0], flag, *rest)
        return _by_rules(tuple(zip(asked, rest, strict=False)), answers[-1])
    rules = [_rule(rule, flag, rest, around) for rule in flag.rules]
    otherwise = _otherwise(flag, rest)
    gates = [(_unmet(each, around), constant(next(rest))) for each in flag.prerequisites]
    if flag.within is not None:
        gates.insert(
            0, (_outside(flag.within.predicate(flag.key, around.now)), constant(next(rest)))
        )
    return _by_steps((*gates, *rules), otherwise) if gates or rules else otherwise


def constant(answer: A) -> Choose[A]:
    """Return a function that has one answer for all."""
    # An argument's default takes less memory than a closure's cell, and is no slower.
    return lambda _, answer=answer: answer  # type: ignore[misc]


def drawn_by(key: str) -> str:
    """Return what the splits of a flag are drawn with: not as its percentages are.

    Else all whom a percentage lets in would get the first variant.
    """
    return f"split:{key}"


def _by_one_rule(matches: Predicate, flag: FeatureFlag[Any], some: A, others: A) -> Choose[A]:
    when = flag.rules[0].when
    if type(when) is not Percentage or when.of is not None or when.percent == 100:
        return lambda context: some if matches(context) else others

    def choose(
        context: Context,
        times: int = multiplier(flag.key),
        end: int = threshold(when.percent),
        some: A = some,
        others: A = others,
    ) -> A:
        unit = context.unit
        return others if unit is None or unit * times & MASK >= end else some

    return choose


def _by_rules(steps: tuple[tuple[Predicate, A], ...], otherwise: A) -> Choose[A]:
    def choose(context: Context) -> A:
        for matches, answer in steps:
            if matches(context):
                return answer
        return otherwise

    return choose


def _by_steps(steps: tuple[tuple[Predicate, Choose[A]], ...], otherwise: Choose[A]) -> Choose[A]:
    def choose(context: Context) -> A:
        for matches, answer in steps:
            if matches(context):
                return answer(context)
        return otherwise(context)

    return choose


def _rule(
    rule: Rule, flag: FeatureFlag[Any], rest: Iterator[A], around: Surroundings
) -> tuple[Predicate, Choose[A]]:
    matches, served = rule.when.predicate(flag.key, around.now), rule.variant
    if isinstance(served, str):
        return matches, constant(next(rest))
    answers, can_draw = tuple(islice(rest, len(served.names))), served.can_draw
    choose = served.chooser(answers, drawn_by(flag.key), answers[0])
    return (lambda context: can_draw(context) and matches(context)), choose


def _otherwise(flag: FeatureFlag[Any], rest: Iterator[A]) -> Choose[A]:
    if isinstance(flag.default, str):
        return constant(next(rest))
    answers = tuple(islice(rest, len(flag.default.names)))
    return flag.default.chooser(answers, drawn_by(flag.key), next(rest))


def variant_of(prerequisite: Prerequisite, around: Surroundings) -> Choose[str | None]:
    """Return a function from a context to what it gets of a prerequisite's flag."""
    asked, flag = around.variant(prerequisite), prerequisite.flag
    if asked is not None:
        return asked
    return constant(None) if flag is None else chooser(flag, flag.outcomes, around)


def _unmet(prerequisite: Prerequisite, around: Surroundings) -> Predicate:
    variant, wanted = variant_of(prerequisite, around), prerequisite.variants
    return lambda context: variant(context) not in wanted


def _outside(matches: Predicate) -> Predicate:
    return lambda context: not matches(context)
