"""Attributes: what the host says of a context, to be compared."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from itertools import islice

import attrs

from safedeploy import validators
from safedeploy.audiences.algebra import Audience
from safedeploy.audiences.comparisons import MOST_VALUES, Comparison
from safedeploy.contexts import Scalar
from safedeploy.errors import DefinitionError, shown


@attrs.frozen
class Attribute:
    """Name an attribute, to say what it must be.

    An attribute that is missing, or of another type than it is compared with, never matches; a
    resolution says so. What compares raises a `DefinitionError` if it is given what it can't
    compare with.

    Args:
        name: the attribute's name.
    """

    name: str = attrs.field(validator=validators.text)

    def exists(self) -> Audience:
        """Let in contexts that have the attribute."""
        return self._compared("exists")

    # Any type

    def equals(self, value: Scalar) -> Audience:
        """Let in contexts whose attribute is this value. True isn't 1, and 1 is 1.0."""
        return self._compared("equals", value)

    def is_in(self, values: Iterable[Scalar]) -> Audience:
        """Let in contexts whose attribute is one of these values.

        Raises:
            DefinitionError: `values` is a single text, each of whose letters would be a value; or
                there are more than 10,000: that is what groups are for.
        """
        if isinstance(values, str) or not isinstance(values, Iterable):
            raise DefinitionError("values", values, f"give a list, such as [{shown(values)}]")
        # One more than may be: however many there are, no more are looked at.
        return self._compared("is_in", *islice(values, MOST_VALUES + 1))

    def contains(self, value: Scalar) -> Audience:
        """Let in contexts whose attribute is a sequence with this value in it.

        Of a text, a part of it: like Python's `in`.
        """
        return self._compared("contains", value)

    # Texts

    def starts_with(self, text: str) -> Audience:
        """Let in contexts whose attribute begins with this text."""
        return self._compared("starts_with", text)

    def ends_with(self, text: str) -> Audience:
        """Let in contexts whose attribute ends with this text."""
        return self._compared("ends_with", text)

    def matches(self, pattern: str) -> Audience:
        """Let in contexts whose attribute matches a pattern as a whole, in linear time.

        Args:
            pattern: a regular expression without backreferences, looking around and anchors, of at
                most 256 characters; see `safedeploy.audiences.patterns`. A text of more than 1,024
                characters doesn't match.
        """
        return self._compared("matches", pattern)

    # Numbers

    def less_than(self, number: float) -> Audience:
        """Let in contexts whose attribute is a number below this one."""
        return self._compared("less_than", number)

    def at_most(self, number: float) -> Audience:
        """Let in contexts whose attribute is this number, or one below."""
        return self._compared("at_most", number)

    def at_least(self, number: float) -> Audience:
        """Let in contexts whose attribute is this number, or one above."""
        return self._compared("at_least", number)

    def greater_than(self, number: float) -> Audience:
        """Let in contexts whose attribute is a number above this one."""
        return self._compared("greater_than", number)

    # Times: with a zone, as datetimes or as texts in ISO 8601

    def before(self, moment: datetime | str) -> Audience:
        """Let in contexts whose attribute is a time before this one."""
        return self._compared("before", moment)

    def after(self, moment: datetime | str) -> Audience:
        """Let in contexts whose attribute is a time after this one."""
        return self._compared("after", moment)

    # Versions, in the order of Semantic Versioning; parts that are left out are zero

    def version_equals(self, version: str) -> Audience:
        """Let in contexts whose attribute is this version; build metadata doesn't count."""
        return self._compared("version_equals", version)

    def version_less_than(self, version: str) -> Audience:
        """Let in contexts whose attribute is an earlier version."""
        return self._compared("version_less_than", version)

    def version_at_most(self, version: str) -> Audience:
        """Let in contexts whose attribute is this version or an earlier one."""
        return self._compared("version_at_most", version)

    def version_at_least(self, version: str) -> Audience:
        """Let in contexts whose attribute is this version or a later one."""
        return self._compared("version_at_least", version)

    def version_greater_than(self, version: str) -> Audience:
        """Let in contexts whose attribute is a later version."""
        return self._compared("version_greater_than", version)

    def _compared(self, operator: str, *values: Scalar) -> Audience:
        return Comparison(self.name, operator, values)
