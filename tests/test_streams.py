"""Streams: which of a journal's streams are about which subject."""

from __future__ import annotations

import pytest

from safedeploy.streams import BREAKERS, DEFINITIONS, KILLS, by_flag, flag_of


@pytest.mark.parametrize(
    ("stream", "subject"),
    [
        ("flag:checkout@d1/d2/1", "checkout"),
        (f"{KILLS}checkout", "checkout"),
        ("code:shop/checkout@4.2/d2/1", "code:shop/checkout"),
        ("code:checkout@release/4.2/d2/1", "code:checkout"),
        ("configuration:me@home@4.2/d2/12", "configuration:me@home"),
    ],
)
def test_a_stream_is_about_its_subject(stream: str, subject: str) -> None:
    """Whatever names and versions are made of."""
    assert subject == flag_of(stream)


def test_streams_are_grouped_by_flag() -> None:
    """The flag whose stream is the latest comes last; what is of no flag is left out."""
    first, other, again = "flag:a@1/d/1", "flag:b@1/d/1", f"{KILLS}a"
    streams = [first, DEFINITIONS, other, f"{BREAKERS}db", again]
    assert [("b", [other]), ("a", [first, again])] == [*by_flag(streams).items()]
