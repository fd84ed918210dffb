"""Sequential tests that may be looked at any time: only mathematics, on numbers."""

from safedeploy.statistics.bets import RESERVE, combined, released
from safedeploy.statistics.crossings import crossed
from safedeploy.statistics.dispersions import Dispersion
from safedeploy.statistics.labels import ALTERNATIVES, LabelTest
from safedeploy.statistics.limits import RateTest, ShareTest, burn
from safedeploy.statistics.margins import MarginTest, effect, interval
from safedeploy.statistics.planning import (
    detectable,
    growth,
    harm_bound,
    power,
    remaining,
    sample_size,
)
from safedeploy.statistics.ranks import rank_factors
from safedeploy.statistics.slowness import LatencyTest
from safedeploy.statistics.splits import sample_ratio
from safedeploy.statistics.tables import bernoulli, expected

__all__ = [
    "ALTERNATIVES",
    "RESERVE",
    "Dispersion",
    "LabelTest",
    "LatencyTest",
    "MarginTest",
    "RateTest",
    "ShareTest",
    "bernoulli",
    "burn",
    "combined",
    "crossed",
    "detectable",
    "effect",
    "expected",
    "growth",
    "harm_bound",
    "interval",
    "power",
    "rank_factors",
    "released",
    "remaining",
    "sample_ratio",
    "sample_size",
]
