"""RFC 7296 section 1.2: IKE_SA_INIT and IKE_AUTH, seen from the responder."""

import hmac
from dataclasses import replace
from typing import Any

from harness.codes import AuthMethod, Exchange, Group, NotifyType
from harness.crypto.key_exchange import InvalidPublicValue, key_exchange
from harness.profile import ChildProposal, Identity, IkeProposal
from harness.responder.context import Context, Incoming
from harness.responder.policy import Chosen, selectors_payload
from harness.responder.state import ChildSa, IkeSa, State, Timer
from harness.responder.step import Armed, Step, drop
from harness.responder.table import TABLE
from harness.responder.v2.messages import RESPONSE, closed, refuse, respond, unprotected
from harness.sa.v2 import (
    ChildSuite,
    Suite,
    child_keys,
    ike_keys,
    nat_detection,
    psk_auth,
    signed_octets,
)
from harness.wire import Message, v2

NONCE_OCTETS = 32


@TABLE.on(State.IDLE, Exchange.IKE_SA_INIT, rfc="7296/1.2")
def answer_ike_sa_init(context: Context, sa: IkeSa, request: Incoming) -> Step:
    """Take one proposal and send our half of the key exchange, or say what we could take."""
    chosen = context.decide("choose_ike", request.find(v2.SecurityAssociation), 0)
    if chosen is None:
        return Step(send=(unprotected(request, v2.Notify(notify_type=NotifyType.NO_PROPOSAL_CHOSEN)),))
    offered = request.find(v2.KeyExchange)
    if offered.group != chosen.group:  # 7296/1.2: name the group we want
        wanted = v2.Notify(notify_type=NotifyType.INVALID_KE_PAYLOAD, data=chosen.group.to_bytes(2, "big"))
        return Step(send=(unprotected(request, wanted),))

    private = key_exchange(chosen.group).private(context.entropy)
    try:
        shared = private.shared(offered.data)
    except InvalidPublicValue as error:
        return drop(f"KE payload refused: {error.why}")
    nr, spi_r = context.entropy.octets(NONCE_OCTETS), fresh_spi(context)
    return _half_open(context, request, chosen, spi_r, nr, private.public, shared)


def _half_open(
    context: Context,
    request: Incoming,
    chosen: Chosen[IkeProposal],
    spi_r: bytes,
    nr: bytes,
    public: bytes,
    shared: bytes,
) -> Step:
    message, ni = request.message, request.find(v2.Nonce).data
    here, there = request.datagram.destination, request.datagram.source
    response = Message(
        spi_i=message.spi_i,
        spi_r=spi_r,
        exchange=Exchange.IKE_SA_INIT,
        flags=RESPONSE,
        message_id=0,
        payloads=(
            chosen.payload(b""),
            v2.KeyExchange(group=chosen.group, data=public),
            v2.Nonce(data=nr),
            *nat_notifies(message.spi_i, spi_r, here, there),
        ),
    ).encode()
    suite = chosen.suite
    keys = ike_keys(
        Suite(suite.encr, suite.key_bits, suite.integ, suite.prf, chosen.group),
        message.spi_i,
        spi_r,
        ni,
        nr,
        shared,
    )
    sa = IkeSa(
        ours=spi_r,
        spi_i=message.spi_i,
        spi_r=spi_r,
        local=here,
        remote=there,
        state=State.HALF_OPEN,
        suite=chosen.suite,
        keys=keys,
        init_request=request.octets,
        init_response=response,
        ni=ni,
        nr=nr,
        natt=request.natt,
        born=context.now,
        heard=context.now,
        expected=1,
        answered=0,
    )
    due = Armed(context.now + context.configuration.lifetimes.half_open, Timer.HALF_OPEN)
    return Step(send=(request.reply(response),), changed=(sa,), armed=((spi_r, due),), events=("half-open",))


def fresh_spi(context: Context) -> bytes:
    """An IKE SPI that is neither zero nor in use."""
    spi = context.entropy.octets(8)
    return fresh_spi(context) if spi == bytes(8) or context.world.find(spi) is not None else spi


def nat_notifies(spi_i: bytes, spi_r: bytes, here: Any, there: Any) -> tuple[v2.Notify, v2.Notify]:
    """NAT_DETECTION_SOURCE_IP of our end and NAT_DETECTION_DESTINATION_IP of the peer's (section 2.23)."""
    return (
        v2.Notify(
            notify_type=NotifyType.NAT_DETECTION_SOURCE_IP,
            data=nat_detection(spi_i, spi_r, here.address, here.port),
        ),
        v2.Notify(
            notify_type=NotifyType.NAT_DETECTION_DESTINATION_IP,
            data=nat_detection(spi_i, spi_r, there.address, there.port),
        ),
    )


@TABLE.on(State.HALF_OPEN, Exchange.IKE_AUTH, rfc="7296/1.2")
def answer_ike_auth(context: Context, sa: IkeSa, request: Incoming) -> Step:
    """Believe the peer's AUTH or refuse it; then show our own, and make the first child."""
    who, auth = request.find(v2.IdInitiator), request.find(v2.Authentication)
    if who is None:
        return closed(context, refuse(context, sa, request, NotifyType.INVALID_SYNTAX), "ike-sa-gone")
    if auth is None or not context.decide(
        "believes", sa, who, auth
    ):  # 7296/2.16: without AUTH it asks for EAP
        return closed(context, refuse(context, sa, request, NotifyType.AUTHENTICATION_FAILED), "ike-sa-gone")

    up = replace(sa, state=State.ESTABLISHED, peer_id=who.body, born=context.now)
    ours = own_id(context.configuration.local_id, v2.IdResponder)
    proof = v2.Authentication(method=AuthMethod.SHARED_KEY, data=our_auth(context, sa, ours))
    up, answer, armed = _first_child(context, up, request)
    step = respond(context, up, request, ours, proof, *answer)
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


def ike_timers(context: Context, sa: IkeSa) -> tuple[tuple[bytes, Armed], ...]:
    """The timers of an IKE SA that has just come up: soft and hard lifetime, liveness."""
    lifetimes, dpd = context.configuration.lifetimes, context.configuration.dpd
    seconds = {Timer.IKE_SOFT: lifetimes.ike_soft, Timer.IKE_HARD: lifetimes.ike_hard}
    if dpd is not None:
        seconds[Timer.LIVENESS] = dpd.interval
    return tuple((sa.ours, Armed(context.now + s, timer)) for timer, s in seconds.items() if s is not None)


def child_timers(context: Context, sa: IkeSa, child: ChildSa) -> tuple[tuple[bytes, Armed], ...]:
    """The soft and hard lifetime of a child that has just come up."""
    lifetimes = context.configuration.lifetimes
    seconds = {Timer.CHILD_SOFT: lifetimes.child_soft, Timer.CHILD_HARD: lifetimes.child_hard}
    return tuple(
        (sa.ours, Armed(context.now + s, timer, child.spi_in))
        for timer, s in seconds.items()
        if s is not None
    )


def inherited_timers(context: Context, heir: IkeSa) -> tuple[tuple[bytes, Armed], ...]:
    """The children's timers on the SA that inherited them: what was left of each lifetime."""
    armed = []
    for child in heir.children:
        aged = context.now - child.born
        armed += [
            (heir.ours, Armed(timer.due - aged, timer.timer, timer.about))
            for _, timer in child_timers(context, heir, child)
            if timer.due - aged > context.now
        ]
    return tuple(armed)


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


def make_child(
    context: Context,
    sa: IkeSa,
    request: Incoming,
    offer: v2.SecurityAssociation,
    ke_group: int,
    ni: bytes,
    nr: bytes,
    shared: bytes,
    chosen: Chosen[ChildProposal] | None = None,
) -> tuple[ChildSa, tuple[Any, ...]] | NotifyType:
    """A child for an offer, with the payloads that accept it: SA, TSi, TSr; or the reason to refuse it."""
    chosen = chosen or context.decide("choose_child", offer, ke_group)
    if chosen is None:
        return NotifyType.NO_PROPOSAL_CHOSEN
    tsi, tsr = request.find(v2.TrafficSelectorsI), request.find(v2.TrafficSelectorsR)
    configuration = context.configuration
    remote = () if tsi is None else context.decide("narrow", tsi.selectors, configuration.remote_subnets)
    local = () if tsr is None else context.decide("narrow", tsr.selectors, configuration.local_subnets)
    if not remote or not local:
        return NotifyType.TS_UNACCEPTABLE

    suite, spi_in = chosen.suite, child_spi(context, sa)
    keymat = ChildSuite(suite.protocol, suite.encr, suite.key_bits, suite.integ, suite.esn)
    assert sa.keys is not None
    keys = child_keys(sa.keys.sk_d, sa.keys.suite.prf, keymat, ni, nr, shared)
    child = ChildSa(spi_in, chosen.spi, suite, local, remote, context.now, keys)
    payloads = (
        chosen.payload(spi_in),
        v2.TrafficSelectorsI(selectors=selectors_payload(remote)),
        v2.TrafficSelectorsR(selectors=selectors_payload(local)),
    )
    return child, payloads


def child_spi(context: Context, sa: IkeSa) -> bytes:
    """A Child SA SPI above the reserved 0 … 255 (RFC 4303 section 2.1) and not in use on this SA."""
    spi = context.entropy.octets(4)
    return child_spi(context, sa) if spi <= b"\0\0\0\xff" or sa.child(spi) is not None else spi
