"""Logarithms: sums of numbers that are too large or too small for a float, and the bell curve."""

from __future__ import annotations

import math
from collections.abc import Iterable

_ROOT = math.sqrt(2 * math.pi)


def log(value: float) -> float:
    """Return the natural log, minus infinity of 0."""
    return math.log(value) if value > 0 else -math.inf


def log_sum(logs: Iterable[float]) -> float:
    """Return the log of a sum, from the logs of its terms, without overflow."""
    terms = tuple(logs)
    highest = max(terms)
    if highest == -math.inf:
        return highest
    return highest + math.log(sum([math.exp(term - highest) for term in terms]))


def log_beta(a: float, b: float) -> float:
    """Return the log of the beta function."""
    return math.lgamma(a) + math.lgamma(b) - math.lgamma(a + b)


def normal(z: float) -> float:
    """Return the chance that a standard normal value is at most z."""
    return math.erfc(-z / math.sqrt(2)) / 2


def normal_quantile(chance: float) -> float:
    """Return the value that a standard normal one stays below with a chance, above 0 and below 1.

    Abramowitz and Stegun's formula 26.2.23, and one step of Halley's method: ten digits are right.
    """
    tail = min(chance, 1 - chance)
    t = math.sqrt(-2 * math.log(tail))
    z = t - (2.515517 + t * (0.802853 + t * 0.010328)) / (
        1 + t * (1.432788 + t * (0.189269 + t * 0.001308))
    )
    step = (normal(-z) - tail) * _ROOT * math.exp(z * z / 2)
    z += step / (1 - z * step / 2)
    return z if chance > 0.5 else -z
