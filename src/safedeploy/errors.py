"""Everything that can be raised, each with the field, the value and the mend."""

from __future__ import annotations

LONGEST = 500
"""How many letters of a value an error shows."""


class SafeDeployError(Exception):
    """Catch every error of this library.

    Attributes:
        field: the name of what is wrong.
        value: what it was.
        mend: what to write or do instead.
    """

    def __init__(self, field: str, value: object, mend: str) -> None:
        super().__init__(field, value, mend)
        self.field = field
        self.value = value
        self.mend = mend

    def __str__(self) -> str:
        return f"{self.field}={shown(self.value)}: {self.mend}"


def shown(value: object, longest: int = LONGEST) -> str:
    """Return what a value looks like, in not too many letters. It never raises."""
    try:
        text = repr(value)
    except Exception:  # noqa: BLE001 - an int of many digits has none, nor has what is broken
        return f"<{type(value).__name__}>"
    return text if len(text) <= longest else f"{text[:longest]}…"


class DefinitionError(SafeDeployError, ValueError):
    """A flag, ring, plan or signal can't be what it was asked to be; raised where it is made."""


class ReleaseRefusedError(SafeDeployError):
    """A release can't start; nothing was recorded and nobody is exposed."""


class OverrideRefusedError(SafeDeployError):
    """An override can't be given, or taken back; nothing was recorded."""


class RolloutNotFoundError(SafeDeployError, LookupError):
    """No rollout of this engine has that id."""


class RolloutStateError(SafeDeployError):
    """The rollout isn't in a state in which that can be done; nothing was recorded."""


class JournalConflictError(SafeDeployError):
    """Somebody else appended first: read the stream again and decide anew."""


class JournalUnavailableError(SafeDeployError):
    """The journal can't be read or written now: locked, full, or not allowed. Later it may be."""


class JournalInvalidError(SafeDeployError):
    """The journal can't be used: it is foreign, damaged, altered, cut, or of a later version."""
