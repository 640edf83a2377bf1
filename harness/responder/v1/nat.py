"""RFC 3947 and the drafts before it: whether a NAT is between the ends, where it is, and on which ports IKE goes on."""

from ipaddress import ip_address
from typing import Any

from harness.codes import Encapsulation, IdTypeV1
from harness.responder.context import Incoming
from harness.responder.v1.state import IsakmpSa
from harness.sa.v1 import nat_d
from harness.values import replace
from harness.wire.datagram import Endpoint

NAT_PORT = 4500


def nat_payloads(sa: IsakmpSa, there: Endpoint, here: Endpoint) -> tuple[Any, ...]:
    """NAT-D of the peer's end, then of ours, where NAT traversal was agreed (section 3.2)."""
    if sa.nat_t is None:
        return ()
    return tuple(sa.nat_t.detection(data=_seen(sa, end)) for end in (there, here))


def _seen(sa: IsakmpSa, end: Endpoint) -> bytes:
    assert sa.policy is not None
    return nat_d(sa.policy.hash, sa.cky_i, sa.cky_r, end.address, end.port)


def moved(sa: IsakmpSa, message: Incoming) -> IsakmpSa:
    """The SA where the peer now is: ports change when a NAT is found, and never back (section 4)."""
    datagram = message.datagram
    if sa.natt and not message.natt:
        return sa
    return replace(sa, local=datagram.destination, remote=datagram.source, natt=message.natt)


def noticed(sa: IsakmpSa, message: Incoming) -> IsakmpSa:
    """The SA with what the NAT-D payloads of a message say (section 3.2).

    Where the first one is not our end as we know it, we are behind a NAT; where no other one is the peer's end as we
    see it, the peer is.
    """
    if sa.nat_t is None or sa.policy is None:
        return sa
    seen = [payload.data for payload in message.all(sa.nat_t.detection)]
    if not seen:
        return sa
    behind = seen[0] != _seen(sa, message.datagram.destination)
    found = behind or _seen(sa, message.datagram.source) not in seen[1:]
    return replace(sa, behind_nat=behind, nat_found=found)


def floated(sa: IsakmpSa) -> IsakmpSa:
    """The SA that we began, on the ports for NAT traversal if a NAT was found and its form moves (section 4)."""
    if sa.natt or not sa.nat_found or sa.nat_t is None or not sa.nat_t.floats:
        return sa
    local, remote = sa.local._replace(port=NAT_PORT), sa.remote._replace(port=NAT_PORT)
    return replace(sa, local=local, remote=remote, natt=True)


# Transport mode


def transport_modes(sa: IsakmpSa) -> frozenset[int]:
    """The encapsulation modes that protect the two ends' own traffic, without and with UDP."""
    in_udp = () if sa.nat_t is None else (sa.nat_t.transport,)
    return frozenset((int(Encapsulation.TRANSPORT), *in_udp))


def originals_of(sa: IsakmpSa, message: Incoming) -> tuple[bytes, ...]:
    """The original addresses of initiator and responder, as the peer says them; empty if it does not (section 5.2)."""
    if sa.nat_t is None:
        return ()
    addresses = tuple(payload.address for payload in message.all(sa.nat_t.original))
    return addresses if [len(address) in (4, 16) for address in addresses] == [True, True] else ()


def original_addresses(sa: IsakmpSa, mode: int) -> tuple[Any, ...]:
    """NAT-OA of the peer's end and of ours as we see them, with transport mode in UDP alone (section 5.2)."""
    if sa.nat_t is None or mode != sa.nat_t.transport:
        return ()
    ends = (sa.remote, sa.local) if not sa.we_started else (sa.local, sa.remote)
    places = [ip_address(end.address) for end in ends]
    kinds = {4: IdTypeV1.ID_IPV4_ADDR, 6: IdTypeV1.ID_IPV6_ADDR}
    return tuple(sa.nat_t.original(id_type=kinds[each.version], address=each.packed) for each in places)
