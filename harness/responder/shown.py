"""An SA as plain data for whoever runs the device: states, suites by name, ages, timers; never a key."""

from collections.abc import Iterable
from ipaddress import IPv4Address, IPv6Address, ip_address, summarize_address_range
from typing import Any

from harness.codes import (
    AuthMethodV1,
    Encr,
    EncrV1,
    Esn,
    Group,
    HashV1,
    IdType,
    Integ,
    Prf,
    ProfileName,
    Protocol,
    name_of,
)
from harness.profile import ChildProposal, IkeProposal, IsakmpPolicy
from harness.record import printable
from harness.responder import v1
from harness.responder.neighbours import IDENTITY_DATA
from harness.responder.state import ChildSa, IkeSa, Sa, Selector
from harness.responder.step import Armed

ADDRESSES = (IdType.ID_IPV4_ADDR, IdType.ID_IPV6_ADDR)


def shown(sa: Sa, profile: ProfileName, timers: Iterable[Armed], now: float) -> dict[str, Any]:
    """One SA with its children; `profile` is what the device may start towards this peer, whoever began the SA."""
    assert isinstance(sa, IkeSa | v1.IsakmpSa)
    by_version = _version_2(sa) if isinstance(sa, IkeSa) else _version_1(sa)
    return {
        "ike": sa.version,
        "spi": sa.ours.hex(),
        "local": str(sa.local),
        "remote": str(sa.remote),
        "peer": _identity(sa.peer_id),
        "up": sa.up,
        "state": str(sa.state),
        "role": "initiator" if sa.we_started else "responder",
        "profile": str(profile),
        "nat": sa.natt,
        **by_version,
        "age_s": round(now - sa.born, 3),
        "quiet_s": round(now - sa.heard, 3),
        "timers": [{"for": str(each.timer), "in_s": round(each.due - now, 3)} for each in timers],
        "children": [_child(child, now) for child in sa.children],
    }


def _version_2(sa: IkeSa) -> dict[str, Any]:
    return {"spi_i": sa.spi_i.hex(), "spi_r": sa.spi_r.hex(), "suite": _ike_suite(sa.suite)}


def _version_1(sa: v1.IsakmpSa) -> dict[str, Any]:
    return {"spi_i": sa.cky_i.hex(), "spi_r": sa.cky_r.hex(), "suite": _policy(sa.policy)}


def _child(child: ChildSa, now: float) -> dict[str, Any]:
    return {
        "protocol": name_of(Protocol, child.proposal.protocol),
        "spi_in": child.spi_in.hex(),
        "spi_out": child.spi_out.hex(),
        "suite": _child_suite(child.proposal),
        "local": [_selector(each) for each in child.local],
        "remote": [_selector(each) for each in child.remote],
        "role": "initiator" if child.we_started else "responder",
        "rekeyed": child.rekeyed,
        "transport": child.transport,
        "age_s": round(now - child.born, 3),
        "traffic": _traffic(child, now),
    }


def _traffic(child: ChildSa, now: float) -> dict[str, Any]:
    """The counters of both directions, and for how long nothing went through."""
    traffic = child.traffic
    return {
        "sent": traffic.sent,
        "received": traffic.received,
        "octets_out": traffic.octets_out,
        "octets_in": traffic.octets_in,
        "quiet_s": round(now - child.used_at, 3),
    }


def _cipher(name: str, key_bits: int | None) -> str:
    return name if key_bits is None else f"{name}-{key_bits}"


def _ike_suite(suite: IkeProposal | None) -> list[str]:
    if suite is None:
        return []
    integrity = [] if suite.integ == Integ.NONE else [name_of(Integ, suite.integ)]
    cipher = _cipher(name_of(Encr, suite.encr), suite.key_bits)
    further = [name_of(Group, each) for each in suite.additional]
    return [cipher, *integrity, name_of(Prf, suite.prf), name_of(Group, suite.group), *further]


def _policy(policy: IsakmpPolicy | None) -> list[str]:
    if policy is None:
        return []
    cipher = _cipher(name_of(EncrV1, policy.encr), policy.key_bits)
    by = name_of(AuthMethodV1, policy.auth)
    return [cipher, name_of(HashV1, policy.hash), by, name_of(Group, policy.group)]


def _child_suite(suite: ChildProposal) -> list[str]:
    integrity = [] if suite.integ == Integ.NONE else [name_of(Integ, suite.integ)]
    esn = [] if suite.esn == Esn.NO_ESN else [name_of(Esn, suite.esn)]
    cipher = [] if suite.protocol == Protocol.AH else [_cipher(name_of(Encr, suite.encr), suite.key_bits)]
    return [*cipher, *integrity, *esn]


def _selector(selector: Selector) -> str:
    """As in `198.51.100.0/24`, or `198.51.100.1-198.51.100.9`; protocol and ports follow where they are not any."""
    ends = ip_address(selector.start), ip_address(selector.end)
    networks = list(_networks(*ends))
    addresses = str(networks[0]) if len(networks) == 1 else f"{ends[0]}-{ends[1]}"
    ports = f"{selector.start_port}-{selector.end_port}"
    any_port = (selector.start_port, selector.end_port) in ((0, 65535), (0, 0))
    return addresses if any_port and not selector.protocol else f"{addresses} {selector.protocol}/{ports}"


def _networks(first: IPv4Address | IPv6Address, last: IPv4Address | IPv6Address) -> Iterable[object]:
    return summarize_address_range(first, last)


def _identity(body: bytes) -> str | None:
    """Who the peer says it is; None before that. What came from outside is made printable."""
    if not body:
        return None
    kind, data = body[0], body[IDENTITY_DATA:]
    if kind in ADDRESSES and len(data) in (4, 16):
        return str(ip_address(data))
    return printable(data.decode("utf-8", "backslashreplace"))
