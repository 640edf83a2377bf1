"""What an IKEv1 device begins by itself, and what it does with the answers.

Every function here that begins an exchange is reached only where `Context.may` says that the profile permits it;
Deletes and liveness checks, which every profile permits, are not here.
"""

from collections.abc import Iterable
from dataclasses import replace

from harness.codes import AttributeP1, AttributeP2, Exchange, LifeType, NotifyTypeV1
from harness.crypto.key_exchange import InvalidPublicValue, key_exchange
from harness.profile import ChildProposal, Start
from harness.responder.context import Context, Incoming
from harness.responder.state import Selector
from harness.responder.step import NOTHING, Step, drop, together
from harness.responder.table import TABLE
from harness.responder.v1 import peers
from harness.responder.v1.authentication import (
    certificate_requests,
    disbelieved,
    keyed,
    our_proof,
    own_identity,
)
from harness.responder.v1.clients import configured_pairs, read_client, write_client
from harness.responder.v1.guards import NONCE_OCTETS as ACCEPTABLE_NONCE
from harness.responder.v1.lifetimes import isakmp_timers
from harness.responder.v1.main import (
    established_by_us,
    fresh_cookie,
    vendor_ids,
)
from harness.responder.v1.messages import (
    COMMIT,
    NONCE_OCTETS,
    clear,
    delete_isakmp,
    first_iv,
    fresh_message_id,
    last_block,
    on_its_way,
    quick_1,
    quick_3,
    repeated_later,
    sealed,
    tell,
)
from harness.responder.v1.nat import floated, nat_payloads, noticed
from harness.responder.v1.proposals import (
    accepted_transform,
    isakmp_attributes,
    isakmp_offer,
    offered_policies,
    read_attributes,
    shortest,
)
from harness.responder.v1.quick import forgotten_later, fresh_spi, ipsec_keys, limited, serve
from harness.responder.v1.state import NO_COOKIE, IpsecSa, IsakmpSa, Phase1, Phase2, Quick
from harness.responder.v1.suites import DEFAULT_LIFETIME_S, ipsec_offer, ipsec_transform
from harness.wire import v1
from harness.wire.generate import Broken


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
    taken = accepted_transform(sa.offer, accepted, AttributeP1.LIFE_TYPE, AttributeP1.LIFE_DURATION)
    if taken is None:
        return None
    basic = {a.type: a.value for a in taken[1].attributes}
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


def start_quick_mode(context: Context, sa: IsakmpSa, second: bool = False) -> Step:
    """Begin a Quick Mode for the first configured pair of subnets, or for the second selector."""
    if sa.xauth_due:
        return drop("XAUTH comes first")
    pairs = configured_pairs(context)
    if second and context.configuration.second_selector is None:
        return drop("no second pair of subnets is configured")
    local, remote = pairs[-1] if second else pairs[0]
    return begin_quick(context, sa, local, remote)


def rekey(context: Context, sa: IsakmpSa, child: IpsecSa) -> Step:
    """Begin the Quick Mode that renews IPsec SAs; the old ones are deleted when it is done."""
    return begin_quick(context, sa, child.local[0], child.remote[0], replaces=child.spi_in)


def begin_quick(
    context: Context, sa: IsakmpSa, local: Selector, remote: Selector, replaces: bytes = b""
) -> Step:
    """The first message of a Quick Mode of our own, to be repeated until it is answered or given up."""
    configuration = context.configuration
    group = configuration.pfs_group
    private = None if group is None else key_exchange(group).private(context.entropy)
    spi, ni = fresh_spi(context, sa), context.entropy.octets(NONCE_OCTETS)
    offer = ipsec_offer(context, sa, spi)
    message_id = fresh_message_id(context, sa)
    asked = Quick(
        message_id=message_id,
        state=Phase2.QUICK_1,
        we_started=True,
        iv=first_iv(sa, message_id),
        ni=ni,
        offer=offer,
        clients=(local, remote),
        private=private,
        ours=spi,
        replaces=replaces,
    )
    payloads = (
        offer,
        v1.Nonce(data=ni),
        *(() if private is None else (v1.KeyExchange(data=private.public),)),
        write_client(local),
        write_client(remote),
    )
    octets = quick_1(sa, asked, payloads)
    asked = replace(asked, sent=octets, iv=last_block(sa, octets))
    after = sa.with_quick(asked)
    return Step(
        send=(on_its_way(after, octets),),
        changed=(after,),
        armed=(repeated_later(context, after, asked),),
        events=("sent quick-mode",),
    )


@TABLE.on(Phase2.QUICK_1, Exchange.QUICK_MODE, rfc="2409/5.5", response=True)
def take_quick_2(context: Context, sa: IsakmpSa, answer: Incoming) -> Step:
    """The peer took one of our transforms for our clients: the IPsec SAs serve, and HASH(3) says so.

    Where the peer set the Commit bit they serve when it has said CONNECTED (RFC 2408 section 3.1).
    """
    quick = sa.exchange(answer.message.message_id)
    assert quick is not None
    child = _child(context, sa, quick, answer)
    if isinstance(child, str):
        return drop(child)
    nonce = answer.find(v1.Nonce)
    ready = replace(quick, nr=nonce.data, iv=last_block(sa, answer.octets))
    octets = quick_3(sa, ready)
    done = replace(
        ready,
        received=answer.octets,
        sent=octets,
        iv=last_block(sa, octets),
        private=None,
        children=(child,),
    )
    said = Step(send=(answer.reply(octets),), armed=(forgotten_later(context, sa, done),))
    sa = replace(sa, heard=context.now)
    if answer.message.flags & COMMIT:
        return said.then(Step(changed=(sa.with_quick(replace(done, state=Phase2.COMMITTING)),)))
    return said.then(serve(context, sa, done))


def _child(context: Context, sa: IsakmpSa, quick: Quick, answer: Incoming) -> IpsecSa | str:
    """The IPsec SAs that the peer agreed to, or why its answer is not taken."""
    accepted, nonce = answer.find(v1.SecurityAssociation), answer.find(v1.Nonce)
    if accepted is None or nonce is None or len(nonce.data) not in ACCEPTABLE_NONCE or quick.offer is None:
        return "no SA payload, or no nonce of 8 to 256 octets"
    taken = accepted_transform(quick.offer, accepted, AttributeP2.SA_LIFE_TYPE, AttributeP2.SA_LIFE_DURATION)
    if taken is None or len(taken[0].spi) != 4:
        return "the answer is not one of our transforms as we offered it"
    clients = tuple(read_client(identity) for identity in answer.all(v1.Identification))
    if quick.clients is None or clients not in ((), quick.clients):
        return "the answer names other clients"
    shared = _pfs_secret(quick, answer)
    if shared is None:
        return "KE payload refused"

    proposal, transform = taken
    suite = _suite_of(context, proposal.protocol, transform)
    assert sa.secrets is not None
    keys = ipsec_keys(sa.secrets, suite, (proposal.spi, quick.ours), quick.ni, nonce.data, shared)
    local, remote = quick.clients
    child = IpsecSa(quick.ours, proposal.spi, suite, (local,), (remote,), context.now, keys, we_started=True)
    offered = context.configuration.lifetimes.child_hard
    lifetime = shortest(DEFAULT_LIFETIME_S if offered is None else offered, _told_lifetime(answer))
    return limited(context, child, lifetime or DEFAULT_LIFETIME_S)


def _suite_of(context: Context, protocol: int, transform: v1.Transform) -> ChildProposal:
    """The suite that one of our own transforms stands for."""
    said = {a.type: a.value for a in transform.attributes}
    telling = (AttributeP2.AUTHENTICATION_ALGORITHM, AttributeP2.KEY_LENGTH)
    wanted = transform.id, {int(kind): said[kind] for kind in telling if kind in said}
    suites = context.configuration.child_proposals
    return next(s for s in suites if s.protocol == protocol and ipsec_transform(s) == wanted)


def _pfs_secret(quick: Quick, answer: Incoming) -> bytes | None:
    """The shared secret of the Quick Mode's own key exchange; empty without one, None if it can't be made."""
    theirs = answer.find(v1.KeyExchange)
    if quick.private is None:
        return b"" if theirs is None else None
    if theirs is None:
        return None
    try:
        return quick.private.shared(theirs.data)
    except InvalidPublicValue:
        return None


def _told_lifetime(answer: Incoming) -> float | None:
    """The seconds of a RESPONDER-LIFETIME in the answer (RFC 2407 section 4.6.3.1)."""
    notify = answer.find(v1.Notify, NotifyTypeV1.RESPONDER_LIFETIME)
    if notify is None:
        return None
    try:
        attributes = v1.Attribute.decode_list(notify.data, 0, len(notify.data))
    except Broken:
        return None
    read = read_attributes(attributes, AttributeP2.SA_LIFE_TYPE, AttributeP2.SA_LIFE_DURATION)
    return None if read is None else read.durations.get(LifeType.SECONDS)


# What was lost


def recreate(context: Context, sa: IsakmpSa) -> Step:
    """Where the profile lets this end make lost SAs again, a new ISAKMP SA is begun."""
    return start_phase1(context, sa) if context.may(Start.RECREATE) else NOTHING


def recreate_children(context: Context, sa: IsakmpSa, lost: Iterable[IpsecSa]) -> Step:
    """Where the profile lets this end make lost SAs again, a Quick Mode is begun for traffic that has none left."""
    if not context.may(Start.RECREATE):
        return NOTHING
    steps = []
    for child in lost:
        if any((c.local, c.remote) == (child.local, child.remote) for c in sa.children):
            continue
        step = begin_quick(context, sa, child.local[0], child.remote[0])
        changed = step.changed[0]
        assert isinstance(changed, IsakmpSa)
        sa = changed
        steps.append(step)
    return together(steps)
