"""Under IKE_HARNESS_NO_SKIPS=1 a skipped test fails the run, unless skips.toml beside this file gives the reason."""

import os
import tomllib
from fnmatch import fnmatchcase
from pathlib import Path

import pytest

ALLOWED = Path(__file__).with_name("skips.toml")
SWITCH = "IKE_HARNESS_NO_SKIPS"


class SkipWatch:
    """Notes what is skipped, and fails the run for what is not allowed."""

    def __init__(self, patterns: tuple[str, ...]) -> None:
        self._patterns = patterns
        self._skipped: dict[str, str] = {}

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """A test that is expected to fail is no skipped one."""
        if report.skipped and not hasattr(report, "wasxfail"):
            self._note(report.nodeid, report.longrepr)

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        """A whole file can be skipped while it is collected."""
        if report.skipped:
            self._note(report.nodeid, report.longrepr)

    @pytest.hookimpl(tryfirst=True)
    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        """Only a run that would have been good, or that has nothing left, is made a failed one."""
        if self._skipped and session.exitstatus in (pytest.ExitCode.OK, pytest.ExitCode.NO_TESTS_COLLECTED):
            session.exitstatus = pytest.ExitCode.TESTS_FAILED

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        """Say which they were."""
        if self._skipped:
            terminalreporter.section(
                f"skipped, but {SWITCH} is set and {ALLOWED.name} does not allow it", red=True
            )
        for test, why in self._skipped.items():
            terminalreporter.write_line(f"{test}: {why}")

    def _note(self, test: str, why: object) -> None:
        if not any(fnmatchcase(test, pattern) for pattern in self._patterns):
            self._skipped[test] = str(why[2]) if isinstance(why, tuple) else str(why)


def allowed(path: Path) -> tuple[str, ...]:
    """The patterns of the tests that may be skipped; each needs a reason."""
    entries = tomllib.loads(path.read_text(encoding="utf-8"))["skip"]
    for entry in entries:
        if set(entry) != {"test", "reason"} or not all(entry.values()):
            raise pytest.UsageError(f"{path}: each skip has a test and a reason, not {entry}")
    return tuple(entry["test"] for entry in entries)


def pytest_configure(config: pytest.Config) -> None:
    """Watch if told to."""
    if os.environ.get(SWITCH) == "1":
        config.pluginmanager.register(SkipWatch(allowed(ALLOWED)), "skip-watch")
