"""RFC 2409 section 5.5: Quick Mode that an IKEv1 device begins by itself, and what it does with the answer.

What begins it is reached only where `Context.may` says that the profile permits it.
"""

from collections.abc import Iterable, Sequence
from math import inf

from harness.codes import AttributeP2, Encapsulation, Exchange, LifeType, NotifyTypeV1
from harness.crypto.key_exchange import InvalidPublicValue, key_exchange
from harness.profile import ChildProposal, Start
from harness.responder.context import Context, Incoming
from harness.responder.state import Selector
from harness.responder.step import NOTHING, Step, drop, together
from harness.responder.table import TABLE
from harness.responder.v1.clients import configured_pairs, read_client, write_client
from harness.responder.v1.guards import NONCE_OCTETS as ACCEPTABLE_NONCE
from harness.responder.v1.messages import (
    COMMIT,
    NONCE_OCTETS,
    first_iv,
    fresh_message_id,
    last_block,
    on_its_way,
    quick_1,
    quick_3,
    repeated_later,
)
from harness.responder.v1.nat import original_addresses, originals_of, transport_modes
from harness.responder.v1.proposals import accepted_suite, limit_of, read_attributes, shortest
from harness.responder.v1.quick import forgotten_later, fresh_spi, ipsec_keys, limited, serve
from harness.responder.v1.state import IpsecSa, IsakmpSa, Phase2, Quick
from harness.responder.v1.suites import DEFAULT_LIFETIME_S, ipsec_offer, ipsec_transform
from harness.values import replace, value
from harness.wire import v1
from harness.wire.generate import Broken


@value
class Wanted:
    """What a Quick Mode of ours is for: the traffic, and the encapsulation mode and protocols where they are settled.

    Without `protocols` that serve together, each configured suite alone will do; `replaces` are the SPIs of the IPsec
    SAs that it renews.
    """

    local: Selector
    remote: Selector
    mode: int
    protocols: tuple[ChildProposal, ...] = ()
    replaces: tuple[bytes, ...] = ()


def start_quick_mode(context: Context, sa: IsakmpSa, second: bool = False) -> Step:
    """Begin a Quick Mode for the first configured pair of subnets, or for the second selector."""
    if sa.xauth_due:
        return drop("XAUTH comes first")
    pairs = configured_pairs(context)
    if second and context.configuration.second_selector is None:
        return drop("no second pair of subnets is configured")
    if not pairs:
        return drop("no pair of subnets is configured")
    local, remote = pairs[-1] if second else pairs[0]
    in_udp = sa.nat_t is not None and sa.nat_found
    mode = sa.nat_t.tunnel if sa.nat_t is not None and in_udp else int(Encapsulation.TUNNEL)
    return begin_quick(context, sa, Wanted(local, remote, mode))


def rekey(context: Context, sa: IsakmpSa, child: IpsecSa) -> Step:
    """Begin the Quick Mode that renews IPsec SAs, all protocols of a suite; the old ones are deleted when it is done."""
    whole = [c for c in sa.children if c.spi_in in (child.spi_in, *child.suite)]
    begun = replace(sa, children=tuple(replace(c, rekeyed=c.rekeyed or c in whole) for c in sa.children))
    return begin_quick(context, begun, _like(whole, replaces=tuple(c.spi_in for c in whole)))


def _like(children: Sequence[IpsecSa], replaces: tuple[bytes, ...] = ()) -> Wanted:
    """The same as these IPsec SAs of one suite: their traffic and mode, and several protocols if they are several."""
    first = children[0]
    protocols = tuple(child.proposal for child in children) if len(children) > 1 else ()
    return Wanted(first.local[0], first.remote[0], first.mode, protocols, replaces)


def begin_quick(context: Context, sa: IsakmpSa, wanted: Wanted) -> Step:
    """The first message of a Quick Mode of our own, to be repeated until it is answered or given up."""
    group = context.configuration.pfs_group
    private = None if group is None else key_exchange(group).private(context.entropy)
    ni, spis = context.entropy.octets(NONCE_OCTETS), _spis(context, sa, max(1, len(wanted.protocols)))
    alternatives = (
        [wanted.protocols] if wanted.protocols else [(s,) for s in context.configuration.child_proposals]
    )
    message_id = fresh_message_id(context, sa)
    asked = Quick(
        message_id=message_id,
        state=Phase2.QUICK_1,
        we_started=True,
        iv=first_iv(sa, message_id),
        ni=ni,
        offer=ipsec_offer(context, wanted.mode, alternatives, spis),
        clients=(wanted.local, wanted.remote),
        private=private,
        ours=spis,
        replaces=wanted.replaces,
    )
    payloads = (
        asked.offer,
        v1.Nonce(data=ni),
        *(() if private is None else (v1.KeyExchange(data=private.public),)),
        write_client(wanted.local),
        write_client(wanted.remote),
        *original_addresses(sa, wanted.mode),
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


def _spis(context: Context, sa: IsakmpSa, count: int) -> tuple[bytes, ...]:
    """A fresh SPI for each protocol."""
    spis: tuple[bytes, ...] = ()
    for _ in range(count):
        spis += (fresh_spi(context, sa, *spis),)
    return spis


@TABLE.on(Phase2.QUICK_1, Exchange.QUICK_MODE, rfc="2409/5.5", response=True)
def take_quick_2(context: Context, sa: IsakmpSa, answer: Incoming) -> Step:
    """The peer took one of our suites for our clients: the IPsec SAs serve, and HASH(3) says so.

    Where the peer set the Commit bit they serve when it has said CONNECTED (RFC 2408 section 3.1).
    """
    quick = sa.exchange(answer.message.message_id)
    assert quick is not None
    children = _children(context, sa, quick, answer)
    if isinstance(children, str):
        return drop(children)
    nonce = answer.find(v1.Nonce)
    ready = replace(quick, nr=nonce.data, iv=last_block(sa, answer.octets))
    octets = quick_3(sa, ready)
    done = replace(
        ready,
        received=answer.octets,
        sent=octets,
        iv=last_block(sa, octets),
        private=None,
        children=children,
    )
    said = Step(send=(answer.reply(octets),), armed=(forgotten_later(context, sa, done),))
    sa = replace(sa, heard=context.now)
    if answer.message.flags & COMMIT:
        return said.then(Step(changed=(sa.with_quick(replace(done, state=Phase2.COMMITTING)),)))
    return said.then(serve(context, sa, done))


def _children(context: Context, sa: IsakmpSa, quick: Quick, answer: Incoming) -> tuple[IpsecSa, ...] | str:
    """The IPsec SAs that the peer agreed to, or why its answer is not taken."""
    accepted, nonce = answer.find(v1.SecurityAssociation), answer.find(v1.Nonce)
    if accepted is None or nonce is None or len(nonce.data) not in ACCEPTABLE_NONCE or quick.offer is None:
        return "no SA payload, or no nonce of 8 to 256 octets"
    taken = accepted_suite(quick.offer, accepted, AttributeP2.SA_LIFE_TYPE, AttributeP2.SA_LIFE_DURATION)
    if not taken or any(len(theirs.spi) != 4 for theirs, _ in taken):
        return "the answer is not one of our suites as we offered it"
    clients = tuple(read_client(identity) for identity in answer.all(v1.Identification))
    if quick.clients is None or clients not in ((), quick.clients):
        return "the answer names other clients"
    shared = _pfs_secret(quick, answer)
    if shared is None:
        return "KE payload refused"

    assert sa.secrets is not None
    local, remote = quick.clients
    told = _told(answer)
    children = []
    for spi_in, (theirs, mine) in zip(quick.ours, taken, strict=False):
        suite = _suite_of(context, theirs.protocol, mine)
        keys = ipsec_keys(sa.secrets, suite, (theirs.spi, spi_in), quick.ni, nonce.data, shared)
        child = IpsecSa(spi_in, theirs.spi, suite, (local,), (remote,), context.now, keys, we_started=True)
        child = replace(
            child,
            kilobytes=_kilobytes(context, told),
            mode=_mode_of(mine),
            transport=_mode_of(mine) in transport_modes(sa),
            originals=originals_of(sa, answer),
            suite=quick.ours[: len(taken)] if len(taken) > 1 else (),
        )
        children.append(limited(context, child, _seconds(context, told)))
    return tuple(children)


def _seconds(context: Context, told: dict[int, int]) -> float:
    """The lifetime of IPsec SAs that we offered: ours, or the shorter one that the peer told."""
    offered = context.configuration.lifetimes.child_hard
    ours = DEFAULT_LIFETIME_S if offered is None else offered
    return shortest(ours, limit_of(told.get(LifeType.SECONDS))) or ours


def _kilobytes(context: Context, told: dict[int, int]) -> int | None:
    fewest = shortest(context.configuration.lifetimes.child_kilobytes, limit_of(told.get(LifeType.KILOBYTES)))
    return None if fewest in (None, inf) else int(fewest or 0)


def _mode_of(transform: v1.Transform) -> int:
    """The encapsulation mode of one of our own transforms, which always names it."""
    mode = next(a.value for a in transform.attributes if a.type == AttributeP2.ENCAPSULATION_MODE)
    assert isinstance(mode, int)
    return mode


def _suite_of(context: Context, protocol: int, transform: v1.Transform) -> ChildProposal:
    """The suite that one of our own transforms stands for."""
    said = {a.type: a.value for a in transform.attributes}
    telling = (
        AttributeP2.AUTHENTICATION_ALGORITHM,
        AttributeP2.KEY_LENGTH,
        AttributeP2.EXTENDED_SEQUENCE_NUMBER,
    )
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


def _told(answer: Incoming) -> dict[int, int]:
    """The lifetimes of a RESPONDER-LIFETIME in the answer, by their type (RFC 2407 section 4.6.3.1)."""
    notify = answer.find(v1.Notify, NotifyTypeV1.RESPONDER_LIFETIME)
    if notify is None:
        return {}
    try:
        attributes = v1.Attribute.decode_list(notify.data, 0, len(notify.data))
    except Broken:
        return {}
    read = read_attributes(attributes, AttributeP2.SA_LIFE_TYPE, AttributeP2.SA_LIFE_DURATION)
    return {} if read is None else read.durations


def forgo(context: Context, sa: IsakmpSa) -> IsakmpSa:
    """The SA without the Quick Modes of ours that are not answered and that the profile, as it is now, does not permit."""
    for quick in sa.quick:
        start = Start.CHILD_REKEY if quick.replaces else Start.FIRST_CHILD
        if quick.state is Phase2.QUICK_1 and not context.may_rekey(start, began=sa.we_started):
            sa = given_up(sa, quick)
    return sa


def given_up(sa: IsakmpSa, quick: Quick) -> IsakmpSa:
    """The SA without a Quick Mode of ours that came to nothing; what it was to renew may be renewed another time."""
    children = tuple(
        replace(child, rekeyed=False) if child.spi_in in quick.replaces else child for child in sa.children
    )
    return replace(sa.without_quick(quick.message_id), children=children)


def recreate_children(context: Context, sa: IsakmpSa, lost: Iterable[IpsecSa]) -> Step:
    """Where the profile lets this end make lost SAs again, a Quick Mode is begun for traffic that has none left."""
    if not context.may(Start.RECREATE):
        return NOTHING
    served = [(child.local, child.remote) for child in sa.children]
    suites: dict[tuple[tuple[Selector, ...], tuple[Selector, ...]], list[IpsecSa]] = {}
    for child in lost:
        if (child.local, child.remote) not in served:
            suites.setdefault((child.local, child.remote), []).append(child)
    steps = []
    for children in suites.values():
        one = [c for c in children if c.spi_in in (children[0].spi_in, *children[0].suite)]
        step = begin_quick(context, sa, _like(one))
        changed = step.changed[0]
        assert isinstance(changed, IsakmpSa)
        sa = changed
        steps.append(step)
    return together(steps)
