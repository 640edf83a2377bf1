"""What holds in every state: replays, the window, the seal, form, unknown critical payloads, cookies.

Guards of the stage `init` see an IKE_SA_INIT request that asks for a new SA; those of the stage `sealed` every
other request. A guard answers with a Step, hands on another view of the message, or has nothing to say.
"""

from functools import cache
from typing import Any

from harness.codes import Exchange, NotifyType
from harness.responder.context import Context, Incoming
from harness.responder.state import IkeSa, State
from harness.responder.step import Step, drop
from harness.responder.table import TABLE
from harness.responder.v2 import cookies, redirect
from harness.responder.v2.failover import synchronise
from harness.responder.v2.fragments import outer_fragment, repeated
from harness.responder.v2.messages import closed, opened, refuse, respond, unprotected
from harness.responder.v2.window import complain
from harness.wire import Malformed, Payload, Structure, Unknown, v2
from harness.wire.datagram import TCP_STREAM

NONCE_OCTETS = range(16, 257)
"""RFC 7296 section 3.9."""


@TABLE.guard(rfc="7296/2.1")
def init_repeated(context: Context, sa: IkeSa, incoming: Incoming) -> Step | None:
    """A repeated IKE_SA_INIT request gets the response it got before, until its IKE_AUTH has come."""
    made = context.world.by_init(incoming.octets, incoming.datagram.source)
    if not isinstance(made, IkeSa):
        return None
    if not made.half_open:
        return drop("an IKE_SA_INIT repeated after its IKE_AUTH")
    return Step(send=(incoming.reply(made.init_response),))


@TABLE.guard(rfc="7296/3.1")
def init_header(context: Context, sa: IkeSa, incoming: Incoming) -> Step | None:
    """The first request comes from the original initiator, with its SPI set and Message ID 0."""
    message = incoming.message
    if not message.from_initiator or message.message_id != 0:
        return drop("an IKE_SA_INIT request whose I flag or Message ID is wrong")
    if message.spi_i == bytes(8):
        return drop("an IKE_SA_INIT request without initiator SPI")
    return None


@TABLE.guard(rfc="7296/2.21.1")
def init_well_formed(context: Context, sa: IkeSa, incoming: Incoming) -> Step | None:
    """A malformed first message is dropped: INVALID_SYNTAX belongs into a sealed message (section 3.10.1)."""
    if incoming.why is not None or incoming.message.length is not None or incoming.message.trailing:
        return drop(f"malformed: {incoming.why or 'its length is not the datagram’s'}")
    broken = next((p for p in incoming.payloads if _is_malformed(p)), None)
    return None if broken is None else drop(f"malformed payload {broken.type}")


def _is_malformed(part: Any) -> bool:
    """Whether a payload can't be read, or announces another number of parts than it has, here or in one of its parts."""
    if isinstance(part, Malformed):
        return True
    counts, parts = _countable(part.__class__)
    for name in counts:
        if getattr(part, name) is not None:
            return True
    for name in parts:
        for inside in getattr(part, name):
            if _is_malformed(inside):
                return True
    return False


@cache
def _countable(kind: type[Payload | Structure]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The fields of a payload or part that announce a number of parts, and those that hold such parts."""
    counts = (field.name for field in kind.FIELDS if field.count_of or field.more)
    parts = (field for field in kind.FIELDS if field.kind == "structures")
    return tuple(counts), tuple(field.name for field in parts if any(_countable(field.of)))


@TABLE.guard(rfc="7296/2.5")
def init_critical(context: Context, sa: IkeSa, incoming: Incoming) -> Step | None:
    """An unknown critical payload refuses the message, and the refusal names it."""
    refusal = _unknown_critical(incoming)
    return None if refusal is None else Step(send=(unprotected(incoming, refusal),))


@TABLE.guard(rfc="7296/1.2")
def init_complete(context: Context, sa: IkeSa, incoming: Incoming) -> Step | None:
    """Without SA, KE and a nonce of 16 to 256 octets there is nothing to answer (sections 1.2, 3.9).

    IKE_SESSION_RESUME has a ticket in place of SA and KE (RFC 5723 section 4.3.2).
    """
    if incoming.message.exchange == Exchange.IKE_SESSION_RESUME:
        if incoming.find(v2.Notify, NotifyType.TICKET_OPAQUE) is None:
            return drop("no ticket")
    elif incoming.find(v2.SecurityAssociation) is None or incoming.find(v2.KeyExchange) is None:
        return drop("no SA or KE payload")
    nonce = incoming.find(v2.Nonce)
    if nonce is None or len(nonce.data) not in NONCE_OCTETS:
        return drop("no nonce of 16 to 256 octets")
    return None


@TABLE.guard(rfc="5685/3")
def init_redirected(context: Context, sa: IkeSa, incoming: Incoming) -> Step | None:
    """A client that can be redirected at once gets REDIRECT and nothing else; no state is made, SPIr is zero."""
    if not redirect.redirects(context, "init") or not context.decide("can_be_redirected", incoming):
        return None
    there = context.decide("gateway", incoming.find(v2.Nonce).data)
    return Step(send=(unprotected(incoming, there),))


@TABLE.guard(rfc="7296/2.6")
def init_cookie(context: Context, sa: IkeSa, incoming: Incoming) -> Step | None:
    """Under load only a request that returns our cookie makes state, under more load one that solves our puzzle.

    Who comes with a ticket has no puzzle to solve (RFC 8019 section 4.5).
    """
    puzzles = context.configuration.defence.puzzles
    heavy = context.decide("demands_puzzle", incoming)
    if puzzles is not None and heavy and incoming.message.exchange == Exchange.IKE_SA_INIT:
        return cookies.weigh(context, incoming, puzzles)
    over_tcp = incoming.datagram.protocol == TCP_STREAM  # 9329/6.3: there a cookie alone tells nothing new
    if not heavy and (over_tcp or not context.decide("demands_cookie")):
        return None
    return None if cookies.returned(context, incoming) is not None else cookies.demand(context, incoming)


@TABLE.guard(rfc="9329/6.1")
def init_own_connection(context: Context, sa: IkeSa, incoming: Incoming) -> Step | None:
    """A TCP connection is for one IKE SA and those that take its place: no other one is begun on it."""
    datagram = incoming.datagram
    if datagram.protocol != TCP_STREAM:
        return None
    ends = (datagram.destination, datagram.source)
    taken = any(
        each.up and each.protocol == TCP_STREAM and (each.local, each.remote) == ends
        for each in context.world.all()
    )
    return drop("a second IKE SA on a TCP connection") if taken else None


@TABLE.guard(rfc="8019/4.2")
def init_room(context: Context, sa: IkeSa, incoming: Incoming) -> Step | None:
    """No state is kept for more half-open SAs than are allowed, in all and of one source, nor for huge messages."""
    defence, address = context.configuration.defence, incoming.datagram.source.address
    if len(incoming.octets) > defence.first_message:
        return drop("a first message that is too long to be kept")
    if context.world.half_open_count() >= defence.half_open:
        return drop("too many SAs are half-open")
    if defence.per_source is not None and context.world.half_open_count(address) >= defence.per_source:
        return drop("too many SAs of this source are half-open")
    return None


@TABLE.guard(rfc="6311/5")
def sealed_synchronisation(context: Context, sa: IkeSa, incoming: Incoming) -> Step | None:
    """Where it was agreed, a cluster may synchronise counters under Message ID zero, whatever the window is."""
    if not sa.session.message_ids or incoming.message.message_id or not sa.up:
        return None
    return synchronise(context, sa, incoming) if incoming.message.exchange == Exchange.INFORMATIONAL else None


@TABLE.guard(rfc="7296/2.1")
def sealed_repeated(context: Context, sa: IkeSa, incoming: Incoming) -> Step | None:
    """A repeated request gets the response it got before, octet for octet; nothing is done twice."""
    served = sa.answer_to(incoming.message.message_id)
    if served is None:
        return None
    fragment = outer_fragment(incoming)
    if fragment is not None and fragment.number != 1:  # 7383/2.6.1
        return drop("a later fragment of a request that was answered")
    if incoming.octets == served.request:
        return Step(send=tuple(map(incoming.reply, served.response)))
    if fragment is not None and sa.fragments:
        return repeated(context, sa, incoming, served)
    return drop("a Message ID already answered, with other octets")


@TABLE.guard(rfc="7296/2.3")
def sealed_in_window(context: Context, sa: IkeSa, incoming: Incoming) -> Step | None:
    """Served are the Message IDs of the window that was promised, in any order; without a promise only the next one."""
    due = range(sa.expected, sa.expected + sa.promised)
    if incoming.message.message_id in due:
        return None
    dropped = drop(f"Message ID {incoming.message.message_id} outside the window, {sa.expected} is due")
    return dropped.then(complain(context, sa, incoming))


@TABLE.guard(rfc="8019/7.2.4")
def sealed_puzzle(context: Context, sa: IkeSa, incoming: Incoming) -> Step | Incoming | None:
    """Where a puzzle was given for IKE_AUTH its solution comes before all else that costs anything."""
    if sa.puzzle is None or not sa.half_open or incoming.message.exchange != Exchange.IKE_AUTH:
        return None
    return cookies.without_solution(sa, incoming)


@TABLE.guard(rfc="7296/2.21.3")
def sealed_opens(context: Context, sa: IkeSa, incoming: Incoming) -> Step | Incoming:
    """What does not open is dropped without a trace: anyone may have sent it."""
    if sa.keys is None:
        return drop("a sealed request before there are keys")
    if len(incoming.message.payloads) != 1 or incoming.message.trailing:
        return drop("payloads beside the SK payload")
    return opened(context, sa, incoming)


@TABLE.guard(rfc="7296/2.21.3")
def sealed_expected(context: Context, sa: IkeSa, incoming: Incoming) -> Step | None:
    """Before IKE_AUTH is done no other exchange is served (sections 1.2, 1.3)."""
    if (sa.state, incoming.message.exchange) in context.rules.requests:
        return None
    return drop(f"exchange {incoming.message.exchange} is not due on an SA that is {sa.state}")


@TABLE.guard(rfc="7296/2.21.3")
def sealed_well_formed(context: Context, sa: IkeSa, incoming: Incoming) -> Step | None:
    """Malformed content under a good seal gets INVALID_SYNTAX, and the SA is gone (sections 2.21.2, 2.21.3)."""
    broken = any(map(_is_malformed, incoming.payloads))
    if not broken and incoming.why is None:
        return None
    return closed(context, refuse(context, sa, incoming, NotifyType.INVALID_SYNTAX), "ike-sa-gone")


@TABLE.guard(rfc="7296/2.5")
def sealed_critical(context: Context, sa: IkeSa, incoming: Incoming) -> Step | None:
    """An unknown critical payload refuses the request and names itself; in IKE_AUTH the SA ends too (section 2.21.2)."""
    refusal = _unknown_critical(incoming)
    if refusal is None:
        return None
    step = respond(context, sa, incoming, refusal)
    return closed(context, step, "ike-sa-gone") if sa.half_open else step


@TABLE.guard(rfc="6023/3")
def sealed_childless(context: Context, sa: IkeSa, incoming: Incoming) -> Step | None:
    """A first IKE_AUTH that asks for no child is malformed where that was not agreed to."""
    first = sa.state is State.HALF_OPEN and incoming.find(v2.IdInitiator) is not None
    if not first or context.configuration.childless or incoming.find(v2.SecurityAssociation) is not None:
        return None
    return closed(context, refuse(context, sa, incoming, NotifyType.INVALID_SYNTAX), "ike-sa-gone")


def _unknown_critical(incoming: Incoming) -> v2.Notify | None:
    """The notify that refuses a message for the first unknown critical payload in it, by its type."""
    for payload in incoming.payloads:
        if isinstance(payload, Unknown) and payload.critical:
            data = bytes([payload.type])
            return v2.Notify(notify_type=NotifyType.UNSUPPORTED_CRITICAL_PAYLOAD, data=data)
    return None
