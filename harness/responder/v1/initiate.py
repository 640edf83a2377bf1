"""What an IKEv1 device begins by itself, and what it does with the answers.

Every function here that begins an exchange is reached only where `Context.may` says that the profile permits it;
Deletes and liveness checks, which every profile permits, are not here.
"""

from harness.codes import AttributeP1, Exchange
from harness.crypto.key_exchange import InvalidPublicValue, key_exchange
from harness.profile import Start
from harness.responder.context import Context, Incoming
from harness.responder.step import NOTHING, Step, drop
from harness.responder.table import TABLE
from harness.responder.v1 import peers
from harness.responder.v1.authentication import (
    certificate_requests,
    disbelieved,
    keyed,
    our_proof,
    own_identity,
)
from harness.responder.v1.guards import NONCE_OCTETS as ACCEPTABLE_NONCE
from harness.responder.v1.lifetimes import isakmp_timers
from harness.responder.v1.main import (
    established_by_us,
    fresh_cookie,
    vendor_ids,
)
from harness.responder.v1.messages import (
    NONCE_OCTETS,
    clear,
    delete_isakmp,
    last_block,
    on_its_way,
    repeated_later,
    sealed,
    tell,
)
from harness.responder.v1.nat import floated, nat_payloads, noticed
from harness.responder.v1.proposals import (
    accepted_suite,
    isakmp_attributes,
    isakmp_offer,
    offered_policies,
)
from harness.responder.v1.state import NO_COOKIE, IsakmpSa, Phase1
from harness.values import replace
from harness.wire import v1


def start_phase1(context: Context, renews: IsakmpSa | None = None) -> Step:
    """Begin an ISAKMP SA towards the configured peer, or the successor of one that stands."""
    local, peer = (context.local, context.peer) if renews is None else (renews.local, renews.remote)
    if local is None or peer is None:
        return drop("no peer is configured to start anything with")
    if not offered_policies(context):
        return drop("no policy could be served")
    sa = IsakmpSa(
        ours=(cookie := fresh_cookie(context)),
        cky_i=cookie,
        cky_r=NO_COOKIE,
        local=local,
        remote=peer,
        we_started=True,
        natt=renews is not None and renews.natt,
        renews=b"" if renews is None else renews.ours,
        born=context.now,
        heard=context.now,
    )
    begin = _aggressive_1 if context.configuration.initiate_mode == "aggressive" else _main_1
    return _waiting(context, begin(context, sa), "sent phase-1")


def _main_1(context: Context, sa: IsakmpSa) -> IsakmpSa:
    configuration = context.configuration
    offer = isakmp_offer(offered_policies(context), configuration.lifetimes.ike_hard)
    octets = clear(sa, Exchange.IDENTITY_PROTECTION, offer, *vendor_ids(context, sa))
    return replace(sa, state=Phase1.MAIN_1, offer=offer, sent=octets)


def _aggressive_1(context: Context, sa: IsakmpSa) -> IsakmpSa:
    """The group is settled by the KE payload, so every transform names the same (RFC 2409 section 5)."""
    configuration = context.configuration
    ours = offered_policies(context)
    group = ours[0].group
    policies = [policy for policy in ours if policy.group == group]
    offer = isakmp_offer(policies, configuration.lifetimes.ike_hard)
    private, ni = key_exchange(group).private(context.entropy), context.entropy.octets(NONCE_OCTETS)
    octets = clear(
        sa,
        Exchange.AGGRESSIVE,
        offer,
        v1.KeyExchange(data=private.public),
        v1.Nonce(data=ni),
        own_identity(context),
        *vendor_ids(context, sa),
    )
    return replace(
        sa,
        state=Phase1.AGGRESSIVE_1,
        offer=offer,
        sent=octets,
        private=private,
        public_i=private.public,
        ni=ni,
    )


def _waiting(context: Context, sa: IsakmpSa, *events: str) -> Step:
    """Our message of phase 1 on its way, to be repeated until it is answered or given up."""
    sa = replace(sa, times_sent=1)
    return Step(
        send=(on_its_way(sa, sa.sent),), changed=(sa,), armed=(repeated_later(context, sa),), events=events
    )


def _agreed(sa: IsakmpSa, answer: Incoming, context: Context) -> IsakmpSa | None:
    """The SA with the policy and the cookie that the peer chose; None if it altered our offer."""
    accepted = answer.find(v1.SecurityAssociation)
    if accepted is None or sa.offer is None or answer.message.spi_r == NO_COOKIE:
        return None
    taken = accepted_suite(sa.offer, accepted, AttributeP1.LIFE_TYPE, AttributeP1.LIFE_DURATION)
    if not taken:
        return None
    ((_, transform),) = taken
    basic = {a.type: a.value for a in transform.attributes}
    policy = next(p for p in offered_policies(context) if isakmp_attributes(p).items() <= basic.items())
    return peers.announced(
        replace(sa, cky_r=answer.message.spi_r, policy=policy, received=answer.octets), answer
    )


@TABLE.on(Phase1.MAIN_1, Exchange.IDENTITY_PROTECTION, rfc="2409/5", response=True)
def take_main_2(context: Context, sa: IsakmpSa, answer: Incoming) -> Step:
    """The peer took one of our transforms unmodified: send public value and nonce."""
    agreed = _agreed(sa, answer, context)
    if agreed is None or agreed.policy is None:
        return drop("the answer is not one of our transforms as we offered it")
    private = key_exchange(agreed.policy.group).private(context.entropy)
    ni = context.entropy.octets(NONCE_OCTETS)
    ke = v1.KeyExchange(data=private.public)
    asked = certificate_requests(context, agreed)
    detection = nat_payloads(agreed, agreed.remote, agreed.local)
    octets = clear(agreed, Exchange.IDENTITY_PROTECTION, ke, v1.Nonce(data=ni), *asked, *detection)
    sent = replace(agreed, state=Phase1.MAIN_3, sent=octets, private=private, public_i=private.public, ni=ni)
    return _waiting(context, sent)


def _with_keys(context: Context, sa: IsakmpSa, answer: Incoming) -> IsakmpSa | str:
    """The SA with the secrets of both public values, or why there are none."""
    theirs, nonce = answer.find(v1.KeyExchange), answer.find(v1.Nonce)
    if theirs is None or nonce is None or len(nonce.data) not in ACCEPTABLE_NONCE or sa.private is None:
        return "no KE payload, or no nonce of 8 to 256 octets"
    try:
        shared = sa.private.shared(theirs.data)
    except InvalidPublicValue as error:
        return f"KE payload refused: {error.why}"
    return keyed(context, replace(sa, nr=nonce.data, public_r=theirs.data, received=answer.octets), shared)


@TABLE.on(Phase1.MAIN_3, Exchange.IDENTITY_PROTECTION, rfc="2409/5.4", response=True)
def take_main_4(context: Context, sa: IsakmpSa, answer: Incoming) -> Step:
    """There are keys: show who we are, encrypted."""
    made = _with_keys(context, noticed(peers.announced(sa, answer), answer), answer)
    if isinstance(made, str):
        return drop(made)
    made = floated(made)
    ours = own_identity(context)
    contact = context.decide("first_contact", made, b"")
    payloads = (ours, *our_proof(context, made, ours), *contact)
    octets = sealed(made, Exchange.IDENTITY_PROTECTION, 0, made.iv, payloads)
    sent = replace(made, state=Phase1.MAIN_5, sent=octets, iv=last_block(made, octets), private=None)
    return _waiting(context, sent)


@TABLE.on(Phase1.MAIN_5, Exchange.IDENTITY_PROTECTION, rfc="2409/5.4", response=True)
def take_main_6(context: Context, sa: IsakmpSa, answer: Incoming) -> Step:
    """Believe the peer; phase 1 is done, and Quick Mode follows."""
    refusal = _disbelieved(context, sa, answer)
    if refusal is not None:
        return drop(refusal)
    who = answer.find(v1.Identification)
    last = last_block(sa, answer.octets)
    up = established_by_us(context, peers.announced(sa, answer), answer, who.body, last=last)
    step = Step(changed=(up,))
    if not up.renews:
        step = step.then(context.decide("heed_initial_contact", up, answer))
    return _done(context, up, step)


def _disbelieved(context: Context, sa: IsakmpSa, answer: Incoming) -> str | None:
    """Why the peer's identity and HASH_R or SIG_R are not believed, or None."""
    who = answer.find(v1.Identification)
    if who is None:
        return "no identity"
    refusal = disbelieved(context, sa, who.body, answer)
    if refusal is not None:
        return f"the proof of phase 1 is wrong: {refusal.name}"
    return None if context.decide("isakmp_knows", who) else "an identity that is not acceptable"


@TABLE.on(Phase1.AGGRESSIVE_1, Exchange.AGGRESSIVE, rfc="2409/5.4", response=True)
def take_aggressive_2(context: Context, sa: IsakmpSa, answer: Incoming) -> Step:
    """Believe the peer and prove ourselves, encrypted; phase 1 is done, and Quick Mode follows."""
    agreed = _agreed(sa, answer, context)
    if agreed is None:
        return drop("the answer is not one of our transforms as we offered it")
    made = _with_keys(context, noticed(agreed, answer), answer)
    if isinstance(made, str):
        return drop(made)
    refusal = _disbelieved(context, made, answer)
    if refusal is not None:
        return drop(refusal)
    proof = our_proof(context, made, own_identity(context))
    detection = nat_payloads(made, made.remote, made.local)
    octets = sealed(made, Exchange.AGGRESSIVE, 0, made.iv, (*proof, *detection))
    who = answer.find(v1.Identification)
    done = established_by_us(context, made, answer, who.body, sent=octets, last=last_block(made, octets))
    up = floated(done)
    told = tell(context, up, *context.decide("first_contact", up, up.peer_id))
    after = told.changed[0]
    assert isinstance(after, IsakmpSa)
    return _done(context, after, Step(send=(on_its_way(up, octets),)).then(told))


def _done(context: Context, up: IsakmpSa, step: Step) -> Step:
    """Phase 1 that we began is done: the successor takes over, or the first Quick Mode follows."""
    events = (*step.events, "isakmp-sa-established")
    step = replace(step, armed=(*step.armed, *isakmp_timers(context, up)), events=events)
    old = context.world.find(up.renews)
    if isinstance(old, IsakmpSa) and old.up:
        told = tell(context, old, delete_isakmp(old))
        ended = Step(send=told.send, gone=(old.ours,), events=("isakmp-sa-renewed",))
        return step.then(ended).then(peers.inherit(context, (up,), old.children))
    return step.then(context.decide("goes_on", up))


# What was lost


def recreate(context: Context, sa: IsakmpSa) -> Step:
    """Where the profile lets this end make lost SAs again, a new ISAKMP SA is begun."""
    return start_phase1(context, sa) if context.may(Start.RECREATE) else NOTHING
