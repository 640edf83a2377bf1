"""RFC 4303 section 3.4 and RFC 4301 section 5.2: a packet on its way in, from its SPI to what it is for."""

from collections.abc import Sequence
from ipaddress import ip_address
from typing import Any

from harness.responder.context import Context
from harness.responder.data import limits
from harness.responder.data.outbound import carry_back, within
from harness.responder.state import ChildSa, IkeSa, Selector
from harness.responder.step import Step, drop
from harness.responder.table import TABLE
from harness.sa import esp
from harness.sa.esp import EspContent, EspSa
from harness.sa.opened import Sealed
from harness.values import replace
from harness.wire.datagram import TCP_STREAM, Datagram
from harness.wire.packet import (
    IPV4,
    IPV6,
    NO_NEXT_HEADER,
    echo_datagram,
    read_echo,
    read_packet,
    read_upper,
)

VERSIONS = {IPV4: 4, IPV6: 6}
"""The version of IP that a Next Header of tunnel mode promises."""


def receive(context: Context, packet: bytes, datagram: Datagram) -> Step:
    """Take one ESP packet in; `datagram` is what it came in."""
    named = esp.header(packet)
    if named is None:
        return drop(f"{len(packet)} octets hold no ESP packet")
    found = context.world.inbound(named[0])
    if found is None:
        return context.answer("unknown_spi", named[0], datagram)
    sa, child = found
    context, direction = context.beside(sa), child.inbound
    if direction is None:
        return drop("a packet of another protocol than its SA is for")
    if limits.used_up(context, child):
        return drop("the volume of its SA is used up")

    number = context.decide("number_of", child, direction, named[1])
    if number is None:
        return drop("a replayed packet, or one behind the window")
    opened = context.decide("open_packet", direction, packet, number)
    if isinstance(opened, Sealed):
        return context.answer("spoiled_packet", sa, child, number, opened)
    return _opened(context, sa, child, direction, packet, number, opened, datagram)


@TABLE.decision(rfc="4303/3.4.3")
def number_of(context: Context, child: ChildSa, direction: EspSa, low: int) -> int | None:
    """The whole sequence number of a packet that shows `low`, or None if it was there before or lies behind the window."""
    width = context.configuration.packets.replay_window
    number = child.traffic.whole_number(low, width, extended=direction.esn)
    return None if child.traffic.has_seen(number, width) else number


@TABLE.decision(rfc="4303/3.4.4")
def open_packet(context: Context, direction: EspSa, packet: bytes, number: int) -> EspContent | Sealed:
    """What the packet holds if its ICV does."""
    return esp.unprotect(direction, packet, number)


@TABLE.decision(rfc="4303/3.4.4")
def spoiled_packet(context: Context, sa: Any, child: ChildSa, number: int, why: Sealed) -> Step:
    """A packet that does not open is dropped; its number may come again, for the window moves for good packets alone."""
    return drop(f"a packet that does not open: {why.why}")


def _opened(
    context: Context,
    sa: Any,
    child: ChildSa,
    direction: EspSa,
    packet: bytes,
    number: int,
    content: EspContent,
    datagram: Datagram,
) -> Step:
    """The packet is authentic: it counts, whatever else is wrong with it, and its peer is alive (RFC 7296 section 2.4)."""
    width, octets = context.configuration.packets.replay_window, esp.encrypted_octets(direction, packet)
    newest = number > child.traffic.received
    counted = replace(child, traffic=child.traffic.took(number, width, octets, context.now))
    after = replace(sa.with_child(counted), heard=context.now)
    if newest:
        after = context.decide("follow_address", after, datagram)
    armed = tuple((sa.ours, each) for each in limits.reached(context, child, counted))
    step = Step(changed=(after,), armed=armed)
    return step.then(context.decide("deliver", after, counted, content, datagram))


@TABLE.decision(rfc="7296/2.23")
def follow_address(context: Context, sa: Any, datagram: Datagram) -> Any:
    """The SA with a peer behind a NAT where its newest packet came from; under MOBIKE, or behind a NAT, nothing moves.

    Over TCP it is the connection of the newest packet that counts (RFC 9329 section 6.1).
    """
    if TCP_STREAM in (sa.protocol, datagram.protocol):
        followed = sa.protocol == datagram.protocol
        return replace(sa, local=datagram.destination, remote=datagram.source) if followed else sa
    moved = datagram.source != sa.remote and datagram.destination.port == sa.local.port
    mobile = isinstance(sa, IkeSa) and sa.session.mobile is not None
    if not (sa.natt and moved) or sa.behind_nat or mobile:
        return sa
    return replace(sa, local=datagram.destination, remote=datagram.source)


@TABLE.decision(rfc="4301/5.2")
def deliver(context: Context, sa: Any, child: ChildSa, content: EspContent, datagram: Datagram) -> Step:
    """What becomes of the payload: a dummy goes, a packet must be what its SA is for, an echo is answered."""
    if content.next_header == NO_NEXT_HEADER:
        return drop("a dummy packet")  # 4303/2.6
    inner = _inner(child, content, datagram)
    if isinstance(inner, str):
        return drop(f"no packet inside: {inner}")
    if not context.decide("belongs", child, inner):
        return context.answer("wrong_selectors", sa, child, content)
    answer = context.decide("answer_packet", inner)
    if answer is None:
        return Step(events=("packet-delivered",))
    return carry_back(context, sa, child, answer, datagram)


def _inner(child: ChildSa, content: EspContent, datagram: Datagram) -> Datagram | str:
    """The packet that the payload is, or in transport mode completes: between the addresses that the SA is for.

    Those are the ends of the datagram unless a NAT lies between (RFC 7296 section 2.23.1).
    """
    if child.transport:
        source = only_address(child.remote) or datagram.source.address
        destination = only_address(child.local) or datagram.destination.address
        return read_upper(source, destination, content.next_header, content.data)
    inner = read_packet(content.data)
    if not isinstance(inner, str) and VERSIONS.get(content.next_header) != content.data[0] >> 4:
        return f"Next Header {content.next_header} over IP version {content.data[0] >> 4}"
    return inner


def only_address(selectors: Sequence[Selector]) -> str | None:
    """The one address that selectors are for, if it is one."""
    ends = {end for each in selectors for end in (each.start, each.end)}
    return str(ip_address(ends.pop())) if len(ends) == 1 else None


@TABLE.decision(rfc="4301/5.2")
def belongs(context: Context, child: ChildSa, inner: Datagram) -> bool:
    """Whether a packet is from and for those whom the SA was made for."""
    return within(inner.source, inner, child.remote) and within(inner.destination, inner, child.local)


@TABLE.decision(rfc="792")
def answer_packet(context: Context, inner: Datagram) -> Datagram | None:
    """What the hosts behind this device answer: an echo request gets its reply (RFC 792, RFC 4443 section 4.2)."""
    echo = read_echo(inner)
    if echo is None or echo.is_reply:
        return None
    return echo_datagram(inner.destination.address, inner.source.address, echo._replace(is_reply=True))
