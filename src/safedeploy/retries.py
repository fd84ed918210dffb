"""Retries: try again what fails in passing, after waits that are drawn by lot and grow."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tenacity import Retrying


def retrying(
    *errors: type[Exception],
    attempts: int,
    first: float,
    longest: float,
    sleep: Callable[[float], None],
) -> Retrying:
    """Return what calls a function again while it raises one of these errors, or an OSError.

    Args:
        errors: what may pass, besides an OSError.
        attempts: how often to try, 1 or more; what the last one raises is passed on.
        first: how long the first wait is at most, in seconds; each later one, twice as long.
        longest: how long any wait is at most, in seconds.
        sleep: what waits, in seconds.
    """
    import tenacity  # only who tries again waits for it

    return tenacity.Retrying(
        retry=tenacity.retry_if_exception_type((OSError, *errors)),
        stop=tenacity.stop_after_attempt(attempts),
        wait=tenacity.wait_random_exponential(multiplier=first, max=longest),
        sleep=sleep,
        reraise=True,
    )
