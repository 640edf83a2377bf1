"""RFC 9242: IKE_INTERMEDIATE, seen from the responder; RFC 9370 section 2.2.2: the key exchanges that it carries."""

from typing import Any

from harness.codes import Exchange, NotifyType
from harness.responder.context import Context, Incoming
from harness.responder.policy import without_additional
from harness.responder.state import IkeSa, State
from harness.responder.step import Step, drop
from harness.responder.table import TABLE
from harness.responder.v2.key_exchange import exchange_keys
from harness.responder.v2.messages import RESPONSE, closed, header, refuse, respond
from harness.sa.intermediate import IntAuth, bare_octets_of, bare_octets_with, updated_keys
from harness.sa.v2 import Keys
from harness.values import replace
from harness.wire import v2


def agreed(context: Context, request: Incoming) -> bool:
    """Whether both ends are for IKE_INTERMEDIATE: the peer says so, and we are set up to (section 3.1)."""
    said = request.find(v2.Notify, NotifyType.INTERMEDIATE_EXCHANGE_SUPPORTED)
    return said is not None and context.configuration.intermediate_limit > 0


@TABLE.decision(rfc="9370/2.2.1")
def possible(context: Context, request: Incoming, offer: v2.SecurityAssociation) -> v2.SecurityAssociation:
    """What may be chosen of an offer: without IKE_INTERMEDIATE no additional key exchange is known."""
    return offer if agreed(context, request) else without_additional(offer)


@TABLE.extension("init", rfc="9242/3.1")
def intermediate_supported(context: Context, sa: IkeSa, request: Incoming) -> tuple[IkeSa, tuple[Any, ...]]:
    """Say that IKE_INTERMEDIATE is supported to a peer that said so; whatever data its notify has is ignored."""
    if not agreed(context, request):
        return sa, ()
    notify = v2.Notify(notify_type=NotifyType.INTERMEDIATE_EXCHANGE_SUPPORTED)
    return replace(sa, intermediate=True), (notify,)


@TABLE.on(State.HALF_OPEN, Exchange.IKE_INTERMEDIATE, rfc="9242/3.2")
@TABLE.on(State.INTERMEDIATE, Exchange.IKE_INTERMEDIATE, rfc="9370/2.2.2")
def answer_intermediate(context: Context, sa: IkeSa, request: Incoming) -> Step:
    """Make the next additional key exchange, or take note of an exchange without one; AUTH will cover both."""
    if not sa.intermediate:
        return drop("an IKE_INTERMEDIATE that was not agreed on")
    offered = request.find(v2.KeyExchange)
    if offered is None:
        excess = sa.int_auth.exchanges >= context.configuration.intermediate_limit
        return _unserved(context, sa, request) if excess else _served(context, sa, request)
    if not sa.additional or offered.group != sa.additional[0]:
        return _unserved(context, sa, request)
    exchanged = exchange_keys(context, offered)
    if exchanged is None:
        return _unserved(context, sa, request)

    shared, ours = exchanged
    assert sa.keys is not None
    keys = updated_keys(sa.keys, sa.ni, sa.nr, shared)
    left = sa.additional[1:]
    state = State.INTERMEDIATE if left else State.HALF_OPEN
    step = _served(context, sa, request, ours)
    (after,) = step.changed
    assert isinstance(after, IkeSa)
    served = (*after.served[:-1], replace(after.served[-1], keys=sa.keys))
    renewed = replace(after, state=state, keys=keys, additional=left, served=served)
    return replace(step, changed=(renewed,))


def _unserved(context: Context, sa: IkeSa, request: Incoming) -> Step:
    """What breaks off an IKE_AUTH exchange does so here (RFC 9242 section 3.4, RFC 7296 section 2.21.2)."""
    return closed(context, refuse(context, sa, request, NotifyType.INVALID_SYNTAX), "ike-sa-gone")


def _served(context: Context, sa: IkeSa, request: Incoming, *payloads: Any) -> Step:
    """The response under the keys in force, and what AUTH is to cover of both messages."""
    assert sa.keys is not None
    covered = context.decide("covers", sa, sa.keys, request, payloads)
    return respond(context, replace(sa, int_auth=covered), request, *payloads)


@TABLE.decision(rfc="9242/3.3.2")
def covers(context: Context, sa: IkeSa, keys: Keys, request: Incoming, payloads: tuple[Any, ...]) -> IntAuth:
    """What AUTH covers after one more exchange: its request as it came, its response as it leaves."""
    first = request.payloads[0].type if request.payloads else 0
    theirs = bare_octets_of(request.message, first, request.plaintext)
    ours = bare_octets_with(
        header(sa, Exchange.IKE_INTERMEDIATE, RESPONSE, request.message.message_id), payloads
    )
    return sa.int_auth.then(keys, theirs, ours)
