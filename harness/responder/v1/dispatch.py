"""RFC 2408 section 5.2: which ISAKMP SA a message belongs to, and which cell of the table answers it."""

from typing import Any

from harness.codes import Exchange, NotifyTypeV1
from harness.responder.context import Context, Incoming
from harness.responder.state import Sa
from harness.responder.step import Step, drop
from harness.responder.table import TABLE
from harness.responder.v1.fragments import collect, fragment_of
from harness.responder.v1.messages import complain
from harness.responder.v1.state import NO_COOKIE, IsakmpSa, Phase2, Transacting
from harness.sa.secrets import to_evidence
from harness.wire import Message

PHASE_1 = frozenset(
    (
        Exchange.BASE,
        Exchange.IDENTITY_PROTECTION,
        Exchange.AUTHENTICATION_ONLY,
        Exchange.AGGRESSIVE,
    )
)
PHASE_2 = frozenset(
    (Exchange.INFORMATIONAL_V1, Exchange.TRANSACTION, Exchange.QUICK_MODE, Exchange.NEW_GROUP_MODE)
)
FIRST: dict[int, str] = {Exchange.QUICK_MODE: Phase2.NEW, Exchange.TRANSACTION: Transacting.NEW}
"""The states in which exchanges begin that have states of their own."""

IDLE = IsakmpSa(ours=b"", cky_i=b"", cky_r=b"", local=None, remote=None)  # type: ignore[arg-type]  # an SA that is not there has no ends
"""The SA that is not there yet."""


def receive(context: Context, incoming: Incoming) -> Step:
    """Answer one IKEv1 message, or say why not."""
    message = incoming.message
    if message.major != 1:
        return drop(f"major version {message.major}")
    if 1 not in context.configuration.versions:
        return drop("IKEv1 is not configured")
    if message.exchange not in PHASE_1 | PHASE_2:
        return context.answer("unknown_exchange", incoming)
    if message.spi_i == NO_COOKIE:
        return drop("no initiator cookie")

    sa = _owner(context, message)
    if fragment_of(incoming) is not None:
        return _fragment(context, sa, incoming)
    if sa is None:
        return _stray(context, incoming)
    return _serve(context if sa is IDLE else context.beside(sa), sa, incoming)


def _fragment(context: Context, sa: IsakmpSa | None, incoming: Incoming) -> Step:
    """A fragment under cookies of ours; the message that it completes is served as if it had come whole."""
    if sa is None or sa is IDLE:
        return drop("a fragment under no cookies of ours")
    context = context.beside(sa)
    step, sa, whole = collect(context, sa, incoming)
    return step if whole is None else step.then(_serve(context, sa, whole))


def _serve(context: Context, sa: IsakmpSa, incoming: Incoming) -> Step:
    stages = ("isakmp", "phase1" if incoming.message.exchange in PHASE_1 else "phase2")
    return _pass(context, sa, incoming, stages)


@TABLE.decision(rfc="2408/5.2")
def unknown_exchange(context: Context, incoming: Incoming) -> Step:
    """A message of an exchange type that is not known here is dropped (RFC 2408 section 3.1)."""
    return drop(f"exchange {incoming.message.exchange} is not served")


def _owner(context: Context, message: Message) -> IsakmpSa | None:
    """The SA of a message by both cookies, whose places are for ever those of phase 1 (RFC 2409 section 4)."""
    ours = context.world.find(message.spi_r)
    if isinstance(ours, IsakmpSa) and not ours.we_started and ours.cky_i == message.spi_i:
        return ours
    begun = context.world.find(message.spi_i)
    if isinstance(begun, IsakmpSa) and begun.we_started:
        return begun if begun.cky_r in (message.spi_r, NO_COOKIE) and message.spi_r != NO_COOKIE else None
    return IDLE if message.spi_r == NO_COOKIE and message.exchange in PHASE_1 else None


def _stray(context: Context, incoming: Incoming) -> Step:
    """A message under cookies that are not ours gets at most INVALID-COOKIE in clear, rate limited (section 5.2)."""
    if incoming.message.spi_r == NO_COOKIE:
        return drop("no responder cookie, and no first message")
    return complain(context, incoming, NotifyTypeV1.INVALID_COOKIE, "unknown cookies")


def _pass(context: Context, sa: IsakmpSa, incoming: Incoming, stages: tuple[str, ...]) -> Step:
    """Through the guards of each stage, then to the cell."""
    for stage in stages:
        for name, guard in context.rules.guards_of(stage):
            outcome = guard(context, sa, incoming)
            if isinstance(outcome, Step):
                return Step(cells=(name,)).then(outcome)
            if outcome is not None:
                incoming = outcome

    exchange = incoming.message.exchange
    state = _state(sa, incoming.message)
    cell = context.rules.requests.get((state, exchange)) or context.rules.responses.get((state, exchange))
    if cell is None:
        return drop(f"no message of exchange {exchange} is due, it is {state}")
    return Step(cells=(cell.__name__,)).then(cell(context, sa, incoming))


def _state(sa: IsakmpSa, message: Message) -> str:
    """The state that answers: that of an exchange after phase 1 if it has any, else that of the ISAKMP SA."""
    begins = FIRST.get(message.exchange)
    if begins is None:
        return sa.state
    under_way = sa.under(message.message_id)
    return begins if under_way is None else under_way.state


def secrets(sa: Sa) -> list[dict[str, Any]]:
    """The SA's secrets in the form evidence carries them; none before there are any, or for another version."""
    return [to_evidence(sa.secrets)] if isinstance(sa, IsakmpSa) and sa.secrets is not None else []
