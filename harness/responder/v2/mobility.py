"""RFC 4555 (MOBIKE): the original initiator moves an IKE SA with its children to other addresses, the other end follows."""

import hmac
from ipaddress import ip_address, ip_network
from typing import Any

from harness.codes import Exchange, NotifyType
from harness.responder.context import Context, Incoming
from harness.responder.state import IkeSa, Mobile, Outstanding, Own
from harness.responder.step import Step
from harness.responder.table import TABLE
from harness.responder.v2.initial import nat_notifies
from harness.responder.v2.messages import moved, request
from harness.responder.v2.own import begin
from harness.values import replace
from harness.wire import v2
from harness.wire.datagram import TCP_STREAM, Datagram, Endpoint, packed

SUPPORTED = v2.Notify(notify_type=NotifyType.MOBIKE_SUPPORTED)
COOKIE2_OCTETS = 16
_ADDITIONAL = (NotifyType.ADDITIONAL_IP4_ADDRESS, NotifyType.ADDITIONAL_IP6_ADDRESS)
_LISTS = (*_ADDITIONAL, NotifyType.NO_ADDITIONAL_ADDRESSES)
_REFUSE = (NotifyType.UNACCEPTABLE_ADDRESSES, NotifyType.UNEXPECTED_NAT_DETECTED)
_NAT = (NotifyType.NAT_DETECTION_SOURCE_IP, NotifyType.NAT_DETECTION_DESTINATION_IP)


@TABLE.extension("auth", rfc="4555/3.2")
def mobike_supported(context: Context, sa: IkeSa, incoming: Incoming) -> tuple[IkeSa, tuple[Any, ...]]:
    """MOBIKE_SUPPORTED and our further addresses, to a peer that supports it too; a path with a NAT may be refused."""
    ours = context.configuration.mobility
    if ours is None or incoming.find(v2.Notify, NotifyType.MOBIKE_SUPPORTED) is None:
        return sa, ()
    if nat_is_forbidden(incoming):
        return sa, (v2.Notify(notify_type=NotifyType.UNEXPECTED_NAT_DETECTED),)
    mobile = Mobile(_addresses(incoming), incoming.message.message_id)
    agreed = replace(moved(sa, incoming), session=replace(sa.session, mobile=mobile))
    return agreed, (SUPPORTED, *additional(context, agreed))


def offered(context: Context, sa: IkeSa) -> tuple[v2.Notify, ...]:
    """What goes into our own IKE_AUTH request, where this end is for it."""
    return () if context.configuration.mobility is None else (SUPPORTED, *additional(context, sa))


def agreed_to(context: Context, sa: IkeSa, response: Incoming) -> IkeSa:
    """The SA that we made, as the response to our IKE_AUTH leaves it."""
    both = response.find(v2.Notify, NotifyType.MOBIKE_SUPPORTED) is not None
    if context.configuration.mobility is None or not both:
        return sa
    return replace(sa, session=replace(sa.session, mobile=Mobile(_addresses(response))))


def additional(context: Context, sa: IkeSa) -> tuple[v2.Notify, ...]:
    """ADDITIONAL_IP4_ADDRESS and ADDITIONAL_IP6_ADDRESS for each address of ours beside that of the SA (section 4.2.2)."""
    addresses = map(ip_address, _others(context, sa))
    return tuple(v2.Notify(notify_type=_ADDITIONAL[a.version == 6], data=a.packed) for a in addresses)


def _others(context: Context, sa: IkeSa) -> tuple[str, ...]:
    ours = context.configuration.mobility
    return () if ours is None else tuple(each for each in ours.additional if each != sa.local.address)


def _addresses(incoming: Incoming) -> tuple[bytes, ...]:
    """The further addresses that the peer lists, in their order."""
    listed = (n for n in incoming.all(v2.Notify) if n.notify_type in _ADDITIONAL)
    return tuple(n.data for n in listed if len(n.data) == (4, 16)[n.notify_type == _ADDITIONAL[1]])


def nat_is_forbidden(incoming: Incoming) -> bool:
    """Whether NO_NATS_ALLOWED names other addresses or ports than the datagram has (section 3.9)."""
    notify = incoming.find(v2.Notify, NotifyType.NO_NATS_ALLOWED)
    if notify is None or incoming.datagram.protocol == TCP_STREAM:  # 9329/7.1
        return False
    here, there = incoming.datagram.destination, incoming.datagram.source
    ends = b"".join(packed(end.address) for end in (there, here))
    ports = b"".join(end.port.to_bytes(2, "big") for end in (there, here))
    return bool(notify.data != ends + ports)


@TABLE.extension("informational", rfc="4555/3.5")
def addresses_updated(context: Context, sa: IkeSa, incoming: Incoming) -> tuple[IkeSa, tuple[Any, ...]]:
    """What a mobile peer says of addresses is heeded, newest request first; COOKIE2 and NAT detection are answered."""
    after, refusal = sa, None
    mobile = sa.session.mobile
    if mobile is not None and incoming.message.message_id > mobile.updated_by:
        after, refusal = _updated(context, sa, mobile, incoming)
    nat = any(incoming.find(v2.Notify, kind) for kind in _NAT) and mobile is not None
    here, there = incoming.datagram.destination, incoming.datagram.source
    return after, (
        *(() if refusal is None else (v2.Notify(notify_type=refusal),)),
        *(nat_notifies(sa.spi_i, sa.spi_r, here, there) if nat and refusal is None else ()),
        *incoming.all(v2.Notify, NotifyType.COOKIE2),
    )


def _updated(
    context: Context, sa: IkeSa, mobile: Mobile, incoming: Incoming
) -> tuple[IkeSa, NotifyType | None]:
    """The SA with what the peer says of its addresses, or the notify that refuses it."""
    moves = incoming.find(v2.Notify, NotifyType.UPDATE_SA_ADDRESSES) is not None and not sa.session.began
    lists = any(incoming.find(v2.Notify, kind) for kind in _LISTS)
    if not moves and not lists:
        return sa, None
    if nat_is_forbidden(incoming):
        return sa, NotifyType.UNEXPECTED_NAT_DETECTED
    if moves and not context.decide("may_move_to", incoming.datagram.source):
        return sa, NotifyType.UNACCEPTABLE_ADDRESSES
    listed = _addresses(incoming) if lists else mobile.addresses
    news = replace(mobile, addresses=listed, updated_by=incoming.message.message_id)
    if moves and must_be_shown(context, sa, incoming.datagram):
        news = replace(news, before=mobile.before or (sa.local, sa.remote))
    heeded = replace(sa, session=replace(sa.session, mobile=news))
    return moved(heeded, incoming) if moves else heeded, None


def must_be_shown(context: Context, sa: IkeSa, datagram: Datagram) -> bool:
    """Whether a peer that moves here is asked to answer from there (section 3.7).

    Over TCP its handshake has shown that already (RFC 9329 section 7.1).
    """
    ours = context.configuration.mobility
    elsewhere = datagram.source.address != sa.remote.address
    return ours is not None and ours.routability and elsewhere and datagram.protocol != TCP_STREAM


@TABLE.decision(rfc="4555/3.5")
def may_move_to(context: Context, there: Endpoint) -> bool:
    """Whether local policy accepts a peer at this address."""
    ours = context.configuration.mobility
    address = ip_address(there.address)
    return ours is not None and not any(address in ip_network(subnet) for subnet in ours.refused)


def ask_for_routability(context: Context, sa: IkeSa, own: Own) -> Step:
    """An INFORMATIONAL request with a COOKIE2 that only whoever receives it can return (section 3.7)."""
    cookie = context.entropy.octets(COOKIE2_OCTETS)
    notify = v2.Notify(notify_type=NotifyType.COOKIE2, data=cookie)
    return request(context, sa, own, Exchange.INFORMATIONAL, notify, nonce=cookie)


def tell_addresses(context: Context, sa: IkeSa, own: Own) -> Step:
    """An INFORMATIONAL request with our addresses as they are now (section 3.6)."""
    ours = additional(context, sa) or (v2.Notify(notify_type=NotifyType.NO_ADDITIONAL_ADDRESSES),)
    return request(context, sa, own, Exchange.INFORMATIONAL, *ours)


def ask_to_move(context: Context, sa: IkeSa, own: Own) -> Step:
    """An INFORMATIONAL request with UPDATE_SA_ADDRESSES, from where the SA is to be (section 3.5)."""
    update = v2.Notify(notify_type=NotifyType.UPDATE_SA_ADDRESSES)
    nats = nat_notifies(sa.spi_i, sa.spi_r, sa.local, sa.remote)
    return request(context, sa, own, Exchange.INFORMATIONAL, update, *nats)


def to_another_address(context: Context, sa: IkeSa) -> Step | None:
    """The SA at another address of ours, and the request by which its peer learns of it; None if it has to stay.

    Its original initiator decides where packets go, so the other end only tells what addresses it has (section 3.6).
    """
    there = next((a for a in _others(context, sa) if (":" in a) == (":" in sa.local.address)), None)
    if sa.session.mobile is None or there is None:
        return None
    kind = "move" if sa.session.began else "addresses"
    return begin(context, replace(sa, local=sa.local._replace(address=there)), Own(kind))


def place_after(context: Context, sa: IkeSa, asked: Outstanding, response: Incoming) -> IkeSa | str:
    """The SA after the answer to an INFORMATIONAL of ours, or why its ends have no place left to meet."""
    if asked.own.kind == "move" and any(response.find(v2.Notify, kind) for kind in _REFUSE):
        return "move-refused"
    if asked.own.kind != "routability":
        return sa
    return _shown(sa) if context.decide("came_back", asked.nonce, response) else "routability-failed"


def _shown(sa: IkeSa) -> IkeSa:
    """The SA whose peer is where it moved to: packets go there too, unless it has moved on meanwhile."""
    mobile = sa.session.mobile
    if mobile is None or any(own.kind == "routability" for own in sa.queue):
        return sa
    return replace(sa, session=replace(sa.session, mobile=replace(mobile, before=None)))


@TABLE.decision(rfc="4555/3.7")
def came_back(context: Context, cookie: bytes, response: Incoming) -> bool:
    """Whether a response returns our COOKIE2; otherwise the IKE SA must be closed."""
    notify = response.find(v2.Notify, NotifyType.COOKIE2)
    return notify is not None and hmac.compare_digest(cookie, notify.data)
