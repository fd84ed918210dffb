"""Chains: each entry of a journal is bound to all before it, so that no change goes unseen.

The rules are frozen: digests are stored, and kept elsewhere as heads.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable
from hashlib import sha256
from typing import TypeAlias

from safedeploy.errors import JournalInvalidError

FIRST = bytes(32)
"""What the first entry is bound to."""

Row: TypeAlias = tuple[int, bytes, int, bytes, bytes]
"""Position, stream, version, text and digest of an entry, texts in UTF-8."""

# Previous digest and numbers have a fixed length, and the stream's length is said: no two entries
# have the same bytes.
_numbers = struct.Struct(">QQQ").pack


def link(previous: bytes, position: int, stream: bytes, version: int, text: bytes) -> bytes:
    """Return the digest of an entry: 32 bytes that depend on it and on all before.

    Args:
        previous: the digest of the entry before; `FIRST` where there is none.
        position: its number among all entries of the journal, from 1.
        stream: the name of its stream.
        version: its number within the stream, from 1.
        text: its record.
    """
    return sha256(previous + _numbers(position, version, len(stream)) + stream + text).digest()


def follow(previous: bytes, position: int, rows: Iterable[Row]) -> bytes:
    """Return the digest of the last of some entries, once each was found to be as it was appended.

    Args:
        previous: the digest of the entry before them.
        position: the position of that entry.
        rows: the entries, in order.

    Raises:
        JournalInvalidError: one isn't, or is missing.
    """
    try:
        for found, stream, version, text, digest in rows:
            position += 1
            if found != position:
                break
            previous = link(previous, position, stream, version, text)
            if previous != digest:
                break
        else:
            return previous
    except (struct.error, TypeError):  # what stands there isn't even of the right type
        pass
    raise broken(position)


def broken(position: int) -> JournalInvalidError:
    """Return the error that an entry isn't there, or not as it was appended."""
    mend = "this entry was altered or is missing: restore the journal from a copy"
    return JournalInvalidError("position", position, mend)
