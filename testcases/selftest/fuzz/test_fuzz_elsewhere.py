"""Somebody's device is fuzzed with consent, at the rate that it bears; what it showed is kept as it was seen."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from harness.bench.grounds import own_loopback
from harness.clock import WallClock
from harness.fuzz.campaign import Budget, Campaign
from harness.fuzz.keep import Outcome as Kept
from harness.fuzz.keep import replayed
from harness.fuzz.script import read_script
from harness.profile import DEFAULT
from harness.target.file import read
from harness.target.remote import Leave, Remote
from testcases.selftest.bench.double import DEVICE, PEER, PSK, Double, start

CASES = 12


@pytest.fixture
def double(tmp_path: Path) -> Iterator[Double]:
    """A device on a loopback address."""
    address = own_loopback(151)
    own = replace(DEFAULT, local_id=DEVICE, remote_id=PEER, psk=PSK, local_address=address, peer=None)
    made = start(own, tmp_path, "--listen", address, "--port", "0", "--nat-port", "0")
    yield made
    made.kill()


@pytest.mark.slow
def test_an_honest_device_stands_it(double: Double, tmp_path: Path) -> None:
    """Dialogues, fields and octets reach it, none is a finding, and no second has more than it bears."""
    device = Remote(read(double.file(limits="max_rate = 30\n")))
    clock = WallClock()
    began = clock.now()
    report = Campaign(device, Budget(cases=CASES), 1, clock, tmp_path / "kept").run()

    assert report.errors == []
    assert report.found == []
    assert report.cases >= CASES
    assert report.by_state["half-open"] > 0
    assert clock.now() - began > report.cases / 30 - 1


class Dying(Remote):
    """A device of which its owner says once that it died."""

    said = False

    def crashed(self) -> str | None:
        self.said, before = True, self.said
        return None if before else "it does not live"


def test_a_device_that_is_not_there_is_no_finding(double: Double, tmp_path: Path) -> None:
    """What never answered was not met: the campaign ends with an error, and keeps nothing."""
    device = Remote(read(double.file()))
    double.kill()
    report = Campaign(device, Budget(cases=CASES), 1, WallClock(), tmp_path / "kept").run()

    assert report.found == []
    assert "answers no first message" in report.errors[0]


def test_a_device_that_died_ends_the_campaign(double: Double, tmp_path: Path) -> None:
    """Without a command to start it again there is nothing more to be learned; what was seen is kept, not played again."""
    device = Dying(read(double.file()))
    report = Campaign(device, Budget(cases=2), 1, WallClock(), tmp_path / "kept", slices=("volume",)).run()

    (found,) = report.found
    assert (found.fault.rule, found.steady, report.restarts) == ("INV-16", False, 1)
    assert found.capture.stat().st_size > 0
    assert "no restart that may be run" in report.errors[0]


def test_a_device_that_died_is_started_again_by_its_owners_word(double: Double, tmp_path: Path) -> None:
    """[probe] restart is run with leave, and the campaign goes on."""
    mark = tmp_path / "restarts"
    device = Dying(read(double.file(probe=f'restart = "echo again >> {mark}"\n')), Leave(commands=True))
    report = Campaign(device, Budget(cases=2), 1, WallClock(), tmp_path / "kept", slices=("volume",)).run()

    assert (report.errors, report.restarts) == ([], 1)
    assert mark.read_text() == "again\n"


def test_a_kept_script_is_played_again(double: Double, tmp_path: Path) -> None:
    """A script that was kept for another target meets the device on its real sockets, with its own configuration."""
    kept = Path(__file__).parents[2] / "fuzz" / "inv07-notifies-to-strays.json"
    told = replayed(read_script(kept), Remote(read(double.file())), tmp_path / "play.pcapng")

    assert told.outcome is Kept.FIXED
