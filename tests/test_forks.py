"""Forks: what is told to whom, in a real child process."""

from __future__ import annotations

import gc
import os
import weakref

import pytest

from safedeploy.forks import at_fork


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


def test_where_nothing_forks_nothing_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """On a platform without forks, asking to be told does nothing."""
    monkeypatch.delattr(os, "register_at_fork")
    assert [] == Told().calls
