"""Forks: what starts anew in a child process."""

from __future__ import annotations

import os
import threading
import weakref
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from functools import partial
from itertools import count
from types import MethodType
from typing import Any, TypeAlias

Method: TypeAlias = Callable[[], object]
Functions: TypeAlias = Mapping[str, Callable[[Any], object]]
"""What to call with an owner `before`, `in_parent` and `in_child`."""
Told: TypeAlias = tuple[object, Functions]


def at_fork(
    in_child: Method, *, before: Method | None = None, in_parent: Method | None = None
) -> None:
    """Call methods of an object around each fork of this process, for as long as the object lives.

    The object isn't kept alive by it, except from before a fork until after. What a method raises
    is reported by the interpreter, and keeps no other from being called. Where processes can't
    fork, nothing is called.

    Args:
        in_child: called in the child: a lock that another thread held at the fork is never
            released there, and what belongs to the parent isn't to be used. `before` may not have
            been called: the fork had begun when the object came, or a server made it in C.
        before: called in the parent, before; who came last is called first.
        in_parent: called in the parent, after, whatever `before` raised.
    """
    if hasattr(os, "register_at_fork"):
        owner = getattr(in_child, "__self__", None)
        methods = {"in_child": in_child, "before": before, "in_parent": in_parent}
        _owners.add(owner, {when: _function(each, owner) for when, each in methods.items() if each})


class Owners:
    """Tell all who are alive of each fork, by one set of the interpreter's hooks.

    No lock is taken here. Owners may die, and other threads fork, between any two lines.
    """

    def __init__(self) -> None:
        self._numbers = count()
        self._known: dict[int, tuple[weakref.ref[object], Functions]] = {}
        self._forking = _Forking()

    def add(self, owner: object, functions: Functions) -> None:
        """Tell an owner of all forks that begin from now on."""
        number = next(self._numbers)
        if not number:  # of threads that add at once, only one is the first
            os.register_at_fork(
                before=self._before, after_in_parent=self._in_parent, after_in_child=self._in_child
            )
        self._known[number] = weakref.ref(owner, partial(self._known.pop, number)), functions

    def _alive(self) -> list[Told]:
        """Return all who are alive, and stay so for as long as the list is kept."""
        found = [(owner(), functions) for owner, functions in list(self._known.values())]
        return [(owner, functions) for owner, functions in found if owner is not None]

    def _before(self) -> None:
        told = self._alive()
        self._forking.told.append(told)
        _call("before", told[::-1])

    def _in_parent(self) -> None:
        _call("in_parent", self._told())

    def _in_child(self) -> None:
        alive = self._alive()
        self._told()
        _call("in_child", alive)

    def _told(self) -> list[Told]:
        told = self._forking.told
        return told.pop() if told else []


class _Forking(threading.local):
    """Keep whom this thread has told that it forks: one list for each fork within a fork."""

    def __init__(self) -> None:
        self.told: list[list[Told]] = []


def _function(method: Method, owner: object) -> Callable[[Any], object]:
    if isinstance(method, MethodType) and method.__self__ is owner:
        return method.__func__
    raise TypeError(method)


def _call(when: str, told: Sequence[Told]) -> None:
    """Call a function of each, in order. What any raises is passed on when all were called."""
    with ExitStack() as stack:
        for owner, functions in reversed(told):
            if when in functions:
                stack.callback(functions[when], owner)


# The interpreter's hooks are of the whole process, and it forgets none: one for each engine would
# stay for ever, so here a module has a state.
_owners = Owners()
