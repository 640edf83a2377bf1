"""RFC 7296 section 2.1: which SA a message belongs to, and whether it is a request or a response."""

from typing import Any

from harness.codes import Exchange, NotifyType
from harness.responder.context import Context, Incoming
from harness.responder.initiate import recreate
from harness.responder.state import IDLE, IkeSa, Own, Sa
from harness.responder.step import Step, drop
from harness.responder.table import TABLE
from harness.responder.v2.messages import LAST_MESSAGE_ID, unprotected
from harness.responder.v2.messages import opened as open_up
from harness.responder.v2.own import begin
from harness.sa.secrets import to_evidence
from harness.values import replace
from harness.wire import v2

NO_SPI = bytes(8)
OPENING = frozenset({int(Exchange.IKE_SA_INIT), int(Exchange.IKE_SESSION_RESUME)})
"""The exchanges that begin an IKE SA, in clear (RFC 7296 section 1.2, RFC 5723 section 4.3.2)."""


def receive(context: Context, incoming: Incoming) -> Step:
    """Answer one IKEv2 message, or say why not."""
    message = incoming.message
    if message.major != 2:
        return context.answer("other_version", incoming)
    if 2 not in context.configuration.versions:
        return drop("IKEv2 is not configured")
    if message.is_response:
        return _response(context, incoming)
    if message.exchange in OPENING and message.spi_r == NO_SPI:
        return _pass(context, IDLE, incoming, "init")

    sa = _owner(context, incoming)
    if sa is None:
        return _stray(context, incoming)
    return _pass(context.beside(sa), sa, incoming, "sealed")


def _pass(context: Context, sa: IkeSa, incoming: Incoming, stage: str) -> Step:
    """Through the guards of a stage, then to the cell."""
    for name, guard in context.rules.guards_of(stage):
        outcome = guard(context, sa, incoming)
        if isinstance(outcome, Step):
            return replace(outcome, cells=(name, *outcome.cells))
        if outcome is not None:
            incoming = outcome

    cell = context.rules.requests.get((sa.state, incoming.message.exchange))
    if cell is None:
        return drop(f"no {incoming.message.exchange} is due on an SA that is {sa.state}")
    step = cell(context, _heeding(context, sa, incoming), incoming)
    if incoming.message.message_id == LAST_MESSAGE_ID:
        step = _closed(context, sa, step)
    return replace(step, cells=(cell.__name__, *step.cells))


def _closed(context: Context, sa: IkeSa, step: Step) -> Step:
    """An IKE SA on which the peer has used its last Message ID is deleted: nothing more could come on it (section 2.2)."""
    after = next((each for each in step.changed if each.ours == sa.ours), None)
    if not isinstance(after, IkeSa) or not after.up:
        return step
    return step.then(begin(context, after, Own("delete-ike")))


def _heeding(context: Context, sa: IkeSa, incoming: Incoming) -> IkeSa:
    """The SA with the window that a protected message tells of (section 2.3)."""
    told = incoming.find(v2.Notify, NotifyType.SET_WINDOW_SIZE)
    return sa if told is None or sa.keys is None else context.decide("heed_window_size", sa, told)


def _owner(context: Context, incoming: Incoming) -> IkeSa | None:
    """The SA of a message: our SPI is the one that the sender, by its I flag, says is not its own (section 3.1)."""
    message = incoming.message
    ours, theirs = (
        (message.spi_r, message.spi_i) if message.from_initiator else (message.spi_i, message.spi_r)
    )
    sa = context.world.find(ours)
    if not isinstance(sa, IkeSa) or sa.we_started == message.from_initiator:
        return None
    return sa if theirs in (sa.spi_i, sa.spi_r) else None


def _response(context: Context, incoming: Incoming) -> Step:
    """A response counts only if we asked (sections 2.1, 2.21.4)."""
    sa = _asked_by(context, incoming)
    if sa is not None and context.decide("peer_has_crashed", sa, incoming):
        return Step(gone=(sa.ours,), events=("peer-crashed",)).then(recreate(context.beside(sa), sa))
    asked = None if sa is None else sa.asked(incoming.message.message_id)
    if sa is None or asked is None:
        return context.answer("unasked", incoming)
    opened = _opened_response(context.beside(sa), sa, incoming)
    if isinstance(opened, Step):
        return opened
    cell = context.rules.responses.get((sa.state, incoming.message.exchange))
    if cell is None or incoming.message.exchange != asked.exchange:
        return drop("a response of another exchange than was asked")
    return Step(cells=(cell.__name__,)).then(cell(context.beside(sa), _heeding(context, sa, opened), opened))


@TABLE.decision(rfc="7296/2.21.4")
def unasked(context: Context, incoming: Incoming) -> Step:
    """A response to nothing that was asked is never answered."""
    return drop("a response to nothing that was asked")


def _asked_by(context: Context, incoming: Incoming) -> IkeSa | None:
    message = incoming.message
    if message.exchange != Exchange.IKE_SA_INIT:
        return _owner(context, incoming)
    sa = context.world.find(message.spi_i)
    return sa if isinstance(sa, IkeSa) and sa.we_started and not message.from_initiator else None


def _opened_response(context: Context, sa: IkeSa, incoming: Incoming) -> Incoming | Step:
    if incoming.message.exchange == Exchange.IKE_SA_INIT:
        return incoming
    return (
        drop("a sealed response before there are keys") if sa.keys is None else open_up(context, sa, incoming)
    )


def _stray(context: Context, incoming: Incoming) -> Step:
    """A request for an SPI that is not ours gets at most an unprotected notify, rate limited (section 2.21.4)."""
    if incoming.message.exchange in OPENING:
        return drop("a request for a new IKE SA with a responder SPI that is not ours")
    if not context.world.may_answer_stray(context.now):
        return drop("unknown SPI, and the allowance of notifies is used up")
    unknown = v2.Notify(notify_type=NotifyType.INVALID_IKE_SPI)
    return Step(send=(unprotected(incoming, unknown, *context.decide("tokens_of_a_lost_sa", incoming)),))


@TABLE.decision(rfc="7296/2.5")
def other_version(context: Context, incoming: Incoming) -> Step:
    """A higher major version gets INVALID_MAJOR_VERSION (sections 1.5, 2.5); a lower one is not for this half."""
    message = incoming.message
    if message.major < 2 or message.is_response:
        return drop(f"major version {message.major}")
    if not context.world.may_answer_stray(context.now):
        return drop("higher major version, and the allowance of notifies is used up")
    return Step(send=(unprotected(incoming, v2.Notify(notify_type=NotifyType.INVALID_MAJOR_VERSION)),))


def secrets(sa: Sa) -> list[dict[str, Any]]:
    """The SA's keys in the form evidence carries them; none before there are any, or for another version."""
    return [to_evidence(sa.keys)] if isinstance(sa, IkeSa) and sa.keys is not None else []
