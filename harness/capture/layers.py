"""From a captured frame to the datagram in it: IPv4, IPv6, one tunnel of them, UDP, ESP, TCP, ICMP. Nothing here raises."""

import struct
from functools import lru_cache
from ipaddress import ip_address
from typing import NamedTuple

from harness.capture.links import ETHERTYPE_IPV4, ETHERTYPE_IPV6, TUNNELS, Place, network, tunnelled
from harness.capture.notes import Tally
from harness.capture.reassembly import Reassembly
from harness.wire.datagram import ESP, UDP, Datagram, Endpoint

_ICMP = 1
TCP = 6
_ICMPV6 = 58

_IPV4 = struct.Struct("!BBHHHBBH4s4s")
_IPV6 = struct.Struct("!IHBB16s16s")
_UDP = struct.Struct("!HHH")
_FRAGMENT = struct.Struct("!BBHI")
_U16 = struct.Struct("!H")

_LARGEST_LENGTH = 1500  # a smaller number there is IEEE 802.3's length
_ETHERTYPES = {
    0x0806: "ARP",
    0x8809: "LACP",
    0x8863: "PPPoE discovery",
    0x888E: "EAPOL",
    0x88CC: "LLDP",
    0x88E5: "MACsec",
}
_PROTOCOLS = {
    2: "IGMP",
    4: "IP in IP in IP",
    41: "IPv6 in IP in IP",
    47: "GRE in IP in IP",
    51: "AH",
    89: "OSPF",
    103: "PIM",
    112: "VRRP",
}
_PROTOCOLS |= {132: "SCTP"}

_HOP_BY_HOP = 0
_ROUTING = 43
_FRAGMENT_HEADER = 44
_DESTINATION = 60
_SKIPPED = frozenset({_HOP_BY_HOP, _ROUTING, _DESTINATION})
PORTLESS = frozenset({ESP, _ICMP, _ICMPV6})


class Dissected(NamedTuple):
    """What a frame holds; fields as in `Frame`."""

    datagram: Datagram | None
    ip_id: int | None
    octets: bytes
    why: str | None


class Dissector:
    """Finds the datagrams in the frames of one capture; it remembers IP fragments, nothing else."""

    def __init__(self, others: Tally) -> None:
        self.reassembly = Reassembly()
        self._others = others

    def dissect(self, link_type: int, octets: bytes, time: float) -> Dissected:
        """The datagram in a frame, or why there is none."""
        return self._packet(network(link_type, octets), octets, time)

    def _packet(self, place: Place, octets: bytes, time: float, *, within: bool = False) -> Dissected:
        """What stands at a place of the octets; `within`: behind the header of a tunnel."""
        ethertype, start = place
        if ethertype == ETHERTYPE_IPV4:
            return self._ipv4(octets, start, time, within)
        if ethertype == ETHERTYPE_IPV6:
            return self._ipv6(octets, start, time, within)
        if isinstance(ethertype, str):
            return self._foreign(ethertype, None, octets)
        if ethertype is None:
            return Dissected(None, None, octets, f"the {'tunnel' if within else 'link'} header is cut off")
        name = _ETHERTYPES.get(ethertype, f"EtherType 0x{ethertype:04x}")
        if ethertype <= _LARGEST_LENGTH:
            name = "IEEE 802.3 LLC"
        return self._foreign(name, None, octets)

    def _foreign(self, name: str, ip_id: int | None, octets: bytes) -> Dissected:
        self._others.add(name)
        return Dissected(None, ip_id, octets, f"{name} is not read")

    def _ipv4(self, octets: bytes, start: int, time: float, within: bool) -> Dissected:
        available = len(octets) - start
        if available < _IPV4.size:
            return Dissected(None, None, octets[start:], "the IPv4 header is cut off")
        first, _, total, ip_id, fragment, _, protocol, _, source, destination = _IPV4.unpack_from(
            octets, start
        )
        header = (first & 15) * 4
        total = total or available  # left to the network card, as captures on the sender show
        if first >> 4 != 4 or header < _IPV4.size or total < header:
            return Dissected(None, ip_id, octets[start:], "no possible IPv4 header")
        packet = octets[start : start + total]
        if total > available:
            return Dissected(None, ip_id, packet, f"cut off: {available} of {total} octets were captured")
        content = packet[header:]
        if fragment & 0x3FFF:
            offset, more = (fragment & 0x1FFF) * 8, bool(fragment & 0x2000)
            key = (source, destination, protocol, ip_id)
            whole = self.reassembly.add(key, offset, more, content, time)
            if isinstance(whole, str):
                return Dissected(None, ip_id, packet, whole)
            content = whole
        if protocol in TUNNELS and not within:
            return self._packet(tunnelled(protocol, content), content, time, within=True)
        return self._transport(protocol, source, destination, content, ip_id, packet)

    def _ipv6(self, octets: bytes, start: int, time: float, within: bool) -> Dissected:
        available = len(octets) - start
        if available < _IPV6.size:
            return Dissected(None, None, octets[start:], "the IPv6 header is cut off")
        first, length, following, _, source, destination = _IPV6.unpack_from(octets, start)
        if first >> 28 != 6:
            return Dissected(None, None, octets[start:], "no possible IPv6 header")
        total = _IPV6.size + length if length else available
        packet = octets[start : start + total]
        if total > available:
            return Dissected(None, None, packet, f"cut off: {available} of {total} octets were captured")
        addresses = source + destination
        upper = self._after_extensions(following, packet[_IPV6.size :], addresses, time)
        if isinstance(upper, str):
            return Dissected(None, None, packet, upper)
        protocol, content = upper
        if protocol in TUNNELS and not within:
            return self._packet(tunnelled(protocol, content), content, time, within=True)
        return self._transport(protocol, source, destination, content, None, packet)

    def _after_extensions(
        self, following: int, content: bytes, addresses: bytes, time: float
    ) -> tuple[int, bytes] | str:
        """The upper protocol and its octets (RFC 8200 section 4), or why they cannot be had."""
        at = 0
        while following in _SKIPPED or following == _FRAGMENT_HEADER:
            if len(content) < at + 8:
                return "an IPv6 extension header is cut off"
            if following != _FRAGMENT_HEADER:
                following, at = content[at], at + (content[at + 1] + 1) * 8
                continue
            following, _, place, identification = _FRAGMENT.unpack_from(content, at)
            at += _FRAGMENT.size
            if not place & 0xFFF9:
                continue  # a datagram in one fragment (RFC 6946)
            key = (addresses, following, identification)
            whole = self.reassembly.add(key, place & 0xFFF8, bool(place & 1), content[at:], time)
            if isinstance(whole, str):
                return whole
            content, at = whole, 0
        return following, content[at:]

    def _transport(
        self,
        protocol: int,
        source: bytes,
        destination: bytes,
        content: bytes,
        ip_id: int | None,
        packet: bytes,
    ) -> Dissected:
        if protocol == UDP:
            if len(content) < 8:
                return Dissected(None, ip_id, packet, "the UDP header is cut off")
            from_port, to_port, length = _UDP.unpack_from(content)
            length = length or len(content)  # RFC 2675 section 4, and offloaded segments
            if not 8 <= length <= len(content):
                return Dissected(
                    None, ip_id, packet, f"the UDP length is {length}, the octets are {len(content)}"
                )
            datagram = Datagram(
                _endpoint(source, from_port), _endpoint(destination, to_port), content[8:length]
            )
            return Dissected(datagram, ip_id, packet, None)
        if protocol in PORTLESS:
            datagram = Datagram(_endpoint(source, 0), _endpoint(destination, 0), content, protocol)
            return Dissected(datagram, ip_id, packet, None)
        if protocol != TCP:
            return self._foreign(_PROTOCOLS.get(protocol, f"IP protocol {protocol}"), ip_id, packet)
        if len(content) < 20:
            return Dissected(None, ip_id, packet, "the TCP header is cut off")
        from_port, to_port = _U16.unpack_from(content)[0], _U16.unpack_from(content, 2)[0]
        datagram = Datagram(_endpoint(source, from_port), _endpoint(destination, to_port), content, TCP)
        return Dissected(datagram, ip_id, packet, None)


def addresses_of(packet: bytes) -> frozenset[str] | None:
    """The two addresses of an IP packet, whatever is in it; None where it is too short to have them."""
    if len(packet) >= _IPV4.size and packet[0] >> 4 == 4:
        return frozenset({str(ip_address(packet[12:16])), str(ip_address(packet[16:20]))})
    if len(packet) >= _IPV6.size and packet[0] >> 4 == 6:
        return frozenset({str(ip_address(packet[8:24])), str(ip_address(packet[24:40]))})
    return None


@lru_cache(maxsize=16384)
def _endpoint(address: bytes, port: int) -> Endpoint:
    return Endpoint(str(ip_address(address)), port)
