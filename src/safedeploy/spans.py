"""Spans: lengths of time, as people read and write them."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable
from datetime import timedelta
from decimal import Decimal

_UNITS = (("days", "d", 86400), ("hours", "h", 3600), ("minutes", "min", 60), ("seconds", "s", 1))
_STEPS = ((2 * 86400, 86400), (2 * 3600, 3600), (10 * 60, 5 * 60), (60, 60), (0, 10))
_MICROSECOND, _MILLION = timedelta(microseconds=1), 1_000_000
_PART = re.compile(r"([0-9]{1,12}(?:\.[0-9]{1,6})?) ?(d|h|min|s)")
_WHOLE = re.compile(rf"{_PART.pattern}(?: {_PART.pattern}){{0,3}}")


def told(span: timedelta | None) -> str:
    """Return a span in its two largest units, such as 9 h 24 min; None is never."""
    if span is None:
        return "never"
    exact = span.total_seconds()
    left, parts = (60 * round(exact / 60) if exact > 600 else round(exact)), list[str]()
    for _, short, seconds in _UNITS:
        number, left = divmod(left, seconds)
        parts += [f"{number} {short}"] if number or parts else []
    return " ".join(part for part in parts[:2] if not part.startswith("0 ")) or "0 s"


def written(span: timedelta) -> str:
    """Return a span as a plan has it, such as timedelta(hours=10)."""
    seconds = span.total_seconds()
    for name, _, unit in _UNITS:
        if seconds and not seconds % unit:
            return f"timedelta({name}={seconds / unit:.0f})"
    return f"timedelta(seconds={seconds:g})"


def roomy(span: timedelta) -> timedelta:
    """Return a round span that isn't shorter: of whole days, hours, or some minutes."""
    seconds = span.total_seconds()
    step = next((step for above, step in _STEPS if seconds > above), 1)
    return timedelta(seconds=step * math.ceil(seconds / step))


def lasting(seconds: float) -> timedelta | None:
    """Return a span of so many seconds; None if no span is as long."""
    return timedelta(seconds=seconds) if seconds < timedelta.max.total_seconds() else None


def longest(spans: Iterable[timedelta | None]) -> timedelta | None:
    """Return the longest span; never is longer than any, and of none it is zero."""
    found = list(spans)
    known = [span for span in found if span is not None]
    return max(known, default=timedelta(0)) if len(known) == len(found) else None


def added(one: timedelta | None, other: timedelta | None) -> timedelta | None:
    """Return the sum of two spans; with never, it is never."""
    if one is None or other is None:
        return None
    return lasting(one.total_seconds() + other.total_seconds())


def exact(span: timedelta) -> str:
    """Return a span in all its units, such as 1 h 30 min, so that `read` makes it again."""
    left, parts = span // _MICROSECOND, list[str]()
    for _, short, seconds in _UNITS[:-1]:
        number, left = divmod(left, seconds * _MILLION)
        parts += [f"{number} {short}"] if number else []
    seconds, rest = divmod(left, _MILLION)
    fraction = f".{rest:06}".rstrip("0") if rest else ""
    parts += [f"{seconds}{fraction} s"] if left or not parts else []
    return " ".join(parts)


def read(text: str) -> timedelta | None:
    """Return the span that a text such as "1 h 30 min" tells, to the microsecond; None if none."""
    if not _WHOLE.fullmatch(text):
        return None
    seconds = {short: seconds for _, short, seconds in _UNITS}
    parts = [(Decimal(number) * seconds[short] * _MILLION) for number, short in _PART.findall(text)]
    total = sum(parts)
    is_exact = total == int(total) and total < timedelta.max // _MICROSECOND
    return int(total) * _MICROSECOND if is_exact else None
