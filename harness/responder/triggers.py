"""What local events make the device do: under responder-only nothing, under two-way what a real device starts.

Each trigger asks `Context.may` and nothing else; there is no second way to an initiation.
"""

from harness.codes import Trigger
from harness.profile import Start
from harness.responder import v1
from harness.responder.context import Context
from harness.responder.data import carry_out, child_for
from harness.responder.data.local import for_the_peer, hello
from harness.responder.initiate import give_up, reachable, reauthenticate, start_ike_sa
from harness.responder.policy import selector
from harness.responder.state import IkeSa, Own, Sa, Selector, State
from harness.responder.step import NOTHING, Step, drop, together
from harness.responder.table import TABLE
from harness.responder.v2.failover import taken_over
from harness.responder.v2.mobility import to_another_address
from harness.responder.v2.own import begin, forgo, permitted
from harness.responder.v2.timers import expire
from harness.sa.methods import METHODS, Proof
from harness.values import replace
from harness.wire.datagram import Datagram

DISCARDED = "the packet is discarded: no child is for it, and in clear it may not go"
UNDER_WAY = "an SA with this peer is being made already"
SILENT = "responder-only: the profile starts nothing for this"


def _standing(context: Context) -> tuple[IkeSa | v1.IsakmpSa, ...]:
    """The SAs of either version with the peer in question that serve."""
    return (*_established(context), *v1.peers.standing(context))


def _established(context: Context) -> tuple[IkeSa, ...]:
    """The IKE SAs with the peer in question that serve."""
    return tuple(sa for sa in context.world.all() if isinstance(sa, IkeSa) and sa.up and context.own(sa))


@TABLE.trigger(Trigger.BOOT, Trigger.INTERFACE_UP, Trigger.OPERATOR_INITIATE, Trigger.ROUTE_CONVERGENCE)
def start_tunnel(context: Context) -> Step:
    """The tunnel's end comes to life, or must be reached anew: a two-way device begins an IKE SA."""
    if not context.may(Start.IKE_SA):
        return drop(SILENT)
    return _initiate(context)


@TABLE.trigger(Trigger.FAILOVER)
def take_over(context: Context) -> Step:
    """This node serves from now on in place of another; of a cluster that is for the SAs which that one told of (RFC 6311)."""
    if context.configuration.cluster is None or not _established(context):
        return start_tunnel(context)
    return together([taken_over(context, sa) for sa in _established(context)])


@TABLE.trigger(Trigger.MATCHING_TRAFFIC)
def traffic(context: Context) -> Step:
    """A packet for behind the peer goes through the newest child that covers it.

    Without one it is discarded: it may not leave in clear, and nothing is queued. A two-way device asks for a
    child then, which the next packet finds (RFC 4301 section 4.4.1).
    """
    packet = for_the_peer(context.configuration)
    return _sent(context, packet) or _discarded(_child_for_traffic(context, second=False))


@TABLE.trigger(Trigger.MULTICAST)
def multicast(context: Context) -> Step:
    """A routing protocol's hello goes through a child that covers it; one that covers other traffic is not for it."""
    sent = _sent(context, hello(context.configuration))
    if sent is not None:
        return sent
    tunnel = any(sa.children for sa in _standing(context))
    return _discarded(NOTHING if tunnel else _child_for_traffic(context, second=False))


@TABLE.trigger(Trigger.SECOND_SELECTOR)
def second_traffic(context: Context) -> Step:
    """A packet for the second pair of subnets goes through a child made for just that pair, else like any other."""
    packet = for_the_peer(context.configuration, second=True)
    pair = _subnet(context, True, 0), _subnet(context, True, 1)
    return _sent(context, packet, pair) or _discarded(_child_for_traffic(context, second=True))


def _sent(
    context: Context,
    packet: Datagram | None,
    only: tuple[tuple[Selector, ...], tuple[Selector, ...]] | None = None,
) -> Step | None:
    """The packet on its way through a child, one of `only` these selectors where given; None if none covers it."""
    if packet is None:
        return drop("no hosts are configured that could send it")
    found = None
    for sa in _standing(context):
        children = [child for child in sa.children if only in (None, (child.local, child.remote))]
        child = child_for(children, packet)
        found = found if child is None else (sa, child)
    return None if found is None else carry_out(context, *found, packet)


def _discarded(asked: Step) -> Step:
    """What a packet without a child led to; the packet itself went nowhere."""
    return replace(asked, drop=DISCARDED if asked.drop is None else f"{DISCARDED}; {asked.drop}")


def _child_for_traffic(context: Context, *, second: bool) -> Step:
    """A child on the SA that stands, else a new SA; each only if the profile permits it."""
    for sa in _established(context):
        if not context.may(Start.FIRST_CHILD):
            return drop(SILENT)
        return begin(
            context,
            sa,
            Own("new-child", local=_subnet(context, second, 0), remote=_subnet(context, second, 1)),
        )
    for isakmp in v1.peers.standing(context):
        return (
            v1.start_quick_mode(context, isakmp, second=second)
            if context.may(Start.FIRST_CHILD)
            else drop(SILENT)
        )
    return _initiate(context) if context.may(Start.IKE_SA) else drop(SILENT)


def _subnet(context: Context, second: bool, side: int) -> tuple[Selector, ...]:
    configuration = context.configuration
    if second and configuration.second_selector is not None:
        return (selector(configuration.second_selector[side]),)
    return tuple(selector(s) for s in (configuration.local_subnets, configuration.remote_subnets)[side])


def _initiate(context: Context) -> Step:
    """Begin an SA in the version that the configuration names, unless one is being made already."""
    between = reachable(context)
    if isinstance(between, Step):
        return between
    if any(_begun(sa) for sa in context.world.all() if context.own(sa)):
        return drop(UNDER_WAY)
    if context.configuration.initiate_version == 1:
        return v1.start_phase1(context)
    return start_ike_sa(context, between)


def _begun(sa: Sa) -> bool:
    """Whether this is an SA that we began and that is not up yet."""
    if isinstance(sa, IkeSa):
        return sa.state in (State.INIT_SENT, State.INTERMEDIATE_SENT, State.AUTH_SENT)
    return sa.we_started and not sa.up


@TABLE.decision(rfc="7296/1.2")
def forgo_starts(context: Context) -> Step:
    """A device that is set up otherwise leaves what it was about to start, or has begun alone, and may start no more.

    SAs stay; so does a request that is out on one, for its Message ID is used (RFC 7296 section 2.3).
    """
    step = NOTHING
    for sa in context.world.all():
        if context.own(sa):
            step = step.then(_forgone(context, sa))
    return step


def _forgone(context: Context, sa: Sa) -> Step:
    if _begun(sa):
        return NOTHING if context.may(Start.IKE_SA) else Step(gone=(sa.ours,), events=("forgone",))
    left: Sa = sa
    if isinstance(sa, IkeSa):
        left = forgo(context, sa)
    elif isinstance(sa, v1.IsakmpSa):
        left = v1.forgo(context, sa)
    return NOTHING if left == sa else Step(changed=(left,))


@TABLE.trigger(Trigger.ADDRESS_CHANGE)
def address_change(context: Context) -> Step:
    """IKE SAs with MOBIKE go on from another address, and their peers are told; with the others it starts over (RFC 4555)."""
    standing = _established(context)
    moved = [step for sa in standing if (step := to_another_address(context, sa)) is not None]
    if not moved:
        return start_over(context)
    stay = tuple(sa for sa in standing if all(sa.ours != step.changed[0].ours for step in moved))
    return together([*moved, _delete(context, stay, "delete-ike")])


@TABLE.trigger(Trigger.RELOAD, Trigger.CLEAR)
def start_over(context: Context) -> Step:
    """All SAs are deleted; a two-way device makes them again, and asks for the first one at once."""
    closed = _delete_all(context, "delete-ike")
    if not context.may(Start.RECREATE):
        return closed if closed.send else drop(SILENT)
    return closed if _established(context) else closed.then(_initiate(context))


@TABLE.trigger(Trigger.INTERFACE_DOWN)
def close_all(context: Context) -> Step:
    """Every SA is deleted for good, and the peers are told (RFC 7296 section 1.4.1)."""
    return _delete_all(context, "close-ike")


def _delete_all(context: Context, kind: str) -> Step:
    return _delete(context, _established(context), kind)


def _delete(context: Context, sas: tuple[IkeSa, ...], kind: str) -> Step:
    """Deletes of these IKE SAs, and of all ISAKMP SAs."""
    v2_closed = [begin(context, replace(sa, children=(), queue=()), Own(kind)) for sa in sas]
    return together([*v2_closed, v1.close_all(context)])


@TABLE.trigger(Trigger.DPD_LOSS)
def peer_lost(context: Context) -> Step:
    """The liveness check has found the peer dead: its SAs go; a two-way device makes them again."""
    lost = together([give_up(context, sa) for sa in _established(context)])
    return lost.then(v1.give_up_all(context))


@TABLE.trigger(Trigger.SOFT_EXPIRY)
def soft_expiry(context: Context) -> Step:
    """Every SA has reached its soft limit now, by time or by volume: rekeys, where the profile permits them."""
    steps = []
    for sa in _established(context):
        wanted = [Own("rekey-child", spi_in=c.spi_in) for c in sa.children]
        wanted += [] if sa.busy_with("rekey-ike") else [Own("rekey-ike")]
        steps.append(begin(context, sa, *(own for own in wanted if permitted(context, sa, own))))
    return together([*steps, v1.soft_expiry(context)])


@TABLE.trigger(Trigger.HARD_EXPIRY)
def hard_expiry(context: Context) -> Step:
    """Every child has reached its hard limit now, by time or by volume."""
    return together(
        [*(expire(context, sa, sa.children) for sa in _established(context)), v1.hard_expiry(context)]
    )


@TABLE.trigger(Trigger.CLOCK_STEP)
def clock_step(context: Context) -> Step:
    """The wall clock jumped. Lifetimes follow the steady clock, and a shared key knows no time: nothing happens.

    Whether a certificate still holds is a matter of the wall clock, and seen when its owner proves himself anew: a
    two-way device has him do so (RFC 7296 section 2.8.3), a responder can't.
    """
    by_certificate = context.configuration.remote_auth == "signature"
    v2_anew = [
        reauthenticate(context, sa)
        for sa in _established(context)
        if by_certificate and context.may(Start.REAUTH)
    ]
    v1_anew = [
        v1.start_phase1(context, sa)
        for sa in v1.peers.standing(context)
        if _signs(sa) and context.may(Start.PHASE1_RENEWAL)
    ]
    return together([*v2_anew, *v1_anew])


def _signs(sa: v1.IsakmpSa) -> bool:
    """Whether the peer proved itself by a signature, and so by a certificate."""
    return sa.policy is not None and METHODS[sa.policy.auth].proof is Proof.SIGNATURE
