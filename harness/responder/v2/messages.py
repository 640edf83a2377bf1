"""Messages on their way out: responses sealed and kept, unprotected notifies, requests of our own."""

from typing import Any

from harness.codes import Exchange, NotifyType
from harness.crypto import Private
from harness.responder.context import Context, Incoming, send
from harness.responder.state import FollowUp, IkeSa, Outstanding, Own, Rival, Served, State, Timer
from harness.responder.step import Armed, Step, drop
from harness.responder.v2.fragments import cut, gather, outer_fragment
from harness.sa.v2 import Sealed, iv_size, open_sealed, seal
from harness.values import replace
from harness.wire import Message, v2
from harness.wire.datagram import TCP_STREAM, Datagram

RESPONSE = 0x20
INITIATOR = 0x08
LAST_MESSAGE_ID = 0xFFFF_FFFF
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
) -> tuple[bytes, ...]:
    """A message of ours on this SA, with everything in an SK payload (section 3.14), or in fragments (RFC 7383)."""
    assert sa.keys is not None
    message = header(sa, exchange, flags, message_id)
    iv = context.entropy.octets(iv_size(sa.keys.suite))
    whole = seal(message, sa.keys, by_initiator=sa.we_started, iv=iv, inner=payloads)
    return cut(context, sa, message, whole, payloads)


def header(sa: IkeSa, exchange: int, flags: int, message_id: int) -> Message:
    """A message of ours on this SA, with nothing in it yet (section 3.1)."""
    return Message(
        spi_i=sa.spi_i,
        spi_r=sa.spi_r,
        exchange=exchange,
        flags=flags | (INITIATOR if sa.we_started else 0),
        message_id=message_id,
    )


def respond(context: Context, sa: IkeSa, incoming: Incoming, *payloads: Any) -> Step:
    """The response to a request, kept so that a repeated request gets the same octets (section 2.1)."""
    message = incoming.message
    response = sealed(context, sa, message.exchange, RESPONSE, message.message_id, payloads)
    expected, served = _served(sa, Served(message.message_id, incoming.octets, response))
    answered = replace(
        sa.without_fragments(message.message_id, response=False),
        expected=expected,
        served=served,
        heard=context.now,
        **_place(incoming) if moves(sa, incoming) else {},
    )
    again = _asked_anew(sa, answered)
    return Step(send=(*map(incoming.reply, response), *again), changed=(answered,))


def moves(sa: IkeSa, incoming: Incoming) -> bool:
    """Whether the SA is from now on where this message came from.

    With MOBIKE only UPDATE_SA_ADDRESSES moves an SA (RFC 4555 section 3.8), and nothing else takes it off TCP; but
    its messages go over the connection that it was heard on last (RFC 9329 sections 5 and 6.1).
    """
    if sa.protocol == TCP_STREAM:
        return incoming.datagram.protocol == TCP_STREAM
    return sa.session.mobile is None


def _asked_anew(before: IkeSa, sa: IkeSa) -> tuple[Datagram, ...]:
    """Requests of ours that wait for their responses go out again over a new connection (RFC 9329 section 6.2)."""
    if sa.protocol != TCP_STREAM or (sa.local, sa.remote) == (before.local, before.remote):
        return ()
    messages = (octets for asked in sa.outstanding for octets in asked.messages)
    return tuple(send(sa.local, sa.remote, octets, sa.natt, sa.protocol) for octets in messages)


def _served(sa: IkeSa, latest: Served) -> tuple[int, tuple[Served, ...]]:
    """The Message ID that is due next, and the responses that are still kept: as many as were promised (section 2.3)."""
    every = (*sa.served, latest)
    done = {each.message_id for each in every}
    expected = sa.expected
    while expected in done:
        expected += 1
    oldest = max(done) - sa.promised
    return expected, tuple(each for each in every if each.message_id > oldest)


def moved(sa: IkeSa, incoming: Incoming) -> IkeSa:
    """The SA at the addresses and ports of the datagram, whatever any payload says (sections 2.11, 2.23)."""
    return replace(sa, **_place(incoming))


def _place(incoming: Incoming) -> dict[str, Any]:
    datagram = incoming.datagram
    return {
        "local": datagram.destination,
        "remote": datagram.source,
        "natt": incoming.natt,
        "protocol": datagram.protocol,
    }


def refuse(
    context: Context, sa: IkeSa, incoming: Incoming, notify_type: NotifyType, data: bytes = b""
) -> Step:
    """A response that is one error notify; the SA stays (section 2.21)."""
    return respond(context, sa, incoming, v2.Notify(notify_type=notify_type, data=data))


def closed(context: Context, step: Step, event: str) -> Step:
    """The step, after which its SA serves no more but still repeats its last response for a while."""
    (sa,) = step.changed
    assert isinstance(sa, IkeSa)
    done = replace(sa, state=State.CLOSED, children=(), outstanding=(), queue=())
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
    private: Private | None = None,
    follows: FollowUp | None = None,
    rival: Rival | None = None,
) -> Step:
    """A request of our own, to be retransmitted until it is answered or given up; without a Message ID left the SA ends."""
    if sa.next_own > LAST_MESSAGE_ID:
        ended = replace(sa, state=State.CLOSED, queue=())
        return Step(changed=(ended,), gone=(sa.ours,), events=("message-ids-used-up",))
    messages = sealed(context, sa, exchange, 0, sa.next_own, payloads)
    asked = Outstanding(
        own,
        sa.next_own,
        exchange,
        messages,
        ours=ours,
        nonce=nonce,
        private=private,
        rival=rival,
        follows=follows,
    )
    step = transmit(context, replace(sa, next_own=sa.next_own + 1), asked)
    return replace(step, events=(f"sent {own.kind}",))


def transmit(context: Context, sa: IkeSa, asked: Outstanding) -> Step:
    """A request of ours goes out, the first time or again: the same octets (section 2.1)."""
    due = context.now + context.configuration.exchanges.retransmission.pause(asked.sent + 1)
    waiting = replace(asked, sent=asked.sent + 1, due=due)
    others = tuple(each for each in sa.outstanding if each.message_id != asked.message_id)
    return Step(
        send=tuple(send(sa.local, sa.remote, octets, sa.natt, sa.protocol) for octets in asked.messages),
        changed=(replace(sa, outstanding=(*others, waiting)),),
        armed=((sa.ours, Armed(due, Timer.RETRANSMIT, asked.message_id)),),
    )


def unseal(sa: IkeSa, incoming: Incoming, *, by_initiator: bool) -> Incoming | Step:
    """The message with its SK payload opened, or the drop that names what is wrong with it."""
    assert sa.keys is not None
    opened = open_sealed(incoming.octets, sa.keys, by_initiator=by_initiator)
    if isinstance(opened, Sealed):
        return drop(f"does not open: {opened.why}")
    return incoming.opened(tuple(opened.payloads), opened.why, opened.plaintext)


def opened(context: Context, sa: IkeSa, incoming: Incoming) -> Incoming | Step:
    """The peer's message opened; a fragment only if it makes a message whole."""
    fragment = outer_fragment(incoming)
    if fragment is not None:
        return gather(context, sa, incoming, fragment)
    return unseal(sa, incoming, by_initiator=not sa.we_started)
