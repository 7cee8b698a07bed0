"""The grid of streams (grid.py) is part of the output of the tests."""

from __future__ import annotations

import pytest


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print what `test_grid` has recorded."""
    reports = [*terminalreporter.getreports("passed"), *terminalreporter.getreports("failed")]
    lines = [line for report in reports for name, value in report.user_properties if name == "grid" for line in value]
    if lines:
        terminalreporter.section("the grid of streams before haproxy")
        terminalreporter.write("\n".join(lines) + "\n")
