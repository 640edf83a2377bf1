"""The requests an IKEv2 device makes by itself, and what it does with the responses.

Liveness checks and Deletes are for every profile. Whatever starts a negotiation or a rekey is reached only
where `Context.may` says that the profile permits it.
"""

from collections.abc import Sequence
from typing import Any

from harness.codes import Exchange, Group, NotifyType
from harness.crypto import GROUPS
from harness.crypto.key_exchange import key_exchange
from harness.profile import ChildProposal, IkeProposal, Start
from harness.responder.context import Context, Incoming
from harness.responder.policy import ADDITIONAL, Chosen, selector, selectors_payload
from harness.responder.state import (
    ENDS,
    ChildSa,
    FollowUp,
    IkeSa,
    Outstanding,
    Own,
    Sa,
    Selector,
    Session,
    State,
)
from harness.responder.step import NOTHING, Step, drop
from harness.responder.table import TABLE
from harness.responder.v2 import (
    asking,
    authentication,
    failover,
    fragments,
    initial,
    messages,
    mobility,
    own_key_exchanges,
    redirect,
    window,
)
from harness.responder.v2.heirs import bear, concede, delete_redundant
from harness.responder.v2.own import answered, asks, begin, later, permitted
from harness.responder.v2.own_key_exchanges import (
    ask_follow_up,
    ask_intermediate,
    secret_of,
    took_intermediate,
)
from harness.responder.v2.selectors import Agreed
from harness.sa.v2 import Suite, ike_keys
from harness.values import replace
from harness.wire import Message, decode, v2
from harness.wire import replace as replace_message
from harness.wire.datagram import Endpoint


def give_up(context: Context, sa: IkeSa) -> Step:
    """A peer that answers nothing is taken for dead: the SA goes, silently (section 2.4).

    An SA that the peer has rekeyed meanwhile leaves its children to the new one; one that was replaced leaves nothing.
    """
    gone = Step(gone=(sa.ours,), events=("peer-lost",))
    inherited = concede(context, sa)
    if inherited is not None:
        return gone.then(replace(inherited, changed=inherited.changed[1:]))
    served = sa.state in (State.ESTABLISHED, State.CLOSING)
    return gone.then(recreate(context, sa)) if served and not sa.busy_with("close-ike") else gone


def recreate(context: Context, sa: IkeSa) -> Step:
    """Where the profile lets this end make lost SAs again, a new IKE SA is begun."""
    if not context.may(Start.RECREATE):
        return NOTHING
    return start_ike_sa(context, (sa.local, sa.remote), natt=sa.natt)


def recreate_children(context: Context, sa: Sa, lost: Sequence[ChildSa]) -> Step:
    """Where the profile lets this end make lost SAs again, children that the peer deleted and not replaced are."""
    rivals = {o.rival.ours for o in sa.outstanding if o.rival is not None} if isinstance(sa, IkeSa) else set()
    wanted = [c for c in lost if not c.rekeyed and c.spi_in not in rivals]
    if not wanted or not isinstance(sa, IkeSa) or not context.may(Start.RECREATE):
        return NOTHING
    return begin(context, sa, *(Own("new-child", local=c.local, remote=c.remote) for c in wanted))


def _offer(
    suites: tuple[IkeProposal | ChildProposal, ...], spi: bytes, group: int | None
) -> v2.SecurityAssociation:
    """One proposal per suite, numbered from 1 (section 3.3.1)."""
    proposals: list[v2.Proposal] = []
    for number, suite in enumerate(suites, 1):
        chosen_group = suite.group if isinstance(suite, IkeProposal) else (group or Group.NONE)
        methods = () if chosen_group == Group.NONE else suite.additional
        further = tuple(zip(ADDITIONAL, methods, strict=False))
        proposals += Chosen(suite, chosen_group, spi, number, further).payload(spi).proposals
    return v2.SecurityAssociation(proposals=tuple(proposals))


@asks("new-child", "rekey-child")
def _child(context: Context, sa: IkeSa, own: Own) -> Step:
    """CREATE_CHILD_SA for a new child, or with REKEY_SA for the successor of one (sections 1.3.1, 1.3.3)."""
    old = sa.child(own.spi_in) if own.spi_in else None
    if own.kind == "rekey-child" and (old is None or old.rekeyed or sa.rekeying(own.spi_in)):
        return Step(changed=(sa,))
    group = own.group or context.configuration.pfs_group
    spi, nonce = initial.child_spi(context, sa), context.entropy.octets(initial.NONCE_OCTETS)
    private = None if group is None else key_exchange(group).private(context.entropy)
    local, remote = _proposed(context, old, own)
    payloads = (
        *(() if old is None else (_rekeys(old),)),
        _offer(context.configuration.child_proposals, spi, group),
        v2.Nonce(data=nonce),
        *(() if private is None else (v2.KeyExchange(group=group or 0, data=private.public),)),
        v2.TrafficSelectorsI(selectors=selectors_payload(local)),
        v2.TrafficSelectorsR(selectors=selectors_payload(remote)),
        *(initial.transport_mode(context) if old is None or old.transport else ()),
    )
    return messages.request(
        context, sa, own, Exchange.CREATE_CHILD_SA, *payloads, ours=spi, nonce=nonce, private=private
    )


def _proposed(
    context: Context, old: ChildSa | None, own: Own
) -> tuple[tuple[Selector, ...], tuple[Selector, ...]]:
    """The traffic that we ask a child for: that of the one it replaces, what is wanted, or all that is configured."""
    if old is not None:
        return old.local, old.remote
    configuration = context.configuration
    return (
        own.local or tuple(map(selector, configuration.local_subnets)),
        own.remote or tuple(map(selector, configuration.remote_subnets)),
    )


def _rekeys(child: ChildSa) -> v2.Notify:
    """REKEY_SA: the SPI is the one under which we receive (section 1.3.3)."""
    protocol = child.proposal.protocol
    return v2.Notify(protocol=protocol, notify_type=NotifyType.REKEY_SA, spi=child.spi_in)


@asks("rekey-ike")
def _rekey_ike(context: Context, sa: IkeSa, own: Own) -> Step:
    """CREATE_CHILD_SA for the IKE SA's successor (section 1.3.2), offering the suite in force."""
    assert sa.suite is not None
    spi, nonce = initial.fresh_spi(context), context.entropy.octets(initial.NONCE_OCTETS)
    private = key_exchange(sa.suite.group).private(context.entropy)
    payloads = (
        _offer((sa.suite,), spi, None),
        v2.Nonce(data=nonce),
        v2.KeyExchange(group=sa.suite.group, data=private.public),
    )
    return messages.request(
        context, sa, own, Exchange.CREATE_CHILD_SA, *payloads, ours=spi, nonce=nonce, private=private
    )


asks("redirect")(redirect.tell_client)
asks("routability")(mobility.ask_for_routability)
asks("addresses")(mobility.tell_addresses)
asks("move")(mobility.ask_to_move)


@TABLE.on(State.CONTESTED, Exchange.INFORMATIONAL, rfc="7296/2.8.2", response=True)
@TABLE.on(State.ESTABLISHED, Exchange.INFORMATIONAL, rfc="7296/1.4", response=True)
def own_informational_answered(context: Context, sa: IkeSa, response: Incoming) -> Step:
    """The peer lives, or has let go of the child that we deleted, or has shown that it is where it moved to."""
    asked = sa.asked(response.message.message_id)
    assert asked is not None
    if asked.own.kind == "synchronise":
        return failover.synchronised(context, sa, asked, response)
    found = mobility.place_after(context, sa, asked, response)
    if isinstance(found, str):
        lost = replace(sa, children=(), queue=(Own("delete-ike"),))
        return answered(context, Step(changed=(lost,), events=(found,)), response)
    sa = found
    half_closed = tuple(child for child in sa.half_closed if child.spi_in != asked.own.spi_in)
    return answered(context, Step(changed=(replace(sa, half_closed=half_closed),)), response)


@TABLE.on(State.CLOSING, Exchange.INFORMATIONAL, rfc="7296/1.4.1", response=True)
@TABLE.on(State.REKEYED, Exchange.INFORMATIONAL, rfc="7296/1.4.1", response=True)
def own_delete_answered(context: Context, sa: IkeSa, response: Incoming) -> Step:
    """The peer has let go of the IKE SA; where the profile permits, another one is made, but for one closed for good."""
    asked = sa.asked(response.message.message_id)
    assert asked is not None
    if asked.own.kind not in ENDS:
        return answered(context, Step(changed=(sa,)), response)
    gone = Step(gone=(sa.ours,), events=("ike-sa-deleted",))
    for_good = sa.state is State.REKEYED or asked.own.kind != "delete-ike"
    return gone if for_good else gone.then(recreate(context, sa))


@TABLE.on(State.CLOSING, Exchange.CREATE_CHILD_SA, rfc="7296/1.4.1", response=True)
def own_create_child_overtaken(context: Context, sa: IkeSa, response: Incoming) -> Step:
    """A child of an IKE SA that we are deleting goes with it."""
    return answered(context, Step(changed=(sa,)), response)


@TABLE.on(State.REKEYED, Exchange.CREATE_CHILD_SA, rfc="7296/2.8.2", response=True)
def own_rekey_overtaken(context: Context, sa: IkeSa, response: Incoming) -> Step:
    """An IKE SA that the peer's rekey replaced already: what our own made is redundant, and deleted."""
    asked = sa.asked(response.message.message_id)
    assert asked is not None
    agreed = _heir_agreed(sa, asked, response)
    there = agreed is not None and not agreed.methods  # with more key exchanges to come nothing is there yet
    made = delete_redundant(context, _heir(context, sa, agreed), sa.heir) if agreed and there else NOTHING
    return answered(context, Step(changed=(sa,)), response).then(made)


@TABLE.on(State.ESTABLISHED, Exchange.CREATE_CHILD_SA, rfc="7296/1.3", response=True)
def own_create_child_answered(context: Context, sa: IkeSa, response: Incoming) -> Step:
    """Take the child or the IKE SA that the peer agreed to, or make of its refusal what can be made."""
    asked = sa.asked(response.message.message_id)
    assert asked is not None
    accepted, nonce = response.find(v2.SecurityAssociation), response.find(v2.Nonce)
    if accepted is None or nonce is None or not accepted.proposals:
        return answered(context, _refused(context, sa, asked.own, response), response)
    if asked.own.kind == "rekey-ike":
        return answered(context, _take_ike(context, sa, asked, response), response)
    child = _take_child(context, sa, asked, response, accepted.proposals[0], nonce.data)
    return answered(context, child, response)


def _refused(context: Context, sa: IkeSa, own: Own, response: Incoming) -> Step:
    """What is left to do when the peer will not make what we asked for (sections 1.3, 2.25)."""
    if own.kind == "rekey-ike" and (conceded := concede(context, sa)) is not None:
        return conceded
    old = sa.child(own.spi_in) if own.kind == "rekey-child" else None
    if own.kind == "rekey-child" and (
        old is None or old.rekeyed
    ):  # 7296/2.8.1: the peer's rekey is the one that counts
        return Step(changed=(sa,))
    if response.find(v2.Notify, NotifyType.TEMPORARY_FAILURE) is not None:
        return later(context, sa, own)
    if old is not None and response.find(v2.Notify, NotifyType.CHILD_SA_NOT_FOUND) is not None:
        return _not_found(context, sa, old)
    wanted = response.find(v2.Notify, NotifyType.INVALID_KE_PAYLOAD)
    if wanted is not None and len(wanted.data) == 2 and not own.group:
        return _in_group(context, sa, own, int.from_bytes(wanted.data, "big"))
    after = sa if old is None else sa.with_child(replace(old, refused=True))
    return Step(changed=(after,), events=("refused",))


def _not_found(context: Context, sa: IkeSa, child: ChildSa) -> Step:
    """A child that the peer does not have goes silently, and is made anew where the profile permits (section 2.25)."""
    after = sa.without(child.spi_in)
    there = any((c.local, c.remote) == (child.local, child.remote) for c in after.children)
    if not there and context.may(Start.FIRST_CHILD):
        again = Own("new-child", local=child.local, remote=child.remote)
        after = replace(after, queue=(again, *after.queue))
    return Step(changed=(after,), events=("child-sa-not-found",))


def _in_group(context: Context, sa: IkeSa, own: Own, group: int) -> Step:
    """The same once more in the group that the peer wants, if it is one that we know (section 1.3)."""
    if group not in GROUPS or not permitted(context, sa, own):
        return Step(changed=(sa,), events=("refused",))
    return Step(changed=(replace(sa, queue=(replace(own, group=group), *sa.queue)),))


def _suite_of(suites: tuple[Any, ...], proposal: v2.Proposal, *, further: bool = True) -> Any:
    """The one of our suites that the peer's answer names, with its additional key exchanges where they are possible."""
    kinds = [(t.type, t.id) for t in proposal.transforms if t.type in ADDITIONAL and t.id != Group.NONE]
    methods = tuple(method for _, method in sorted(kinds))
    for suite in suites:
        if methods != (suite.additional if further else ()):
            continue
        group = suite.group if isinstance(suite, IkeProposal) else Group.NONE
        wanted = Chosen(suite, group, b"", 1).payload(b"").proposals[0].transforms
        theirs = {(t.type, t.id, tuple((a.type, a.value) for a in t.attributes)) for t in proposal.transforms}
        if {(t.type, t.id, tuple((a.type, a.value) for a in t.attributes)) for t in wanted} <= theirs:
            return suite
    return None


def _selectors(payload: Any) -> tuple[Selector, ...]:
    """The selectors of a TS payload as ours; none without the payload."""
    if payload is None:
        return ()
    return tuple(Selector(t.start, t.end, t.protocol, t.start_port, t.end_port) for t in payload.selectors)


def _take_child(
    context: Context, sa: IkeSa, asked: Outstanding, response: Incoming, proposal: v2.Proposal, nr: bytes
) -> Step:
    further = asked.private is not None
    suite = _suite_of(context.configuration.child_proposals, proposal, further=further)
    shared = secret_of(asked, response)
    if suite is None or shared is None or sa.keys is None:
        return _refused(context, sa, asked.own, response)
    child = ChildSa(
        asked.ours,
        proposal.spi,
        suite,
        _selectors(response.find(v2.TrafficSelectorsI)),
        _selectors(response.find(v2.TrafficSelectorsR)),
        context.now,
        we_started=True,
        transport=response.find(v2.Notify, NotifyType.USE_TRANSPORT_MODE) is not None,
    )
    methods = suite.additional if further else ()
    return _go_on(context, sa, asked, response, FollowUp(methods, asked.nonce, nr, shared, child=child))


def _go_on(context: Context, sa: IkeSa, asked: Outstanding, response: Incoming, done: FollowUp) -> Step:
    """The next additional key exchange, or after the last one what they were made for (RFC 9370 section 2.2.4)."""
    make = _made_child if done.child is not None else _made_ike
    if not done.methods:
        return make(context, sa, asked, done)
    lower, old = min(done.ni, done.nr), sa.child(asked.own.spi_in)
    overtaken = asked.own.kind == "rekey-child" and (old is None or old.rekeyed)
    beaten = asked.rival is not None and lower < asked.rival.nonce  # ours would be the one to go
    if overtaken or beaten:
        return Step(changed=(sa,), events=("rekey-conceded",))
    if not permitted(context, sa, asked.own):
        return Step(changed=(sa,), events=("refused",))
    return ask_follow_up(context, sa, asked, response, done) or Step(changed=(sa,), events=("refused",))


@TABLE.on(State.ESTABLISHED, Exchange.IKE_FOLLOWUP_KE, rfc="9370/2.2.4", response=True)
def own_follow_up_answered(context: Context, sa: IkeSa, response: Incoming) -> Step:
    """Go on, or begin anew later where the peer has forgotten what it is about."""
    asked = sa.asked(response.message.message_id)
    assert asked is not None
    assert asked.follows is not None
    shared = secret_of(asked, response)
    if response.find(v2.Notify, NotifyType.STATE_NOT_FOUND) is not None:
        return answered(context, later(context, sa, asked.own), response)
    if not shared:
        return answered(context, Step(changed=(sa,), events=("refused",)), response)
    return answered(context, _go_on(context, sa, asked, response, asked.follows.then(shared)), response)


@TABLE.on(State.CLOSING, Exchange.IKE_FOLLOWUP_KE, rfc="7296/1.4.1", response=True)
@TABLE.on(State.REKEYED, Exchange.IKE_FOLLOWUP_KE, rfc="7296/2.8.2", response=True)
def own_follow_up_overtaken(context: Context, sa: IkeSa, response: Incoming) -> Step:
    """On an IKE SA that is being replaced or closed nothing goes on."""
    return answered(context, Step(changed=(sa,)), response)


def _made_child(context: Context, sa: IkeSa, asked: Outstanding, done: FollowUp) -> Step:
    child, nr = context.decide("child_of", sa, done), done.nr
    after = sa.with_child(child)
    if not Agreed(*_proposed(context, sa.child(asked.own.spi_in), asked.own)).covers(
        child.local, child.remote
    ):
        return Step(changed=(after.close(child),), events=("selectors-not-proposed",))
    if asked.own.kind == "rekey-child":
        after = context.decide("settle_child_rekey", after, asked, child, min(asked.nonce, nr))
    return Step(
        changed=(after,), armed=initial.child_timers(context, sa, child), events=("child-sa-established",)
    )


@TABLE.decision(rfc="7296/2.8.1")
def settle_child_rekey(context: Context, sa: IkeSa, asked: Outstanding, ours: ChildSa, lower: bytes) -> IkeSa:
    """Our rekey of a child is done; if the peer made one too, that with the lowest nonce goes.

    It is deleted by whoever made it, the old child by whoever made the one that stays.
    """
    rival = asked.rival
    if rival is not None and lower < rival.nonce:
        return sa.close(ours)
    theirs = None if rival is None else sa.child(rival.ours)
    if theirs is not None:
        sa = sa.with_child(replace(theirs, rekeyed=True))
    old = sa.child(asked.own.spi_in)
    return sa if old is None else sa.close(old)


def _take_ike(context: Context, sa: IkeSa, asked: Outstanding, response: Incoming) -> Step:
    agreed = _heir_agreed(sa, asked, response)
    if agreed is None:
        return _refused(context, sa, asked.own, response)
    return _go_on(context, sa, asked, response, agreed)


def _made_ike(context: Context, sa: IkeSa, asked: Outstanding, done: FollowUp) -> Step:
    heir = _heir(context, sa, done)
    settled: Step = context.decide("settle_ike_rekey", sa, heir, min(done.ni, done.nr))
    return settled.then(Step(armed=initial.ike_timers(context, heir), events=("ike-sa-rekeyed",)))


def _heir_agreed(sa: IkeSa, asked: Outstanding, response: Incoming) -> FollowUp | None:
    """The IKE SA that the peer agreed to make in place of this one; None if it did not, or not rightly."""
    accepted, nonce = response.find(v2.SecurityAssociation), response.find(v2.Nonce)
    if accepted is None or nonce is None or not accepted.proposals or sa.suite is None or sa.keys is None:
        return None
    shared, spi = secret_of(asked, response), accepted.proposals[0].spi
    if not shared or len(spi) != 8 or _suite_of((sa.suite,), accepted.proposals[0]) is None:
        return None
    methods, spis = sa.suite.additional, (asked.ours, spi)
    return FollowUp(methods, asked.nonce, nonce.data, shared, suite=sa.suite, spis=spis)


def _heir(context: Context, sa: IkeSa, done: FollowUp) -> IkeSa:
    assert done.suite is not None
    return bear(context, sa, done.suite, context.decide("keys_of", sa, done), we_started=True, place=sa)


def _crypto(suite: IkeProposal) -> Suite:
    return Suite(suite.encr, suite.key_bits, suite.integ, suite.prf, suite.group)


def start_ike_sa(context: Context, between: tuple[Endpoint, Endpoint], *, natt: bool = False) -> Step:
    """Begin an IKE SA: send IKE_SA_INIT with all our suites and the first one's group (section 1.2).

    `natt` says that the two ends speak behind the non-ESP marker (section 2.23).
    """
    if "eap" in (context.configuration.local_auth, context.configuration.remote_auth):
        return drop("EAP is for clients, and this device is none")
    suite = next(iter(context.configuration.proposals_v2), None)
    if suite is None:
        return drop("no suite of version 2 is configured")
    return _send_init(context, between, suite.group, initial.fresh_spi(context), natt=natt)


def reauthenticate(context: Context, sa: IkeSa) -> Step:
    """Begin the IKE SA that takes the place of one whose peer has to prove himself anew (section 2.8.3)."""
    return _renewing(start_ike_sa(context, (sa.local, sa.remote), natt=sa.natt), sa.ours)


def _renewing(step: Step, old: bytes) -> Step:
    renewing = tuple(replace(sa, renews=old) if isinstance(sa, IkeSa) else sa for sa in step.changed)
    return replace(step, changed=renewing)


def _send_init(
    context: Context, between: tuple[Endpoint, Endpoint], group: int, spi_i: bytes, *, natt: bool
) -> Step:
    private, ni = (
        key_exchange(group).private(context.entropy),
        context.entropy.octets(initial.NONCE_OCTETS),
    )
    suites = context.configuration.proposals_v2
    first = sorted(suites, key=lambda s: s.group != group)
    payloads = (
        _offer(tuple(first), b"", None),
        v2.KeyExchange(group=group, data=private.public),
        v2.Nonce(data=ni),
        *initial.nat_notifies(spi_i, bytes(8), *between),
        *asking.offered(context),
        *fragments.supported(context),
        *own_key_exchanges.supported(context),
    )
    octets = Message(
        spi_i=spi_i,
        spi_r=bytes(8),
        exchange=Exchange.IKE_SA_INIT,
        flags=messages.INITIATOR,
        message_id=0,
        payloads=payloads,
    ).encode()
    asked = Outstanding(Own("ike-sa"), 0, Exchange.IKE_SA_INIT, (octets,), nonce=ni, private=private)
    sa = IkeSa(
        ours=spi_i,
        spi_i=spi_i,
        spi_r=bytes(8),
        local=between[0],
        remote=between[1],
        natt=natt,
        state=State.INIT_SENT,
        we_started=True,
        init_request=octets,
        ni=ni,
        born=context.now,
        heard=context.now,
        next_own=1,
        session=Session(began=True),
    )
    return replace(messages.transmit(context, sa, asked), events=("sent ike-sa",))


@TABLE.on(State.INIT_SENT, Exchange.IKE_SA_INIT, rfc="7296/1.2", response=True)
def own_init_answered(context: Context, sa: IkeSa, response: Incoming) -> Step:
    """Follow a COOKIE or another group, or go on to IKE_AUTH."""
    cookie = response.find(v2.Notify, NotifyType.COOKIE)
    wanted = response.find(v2.Notify, NotifyType.INVALID_KE_PAYLOAD)
    (asked,) = sa.outstanding
    if cookie is not None:
        return _with_cookie(context, sa, asked, cookie.data)
    if wanted is not None and len(wanted.data) == 2:
        return _with_group(context, sa, int.from_bytes(wanted.data, "big"))
    agreed = _agreed(context, sa, asked, response)
    if agreed is None:
        return Step(gone=(sa.ours,), events=("refused",))
    return _authenticate(context, agreed)


def _authenticate(context: Context, sa: IkeSa) -> Step:
    """The next additional key exchange, or after the last one IKE_AUTH (RFC 9370 section 2.2.1)."""
    if sa.additional:
        return ask_intermediate(context, replace(sa, state=State.INTERMEDIATE_SENT))
    return _send_auth(context, replace(sa, state=State.AUTH_SENT))


@TABLE.on(State.INTERMEDIATE_SENT, Exchange.IKE_INTERMEDIATE, rfc="9370/2.2.2", response=True)
def own_intermediate_answered(context: Context, sa: IkeSa, response: Incoming) -> Step:
    """Renew the keys, and go on to the next additional key exchange or to IKE_AUTH."""
    (asked,) = sa.outstanding
    renewed = took_intermediate(sa, asked, response)
    if renewed is None:
        return Step(gone=(sa.ours,), events=("refused",))
    return _authenticate(context, renewed)


def _with_group(context: Context, sa: IkeSa, group: int) -> Step:
    """Another IKE_SA_INIT in the group the peer wants, if it is one of ours (section 1.2)."""
    sent = decode(sa.init_request)
    ours = sent.find(v2.KeyExchange) if isinstance(sent, Message) else None
    same = ours is not None and ours.group == group  # else a peer could keep us asking for ever
    if same or all(suite.group != group for suite in context.configuration.proposals_v2):
        return Step(gone=(sa.ours,), events=("refused",))
    again = _send_init(context, (sa.local, sa.remote), group, sa.spi_i, natt=sa.natt)
    return _renewing(again, sa.renews)


def _with_cookie(context: Context, sa: IkeSa, asked: Outstanding, cookie: bytes) -> Step:
    """The same request again, with the cookie as its first payload and all else unchanged (section 2.6)."""
    first = decode(sa.init_request)
    assert isinstance(first, Message)
    kept = tuple(p for p in first.payloads if getattr(p, "notify_type", None) != NotifyType.COOKIE)
    payloads = (v2.Notify(notify_type=NotifyType.COOKIE, data=cookie), *kept)
    octets = replace_message(first, payloads=payloads, next_payload=None).encode()
    again = messages.transmit(
        context, replace(sa, init_request=octets), replace(asked, messages=(octets,), sent=0)
    )
    return replace(again, events=("sent ike-sa",))


def _agreed(context: Context, sa: IkeSa, asked: Outstanding, response: Incoming) -> IkeSa | None:
    """The SA with keys, as the response to IKE_SA_INIT has it; None if it can't go on."""
    accepted, nonce = response.find(v2.SecurityAssociation), response.find(v2.Nonce)
    if accepted is None or nonce is None or not accepted.proposals:
        return None
    suite = _suite_of(context.configuration.proposals_v2, accepted.proposals[0])
    shared = secret_of(asked, response)
    if suite is None or not shared or (suite.additional and not own_key_exchanges.agreed(response)):
        return None

    spi_r = response.message.spi_r
    keys = ike_keys(_crypto(suite), sa.spi_i, spi_r, sa.ni, nonce.data, shared)
    agreed = replace(
        sa,
        spi_r=spi_r,
        suite=suite,
        additional=suite.additional,
        keys=keys,
        nr=nonce.data,
        init_response=response.octets,
        outstanding=(),
        fragments=fragments.agreed(context, response),
    )
    return asking.agreed(context, agreed, response)


def _send_auth(context: Context, sa: IkeSa) -> Step:
    known, window_size = window.promise(context, sa)
    shown = asking.shown(context, known)
    if shown is None:
        return Step(gone=(sa.ours,), events=("refused",))
    spi = initial.child_spi(context, known)
    payloads = (
        *shown,
        _offer(context.configuration.child_proposals, spi, None),
        v2.TrafficSelectorsI(selectors=configured_selectors(context.configuration.local_subnets)),
        v2.TrafficSelectorsR(selectors=configured_selectors(context.configuration.remote_subnets)),
        *initial.transport_mode(context),
        *window_size,
        *failover.supported(context),
        *mobility.offered(context, known),
    )
    return messages.request(context, known, Own("ike-auth"), Exchange.IKE_AUTH, *payloads, ours=spi)


def configured_selectors(subnets: tuple[str, ...]) -> tuple[v2.TrafficSelector, ...]:
    """Configured subnets as they stand in a TS payload."""
    return selectors_payload(selector(s) for s in subnets)


@TABLE.on(State.AUTH_SENT, Exchange.IKE_AUTH, rfc="7296/1.2", response=True)
def own_auth_answered(context: Context, sa: IkeSa, response: Incoming) -> Step:
    """Believe the peer's AUTH; then the IKE SA is up, with its first child if the peer agreed to one."""
    proved = asking.proved(context, sa, response)
    if proved is None:
        return _refuse_peer(context, sa, response)
    (asked,) = sa.outstanding
    who, auth = response.find(v2.IdResponder), response.find(v2.Authentication)
    up = replace(proved, state=State.ESTABLISHED, outstanding=())
    up = failover.agree(context, authentication.authenticated(context, up, who, auth), response)
    up = mobility.agreed_to(context, up, response)
    armed, gone = initial.ike_timers(context, up), context.decide("outdated", up, response)
    accepted = response.find(v2.SecurityAssociation)
    if accepted is None or not accepted.proposals:
        alone = Step(changed=(up,), gone=gone, armed=armed, events=("ike-sa-established",))
        return alone.then(_replaced(context, up))
    # The first child takes the nonces of IKE_SA_INIT (section 2.17).
    first = replace(asked, own=Own("new-child"), nonce=sa.ni, private=None)
    child = _take_child(context, up, first, response, accepted.proposals[0], sa.nr)
    events = ("ike-sa-established", *child.events)
    made = replace(child, gone=gone, armed=(*armed, *child.armed), events=events)
    return made.then(_replaced(context, up))


def _replaced(context: Context, up: IkeSa) -> Step:
    """The IKE SA that this one took the place of is deleted, with its children."""
    old = context.world.find(up.renews)
    if not isinstance(old, IkeSa) or not old.up:
        return NOTHING
    return begin(context, replace(old, children=(), queue=()), Own("close-ike"))


def _refuse_peer(context: Context, sa: IkeSa, response: Incoming) -> Step:
    """A peer that refused us is left; one that can't prove itself is told so, for it holds the SA (section 2.21.2)."""
    if response.find(v2.Authentication) is None:
        return Step(gone=(sa.ours,), events=("refused",))
    refused = replace(sa, outstanding=(), queue=())
    return Step(events=("refused",)).then(begin(context, refused, Own("refuse-peer")))


def reachable(context: Context) -> tuple[Endpoint, Endpoint] | Step:
    """Our endpoint and the configured peer's; without a peer nothing can be started."""
    if context.local is None or context.peer is None:
        return drop("no peer is configured to start anything with")
    return context.local, context.peer
