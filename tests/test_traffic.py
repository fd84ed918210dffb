"""Traffic: what a plan will meet."""

from __future__ import annotations

import math
from typing import Any

import pytest

from safedeploy.errors import DefinitionError
from safedeploy.traffic import Traffic


@pytest.mark.parametrize(
    ("field", "given"),
    [
        ("per_minute", {"per_minute": 0}),
        ("per_minute", {"per_minute": -1.0}),
        ("per_minute", {"per_minute": math.nextafter(0, 1)}),
        ("per_minute", {"per_minute": math.nan}),
        ("per_minute", {"per_minute": math.inf}),
        ("per_minute", {"per_minute": "600"}),
        ("failing", {"failing": 1}),
        ("failing", {"failing": -0.1}),
        ("failing", {"failing": math.nan}),
        ("failing", {"failing": None}),
        ("meeting", {"meeting": {"order": 1.5}}),
        ("meeting", {"meeting": {"order": math.nan}}),
        ("meeting", {"meeting": {"order": "many"}}),
        ("meeting", {"meeting": ("order", 0.5)}),
    ],
)
def test_what_no_traffic_can_be_is_refused(field: str, given: dict[str, Any]) -> None:
    """An impossible rate is refused where it is written, with its field and the mend."""
    with pytest.raises(DefinitionError) as refused:
        Traffic(**{"per_minute": 600, "failing": 0.01, **given})
    assert field == refused.value.field
    assert refused.value.mend.startswith("give a")


def test_a_rate_is_that_of_failures_or_of_an_event() -> None:
    """A signal asks by the event's name; who isn't told of an event knows no rate of it."""
    traffic = Traffic(per_minute=600, failing=0.01, meeting={"order": 0.3})
    assert 0.01 == traffic.rate()
    assert 0.3 == traffic.rate("order")
    assert traffic.rate("refund") is None


def test_what_never_happens_has_a_rate_of_zero() -> None:
    """That is a share like any other."""
    traffic = Traffic(per_minute=600, failing=0, meeting={"refund": 0, "order": 1})
    assert [0, 0, 1] == [traffic.rate(), traffic.rate("refund"), traffic.rate("order")]


def test_whole_numbers_are_numbers() -> None:
    """600 and 600.0 are the same traffic."""
    assert Traffic(per_minute=600, failing=0) == Traffic(per_minute=600.0, failing=0.0)
