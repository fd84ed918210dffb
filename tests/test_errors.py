"""Everything that can be raised: each with the field, the value and the mend."""

import copy
import math
from datetime import timedelta

import pytest

from safedeploy import errors
from safedeploy.errors import DefinitionError, SafeDeployError

EVERY_ERROR = [
    errors.ApprovalRefusedError,
    errors.DefinitionError,
    errors.JournalConflictError,
    errors.JournalInvalidError,
    errors.JournalUnavailableError,
    errors.OverrideRefusedError,
    errors.PromotionRefusedError,
    errors.ReleaseRefusedError,
    errors.RolloutStateError,
    errors.RolloutNotFoundError,
    errors.TargetError,
]

every_error = pytest.mark.parametrize("kind", EVERY_ERROR)


@every_error
def test_an_error_says_what_is_wrong_and_what_to_do(kind: type[SafeDeployError]) -> None:
    """Field, value and mend can be read one by one, and the text holds all three."""
    error = kind("percent", 101, "give a number between 0 and 100")

    assert ("percent", 101, "give a number between 0 and 100") == (
        error.field,
        error.value,
        error.mend,
    )
    assert "percent=101: give a number between 0 and 100" == str(error)


@every_error
def test_one_except_catches_everything(kind: type[SafeDeployError]) -> None:
    """Every error of the library is a SafeDeployError, named as an error."""
    assert issubclass(kind, SafeDeployError)
    assert kind.__name__.endswith("Error")


def test_every_error_is_known_here() -> None:
    """No error of the library goes untested."""
    assert {*EVERY_ERROR, errors.CircuitOpenError} == set(SafeDeployError.__subclasses__())


def test_a_refusal_says_which_breaker_and_when_to_try_again() -> None:
    """It is told from what it was raised with, and only when it is asked."""
    error = errors.CircuitOpenError("payments", "open", 130.0, 100.0)

    assert ("payments", "open", timedelta(seconds=30)) == (
        error.breaker,
        error.state,
        error.retry_after,
    )
    assert "breaker='payments': it is open: try again in 30 s, or do without" == str(error)
    assert str(error) == str(copy.copy(error))
    assert ("breaker", "payments") == (error.field, error.value)
    assert issubclass(errors.CircuitOpenError, SafeDeployError)


@pytest.mark.parametrize("until", [math.inf, 99.0])
def test_a_refusal_without_an_end_says_later(until: float) -> None:
    """While trials are out, or a person holds it open, nobody knows when to try again."""
    error = errors.CircuitOpenError("payments", "isolated", until, 100.0)

    assert error.retry_after is None
    assert "breaker='payments': it is isolated: try again later, or do without" == str(error)


@pytest.mark.parametrize(
    ("kind", "standard"),
    [(errors.DefinitionError, ValueError), (errors.RolloutNotFoundError, LookupError)],
)
def test_an_error_is_also_what_python_calls_it(
    kind: type[SafeDeployError], standard: type[Exception]
) -> None:
    """Who knows nothing of the library catches a bad value or a failed look-up as usual."""
    assert issubclass(kind, standard)


@every_error
def test_an_error_travels(kind: type[SafeDeployError]) -> None:
    """A copy, as another process would get it, says the same."""
    error = kind("percent", 101, "mend it")

    assert str(error) == str(copy.copy(error))


def test_a_text_that_is_wrong_is_quoted() -> None:
    """The value is shown as it would be written in code, so that 5 and "5" differ."""
    assert "percent='5': mend it" == str(SafeDeployError("percent", "5", "mend it"))


@pytest.mark.parametrize(
    ("value", "expected"),
    [(10**5000, "<int>"), ("a" * 600, "'" + "a" * 499 + "…"), ("a", "'a'")],
    ids=["huge", "long", "plain"],
)
def test_an_error_can_be_shown_whatever_the_value(value: object, expected: str) -> None:
    """Neither a number of thousands of digits nor a text that fills the log gets in the way."""
    assert f"field={expected}: mend it" == str(DefinitionError("field", value, "mend it"))
