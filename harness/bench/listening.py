"""An AF_PACKET listener for days: the IKE that passes an interface, with the kernel's times and its count of losses."""

import contextlib
import socket
import struct
from collections.abc import Collection

from harness.bench.links import BIGGEST, LinkRefused
from harness.bench.sieve import attach, ike_sieve
from harness.capture import blocks
from harness.capture.frame import Frame
from harness.capture.layers import Dissector
from harness.capture.notes import Tally
from harness.observe.observer import IKE_PORTS
from harness.wire.datagram import NAT_PORTS

ALL = "any"
"""The name for every interface at once."""
LOOPBACK = "lo"
BUFFER = 32 << 20
_EVERY_PROTOCOL = 0x0003
_OUTGOING = 4
_SO_RCVBUFFORCE, _SO_TIMESTAMPNS = 33, 35
_SOL_PACKET, _PACKET_STATISTICS = 263, 6
_COUNTERS = struct.Struct("@II")
_TIME = struct.Struct("@qq")
_ANCILLARY = socket.CMSG_SPACE(_TIME.size)


class Listening:
    """Receives IKE on an interface; needs root. LinkRefused says why it can't be had."""

    def __init__(self, interface: str, ports: Collection[int] = (), nat_ports: Collection[int] = ()) -> None:
        self.interface = interface
        self._dissector = Dissector(Tally("others"))
        self._drops = self._frames = 0
        self._place = "" if interface == ALL else interface, _EVERY_PROTOCOL
        self._away = False
        self._outage = ""
        try:
            self._opened = socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM, 0)
        except OSError as why:
            raise LinkRefused(f"no permission to watch {interface}: {why.strerror}; run it as root") from why
        try:
            attach(self._opened, ike_sieve(IKE_PORTS | frozenset(ports), NAT_PORTS | frozenset(nat_ports)))
            self._opened.setsockopt(socket.SOL_SOCKET, _SO_RCVBUFFORCE, BUFFER)
            self._opened.setsockopt(socket.SOL_SOCKET, _SO_TIMESTAMPNS, 1)
            self._opened.setblocking(False)
            self._opened.bind(self._place)
        except OSError as why:
            self._opened.close()
            raise LinkRefused(f"{interface} can't be watched: {why.strerror}") from why

    def fileno(self) -> int:
        """For waiting until something came."""
        return self._opened.fileno()

    def frames(self, most: int) -> list[Frame]:
        """What came since the last call, at most that many."""
        found: list[Frame] = []
        while len(found) < most:
            try:
                octets, ancillary, _, (name, _, kind, *_) = self._opened.recvmsg(BIGGEST, _ANCILLARY)
            except BlockingIOError:
                break
            except OSError as why:
                self._lost(why)
                break
            if kind == _OUTGOING and name == LOOPBACK:
                continue  # loopback shows every packet twice, on its way out and on its way in
            found.append(self._frame(octets, _stamp(ancillary)))
        return found

    def drops(self) -> int:
        """How many packets the kernel had no room for."""
        told = self._opened.getsockopt(_SOL_PACKET, _PACKET_STATISTICS, _COUNTERS.size)
        self._drops += _COUNTERS.unpack(told)[1]  # the kernel counts from 0 again after each question
        return self._drops

    def outage(self) -> str:
        """What happened to the interface since the last call, if anything; where it is gone, it is looked for again."""
        told, self._outage = self._outage, ""
        if self._away:
            with contextlib.suppress(OSError):
                self._opened.bind(self._place)  # one that is made anew is another one to the kernel
                self._away = False
        return told

    def close(self) -> None:
        """Stop listening."""
        self._opened.close()

    def _lost(self, why: OSError) -> None:
        """The interface went down or away (packet(7)); nobody knows what passes until it is back."""
        self._away = True
        self._drops += 1
        self._outage = f"{self.interface}: {why.strerror}; it is listened to again when it is back"

    def _frame(self, octets: bytes, time: float) -> Frame:
        self._frames += 1
        found = self._dissector.dissect(blocks.LINK_RAW, octets, time)
        return Frame(self._frames, time, found.datagram, (), found.ip_id, found.octets, found.why)


def _stamp(ancillary: list[tuple[int, int, bytes]]) -> float:
    """When the kernel received the packet, in seconds since the epoch."""
    (_, _, data), *_ = ancillary
    seconds, nanoseconds = _TIME.unpack(data)
    return float(seconds + nanoseconds / 1e9)
