"""RFC 7296 section 2.15: IKE_AUTH, seen from the responder: who the peer is, who we are, the first child."""

import hmac
from dataclasses import replace
from typing import Any

from harness.codes import AuthMethod, Exchange, Group, NotifyType
from harness.profile import Identity
from harness.responder.context import Context, Incoming
from harness.responder.state import IkeSa, State
from harness.responder.step import Armed, Step
from harness.responder.table import TABLE
from harness.responder.v2.initial import child_timers, ike_timers, make_child
from harness.responder.v2.messages import closed, refuse, respond
from harness.sa.v2 import psk_auth, signed_octets
from harness.wire import v2


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
    ours = own_id(context.configuration.local_id, v2.IdResponder)
    proof = v2.Authentication(method=AuthMethod.SHARED_KEY, data=our_auth(context, sa, ours))
    up, added = context.extended("auth", up, request)
    up, answer, armed = _first_child(context, up, request)
    step = respond(context, up, request, ours, proof, *added, *answer)
    return replace(
        step,
        armed=(*step.armed, *ike_timers(context, up), *armed),
        events=("ike-sa-established", *(["child-sa-established"] if up.children else [])),
    )


@TABLE.decision(rfc="7296/2.15")
def believes(context: Context, sa: IkeSa, who: Any, auth: Any) -> bool:
    """Whether the peer is who it must be, and its AUTH proves the pre-shared key."""
    assert sa.keys is not None
    if auth.method != AuthMethod.SHARED_KEY or not context.decide("knows", who):
        return False
    prf = sa.keys.suite.prf
    sk_p = sa.keys.sk_pr if sa.we_started else sa.keys.sk_pi
    theirs, nonce = (sa.init_response, sa.ni) if sa.we_started else (sa.init_request, sa.nr)
    expected = psk_auth(prf, context.configuration.psk, signed_octets(theirs, nonce, who.body, sk_p, prf))
    return hmac.compare_digest(expected, auth.data)


@TABLE.decision(rfc="7296/2.15")
def knows(context: Context, who: Any) -> bool:
    """Whether the configuration has a peer of this identity; without one configured, every identity will do."""
    wanted = context.configuration.remote_id
    return wanted is None or own_id(wanted, type(who)).body == who.body


def our_auth(context: Context, sa: IkeSa, ours: Any) -> bytes:
    """Our AUTH data over our first message, the peer's nonce and our identity (section 2.15)."""
    assert sa.keys is not None
    prf = sa.keys.suite.prf
    sk_p = sa.keys.sk_pi if sa.we_started else sa.keys.sk_pr
    message, nonce = (sa.init_request, sa.nr) if sa.we_started else (sa.init_response, sa.ni)
    return psk_auth(prf, context.configuration.psk, signed_octets(message, nonce, ours.body, sk_p, prf))


def own_id(identity: Identity, payload: type) -> Any:
    """An ID payload of the given class for a configured identity (section 3.5)."""
    return payload(id_type=identity.id_type, data=identity.data)


def _first_child(
    context: Context, sa: IkeSa, request: Incoming
) -> tuple[IkeSa, tuple[Any, ...], tuple[tuple[bytes, Armed], ...]]:
    """The child asked for in IKE_AUTH, or the notify that says why not; the IKE SA stays either way (section 1.2)."""
    offer = request.find(v2.SecurityAssociation)
    if offer is None:
        return sa, (), ()
    made = make_child(context, sa, request, offer, Group.NONE, sa.ni, sa.nr, b"")
    if isinstance(made, NotifyType):
        return sa, (v2.Notify(notify_type=made),), ()
    child, payloads = made
    return sa.with_child(child), payloads, child_timers(context, sa, child)
