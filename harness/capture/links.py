"""From the head of a captured frame to its IP packet: link layers, tags, labels, and what tunnels put before a packet."""

import struct

from harness.capture import blocks

ETHERTYPE_IPV4 = 0x0800
ETHERTYPE_IPV6 = 0x86DD
VLAN_TAGS = frozenset({0x8100, 0x88A8, 0x9100})
_MPLS = frozenset({0x8847, 0x8848})
_PPPOE_SESSION = 0x8864
_BRIDGED = 0x6558
_ERSPAN = 0x88BE

LINKS = {
    blocks.LINK_ETHERNET: (12, 14),
    blocks.LINK_COOKED: (14, 16),
    blocks.LINK_COOKED_2: (0, 20),
    blocks.LINK_CISCO_HDLC: (2, 4),
}
"""Where the EtherType stands, and where the packet begins."""
RAW_LINKS = frozenset(
    {12, 14, blocks.LINK_RAW, blocks.LINK_IPV4, blocks.LINK_IPV6}
)  # 12, 14: RAW of the BSDs
_FAMILY_LINKS = frozenset({blocks.LINK_NULL, blocks.LINK_LOOP})
_FAMILIES = {
    2: ETHERTYPE_IPV4,
    10: ETHERTYPE_IPV6,
    24: ETHERTYPE_IPV6,
    28: ETHERTYPE_IPV6,
    30: ETHERTYPE_IPV6,
}
_PPP_LINKS = {blocks.LINK_PPP: 0, blocks.LINK_PPP_HDLC: 0, blocks.LINK_PPP_WITH_DIRECTION: 1}
"""Octets before the PPP frame."""
_PPP_PROTOCOLS = {0x21: ETHERTYPE_IPV4, 0x57: ETHERTYPE_IPV6, 0x281: 0x8847}

IP_IN_IP = 4
IPV6_IN_IP = 41
GRE = 47
TUNNELS = frozenset({IP_IN_IP, IPV6_IN_IP, GRE})

_U16 = struct.Struct("!H")
_GRE = struct.Struct("!HH")
_GRE_ROUTING, _GRE_SEQUENCE = 0x4000, 0x1000
_GRE_OPTIONAL = (0x8000, 0x2000, _GRE_SEQUENCE)
"""Checksum, key and sequence number: four octets each (RFC 2784 section 2.1, RFC 2890 section 2)."""
_NFLOG_HEAD, _NFLOG_PAYLOAD = 4, 9

Place = tuple[int | str | None, int]
"""The EtherType and where its packet begins; a str names what is not read, None says that octets lack."""
_LACKING: Place = None, 0


def network(link_type: int, octets: bytes) -> Place:
    """Where the packet of a captured frame begins."""
    place = LINKS.get(link_type)
    if place is not None:
        return _tagged(octets, *place)
    if link_type in RAW_LINKS:
        return _by_version(octets, 0)
    if link_type in _FAMILY_LINKS:
        return _by_family(octets)
    if link_type in _PPP_LINKS:
        return _ppp(octets, _PPP_LINKS[link_type])
    if link_type == blocks.LINK_PPPOE:
        return _pppoe(octets, 0)
    if link_type == blocks.LINK_NFLOG:
        return _nflog(octets)
    return f"link type {link_type}", 0


def tunnelled(protocol: int, content: bytes) -> Place:
    """Where the packet begins that a tunnel carries in an IP packet (RFC 2003, RFC 2784, RFC 4213)."""
    return _gre(content) if protocol == GRE else _by_version(content, 0)


def _tagged(octets: bytes, at: int, start: int) -> Place:
    if len(octets) < start:
        return _LACKING
    (ethertype,) = _U16.unpack_from(octets, at)
    while ethertype in VLAN_TAGS:
        if len(octets) < start + 4:
            return _LACKING
        (ethertype,) = _U16.unpack_from(octets, start + 2)
        start += 4
    return _labelled(ethertype, octets, start)


def _labelled(ethertype: int, octets: bytes, start: int) -> Place:
    """Behind MPLS labels (RFC 3032 section 2.1) or the header of a PPPoE session."""
    if ethertype == _PPPOE_SESSION:
        return _pppoe(octets, start)
    if ethertype not in _MPLS:
        return ethertype, start
    for label in range(start, len(octets) - 3, 4):
        if octets[label + 2] & 1:
            return _by_version(octets, label + 4)
    return _LACKING


def _pppoe(octets: bytes, start: int) -> Place:
    """RFC 2516 section 4."""
    return _ppp(octets, start + 6)


def _ppp(octets: bytes, start: int) -> Place:
    """RFC 1661 section 2; address and control field may be left out, and so may the protocol's zero octet."""
    if octets[start : start + 2] == b"\xff\x03":
        start += 2
    size = 1 if octets[start : start + 1] and octets[start] & 1 else 2
    if len(octets) < start + size:
        return _LACKING
    protocol = int.from_bytes(octets[start : start + size], "big")
    ethertype = _PPP_PROTOCOLS.get(protocol)
    if ethertype is None:
        return f"PPP protocol 0x{protocol:04x}", 0
    return _labelled(ethertype, octets, start + size)


def _gre(octets: bytes) -> Place:
    if len(octets) < _GRE.size:
        return _LACKING
    flags, ethertype = _GRE.unpack_from(octets)
    if flags & (_GRE_ROUTING | 7):
        return "GRE of another version", 0
    start = _GRE.size + 4 * sum(bool(flags & each) for each in _GRE_OPTIONAL)
    if ethertype == _ERSPAN:
        start += 8 if flags & _GRE_SEQUENCE else 0
        return _tagged(octets, start + 12, start + 14)
    if ethertype == _BRIDGED:
        return _tagged(octets, start + 12, start + 14)
    return _labelled(ethertype, octets, start)


def _by_version(octets: bytes, start: int) -> Place:
    if len(octets) <= start:
        return _LACKING
    version = octets[start] >> 4
    if version == 4:
        return ETHERTYPE_IPV4, start
    return (ETHERTYPE_IPV6, start) if version == 6 else (f"IP version {version}", 0)


def _by_family(octets: bytes) -> Place:
    """BSD loopback: an address family in the byte order of the machine that captured, or of the network."""
    if len(octets) < 4:
        return _LACKING
    family = min(int.from_bytes(octets[:4], "little"), int.from_bytes(octets[:4], "big"))
    return _FAMILIES.get(family, f"address family {family}"), 4


def _nflog(octets: bytes) -> Place:
    """Attributes in the byte order of the machine that captured, the packet in one of them."""
    order = _nflog_order(octets)
    at = _NFLOG_HEAD
    while len(octets) >= at + 4:
        length, kind = struct.unpack_from(f"{order}HH", octets, at)
        if length < 4:
            break
        if kind == _NFLOG_PAYLOAD:
            return _by_version(octets, at + 4)
        at += length + -length % 4
    return _LACKING


def _nflog_order(octets: bytes) -> str:
    """No attribute is of kind 0, and all kinds fit into one octet: where that octet stands tells the order."""
    return "<" if octets[_NFLOG_HEAD + 3 : _NFLOG_HEAD + 4] == b"\0" else ">"
