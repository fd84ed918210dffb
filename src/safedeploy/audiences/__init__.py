"""Audiences: who is let in. Values that compose with `&`, `|` and `~`."""

from typing import TYPE_CHECKING

from safedeploy.doors import door

if TYPE_CHECKING:  # the same names, for tools that read and don't run
    from safedeploy.audiences.algebra import DEEPEST as DEEPEST
    from safedeploy.audiences.algebra import MOST as MOST
    from safedeploy.audiences.algebra import AllOf as AllOf
    from safedeploy.audiences.algebra import AnyOf as AnyOf
    from safedeploy.audiences.algebra import Audience as Audience
    from safedeploy.audiences.algebra import Everyone as Everyone
    from safedeploy.audiences.algebra import Not as Not
    from safedeploy.audiences.algebra import Now as Now
    from safedeploy.audiences.algebra import Predicate as Predicate
    from safedeploy.audiences.algebra import untold as untold
    from safedeploy.audiences.attributes import Attribute as Attribute
    from safedeploy.audiences.comparisons import Comparison as Comparison
    from safedeploy.audiences.forms import Asked as Asked
    from safedeploy.audiences.forms import lacking as lacking
    from safedeploy.audiences.groups import Group as Group
    from safedeploy.audiences.groups import Segment as Segment
    from safedeploy.audiences.layers import Allocation as Allocation
    from safedeploy.audiences.layers import Layer as Layer
    from safedeploy.audiences.schedules import Schedule as Schedule
    from safedeploy.audiences.shares import MASK as MASK
    from safedeploy.audiences.shares import Exposure as Exposure
    from safedeploy.audiences.shares import Percentage as Percentage
    from safedeploy.audiences.shares import bucket as bucket
    from safedeploy.audiences.shares import checked_percent as checked_percent
    from safedeploy.audiences.shares import multiplier as multiplier
    from safedeploy.audiences.shares import threshold as threshold
    from safedeploy.audiences.splits import Split as Split

_ROOMS = {
    "algebra": "DEEPEST MOST AllOf AnyOf Audience Everyone Not Now Predicate untold",
    "attributes": "Attribute",
    "comparisons": "Comparison",
    "groups": "Group Segment",
    "layers": "Allocation Layer",
    "schedules": "Schedule",
    "shares": "MASK Exposure Percentage bucket checked_percent multiplier threshold",
    "splits": "Split",
    "forms": "Asked lacking",
}
__all__ = door(globals(), _ROOMS)  # noqa: PLE0605 # pyright: ignore[reportUnsupportedDunderAll]
