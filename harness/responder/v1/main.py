"""RFC 2409 sections 5 and 5.4: Main Mode and Aggressive Mode with a pre-shared key, seen from the responder."""

from typing import Any

from harness.codes import AttributeP1, Exchange, NotifyTypeV1
from harness.crypto.key_exchange import InvalidPublicValue, key_exchange
from harness.responder.context import Context, Incoming
from harness.responder.state import Timer
from harness.responder.step import Armed, Step, drop
from harness.responder.table import TABLE
from harness.responder.v1 import peers
from harness.responder.v1.authentication import (
    certificate_requests,
    disbelieved,
    keyed,
    method_of,
    our_proof,
    own_identity,
    right_key,
)
from harness.responder.v1.guards import NONCE_OCTETS as ACCEPTABLE_NONCE
from harness.responder.v1.lifetimes import isakmp_timers
from harness.responder.v1.messages import (
    NONCE_OCTETS,
    clear,
    complain,
    last_block,
    notify_about,
    repeated_later,
    sealed,
    tell,
)
from harness.responder.v1.nat import moved, nat_payloads, noticed
from harness.responder.v1.proposals import ChosenIsakmp, life_attributes, shortest
from harness.responder.v1.state import NO_COOKIE, IsakmpSa, Phase1
from harness.sa.nat_traversal import FORMS
from harness.sa.v1 import (
    BOTH_MODES,
    VID_DPD,
    VID_FRAGMENTATION,
    VID_UNITY,
    VID_XAUTH,
)
from harness.values import replace
from harness.wire import v1

WRONG_PROOF = "the proof of phase 1 is wrong"
UNKNOWN_IDENTITY = "an identity that is not acceptable"


@TABLE.on(Phase1.IDLE, Exchange.IDENTITY_PROTECTION, rfc="2409/5")
def answer_main_1(context: Context, sa: IsakmpSa, request: Incoming) -> Step:
    """Take one transform of the offer, and give the peer a cookie."""
    chosen = context.decide("choose_isakmp", request.find(v1.SecurityAssociation), None)
    if chosen is None:
        return complain(context, request, NotifyTypeV1.NO_PROPOSAL_CHOSEN, "no transform is acceptable")
    made = _begin(context, request, chosen)
    octets = clear(made, Exchange.IDENTITY_PROTECTION, chosen.accepted, *vendor_ids(context, made))
    return _half_open(context, request, replace(made, state=Phase1.MAIN_2, sent=octets))


@TABLE.on(Phase1.IDLE, Exchange.BASE, rfc="2408/4.4")
@TABLE.on(Phase1.IDLE, Exchange.AUTHENTICATION_ONLY, rfc="2408/4.6")
def refuse_mode(context: Context, sa: IsakmpSa, request: Incoming) -> Step:
    """Base and Authentication Only exchanges are no modes of IKE (RFC 2409 section 4)."""
    why = f"exchange {request.message.exchange} is not served"
    return complain(context, request, NotifyTypeV1.UNSUPPORTED_EXCHANGE_TYPE, why)


def _begin(context: Context, request: Incoming, chosen: ChosenIsakmp) -> IsakmpSa:
    """The ISAKMP SA as the peer's first message makes it."""
    cookie = fresh_cookie(context)
    return peers.announced(
        IsakmpSa(
            ours=cookie,
            cky_i=request.message.spi_i,
            cky_r=cookie,
            local=request.datagram.destination,
            remote=request.datagram.source,
            policy=chosen.policy,
            lifetime=chosen.lifetime,
            offered_lifetime=chosen.offered_lifetime,
            init_request=request.octets,
            received=request.octets,
            offer=request.find(v1.SecurityAssociation),
            natt=request.natt,
            born=context.now,
            heard=context.now,
        ),
        request,
    )


def fresh_cookie(context: Context) -> bytes:
    """A cookie that is neither zero nor in use (RFC 2408 section 2.5.3)."""
    cookie = context.entropy.octets(8)
    return fresh_cookie(context) if cookie == NO_COOKIE or context.world.find(cookie) is not None else cookie


def vendor_ids(context: Context, sa: IsakmpSa) -> tuple[v1.VendorId, ...]:
    """What we can do besides: liveness checks always, NAT traversal in the peer's form, or in all when we begin."""
    config = context.configuration.version1
    forms = FORMS if sa.state is Phase1.IDLE and sa.we_started else (sa.nat_t,)
    said = [VID_DPD, *(form.vendor_id for form in forms if form is not None)]
    if config.fragmentation is not None:
        said.append(VID_FRAGMENTATION + BOTH_MODES)
    if config.xauth is not None:
        said.append(VID_XAUTH)
    if config.mode_config.unity:
        said.append(VID_UNITY)
    return tuple(v1.VendorId(data=data) for data in said)


def _half_open(context: Context, request: Incoming, sa: IsakmpSa) -> Step:
    """The answer to a first message: never repeated unasked, since the peer's address is not yet proved.

    With too many unfinished exchanges the oldest makes room for a new one (RFC 2408 section 1.7.1).
    """
    due = Armed(context.now + context.configuration.lifetimes.half_open, Timer.HALF_OPEN)
    defence, world = context.configuration.defence, context.world
    oldest = world.oldest_half_open(1) if world.half_open_count() >= defence.half_open else None
    return Step(
        send=(request.reply(sa.sent),),
        changed=(sa,),
        gone=() if oldest is None else (oldest,),
        armed=((sa.ours, due),),
        events=("half-open",),
    )


@TABLE.on(Phase1.MAIN_2, Exchange.IDENTITY_PROTECTION, rfc="2409/5.4")
def answer_main_3(context: Context, sa: IsakmpSa, request: Incoming) -> Step:
    """Exchange public values and nonces; from here on there are keys."""
    offered, nonce = request.find(v1.KeyExchange), request.find(v1.Nonce)
    if offered is None or nonce is None or len(nonce.data) not in ACCEPTABLE_NONCE:
        return drop("no KE payload, or no nonce of 8 to 256 octets")
    agreed = agree(context, noticed(peers.announced(sa, request), request), offered.data, nonce.data)
    if isinstance(agreed, str):
        return complain(context, request, NotifyTypeV1.INVALID_KEY_INFORMATION, agreed)
    octets = clear(
        agreed,
        Exchange.IDENTITY_PROTECTION,
        v1.KeyExchange(data=agreed.public_r),
        v1.Nonce(data=agreed.nr),
        *certificate_requests(context, agreed),
        *nat_payloads(agreed, request.datagram.source, request.datagram.destination),
    )
    waiting = replace(
        moved(agreed, request), state=Phase1.MAIN_4, received=request.octets, sent=octets, times_sent=1
    )
    return Step(send=(request.reply(octets),), changed=(waiting,), armed=(repeated_later(context, waiting),))


def agree(context: Context, sa: IsakmpSa, public_i: bytes, ni: bytes) -> IsakmpSa | str:
    """The SA with our half of the key exchange and the secrets, or why the peer's public value is refused."""
    assert sa.policy is not None
    private = key_exchange(sa.policy.group).private(context.entropy)
    try:
        shared = private.shared(public_i)
    except InvalidPublicValue as error:
        return f"KE payload refused: {error.why}"
    nr = context.entropy.octets(NONCE_OCTETS)
    return keyed(context, replace(sa, ni=ni, nr=nr, public_i=public_i, public_r=private.public), shared)


@TABLE.on(Phase1.MAIN_4, Exchange.IDENTITY_PROTECTION, rfc="2409/5.4")
def answer_main_5(context: Context, sa: IsakmpSa, request: Incoming) -> Step:
    """Believe the peer's identity and HASH_I or SIG_I; then show our own, and phase 1 is done."""
    who = request.find(v1.Identification)
    if who is None or not _proof_in(request):
        return drop("no identity, or nothing that proves it")
    refusal = disbelieved(context, sa, who.body, request)
    if refusal is not None:
        return complain(context, request, refusal, WRONG_PROOF)
    known = context.identified(who.body)
    if not known.decide("isakmp_knows", who) or not right_key(context, sa, known):
        refused = complain(context, request, NotifyTypeV1.INVALID_ID_INFORMATION, UNKNOWN_IDENTITY)
        return replace(refused, gone=(sa.ours,))

    context = known
    arrived = peers.announced(sa, request)
    ours = own_identity(context)
    extra = (*_responder_lifetime(sa), *context.decide("first_contact", arrived, who.body))
    octets = sealed(
        sa,
        Exchange.IDENTITY_PROTECTION,
        0,
        last_block(sa, request.octets),
        (ours, *our_proof(context, arrived, ours), *extra),
    )
    up = _established(context, arrived, request, who.body, sent=octets, last=last_block(sa, octets))
    step = Step(send=(request.reply(octets),), changed=(up,), events=("isakmp-sa-established",))
    step = replace(step, armed=isakmp_timers(context, up))
    return step.then(context.decide("heed_initial_contact", up, request)).then(context.decide("goes_on", up))


def _proof_in(message: Incoming) -> bool:
    """Whether a message has anything that could prove an identity."""
    return message.find(v1.Hash) is not None or message.find(v1.Signature) is not None


def _responder_lifetime(sa: IsakmpSa) -> tuple[v1.Notify, ...]:
    """RESPONDER-LIFETIME, where ours is shorter than what was offered (RFC 2407 section 4.6.3.1)."""
    if sa.lifetime is None or sa.offered_lifetime is None or sa.lifetime >= sa.offered_lifetime:
        return ()
    life = life_attributes(AttributeP1.LIFE_TYPE, AttributeP1.LIFE_DURATION, int(sa.lifetime))
    return (notify_about(sa, NotifyTypeV1.RESPONDER_LIFETIME, b"".join(a.encode() for a in life)),)


def _established(
    context: Context, sa: IsakmpSa, message: Incoming, peer_id: bytes, *, sent: bytes, last: bytes
) -> IsakmpSa:
    """The SA with phase 1 done, its end counted from now."""
    return replace(
        moved(noticed(sa, message), message),
        state=Phase1.ESTABLISHED,
        xauth_due=_asks_user(sa),
        peer_id=peer_id,
        received=message.octets,
        sent=sent,
        last_block=last,
        private=None,
        certificates=(),
        born=context.now,
        heard=context.now,
    )


def _asks_user(sa: IsakmpSa) -> bool:
    """Whether the method of phase 1 has XAUTH ask the peer for its user (draft-beaulieu-ike-xauth section 7.2)."""
    method = method_of(sa)
    return method.asks_responder if sa.we_started else method.asks_initiator


def established_by_us(
    context: Context, sa: IsakmpSa, message: Incoming, peer_id: bytes, *, sent: bytes = b"", last: bytes
) -> IsakmpSa:
    """The SA that we began, with phase 1 done; the lifetime that we offered counts."""
    assert sa.policy is not None
    done = _established(context, sa, message, peer_id, sent=sent, last=last)
    return replace(done, lifetime=shortest(sa.policy.lifetime, context.configuration.lifetimes.ike_hard))


# Aggressive Mode


@TABLE.on(Phase1.IDLE, Exchange.AGGRESSIVE, rfc="2409/5.4")
def answer_aggressive_1(context: Context, sa: IsakmpSa, request: Incoming) -> Step:
    """Everything at once: one transform, our public value and nonce, who we are, and HASH_R or SIG_R."""
    if not context.configuration.aggressive:
        why = "Aggressive Mode is not configured"
        return complain(context, request, NotifyTypeV1.UNSUPPORTED_EXCHANGE_TYPE, why)
    offered, nonce, who = (request.find(kind) for kind in (v1.KeyExchange, v1.Nonce, v1.Identification))
    if offered is None or nonce is None or who is None or len(nonce.data) not in ACCEPTABLE_NONCE:
        return drop("no KE payload, no identity, or no nonce of 8 to 256 octets")
    context = context.identified(who.body)
    if not context.decide("isakmp_knows", who):
        return complain(context, request, NotifyTypeV1.INVALID_ID_INFORMATION, UNKNOWN_IDENTITY)
    offer = request.find(v1.SecurityAssociation)
    chosen = context.decide("choose_isakmp", offer, len(offered.data))
    if chosen is None:
        return complain(context, request, NotifyTypeV1.NO_PROPOSAL_CHOSEN, "no transform is acceptable")
    agreed = agree(context, _begin(context, request, chosen), offered.data, nonce.data)
    if isinstance(agreed, str):
        return complain(context, request, NotifyTypeV1.INVALID_KEY_INFORMATION, agreed)
    return _half_open(context, request, _aggressive_2(context, agreed, request, chosen, who.body))


def _aggressive_2(
    context: Context, sa: IsakmpSa, request: Incoming, chosen: ChosenIsakmp, peer_id: bytes
) -> IsakmpSa:
    ours = own_identity(context)
    payloads: tuple[Any, ...] = (
        chosen.accepted,
        v1.KeyExchange(data=sa.public_r),
        v1.Nonce(data=sa.nr),
        ours,
        *certificate_requests(context, sa),
        *our_proof(context, sa, ours),
        *vendor_ids(context, sa),
        *nat_payloads(sa, request.datagram.source, request.datagram.destination),
    )
    octets = clear(sa, Exchange.AGGRESSIVE, *payloads)
    return replace(sa, state=Phase1.AGGRESSIVE_2, peer_id=peer_id, sent=octets)


@TABLE.on(Phase1.AGGRESSIVE_2, Exchange.AGGRESSIVE, rfc="2409/5.4")
def take_aggressive_3(context: Context, sa: IsakmpSa, request: Incoming) -> Step:
    """Believe HASH_I or SIG_I over the identity of the first message, in clear or encrypted; then phase 1 is done.

    Status notifies have no place in Aggressive Mode: none is heeded (RFC 2407 section 4.6.3).
    """
    assert sa.secrets is not None
    if not _proof_in(request):
        return drop("nothing that proves the identity")
    refusal = disbelieved(context, sa, sa.peer_id, request)
    if refusal is not None:
        return complain(context, request, refusal, WRONG_PROOF)
    last = last_block(sa, request.octets) if request.message.encrypted else sa.secrets.iv0
    up = _established(context, peers.announced(sa, request), request, sa.peer_id, sent=b"", last=last)
    told = tell(
        context, up, *context.decide("first_contact", up, up.peer_id)
    )  # 2407/4.6.3: not inside Aggressive Mode
    step = replace(told, armed=isakmp_timers(context, up), events=("isakmp-sa-established",))
    return step.then(context.decide("goes_on", told.changed[0]))
