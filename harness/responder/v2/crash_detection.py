"""RFC 6290, quick crash detection: tokens that a device can still make when it has lost its SAs, and only then shows."""

import hmac
from hashlib import sha256
from typing import Any

from harness.codes import NotifyType, Protocol
from harness.responder.context import Context, Incoming
from harness.responder.state import IkeSa
from harness.responder.table import TABLE
from harness.values import replace
from harness.wire import v2

TOKENS_CHECKED = 4
"""RFC 6290 section 4.5: as many tokens of one message are compared, at least."""
TOKEN_OCTETS = range(16, 129)


def token(secret: bytes, spi_i: bytes, spi_r: bytes) -> bytes:
    """The token of a pair of SPIs, made without state (section 5.1)."""
    return sha256(secret + spi_i + spi_r).digest()


@TABLE.decision(rfc="6290/5")
def token_under(context: Context, secret: bytes, spi_i: bytes, spi_r: bytes) -> bytes:
    """The token that this device makes for a pair of SPIs, the same each time."""
    return token(secret, spi_i, spi_r)


def _notify(data: bytes) -> v2.Notify:
    return v2.Notify(protocol=Protocol.IKE, notify_type=NotifyType.QUICK_CRASH_DETECTION, data=data)


@TABLE.extension("auth", rfc="6290/4.2")
@TABLE.extension("rekey", rfc="6290/4.3")
def token_given(context: Context, sa: IkeSa, request: Incoming) -> tuple[IkeSa, tuple[Any, ...]]:
    """Our token for this SA, under its protection; the peer's is kept."""
    kept = _kept(sa, request)
    ours = context.configuration.crash_detection
    return kept, () if ours is None else (
        _notify(context.decide("token_under", ours.secrets[0], sa.spi_i, sa.spi_r)),
    )


@TABLE.extension("informational", rfc="6290/4.4")
def token_replaced(context: Context, sa: IkeSa, request: Incoming) -> tuple[IkeSa, tuple[Any, ...]]:
    """A new token of the peer takes the place of the old one."""
    return _kept(sa, request), ()


def _kept(sa: IkeSa, request: Incoming) -> IkeSa:
    theirs = request.find(v2.Notify, NotifyType.QUICK_CRASH_DETECTION)
    if theirs is None or len(theirs.data) not in TOKEN_OCTETS:
        return sa
    return replace(sa, peer_token=theirs.data)


@TABLE.decision(rfc="6290/4.5")
def tokens_of_a_lost_sa(context: Context, incoming: Incoming) -> tuple[v2.Notify, ...]:
    """Our tokens for a request on an SA that is not here, one for each secret; none while either SPI is in use.

    A token in clear for an SA that stands would let anybody end it (section 9.2).
    """
    ours, message = context.configuration.crash_detection, incoming.message
    if ours is None or any(context.world.find(spi) for spi in (message.spi_i, message.spi_r)):
        return ()
    spis = message.spi_i, message.spi_r
    return tuple(_notify(context.decide("token_under", secret, *spis)) for secret in ours.secrets)


@TABLE.decision(rfc="6290/4.5")
def peer_has_crashed(context: Context, sa: IkeSa, incoming: Incoming) -> bool:
    """Whether an unprotected response shows the token that the peer gave us for this SA."""
    if not sa.peer_token:
        return False
    shown = incoming.all(v2.Notify, NotifyType.QUICK_CRASH_DETECTION)[:TOKENS_CHECKED]
    return any(hmac.compare_digest(sa.peer_token, notify.data) for notify in shown)
