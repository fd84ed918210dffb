"""Expectations: what a contract asserts, with the law that it breaks otherwise."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from typing import TypeVar, cast

from safedeploy.errors import JournalConflictError

T = TypeVar("T")


def at_once(calls: Sequence[Callable[[], T]]) -> list[T | None]:
    """Call all in threads of their own, and return what each returned; None if it was refused."""

    def call(each: Callable[[], T]) -> T | None:
        together.wait()
        try:
            return each()
        except JournalConflictError:
            return None

    together = Barrier(len(calls))
    with ThreadPoolExecutor(len(calls)) as pool:
        return list(pool.map(call, calls))


def holds(truth: object, law: str) -> None:
    """Raise an AssertionError with the law unless it holds."""
    if not truth:
        raise AssertionError(law)


def same(wanted: object, found: object, law: str) -> None:
    """Raise an AssertionError unless both are the same; sequences are, if their items are."""
    if _items(wanted) != _items(found):
        raise AssertionError(f"{law}: not {found!r} but {wanted!r}")


def _items(value: object) -> object:
    if isinstance(value, Sequence) and not isinstance(value, str):
        return list(cast("Sequence[object]", value))
    return value


def refused(call: Callable[[], object], why: str) -> None:
    """Raise an AssertionError unless a call raises a conflict."""
    try:
        call()
    except JournalConflictError:
        return
    raise AssertionError(f"a conflict is refused: {why}")
