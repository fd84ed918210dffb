"""Signals: each judges one side of health."""

from safedeploy.signals.comparing import Arm, Comparing, Comparison
from safedeploy.signals.latency import Latency
from safedeploy.signals.objectives import BURNS, Burn, Objective, Window
from safedeploy.signals.outcomes import ErrorRate, Sides, Throughput
from safedeploy.signals.policies import Policy
from safedeploy.signals.port import LARGEST, Criteria, Health, Signal
from safedeploy.signals.rates import Rate, Rhythm
from safedeploy.signals.splits import SAMPLE_RATIO_ALPHA, mismatch_found
from safedeploy.signals.thresholds import Reading, Threshold, UserReports
from safedeploy.signals.usage import Pace, Usage

__all__ = [
    "BURNS",
    "LARGEST",
    "SAMPLE_RATIO_ALPHA",
    "Arm",
    "Burn",
    "Comparing",
    "Comparison",
    "Criteria",
    "ErrorRate",
    "Health",
    "Latency",
    "Objective",
    "Pace",
    "Policy",
    "Rate",
    "Reading",
    "Rhythm",
    "Sides",
    "Signal",
    "Threshold",
    "Throughput",
    "Usage",
    "UserReports",
    "Window",
    "mismatch_found",
]
