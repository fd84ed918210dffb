"""Schemas: what a document can say, as JSON Schema (draft 2020-12), made from the tables."""

from __future__ import annotations

import json
from typing import Any

from safedeploy.documents.leaves import MOMENT
from safedeploy.documents.shapes import Kind
from safedeploy.documents.tables import AUDIENCES, DOCUMENT, KINDS

DIALECT = "https://json-schema.org/draft/2020-12/schema"


def schema() -> dict[str, Any]:
    """Return the schema of documents, as a tree."""
    audiences = {
        "description": "Who is let in.",
        "anyOf": [{"$ref": f"#/$defs/{kind.name}"} for kind in AUDIENCES],
    }
    kinds = {kind.name: _object(kind) for kind in KINDS if kind is not DOCUMENT}
    return {
        "$schema": DIALECT,
        "title": "Definitions of safedeploy",
        **_object(DOCUMENT),
        "$defs": {**kinds, "audience": audiences, **_LEAVES},
    }


def text() -> str:
    """Return the schema as JSON."""
    return json.dumps(schema(), indent=2) + "\n"


def _object(kind: Kind) -> dict[str, Any]:
    fields = {
        name: {"description": field.about, **field.shape.schema}
        for name, field in kind.fields.items()
    }
    required = {"required": sorted(kind.required)} if kind.required else {}
    return {
        "description": kind.about,
        "type": "object",
        "properties": fields,
        "additionalProperties": False,
        **required,
        **kind.also,
    }


_TIME = {
    "description": "A time, where a text wouldn't be taken for one.",
    "type": "object",
    "properties": {"time": MOMENT.schema},
    "required": ["time"],
    "additionalProperties": False,
}
_LEAVES = {
    "time": _TIME,
    "scalar": {
        "anyOf": [
            {"type": "string"},
            {"type": "number"},
            {"type": "boolean"},
            {"$ref": "#/$defs/time"},
        ]
    },
}
