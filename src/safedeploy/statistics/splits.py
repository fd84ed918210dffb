"""Splits: whether the arms are as large as they were designed."""

from __future__ import annotations

import math

from safedeploy.statistics.logarithms import log_beta


def sample_ratio(canary: int, baseline: int, share: float) -> float:
    """Return the log e-value against the claim that units fall to the canary with a share.

    A Beta(100 share, 100 (1 - share)) mixture over the true share, against the designed one.

    Args:
        canary: distinct units in the canary arm.
        baseline: distinct units in the baseline arm.
        share: the share that was designed, above 0 and below 1.
    """
    a, b = 100 * share, 100 * (1 - share)
    mixture = log_beta(a + canary, b + baseline) - log_beta(a, b)
    return mixture - canary * math.log(share) - baseline * math.log1p(-share)
