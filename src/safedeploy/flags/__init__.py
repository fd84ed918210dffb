"""Feature flags: named decision points in code, and what a caller gets from one, and why."""

from safedeploy.flags.choosers import ALONE, Surroundings, chooser
from safedeploy.flags.definitions import FeatureFlag
from safedeploy.flags.resolutions import Reason, Resolution, noted
from safedeploy.flags.rules import Prerequisite, Rule

__all__ = [
    "ALONE",
    "FeatureFlag",
    "Prerequisite",
    "Reason",
    "Resolution",
    "Rule",
    "Surroundings",
    "chooser",
    "noted",
]
