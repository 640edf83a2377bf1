"""IP and UDP headers for datagrams that never had any: what a link without a network puts into its capture."""

import struct
from functools import lru_cache
from ipaddress import ip_address

from harness.wire.datagram import UDP, Datagram

_HOPS = 64
_IPV4 = struct.Struct("!BBHHHBBH")
_IPV6 = struct.Struct("!IHBB")
_UDP = struct.Struct("!HHHH")
_LARGEST = 0xFFFF


@lru_cache(maxsize=4096)
def _packed(address: str) -> bytes:
    return ip_address(address).packed


def checksum(octets: bytes) -> int:
    """The Internet checksum (RFC 1071) of `octets`."""
    if len(octets) % 2:
        octets += b"\0"
    number = int.from_bytes(octets, "big")
    if not number:
        return _LARGEST
    # 2^16 is 1 modulo 2^16-1, so the remainder is the ones' complement sum, with 0 for its other zero
    return -(number % _LARGEST) % _LARGEST


def ip_packet(datagram: Datagram, ip_id: int) -> bytes:
    """The IP packet that carries `datagram`, its checksums right; `ip_id` is the IPv4 Identification.

    A ValueError says why no IP packet can carry it: two families, no address, more than 65,535 octets.
    """
    source, destination = _packed(datagram.source.address), _packed(datagram.destination.address)
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
