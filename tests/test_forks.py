"""Forks: what is told to whom, in a real child process."""

from __future__ import annotations

import gc
import os
import subprocess
import sys
import threading
import weakref
from collections.abc import Callable
from typing import Any

import pytest

from safedeploy import forks
from safedeploy.engine import Engine
from safedeploy.forks import at_fork

LONG = 30

# Forking with threads, from 3.12 on.
pytestmark = pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")


class Told:
    """Remembers what it was told."""

    def __init__(self, *, all_of_it: bool = True) -> None:
        self.calls: list[str] = []
        if all_of_it:
            at_fork(self.child, before=self.before, in_parent=self.parent)
        else:
            at_fork(self.child)

    def before(self) -> None:
        self.calls.append("before")

    def parent(self) -> None:
        self.calls.append("parent")

    def child(self) -> None:
        self.calls.append("child")


class Named:
    """Says its name into a list that it shares with others, and does something more."""

    def __init__(
        self, name: str, calls: list[str], do: Callable[[str], object] = lambda _: None
    ) -> None:
        self.name = name
        self.calls = calls
        self.do = do
        at_fork(self.child, before=self.before, in_parent=self.parent)

    def before(self) -> None:
        self._say("before")

    def parent(self) -> None:
        self._say("parent")

    def child(self) -> None:
        self._say("child")

    def _say(self, when: str) -> None:
        self.calls.append(f"{self.name} {when}")
        self.do(when)


def in_child(is_so: Callable[[], object] = lambda: True) -> bool:
    """Fork, and return whether something is so in the child."""
    child = os.fork()
    if not child:
        so = False
        try:
            so = bool(is_so())
        finally:
            os._exit(not so)
    return 0 == os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


@pytest.mark.law("T2")
@pytest.mark.parametrize("all_of_it", [True, False])
def test_both_sides_of_a_fork_are_told(all_of_it: bool) -> None:
    """An object learns of a fork before it, in the parent, and in the child, each in its place."""
    told = Told(all_of_it=all_of_it)
    before = ["before"] * all_of_it
    child = os.fork()
    if not child:
        os._exit(told.calls == [*before, "child"])
    assert 1 == os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    assert [*before, *["parent"] * all_of_it] == told.calls


def test_nothing_is_kept_alive() -> None:
    """An object that nobody else holds is gone, and a fork after that calls nothing."""
    told = Told()
    reference = weakref.ref(told)
    del told
    gc.collect()
    assert reference() is None
    child = os.fork()
    if not child:
        os._exit(0)
    assert 0 == os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def test_a_function_isnt_taken() -> None:
    """What isn't a method of an object would be gone at once."""
    with pytest.raises(TypeError):
        at_fork(lambda: None)


def test_methods_are_of_one_object() -> None:
    """One that outlives the other would be told half of what it has to know."""
    one, other = Told(), Told()
    with pytest.raises(TypeError):
        at_fork(one.child, before=other.before)


def test_where_nothing_forks_nothing_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """On a platform without forks, asking to be told does nothing."""
    known = len(forks._owners._known)
    monkeypatch.delattr(os, "register_at_fork")
    told = Told()
    assert [] == told.calls
    assert known == len(forks._owners._known)


def test_who_came_first_is_told_first_but_before() -> None:
    """Before a fork the last is called first, as locks are taken; after it, the first."""
    calls: list[str] = []
    owners = [Named(name, calls) for name in "abc"]
    before = ["c before", "b before", "a before"]
    assert in_child(lambda: [*before, "a child", "b child", "c child"] == calls)
    assert [*before, "a parent", "b parent", "c parent"] == calls
    del owners


def test_children_of_children_are_told() -> None:
    """What was asked in a process holds in its child, whose forks are told like any other."""
    told = Told()
    assert in_child(lambda: in_child(lambda: ["before", "child", "before", "child"] == told.calls))
    assert ["before", "parent"] == told.calls


# Who comes and goes


def test_the_dead_leave_nothing_behind(monkeypatch: pytest.MonkeyPatch) -> None:
    """However many engines there were, only those that are alive cost a fork anything."""
    engine = Engine()
    engine._fleet()
    gc.collect()
    known = len(forks._owners._known)
    hooks: list[Any] = []
    monkeypatch.setattr(os, "register_at_fork", lambda **named: hooks.append(named))
    for _ in range(1_000):
        Engine()._fleet()
    gc.collect()
    assert [] == hooks
    assert known == len(forks._owners._known)


def test_the_interpreter_is_asked_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """The first who asks brings about the interpreter's hooks, and nobody else does."""
    hooks: list[set[str]] = []
    monkeypatch.setattr(os, "register_at_fork", lambda **named: hooks.append(set(named)))
    monkeypatch.setattr(forks, "_owners", forks.Owners())
    assert [] == hooks
    told = [Told(), Told()]
    assert [{"before", "after_in_parent", "after_in_child"}] == hooks
    assert len(told) == len(forks._owners._known)


def test_who_was_told_before_lives_to_be_told_after() -> None:
    """An owner that nobody else holds any more still releases what it took before the fork."""
    calls: list[str] = []
    others: list[Named] = []
    last = Named("last", calls, lambda _: others.clear())
    others.append(Named("gone", calls))
    gone = weakref.ref(others[0])
    before = ["gone before", "last before"]
    assert in_child(lambda: [*before, "last child", "gone child"] == calls and not gone())
    assert [*before, "last parent", "gone parent"] == calls
    assert not gone()
    del last


def test_a_process_ends_in_silence() -> None:
    """Whoever is alive at the end of a process dies then, in any order, and nobody complains."""
    program = "from safedeploy import Engine\nengines = [Engine() for _ in range(9)]"
    run = subprocess.run([sys.executable, "-c", program], capture_output=True, check=True)
    assert b"" == run.stderr


def test_who_comes_while_a_fork_is_under_way_starts_anew_in_the_child() -> None:
    """It wasn't told before, so there is nothing to release in the parent; the child has a copy."""
    late: list[Told] = []
    first = Named("first", [], lambda when: late.extend([Told()] if when == "before" else []))
    assert in_child(lambda: ["child"] == late[0].calls)
    assert [] == late[0].calls
    del first


# What goes wrong


def raise_it(when: str) -> None:
    raise ArithmeticError(when)


def test_who_raises_keeps_nobody_from_being_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """All others are called, the one that raised is called after the fork, and it is reported."""
    raised: list[Any] = []
    monkeypatch.setattr(sys, "unraisablehook", lambda hook: raised.append(repr(hook.exc_value)))
    calls: list[str] = []
    owners = [Named("a", calls), Named("b", calls, raise_it), Named("c", calls)]
    assert in_child(lambda: ["a child", "b child", "c child"] == calls[3:])
    before, after = calls[:3], calls[3:]
    assert ["c before", "b before", "a before"] == before
    assert ["a parent", "b parent", "c parent"] == after
    assert ["ArithmeticError('before')", "ArithmeticError('parent')"] == raised
    del owners
    gc.collect()  # what was raised holds its owner, in a circle


def test_a_fork_within_a_fork_is_told_by_itself() -> None:
    """Each fork's end is told to those who were told of its beginning."""
    calls: list[str] = []
    late: list[Named] = []

    def fork_once(when: str) -> None:
        if when == "before" and not late:
            late.append(Named("late", calls))
            assert in_child()

    first = Named("first", calls, fork_once)
    assert in_child()
    inner = ["late before", "first before", "first parent", "late parent"]
    assert ["first before", *inner, "first parent"] == calls
    del first


def test_threads_that_fork_at_once_are_told_apart() -> None:
    """Who was told by one thread that it forks isn't told by another that it has forked."""
    threads: list[str] = []
    late: list[Named] = []
    begun, ended = threading.Event(), threading.Event()

    def say(when: str) -> None:
        threads.append(f"{when} {threading.current_thread().name}")

    def meet(when: str) -> None:
        """Have another thread begin to fork between this one's begin and end."""
        if when == "before" and threading.current_thread() is other:
            begun.set()
            ended.wait(LONG)
        elif when == "before":
            late.append(Named("late", [], say))
            other.start()
            begun.wait(LONG)

    other = threading.Thread(target=in_child, name="other")
    first = Named("first", [], meet)
    assert in_child()
    ended.set()
    other.join()
    assert ["before other", "parent other"] == threads
    del first


def test_a_server_that_forks_in_c_tells_nobody_before(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its child starts anew all the same; where nothing was begun, nothing is ended."""
    hooks: dict[str, Callable[[], object]] = {}
    monkeypatch.setattr(os, "register_at_fork", hooks.update)
    monkeypatch.setattr(forks, "_owners", forks.Owners())
    told = Told()
    hooks["after_in_child"]()
    assert ["child"] == told.calls
    hooks["after_in_parent"]()
    assert ["child"] == told.calls
