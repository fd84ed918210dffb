"""Everything that can be raised, each with the field, the value and the mend."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import TYPE_CHECKING

LONGEST = 500
"""How many letters of a value an error shows."""

_FOREVER = timedelta.max.total_seconds()


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


def near(name: object, names: Sequence[str]) -> str:
    """Return the names that are nearest to one, three at most; all of them where none is near."""
    from difflib import get_close_matches  # nobody else waits for it

    return ", ".join(get_close_matches(str(name), names, 3) or names)


class DefinitionError(SafeDeployError, ValueError):
    """A flag, ring, plan or signal can't be what it was asked to be; raised where it is made."""


class DefinitionsInvalidError(DefinitionError):
    """Definitions can't be read from a file or text, or be written to one.

    Attributes:
        field: where it is, `flags.checkout.rules[2].when` say; or the format, where it isn't that.
        source: the file; empty where it was a text.
        line: the line, from 1, where a parser has told it; else None.
        problems: everything that was found to be wrong, this one first.
    """

    def __init__(
        self,
        field: str,
        value: object,
        mend: str,
        *,
        source: str = "",
        line: int | None = None,
        others: tuple[DefinitionError, ...] = (),
    ) -> None:
        super().__init__(field, value, mend)
        self.source = source
        self.line = line
        self._others = others

    @property
    def problems(self) -> tuple[DefinitionError, ...]:
        """Everything that was found to be wrong, this one first."""
        return (self, *self._others)

    def __str__(self) -> str:
        place = f"{self.source}:{self.line or ''}".strip(":")
        first = f"{place}: {super().__str__()}" if place else super().__str__()
        return "\n".join((first, *map(str, self._others)))


class ReleaseRefusedError(SafeDeployError):
    """A release can't start; nothing was recorded and nobody is exposed."""


class OverrideRefusedError(SafeDeployError):
    """An override can't be given, or taken back; nothing was recorded."""


class RolloutNotFoundError(SafeDeployError, LookupError):
    """No rollout of this engine has that id."""


class RolloutStateError(SafeDeployError):
    """The rollout isn't in a state in which that can be done; nothing was recorded."""


class ApprovalRefusedError(SafeDeployError):
    """An approval wouldn't count: of an author, say, or without the role. Nothing was recorded."""


class TargetError(SafeDeployError):
    """A target couldn't apply, withdraw or verify. Its text is recorded, so no secrets."""


class PromotionRefusedError(SafeDeployError):
    """A promotion wouldn't count: of the author, say, or without a reason. Nothing was recorded."""


class JournalConflictError(SafeDeployError):
    """Somebody else appended first: read the stream again and decide anew."""


class JournalUnavailableError(SafeDeployError):
    """The journal can't be read or written now: locked, full, or not allowed. Later it may be."""


class JournalInvalidError(SafeDeployError):
    """The journal can't be used: it is foreign, damaged, altered, cut, or of a later version."""


class CircuitOpenError(SafeDeployError):
    """A breaker refused a call: it wasn't made.

    Attributes:
        breaker: the breaker's name.
        state: where it is: "open", "half-open" or "isolated".
    """

    if TYPE_CHECKING:

        def __init__(self, breaker: str, state: str, until: float, at: float) -> None: ...

    else:
        # In a storm this is raised more often than anything is returned: it only keeps what it is
        # given, and says it when it is asked.
        __init__ = Exception.__init__

    @property
    def breaker(self) -> str:
        """The breaker's name."""
        return str(self.args[0])

    @property
    def state(self) -> str:
        """Where the breaker is: "open", "half-open" or "isolated"."""
        return str(self.args[1])

    @property
    def retry_after(self) -> timedelta | None:
        """When to try again, from when it was raised; None if nobody knows.

        Nobody does while trials are out, or while a person holds the breaker open.
        """
        seconds = self.args[2] - self.args[3]
        return timedelta(seconds=seconds) if 0 <= seconds < _FOREVER else None

    @property
    def field(self) -> str:  # type: ignore[override]
        """What is wrong: the breaker."""
        return "breaker"

    @property
    def value(self) -> object:  # type: ignore[override]
        """The breaker's name."""
        return self.breaker

    @property
    def mend(self) -> str:  # type: ignore[override]
        """What to do instead."""
        wait = self.retry_after
        when = "later" if wait is None else f"in {wait.total_seconds():g} s"
        return f"it is {self.state}: try again {when}, or do without"
