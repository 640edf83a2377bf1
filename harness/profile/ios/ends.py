"""The two ends that an IOS text describes: addresses, subnets, identities, and the key they share."""

from collections.abc import Callable, Sequence
from functools import partial
from ipaddress import ip_address, ip_network
from itertools import product
from typing import Any

from harness.profile.configuration import DEFAULT, Identity, address_identity
from harness.profile.ios.commands import Section, Text
from harness.profile.ios.lines import Refused
from harness.record import printable


def ends(text: Text, tunnel: Section | None, isakmp: Section | None, ikev2: Section | None) -> dict[str, Any]:
    """The fields of a Configuration that say where both ends are and who they are."""
    local = _source(text, tunnel) or DEFAULT.local_address
    peer = _destination(text, tunnel, isakmp, ikev2)
    locals_, remotes = _selectors(text, tunnel)
    return {
        "local_address": local,
        "peer": peer,
        "local_subnets": locals_,
        "remote_subnets": remotes,
        "local_id": _own(local, isakmp, ikev2),
        "remote_id": _remote(text, isakmp, ikev2, peer),
    }


def _source(text: Text, tunnel: Section | None) -> str | None:
    source: str | None = tunnel.get("tunnel source") if tunnel else None
    if tunnel is None or source is None:
        return None
    try:
        return str(ip_address(source))
    except ValueError:
        pass
    interface = text.find("interface", source)
    address: str | None = interface.get("address") if interface else None
    if address is None:
        text.warn(
            tunnel.line_of("tunnel source"),
            f"interface `{printable(source)}` has no address here: {DEFAULT.local_address} is taken",
        )
    return address


def _destination(
    text: Text, tunnel: Section | None, isakmp: Section | None, ikev2: Section | None
) -> str | None:
    """The tunnel's destination; otherwise the one host that there is a key for; otherwise any."""
    if tunnel and tunnel.get("tunnel destination"):
        return str(tunnel.get("tunnel destination"))
    networks = [network for network, _, _ in _keys(text, isakmp, ikev2)]
    hosts = [network for network in networks if network and network.prefixlen == network.max_prefixlen]
    if hosts:
        return str(hosts[0].network_address)
    return None if networks or tunnel else DEFAULT.peer


def _selectors(text: Text, tunnel: Section | None) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """What the tunnel's policy lists; a tunnel without one protects anything."""
    if tunnel is None:
        return DEFAULT.local_subnets, DEFAULT.remote_subnets
    name = tunnel.get("tunnel policy")
    pairs: list[tuple[str, str]] = []
    if name is not None:
        section = text.find("access-list", name)
        pairs = section.all("permit") if section else []
        if not pairs:
            text.warn(
                tunnel.line_of("tunnel policy"),
                f"access list `{printable(name)}` permits nothing here: anything is protected",
            )
    everything = "::/0" if ":" in (tunnel.get("tunnel destination") or "") else "0.0.0.0/0"
    pairs = pairs or [(everything, everything)]
    locals_ = tuple(dict.fromkeys(local for local, _ in pairs))
    remotes = tuple(dict.fromkeys(remote for _, remote in pairs))
    if set(product(locals_, remotes)) != set(pairs):
        text.warn(
            tunnel.line_of("tunnel policy"),
            "the list's pairs are taken crosswise: each source with each destination",
        )
    return locals_, remotes


def _remote(text: Text, isakmp: Section | None, ikev2: Section | None, peer: str | None) -> Identity | None:
    """Whom the profiles match; with no profile the one peer that there is."""
    if isakmp is None and ikev2 is None:
        return address_identity(peer) if peer else None
    return _agreed((isakmp, ikev2), "match", partial(_remote_identity, text))


def _own(local: str, isakmp: Section | None, ikev2: Section | None) -> Identity:
    """Who the profiles say the device is; unsaid, it is its address."""

    def read(section: Section) -> Identity:
        kind, value = section.get("own identity")
        return address_identity(value or local) if kind == "address" else Identity(kind, value)

    return _agreed((isakmp, ikev2), "own identity", read) or address_identity(local)


def _remote_identity(text: Text, section: Section) -> Identity | None:
    matches = section.listed["match"]
    for _, line in matches[1:]:
        text.warn(line, f"one identity is matched, that of line {matches[0][1]}")
    (kind, value), line = matches[0]
    if kind == "any":
        return None
    if kind == "domain":
        text.warn(line, "a whole domain is not matched by itself: any identity is accepted")
        return None
    if kind != "address":
        return Identity(kind, value)
    if value.prefixlen == value.max_prefixlen:
        return address_identity(str(value.network_address))
    if value.prefixlen:
        text.warn(line, "a network is not matched by itself: any identity is accepted")
    return None


def _agreed(
    profiles: Sequence[Section | None],
    what: str,
    read: Callable[[Section], Identity | None],
) -> Identity | None:
    """The identity that the profiles name; two that differ can't be played by one configuration."""
    saying = [each for each in profiles if each and (what in each.said or what in each.listed)]
    said = {each.line_of(what): read(each) for each in saying}
    if len(set(said.values())) > 1:
        raise Refused(
            max(said), f"this differs from line {min(said)}; one configuration has one identity for an end"
        )
    return next(iter(said.values()), None)


_Key = tuple[Any, bytes, int]
"""Whom it is for (a network or None), the key, its line."""


def _keys(text: Text, isakmp: Section | None, ikev2: Section | None) -> list[_Key]:
    return [*_keys_v1(text, isakmp), *_keys_v2(text, ikev2)]


def _keys_v1(text: Text, isakmp: Section | None) -> list[_Key]:
    ring = text.find("keyring", isakmp.get("keyring", "")) if isakmp else None
    if isakmp and "keyring" in isakmp.said and ring is None:
        _undefined_keyring(text, isakmp)
    rings = [ring] if ring else text.of_kind("keyring")
    listed = [entry for each in rings for entry in each.listed.get("key", [])] or text.top.listed.get(
        "key", []
    )
    return [(network, key.encode("utf-8", "surrogateescape"), line) for (network, key), line in listed]


def _undefined_keyring(text: Text, section: Section) -> None:
    line = section.line_of("keyring")
    if not any(note.line == line for note in text.warnings):
        text.warn(
            line, f"keyring `{printable(section.get('keyring'))}` is not defined here: any other key is taken"
        )


def _keys_v2(text: Text, ikev2: Section | None) -> list[_Key]:
    own = [ikev2.said[side] for side in ("local key", "remote key") if side in ikev2.said] if ikev2 else []
    if own:
        return [(None, key, line) for key, line in own]
    ring = text.find("ikev2-keyring", ikev2.get("keyring", "")) if ikev2 else None
    if ikev2 and "keyring" in ikev2.said and ring is None:
        _undefined_keyring(text, ikev2)
    rings = [ring] if ring else text.of_kind("ikev2-keyring")
    peers = [peer for each in rings for peer in each.all("peer")]
    return [
        (peer.get("address"), key, line)
        for peer in peers
        for side, (key, line) in peer.said.items()
        if side != "address"
    ]


def shared_key(text: Text, isakmp: Section | None, ikev2: Section | None, peer: str | None) -> bytes | None:
    """The key for the peer: the narrowest network that holds it decides; both versions share one."""
    chosen = [_narrowest(keys, peer) for keys in (_keys_v1(text, isakmp), _keys_v2(text, ikev2))]
    found = [key for keys in chosen for key in keys]
    if not found:
        return None
    first = found[0]
    for other in found[1:]:
        if other[1] != first[1]:
            raise Refused(
                other[2], f"the key differs from that of line {first[2]}; one configuration has one key"
            )
    return first[1]


def _narrowest(keys: list[_Key], peer: str | None) -> list[_Key]:
    if peer is None:
        return [key for key in keys if key[0] == keys[0][0]]
    host = ip_network(peer)
    fitting = [
        key for key in keys if key[0] is None or (key[0].version == host.version and host.subnet_of(key[0]))
    ]
    widest = max((_length(key) for key in fitting), default=0)
    return [key for key in fitting if _length(key) == widest]


def _length(key: _Key) -> int:
    return -1 if key[0] is None else int(key[0].prefixlen)
