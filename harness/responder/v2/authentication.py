"""RFC 7296 section 2.15: IKE_AUTH, seen from the responder: who the peer is, who we are, the first child."""

import hmac
from dataclasses import replace
from typing import Any

from harness.codes import AuthMethod, Exchange, Group, NotifyType
from harness.profile import Identity
from harness.responder.context import Context, Incoming
from harness.responder.state import IkeSa, State
from harness.responder.step import NOTHING, Armed, Step
from harness.responder.table import TABLE
from harness.responder.v2.initial import child_timers, ike_timers, make_child
from harness.responder.v2.messages import closed, refuse, respond
from harness.responder.v2.redirect import redirect_timers
from harness.sa.v2 import psk_auth, resumed_auth, signed_octets
from harness.wire import v2

IN_PLACE_OF_A_CHILD = (
    NotifyType.REDIRECT,
    NotifyType.INTERNAL_ADDRESS_FAILURE,
    NotifyType.FAILED_CP_REQUIRED,
)


@TABLE.on(State.HALF_OPEN, Exchange.IKE_AUTH, rfc="7296/1.2")
def answer_ike_auth(context: Context, sa: IkeSa, request: Incoming) -> Step:
    """Believe the peer's AUTH or refuse it; then show our own, and make the first child."""
    who, auth = request.find(v2.IdInitiator), request.find(v2.Authentication)
    if who is None:
        return closed(context, refuse(context, sa, request, NotifyType.INVALID_SYNTAX), "ike-sa-gone")
    context = context.identified(who.body)
    if auth is None or not context.decide(
        "believes", sa, who, auth
    ):  # 7296/2.16: without AUTH it asks for EAP
        return closed(context, refuse(context, sa, request, NotifyType.AUTHENTICATION_FAILED), "ike-sa-gone")

    return conclude(context, sa, request, who)


def conclude(context: Context, sa: IkeSa, request: Incoming, who: Any) -> Step:
    """The peer is believed: the IKE SA is up, we show who we are, extensions have their say, the first child is made."""
    context = context.identified(who.body)
    up = replace(sa, state=State.ESTABLISHED, peer_id=who.body, born=context.now)
    up = authenticated(context, up)
    ours = own_id(context.configuration.local_id, v2.IdResponder)
    proof = _resumed_proof(sa, ours) if sa.resumed is not None else _proof(context, sa, ours)
    up, added = context.extended("auth", up, request)
    if _notifies(added, NotifyType.UNEXPECTED_NAT_DETECTED):
        return closed(context, respond(context, sa, request, *added), "ike-sa-gone")
    up, answer, armed = _first_child(context, up, request, added)
    step = respond(context, up, request, ours, proof, *added, *answer)
    return replace(
        step,
        armed=(*step.armed, *ike_timers(context, up), *armed, *redirect_timers(context, up)),
        events=("ike-sa-established", *(["child-sa-established"] if up.children else [])),
    ).then(_replaced(context, sa))


def _proof(context: Context, sa: IkeSa, ours: Any) -> v2.Authentication:
    return v2.Authentication(method=AuthMethod.SHARED_KEY, data=our_auth(context, sa, ours))


def authenticated(context: Context, sa: IkeSa) -> IkeSa:
    """The SA whose peer has just proved itself: from now its authentication counts (RFC 4478)."""
    return replace(sa, session=replace(sa.session, authenticated=context.now))


def _notifies(payloads: tuple[Any, ...], *kinds: int) -> bool:
    return any(isinstance(p, v2.Notify) and p.notify_type in kinds for p in payloads)


@TABLE.decision(rfc="7296/2.15")
def believes(context: Context, sa: IkeSa, who: Any, auth: Any) -> bool:
    """Whether the peer is who it must be, and its AUTH proves the pre-shared key."""
    assert sa.keys is not None
    if sa.resumed is not None:
        return bool(context.decide("believes_resumed", sa, who, auth))
    if auth.method != AuthMethod.SHARED_KEY or not context.decide("knows", who):
        return False
    prf = sa.keys.suite.prf
    sk_p = sa.keys.sk_pr if sa.we_started else sa.keys.sk_pi
    theirs, nonce = (sa.init_response, sa.ni) if sa.we_started else (sa.init_request, sa.nr)
    expected = psk_auth(
        prf, context.configuration.psk, signed_octets(theirs, nonce, who.body, sk_p, prf) + sa.int_auth.octets
    )
    return hmac.compare_digest(expected, auth.data)


@TABLE.decision(rfc="7296/2.15")
def knows(context: Context, who: Any) -> bool:
    """Whether the configuration has a peer of this identity; without one configured, every identity will do."""
    wanted = context.configuration.remote_id
    return wanted is None or own_id(wanted, type(who)).body == who.body


@TABLE.decision(rfc="5723/4.3.3")
def believes_resumed(context: Context, sa: IkeSa, who: Any, auth: Any) -> bool:
    """Whether the peer is who its ticket says, and its AUTH proves the fresh keys."""
    assert sa.keys is not None
    assert sa.resumed is not None
    if who.body != sa.resumed.id_i:
        return False
    prf, sk_p = sa.keys.suite.prf, sa.keys.sk_pi
    signed = signed_octets(sa.init_request, sa.nr, who.body, sk_p, prf) + sa.int_auth.octets
    return hmac.compare_digest(resumed_auth(prf, sk_p, signed), auth.data)


def _resumed_proof(sa: IkeSa, ours: Any) -> v2.Authentication:
    """Our AUTH in a resumed session, by SK_pr instead of a shared secret (RFC 5723 section 4.3.3)."""
    assert sa.keys is not None
    prf, sk_p = sa.keys.suite.prf, sa.keys.sk_pr
    signed = signed_octets(sa.init_response, sa.ni, ours.body, sk_p, prf) + sa.int_auth.octets
    return v2.Authentication(method=AuthMethod.SHARED_KEY, data=resumed_auth(prf, sk_p, signed))


def _replaced(context: Context, sa: IkeSa) -> Step:
    """The SA that a ticket told of goes silently once the resumed one is up (RFC 5723 section 4.3.4)."""
    old = None if sa.resumed is None else context.world.find(sa.resumed.spi_r)
    if not isinstance(old, IkeSa) or sa.resumed is None or old.spi_i != sa.resumed.spi_i:
        return NOTHING
    return Step(gone=(old.ours,), events=("ike-sa-resumed",))


def our_auth(context: Context, sa: IkeSa, ours: Any) -> bytes:
    """Our AUTH data over our first message, the peer's nonce and our identity (section 2.15)."""
    assert sa.keys is not None
    prf = sa.keys.suite.prf
    sk_p = sa.keys.sk_pi if sa.we_started else sa.keys.sk_pr
    message, nonce = (sa.init_request, sa.nr) if sa.we_started else (sa.init_response, sa.ni)
    return psk_auth(
        prf,
        context.configuration.psk,
        signed_octets(message, nonce, ours.body, sk_p, prf) + sa.int_auth.octets,
    )


def own_id(identity: Identity, payload: type) -> Any:
    """An ID payload of the given class for a configured identity (section 3.5)."""
    return payload(id_type=identity.id_type, data=identity.data)


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
