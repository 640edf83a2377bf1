"""Responders that carry packets wrongly: the honest table with one entry exchanged."""

from collections.abc import Callable
from typing import Any

from harness.codes import Exchange, NotifyType, Trigger
from harness.responder.context import Context, Incoming
from harness.responder.data import inbound
from harness.responder.data.local import for_the_peer
from harness.responder.deviant import deviant
from harness.responder.initiate import reachable, start_ike_sa
from harness.responder.rules import HONEST
from harness.responder.state import ChildSa, Own, State, Timer
from harness.responder.step import Armed, Step, drop
from harness.responder.table import Rules
from harness.responder.v1.state import Phase2
from harness.responder.v2.own import begin
from harness.sa import esp
from harness.sa.esp import EspContent, EspSa
from harness.sa.opened import Sealed
from harness.values import replace
from harness.wire.datagram import UDP, Datagram
from harness.wire.packet import NO_NEXT_HEADER

Deliver = Callable[[Context, Any, ChildSa, EspContent, Datagram], Step]


def _decides(name: str, rule: Callable[..., Any]) -> Rules:
    """The honest table with one decision exchanged."""
    return HONEST.but("decisions", name, rule)


# Packets in


@deviant("carries-no-packets", "RFC4301-5.2-03")
def _blackhole() -> Rules:
    """Makes Child SAs, and discards every packet that comes through them."""
    return _decides("deliver", lambda *_: drop("a black hole"))


@deviant("takes-replayed-packets", "RFC4303-3.4.3-02")
def _replays() -> Rules:
    """Takes a packet as often as it comes."""

    def any_number(context: Context, child: ChildSa, direction: EspSa, low: int) -> int:
        width = context.configuration.packets.replay_window
        return child.traffic.whole_number(low, width, extended=direction.esn)

    return _decides("number_of", any_number)


@deviant("has-a-window-of-one", "RFC4303-3.4.3-03")
def _narrow_window() -> Rules:
    """Takes no packet whose number is not above all others so far."""

    def only_higher(context: Context, child: ChildSa, direction: EspSa, low: int) -> int | None:
        return low if low > child.traffic.received else None

    return _decides("number_of", only_higher)


@deviant("compares-all-but-the-last-bit", "RFC4303-3.4.4-01")
def _careless_icv() -> Rules:
    """Takes a packet although the last bit of its ICV is wrong."""

    def careless(context: Context, direction: EspSa, packet: bytes, number: int) -> EspContent | Sealed:
        opened = esp.unprotect(direction, packet, number)
        if isinstance(opened, EspContent):
            return opened
        return esp.unprotect(direction, packet[:-1] + bytes([packet[-1] ^ 1]), number)

    return _decides("open_packet", careless)


@deviant("moves-the-window-for-broken-packets", "RFC4303-3.4.3-05")
def _hasty_window() -> Rules:
    """Moves its window for a packet before it knows that its ICV holds."""

    def hasty(context: Context, sa: Any, child: ChildSa, number: int, why: Sealed) -> Step:
        width = context.configuration.packets.replay_window
        moved = replace(child, traffic=child.traffic.took(number, width, 0, context.now))
        return Step(changed=(sa.with_child(moved),), drop=why.why)

    return _decides("spoiled_packet", hasty)


@deviant("guesses-the-sa-of-a-packet", "RFC4303-3.4.2-01")
def _guesses() -> Rules:
    """Tries the keys of every Child SA on a packet whose SPI it never gave."""

    def guess(context: Context, spi: bytes, datagram: Datagram) -> Step:
        low = int.from_bytes(datagram.data[4:8], "big")
        for sa in context.world.all():
            for child in sa.children:
                direction = child.inbound
                opened = None if direction is None else esp.unprotect(direction, datagram.data, low)
                if isinstance(opened, EspContent):
                    return inbound.deliver(context, sa, child, opened, datagram)
        return drop("no keys fit")

    return _decides("unknown_spi", guess)


@deviant("recovers-from-unknown-spis", "CISCO-RO-39")
def _recovers() -> Rules:
    """Starts an IKE SA with whoever sends a packet of an SPI that it does not know."""

    def recover(context: Context, spi: bytes, datagram: Datagram) -> Step:
        between = reachable(context)
        return between if isinstance(between, Step) else start_ike_sa(context, between)

    return _decides("unknown_spi", recover)


@deviant("skips-the-selectors", "RFC4301-5.2-01")
def _any_selectors() -> Rules:
    """Hands on whatever comes through a Child SA, whoever it is from or for."""
    return _decides("belongs", lambda *_: True)


def _delivers(wrong: Callable[[Context, Any, EspContent, Datagram], Step | None]) -> Rules:
    """The honest table in which some packets are delivered wrongly."""

    def deliver(context: Context, sa: Any, child: ChildSa, content: EspContent, datagram: Datagram) -> Step:
        step = wrong(context, sa, content, datagram)
        return inbound.deliver(context, sa, child, content, datagram) if step is None else step

    return _decides("deliver", deliver)


@deviant("complains-of-dummy-packets", "RFC4303-2.6-01")
def _complains() -> Rules:
    """Tells the peer that a dummy packet was not understood."""

    def complain(context: Context, sa: Any, content: EspContent, datagram: Datagram) -> Step | None:
        if content.next_header != NO_NEXT_HEADER:
            return None
        return begin(context, sa, Own("notify", notify=NotifyType.INVALID_SYNTAX))

    return _delivers(complain)


@deviant("takes-no-esp-in-udp", "RFC7296-2.23-09")
def _no_udp() -> Rules:
    """Discards ESP in UDP as long as no NAT was found."""

    def native(context: Context, sa: Any, content: EspContent, datagram: Datagram) -> Step | None:
        return drop("ESP in UDP without a NAT") if datagram.protocol == UDP and not sa.natt else None

    return _delivers(native)


# Packets out


@deviant("repeats-sequence-numbers", "RFC4303-3.3.3-02")
def _one_number() -> Rules:
    """Sends every packet under the number 1."""
    return _decides("next_number", lambda *_: 1)


@deviant("skips-sequence-numbers", "RFC4303-2.2-02")
def _every_other() -> Rules:
    """Sends its first packet under the number 2."""

    def every_other(context: Context, child: ChildSa, outbound: EspSa) -> int:
        return child.traffic.sent + 2

    return _decides("next_number", every_other)


@deviant("pads-with-zeros", "RFC4303-2.4-02")
def _zeros() -> Rules:
    """Pads its packets with zeros."""

    def zeros(context: Context, outbound: EspSa, number: int, octets: bytes, next_header: int) -> bytes:
        padding = bytes(-(len(octets) + 2) % 16)  # whatever the cipher's blocks are
        iv = esp.fresh_iv(outbound, number, context.entropy)
        return esp.protect(outbound, number, octets, next_header, iv, padding=padding)

    return _decides("seal_packet", zeros)


@deviant("leaks-in-clear", "RFC4301-5.1-01")
def _leaks() -> Rules:
    """Lets a packet for the tunnel out as it is when no Child SA is there for it."""
    honest = HONEST.triggers[Trigger.MATCHING_TRAFFIC]

    def leak(context: Context) -> Step:
        step = honest(context)
        return step if step.send else replace(step, send=(for_the_peer(context.configuration),))

    return HONEST.but("triggers", Trigger.MATCHING_TRAFFIC, leak)


# Limits and successors


@deviant("counts-no-octets", "RFC4301-4.4.2.1-01")
def _uncounted() -> Rules:
    """Lets a Child SA carry more than its lifetime by volume."""
    return _decides("volume_limit", lambda *_: None)


def _keeps_expired(version: int) -> Rules:
    """The honest table in which a child past its hard limit is deleted, and goes on serving."""
    honest = HONEST.timers[version, Timer.CHILD_HARD]

    def keep(context: Context, sa: Any, armed: Armed) -> Step:
        step, child = honest(context, sa, armed), sa.child(armed.about)
        if child is None or not step.changed:
            return step
        after: Any = step.changed[-1]
        return step.then(Step(changed=(after.with_child(child),)))

    return HONEST.but("timers", (version, Timer.CHILD_HARD), keep)


@deviant("serves-expired-children", "RFC7296-2.8-01")
def _expired() -> Rules:
    """Deletes a Child SA at its hard limit, and goes on carrying packets through it."""
    return _keeps_expired(2)


@deviant("v1-serves-expired-children", "RFC4301-4.4.2.1-01")
def _expired_v1() -> Rules:
    """Deletes IPsec SAs at their hard limit, and goes on carrying packets through them."""
    return _keeps_expired(1)


def _swapped(child: ChildSa) -> ChildSa:
    """A child whose keys are taken the wrong way round."""
    return replace(child, we_started=not child.we_started)


@deviant("swaps-the-keys-of-rekeyed-children", "RFC7296-2.17-04")
def _swaps() -> Rules:
    """Takes the keys of a Child SA that was rekeyed for those of the other direction."""
    honest = HONEST.requests[State.ESTABLISHED, Exchange.CREATE_CHILD_SA]

    def swap(context: Context, sa: Any, request: Incoming) -> Step:
        step = honest(context, sa, request)
        if "child-sa-rekeyed" not in step.events:
            return step
        after: Any = step.changed[-1]
        return step.then(Step(changed=(after.with_child(_swapped(after.children[-1])),)))

    return HONEST.but("requests", (State.ESTABLISHED, Exchange.CREATE_CHILD_SA), swap)


@deviant("loses-children-at-ike-rekey", "RFC7296-2.8-07")
def _loses() -> Rules:
    """Gives the successor of an IKE SA none of its Child SAs."""

    def disinherit(context: Context, sa: Any, request: Incoming) -> Step:
        step: Step = HONEST.decisions["rekey_ike_sa"](context, sa, request)
        changed: tuple[Any, ...] = step.changed
        return replace(step, changed=tuple(replace(each, children=()) for each in changed))

    return _decides("rekey_ike_sa", disinherit)


@deviant("v1-swaps-the-keys-of-renewed-children", "RFC2409-5.5-26")
def _swaps_v1() -> Rules:
    """Takes the keys of IPsec SAs that renew others for those of the other direction."""
    honest = HONEST.requests[Phase2.QUICK_2, Exchange.QUICK_MODE]

    def swap(context: Context, sa: Any, request: Incoming) -> Step:
        step = honest(context, sa, request)
        after: Any = step.changed[-1]
        if not sa.children or len(after.children) < 2:
            return step
        return step.then(Step(changed=(after.with_child(_swapped(after.children[-1])),)))

    return HONEST.but("requests", (Phase2.QUICK_2, Exchange.QUICK_MODE), swap)
