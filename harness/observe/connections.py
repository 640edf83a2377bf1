"""Who opened the TCP connections of IKE that a capture shows (RFC 9329 section 4)."""

from collections.abc import Iterator
from typing import Any

from harness.capture.streams import ACK, SYN, read_segment
from harness.observe.seen import Seen
from harness.observe.trace import Trace
from harness.wire.datagram import NAT_PORTS, TCP_STREAM
from harness.wire.packet import TCP
from harness.wire.stream import PREFIX


def openings(trace: Trace) -> Iterator[Seen]:
    """What opens a connection of IKE: a SYN to a port of IKE, or else what comes first, the prefix or a message."""
    ports = _ports(trace.opening)
    begun: set[frozenset[Any]] = set()
    for each in trace.seen:
        if each.protocol not in (TCP, TCP_STREAM):
            continue
        connection = frozenset((each.source, each.destination))
        if _is_first_syn(each):
            begun.add(connection)
            if each.destination.port in ports:
                yield each
        elif connection not in begun:
            begun.add(connection)
            if each.protocol == TCP_STREAM or _has_prefix(each):
                yield each


def _ports(opening: Any) -> frozenset[int]:
    """The ports of IKE over TCP: those that the evidence names, else 4500."""
    stated = (opening or {}).get("nat_ports")
    named = (each for each in stated if isinstance(each, int)) if isinstance(stated, list | tuple) else ()
    return frozenset(named) or NAT_PORTS


def _is_first_syn(seen: Seen) -> bool:
    segment = read_segment(seen.octets) if seen.protocol == TCP else None
    return segment is not None and segment.flags & (SYN | ACK) == SYN


def _has_prefix(seen: Seen) -> bool:
    segment = read_segment(seen.octets)
    return segment is not None and segment.payload.startswith(PREFIX)
