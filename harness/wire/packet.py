"""IP packets around datagrams, written and read, and the ICMP echo in some: what travels inside a tunnel.

Datagrams of a link without a network get their headers here before they go into a capture.
"""

import struct
from functools import lru_cache
from ipaddress import ip_address
from typing import NamedTuple

from harness.wire.datagram import UDP, Datagram, Endpoint, packed

ICMP = 1
IPV4 = 4
TCP = 6
IPV6 = 41
ICMPV6 = 58
NO_NEXT_HEADER = 59
"""IP protocol numbers; as ESP's Next Header 59 marks a dummy packet (RFC 4303 section 2.6)."""

_HOPS = 64
_IPV4 = struct.Struct("!BBHHHBBH")
_IPV6 = struct.Struct("!IHBB")
_UDP = struct.Struct("!HHHH")
_PORTS = struct.Struct("!HH")
_ECHO = struct.Struct("!BBHHH")
_ECHO_TYPES = {ICMP: (8, 0), ICMPV6: (128, 129)}  # request, reply (RFC 792, RFC 4443 section 4)
_WITH_PORTS = frozenset({TCP, UDP})
_LARGEST = 0xFFFF


class Echo(NamedTuple):
    """An ICMP echo, request or reply, of either version of IP."""

    is_reply: bool
    identifier: int
    sequence: int
    data: bytes


@lru_cache(maxsize=4096)
def _printed(octets: bytes) -> str:
    return str(ip_address(octets))


def checksum(octets: bytes) -> int:
    """The Internet checksum (RFC 1071) of `octets`."""
    if len(octets) % 2:
        octets += b"\0"
    number = int.from_bytes(octets, "big")
    if not number:
        return _LARGEST
    # 2^16 is 1 modulo 2^16-1, so the remainder is the ones' complement sum, with 0 for its other zero
    return -(number % _LARGEST) % _LARGEST


def ip_packet(datagram: Datagram, ip_id: int = 0) -> bytes:
    """The IP packet that carries `datagram`, its checksums right; `ip_id` is the IPv4 Identification.

    A ValueError says why no IP packet can carry it: two families, no address, more than 65,535 octets.
    """
    source, destination = packed(datagram.source.address), packed(datagram.destination.address)
    if len(source) != len(destination):
        raise ValueError(f"{datagram.source} and {datagram.destination} are of two address families")
    content = _udp(datagram, source + destination) if datagram.protocol == UDP else datagram.data
    if len(source) == 16:
        return _ipv6(datagram.protocol, source + destination, content)
    return _ipv4(datagram.protocol, source + destination, content, ip_id)


def _udp(datagram: Datagram, addresses: bytes) -> bytes:
    length = _UDP.size + len(datagram.data)
    if length > _LARGEST:
        raise ValueError(f"a UDP datagram cannot carry {len(datagram.data)} octets")
    ports = datagram.source.port, datagram.destination.port
    # the length stands twice: in the pseudo-header and in the header (RFC 768, RFC 8200 section 8.1)
    summed = addresses + struct.pack("!HH", UDP, length) + _UDP.pack(*ports, length, 0) + datagram.data
    return _UDP.pack(*ports, length, checksum(summed) or _LARGEST) + datagram.data


def _ipv4(protocol: int, addresses: bytes, content: bytes, ip_id: int) -> bytes:
    length = 20 + len(content)
    if length > _LARGEST:
        raise ValueError(f"an IPv4 packet cannot carry {len(content)} octets")
    fields = (0x45, 0, length, ip_id & 0xFFFF, 0, _HOPS, protocol)
    return _IPV4.pack(*fields, checksum(_IPV4.pack(*fields, 0) + addresses)) + addresses + content


def _ipv6(protocol: int, addresses: bytes, content: bytes) -> bytes:
    if len(content) > _LARGEST:
        raise ValueError(f"an IPv6 packet cannot carry {len(content)} octets")
    return _IPV6.pack(6 << 28, len(content), protocol, _HOPS) + addresses + content


def read_packet(octets: bytes) -> Datagram | str:
    """The datagram in a whole IP packet, or why there is none; octets behind the packet are padding (RFC 4303 2.7).

    Ports are those of UDP and TCP; the data of UDP is its payload, of anything else all after the IP header.
    """
    version = octets[0] >> 4 if octets else 0
    if version == 4:
        return _read_ipv4(octets)
    if version == 6:
        return _read_ipv6(octets)
    return f"{len(octets)} octets hold no IP packet"


def _read_ipv4(octets: bytes) -> Datagram | str:
    header = (octets[0] & 15) * 4
    if len(octets) < 20 or not 20 <= header <= len(octets):
        return "the IPv4 header is cut off"
    _, _, length, _, fragment, _, protocol, _ = _IPV4.unpack_from(octets)
    if not header <= length <= len(octets):
        return f"the IPv4 header says {length} octets, there are {len(octets)}"
    if fragment & 0x3FFF:
        return "an IPv4 fragment"
    return read_upper(_printed(octets[12:16]), _printed(octets[16:20]), protocol, octets[header:length])


def _read_ipv6(octets: bytes) -> Datagram | str:
    if len(octets) < 40:
        return "the IPv6 header is cut off"
    _, length, protocol, _ = _IPV6.unpack_from(octets)
    if length > len(octets) - 40:
        return f"the IPv6 header says {length} octets, there are {len(octets) - 40}"
    return read_upper(_printed(octets[8:24]), _printed(octets[24:40]), protocol, octets[40 : 40 + length])


def read_upper(source: str, destination: str, protocol: int, content: bytes) -> Datagram | str:
    """The datagram in what stands behind an IP header between these addresses, or why there is none."""
    ports = (0, 0)
    if protocol in _WITH_PORTS:
        if len(content) < _UDP.size:
            return "the header behind that of IP is cut off"
        ports = _PORTS.unpack_from(content)
        content = content[_UDP.size :] if protocol == UDP else content
    return Datagram(Endpoint(source, ports[0]), Endpoint(destination, ports[1]), content, protocol)


def upper_octets(datagram: Datagram) -> bytes:
    """What stands behind the IP header of a datagram, as transport mode carries it; ValueError as of `ip_packet`."""
    packet = ip_packet(datagram)
    return packet[20:] if packet[0] >> 4 == 4 else packet[40:]


def echo_datagram(source: str, destination: str, echo: Echo) -> Datagram:
    """The ICMP datagram of an echo between two addresses of one family."""
    protocol = ICMPV6 if ":" in source else ICMP
    kind = _ECHO_TYPES[protocol][echo.is_reply]
    fields = (echo.identifier, echo.sequence)
    blank = _ECHO.pack(kind, 0, 0, *fields) + echo.data
    summed = checksum(_pseudo_header(source, destination, protocol, len(blank)) + blank)
    content = _ECHO.pack(kind, 0, summed, *fields) + echo.data
    return Datagram(Endpoint(source, 0), Endpoint(destination, 0), content, protocol)


def read_echo(datagram: Datagram) -> Echo | None:
    """The echo in a datagram, if it is one and its checksum holds."""
    kinds = _ECHO_TYPES.get(datagram.protocol)
    if kinds is None or len(datagram.data) < _ECHO.size:
        return None
    kind, code, _, identifier, sequence = _ECHO.unpack_from(datagram.data)
    if kind not in kinds or code:
        return None
    ends = datagram.source.address, datagram.destination.address
    before = _pseudo_header(*ends, datagram.protocol, len(datagram.data))
    if checksum(before + datagram.data) not in (0, _LARGEST):
        return None
    return Echo(kind == kinds[1], identifier, sequence, datagram.data[_ECHO.size :])


def _pseudo_header(source: str, destination: str, protocol: int, length: int) -> bytes:
    """What ICMPv6 covers beside itself (RFC 8200 section 8.1); ICMP covers nothing else."""
    if protocol != ICMPV6:
        return b""
    return packed(source) + packed(destination) + struct.pack("!II", length, protocol)
