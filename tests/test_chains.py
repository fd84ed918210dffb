"""The chain that binds each entry of a journal to all before: frozen, and nothing goes unseen."""

from __future__ import annotations

import hashlib
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from safedeploy.errors import JournalInvalidError
from safedeploy.journals import chains

numbers = st.integers(0, 2**64 - 1)
entries = st.tuples(numbers, st.binary(max_size=9), numbers, st.binary(max_size=9))

ENTRIES = [
    (1, b"a", 1, b"{}"),
    (2, "b\N{SNOWMAN}".encode(), 1, b'{"$":"Woken"}'),
    (3, b"a", 2, b""),
]
DIGESTS = [
    "86ba614468f70e57fe94dab7fc3f686e5c670a20e0a7e56ed2721e1bbab5f552",
    "aa18797c44c4c6cd9a835f6db3a6510b864b5271476cdc3428b11ce16c882de6",
    "9dfe704be3f4c4ac06b310c6fd9933fd6f61095804ea04bd7f63f0db6b4ab118",
]


def rows(count: int) -> list[chains.Row]:
    """Make rows as a journal holds them."""
    made: list[chains.Row] = []
    previous = chains.FIRST
    for position in range(1, count + 1):
        entry = (position, b"a", position, b"text %d" % position)
        previous = chains.link(previous, *entry)
        made.append((*entry, previous))
    return made


def test_the_chain_is_frozen() -> None:
    """Digests that were kept years ago still say what they said."""
    previous, found = chains.FIRST, []
    for entry in ENTRIES:
        previous = chains.link(previous, *entry)
        found.append(previous.hex())
    assert DIGESTS == found


def test_a_link_is_what_it_says() -> None:
    """Anybody can compute the digest: what was before, three numbers of 8 bytes, two texts."""
    parts = [bytes(32), *(number.to_bytes(8, "big") for number in (7, 2, 3)), b"abc", b"text"]
    wanted = hashlib.sha256(b"".join(parts)).digest()
    assert wanted == chains.link(chains.FIRST, 7, b"abc", 2, b"text")


@pytest.mark.law("J4")
@given(one=entries, other=entries)
def test_other_entries_have_other_digests(one: Any, other: Any) -> None:
    """No text can be moved from one field into the next unseen."""
    same = chains.link(chains.FIRST, *one) == chains.link(chains.FIRST, *other)
    assert same == (one == other)


@given(text=st.binary(max_size=20), cuts=st.lists(st.integers(0, 20), min_size=2, max_size=2))
def test_where_a_stream_ends_counts(text: bytes, cuts: list[int]) -> None:
    """The same bytes, cut elsewhere, are another entry."""
    digests = {chains.link(chains.FIRST, 1, text[:cut], 1, text[cut:]) for cut in cuts}
    assert len({min(cut, len(text)) for cut in cuts}) == len(digests)


def test_a_chain_is_followed_from_anywhere() -> None:
    """Whole or in parts, the last digest is the same; of nothing, it is the one before."""
    whole = rows(5)
    assert whole[-1][4] == chains.follow(chains.FIRST, 0, whole)
    assert whole[-1][4] == chains.follow(whole[1][4], 2, whole[2:])
    assert chains.FIRST == chains.follow(chains.FIRST, 0, [])


@pytest.mark.law("J4")
@pytest.mark.parametrize("index", range(5))
@pytest.mark.parametrize(
    "changed",
    [
        {0: 9},
        {0: None},
        {1: b"b"},
        {1: "a"},
        {1: None},
        {2: 9},
        {2: -1},
        {2: 2**64},
        {2: 1.0},
        {2: b"1"},
        {3: b"text"},
        {3: 5},
        {4: bytes(32)},
        {4: None},
    ],
    ids=str,
)
def test_a_changed_entry_is_found(index: int, changed: dict[int, Any]) -> None:
    """Whatever field is changed, to whatever value, the first changed entry is named."""
    (field, value), altered = next(iter(changed.items())), rows(5)
    row: list[Any] = list(altered[index])
    row[field] = value
    altered[index] = tuple(row)
    with pytest.raises(JournalInvalidError) as caught:
        chains.follow(chains.FIRST, 0, altered)
    assert ("position", index + 1) == (caught.value.field, caught.value.value)


@pytest.mark.law("J4")
@pytest.mark.parametrize(
    "order", [[1, 2, 3, 4], [0, 1, 3, 4], [1, 0, 2, 3, 4], [0, 1, 2, 4, 3], [0, 0, 1, 2, 3, 4]]
)
def test_a_missing_or_moved_entry_is_found(order: list[int]) -> None:
    """No entry can be left out, doubled, or change its place with another."""
    whole = rows(5)
    with pytest.raises(JournalInvalidError):
        chains.follow(chains.FIRST, 0, [whole[index] for index in order])


@pytest.mark.law("J4")
def test_an_entry_that_was_made_to_fit_breaks_the_next() -> None:
    """Who alters an entry and its digest has to alter all that follow, and the head."""
    whole = rows(5)
    entry = (3, b"a", 3, b"forged")
    forged = (*entry, chains.link(whole[1][4], *entry))
    with pytest.raises(JournalInvalidError) as caught:
        chains.follow(chains.FIRST, 0, [*whole[:2], forged, *whole[3:]])
    assert 4 == caught.value.value


def test_an_error_tells_nothing_of_the_content() -> None:
    """Whoever reads a log learns where, not what."""
    with pytest.raises(JournalInvalidError) as caught:
        chains.follow(chains.FIRST, 0, [(1, b"secret", 1, b"secret", bytes(32))])
    assert "secret" not in str(caught.value)
    assert "position=1: this entry was altered or is missing" in str(caught.value)
