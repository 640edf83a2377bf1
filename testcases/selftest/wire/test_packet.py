"""IP packets and echoes inside a tunnel: written, read back, and every wrong octet a value."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.wire.datagram import Datagram, Endpoint
from harness.wire.packet import Echo, echo_datagram, ip_packet, read_echo, read_packet

FOUR, SIX = ("198.51.100.1", "203.0.113.1"), ("2001:db8:1::1", "2001:db8:2::1")
both_families = pytest.mark.parametrize("ends", [FOUR, SIX], ids=["IPv4", "IPv6"])


@both_families
@given(
    data=st.binary(max_size=64),
    is_reply=st.booleans(),
    number=st.integers(0, 65535),
    tfc=st.binary(max_size=9),
)
def test_an_echo_comes_back(
    ends: tuple[str, str], data: bytes, is_reply: bool, number: int, tfc: bytes
) -> None:
    """An echo in a packet is read as it was written, whatever padding stands behind the packet."""
    echo = Echo(is_reply, number, 65535 - number, data)
    read = read_packet(ip_packet(echo_datagram(*ends, echo)) + tfc)

    assert read == echo_datagram(*ends, echo)
    assert read_echo(read) == echo


@both_families
@given(data=st.binary(max_size=64), ports=st.tuples(st.integers(0, 65535), st.integers(0, 65535)))
def test_ports_of_udp_are_read(ends: tuple[str, str], data: bytes, ports: tuple[int, int]) -> None:
    """The ports of a UDP packet are those of its datagram: selectors ask for them."""
    datagram = Datagram(Endpoint(ends[0], ports[0]), Endpoint(ends[1], ports[1]), data)

    assert read_packet(ip_packet(datagram)) == datagram


@given(octets=st.binary(max_size=80))
def test_hostile_octets_are_values(octets: bytes) -> None:
    """Any octets are a datagram, or a sentence that says why they are none; nothing raises."""
    read = read_packet(octets)

    assert isinstance(read, str) or isinstance(read_echo(read), Echo | None)


@both_families
@given(bit=st.integers(0, 8 * 16 - 1))
def test_an_echo_with_a_wrong_checksum_is_none(ends: tuple[str, str], bit: int) -> None:
    """An echo of which any bit was turned over is no echo of the same content."""
    datagram = echo_datagram(*ends, Echo(False, 7, 1, b"abcdefgh"))
    spoiled = bytearray(datagram.data)
    spoiled[bit // 8] ^= 1 << bit % 8

    assert read_echo(datagram._replace(data=bytes(spoiled))) is None


def test_a_fragment_is_no_packet() -> None:
    """Fragments are not put together: their ports can't be told."""
    packet = bytearray(ip_packet(echo_datagram(*FOUR, Echo(False, 7, 1, b"abcdefgh"))))
    packet[6] |= 0x20

    assert read_packet(bytes(packet)) == "an IPv4 fragment"
