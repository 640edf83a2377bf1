"""draft-dukes-ike-mode-cfg: what clients are given, on request or pushed to them."""

from collections.abc import Iterable, Iterator
from ipaddress import ip_address, ip_network

from harness.codes import CfgAttribute, CfgType, Exchange
from harness.profile import AddressPool, Configuration
from harness.responder.addresses import free_address
from harness.responder.context import Context, Incoming
from harness.responder.step import Step, drop
from harness.responder.table import TABLE
from harness.responder.v1 import peers
from harness.responder.v1.messages import fresh_message_id, last_block, transaction
from harness.responder.v1.nat import moved
from harness.responder.v1.quick import forgotten_later
from harness.responder.v1.state import IsakmpSa, Transacting, Transaction
from harness.responder.v1.xauth import after_answer, answers, begin, transaction_of
from harness.values import replace
from harness.wire import v1

Values = Iterator[tuple[CfgAttribute, bytes]]
"""Attributes with what is told of each."""

ADDRESSES = (CfgAttribute.INTERNAL_IP4_ADDRESS, CfgAttribute.INTERNAL_IP6_ADDRESS)
NETMASKS = (CfgAttribute.INTERNAL_IP4_NETMASK, CfgAttribute.INTERNAL_IP6_NETMASK)
DNS_SERVERS = (CfgAttribute.INTERNAL_IP4_DNS, CfgAttribute.INTERNAL_IP6_DNS)
NBNS_SERVERS = (CfgAttribute.INTERNAL_IP4_NBNS, CfgAttribute.INTERNAL_IP6_NBNS)
SUPPORTED = (
    *ADDRESSES,
    *NETMASKS,
    *DNS_SERVERS,
    *NBNS_SERVERS,
    CfgAttribute.INTERNAL_ADDRESS_EXPIRY,
    CfgAttribute.APPLICATION_VERSION,
    CfgAttribute.INTERNAL_IP4_SUBNET,
    CfgAttribute.SUPPORTED_ATTRIBUTES,
    CfgAttribute.INTERNAL_IP6_SUBNET,
)
ANSWERS = {CfgType.CFG_REQUEST: CfgType.CFG_REPLY, CfgType.CFG_SET: CfgType.CFG_ACK}


@TABLE.on(Transacting.NEW, Exchange.TRANSACTION, rfc="draft-dukes-ike-mode-cfg/2")
def answer_transaction(context: Context, sa: IsakmpSa, request: Incoming) -> Step:
    """A REQUEST gets its REPLY, an empty one if nothing that it asks for is there; a SET is acknowledged.

    No client configures this device, so no attribute of its SET is accepted; unknown types are dropped (section 3.3).
    """
    asked = request.all(v1.Attributes)
    if len(asked) != 1:
        return drop("not one payload of attributes")
    kind = ANSWERS.get(asked[0].attr_type)
    if kind is None:
        return drop(f"attributes of type {asked[0].attr_type}, and nothing was asked")
    sa = replace(moved(sa, request), heard=context.now)
    told: tuple[v1.Attribute, ...] = ()
    if kind == CfgType.CFG_REPLY:
        sa, told = context.decide("configures", sa, asked[0].attributes)
    return _answer(context, sa, request, v1.Attributes(kind, asked[0].identifier, told))


def _answer(context: Context, sa: IsakmpSa, request: Incoming, said: v1.Attributes) -> Step:
    exchange = Transaction(
        message_id=request.message.message_id,
        state=Transacting.DONE,
        identifier=said.identifier,
        iv=last_block(sa, request.octets),
        received=request.octets,
    )
    octets = transaction(sa, exchange, said)
    after = sa.having(replace(exchange, sent=octets, iv=last_block(sa, octets)))
    return Step(
        send=(request.reply(octets),), changed=(after,), armed=(forgotten_later(context, after, exchange),)
    )


@TABLE.decision(rfc="draft-dukes-ike-mode-cfg/3.4")
def configures(
    context: Context, sa: IsakmpSa, asked: Iterable[v1.Attribute]
) -> tuple[IsakmpSa, tuple[v1.Attribute, ...]]:
    """The SA with the address that it gives, and the attributes told: of those asked for the ones that are known.

    No value is empty, and nothing is told that was not asked for; what belongs to an address goes with one alone.
    """
    wanted = {attribute.type: attribute.value for attribute in asked}
    pool = context.configuration.pool
    family = None if pool is None else _family(ADDRESSES, pool)
    if family in wanted:
        sa = replace(sa, inner_address=context.decide("gives_address", sa, wanted[family]))
    known = told(context.configuration, sa.inner_address if family in wanted else b"")
    return sa, tuple(attribute for kind in wanted for attribute in known if attribute.type == kind)


def _family(kinds: tuple[CfgAttribute, CfgAttribute], pool: AddressPool) -> CfgAttribute:
    return kinds[pool.version == 6]


@TABLE.decision(rfc="draft-dukes-ike-mode-cfg/3.4")
def gives_address(context: Context, sa: IsakmpSa, wish: int | bytes = b"") -> bytes:
    """The address of the pool that a client gets; empty when all are taken.

    It keeps what it has, also over a new ISAKMP SA; a wish is heard if the address is free (section 2).
    """
    same = (s for s in (sa, *peers.others_of(context, sa)) if s.user == sa.user)
    kept = next((s.inner_address for s in same if s.inner_address), b"")
    return kept or free_address(context, wish if isinstance(wish, bytes) else b"") or b""


def told(configuration: Configuration, address: bytes) -> tuple[v1.Attribute, ...]:
    """All that can be told, an attribute for each value; without an address nothing that belongs to one."""
    values = (
        *_of_address(configuration, address),
        *_of_network(configuration),
        *_of_unity(configuration),
        *_of_itself(configuration),
    )
    return tuple(v1.Attribute(type=kind, value=value) for kind, value in values)


def _of_address(configuration: Configuration, address: bytes) -> Values:
    pool, expiry = configuration.pool, configuration.version1.mode_config.expiry
    if pool is None or not address:
        return
    yield _family(ADDRESSES, pool), address
    yield _family(NETMASKS, pool), pool.netmask
    if expiry is not None:
        yield CfgAttribute.INTERNAL_ADDRESS_EXPIRY, expiry.to_bytes(4, "big")


def _of_network(configuration: Configuration) -> Values:
    servers = () if configuration.pool is None else configuration.pool.dns
    for kinds, places in (
        (DNS_SERVERS, servers),
        (NBNS_SERVERS, configuration.version1.mode_config.nbns),
    ):
        for place in map(ip_address, places):
            yield kinds[place.version == 6], place.packed
    for network in map(ip_network, configuration.local_subnets):
        if network.version == 4:
            yield CfgAttribute.INTERNAL_IP4_SUBNET, network.network_address.packed + network.netmask.packed
        else:
            prefix = bytes((network.prefixlen,))
            yield CfgAttribute.INTERNAL_IP6_SUBNET, network.network_address.packed + prefix


def _of_unity(configuration: Configuration) -> Values:
    """What clients of the Unity kind ask for besides; a network comes with a protocol and ports, which are any."""
    config = configuration.version1.mode_config
    if not config.unity:
        return
    if config.banner is not None:
        yield CfgAttribute.UNITY_BANNER, config.banner.encode()
    if config.domain is not None:
        yield CfgAttribute.UNITY_DEF_DOMAIN, config.domain.encode()
    for network in map(ip_network, configuration.local_subnets):
        if network.version == 4:
            subnet = network.network_address.packed + network.netmask.packed
            yield CfgAttribute.UNITY_SPLIT_INCLUDE, subnet + bytes(6)


def _of_itself(configuration: Configuration) -> Values:
    yield CfgAttribute.APPLICATION_VERSION, configuration.version1.mode_config.version.encode()
    yield CfgAttribute.SUPPORTED_ATTRIBUTES, b"".join(kind.to_bytes(2, "big") for kind in SUPPORTED)


def push(context: Context, sa: IsakmpSa) -> Step:
    """A SET with an address and all that belongs to it, for a client that need not ask."""
    sa = replace(sa, inner_address=context.decide("gives_address", sa), pushed=True)
    itself = {kind for kind, _ in _of_itself(context.configuration)}
    attributes = tuple(a for a in told(context.configuration, sa.inner_address) if a.type not in itself)
    giving = Transaction(
        message_id=fresh_message_id(context, sa),
        state=Transacting.CONFIGURATION_SET,
        we_started=True,
        identifier=int.from_bytes(context.entropy.octets(2), "big"),
    )
    return begin(context, sa, giving, CfgType.CFG_SET, attributes)


@TABLE.on(
    Transacting.CONFIGURATION_SET, Exchange.TRANSACTION, rfc="draft-dukes-ike-mode-cfg/2", response=True
)
def take_configuration_acknowledged(context: Context, sa: IsakmpSa, acknowledgement: Incoming) -> Step:
    """The client names what it accepted; an address that it does not name is free again."""
    given, said = transaction_of(sa, acknowledgement), acknowledgement.find(v1.Attributes)
    if not answers(given, said, CfgType.CFG_ACK):
        return drop("no ACK of what was set")
    sa = after_answer(context, sa, given, acknowledgement)
    if not any(attribute.type in ADDRESSES for attribute in said.attributes):
        sa = replace(sa, inner_address=b"")
    step = Step(changed=(sa,), armed=(forgotten_later(context, sa, given),), events=("configured",))
    return step.then(context.decide("goes_on", sa))
