"""Packets of Child SAs in a capture: what an ESP packet shows and held, and what a packet in clear should not have been.

Sequence numbers are followed per SPI, so that extended ones open too (RFC 4303 appendix A). Who protects what is
read from the exchanges that made the Child SAs: without their keys nothing is known of it, and nothing is claimed.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import NamedTuple

from harness.capture.frame import Frame
from harness.codes import Exchange, IdTypeV1
from harness.observe.seen import Packet, Seen
from harness.sa.esp import EspContent, EspSa, header, unprotect
from harness.sa.opened import Sealed
from harness.wire import v1, v2
from harness.wire.datagram import ESP, UDP, Datagram, Endpoint, Kind, packed
from harness.wire.packet import IPV4, IPV6, NO_NEXT_HEADER, TCP, read_packet, read_upper

_SUBSPACE = 1 << 32
_ANY_PORT = (0, 0xFFFF)
_WITH_PORTS = frozenset({TCP, UDP})
TUNNEL = frozenset({IPV4, IPV6})
"""Next Headers of tunnel mode."""


@dataclass(slots=True)
class _Stream:
    """One direction of a pair, and the highest number that opened in it."""

    sa: EspSa
    highest: int = 0

    def open(self, packet: bytes, low: int) -> tuple[int, EspContent | Sealed]:
        """The number under which a packet opens, and what it holds; else the number that it shows."""
        why = Sealed("no sequence number fits")
        for number in self._numbers(low):
            opened = unprotect(self.sa, packet, number)
            if isinstance(opened, EspContent):
                self.highest = max(self.highest, number)
                return number, opened
            why = opened
        return low, why

    def _numbers(self, low: int) -> Iterator[int]:
        """The whole numbers that a packet may have, the likeliest first: those of the subspaces around the highest."""
        if not self.sa.esn:
            yield low
            return
        near = self.highest // _SUBSPACE
        numbers = (high * _SUBSPACE + low for high in (near, near + 1, near - 1) if high >= 0)
        yield from sorted(numbers, key=lambda number: abs(number - self.highest))


class OpenerEsp:
    """Opens ESP packets in the capture's order, each by its SPI."""

    def __init__(self, keys: Iterable[EspSa]) -> None:
        self._streams: dict[bytes, list[_Stream]] = {}
        for each in dict.fromkeys(keys):
            self._streams.setdefault(each.spi, []).append(_Stream(each))

    def open(self, seen: Seen) -> None:
        """Put what the packet shows and held into `packet`; nothing for what is too short to be one."""
        shown = header(seen.octets)
        if shown is None:
            return
        spi, low = shown
        seen.packet = Packet(spi, low, known=spi in self._streams)
        for stream in reversed(self._streams.get(spi, [])):
            number, opened = stream.open(seen.octets, low)
            if isinstance(opened, EspContent):
                seen.packet = _read(seen, spi, number, opened)
                return
            seen.packet = Packet(spi, low, known=True, why=opened.why)


def _read(seen: Seen, spi: bytes, number: int, opened: EspContent) -> Packet:
    """What a packet holds: a whole one by its Next Header, or what follows the header that it came under."""
    notes = () if opened.padding_counts else (f"its padding is {opened.padding.hex()}",)
    inner: Datagram | str = "a dummy packet"
    if opened.next_header in TUNNEL:
        inner = read_packet(opened.data)
    elif opened.next_header != NO_NEXT_HEADER:
        ends = seen.source.address, seen.destination.address
        inner = read_upper(*ends, opened.next_header, opened.data)
    if isinstance(inner, str):
        return Packet(spi, number, True, True, opened.next_header, None, inner, notes)
    return Packet(spi, number, True, True, opened.next_header, inner, "", notes)


# What is protected


class Side(NamedTuple):
    """A range of addresses at one end of a Child SA; of one protocol, and of some of its ports, where they are named."""

    start: bytes
    end: bytes
    protocol: int = 0
    ports: tuple[int, int] = _ANY_PORT

    def has(self, end: Endpoint, protocol: int) -> bool:
        """Whether a packet of that protocol has an end in it; what ICMP types are named as ports is not told."""
        octets = packed(end.address)
        if len(octets) != len(self.start) or not self.start <= octets <= self.end:
            return False
        if self.protocol not in (0, protocol):
            return False
        first, last = self.ports
        return self.ports == _ANY_PORT or (protocol in _WITH_PORTS and first <= end.port <= last)


@dataclass(frozen=True, slots=True)
class Protected:
    """What a Child SA protects, by whose side it is on, from a frame on."""

    local: tuple[Side, ...]
    remote: tuple[Side, ...]
    since: int

    def covers(self, datagram: Datagram) -> bool:
        """Whether a packet goes from the target's side to the other one."""
        source, destination, protocol = datagram.source, datagram.destination, datagram.protocol
        return any(side.has(source, protocol) for side in self.local) and any(
            side.has(destination, protocol) for side in self.remote
        )


@dataclass(slots=True)
class _Readers:
    """What the exchanges of a capture say about the Child SAs that they made."""

    found: list[Protected] = field(default_factory=list)
    begun_by_target: dict[tuple[bytes, int], bool] = field(default_factory=dict)
    """Quick Modes by cookie and Message ID: whether the target began them."""

    def take(self, seen: Seen) -> None:
        """One more message."""
        if seen.header is None or seen.inner is None:
            return
        if seen.header.is_v1:
            self._take_v1(seen)
        elif seen.is_response:
            self._take_v2(seen)

    def _take_v2(self, seen: Seen) -> None:
        tsi = next((p for p in seen.payloads if isinstance(p, v2.TrafficSelectorsI)), None)
        tsr = next((p for p in seen.payloads if isinstance(p, v2.TrafficSelectorsR)), None)
        if tsi is None or tsr is None:
            return
        theirs, ours = (tsi, tsr) if seen.from_target else (tsr, tsi)
        self.found.append(Protected(_sides(ours), _sides(theirs), seen.number))

    def _take_v1(self, seen: Seen) -> None:
        if seen.exchange != Exchange.QUICK_MODE or seen.spi_i is None or seen.message_id is None:
            return
        by_target = self.begun_by_target.setdefault((seen.spi_i, seen.message_id), seen.from_target)
        named = [_side(p) for p in seen.payloads if isinstance(p, v1.Identification)]
        if len(named) != 2 or named[0] is None or named[1] is None or by_target is seen.from_target:
            return
        initiator, responder = (named[0],), (named[1],)
        ours, theirs = (initiator, responder) if by_target else (responder, initiator)
        self.found.append(Protected(ours, theirs, seen.number))


def _sides(payload: v2.TrafficSelectorsI | v2.TrafficSelectorsR) -> tuple[Side, ...]:
    return tuple(
        Side(each.start, each.end, each.protocol, (each.start_port, each.end_port))
        for each in payload.selectors
    )


def _side(identity: v1.Identification) -> Side | None:
    """What a client identity names (RFC 2407 section 4.6.2), port 0 being any; None if it can't be read so."""
    ends = _addresses(identity)
    ports = (identity.port, identity.port) if identity.port else _ANY_PORT
    return None if ends is None else Side(*ends, identity.protocol, ports)


def _addresses(identity: v1.Identification) -> tuple[bytes, bytes] | None:
    """The first and the last address."""
    data, half = identity.data, len(identity.data) // 2
    if len(data) % 4:
        return None
    if identity.id_type in (IdTypeV1.ID_IPV4_ADDR, IdTypeV1.ID_IPV6_ADDR):
        return data, data
    if identity.id_type in (IdTypeV1.ID_IPV4_ADDR_RANGE, IdTypeV1.ID_IPV6_ADDR_RANGE):
        return data[:half], data[half:]
    if identity.id_type in (IdTypeV1.ID_IPV4_ADDR_SUBNET, IdTypeV1.ID_IPV6_ADDR_SUBNET):
        hosts = bytes(octet ^ 0xFF for octet in data[half:])
        last = bytes(one | other for one, other in zip(data[:half], hosts, strict=True))
        return data[:half], last
    return None


def protected(seen: Iterable[Seen]) -> tuple[Protected, ...]:
    """What the Child SAs of these messages protect, as far as they were opened."""
    readers = _Readers()
    for each in seen:
        readers.take(each)
    return tuple(readers.found)


def in_clear(
    frames: Iterable[Frame], pairs: tuple[Protected, ...], devices: frozenset[str]
) -> tuple[Seen, ...]:
    """The packets from the target's side to the other one that no ESP hid, once a Child SA was there for them.

    What the target says under its own address is left out: IKE, in UDP or TCP, and the errors of ICMP are in clear.
    """
    if not pairs:
        return ()
    return tuple(
        _bare(frame, datagram)
        for frame in frames
        if (datagram := frame.datagram) is not None
        and frame.inbound is not True
        and datagram.protocol != ESP
        and datagram.source.address not in devices
        and any(pair.since < frame.number and pair.covers(datagram) for pair in pairs)
    )


def _bare(frame: Frame, datagram: Datagram) -> Seen:
    return Seen(
        frame.number,
        frame.time,
        datagram.source,
        datagram.destination,
        True,
        Kind.OTHER,
        datagram.data,
        packet=Packet(b"", 0, inner=datagram),
    )
