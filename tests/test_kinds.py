"""Kinds: what records can hold is all that the library makes to be kept."""

import enum
import importlib
import inspect
import pkgutil
from collections.abc import Iterator
from typing import Any

import attrs

import safedeploy.signals
from safedeploy.kinds import KINDS
from safedeploy.signals import Arm, Comparing, Criteria, Policy
from safedeploy.signals.comparing import Comparison

LISTED = [kind for row in KINDS for kind in row]
NEVER_KEPT = {Arm, Comparing, Comparison, Criteria, Policy}


def kinds_of(package: Any) -> Iterator[type]:
    """Find the values that a package of rooms defines."""
    for room in pkgutil.iter_modules(package.__path__, f"{package.__name__}."):
        for _, kind in inspect.getmembers(importlib.import_module(room.name), inspect.isclass):
            is_value = attrs.has(kind) or issubclass(kind, enum.Enum)
            if is_value and kind.__module__.startswith(package.__name__):
                yield kind


def test_no_kind_is_listed_twice() -> None:
    """A record names a kind by its name alone."""
    assert len(LISTED) == len({kind.__qualname__ for kind in LISTED})


def test_signals_and_what_they_remember_are_listed() -> None:
    """A plan holds signals, and health what they remember: a journal has to know all of them."""
    assert set() == {*kinds_of(safedeploy.signals)} - NEVER_KEPT - {*LISTED}


def test_only_values_are_listed() -> None:
    """Each is a frozen attrs class, or an enum."""
    for kind in LISTED:
        assert issubclass(kind, enum.Enum) or attrs.has(kind)
