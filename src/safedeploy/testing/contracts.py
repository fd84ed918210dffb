"""Contracts: what every journal does, to be held against a journal of one's own."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from functools import partial
from typing import TypeAlias

from safedeploy.journals import Entry, Journal, Lease
from safedeploy.testing import sharing
from safedeploy.testing.expectations import at_once, holds, refused, same
from safedeploy.testing.samples import EVERY_EVENT, WOKEN, measured, near

Opener: TypeAlias = Callable[[str], Journal]
"""Opens the journal of that name: the same name again is another handle on the same journal, a new
one is an empty journal."""


def streams_are_apart_and_in_order(opened: Opener) -> None:
    """Streams are apart, oldest first, in order, and readable from any version."""
    journal = opened("a")
    same((), journal.streams(), "an empty journal has no streams")
    versions = [
        journal.append("b", WOKEN[:2], expected=0),
        journal.append("a", WOKEN[3:], expected=0),
        journal.append("b", WOKEN[2:3], expected=2),
    ]
    same([2, 1, 3], versions, "an append returns how many events the stream has")
    same(WOKEN[:3], journal.read("b"), "events are read in order")
    same(WOKEN[1:3], journal.read("b", after=1), "events are read past a version")
    same((), journal.read("b", after=3), "past the last version there are none")
    same((), journal.read("c"), "a stream that isn't there has none")
    same(("b", "a"), journal.streams(), "streams are named, oldest first")


def what_was_read_stays(opened: Opener) -> None:
    """Nothing that was read grows under its reader's hands."""
    journal = opened("a")
    journal.append("a", WOKEN[:1], expected=0)
    read, entries, streams = journal.read("a"), journal.entries(), journal.streams()
    journal.append("a", WOKEN[1:], expected=1)
    journal.append("b", WOKEN[1:], expected=0)
    same([1, 1, 1], [len(each) for each in (read, entries, streams)], "what was read stays")


def entries_are_in_one_order(opened: Opener) -> None:
    """Entries of all streams are numbered from 1, in the order of appending."""
    journal = opened("a")
    journal.append("b", WOKEN[:2], expected=0)
    journal.append("a", WOKEN[2:3], expected=0)
    journal.append("b", WOKEN[3:], expected=2)
    where = (("b", 1), ("b", 2), ("a", 1), ("b", 3))
    wanted = [
        Entry(position, stream, version, event)
        for position, ((stream, version), event) in enumerate(zip(where, WOKEN, strict=True), 1)
    ]
    for after in range(6):
        same(wanted[after:], journal.entries(after=after), f"entries past {after} are in order")


def another_version_is_refused(opened: Opener) -> None:
    """Who decided on another version, behind or ahead, appends nothing."""
    journal = opened("a")
    journal.append("a", WOKEN[:1], expected=0)
    for expected in (0, 2):
        refused(partial(journal.append, "a", WOKEN, expected=expected), f"1 is not {expected}")
    refused(lambda: journal.append("b", WOKEN, expected=1), "a new stream at 0, expected 1")
    same(1, len(journal.entries()), "what is refused isn't appended, not in part either")
    same(("a",), journal.streams(), "what is refused makes no stream")


def what_was_not_seen_refuses(opened: Opener) -> None:
    """Who didn't see the last entry, of whatever stream, appends nothing if that matters."""
    journal = opened("a")
    journal.append("a", WOKEN[:2], expected=0, seen=0)
    for seen in (0, 1, 3):
        append = partial(journal.append, "b", WOKEN[:1], expected=0, seen=seen)
        refused(append, f"at 2, {seen} was seen")
    same(1, journal.append("b", WOKEN[:1], expected=0, seen=2), "the last entry was seen")
    same(3, len(journal.entries()), "what is refused isn't appended")


def a_batch_is_whole(opened: Opener) -> None:
    """Events that are appended at once stand together, whoever else appends."""
    handles = [opened("a"), opened("a")]

    def write(stream: int) -> None:
        for version in range(0, 6, 3):
            handles[stream % 2].append(f"{stream}", WOKEN[:3], expected=version)

    at_once([partial(write, stream) for stream in range(4)])
    entries = handles[0].entries()
    same(24, len(entries), "nothing is lost")
    for first in range(0, 24, 3):
        names = {entry.stream for entry in entries[first : first + 3]}
        same(1, len(names), "a batch has positions of its own, one after the other")


def one_writer_wins_each_version(opened: Opener) -> None:
    """Of many threads and handles that append a version, one does."""
    handles = [opened("a"), opened("a")]
    for version in range(5):
        tries = [partial(handle.append, "a", WOKEN[:1], expected=version) for handle in handles * 3]
        won = [each for each in at_once(tries) if each]
        same([version + 1], won, "one writer wins, and the others learn that they lost")
    same(5, len(handles[0].read("a")), "who lost appended nothing")


def a_watch_shows_every_write(opened: Opener) -> None:
    """Whatever anybody writes, through this handle or another, changes the mark; nothing else."""
    journal, other = opened("a"), opened("a")
    for number, handle in enumerate((journal, other)):
        for name, write in _writes(handle, number):
            before = journal.watch()
            write()
            holds(before != journal.watch(), f"the mark changes on {name}")
            before = journal.watch()
            _read_everything(journal)
            _read_everything(other)
            refused(partial(journal.append, "b", WOKEN, expected=9), "b is at 0")
            same(before, journal.watch(), "the mark stays while nobody writes")


def _writes(journal: Journal, number: int) -> Iterator[tuple[str, Callable[[], object]]]:
    yield "append", partial(journal.append, "a", WOKEN[:1], expected=number)
    yield "claim", partial(journal.claim, f"{number}", after=journal.lease())
    yield "post", partial(journal.post, measured(number))
    [(posted, _)] = journal.posted("e")
    yield "compact", partial(journal.compact, "e", measured(9), upto=posted)
    yield "retain", partial(journal.retain, ())


def _read_everything(journal: Journal) -> None:
    for read in (journal.streams, journal.entries, journal.head, journal.lease):
        read()
    journal.read("a")
    journal.posted("e")


def a_head_names_everything(opened: Opener) -> None:
    """Other entries have another head: any event, stream or order counts."""
    one, twin, empty = opened("a"), opened("a"), opened("b").head()
    same(0, empty.position, "an empty journal is at 0")
    heads = [empty]
    for version in range(3):
        one.append("a", WOKEN[version : version + 1], expected=version)
        heads.append(one.head())
        same(heads[-1], twin.head(), "all handles have one head")
        same(version + 1, heads[-1].position, "a head has the position of the last entry")
    for number, written in enumerate(near(WOKEN[:3])):
        journal = opened(f"near {number}")
        for stream, event in written:
            journal.append(stream, [event], expected=len(journal.read(stream)))
        heads.append(journal.head())
    same(len(heads), len({head.digest for head in heads}), "other entries, another digest")
    for head in heads:
        holds(re.fullmatch("[0-9a-f]{64}", head.digest), "a digest has 64 hex digits")


def every_event_comes_back(opened: Opener) -> None:
    """Events of all kinds come back equal, through any handle, and unknown ones unchanged."""
    journal, other = opened("a"), opened("a")
    for version, event in enumerate(EVERY_EVENT):
        journal.append("a", [event], expected=version)
        same([event], list(other.read("a", after=version)), "an event comes back")
        same([event], [each.event for each in other.entries(after=version)], "as an entry, too")


def handles_see_each_other(opened: Opener) -> None:
    """One handle reads what another wrote, and goes on from there; other journals are apart."""
    one, other, apart = opened("a"), opened("a"), opened("b")
    for version in range(0, 4, 2):
        one.append("a", WOKEN[version : version + 1], expected=version)
        same(version + 1, len(other.read("a")), "the other handle reads it")
        other.append("a", WOKEN[version : version + 1], expected=version + 1)
        same(version + 2, len(one.entries()), "and goes on from there")
        same(("a",), one.streams(), "both have the same streams")
    one.claim("p", after=Lease())
    one.post(measured(1))
    same("p", other.lease().holder, "both have one lease")
    same(1, len(other.posted("e")), "both have the same blocks")
    nothing = ((), (), Lease(), ())
    found = (tuple(apart.streams()), tuple(apart.entries()), apart.lease(), apart.posted("e"))
    same(nothing, found, "another journal is empty")


JOURNAL_CONTRACT: tuple[Callable[[Opener], None], ...] = (
    streams_are_apart_and_in_order,
    what_was_read_stays,
    entries_are_in_one_order,
    another_version_is_refused,
    what_was_not_seen_refuses,
    a_batch_is_whole,
    one_writer_wins_each_version,
    a_watch_shows_every_write,
    a_head_names_everything,
    every_event_comes_back,
    handles_see_each_other,
    sharing.only_the_holder_appends,
    sharing.a_lease_rises,
    sharing.one_claim_wins,
    sharing.a_block_is_kept_once,
    sharing.blocks_become_one,
    sharing.others_are_dropped,
)
"""Every check of a journal; each is called with a function that opens journals by name."""
