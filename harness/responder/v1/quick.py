"""RFC 2409 section 5.5: Quick Mode, seen from the responder."""

from math import inf
from typing import Any

from harness.codes import AttributeP2, Exchange, Group, LifeType, NotifyTypeV1, Protocol
from harness.crypto import encryption_key_size, integrity_key_size
from harness.crypto.key_exchange import InvalidPublicValue, key_exchange
from harness.profile import ChildProposal
from harness.responder.context import Context, Incoming
from harness.responder.state import Selector, Timer
from harness.responder.step import Armed, Step, drop
from harness.responder.table import TABLE
from harness.responder.v1.guards import NONCE_OCTETS as ACCEPTABLE_NONCE
from harness.responder.v1.guards import unknown_domain
from harness.responder.v1.lifetimes import ipsec_timers, soft_limit
from harness.responder.v1.messages import (
    COMMIT,
    NONCE_OCTETS,
    connected,
    delete_ipsec,
    informational,
    last_block,
    quick_2,
    repeated_later,
    tell,
)
from harness.responder.v1.nat import moved, original_addresses, originals_of, transport_modes
from harness.responder.v1.proposals import life_attributes
from harness.responder.v1.state import IpsecSa, IsakmpSa, Phase2, Quick, Transaction
from harness.responder.v1.suites import LOWEST_SPI, ChosenIpsec, ChosenProtocol
from harness.sa.v1 import Secrets, quick_keys
from harness.sa.v2 import ChildKeys
from harness.values import replace
from harness.wire import v1


@TABLE.on(Phase2.NEW, Exchange.QUICK_MODE, rfc="2409/5.5")
def answer_quick_1(context: Context, sa: IsakmpSa, request: Incoming) -> Step:
    """Take one transform for the clients named, or say by a protected Informational why not."""
    sa = replace(moved(sa, request), heard=context.now)
    offer, nonce = request.find(v1.SecurityAssociation), request.find(v1.Nonce)
    if offer is None or request.payloads[1] is not offer or not offer.proposals:
        return drop("the SA payload does not follow the HASH")
    if nonce is None or len(nonce.data) not in ACCEPTABLE_NONCE:
        return drop("no nonce of 8 to 256 octets")
    unknown = unknown_domain(offer)
    if unknown is not None:
        return refuse(context, sa, request, unknown)
    if len(request.all(v1.SecurityAssociation)) > 1:  # 2409/5.5: several at once may be refused
        return refuse(context, sa, request, NotifyTypeV1.NO_PROPOSAL_CHOSEN)

    offered = request.find(v1.KeyExchange)
    chosen = context.decide("choose_ipsec", sa, offer, offered is not None)
    if isinstance(chosen, NotifyTypeV1):
        return refuse(context, sa, request, chosen)
    clients = _clients(context, sa, request, chosen.mode)
    if clients is None:
        return refuse(context, sa, request, NotifyTypeV1.INVALID_ID_INFORMATION)
    exchanged = _exchange(context, chosen.group, offered)
    if exchanged is None:
        return refuse(context, sa, request, NotifyTypeV1.INVALID_KEY_INFORMATION)
    return _answer(context, sa, request, chosen, clients, exchanged)


def _clients(context: Context, sa: IsakmpSa, request: Incoming, mode: int) -> Any:
    """The traffic that the SAs are for: that of clients in tunnel mode, of the two ends in transport mode."""
    identities = request.all(v1.Identification)
    if mode in transport_modes(sa):
        return context.decide("accept_hosts", sa, identities, originals_of(sa, request))
    return context.decide("accept_clients", sa, identities)


def _exchange(context: Context, group: int, offered: Any) -> tuple[bytes, tuple[Any, ...]] | None:
    """The shared secret and our KE payload with PFS, nothing without; None if the peer's public value is refused."""
    if group == Group.NONE:
        return b"", ()
    private = key_exchange(group).private(context.entropy)
    try:
        return private.shared(offered.data), (v1.KeyExchange(data=private.public),)
    except InvalidPublicValue:
        return None


def _answer(
    context: Context,
    sa: IsakmpSa,
    request: Incoming,
    chosen: ChosenIpsec,
    clients: tuple[Selector, Selector],
    exchanged: tuple[bytes, tuple[Any, ...]],
) -> Step:
    """The second message; the SAs serve once the third has shown that the peer lives (RFC 2409 section 7.2)."""
    shared, ke = exchanged
    ni, nr = request.find(v1.Nonce).data, context.entropy.octets(NONCE_OCTETS)
    children = _children(context, sa, request, chosen, (clients, ni, nr, shared))
    asked = Quick(
        message_id=request.message.message_id,
        state=Phase2.QUICK_2,
        iv=last_block(sa, request.octets),
        received=request.octets,
        ni=ni,
        nr=nr,
        children=children,
        peer_commits=bool(request.message.flags & COMMIT),
    )
    spis = [child.spi_in for child in children]
    payloads = (
        chosen.payload(spis),
        v1.Nonce(data=nr),
        *ke,
        *request.all(v1.Identification),
        *original_addresses(sa, chosen.mode),
        *(
            n
            for spi, each in zip(spis, chosen.protocols, strict=True)
            for n in _told(context, chosen, each, spi)
        ),
    )
    octets = quick_2(sa, asked, payloads, COMMIT if context.configuration.version1.commit else 0)
    answered = replace(asked, sent=octets, iv=last_block(sa, octets))
    after = sa.with_quick(answered)
    return Step(
        send=(request.reply(octets),),
        changed=(after,),
        armed=(repeated_later(context, after, answered), forgotten_later(context, after, answered)),
    )


def _told(
    context: Context, chosen: ChosenIpsec, protocol: ChosenProtocol, spi: bytes
) -> tuple[v1.Notify, ...]:
    told: tuple[v1.Notify, ...] = context.decide("responder_lifetime", chosen, protocol, spi)
    return told


def _children(
    context: Context,
    sa: IsakmpSa,
    request: Incoming,
    chosen: ChosenIpsec,
    agreed: tuple[tuple[Selector, Selector], bytes, bytes, bytes],
) -> tuple[IpsecSa, ...]:
    """A pair of IPsec SAs for each protocol of the suite; `agreed` are clients, both nonces and the shared secret."""
    assert sa.secrets is not None
    (local, remote), *secret = agreed
    kilobytes = None if chosen.offered_kilobytes in (None, inf) else int(chosen.offered_kilobytes or 0)
    children: list[IpsecSa] = []
    for each in chosen.protocols:
        spi_in = fresh_spi(context, sa, *(child.spi_in for child in children))
        child = IpsecSa(
            spi_in,
            each.spi,
            each.suite,
            (local,),
            (remote,),
            context.now,
            ipsec_keys(sa.secrets, each.suite, (spi_in, each.spi), *secret),
            kilobytes=kilobytes,
            mode=each.mode,
            transport=each.mode in transport_modes(sa),
            originals=originals_of(sa, request),
        )
        children.append(limited(context, child, chosen.lifetime))
    suite = tuple(child.spi_in for child in children) if len(children) > 1 else ()
    return tuple(replace(child, suite=suite) for child in children)


def fresh_spi(context: Context, sa: IsakmpSa, *others: bytes) -> bytes:
    """An SPI above the reserved ones, that is not in use here or on this SA, nor one of some others."""
    spi = context.entropy.octets(4)
    used = spi in others or sa.child(spi) is not None or context.world.inbound(spi) is not None
    taken = used or int.from_bytes(spi, "big") < LOWEST_SPI
    return fresh_spi(context, sa, *others) if taken else spi


def ipsec_keys(
    secrets: Secrets, suite: ChildProposal, spis: tuple[bytes, bytes], ni: bytes, nr: bytes, shared: bytes
) -> ChildKeys:
    """The keys of both directions; `spis` are those of what the initiator sends and of what the responder sends.

    The SPI in each direction is the one that its receiver chose (RFC 2409 section 5.5).
    """
    encr = encryption_key_size(suite.encr, suite.key_bits) if suite.protocol == Protocol.ESP else 0
    integ = integrity_key_size(suite.integ)
    i, r = (quick_keys(secrets, suite.protocol, spi, ni, nr, encr, integ, shared) for spi in spis)
    return ChildKeys(i.encr, i.auth, r.encr, r.auth)


def limited(context: Context, child: IpsecSa, lifetime: float) -> IpsecSa:
    """The SAs with their limits, counted from now."""
    soft = soft_limit(context.configuration.lifetimes.child_soft, lifetime)
    soft_at = None if soft is None else context.now + soft
    expires = None if lifetime == inf else context.now + lifetime
    return replace(child, born=context.now, soft_at=soft_at, expires=expires)


@TABLE.decision(rfc="2407/4.6.3.1")
def responder_lifetime(
    context: Context, chosen: ChosenIpsec, protocol: ChosenProtocol, spi_in: bytes
) -> tuple[v1.Notify, ...]:
    """RESPONDER-LIFETIME about our inbound SA of a protocol, where a lifetime of ours is shorter than the one offered."""
    classes = AttributeP2.SA_LIFE_TYPE, AttributeP2.SA_LIFE_DURATION
    volume, offered_volume = context.configuration.lifetimes.child_kilobytes, chosen.offered_kilobytes
    life: tuple[v1.Attribute, ...] = ()
    if chosen.lifetime < chosen.offered_lifetime:
        life = life_attributes(*classes, int(chosen.lifetime))
    if volume is not None and offered_volume is not None and volume < offered_volume:
        life += life_attributes(*classes, volume, LifeType.KILOBYTES)
    if not life:
        return ()
    return (
        v1.Notify(
            protocol=protocol.proposal.protocol,
            notify_type=NotifyTypeV1.RESPONDER_LIFETIME,
            spi=spi_in,
            data=b"".join(attribute.encode() for attribute in life),
        ),
    )


def forgotten_later(context: Context, sa: IsakmpSa, exchange: Quick | Transaction) -> tuple[bytes, Armed]:
    """The timer after which an exchange is forgotten, done or not; its Message ID never is."""
    due = context.now + context.configuration.lifetimes.half_open
    return sa.ours, Armed(due, Timer.HALF_OPEN, exchange.message_id)


def refuse(context: Context, sa: IsakmpSa, request: Incoming, notify_type: NotifyTypeV1) -> Step:
    """A Quick Mode refused by a protected Informational of its own; the same request again gets the same refusal.

    The notify names the peer's SPI (RFC 2408 section 3.14).
    """
    first = request.find(v1.SecurityAssociation).proposals[0]
    about = v1.Notify(protocol=first.protocol, notify_type=notify_type, spi=first.spi)
    after, octets = informational(context, sa, about)
    refused = Quick(
        message_id=request.message.message_id, state=Phase2.REFUSED, received=request.octets, sent=octets
    )
    after = after.with_quick(refused)
    return Step(
        send=(request.reply(octets),),
        changed=(after,),
        armed=(forgotten_later(context, after, refused),),
        events=("refused",),
    )


@TABLE.on(Phase2.QUICK_2, Exchange.QUICK_MODE, rfc="2409/5.5")
def take_quick_3(context: Context, sa: IsakmpSa, request: Incoming) -> Step:
    """The peer lives: the IPsec SAs serve from now on, unless the peer set the Commit bit and has yet to say CONNECTED."""
    quick = sa.exchange(request.message.message_id)
    assert quick is not None
    sa = replace(moved(sa, request), heard=context.now)
    state = Phase2.COMMITTING if quick.peer_commits else Phase2.DONE
    taken = replace(quick, state=state, received=request.octets, sent=b"")
    if quick.peer_commits:
        return Step(changed=(sa.with_quick(taken),))
    step = serve(context, sa, taken)
    if not context.configuration.version1.commit:
        return step
    return replace(step, send=(request.reply(connected(sa, quick)),))


def serve(context: Context, sa: IsakmpSa, quick: Quick) -> Step:
    """The IPsec SAs of a Quick Mode serve from now on; those that they replace are deleted."""
    up = sa.with_quick(replace(quick, state=Phase2.DONE, children=()))
    for child in quick.children:
        up = up.with_child(child)
    timers = [timer for child in quick.children for timer in ipsec_timers(context, up, child)]
    step = Step(changed=(up,), armed=tuple(timers), events=("ipsec-sa-established",))
    old = [child for child in up.children if child.spi_in in quick.replaces]
    for child in old:
        up = up.without(child.spi_in)
    return step.then(tell(context, up, *(delete_ipsec(c.proposal.protocol, c.spi_in) for c in old)))


def take_connected(context: Context, sa: IsakmpSa, message_id: int) -> Step:
    """The peer that set the Commit bit says that its end is ready (RFC 2408 section 3.1)."""
    quick = sa.exchange(message_id)
    if quick is None or quick.state is not Phase2.COMMITTING:
        return drop("CONNECTED, and no Quick Mode waits for it")
    return serve(context, sa, quick)
