"""RFC 7296 section 1.2: IKE_AUTH, seen from the responder: who the peer is, who we are, the first child."""

from typing import Any

from harness.codes import Exchange, Group, IdType, NotifyType
from harness.responder import eap
from harness.responder.context import Context, Incoming
from harness.responder.state import Authenticating, IkeSa, State
from harness.responder.step import NOTHING, Armed, Step
from harness.responder.table import TABLE
from harness.responder.v2.certificates import with_chain
from harness.responder.v2.initial import child_timers, ike_timers, make_child
from harness.responder.v2.messages import closed, respond
from harness.responder.v2.ppk import Settled
from harness.responder.v2.proofs import presented_id, prove, prove_after_eap, proved_identity
from harness.responder.v2.redirect import redirect_timers
from harness.values import replace
from harness.wire import v2
from harness.wire.eap import EapMessage, read_eap

IN_PLACE_OF_A_CHILD = (
    NotifyType.REDIRECT,
    NotifyType.INTERNAL_ADDRESS_FAILURE,
    NotifyType.FAILED_CP_REQUIRED,
)


@TABLE.on(State.HALF_OPEN, Exchange.IKE_AUTH, rfc="7296/1.2")
def answer_ike_auth(context: Context, sa: IkeSa, request: Incoming) -> Step:
    """Believe the peer's AUTH or refuse it, or go through EAP with who brings none (section 2.16)."""
    if sa.authenticating.eap is not None:
        return _eap_round(context, sa, sa.authenticating.eap, request)
    who, auth = request.find(v2.IdInitiator), request.find(v2.Authentication)
    if who is None or (who.id_type == IdType.ID_NULL and who.data):  # RFC 7619 section 2.2: it is empty
        return _refused(context, sa, request, NotifyType.INVALID_SYNTAX)
    context = context.identified(who.body)
    if auth is None:
        return _begin_eap(context, sa, request, who)
    return _weigh(context, sa, request, request, auth)


def _weigh(context: Context, sa: IkeSa, request: Incoming, asked: Incoming, auth: Any) -> Step:
    """What the peer's AUTH is worth; `asked` is the request that named the peer and its child."""
    who, shown = asked.find(v2.IdInitiator), with_chain(sa, request)
    more = request.find(
        v2.Notify, NotifyType.ANOTHER_AUTH_FOLLOWS
    )  # RFC 4739 section 3.1: we did not offer it
    settled = None if more is not None else context.decide("settle_ppk", shown, request, auth)
    if settled is None or not context.decide("believes", settled.sa, who, settled.auth):
        return _refused(context, sa, request, NotifyType.AUTHENTICATION_FAILED)
    return conclude(context, settled, request, asked)


def _refused(context: Context, sa: IkeSa, request: Incoming, why: NotifyType, *before: Any) -> Step:
    """The end of a half-open SA, which the peer is told of (section 2.21.2)."""
    step = respond(context, sa, request, *before, v2.Notify(notify_type=why))
    return closed(context, step, "ike-sa-gone")


def conclude(context: Context, settled: Settled, request: Incoming, asked: Incoming) -> Step:
    """The peer is believed: the IKE SA is up, we show who we are, extensions have their say, the first child is made.

    `request` is the one that is answered, `asked` the one that asked for the child: with EAP the first of several.
    """
    sa = settled.sa
    shown = _shown(context, sa)
    if shown is None:
        return _refused(context, sa, request, NotifyType.AUTHENTICATION_FAILED)
    up = authenticated(context, sa, asked.find(v2.IdInitiator), settled.auth)
    up, added = context.extended("auth", up, asked)
    if _notifies(added, NotifyType.UNEXPECTED_NAT_DETECTED):
        return closed(context, respond(context, sa, request, *added), "ike-sa-gone")
    up, answer, armed = _first_child(context, up, asked, added)
    step = respond(context, up, request, *shown, *settled.notifies, *added, *answer)
    return replace(
        step,
        gone=context.decide("outdated", up, asked),
        armed=(*step.armed, *ike_timers(context, up), *armed, *redirect_timers(context, up)),
        events=("ike-sa-established", *(["child-sa-established"] if up.children else [])),
    ).then(_replaced(context, sa))


def _shown(context: Context, sa: IkeSa) -> tuple[Any, ...] | None:
    """Who we are and the proof of it, or None; after EAP the proof alone, for the rest went before."""
    ours = presented_id(context.configuration, v2.IdResponder)
    if sa.authenticating.eap is not None:
        return prove_after_eap(context, sa, ours)
    proof = prove(context, sa, ours)
    return None if proof is None else (ours, *proof)


def authenticated(context: Context, sa: IkeSa, who: Any, auth: Any) -> IkeSa:
    """The SA whose peer has just proved itself: it is up, and from now its authentication counts (RFC 4478)."""
    session = replace(sa.session, authenticated=context.now, proved=proved_identity(sa, who, auth))
    return replace(
        sa,
        state=State.ESTABLISHED,
        peer_id=who.body,
        born=context.now,
        session=session,
        authenticating=Authenticating(),
    )


def _notifies(payloads: tuple[Any, ...], *kinds: int) -> bool:
    return any(isinstance(p, v2.Notify) and p.notify_type in kinds for p in payloads)


@TABLE.decision(rfc="7296/2.4")
def outdated(context: Context, sa: IkeSa, message: Incoming) -> tuple[bytes, ...]:
    """The older SAs of the identity that the peer of `sa` proved, which INITIAL_CONTACT says it knows no more.

    They go without Deletes. Of who proved nothing no SA goes (RFC 7619 section 2.3).
    """
    if not sa.session.proved or message.find(v2.Notify, NotifyType.INITIAL_CONTACT) is None:
        return ()
    return tuple(
        other.ours
        for other in context.world.all()
        if isinstance(other, IkeSa) and other.ours != sa.ours and other.session.proved == sa.session.proved
    )


def _replaced(context: Context, sa: IkeSa) -> Step:
    """The SA that a ticket told of goes silently once the resumed one is up (RFC 5723 section 4.3.4)."""
    old = None if sa.resumed is None else context.world.find(sa.resumed.spi_r)
    if not isinstance(old, IkeSa) or sa.resumed is None or old.spi_i != sa.resumed.spi_i:
        return NOTHING
    return Step(gone=(old.ours,), events=("ike-sa-resumed",))


# --- EAP ----------------------------------------------------------------------------------------------------------


def _begin_eap(context: Context, sa: IkeSa, request: Incoming, who: Any) -> Step:
    """Show who we are by a signature, unless EAP does that too, and ask by the first method (section 2.16)."""
    if not context.decide("offers_eap", sa, who):
        return _refused(context, sa, request, NotifyType.AUTHENTICATION_FAILED)
    talk = replace(context.decide("begins_eap"), claimed=who.data)
    only = request.find(v2.Notify, NotifyType.EAP_ONLY_AUTHENTICATION) is not None
    ours = presented_id(context.configuration, v2.IdResponder)
    shown = (ours,) if only and context.decide("trusts_eap_alone", talk) else _shown(context, sa)
    if shown is None:
        return _refused(context, sa, request, NotifyType.AUTHENTICATION_FAILED)
    begun = replace(sa.authenticating, eap=talk, asked=request)
    known = replace(sa, peer_id=who.body, authenticating=begun)
    return respond(context, known, request, *shown, v2.Eap(data=talk.said.encode()))


@TABLE.decision(rfc="7296/2.16")
def offers_eap(context: Context, sa: IkeSa, who: Any) -> bool:
    """Whether a peer of this identity may come by EAP: only to an end that itself proves who it is by a signature."""
    configuration = context.configuration
    if configuration.remote_auth != "eap" or not configuration.eap_methods or sa.resumed is not None:
        return False
    return configuration.local_auth == "signature" and bool(context.decide("knows", who))


@TABLE.decision(rfc="7296/3.16")
def begins_eap(context: Context) -> eap.Conversation:
    """The method we like best is begun at once: who comes was told by IDi."""
    return eap.begin(context.configuration.eap_methods, context.entropy)


@TABLE.decision(rfc="5998/4")
def trusts_eap_alone(context: Context, talk: eap.Conversation) -> bool:
    """Whether EAP proves the responder too: neither method here withstands a dictionary, as that takes."""
    return False


def _eap_round(context: Context, sa: IkeSa, talk: eap.Conversation, request: Incoming) -> Step:
    """The next message of EAP; after Success the AUTH that goes with it."""
    asked = sa.authenticating.asked
    assert asked is not None
    if talk.succeeded:
        auth = request.find(v2.Authentication)
        if auth is None:
            return _refused(context, sa, request, NotifyType.AUTHENTICATION_FAILED)
        return _weigh(context, sa, request, asked, auth)
    payload = request.find(v2.Eap)
    message = None if payload is None else read_eap(payload.data)
    if not isinstance(message, EapMessage):
        return _refused(context, sa, request, NotifyType.INVALID_SYNTAX)
    heard = context.decide("hears_eap", talk, message)
    answer = v2.Eap(data=heard.said.encode())
    if heard.failed:
        return _refused(context, sa, request, NotifyType.AUTHENTICATION_FAILED, answer)
    return respond(
        context, replace(sa, authenticating=replace(sa.authenticating, eap=heard)), request, answer
    )


@TABLE.decision(rfc="3748/2")
def hears_eap(context: Context, talk: eap.Conversation, message: EapMessage) -> eap.Conversation:
    """What the server makes of the client's answer."""
    return eap.hear(talk, message, context.configuration.users, context.entropy)


# --- the first child ----------------------------------------------------------------------------------------------


def _first_child(
    context: Context, sa: IkeSa, request: Incoming, added: tuple[Any, ...]
) -> tuple[IkeSa, tuple[Any, ...], tuple[tuple[bytes, Armed], ...]]:
    """The child asked for in IKE_AUTH, or the notify that says why not; the IKE SA stays either way (section 1.2).

    What extensions have `added` may stand in its place: a redirect, or the want of an inner address.
    """
    offer = request.find(v2.SecurityAssociation)
    if offer is None or _notifies(added, *IN_PLACE_OF_A_CHILD):
        return sa, (), ()
    made = make_child(context, sa, request, offer, Group.NONE, sa.ni, sa.nr, b"")
    if isinstance(made, NotifyType):
        return sa, (v2.Notify(notify_type=made),), ()
    child, payloads = made
    return sa.with_child(child), payloads, child_timers(context, sa, child)
