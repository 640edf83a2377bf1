"""The datagrams of a run by the column: IPv4 and IPv6 as nearly all packets are, without options or fragments.

A packet that is anything else is left to the dissector: these layouts say the same as it does, or nothing.
"""

import numpy as np

from harness.capture.layers import PORTLESS, TCP
from harness.capture.links import ETHERTYPE_IPV4, ETHERTYPE_IPV6, LINKS, RAW_LINKS, VLAN_TAGS
from harness.capture.runs import Run, gathered
from harness.capture.tables import Integers, Mask, Table, joined, picked
from harness.wire.datagram import UDP

DATAGRAM = np.dtype(
    [
        ("index", "i8"),  # in the run
        ("packet", "i8"),  # where in the run's octets the IP packet begins
        ("packet_size", "i8"),
        ("ip_id", "u8"),  # 0 in IPv6, and where the sender numbers no datagrams
        ("sums", "u8"),  # length and checksums: two packets that differ there differ
        ("protocol", "u1"),
        ("six", "?"),
        ("source_high", "u8"),  # 0 in IPv4
        ("source", "u8"),
        ("destination_high", "u8"),
        ("destination", "u8"),
        ("source_port", "u2"),
        ("destination_port", "u2"),
        ("data", "i8"),  # where in the run's octets the datagram's content begins
        ("size", "i8"),
    ]
)
"""A row for each datagram of a run that these layouts can read."""

_U16 = np.dtype([("value", ">u2")])
_U8 = np.dtype([("value", "u1")])
_PORTS = [("source_port", ">u2"), ("destination_port", ">u2"), ("length", ">u2"), ("transport_sum", ">u2")]
_IPV4 = np.dtype(
    [
        ("first", "u1"),
        ("service", "u1"),
        ("total", ">u2"),
        ("ip_id", ">u2"),
        ("fragment", ">u2"),
        ("hops", "u1"),
        ("protocol", "u1"),
        ("header_sum", ">u2"),
        ("source", ">u4"),
        ("destination", ">u4"),
        *_PORTS,
    ]
)
_IPV6 = np.dtype(
    [
        ("first", "u1"),
        ("flow", "V3"),
        ("length_after", ">u2"),
        ("protocol", "u1"),
        ("hops", "u1"),
        ("source_high", ">u8"),
        ("source", ">u8"),
        ("destination_high", ">u8"),
        ("destination", ">u8"),
        *_PORTS,
    ]
)
_IPV4_HEADER, _IPV6_HEADER, _UDP_HEADER, _TCP_HEADER = 20, 40, 8, 20
_TAGS_FOLLOWED = 2


def datagrams(run: Run) -> tuple[Table, Integers]:
    """The datagrams that can be read by the column, in order, and the indices of the frames that are left."""
    ethertype, start = _links(run)
    tables = (
        _of_ipv4(run, *_where(ethertype, ETHERTYPE_IPV4, start)),
        _of_ipv6(run, *_where(ethertype, ETHERTYPE_IPV6, start)),
    )
    table = joined(tables)
    if len(tables[0]) and len(tables[1]):
        table = picked(table, np.argsort(table["index"]))
    left = np.ones(len(run), bool)
    left[table["index"]] = False
    return table, np.flatnonzero(left)


def _where(ethertype: Integers, wanted: int, start: Integers) -> tuple[Integers, Integers]:
    index = np.flatnonzero(ethertype == wanted)
    return index, start[index]


def _links(run: Run) -> tuple[Integers, Integers]:
    """The EtherType of each frame and where its packet begins; 0 for links that are not read here."""
    ethertype, start = np.zeros(len(run), np.int64), run.places.copy()
    for link in np.unique(run.links).tolist():
        index = np.flatnonzero(run.links == link)
        if link in LINKS:
            ethertype[index], start[index] = _tagged(run, index, *LINKS[link])
        elif link in RAW_LINKS:
            version = gathered(run.octets, start[index], _U8)["value"] >> 4
            ethertype[index] = np.where(
                version == 4, ETHERTYPE_IPV4, np.where(version == 6, ETHERTYPE_IPV6, 0)
            )
    return ethertype, start


def _tagged(run: Run, index: Integers, at: int, start: int) -> tuple[Integers, Integers]:
    """Behind the link header, and behind one VLAN tag or two."""
    begins = run.places[index] + start
    ethertype = gathered(run.octets, run.places[index] + at, _U16)["value"].astype(np.int64)
    for _ in range(_TAGS_FOLLOWED):
        tags = np.flatnonzero(np.isin(ethertype, list(VLAN_TAGS)))
        if not len(tags):
            break
        ethertype[tags] = gathered(run.octets, begins[tags] + 2, _U16)["value"]
        begins[tags] += 4
    return ethertype, begins


def _of_ipv4(run: Run, index: Integers, start: Integers) -> Table:
    ip = gathered(run.octets, start, _IPV4)
    total = ip["total"].astype(np.int64)
    plain = (ip["first"] == 0x45) & (ip["fragment"] & 0x3FFF == 0) & (total >= _IPV4_HEADER)
    plain &= start + total <= run.places[index] + run.sizes[index]
    return _table(ip, plain, index, start, total, _IPV4_HEADER)


def _of_ipv6(run: Run, index: Integers, start: Integers) -> Table:
    ip = gathered(run.octets, start, _IPV6)
    total = _IPV6_HEADER + ip["length_after"].astype(np.int64)
    plain = (ip["first"] >> 4 == 6) & (ip["length_after"] > 0)
    plain &= start + total <= run.places[index] + run.sizes[index]
    return _table(ip, plain, index, start, total, _IPV6_HEADER)


def _table(
    ip: Table,
    plain: Mask,
    index: Integers,
    start: Integers,
    total: Integers,
    header: int,
) -> Table:
    """The rows of plain packets whose upper protocol is read as well."""
    after, protocol, length = total - header, ip["protocol"], ip["length"].astype(np.int64)
    udp = (protocol == UDP) & (length >= _UDP_HEADER) & (length <= after)
    tcp = (protocol == TCP) & (after >= _TCP_HEADER)
    kept = np.flatnonzero(plain & (udp | tcp | np.isin(protocol, list(PORTLESS))))
    ip, udp, start, total, after = picked(ip, kept), udp[kept], start[kept], total[kept], after[kept]
    found = np.zeros(len(kept), DATAGRAM)
    found["index"], found["packet"], found["packet_size"], found["protocol"] = (
        index[kept],
        start,
        total,
        ip["protocol"],
    )
    found["source"], found["destination"] = ip["source"], ip["destination"]
    found["data"] = start + header + np.where(udp, _UDP_HEADER, 0)
    found["size"] = np.where(udp, length[kept] - _UDP_HEADER, after)
    ported = udp | tcp[kept]
    found["source_port"], found["destination_port"] = (
        ip["source_port"] * ported,
        ip["destination_port"] * ported,
    )
    if header == _IPV6_HEADER:
        found["six"] = True
        found["source_high"], found["destination_high"] = ip["source_high"], ip["destination_high"]
    else:
        sums = ip["header_sum"].astype(np.uint64) << np.uint64(16) | np.where(
            after >= 8, ip["transport_sum"], 0
        )
        found["ip_id"], found["sums"] = ip["ip_id"], total.astype(np.uint64) << np.uint64(32) | sums
    return found
