"""RFC 7296 section 1.4: INFORMATIONAL, seen from the responder: liveness, Delete, notifies."""

from typing import Any

from harness.codes import Exchange, NotifyType, Protocol
from harness.responder.context import Context, Incoming
from harness.responder.initiate import recreate, recreate_children
from harness.responder.state import IkeSa, Own, State
from harness.responder.step import NOTHING, Step
from harness.responder.table import TABLE
from harness.responder.v2.heirs import concede, decided
from harness.responder.v2.messages import closed, respond
from harness.responder.v2.mobility import must_be_shown
from harness.responder.v2.own import begin
from harness.values import replace
from harness.wire import v2


@TABLE.on(State.ESTABLISHED, Exchange.INFORMATIONAL, rfc="7296/1.4")
@TABLE.on(State.CONTESTED, Exchange.INFORMATIONAL, rfc="7296/2.8.2")
@TABLE.on(State.REKEYED, Exchange.INFORMATIONAL, rfc="7296/1.4")
@TABLE.on(State.CLOSING, Exchange.INFORMATIONAL, rfc="7296/1.4")
def answer_informational(context: Context, sa: IkeSa, request: Incoming) -> Step:
    """Answer with the other halves of the children deleted, or with nothing at all inside."""
    deletes = request.all(v2.Delete)
    if any(d.protocol == Protocol.IKE for d in deletes):
        return _deleted(context, sa, closed(context, respond(context, sa, request), "ike-sa-deleted"))

    if context.decide("rejected", sa, request):
        return closed(context, respond(context, sa, request), "ike-sa-gone")
    settled, sa = decided(context, sa) if deletes else (NOTHING, sa)
    after, ours = context.decide("delete_children", sa, deletes)
    after, added = context.extended("informational", after, request)
    step = respond(context, after, request, *ours, *added)
    lost = tuple(c for c in sa.children if after.child(c.spi_in) is None)
    step = Step(events=("child-sa-deleted",) * len(lost)).then(step)
    step = step.then(recreate_children(context, step.changed[0], lost)) if sa.up else step
    return settled.then(_follow_up(context, sa, request, step))


def _deleted(context: Context, sa: IkeSa, step: Step) -> Step:
    """What comes of an IKE SA that the peer has deleted; a rekey of ours is forgotten over the peer's (section 2.25.2)."""
    inherited = concede(context, sa)
    if inherited is not None:
        return step.then(replace(inherited, changed=inherited.changed[1:]))
    return step.then(recreate(context, sa)) if sa.up else step


FATAL = (
    NotifyType.UNSUPPORTED_CRITICAL_PAYLOAD,
    NotifyType.INVALID_SYNTAX,
    NotifyType.AUTHENTICATION_FAILED,
)
_EXCHANGE_TYPE = 18
"""Where the header has it."""


@TABLE.decision(rfc="7296/2.21.2")
def rejected(context: Context, sa: IkeSa, request: Incoming) -> bool:
    """Whether the initiator says, right after IKE_AUTH, that it could not take our response: then there is no IKE SA."""
    before = sa.answer_to(request.message.message_id - 1)
    if sa.we_started or before is None or before.request[_EXCHANGE_TYPE] != Exchange.IKE_AUTH:
        return False
    return any(request.find(v2.Notify, kind) is not None for kind in FATAL)


def _follow_up(context: Context, before: IkeSa, request: Incoming, step: Step) -> Step:
    """A peer that moved is asked to show that it is where it says (RFC 4555 section 3.7)."""
    after = step.changed[-1]
    if not isinstance(after, IkeSa) or before.session.mobile is None or not before.up:
        return step
    if after.remote == before.remote or not must_be_shown(context, before, request.datagram):
        return step
    return step.then(begin(context, after, Own("routability")))


@TABLE.decision(rfc="7296/1.4.1")
def delete_children(
    context: Context, sa: IkeSa, deletes: tuple[v2.Delete, ...]
) -> tuple[IkeSa, tuple[Any, ...]]:
    """The SA without the children named by the SPIs that the peer receives on, and Deletes for their pairs.

    A child that this end is deleting is half-closed, and so is left out of the answer (section 1.4.1).
    """
    after, named = sa, []
    for delete in deletes:
        for spi in delete.spis:
            child = next((c for c in after.children if c.spi_out == spi), None)
            if child is None or child.proposal.protocol != delete.protocol:
                continue
            after = after.without(child.spi_in)
            named.append((int(delete.protocol), child.spi_in))
    protocols = dict.fromkeys(protocol for protocol, _ in named)
    return after, tuple(
        v2.Delete(protocol=p, spi_size=4, spis=tuple(spi for q, spi in named if q == p)) for p in protocols
    )
