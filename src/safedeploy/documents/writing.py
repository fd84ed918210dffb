"""Writing: definitions as a document, which reads as equal ones."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import attrs

from safedeploy.audiences import (
    Allocation,
    AllOf,
    AnyOf,
    Audience,
    Comparison,
    Everyone,
    Group,
    Not,
    Percentage,
    Schedule,
    Segment,
)
from safedeploy.digests import is_default
from safedeploy.documents import forms
from safedeploy.documents.faults import FaultError, below
from safedeploy.documents.forms import COMPARISONS
from safedeploy.documents.leaves import number
from safedeploy.documents.shapes import Kind, Write
from safedeploy.documents.tables import FLAG, LAYER
from safedeploy.documents.values import Definitions
from safedeploy.errors import DefinitionError
from safedeploy.flags import FeatureFlag
from safedeploy.flags.fields import SWITCH

_FORMS: dict[type[Audience], Kind] = {
    AllOf: forms.ALL,
    AnyOf: forms.ANY,
    Group: forms.GROUP,
    Not: forms.NOT,
    Percentage: forms.PERCENTAGE,
    Schedule: forms.SCHEDULE,
    Segment: forms.SEGMENT,
}


def tree(definitions: Definitions) -> dict[str, Any]:
    """Return the document that reads as these definitions, without what is so by default.

    Raises:
        FaultError: something is known to code only.
    """
    writer = Writer(definitions)
    document = {
        "layers": writer.all("layers", definitions.layers, lambda by, it: by.made(LAYER, it)),
        "segments": writer.all(
            "segments", definitions.segments, lambda by, it: by.audience(it.audience)
        ),
        "flags": writer.all("flags", definitions.flags, Writer.flag),
    }
    return {name: part for name, part in document.items() if part}


class Writer:
    """Write what is in definitions, object by object."""

    def __init__(self, definitions: Definitions) -> None:
        self._shares: dict[Allocation, dict[str, str]] = {}
        for layer in definitions.layers.values():
            for share in layer.shares:
                self._shares[layer.share(share)] = {"layer": layer.name, "share": share}
            self._shares.setdefault(layer.everybody, {"layer": layer.name})

    def all(self, part: str, things: Mapping[str, Any], write: Write) -> dict[str, Any]:
        """Return what is written of several things, by name."""
        written: dict[str, Any] = {}
        for name, thing in things.items():
            try:
                written[name] = write(self, thing)
            except DefinitionError as error:
                raise below(error, part, name) from None
        return written

    def flag(self, flag: FeatureFlag[Any]) -> dict[str, Any]:
        """Return what is written of a flag."""
        if flag.ignores:
            mend = "keep a flag that ignores exceptions in code, or drop `ignores`"
            raise FaultError(flag.ignores, mend, ("ignores",))
        written = self.made(FLAG, flag)
        if flag.variants == SWITCH and {*map(type, flag.variants.values())} == {bool}:
            del written["variants"]
            if written["default"] == "off":
                del written["default"]
        return written

    def made(self, kind: Kind, value: Any) -> dict[str, Any]:
        """Return an object, without what is so by default."""
        written: dict[str, Any] = {}
        known: Mapping[str, attrs.Attribute[Any]] = attrs.fields_dict(value.__class__)
        for name, field in kind.fields.items():
            if not is_default(known[field.argument], value):
                part, write = getattr(value, field.argument), field.shape.write
                try:
                    written[name] = part if write is None else write(self, part)
                except FaultError as fault:
                    raise below(fault, name) from None
        return written

    def audience(self, audience: Any) -> dict[str, Any]:
        """Return the object that says who is in an audience."""
        kind: type[Any] = audience.__class__
        if kind is Everyone:
            return {"everyone": True}
        if kind is Allocation:
            return self._shares.get(audience) or _range(audience)
        if kind is Comparison:
            return self._comparison(audience)
        if kind not in _FORMS:
            raise FaultError(kind.__qualname__, "use audiences of this library, not of your own")
        return self.made(_FORMS[kind], audience)

    def _comparison(self, asked: Comparison) -> dict[str, Any]:
        operator = asked.operator
        _, shape = COMPARISONS[operator].fields.values()
        values = asked.values if operator in {"is_in", "exists"} else asked.values[0]
        try:
            written = shape.shape.write
            return {"attribute": asked.name, operator: written(self, values) if written else values}
        except FaultError as fault:
            raise below(fault, operator) from None


def _range(asked: Allocation) -> dict[str, Any]:
    start, end = (number(None, percent) for percent in (asked.start, asked.end))
    return {"layer": asked.layer, "range": [start, end]}
