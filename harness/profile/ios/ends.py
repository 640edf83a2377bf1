"""The ends that an IOS text describes: addresses, subnets, identities; and the peers that a tunnel has."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from ipaddress import ip_address
from itertools import product
from typing import Any

from harness.profile.configuration import DEFAULT, Identity, address_identity
from harness.profile.ios.commands import Section, Text
from harness.profile.ios.keys import Key, key_of, keys_v1, keys_v2
from harness.profile.ios.lines import Refused
from harness.record import printable


@dataclass(frozen=True, slots=True)
class Client:
    """Somebody whom a tunnel is for: who he must be, where he is, and his key; None: anybody, anywhere, the default."""

    identity: Identity | None
    address: str | None
    key: Key | None


def local_ends(text: Text, tunnel: Section | None, profiles: Sequence[Section]) -> dict[str, Any]:
    """The fields of a Configuration that say where the device is, who it is, and what the tunnel is for."""
    local = _source(text, tunnel) or DEFAULT.local_address
    locals_, remotes = _selectors(text, tunnel)
    return {
        "local_address": local,
        "local_subnets": locals_,
        "remote_subnets": remotes,
        "local_id": _own(local, profiles),
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


def _own(local: str, profiles: Sequence[Section]) -> Identity:
    """Who the profiles say the device is; unsaid, it is its address. Two that differ can't be played by one tunnel."""
    said: dict[int, Identity] = {}
    for section in profiles:
        if "own identity" in section.said:
            (kind, value), line = section.said["own identity"]
            said[line] = address_identity(value or local) if kind == "address" else Identity(kind, value)
    if len(set(said.values())) > 1:
        raise Refused(
            max(said), f"this differs from line {min(said)}; one configuration has one identity for an end"
        )
    return next(iter(said.values()), address_identity(local))


# --- the other end ----------------------------------------------------------------------------------------


def clients(
    text: Text, tunnel: Section | None, isakmp: Section | None, ikev2: Section | None
) -> list[Client]:
    """Whom the tunnel is for: one peer at its destination, or without one everybody whom profiles and keys name."""
    rings = keys_v1(text, isakmp), keys_v2(text, ikev2)
    profiles = [each for each in (isakmp, ikev2) if each]
    destination = tunnel.get("tunnel destination") if tunnel else None
    if tunnel is None and not any(rings):
        destination = DEFAULT.peer
    if destination is not None:
        whom = _the_one(text, profiles) if profiles else address_identity(destination)
        return [Client(whom, destination, key_of(rings, whom, destination))]
    ends = dict.fromkeys(_callers(_everybody(text, profiles), rings))
    return [Client(whom, address, key_of(rings, whom, address)) for whom, address in ends]


def _callers(
    matched: Sequence[Identity | None], rings: tuple[Sequence[Key], Sequence[Key]]
) -> Iterator[tuple[Identity | None, str | None]]:
    """Identity and address of each peer of a tunnel without destination."""
    keys = [key for ring in rings for key in ring]
    named = [whom for whom in matched if whom is not None]
    places: dict[Identity | None, str | None] = {key.whose: key.host for key in keys if key.whose}
    yield from ((whom, places.get(whom)) for whom in named)
    if named and None not in matched:
        return
    owners = [whose for whose in dict.fromkeys(key.whose for key in keys) if whose not in named]
    if len(owners) == 1 and not named and matched:  # whoever comes with the one key there is
        yield None, places.get(owners[0])
        return
    yield from ((whose, places.get(whose)) for whose in owners if whose is not None)
    if None in owners or not keys:
        yield None, None


def _the_one(text: Text, profiles: Sequence[Section]) -> Identity | None:
    """Whom the profiles of a tunnel with one peer match; two that differ can't be played."""
    said: dict[int, Identity | None] = {}
    for section in profiles:
        for at, ((kind, value), line) in enumerate(section.listed.get("match", [])):
            if at == 0:
                first, said[line] = line, _identity(text, kind, value, line)
            else:
                text.warn(line, f"one identity is matched, that of line {first}")
    if len(set(said.values())) > 1:
        raise Refused(
            max(said), f"this differs from line {min(said)}; one configuration has one identity for an end"
        )
    return next(iter(said.values()), None)


def _everybody(text: Text, profiles: Sequence[Section]) -> list[Identity | None]:
    """The identities that the profiles match, each once, in their order; None stands for any."""
    listed = [entry for each in profiles for entry in each.listed.get("match", [])]
    return list(dict.fromkeys(_identity(text, kind, value, line) for (kind, value), line in listed))


def _identity(text: Text, kind: str, value: Any, line: int) -> Identity | None:
    if kind == "any":
        return None
    if kind == "domain":
        text.warn(line, "a whole domain is not matched by itself: any identity is accepted")
        return None
    if kind != "address":
        return Identity(kind, value)  # type: ignore[arg-type]  # one of its kinds
    if value.prefixlen == value.max_prefixlen:
        return address_identity(str(value.network_address))
    if value.prefixlen:
        text.warn(line, "a network is not matched by itself: any identity is accepted")
    return None
