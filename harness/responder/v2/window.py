"""RFC 7296 section 2.3: windows of more than one request, promised to the peer and heeded from it."""

from typing import Any

from harness.codes import Exchange, NotifyType
from harness.responder.context import Context, Incoming
from harness.responder.state import IkeSa, Own
from harness.responder.step import NOTHING, Step
from harness.responder.table import TABLE
from harness.responder.v2.messages import request, unseal
from harness.responder.v2.own import asks, begin
from harness.values import replace
from harness.wire import v2

COMPLAINT_PAUSE_S = 5.0
"""INVALID_MESSAGE_ID must be rate limited: one IKE SA sends it at most once in this time."""


def promise(context: Context, sa: IkeSa) -> tuple[IkeSa, tuple[v2.Notify, ...]]:
    """The SA that keeps as many requests as is configured, and SET_WINDOW_SIZE if that is more than one."""
    size = context.configuration.exchanges.window
    if size == 1:
        return sa, ()
    notify = v2.Notify(notify_type=NotifyType.SET_WINDOW_SIZE, data=size.to_bytes(4, "big"))
    return replace(sa, promised=size), (notify,)


@TABLE.extension("auth", rfc="7296/2.3")
def window_promised(context: Context, sa: IkeSa, request: Incoming) -> tuple[IkeSa, tuple[Any, ...]]:
    """SET_WINDOW_SIZE as soon as the initial exchanges complete."""
    return promise(context, sa)


@asks("window-size")
def _tell_window(context: Context, sa: IkeSa, own: Own) -> Step:
    """An INFORMATIONAL request with SET_WINDOW_SIZE: the window of a rekeyed IKE SA begins with one again."""
    after, notifies = promise(context, sa)
    return request(context, after, own, Exchange.INFORMATIONAL, *notifies)


@TABLE.decision(rfc="7296/2.3")
def heed_window_size(context: Context, sa: IkeSa, told: v2.Notify) -> IkeSa:
    """The SA with the window that the peer tells of; it never becomes smaller."""
    size = int.from_bytes(told.data, "big") if len(told.data) == 4 else 0
    return replace(sa, window=size) if size > sa.window else sa


def complain(context: Context, sa: IkeSa, incoming: Incoming) -> Step:
    """INVALID_MESSAGE_ID for a request ahead of the window that opens, where that is configured; it is not answered.

    A request behind the window is an old one that took its time, and nothing to complain of (section 2.1).
    """
    ahead = incoming.message.message_id > sa.expected
    recently = context.now < sa.complained + COMPLAINT_PAUSE_S
    if not context.configuration.exchanges.complains or not ahead or recently or not sa.up:
        return NOTHING
    if isinstance(unseal(sa, incoming, by_initiator=not sa.we_started), Step):
        return NOTHING
    named = incoming.message.message_id.to_bytes(4, "big")
    own = Own("notify", notify=NotifyType.INVALID_MESSAGE_ID, data=named)
    return begin(context, replace(sa, complained=context.now), own)
