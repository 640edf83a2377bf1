"""The kernel's filter, run by the kernel: what it lets pass, and what it leaves out."""

import select
import socket
from collections.abc import Iterator

import pytest

from harness.bench.sieve import attach, ike_sieve
from harness.wire.datagram import ESP, NON_ESP_MARKER, Datagram, Endpoint
from harness.wire.packet import ip_packet

HOME = {4: ("192.0.2.1", "192.0.2.2"), 6: ("2001:db8::1", "2001:db8::2")}
TCP = 6


@pytest.fixture
def ends() -> Iterator[tuple[socket.socket, socket.socket]]:
    """Two sockets; what is said at the first is heard at the second only if the filter lets it pass."""
    mouth, ear = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
    attach(ear, ike_sieve({500, 1500}, {4500}))
    with mouth, ear:
        yield mouth, ear


def passes(ends: tuple[socket.socket, socket.socket], packet: bytes) -> bool:
    """Whether this IP packet is heard."""
    mouth, ear = ends
    mouth.send(packet)
    ready, _, _ = select.select([ear], [], [], 0)
    return bool(ready) and ear.recv(len(packet) + 1) == packet


def datagram(version: int, ports: tuple[int, int], data: bytes, protocol: int = 17) -> bytes:
    """An IP packet between the two."""
    ends = (Endpoint(address, port) for address, port in zip(HOME[version], ports, strict=True))
    return ip_packet(Datagram(*ends, data, protocol), 1)


@pytest.mark.parametrize("version", HOME)
@pytest.mark.parametrize("ports", [(500, 40_000), (40_000, 500), (1500, 9), (9, 1500)])
def test_ike_on_its_ports_passes(ends, version, ports):
    """UDP from or to a port of IKE passes, over either version of IP."""
    assert passes(ends, datagram(version, ports, bytes(28)))


@pytest.mark.parametrize("version", HOME)
@pytest.mark.parametrize("ports", [(4500, 40_000), (40_000, 4500)])
def test_ike_behind_its_marker_passes(ends, version, ports):
    """UDP on a port of NAT traversal passes with the non-ESP marker."""
    assert passes(ends, datagram(version, ports, NON_ESP_MARKER + bytes(28)))


@pytest.mark.parametrize("version", HOME)
@pytest.mark.parametrize("ports", [(4500, 40_000), (40_000, 4500), (4500, 4500)])
@pytest.mark.parametrize("data", [b"\xff", b"\0\0\0\1" + bytes(60)])
def test_data_in_udp_is_left_out(ends, version, ports, data):
    """ESP in UDP, and what keeps a NAT's mapping alive, stay in the kernel."""
    assert not passes(ends, datagram(version, ports, data))


@pytest.mark.parametrize("version", HOME)
def test_other_ports_are_left_out(ends, version):
    """UDP between other ports stays in the kernel."""
    assert not passes(ends, datagram(version, (53, 40_000), bytes(60)))


@pytest.mark.parametrize("version", HOME)
@pytest.mark.parametrize("protocol", [1, ESP])
def test_other_protocols_are_left_out(ends, version, protocol):
    """ICMP and ESP stay in the kernel."""
    assert not passes(ends, datagram(version, (0, 0), bytes(60), protocol))


@pytest.mark.parametrize("version", HOME)
@pytest.mark.parametrize(("ports", "heard"), [((4500, 9), True), ((9, 4500), True), ((443, 9), False)])
def test_tcp_on_the_port_of_nat_traversal_passes(ends, version, ports, heard):
    """Segments of a connection that may carry IKE pass, those of others do not (RFC 9329)."""
    header = b"".join(port.to_bytes(2, "big") for port in ports) + bytes(8) + b"\x50\x10" + bytes(6)
    assert passes(ends, datagram(version, ports, header, TCP)) is heard


def test_later_fragments_pass(ends):
    """A fragment that is not the first has no ports to go by: it passes."""
    packet = bytearray(datagram(4, (53, 53), bytes(60)))
    packet[6:8] = b"\x00\x10"
    assert passes(ends, bytes(packet))


@pytest.mark.parametrize("octets", [b"", b"\x45", b"\x60" + bytes(10), b"\x00" * 40, b"\x45" + bytes(19)])
def test_what_is_no_packet_is_left_out(ends, octets):
    """Octets too few for the header that they begin stay in the kernel."""
    assert not passes(ends, octets)
