"""RFC 9329 in a capture: messages put into TCP segments, and segments put together to messages again."""

import struct
from typing import NamedTuple

from harness.wire.datagram import TCP_STREAM, Datagram, Endpoint, packed
from harness.wire.packet import TCP, checksum
from harness.wire.stream import PREFIX, Stream, framed

FIN, SYN, RST, PSH, ACK = 0x01, 0x02, 0x04, 0x08, 0x10
LARGEST = 60_000
"""Octets of a message in one segment; an IP packet has room for a few more."""
MOST = 1024
"""Connections that are followed at a time; the oldest goes first."""
AHEAD = 256
"""Segments of one direction that may wait for one before them."""
_HEADER = struct.Struct("!HHIIBBHHH")
_HALF = 1 << 31
_ROUND = 1 << 32

Way = tuple[Endpoint, Endpoint]
"""From where to where."""


class Segment(NamedTuple):
    """A TCP segment without its ports, options left out (RFC 9293 section 3.1)."""

    number: int
    acknowledged: int
    flags: int
    payload: bytes


def read_segment(octets: bytes) -> Segment | None:
    """The segment that stands behind an IP header; None for octets that are none."""
    if len(octets) < _HEADER.size:
        return None
    _, _, number, acknowledged, offset, flags, _, _, _ = _HEADER.unpack_from(octets)
    start = offset >> 4 << 2
    if not _HEADER.size <= start <= len(octets):
        return None
    return Segment(number, acknowledged, flags, octets[start:])


def _written(way: Way, segment: Segment) -> Datagram:
    """The segment as an IP datagram carries it."""
    source, destination = way

    def header(check: int) -> bytes:
        fields = (segment.number, segment.acknowledged, 5 << 4, segment.flags, 0xFFFF, check, 0)
        return _HEADER.pack(source.port, destination.port, *fields)

    addresses = packed(source.address) + packed(destination.address)
    length = struct.pack("!II", _HEADER.size + len(segment.payload), TCP)
    check = checksum(addresses + length + header(0) + segment.payload)
    return Datagram(source, destination, header(check) + segment.payload, TCP)


class Segments:
    """Writes messages of TCP streams as segments, each direction numbered; whoever speaks first is the originator."""

    def __init__(self) -> None:
        self._next: dict[Way, int] = {}

    def of(self, message: Datagram) -> tuple[Datagram, ...]:
        """The segments that a message of a stream takes, the prefix before the first of all (RFC 9329 section 4)."""
        way, back = (message.source, message.destination), (message.destination, message.source)
        fresh = way not in self._next and back not in self._next
        octets = (PREFIX if fresh else b"") + framed(message.data)
        found = []
        for at in range(0, len(octets), LARGEST):
            piece, number = octets[at : at + LARGEST], self._next.get(way, 1)
            found.append(_written(way, Segment(number, self._next.get(back, 1), PSH | ACK, piece)))
            self._next[way] = (number + len(piece)) % _ROUND
        return tuple(found)


class _Direction:
    """One direction of a connection: its octets in their order, whatever the order of the segments."""

    def __init__(self, number: int | None, *, prefixed: bool) -> None:
        self._stream = Stream(prefixed=prefixed)
        self._next = number
        self._ahead: dict[int, bytes] = {}

    def take(self, segment: Segment) -> tuple[bytes, ...]:
        """The messages that the segment completes."""
        if self._next is None:
            self._next = segment.number
        self._ahead.setdefault(segment.number, segment.payload)
        messages: list[bytes] = []
        while (piece := self._in_turn()) is not None:
            messages += self._stream.feed(piece)
        if len(self._ahead) > AHEAD:
            self._ahead.clear()
        return tuple(messages)

    def _in_turn(self) -> bytes | None:
        """The octets that come next, those that came before left out; None while they lack."""
        assert self._next is not None
        for number, payload in list(self._ahead.items()):
            known = (self._next - number) % _ROUND
            if known >= _HALF:
                continue
            del self._ahead[number]
            if known < len(payload):
                self._next = (number + len(payload)) % _ROUND
                return payload[known:]
        return None


class Streams:
    """Follows the connections that begin with the prefix of RFC 9329; all others are left alone."""

    def __init__(self) -> None:
        self._directions: dict[Way, _Direction] = {}

    def __len__(self) -> int:
        """How many directions are followed."""
        return len(self._directions)

    def messages(self, datagram: Datagram) -> tuple[Datagram, ...]:
        """The messages that a captured TCP segment completes, each as a datagram of its stream."""
        segment = read_segment(datagram.data)
        if segment is None:
            return ()
        way, back = (datagram.source, datagram.destination), (datagram.destination, datagram.source)
        if segment.flags & SYN:
            self._forget(way, back)
        if way not in self._directions and segment.payload.startswith(PREFIX):
            self._begin(way, back, segment)
        direction = self._directions.get(way)
        if direction is None or not segment.payload:
            return ()
        return tuple(Datagram(*way, message, TCP_STREAM) for message in direction.take(segment))

    def _begin(self, way: Way, back: Way, segment: Segment) -> None:
        while len(self._directions) >= 2 * MOST:
            oldest = next(iter(self._directions))
            self._forget(oldest, oldest[::-1])
        self._directions[way] = _Direction(segment.number, prefixed=True)
        answered = segment.acknowledged if segment.flags & ACK else None
        self._directions[back] = _Direction(answered, prefixed=False)

    def _forget(self, way: Way, back: Way) -> None:
        self._directions.pop(way, None)
        self._directions.pop(back, None)
