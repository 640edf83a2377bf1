"""RFC 5723: a client that shows a ticket resumes its session without a new key exchange."""

from hashlib import sha256
from typing import Any

from harness.codes import Exchange, NotifyType
from harness.responder.context import Context, Incoming
from harness.responder.state import IkeSa, Resumed, State, Timer
from harness.responder.step import Armed, Step
from harness.responder.table import TABLE
from harness.responder.v2 import tickets
from harness.responder.v2.initial import NONCE_OCTETS, fresh_spi, nat_notifies
from harness.responder.v2.messages import RESPONSE, unprotected
from harness.responder.v2.proofs import own_id
from harness.sa.v2 import Suite, resumed_keys
from harness.values import replace
from harness.wire import Message, v2
from harness.wire.v2.notify_data import TicketWithLifetime


@TABLE.extension("auth", rfc="5723/4.1")
@TABLE.extension("rekey", rfc="5723/4.1")
@TABLE.extension("informational", rfc="5723/4.1")
def ticket_asked(context: Context, sa: IkeSa, request: Incoming) -> tuple[IkeSa, tuple[Any, ...]]:
    """TICKET_LT_OPAQUE for TICKET_REQUEST; TICKET_NACK when the session is about to end."""
    asked = request.find(v2.Notify, NotifyType.TICKET_REQUEST)
    if asked is None or context.configuration.tickets is None or sa.session.began:
        return sa, ()
    seconds = int(tickets.good_for(context, sa))
    if not seconds:
        return sa, (v2.Notify(notify_type=NotifyType.TICKET_NACK),)
    ours = own_id(context.configuration.local_id, v2.IdResponder).body
    data = TicketWithLifetime(seconds, tickets.make(context, sa, ours, seconds)).encode()
    return sa, (v2.Notify(notify_type=NotifyType.TICKET_LT_OPAQUE, data=data),)


@TABLE.on(State.IDLE, Exchange.IKE_SESSION_RESUME, rfc="5723/4.3.2")
def answer_session_resume(context: Context, sa: IkeSa, request: Incoming) -> Step:
    """Open the ticket and derive fresh keys from it; a ticket that is refused gets TICKET_NACK and leaves nothing."""
    ticket = request.find(v2.Notify, NotifyType.TICKET_OPAQUE).data
    resumed = context.decide("accept_ticket", ticket)
    if isinstance(resumed, str):
        refused = unprotected(request, v2.Notify(notify_type=NotifyType.TICKET_NACK))
        return Step(send=(refused,), events=(f"ticket-refused: {resumed}",))
    return _half_open(context, request, resumed, ticket)


@TABLE.decision(rfc="5723/4.3.1")
def accept_ticket(context: Context, ticket: bytes) -> Resumed | str:
    """What the ticket says, or why it is refused: a ticket serves once, and only for the identities of now."""
    name = _name(ticket)
    if any(
        isinstance(sa, IkeSa) and sa.session.ticket == name and not sa.half_open for sa in context.world.all()
    ):
        return "a ticket that was used before"
    resumed = tickets.read(context, ticket)
    if isinstance(resumed, str):
        return resumed
    known = context.identified(resumed.id_i).configuration
    if own_id(known.local_id, v2.IdResponder).body != resumed.id_r:
        return "a ticket of another identity of ours"
    return (
        resumed
        if resumed.suite in known.proposals_v2
        else "a ticket of a suite that is not configured any more"
    )


@TABLE.decision(rfc="5723/5")
def spi_after(context: Context, resumed: Resumed) -> bytes:
    """Our SPI in the resumed session: never the one of before."""
    spi = fresh_spi(context)
    return spi_after(context, resumed) if spi == resumed.spi_r else spi


def _name(ticket: bytes) -> bytes:
    return sha256(ticket).digest()


def _half_open(context: Context, request: Incoming, resumed: Resumed, ticket: bytes) -> Step:
    message, ni = request.message, request.find(v2.Nonce).data
    here, there = request.datagram.destination, request.datagram.source
    nr, spi_r = context.entropy.octets(NONCE_OCTETS), context.decide("spi_after", resumed)
    suite = resumed.suite
    crypto = Suite(suite.encr, suite.key_bits, suite.integ, suite.prf, suite.group)
    sa = IkeSa(
        ours=spi_r,
        spi_i=message.spi_i,
        spi_r=spi_r,
        local=here,
        remote=there,
        state=State.HALF_OPEN,
        suite=suite,
        keys=resumed_keys(crypto, resumed.sk_d, message.spi_i, spi_r, ni, nr),
        init_request=request.octets,
        ni=ni,
        nr=nr,
        natt=request.natt,
        protocol=request.datagram.protocol,
        born=context.now,
        heard=context.now,
        expected=1,
        resumed=resumed,
    )
    sa = replace(sa, session=replace(sa.session, ticket=_name(ticket)))
    sa, added = context.extended("init", sa, request)
    payloads = (v2.Nonce(data=nr), *nat_notifies(message.spi_i, spi_r, here, there), *added)
    response = Message(
        spi_i=message.spi_i,
        spi_r=spi_r,
        exchange=Exchange.IKE_SESSION_RESUME,
        flags=RESPONSE,
        message_id=0,
        payloads=payloads,
    ).encode()
    due = Armed(context.now + context.configuration.lifetimes.half_open, Timer.HALF_OPEN)
    half_open = replace(sa, init_response=response)
    return Step(
        send=(request.reply(response),), changed=(half_open,), armed=((spi_r, due),), events=("half-open",)
    )
