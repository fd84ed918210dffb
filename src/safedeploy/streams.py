"""Streams: which of a journal's streams are about which flag, or which other subject."""

from __future__ import annotations

from collections.abc import Sequence

from safedeploy.changes import Change, ChangeKind

KILLS = "kills/"
"""What the streams of what operators did begin with: kills, overrides. The flag's key follows."""

BREAKERS = "breakers/"
"""What the streams of breakers begin with. The breaker's name follows."""


DEFINITIONS = "definitions"
"""The name of the stream of what was defined without a release, whatever the flag."""


def key_of(change: Change) -> str:
    """Return what one rollout at a time is in flight of: a flag's key, or another subject."""
    return change.name if change.kind is ChangeKind.FLAG else change.subject


def looks_foreign(key: str) -> bool:
    """Tell whether a flag's key could be taken for a subject of another kind."""
    return any(key.startswith(f"{kind.value}:") for kind in {*ChangeKind} - {ChangeKind.FLAG})


def flag_of(stream: str) -> str:
    """Return the key of the flag that a stream is about; of anything else, its subject."""
    if stream.startswith(KILLS):
        return stream.removeprefix(KILLS)
    subject = stream.rsplit("/", 2)[0].rsplit("@", 1)[0]
    return subject.removeprefix(f"{ChangeKind.FLAG.value}:")


def by_flag(streams: Sequence[str]) -> dict[str, list[str]]:
    """Return the streams of each flag, oldest first, and the flags by their latest stream.

    Those of breakers are left out: they are of no flag.
    """
    grouped: dict[str, list[str]] = {}
    for name in (name for name in streams if name != DEFINITIONS and not name.startswith(BREAKERS)):
        grouped[flag_of(name)] = [*grouped.pop(flag_of(name), []), name]
    return grouped
