"""Overrides: what one says, and what is no override."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from safedeploy.audiences import Everyone, Group, Percentage
from safedeploy.contexts import Context
from safedeploy.errors import DefinitionError
from safedeploy.flags import Reason
from safedeploy.overrides import LONGEST, Override, refuse_end

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
OVERRIDE = Override("shop#1", "shop", "on", 7, "v1", Group("staff"), NOON, "person-7", "to debug")
JUNK: st.SearchStrategy[Any] = st.one_of(
    st.none(), st.integers(), st.text(), st.floats(), st.lists(st.text()), st.datetimes()
)


def test_an_override_explains_itself() -> None:
    """The answer says that it is an override, until when, and why."""
    found = OVERRIDE.resolution
    assert ("shop", 7, "on", "v1") == (found.flag, found.value, found.variant, found.version)
    assert Reason.OVERRIDE is found.reason
    assert "overridden until 2026-01-01T12:00:00+00:00: to debug" == found.detail
    assert (None, None, None) == (found.rule, found.ring, found.rollout)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("audience", "staff"),
        ("audience", None),
        ("until", None),
        ("until", timedelta(hours=1)),
        ("until", datetime(2026, 1, 1)),  # noqa: DTZ001 - what is refused
        ("by", ""),
        ("by", None),
        ("reason", " "),
        ("flag", ""),
    ],
)
def test_nothing_is_overridden_without_audience_end_and_reason(field: str, value: object) -> None:
    """Each is asked for by name, with the mend."""
    changes: Any = {field: value}
    with pytest.raises(DefinitionError, match=f"^{field}=.*: give "):
        attrs.evolve(OVERRIDE, **changes)


@given(st.timedeltas(timedelta(days=-9999), timedelta(days=9999)))
def test_an_end_is_ahead_and_not_far(after: timedelta) -> None:
    """What is over already isn't given, nor what would be a release."""
    if timedelta(0) < after <= LONGEST:
        refuse_end(NOON + after, NOON)
    else:
        with pytest.raises(DefinitionError, match="within 90 days"):
            refuse_end(NOON + after, NOON)


@given(JUNK)
def test_an_end_is_a_moment(until: Any) -> None:
    """Whatever else is given is refused, a time without a zone as well."""
    with pytest.raises(DefinitionError, match=r"^until="):
        refuse_end(until, NOON)


def test_percentages_draw_as_the_flags_rules_do() -> None:
    """An override for 5 % lets in those who would be let in by a rule for 5 %."""
    from safedeploy.flags import FeatureFlag, Surroundings
    from safedeploy.projections import Overridden, Settled

    flag = FeatureFlag("shop", {"on": 7, "off": 0}, "off")
    by_rule = flag.serve("on", when=Percentage(30))
    overridden = Overridden([attrs.evolve(OVERRIDE, audience=Percentage(30))], Settled(flag))
    ask = overridden.served(Surroundings(lambda: NOON - timedelta(hours=1)))
    for number in range(200):
        context = Context(f"user-{number}")
        assert by_rule.resolve(context).value == ask(context).value


def test_the_latest_wins() -> None:
    """Of several that let a context in, the one that was given last decides, until it is over."""
    from safedeploy.flags import FeatureFlag, Surroundings
    from safedeploy.projections import Overridden, Settled

    flag = FeatureFlag("shop", {"on": 7, "off": 0}, "off")
    times = [NOON]
    earlier = attrs.evolve(OVERRIDE, audience=Everyone(), until=NOON + timedelta(hours=2))
    later = attrs.evolve(OVERRIDE, value=8, until=NOON + timedelta(hours=1))
    overridden = Overridden([earlier, later], Settled(flag))
    ask = overridden.served(Surroundings(lambda: times[-1]))
    staff, others = Context("user-1", groups=["staff"]), Context("user-2")
    told = []
    for hours in range(3):
        times.append(NOON + timedelta(hours=hours))
        told.append((ask(staff).value, ask(others).value))
    assert [(8, 7), (7, 7), (0, 0)] == told
