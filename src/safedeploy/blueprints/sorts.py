"""Sorts: what a document can hold, and where."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

import attrs

from safedeploy.circuits import AllHold, AnyHolds, FailureRate, Failures, SlowCallRate, TripsWhen
from safedeploy.components import Component
from safedeploy.gates import Approval, AtLeast, Check, Within
from safedeploy.health import HealthModel
from safedeploy.plans import Plan, Ring
from safedeploy.rollbacks import RollBack, RollbackPolicy
from safedeploy.signals import (
    Burn,
    ErrorRate,
    Latency,
    Objective,
    Rate,
    Threshold,
    Throughput,
    Usage,
    UserReports,
)
from safedeploy.traffic import Traffic
from safedeploy.windows import Between, Complement, Days, Intersection, Union


def _named(*kinds: type[Any]) -> Mapping[str, type[Any]]:
    return MappingProxyType({kind.__name__: kind for kind in kinds})


TABLES = _named(
    Plan, Ring, HealthModel, Component, RollbackPolicy, RollBack, Burn, Traffic, TripsWhen
)
"""The kinds that stand alone where they stand, by name."""

CHOICES: Mapping[str, Mapping[str, type[Any]]] = MappingProxyType(
    {
        "Gate": _named(Check, Approval, AtLeast, Within),
        "Signal": _named(
            ErrorRate, Latency, Rate, Throughput, Objective, Threshold, UserReports, Usage
        ),
        "Condition": _named(FailureRate, SlowCallRate, Failures, AllHold, AnyHolds),
        "Window": _named(Between, Days, Intersection, Union, Complement),
    }
)
"""The kinds of which one stands where several could, by what they have in common."""

CHOSEN = frozenset(kind for kinds in CHOICES.values() for kind in kinds.values())
"""Those kinds, all of them."""


def fields(kind: type[Any]) -> Mapping[str, str]:
    """Return the fields that a table of a kind may have, each with its annotation."""
    return {each.alias: str(each.type) for each in attrs.fields(kind) if each.init and each.eq}


def joined(path: str, name: str) -> str:
    """Return the way to a field of what is at the end of another."""
    return f"{path}.{name}" if path else name
