"""Sharing: what a journal owes to processes that share it: one lease, and blocks counted once."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from safedeploy.journals import Journal, Lease
from safedeploy.testing.expectations import at_once, holds, refused, same
from safedeploy.testing.samples import WOKEN, measured


def only_the_holder_appends(opened: Callable[[str], Journal]) -> None:
    """Who lost the lease, or gave it back, appends nothing that was decided under it."""
    journal = opened("a")
    lost = journal.claim("p", after=Lease())
    beaten = journal.claim("p", after=lost)
    same(1, journal.append("a", WOKEN[:1], expected=0, lease=lost), "a beat doesn't matter")
    back = journal.claim("", after=beaten)
    refused(lambda: journal.append("a", WOKEN[1:], expected=1, lease=beaten), "given back")
    again = journal.claim("p", after=back)
    refused(lambda: journal.append("a", WOKEN[1:], expected=1, lease=beaten), "an old token")
    taken = journal.claim("q", after=again)
    refused(lambda: journal.append("a", WOKEN[1:], expected=1, lease=again), "it was lost")
    same(2, journal.append("a", WOKEN[:1], expected=1, lease=taken), "its holder may")
    same(3, journal.append("a", WOKEN[:1], expected=2), "who needs no lease may")


def a_lease_rises(opened: Callable[[str], Journal]) -> None:
    """Every holder gets the next token, and keeps it with rising beats; old leases are refused."""
    journal = opened("a")
    seen = [journal.lease()]
    same(Lease(), seen[0], "at first nobody has the lease")
    for holder in ("p", "p", "q", "", "q", "q"):
        seen.append(journal.claim(holder, after=seen[-1]))
        same(seen[-1], journal.lease(), "what a claim returns is the present lease")
        same(holder, seen[-1].holder, "whoever claims has it")
        for old in seen[:-1]:
            refused(partial(journal.claim, "r", after=old), "an old lease was seen")
    same([0, 1, 1, 2, 2, 3, 3], [each.token for each in seen], "each holder has the next token")
    for before, after in ((1, 2), (5, 6)):
        same(seen[before].beat + 1, seen[after].beat, "a holder that stays gets the next beat")


def one_claim_wins(opened: Callable[[str], Journal]) -> None:
    """Of many threads and handles that claim at once, one has the lease."""
    handles = [opened("a"), opened("a")]
    for _ in range(5):
        lease = handles[0].lease()
        tries = [
            partial(handle.claim, f"p{number}", after=lease)
            for number, handle in enumerate(handles * 3)
        ]
        won = [each for each in at_once(tries) if each]
        same([handles[1].lease()], won, "one claim wins, and the others learn that they lost")


def a_block_is_kept_once(opened: Callable[[str], Journal]) -> None:
    """Blocks have rising numbers, are read by exposure, and count once."""
    journal, other = opened("a"), opened("a")
    blocks = [measured(1), measured(2), measured(1, process="q"), measured(3, "f"), measured(4)]
    for block in (*blocks, *blocks):
        journal.post(block)
        other.post(block)
    posted = other.posted("e")
    numbers = [number for number, _ in posted]
    same([*blocks[:3], blocks[4]], [block for _, block in posted], "kept once, and in order")
    same(sorted({*numbers}), numbers, "numbers rise")
    [(number, block)] = other.posted("f")
    same(blocks[3], block, "exposures are apart")
    holds(numbers[2] < number < numbers[3], "numbers rise through all exposures")
    for index, after in enumerate(numbers, 1):
        same(posted[index:], journal.posted("e", after=after), "blocks past a number are read")


def blocks_become_one(opened: Callable[[str], Journal]) -> None:
    """One block takes the place of those up to a number; they are gone, and stay so."""
    journal = opened("a")
    blocks = [
        measured(1),
        measured(2),
        measured(1, process="q"),
        measured(1, "f", process="r"),
        measured(3),
    ]
    for block in blocks:
        journal.post(block)
    numbers = [number for number, _ in journal.posted("e")]
    [(foreign, _)] = journal.posted("f")
    journal.compact("e", measured(0, process=""), upto=foreign)
    same(4, len(journal.posted("e")), "a number of another exposure is left alone")
    wanted = [(numbers[2], measured(0, process="")), (numbers[3], blocks[4])]
    for number in (numbers[2], numbers[1]):
        journal.compact("e", measured(0, process=""), upto=number)
        same(wanted, list(journal.posted("e")), "one stands for those up to its number, once")
    for block in blocks:
        journal.post(block)
    same(wanted, list(journal.posted("e")), "what is in it isn't counted again")
    same(1, len(journal.posted("f")), "other exposures stay as they are")


def others_are_dropped(opened: Callable[[str], Journal]) -> None:
    """Blocks of exposures that are over are dropped, and no number is given twice."""
    journal = opened("a")
    for sequence, exposure in enumerate("efe"):
        journal.post(measured(sequence, exposure))
    last = journal.posted("e")[-1][0]
    journal.retain({"f", "g"})
    same((0, 1), (len(journal.posted("e")), len(journal.posted("f"))), "f is kept")
    journal.retain([])
    journal.post(measured(9))
    holds(journal.posted("e")[0][0] > last, "no number is given twice")
