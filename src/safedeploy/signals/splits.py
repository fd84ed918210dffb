"""Splits: whether the arms are as large as they were meant to be."""

from __future__ import annotations

import math

from safedeploy import statistics
from safedeploy.signals.port import LARGEST, Health
from safedeploy.verdicts import Finding, Verdict

SAMPLE_RATIO_ALPHA = 0.001
"""The chance that a split that is as designed is ever called broken."""


def mismatch_found(health: Health, share: float) -> Finding | None:
    """Return a finding if the arms aren't split as designed: then no comparison holds.

    Args:
        health: what has been seen.
        share: the canary's designed share of the affected contexts.
    """
    canary, baseline = health.canary.fresh, health.baseline.fresh
    if not 0 < share < 1 or not canary + baseline:
        return None
    evidence = statistics.sample_ratio(canary, baseline, share)
    limit = -math.log(SAMPLE_RATIO_ALPHA)
    if evidence < limit:
        return None
    return Finding(
        "sample ratio",
        Verdict.SOURCE_ERROR,
        f"{canary} of {canary + baseline} units are canary, where {share:.1%} were meant to be",
        statistic=math.exp(min(evidence, LARGEST)),
        threshold=math.exp(limit),
    )
