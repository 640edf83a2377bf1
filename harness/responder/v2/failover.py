"""RFC 6311: an IKE SA outlives the failover of a cluster, because its two ends synchronise their counters.

The member that takes over asks; any device may be the peer that answers.
"""

from typing import Any

from harness.codes import Esn, Exchange, NotifyType
from harness.responder.context import Context, Incoming
from harness.responder.state import ChildSa, IkeSa, Outstanding, Own, Served
from harness.responder.step import NOTHING, Step, drop
from harness.responder.table import TABLE
from harness.responder.v2.initial import child_timers, ike_timers
from harness.responder.v2.messages import LAST_MESSAGE_ID, RESPONSE, opened, request, sealed, transmit
from harness.responder.v2.own import answered, asks, permitted, proceed
from harness.values import replace, value
from harness.wire import v2

NONCE_OCTETS = 4
MESSAGE_ID_SYNC, REPLAY_COUNTER_SYNC = NotifyType.IKEV2_MESSAGE_ID_SYNC, NotifyType.IPSEC_REPLAY_COUNTER_SYNC
_SUPPORTED = {
    "message_ids": NotifyType.IKEV2_MESSAGE_ID_SYNC_SUPPORTED,
    "replay_counters": NotifyType.IPSEC_REPLAY_COUNTER_SYNC_SUPPORTED,
}


@value
class Counters:
    """The data of IKEV2_MESSAGE_ID_SYNC: the Message IDs that its sender will use and expects next (section 6.3)."""

    nonce: bytes
    sends: int
    expects: int

    def notify(self) -> v2.Notify:
        """The notify that says so."""
        data = self.nonce + self.sends.to_bytes(4, "big") + self.expects.to_bytes(4, "big")
        return v2.Notify(notify_type=MESSAGE_ID_SYNC, data=data)


def read_counters(payloads: tuple[Any, ...]) -> Counters | None:
    """What the one IKEV2_MESSAGE_ID_SYNC among these payloads says; None without one, or with more, or of another size."""
    found = [p for p in payloads if isinstance(p, v2.Notify) and p.notify_type == MESSAGE_ID_SYNC]
    if len(found) != 1 or len(found[0].data) != NONCE_OCTETS + 8:
        return None
    data = found[0].data
    return Counters(data[:4], int.from_bytes(data[4:8], "big"), int.from_bytes(data[8:], "big"))


# --- negotiation --------------------------------------------------------------------------------------------------


def supported(context: Context) -> tuple[v2.Notify, ...]:
    """What can be synchronised here, for an IKE_AUTH request."""
    cluster = context.configuration.cluster
    return tuple(
        v2.Notify(notify_type=notify)
        for name, notify in _SUPPORTED.items()
        if cluster is not None and getattr(cluster, name)
    )


@TABLE.extension("auth", rfc="6311/5")
def synchronisation_supported(
    context: Context, sa: IkeSa, incoming: Incoming
) -> tuple[IkeSa, tuple[Any, ...]]:
    """Of what can be synchronised here that which the initiator asserted too."""
    agreed = agree(context, sa, incoming)
    flags = (agreed.session.message_ids, agreed.session.replay_counters)
    return agreed, tuple(
        v2.Notify(notify_type=notify) for notify, flag in zip(_SUPPORTED.values(), flags, strict=True) if flag
    )


def agree(context: Context, sa: IkeSa, incoming: Incoming) -> IkeSa:
    """The SA with what both ends can synchronise."""
    if context.configuration.cluster is None:
        return sa
    ours = {notify.notify_type for notify in supported(context)}
    message_ids, replay_counters = (
        notify in ours and incoming.find(v2.Notify, notify) is not None for notify in _SUPPORTED.values()
    )
    session = replace(sa.session, message_ids=message_ids, replay_counters=replay_counters)
    return replace(sa, session=session)


# --- the member that takes over -----------------------------------------------------------------------------------


def told(sa: IkeSa) -> IkeSa:
    """What one member tells the others of an IKE SA; what is under way it keeps to itself."""
    return replace(sa, outstanding=(), queue=(), deferred=(), served=(), gathered=(), half_closed=())


def adopted(context: Context, sa: IkeSa) -> Step:
    """An IKE SA that another member told of, with what is left of its lifetimes."""
    children = tuple(timer for child in sa.children for timer in child_timers(context, sa, child))
    return Step(changed=(sa,), armed=(*ike_timers(context, sa), *children))


def taken_over(context: Context, sa: IkeSa) -> Step:
    """An IKE SA that another member served until now: its counters are synchronised, where that was agreed.

    Requests that were under way can't be sent again as they were; they are asked anew (section 4). What goes out
    on its children skips the numbers that may have been used (section 5.2).
    """
    cluster = context.configuration.cluster
    if cluster is None or not (sa.session.message_ids or sa.session.replay_counters):
        return NOTHING
    owns = (each.own for each in sa.outstanding if each.own.kind != "synchronise")
    pending = tuple(own for own in owns if permitted(context, sa, own))
    queue = (Own("synchronise"), *pending, *sa.queue)
    ours = replace(told(sa), half_closed=sa.half_closed, deferred=sa.deferred, queue=queue)
    return proceed(context, Step(changed=(skipped(ours, cluster.missed),)))


def skipped(sa: IkeSa, packets: int) -> IkeSa:
    """The SA whose children leave out so many sequence numbers of what they send."""
    moved = tuple(replace(c, traffic=replace(c.traffic, sent=c.traffic.sent + packets)) for c in sa.children)
    return replace(sa, children=moved)


@asks("synchronise")
def _synchronise(context: Context, sa: IkeSa, own: Own) -> Step:
    """Ask for the Message IDs under Message ID zero, for the replay counters besides or by themselves (section 5)."""
    replay = _replay_counters(context, sa) if sa.session.replay_counters else ()
    if not sa.session.message_ids:
        return request(context, sa, own, Exchange.INFORMATIONAL, *replay)
    nonce = context.entropy.octets(NONCE_OCTETS)
    ours: Counters = context.decide("counters_to_tell", sa, nonce)
    messages = sealed(context, sa, Exchange.INFORMATIONAL, 0, 0, (ours.notify(), *replay))
    asked = Outstanding(replace(own, data=ours.notify().data), 0, Exchange.INFORMATIONAL, messages)
    step = transmit(context, replace(sa, next_own=ours.sends), asked)
    return replace(step, events=("sent synchronise",))


@TABLE.decision(rfc="6311/5.1")
def counters_to_tell(context: Context, sa: IkeSa, nonce: bytes) -> Counters:
    """M1 and P1: beyond what may have been used since this member last heard of it, and next to what was received."""
    cluster = context.configuration.cluster
    assert cluster is not None
    beyond = sa.next_own + max(sa.window, cluster.unheard)
    return Counters(nonce, min(beyond, LAST_MESSAGE_ID), min(sa.expected, LAST_MESSAGE_ID))


def _replay_counters(context: Context, sa: IkeSa) -> tuple[v2.Notify, ...]:
    """How far the peer is to raise what it sends on the children: 4 octets, 8 with extended numbers (section 6.4)."""
    cluster = context.configuration.cluster
    assert cluster is not None
    octets = 8 if any(map(_extended, sa.children)) else 4
    return (v2.Notify(notify_type=REPLAY_COUNTER_SYNC, data=cluster.missed.to_bytes(octets, "big")),)


def _extended(child: ChildSa) -> bool:
    return child.proposal.esn == Esn.ESN


def synchronised(context: Context, sa: IkeSa, asked: Outstanding, response: Incoming) -> Step:
    """Go on with the Message IDs that the peer answers with, if it answers what was asked (section 5.1)."""
    ours, said = read_counters((as_notify(asked.own.data),)), read_counters(response.payloads)
    if ours is None:
        return answered(context, Step(changed=(sa,)), response)
    alone = len(response.payloads) == 1
    if said is None or not alone or said.nonce != ours.nonce:
        return drop("a synchronisation that does not answer the one that was asked")
    if said.expects < ours.sends or said.sends < ours.expects:
        return drop("a synchronisation that goes back")
    agreed = replace(sa, next_own=said.expects, expected=said.sends, served=())
    return answered(context, Step(changed=(agreed,), events=("synchronised",)), response)


def as_notify(data: bytes) -> v2.Notify:
    """IKEV2_MESSAGE_ID_SYNC with this data."""
    return v2.Notify(notify_type=MESSAGE_ID_SYNC, data=data)


# --- the peer of a cluster ----------------------------------------------------------------------------------------


def synchronise(context: Context, sa: IkeSa, incoming: Incoming) -> Step | None:
    """What an INFORMATIONAL of Message ID zero gets where synchronisation was agreed; None if it asks for none.

    Octet for octet the one that was answered last, with nothing served since, it is sent again because the answer
    was lost (RFC 7296 section 2.1); any other whose M1 is not above all that was seen is dropped (section 5.1).
    """
    if sa.synchronised is not None and incoming.octets == sa.synchronised.request:
        lost = sa.expected == sa.synchronised.message_id and not sa.served
        return Step(send=tuple(map(incoming.reply, sa.synchronised.response))) if lost else drop(REPLAYED)
    whole = opened(context, sa, incoming)
    if isinstance(whole, Step):
        return whole
    if not any(isinstance(p, v2.Notify) and p.notify_type == MESSAGE_ID_SYNC for p in whole.payloads):
        return None
    return _answered(context, sa, whole)


REPLAYED = "a synchronisation that was answered before, or that is older than what was seen"


def _answered(context: Context, sa: IkeSa, incoming: Incoming) -> Step:
    theirs = read_counters(incoming.payloads)
    replay = incoming.find(v2.Notify, REPLAY_COUNTER_SYNC)
    if theirs is None or len(incoming.payloads) != (1 if replay is None else 2):
        return drop("a synchronisation with other payloads, or other data, than it has")
    seen = max((each.message_id for each in sa.served), default=sa.expected - 1)
    if not context.decide("is_news", sa, theirs, seen):
        return drop(REPLAYED)
    sends = min(max(theirs.expects, sa.next_own), LAST_MESSAGE_ID)
    ours = Counters(theirs.nonce, sends, max(theirs.sends, seen + 1))
    response = sealed(context, sa, Exchange.INFORMATIONAL, RESPONSE, 0, (ours.notify(),))
    after = replace(
        sa,
        expected=ours.expects,
        next_own=ours.sends,
        served=(),
        outstanding=(),
        queue=(*(each.own for each in sa.outstanding), *sa.queue),
        heard=context.now,
        synchronised=Served(ours.expects, incoming.octets, response),
    )
    if replay is not None and sa.session.replay_counters:
        after = skipped(after, int.from_bytes(replay.data, "big"))
    step = Step(send=tuple(map(incoming.reply, response)), changed=(after,), events=("synchronised",))
    return proceed(context, step)


@TABLE.decision(rfc="6311/5.1")
def is_news(context: Context, sa: IkeSa, theirs: Counters, seen: int) -> bool:
    """Whether M1 is above every Message ID that was seen from the cluster."""
    return theirs.sends > seen


@TABLE.extension("informational", rfc="6311/5.2")
def replay_counters_raised(context: Context, sa: IkeSa, incoming: Incoming) -> tuple[IkeSa, tuple[Any, ...]]:
    """IPSEC_REPLAY_COUNTER_SYNC by itself, in an exchange like any other."""
    asked = incoming.find(v2.Notify, REPLAY_COUNTER_SYNC) if sa.session.replay_counters else None
    return sa if asked is None else skipped(sa, int.from_bytes(asked.data, "big")), ()
