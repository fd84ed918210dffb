"""Blueprints: plans as data, in JSON or TOML, for pipelines and for people who don't write Python.

A document has the fields of a `Plan`, by name, and beside them what a review asks for: `traffic`,
and `waive` with reasons by the names of lints. A table has the fields of one value. Where several
kinds could stand (gates, signals, windows), its `kind` is the name of the class; a gate that is a
text alone is a `Check` of that name. A time is a text such as "1 h 30 min". What has its default
may be left out.

A document holds no code: checks are in it by name, and whoever reads it gives their functions.
"""

from safedeploy.blueprints.reading import Blueprint, parse, read
from safedeploy.blueprints.sorts import CHOICES, TABLES
from safedeploy.blueprints.writing import write

__all__ = ["CHOICES", "TABLES", "Blueprint", "parse", "read", "write"]
