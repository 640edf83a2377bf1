"""RFC 4303 section 3.3 and RFC 4301 section 5.1: a packet on its way out, through a child or not at all."""

from collections.abc import Iterable
from typing import Any

from harness.responder.context import Context
from harness.responder.data import limits
from harness.responder.state import ChildSa, IkeSa, Selector
from harness.responder.step import Step, drop
from harness.responder.table import TABLE
from harness.sa import esp
from harness.sa.esp import EspSa
from harness.values import replace
from harness.wire.datagram import ESP, Datagram, Endpoint, packed
from harness.wire.packet import ICMP, ICMPV6, IPV4, IPV6, ip_packet, upper_octets


def carry_out(context: Context, sa: Any, child: ChildSa, inner: Datagram) -> Step:
    """A packet from behind this device through a child, to where the SA's peer is: in UDP if IKE is on the NAT ports."""
    here, there = context.decide("tunnel_ends", sa)
    if sa.natt:
        return carry(context, sa, child, inner, Datagram(there, here, b"", sa.protocol))
    here, there = Endpoint(here.address, 0), Endpoint(there.address, 0)
    return carry(context, sa, child, inner, Datagram(there, here, b"", ESP))


def carry_back(context: Context, sa: Any, child: ChildSa, inner: Datagram, datagram: Datagram) -> Step:
    """An answer through a child: along the way that its packet came; under MOBIKE only the IKE SA says where (RFC 4555)."""
    if isinstance(sa, IkeSa) and sa.session.mobile is not None:
        return carry_out(context, sa, child, inner)
    return carry(context, sa, child, inner, datagram)


@TABLE.decision(rfc="4555/3.7")
def tunnel_ends(context: Context, sa: Any) -> tuple[Endpoint, Endpoint]:
    """Where packets go from and to: as the SA's messages do, but not to where its peer has not shown to be yet."""
    mobile = sa.session.mobile if isinstance(sa, IkeSa) else None
    return (sa.local, sa.remote) if mobile is None or mobile.before is None else mobile.before


def carry(context: Context, sa: Any, child: ChildSa, inner: Datagram, datagram: Datagram) -> Step:
    """A packet through a child, back along the way that `datagram` came, in UDP if that did (RFC 7296 section 2.23)."""
    outbound = child.outbound
    if outbound is None:
        return drop("the SA has no keys for ESP")
    if limits.used_up(context, child):
        return drop("the volume of the SA is used up")
    number = context.decide("next_number", child, outbound)
    if number is None:
        return drop("the sequence numbers of the SA are used up")
    packet = context.decide("seal_packet", outbound, number, *_payload(child, number, inner))
    given = child.traffic.gave(number, esp.encrypted_octets(outbound, packet), context.now)
    counted = replace(child, traffic=given)
    return Step(
        send=(Datagram(datagram.destination, datagram.source, packet, datagram.protocol),),
        changed=(sa.with_child(counted),),
        armed=tuple((sa.ours, each) for each in limits.reached(context, child, counted)),
    )


@TABLE.decision(rfc="4303/3.3.3")
def next_number(context: Context, child: ChildSa, outbound: EspSa) -> int | None:
    """One more than the last, from 1 on; None when the next one would cycle."""
    return child.traffic.sent + 1 if child.traffic.sent < outbound.last_sequence else None


@TABLE.decision(rfc="4303/3.3.2")
def seal_packet(context: Context, outbound: EspSa, number: int, octets: bytes, next_header: int) -> bytes:
    """The ESP packet of a payload, under an IV as its cipher wants it."""
    iv = esp.fresh_iv(outbound, number, context.entropy)
    return esp.protect(outbound, number, octets, next_header, iv)


def _payload(child: ChildSa, number: int, inner: Datagram) -> tuple[bytes, int]:
    """What a packet becomes inside, and its Next Header: whole in tunnel mode, without its header in transport mode."""
    if child.transport:
        return upper_octets(inner), inner.protocol
    octets = ip_packet(inner, number)
    return octets, IPV4 if octets[0] >> 4 == 4 else IPV6


def within(end: Endpoint, packet: Datagram, selectors: Iterable[Selector]) -> bool:
    """Whether one of these selectors covers an end of a packet; for ICMP the port is type and code (RFC 7296 3.13.1)."""
    address, port = packed(end.address), end.port
    if packet.protocol in (ICMP, ICMPV6):
        port = int.from_bytes(packet.data[:2], "big")
    return any(
        len(s.start) == len(address)
        and s.start <= address <= s.end
        and s.protocol in (0, packet.protocol)
        and s.start_port <= port <= s.end_port
        for s in selectors
    )


def child_for(children: Iterable[ChildSa], packet: Datagram) -> ChildSa | None:
    """The child to send a packet through: the newest that covers it and whose peer is known to be ready.

    A successor is ready once it has carried a packet in, or was ours to ask for: until then the old one serves
    (RFC 7296 section 2.8). Without an older one there is nothing to wait for.
    """
    covering = [
        child
        for child in children
        if child.outbound is not None
        and within(packet.source, packet, child.local)
        and within(packet.destination, packet, child.remote)
    ]
    ready = [child for child in covering if child.we_started or child.traffic.received]
    return next(iter([*ready[::-1], *covering]), None)
