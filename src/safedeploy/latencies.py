"""Latencies: how long calls take, in exponential buckets that can be merged.

The buckets are those of an OpenTelemetry exponential histogram of scale 3, in seconds: each is 9 %
wider than the one before. They are numbered from 1 (up to half a millisecond) to 127 (above 24 s).
"""

from __future__ import annotations

import math
from bisect import bisect_left

SCALE = 3
"""The scale of the OpenTelemetry histogram: bounds are powers of 2 ** (2 ** -3)."""

LAST = 127
"""The number of the last bucket; whatever is slower is in it, too."""

_OFFSET = 89  # the number of the bucket that ends with one second, which OpenTelemetry calls -1

# Looked up, not calculated: logarithms miss some bounds by a bit.
_BOUNDS = tuple(2 ** ((number - _OFFSET) / (1 << SCALE)) for number in range(1, LAST))


def bucket(seconds: float) -> int:
    """Return the number of the bucket that a duration is in, 1 to `LAST`.

    What a clock that was set back made negative counts as no time at all.
    """
    return bisect_left(_BOUNDS, seconds) + 1


def upper(number: int) -> float:
    """Return the longest duration of a bucket, in seconds; infinite for the last."""
    return math.inf if number >= LAST else _BOUNDS[number - 1]
