"""RFC 7296 sections 2.19 and 3.15: the Configuration payload, and inner addresses for remote clients."""

from collections.abc import Iterator
from ipaddress import ip_network
from typing import Any

from harness.codes import CfgAttribute, CfgType, NotifyType
from harness.profile import AddressPool
from harness.responder.addresses import free_address
from harness.responder.context import Context, Incoming
from harness.responder.state import IkeSa
from harness.responder.table import TABLE
from harness.values import replace
from harness.wire import v2

APPLICATION = b"ike-harness reference responder"
_ADDRESS = {4: CfgAttribute.INTERNAL_IP4_ADDRESS, 6: CfgAttribute.INTERNAL_IP6_ADDRESS}
_DNS = {4: CfgAttribute.INTERNAL_IP4_DNS, 6: CfgAttribute.INTERNAL_IP6_DNS}
_SUBNET = {4: CfgAttribute.INTERNAL_IP4_SUBNET, 6: CfgAttribute.INTERNAL_IP6_SUBNET}
_ANSWERED = (
    CfgAttribute.INTERNAL_IP4_ADDRESS,
    CfgAttribute.INTERNAL_IP4_NETMASK,
    CfgAttribute.INTERNAL_IP4_DNS,
    CfgAttribute.INTERNAL_IP4_SUBNET,
    CfgAttribute.INTERNAL_IP6_ADDRESS,
    CfgAttribute.INTERNAL_IP6_DNS,
    CfgAttribute.INTERNAL_IP6_SUBNET,
    CfgAttribute.APPLICATION_VERSION,
    CfgAttribute.SUPPORTED_ATTRIBUTES,
)


@TABLE.extension("auth", rfc="7296/2.19")
def assigned_address(context: Context, sa: IkeSa, request: Incoming) -> tuple[IkeSa, tuple[Any, ...]]:
    """CFG_REPLY with an address of the pool; without a free one, or where one must be asked for, why there is no child."""
    pool, asked = context.configuration.pool, _asked(request)
    wanted = None if asked is None or pool is None else _wanted_address(asked, pool)
    if pool is None or (wanted is None and not pool.demanded):
        return sa, _answer(context, sa, request)
    if wanted is None:
        return sa, (v2.Notify(notify_type=NotifyType.FAILED_CP_REQUIRED),)
    address = context.decide("address_for", sa, wanted)
    if address is None:
        return sa, (v2.Notify(notify_type=NotifyType.INTERNAL_ADDRESS_FAILURE),)
    given = replace(sa, session=replace(sa.session, address=address))
    return given, _answer(context, given, request)


@TABLE.decision(rfc="7296/3.15.1")
def address_for(context: Context, sa: IkeSa, wanted: bytes) -> bytes | None:
    """An address that no other SA has; the one the client wishes, if it can be.

    Who resumes a session can have the one of that session (RFC 5723 section 5, note 5).
    """
    return free_address(context, wanted, b"" if sa.resumed is None else sa.resumed.spi_r)


@TABLE.extension("informational", rfc="7296/2.20")
def configuration_asked(context: Context, sa: IkeSa, request: Incoming) -> tuple[IkeSa, tuple[Any, ...]]:
    """CFG_REPLY or CFG_ACK in an INFORMATIONAL, about what is not an address."""
    return sa, _answer(context, sa, request)


def _asked(request: Incoming) -> v2.Configuration | None:
    return next((c for c in request.all(v2.Configuration) if c.cfg_type == CfgType.CFG_REQUEST), None)


def _wanted_address(asked: v2.Configuration, pool: AddressPool) -> bytes | None:
    """The address the client asks for, empty for any; None if it asks for none of the pool's family."""
    size = 4 if pool.version == 4 else 16
    values = [a.value[:size] for a in asked.attributes if a.type == _ADDRESS[pool.version]]
    return next((value if len(value) == size and any(value) else b"" for value in values), None)


def _answer(context: Context, sa: IkeSa, request: Incoming) -> tuple[Any, ...]:
    """CFG_REPLY for what is asked and known here; CFG_ACK without attributes, as nothing can be set (section 3.15)."""
    asked = _asked(request)
    if asked is not None:
        known = dict.fromkeys(a.type for a in asked.attributes if a.type in _ANSWERED)
        attributes = tuple(
            v2.ConfigurationAttribute(kind, value=value)
            for kind in known
            for value in _values(context, sa, kind)
        )
        return (v2.Configuration(CfgType.CFG_REPLY, attributes),) if attributes else ()
    if any(c.cfg_type == CfgType.CFG_SET for c in request.all(v2.Configuration)):
        return (v2.Configuration(CfgType.CFG_ACK),)
    return ()


def _values(context: Context, sa: IkeSa, kind: int) -> Iterator[bytes]:
    """What is told of one kind of attribute; the netmask goes with the address only (section 3.15.1)."""
    configuration, pool, address = context.configuration, context.configuration.pool, sa.session.address
    if kind == CfgAttribute.APPLICATION_VERSION:
        yield APPLICATION
    if kind == CfgAttribute.SUPPORTED_ATTRIBUTES:
        yield b"".join(int(each).to_bytes(2, "big") for each in _ANSWERED)
    if kind in _SUBNET.values():
        for network in map(ip_network, configuration.local_subnets):
            if _SUBNET[network.version] == kind:
                tail = network.netmask.packed if network.version == 4 else bytes((network.prefixlen,))
                yield network.network_address.packed + tail
    if pool is None or not address:
        return
    if kind == _ADDRESS[pool.version]:
        yield address if pool.version == 4 else address + bytes((pool.prefix,))
    if kind == CfgAttribute.INTERNAL_IP4_NETMASK and pool.version == 4:
        yield pool.netmask
    if kind in _DNS.values():
        yield from (server for server in pool.servers() if len(server) == (4 if kind == _DNS[4] else 16))
