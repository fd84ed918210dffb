"""Definitions of flags: their variants, and who gets which."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime
from typing import Generic, TypeVar

import attrs

from safedeploy import validators
from safedeploy.audiences.algebra import Audience
from safedeploy.audiences.splits import Split
from safedeploy.changes import UNKNOWN, Change, ChangeKind, Provenance
from safedeploy.contexts import Context
from safedeploy.digests import digest
from safedeploy.errors import DefinitionError
from safedeploy.flags import fields, outcomes
from safedeploy.flags.choosers import ALONE, Choose, Surroundings, chooser
from safedeploy.flags.resolutions import Reason, Resolution, noted
from safedeploy.flags.rules import Prerequisite, Rule

T = TypeVar("T")
V = TypeVar("V")


@attrs.frozen
class FeatureFlag(Generic[T]):
    """Define a decision point: its variants, and who gets which. Every edit makes a new value.

    Rules are asked in order; the first that matches decides, else the default variant is served.
    Make it once, where the module is imported: engines compile each definition once.

    Args:
        key: the flag's name, unique in the application.
        variants: the values, by variant name; at least one. JSON values, or members of enums.
        default: the variant of everybody whom no rule matches; or a `Split`, which leaves who can't
            be drawn to the off variant.
        rules: who gets what else.
        off: the variant that is served when the flag is killed or can't be evaluated, to those not
            `within`, and where a prerequisite is unmet; the default that the flag was made with,
            unless given.
        enabled: False makes it serve its off variant to everybody.
        ignores: exceptions that aren't failures when a guarded block raises them.
        prerequisites: what has to be so of other flags; see `require`.
        within: whoever isn't of this audience gets the off variant, whatever rules and rollouts
            say: a `Layer`'s share, say, which keeps flags apart and holds people back.
        description: what it is for.
        owner: who knows about it.
        expires: the last day on which it should be in the code, a date or its ISO text; an engine
            that compiles it later warns once.

    Attributes:
        version: a digest of the definition; of what people get, not of what is said about it.
        mark: what engines know this very value by.

    Raises:
        DefinitionError: an empty key, no variants or ones that can't be kept, a variant that the
            flag doesn't have, prerequisites that lead back to the flag, or are too many.
    """

    key: str = attrs.field(validator=validators.text)
    variants: Mapping[str, T] = attrs.field(converter=fields.kept)
    default: str | Split
    rules: tuple[Rule, ...] = attrs.field(
        default=(), kw_only=True, converter=fields.several_rules, validator=validators.each(Rule)
    )
    off: str = attrs.field(
        default=attrs.Factory(fields.off_by_default, takes_self=True), kw_only=True
    )
    enabled: bool = attrs.field(default=True, kw_only=True, validator=validators.a(bool))
    ignores: tuple[type[BaseException], ...] = attrs.field(
        default=(), kw_only=True, eq=False, validator=validators.each(type)
    )
    prerequisites: tuple[Prerequisite, ...] = attrs.field(
        default=(),
        kw_only=True,
        converter=fields.several_prerequisites,
        validator=validators.each(Prerequisite),
        metadata=validators.ADDED,
    )
    within: Audience | None = attrs.field(
        default=None, kw_only=True, validator=fields.optional(Audience), metadata=validators.ADDED
    )
    description: str = attrs.field(
        default="", kw_only=True, eq=False, repr=False, validator=validators.a(str)
    )
    owner: str = attrs.field(
        default="", kw_only=True, eq=False, repr=False, validator=validators.a(str)
    )
    expires: date | None = attrs.field(
        default=None,
        kw_only=True,
        eq=False,
        repr=False,
        converter=fields.day,
        validator=fields.check_day,
    )
    mark: object = attrs.field(init=False, eq=False, repr=False, factory=object)
    _version: str | None = attrs.field(init=False, default=None, eq=False, repr=False)
    _choose: Choose[Resolution[T]] | None = attrs.field(
        init=False, default=None, eq=False, repr=False
    )

    def __attrs_post_init__(self) -> None:
        self._check(self.off)
        for served in (self.default, *[rule.variant for rule in self.rules]):
            if type(served) is not str or served not in self.variants:
                for variant in outcomes.named(served):
                    self._check(variant)
        if self.prerequisites:
            fields.check_prerequisites(self)
        if not fields.are_simple(self.variants):
            _ = self.version  # now, because a list may be changed by whoever is served it

    def __hash__(self) -> int:
        # By its digest, because values may be lists and dicts.
        return hash((self.key, self.version))

    @classmethod
    def boolean(
        cls,
        key: str,
        *,
        when: Audience | None = None,
        within: Audience | None = None,
        ignores: tuple[type[BaseException], ...] = (),
        description: str = "",
        owner: str = "",
        expires: date | str | None = None,
    ) -> FeatureFlag[bool]:
        """Define a flag that is on for an audience (for nobody, unless given) and off for others.

        Its variants are called "on" and "off".
        """
        rules = () if when is None else (Rule("on", when),)
        return FeatureFlag(
            key,
            fields.SWITCH,
            "off",
            rules=rules,
            within=within,
            ignores=ignores,
            description=description,
            owner=owner,
            expires=expires,
        )

    def serve(self, variant: str | T | Split, *, when: Audience | None = None) -> FeatureFlag[T]:
        """Return a new definition of this flag that serves a variant.

        Args:
            variant: a variant's name or its value; a text is taken for a name first. Or a `Split`.
            when: who gets it, after all earlier rules; unless given, everybody else.

        Raises:
            DefinitionError: the flag has no such variant.
        """
        served = variant if isinstance(variant, Split) else self.named(variant)
        if when is None:
            return attrs.evolve(self, default=served)
        return attrs.evolve(self, rules=(*self.rules, Rule(served, when)))

    def require(self, other: FeatureFlag[V], *variants: str | V) -> FeatureFlag[T]:
        """Return a new definition that is on for those only who get certain variants of another.

        All others get the off variant. While the other flag is being released, this one can't be.

        Args:
            other: the other flag.
            variants: one of these is wanted, by name or value.

        Raises:
            DefinitionError: no variant or an unknown one, or a flag that requires this one.
        """
        names = tuple(other.named(variant) for variant in variants)
        wanted = Prerequisite(other.key, names, other)
        return attrs.evolve(self, prerequisites=(*self.prerequisites, wanted))

    def resolve(self, context: Context, *, at: datetime | None = None) -> Resolution[T]:
        """Ask the flag alone: pure, and knowing no engine. It never raises for a `Context`.

        Args:
            context: for whom.
            at: the time, for schedules; where it isn't given, they let nobody in. A flag that has
                one is compiled at each call: an engine does that once.
        """
        if self._choose is not None:
            return noted(self._choose(context), context)
        around = ALONE if at is None else Surroundings(lambda: at)
        choose = chooser(self, self.resolutions, around)
        if not self.is_timed:
            object.__setattr__(self, "_choose", choose)
        elif at is None:
            return noted(choose(context), context).adding("a schedule asks for the time: at=...")
        return noted(choose(context), context)

    def explain(self, context: Context, *, at: datetime | None = None) -> str:
        """Return for people how the flag decides, step by step, with the context's attributes.

        It is for whoever asks by name: what it returns holds what `resolve` never tells.
        """
        from safedeploy.flags.explaining import explained

        return explained(self, context, Surroundings(lambda: at))

    def named(self, variant: str | T) -> str:
        """Return the name of a variant, given that or its value; a text is a name first.

        Raises:
            DefinitionError: the flag has no such variant.
        """
        if isinstance(variant, str) and variant in self.variants:
            return variant
        for name, value in self.variants.items():
            if type(value) is type(variant) and value == variant:
                return name
        return self._check(variant)

    def disable(self) -> FeatureFlag[T]:
        """Return a new definition that serves the off variant to everybody."""
        return attrs.evolve(self, enabled=False)

    def failed(self, error: Exception) -> Resolution[T]:
        """Return what a caller gets when the flag couldn't be asked: the off variant."""
        told = type(error).__name__
        return outcomes.resolution(self, self.off, Reason.ERROR, detail=told)

    def change(self, *, author: str | None = None, provenance: Provenance = UNKNOWN) -> Change:
        """Return the change that releases this definition."""
        kind = ChangeKind.FLAG
        return Change(kind, self.key, self.version, author=author, provenance=provenance)

    @property
    def version(self) -> str:
        """A digest of the definition."""
        # Found out when it is asked for first: most flags of a large file never are.
        if self._version is None:
            object.__setattr__(self, "_version", digest(self)[:12])
        return self._version or ""

    @property
    def is_simple(self) -> bool:
        """Whether rules alone decide, and without splits."""
        served = (self.default, *(rule.variant for rule in self.rules))
        free = not self.prerequisites and self.within is None
        return free and not any(isinstance(each, Split) for each in served)

    @property
    def is_timed(self) -> bool:
        """Whether a schedule has a say, of a prerequisite perhaps."""
        asked = (*(rule.when for rule in self.rules), self.within)
        return any(each is not None and each.is_timed() for each in asked) or any(
            each.flag is not None and each.flag.is_timed for each in self.prerequisites
        )

    @property
    def outcomes(self) -> tuple[str, ...]:
        """The variant of each answer: of `resolutions`, in their order."""
        return outcomes.names(self)

    @property
    def resolutions(self) -> tuple[Resolution[T], ...]:
        """Every answer that the flag can give: the rules' in order, then the default's.

        A split has one for each of its variants. What serves the off variant comes last.
        """
        return tuple(outcomes.resolutions(self))

    def _check(self, variant: object) -> str:
        if isinstance(variant, str) and variant in self.variants:
            return variant
        raise DefinitionError("variant", variant, f"choose one of {list(self.variants)}")
