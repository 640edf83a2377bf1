"""A device in a namespace of its own, known by its address alone, is tested from another one by the command line."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from harness.codes import ProfileName
from harness.profile import DEFAULT
from harness.target.contract import TargetUnavailable
from harness.target.namespaces import Network
from testcases.selftest.bench.double import DEVICE, PEER, PSK, ROOT, Double, start

pytestmark = pytest.mark.daemon

PLACES = {4: ("10.9.0.1", "10.9.0.2"), 6: ("fd00:9::1", "fd00:9::2")}
"""Our address and the device's, by the version of IP."""
NEAR, FAR = PLACES[4]
NOBODYS_PORT = 1999
CASES = '''\
"""Local events of a device."""
from harness.case import Case, Elapse, Findings, Initiator, Note, Provoke, Script, Trace, Trigger, given


class Told(Case):
    """A device that is told something starts nothing."""

    needs = frozenset({"matching_traffic"})
    subject = "INV-01"

    def script(self, alice: Initiator) -> Script:
        yield Note("waits", alice.name)
        yield Provoke(Trigger.MATCHING_TRAFFIC)
        yield Elapse(1.0)

    def judge(self, trace: Trace) -> Findings:
        yield given(trace.observations("provoke"), "the trigger").is_present()
'''
TOLD = "responder_only/e/told"
SIMPLE = "ikev2/1.2/initial-exchanges"


@dataclass
class Line:
    """Two namespaces with a cable between them: the harness at one end, the device at the other."""

    network: Network
    place: Path
    started: list[Double]

    def device(self, profile: ProfileName, *words: str) -> Double:
        """A device of this profile at the far end, on the well-known ports."""
        own = replace(
            DEFAULT,
            profile=profile,
            local_id=DEVICE,
            remote_id=PEER,
            psk=PSK,
            local_address=self.network.far.address,
            peer=self.network.near.address,
        )
        made = start(
            own, self.place, "--listen", own.local_address, *words, within=self.network.far.command()
        )
        self.started.append(made)
        return made

    def ike(self, *words: object) -> subprocess.CompletedProcess[str]:
        """A command of the harness at the near end."""
        command = self.network.near.command(sys.executable, "-m", "harness.cli", *map(str, words))
        environment = {**os.environ, "PYTHONPATH": str(ROOT)}
        return subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=120)

    def run(self, file: Path, *words: object) -> tuple[int, dict[str, dict[str, Any]]]:
        """A run against the device: its exit status, and the cases of its report."""
        cases, output = self.place / "cases", self.place / "out"
        (cases / "responder_only").mkdir(parents=True, exist_ok=True)
        (cases / "responder_only" / "s_e_told.py").write_text(CASES)
        said = self.ike(
            "run", *words, "--cases", cases, "--target", file, "--output", output, "--profile", "strict"
        )
        report = json.loads((output / "reports" / "report.json").read_text())
        return said.returncode, {each["id"]: each for each in report["cases"]}


@pytest.fixture
def family(request: pytest.FixtureRequest) -> int:
    """The version of IP."""
    return int(getattr(request, "param", 4))


@pytest.fixture
def line(tmp_path: Path, family: int) -> Iterator[Line]:
    """The line, and an end to all that was started on it."""
    try:
        network = Network(*PLACES[family])
    except TargetUnavailable as why:
        pytest.skip(f"no namespaces here: {why}")
    with network:
        made = Line(network, tmp_path, [])
        yield made
        for each in made.started:
            each.kill()


def told(device: Double, **more: str) -> Path:
    """The target file of a device that can be told of traffic."""
    return device.file(provoke=f'matching_traffic = "{device.tell("matching_traffic")}"\n', **more)


def broken(case: dict[str, Any], rule: str) -> list[list[int]]:
    """The frames of each FAIL by that rule."""
    return [each["frames"] for each in case["findings"] if (each["rule"], each["verdict"]) == (rule, "FAIL")]


@pytest.mark.parametrize("family", PLACES, indirect=True)
def test_a_strict_device_passes(line: Line) -> None:
    """It answers, and what it is told makes it start nothing."""
    status, cases = line.run(told(line.device(ProfileName.STRICT)), SIMPLE, TOLD, "--allow-commands")

    assert status == 0
    assert {name: case["verdict"] for name, case in cases.items()} == {SIMPLE: "PASS", TOLD: "PASS"}


def test_a_two_way_device_fails_by_the_frames_that_show_it(line: Line) -> None:
    """The positive control: the same file but for what it says the device is, and the initiation is named."""
    device = line.device(ProfileName.TWO_WAY)
    file = told(device, target=device.about.replace('"strict"', '"two-way"'))
    status, cases = line.run(file, TOLD, "--allow-commands")

    judged = line.ike("judge", line.place / "out" / "pcaps", "--cases", line.place / "cases")
    assert (status, cases[TOLD]["verdict"]) == (1, "FAIL")
    assert broken(cases[TOLD], "INV-01")[0] != []
    assert judged.returncode == 1


def test_what_goes_past_every_socket_is_seen(line: Line) -> None:
    """A call to a port that no peer of the run has is no silence: the second tap sees it."""
    device = line.device(ProfileName.TWO_WAY, "--peer", f"{NEAR}:{NOBODYS_PORT}")
    status, cases = line.run(told(device), TOLD, "--allow-commands")

    assert (status, cases[TOLD]["verdict"]) == (1, "FAIL")
    assert broken(cases[TOLD], "INV-01")[0] != []


def test_a_device_that_dies_fails(line: Line) -> None:
    """Killed by what it is told, it neither answers the stranger nor lives by its owner's word."""
    device = line.device(ProfileName.STRICT)
    file = device.file(
        provoke=f'matching_traffic = "kill -9 {device.process.pid}"\n', probe=f'alive = "{device.alive}"\n'
    )
    status, cases = line.run(file, TOLD, "--allow-commands")

    assert (status, cases[TOLD]["verdict"]) == (1, "FAIL")
    assert len(broken(cases[TOLD], "INV-16")) == 2


def test_no_command_is_run_without_leave(line: Line) -> None:
    """Without --allow-commands the command's mark is not made, and nothing is claimed."""
    device = line.device(ProfileName.STRICT)
    mark = line.place / "mark"
    status, cases = line.run(device.file(provoke=f'matching_traffic = "touch {mark}"\n'), TOLD)

    assert (status, cases[TOLD]["verdict"]) == (2, "INCONCLUSIVE")
    assert "--allow-commands" in cases[TOLD]["why"]
    assert not mark.exists()


def test_check_tells_whether_it_answers(line: Line) -> None:
    """Alive it can be tested from the well-known ports of our address on the way to it; dead it is missing."""
    device = line.device(ProfileName.STRICT)
    file = told(device)

    alive = line.ike("targets", "check", file)
    device.kill()
    dead = line.ike("targets", "check", file)

    assert alive.returncode == 0
    assert f"stand at {NEAR}, on ports 500 and 4500" in alive.stdout
    assert dead.returncode == 3
    assert f"MISSING reach              edge-1 answers no first message at {FAR}:500" in dead.stdout
