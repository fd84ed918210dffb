"""Validators: what is refused, by field, value and mend."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from datetime import timedelta
from types import MappingProxyType
from typing import Any

import attrs
import pytest

from safedeploy.audiences import Attribute, Percentage
from safedeploy.errors import DefinitionError
from safedeploy.flags import FeatureFlag, Rule
from safedeploy.gates import Check
from safedeploy.health import HealthModel
from safedeploy.plans import Plan, Ring
from safedeploy.rollbacks import RollbackPolicy
from safedeploy.signals import ErrorRate, Usage
from safedeploy.validators import ADDED, NOTHING, a, duration, each, frozen, real, several, text
from tests.measurements import check_refused

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


def _many(given: Iterable[int]) -> tuple[int, ...]:
    return several(given)


@attrs.frozen
class Thing:
    """Something with a field of each kind."""

    words: str = attrs.field(default="x", validator=text)
    lasts: timedelta = attrs.field(default=timedelta(0), validator=duration)
    whole: int = attrs.field(default=0, validator=a(int))
    number: float = attrs.field(default=0.0, converter=real, validator=a(float))
    answer: bool = attrs.field(default=False, validator=a(bool))
    either: int | str = attrs.field(default=0, validator=a(int, str))
    many: tuple[int, ...] = attrs.field(default=(), converter=_many, validator=each(int))
    named: Mapping[str, int] = attrs.field(default=NOTHING, converter=frozen, hash=False)


WORDS, LASTS = "give a text that isn't empty", "give a timedelta that isn't negative"


@pytest.mark.parametrize(
    ("field", "value", "mend"),
    [
        *(("words", value, WORDS) for value in ("", " \n", None, 7, b"x")),
        *(("lasts", value, LASTS) for value in (timedelta(seconds=-1), 0, None, "1h")),
        *(("whole", value, "give an int") for value in (1.0, "1", None, True, False)),
        *(("number", value, "give a float") for value in ("1", None, True, 1j)),
        *(("answer", value, "give a bool") for value in (0, 1, "yes", None)),
        *(("either", value, "give an int or str") for value in (1.5, None)),
        *(("many", value, "give a tuple") for value in (5, None)),
    ],
    ids=repr,
)
def test_a_field_refuses_what_it_can_not_be(field: str, value: Any, mend: str) -> None:
    """By field, value and mend; where a number is asked for, a truth value is none."""
    check_refused(lambda: Thing(**{field: value}), field, value, mend)


@pytest.mark.parametrize(
    ("many", "value"), [([1, "a"], "a"), ("ab", "a"), ([True], True), ([None], None)], ids=repr
)
def test_each_of_many_is_looked_at(many: Any, value: object) -> None:
    """What is refused is the one, not all of them."""
    check_refused(lambda: Thing(many=many), "many", value, "give an int")


def test_what_can_be_is_taken() -> None:
    """A whole number becomes a real one, an iterable a tuple, a mapping one of its own."""
    named = {"a": 1}
    thing = Thing(number=2, many=(n for n in (1, 2)), named=named, either=True)
    named["b"] = 2

    assert (2.0, float) == (thing.number, type(thing.number))
    assert ((1, 2), {"a": 1}, True) == (thing.many, thing.named, thing.either)
    assert isinstance(thing.named, MappingProxyType)
    assert NOTHING is Thing(named={}).named
    for other in (None, 7):
        assert other is frozen(other)  # type: ignore[arg-type, comparison-overlap]


def test_a_field_that_was_added_says_so() -> None:
    """By metadata that nobody can change, as nothing is."""
    for fixed in (ADDED, NOTHING):
        with pytest.raises(TypeError):
            fixed["added"] = False  # type: ignore[index]
    assert {"added": True} == ADDED
    assert 0 == len(NOTHING)
