"""What one peer's ISAKMP SAs have to do with each other: IPsec SAs outlive the one that made them."""

from collections.abc import Iterable

from harness.codes import Doi, Exchange, NotifyTypeV1, Protocol
from harness.responder.context import Context, Incoming
from harness.responder.step import NOTHING, Armed, Step
from harness.responder.table import TABLE
from harness.responder.v1.authentication import certificates_so_far
from harness.responder.v1.lifetimes import ipsec_timers
from harness.responder.v1.messages import notify_about
from harness.responder.v1.state import IpsecSa, IsakmpSa
from harness.sa.nat_traversal import form_of
from harness.sa.v1 import VID_DPD, VID_FRAGMENTATION
from harness.values import replace
from harness.wire import v1

_DPD_1 = VID_DPD[:-1]
"""The DPD Vendor ID up to its major version; any minor version will do (RFC 3706 section 5.1)."""


def announced(sa: IsakmpSa, incoming: Incoming) -> IsakmpSa:
    """The SA with what the peer says it can do, and its certificates; both come in any message of phase 1."""
    said = [vendor.data for vendor in incoming.all(v1.VendorId)]
    return replace(
        sa,
        peer_dpd=sa.peer_dpd or any(data.startswith(_DPD_1) and len(data) == len(VID_DPD) for data in said),
        nat_t=sa.nat_t or form_of(said),
        peer_fragments=sa.peer_fragments or any(data.startswith(VID_FRAGMENTATION) for data in said),
        certificates=certificates_so_far(sa, incoming),
    )


def standing(context: Context) -> tuple[IsakmpSa, ...]:
    """Every ISAKMP SA with the peer in question whose phase 1 is done, oldest first."""
    return tuple(sa for sa in context.world.all() if isinstance(sa, IsakmpSa) and sa.up and context.own(sa))


def others_of(context: Context, sa: IsakmpSa) -> tuple[IsakmpSa, ...]:
    """The other ISAKMP SAs of the same peer: of the identity that was proved."""
    return tuple(s for s in standing(context) if s.ours != sa.ours and s.peer_id == sa.peer_id)


def is_initial_contact(notify: v1.Notify) -> bool:
    """Whether a notify says that its sender knows no older SA (RFC 2407 section 4.6.3.3)."""
    return (notify.notify_type, notify.doi, notify.protocol, len(notify.spi)) == (
        NotifyTypeV1.INITIAL_CONTACT,
        Doi.IPSEC,
        Protocol.IKE,
        16,
    )


@TABLE.decision(rfc="2407/4.6.3.3")
def first_contact(context: Context, sa: IsakmpSa, peer_id: bytes) -> tuple[v1.Notify, ...]:
    """INITIAL-CONTACT, where it is configured and there is no other ISAKMP SA with this peer.

    It is known by its identity, or by its address before it has told one.
    """
    if not context.configuration.version1.initial_contact:
        return ()
    for other in standing(context):
        same = other.peer_id == peer_id if peer_id else other.remote.address == sa.remote.address
        if same and other.ours not in (sa.ours, sa.renews):
            return ()
    return (notify_about(sa, NotifyTypeV1.INITIAL_CONTACT),)


@TABLE.decision(rfc="2407/4.6.3.3")
def heed_initial_contact(context: Context, sa: IsakmpSa, incoming: Incoming) -> Step:
    """The peer's older SAs go without a word, if it said so after its identity was proved and under protection.

    In Aggressive Mode the notify has no place, and is passed over (RFC 2407 section 4.6.3).
    """
    message = incoming.message
    if not message.encrypted or message.exchange == Exchange.AGGRESSIVE:
        return NOTHING
    if not any(is_initial_contact(notify) for notify in incoming.all(v1.Notify)):
        return NOTHING
    older = others_of(context, sa)
    return Step(gone=tuple(s.ours for s in older), events=("initial-contact",))


def inherit(context: Context, heirs: Iterable[IsakmpSa], orphans: Iterable[IpsecSa]) -> Step:
    """The IPsec SAs of ISAKMP SAs that ended pass to the peer's newest other one; without one they end too.

    With no ISAKMP SA nothing could be said about them any more (RFC 2408 section 5.15).
    """
    heir = max(heirs, key=lambda sa: sa.born, default=None)
    if heir is None:
        return NOTHING
    timers: list[tuple[bytes, Armed]] = []
    for child in orphans:
        heir = heir.with_child(child)
        timers += ipsec_timers(context, heir, child)
    return Step(changed=(heir,), armed=tuple(timers)) if timers else NOTHING
