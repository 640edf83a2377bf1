"""What may not be done to somebody's device unasked costs one sentence and exit status 64, and nothing is sent."""

import json
from pathlib import Path
from typing import Any

import pytest

from harness.fuzz.script import FuzzScript, Where
from testcases.selftest.target.edge import ABOUT, CONSENT, written

GLOBAL = {"target": ABOUT.replace("192.0.2.1", "8.8.8.8")}
HERE = {"target": ABOUT.replace("192.0.2.1", "127.0.0.9")}
CVE = "CVE-2014-2338"


def refused(ike: Any, says: str, *words: object) -> None:
    """The command is refused by one sentence that says so."""
    said = ike(*words)

    assert said.status == 64
    assert said.out == ""
    assert says in said.err
    assert said.err.count("\n") == 1


@pytest.mark.parametrize(
    "command", [("run", "ikev2/1.2/initial-exchanges"), ("fuzz", "--cases", "1"), ("targets", "check")]
)
def test_a_global_address_is_named_by_hand(ike: Any, command: tuple[str, ...], tmp_path: Path) -> None:
    """A file alone does not have anybody's device tested."""
    file = written(tmp_path, consent=CONSENT, **GLOBAL)
    target = (file,) if command[0] == "targets" else ("--target", file)

    refused(ike, "say so: --i-may-test 8.8.8.8", *command, *target)


def test_an_address_to_be_tested_is_one(ike: Any, tmp_path: Path) -> None:
    """`--i-may-test` takes an address, no name and no network."""
    refused(ike, "0.0.0.0/0", "run", "--target", written(tmp_path, **GLOBAL), "--i-may-test", "0.0.0.0/0")


@pytest.mark.parametrize(
    ("tables", "says"),
    [
        ({}, "add [consent] with owner and until"),
        ({"consent": 'owner = "me"\nuntil = 2001-01-01\n'}, "the consent ended on 2001-01-01"),
        ({"consent": "owner = 1\nuntil = 2001-01-01\n"}, "consent.owner: a text follows"),
    ],
)
@pytest.mark.parametrize("command", [("fuzz", "--cases", "1"), ("run", CVE)], ids=" ".join)
def test_nobody_is_attacked_without_consent(
    ike: Any, command: tuple[str, ...], tables: dict[str, str], says: str, tmp_path: Path
) -> None:
    """Fuzzing and shapes of known defects need an owner's consent that has not ended."""
    refused(ike, says, *command, "--target", written(tmp_path, **HERE, **tables))


def test_a_device_meets_one_case_at_a_time(ike: Any, tmp_path: Path) -> None:
    """Two cases at once would be each other's disturbance."""
    refused(ike, "leave --jobs away", "run", "ikev2/1.2", "--jobs", 2, "--target", written(tmp_path, **HERE))


def test_a_device_is_configured_as_its_file_says(ike: Any, tmp_path: Path) -> None:
    """What a device stands as can't be said otherwise on the command line."""
    words = ("run", "ikev2/1.2", "--configured-as", "two-way", "--target", written(tmp_path, **HERE))

    refused(ike, "edge-1 is configured as strict, says its file", *words)


def test_a_device_is_met_on_real_sockets_alone(ike: Any, tmp_path: Path) -> None:
    """There is no virtual link to it."""
    refused(ike, "--link udp", "run", "ikev2/1.2", "--link", "virtual", "--target", written(tmp_path, **HERE))


def test_a_kept_script_names_no_file(ike: Any, tmp_path: Path) -> None:
    """Whoever wrote a script does not choose which target file of this machine is read for it."""
    file = written(tmp_path, consent=CONSENT, **HERE)
    kept = tmp_path / "kept.json"
    FuzzScript(Where(), (), target=str(file)).write(kept)

    refused(ike, "name that file yourself, with --target", "replay", kept, "--allow-commands")


def test_commands_are_shown_before_they_are_run(ike: Any, tmp_path: Path) -> None:
    """What a file would have run is on the terminal, harmless, whoever answers or not."""
    file = written(tmp_path, provoke='reload = "echo \\u001b[2J"\n', **HERE)
    said = ike("targets", "check", file, "--allow-commands")

    assert f"{file}: provoke.reload runs: echo \\x1b[2J\n" in said.err


def test_nothing_is_shown_that_is_not_run(ike: Any, tmp_path: Path) -> None:
    """Without leave there is nothing to show."""
    said = ike("targets", "check", written(tmp_path, provoke='reload = "true"\n', **HERE))

    assert said.err == ""


def test_a_silent_device_is_missing(ike: Any, tmp_path: Path) -> None:
    """`targets check` asks it once, tells what it looked at, and ends with 3 if nothing answers."""
    said = ike("targets", "check", written(tmp_path, **HERE), "--json")
    told = json.loads(said.out)
    looked_at = {each["what"]: each for each in told["checks"]}

    assert (said.status, told["ready"]) == (3, False)
    assert looked_at["honesty"]["there"] is True
    assert looked_at["reach"]["there"] is False
    assert "names no command for boot: add one" in looked_at["boot"]["says"]


def test_the_reference_can_be_tested(ike: Any) -> None:
    """What this project brings along is checked like any other."""
    said = ike("targets", "check", "reference")

    assert said.status == 0
    assert all(line.startswith(("ok", "without")) for line in said.out.splitlines())
