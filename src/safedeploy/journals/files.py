"""Files: one process's connection to a journal's file, shared by its threads."""

from __future__ import annotations

import os
import sqlite3
import threading
import weakref
from collections.abc import Hashable
from contextlib import suppress
from datetime import timedelta
from pathlib import Path
from types import TracebackType
from typing import Any

from safedeploy.errors import SafeDeployError
from safedeploy.forks import at_fork
from safedeploy.journals import tables, troubles


class File:
    """Hold the connection, opened when it is first needed and again when it is lost.

    It is closed before the process forks, and both sides open their own: SQLite must not be used
    across a fork, and what it knows of locks is inherited even by a new connection.

    Args:
        path: the file.
        create: whether to make the file when it is first opened and isn't there.
        read_only: whether to write nothing.
        patience: how long to wait while somebody else has locked it.

    Attributes:
        path: the file, wherever the process goes later.
        opened: how many connections there have been.
        written: how many transactions may have been committed.
        lock: held while the connection is in use; the same thread may take it again.
    """

    def __init__(self, path: Path, *, create: bool, read_only: bool, patience: timedelta) -> None:
        self.path = path.absolute()
        self.opened = 0
        self.written = 0
        self._name = str(self.path)
        self._create = create
        self._read_only = read_only
        self._patience = patience
        self.lock = threading.RLock()
        self._connection: sqlite3.Connection | None = None
        self._identity = (0, 0)
        self._is_wal = False
        self._finalizer: weakref.finalize[Any, Any] | None = None
        self._inherited: list[sqlite3.Connection] = []
        at_fork(self._in_child, before=self._before_fork, in_parent=self._after_fork)

    def reading(self) -> Loan:
        """Lend the connection for a `with` block, in no transaction.

        Raises:
            JournalUnavailableError: it can't be read now.
            JournalInvalidError: what is there can't be used.
        """
        return Loan(self, write=False)

    def writing(self) -> Loan:
        """Lend the connection for a `with` block, in a transaction; an error undoes all of it.

        Raises:
            JournalUnavailableError: it can't be written now.
            JournalInvalidError: what is there can't be used.
        """
        return Loan(self, write=True)

    def watch(self) -> Hashable:
        """Return a mark that stays equal for as long as nobody writes anything."""
        with Loan(self, write=False) as connection:
            version = connection.execute("PRAGMA data_version").fetchone()
            return self.opened, self.written, version

    def close(self) -> None:
        """Close the connection; whatever is asked next opens another."""
        with self.lock:
            self._connection = None
            if self._finalizer is not None:
                with suppress(sqlite3.Error):  # what can't be closed is given up
                    self._finalizer()
                self._finalizer = None

    def connected(self, *, write: bool) -> sqlite3.Connection:
        """Return the connection, in no transaction. The lock is held meanwhile.

        Args:
            write: whether it is used to write; in rollback mode, SQLite looks by itself then
                whether the file is still at its path.

        Raises:
            SafeDeployError: the file can't be used now, or at all.
            sqlite3.Error: whatever SQLite raises.
        """
        if self._connection is not None and (self._is_wal or not write) and self._is_elsewhere():
            self.close()
        if self._connection is None:
            self._connection = self._open()
        if self._connection.in_transaction:  # a signal's handler, say, in the midst of a call
            raise troubles.unavailable(self.path, "this thread is using it: let that end first")
        return self._connection

    def failed(self, error: troubles.Trouble) -> SafeDeployError:
        """Return what an error means, and give up a connection that may be broken."""
        if not troubles.is_passing(error):
            self.close()
        return troubles.translated(error, self.path, read_only=self._read_only)

    def _is_elsewhere(self) -> bool:
        """Tell whether another file is at the path by now: what is written here, nobody reads."""
        try:
            return self._identity != _identity(self._name)
        except OSError:
            return True

    def _open(self) -> sqlite3.Connection:
        create = self._create and not self.opened  # what was there and is gone isn't made anew
        mode = "ro" if self._read_only else "rwc" if create else "rw"
        connection = sqlite3.connect(
            f"{self.path.as_uri()}?mode={mode}",
            uri=True,
            timeout=self._patience.total_seconds(),
            isolation_level=None,
            check_same_thread=False,
        )
        self._finalizer = weakref.finalize(self, connection.close)
        tables.prepare(connection, self.path, create=create, write=not self._read_only)
        self._identity = _identity(self._name)
        self._is_wal = tables.mode(connection) == "wal"
        connection.text_factory = bytes  # the chain is made of bytes
        self.opened += 1
        return connection

    def _before_fork(self) -> None:
        """Wait for what other threads do with the file, and leave it."""
        self.lock.acquire()
        self.close()

    def _after_fork(self) -> None:
        self.lock.release()

    def _in_child(self) -> None:
        self.lock = threading.RLock()
        if self._connection is not None and self._finalizer is not None:
            # A server that forks in C tells nobody before. Closing would undo what the parent does.
            self._finalizer.detach()
            self._inherited.append(self._connection)
            self._connection = None


class Loan:
    """A `with` block in which a thread has the connection for itself.

    Args:
        file: whose connection.
        write: whether the block is a transaction.
    """

    __slots__ = ("_connection", "_file", "_lock", "_write")

    def __init__(self, file: File, *, write: bool) -> None:
        self._file = file
        self._write = write
        self._lock = file.lock
        self._connection: sqlite3.Connection | None = None

    def __enter__(self) -> sqlite3.Connection:
        self._lock.acquire()
        try:
            self._connection = connection = self._file.connected(write=self._write)
            if self._write:
                connection.execute("BEGIN IMMEDIATE")
        except BaseException as error:
            try:
                self._undo(error)
            finally:
                self._lock.release()
            raise
        return connection

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None
    ) -> None:
        try:
            if error is not None:
                self._undo(error)
            elif self._write and self._connection is not None:
                self._commit(self._connection)
        finally:
            self._lock.release()

    def _commit(self, connection: sqlite3.Connection) -> None:
        self._file.written += 1  # even if it fails: it may have been written all the same
        try:
            connection.execute("COMMIT")
        except BaseException as error:
            self._undo(error)
            raise

    def _undo(self, error: BaseException) -> None:
        """Leave no transaction open, and raise in this library's words what SQLite raised."""
        connection = self._connection
        try:
            if self._write and connection is not None and connection.in_transaction:
                connection.execute("ROLLBACK")
        except sqlite3.Error:
            self._file.close()
        if isinstance(error, troubles.Trouble):
            raise self._file.failed(error) from error


def _identity(name: str) -> tuple[int, int]:
    found = os.stat(name)  # noqa: PTH116 - asked at every call, and a Path takes twice as long
    return found.st_dev, found.st_ino
