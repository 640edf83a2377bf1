"""What an ISAKMP SA does when a timer is due: repetition, half-open expiry, lifetimes, liveness; and on command."""

from collections.abc import Iterable, Sequence

from harness.codes import NotifyTypeV1
from harness.profile import Start
from harness.responder.context import Context
from harness.responder.idleness import idle_child
from harness.responder.state import Timer
from harness.responder.step import NOTHING, Armed, Step, together
from harness.responder.table import TABLE
from harness.responder.v1 import peers
from harness.responder.v1.fragments import FRAGMENTS, forget_fragments
from harness.responder.v1.initiate import recreate, start_phase1
from harness.responder.v1.messages import (
    delete_ipsec,
    delete_isakmp,
    deletes_ipsec,
    notify_about,
    on_its_way,
    repeated_later,
    tell,
)
from harness.responder.v1.own_quick import given_up, recreate_children, rekey
from harness.responder.v1.state import (
    IpsecSa,
    IsakmpSa,
    Phase2,
    Probe,
    Quick,
    Transacting,
    Transaction,
)
from harness.values import replace

FIRST_SEQUENCES = 1 << 31
"""A first sequence number has its top bit clear (RFC 3706 section 6.2)."""
SEQUENCES = 1 << 32
WAITING: frozenset[str] = frozenset(
    (
        Phase2.QUICK_1,
        Phase2.QUICK_2,
        Transacting.CREDENTIALS_ASKED,
        Transacting.STATUS_SET,
        Transacting.CONFIGURATION_SET,
    )
)
"""Where an exchange after phase 1 waits for the peer's next message."""


# Unfinished exchanges


@TABLE.timer(Timer.HALF_OPEN, rfc="2408/1.7.1", version=1)
def forget_unfinished(context: Context, sa: IsakmpSa, armed: Armed) -> Step:
    """A peer that never came back is forgotten, without a word: its phase 1, an exchange, or its fragments."""
    if armed.about == FRAGMENTS:
        return forget_fragments(context, sa)
    if armed.about == 0:
        return Step(gone=(sa.ours,), events=("half-open-expired",)) if sa.half_open else NOTHING
    known = sa.under(armed.about) if isinstance(armed.about, int) else None
    return NOTHING if known is None else Step(changed=(sa.without_exchange(known.message_id),))


@TABLE.timer(Timer.RETRANSMIT, rfc="2408/5.1", version=1)
def repeat_last(context: Context, sa: IsakmpSa, armed: Armed) -> Step:
    """Our last message goes out again, the same octets, while its answer is missing; never the first answer.

    A peer whose address is not proved gets nothing unasked: its cookie has not come back yet.
    """
    if isinstance(armed.about, int):
        under_way = sa.under(armed.about)
        waits = under_way is not None and under_way.state in WAITING
        return _repeat_exchange(context, sa, under_way) if waits and under_way is not None else NOTHING
    if armed.about != sa.state.encode() or sa.up:
        return NOTHING
    if sa.times_sent >= context.decide("transmissions", sa.we_started):
        return Step(gone=(sa.ours,), events=("peer-lost",)) if sa.we_started else NOTHING
    again = replace(sa, times_sent=sa.times_sent + 1)
    return Step(send=(on_its_way(sa, sa.sent),), changed=(again,), armed=(repeated_later(context, again),))


def _repeat_exchange(context: Context, sa: IsakmpSa, under_way: Quick | Transaction) -> Step:
    if under_way.times_sent >= context.decide("transmissions", under_way.we_started):
        return _unanswered(context, sa, under_way) if under_way.we_started else NOTHING
    again = replace(under_way, times_sent=under_way.times_sent + 1)
    after = sa.having(again)
    return Step(
        send=(on_its_way(sa, under_way.sent),),
        changed=(after,),
        armed=(repeated_later(context, after, again),),
    )


def _unanswered(context: Context, sa: IsakmpSa, asked: Quick | Transaction) -> Step:
    """An exchange of ours is given up; with an XAUTH the ISAKMP SA goes, for its user has not authenticated."""
    if isinstance(asked, Quick):
        return Step(changed=(given_up(sa, asked),), events=("quick-mode-unanswered",))
    left = sa.without_exchange(asked.message_id)
    if sa.xauth_due:
        return replace(close(context, left), events=("xauth-failed",))
    return Step(changed=(left,), events=("transaction-unanswered",)).then(context.decide("goes_on", left))


# Lifetimes


@TABLE.timer(Timer.CHILD_SOFT, rfc="2407/4.5", version=1)
def ipsec_soft_limit(context: Context, sa: IsakmpSa, armed: Armed) -> Step:
    """IPsec SAs near their end are renewed where the profile lets this end do so; else nothing happens."""
    child = sa.child(armed.about) if isinstance(armed.about, bytes) else None
    if child is None or child.rekeyed or not sa.up:
        return NOTHING
    if not context.may_rekey(Start.CHILD_REKEY, began=sa.we_started):
        return NOTHING
    return rekey(context, sa, child)


@TABLE.timer(Timer.CHILD_HARD, rfc="2407/4.5", version=1)
def ipsec_hard_limit(context: Context, sa: IsakmpSa, armed: Armed) -> Step:
    """IPsec SAs past their lifetime are removed and the peer is told by a Delete; nothing takes their place."""
    child = sa.child(armed.about) if isinstance(armed.about, bytes) else None
    return NOTHING if child is None or not sa.up else expire(context, sa, (child,))


@TABLE.timer(Timer.CHILD_IDLE, rfc="2408/5.15", version=1)
def ipsec_idle(context: Context, sa: IsakmpSa, armed: Armed) -> Step:
    """IPsec SAs that have carried nothing for the configured time are deleted; later traffic may bring others."""
    child = idle_child(context, sa, armed)
    if isinstance(child, Step):
        return child
    told = tell(context, sa.without(child.spi_in), delete_ipsec(child.proposal.protocol, child.spi_in))
    return replace(told, events=("ipsec-sa-idle",))


def expire(context: Context, sa: IsakmpSa, children: Sequence[IpsecSa]) -> Step:
    """IPsec SAs removed, each with its Delete; where the profile lets this end make them again, they are asked for."""
    for child in children:
        sa = sa.without(child.spi_in)
    told = tell(context, sa, *(delete_ipsec(c.proposal.protocol, c.spi_in) for c in children))
    step = replace(told, events=("ipsec-sa-expired",) * len(children))
    after = told.changed[0]
    assert isinstance(after, IsakmpSa)
    return step.then(recreate_children(context, after, children))


@TABLE.timer(Timer.IKE_SOFT, rfc="2408/4.3", version=1)
def isakmp_soft_limit(context: Context, sa: IsakmpSa, armed: Armed) -> Step:
    """An ISAKMP SA near its end is renewed where the profile lets this end do so; else nothing happens."""
    if not sa.up or not context.may_rekey(Start.PHASE1_RENEWAL, began=sa.we_started):
        return NOTHING
    return start_phase1(context, sa)


@TABLE.timer(Timer.IKE_HARD, rfc="2409/10", version=1)
def isakmp_hard_limit(context: Context, sa: IsakmpSa, armed: Armed) -> Step:
    """An ISAKMP SA past its lifetime is deleted; its IPsec SAs pass to another one of the peer, or are deleted too."""
    if not sa.up:
        return NOTHING
    heirs = peers.others_of(context, sa)
    closed = replace(close(context, sa, with_children=not heirs), events=("isakmp-sa-expired",))
    if heirs:
        return closed.then(peers.inherit(context, heirs, sa.children))
    return closed.then(recreate(context, sa))


def close(context: Context, sa: IsakmpSa, *, with_children: bool = True) -> Step:
    """An ISAKMP SA removed, with Deletes for it and for what it answers for."""
    if not sa.up:
        return Step(gone=(sa.ours,))
    deletes = deletes_ipsec(sa) if with_children else ()
    told = tell(context, sa, *deletes, delete_isakmp(sa))
    return Step(send=told.send, gone=(sa.ours,))


# Liveness


@TABLE.timer(Timer.LIVENESS, rfc="3706/5.4", version=1)
def probe_peer(context: Context, sa: IsakmpSa, armed: Armed) -> Step:
    """A peer not heard for the configured interval is asked R-U-THERE; one that stays silent is taken for dead."""
    dpd = context.configuration.dpd
    if dpd is None or not sa.up:
        return NOTHING
    silent_until = sa.heard + dpd.interval
    if context.now < silent_until:  # the very sum that was armed: a difference could round to less for ever
        later = Armed(silent_until, Timer.LIVENESS)
        return Step(changed=(replace(sa, probe=None),), armed=((sa.ours, later),))
    asked = (
        Probe(_sequence(context, sa))
        if sa.probe is None
        else replace(sa.probe, times_sent=sa.probe.times_sent + 1)
    )
    if asked.times_sent > dpd.retries:
        return give_up(context, sa)
    waiting = replace(sa, probe=asked, next_sequence=(asked.sequence + 1) % SEQUENCES)
    query = notify_about(waiting, NotifyTypeV1.R_U_THERE, asked.sequence.to_bytes(4, "big"))
    again = Armed(context.now + dpd.retry, Timer.LIVENESS)
    return replace(tell(context, waiting, query), armed=((sa.ours, again),))


def _sequence(context: Context, sa: IsakmpSa) -> int:
    """The number of the next query: by chance for the first one, then one more each time (RFC 3706 section 6.2)."""
    if sa.next_sequence is not None:
        return sa.next_sequence
    return int.from_bytes(context.entropy.octets(4), "big") % FIRST_SEQUENCES


def give_up(context: Context, sa: IsakmpSa) -> Step:
    """A peer that answers nothing is taken for dead: all that it had here goes, silently (RFC 3706 section 5.4)."""
    return Step(gone=(sa.ours,), events=("peer-lost",)).then(recreate(context, sa))


# On command


def close_all(context: Context) -> Step:
    """Every ISAKMP SA is deleted with its IPsec SAs, and the peers are told; unfinished ones go silently."""
    sas = [sa for sa in context.world.all() if isinstance(sa, IsakmpSa) and context.own(sa)]
    return together([close(context, sa) for sa in sas])


def give_up_all(context: Context) -> Step:
    """Every peer is taken for dead."""
    return together([give_up(context, sa) for sa in peers.standing(context)])


def soft_expiry(context: Context) -> Step:
    """Every SA has reached its soft limit now: renewals, where the profile permits them."""
    steps = []
    for sa in peers.standing(context):
        if context.may_rekey(Start.CHILD_REKEY, began=sa.we_started):
            steps.append(_renewed(context, sa, sa.children))
        if context.may_rekey(Start.PHASE1_RENEWAL, began=sa.we_started):
            steps.append(start_phase1(context, sa))
    return together(steps)


def _renewed(context: Context, sa: IsakmpSa, children: Iterable[IpsecSa]) -> Step:
    steps = []
    for each in children:
        child = sa.child(each.spi_in)
        if child is None or child.rekeyed:
            continue
        step = rekey(context, sa, child)
        changed = step.changed[0]
        assert isinstance(changed, IsakmpSa)
        sa = changed
        steps.append(step)
    return together(steps)


def hard_expiry(context: Context) -> Step:
    """Every IPsec SA has reached its hard limit now, by time or by volume."""
    return together([expire(context, sa, sa.children) for sa in peers.standing(context)])
