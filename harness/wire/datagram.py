"""What travels between two endpoints, and what RFC 3948 says is in it."""

from collections.abc import Collection
from enum import StrEnum
from typing import NamedTuple

ICMP = 1
TCP = 6
UDP = 17
ESP = 50
ICMPV6 = 58

IKE_PORT = 500
NAT_PORT = 4500
NON_ESP_MARKER = bytes(4)
KEEPALIVE = b"\xff"

_IKE_PORTS = frozenset({IKE_PORT})
_NAT_PORTS = frozenset({NAT_PORT})


class Endpoint(NamedTuple):
    """An address and a port; the port of a protocol without ports is 0."""

    address: str
    port: int

    def __str__(self) -> str:
        if ":" in self.address:
            return f"[{self.address}]:{self.port}"
        return f"{self.address}:{self.port}"


class Datagram(NamedTuple):
    """What an IP packet carries: the payload of UDP, or the whole segment of any other protocol."""

    source: Endpoint
    destination: Endpoint
    data: bytes
    protocol: int = UDP
    """The IP protocol number: 17, 6, 50, 1 or 58."""


class Kind(StrEnum):
    """What a datagram is for."""

    IKE = "IKE"
    ESP = "ESP"
    KEEPALIVE = "KEEPALIVE"
    OTHER = "OTHER"


def demultiplex(
    datagram: Datagram,
    *,
    nat_ports: Collection[int] = _NAT_PORTS,
    ike_ports: Collection[int] = _IKE_PORTS,
) -> tuple[Kind, bytes]:
    """What a datagram is for, and its content without the non-ESP marker (RFC 3948 section 2).

    Where one port is of `nat_ports` and neither of `ike_ports`, content without a marker is ESP;
    on all other ports UDP is IKE.
    """
    if datagram.protocol == ESP:
        return Kind.ESP, datagram.data
    if datagram.protocol != UDP:
        return Kind.OTHER, datagram.data
    ports = (datagram.source.port, datagram.destination.port)
    if not any(port in nat_ports for port in ports):
        return Kind.IKE, datagram.data
    if datagram.data.startswith(NON_ESP_MARKER):
        return Kind.IKE, datagram.data[len(NON_ESP_MARKER) :]
    if datagram.data == KEEPALIVE:
        return Kind.KEEPALIVE, datagram.data
    if any(port in ike_ports for port in ports):  # ESP is not spoken on 500, whatever the other port is
        return Kind.IKE, datagram.data
    if len(datagram.data) < len(NON_ESP_MARKER):
        return Kind.OTHER, datagram.data
    return Kind.ESP, datagram.data


def frame(octets: bytes, natt: bool) -> bytes:
    """An IKE message as it is sent: behind the non-ESP marker if `natt` (RFC 3948 section 2.2)."""
    return NON_ESP_MARKER + octets if natt else octets
