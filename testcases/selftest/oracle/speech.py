"""Words that tests of several rules put into a target's mouth."""

import struct
from typing import Any

from harness.codes import NotifyType, Protocol
from harness.wire import v2
from harness.wire.datagram import Datagram, Endpoint
from harness.wire.packet import TCP

NATT = (Endpoint("192.0.2.2", 4500), Endpoint("192.0.2.1", 4500))
PEERS, OURS = b"peer", b"ours"
"""The SPIs of a Child SA, by who proposed them."""
_PEERS, _OURS = (203, 0, 113), (198, 51, 100)


def child(spi: bytes) -> v2.SecurityAssociation:
    """An SA payload that proposes, or takes, a Child SA with this SPI."""
    return v2.SecurityAssociation((v2.Proposal(1, Protocol.ESP, spi=spi),))


def rekey(spi: bytes) -> v2.Notify:
    """What asks for the successor of a Child SA."""
    return v2.Notify(notify_type=NotifyType.REKEY_SA, protocol=Protocol.ESP, spi=spi)


def packet(line: Any, spi: bytes, after: float = 0.1, sealed: bytes = bytes(32)) -> int:
    """An ESP packet of the target, in UDP."""
    octets = spi + b"\0\0\0\1" + sealed
    return _instead(line, Datagram(NATT[1], NATT[0], octets), by_target=True, after=after)


def bare(line: Any, after: float = 0.1, ends: tuple[str, str] = ("198.51.100.1", "203.0.113.1")) -> int:
    """A packet in clear, by default from behind the target to behind its peer."""
    return _instead(line, plain(ends), by_target=True, after=after)


def plain(ends: tuple[str, str] = ("198.51.100.1", "203.0.113.1")) -> Datagram:
    """A packet that is not in ESP, or not yet."""
    source, destination = (Endpoint(each, 0) for each in ends)
    return Datagram(source, destination, b"data", 1)


def selectors() -> tuple[v2.TrafficSelectorsI, v2.TrafficSelectorsR]:
    """The networks behind a peer and behind the target, as a peer's exchange names them."""
    behind = (
        v2.TrafficSelector(7, start=bytes((*net, 0)), end=bytes((*net, 255))) for net in (_PEERS, _OURS)
    )
    return v2.TrafficSelectorsI(selectors=(next(behind),)), v2.TrafficSelectorsR(selectors=(next(behind),))


def segment(
    line: Any,
    flags: int,
    *,
    by_target: bool,
    payload: bytes = b"",
    peer_port: int = 4500,
    target_port: int = 40000,
) -> int:
    """A TCP segment between a peer and the target."""
    peer, target = Endpoint("192.0.2.2", peer_port), Endpoint("192.0.2.1", target_port)
    source, destination = (target, peer) if by_target else (peer, target)
    header = struct.pack("!HHIIBBHHH", source.port, destination.port, 1, 1, 0x50, flags, 65535, 0, 0)
    return _instead(line, Datagram(source, destination, header + payload, TCP), by_target=by_target)


def _instead(line: Any, datagram: Datagram, *, by_target: bool, after: float = 0.1) -> int:
    """The next frame, with another datagram than one of IKE."""
    number: int = line.octets(b"", by_target=by_target, after=after)
    line.frames[-1] = line.frames[-1]._replace(datagram=datagram, octets=datagram.data)
    return number
