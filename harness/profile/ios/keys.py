"""The pre-shared keys of an IOS text: for whom each is, and which one a peer has."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from ipaddress import IPv4Network, IPv6Network, ip_network

from harness.profile.configuration import Identity, address_identity
from harness.profile.credentials import Ppk
from harness.profile.ios.commands import Section, Text
from harness.profile.ios.lines import Refused
from harness.record import printable

Network = IPv4Network | IPv6Network


@dataclass(frozen=True, slots=True)
class Key:
    """A key, its line, and for whom it is: an identity, a network, or with neither everybody."""

    octets: bytes = field(repr=False)
    line: int
    identity: Identity | None = None
    network: Network | None = None
    ppk: Ppk | None = None

    @property
    def host(self) -> str | None:
        """The one address that it is for, if it is for one."""
        network = self.network
        whole = network is not None and network.prefixlen == network.max_prefixlen
        return str(network.network_address) if network is not None and whole else None

    @property
    def whose(self) -> Identity | None:
        """The one peer that it is for, if it is for one."""
        return self.identity or (address_identity(self.host) if self.host else None)

    def fits(self, whom: Identity | None, address: str | None) -> int | None:
        """How well it fits a peer of that identity and address, more for a nearer fit; None: not at all."""
        if whom is not None and self.whose == whom:
            return 1_000
        if self.identity is not None:
            return None
        if self.network is None:
            return -1
        place = address or (whom.value if whom and whom.kind in ("ipv4", "ipv6") else None)
        if place is None:  # the wider the network, the likelier he is in it
            return None if self.host else -self.network.prefixlen
        host = ip_network(place)
        within = host.version == self.network.version and host.subnet_of(self.network)  # type: ignore[arg-type]  # the versions are one, which the checker does not see
        return self.network.prefixlen if within else None


def keys_v1(text: Text, isakmp: Section | None) -> list[Key]:
    """The keys of the keyring that the ISAKMP profile names; otherwise of all keyrings, or the global ones."""
    rings = _rings(text, isakmp, "keyring", "isakmp-profile")
    listed = [entry for each in rings for entry in each.listed.get("key", [])] or text.top.listed.get(
        "key", []
    )
    return [_key(whom, secret.encode("utf-8", "surrogateescape"), line) for (whom, secret), line in listed]


def _key(whom: Identity | Network, octets: bytes, line: int) -> Key:
    if isinstance(whom, Identity):
        return Key(octets, line, identity=whom)
    return Key(octets, line, network=whom)


def keys_v2(text: Text, ikev2: Section | None) -> list[Key]:
    """The keys that the IKEv2 profile says itself; otherwise of the keyring that it names, or of all keyrings."""
    own = [ikev2.said[side] for side in ("local key", "remote key") if side in ikev2.said] if ikev2 else []
    if own:
        return [Key(octets, line) for octets, line in own]
    rings = _rings(text, ikev2, "ikev2-keyring", "ikev2-profile")
    return [
        Key(octets, line, peer.get("identity"), peer.get("address"), peer.get("ppk"))
        for each in rings
        for peer in each.all("peer")
        for what, (octets, line) in peer.said.items()
        if what in ("key", "local key", "remote key")
    ]


def _rings(text: Text, profile: Section | None, kind: str, profiles: str) -> list[Section]:
    """The keyring that the profile names; if it names none, or one that isn't there, those that no other one names."""
    named = profile.get("keyring") if profile else None
    ring = text.find(kind, named) if named is not None else None
    if ring is not None:
        return [ring]
    if profile is not None and named is not None:
        _remark_undefined(text, profile, named)
    taken = {each.get("keyring") for each in text.of_kind(profiles)}
    return [each for each in text.of_kind(kind) if each.name not in taken]


def _remark_undefined(text: Text, profile: Section, name: str) -> None:
    line = profile.line_of("keyring")
    if not any(note.line == line for note in text.warnings):
        text.warn(line, f"keyring `{printable(name)}` is not defined here: any other key is taken")


def key_of(rings: Sequence[Sequence[Key]], whom: Identity | None, address: str | None) -> Key | None:
    """The key for a peer: in each ring the nearest fit decides; both versions share one key."""
    found = [key for ring in rings for key in _nearest(ring, whom, address)]
    for other in found[1:]:
        if other.octets != found[0].octets:
            raise Refused(
                other.line,
                f"the key differs from that of line {found[0].line}; one configuration has one key",
            )
    ppk = next((key.ppk for key in found if key.ppk), None)
    return replace(found[0], ppk=ppk) if found else None


def _nearest(ring: Sequence[Key], whom: Identity | None, address: str | None) -> list[Key]:
    fits = [(fit, key) for key in ring if (fit := key.fits(whom, address)) is not None]
    best = max((fit for fit, _ in fits), default=None)
    return [key for fit, key in fits if fit == best]
