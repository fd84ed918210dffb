"""Troubles: what SQLite raises, said in this library's words."""

from __future__ import annotations

import sqlite3
from pathlib import Path
from types import MappingProxyType
from typing import TypeAlias

from safedeploy.errors import JournalInvalidError, JournalUnavailableError, SafeDeployError

_TRANSIENT = frozenset({sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED, sqlite3.SQLITE_FULL})
_FORBIDDEN = frozenset({sqlite3.SQLITE_READONLY, sqlite3.SQLITE_PERM, sqlite3.SQLITE_AUTH})
_MISMADE = frozenset(
    {
        sqlite3.SQLITE_CONSTRAINT,
        sqlite3.SQLITE_CORRUPT,
        sqlite3.SQLITE_ERROR,  # a table is missing
        sqlite3.SQLITE_FORMAT,
        sqlite3.SQLITE_MISMATCH,
        sqlite3.SQLITE_NOTADB,
    }
)

_TOLD = MappingProxyType(
    {
        sqlite3.SQLITE_READONLY_DBMOVED: "another file was put in its place: try again",
        sqlite3.SQLITE_READONLY_ROLLBACK: "a process died while it wrote: open it once to write, "
        "as an engine does, and what was half written is undone",
    }
)

# Python can't read what SQLite says of a schema that isn't text any more.
Trouble: TypeAlias = sqlite3.Error | OSError | UnicodeDecodeError


def is_passing(error: BaseException) -> bool:
    """Tell whether a connection stays usable after an error: nothing of it is broken."""
    return _code(error) in _TRANSIENT


def translated(error: Trouble, path: Path, *, read_only: bool) -> SafeDeployError:
    """Return what an error of SQLite means for a journal."""
    code = _code(error)
    told = _TOLD.get(getattr(error, "sqlite_errorcode", 0))
    if told:
        return unavailable(path, told)
    if code in _MISMADE or isinstance(error, UnicodeDecodeError):
        return unusable(path, "it isn't a journal, or is damaged: restore it from a copy")
    return unavailable(path, _mend(code, path, read_only=read_only))


def unavailable(path: Path, mend: str) -> JournalUnavailableError:
    """Return the error that a file can't be used now."""
    return JournalUnavailableError("journal", str(path), mend)


def unusable(path: Path, mend: str) -> JournalInvalidError:
    """Return the error that what is in a file can't be used."""
    return JournalInvalidError("journal", str(path), mend)


def _mend(code: int | None, path: Path, *, read_only: bool) -> str:
    if code == sqlite3.SQLITE_FULL:
        return "free some space: its disk is full"
    if code in _TRANSIENT or code == sqlite3.SQLITE_PROTOCOL:
        return "somebody has locked it: try again"
    if code in _FORBIDDEN:
        if read_only:
            return "it was opened to read only: open it without read_only to write"
        return "let this process write the file and its folder"
    if code == sqlite3.SQLITE_CANTOPEN:
        return _unopened(path)
    return "look after its disk, then try again"


def _unopened(path: Path) -> str:
    if not path.parent.is_dir():
        return f"make its folder first: {path.parent}"
    if path.is_dir():
        return "give the path of a file: this is a folder"
    if not path.exists():
        return "there is no such file, or it can't be made: look after its path and its folder"
    return "let this process read and write the file and its folder"


def _code(error: BaseException) -> int | None:
    code: int | None = getattr(error, "sqlite_errorcode", None)
    return None if code is None else code & 0xFF  # what is above only says more of the same
