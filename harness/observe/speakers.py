"""Who speaks IKE in a capture and who starts it: what a user needs to know to name the device that is to be judged."""

from collections import Counter
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass, field
from ipaddress import ip_address
from typing import Any

from harness.capture.frame import Frame
from harness.capture.streams import Streams
from harness.codes import Exchange
from harness.observe.header import NO_SPI, Header
from harness.wire.datagram import NAT_PORTS, NON_ESP_MARKER, TCP_STREAM, UDP, Datagram, Kind, demultiplex
from harness.wire.packet import TCP

_IKE_PORTS = frozenset({500})
_FIRST = frozenset({Exchange.IDENTITY_PROTECTION, Exchange.AGGRESSIVE, Exchange.IKE_SA_INIT})
_VERSIONS = frozenset({1, 2})


@dataclass(slots=True)
class Speaker:
    """An address that sends or receives IKE."""

    address: str
    sent: int = 0
    received: int = 0
    started: Counter[str] = field(default_factory=Counter)
    """IKE SAs that it began, by peer."""
    asked: Counter[str] = field(default_factory=Counter)
    """IKE SAs that peers began with it."""

    def to_json(self) -> dict[str, Any]:
        """The speaker as plain data."""
        return {
            "address": self.address,
            "sent": self.sent,
            "received": self.received,
            "started": dict(self.started),
            "asked": dict(self.asked),
        }

    def __str__(self) -> str:
        told = [f"sent {self.sent} IKE messages", *_sas("started", "with", self.started)]
        return ", ".join([*told, *_sas("was asked for", "by", self.asked)])


def speakers(
    frames: Iterable[Frame], ike_ports: Collection[int] = (), nat_ports: Collection[int] = ()
) -> tuple[Speaker, ...]:
    """Every address that IKE goes to or comes from, those that are asked most often first."""
    found: dict[str, Speaker] = {}
    begun: set[tuple[str, bytes]] = set()
    for datagram, header in _messages(frames, _IKE_PORTS.union(ike_ports), NAT_PORTS.union(nat_ports)):
        source, destination = datagram.source.address, datagram.destination.address
        sender = found.setdefault(source, Speaker(source))
        receiver = found.setdefault(destination, Speaker(destination))
        sender.sent += 1
        receiver.received += 1
        if _begins(header) and (source, header.spi_i) not in begun:
            begun.add((source, header.spi_i))
            sender.started[destination] += 1
            receiver.asked[source] += 1
    order = {address: (-each.asked.total(), -each.received) for address, each in found.items()}
    return tuple(sorted(found.values(), key=lambda each: (order[each.address], _sorted(each.address))))


def _sorted(address: str) -> tuple[int, int]:
    parsed = ip_address(address)
    return parsed.version, int(parsed)


def _begins(header: Header) -> bool:
    """Whether it asks for an IKE SA: nobody has given a responder's SPI yet (RFC 7296 section 2.6, RFC 2408 section 4)."""
    return header.exchange in _FIRST and header.spi_r == NO_SPI and (header.is_v1 or header.is_request)


def _messages(
    frames: Iterable[Frame], ike_ports: frozenset[int], nat_ports: frozenset[int]
) -> Iterator[tuple[Datagram, Header]]:
    streams = Streams()
    for frame in frames:
        datagram = frame.datagram
        if datagram is None:
            continue
        for each in streams.messages(datagram) if datagram.protocol == TCP else (datagram,):
            header = _header(each, ike_ports, nat_ports)
            if header is not None and header.major in _VERSIONS:
                yield each, header


def _header(datagram: Datagram, ike_ports: frozenset[int], nat_ports: frozenset[int]) -> Header | None:
    ports = {datagram.source.port, datagram.destination.port}
    if datagram.protocol != TCP_STREAM and (
        datagram.protocol != UDP or ports.isdisjoint(ike_ports | nat_ports)
    ):
        return None
    if datagram.protocol == UDP and not ports.isdisjoint(ike_ports) and datagram.data[:4] != NON_ESP_MARKER:
        return Header.read(datagram.data)
    kind, octets = demultiplex(datagram, nat_ports)
    return Header.read(octets) if kind is Kind.IKE else None


def _sas(did: str, whom: str, counted: Counter[str]) -> list[str]:
    sas = {1: "1 IKE SA"}
    return [f"{did} {sas.get(count, f'{count} IKE SAs')} {whom} {peer}" for peer, count in counted.items()]
