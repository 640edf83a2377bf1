"""RFC 5723: a client that shows a ticket resumes its session without a new key exchange."""

from hashlib import sha256
from typing import Any

from harness.codes import Exchange, NotifyType
from harness.responder.context import Context, Incoming
from harness.responder.state import IkeSa, Resumed, State
from harness.responder.step import Step
from harness.responder.table import TABLE
from harness.responder.v2 import tickets
from harness.responder.v2.initial import NONCE_OCTETS, answer_in_clear, begun, fresh_spi
from harness.responder.v2.messages import unprotected
from harness.responder.v2.proofs import own_id
from harness.sa.v2 import Suite, resumed_keys
from harness.values import replace
from harness.wire import v2
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
    nr, spi_r = context.entropy.octets(NONCE_OCTETS), context.decide("spi_after", resumed)
    suite = resumed.suite
    crypto = Suite(suite.encr, suite.key_bits, suite.integ, suite.prf, suite.group)
    keys = resumed_keys(crypto, resumed.sk_d, message.spi_i, spi_r, ni, nr)
    sa = begun(context, request, suite, keys, nr)
    sa = replace(sa, resumed=resumed, session=replace(sa.session, ticket=_name(ticket)))
    return answer_in_clear(context, request, sa)
