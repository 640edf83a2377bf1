"""`targets config` as a person calls it: options, what goes to which stream, and the target file."""

import tomllib
from pathlib import Path
from typing import Any

import pytest

from harness.profile.vendors import VENDORS
from harness.profile.written import HIDDEN
from harness.target.file import read

KEY = "sesame-open"


def config(ike: Any, vendor: str, *options: object) -> Any:
    """Call it."""
    return ike("targets", "config", "--vendor", vendor, *options)


@pytest.fixture
def key_file(tmp_path: Path) -> Path:
    """A file with a key."""
    path = tmp_path / "spoke.key"
    path.write_text(f"{KEY}\n")
    return path


@pytest.mark.parametrize("vendor", VENDORS)
def test_every_vendor_is_printed(ike: Any, vendor: str) -> None:
    """Without options the device is the catalogue's, and its key a placeholder."""
    said = config(ike, vendor)

    assert said.status == 0
    assert HIDDEN in said.out
    assert "192.0.2.1" in said.out


def test_options_say_what_the_device_is(ike: Any, key_file: Path) -> None:
    """Addresses, subnets, lifetimes, the interface and the key are the given ones."""
    said = config(
        ike,
        "fortios",
        *("--address", "10.0.0.1", "--peer", "10.0.0.2", "--psk-file", key_file, "--interface", "wan1"),
        *("--ike", "v1-aggressive", "--profile", "two-way", "--ike-lifetime", 600, "--child-lifetime", 300),
        *(
            "--local-subnet",
            "10.1.0.0/16",
            "--remote-subnet",
            "10.2.0.0/16",
            "--remote-subnet",
            "10.3.0.0/16",
        ),
    )

    assert "set local-gw 10.0.0.1" in said.out
    assert "set remote-gw 10.0.0.2" in said.out
    assert f"set psksecret 0x{KEY.encode().hex()}" in said.out
    assert 'set interface "wan1"' in said.out
    assert "set mode aggressive" in said.out
    assert "passive-mode" not in said.out
    assert "set keylife 600" in said.out
    assert "set keylifeseconds 300" in said.out
    assert "set src-subnet 10.1.0.0 255.255.0.0" in said.out
    assert "set dst-subnet 10.3.0.0 255.255.0.0" in said.out


def test_what_can_not_be_said_is_on_stderr_too(ike: Any) -> None:
    """Each remark is in the text's head and, with the vendor's name, on standard error."""
    said = config(ike, "mikrotik")

    assert "mikrotik: a child has no limit of volume\n" in said.err
    assert "# Not as wanted: a child has no limit of volume." in said.out


def test_a_configuration_of_ones_own_is_told(ike: Any, tmp_path: Path) -> None:
    """The device of a TOML file, without the key that stands in it."""
    path = tmp_path / "hub.toml"
    path.write_text(f'profile = "strict"\nversions = [1]\npsk = "{KEY}"\nlocal_id = "fqdn:hub.example"\n')
    said = config(ike, "juniper-srx", "--config", path)

    assert "local-identity hostname hub.example" in said.out
    assert "version v1-only" in said.out
    assert KEY not in said.out


def test_the_target_file_goes_with_the_device(ike: Any, tmp_path: Path, key_file: Path) -> None:
    """It tells what the device became, not what was wanted, and names the key's file, never the key."""
    path = tmp_path / "edge.toml"
    said = config(ike, "pan-os", "--address", "10.0.0.1", "--psk-file", key_file, "--target-file", path)
    text = path.read_text()
    table = tomllib.loads(text)

    assert said.status == 0
    assert KEY not in text
    assert table["target"]["address"] == "10.0.0.1"
    assert table["target"]["configured_as"] == "rekey-ok"
    assert table["target"]["ike"] == ["v2"]
    assert table["identity"]["psk"] == {"file": str(key_file)}
    assert len(table["configuration"]["proposals_v2"]) == 3


TARGET = """\
[target]
name = "edge-1"
kind = "remote"
address = "10.0.0.1"
configured_as = "rekey-ok"
ike = ["v1-aggressive"]
[peers]
addresses = ["10.0.0.2"]
[identity]
remote_id = "fqdn:tester.example"
psk = "sesame-open"
[lifetimes]
child_hard = 600
"""


def test_a_target_file_of_ones_own_is_told(ike: Any, tmp_path: Path) -> None:
    """The device as its target file has it, met by the first way that it names; the key stays there."""
    path = tmp_path / "edge.toml"
    path.write_text(TARGET)
    said = config(ike, "juniper-srx", "--target", path)

    assert "address 10.0.0.2" in said.out
    assert "mode aggressive" in said.out
    assert "remote-identity hostname tester.example" in said.out
    assert "lifetime-seconds 600" in said.out
    assert said.out.rstrip().endswith("establish-tunnels responder-only")
    assert KEY not in said.out


@pytest.mark.parametrize("vendor", VENDORS)
@pytest.mark.parametrize("profile", ["strict", "rekey-ok", "two-way"])
def test_the_target_file_is_one(ike: Any, tmp_path: Path, key_file: Path, vendor: str, profile: str) -> None:
    """`run --target` reads the file that is written, as the device that was told."""
    path = tmp_path / "edge.toml"
    config(ike, vendor, "--psk-file", key_file, "--profile", profile, "--target-file", path)
    again = tmp_path / "again.toml"
    said = config(ike, vendor, "--psk-file", key_file, "--target", path, "--target-file", again)

    assert said.status == 0
    assert read(path).configuration.psk == KEY.encode()
    assert again.read_text() == path.read_text()


@pytest.mark.parametrize(
    "options",
    [
        ("--vendor", "nosuch"),
        ("--vendor", "vyos", "--address", "nowhere"),
        ("--vendor", "vyos", "--local-subnet", "10.0.0.1/8"),
        ("--vendor", "vyos", "--psk-file", "/nonexistent"),
        ("--vendor", "vyos", "--interface", "two words"),
        ("--vendor", "vyos", "--config", "/nonexistent.toml"),
        ("--vendor", "vyos", "--profile", "p1-only"),
        ("--vendor", "vyos", "--target", "/nonexistent.toml"),
        ("--vendor", "vyos", "--target", "t.toml", "--config", "c.toml"),
        ("--vendor", "openiked", "--ike", "v1-main"),
        ("--vendor", "vyos", "--target-file", "/nonexistent/t.toml"),
    ],
    ids=" ".join,
)
def test_wrong_options_are_a_sentence(ike: Any, options: tuple[str, ...]) -> None:
    """Nothing is printed but one sentence, and the status is that of wrong usage."""
    said = ike("targets", "config", *options)

    assert said.status == 64
    assert said.out == ""
    assert said.err.splitlines()[-1].startswith("ike-harness: ")


def test_a_target_file_is_not_written_over(ike: Any, tmp_path: Path) -> None:
    """What somebody added to one by hand stays."""
    path = tmp_path / "edge.toml"
    path.write_text("mine")

    assert config(ike, "vyos", "--target-file", path).status == 64
    assert path.read_text() == "mine"


def test_a_key_file_without_a_key_is_refused(ike: Any, tmp_path: Path) -> None:
    """An empty key is none."""
    path = tmp_path / "empty"
    path.write_text("\n")

    assert config(ike, "vyos", "--psk-file", path).status == 64


def test_a_key_that_can_not_be_told_is_not_repeated(ike: Any, tmp_path: Path) -> None:
    """The refusal has no piece of it."""
    path = tmp_path / "key"
    path.write_text("two words and a 'quote'")
    said = config(ike, "vyos", "--psk-file", path)

    assert said.status == 64
    assert "words" not in said.out + said.err
