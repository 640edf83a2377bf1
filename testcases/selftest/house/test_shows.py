"""What the README promises, run as a user runs it: both links agree, two-way fails, judging again agrees, every case kills."""

import json
import shutil
import subprocess
import sys
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from harness.bench.catalogue import catalogue
from harness.bench.run import LONGEST_WAIT_S
from harness.bench.windows import Windows, waits_s

pytestmark = pytest.mark.slow

TOP = Path(__file__).parents[3]
SILENT_UNLESS_ASKED = (
    "responder_only/c/duplicate-ike-sa",
    "responder_only/c/idle-tunnel",
    "responder_only/e/clock-step",
    "responder_only/e/interface-down",
    "responder_only/f/peer-vanishes-half-way",
)
"""Their scripts give a two-way device no reason to start anything."""
CROSSINGS = ("ikev2/2.25/crossing-rekeys-of-a-child", "ikev2/2.25/crossing-rekeys-of-the-ike-sa")
"""Both ends must ask before either is answered: on sockets only now and then."""


def _harness(*words: str | Path, cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "harness.cli", *map(str, words)]
    return subprocess.run(command, cwd=cwd or TOP, capture_output=True, text=True, check=False)


@cache
def _played(place: Path, *words: str) -> tuple[int, dict[str, Any]]:
    done = _harness("run", *words, "--seed", "7", "--output", place)
    report = json.loads((place / "reports" / "report.json").read_text(encoding="utf-8"))
    return done.returncode, report


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where this module's runs lie."""
    return tmp_path_factory.mktemp("shows")


def _verdicts(report: dict[str, Any]) -> dict[str, str]:
    return {case["id"]: case["verdict"] for case in report["cases"]}


def test_every_case_passes_on_the_reference(place: Path) -> None:
    """On the virtual link the whole catalogue passes, and the exit status says so."""
    status, report = _played(place / "virtual")

    assert status == 0
    assert set(_verdicts(report).values()) == {"PASS"}
    assert len(report["cases"]) == len(catalogue())


def test_loopback_sockets_give_the_same_verdicts(place: Path) -> None:
    """On real sockets, against the responder as a process of its own, verdicts are those of the virtual link.

    What takes addresses at will, or hours, is not applicable there, and nothing else; where two ends must cross, it may
    not come about.
    """
    _, virtual = _played(place / "virtual")
    _, udp = _played(place / "udp", "--link", "udp")
    beyond = {
        entry.id
        for entry in catalogue()
        if "many-addresses" in entry.kind.needs or waits_s(entry.kind, Windows.SHORT) > LONGEST_WAIT_S
    }
    not_crossed = {case for case in CROSSINGS if _verdicts(udp)[case] == "INCONCLUSIVE"}
    expected = {
        case: "NOT_APPLICABLE" if case in beyond else "INCONCLUSIVE" if case in not_crossed else told
        for case, told in _verdicts(virtual).items()
    }

    assert _verdicts(udp) == expected


def test_judging_the_evidence_again_gives_the_same_verdicts(place: Path) -> None:
    """`judge` derives every verdict from the captures alone, moved to another place."""
    _, report = _played(place / "virtual")
    moved = place / "moved"
    shutil.copytree(place / "virtual" / "pcaps", moved)
    done = _harness("judge", moved, "--json")
    again = _verdicts(json.loads(done.stdout))

    assert again == _verdicts(report)


A_FEW = (
    "responder_only/b/child-at-its-soft-limit",
    "responder_only/e/boot",
    "responder_only/e/second-selector",
    "responder_only/f/peer-deletes-the-ike-sa",
)


@pytest.mark.parametrize(("link", "selected"), [("virtual", ("responder_only",)), ("udp", A_FEW)])
def test_a_two_way_device_fails_wherever_it_is_given_a_reason(
    place: Path, link: str, selected: tuple[str, ...]
) -> None:
    """Judged strict, a two-way device fails every case that triggers an initiation, and the finding names frames."""
    words = (*selected, "--configured-as", "two-way", "--link", link)
    status, report = _played(place / f"two-way-{link}", *words)
    frames = {
        case["id"]: [f["frames"] for f in case["findings"] if f["verdict"] == "FAIL"]
        for case in report["cases"]
    }
    expected = {case: "PASS" if case in SILENT_UNLESS_ASKED else "FAIL" for case in frames}

    assert status == 1
    assert _verdicts(report) == expected
    assert all(any(shown) for case, shown in frames.items() if expected[case] == "FAIL")


def test_wireshark_tools_read_every_capture(place: Path) -> None:
    """Capinfos reads every case's pcapng, and tshark dissects each tenth, without a complaint."""
    if shutil.which("tshark") is None or shutil.which("capinfos") is None:
        pytest.skip("tshark and capinfos are not installed")
    _played(place / "virtual")
    captures = sorted((place / "virtual" / "pcaps").rglob("*.pcapng"))
    commands = [["capinfos", "-c", *map(str, captures)], *(["tshark", "-r", str(c)] for c in captures[::10])]
    failed = [
        done.stderr
        for done in (subprocess.run(c, capture_output=True, text=True, check=False) for c in commands)
        if done.returncode != 0
    ]

    assert failed == []


def test_every_case_convicts_a_deviant() -> None:
    """The trial: each case convicts the deviants that it names on its own requirement, and never the honest responder."""
    done = _harness("trial", "--json", "--budget", "30")
    matrix = json.loads(done.stdout)

    assert (matrix["cases_without_kill"], matrix["honest_failures"], matrix["named_without_kill"]) == (
        [],
        [],
        [],
    )
