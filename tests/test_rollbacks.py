"""Rollback policies: how to recover from a halt."""

from safedeploy.rollbacks import RollBack, RollbackPolicy


def test_rolling_back_at_once_is_the_default() -> None:
    """Nothing need be said to recover at once by rolling back."""
    assert RollbackPolicy() == RollbackPolicy.roll_back()
    assert RollBack() == RollbackPolicy().reversible
    assert False is RollbackPolicy().ask is RollbackPolicy.roll_back().ask


def test_a_person_can_be_asked_first() -> None:
    """A policy that asks is another policy."""
    assert True is RollbackPolicy.roll_back(ask=True).ask
    assert RollbackPolicy(ask=True) == RollbackPolicy.roll_back(ask=True)
    assert RollbackPolicy() != RollbackPolicy.roll_back(ask=True)
