"""Reading: definitions of a parsed document, and whatever is wrong with it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any, TypeAlias, TypeVar, cast

from safedeploy.audiences import Audience, Everyone, Layer, Segment
from safedeploy.documents.faults import FaultError, Step, below, nearest
from safedeploy.documents.forms import COMPARISONS, FORMS, SHARED
from safedeploy.documents.shapes import Kind, mismatch
from safedeploy.documents.tables import AUDIENCES, DOCUMENT, FLAG, LAYER
from safedeploy.documents.values import MOST_FLAGS, Definitions
from safedeploy.errors import DefinitionError, DefinitionsInvalidError
from safedeploy.flags import FeatureFlag
from safedeploy.flags.outcomes import named

MOST_FAULTS = 100
"""How many faults of a document are told."""

Tree: TypeAlias = dict[str, Any]
T = TypeVar("T")

_FIELDS = [name for kind in AUDIENCES for name in kind.fields]


def read(tree: object, known: Iterable[FeatureFlag[Any]] = ()) -> Definitions:
    """Return the definitions of a parsed document.

    Raises:
        DefinitionsInvalidError: there are faults: of each flag, segment and layer the first.
    """
    reader = Reader(known)
    try:
        return reader.document(tree)
    except FaultError as fault:
        raise invalid([*reader.faults, fault]) from None


def invalid(faults: Sequence[FaultError]) -> DefinitionsInvalidError:
    """Return one error for all that is wrong."""
    first, *others = faults[:MOST_FAULTS]
    return DefinitionsInvalidError(first.field, first.value, first.mend, others=tuple(others))


class Reader:
    """Read a document, from the layers to the flags."""

    def __init__(self, known: Iterable[FeatureFlag[Any]]) -> None:
        self.faults: list[FaultError] = []
        self._known = {flag.key: flag for flag in known}
        self._flags: Tree = {}
        self._trees: Tree = {}
        self._open: set[str] = set()
        self._leaves: dict[Any, Audience] = {}
        self._segments: dict[str, Segment] = {}
        self._layers: dict[str, Layer] = {}

    def document(self, tree: object) -> Definitions:
        """Return the definitions.

        Raises:
            FaultError: there are faults; this is the last one.
        """
        layers, self._trees, self._flags = _parts(tree)
        self._layers = self._all("layers", layers, lambda name, it: self.made(LAYER, it, name=name))
        self._all("segments", self._trees, lambda name, _: self.segment(name))
        flags = self._all("flags", self._flags, lambda key, it: self.made(FLAG, it, key=key))
        if self.faults:
            raise self.faults.pop()
        return Definitions(flags, self._segments, self._layers)

    def made(self, kind: Kind, tree: Any, **given: Any) -> Any:
        """Return what an object makes.

        Raises:
            FaultError: it is none, has a field that it can't have, lacks one, or is refused.
        """
        if tree.__class__ is not dict:
            raise mismatch(tree, f"an object with {', '.join(kind.fields)}")
        steps = kind.steps
        for name, part in tree.items():
            if part is None or name not in steps:
                raise _odd(kind, name, part)
            argument, step = steps[name]
            if step is None:
                given[argument] = part
                continue
            try:
                given[argument] = step(self, part)
            except DefinitionError as error:
                raise below(error, name) from None
        try:
            return kind.make(**given)
        except DefinitionError as error:
            raise _blamed(kind, given, error) from None
        except TypeError:
            lacking = ", ".join(sorted(kind.required - tree.keys()))
            raise FaultError(tree, f"add what is missing: {lacking}") from None

    def audience(self, tree: Any) -> Audience:
        """Return the audience of an object, whose kind its fields tell. Equal leaves are one."""
        if tree.__class__ is not dict:
            raise mismatch(tree, 'an object that says who: {"percent": 20}, say')
        for name in tree:
            if name in FORMS:
                break
        else:
            raise _formless(tree)
        kind = FORMS["range" if name == "layer" and "range" in tree else name]
        if kind.name not in SHARED:
            return cast("Audience", self.made(kind, tree))
        # To Python, 1 equals True.
        leaf = (*tree.items(), *map(type, tree.values()))
        try:
            found = self._leaves.get(leaf)
        except TypeError:  # a time, which stands in an object
            return cast("Audience", self.made(kind, tree))
        if found is None:
            found = self._leaves[leaf] = self.made(kind, tree)
        return found

    def audiences(self, trees: Any) -> tuple[Audience, ...]:
        """Return the audiences of an array."""
        if trees.__class__ is not list:
            raise mismatch(trees, "an array of audiences")
        made: list[Audience] = []
        for number, tree in enumerate(trees):
            try:
                made.append(self.audience(tree))
            except FaultError as fault:
                raise below(fault, number) from None
        return tuple(made)

    def segment(self, name: Any) -> Segment:
        """Return a segment. Of one that has faults these are noted, and it is anything."""
        if name.__class__ is not str or name not in self._trees:
            raise FaultError(name, f"name a segment; {nearest(name, self._trees)}")
        if name in self._open:
            raise FaultError(name, "let no segment lead back to itself")
        if name not in self._segments:
            self._open.add(name)
            made = self._noted("segments", name, lambda: self._segment(name))
            self._segments[name] = made or Segment(name or "?", Everyone())
            self._open.remove(name)
        return self._segments[name]

    def _segment(self, name: str) -> Segment:
        try:
            return Segment(name, self.audience(self._trees[name]))
        except DefinitionError as error:
            raise below(error) from None

    def layer(self, name: Any) -> Layer:
        """Return a layer of the document."""
        if name.__class__ is not str or name not in self._layers:
            raise FaultError(name, f"name a layer; {nearest(name, self._layers)}")
        return self._layers[name]

    def required(self, key: Any) -> tuple[str, FeatureFlag[Any] | None]:
        """Return the key of a flag that another one requires, and the flag if it is elsewhere."""
        if key.__class__ is not str or (key not in self._flags and key not in self._known):
            raise FaultError(key, f"name a flag; {nearest(key, {*self._flags, *self._known})}")
        return key, None if key in self._flags else self._known[key]

    def _all(self, part: str, trees: Tree, make: Callable[[str, Any], Any]) -> dict[str, Any]:
        """Return what a part of the document makes, by name, and note the faults."""
        made: dict[str, Any] = {}
        for name, tree in trees.items():
            try:
                made[name] = make(name, tree)
            except (FaultError, RecursionError) as error:
                self._note(error, part, name)
                if len(self.faults) >= MOST_FAULTS:
                    break
        return made

    def _noted(self, part: str, name: str, make: Callable[[], T]) -> T | None:
        try:
            return make()
        except (DefinitionError, RecursionError) as error:
            self._note(error, part, name)
            return None

    def _note(self, error: DefinitionError | RecursionError, *path: str) -> None:
        if isinstance(error, RecursionError):
            error = FaultError("too much", "nest audiences and values less deeply")
        self.faults.append(below(error, *path))


def _parts(tree: Any) -> list[Tree]:
    """Return the layers, segments and flags as they are in a document."""
    if tree.__class__ is not dict:
        raise mismatch(tree, "an object with flags, segments or layers")
    for name, part in cast("Tree", tree).items():
        if name not in DOCUMENT.fields or part is None:
            raise _odd(DOCUMENT, name, part)
        if name == "$schema" and part.__class__ is not str:
            raise below(mismatch(part, "a text"), name)
        if name != "$schema" and part.__class__ is not dict:
            raise below(mismatch(part, "an object, by name"), name)
        if len(part) > MOST_FLAGS and name != "$schema":
            raise FaultError(len(part), f"use {MOST_FLAGS:,} at most", (name,))
    return [tree.get(name, {}) for name in ("layers", "segments", "flags")]


# Faults


def _odd(kind: Kind, name: str, part: object) -> FaultError:
    """Return what is wrong with a field that is empty, or unknown."""
    if name in kind.fields:
        return FaultError(part, "give a value, or leave it out", (name,))
    mend = f"this is no field of a {kind.name}; {nearest(name, kind.fields)}"
    return FaultError(part, mend, (name,))


def _formless(tree: Tree) -> FaultError:
    """Return what is wrong with an audience of no known form."""
    for name, part in tree.items():
        if name not in _FIELDS:
            mend = f"this is no field of an audience; {nearest(name, _FIELDS)}"
            return FaultError(part, mend, (name,))
    wanted = COMPARISONS if "attribute" in tree else FORMS
    return FaultError(tree, f"say more, by one of {', '.join(wanted)}")


def _blamed(kind: Kind, given: Tree, error: DefinitionError) -> FaultError:
    """Return where in an object is what its constructor refuses."""
    if kind is FLAG and error.field == "variant":
        return FaultError(error.value, error.mend, _serving(given, error.value))
    for field in kind.fields.values():
        argument = field.argument
        if argument in given and (argument == error.field or given[argument] is error.value):
            return FaultError(error.value, error.mend, (field.name,))
    return FaultError(error.value, error.mend)


def _serving(flag: Tree, variant: object) -> Sequence[Step]:
    """Return where a flag serves a variant that it doesn't have."""
    if flag.get("off") == variant:
        return ("off",)
    for number, rule in enumerate(flag.get("rules", ())):
        if variant in named(rule.variant):
            return ("rules", number, "serve")
    return ("default",)
