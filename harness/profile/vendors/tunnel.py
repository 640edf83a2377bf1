"""One tunnel as a device is told of it: what every vendor has words for, taken out of a configuration."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, fields, replace
from functools import reduce
from ipaddress import ip_address, ip_network
from itertools import product

from harness.codes import ProfileName
from harness.profile.configuration import (
    DEFAULT,
    Configuration,
    Identity,
    IdentityKind,
    Lifetimes,
    address_identity,
)
from harness.profile.profiles import PROFILES, Start
from harness.profile.vendors.sheet import Remark, Telling, Unsayable
from harness.profile.vendors.suites import Suite, child_suites, ike_suites, unsaid, without
from harness.profile.ways import Way
from harness.profile.written import HIDDEN

NAME = "ike-harness"
"""What everything is called that needs a name."""
_SAID = frozenset(
    {
        *("profile", "versions", "initiate_version", "initiate_mode", "aggressive", "lifetimes", "dpd"),
        *("proposals_v2", "proposals_v1", "child_proposals", "pfs_group", "local_subnets", "remote_subnets"),
        *("local_id", "remote_id", "psk", "local_address", "peer", "second_selector"),
    }
)
"""The fields of a configuration that a tunnel takes over."""
_NOT_OF_THE_DEVICE = frozenset({"peer_credentials", "further_peers"})


@dataclass(frozen=True, slots=True)
class Tunnel:
    """A device and its one peer, with a pre-shared key; `key` is None where it is left to be filled in."""

    view: Configuration
    """The configuration of the device, nothing in it but what a tunnel takes over."""
    way: Way
    key: bytes | None = field(default=None, repr=False)
    interface: str = ""
    """The device's own name for the interface that has its address."""

    @property
    def may(self) -> frozenset[Start]:
        """What the device may start by itself."""
        return PROFILES[self.view.profile].may

    @property
    def calls(self) -> bool:
        """Whether it starts negotiations at all: then no switch is set."""
        return Start.IKE_SA in self.may

    @property
    def rekeys(self) -> bool:
        """Whether it renews by itself what its peer began."""
        return Start.CHILD_REKEY in self.may

    @property
    def lifetimes(self) -> Lifetimes:
        """How long its SAs live."""
        return self.view.lifetimes

    @property
    def ike_soft(self) -> float | None:
        """When it renews its IKE SA by itself; version 1 does so by a new phase 1."""
        renewal = Start.IKE_REKEY if self.way == "v2" else Start.PHASE1_RENEWAL
        return self.lifetimes.ike_soft if renewal in self.may else None

    @property
    def child_soft(self) -> float | None:
        """When it renews a child by itself."""
        return self.lifetimes.child_soft if self.rekeys else None

    @property
    def device(self) -> str:
        """Its own address."""
        return self.view.local_address

    @property
    def peer(self) -> str:
        """The harness's address."""
        assert self.view.peer is not None
        return self.view.peer

    @property
    def peer_id(self) -> Identity:
        """Who the harness says it is."""
        return self.view.mirrored().local_id

    @property
    def ike_suites(self) -> list[Suite]:
        """The suites for its IKE SA."""
        return ike_suites(self.view, self.way)

    @property
    def child_suites(self) -> list[Suite]:
        """The suites for its children."""
        return child_suites(self.view)

    @property
    def pairs(self) -> Iterator[tuple[str, str]]:
        """Pairs of subnets, its own first."""
        yield from product(self.view.local_subnets, self.view.remote_subnets)
        if self.view.second_selector:
            yield self.view.second_selector

    @property
    def mode_v1(self) -> str:
        """The mode of phase 1."""
        return self.way.removeprefix("v1-")

    def secret(self, *, forbidden: str = "") -> str:
        """The key as a text without these characters, or what stands in its place."""
        if self.key is None:
            return HIDDEN
        text = self.key.decode("ascii", "replace")
        if not (text.isascii() and text.isprintable()) or set(text) & {" ", *forbidden}:
            raise Unsayable("it can't be told this key: it has characters that it takes for something else")
        return text


def tunnel_of(
    configuration: Configuration, way: Way, *, key: bytes | None = None, interface: str = ""
) -> Telling[Tunnel]:
    """The tunnel in a configuration, with a remark for everything in that which is no part of one."""
    if configuration.peer is None:
        raise Unsayable("it has to be told the harness's address")
    for each in fields(Configuration):
        unlike = getattr(configuration, each.name) != getattr(DEFAULT, each.name)
        if unlike and each.name not in _SAID | _NOT_OF_THE_DEVICE:
            yield Remark(f"{each.name} is left out: only a tunnel with a pre-shared key is told")
    if configuration.further_peers:
        yield Remark("further_peers are left out: one tunnel is told")
    if configuration.lifetimes.idle is not None:
        yield Remark("lifetimes.idle is left out")
    if configuration.profile is ProfileName.P1_ONLY:
        yield Remark("a first child on the peer's IKE SA can't be allowed apart: told is profile rekey-ok")
    core = _by(replace(DEFAULT, **{name: getattr(configuration, name) for name in _SAID}), way)
    others = [each for each in ike_suites(core, way) if not each.by_psk]
    yield from unsaid(others, "an IKE SA")
    core = reduce(lambda so_far, suite: without(suite.name, so_far), others, core)
    if not ike_suites(core, way):
        raise Unsayable("there is no suite of an IKE SA with a pre-shared key")
    return Tunnel(core, way, key, interface)


def _by(core: Configuration, way: Way) -> Configuration:
    version = 2 if way == "v2" else 1
    return replace(
        core,
        profile=ProfileName.REKEY_OK if core.profile is ProfileName.P1_ONLY else core.profile,
        versions=(version,),
        initiate_version=version,
        initiate_mode="aggressive" if way == "v1-aggressive" else "main",
        aggressive=way != "v1-main",
    )


def known_by(who: Identity, words: Mapping[IdentityKind, str], whose: str) -> Telling[str | None]:
    """What a vendor puts before an identity of this kind; remarked where it has none."""
    if who.kind not in words or not re.fullmatch(r"[\w.:@+=-]+", who.value):
        yield Remark(f"{whose} identity, {who.kind}:{who.value}, can't be said")
        return None
    return words[who.kind]


_KINDS_BY_LOOK: tuple[IdentityKind, ...] = ("ipv4", "ipv6", "fqdn", "user_fqdn")


def by_its_look(who: Identity, whose: str) -> Telling[str]:
    """An identity whose kind is told from its look; remarked if its kind has none."""
    words = dict.fromkeys(_KINDS_BY_LOOK, who.value)
    if (value := (yield from known_by(who, words, whose))) is None:
        raise Unsayable(f"{whose} identity, a {who.kind}, can't be said")
    return value


def addresses_for_identities(tunnel: Tunnel) -> Telling[None]:
    """A remark for each end that is not known by its address, for vendors that are told no other identity here."""
    for whose, who, address in (
        ("its own", tunnel.view.local_id, tunnel.device),
        ("the harness's", tunnel.peer_id, tunnel.peer),
    ):
        if who != address_identity(address):
            yield Remark(f"{whose} identity is its address, not {who.kind}:{who.value}")


def masked(subnet: str) -> str:
    """A subnet as address and mask, one of IPv6 with its prefix length."""
    network = ip_network(subnet)
    return f"{network.network_address} {network.netmask}" if network.version == 4 else str(network)


def host(address: str) -> str:
    """An address as the subnet of one host."""
    return str(ip_network(address))


def is_v6(address: str) -> bool:
    """Whether it is one of IPv6."""
    return ip_address(address).version == 6
