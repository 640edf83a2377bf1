"""Packets through Child SAs, as the peer sends and takes them: RFC 4303 in tunnel mode, bent on request."""

from collections.abc import Callable
from dataclasses import dataclass
from ipaddress import ip_network
from typing import Any, TypedDict, Unpack

from harness.crypto import UnsupportedAlgorithm
from harness.peer.end import Ask, End, Received
from harness.peer.flows import Flow
from harness.peer.script import RETRANSMIT, WAIT_S, Note, Ping, Send
from harness.sa.esp import EspContent, EspSa, direction, fresh_iv, protect, unprotect
from harness.sa.opened import Sealed
from harness.values import replace
from harness.wire.datagram import ESP, NAT_KEEPALIVE, Datagram, Endpoint
from harness.wire.packet import (
    IPV4,
    IPV6,
    NO_NEXT_HEADER,
    Echo,
    echo_datagram,
    ip_packet,
    read_echo,
    read_packet,
    read_upper,
    upper_octets,
)

ECHO_DATA = bytes(range(56))
Payload = tuple[bytes, int]
"""What is sealed, and its Next Header."""


class Bends(TypedDict, total=False):
    """The keywords that every packet takes; `PacketPlan` says what each means."""

    mark: str | None
    hostile: bool | None
    udp: bool | None
    number: int | None
    spi: bytes | None
    inner: bytes | None
    next_header: int | None
    padding: bytes | None
    pad_length: int | None
    more_padding: int
    keys: Callable[[EspSa], EspSa] | None
    bend: Callable[[bytes], bytes] | None
    retransmit: tuple[float, ...]
    wait: float


@dataclass(frozen=True, slots=True, kw_only=True)
class PacketPlan:
    """How one packet is to be sent; the plain `PacketPlan()` is an honest packet without a mark."""

    mark: str | None = None
    """The label of its frame in the capture."""
    hostile: bool | None = None
    """Whether no claim is made on an answer; None: when it was bent."""
    udp: bool | None = None
    """Whether it goes in UDP between the NAT ports (RFC 3948); None: as the IKE SA of its Child SA does."""
    number: int | None = None
    """Another sequence number than the next one, whole; the counter stays where it is."""
    spi: bytes | None = None
    """Another SPI than that of the Child SA."""
    inner: bytes | None = None
    """The octets to seal in place of an IP packet."""
    next_header: int | None = None
    """Another Next Header than that of the IP packet."""
    padding: bytes | None = None
    """Octets of padding in place of 1, 2, 3."""
    pad_length: int | None = None
    """A Pad Length to state that is not the truth."""
    more_padding: int = 0
    """Boundaries of padding besides what the cipher needs."""
    keys: Callable[[EspSa], EspSa] | None = None
    """Gives the SA to seal under, from the right one."""
    bend: Callable[[bytes], bytes] | None = None
    """Bends the octets of the finished ESP packet."""
    retransmit: tuple[float, ...] = RETRANSMIT
    """When another packet is sent because none was answered."""
    wait: float = WAIT_S

    @property
    def is_hostile(self) -> bool:
        """Whether the script makes no claim on an answer."""
        if self.hostile is not None:
            return self.hostile
        bent = (self.number, self.spi, self.inner, self.next_header, self.pad_length, self.keys, self.bend)
        return any(each is not None for each in bent)


class CarriesPackets(End):
    """What both versions have in common once there are Child SAs."""

    flows: dict[bytes, Flow]
    """The packets of every pair of IPsec SAs that there ever was, by the SPI that this end chose."""

    # --- how pairs come to be -----------------------------------------------------------------------------------

    def came_to_carry(
        self,
        spi_in: bytes,
        spi_out: bytes,
        suite: Any,
        keys_in: tuple[bytes, bytes],
        keys_out: tuple[bytes, bytes],
        *,
        transport: bool = False,
    ) -> None:
        """A pair of IPsec SAs came to be; its keys go into the evidence, and packets may flow."""
        offered = suite.protocol, suite.encr, suite.key_bits, suite.integ, getattr(suite, "esn", 0)
        into, out = direction(spi_in, *offered, keys_in), direction(spi_out, *offered, keys_out)
        if into is None or out is None:
            return
        self.flows[spi_in] = Flow(into, out, transport)
        for each in sorted((into, out), key=lambda sa: sa.spi):  # in one order, whichever end tells them
            self.came_to_know(each)

    # --- packets of a script ------------------------------------------------------------------------------------

    def ping(
        self,
        child: Any = None,
        *,
        source: str | None = None,
        destination: str | None = None,
        data: bytes = ECHO_DATA,
        **bends: Unpack[Bends],
    ) -> Ping | Note:
        """An ICMP echo request through `child` or the newest Child SA; the result is the reply that came through it.

        It is from the first host behind this end to the first one behind the target, in transport mode from end to
        end, unless others are named. Asked again, it is another packet with the same echo in it.
        """
        plan, found = PacketPlan(**bends), self._flow(child)
        if isinstance(found, Note):
            return found
        sa, flow = found
        ours, theirs = self._hosts(sa, flow)
        ends = source or ours, destination or theirs
        number = int.from_bytes(self.entropy.octets(4), "big")
        echo = Echo(False, number >> 16, number & 0xFFFF, data)
        payload = _payload(flow, echo_datagram(*ends, echo))
        return Ping(
            self,  # type: ignore[arg-type]  # every End is an Initiator
            lambda: self._said_packet(sa, flow, payload, plan),
            lambda answer: _replies(answer, echo, ends),
            plan.mark,
            plan.retransmit,
            plan.wait,
        )

    def packet(self, datagram: Datagram, child: Any = None, **bends: Unpack[Bends]) -> Send | Note:
        """A packet of any kind through `child` or the newest Child SA; nobody waits for an answer."""
        found = self._flow(child)
        if isinstance(found, Note):
            return found
        return self._said_packet(*found, _payload(found[1], datagram), PacketPlan(**bends))

    def dummy_packet(self, child: Any = None, **bends: Unpack[Bends]) -> Send | Note:
        """A packet that hides that there is nothing to send (RFC 4303 section 2.6)."""
        found = self._flow(child)
        if isinstance(found, Note):
            return found
        return self._said_packet(*found, (self.entropy.octets(40), NO_NEXT_HEADER), PacketPlan(**bends))

    def keepalive(self, *, mark: str | None = None) -> Send:
        """A NAT keepalive (RFC 3948 section 2.3); nothing answers it."""
        return Send(NAT_KEEPALIVE, self.local_natt, self.remote_natt, mark)

    def _hosts(self, sa: Any, flow: Flow) -> tuple[str, str]:
        """Between whom packets go if the script does not say."""
        if flow.transport:
            return sa.local.address, sa.remote.address
        configuration = self.configuration
        return first_host(configuration.local_subnets[0]), first_host(configuration.remote_subnets[0])

    def _said_packet(self, sa: Any, flow: Flow, payload: Payload, plan: PacketPlan) -> Send:
        packet = self._sealed_packet(flow, payload, plan)
        in_udp = sa.natt if plan.udp is None else plan.udp
        protocol, ends = (self.protocol, self._udp_ends(sa)) if in_udp else (ESP, _bare(sa))
        return self._stored(Send(packet, *ends, plan.mark, hostile=plan.is_hostile, protocol=protocol))

    def _sealed_packet(self, flow: Flow, payload: Payload, plan: PacketPlan) -> bytes:
        out = flow.out if plan.spi is None else replace(flow.out, spi=plan.spi)
        out = out if plan.keys is None else plan.keys(out)
        number = flow.next_number() if plan.number is None else plan.number
        packet = protect(
            out,
            number,
            payload[0] if plan.inner is None else plan.inner,
            payload[1] if plan.next_header is None else plan.next_header,
            fresh_iv(out, number, self.entropy),
            more_padding=plan.more_padding,
            padding=plan.padding,
            pad_length=plan.pad_length,
        )
        return packet if plan.bend is None else plan.bend(packet)

    def _udp_ends(self, sa: Any) -> tuple[Endpoint, Endpoint]:
        return (sa.local, sa.remote) if sa.natt else (self.local_natt, self.remote_natt)

    def _flow(self, child: Any) -> tuple[Any, Flow] | Note:
        """The SA that answers for a Child SA and the packets of it, or why nothing can be sent through it."""
        sa = self._owner(child)
        child = child or sa.child
        flow = None if child is None else self.flows.get(child.spi_in)
        if flow is None:
            why = "there is no Child SA" if child is None else f"{child} carries no ESP that is known here"
            return Note("not sent", f"{self.name}: a packet: {why}")
        return sa, flow

    def _owner(self, child: Any) -> Any:
        """The SA of either version that has this Child SA, or without one the SA that has any."""
        every = [*self.ike_sas.values(), *self.isakmp_sas.values()]  # type: ignore[attr-defined]  # every End is an Initiator, which has the SAs of both versions
        if child is not None:
            return next((sa for sa in every if child in sa.children), every[-1])
        current = (self.ike, self.isakmp)  # type: ignore[attr-defined]  # every End is an Initiator
        return next((sa for sa in current if sa.children), current[0])

    # --- packets of the target ----------------------------------------------------------------------------------

    def receive_packet(self, datagram: Datagram, octets: bytes) -> Received:
        """Take a packet of the target; an echo request is answered through the same pair."""
        flow = self.flows.get(octets[:4])
        if flow is None:
            return Received(why="no Child SA has this SPI")
        number = flow.number_of(octets)
        if number is None:
            return Received(why="a packet that came before, or too late")
        opened = unprotect(flow.into, octets, number)
        if isinstance(opened, Sealed):
            return Received(why=opened.why)
        flow.came(number)
        return self._take_packet(flow, datagram, opened)

    def _take_packet(self, flow: Flow, datagram: Datagram, opened: EspContent) -> Received:
        if flow.transport:
            ends = datagram.source.address, datagram.destination.address
            inner = read_upper(*ends, opened.next_header, opened.data)
        else:
            inner = read_packet(opened.data)
        if isinstance(inner, str):
            return Received(why=inner)
        echo = read_echo(inner)
        if echo is None or echo.is_reply:
            return Received(packet=inner)
        if self.ignored(Ask.ECHO):
            return Received(packet=inner, why=f"the script ignores {Ask.ECHO}")
        ends = inner.destination.address, inner.source.address
        reply = echo_datagram(*ends, echo._replace(is_reply=True))
        try:
            packet = self._sealed_packet(flow, _payload(flow, reply), PacketPlan())
        except UnsupportedAlgorithm as why:
            return Received(packet=inner, why=str(why))
        back = Datagram(datagram.destination, datagram.source, packet, datagram.protocol)
        return Received((back,), packet=inner)


def first_host(subnet: str) -> str:
    """The lowest address of a subnet that a host may have."""
    network = ip_network(subnet)
    return str(next(iter(network.hosts()), network.network_address))


def _payload(flow: Flow, datagram: Datagram) -> Payload:
    """What a packet becomes inside: whole in tunnel mode, without its IP header in transport mode."""
    if flow.transport:
        return upper_octets(datagram), datagram.protocol
    packet = ip_packet(datagram, flow.sent + 1)
    return packet, IPV4 if packet[0] >> 4 == 4 else IPV6


def _bare(sa: Any) -> tuple[Endpoint, Endpoint]:
    """The ends of an SA without ports, as a protocol beside UDP has them."""
    return Endpoint(sa.local.address, 0), Endpoint(sa.remote.address, 0)


def _replies(answer: Datagram, echo: Echo, ends: tuple[str, str]) -> bool:
    """Whether a packet is the reply to an echo between these ends."""
    came = answer.destination.address, answer.source.address
    return came == ends and read_echo(answer) == echo._replace(is_reply=True)
