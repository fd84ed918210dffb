"""Copies of values in which something else has changed."""

from __future__ import annotations

import attrs
import pytest

from safedeploy.copies import changed


@attrs.frozen(slots=False)
class Point:
    x: int
    y: int = 0


def test_a_copy_differs_in_what_was_changed() -> None:
    """It is what `attrs.evolve` gives, and the value stays as it was."""
    point = Point(1, 2)
    copy = changed(point, y=3)
    assert attrs.evolve(point, y=3) == copy
    assert hash(attrs.evolve(point, y=3)) == hash(copy)
    assert Point(1, 2) == point


def test_a_copy_is_frozen() -> None:
    """As any other value of its class."""
    with pytest.raises(attrs.exceptions.FrozenInstanceError):
        changed(Point(1), y=3).y = 4  # type: ignore[misc]


def test_an_attribute_that_is_none_is_refused() -> None:
    """A name that was misspelt doesn't become an attribute."""
    with pytest.raises(TypeError, match=r"Point has no \['z'\]"):
        changed(Point(1), y=3, z=4)
