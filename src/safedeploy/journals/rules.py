"""Rules: what every journal refuses, and which lease follows which."""

from __future__ import annotations

import attrs

from safedeploy.errors import JournalConflictError
from safedeploy.journals.port import Lease


def refuse_version(stream: str, version: int, expected: int) -> None:
    """Refuse what was decided on another version of a stream.

    Raises:
        JournalConflictError: the stream's version isn't the expected one.
    """
    if version != expected:
        raise JournalConflictError("expected", expected, f"{stream} is at {version}: read on")


def refuse_position(position: int, seen: int | None) -> None:
    """Refuse what was decided before somebody else appended; where nothing is said, nothing.

    Raises:
        JournalConflictError: the last entry isn't the one that was seen.
    """
    if seen is not None and seen != position:
        raise JournalConflictError("seen", seen, f"the journal is at {position}: read on")


def refuse_lease(lease: Lease | None, present: Lease) -> None:
    """Refuse what was decided under a lease that is over; where none is needed, nothing.

    Raises:
        JournalConflictError: the lease is another one, its beat apart.
    """
    if lease is not None and (lease.holder, lease.token) != (present.holder, present.token):
        raise JournalConflictError("lease", str(lease), f"{_told(present)}: leave it to them")


def claimed(holder: str, *, present: Lease, after: Lease) -> Lease:
    """Return the lease that a claim leads to.

    Raises:
        JournalConflictError: the present lease isn't the one that was seen last.
    """
    if present != after:
        raise JournalConflictError("after", str(after), f"{_told(present)}: look again")
    return successor(holder, after)


def successor(holder: str, lease: Lease) -> Lease:
    """Return the lease that follows another one when somebody claims it.

    None is ever the same as an earlier one, so that a claim can't take one for another.
    """
    if not holder:
        return Lease(token=lease.token)
    if holder == lease.holder:
        return attrs.evolve(lease, beat=lease.beat + 1)
    return Lease(holder, lease.token + 1)


def _told(present: Lease) -> str:
    return f"{present.holder or 'nobody'} has it, with token {present.token}"
