"""`audit` on broken and hostile captures: a verdict or one sentence, whatever the octets are."""

import contextlib
import io
import json
import struct
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.cli import main
from harness.wire.datagram import Datagram, Endpoint
from harness.wire.packet import ip_packet

GOLDEN = Path(__file__).parents[3] / "pcaps" / "golden"
PLAIN = (GOLDEN / "ls-ro-v2.pcap").read_bytes()
IKE = bytes(range(1, 9)) + bytes(8) + b"\x21\x20\x22\x08" + bytes(4) + b"\0\0\0\x1c"
PACKET = ip_packet(Datagram(Endpoint("10.9.0.2", 500), Endpoint("10.9.0.1", 500), IKE), 7)
VERDICTS = (0, 1, 2)


def audited(path: Path, *words: str) -> tuple[int, str, str]:
    """How the command ends, and what it says."""
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        status = main(["audit", str(path), "--device", "10.9.0.1", "--json", *words])
    return status, out.getvalue(), err.getvalue()


def is_told(path: Path) -> bool:
    """Whether it ends with a verdict in JSON, or with one printable sentence that names the file."""
    status, out, err = audited(path)
    if status in VERDICTS:
        return bool(json.loads(out)["claims"]) and err == ""
    return status == 64 and out == "" and err.startswith(f"ike-harness: {path}: ") and err.count("\n") == 1


def pcap(*packets: bytes, link_type: int = 101, seconds: int = 0) -> bytes:
    """A classic capture."""
    head = struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 262144, link_type)
    return head + b"".join(struct.pack("<IIII", seconds, 0xFFFFFFFF, len(p), len(p)) + p for p in packets)


def block(kind: int, body: bytes) -> bytes:
    """A block of pcapng."""
    body += bytes(-len(body) % 4)
    return struct.pack("<II", kind, len(body) + 12) + body + struct.pack("<I", len(body) + 12)


def pcapng(*interfaces: bytes, stamp: int = 1, packets: int = 20) -> bytes:
    """A section with these options of its interfaces, and packets of each."""
    octets = block(0x0A0D0D0A, struct.pack("<IHHq", 0x1A2B3C4D, 1, 0, -1))
    octets += b"".join(block(1, struct.pack("<HHI", 101, 0, 0) + options) for options in interfaces)
    for number in range(packets * len(interfaces)):
        fixed = struct.pack(
            "<IIIII", number % len(interfaces), stamp >> 32, stamp & 0xFFFFFFFF, len(PACKET), len(PACKET)
        )
        octets += block(6, fixed + PACKET)
    return octets


def resolution(value: int) -> bytes:
    """The option that says in what an interface counts time."""
    return struct.pack("<HHB3x", 9, 1, value)


def offset(seconds: int) -> bytes:
    """The option that says from when it counts."""
    return struct.pack("<HHq", 14, 8, seconds)


CORPUS = {
    "no frame": pcap(),
    "an empty frame": pcap(b""),
    "the last second": pcap(PACKET, PACKET, seconds=0xFFFFFFFF),
    "an unknown link": pcap(PACKET, link_type=0xFFFF),
    "a huge frame": pcap(PACKET) + struct.pack("<IIII", 0, 0, 0x7FFFFFFF, 1),
    "no interface": block(0x0A0D0D0A, struct.pack("<IHHq", 0x1A2B3C4D, 1, 0, -1)) + block(6, bytes(20) + PACKET),
    "ticks beyond count": pcapng(resolution(0x7F)),
    "binary ticks beyond count": pcapng(resolution(0xFF), stamp=(1 << 64) - 1),
    "seconds": pcapng(resolution(0), stamp=(1 << 64) - 1),
    "the farthest offset": pcapng(offset((1 << 63) - 1), stamp=(1 << 64) - 1),
    "the earliest offset": pcapng(offset(-(1 << 63))),
    "two clocks": pcapng(resolution(9), resolution(6) + offset(100), b"", stamp=1_500_000_000_000_000_000),
    "tags without end": pcap(bytes(12) + b"\x81\0\0\1" * 60_000, link_type=1),
    "labels without end": pcap(bytes(12) + b"\x88\x47" + bytes(4) * 60_000, link_type=1),
    "extensions without end": pcap(struct.pack("!IHBB", 6 << 28, 65_528, 60, 64) + bytes(32) + b"\x3c\0\1\4\0\0\0\0" * 8191),
    "a tunnel in itself": pcap(b"\x45\0\xff\xf0\0\1\0\0\x40\4\0\0" + PACKET[12:20] + b"\x45\0\xff\xdc\0\1\0\0\x40\4\0\0" * 5458),
}  # fmt: skip


@pytest.mark.parametrize("octets", CORPUS.values(), ids=CORPUS)
def test_a_broken_capture_is_told(octets: bytes, tmp_path: Path) -> None:
    """What captures can be at their worst has a verdict, or one sentence with the file."""
    (tmp_path / "c").write_bytes(octets)

    assert is_told(tmp_path / "c")


@settings(deadline=None, max_examples=60)
@given(data=st.data())
def test_a_damaged_capture_is_told(data: st.DataObject, tmp_path_factory: pytest.TempPathFactory) -> None:
    """Octets of a real capture changed, left out or put in have a verdict, or one sentence with the file."""
    octets = bytearray(PLAIN)
    for _ in range(data.draw(st.integers(1, 8))):
        at = data.draw(st.integers(0, len(octets) - 1))
        octets[at : at + data.draw(st.integers(0, 4))] = data.draw(st.binary(max_size=4))
    path = tmp_path_factory.mktemp("damaged") / "c"
    path.write_bytes(octets)

    assert is_told(path)


@settings(deadline=None, max_examples=60)
@given(messages=st.lists(st.binary(max_size=60), max_size=20))
def test_any_messages_are_judged(messages: list[bytes], tmp_path_factory: pytest.TempPathFactory) -> None:
    """Whatever peer and device send each other on the port of IKE, there is a verdict."""
    ends = Endpoint("10.9.0.2", 500), Endpoint("10.9.0.1", 500)
    packets = [ip_packet(Datagram(*ends[:: 1 - n % 2 * 2], octets), n) for n, octets in enumerate(messages)]
    path = tmp_path_factory.mktemp("any") / "c"
    path.write_bytes(pcap(*packets))

    assert audited(path)[0] in VERDICTS
