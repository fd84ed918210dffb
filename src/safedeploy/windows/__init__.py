"""Windows: when a change may go on, and when not. Values that compose with `&`, `|` and `~`."""

from safedeploy.windows.algebra import HORIZON, Complement, Intersection, Union, Window
from safedeploy.windows.dates import Between, between, since
from safedeploy.windows.recurring import Days, business_hours, days
from safedeploy.windows.schedules import joint, recurs

__all__ = [
    "HORIZON",
    "Between",
    "Complement",
    "Days",
    "Intersection",
    "Union",
    "Window",
    "between",
    "business_hours",
    "days",
    "joint",
    "recurs",
    "since",
]
