"""Generated captures of several SAs at once, honest talk and every kind of departure from it, for properties."""

import struct
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

from hypothesis import strategies as some

from harness.capture.streams import ACK, PSH, SYN
from harness.codes import Exchange
from harness.wire import Message, v1, v2
from harness.wire.datagram import NON_ESP_MARKER, UDP, Datagram, Endpoint
from harness.wire.fields import Ciphertext
from harness.wire.packet import TCP, ip_packet
from harness.wire.stream import PREFIX, framed

DEVICE, DEVICE_V6 = "192.0.2.1", "2001:db8::1"
PEERS = ("192.0.2.2", "192.0.2.3", "2001:db8::2")
STRANGER = "198.51.100.9"
NONE = bytes(8)
INIT = (v2.SecurityAssociation(()), v2.KeyExchange(31, bytes(32)), v2.Nonce(bytes(16)))
_TCP = struct.Struct("!HHIIBBHHH")


@dataclass(frozen=True)
class Said:
    """A datagram of the capture, before it is written."""

    by_target: bool
    peer: str
    data: bytes
    after: float = 0.02
    ports: tuple[int, int] = (500, 500)
    protocol: int = UDP
    own_number: bool = True
    """Whether it has an IP Identification of its own; else that of the datagram before it."""
    device: str = ""
    in_pieces: bool = False
    """Whether it comes in two IP fragments."""
    snapped: int = 0
    """How many of its octets a snap length left out."""


@dataclass
class Sa:
    """An IKE SA as both ends would keep it."""

    peer: str
    spi_i: bytes
    spi_r: bytes
    message_id: int = 0
    own_id: int = 0
    ports: tuple[int, int] = (500, 500)


@dataclass
class Story:
    """Plays moves, and keeps what was said."""

    said: list[Said] = field(default_factory=list)
    sas: list[Sa] = field(default_factory=list)
    stream: dict[tuple[str, bool], int] = field(default_factory=dict)

    def sa(self, which: int, peer: int = 0) -> Sa:
        """One of the SAs; the first move on it makes it."""
        while len(self.sas) <= which:
            number = len(self.sas)
            self.sas.append(Sa(PEERS[peer], b"initiat%d" % number, b"respond%d" % number))
        return self.sas[which]

    def say(self, sa: Sa, octets: bytes, by_target: bool, after: float = 0.02) -> None:
        """One message on an SA."""
        data = NON_ESP_MARKER + octets if 4500 in sa.ports else octets
        self.said.append(Said(by_target, sa.peer, data, after, sa.ports))

    def v2(
        self, sa: Sa, exchange: int, flags: int, message_id: int, by_target: bool, size: int = 24
    ) -> bytes:
        """A sealed message of version 2."""
        text = bytes([exchange, message_id & 0xFF, by_target]) * (size // 3)
        return Message(sa.spi_i, sa.spi_r, exchange, flags, message_id, (v2.Encrypted(text),)).encode()

    def opens(self, sa: Sa, after: float) -> None:
        """IKE_SA_INIT and IKE_AUTH."""
        self.say(sa, Message(sa.spi_i, NONE, Exchange.IKE_SA_INIT, 0x08, 0, INIT).encode(), False)
        self.say(sa, Message(sa.spi_i, sa.spi_r, Exchange.IKE_SA_INIT, 0x20, 0, INIT).encode(), True)
        sa.message_id = 1
        self.asks(sa, after, Exchange.IKE_AUTH)

    def opens_twice(self, sa: Sa, after: float) -> None:
        """IKE_SA_INIT sent and answered twice."""
        self.opens(sa, after)
        self.said[-4:-2] *= 2

    def asks(self, sa: Sa, after: float, exchange: int = Exchange.INFORMATIONAL) -> None:
        """An exchange that the peer starts."""
        self.say(sa, self.v2(sa, exchange, 0x08, sa.message_id, False), False)
        self.say(sa, self.v2(sa, exchange, 0x20, sa.message_id, True), True, after)
        sa.message_id += 1

    def asks_twice(self, sa: Sa, after: float) -> None:
        """An exchange with a retransmission."""
        self.asks(sa, 0.5)
        self.said += [self.said[-2], replace(self.said[-1], after=after)]

    def asks_in_vain(self, sa: Sa, after: float) -> None:
        """A request without an answer."""
        self.say(sa, self.v2(sa, Exchange.INFORMATIONAL, 0x08, sa.message_id, False), False, after)
        sa.message_id += 1

    def asks_in_fragments(self, sa: Sa, after: float) -> None:
        """An exchange of SKF payloads (RFC 7383)."""
        for by_target, total in ((False, 2), (True, 3)):
            for number in range(1, total + 1):
                fragment = v2.EncryptedFragment(number, total, bytes([number, by_target]) * 12)
                flags = 0x20 if by_target else 0x08
                message = Message(sa.spi_i, sa.spi_r, Exchange.IKE_AUTH, flags, sa.message_id, (fragment,))
                self.say(sa, message.encode(), by_target, after if number == total else 0.0)
        sa.message_id += 1

    def probes(self, sa: Sa, after: float, exchange: int = Exchange.INFORMATIONAL) -> None:
        """An exchange that the target starts."""
        self.say(sa, self.v2(sa, exchange, 0x00, sa.own_id, True), True)
        self.say(sa, self.v2(sa, exchange, 0x28, sa.own_id, False), False, after)
        sa.own_id += 1

    def adds(self, sa: Sa, after: float) -> None:
        """A CREATE_CHILD_SA of the peer."""
        self.asks(sa, after, Exchange.CREATE_CHILD_SA)

    def rekeys(self, sa: Sa, after: float) -> None:
        """A CREATE_CHILD_SA of the peer, after which it speaks under a new pair of SPIs."""
        self.asks(sa, after, Exchange.CREATE_CHILD_SA)
        sa.spi_i, sa.spi_r = b"%sx" % sa.spi_i[1:], b"%sy" % sa.spi_r[1:]
        sa.message_id = sa.own_id = 0
        self.asks(sa, after)

    def starts_child(self, sa: Sa, after: float) -> None:
        """A CREATE_CHILD_SA of the target."""
        self.probes(sa, after, Exchange.CREATE_CHILD_SA)

    def unasked(self, sa: Sa, after: float) -> None:
        """A response to nothing."""
        self.say(sa, self.v2(sa, Exchange.INFORMATIONAL, 0x20, 77, True), True, after)

    def target_opens(self, sa: Sa, after: float) -> None:
        """An IKE_SA_INIT of the target."""
        spi = b"target%02d" % len(self.said)
        message = Message(spi[:8], NONE, Exchange.IKE_SA_INIT, 0x08, 0, INIT)
        self.say(sa, message.encode(), True, after)

    def floats(self, sa: Sa, _after: float) -> None:
        """From now on on port 4500, and not from there."""
        sa.ports = (40_000, 4500) if sa.ports == (4500, 4500) else (4500, 4500)

    def data(self, sa: Sa, after: float) -> None:
        """ESP and a keepalive."""
        for by_target, octets in ((False, b"\xff"), (True, b"\xc0" * 60)):
            self.said.append(Said(by_target, sa.peer, octets, after, (4500, 4500)))

    def keepalive(self, sa: Sa, after: float) -> None:
        """A NAT keepalive of the target."""
        self.said.append(Said(True, sa.peer, b"\xff", after, (4500, 4500)))

    def many_esp(self, sa: Sa, after: float) -> None:
        """ESP of the target under several SPIs, in UDP and beside it."""
        for spi in range(6):
            how = {"ports": (4500, 4500)} if spi % 2 else {"protocol": 50}
            self.said.append(Said(True, sa.peer, bytes([0xE0 + spi]) * 16, after, **how))

    def reports(self, sa: Sa, after: float) -> None:
        """Notifies of the target in clear, of both versions."""
        bare = v2.Notify(notify_type=11, spi=b"\0\0\0\1", protocol=3)
        self.say(sa, Message(sa.spi_i, sa.spi_r, 37, 0x08, 0, (bare,)).encode(), True, after)
        clear = v1.Notify(notify_type=14, protocol=1)
        message = Message(sa.spi_i, sa.spi_r, 5, 0x00, 0x77, (clear,), version=0x10)
        self.say(sa, message.encode(), True, after)

    def asks_in_clear(self, sa: Sa, after: float) -> None:
        """Messages of the peer that are not encrypted and should be."""
        self.say(sa, Message(sa.spi_i, sa.spi_r, 37, 0x08, sa.message_id, ()).encode(), False, after)
        message = Message(sa.spi_i, sa.spi_r, 32, 0x00, 0x78, (v1.Nonce(bytes(8)),), version=0x10)
        self.say(sa, message.encode(), False, after)

    def is_answered_at_length(self, sa: Sa, after: float) -> None:
        """An IKE_SA_INIT whose answer is much larger, and an Aggressive Mode repeated again and again."""
        long = Message(sa.spi_i, sa.spi_r, 34, 0x20, 0, (*INIT, v2.VendorId(bytes(700))))
        self.opens(sa, after)
        self.said[-3] = replace(self.said[-3], data=long.encode())

    def is_answered_again_and_again(self, sa: Sa, after: float) -> None:
        """An Aggressive Mode whose answer is repeated on a timer."""
        self.v1(sa, 4, 0, False, b"AM0", bare=True)
        for _ in range(6):
            message = Message(sa.spi_i, sa.spi_r, 4, 0, 0, (v1.SecurityAssociation(),), version=0x10)
            self.say(sa, message.encode(), True, after)

    def esp(self, sa: Sa, after: float) -> None:
        """ESP beside UDP, and ICMP."""
        self.said.append(Said(True, sa.peer, b"\xc1" * 40, after, protocol=50))
        self.said.append(Said(False, sa.peer, bytes(16), after, protocol=1))

    def v1(
        self, sa: Sa, exchange: int, message_id: int, by_target: bool, text: bytes, bare: bool = False
    ) -> None:
        """A message of version 1."""
        spi_r = NONE if bare else sa.spi_r
        payloads = (v1.SecurityAssociation(),) if bare else (Ciphertext(8, text.ljust(24)),)
        message = Message(
            sa.spi_i, spi_r, exchange, 0x00 if bare else 0x01, message_id, payloads, version=0x10
        )
        self.say(sa, message.encode(), by_target)

    def main_mode(self, sa: Sa, after: float) -> None:
        """Main Mode of the peer."""
        for turn in range(6):
            self.v1(sa, 2, 0, bool(turn % 2), b"MM%d" % turn, bare=turn == 0)
        self.quick_mode(sa, after)

    def aggressive_mode(self, sa: Sa, after: float) -> None:
        """Aggressive Mode of the peer."""
        for turn in range(3):
            self.v1(sa, 4, 0, bool(turn % 2), b"AM%d" % turn, bare=turn == 0)
        self.quick_mode(sa, after)

    def quick_mode(self, sa: Sa, after: float, by_target: bool = False, exchange: int = 32) -> None:
        """A Quick Mode of the peer."""
        sa.message_id += 1
        for turn in range(3):
            self.v1(sa, exchange, 0x1000 + sa.message_id, bool(turn % 2) ^ by_target, b"QM%d" % turn)
        self.said[-1] = replace(self.said[-1], after=after)

    def quick_mode_twice(self, sa: Sa, after: float) -> None:
        """A Quick Mode whose first message is sent twice, and answered twice."""
        self.quick_mode(sa, after)
        self.said[-1:-1] = self.said[-3:-1]

    def target_quick_mode(self, sa: Sa, after: float) -> None:
        """A Quick Mode of the target."""
        self.quick_mode(sa, after, by_target=True)

    def xauth(self, sa: Sa, after: float) -> None:
        """A transaction of the target, one of the peer, and a New Group Mode."""
        for exchange, by_target in ((6, True), (6, False), (33, False)):
            self.quick_mode(sa, after, by_target, exchange)

    def informs_v1(self, sa: Sa, after: float) -> None:
        """Informational messages of version 1."""
        for by_target in (True, False):
            self.v1(sa, 5, 0x9000 + len(self.said), by_target, b"N")
        self.said[-1] = replace(self.said[-1], after=after)

    def target_main_mode(self, sa: Sa, after: float) -> None:
        """A first message of phase 1 by the target."""
        own = replace(sa, spi_i=b"tgt%05d" % len(self.said))
        self.v1(own, 2, 0, True, b"", bare=True)

    def segment(self, sa: Sa, payload: bytes, by_target: bool, flags: int = ACK | PSH) -> None:
        """A TCP segment between the peer's port 40001 and 4500."""
        number = self.stream.get((sa.peer, by_target), 1)
        ports = (4500, 40_001) if by_target else (40_001, 4500)
        other = self.stream.get((sa.peer, not by_target), 1)
        head = _TCP.pack(*ports, number, other, 5 << 4, flags, 1000, 0, 0)
        self.stream[sa.peer, by_target] = number + len(payload) + bool(flags & SYN)
        self.said.append(Said(by_target, sa.peer, head + payload, protocol=TCP))

    def over_tcp(self, sa: Sa, after: float) -> None:
        """An exchange of the SA over TCP (RFC 9329), the connection opened by the peer."""
        self.segment(sa, b"", False, SYN)
        request = self.v2(sa, Exchange.INFORMATIONAL, 0x08, sa.message_id, False)
        self.segment(sa, PREFIX + framed(request), False)
        self.segment(sa, framed(self.v2(sa, Exchange.INFORMATIONAL, 0x20, sa.message_id, True)), True)
        sa.message_id += 1

    def target_dials(self, sa: Sa, after: float) -> None:
        """A connection that the target opens, and one that is none of IKE."""
        self.segment(sa, b"", True, SYN)
        self.segment(sa, b"GET / HTTP/1.1", False)


MOVES: tuple[Callable[[Story, Sa, float], None], ...] = (
    Story.opens, Story.opens_twice, Story.asks, Story.asks_twice, Story.asks_in_vain, Story.asks_in_fragments, Story.probes, Story.adds,
    Story.rekeys, Story.starts_child, Story.unasked, Story.target_opens, Story.floats, Story.data, Story.esp,
    Story.main_mode, Story.aggressive_mode, Story.quick_mode, Story.quick_mode_twice, Story.target_quick_mode,
    Story.xauth, Story.informs_v1, Story.target_main_mode, Story.over_tcp, Story.target_dials, Story.keepalive,
    Story.many_esp, Story.reports, Story.asks_in_clear, Story.is_answered_at_length, Story.is_answered_again_and_again,
)  # fmt: skip
OPENINGS_V2 = (Story.opens, Story.opens, Story.opens, Story.opens_twice)
OPENINGS_V1 = (Story.main_mode, Story.aggressive_mode)
HONEST_V2 = (
    Story.asks, Story.asks, Story.asks_twice, Story.asks_in_fragments, Story.probes, Story.adds, Story.rekeys,
    Story.floats, Story.data, Story.keepalive, Story.many_esp,
)  # fmt: skip
HONEST_V1 = (
    Story.quick_mode, Story.quick_mode_twice, Story.xauth, Story.informs_v1, Story.floats, Story.data, Story.esp,
)  # fmt: skip
PAUSES = some.sampled_from([0.0, 0.02, 0.02, 1.0, 30.0, 70.0])


@some.composite
def stories(draw: some.DrawFn) -> list[Said]:
    """What was said, with nothing wrong about it, with moves of all kinds, or with damage besides."""
    story = Story()
    for which in range(draw(some.integers(1, 4))):
        sa = story.sa(which, draw(some.integers(0, 2)))
        old = draw(some.booleans())
        if draw(some.integers(0, 9)):
            draw(some.sampled_from(OPENINGS_V1 if old else OPENINGS_V2))(story, sa, 0.02)
        honest = HONEST_V1 if old else HONEST_V2
        kinds = honest if draw(some.integers(0, 3)) else MOVES
        for move in draw(some.lists(some.sampled_from(kinds), max_size=8)):
            move(story, sa, draw(PAUSES))
    said = story.said
    for move in draw(
        some.lists(some.tuples(some.sampled_from(MOVES), some.integers(0, 3), PAUSES), max_size=2)
    ):
        move[0](story, story.sa(move[1]), move[2])
    for _ in range(draw(some.sampled_from([0, 0, 1, 1, 1, 3]))):
        said = draw(damaged(said))
    return draw(interleaved(said)) if draw(some.booleans()) else said


@some.composite
def interleaved(draw: some.DrawFn, said: list[Said]) -> list[Said]:
    """The same datagrams, those of different peers in another order."""
    queues = [
        [each for each in said if each.peer == peer] for peer in dict.fromkeys(each.peer for each in said)
    ]
    found = []
    while queues:
        queue = queues[draw(some.integers(0, len(queues) - 1))]
        found.append(queue.pop(0))
        queues = [each for each in queues if each]
    return found


ALTERATIONS = some.one_of(
    some.tuples(some.just(19), some.sampled_from([0x08, 0x10, 0x20, 0x28, 0x01])),  # flags
    some.tuples(
        some.just(18), some.sampled_from([1, 2, 3, 34 ^ 38, 36 ^ 37, 35 ^ 37, 32 ^ 33, 0xD0])
    ),  # exchange type
    some.tuples(some.just(23), some.sampled_from([1, 2, 3, 32])),  # Message ID
    some.tuples(some.sampled_from([0, 7, 8, 15]), some.sampled_from([1, 255])),  # SPIs
    some.tuples(some.just(16), some.sampled_from([46, 46 ^ 53, 46 ^ 41, 46 ^ 33, 33 ^ 41])),  # next payload
    some.tuples(some.just(17), some.sampled_from([0x30, 0x10, 1])),  # version
    some.tuples(some.sampled_from([27, 28, 33, 35, 36, 40]), some.sampled_from([1, 2, 255])),  # what follows
)
"""An octet of an IKE message, and what is to change in it."""


def altered(said: Said, at: int, change: int) -> bytes:
    """The datagram with an octet of its IKE message changed."""
    at += len(NON_ESP_MARKER) * (4500 in said.ports)
    octets = bytearray(said.data.ljust(at + 1, b"\0"))
    octets[at] ^= change
    return bytes(octets)


@some.composite
def damaged(draw: some.DrawFn, said: list[Said]) -> list[Said]:
    """The story with one datagram lost, doubled, late, moved, altered, cut, strayed or in pieces."""
    if not said:
        return said
    at = draw(some.integers(0, len(said) - 1))
    one = said[at]
    octets = altered(one, *draw(ALTERATIONS))
    kinds: dict[str, Sequence[Said]] = {
        "lost": (),
        "again": (one, one),
        "captured twice": (one, replace(one, own_number=False, after=0.0)),
        "captured late": (replace(one, after=0.2), replace(one, own_number=False)),
        "altered": (replace(one, data=octets),),
        "altered too": (replace(one, data=octets),),
        "altered as well": (replace(one, data=octets),),
        "another again": (one, replace(one, data=octets)),
        "cut": (replace(one, data=one.data[: draw(some.integers(0, 40))]),),
        "moved": (replace(one, ports=(one.ports[0] + 1, one.ports[1])),),
        "moved far": (replace(one, peer=PEERS[1] if ":" not in one.peer else "2001:db8::3"),),
        "snapped": (replace(one, snapped=9),),
        "in pieces": (replace(one, in_pieces=True),),
        "strayed": (replace(one, device=STRANGER if ":" not in one.peer else "2001:db8::9"),),
        "turned round": (replace(one, by_target=not one.by_target),),
        "back in time": (replace(one, after=-5.0),),
    }
    changed = kinds[draw(some.sampled_from(sorted(kinds)))]
    found = [*said[:at], *changed, *said[at + 1 :]]
    if draw(some.integers(0, 5)) == 0:
        found.insert(draw(some.integers(0, len(found))), one)
    return found


def packets(said: Sequence[Said]) -> list[tuple[float, bytes]]:
    """What was captured of the IP packets, and when."""
    found: list[tuple[float, bytes]] = []
    now, number = 1_700_000_000.0, 0
    for each in said:
        number += each.own_number
        device = each.device or (DEVICE_V6 if ":" in each.peer else DEVICE)
        ends = Endpoint(each.peer, each.ports[0]), Endpoint(device, each.ports[1])
        source, destination = reversed(ends) if each.by_target else ends
        octets = ip_packet(Datagram(source, destination, each.data, each.protocol), number % 0xFFFF)
        octets = octets[: len(octets) - each.snapped]
        pieces = fragments(octets) if each.in_pieces and ":" not in each.peer else (octets,)
        found += [(now, piece) for piece in pieces]
        now += each.after
    return found


def fragments(packet: bytes) -> tuple[bytes, ...]:
    """An IPv4 packet in two fragments (RFC 791 section 3.2)."""
    header, content = packet[:20], packet[20:]
    half = len(content) // 16 * 8
    if not half:
        return (packet,)

    def piece(data: bytes, offset: int, more: bool) -> bytes:
        head = bytearray(header)
        struct.pack_into("!H", head, 2, 20 + len(data))
        struct.pack_into("!H", head, 6, offset // 8 | (0x2000 if more else 0))
        return bytes(head) + data

    return piece(content[:half], 0, True), piece(content[half:], half, False)


def pcap(said: Sequence[Said], link: int) -> bytes:
    """A classic file of these packets, raw or in Ethernet frames with and without a VLAN tag."""
    octets = struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 1 << 18, link)
    for number, (time, packet) in enumerate(packets(said)):
        ethertype = b"\x86\xdd" if packet[0] >> 4 == 6 else b"\x08\x00"
        tag = b"\x81\x00\x00\x05" if number % 5 == 4 else b""
        frame = packet if link == 101 else bytes(12) + tag + ethertype + packet
        seconds = int(time)
        octets += struct.pack("<IIII", seconds, int((time - seconds) * 1e6), len(frame), len(frame)) + frame
    return octets


def pcapng(said: Sequence[Said]) -> bytes:
    """A pcapng file of the same packets, caught in turn by a tap of Ethernet in microseconds and a raw one in nanoseconds."""
    octets = block(0x0A0D0D0A, struct.pack("<IHHq", 0x1A2B3C4D, 1, 0, -1))
    octets += block(1, struct.pack("<HHI", 1, 0, 0)) + block(
        1, struct.pack("<HHIHHB3xI", 101, 0, 0, 9, 1, 9, 0)
    )
    for number, (time, packet) in enumerate(packets(said)):
        ethertype = b"\x86\xdd" if packet[0] >> 4 == 6 else b"\x08\x00"
        raw = number % 3 == 2
        frame = packet if raw else bytes(12) + ethertype + packet
        seconds = int(time)
        ticks = (seconds * 1_000_000 + int((time - seconds) * 1e6)) * (1000 if raw else 1)
        head = struct.pack("<IIIII", raw, ticks >> 32, ticks & 0xFFFFFFFF, len(frame), len(frame))
        flags = struct.pack("<HHII", 2, 4, 1, 0) if number % 4 == 3 else b""
        octets += block(6, head + frame + bytes(-len(frame) % 4) + flags)
    return octets


def block(kind: int, body: bytes) -> bytes:
    """A block of pcapng."""
    return struct.pack("<II", kind, len(body) + 12) + body + struct.pack("<I", len(body) + 12)
