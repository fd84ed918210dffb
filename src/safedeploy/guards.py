"""Guards: the block around a caller's own code whose outcome is recorded."""

from __future__ import annotations

from types import TracebackType
from typing import Generic, TypeVar

from safedeploy.flags import Resolution
from safedeploy.metrics import Tally

T = TypeVar("T")


class Guard(Generic[T]):
    """Hold what a context is served, and record how the block around it ends.

    An exception is a failure unless the flag ignores it; cancellation, KeyboardInterrupt and their
    like are neither a failure nor a success. The exception passes on unchanged. No lock is held
    meanwhile, so the block may await.

    Attributes:
        value: what the caller gets.
        resolution: the whole answer.
    """

    __slots__ = ("_canary", "_failed", "_ignores", "_tally", "_unit", "resolution", "value")

    def __init__(
        self,
        resolution: Resolution[T],
        tally: Tally | None,
        unit: int | None,
        *,
        canary: bool,
        ignores: tuple[type[BaseException], ...],
    ) -> None:
        self.value = resolution.value
        self.resolution = resolution
        self._tally = tally
        self._unit = unit
        self._canary = canary
        self._ignores = ignores
        self._failed: bool | None = False

    def fail(self) -> None:
        """Count the block as a failure that no exception shows: a returned 500, say."""
        self._failed = True

    def ignore(self) -> None:
        """Don't count the block, whatever happens: a 404 that is right, say."""
        self._failed = None

    def __enter__(self) -> Guard[T]:
        """Begin the block."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Record the outcome, and let an exception pass."""
        if self._tally is None or self._unit is None or self._failed is None:
            return
        if kind is not None:
            if not issubclass(kind, Exception) or issubclass(kind, self._ignores):
                return
            self._failed = True
        self._tally.record(self._unit, canary=self._canary, failed=self._failed)
