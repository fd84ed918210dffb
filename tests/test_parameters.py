"""Parameters: what differs between environments is complete, and shows no values."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from safedeploy.errors import DefinitionError
from safedeploy.parameters import Parameters

NAMES = st.sets(st.sampled_from("abcdef"))


@given(NAMES, NAMES, NAMES)
def test_what_is_missing_is_named(values: set[str], secrets: set[str], needs: set[str]) -> None:
    """Exactly what is needed and isn't there, and nobody is told what they don't need."""
    parameters = Parameters(
        "test",
        dict.fromkeys(values, "1"),
        secrets={name: lambda: "2" for name in secrets - values},
    )
    assert sorted(needs - values - secrets) == parameters.lacks(needs)
    only = parameters.only(needs)
    assert needs & (values | secrets) == {*only.values, *only.secrets}


def test_no_value_is_shown() -> None:
    """Whoever prints parameters sees their names."""
    parameters = Parameters("test", {"size": "hunter1"}, secrets={"key": lambda: "hunter2"})
    assert "Parameters(name='test', values=['size'], secrets=['key'])" == repr(parameters)


@pytest.mark.parametrize(
    ("field", "values", "secrets"),
    [
        ("values", [("a", "hunter2")], {}),
        ("values", {"a": 2}, {}),
        ("values", {" ": "hunter2"}, {}),
        ("values", {1: "hunter2"}, {}),
        ("secrets", {}, {"a": "hunter2"}),
        ("secrets", {}, {"": lambda: "hunter2"}),
        ("secrets", {}, "hunter2"),
        ("secrets", {"a": "hunter2"}, {"a": lambda: "hunter2"}),
    ],
)
def test_parameters_that_make_no_sense_are_refused(field: str, values: Any, secrets: Any) -> None:
    """With field and mend, and without a value: it may be a secret."""
    with pytest.raises(DefinitionError) as refused:
        Parameters("test", values, secrets=secrets)
    assert field == refused.value.field
    assert "hunter2" not in str(refused.value)


def test_an_environment_has_a_name() -> None:
    """A journal knows it by that."""
    with pytest.raises(DefinitionError):
        Parameters("")
