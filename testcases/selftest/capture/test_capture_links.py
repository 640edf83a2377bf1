"""Packets behind labels, PPP, the kernel's log, and in tunnels."""

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.capture.layers import Dissected, Dissector
from harness.capture.links import network, tunnelled
from harness.capture.notes import Tally
from harness.wire.datagram import Datagram, Endpoint
from harness.wire.packet import ip_packet

FOUR = Datagram(Endpoint("192.0.2.2", 500), Endpoint("192.0.2.1", 500), b"request")
SIX = Datagram(Endpoint("2001:db8::2", 4500), Endpoint("2001:db8::1", 4500), b"\0\0\0\0request")
IPV4, IPV6 = ip_packet(FOUR, 7), ip_packet(SIX, 0)
MACS = bytes(12)
ETHERNET = MACS + b"\x08\0"
BOTTOM, LABEL = b"\0\x01\x01\x40", b"\0\x02\x00\x40"
SESSION = b"\x11\0\0\7\0\x40"


def dissect(octets: bytes, link_type: int = 101) -> Dissected:
    """What one frame holds."""
    return Dissector(Tally("others")).dissect(link_type, octets, 0.0)


def carried(protocol: int, content: bytes) -> bytes:
    """An IPv4 packet between routers with that content."""
    head = struct.pack("!BBHHHBBH", 0x45, 0, 20 + len(content), 1, 0, 64, protocol, 0)
    return head + bytes([198, 51, 100, 1, 198, 51, 100, 2]) + content


def carried_by_six(protocol: int, content: bytes) -> bytes:
    """The same in IPv6."""
    return (
        struct.pack("!IHBB", 6 << 28, len(content), protocol, 64)
        + bytes(15)
        + b"\1"
        + bytes(15)
        + b"\2"
        + content
    )


@pytest.mark.parametrize(
    ("link_type", "head"),
    [
        (1, MACS + b"\x88\x47" + BOTTOM),
        (1, MACS + b"\x88\x47" + LABEL + LABEL + BOTTOM),
        (1, MACS + b"\x81\0\0\5\x88\x48" + BOTTOM),
        (1, MACS + b"\x88\x64" + SESSION + b"\0\x21"),
        (1, MACS + b"\x81\0\0\5\x88\x64" + SESSION + b"\x21"),
        (51, SESSION + b"\0\x21"),
        (9, b"\xff\3\0\x21"),
        (9, b"\0\x21"),
        (50, b"\xff\3\x21"),
        (204, b"\1\xff\3\0\x21"),
        (9, b"\xff\3\2\x81" + BOTTOM),
        (104, b"\x0f\0\x08\0"),
        (113, bytes(14) + b"\x81\0\0\5\x08\0"),
        (239, b"\2\0\0\0" + b"\x08\0\1\0\0\0\0\0" + b"\x05\0\x0a\0x\0\0\0" + struct.pack("<HH", 39, 9)),
        (239, b"\2\0\0\0" + b"\0\x08\0\1\0\0\0\0" + struct.pack(">HH", 39, 9)),
    ],
    ids=[
        "MPLS", "three labels", "VLAN and MPLS", "PPPoE", "VLAN and PPPoE", "PPPoE alone", "PPP", "bare PPP", "PPP HDLC",
        "PPP with direction", "PPP and MPLS", "Cisco HDLC", "cooked VLAN", "NFLOG", "NFLOG big endian",
    ],
)  # fmt: skip
def test_a_packet_is_found_behind_every_head(link_type: int, head: bytes) -> None:
    """Whatever the access network puts before it, the IP packet is cut out of the frame."""
    assert dissect(head + IPV4, link_type) == Dissected(FOUR, 7, IPV4, None)


@pytest.mark.parametrize(
    ("link_type", "head"),
    [(1, MACS + b"\x88\x47" + BOTTOM), (9, b"\xff\3\0\x57"), (1, MACS + b"\x88\x64" + SESSION + b"\0\x57")],
    ids=["MPLS", "PPP", "PPPoE"],
)
def test_an_ipv6_packet_is_found_too(link_type: int, head: bytes) -> None:
    """Labels tell IPv6 by its version, PPP by its protocol."""
    assert dissect(head + IPV6, link_type).datagram == SIX


@pytest.mark.parametrize(
    "packet",
    [
        carried(4, IPV4),
        carried(47, b"\0\0\x08\0" + IPV4),
        carried(47, b"\xb0\0\x08\0" + bytes(12) + IPV4),
        carried(47, b"\0\0\x65\x58" + ETHERNET + IPV4),
        carried(47, b"\x10\0\x88\xbe" + bytes(4) + bytes(8) + ETHERNET + IPV4),
        carried(47, b"\0\0\x88\xbe" + ETHERNET + IPV4),
        carried(47, b"\0\0\x88\x47" + BOTTOM + IPV4),
        carried_by_six(4, IPV4),
        carried_by_six(47, b"\0\0\x08\0" + IPV4),
    ],
    ids=["IP in IP", "GRE", "GRE with all", "bridged", "ERSPAN", "ERSPAN I", "MPLS", "IP in IPv6", "GRE in IPv6"],
)  # fmt: skip
def test_a_tunnel_is_looked_into(packet: bytes) -> None:
    """The datagram is the one that the tunnel carries, and so is the Identification that tells copies."""
    assert dissect(packet) == Dissected(FOUR, 7, IPV4, None)


def test_ipv6_is_found_in_ipv4() -> None:
    """A 6in4 tunnel (RFC 4213) is looked into as well."""
    assert dissect(carried(41, IPV6)).datagram == SIX


def test_only_one_tunnel_is_looked_into() -> None:
    """A tunnel in a tunnel is named and left alone: nesting costs a hostile sender nothing."""
    found = dissect(carried(4, carried(4, IPV4)))

    assert (found.datagram, found.why) == (None, "IP in IP in IP is not read")


def test_fragments_of_a_tunnel_are_put_together_first() -> None:
    """What a tunnel carries is read from the whole of its fragments (RFC 791 section 3.2)."""
    dissector = Dissector(Tally("others"))
    whole = b"\0\0\x08\0" + IPV4
    first, last = carried(47, whole[:16]), carried(47, whole[16:])
    first, last = first[:6] + b"\x20\0" + first[8:], last[:6] + b"\0\2" + last[8:]

    assert dissector.dissect(101, first, 0.0).datagram is None
    assert dissector.dissect(101, last, 0.0).datagram == FOUR


@pytest.mark.parametrize(
    ("octets", "link_type", "why"),
    [
        (MACS + b"\x88\x47" + LABEL * 5, 1, "the link header is cut off"),
        (MACS + b"\x88\x64" + SESSION, 1, "the link header is cut off"),
        (MACS + b"\x88\x63" + SESSION, 1, "PPPoE discovery is not read"),
        (b"\xff\3\xc0\x21", 9, "PPP protocol 0xc021 is not read"),
        (b"\2\0\0\0\3\0\1\0", 239, "the link header is cut off"),
        (carried(47, b"\0"), 101, "the tunnel header is cut off"),
        (carried(47, b"\x40\0\x08\0"), 101, "GRE of another version is not read"),
        (carried(47, b"\0\0\x12\x34"), 101, "EtherType 0x1234 is not read"),
        (carried(4, b""), 101, "the tunnel header is cut off"),
        (carried(4, IPV4[:-1]), 101, f"cut off: {len(IPV4) - 1} of {len(IPV4)} octets were captured"),
    ],
)
def test_what_holds_no_packet_has_a_reason(octets: bytes, link_type: int, why: str) -> None:
    """A head without its packet says why there is none."""
    found = dissect(octets, link_type)

    assert (found.datagram, found.why) == (None, why)


@given(octets=st.binary(max_size=64), link_type=st.sampled_from([1, 9, 50, 51, 101, 104, 113, 204, 239, 276]))
def test_a_place_lies_within_the_octets(octets: bytes, link_type: int) -> None:
    """Whatever a frame holds, a packet that is found begins within it or at its end."""
    ethertype, start = network(link_type, octets)

    assert not isinstance(ethertype, int) or 0 <= start <= len(octets)


@given(octets=st.binary(max_size=64), protocol=st.sampled_from([4, 41, 47]))
def test_a_tunnel_of_any_octets_is_read(octets: bytes, protocol: int) -> None:
    """Whatever a tunnel carries, it has a datagram or a reason."""
    assert isinstance(tunnelled(protocol, octets)[1], int)
    found = dissect(carried(protocol, octets))

    assert (found.datagram is None) != (found.why is None)
