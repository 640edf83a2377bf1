"""RFC 7296 section 1.3: CREATE_CHILD_SA, seen from the responder: a new child, a rekeyed child, a rekeyed IKE SA."""

from typing import Any

from harness.codes import Exchange, Group, NotifyType, Protocol
from harness.responder.context import Context, Incoming
from harness.responder.state import ABOUT_CHILDREN, ENDS, ChildSa, FollowUp, IkeSa, Rival, State
from harness.responder.step import Step
from harness.responder.table import TABLE
from harness.responder.v2.follow_up import MOST, promised
from harness.responder.v2.heirs import bear, decided, succeed
from harness.responder.v2.initial import (
    NONCE_OCTETS,
    child_timers,
    fresh_spi,
    ike_timers,
    make_child,
)
from harness.responder.v2.key_exchange import exchange_keys
from harness.responder.v2.messages import closed, moved, moves, refuse, respond
from harness.sa.v2 import Suite, rekeyed_keys
from harness.values import replace
from harness.wire import v2


@TABLE.on(State.ESTABLISHED, Exchange.CREATE_CHILD_SA, rfc="7296/1.3")
@TABLE.on(State.CONTESTED, Exchange.CREATE_CHILD_SA, rfc="7296/2.8.2")
def answer_create_child_sa(context: Context, sa: IkeSa, request: Incoming) -> Step:
    """Serve the request for a new child, a child's rekey or the IKE SA's rekey."""
    settled, sa = decided(context, sa)
    return settled.then(_serve(context, sa, request))


def _serve(context: Context, sa: IkeSa, request: Incoming) -> Step:
    offer, nonce = request.find(v2.SecurityAssociation), request.find(v2.Nonce)
    if offer is None or nonce is None or not offer.proposals or not 16 <= len(nonce.data) <= 256:
        return closed(context, refuse(context, sa, request, NotifyType.INVALID_SYNTAX), "ike-sa-gone")
    if offer.proposals[0].protocol == Protocol.IKE:
        return context.answer("rekey_ike_sa", sa, request)

    if sa.asking("rekey-ike") or len(sa.following) >= MOST:  # 7296/2.25.2
        return refuse(context, sa, request, NotifyType.TEMPORARY_FAILURE)
    rekeyed = request.find(v2.Notify, NotifyType.REKEY_SA)
    if rekeyed is None:
        return _child(context, sa, request, offer, nonce.data, None)
    old = context.decide("child_to_rekey", sa, rekeyed)
    if old is None:
        return _not_rekeyed(context, sa, request, rekeyed)
    if sa.following_up("rekey-child", old.spi_in):  # 9370/2.2.4
        return refuse(context, sa, request, NotifyType.TEMPORARY_FAILURE)
    return _child(context, sa, request, offer, nonce.data, old)


def _not_rekeyed(context: Context, sa: IkeSa, request: Incoming, rekeyed: v2.Notify) -> Step:
    """A child that we are deleting is not rekeyed for now, one that is not here never (sections 2.25, 2.25.1).

    While we ask for a child ourselves the one named may be that: the peer's response has not come yet.
    """
    leaving = any(child.spi_out == rekeyed.spi for child in sa.half_closed)
    if leaving or sa.asking("new-child", "rekey-child"):
        return refuse(context, sa, request, NotifyType.TEMPORARY_FAILURE)
    unknown = v2.Notify(protocol=rekeyed.protocol, notify_type=NotifyType.CHILD_SA_NOT_FOUND, spi=rekeyed.spi)
    return respond(context, sa, request, unknown)


@TABLE.on(State.REKEYED, Exchange.CREATE_CHILD_SA, rfc="7296/2.25.2")
@TABLE.on(State.CLOSING, Exchange.CREATE_CHILD_SA, rfc="7296/2.25.2")
def refuse_while_leaving(context: Context, sa: IkeSa, request: Incoming) -> Step:
    """An SA that is being replaced or closed takes no new children: TEMPORARY_FAILURE."""
    return refuse(context, sa, request, NotifyType.TEMPORARY_FAILURE)


@TABLE.decision(rfc="7296/1.3.3")
def child_to_rekey(context: Context, sa: IkeSa, notify: v2.Notify) -> ChildSa | None:
    """The child that REKEY_SA names by the SPI the peer expects in its inbound packets."""
    child = sa.child(notify.spi)
    if child is None or notify.protocol != child.proposal.protocol or notify.spi != child.spi_out:
        return None
    return child


def _child(
    context: Context, sa: IkeSa, request: Incoming, offer: Any, ni: bytes, old: ChildSa | None
) -> Step:
    """The child asked for, with the key exchange that the peer offered, if any (sections 1.3.1, 1.3.3)."""
    if old is None and context.decide("has_enough_children", sa):
        return refuse(context, sa, request, NotifyType.NO_ADDITIONAL_SAS)
    offered = request.find(v2.KeyExchange)
    ke_group = Group.NONE if offered is None else offered.group
    chosen = context.decide("choose_child", offer, ke_group)
    if chosen is None:
        return refuse(context, sa, request, NotifyType.NO_PROPOSAL_CHOSEN)
    if chosen.group not in (Group.NONE, ke_group):
        return refuse(context, sa, request, NotifyType.INVALID_KE_PAYLOAD, chosen.group.to_bytes(2, "big"))

    shared = b""
    ours: tuple[v2.KeyExchange, ...] = ()
    if chosen.group != Group.NONE:
        exchanged = exchange_keys(context, offered)
        if exchanged is None:
            return closed(context, refuse(context, sa, request, NotifyType.INVALID_SYNTAX), "ike-sa-gone")
        shared, ours = exchanged[0], (exchanged[1],)
    nr = context.entropy.octets(NONCE_OCTETS)
    made = make_child(context, sa, request, offer, ke_group, ni, nr, shared, chosen, old)
    if isinstance(made, NotifyType):
        return refuse(context, sa, request, made)

    child, (accepted, *traffic) = made
    answer, rival = (accepted, v2.Nonce(data=nr), *ours, *traffic), Rival(min(ni, nr), child.spi_in)
    if chosen.methods:
        replaced = b"" if old is None else old.spi_in
        agreed = FollowUp(chosen.methods, ni, nr, shared, child=replace(child, keys=None), old=replaced)
        noted = sa if old is None else sa.contested("rekey-child", replaced, rival)
        return promised(context, noted, agreed, *answer, request=request)
    after = sa if old is None else _replaced(sa, old, rival)
    after = after.with_child(child)
    step = respond(context, after, request, *answer)
    event = "child-sa-established" if old is None else "child-sa-rekeyed"
    return replace(step, armed=(*step.armed, *child_timers(context, sa, child)), events=(event,))


@TABLE.decision(rfc="7296/1.3")
def has_enough_children(context: Context, sa: IkeSa) -> bool:
    """Whether the IKE SA has as many children as may be; those that were rekeyed are on their way out."""
    most = context.configuration.children.most
    return most is not None and sum(not child.rekeyed for child in sa.children) >= most


def _replaced(sa: IkeSa, old: ChildSa, by: Rival) -> IkeSa:
    """The SA whose child the peer has rekeyed, and will delete; if we are rekeying it too, that is noted."""
    return sa.with_child(replace(old, rekeyed=True)).contested("rekey-child", old.spi_in, by)


@TABLE.decision(rfc="7296/1.3.2")
def rekey_ike_sa(context: Context, sa: IkeSa, request: Incoming) -> Step:
    """A new IKE SA inherits the children; its initiator is whoever asked (sections 1.3.2, 2.8, 2.18)."""
    offer, nonce, offered = (
        request.find(v2.SecurityAssociation),
        request.find(v2.Nonce),
        request.find(v2.KeyExchange),
    )
    if offered is None:
        return closed(context, refuse(context, sa, request, NotifyType.INVALID_SYNTAX), "ike-sa-gone")
    busy = sa.following_up("rekey-ike") or len(sa.following) >= MOST  # 9370/2.2.4
    if busy or sa.asking(*ABOUT_CHILDREN) or sa.busy_with(*ENDS):  # 7296/2.25.1, 2.25.2
        return refuse(context, sa, request, NotifyType.TEMPORARY_FAILURE)
    chosen = context.decide("choose_ike", offer, 8)
    if chosen is None:
        return refuse(context, sa, request, NotifyType.NO_PROPOSAL_CHOSEN)
    if chosen.group != offered.group:
        return refuse(context, sa, request, NotifyType.INVALID_KE_PAYLOAD, chosen.group.to_bytes(2, "big"))
    exchanged = exchange_keys(context, offered)
    if exchanged is None:
        return closed(context, refuse(context, sa, request, NotifyType.INVALID_SYNTAX), "ike-sa-gone")

    shared, ours = exchanged
    nr, spi_r = context.entropy.octets(NONCE_OCTETS), fresh_spi(context)
    if chosen.methods:
        spis = (chosen.spi, spi_r)
        agreed = FollowUp(chosen.methods, nonce.data, nr, shared, suite=chosen.suite, spis=spis)
        noted = sa.contested("rekey-ike", b"", Rival(min(nonce.data, nr), spi_r))
        answer = (chosen.payload(spi_r), v2.Nonce(data=nr), ours)
        return promised(context, noted, agreed, *answer, request=request)
    heir = _heir(context, sa, request, chosen, spi_r, nonce.data, nr, shared)
    heir, added = context.extended("rekey", heir, request)
    answer = (chosen.payload(spi_r), v2.Nonce(data=nr), ours, *added)
    armed = Step(armed=ike_timers(context, heir), events=("ike-sa-rekeyed",))
    if sa.asking("rekey-ike"):  # 7296/2.25.2: as usual, but which of the two stands shows later
        contested = sa.contested("rekey-ike", b"", Rival(min(nonce.data, nr), heir.ours))
        step = respond(context, contested, request, *answer).then(armed)
        return step.then(Step(changed=(replace(heir, state=State.CONTESTED, waits_for=sa.ours),)))
    step = respond(context, sa, request, *answer).then(armed)
    answered = step.changed[0]
    assert isinstance(answered, IkeSa)
    return step.then(succeed(context, answered, heir))


def _heir(
    context: Context,
    sa: IkeSa,
    request: Incoming,
    chosen: Any,
    spi_r: bytes,
    ni: bytes,
    nr: bytes,
    shared: bytes,
) -> IkeSa:
    assert sa.keys is not None
    suite = Suite(
        chosen.suite.encr, chosen.suite.key_bits, chosen.suite.integ, chosen.suite.prf, chosen.group
    )
    keys = rekeyed_keys(sa.keys, suite, chosen.spi, spi_r, ni, nr, shared)
    place = moved(sa, request) if moves(sa, request) else sa
    return bear(context, sa, chosen.suite, keys, we_started=False, place=place)
