"""Port: Journal. Streams of events: append with the expected version, and read."""

from safedeploy.journals.memory import MemoryJournal
from safedeploy.journals.port import Journal
from safedeploy.journals.retrying import RetryingJournal

__all__ = ["Journal", "MemoryJournal", "RetryingJournal"]
