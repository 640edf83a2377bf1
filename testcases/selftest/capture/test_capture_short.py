"""Captures with a snap length: a message of IKE that is cut off counts as lost."""

import struct
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.capture import Capture, read
from harness.capture.short import short_counted
from harness.wire.datagram import Datagram, Endpoint
from harness.wire.packet import ip_packet

ADDRESSES = {4: ("192.0.2.2", "192.0.2.1"), 6: ("2001:db8::2", "2001:db8::1")}


def captured(folder: Path, packet: bytes, left: int) -> Capture:
    """A capture of a packet whole, and of its beginning alone."""
    head = struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, left, 101)
    pieces = (packet, packet[:left])
    octets = b"".join(struct.pack("<IIII", 1, 0, len(piece), len(packet)) + piece for piece in pieces)
    (folder / "c").write_bytes(head + octets)
    return read(folder / "c")


def sent(data: bytes, port: int = 500, family: int = 4, protocol: int = 17) -> bytes:
    """An IP packet with these octets between two ports."""
    source, destination = (Endpoint(address, port) for address in ADDRESSES[family])
    return ip_packet(Datagram(source, destination, data, protocol), 7)


@pytest.mark.parametrize("family", [4, 6])
@pytest.mark.parametrize(
    ("port", "data"), [(500, b"\1" * 60), (4500, bytes(4) + b"\1" * 60), (10500, b"\1" * 60)]
)
def test_a_message_cut_off_is_lost(family: int, port: int, data: bytes, tmp_path: Path) -> None:
    """It counts among what the tap lost, and the problem names its frame."""
    found = short_counted(captured(tmp_path, sent(data, port, family), 60), [10500])

    assert found.drops == 1
    assert found.problems[-1].startswith("1 message of IKE is cut off, first in frame 2")


@pytest.mark.parametrize(
    "packet",
    [sent(b"\1" * 60, 53), sent(b"\1" * 60, 4500), sent(b"\1" * 60, 0, protocol=50)],
    ids=["another port", "ESP in UDP", "ESP"],
)
def test_what_is_no_ike_may_be_cut_off(packet: bytes, tmp_path: Path) -> None:
    """Traffic beside IKE proves nothing lost."""
    capture = captured(tmp_path, packet, 50)

    assert short_counted(capture) is capture


@given(packet=st.binary(max_size=60), left=st.integers(0, 60))
def test_any_beginning_is_looked_at(
    packet: bytes, left: int, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """Whatever was left of a packet, counting does not fail."""
    capture = captured(tmp_path_factory.mktemp("short"), packet, left)

    assert (short_counted(capture).drops or 0) <= len(capture.frames)
