"""Forms: how a document says each audience, field by field."""

from __future__ import annotations

from typing import Any

from safedeploy.audiences import (
    Allocation,
    AllOf,
    AnyOf,
    Comparison,
    Everyone,
    Group,
    Layer,
    Not,
    Percentage,
    Schedule,
    Segment,
)
from safedeploy.documents import leaves
from safedeploy.documents.shapes import Field, Kind, Shape, several


def ref(kind: str) -> dict[str, str]:
    """Return where the schema says what an object is."""
    return {"$ref": f"#/$defs/{kind}"}


def many(kind: str, **also: Any) -> dict[str, Any]:
    """Return the schema of an array of objects."""
    return {"type": "array", "items": ref(kind), **also}


# Audiences

AUDIENCE = Shape(
    "audience",
    ref("audience"),
    lambda reader, tree: reader.audience(tree),
    lambda writer, value: writer.audience(value),
)
AUDIENCES = Shape(
    "array of audiences",
    many("audience", minItems=1),
    lambda reader, trees: reader.audiences(trees),
    several(lambda writer, each: writer.audience(each)),
)
OF = Field("of", leaves.NAME, "The attribute to draw by; the targeting key, unless given.")


def _everyone(everyone: bool) -> Everyone:  # noqa: ARG001, FBT001 - it can only be true
    return Everyone()


def _segment(name: Segment) -> Segment:
    return name  # which reading has made a segment of


def _share(layer: Layer, share: str | None = None) -> Allocation:
    return layer.everybody if share is None else layer.share(share)


def _range(name: str, range: tuple[float, float]) -> Allocation:  # noqa: A002 - the field's name
    return Allocation(name, *range)


EVERYONE = Kind(
    "everyone",
    "Everybody, anonymous contexts too.",
    _everyone,
    (Field("everyone", leaves.TRUE, "Nothing else can be said of it.", required=True),),
)
GROUP = Kind(
    "group",
    "The members of a group that the application names.",
    Group,
    (Field("group", leaves.NAME, "The group's name.", argument="name", required=True),),
)
PERCENTAGE = Kind(
    "percentage",
    "A share of the contexts, always the same ones.",
    Percentage,
    (
        Field("percent", leaves.PERCENT, "How many of a hundred.", required=True),
        OF,
    ),
)
SEGMENT = Kind(
    "segment",
    "Who is in a segment of this document.",
    _segment,
    (
        Field(
            "segment",
            Shape(
                leaves.NAME.words,
                leaves.NAME.schema,
                lambda reader, name: reader.segment(name),
                lambda _, name: name,
            ),
            "The segment's name.",
            argument="name",
            required=True,
        ),
    ),
)
SHARE = Kind(
    "share",
    "Who is in a share of a layer of this document, or in any: all whom it doesn't hold back.",
    _share,
    (
        Field(
            "layer",
            Shape(leaves.NAME.words, leaves.NAME.schema, lambda reader, name: reader.layer(name)),
            "The layer's name.",
            required=True,
        ),
        Field("share", leaves.TEXT, "The share's name; any, unless given."),
    ),
)
RANGE = Kind(
    "range",
    "Who is in a range of any layer.",
    _range,
    (
        Field("layer", leaves.NAME, "The layer's name.", argument="name", required=True),
        Field("range", leaves.RANGE, "Where it begins and where it ends.", required=True),
    ),
)
SCHEDULE = Kind(
    "schedule",
    "Everybody, from one moment until another.",
    Schedule,
    (
        Field("since", leaves.MOMENT, "When it begins; from the beginning, unless given."),
        Field("until", leaves.MOMENT, "When it is over; never, unless given."),
        Field("zone", leaves.TEXT, "The time zone of times without one; UTC, unless given."),
    ),
    also={"anyOf": [{"required": ["since"]}, {"required": ["until"]}]},
)
ALL = Kind(
    "all",
    "Who is in all of several audiences.",
    AllOf,
    (Field("all", AUDIENCES, "The audiences.", argument="audiences", required=True),),
)
ANY = Kind(
    "any",
    "Who is in any of several audiences.",
    AnyOf,
    (Field("any", AUDIENCES, "The audiences.", argument="audiences", required=True),),
)
NOT = Kind(
    "not",
    "Everybody who isn't in an audience.",
    Not,
    (Field("not", AUDIENCE, "The audience.", argument="audience", required=True),),
)
OPERATORS: dict[str, tuple[Shape, str]] = {
    "equals": (leaves.SCALAR, "It is this. True isn't 1, and 1 is 1.0."),
    "is_in": (leaves.SCALARS, "It is one of these."),
    "contains": (leaves.SCALAR, "It is a list with this in it, or a text with this part."),
    "starts_with": (leaves.TEXT, "It begins with this text."),
    "ends_with": (leaves.TEXT, "It ends with this text."),
    "matches": (leaves.TEXT, "As a whole it matches this pattern."),
    "less_than": (leaves.NUMBER, "It is a number below this one."),
    "at_most": (leaves.NUMBER, "It is this number, or one below."),
    "at_least": (leaves.NUMBER, "It is this number, or one above."),
    "greater_than": (leaves.NUMBER, "It is a number above this one."),
    "before": (leaves.INSTANT, "It is a time before this one."),
    "after": (leaves.INSTANT, "It is a time after this one."),
    "version_equals": (leaves.TEXT, "It is this version; build metadata doesn't count."),
    "version_less_than": (leaves.TEXT, "It is an earlier version."),
    "version_at_most": (leaves.TEXT, "It is this version, or an earlier one."),
    "version_at_least": (leaves.TEXT, "It is this version, or a later one."),
    "version_greater_than": (leaves.TEXT, "It is a later version."),
    "exists": (leaves.TRUE, "It is there."),
}


def _comparison(operator: str, shape: Shape, about: str) -> Kind:
    """Return the kind of object that compares an attribute by one operator."""

    def one(name: str, values: Any) -> Comparison:
        return Comparison(name, operator, (values,))

    def none(name: str, values: Any) -> Comparison:  # noqa: ARG001 - it can only be true
        return Comparison(name, operator, ())

    def several_(name: str, values: Any) -> Comparison:
        return Comparison(name, operator, tuple(values))

    make = {"exists": none, "is_in": several_}.get(operator, one)
    fields = (
        Field("attribute", leaves.NAME, "The attribute's name.", argument="name", required=True),
        Field(operator, shape, about, argument="values", required=True),
    )
    return Kind(operator, about, make, fields)


COMPARISONS = {name: _comparison(name, *row) for name, row in OPERATORS.items()}
FORMS: dict[str, Kind] = {
    "percent": PERCENTAGE,
    "all": ALL,
    "any": ANY,
    "not": NOT,
    "group": GROUP,
    "segment": SEGMENT,
    "share": SHARE,
    "range": RANGE,
    "layer": SHARE,
    "since": SCHEDULE,
    "until": SCHEDULE,
    "everyone": EVERYONE,
    **COMPARISONS,
}
"""The kind of audience, by a field that tells; what comes first here counts."""
SHARED = frozenset(
    {
        GROUP.name,
        PERCENTAGE.name,
        *(name for name in COMPARISONS if name not in {"is_in", "exists"}),
    }
)
"""Kinds of audiences without parts, of which many flags have equal ones."""
