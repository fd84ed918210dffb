"""Hypothesis profiles, and the rule that CI skips nothing."""

import concurrent.futures.thread  # noqa: F401 - as below
import os
import re

import pytest
from hypothesis import HealthCheck, settings

# Whoever registers with forks first is told last that one begins. The executors' lock would keep a
# fork from beginning within a fork, so it has to be taken after the hooks that tests try that in.

# The everyday run and the long one are the same every time, so that no build fails by chance; a
# search is another every time, and prints how to repeat what it found.
settings.register_profile(
    "default",
    database=None,
    deadline=None,
    derandomize=True,
    max_examples=50,
    print_blob=False,
    report_multiple_bugs=False,
    suppress_health_check=[HealthCheck.too_slow],
)
settings.register_profile("mutants", settings.get_profile("default"), max_examples=15)
settings.register_profile("long", settings.get_profile("default"), max_examples=300)
settings.register_profile(
    "search", settings.get_profile("long"), derandomize=False, print_blob=True
)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "default"))

# Regular expressions, each matched against the whole reason.
ALLOWED_SKIPS: tuple[str, ...] = (
    r"no conformance data at .*: SAFEDEPLOY_CONFORMANCE names it",
    r"no atheris here: it is for Linux, and for some versions of Python",
)


def unexplained(config: pytest.Config) -> list[str]:
    """List what was skipped for a reason that nobody allowed."""
    terminal = config.pluginmanager.get_plugin("terminalreporter")
    if terminal is None or "CI" not in os.environ:
        return []
    skipped = [
        (report.nodeid, report.longrepr[2].removeprefix("Skipped: "))
        for report in terminal.stats.get("skipped", ())
    ]
    return [
        f"{name}: {why}"
        for name, why in skipped
        if not any(re.fullmatch(allowed, why) for allowed in ALLOWED_SKIPS)
    ]


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Fail a green run that skipped something: a test that never runs protects nothing."""
    if session.exitstatus == pytest.ExitCode.OK and unexplained(session.config):
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


def pytest_terminal_summary(
    terminalreporter: pytest.TerminalReporter, config: pytest.Config
) -> None:
    """Say how many states were searched, and which skips made it fail."""
    for report in terminalreporter.stats.get("passed", ()):
        for name, number in report.user_properties:
            terminalreporter.write_line(f"{number:,} {name}: {report.nodeid}")
    for line in unexplained(config):
        terminalreporter.write_line(f"CI allows no skipped test: {line}", red=True)
