"""Doubts: why a measurement can't be true, whoever measured."""

from __future__ import annotations

import math
from collections.abc import Iterator
from datetime import datetime

from safedeploy.latencies import LAST
from safedeploy.verdicts import Counts, Measurement


def why_impossible(measurement: object) -> str:
    """Return why a measurement can't be true; empty where it can. It never raises.

    Numbers are neither negative nor infinite, as those of a counter are that shrank, was reset, or
    was divided by nothing. Units that failed, or hang, were active, and whoever was active made a
    call. A block doesn't end before it begins. No stratum is larger than the whole.
    """
    if not isinstance(measurement, Measurement):
        return f"a {type(measurement).__name__} is no Measurement"
    try:
        return next(_doubts(measurement), "")
    except Exception as error:  # noqa: BLE001 - a host may have put anything in
        return f"what was measured can't be read: {type(error).__name__}"


def _doubts(measurement: Measurement) -> Iterator[str]:
    times = (measurement.since, measurement.until, measurement.seen or measurement.until)
    if not all(isinstance(time, datetime) and time.tzinfo for time in times):
        yield "a time without a zone"
    if measurement.since > measurement.until:
        yield "a block that ends before it begins"
    whole = (measurement.canary, measurement.baseline)
    for parts in (whole, *measurement.strata.values()):
        for arm, part, all_of_it in zip(("canary", "baseline"), parts, whole, strict=True):
            for doubt in _of(part, all_of_it):
                yield f"{arm}: {doubt}"


def _of(counts: Counts, whole: Counts) -> Iterator[str]:
    told = (counts.exposures, counts.units, counts.failures, counts.fresh, counts.unfinished)
    several = (counts.events, counts.slowest)
    if not all(
        map(_is_number, (*told, counts.hung, *(n for each in several for n in each.values())))
    ):
        yield "a count that is below zero, infinite or no number"
    if not all(math.isfinite(value) for value in counts.values.values()):
        yield "a value that isn't finite"
    if counts.failures > counts.units or counts.unfinished > counts.units:
        yield "more units that failed, or hang, than were active"
    if counts.hung > counts.failures:
        yield "more failures of units that hung than failures"
    if counts.units > counts.exposures:
        yield "more units that were active than calls"
    if not all(0 <= before <= after <= LAST for before, after in counts.slowest):
        yield "a latency bucket that isn't one"
    if counts.exposures > whole.exposures or counts.failures > whole.failures:
        yield "a stratum that is larger than the whole"


def _is_number(value: object) -> bool:
    if not isinstance(value, int | float) or isinstance(value, bool):
        return False
    return 0 <= value < math.inf
