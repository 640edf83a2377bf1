"""A skipped test can't hide: under IKE_HARNESS_NO_SKIPS=1 it fails the run unless its reason is on file."""

import os
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

HOME = Path(__file__).parents[1]
TESTS = """
import pytest

@pytest.mark.skip(reason="the moon is not full")
def test_skipped():
    pass

@pytest.mark.xfail(reason="known", strict=True)
def test_expected_to_fail():
    assert False

def test_good():
    pass
"""
ENTRY = '[[skip]]\ntest = "test_moon.py::test_skipped"\nreason = "the moon is far"\n'


@pytest.fixture
def outcome(tmp_path):
    """Runs tests in a directory with our conftest: the exit status and what was printed."""
    (tmp_path / "conftest.py").write_text((HOME / "conftest.py").read_text())
    (tmp_path / "pytest.ini").write_text("[pytest]\n")

    def run(tests=TESTS, skips="skip = []\n", switch="1"):
        (tmp_path / "test_moon.py").write_text(tests)
        (tmp_path / "skips.toml").write_text(skips)
        done = subprocess.run(
            [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", str(tmp_path)],
            cwd=tmp_path,
            env={**os.environ, "IKE_HARNESS_NO_SKIPS": switch, "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"},
            capture_output=True,
            text=True,
            check=False,
        )
        return done.returncode, done.stdout + done.stderr

    return run


def test_skip_that_nobody_allowed_fails_the_run(outcome):
    """The run fails, and says which test and why it was skipped."""
    status, said = outcome()

    assert status == pytest.ExitCode.TESTS_FAILED
    assert "test_moon.py::test_skipped: Skipped: the moon is not full" in said


def test_file_that_skips_itself_fails_the_run(outcome):
    """A skip while a file is collected counts as one of all its tests."""
    status, said = outcome('import pytest\npytest.skip("no moon", allow_module_level=True)\n')

    assert status == pytest.ExitCode.TESTS_FAILED
    assert "test_moon.py: Skipped: no moon" in said


def test_skip_on_file_is_allowed(outcome):
    """A test whose reason is on file may be skipped; one that is expected to fail is not a skipped one."""
    assert outcome(skips=ENTRY)[0] == pytest.ExitCode.OK


def test_without_the_switch_skips_are_free(outcome):
    """On a developer's machine a missing package fails nothing."""
    assert outcome(switch="")[0] == pytest.ExitCode.OK


def test_entry_without_a_reason_is_refused(outcome):
    """A skip on file without its reason is wrong usage."""
    status, said = outcome(skips='[[skip]]\ntest = "test_moon.py::*"\n')

    assert status == pytest.ExitCode.USAGE_ERROR
    assert "each skip has a test and a reason" in said


def test_skips_on_file_are_well_formed():
    """The project's own list can be read and names files that exist."""
    for entry in tomllib.loads((HOME / "skips.toml").read_text())["skip"]:
        assert entry["reason"]
        assert (HOME.parents[1] / entry["test"].partition("::")[0]).exists()
