"""Tables: what is in a document, field by field.

Reading, writing, the schema and the reference page are all made from these.
"""

from __future__ import annotations

from typing import Any

from safedeploy.audiences import Layer, Split
from safedeploy.documents import leaves
from safedeploy.documents.forms import AUDIENCE, FORMS, OF, many, ref
from safedeploy.documents.shapes import Field, Kind, Shape, several
from safedeploy.documents.values import MOST_FLAGS, Definitions
from safedeploy.errors import DefinitionError
from safedeploy.flags import FeatureFlag, Prerequisite, Rule
from safedeploy.flags.fields import SWITCH


def named(kind: str) -> Shape:
    """Return the shape of an object that has things of one kind by name."""
    schema = {
        "type": "object",
        "propertyNames": leaves.NAME.schema,
        "additionalProperties": ref(kind),
        "maxProperties": MOST_FLAGS,
    }
    return Shape(f"object: {kind}s by name", schema)


SPLIT = Kind(
    "split",
    "Several variants, each for its share of the contexts.",
    Split,
    (
        Field(
            "split",
            leaves.WEIGHTS,
            "How much each variant gets; the order counts.",
            argument="weights",
            required=True,
        ),
        OF,
    ),
)
SERVED = Shape(
    "variant's name, or split",
    {"anyOf": [{"type": "string"}, ref("split")]},
    lambda reader, tree: tree if tree.__class__ is str else reader.made(SPLIT, tree),
    lambda writer, value: value if isinstance(value, str) else writer.made(SPLIT, value),
)
RULE = Kind(
    "rule",
    "Who gets what.",
    Rule,
    (
        Field("serve", SERVED, "What they get.", argument="variant", required=True),
        Field("when", AUDIENCE, "Who they are.", required=True),
    ),
)
RULES = Shape(
    "array of rules",
    many("rule"),
    several(lambda reader, tree: reader.made(RULE, tree)),
    several(lambda writer, value: writer.made(RULE, value)),
)
REQUIRED = Shape(leaves.NAME.words, leaves.NAME.schema, lambda reader, name: reader.required(name))


def _prerequisite(key: tuple[str, FeatureFlag[Any] | None], variants: Any) -> Prerequisite:
    name, flag = key
    return Prerequisite(name, variants, flag)


PREREQUISITE = Kind(
    "prerequisite",
    "What has to be so of another flag.",
    _prerequisite,
    (
        Field("flag", REQUIRED, "The other flag's key.", argument="key", required=True),
        Field("variants", leaves.NAMES, "One of these is wanted.", required=True),
    ),
)
PREREQUISITES = Shape(
    "array of prerequisites",
    many("prerequisite"),
    several(lambda reader, tree: reader.made(PREREQUISITE, tree)),
    several(lambda writer, value: writer.made(PREREQUISITE, value)),
)


def _flag(variants: Any = SWITCH, default: Any = None, **rest: Any) -> FeatureFlag[Any]:
    if default is None and variants is not SWITCH:
        raise DefinitionError("default", None, "say what is served to everybody else")
    if isinstance(default, Split) and "off" not in rest:
        raise DefinitionError("off", None, "say which variant is the off variant of a split flag")
    return FeatureFlag(variants=variants, default="off" if default is None else default, **rest)


FLAG = Kind(
    "flag",
    "A flag. Its key is the name that it stands under.",
    _flag,
    (
        Field("description", leaves.TEXT, "What it is for."),
        Field("owner", leaves.TEXT, "Who knows about it."),
        Field("expires", leaves.DAY, "The last day on which it should be there."),
        Field("enabled", leaves.TRUTH, "False makes it serve its off variant to everybody."),
        Field("variants", leaves.VARIANTS, "The values; `on` and `off`, unless given."),
        Field(
            "default",
            SERVED,
            "What everybody gets whom no rule matches; `off`, where `variants` isn't given.",
        ),
        Field("off", leaves.TEXT, "The variant of a flag that is off; the default, unless given."),
        Field("within", AUDIENCE, "Whoever isn't of this audience gets the off variant."),
        Field("prerequisites", PREREQUISITES, "What has to be so of other flags."),
        Field("rules", RULES, "Who gets what else; the first that matches decides."),
    ),
    also={
        "dependentRequired": {"variants": ["default"]},
        "if": {"required": ["default"], "properties": {"default": {"type": "object"}}},
        "then": {"required": ["off"]},
    },
)
LAYER = Kind(
    "layer",
    "A layer, whose shares exclude each other.",
    Layer,
    (
        Field("shares", leaves.SHARES, "Percent of everybody, by name; the order counts."),
        Field("holdback", leaves.PERCENT, "Percent of everybody that is in no share."),
    ),
)
DOCUMENT = Kind(
    "document",
    "Flags, with the segments and layers that they share.",
    Definitions,
    (
        Field("$schema", leaves.TEXT, "The schema's address, for editors."),
        Field("layers", named("layer"), "The layers, by name."),
        Field("segments", named("audience"), "The segments: audiences, by name."),
        Field("flags", named("flag"), "The flags, by key."),
    ),
)
AUDIENCES = tuple({kind.name: kind for kind in FORMS.values()}.values())
KINDS = (DOCUMENT, FLAG, RULE, SPLIT, PREREQUISITE, LAYER, *AUDIENCES)
