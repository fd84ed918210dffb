"""Fakes and a simulator, for the tests of whoever uses this library."""

from safedeploy.testing.clocks import FakeClock
from safedeploy.testing.contracts import JOURNAL_CONTRACT, Opener
from safedeploy.testing.overriding import overridden
from safedeploy.testing.scenarios import Report, Scenario, per_minute

__all__ = [
    "JOURNAL_CONTRACT",
    "FakeClock",
    "Opener",
    "Report",
    "Scenario",
    "overridden",
    "per_minute",
]
