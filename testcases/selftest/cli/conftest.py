"""Commands run in this process, and in one of their own."""

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from harness.cli import main

ROOT = Path(__file__).parents[3]


@dataclass(frozen=True)
class Said:
    """What a command said and how it ended."""

    status: int
    out: str
    err: str


Run = Callable[..., Said]


@pytest.fixture
def ike(capsys: pytest.CaptureFixture[str]) -> Run:
    """Runs a command in this process."""

    def run(*words: object) -> Said:
        status = main([str(word) for word in words])
        return Said(status, *capsys.readouterr())

    return run


def apart_in(place: Path) -> Run:
    """Runs commands in processes of their own, in `place`."""

    def run(*words: object) -> Said:
        done = subprocess.run(
            [sys.executable, "-m", "harness.cli", *map(str, words)],
            cwd=place,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
            capture_output=True,
            text=True,
            stdin=subprocess.DEVNULL,
            timeout=120,
        )
        return Said(done.returncode, done.stdout, done.stderr)

    return run


@pytest.fixture
def apart(tmp_path: Path) -> Run:
    """Runs a command in a process of its own, in an empty directory."""
    return apart_in(tmp_path)


@pytest.fixture(scope="session")
def one_run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory with one run of one case, to be looked at and not to be touched."""
    place = tmp_path_factory.mktemp("run")
    apart_in(place)("run", "ikev2/1.2/initial-exchanges", "--seed", 7, "--output", "out")
    return place / "out"


@pytest.fixture
def played(one_run: Path, tmp_path: Path) -> Path:
    """A copy of that run."""
    return shutil.copytree(one_run, tmp_path / "out")
