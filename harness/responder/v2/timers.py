"""What an IKEv2 SA does when a timer is due: half-open expiry, lifetimes, retransmission, liveness."""

from collections.abc import Sequence

from harness.profile import Start
from harness.responder.context import Context
from harness.responder.idleness import idle_child
from harness.responder.initiate import give_up
from harness.responder.state import ChildSa, IkeSa, Own, State, Timer
from harness.responder.step import NOTHING, Armed, Step
from harness.responder.table import TABLE
from harness.responder.v2.messages import transmit
from harness.responder.v2.own import begin
from harness.responder.v2.redirect import GONE
from harness.values import replace
from harness.wire.datagram import UDP


@TABLE.timer(Timer.HALF_OPEN, rfc="7296/2.4")
def forget_half_open(context: Context, sa: IkeSa, armed: Armed) -> Step:
    """A peer that never came back is forgotten, without a word."""
    return Step(gone=(sa.ours,), events=("half-open-expired",)) if sa.half_open else NOTHING


@TABLE.timer(Timer.LINGER, rfc="7296/2.1")
def forget_closed(context: Context, sa: IkeSa, armed: Armed) -> Step:
    """A closed SA need not repeat its last response for ever."""
    return Step(gone=(sa.ours,)) if sa.state is State.CLOSED else NOTHING


@TABLE.timer(Timer.CHILD_SOFT, rfc="7296/2.8")
def child_soft_limit(context: Context, sa: IkeSa, armed: Armed) -> Step:
    """A child near its end is rekeyed where the profile lets this end do so; else nothing happens."""
    child = sa.child(armed.about) if isinstance(armed.about, bytes) else None
    if child is None or child.rekeyed or not sa.up:
        return NOTHING
    if not context.may_rekey(Start.CHILD_REKEY, began=sa.session.began):
        return NOTHING
    return begin(context, sa, Own("rekey-child", spi_in=child.spi_in))


@TABLE.timer(Timer.CHILD_HARD, rfc="7296/1.4.1")
def child_hard_limit(context: Context, sa: IkeSa, armed: Armed) -> Step:
    """A child past its lifetime is removed and the peer is told by a Delete; nothing takes its place."""
    child = sa.child(armed.about) if isinstance(armed.about, bytes) else None
    if child is None or not sa.up:
        return NOTHING
    if child.refused:  # 7296/2.8: when rekeying fails the IKE SA must be closed
        return Step(events=("child-sa-expired",)).then(begin(context, sa, Own("delete-ike")))
    return Step(events=("child-sa-expired",)).then(expire(context, sa, (child,)))


@TABLE.timer(Timer.CHILD_IDLE, rfc="7296/1.4.1")
def child_idle(context: Context, sa: IkeSa, armed: Armed) -> Step:
    """A child that has carried nothing for the configured time is deleted; traffic that comes later may bring another."""
    child = idle_child(context, sa, armed)
    if isinstance(child, Step):
        return child
    return Step(events=("child-sa-idle",)).then(begin(context, sa.close(child)))


def expire(context: Context, sa: IkeSa, children: Sequence[ChildSa]) -> Step:
    """Children removed, each with its Delete; where the profile lets this end make them again, they are asked for."""
    again: tuple[Own, ...] = ()
    if context.may(Start.RECREATE):
        again = tuple(Own("new-child", local=child.local, remote=child.remote) for child in children)
    return begin(context, sa.close(*children), *again)


@TABLE.timer(Timer.IKE_SOFT, rfc="7296/2.8")
def ike_soft_limit(context: Context, sa: IkeSa, armed: Armed) -> Step:
    """An IKE SA near its end is rekeyed where the profile lets this end do so; else nothing happens."""
    if not sa.up or sa.busy_with("rekey-ike"):
        return NOTHING
    if not context.may_rekey(Start.IKE_REKEY, began=sa.session.began):
        return NOTHING
    return begin(context, sa, Own("rekey-ike"))


@TABLE.timer(Timer.IKE_HARD, rfc="7296/1.4.1")
def ike_hard_limit(context: Context, sa: IkeSa, armed: Armed) -> Step:
    """An IKE SA past its lifetime is deleted with all its children; nothing takes its place."""
    if sa.state in (State.REKEYED, State.CONTESTED):
        return Step(gone=(sa.ours,), events=("ike-sa-expired",))
    if not sa.up:
        return NOTHING
    bare = replace(sa, children=(), queue=())
    return Step(events=("ike-sa-expired",)).then(begin(context, bare, Own("delete-ike")))


@TABLE.timer(Timer.REDIRECT, rfc="5685/5")
def redirect_session(context: Context, sa: IkeSa, armed: Armed) -> Step:
    """A client in the middle of a session is told where to go; one that stays is deleted when its time is over."""
    to = context.configuration.redirect
    if to is None or not sa.up:
        return NOTHING
    if armed.about == GONE:
        bare = replace(sa, children=(), queue=())
        return Step(events=("ike-sa-redirected",)).then(begin(context, bare, Own("delete-ike")))
    gone = (sa.ours, Armed(context.now + to.patience, Timer.REDIRECT, GONE))
    return Step(armed=(gone,)).then(begin(context, sa, Own("redirect")))


@TABLE.timer(Timer.BUSY, rfc="7296/2.25")
def ask_again(context: Context, sa: IkeSa, armed: Armed) -> Step:
    """What the peer was too busy for is asked again."""
    due = tuple(own for own in sa.deferred if own.due <= context.now)
    if not due or not sa.up:
        return NOTHING
    return begin(context, replace(sa, deferred=tuple(own for own in sa.deferred if own not in due)), *due)


@TABLE.timer(Timer.LEFT, rfc="7296/2.8")
def delete_what_was_left(context: Context, sa: IkeSa, armed: Armed) -> Step:
    """A replaced IKE SA that the peer was to delete, and did not, is deleted from here."""
    return NOTHING if sa.busy_with("delete-ike") else begin(context, sa, Own("delete-ike"))


@TABLE.timer(Timer.RETRANSMIT, rfc="7296/2.4")
def retransmit(context: Context, sa: IkeSa, armed: Armed) -> Step:
    """A request of ours without response goes out again, the same octets; after the last one the SA is given up."""
    asked = next((each for each in sa.outstanding if each.message_id == armed.about), None)
    if asked is None or asked.due > armed.due:
        return NOTHING
    if asked.sent >= context.configuration.exchanges.retransmission.tries:
        return give_up(context, sa)
    step = transmit(context, sa, asked)
    return step if sa.protocol == UDP else replace(step, send=())  # 9329/6.2: TCP brings it there by itself


@TABLE.timer(Timer.LIVENESS, rfc="7296/2.4")
def check_liveness(context: Context, sa: IkeSa, armed: Armed) -> Step:
    """A peer not heard for the configured interval is asked for a sign of life: an empty INFORMATIONAL."""
    dpd = context.configuration.dpd
    if dpd is None or not sa.up:
        return NOTHING
    quiet = context.now - sa.heard
    next_check = (sa.ours, Armed(context.now + max(dpd.interval - quiet, 1.0), Timer.LIVENESS))
    if quiet < dpd.interval or sa.outstanding:
        return Step(armed=(next_check,))
    return Step(armed=((sa.ours, Armed(context.now + dpd.interval, Timer.LIVENESS)),)).then(
        begin(context, sa, Own("liveness"))
    )
