"""RFC 4478: the peer is told when to authenticate again; and RFC 6023: an IKE SA may be made without a child."""

from typing import Any

from harness.codes import NotifyType, Protocol
from harness.responder.context import Context, Incoming
from harness.responder.state import IkeSa
from harness.responder.table import TABLE
from harness.wire import v2
from harness.wire.v2.notify_data import AuthLifetime


@TABLE.extension("auth", rfc="4478/2")
def auth_lifetime(context: Context, sa: IkeSa, request: Incoming) -> tuple[IkeSa, tuple[Any, ...]]:
    """AUTH_LIFETIME, where one is configured: at its end the IKE SA is deleted, whatever was rekeyed meanwhile."""
    seconds = context.configuration.auth_lifetime
    if seconds is None:
        return sa, ()
    return sa, (v2.Notify(notify_type=NotifyType.AUTH_LIFETIME, data=AuthLifetime(int(seconds)).encode()),)


@TABLE.decision(rfc="4478/2")
def authenticated_until(context: Context, sa: IkeSa) -> float | None:
    """When the peer's authentication is over, however often the IKE SA was rekeyed since; None: never."""
    seconds = context.configuration.auth_lifetime
    return None if seconds is None else sa.session.authenticated + seconds


@TABLE.extension("init", rfc="6023/3")
def childless_supported(context: Context, sa: IkeSa, request: Incoming) -> tuple[IkeSa, tuple[Any, ...]]:
    """CHILDLESS_IKEV2_SUPPORTED, where an IKE SA may be made without a child."""
    if not context.configuration.childless:
        return sa, ()
    return sa, (v2.Notify(protocol=Protocol.IKE, notify_type=NotifyType.CHILDLESS_IKEV2_SUPPORTED),)
