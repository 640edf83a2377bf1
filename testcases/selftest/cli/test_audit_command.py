"""`audit` on the command line: devices, several files, SARIF."""

import gzip
import json
import struct
from pathlib import Path
from typing import Any

import pytest

from harness.wire.datagram import Datagram, Endpoint
from harness.wire.packet import ip_packet

GOLDEN = Path(__file__).parents[3] / "pcaps" / "golden"
CAPTURE = GOLDEN / "ss-rk-v2.pcap"


def halves(folder: Path) -> tuple[Path, Path]:
    """The capture in two files, the second one packed, as rotation leaves them."""
    octets = CAPTURE.read_bytes()
    at = 24
    for _ in range(10):
        at += 16 + int.from_bytes(octets[at + 8 : at + 12], "little")
    first, second = folder / "c.pcap0", folder / "c.pcap1.gz"
    first.write_bytes(octets[:at])
    second.write_bytes(gzip.compress(octets[:24] + octets[at:]))
    return first, second


def test_without_a_device_the_speakers_are_listed(ike: Any) -> None:
    """Who started what is told, and one sentence asks for a device."""
    said = ike("audit", CAPTURE)

    assert said.status == 64
    assert (
        said.err
        == "ike-harness: name the device that is to be judged with --device ADDRESS: 10.9.0.1 or 10.9.0.2\n"
    )
    assert "10.9.0.2  sent " in said.out
    assert "IKE SA with 10.9.0.1" in said.out


def test_the_speakers_are_listed_in_json(ike: Any) -> None:
    """The list is there for programs as well."""
    said = ike("audit", CAPTURE, "--json")
    told = {each["address"]: each for each in json.loads(said.out)["devices"]}

    assert said.status == 64
    assert told.keys() == {"10.9.0.1", "10.9.0.2"}
    assert told["10.9.0.1"].keys() == {"address", "sent", "received", "started", "asked"}


def test_a_capture_without_ike_says_so(ike: Any, tmp_path: Path) -> None:
    """Where nobody speaks IKE nobody can be named."""
    (tmp_path / "c").write_bytes(CAPTURE.read_bytes()[:24])

    assert "nobody speaks IKE" in ike("audit", tmp_path / "c").err


def test_rotated_files_are_one_capture(ike: Any, tmp_path: Path) -> None:
    """The verdict and the findings are those of the whole, and each file's frames are told."""
    whole = json.loads(ike("audit", CAPTURE, "--device", "10.9.0.1", "--json").out)
    first, second = halves(tmp_path)
    parts = json.loads(ike("audit", first, second, "--device", "10.9.0.1", "--json").out)

    assert parts["findings"] == whole["findings"]
    assert parts["captures"] == [
        {"path": str(first), "first": 1, "last": 10},
        {"path": str(second), "first": 11, "last": whole["captures"][0]["last"]},
    ]


def test_sarif_finds_the_file_of_a_frame(ike: Any, tmp_path: Path) -> None:
    """A result names the file that holds its frame, and the frame's number there."""
    first, second = halves(tmp_path)
    said = ike("audit", first, second, "--device", "10.9.0.1", "--sarif", tmp_path / "out.sarif")
    log = json.loads((tmp_path / "out.sarif").read_text())
    places = [where for result in log["runs"][0]["results"] for where in result["locations"]]

    assert said.status == 1
    assert {place["physicalLocation"]["artifactLocation"]["uri"] for place in places} == {
        first.as_uri(),
        second.as_uri(),
    }


def test_several_addresses_are_one_device(ike: Any) -> None:
    """--device may be repeated, once for each address that the device has."""
    told = json.loads(ike("audit", CAPTURE, "--device", "10.9.0.1", "--device", "192.0.2.7", "--json").out)

    assert told["device"] == "10.9.0.1, 192.0.2.7"
    assert [pair["peer"] for pair in told["pairs"]] == ["10.9.0.2"]


def test_mapped_ports_are_named(ike: Any, tmp_path: Path) -> None:
    """IKE behind the marker on a port that a NAT chose is read once --nat-port names it."""
    ends = Endpoint("192.0.2.2", 30_500), Endpoint("192.0.2.1", 14_500)
    header = bytes(range(1, 9)) + bytes(8) + b"\x21\x20\x22\x08" + bytes(4) + b"\0\0\0\x1c"
    packet = ip_packet(Datagram(*ends, bytes(4) + header), 7)
    head = struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 262144, 101)
    (tmp_path / "c").write_bytes(head + struct.pack("<IIII", 1, 0, len(packet), len(packet)) + packet)
    words = ("audit", tmp_path / "c", "--device", "192.0.2.1", "--json")

    assert json.loads(ike(*words).out)["ike_messages"] == 0
    assert json.loads(ike(*words, "--nat-port", 14_500).out)["ike_messages"] == 1


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("--device", "nowhere"), "--device"),
        (("--device", "10.9.0.1", "--peer", "nobody"), "--peer"),
        (("--device", "10.9.0.1", "--sarif", "/nonexistent/x"), "--sarif: /nonexistent/x"),
        (("--device", "10.9.0.1", "--keys", __file__), __file__),
        (("--device", "10.9.0.1", "--port", "70000"), "--port"),
    ],
)
def test_what_is_wrong_is_one_sentence(ike: Any, words: tuple[str, ...], says: str) -> None:
    """Wrong input of every option is told in a sentence that names it."""
    said = ike("audit", CAPTURE, *words)

    assert (said.status, said.out) == (64, "")
    assert says in said.err
    assert said.err.count("\n") == 1
