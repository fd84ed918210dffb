"""Feature flags: named decision points in code, and what a caller gets from one, and why."""

from __future__ import annotations

import enum
from collections.abc import Callable, Iterable, Mapping
from types import MappingProxyType
from typing import Any, Generic, TypeVar

import attrs

from safedeploy import validators
from safedeploy.audiences import Audience
from safedeploy.changes import UNKNOWN, Change, ChangeKind, Provenance
from safedeploy.contexts import Context
from safedeploy.digests import digest
from safedeploy.errors import DefinitionError

T = TypeVar("T")


class Reason(enum.Enum):
    """Say why a caller got a value. The names are OpenFeature's, but for OVERRIDE."""

    STATIC = "no rule decides: everybody gets it"
    TARGETING_MATCH = "a rule matched"
    SPLIT = "a rule with a percentage matched"
    DEFAULT = "no rule matched"
    DISABLED = "the flag was killed"
    OVERRIDE = "an operator or a test said so"
    STALE = "the last known good was served"
    ERROR = "something went wrong"


@attrs.frozen
class Rule:
    """Serve a variant to an audience.

    Args:
        variant: the name of the variant.
        when: who gets it.
    """

    variant: str
    when: Audience = attrs.field(validator=validators.a(Audience))


@attrs.frozen
class Resolution(Generic[T]):
    """Hold the answer of a flag, explained.

    Attributes:
        flag: the flag's key.
        value: what the caller gets.
        variant: the name of that value.
        reason: why.
        version: the version of the definition that decided.
        rule: the number of the rule that matched, from 1; None where none did.
        ring: the name of the ring that has reached the context; None where none has.
        rollout: the id of the rollout that had a say; None where none had.
        detail: what else there is to say, for people.
    """

    flag: str
    value: T
    variant: str
    reason: Reason
    version: str
    rule: int | None = None
    ring: str | None = None
    rollout: str | None = None
    detail: str = ""


def _frozen(given: Mapping[str, T]) -> Mapping[str, T]:
    named = isinstance(given, Mapping) and all(isinstance(name, str) for name in given)
    if not named or not given:
        raise DefinitionError("variants", given, "give at least one value, by variant name")
    return MappingProxyType(dict(given))


def _rules(rules: Iterable[Rule]) -> tuple[Rule, ...]:
    return validators.several(rules)


def _default(flag: FeatureFlag[Any]) -> str:
    return flag.default


@attrs.frozen
class FeatureFlag(Generic[T]):
    """Define a decision point: its variants, and who gets which. Every edit makes a new value.

    Rules are asked in order; the first that matches decides, else the default variant is served.
    Make it once, where the module is imported: it is compiled then, and engines know it again.

    Args:
        key: the flag's name, unique in the application.
        variants: the values, by variant name; at least one.
        default: the variant of everybody whom no rule matches.
        rules: who gets what else.
        off: the variant that is served when the flag is killed or can't be evaluated; the default
            that the flag was made with, unless given.
        enabled: False makes it serve its off variant to everybody.
        ignores: exceptions that aren't failures when a guarded block raises them.

    Attributes:
        version: a digest of the definition.
        resolutions: every answer that the flag can give: the rules' in order, then the default's.
        index: a function from a context to the number of its resolution.

    Raises:
        DefinitionError: an empty key, no variants, or a variant that the flag doesn't have.
    """

    key: str = attrs.field(validator=validators.text)
    variants: Mapping[str, T] = attrs.field(converter=_frozen)
    default: str
    rules: tuple[Rule, ...] = attrs.field(
        default=(), kw_only=True, converter=_rules, validator=validators.each(Rule)
    )
    off: str = attrs.field(default=attrs.Factory(_default, takes_self=True), kw_only=True)
    enabled: bool = attrs.field(default=True, kw_only=True, validator=validators.a(bool))
    ignores: tuple[type[BaseException], ...] = attrs.field(
        default=(), kw_only=True, eq=False, validator=validators.each(type)
    )
    version: str = attrs.field(init=False, eq=False, repr=False)
    index: Callable[[Context], int] = attrs.field(init=False, eq=False, repr=False)
    resolutions: tuple[Resolution[T], ...] = attrs.field(init=False, eq=False, repr=False)

    def __attrs_post_init__(self) -> None:
        # Compiled once, here: evaluation is then a few comparisons and no allocation.
        for variant in (self.default, self.off, *(rule.variant for rule in self.rules)):
            self._check(variant)
        put = object.__setattr__
        put(self, "version", digest(self)[:12])
        put(self, "index", _compiled(self.rules if self.enabled else (), self.key))
        put(self, "resolutions", self._resolutions())

    def __hash__(self) -> int:
        # By its digest, because values may be lists and dicts.
        return hash((self.key, self.version))

    @classmethod
    def boolean(
        cls,
        key: str,
        *,
        when: Audience | None = None,
        ignores: tuple[type[BaseException], ...] = (),
    ) -> FeatureFlag[bool]:
        """Define a flag that is on for an audience (for nobody, unless given) and off for others.

        Its variants are called "on" and "off".
        """
        rules = () if when is None else (Rule("on", when),)
        return FeatureFlag(key, {"on": True, "off": False}, "off", rules=rules, ignores=ignores)

    def serve(self, variant: str | T, *, when: Audience | None = None) -> FeatureFlag[T]:
        """Return a new definition of this flag that serves a variant.

        Args:
            variant: a variant's name or its value; a text is taken for a name first.
            when: who gets it, after all earlier rules; unless given, everybody else.

        Raises:
            DefinitionError: the flag has no such variant.
        """
        name = self._named(variant)
        if when is None:
            return attrs.evolve(self, default=name)
        return attrs.evolve(self, rules=(*self.rules, Rule(name, when)))

    def resolve(self, context: Context) -> Resolution[T]:
        """Ask the flag alone: pure, and knowing no engine. It never raises for a `Context`."""
        return noted(self.resolutions[self.index(context)], context)

    def disable(self) -> FeatureFlag[T]:
        """Return a new definition that serves the off variant to everybody."""
        return attrs.evolve(self, enabled=False)

    def failed(self, error: Exception) -> Resolution[T]:
        """Return what a caller gets when the flag couldn't be asked: the off variant."""
        failed = self._resolution(self.off, Reason.ERROR)
        return attrs.evolve(failed, detail=type(error).__name__)

    def change(self, *, author: str | None = None, provenance: Provenance = UNKNOWN) -> Change:
        """Return the change that releases this definition."""
        kind = ChangeKind.FLAG
        return Change(kind, self.key, self.version, author=author, provenance=provenance)

    def _resolutions(self) -> tuple[Resolution[T], ...]:
        if not self.enabled:
            return (self._resolution(self.off, Reason.DISABLED),)
        matched = (
            self._resolution(
                rule.variant,
                Reason.SPLIT if rule.when.is_split() else Reason.TARGETING_MATCH,
                rule=number,
            )
            for number, rule in enumerate(self.rules, start=1)
        )
        otherwise = Reason.DEFAULT if self.rules else Reason.STATIC
        return (*matched, self._resolution(self.default, otherwise))

    def _resolution(
        self, variant: str, reason: Reason, *, rule: int | None = None
    ) -> Resolution[T]:
        return Resolution(self.key, self.variants[variant], variant, reason, self.version, rule)

    def _named(self, variant: str | T) -> str:
        if isinstance(variant, str) and variant in self.variants:
            return variant
        for name, value in self.variants.items():
            if type(value) is type(variant) and value == variant:
                return name
        return self._check(variant)

    def _check(self, variant: object) -> str:
        if isinstance(variant, str) and variant in self.variants:
            return variant
        raise DefinitionError("variant", variant, f"choose one of {list(self.variants)}")


def noted(resolution: Resolution[T], context: Context) -> Resolution[T]:
    """Return the resolution, saying what of the context couldn't be used."""
    if not context.absent:
        return resolution
    said = [resolution.detail] if resolution.detail else []
    absent = f"absent: {', '.join(context.absent)}"
    return attrs.evolve(resolution, detail="; ".join([*said, absent]))


def _compiled(rules: tuple[Rule, ...], salt: str) -> Callable[[Context], int]:
    """Return a function from a context to the number of the rule that decides, from 0."""
    asked = tuple(rule.when.predicate(salt) for rule in rules)
    if len(asked) == 1:
        # Nearly every flag has one rule, and a loop would take half as long again.
        [matches] = asked
        return lambda context: 0 if matches(context) else 1

    def decide(context: Context) -> int:
        for number, matches in enumerate(asked):
            if matches(context):
                return number
        return len(asked)

    return decide
