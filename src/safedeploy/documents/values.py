"""Definitions: flags that belong together, with the segments and layers that they share."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from types import MappingProxyType
from typing import Any, TypeAlias

import attrs

from safedeploy.audiences import Audience, Layer, Segment
from safedeploy.documents.faults import FaultError
from safedeploy.errors import DefinitionError
from safedeploy.flags import FeatureFlag, Prerequisite
from safedeploy.flags.fields import MOST_PREREQUISITES
from safedeploy.validators import NOTHING

Flags: TypeAlias = Mapping[str, FeatureFlag[Any]]

MOST_FLAGS = 50_000
"""How many flags, segments or layers there may be."""


def _named(field: str, given: Any, kind: type[Any], name: str) -> Mapping[str, Any]:
    keyed = issubclass(type(given), Mapping)
    if not issubclass(type(given), Iterable):
        raise FaultError(given, f"give an iterable of {kind.__name__}s, or a mapping", (field,))
    things: dict[str, Any] = {}
    for thing in given.values() if keyed else given:
        if not isinstance(thing, kind):
            raise FaultError(thing, f"give {kind.__name__}s", (field,))
        key = getattr(thing, name)
        if key in things:
            raise FaultError(key, f"give each {name} once", (field, key))
        things[key] = thing
        if len(things) > MOST_FLAGS:
            raise FaultError(len(things), f"use {MOST_FLAGS:,} at most", (field,))
    if keyed and [*given] != [*things]:
        raise FaultError([*things], f"let each stand under its {name}", (field,))
    return MappingProxyType(things)


def _flags(given: Flags | Iterable[FeatureFlag[Any]]) -> Flags:
    """Return flags by key."""
    return _named("flags", given, FeatureFlag, "key")


def _segments(given: Mapping[str, Segment] | Iterable[Segment]) -> Mapping[str, Segment]:
    """Return segments by name."""
    return _named("segments", given, Segment, "name")


def _layers(given: Mapping[str, Layer] | Iterable[Layer]) -> Mapping[str, Layer]:
    """Return layers by name."""
    return _named("layers", given, Layer, "name")


@attrs.frozen
class Definitions:
    """Put flags together, by key, with the segments and layers that they share.

    Prerequisites are bound: each knows the flag of its key, as it is here. Segments that flags name
    are added, so that what is written is complete.

    Args:
        flags: the flags; an iterable of them, or a mapping by key.
        segments: the segments, likewise, by name; those of the flags needn't be given.
        layers: the layers, likewise. A flag knows its range of a layer only; by the layer a file
            says which share that is.

    Raises:
        DefinitionError: something else than these, two of one name, more than 50,000, prerequisites
            that lead back to their flag, or want a variant that the other flag doesn't have.
    """

    flags: Flags = attrs.field(default=NOTHING, converter=_flags)
    segments: Mapping[str, Segment] = attrs.field(default=NOTHING, converter=_segments)
    layers: Mapping[str, Layer] = attrs.field(default=NOTHING, converter=_layers)

    def __attrs_post_init__(self) -> None:
        put = object.__setattr__
        put(self, "segments", _gathered(self.segments, self.flags))
        put(self, "flags", _bound(self.flags))


# Segments


def _gathered(segments: Mapping[str, Segment], flags: Flags) -> Mapping[str, Segment]:
    """Return the segments, and those that are named in them and in flags."""
    found = dict(segments)
    left: list[Audience] = [each.audience for each in found.values()]
    left += [audience for flag in flags.values() for audience in _asked(flag)]
    while left:
        audience = left.pop()
        if isinstance(audience, Segment):
            known = found.get(audience.name)
            if known is audience:
                continue
            if known is None:
                found[audience.name] = audience
            elif known != audience:
                mend = "let it be one audience everywhere, or give it two names"
                raise FaultError(audience, mend, ("segments", audience.name))
        left += audience.parts
    return MappingProxyType(found)


def _asked(flag: FeatureFlag[Any]) -> Iterator[Audience]:
    yield from (rule.when for rule in flag.rules)
    if flag.within is not None:
        yield flag.within


# Prerequisites


def _bound(flags: Flags) -> Flags:
    """Return the flags, with each prerequisite knowing the flag of its key."""
    made = dict(flags)
    done: set[str] = set()
    for key, flag in flags.items():
        if flag.prerequisites:
            _bind(made, done, (key,))
    return MappingProxyType(made)


def _bind(flags: dict[str, FeatureFlag[Any]], done: set[str], way: tuple[str, ...]) -> None:
    """Bind the flag at the end of a way of prerequisites, and before that all that it requires."""
    key = way[-1]
    flag = flags[key]
    for wanted in flag.prerequisites if key not in done else ():
        if wanted.key in way:
            raise _refused(way, wanted.key, "let none lead back to the flag")
        if len(way) > MOST_PREREQUISITES:
            raise _refused(way, len(way), f"use {MOST_PREREQUISITES} at most, one behind another")
        if wanted.key in flags:
            _bind(flags, done, (*way, wanted.key))
    done.add(key)
    try:
        bound = tuple(_known(each, flags.get(each.key)) for each in flag.prerequisites)
        if any(one is not other for one, other in zip(bound, flag.prerequisites, strict=True)):
            flags[key] = attrs.evolve(flag, prerequisites=bound)
    except DefinitionError as error:
        raise _refused(way, error.value, error.mend) from None


def _known(wanted: Prerequisite, flag: FeatureFlag[Any] | None) -> Prerequisite:
    if flag is None or wanted.flag is flag:
        return wanted
    return Prerequisite(wanted.key, wanted.variants, flag)


def _refused(way: tuple[str, ...], value: object, mend: str) -> FaultError:
    return FaultError(value, mend, ("flags", way[-1], "prerequisites"))
