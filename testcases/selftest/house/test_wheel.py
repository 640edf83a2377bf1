"""The wheel carries the catalogue: it works where there is no checkout."""

import json
import subprocess
import sys
import venv
from pathlib import Path

import pytest

TOP = Path(__file__).parents[3]


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The command of the wheel, installed with its dependencies into a fresh virtual environment."""
    place = tmp_path_factory.mktemp("wheel")
    build = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(place), str(TOP)]
    subprocess.run(build, check=True, capture_output=True)
    (wheel,) = place.glob("*.whl")
    venv.create(place / "venv", with_pip=True)
    pip = [str(place / "venv" / "bin" / "python"), "-m", "pip", "install", "--quiet", str(wheel)]
    subprocess.run(pip, check=True, capture_output=True)
    return place / "venv" / "bin" / "ike-harness"


@pytest.mark.slow
def test_a_suite_runs_from_the_wheel_in_an_empty_directory(installed: Path, tmp_path: Path) -> None:
    """Installed from the wheel, `ike-harness run` plays a suite without the checkout, and all cases pass."""
    done = subprocess.run(
        [installed, "run", "responder_only"], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    (report,) = tmp_path.glob("reports/*/report.json")
    totals = json.loads(report.read_text(encoding="utf-8"))["totals"]

    assert (done.returncode, totals["FAIL"], totals["ERROR"]) == (0, 0, 0)
    assert totals["PASS"] >= 30
