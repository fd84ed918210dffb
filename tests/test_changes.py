"""Changes: what is being released."""

from typing import Any

import pytest

from safedeploy.changes import Change, ChangeKind
from safedeploy.errors import DefinitionError


@pytest.mark.parametrize(
    ("kind", "subject"),
    [
        (ChangeKind.CODE, "service:shop"),
        (ChangeKind.INFRASTRUCTURE, "infrastructure:shop"),
        (ChangeKind.FLAG, "flag:shop"),
        (ChangeKind.CONFIGURATION, "configuration:shop"),
    ],
)
def test_a_subject_names_kind_and_name(kind: ChangeKind, subject: str) -> None:
    """Two kinds never share a subject, whatever their names."""
    change = Change(kind, "shop", "2")

    assert subject == change.subject
    assert f"{subject}@2" == str(change)


def test_every_kind_has_a_subject_of_its_own() -> None:
    """Subjects are stored: no kind goes without one, and none shares one."""
    assert len(ChangeKind) == len({Change(kind, "shop", "2").subject for kind in ChangeKind})


def test_code_is_a_short_way_to_write_a_change() -> None:
    """`Change.code` makes the same value as naming the kind."""
    written = Change(ChangeKind.CODE, "shop", "2", author="dev-7")

    assert written == Change.code("shop", version="2", author="dev-7")
    assert None is Change.code("shop", version="2").author


@pytest.mark.parametrize("text", ["", " \t", None, 2, 4.2, ["shop"]], ids=repr)
@pytest.mark.parametrize("field", ["name", "version"])
def test_a_change_needs_a_name_and_a_version(field: str, text: Any) -> None:
    """A name or version that is no text or empty is refused, by field, value and mend."""
    given: dict[str, Any] = {"kind": ChangeKind.CODE, "name": "shop", "version": "2"}

    with pytest.raises(DefinitionError) as caught:
        Change(**given | {field: text})

    error = caught.value
    assert (field, text, "give a text that isn't empty") == (error.field, error.value, error.mend)


@pytest.mark.parametrize("kind", ["flag", None], ids=repr)
def test_a_change_needs_a_kind(kind: Any) -> None:
    """A kind by its name only is refused, by field, value and mend."""
    with pytest.raises(DefinitionError) as caught:
        Change(kind, "shop", "2")

    error = caught.value
    assert ("kind", kind, "give a ChangeKind") == (error.field, error.value, error.mend)
