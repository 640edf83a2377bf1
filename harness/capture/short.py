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
    plain, nat = _IKE_PORTS.union(ike_ports), NAT_PORTS.union(nat_ports)
    short = [
        frame.number for frame in capture.frames if _is_short(frame) and _is_ike(frame.octets, plain, nat)
    ]
    if not short:
        return capture
    messages = "1 message of IKE is" if len(short) == 1 else f"{len(short)} messages of IKE are"
    says = f"{messages} cut off, first in frame {short[0]}: capture whole packets (tcpdump -s 0)"
    return replace(capture, drops=(capture.drops or 0) + len(short), problems=(*capture.problems, says))


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
