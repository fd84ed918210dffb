"""Within: a gate that time opens, and closes."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

import attrs

from safedeploy.gates.algebra import Gate
from safedeploy.gates.showings import Shown
from safedeploy.validators import a, text
from safedeploy.windows import Window


@attrs.frozen(repr=False)
class Within(Gate):
    """Name a gate that is open while a window is: a ring begins, or is left, in its time only.

    It holds an advance, and never a halt.

    Args:
        window: when it is open.
        name: the gate's name, unique before and after a ring.

    Raises:
        DefinitionError: there is no window, or the name is empty.
    """

    window: Window = attrs.field(validator=a(Window))
    name: str = attrs.field(  # pyright: ignore[reportIncompatibleMethodOverride]
        default="window", kw_only=True, validator=text
    )

    def opens(self, shown: Shown) -> bool:
        """Tell whether the window is open."""
        return self.window.contains(shown.at)

    def awaited(self, shown: Shown) -> Iterator[Gate]:
        """Find nothing: nobody can open it but time."""
        return iter(())

    def turns(self, shown: Shown) -> Iterator[datetime]:
        """Find when the window opens or closes next."""
        flip = self.window.next_change(shown.at)
        return iter(() if flip is None else (flip,))

    def then(self, shown: Shown) -> str:
        """Return what happens at its next turn."""
        return f"{self.name} closes" if self.opens(shown) else f"{self.name} opens"

    def missing(self, shown: Shown) -> str:
        """Return when the window opens."""
        return f"{self.name} ({self.window.explain(shown.at)})"
