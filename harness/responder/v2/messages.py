"""Messages on their way out: responses sealed and kept, unprotected notifies, requests of our own."""

from dataclasses import replace
from typing import Any

from harness.codes import Exchange, NotifyType
from harness.responder.context import Context, Incoming, send
from harness.responder.state import IkeSa, Outstanding, Own, State, Timer
from harness.responder.step import Armed, Step, drop
from harness.sa.v2 import Sealed, iv_size, open_sealed, seal
from harness.wire import Message, v2
from harness.wire.datagram import Datagram

RESPONSE = 0x20
INITIATOR = 0x08
FIRST_RETRANSMISSION_S = 1.0
TRANSMISSIONS = 5
"""A request of our own goes out five times, after 1, 2, 4 and 8 seconds, then the SA is given up (section 2.4)."""
LINGER_S = 30.0
"""How long a closed SA still repeats its last response to a repeated request."""


def unprotected(incoming: Incoming, *notifies: v2.Notify) -> Datagram:
    """An unprotected response with these notifies, SPIs and Message ID as in the request (RFC 7296 section 1.5)."""
    message = incoming.message
    flags = RESPONSE | (0 if message.from_initiator else INITIATOR)
    answer = Message(
        spi_i=message.spi_i,
        spi_r=message.spi_r,
        exchange=message.exchange,
        flags=flags,
        message_id=message.message_id,
        payloads=notifies,
    )
    return incoming.reply(answer.encode())


def sealed(
    context: Context, sa: IkeSa, exchange: int, flags: int, message_id: int, payloads: tuple[Any, ...]
) -> bytes:
    """A message of ours on this SA, with everything in an SK payload (section 3.14)."""
    assert sa.keys is not None
    message = Message(
        spi_i=sa.spi_i,
        spi_r=sa.spi_r,
        exchange=exchange,
        flags=flags | (INITIATOR if sa.we_started else 0),
        message_id=message_id,
        payloads=(),
    )
    iv = context.entropy.octets(iv_size(sa.keys.suite))
    return seal(message, sa.keys, by_initiator=sa.we_started, iv=iv, inner=payloads)


def respond(context: Context, sa: IkeSa, incoming: Incoming, *payloads: Any) -> Step:
    """The response to a request, kept so that a repeated request gets the same octets (section 2.1)."""
    message = incoming.message
    octets = sealed(context, sa, message.exchange, RESPONSE, message.message_id, payloads)
    if sa.session.mobile is None:  # with MOBIKE only UPDATE_SA_ADDRESSES moves an SA: RFC 4555 section 3.8
        sa = moved(sa, incoming)
    answered = replace(
        sa,
        expected=message.message_id + 1,
        answered=message.message_id,
        answered_request=incoming.octets,
        answered_response=octets,
        heard=context.now,
    )
    return Step(send=(incoming.reply(octets),), changed=(answered,))


def moved(sa: IkeSa, incoming: Incoming) -> IkeSa:
    """The SA at the addresses and ports of the datagram, whatever any payload says (sections 2.11, 2.23)."""
    datagram = incoming.datagram
    return replace(sa, local=datagram.destination, remote=datagram.source, natt=incoming.natt)


def refuse(
    context: Context, sa: IkeSa, incoming: Incoming, notify_type: NotifyType, data: bytes = b""
) -> Step:
    """A response that is one error notify; the SA stays (section 2.21)."""
    return respond(context, sa, incoming, v2.Notify(notify_type=notify_type, data=data))


def closed(context: Context, step: Step, event: str) -> Step:
    """The step, after which its SA serves no more but still repeats its last response for a while."""
    (sa,) = step.changed
    assert isinstance(sa, IkeSa)
    done = replace(sa, state=State.CLOSED, children=(), outstanding=None, queue=())
    linger = (sa.ours, Armed(context.now + LINGER_S, Timer.LINGER))
    return replace(step, changed=(done,), armed=(*step.armed, linger), events=(*step.events, event))


def request(
    context: Context,
    sa: IkeSa,
    own: Own,
    exchange: Exchange,
    *payloads: Any,
    ours: bytes = b"",
    nonce: bytes = b"",
    private: object | None = None,
) -> Step:
    """A request of our own, to be retransmitted until it is answered or given up."""
    octets = sealed(context, sa, exchange, 0, sa.next_own, payloads)
    outstanding = Outstanding(own, sa.next_own, octets, ours=ours, nonce=nonce, private=private)
    asked = replace(sa, next_own=sa.next_own + 1, outstanding=outstanding)
    return launch(context, asked, f"sent {own.kind}")


def launch(context: Context, sa: IkeSa, event: str) -> Step:
    """Send the SA's outstanding request for the first time."""
    assert sa.outstanding is not None
    again = Armed(context.now + FIRST_RETRANSMISSION_S, Timer.RETRANSMIT, sa.outstanding.message_id)
    return Step(
        send=(send(sa.local, sa.remote, sa.outstanding.octets, sa.natt),),
        changed=(sa,),
        armed=((sa.ours, again),),
        events=(event,),
    )


def unseal(sa: IkeSa, incoming: Incoming, *, by_initiator: bool) -> Incoming | Step:
    """The message with its SK payload opened, or the drop that names what is wrong with it."""
    assert sa.keys is not None
    opened = open_sealed(incoming.octets, sa.keys, by_initiator=by_initiator)
    if isinstance(opened, Sealed):
        return drop(f"does not open: {opened.why}")
    return incoming.opened(tuple(opened.payloads), opened.why, opened.plaintext)
