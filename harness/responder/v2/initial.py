"""RFC 7296 section 1.2: IKE_SA_INIT, seen from the responder; what every new SA and child gets: SPIs, keys, timers."""

from typing import Any

from harness.codes import Exchange, NotifyType
from harness.profile import ChildProposal, IkeProposal
from harness.responder.context import Context, Incoming
from harness.responder.policy import Chosen
from harness.responder.state import IDLE, ChildSa, IkeSa, State, Timer
from harness.responder.step import Armed, Step, drop
from harness.responder.table import TABLE
from harness.responder.v2.key_exchange import exchange_keys
from harness.responder.v2.messages import RESPONSE, unprotected
from harness.responder.v2.selectors import agree
from harness.sa.v2 import (
    ChildSuite,
    Keys,
    Suite,
    child_keys,
    ike_keys,
    nat_detection,
)
from harness.values import replace
from harness.wire import Message, Payload, v2

NONCE_OCTETS = 32


@TABLE.on(State.IDLE, Exchange.IKE_SA_INIT, rfc="7296/1.2")
def answer_ike_sa_init(context: Context, sa: IkeSa, request: Incoming) -> Step:
    """Take one proposal and send our half of the key exchange, or say what we could take."""
    offer = request.find(v2.SecurityAssociation)
    chosen = context.decide("choose_ike", context.decide("possible", request, offer), 0)
    if chosen is None:
        return Step(send=(unprotected(request, v2.Notify(notify_type=NotifyType.NO_PROPOSAL_CHOSEN)),))
    offered = request.find(v2.KeyExchange)
    if offered.group != chosen.group:  # 7296/1.2: name the group we want
        wanted = v2.Notify(notify_type=NotifyType.INVALID_KE_PAYLOAD, data=chosen.group.to_bytes(2, "big"))
        return Step(send=(unprotected(request, wanted),))

    exchanged = exchange_keys(context, offered)
    if exchanged is None:
        return drop("KE payload refused")
    shared, ours = exchanged
    nr, spi_r = context.entropy.octets(NONCE_OCTETS), fresh_spi(context)
    return _half_open(context, request, chosen, spi_r, nr, ours, shared)


def _half_open(
    context: Context,
    request: Incoming,
    chosen: Chosen[IkeProposal],
    spi_r: bytes,
    nr: bytes,
    ours: v2.KeyExchange,
    shared: bytes,
) -> Step:
    message, ni, suite = request.message, request.find(v2.Nonce).data, chosen.suite
    keys = ike_keys(
        Suite(suite.encr, suite.key_bits, suite.integ, suite.prf, chosen.group),
        message.spi_i,
        spi_r,
        ni,
        nr,
        shared,
    )
    sa = begun(context, request, suite, keys, nr)
    if chosen.methods:
        sa = replace(sa, state=State.INTERMEDIATE, additional=chosen.methods)
    return answer_in_clear(context, request, sa, chosen.payload(b""), ours)


def begun(context: Context, request: Incoming, suite: IkeProposal, keys: Keys, nr: bytes) -> IkeSa:
    """An IKE SA of which its peer has yet to prove who it is: `request` began it, `nr` is our nonce."""
    here, there = request.datagram.destination, request.datagram.source
    return replace(
        IDLE,
        ours=keys.spi_r,
        spi_i=keys.spi_i,
        spi_r=keys.spi_r,
        local=here,
        remote=there,
        state=State.HALF_OPEN,
        suite=suite,
        keys=keys,
        init_request=request.octets,
        ni=request.find(v2.Nonce).data,
        nr=nr,
        natt=request.natt,
        protocol=request.datagram.protocol,
        born=context.now,
        heard=context.now,
        expected=1,
    )


def answer_in_clear(context: Context, request: Incoming, sa: IkeSa, *first: Payload) -> Step:
    """The response that leaves an IKE SA half-open: `first`, our nonce, NAT detection, what extensions add."""
    sa, added = context.extended("init", sa, request)
    nats = nat_notifies(sa.spi_i, sa.spi_r, sa.local, sa.remote)
    payloads = (*first, v2.Nonce(data=sa.nr), *nats, *added)
    response = Message(sa.spi_i, sa.spi_r, request.message.exchange, RESPONSE, 0, payloads).encode()
    due = Armed(context.now + context.configuration.lifetimes.half_open, Timer.HALF_OPEN)
    return Step(
        send=(request.reply(response),),
        changed=(replace(sa, init_response=response),),
        armed=((sa.ours, due),),
        events=("half-open",),
    )


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


def ike_timers(context: Context, sa: IkeSa) -> tuple[tuple[bytes, Armed], ...]:
    """The timers of an IKE SA that serves from now on: soft and hard lifetime, liveness, keepalives behind a NAT."""
    soft, dpd = context.configuration.lifetimes.ike_soft, context.configuration.dpd
    dues = {
        Timer.IKE_SOFT: None if soft is None else sa.born + soft + context.decide("jitter", sa.ours),
        Timer.IKE_HARD: _ike_hard(context, sa),
    }
    if sa.behind_nat and context.configuration.packets.nat_keepalive is not None:
        dues[Timer.KEEPALIVE] = context.now + context.configuration.packets.nat_keepalive
    if dpd is not None:
        dues[Timer.LIVENESS] = context.now + dpd.interval
    return tuple((sa.ours, Armed(due, timer)) for timer, due in dues.items() if due is not None)


@TABLE.decision(rfc="7296/2.8.1")
def jitter(context: Context, spi: bytes) -> float:
    """By how many seconds the rekey of an SA is put off: its SPI, which is random, says it, so that it stays the same."""
    return context.configuration.exchanges.jitter * int.from_bytes(spi, "big") / (1 << 8 * len(spi))


def _ike_hard(context: Context, sa: IkeSa) -> float | None:
    """When the IKE SA ends: with its lifetime, or with its peer's authentication."""
    seconds = context.configuration.lifetimes.ike_hard
    ends = (None if seconds is None else sa.born + seconds, context.decide("authenticated_until", sa))
    return min((end for end in ends if end is not None), default=None)


def child_timers(context: Context, sa: IkeSa, child: ChildSa) -> tuple[tuple[bytes, Armed], ...]:
    """What is left of a child's limits: the soft and the hard one from its birth on, the idle one from its last packet."""
    lifetimes = context.configuration.lifetimes
    limits = (
        (Timer.CHILD_SOFT, child.born + context.decide("jitter", child.spi_in), lifetimes.child_soft),
        (Timer.CHILD_HARD, child.born, lifetimes.child_hard),
        (Timer.CHILD_IDLE, child.used_at, lifetimes.idle),
    )
    dues = ((timer, since + seconds) for timer, since, seconds in limits if seconds is not None)
    return tuple((sa.ours, Armed(due, timer, child.spi_in)) for timer, due in dues if due > context.now)


def inherited_timers(context: Context, heir: IkeSa) -> tuple[tuple[bytes, Armed], ...]:
    """The children's timers on the SA that inherited them."""
    return tuple(armed for child in heir.children for armed in child_timers(context, heir, child))


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
    old: ChildSa | None = None,
) -> tuple[ChildSa, tuple[Any, ...]] | NotifyType:
    """A child for an offer, with the payloads that accept it: SA, TSi, TSr, notifies; or the reason to refuse it."""
    chosen = chosen or context.decide("choose_child", offer, ke_group)
    if chosen is None:
        return NotifyType.NO_PROPOSAL_CHOSEN
    agreed = agree(context, sa, request, old)
    if isinstance(agreed, NotifyType):
        return agreed

    suite, spi_in = chosen.suite, child_spi(context, sa)
    keymat = ChildSuite(suite.protocol, suite.encr, suite.key_bits, suite.integ, suite.esn)
    assert sa.keys is not None
    keys = child_keys(sa.keys.sk_d, sa.keys.suite.prf, keymat, ni, nr, shared)
    mode = transport_mode(context, request)
    child = ChildSa(
        spi_in, chosen.spi, suite, agreed.local, agreed.remote, context.now, keys, transport=bool(mode)
    )
    return child, (chosen.payload(spi_in), *agreed.payloads(), *mode)


def transport_mode(context: Context, incoming: Incoming | None = None) -> tuple[v2.Notify, ...]:
    """USE_TRANSPORT_MODE if we are for it, and the peer's message has it too (section 1.3.1)."""
    notify = NotifyType.USE_TRANSPORT_MODE
    asked = incoming is None or incoming.find(v2.Notify, notify) is not None
    return (v2.Notify(notify_type=notify),) if asked and context.configuration.children.transport else ()


def child_spi(context: Context, sa: IkeSa) -> bytes:
    """A Child SA SPI above the reserved 0 … 255 (RFC 4303 section 2.1) and not in use here or on this SA."""
    spi = context.entropy.octets(4)
    used = sa.child(spi) is not None or context.world.inbound(spi) is not None
    return child_spi(context, sa) if used or spi <= b"\0\0\0\xff" else spi
