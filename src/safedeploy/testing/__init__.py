"""Fakes and a simulator, for the tests of whoever uses this library."""

from safedeploy.testing.clocks import FakeClock
from safedeploy.testing.contracts import JOURNAL_CONTRACT, Opener
from safedeploy.testing.delivering import TARGET_CONTRACT, Made
from safedeploy.testing.overriding import overridden
from safedeploy.testing.scenarios import Report, Scenario, per_minute
from safedeploy.testing.targets import FakeTarget

__all__ = [
    "JOURNAL_CONTRACT",
    "TARGET_CONTRACT",
    "FakeClock",
    "FakeTarget",
    "Made",
    "Opener",
    "Report",
    "Scenario",
    "overridden",
    "per_minute",
]
