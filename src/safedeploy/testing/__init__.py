"""Fakes and a simulator, for the tests of whoever uses this library."""

from safedeploy.testing.clocks import FakeClock
from safedeploy.testing.scenarios import Report, Scenario, per_minute

__all__ = ["FakeClock", "Report", "Scenario", "per_minute"]
