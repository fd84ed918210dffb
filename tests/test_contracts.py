"""The contract of journals: each of ours keeps it, and each check was seen to fail."""

from __future__ import annotations

import json
import threading
from abc import ABC, abstractmethod
from collections import defaultdict
from collections.abc import Callable, Collection, Hashable, Sequence
from pathlib import Path
from typing import Any, get_args

import attrs
import pytest

from safedeploy.blocks import Block
from safedeploy.errors import JournalConflictError
from safedeploy.events import Event, Unknown
from safedeploy.journals import (
    Entry,
    Head,
    Journal,
    Lease,
    MemoryJournal,
    RetryingJournal,
    SqliteJournal,
    chains,
)
from safedeploy.testing import JOURNAL_CONTRACT, Opener
from safedeploy.testing.samples import EVERY_EVENT

CHECKS = {check.__name__: check for check in JOURNAL_CONTRACT}


def in_memory(_: Path) -> Opener:
    return journals_of(MemoryJournal)


def in_files(folder: Path) -> Opener:
    return lambda name: SqliteJournal(folder / f"{name}.db")


def journals_of(make: Callable[[], Journal]) -> Opener:
    journals: defaultdict[str, Journal] = defaultdict(make)
    return lambda name: journals[name]


def retrying(opened: Opener) -> Opener:
    return lambda name: RetryingJournal(opened(name))


JOURNALS: dict[str, Callable[[Path], Opener]] = {
    "memory": in_memory,
    "sqlite": in_files,
    "retrying memory": lambda path: retrying(in_memory(path)),
    "retrying sqlite": lambda path: retrying(in_files(path)),
}


@pytest.mark.parametrize("check", JOURNAL_CONTRACT, ids=lambda check: check.__name__)
@pytest.mark.parametrize("kind", list(JOURNALS))
def test_every_journal_keeps_the_contract(
    kind: str, check: Callable[[Opener], None], tmp_path: Path
) -> None:
    """Whatever a journal is made of, all that a host may rely on holds."""
    check(JOURNALS[kind](tmp_path))


# Planted bugs


class Mixed(MemoryJournal):
    """All streams are one."""

    def read(self, stream: str, *, after: int = 0) -> Sequence[Event]:
        return [entry.event for entry in self.entries()][after:]


class Newest(MemoryJournal):
    """Streams are named newest first."""

    def streams(self) -> Sequence[str]:
        return super().streams()[::-1]


class Late(MemoryJournal):
    """The version past which to read is read once more."""

    def read(self, stream: str, *, after: int = 0) -> Sequence[Event]:
        return super().read(stream, after=max(0, after - 1))


class Growing(MemoryJournal):
    """What was read is the journal's own list."""

    def read(self, stream: str, *, after: int = 0) -> Sequence[Event]:
        return self._streams.get(stream, [])


class Grouped(MemoryJournal):
    """Entries are in the order of their streams."""

    def entries(self, *, after: int = 0) -> Sequence[Entry]:
        entries = sorted(super().entries(), key=lambda entry: entry.stream)
        return [attrs.evolve(each, position=n) for n, each in enumerate(entries, 1)][after:]


class FromZero(MemoryJournal):
    """Positions begin at 0."""

    def entries(self, *, after: int = 0) -> Sequence[Entry]:
        return [
            attrs.evolve(entry, position=entry.position - 1)
            for entry in super().entries(after=after)
        ]


class Appending(MemoryJournal, ABC):
    """A journal whose append is changed in one way."""

    def append(
        self,
        stream: str,
        events: Sequence[Event],
        *,
        expected: int,
        seen: int | None = None,
        lease: Lease | None = None,
    ) -> int:
        with self._lock:
            arguments = self.change(
                stream,
                {"events": events, "expected": expected, "seen": seen, "lease": lease},
            )
            return super().append(stream, **arguments)

    @abstractmethod
    def change(self, stream: str, arguments: dict[str, Any]) -> dict[str, Any]:
        """Return what to append with, other than the stream's name."""


class Behind(Appending):
    """Whoever is behind appends all the same."""

    def change(self, stream: str, arguments: dict[str, Any]) -> dict[str, Any]:
        version = len(self.read(stream))
        return {**arguments, "expected": max(version, arguments["expected"])}


class Ahead(Appending):
    """Whoever is ahead appends all the same."""

    def change(self, stream: str, arguments: dict[str, Any]) -> dict[str, Any]:
        version = len(self.read(stream))
        return {**arguments, "expected": min(version, arguments["expected"])}


class Blind(Appending):
    """It doesn't matter what was seen."""

    def change(self, stream: str, arguments: dict[str, Any]) -> dict[str, Any]:
        return {**arguments, "seen": None}


class Foresighted(Appending):
    """Who says to have seen more than there is has seen everything."""

    def change(self, stream: str, arguments: dict[str, Any]) -> dict[str, Any]:
        seen = arguments["seen"]
        return {**arguments, "seen": seen and min(seen, len(self.entries()))}


class Lawless(Appending):
    """Everybody may append."""

    def change(self, stream: str, arguments: dict[str, Any]) -> dict[str, Any]:
        return {**arguments, "lease": None}


class Tokenless(Appending):
    """A holder may append under any lease that it ever had."""

    def change(self, stream: str, arguments: dict[str, Any]) -> dict[str, Any]:
        lease, present = arguments["lease"], self.lease()
        if lease and lease.holder == present.holder:
            return {**arguments, "lease": present}
        return arguments


class Rhythmic(Appending):
    """A lease's beat matters."""

    def change(self, stream: str, arguments: dict[str, Any]) -> dict[str, Any]:
        if arguments["lease"] not in (None, self.lease()):
            raise JournalConflictError("lease", "", "")
        return arguments


class Greedy(Appending):
    """A first event is appended before anything is refused."""

    def change(self, stream: str, arguments: dict[str, Any]) -> dict[str, Any]:
        version = len(self.read(stream))
        if arguments["expected"] != version:
            super(Appending, self).append(stream, arguments["events"][:1], expected=version)
        return arguments


class OneByOne(MemoryJournal):
    """A batch is appended event by event, while others append theirs."""

    def __init__(self) -> None:
        super().__init__()
        self.turn = threading.Barrier(4, timeout=9)

    def append(self, stream: str, events: Sequence[Event], **rest: Any) -> int:
        for number, event in enumerate(events):
            self.turn.wait()
            super().append(stream, [event], expected=rest["expected"] + number)
        return len(self.read(stream))


class Racing(MemoryJournal):
    """Looking is one step, and writing another, in which nobody looks again."""

    def __init__(self) -> None:
        super().__init__()
        self.turn = threading.Barrier(6, timeout=9)

    def append(self, stream: str, events: Sequence[Event], **rest: Any) -> int:
        if rest["expected"] != len(self.read(stream)):
            raise JournalConflictError("expected", "", "")
        self.turn.wait()
        with self._lock:
            return super().append(stream, events, expected=len(self.read(stream)))

    def claim(self, holder: str, *, after: Lease) -> Lease:
        if after != self.lease():
            raise JournalConflictError("after", "", "")
        self.turn.wait()
        with self._lock:
            return super().claim(holder, after=self.lease())


class Counting(MemoryJournal):
    """The mark is the number of entries."""

    def watch(self) -> Hashable:
        return len(self.entries())


class Restless(MemoryJournal):
    """The mark changes when it is asked for."""

    def watch(self) -> Hashable:
        self._written += 1
        return self._written


class Short(MemoryJournal):
    """The head depends on the last entry alone."""

    def head(self) -> Head:
        self._chained = (max(0, len(self._entries) - 1), chains.FIRST)
        return super().head()


class Streamless(MemoryJournal):
    """The head doesn't depend on the names of streams."""

    def head(self) -> Head:
        one = MemoryJournal()
        for version, entry in enumerate(self.entries()):
            one.append("", [entry.event], expected=version)
        return one.head()


class Writing(MemoryJournal):
    """Unknown events are read and written in this version's form."""

    def read(self, stream: str, *, after: int = 0) -> Sequence[Event]:
        return [
            attrs.evolve(event, text=json.dumps(json.loads(event.text)))
            if isinstance(event, Unknown)
            else event
            for event in super().read(stream, after=after)
        ]


class Beatless(MemoryJournal):
    """A holder that claims again has what it had."""

    def claim(self, holder: str, *, after: Lease) -> Lease:
        return after if holder == after.holder else super().claim(holder, after=after)


class Forgetful(MemoryJournal):
    """Tokens begin anew once the lease was given back."""

    def claim(self, holder: str, *, after: Lease) -> Lease:
        self._lease = super().claim(holder, after=after)
        self._lease = self._lease if holder else Lease()
        return self._lease


class Snatching(MemoryJournal):
    """Whoever has seen the token may claim, whatever the beat."""

    def claim(self, holder: str, *, after: Lease) -> Lease:
        same = after.token == self.lease().token
        return super().claim(holder, after=self.lease() if same else after)


class Repeating(MemoryJournal):
    """A block counts as often as it was posted."""

    def post(self, block: Block) -> None:
        self._sources.clear()
        super().post(block)
        self._sources.update(dict.fromkeys(self._blocks, ("", 0)))


class Reviving(MemoryJournal):
    """A block that was put into another is kept again."""

    def compact(self, exposure: str, block: Block, *, upto: int) -> None:
        super().compact(exposure, block, upto=upto)
        self._compacted.clear()


class Local(MemoryJournal):
    """Blocks are numbered within their exposure."""

    def posted(self, exposure: str, *, after: int = 0) -> Sequence[tuple[int, Block]]:
        blocks = (block for _, block in super().posted(exposure))
        return list(enumerate(blocks, 1))[after:]


class Overreaching(MemoryJournal):
    """A number of another exposure will do."""

    def compact(self, exposure: str, block: Block, *, upto: int) -> None:
        numbers = [number for number, _ in self.posted(exposure) if number <= upto]
        super().compact(exposure, block, upto=max(numbers))


class Adding(MemoryJournal):
    """What one block should replace stays beside it."""

    def compact(self, exposure: str, block: Block, *, upto: int) -> None:
        self._blocks[upto] = block


class Renumbering(MemoryJournal):
    """Numbers are given again once their blocks are gone."""

    def retain(self, exposures: Collection[str]) -> None:
        super().retain(exposures)
        self._posts = len(self._blocks)


class Hoarding(MemoryJournal):
    """Blocks are kept for ever."""

    def retain(self, exposures: Collection[str]) -> None:
        return


PLANTED: list[tuple[str, type[MemoryJournal]]] = [
    ("streams_are_apart_and_in_order", Mixed),
    ("streams_are_apart_and_in_order", Newest),
    ("streams_are_apart_and_in_order", Late),
    ("what_was_read_stays", Growing),
    ("entries_are_in_one_order", Grouped),
    ("entries_are_in_one_order", FromZero),
    ("another_version_is_refused", Behind),
    ("another_version_is_refused", Ahead),
    ("another_version_is_refused", Greedy),
    ("what_was_not_seen_refuses", Blind),
    ("what_was_not_seen_refuses", Foresighted),
    ("a_batch_is_whole", OneByOne),
    ("one_writer_wins_each_version", Racing),
    ("a_watch_shows_every_write", Counting),
    ("a_watch_shows_every_write", Restless),
    ("a_head_names_everything", Short),
    ("a_head_names_everything", Streamless),
    ("every_event_comes_back", Writing),
    ("only_the_holder_appends", Lawless),
    ("only_the_holder_appends", Tokenless),
    ("only_the_holder_appends", Rhythmic),
    ("a_lease_rises", Beatless),
    ("a_lease_rises", Forgetful),
    ("a_lease_rises", Snatching),
    ("one_claim_wins", Racing),
    ("a_block_is_kept_once", Repeating),
    ("a_block_is_kept_once", Local),
    ("blocks_become_one", Reviving),
    ("blocks_become_one", Overreaching),
    ("blocks_become_one", Adding),
    ("others_are_dropped", Renumbering),
    ("others_are_dropped", Hoarding),
]


@pytest.mark.parametrize(
    ("name", "bug"), PLANTED, ids=[f"{name}-{bug.__name__}" for name, bug in PLANTED]
)
def test_a_planted_bug_is_noticed(name: str, bug: type[MemoryJournal]) -> None:
    """Each check fails for a journal that breaks the law that it names."""
    with pytest.raises((AssertionError, JournalConflictError)):
        CHECKS[name](journals_of(bug))


def test_handles_that_are_apart_are_noticed() -> None:
    """Two handles that know nothing of each other aren't one journal, and two names are two."""
    single = MemoryJournal()
    for opened in (lambda _: MemoryJournal(), lambda _: single):
        with pytest.raises(AssertionError):
            CHECKS["handles_see_each_other"](opened)


def test_every_check_was_seen_to_fail() -> None:
    """No check of the contract is without a planted bug."""
    assert set(CHECKS) == {name for name, _ in PLANTED} | {"handles_see_each_other"}


def test_a_check_says_what_is_broken() -> None:
    """A failure names the law, what was found and what should have been."""
    check = CHECKS["streams_are_apart_and_in_order"]
    with pytest.raises(AssertionError, match=r"oldest first: not \('a', 'b'\) but \('b', 'a'\)"):
        check(journals_of(Newest))


def test_the_samples_cover_every_kind_of_event() -> None:
    """An event of a new kind is tried as well."""
    assert set(get_args(Event)) == {type(event) for event in EVERY_EVENT}
