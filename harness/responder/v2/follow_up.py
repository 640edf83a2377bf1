"""RFC 9370 section 2.2.4: IKE_FOLLOWUP_KE, the additional key exchanges of CREATE_CHILD_SA, seen from the responder."""

from harness.codes import Exchange, NotifyType
from harness.responder.context import Context, Incoming
from harness.responder.state import ChildSa, FollowUp, IkeSa, State, Timer
from harness.responder.step import Armed, Step
from harness.responder.table import TABLE
from harness.responder.v2.heirs import bear, succeed
from harness.responder.v2.initial import child_timers, ike_timers
from harness.responder.v2.key_exchange import exchange_keys
from harness.responder.v2.messages import closed, moved, moves, refuse, respond
from harness.sa.v2 import ChildSuite, Keys, Suite, child_keys, rekeyed_keys
from harness.values import replace
from harness.wire import v2

LINK_OCTETS = 8
MOST = 8
"""How many of them one IKE SA may leave unfinished at a time."""


def promised(context: Context, sa: IkeSa, agreed: FollowUp, *payloads: object, request: Incoming) -> Step:
    """The response that asks for the next additional key exchange, and names what it belongs to."""
    linked = replace(agreed, link=context.entropy.octets(LINK_OCTETS))
    waiting = replace(sa, following=(*sa.following, linked))
    step = respond(context, waiting, request, *payloads, *context.decide("link", linked))
    due = Armed(context.now + context.configuration.exchanges.follow_up, Timer.FOLLOW_UP, linked.link)
    return replace(step, armed=(*step.armed, (sa.ours, due)))


@TABLE.decision(rfc="9370/2.2.4")
def link(context: Context, agreed: FollowUp) -> tuple[v2.Notify, ...]:
    """ADDITIONAL_KEY_EXCHANGE, by which the next exchange says what it belongs to."""
    return (v2.Notify(notify_type=NotifyType.ADDITIONAL_KEY_EXCHANGE, data=agreed.link),)


@TABLE.on(State.ESTABLISHED, Exchange.IKE_FOLLOWUP_KE, rfc="9370/2.2.4")
def answer_follow_up(context: Context, sa: IkeSa, request: Incoming) -> Step:
    """Make the next additional key exchange; after the last one the child, or the new IKE SA, is there."""
    named, offered = (
        request.find(v2.Notify, NotifyType.ADDITIONAL_KEY_EXCHANGE),
        request.find(v2.KeyExchange),
    )
    agreed = next((each for each in sa.following if named is not None and each.link == named.data), None)
    if agreed is None or _overtaken(sa, agreed):
        return refuse(context, sa, request, NotifyType.STATE_NOT_FOUND)
    exchanged = None
    if offered is not None and offered.group == agreed.methods[0]:
        exchanged = exchange_keys(context, offered)
    if exchanged is None:
        return closed(context, refuse(context, sa, request, NotifyType.INVALID_SYNTAX), "ike-sa-gone")

    shared, ours = exchanged
    rest = replace(sa, following=tuple(each for each in sa.following if each is not agreed))
    done = agreed.then(shared)
    if done.methods:
        return promised(context, rest, done, ours, request=request)
    return (
        _make_child(context, rest, request, done, ours)
        if done.child
        else _succeed(context, rest, request, done, ours)
    )


def _overtaken(sa: IkeSa, agreed: FollowUp) -> bool:
    """Whether the child that was to be replaced is gone by now, or replaced already."""
    old = sa.child(agreed.old) if agreed.old else None
    return agreed.old != b"" and (old is None or old.rekeyed)


@TABLE.on(State.CONTESTED, Exchange.IKE_FOLLOWUP_KE, rfc="9370/2.2.4")
@TABLE.on(State.REKEYED, Exchange.IKE_FOLLOWUP_KE, rfc="9370/2.2.4")
@TABLE.on(State.CLOSING, Exchange.IKE_FOLLOWUP_KE, rfc="9370/2.2.4")
def follow_up_too_late(context: Context, sa: IkeSa, request: Incoming) -> Step:
    """An SA that is being replaced or closed goes on with nothing: STATE_NOT_FOUND."""
    return refuse(context, replace(sa, following=()), request, NotifyType.STATE_NOT_FOUND)


@TABLE.timer(Timer.FOLLOW_UP, rfc="9370/2.2.4")
def forget_follow_up(context: Context, sa: IkeSa, armed: Armed) -> Step:
    """A peer that does not go on in time may have forgotten what it was about; so do we."""
    kept = tuple(each for each in sa.following if each.link != armed.about)
    return Step(changed=(replace(sa, following=kept),), events=("follow-up-expired",))


@TABLE.decision(rfc="9370/2.2.4")
def child_of(context: Context, sa: IkeSa, done: FollowUp) -> ChildSa:
    """The child with its keys: KEYMAT is made of all key exchanges."""
    assert done.child is not None
    assert sa.keys is not None
    suite = done.child.proposal
    keymat = ChildSuite(suite.protocol, suite.encr, suite.key_bits, suite.integ, suite.esn)
    prf = sa.keys.suite.prf
    keys = child_keys(sa.keys.sk_d, prf, keymat, done.ni, done.nr, done.shared, done.additional)
    return replace(done.child, keys=keys, born=context.now)


@TABLE.decision(rfc="9370/2.2.4")
def keys_of(context: Context, sa: IkeSa, done: FollowUp) -> Keys:
    """The keys of the IKE SA that takes this one's place, made of all key exchanges."""
    assert done.suite is not None
    assert sa.keys is not None
    ours = done.suite
    suite = Suite(ours.encr, ours.key_bits, ours.integ, ours.prf, ours.group)
    return rekeyed_keys(sa.keys, suite, *done.spis, done.ni, done.nr, done.shared, done.additional)


def _make_child(context: Context, sa: IkeSa, request: Incoming, done: FollowUp, ours: v2.KeyExchange) -> Step:
    child, old = context.decide("child_of", sa, done), sa.child(done.old) if done.old else None
    after = sa if old is None else sa.with_child(replace(old, rekeyed=True))
    step = respond(context, after.with_child(child), request, ours)
    event = "child-sa-rekeyed" if done.old else "child-sa-established"
    return replace(step, armed=(*step.armed, *child_timers(context, sa, child)), events=(event,))


def _succeed(context: Context, sa: IkeSa, request: Incoming, done: FollowUp, ours: v2.KeyExchange) -> Step:
    assert done.suite is not None
    place = moved(sa, request) if moves(sa, request) else sa
    heir = bear(context, sa, done.suite, context.decide("keys_of", sa, done), we_started=False, place=place)
    heir, added = context.extended("rekey", heir, request)
    step = respond(context, replace(sa, following=()), request, ours, *added)
    answered = step.changed[0]
    assert isinstance(answered, IkeSa)
    armed = Step(armed=ike_timers(context, heir), events=("ike-sa-rekeyed",))
    return step.then(armed).then(succeed(context, answered, heir))
