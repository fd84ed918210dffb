"""Validators: what is refused, by field, value and mend."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from safedeploy.audiences import Attribute, Percentage
from safedeploy.errors import DefinitionError
from safedeploy.flags import FeatureFlag, Rule
from safedeploy.gates import Check
from safedeploy.health import HealthModel
from safedeploy.plans import Plan, Ring
from safedeploy.rollbacks import RollbackPolicy
from safedeploy.signals import ErrorRate, Usage

ANY: Any = None
NO: Any = "no"
HEALTH = HealthModel(Usage(at_least=1))
RING: Any = Ring("all", percent=100)
CHECK: Any = Check("reviewed")
NOT_A_SIGNAL: Any = ErrorRate
NO_REASONS: list[Any] = [["usage"], {"usage": ""}, {"usage": None}]

REFUSED: dict[str, tuple[str, Callable[[], object]]] = {
    "one ring": ("rings", lambda: Plan(rings=RING, health=HEALTH)),
    "no ring": ("rings", lambda: Plan(rings=[CHECK], health=HEALTH)),
    "one check": ("before", lambda: Plan(rings=[RING], before=CHECK, health=HEALTH)),
    "one gate": ("gates", lambda: Ring("all", percent=100, gates=CHECK)),
    "no health": ("health", lambda: Plan(rings=[RING], health=ANY)),
    "no policy": ("on_issue", lambda: Plan(rings=[RING], health=HEALTH, on_issue=ANY)),
    "a signal's class": ("signals", lambda: HealthModel(NOT_A_SIGNAL, Usage(at_least=1))),
    "no answer": ("ask", lambda: RollbackPolicy.roll_back(ask=NO)),
    "an attribute alone": ("when", lambda: Rule("on", Attribute("plan"))),  # type: ignore[arg-type]
    "a part that is none": ("audiences", lambda: Percentage(5) & ANY),
    "a single value": ("values", lambda: Attribute("plan").is_in(ANY)),
    "a value that is none": ("values", lambda: Attribute("plan").equals(ANY)),
    "one exception": ("ignores", lambda: FeatureFlag.boolean("f", ignores=NO)),
    "no exception": ("ignores", lambda: FeatureFlag.boolean("f", ignores=(NO,))),
    "half enabled": ("enabled", lambda: FeatureFlag("f", {"a": 1}, "a", enabled=NO)),
}


@pytest.mark.parametrize(("field", "make"), list(REFUSED.values()), ids=list(REFUSED))
def test_what_is_of_the_wrong_kind_is_refused(field: str, make: Callable[[], object]) -> None:
    """The error names the field and says what to give, where the value is made."""
    with pytest.raises(DefinitionError) as refused:
        make()
    assert field == refused.value.field
    assert refused.value.mend.startswith("give ")


@pytest.mark.parametrize("waive", NO_REASONS, ids=str)
def test_a_waiver_has_a_reason(waive: Any) -> None:
    """Doing without usage takes a name and a written reason."""
    with pytest.raises(DefinitionError, match="give reasons"):
        HealthModel(ErrorRate(), waive=waive)
