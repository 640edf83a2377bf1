"""From frames of every link to the datagrams in them."""

import struct
from ipaddress import ip_address

import pytest

from harness.capture.layers import Dissected, Dissector
from harness.capture.notes import Tally
from harness.wire.datagram import Datagram, Endpoint
from harness.wire.packet import ip_packet

FOUR = Datagram(Endpoint("192.0.2.2", 500), Endpoint("192.0.2.1", 500), b"request")
SIX = Datagram(Endpoint("2001:db8::2", 4500), Endpoint("2001:db8::1", 4500), b"\0\0\0\0request")
IPV4 = ip_packet(FOUR, 7)
IPV6 = ip_packet(SIX, 0)
UDP_OF_SIX = IPV6[40:]
MACS = bytes(12)


def dissect(octets: bytes, link_type: int = 101) -> Dissected:
    """What one frame holds."""
    return Dissector(Tally("others")).dissect(link_type, octets, 0.0)


def ipv6(following: int, content: bytes) -> bytes:
    """An IPv6 packet with the addresses of `SIX`."""
    return struct.pack("!IHBB", 6 << 28, len(content), following, 64) + IPV6[8:40] + content


def changed(octets: bytes, at: int, new: bytes) -> bytes:
    """`octets` with some replaced."""
    return octets[:at] + new + octets[at + len(new) :]


@pytest.mark.parametrize(
    ("link_type", "head"),
    [
        (1, MACS + b"\x08\0"),
        (1, MACS + b"\x81\0\0\x05\x08\0"),
        (1, MACS + b"\x88\xa8\0\x05\x81\0\0\x06\x08\0"),
        (113, bytes(14) + b"\x08\0"),
        (276, b"\x08\0" + bytes(18)),
        (101, b""),
        (12, b""),
        (228, b""),
        (0, b"\x02\0\0\0"),
        (0, b"\0\0\0\x02"),
        (108, b"\0\0\0\x02"),
    ],
    ids=[
        "Ethernet",
        "VLAN",
        "QinQ",
        "cooked",
        "cooked 2",
        "raw",
        "BSD raw",
        "IPv4",
        "null",
        "null BE",
        "loop",
    ],
)
def test_ipv4_under_every_link(link_type: int, head: bytes) -> None:
    """A datagram is found under every link layer, and its IP packet is cut out of the frame."""
    found = dissect(head + IPV4, link_type)

    assert found == Dissected(FOUR, 7, IPV4, None)


@pytest.mark.parametrize(
    ("link_type", "head"),
    [
        (1, MACS + b"\x86\xdd"),
        (113, bytes(14) + b"\x86\xdd"),
        (229, b""),
        (0, b"\x1e\0\0\0"),
        (108, b"\0\0\0\x18"),
    ],
    ids=["Ethernet", "cooked", "IPv6", "null", "loop"],
)
def test_ipv6_under_every_link(link_type: int, head: bytes) -> None:
    """An IPv6 datagram is found too; it has no Identification."""
    found = dissect(head + IPV6, link_type)

    assert found == Dissected(SIX, None, IPV6, None)


def test_ethernet_padding_is_cut_off() -> None:
    """What pads a short Ethernet frame belongs to no datagram."""
    found = dissect(MACS + b"\x08\0" + IPV4 + bytes(20), 1)

    assert (found.datagram, found.octets) == (FOUR, IPV4)


def test_ipv4_options_are_passed_over() -> None:
    """A datagram is found behind IP options."""
    packet = b"\x46" + changed(IPV4[:20], 2, struct.pack("!H", len(IPV4) + 4))[1:] + b"\x94\4\0\0" + IPV4[20:]

    assert dissect(packet).datagram == FOUR


@pytest.mark.parametrize(
    ("following", "extensions"),
    [
        (0, b"\x11\0\1\4\0\0\0\0"),
        (60, b"\x11\1" + bytes(14)),
        (43, b"\0\0\0\0\0\0\0\0" + b"\x11\0\1\4\0\0\0\0"),
        (44, b"\x11\0\0\0\0\0\0\x09"),
    ],
    ids=["hop by hop", "destination", "routing then hop by hop", "one fragment"],
)
def test_ipv6_extension_headers_are_passed_over(following: int, extensions: bytes) -> None:
    """A datagram is found behind IPv6 extension headers."""
    assert dissect(ipv6(following, extensions + UDP_OF_SIX)).datagram == SIX


def test_offloaded_lengths_are_taken_from_the_frame() -> None:
    """An IP total length and a UDP length of 0, left to the network card, mean all that was captured."""
    packet = changed(changed(IPV4, 2, b"\0\0"), 24, b"\0\0")

    assert dissect(packet).datagram == FOUR


def test_octets_behind_the_udp_length_are_no_data() -> None:
    """UDP data ends where the UDP length says, as a receiver reads it."""
    packet = changed(IPV4, 24, struct.pack("!H", 8 + 3))
    found = dissect(packet).datagram

    assert found is not None
    assert found.data == b"req"


@pytest.mark.parametrize(
    ("octets", "why"),
    [
        (IPV4[:19], "the IPv4 header is cut off"),
        (IPV4[:-1], f"cut off: {len(IPV4) - 1} of {len(IPV4)} octets were captured"),
        (b"\x44" + IPV4[1:], "no possible IPv4 header"),
        (changed(IPV4, 2, b"\0\x13"), "no possible IPv4 header"),
        (changed(IPV4, 24, b"\0\x07"), "the UDP length is 7, the octets are 15"),
        (changed(IPV4, 24, b"\0\x10"), "the UDP length is 16, the octets are 15"),
        (changed(IPV4, 2, b"\0\x1b"), "the UDP header is cut off"),
        (changed(IPV4, 9, b"\6"), "the TCP header is cut off"),
        (IPV6[:39], "the IPv6 header is cut off"),
        (IPV6[:-1], f"cut off: {len(IPV6) - 1} of {len(IPV6)} octets were captured"),
        (ipv6(0, b"\x11\0\0\0"), "an IPv6 extension header is cut off"),
        (ipv6(0, b"\x11\xff" + bytes(14)), "the UDP header is cut off"),
        (b"", "the link header is cut off"),
    ],
)
def test_broken_packet_has_a_reason(octets: bytes, why: str) -> None:
    """A packet that holds no whole datagram says why."""
    found = dissect(octets)

    assert (found.datagram, found.why) == (None, why)


@pytest.mark.parametrize("link_type", [0, 1, 108, 113, 276])
def test_short_frame_has_a_reason(link_type: int) -> None:
    """A frame shorter than its link header says so."""
    assert dissect(b"\0\0", link_type).why == "the link header is cut off"


@pytest.mark.parametrize(
    ("octets", "link_type", "name"),
    [
        (MACS + b"\x08\6" + bytes(28), 1, "ARP"),
        (MACS + b"\0\x26" + bytes(38), 1, "IEEE 802.3 LLC"),
        (MACS + b"\x12\x34", 1, "EtherType 0x1234"),
        (changed(IPV4, 9, b"\x59"), 101, "OSPF"),
        (changed(IPV4, 9, b"\xfd"), 101, "IP protocol 253"),
        (ipv6(59, b""), 101, "IP protocol 59"),
        (b"\x50", 101, "IP version 5"),
        (b"\x07\0\0\0", 0, "address family 7"),
        (IPV4, 127, "link type 127"),
    ],
)
def test_foreign_protocol_is_named(octets: bytes, link_type: int, name: str) -> None:
    """What is not read is counted under its name, and the frame says so."""
    others = Tally("others")
    found = Dissector(others).dissect(link_type, octets, 0.0)

    assert (found.datagram, found.why, others.counts) == (None, f"{name} is not read", {name: 1})


def test_addresses_print_as_ipaddress_prints_them() -> None:
    """An address has its canonical spelling, so that it equals what a user names."""
    found = dissect(IPV6).datagram

    assert found is not None
    assert found.source.address == str(ip_address("2001:0db8:0:0::2"))
