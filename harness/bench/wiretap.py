"""An AF_PACKET tap: what the target sends past every socket of the peers, and how many packets nobody saw.

It is a second interface of the evidence. What the sockets receive is not written again.
"""

import socket
import struct
from collections.abc import Collection

from harness.bench.links import BIGGEST, UDP, LinkRefused
from harness.bench.sieve import attach
from harness.wire.datagram import Endpoint, packed
from harness.wire.packet import TCP

LOOPBACK = "lo"
BUFFER = 32 << 20
_ETHERTYPES = {0x0800: 4, 0x86DD: 6}
_ALL = 0x0003
_OUTGOING = 4
_SOL_PACKET, _PACKET_STATISTICS = 263, 6
_COUNTERS = struct.Struct("@II")
_SO_RCVBUFFORCE = 33
_FILTER = struct.Struct("@HBBI")
_JUMP_IF_EQUAL = 0x15
_LOAD_SOURCE = _FILTER.pack(0x20, 0, 0, 12)  # the source of an IPv4 header
_REJECT = _FILTER.pack(0x06, 0, 0, 0)
_ACCEPT = _FILTER.pack(0x06, 0, 0, 0xFFFFFFFF)


class WireTap:
    """Listens on an interface for what comes from the target's addresses; needs root."""

    def __init__(
        self, sources: Collection[str], taken: Collection[Endpoint], interface: str = LOOPBACK
    ) -> None:
        self.interface = interface
        self._sources = frozenset(packed(source) for source in sources)
        self._taken = frozenset((packed(each.address), each.port) for each in taken)
        self._connected: set[tuple[bytes, int]] = set()
        self._drops = 0
        self.number: int | None = None
        """The number of its interface in the evidence, once something was seen."""
        try:
            self._opened = socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM, 0)
        except OSError as why:
            raise LinkRefused(f"no permission to watch {interface}: {why.strerror}") from why
        self._opened.setsockopt(socket.SOL_SOCKET, _SO_RCVBUFFORCE, BUFFER)
        self._let_in_only_the_target()
        self._opened.setblocking(False)
        self._opened.bind((interface, _ALL))  # only from here on anything is received

    def fileno(self) -> int:
        """For waiting until something came."""
        return self._opened.fileno()

    def connects(self, source: Endpoint) -> None:
        """A peer opens a TCP connection from there: what comes over it is in the evidence already."""
        self._connected.add((packed(source.address), source.port))

    def packets(self) -> list[bytes]:
        """The IP packets that came from the target since the last call and that no peer's socket holds."""
        found: list[bytes] = []
        while True:
            try:
                octets, (_, ethertype, kind, *_) = self._opened.recvfrom(BIGGEST)
            except BlockingIOError:
                return found
            if kind == _OUTGOING and self.interface == LOOPBACK:
                continue  # loopback shows every packet twice, on its way out and on its way in
            if ethertype in _ETHERTYPES and self._passes_by(octets):
                found.append(octets)

    def drops(self) -> int:
        """How many packets the kernel had no room for."""
        told = self._opened.getsockopt(_SOL_PACKET, _PACKET_STATISTICS, _COUNTERS.size)
        self._drops += _COUNTERS.unpack(told)[1]  # the kernel counts from 0 again after each question
        return self._drops

    def close(self) -> None:
        """Stop listening."""
        self._opened.close()

    def _let_in_only_the_target(self) -> None:
        """Have the kernel leave out what is of another source, so that a busy interface costs nothing."""
        if any(len(source) != 4 for source in self._sources):
            return
        program = [_LOAD_SOURCE]
        for left, source in enumerate(sorted(self._sources), start=1):
            to_accept = len(self._sources) - left + 1
            program.append(_FILTER.pack(_JUMP_IF_EQUAL, to_accept, 0, int.from_bytes(source, "big")))
        program += [_REJECT, _ACCEPT]
        attach(self._opened, b"".join(program))

    def _passes_by(self, octets: bytes) -> bool:
        """Whether a packet is the target's, and goes to no socket of a peer."""
        parts = _read(octets)
        if parts is None:
            return False
        source, destination, protocol, payload = parts
        if source not in self._sources:
            return False
        port = int.from_bytes(payload[2:4], "big")
        held = {UDP: self._taken, TCP: self._connected}.get(protocol, ())
        return (destination, port) not in held


def _read(octets: bytes) -> tuple[bytes, bytes, int, bytes] | None:
    """Source, destination, protocol and payload of an IP packet; None if it is too short for one."""
    if len(octets) >= 20 and octets[0] >> 4 == 4:
        return octets[12:16], octets[16:20], octets[9], octets[(octets[0] & 15) * 4 :]
    if len(octets) >= 40 and octets[0] >> 4 == 6:
        return octets[8:24], octets[24:40], octets[6], octets[40:]
    return None
