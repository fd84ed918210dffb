"""Peers: what is installed is asked every question that it can answer, and nothing is hidden."""

from __future__ import annotations

from timeit import timeit
from typing import Any
from unittest.mock import patch

import pytest

from benchmarks import _breakers, _peers
from benchmarks._measure import Contender

COLUMNS = {
    _peers.ON,
    _peers.FIFTH,
    _peers.RULE,
    _peers.THREE,
    _peers.MADE,
    _peers.MADE_OF_TWO,
}


def peer() -> _peers.Asked:
    """Return a peer that is never on."""
    code = _peers.bodies("no('{}', {})", "no('{}', {})", "user", "user, 'pro'")
    return _peers.Asked({"no": lambda *_: False}, lambda user: user.upper(), code)


def test_what_is_not_installed_is_left_out_with_a_word(capsys: pytest.CaptureFixture[str]) -> None:
    """Each package is named, on stderr, for stdout is the table's."""
    with patch.object(_peers, "find_spec", return_value=None):
        assert [] == list(_peers.contenders({}, ["ada"]))
    told = capsys.readouterr()
    assert "" == told.out
    assert all(f"{package} isn't installed" in told.err for package in _peers.PEERS)


def test_a_peer_is_asked_in_every_column() -> None:
    """Its code runs for every user, with the names that it brought."""
    names: dict[str, Any] = {}
    peers = {"no-flags": ("json", peer)}
    with patch.object(_peers, "PEERS", peers):
        found = list(_peers.contenders(names, ["ada", "bob"]))
    assert {f"peer: no-flags, {column}" for column in COLUMNS} == {each.name for each in found}
    assert [("ada", "ADA"), ("bob", "BOB")] == names["people_of_json"]
    for each in found:
        assert isinstance(each, Contender)
        assert 2 == each.operations
        assert timeit(f"{each.loop}: {each.body}", number=1, globals=names) > 0


def test_every_peer_of_the_group_is_asked() -> None:
    """What pyproject lists and what is asked is the same."""
    import tomllib
    from pathlib import Path

    text = (Path(__file__).parents[1] / "pyproject.toml").read_text(encoding="utf-8")
    group = tomllib.loads(text)["dependency-groups"]["peers"]
    asked = {name.lower() for name in _peers.PEERS} | {peer.name for peer in _breakers.PEERS}
    assert asked == {each.split(">=")[0] for each in group}
