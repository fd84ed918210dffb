"""Forks: what starts anew in a child process."""

from __future__ import annotations

import os
import weakref
from collections.abc import Callable
from types import MethodType
from typing import Any, TypeAlias

Method: TypeAlias = Callable[[], object]


def at_fork(
    in_child: Method, *, before: Method | None = None, in_parent: Method | None = None
) -> None:
    """Call methods of an object around each fork of this process, for as long as the object lives.

    The object isn't kept alive by it. Where processes can't fork, nothing is called.

    Args:
        in_child: called in the child: a lock that another thread held at the fork is never
            released there, and what belongs to the parent isn't to be used.
        before: called in the parent, before.
        in_parent: called in the parent, after.
    """
    if not hasattr(os, "register_at_fork"):
        return
    calls = {"before": before, "after_in_parent": in_parent, "after_in_child": in_child}
    os.register_at_fork(**{when: _weak(method) for when, method in calls.items() if method})


def _weak(method: Any) -> Callable[[], None]:
    if not isinstance(method, MethodType):
        raise TypeError(method)
    reference = weakref.WeakMethod(method)

    def call() -> None:
        alive = reference()
        if alive is not None:
            alive()

    return call
