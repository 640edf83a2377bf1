"""Messages of IKE of which a snap length left the beginning alone: what is not whole was not captured."""

from collections.abc import Collection
from dataclasses import replace

from harness.capture.frame import Capture, Frame
from harness.wire.datagram import NAT_PORTS, NON_ESP_MARKER, UDP

_IKE_PORTS = frozenset({500})
_UDP_HEADER = 8


def short_counted(
    capture: Capture, ike_ports: Collection[int] = (), nat_ports: Collection[int] = ()
) -> Capture:
    """The capture with its messages that are cut off counted among what the tap lost, and a problem that says so."""
    short = Short(ike_ports, nat_ports)
    for frame in capture.frames:
        short.take(frame)
    return short.counted(capture)


class Short:
    """Counts the messages that are cut off among frames, which are shown to it in order."""

    def __init__(self, ike_ports: Collection[int] = (), nat_ports: Collection[int] = ()) -> None:
        self._plain, self._nat = _IKE_PORTS.union(ike_ports), NAT_PORTS.union(nat_ports)
        self._first, self._count = 0, 0

    def take(self, frame: Frame) -> None:
        """One more frame."""
        if _is_short(frame) and _is_ike(frame.octets, self._plain, self._nat):
            self._first = self._first or frame.number
            self._count += 1

    def counted(self, capture: Capture) -> Capture:
        """The capture that these frames are of, the short ones among its drops."""
        if not self._count:
            return capture
        messages = "1 message of IKE is" if self._count == 1 else f"{self._count} messages of IKE are"
        says = f"{messages} cut off, first in frame {self._first}: capture whole packets (tcpdump -s 0)"
        return replace(capture, drops=(capture.drops or 0) + self._count, problems=(*capture.problems, says))


def _is_short(frame: Frame) -> bool:
    return frame.why is not None and frame.why.startswith("cut off")


def _is_ike(packet: bytes, plain: frozenset[int], nat: frozenset[int]) -> bool:
    """Whether the beginning of an IP packet shows a message on those ports; ESP beside it is none (RFC 3948 section 2.2)."""
    six = packet[:1] >= b"\x60"
    protocol, udp = (packet[6:7], 40) if six else (packet[9:10], (packet[0] & 15) * 4 if packet else 0)
    header, data = packet[udp : udp + _UDP_HEADER], packet[udp + _UDP_HEADER :]
    if protocol != bytes([UDP]) or len(header) < 4:
        return False
    ports = {int.from_bytes(header[:2], "big"), int.from_bytes(header[2:4], "big")}
    marked = NON_ESP_MARKER.startswith(data[:4])
    return not ports.isdisjoint(plain) or (not ports.isdisjoint(nat) and marked)
