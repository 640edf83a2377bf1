"""RFC 5685: clients that can be redirected are sent to another gateway: at once, when authenticated, or later."""

from typing import Any

from harness.codes import Exchange, GatewayType, NotifyType
from harness.responder.context import Context, Incoming
from harness.responder.state import IkeSa, Own, Timer
from harness.responder.step import Armed, Step
from harness.responder.table import TABLE
from harness.responder.v2.messages import request
from harness.values import replace
from harness.wire import v2
from harness.wire.v2.notify_data import Gateway

TELL, GONE = 0, 1
"""What the timer of a redirected client is about: it is told to go, and it must have gone."""
_TYPES = {"ipv4": GatewayType.IPV4, "ipv6": GatewayType.IPV6, "fqdn": GatewayType.FQDN}


@TABLE.decision(rfc="5685/3")
def can_be_redirected(context: Context, incoming: Incoming) -> bool:
    """Whether an IKE_SA_INIT request says so; one that was redirected before need not repeat it (section 3)."""
    return any(
        incoming.find(v2.Notify, n) for n in (NotifyType.REDIRECT_SUPPORTED, NotifyType.REDIRECTED_FROM)
    )


@TABLE.decision(rfc="5685/9.2")
def gateway(context: Context, nonce: bytes = b"") -> v2.Notify:
    """REDIRECT to the configured gateway; with the initiator's nonce in IKE_SA_INIT alone (section 9.2)."""
    to = context.configuration.redirect
    assert to is not None
    data = Gateway(_TYPES[to.kind], identity=to.identity, nonce=nonce).encode()
    return v2.Notify(notify_type=NotifyType.REDIRECT, data=data)


def redirects(context: Context, when: str) -> bool:
    """Whether clients are sent away at this moment."""
    to = context.configuration.redirect
    return to is not None and to.when == when


@TABLE.extension("init", rfc="5685/3")
def remembered_redirectable(context: Context, sa: IkeSa, incoming: Incoming) -> tuple[IkeSa, tuple[Any, ...]]:
    """Who can be redirected is remembered; nobody else ever is."""
    if not context.decide("can_be_redirected", incoming):
        return sa, ()
    return replace(sa, session=replace(sa.session, redirectable=True)), ()


@TABLE.extension("auth", rfc="5685/6")
def redirected_when_authenticated(
    context: Context, sa: IkeSa, request: Incoming
) -> tuple[IkeSa, tuple[Any, ...]]:
    """REDIRECT in place of a child; the client deletes the IKE SA."""
    if not redirects(context, "auth") or not sa.session.redirectable:
        return sa, ()
    return sa, (context.decide("gateway"),)


def redirect_timers(context: Context, sa: IkeSa) -> tuple[tuple[bytes, Armed], ...]:
    """When a client whose SA has just come up is told to go, or must have gone."""
    to = context.configuration.redirect
    if to is None or not sa.session.redirectable or to.when == "init":
        return ()
    later = {"established": (0.0, TELL), "auth": (to.patience, GONE)}
    seconds, about = later[to.when]
    return ((sa.ours, Armed(context.now + seconds, Timer.REDIRECT, about)),)


def tell_client(context: Context, sa: IkeSa, own: Own) -> Step:
    """An INFORMATIONAL request with REDIRECT, without nonce (section 5)."""
    return request(context, sa, own, Exchange.INFORMATIONAL, context.decide("gateway"))
