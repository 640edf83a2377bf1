"""RFC 8784: a post-quantum preshared key mixed into SK_d, SK_pi and SK_pr, seen from the responder."""

from typing import Any

from harness.codes import AuthMethod, NotifyType, PpkIdType
from harness.profile import Ppk
from harness.responder.context import Context, Incoming
from harness.responder.state import IkeSa
from harness.responder.table import TABLE
from harness.sa.v2 import with_ppk
from harness.values import replace, value
from harness.wire import v2

USE_PPK = v2.Notify(notify_type=NotifyType.USE_PPK)


@value
class Settled:
    """What the peers came to: the SA with its final keys, the AUTH to weigh, and what says so in the response."""

    sa: IkeSa
    auth: Any
    notifies: tuple[v2.Notify, ...] = ()


@TABLE.extension("init", rfc="8784/3")
def agree_on_ppk(context: Context, sa: IkeSa, request: Incoming) -> tuple[IkeSa, tuple[Any, ...]]:
    """USE_PPK is returned by whoever has a key to mix in."""
    none = context.configuration.ppk is None or sa.resumed is not None
    if none or request.find(v2.Notify, NotifyType.USE_PPK) is None:
        return sa, ()
    return replace(sa, authenticating=replace(sa.authenticating, with_ppk=True)), (USE_PPK,)


@TABLE.decision(rfc="8784/3")
def settle_ppk(context: Context, sa: IkeSa, request: Incoming, auth: Any) -> Settled | None:
    """Table 1 of RFC 8784: the key is used, or the peer goes on without it, or (None) the negotiation is aborted.

    `request` is the one that carries AUTH; without the key NO_PPK_AUTH stands for the data of AUTH. Where nothing
    else proves anything the key is mandatory (section 5.2.3).
    """
    ppk = context.configuration.ppk
    if sa.resumed is not None:  # its keys come from some in which the key is mixed already
        return Settled(sa, auth)
    if not sa.authenticating.with_ppk:
        return None if ppk is not None and ppk.mandatory else Settled(sa, auth)
    named = request.find(v2.Notify, NotifyType.PPK_IDENTITY)
    if named is None:
        return None
    if ppk is not None and named.data == ppk_id(ppk):
        return Settled(mixed(sa, ppk), auth, (v2.Notify(notify_type=NotifyType.PPK_IDENTITY),))
    without = request.find(v2.Notify, NotifyType.NO_PPK_AUTH)
    insists = ppk is not None and ppk.mandatory
    if without is None or insists or auth.method == AuthMethod.NULL:
        return None
    return Settled(sa, v2.Authentication(method=auth.method, data=without.data))


def mixed(sa: IkeSa, ppk: Ppk) -> IkeSa:
    """The SA with the key in its keys."""
    assert sa.keys is not None
    known = replace(sa.authenticating, mixed=True)
    return replace(sa, keys=with_ppk(sa.keys, ppk.secret), authenticating=known)


def ppk_id(ppk: Ppk) -> bytes:
    """A configured key's identifier as PPK_IDENTITY carries it (RFC 8784 section 5.1)."""
    return bytes([PpkIdType.PPK_ID_FIXED]) + ppk.identity
