"""Port: Journal. Streams of events, and what processes that share them need."""

from safedeploy.journals.memory import MemoryJournal
from safedeploy.journals.port import Entry, Head, Journal, Lease
from safedeploy.journals.retrying import RetryingJournal
from safedeploy.journals.sqlite import SqliteJournal

__all__ = [
    "Entry",
    "Head",
    "Journal",
    "Lease",
    "MemoryJournal",
    "RetryingJournal",
    "SqliteJournal",
]
