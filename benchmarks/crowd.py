"""A long capture of one device and a crowd of peers, made from a seed: honest talk of both versions, and offences.

Peers on IPv4 and IPv6, some behind NAT with ESP and keepalives on port 4500; retransmissions, liveness checks from
both sides, rekeys of Child SAs and of IKE SAs by the peer. Of the SAs one in a hundred commits one of `OFFENCES`.
"""

import heapq
import struct
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import BinaryIO, NamedTuple

DEVICE = "192.0.2.1"
DEVICE_V6 = "2001:db8::1"
OFFENCES = (
    *("INV-01", "INV-02", "INV-03", "INV-04", "INV-05", "INV-06", "INV-07", "INV-08", "INV-09", "INV-10"),
    *("INV-11", "INV-12", "INV-15", "INV-17"),
)
"""What headers alone can show, by the rule that tells it: the others need keys, or the harness's own evidence."""
_V1_ALONE = frozenset({"INV-04", "INV-05", "INV-15"})

_IKE = struct.Struct("!8s8sBBBBII")
_RECORD = struct.Struct("<IIII")
FILE_HEADER = struct.pack("<IHHIIII", 0xA1B2C3D4, 2, 4, 0, 0, 1 << 18, 1)
_ETHERNET_V4 = bytes.fromhex("02000000000102000000000208 00".replace(" ", ""))
_ETHERNET_V6 = bytes.fromhex("02000000000102000000000286dd")
_NOISE = 1 << 16
_TIMES_ASKED_BY_NOBODY = 6
_INITIATOR, _RESPONSE = 0x08, 0x20
_SA, _SK, _CIPHERTEXT_V1 = 33, 46, 8
_INIT, _AUTH, _CHILD, _INFORMATIONAL = 34, 35, 36, 37
_PRIVATE = 240
_MAIN, _QUICK, _INFORMATIONAL_V1 = 2, 32, 5
_UDP, _TCP = 17, 6
_SYN = struct.pack("!HHIIBBHHH", 4500, 4500, 1, 0, 0x50, 0x02, 0xFFFF, 0, 0)


_OWN_REQUESTS = {"INV-02": 1, "INV-06": 1, "INV-11": 2}
"""How many Message IDs of its own the device uses for an offence."""


class Said(NamedTuple):
    """A datagram, and how long after the last one of its talk it is sent."""

    after: float
    by_target: bool
    way: "Way"
    data: bytes
    protocol: int = _UDP


class Way(NamedTuple):
    """Both ends, packed, with their ports."""

    peer: bytes
    peer_port: int
    device: bytes
    device_port: int


@dataclass
class Crowd:
    """What the capture is to hold."""

    datagrams: int = 1_000_000
    associations: int = 12_000
    peers: int = 600
    seed: str = "crowd"
    offending: float = 0.01
    """The share of the SAs of which each commits one offence."""
    _random: Random = field(init=False, repr=False)
    _noise: bytes = field(init=False, repr=False)

    def __post_init__(self) -> None:
        self._random = Random(self.seed)
        self._noise = self._random.randbytes(_NOISE)

    def write(self, path: Path) -> None:
        """The capture as a classic pcap of Ethernet frames."""
        with path.open("wb") as file:
            file.write(FILE_HEADER)
            self._write(file)

    def _write(self, file: BinaryIO) -> None:
        turns = self.datagrams // self.associations // 2
        talks = [self._talk(number, turns) for number in range(self.associations)]
        due = [(1_700_000_000 + self._random.random() * 600, number) for number in range(len(talks))]
        heapq.heapify(due)
        left, ip_id = self.datagrams, 0
        while left and due:
            time, number = heapq.heappop(due)
            said = next(talks[number], None)
            if said is None:
                continue
            ip_id, left = ip_id % 0xFFFF + 1, left - 1
            file.write(record(time, said, ip_id))
            heapq.heappush(due, (time + said.after, number))

    def _talk(self, number: int, turns: int) -> Iterator[Said]:
        random, peer = self._random, number % self.peers
        if peer % 10:
            way = Way(struct.pack("!I", 0x0A000000 + peer), 500, bytes((192, 0, 2, 1)), 500)
        else:
            way = Way(
                bytes.fromhex("20010db8000000000001") + peer.to_bytes(6, "big"),
                500,
                bytes.fromhex("20010db8000000000000000000000001"),
                500,
            )
        offence = random.choice(OFFENCES) if random.random() < self.offending else None
        old = offence in _V1_ALONE or (offence is None and random.random() < 0.3)
        return self._talk_v1(way, turns, offence) if old else self._talk_v2(way, turns, offence)

    # Version 2

    def _talk_v2(self, way: Way, turns: int, offence: str | None) -> Iterator[Said]:
        random = self._random
        spi_i, spi_r = random.randbytes(8), random.randbytes(8)
        yield from self._asked(way, spi_i, (bytes(8), spi_r), _INIT, 0, (_SA, 380), pause=0.1)
        if random.random() < 0.6:
            way = way._replace(
                peer_port=random.choice((4500, random.randrange(10_000, 60_000))), device_port=4500
            )
        yield from self._asked(way, spi_i, (spi_r, spi_r), _AUTH, 1, (_SK, 260))
        offends_at = random.randrange(turns // 3 + 1)
        renews_at = random.randrange(turns) if random.random() < 0.08 else -1
        message_id, own_id = 2, 0
        for turn in range(turns):
            if way.device_port == 4500 and random.random() < 0.4:
                yield from self._data(way)
            sealed, pair = (_SK, 80), (spi_r, spi_r)
            if turn == offends_at and offence is not None:
                yield from self._offends(way, spi_i, spi_r, message_id, own_id, offence)
                message_id, own_id = message_id + 1, own_id + _OWN_REQUESTS.get(offence, 0)
            elif turn == renews_at:
                old, pair = spi_i, (random.randbytes(8),) * 2
                yield from self._asked(way, old, (spi_r, spi_r), _CHILD, message_id, (_SK, 400), pause=0.1)
                spi_i = random.randbytes(8)
                yield from self._asked(way, spi_i, pair, _INFORMATIONAL, 0, sealed, pause=0.1)
                yield from self._asked(way, old, (spi_r, spi_r), _INFORMATIONAL, message_id + 1, sealed)
                spi_r, message_id, own_id = pair[0], 1, 0
            elif random.random() < 0.2:
                yield from self._probes(way, spi_i, spi_r, own_id)
                own_id += 1
            else:
                exchange = _CHILD if random.random() < 0.1 else _INFORMATIONAL
                yield from self._asked(way, spi_i, pair, exchange, message_id, sealed)
                message_id += 1

    def _asked(
        self,
        way: Way,
        spi_i: bytes,
        spis_r: tuple[bytes, bytes],
        exchange: int,
        message_id: int,
        content: tuple[int, int],
        offence: str | None = None,
        pause: float | None = None,
    ) -> Iterator[Said]:
        """A request of the peer and its answer, now and then sent twice."""
        kind, size = content
        request = self._v2(spi_i, spis_r[0], kind, exchange, _INITIATOR, message_id, size)
        flags = _RESPONSE | (_INITIATOR if offence == "INV-03" else 0)
        answer = self._v2(spi_i, spis_r[1], kind, exchange, flags, message_id, size)
        back = way._replace(device_port=way.device_port + 1) if offence == "INV-09" else way
        again = offence == "INV-08" or (exchange != _INIT and self._random.random() < 0.03)
        if again:
            yield self._said(0.02, False, way, request)
            other = answer[:-1] + bytes((answer[-1] ^ 1,)) if offence == "INV-08" else answer
            yield self._said(0.5, True, way, other)
        yield self._said(0.02, False, way, request)
        yield self._said(self._pause() if pause is None else pause, True, back, answer)

    def _probes(
        self, way: Way, spi_i: bytes, spi_r: bytes, message_id: int, exchange: int = _INFORMATIONAL
    ) -> Iterator[Said]:
        """A liveness check by the device, or an exchange that it may not start."""
        yield self._said(0.02, True, way, self._v2(spi_i, spi_r, _SK, exchange, 0, message_id, 80))
        answer = self._v2(spi_i, spi_r, _SK, exchange, _INITIATOR | _RESPONSE, message_id, 80)
        yield self._said(self._pause(), False, way, answer)

    def _offends(
        self, way: Way, spi_i: bytes, spi_r: bytes, message_id: int, own_id: int, offence: str
    ) -> Iterator[Said]:
        if offence in ("INV-01", "INV-17"):
            own = self._random.randbytes(8)
            to = way if offence == "INV-01" else _stranger(way)
            yield self._said(1.0, True, to, self._v2(own, bytes(8), _SA, _INIT, _INITIATOR, 0, 380))
        elif offence in ("INV-02", "INV-06"):
            exchange = _CHILD if offence == "INV-02" else _PRIVATE
            yield from self._probes(way, spi_i, spi_r, own_id, exchange)
        elif offence == "INV-11":
            for asked in (own_id, own_id + 1, own_id + 1):
                yield from self._probes(way, spi_i, spi_r, asked)
        elif offence == "INV-12":
            yield Said(1.0, True, way._replace(peer_port=4500, device_port=4500), _SYN, _TCP)
        elif offence == "INV-07":
            unasked = self._v2(spi_i, spi_r, _SK, _INFORMATIONAL, _RESPONSE, message_id + 7, 80)
            yield self._said(1.0, True, way, unasked)
        elif offence == "INV-10":
            request = self._v2(spi_i, spi_r, _SK, _INFORMATIONAL, _INITIATOR, message_id, 80)
            for _ in range(3):
                yield self._said(2.0, False, way, request)
            return
        asked = (_SK, 80)
        yield from self._asked(way, spi_i, (spi_r, spi_r), _INFORMATIONAL, message_id, asked, offence)

    def _v2(
        self, spi_i: bytes, spi_r: bytes, kind: int, exchange: int, flags: int, message_id: int, size: int
    ) -> bytes:
        body = struct.pack("!BBH", 0, 0, size) + self._octets(size - 4)
        return _IKE.pack(spi_i, spi_r, kind, 0x20, exchange, flags, message_id, 28 + size) + body

    # Version 1

    def _talk_v1(self, way: Way, turns: int, offence: str | None) -> Iterator[Said]:
        random = self._random
        pair = random.randbytes(8), random.randbytes(8)
        for turn, (by_target, size) in enumerate(((0, 200), (1, 120), (0, 250), (1, 250))):
            spi_r = pair[1] if turn else bytes(8)
            clear = _IKE.pack(pair[0], spi_r, (1, 4)[turn > 1], 0x10, _MAIN, 0, 0, 28 + size)
            said = self._said(0.05, bool(by_target), way, clear + self._octets(size))
            yield said
            if turn == 1 and offence == "INV-15":
                yield from (said._replace(after=2.0) for _ in range(_TIMES_ASKED_BY_NOBODY))
                return
        if random.random() < 0.6:
            way = way._replace(peer_port=4500, device_port=4500)
        for by_target in (False, True):
            yield self._said(0.05, by_target, way, self._v1(pair, _MAIN, 0, 5))
        yield from self._quick(way, pair, by_target=False)
        offends_at = random.randrange(turns // 3 + 1)
        for turn in range(turns):
            if way.device_port == 4500 and random.random() < 0.4:
                yield from self._data(way)
            if turn == offends_at and offence == "INV-04":
                own = random.randbytes(8)
                opening = _IKE.pack(own, bytes(8), 1, 0x10, _MAIN, 0, 0, 228) + self._octets(200)
                yield self._said(1.0, True, way, opening)
            elif turn == offends_at and offence == "INV-05":
                yield from self._quick(way, pair, by_target=True)
            elif random.random() < 0.15:
                yield from self._quick(way, pair, by_target=False)
            else:
                asks = random.random() < 0.3
                for by_target in (asks, not asks):
                    message_id = random.getrandbits(32) | 1
                    probe = self._v1(pair, _INFORMATIONAL_V1, message_id, 8)
                    yield self._said(0.02 if by_target is asks else self._pause(), by_target, way, probe)

    def _quick(self, way: Way, pair: tuple[bytes, bytes], *, by_target: bool) -> Iterator[Said]:
        message_id = self._random.getrandbits(32) | 1
        messages = [self._v1(pair, _QUICK, message_id, 8, size) for size in (256, 240, 64)]
        again = self._random.random() < 0.03
        for turn, octets in enumerate(messages[:2] * again + messages):
            yield self._said(0.05, by_target ^ bool(turn % 2), way, octets)

    def _v1(
        self, pair: tuple[bytes, bytes], exchange: int, message_id: int, kind: int, size: int = 96
    ) -> bytes:
        header = _IKE.pack(*pair, kind, 0x10, exchange, 0x01, message_id, 28 + size)
        return header + self._octets(size)

    # Both

    def _data(self, way: Way) -> Iterator[Said]:
        """ESP of both ways, or a keepalive."""
        if self._random.random() < 0.3:
            yield Said(5.0, False, way, b"\xff")
            return
        for by_target in (False, True):
            octets = b"\xc0" + self._octets(self._random.randrange(100, 500))
            yield Said(0.5, by_target, way, octets)

    def _said(self, after: float, by_target: bool, way: Way, octets: bytes) -> Said:
        marked = way.device_port in (4500, 4501)
        return Said(after, by_target, way, bytes(4) + octets if marked else octets)

    def _octets(self, count: int) -> bytes:
        at = self._random.randrange(_NOISE - count)
        return self._noise[at : at + count]

    def _pause(self) -> float:
        return 30.0 + self._random.random() * 120.0


def record(time: float, said: Said, ip_id: int) -> bytes:
    """A record of the file."""
    octets = _frame(said, ip_id)
    return _RECORD.pack(int(time), int(time % 1 * 1_000_000), len(octets), len(octets)) + octets


def _stranger(way: Way) -> Way:
    """To an address that no peer has."""
    return way._replace(peer=bytes((way.peer[0], way.peer[1], *b"\xff\xff", *way.peer[4:])))


def _frame(said: Said, ip_id: int) -> bytes:
    way, data = said.way, said.data
    ends = (way.device, way.device_port, way.peer, way.peer_port)
    source, from_port, destination, to_port = ends if said.by_target else ends[2:] + ends[:2]
    head = struct.pack("!HHHH", from_port, to_port, 8 + len(data), 0) if said.protocol == _UDP else b""
    carried = head + data
    if len(source) == 16:
        fixed = struct.pack("!IHBB", 6 << 28, len(carried), said.protocol, 64)
        return _ETHERNET_V6 + fixed + source + destination + carried
    fixed = struct.pack("!BBHHHBB", 0x45, 0, 20 + len(carried), ip_id, 0x4000, 64, said.protocol)
    total = sum(struct.unpack("!10H", fixed + bytes(2) + source + destination))
    total = (total & 0xFFFF) + (total >> 16)
    checksum = ~((total & 0xFFFF) + (total >> 16)) & 0xFFFF
    return _ETHERNET_V4 + fixed + struct.pack("!H", checksum) + source + destination + carried
