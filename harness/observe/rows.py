"""Datagrams as rows of numbers: what the observer says of one from its headers, said of thousands at once."""

from collections.abc import Collection
from ipaddress import ip_address

import numpy as np
from numpy.typing import NDArray

from harness.capture.runs import Run, gathered
from harness.capture.streams import ACK, SYN, Segment
from harness.capture.tables import Integers, Mask, Table, picked
from harness.codes import PayloadV2
from harness.observe.header import Header
from harness.observe.seen import Seen
from harness.sa.esp import HEADER as ESP_HEADER
from harness.wire.datagram import ESP, NAT_KEEPALIVE, NON_ESP_MARKER, UDP, Endpoint, Kind, packed
from harness.wire.packet import TCP
from harness.wire.stream import PREFIX

IKE, PACKET, KEEPALIVE, SEGMENT, OTHER, STRAY = range(6)
"""What a row is: an IKE message with a readable header, a packet of ESP, a NAT keepalive, a TCP segment or any other
datagram of the target's; an IKE message between others."""

OPENS, PREFIXED = 1, 2
"""What `flags` say of a segment: that it opens a connection, and that it begins a stream of RFC 9329."""

ROW = np.dtype(
    [
        ("number", "i8"),  # of the frame
        ("time", "f8"),
        ("kind", "u1"),
        ("from_target", "?"),
        ("over_tcp", "?"),
        ("ip_id", "u2"),  # 0 in IPv6
        ("next_payload", "u1"),
        ("version", "u1"),
        ("exchange", "u1"),
        ("flags", "u1"),
        ("spi_i", "u8"),
        ("spi_r", "u8"),  # of a packet of ESP its SPI
        ("message_id", "u4"),
        ("fragment", "u4"),  # Fragment Number and Total Fragments; 0 for a message in one piece
        ("peer", "i4"),  # see `Peers`
        ("way", "i8"),  # the target's address and both ports, whoever sent
        ("at", "i8"),  # where in the file the message begins; -1 where it stands in no one piece there
        ("length", "i4"),
        ("digest", "u8"),  # of the message's octets; 0 until it is asked for
        ("place", "i8"),  # where in the file the frame begins; -1 where it must be kept to be had again
        ("size", "u4"),
        ("link", "u2"),
    ]
)
"""A datagram that goes to or from the target, and strays."""

_HEADER = np.dtype(
    [
        ("spi_i", ">u8"),
        ("spi_r", ">u8"),
        ("next_payload", "u1"),
        ("version", "u1"),
        ("exchange", "u1"),
        ("flags", "u1"),
        ("message_id", ">u4"),
        ("length", ">u4"),
        ("generic", "V4"),
        ("fragment", ">u4"),
    ]
)
_NAMES = ("spi_i", "spi_r", "next_payload", "version", "exchange", "flags", "message_id")
_OCTET = np.dtype([("value", "u1")])
_FOUR = np.dtype([("octets", ">u4")])
TCP_FLAGS_AT = 13  # RFC 9293 section 3.1
_HEADER_SIZE = 28
_FRAGMENT_END = 36
_MIX = np.uint64(0x9E37_79B9_7F4A_7C15)  # odd, and its bits are spread: sums of products tell addresses apart


class Peers:
    """Numbers for addresses, in the order in which they are first met, the target's own addresses before all."""

    def __init__(self, devices: Collection[str]) -> None:
        self._known: dict[tuple[bool, int, int], int] = {}
        self.names: list[str] = []
        for device in sorted(devices):
            self.number(device)
        self.devices = dict(self._known)
        """The target's own, by family and the two halves of the address."""

    def number(self, address: str) -> int:
        """The number of one address."""
        octets = packed(address)
        value = int.from_bytes(octets, "big")
        return self._number(len(octets) == 16, value >> 64, value & (1 << 64) - 1)

    def numbers(self, six: Mask, high: NDArray[np.uint64], low: NDArray[np.uint64]) -> Integers:
        """The numbers of many, looked up once for each that differs."""
        mixed = (high + six) * _MIX ^ low
        different, group = np.unique(mixed, return_inverse=True)
        one = np.empty(len(different), np.int64)
        one[group] = np.arange(len(group))
        same = one[group]
        if (high[same] != high).any() or (low[same] != low).any() or (six[same] != six).any():
            one = group = np.arange(len(mixed))  # somebody chose addresses whose sums collide
        rows = zip(six[one].tolist(), high[one].tolist(), low[one].tolist(), strict=True)
        return np.array([self._number(*row) for row in rows], np.int64)[group]

    def ends(self, peer: int, way: int) -> tuple[Endpoint, Endpoint]:
        """Both ends of a datagram, the target's first."""
        return Endpoint(self.names[way >> 32], way & 0xFFFF), Endpoint(self.names[peer], way >> 16 & 0xFFFF)

    def _number(self, six: bool, high: int, low: int) -> int:
        key = (six, high, low)
        found = self._known.get(key)
        if found is None:
            found = self._known[key] = len(self.names)
            self.names.append(str(ip_address(((high << 64) | low).to_bytes(16 if six else 4, "big"))))
        return found


class Rows:
    """Makes rows; the ports are those of the observer's reader."""

    def __init__(self, peers: Peers, ike_ports: Collection[int], nat_ports: Collection[int]) -> None:
        self._peers = peers
        self._ike_ports = _table(ike_ports)
        self._nat_ports = _table(nat_ports)

    def of_run(self, run: Run, found: Table) -> Table:
        """The rows of a run's datagrams that touch the target, or stray IKE; in order."""
        by_target, to_target = self._touches(found, "source"), self._touches(found, "destination")
        sent = by_target >= 0
        touching = np.flatnonzero(sent | (to_target >= 0))
        at, length, is_ike = self._ike(run, found)
        ike = np.flatnonzero(is_ike)
        rows, index = np.zeros(len(found), ROW), found["index"]
        rows["number"], rows["time"] = run.first + index, run.times[index]
        rows["place"], rows["size"], rows["link"] = (
            run.base + run.places[index],
            run.sizes[index],
            run.links[index],
        )
        rows["at"], rows["length"], rows["from_target"] = run.base + at, length, sent
        rows["ip_id"] = found["ip_id"]
        rows["kind"] = OTHER
        rows["kind"][ike] = STRAY
        header = gathered(run.octets, at[ike], _HEADER)
        for name in _NAMES:
            rows[name][ike] = header[name]
        fragments = (header["next_payload"] == PayloadV2.SKF) & (length[ike] >= _FRAGMENT_END)
        rows["fragment"][ike] = header["fragment"] * fragments
        rows["kind"][touching] = IKE
        self._tell_others(rows, run, found, touching[~is_ike[touching]])
        ours = np.where(sent, by_target, to_target)
        rows["peer"][touching], rows["way"][touching] = self._between(
            picked(found, touching), sent[touching], ours[touching]
        )
        if len(touching) == len(rows):
            return rows
        is_ike[touching] = True
        return picked(rows, is_ike)

    def of_seen(self, seen: Seen, touches: bool, segment: Segment | None) -> Table:
        """The row of one datagram that the observer read; it touches the target or strays, and may be a segment."""
        row = np.zeros(1, ROW)
        row["number"], row["time"], row["from_target"], row["over_tcp"] = (
            seen.number, seen.time, seen.from_target, seen.over_tcp,
        )  # fmt: skip
        theirs, ours = (
            (seen.destination, seen.source) if seen.from_target else (seen.source, seen.destination)
        )
        row["at"] = row["place"] = -1
        if touches:
            row["peer"] = self._peers.number(theirs.address)
            row["way"] = self._peers.number(ours.address) << 32 | theirs.port << 16 | ours.port
        header = seen.header
        row["kind"] = OTHER if header is None else IKE if touches else STRAY
        if header is not None:
            _fill(row, header, seen.octets)
        elif seen.kind is Kind.KEEPALIVE:
            row["kind"] = KEEPALIVE
        elif seen.kind is Kind.ESP and len(seen.octets) >= ESP_HEADER:
            row["kind"], row["spi_r"] = PACKET, int.from_bytes(seen.octets[:4], "big")
        elif segment is not None:
            row["kind"] = SEGMENT
            opens = segment.flags & (SYN | ACK) == SYN
            row["flags"] = OPENS * opens | PREFIXED * segment.payload.startswith(PREFIX)
        return row

    def _touches(self, found: Table, end: str) -> Integers:
        """The target's address at that end, by its number; -1 for none."""
        six, high, low = found["six"], found[f"{end}_high"], found[end]
        which = np.full(len(found), -1)
        for (is_six, its_high, its_low), number in self._peers.devices.items():
            which[(low == its_low) & (high == its_high) & (six == is_six)] = number
        return which

    def _ike(self, run: Run, found: Table) -> tuple[Integers, Integers, Mask]:
        """Where each IKE message begins, how long it is, and whether there is one with a readable header."""
        at, length = found["data"].copy(), found["size"].copy()
        ports = found["source_port"], found["destination_port"]
        on_ike = self._ike_ports[ports[0]] | self._ike_ports[ports[1]]
        on_nat = self._nat_ports[ports[0]] | self._nat_ports[ports[1]]
        marked = (length >= len(NON_ESP_MARKER)) & (gathered(run.octets, at, _FOUR)["octets"] == 0)
        plain = on_ike & ~marked
        behind = ~plain & on_nat & marked
        at[behind] += len(NON_ESP_MARKER)
        length[behind] -= len(NON_ESP_MARKER)
        is_ike = plain | behind | (on_ike & ~on_nat)
        return at, length, is_ike & (found["protocol"] == UDP) & (length >= _HEADER_SIZE)

    def _tell_others(self, rows: Table, run: Run, found: Table, index: Integers) -> None:
        """What the target's datagrams are that are no IKE."""
        at, size, protocol = (found[name][index] for name in ("data", "size", "protocol"))
        ports = found["source_port"][index], found["destination_port"][index]
        on_ike, on_nat = (table[ports[0]] | table[ports[1]] for table in (self._ike_ports, self._nat_ports))
        first = gathered(run.octets, at, _FOUR)["octets"]
        in_udp = (protocol == UDP) & on_nat & ~on_ike
        packet = ((protocol == ESP) | (in_udp & (first != 0))) & (size >= ESP_HEADER)
        keepalive = in_udp & (size == len(NAT_KEEPALIVE)) & (first >> 24 == NAT_KEEPALIVE[0])
        segment = protocol == TCP
        rows["kind"][index] = np.select((packet, keepalive, segment), (PACKET, KEEPALIVE, SEGMENT), OTHER)
        rows["spi_r"][index] = np.where(packet, first, 0)
        flags = gathered(run.octets, at[segment] + TCP_FLAGS_AT, _OCTET)["value"]
        rows["flags"][index[segment]] = np.where(flags & (SYN | ACK) == SYN, OPENS, 0)

    def _between(self, found: Table, sent: Mask, ours: Integers) -> tuple[Integers, Integers]:
        """The peers of these datagrams, and the ways that they took."""
        peer = self._peers.numbers(
            found["six"],
            np.where(sent, found["destination_high"], found["source_high"]),
            np.where(sent, found["destination"], found["source"]),
        )
        theirs = np.where(sent, found["destination_port"], found["source_port"]).astype(np.int64)
        ports = theirs << 16 | np.where(sent, found["source_port"], found["destination_port"])
        return peer, ours << 32 | ports


def message(
    number: int, time: float, from_target: bool, ip_id: int, ends: tuple[Endpoint, Endpoint], octets: bytes
) -> Seen:
    """An IKE message of a row, by UDP, as the observer sees it; of its ends the target's comes first."""
    ours, theirs = ends
    source, destination = ends if from_target else (theirs, ours)
    known_id = None if ":" in ours.address else ip_id
    header = Header.read(octets)
    return Seen(number, time, source, destination, from_target, Kind.IKE, octets, header, ip_id=known_id)


def _fill(row: Table, header: Header, octets: bytes) -> None:
    row["spi_i"], row["spi_r"] = int.from_bytes(header.spi_i, "big"), int.from_bytes(header.spi_r, "big")
    row["next_payload"], row["version"], row["exchange"], row["flags"], row["message_id"] = header[2:7]
    if header.next_payload == PayloadV2.SKF and len(octets) >= _FRAGMENT_END:
        row["fragment"] = int.from_bytes(octets[_FRAGMENT_END - 4 : _FRAGMENT_END], "big")
    row["length"], row["digest"] = len(octets), digest(octets)


def digest(octets: bytes) -> int:
    """A number for octets, for whether two messages are the same; never 0."""
    return hash(octets) & 0x7FFF_FFFF_FFFF_FFFF | 1 << 63


def _table(ports: Collection[int]) -> Mask:
    table = np.zeros(1 << 16, bool)
    table[list(ports)] = True
    return table
