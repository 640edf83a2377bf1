"""RFC 3948 section 2: IKE, ESP and keepalives share a port and are told apart."""

import pytest

from harness.wire import Datagram, Endpoint, Kind, demultiplex, frame
from harness.wire.datagram import TCP_STREAM

IKE, NATT, OTHER = Endpoint("192.0.2.1", 500), Endpoint("192.0.2.1", 4500), Endpoint("192.0.2.2", 40000)


@pytest.mark.parametrize(
    ("source", "destination", "data", "kind", "octets"),
    [
        (OTHER, IKE, b"\0\0\0\0message", Kind.IKE, b"\0\0\0\0message"),
        (OTHER, NATT, b"\0\0\0\0message", Kind.IKE, b"message"),
        (NATT, OTHER, b"\0\0\0\0message", Kind.IKE, b"message"),
        (OTHER, NATT, b"\0\0\0\0", Kind.IKE, b""),
        (OTHER, NATT, b"\0\0\0\1esp", Kind.ESP, b"\0\0\0\1esp"),
        (OTHER, NATT, b"\xff", Kind.KEEPALIVE, b"\xff"),
        (OTHER, IKE, b"\xff", Kind.IKE, b"\xff"),
        (OTHER, NATT, b"\0", Kind.OTHER, b"\0"),
        (OTHER, NATT, b"", Kind.OTHER, b""),
        (OTHER, IKE, b"", Kind.IKE, b""),
    ],
)
def test_udp_is_told_apart(
    source: Endpoint, destination: Endpoint, data: bytes, kind: Kind, octets: bytes
) -> None:
    """The first four octets decide on port 4500, at either end; on other ports all is IKE."""
    assert demultiplex(Datagram(source, destination, data)) == (kind, octets)


def test_protocol_50_is_esp() -> None:
    """ESP outside UDP is ESP whatever its octets."""
    assert demultiplex(Datagram(IKE, OTHER, b"\0\0\0\0", protocol=50)) == (Kind.ESP, b"\0\0\0\0")


@pytest.mark.parametrize(
    ("data", "kind", "octets"),
    [
        (b"\0\0\0\0message", Kind.IKE, b"message"),
        (b"\0\0\0\1esp", Kind.ESP, b"\0\0\0\1esp"),
        (b"\xff", Kind.KEEPALIVE, b"\xff"),
        (b"\0\0", Kind.OTHER, b"\0\0"),
    ],
)
def test_messages_of_a_stream_are_told_apart_on_every_port(data: bytes, kind: Kind, octets: bytes) -> None:
    """RFC 9329 section 3: the first four octets decide, whatever port the stream is on."""
    assert demultiplex(Datagram(IKE, OTHER, data, TCP_STREAM)) == (kind, octets)


def test_other_protocols_are_other() -> None:
    """A TCP segment or an ICMP message is neither IKE nor ESP."""
    assert demultiplex(Datagram(IKE, OTHER, b"segment", protocol=6))[0] is Kind.OTHER


def test_ports_of_nat_traversal_can_be_others() -> None:
    """A device that listens elsewhere than 4500 is read by its own port."""
    datagram = Datagram(OTHER, Endpoint("192.0.2.1", 14500), frame(b"message", natt=True))

    assert demultiplex(datagram, nat_ports=frozenset({14500})) == (Kind.IKE, b"message")


def test_marker_is_put_before_ike_alone_when_asked() -> None:
    """The non-ESP marker is four zero octets, and absent on port 500."""
    assert (frame(b"m", natt=True), frame(b"m", natt=False)) == (b"\0\0\0\0m", b"m")


def test_endpoints_print_with_brackets_for_version_6() -> None:
    """An endpoint reads as it would in a URL."""
    assert (str(IKE), str(Endpoint("2001:db8::1", 500))) == ("192.0.2.1:500", "[2001:db8::1]:500")
