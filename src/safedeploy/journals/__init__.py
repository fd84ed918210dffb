"""Port: Journal. Streams of events, and what processes that share them need."""

from typing import TYPE_CHECKING

from safedeploy.doors import door

if TYPE_CHECKING:  # the same names, for tools that read and don't run
    from safedeploy.journals.memory import MemoryJournal as MemoryJournal
    from safedeploy.journals.port import Entry as Entry
    from safedeploy.journals.port import Head as Head
    from safedeploy.journals.port import Journal as Journal
    from safedeploy.journals.port import Lease as Lease
    from safedeploy.journals.retrying import RetryingJournal as RetryingJournal
    from safedeploy.journals.sqlite import SqliteJournal as SqliteJournal

_ROOMS = {
    "memory": "MemoryJournal",
    "port": "Entry Head Journal Lease",
    "retrying": "RetryingJournal",
    "sqlite": "SqliteJournal",
}
__all__ = door(globals(), _ROOMS)  # noqa: PLE0605 # pyright: ignore[reportUnsupportedDunderAll]
