"""Requests of our own on an IKEv2 SA: in which order they go out, how many at a time, and when once more.

What a request says is the business of whoever `asks` it: a function for each kind.
"""

from collections.abc import Callable

from harness.codes import Exchange, NotifyType, Protocol
from harness.profile import Start
from harness.responder.context import Context, Incoming
from harness.responder.state import ENDS, IkeSa, Own, State, Timer
from harness.responder.step import Armed, Step
from harness.responder.v2.messages import LAST_MESSAGE_ID, request
from harness.values import replace
from harness.wire import v2

Ask = Callable[[Context, IkeSa, Own], Step]
ASKS: dict[str, Ask] = {}
"""What sends a request of each kind; if it has become pointless, the step only says how the SA stands."""


_NEGOTIATE = {
    "new-child": Start.FIRST_CHILD,
    "rekey-child": Start.CHILD_REKEY,
    "rekey-ike": Start.IKE_REKEY,
}
"""What has to be permitted for the requests that negotiate something; the others are for every profile."""


def asks(*kinds: str) -> Callable[[Ask], Ask]:
    """Registers the function that sends requests of these kinds."""

    def keep(ask: Ask) -> Ask:
        ASKS.update(dict.fromkeys(kinds, ask))
        return ask

    return keep


def permitted(context: Context, sa: IkeSa, own: Own) -> bool:
    """Whether the profile has this request now; it may be another one than when it was wanted."""
    start = _NEGOTIATE.get(own.kind)
    return start is None or context.may_rekey(start, began=sa.session.began)


def forgo(context: Context, sa: IkeSa) -> IkeSa:
    """The SA without what it was about to ask and may ask no more; what is out waits for its response (section 2.3)."""
    queue, deferred = (
        tuple(own for own in owns if permitted(context, sa, own)) for owns in (sa.queue, sa.deferred)
    )
    return replace(sa, queue=queue, deferred=deferred)


def begin(context: Context, sa: IkeSa, *owns: Own) -> Step:
    """Requests of our own, in this order behind those that wait already: each sent as soon as the window allows."""
    return proceed(context, Step(changed=(replace(sa, queue=(*sa.queue, *owns)),)))


def proceed(context: Context, step: Step) -> Step:
    """The step, and then what its SA has in its queue, as far as that may be sent now (section 2.3)."""
    while True:
        sa = step.changed[0]
        assert isinstance(sa, IkeSa)
        if not sa.queue or not sa.may_ask(sa.queue[0].kind):
            return step
        own, rest = sa.queue[0], replace(sa, queue=sa.queue[1:])
        if sa.next_own == LAST_MESSAGE_ID and own.kind not in ENDS:
            own = Own("delete-ike")  # 7296/2.2: the IKE SA is closed, and the last Message ID says so
        ask = later if sa.yields(own) else ASKS[own.kind]  # RFC 9370 section 2.2.4
        step = step.then(ask(context, rest, own))


def answered(context: Context, step: Step, response: Incoming) -> Step:
    """The step of a response taken, followed by what waited for it in the queue."""
    sa = step.changed[0]
    assert isinstance(sa, IkeSa)
    message_id = response.message.message_id
    waiting = tuple(each for each in sa.outstanding if each.message_id != message_id)
    whole = sa.without_fragments(message_id, response=True)
    free = replace(whole, outstanding=waiting, heard=context.now)
    return proceed(context, replace(step, changed=(free, *step.changed[1:])))


def later(context: Context, sa: IkeSa, own: Own) -> Step:
    """The request is made again after a pause that grows; after the last one the IKE SA is closed (section 2.25).

    The pause is shortened by up to a half at random, so that two ends that refuse each other do not go on doing so.
    """
    if not permitted(context, sa, own):
        return Step(changed=(sa,), events=("refused",))
    busy = context.configuration.exchanges.busy
    if own.tries >= busy.tries:
        return Step(changed=(replace(sa, queue=(Own("delete-ike"),), deferred=()),), events=("out-of-sync",))
    haste = context.entropy.octets(1)[0] / 512
    again = replace(own, tries=own.tries + 1, due=context.now + busy.pause(own.tries + 1) * (1 - haste))
    return Step(
        changed=(replace(sa, deferred=(*sa.deferred, again)),),
        armed=((sa.ours, Armed(again.due, Timer.BUSY)),),
        events=("peer-busy",),
    )


@asks("liveness")
def _liveness(context: Context, sa: IkeSa, own: Own) -> Step:
    return request(context, sa, own, Exchange.INFORMATIONAL)


@asks("notify")
def _notify(context: Context, sa: IkeSa, own: Own) -> Step:
    """An INFORMATIONAL with one notify about a packet or a message (sections 1.5, 2.3, 3.10.1)."""
    protocol = Protocol.ESP if own.spi_in else Protocol.NONE
    notify = v2.Notify(protocol=protocol, notify_type=own.notify, spi=own.spi_in, data=own.data)
    return request(context, sa, own, Exchange.INFORMATIONAL, notify)


@asks("delete-child")
def _delete_child(context: Context, sa: IkeSa, own: Own) -> Step:
    child = next((each for each in sa.half_closed if each.spi_in == own.spi_in), None)
    if child is None:
        return Step(changed=(sa,))
    delete = v2.Delete(protocol=child.proposal.protocol, spi_size=4, spis=(own.spi_in,))
    return request(context, sa, own, Exchange.INFORMATIONAL, delete)


@asks("delete-ike", "close-ike")
def _delete_ike(context: Context, sa: IkeSa, own: Own) -> Step:
    delete = v2.Delete(protocol=Protocol.IKE, spi_size=0, spis=())
    closing = sa if sa.state is State.REKEYED else replace(sa, state=State.CLOSING)
    return request(context, replace(closing, queue=()), own, Exchange.INFORMATIONAL, delete)


@asks("refuse-peer")
def _refuse_peer(context: Context, sa: IkeSa, own: Own) -> Step:
    """A peer that we made an IKE SA with did not prove itself: it is told so (section 2.21.2)."""
    failed = v2.Notify(notify_type=NotifyType.AUTHENTICATION_FAILED)
    closing = replace(sa, state=State.CLOSING, queue=())
    return request(context, closing, own, Exchange.INFORMATIONAL, failed)
