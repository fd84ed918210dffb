"""Gates: what must be shown before a ring begins."""

from typing import Any

import pytest

from safedeploy.digests import digest
from safedeploy.errors import DefinitionError
from safedeploy.gates import Answer, Check


def test_a_gate_opens_holds_or_fails() -> None:
    """There are three answers, each with the word that a person reads."""
    assert ["opens", "holds", "fails"] == [answer.value for answer in Answer]


def test_a_check_is_its_name() -> None:
    """What runs doesn't count for equality, hash or digest, and isn't shown."""
    bare, running = Check("reviewed"), Check("reviewed", run=lambda _: True)

    assert bare == running
    assert hash(bare) == hash(running)
    assert digest(bare) == digest(running)
    assert "Check(name='reviewed')" == repr(running)
    assert bare != Check("signed")


@pytest.mark.parametrize("name", ["", None, 5], ids=repr)
def test_a_check_needs_a_name(name: Any) -> None:
    """A name that is no text or empty is refused, by field, value and mend."""
    with pytest.raises(DefinitionError) as caught:
        Check(name)

    error = caught.value
    assert ("name", name, "give a text that isn't empty") == (error.field, error.value, error.mend)
