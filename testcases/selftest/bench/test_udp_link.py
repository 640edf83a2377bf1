"""The UDP link: real sockets on loopback, waited for without polling."""

import socket
from collections.abc import Iterator
from typing import Any

import pytest

from harness.bench.links import LinkRefused, UdpLink, UdpPorts, open_udp
from harness.bench.taps import Tap
from harness.clock import WallClock
from harness.codes import Trigger
from harness.wire.datagram import ESP, Datagram, Endpoint

ANY_PORT = Endpoint("127.0.0.1", 0)


@pytest.fixture
def ports() -> Iterator[UdpPorts]:
    """Sockets of peers."""
    opened = UdpPorts()
    yield opened
    opened.close()


@pytest.fixture
def target() -> Iterator[tuple[socket.socket, Endpoint]]:
    """A socket in the target's place."""
    opened, endpoint = open_udp(ANY_PORT)
    opened.setblocking(True)
    yield opened, endpoint
    opened.close()


def test_a_datagram_goes_there_and_back(ports: UdpPorts, target: Any, tap: Tap, listed: Any) -> None:
    """What is sent arrives, what comes back is received with both endpoints, and the tap saw both."""
    at, (opened, endpoint) = ports.bind(ANY_PORT), target
    link = UdpLink(ports, tap, WallClock())

    link.send(Datagram(at, endpoint, b"ping"), ("mark: probe",))
    data, source = opened.recvfrom(100)
    opened.sendto(b"pong", source)
    received = link.receive(link.now + 5.0)

    assert data == b"ping"
    assert received == Datagram(endpoint, at, b"pong")
    assert [(seen.inbound, seen.comments) for seen in listed.seen] == [(True, ("mark: probe",)), (False, ())]


def test_each_endpoint_has_its_own_socket(ports: UdpPorts, target: Any, tap: Tap) -> None:
    """A datagram to the second endpoint of a peer is received there and nowhere else."""
    _, second = ports.bind(ANY_PORT), ports.bind(ANY_PORT)
    opened, endpoint = target
    link = UdpLink(ports, tap, WallClock())

    opened.sendto(b"pong", tuple(second))

    assert link.receive(link.now + 5.0) == Datagram(endpoint, second, b"pong")


def test_silence_ends_when_it_should(ports: UdpPorts, tap: Tap) -> None:
    """With nothing to receive the wait ends at its moment, not before."""
    ports.bind(ANY_PORT)
    link = UdpLink(ports, tap, WallClock())
    until = link.now + 0.05

    assert link.receive(until) is None
    assert link.now >= until


def test_a_port_in_use_is_called_so(ports: UdpPorts) -> None:
    """The sentence names the endpoint that another program has."""
    taken = ports.bind(ANY_PORT)

    with pytest.raises(LinkRefused, match=f"UDP {taken} is in use by another program"):
        ports.bind(taken)


def test_an_address_of_another_machine_is_called_so(ports: UdpPorts) -> None:
    """The sentence names the address that is not here."""
    with pytest.raises(LinkRefused, match=r"192\.0\.2\.77 is no address of this machine"):
        ports.bind(Endpoint("192.0.2.77", 0))


def test_other_protocols_are_refused(ports: UdpPorts, tap: Tap) -> None:
    """UDP sockets carry UDP alone, and say so."""
    at = ports.bind(ANY_PORT)
    link = UdpLink(ports, tap, WallClock())

    with pytest.raises(LinkRefused, match="no datagrams of IP protocol 50"):
        link.send(Datagram(at, at, b"", ESP))


def test_ipv6_goes_the_same_way(ports: UdpPorts, tap: Tap) -> None:
    """Endpoints of IPv6 send and receive like those of IPv4."""
    one, other = ports.bind(Endpoint("::1", 0)), ports.bind(Endpoint("::1", 0))
    link = UdpLink(ports, tap, WallClock())

    link.send(Datagram(one, other, b"ping"))

    assert link.receive(link.now + 5.0) == Datagram(one, other, b"ping")


def test_a_target_without_triggers_says_so(ports: UdpPorts, tap: Tap) -> None:
    """A trigger on a target that has none is refused in a sentence."""
    with pytest.raises(LinkRefused, match="no way to be provoked"):
        UdpLink(ports, tap, WallClock()).provoke(Trigger.BOOT)
