"""Packets that no SA is for: dropped, and told to the peer only where the configuration bids so."""

from typing import Any

from harness.codes import NotifyType, NotifyTypeV1, Protocol
from harness.responder.context import Context
from harness.responder.state import ChildSa, IkeSa, Own
from harness.responder.step import NOTHING, Step, drop
from harness.responder.table import TABLE
from harness.responder.v1.messages import tell
from harness.responder.v2.own import begin
from harness.sa.esp import EspContent
from harness.wire import v1
from harness.wire.datagram import Datagram

_SHOWN = 64
"""How many octets of a packet in question are shown to its sender."""


@TABLE.decision(rfc="7296/1.5")
def unknown_spi(context: Context, spi: bytes, datagram: Datagram) -> Step:
    """A packet of an SPI that is not here is dropped; INVALID_SPI is for an IKE SA with that address, and rate limited."""
    dropped = drop("a packet of an unknown SPI")
    if not context.configuration.packets.tells_invalid_spi or not context.world.may_answer_stray(context.now):
        return dropped
    for sa in context.world.all():
        if sa.up and sa.remote.address == datagram.source.address:
            return dropped.then(_tell(context.beside(sa), sa, NotifyType.INVALID_SPI, b"", spi))
    return dropped


@TABLE.decision(rfc="4301/5.2")
def wrong_selectors(context: Context, sa: Any, child: ChildSa, content: EspContent) -> Step:
    """A packet that its SA is not for is dropped; INVALID_SELECTORS is sent where configured, and rate limited."""
    dropped = drop("a packet that its SA is not for")
    if not context.configuration.packets.tells_invalid_selectors or not sa.up:
        return dropped
    if not context.world.may_answer_stray(context.now):
        return dropped
    return dropped.then(_tell(context, sa, NotifyType.INVALID_SELECTORS, child.spi_in, content.data[:_SHOWN]))


def _tell(context: Context, sa: Any, notify_type: NotifyType, spi: bytes, data: bytes) -> Step:
    """The notify on the SA that stands; version 1 has a name for the first kind alone."""
    if isinstance(sa, IkeSa):
        waits = sa.busy_with("notify")
        return (
            NOTHING if waits else begin(context, sa, Own("notify", spi_in=spi, notify=notify_type, data=data))
        )
    if notify_type != NotifyType.INVALID_SPI:
        return NOTHING
    return tell(context, sa, v1.Notify(protocol=Protocol.ESP, notify_type=NotifyTypeV1.INVALID_SPI, spi=data))
