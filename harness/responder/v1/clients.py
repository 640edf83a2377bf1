"""Client identities of Quick Mode: the ID payloads that name what an IPsec SA is for (RFC 2407 section 4.6.2)."""

import ipaddress
from itertools import product

from harness.codes import IdTypeV1
from harness.responder.context import Context
from harness.responder.policy import selector
from harness.responder.state import Selector
from harness.responder.table import TABLE
from harness.responder.v1.state import IsakmpSa
from harness.values import replace
from harness.wire import v1

ANY_PORT = (0, 65535)

_FAMILIES: dict[int, int] = {
    IdTypeV1.ID_IPV4_ADDR: 4,
    IdTypeV1.ID_IPV4_ADDR_SUBNET: 4,
    IdTypeV1.ID_IPV4_ADDR_RANGE: 4,
    IdTypeV1.ID_IPV6_ADDR: 16,
    IdTypeV1.ID_IPV6_ADDR_SUBNET: 16,
    IdTypeV1.ID_IPV6_ADDR_RANGE: 16,
}
_SINGLE = (IdTypeV1.ID_IPV4_ADDR, IdTypeV1.ID_IPV6_ADDR)
_SUBNET = (IdTypeV1.ID_IPV4_ADDR_SUBNET, IdTypeV1.ID_IPV6_ADDR_SUBNET)


def read_client(identity: v1.Identification) -> Selector | None:
    """The traffic that an ID payload names, or None if it names none: another type, a wrong length, a mask with holes."""
    size, data = _FAMILIES.get(identity.id_type), identity.data
    if size is None or len(data) != (size if identity.id_type in _SINGLE else 2 * size):
        return None
    ends = _ends(identity.id_type, data[:size], data[size:])
    if ends is None:
        return None
    ports = ANY_PORT if identity.port == 0 else (identity.port, identity.port)
    return Selector(ends[0], ends[1], identity.protocol, *ports)


def _ends(id_type: int, first: bytes, second: bytes) -> tuple[bytes, bytes] | None:
    """The first and the last address, by the two halves of the data."""
    if id_type in _SINGLE:
        return first, first
    if id_type not in _SUBNET:
        return (first, second) if first <= second else None
    hosts = int.from_bytes(second, "big") ^ ((1 << 8 * len(second)) - 1)
    network = int.from_bytes(first, "big")
    if hosts & (hosts + 1) or network & hosts:
        return None
    return first, (network | hosts).to_bytes(len(first), "big")


def write_client(traffic: Selector) -> v1.Identification:
    """The ID payload of some traffic: an address, a subnet, or else a range."""
    first, last = ipaddress.ip_address(traffic.start), ipaddress.ip_address(traffic.end)
    six = first.version == 6
    port = traffic.start_port if traffic.start_port == traffic.end_port else 0
    hosts = int(first) ^ int(last)
    if first == last:
        kind, data = IdTypeV1.ID_IPV6_ADDR if six else IdTypeV1.ID_IPV4_ADDR, first.packed
    elif hosts & (hosts + 1) == 0 and int(first) & hosts == 0:
        kind = IdTypeV1.ID_IPV6_ADDR_SUBNET if six else IdTypeV1.ID_IPV4_ADDR_SUBNET
        data = first.packed + (hosts ^ ((1 << first.max_prefixlen) - 1)).to_bytes(len(first.packed), "big")
    else:
        kind = IdTypeV1.ID_IPV6_ADDR_RANGE if six else IdTypeV1.ID_IPV4_ADDR_RANGE
        data = first.packed + last.packed
    return v1.Identification(id_type=kind, protocol=traffic.protocol, port=port, data=data)


def configured_pairs(context: Context) -> tuple[tuple[Selector, Selector], ...]:
    """What the configuration protects: pairs of local and remote traffic."""
    configuration = context.configuration
    pairs = [*product(configuration.local_subnets, configuration.remote_subnets)]
    if configuration.second_selector is not None:
        pairs.append((configuration.second_selector.local, configuration.second_selector.remote))
    return tuple((selector(local), selector(remote)) for local, remote in pairs)


@TABLE.decision(rfc="2409/5.5")
def accept_clients(
    context: Context, sa: IsakmpSa, identities: tuple[v1.Identification, ...]
) -> tuple[Selector, Selector] | None:
    """The local and the remote traffic that a peer's Quick Mode is for, or None if our policy has no such pair.

    IDci comes before IDcr; without either the SAs are for the peers' own addresses, any protocol and port.
    """
    if not identities:
        ends = [ipaddress.ip_address(end.address).packed for end in (sa.remote, sa.local)]
        remote, local = (Selector(end, end) for end in ends)
    elif len(identities) == 2:
        named = [read_client(identity) for identity in identities]
        if named[0] is None or named[1] is None:
            return None
        remote, local = named[0], named[1]
    else:
        return None
    pairs = (*configured_pairs(context), *_given_pairs(context, sa))
    fits = any(_within(local, ours) and _within(remote, theirs) for ours, theirs in pairs)
    return (local, remote) if fits else None


def _given_pairs(context: Context, sa: IsakmpSa) -> tuple[tuple[Selector, Selector], ...]:
    """What a client may have protected that was given an address by Mode-Config: that address."""
    if not sa.inner_address:
        return ()
    given = Selector(sa.inner_address, sa.inner_address)
    return tuple((selector(local), given) for local in context.configuration.local_subnets)


@TABLE.decision(rfc="3947/5.2")
def accept_hosts(
    context: Context, sa: IsakmpSa, identities: tuple[v1.Identification, ...], originals: tuple[bytes, ...]
) -> tuple[Selector, Selector] | None:
    """The local and the remote traffic of a transport mode, which is that of the two ends, or None for any other.

    Behind a NAT an end may be named by its original address. Without identities any protocol and port will do.
    """
    ours, theirs = (ipaddress.ip_address(end.address).packed for end in (sa.local, sa.remote))
    if not identities:
        return Selector(ours, ours), Selector(theirs, theirs)
    named = [read_client(identity) for identity in identities]
    if len(named) != 2 or named[0] is None or named[1] is None:
        return None
    remote, local = named[0], named[1]
    before = originals or (theirs, ours)
    for selected, known in ((remote, (theirs, before[0])), (local, (ours, before[1]))):
        if selected.start != selected.end or selected.start not in known:
            return None
    return replace(local, start=ours, end=ours), replace(remote, start=theirs, end=theirs)


def _within(inner: Selector, outer: Selector) -> bool:
    return len(inner.start) == len(outer.start) and outer.start <= inner.start and inner.end <= outer.end
