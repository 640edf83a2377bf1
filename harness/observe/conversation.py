"""A trace told to a person: one row a message, what was sealed in clear, nothing unprintable."""

from collections.abc import Collection, Iterator, Mapping
from typing import Any

from harness.capture.streams import ACK, FIN, RST, SYN, read_segment
from harness.codes import Exchange, name_of
from harness.observe.header import Header
from harness.observe.seen import Seen
from harness.observe.trace import Trace
from harness.record import Conversation, Row, printable
from harness.wire import describe
from harness.wire.datagram import Endpoint, Kind
from harness.wire.packet import TCP

_LINE = 400
_PAYLOADS = 64
_FLAGS = {"SYN": SYN, "FIN": FIN, "RST": RST, "ACK": ACK}


def conversation(trace: Trace) -> Conversation:
    """The rows of a trace, in order; times count in seconds from its first frame.

    What passed the target by, and what left its side in clear, stands where it was captured.
    """
    known = {each.number for each in trace.seen}
    besides = (each for each in (*trace.elsewhere, *trace.in_clear) if each.number not in known)
    told = sorted((*trace.seen, *besides), key=lambda each: each.number)
    start = told[0].time if told else 0.0
    names = _names(trace.opening)
    return tuple(_row(each, start, names, trace.devices) for each in told)


def _row(seen: Seen, start: float, names: Mapping[str, str], devices: Collection[str]) -> Row:
    received = not seen.from_target and seen.destination.address in devices
    return Row(
        seen.number,
        round(seen.time - start, 6),
        "target" if seen.from_target else _peer(seen.source, names),
        "target" if received else _peer(seen.destination, names),
        seen.from_target,
        _short(line(seen)),
        tuple(printable(mark) for mark in seen.marks),
        tuple(_short(each) for each in _tree(seen)),
    )


def line(seen: Seen) -> str:
    """The message in one line: exchange, direction, Message ID and payloads, what was opened in its envelope."""
    header, message = seen.header, seen.message
    if header is None or message is None:
        return _not_ike(seen)
    text = str(message) if seen.inner is None else _opened(header, seen)
    if len(seen.parts) > 1:
        text += f" (from frames {', '.join(map(str, seen.parts))})"
    return f"{text} (over TCP)" if seen.over_tcp else text


def _opened(header: Header, seen: Seen) -> str:
    inner = seen.inner or ()
    clear = [str(each) for each in seen.payloads if not any(each is one for one in inner)]
    envelope = "HDR*" if header.is_v1 else "SK"
    said = [name_of(Exchange, header.exchange)]
    if not header.is_v1:
        said += ["response" if header.is_response else "request", str(header.message_id)]
    elif header.message_id:
        said.append(f"{header.message_id:08x}")
    content = ", ".join([*clear, f"{envelope}{{{', '.join(map(str, inner))}}}"])
    return f"{' '.join(said)} {{ {content} }}"


def _not_ike(seen: Seen) -> str:
    if seen.kind is Kind.KEEPALIVE:
        return "NAT keepalive"
    if seen.packet is not None:
        return str(seen.packet)
    segment = read_segment(seen.octets) if seen.protocol == TCP else None
    if segment is not None:
        flags = " ".join(name for name, bit in _FLAGS.items() if segment.flags & bit)
        return f"TCP {flags}: {len(segment.payload)} octets {segment.payload[:16].hex()}".rstrip()
    what = "IKE port, no header" if seen.kind is Kind.IKE else str(seen.kind)
    return f"{what}: {len(seen.octets)} octets {seen.octets[:16].hex()}"


def _tree(seen: Seen) -> Iterator[str]:
    """What is in it, a payload a line, and what kept it from being read."""
    payloads = seen.payloads
    yield from (describe(each) for each in payloads[:_PAYLOADS])
    if len(payloads) > _PAYLOADS:
        yield f"and {len(payloads) - _PAYLOADS} more payloads"
    message = seen.message
    if message is not None and message.why:
        yield f"reading stopped: {message.why}"
    if seen.why:
        yield seen.why
    yield from seen.notes
    yield from seen.packet.notes if seen.packet is not None else ()


def _short(text: str) -> str:
    text = printable(text)
    return text if len(text) <= _LINE else f"{text[: _LINE - 1]}…"


def _peer(endpoint: Endpoint, names: Mapping[str, str]) -> str:
    return printable(names.get(str(endpoint)) or names.get(endpoint.address) or str(endpoint))


def _names(opening: Mapping[str, Any] | None) -> Mapping[str, str]:
    """The cast: names by address or by endpoint, as the evidence states them under "cast"."""
    cast = (opening or {}).get("cast")
    if not isinstance(cast, Mapping):
        return {}
    found: dict[str, str] = {}
    for name, where in cast.items():
        for each in where if isinstance(where, list | tuple) else (where,):
            found[str(each)] = str(name)
            found.setdefault(f"{str(each).rpartition(':')[0]}:0", str(name))  # ESP has no ports
    return found
