"""RFC 3948 section 2, RFC 9329 section 3: what a datagram on the ports of IKE carries, or a message in a TCP stream."""

from enum import StrEnum
from functools import lru_cache
from ipaddress import ip_address
from typing import NamedTuple

NON_ESP_MARKER = bytes(4)
NAT_KEEPALIVE = b"\xff"
NAT_PORTS = frozenset({4500})
UDP = 17
ESP = 50
TCP_STREAM = 0x106
"""A message of a TCP stream, its length taken off (RFC 9329): no IP protocol, so its number is beyond theirs."""


@lru_cache(maxsize=4096)
def packed(address: str) -> bytes:
    """The octets of an address, four or sixteen; ValueError for what is none."""
    return ip_address(address).packed


class Endpoint(NamedTuple):
    """An address with a port; prints as 192.0.2.1:500 or [2001:db8::1]:500."""

    address: str
    port: int

    def __str__(self) -> str:
        return f"[{self.address}]:{self.port}" if ":" in self.address else f"{self.address}:{self.port}"


class Datagram(NamedTuple):
    """What one IP datagram carries: the UDP payload, or for another protocol all after the IP header.

    One of protocol TCP_STREAM is a message that came, or is to go, over the connection between its two ends.
    """

    source: Endpoint
    destination: Endpoint
    data: bytes
    protocol: int = UDP

    def is_on(self, ports: frozenset[int]) -> bool:
        """Whether either end is on one of these ports."""
        return self.source.port in ports or self.destination.port in ports


class Kind(StrEnum):
    """What a datagram turns out to be."""

    IKE = "IKE"
    ESP = "ESP"
    KEEPALIVE = "KEEPALIVE"
    OTHER = "OTHER"


def demultiplex(datagram: Datagram, nat_ports: frozenset[int] = NAT_PORTS) -> tuple[Kind, bytes]:
    """The kind of a datagram, and its octets without the non-ESP marker (RFC 3948 section 2.2)."""
    data = datagram.data
    if datagram.protocol == ESP:
        return Kind.ESP, data
    if datagram.protocol not in (UDP, TCP_STREAM):
        return Kind.OTHER, data
    if datagram.protocol == UDP and not datagram.is_on(nat_ports):
        return Kind.IKE, data
    if data == NAT_KEEPALIVE:
        return Kind.KEEPALIVE, data
    if len(data) < 4:
        return Kind.OTHER, data
    if data[:4] == NON_ESP_MARKER:
        return Kind.IKE, data[4:]
    return Kind.ESP, data


def frame(octets: bytes, natt: bool) -> bytes:
    """An IKE message as a UDP payload: behind the non-ESP marker where `natt`."""
    return NON_ESP_MARKER + octets if natt else octets
