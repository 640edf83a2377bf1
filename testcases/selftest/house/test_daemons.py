"""Three foreign daemons side by side, as the README says it: strict as is known of them, two-way convicted."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

pytestmark = [pytest.mark.daemon, pytest.mark.slow]

TOP = Path(__file__).parents[3]
DAEMONS = ("strongswan", "libreswan", "openiked")
LEFT_TO_CHANCE = {"ikev2/2.25/crossing-rekeys-of-a-child", "ikev2/2.25/crossing-rekeys-of-the-ike-sa"}
"""Both ends must ask before either is answered: on sockets only now and then."""
CONVICTED = {
    "strongswan": {"e/boot", "e/matching-traffic", "e/operator-initiates", "b/child-at-its-soft-limit"}
    | {"b/ike-sa-at-its-hard-limit", "b/ipsec-sa-at-its-soft-limit", "f/peer-deletes-the-ike-sa"},
    "libreswan": {"e/boot", "e/matching-traffic", "e/operator-initiates", "b/child-at-its-soft-limit"}
    | {"b/ike-sa-at-its-hard-limit", "b/ipsec-sa-at-its-soft-limit", "f/peer-deletes-the-ike-sa"},
    "openiked": {"e/boot", "e/clear", "e/operator-initiates", "b/child-at-its-soft-limit"}
    | {"b/ike-sa-at-its-hard-limit", "b/child-expires-under-a-dead-peer"},
}
"""Where each of them starts something when it is two-way: by a boot, traffic, an operator, limits, a peer that goes."""


def played(place: Path, *words: str) -> tuple[int, dict[str, list[dict[str, Any]]]]:
    """The exit status of a run over all daemons, and the cases of each."""
    targets = [word for name in DAEMONS for word in ("--target", name)]
    command = [sys.executable, "-m", "harness.cli", "run", *words, *targets, "--output", str(place)]
    done = subprocess.run(command, cwd=TOP, capture_output=True, text=True, check=False)
    reports = {name: place / "reports" / name / "report.json" for name in DAEMONS}
    assert all(each.exists() for each in reports.values()), done.stderr
    return done.returncode, {name: json.loads(each.read_text())["cases"] for name, each in reports.items()}


def told(case: dict[str, Any]) -> str:
    """A case and what came of it, as a failing test shows it."""
    said = [finding["says"] for finding in case["findings"] if finding["verdict"] != "PASS"]
    return f"{case['id']}: {case['verdict']}, expected {case['expected']}: {said}"


@pytest.mark.parametrize("suites", [("responder_only",), ("ikev1", "ikev2")], ids=" ".join)
def test_strict_daemons_do_as_is_known_of_them(tmp_path: Path, suites: tuple[str, ...]) -> None:
    """Every verdict is PASS, not applicable, or a departure that is known with its reason."""
    _, cases = played(tmp_path, *suites)
    odd = {
        name: [
            told(case)
            for case in found
            if case["verdict"] not in ("PASS", "NOT_APPLICABLE", case["expected"])
            and case["id"] not in LEFT_TO_CHANCE
        ]
        for name, found in cases.items()
    }

    assert odd == {name: [] for name in DAEMONS}


def test_two_way_daemons_are_convicted(tmp_path: Path) -> None:
    """Judged strict, a daemon that may start does so wherever it is known to, and the findings name frames."""
    status, cases = played(tmp_path, "responder_only", "--configured-as", "two-way")
    convicted = {
        name: {
            case["id"].removeprefix("responder_only/")
            for case in found
            if case["verdict"] == "FAIL"
            and any(finding["frames"] for finding in case["findings"] if finding["verdict"] == "FAIL")
        }
        for name, found in cases.items()
    }

    assert status == 1
    assert {name: wanted - convicted[name] for name, wanted in CONVICTED.items()} == {
        name: set() for name in DAEMONS
    }
