"""Sections of an IOS text into one Configuration; names without a definition get their documented defaults."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from ipaddress import ip_address, ip_network
from functools import partial
from itertools import product
from typing import Any

from harness.codes import AuthMethodV1, Esn, Group, Integ, ProfileName, Protocol
from harness.profile.configuration import (
    DEFAULT,
    SOFT_SHARE,
    ChildProposal,
    Configuration,
    Dpd,
    Identity,
    IkeProposal,
    IsakmpPolicy,
    Lifetimes,
    address_identity,
)
from harness.profile.ios import extras
from harness.profile.ios.commands import Section, Text
from harness.profile.ios.lines import Refused
from harness.profile.ios.words import (
    AEAD,
    AH_INTEGRITY,
    CONVENTIONAL_TRANSFORM_SETS,
    DEFAULT_TRANSFORM_SETS,
    ESP_CIPHERS,
    ESP_INTEGRITY,
    POLICY_CIPHERS,
    POLICY_HASHES,
)
from harness.record import printable


def resolve(text: Text, wanted: str | None) -> Configuration:
    """The one device and peer that the sections describe."""
    profile = _ipsec_profile(text, wanted)
    tunnel = _tunnel(text, profile)
    _refuse_contradictions(text, profile, tunnel)
    isakmp = _referenced(text, profile, "isakmp-profile")
    ikev2 = _referenced(text, profile, "ikev2-profile")
    addressed = _addresses(text, tunnel, isakmp, ikev2)
    configuration = replace(
        DEFAULT,
        profile=ProfileName.STRICT if profile.get("responder-only") else ProfileName.TWO_WAY,
        versions=_versions(text, profile),
        initiate_version=2 if "ikev2-profile" in profile.said else 1,
        initiate_mode="aggressive" if _aggressive(isakmp) else "main",
        aggressive=not text.top.get("aggressive-mode disable"),
        proposals_v1=_policies(text),
        proposals_v2=_ikev2_proposals(text),
        child_proposals=_child_proposals(text, profile),
        pfs_group=None if "pfs" not in profile.said else Group(profile.get("pfs")),
        lifetimes=_lifetimes(text, profile, ikev2),
        dpd=_dpd(text, isakmp, ikev2),
        cookie_threshold=text.top.get("cookie-challenge"),
        **addressed,
    )
    key = _key(text, isakmp, ikev2, configuration.peer)
    if key is not None:
        configuration = replace(configuration, psk=key)
    _remark_silence(text, profile, isakmp)
    configuration = extras.apply(configuration, text.extras)
    _refuse_two_minds(text, profile, configuration)
    return configuration


# --- which profile, which tunnel --------------------------------------------------------------------------


def _ipsec_profile(text: Text, wanted: str | None) -> Section:
    known = text.of_kind("ipsec-profile")
    if wanted is not None:
        found = text.find("ipsec-profile", wanted)
        if found is None:
            raise Refused(0, f"no IPsec profile is called `{printable(wanted)}`")
        return found
    if not known:
        text.warn(0, "no `crypto ipsec profile`: the device is two-way, and defaults stand for its tunnel")
        return Section("ipsec-profile", "", 0)
    bound = {each.get("tunnel protection") for each in text.of_kind("interface")}
    chosen = next((each for each in known if each.name in bound), known[0])
    for other in known:
        if other is not chosen:
            text.warn(
                other.line,
                f"IPsec profile `{printable(other.name)}` is not played; `{printable(chosen.name)}` is",
            )
    return chosen


def _tunnel(text: Text, profile: Section) -> Section | None:
    bound = [each for each in text.of_kind("interface") if each.get("tunnel protection", "") == profile.name]
    for interface in bound:
        if not interface.get("tunnel"):
            raise Refused(
                interface.line_of("tunnel protection"),
                f"`{printable(interface.name)}` is no tunnel interface; only those are protected by a profile",
            )
    for other in bound[1:]:
        text.warn(other.line, f"only the tunnel `{printable(bound[0].name)}` is played")
    if bound:
        return bound[0]
    if profile.line:
        text.warn(
            profile.line,
            f"no tunnel interface is protected by IPsec profile `{printable(profile.name)}`; "
            "responder-only is relevant to virtual interfaces only",
        )
    return None


def _refuse_contradictions(text: Text, profile: Section, tunnel: Section | None) -> None:
    if not profile.get("responder-only"):
        return
    if text.top.get("invalid-spi-recovery"):
        raise Refused(
            text.top.line_of("invalid-spi-recovery"),
            "`crypto isakmp invalid-spi-recovery` starts IKE SAs by itself, which `responder-only` on line "
            f"{profile.line_of('responder-only')} forbids",
        )
    if tunnel and "crypto map" in tunnel.said:
        raise Refused(
            tunnel.line_of("crypto map"),
            "a crypto map stands on a tunnel whose IPsec profile is responder-only; crypto maps don't support it",
        )
    for each in [*text.of_kind("crypto map"), *text.of_kind("dynamic crypto map")]:
        words: Sequence[str] = each.get("words", ())
        if "profile" in words[2:] and words[-1] == profile.name:
            raise Refused(
                each.line, "a crypto map uses an IPsec profile that is responder-only; they don't support it"
            )


def _refuse_two_minds(text: Text, profile: Section, configuration: Configuration) -> None:
    """`responder-only` and a comment that names another profile can't both be meant."""
    said = next((line for line in text.extras if line.words[0] == "profile"), None)
    if said is None or not profile.line or "responder-only" not in profile.said:
        return
    if (configuration.profile is ProfileName.STRICT) != profile.get("responder-only"):
        said.refuse(
            f"profile {configuration.profile} contradicts line {profile.line_of('responder-only')} about responder-only"
        )


def _referenced(text: Text, profile: Section, kind: str) -> Section | None:
    name = profile.get(kind)
    found = text.find(kind, name) if name is not None else None
    if name is not None and found is None:
        words = {"isakmp-profile": "ISAKMP profile", "ikev2-profile": "IKEv2 profile"}[kind]
        default = "both versions of IKE" if kind == "isakmp-profile" else "version 2"
        text.warn(
            profile.line_of(kind),
            f"{words} `{printable(name)}` is not defined here: the default identities, keys and {default} are taken",
        )
    return found


def _versions(text: Text, profile: Section) -> tuple[int, ...]:
    """An ISAKMP profile that is defined means version 1, an IKEv2 profile version 2; otherwise both are spoken."""
    one, two = "isakmp-profile" in profile.said, "ikev2-profile" in profile.said
    if two:
        return (1, 2) if one else (2,)
    if one and text.find("isakmp-profile", profile.get("isakmp-profile")):
        return (1,)
    return DEFAULT.versions


def _aggressive(isakmp: Section | None) -> bool:
    return bool(isakmp and isakmp.get("initiate mode aggressive"))


def _remark_silence(text: Text, profile: Section, isakmp: Section | None) -> None:
    if isakmp and profile.get("responder-only") and _aggressive(isakmp):
        text.warn(isakmp.line_of("initiate mode aggressive"), "a responder-only device initiates in no mode")
    if not text.of_kind("isakmp-policy") and not text.of_kind("ikev2-proposal"):
        text.warn(profile.line, "no ISAKMP policy and no IKEv2 proposal: the default suites are taken")


# --- suites -----------------------------------------------------------------------------------------------


def _policies(text: Text) -> tuple[IsakmpPolicy, ...]:
    sections = text.of_kind("isakmp-policy")
    for section in sections:
        if not section.name.isdecimal():
            raise Refused(section.line, "an ISAKMP policy is named by its priority, a number")
    if not sections:
        return DEFAULT.proposals_v1
    return tuple(_policy(text, section) for section in sorted(sections, key=lambda each: int(each.name)))


def _policy(text: Text, section: Section) -> IsakmpPolicy:
    """What a policy leaves out is what IOS takes: DES, SHA, RSA signatures, group 1, a day."""
    cipher, bits = section.get("encryption", POLICY_CIPHERS["des",])
    authentication = section.get("authentication", AuthMethodV1.RSA_SIGNATURES)
    if authentication != AuthMethodV1.PRE_SHARED_KEY:
        text.warn(
            section.line_of("authentication"),
            f"ISAKMP policy {section.name} doesn't authenticate by pre-shared key; only that is played",
        )
    return IsakmpPolicy(
        cipher,
        bits,
        section.get("hash", POLICY_HASHES["sha"]),
        authentication,
        Group(section.get("group", 1)),
        section.get("lifetime", 86_400),
    )


def _ikev2_proposals(text: Text) -> tuple[IkeProposal, ...]:
    """Those that the first policy names, in its order; without a policy all of them."""
    proposals = text.of_kind("ikev2-proposal")
    policies = text.of_kind("ikev2-policy")
    for policy in policies[1:]:
        text.warn(policy.line, f"IKEv2 policy `{printable(policies[0].name)}` is played, not this one")
    if policies:
        proposals = [
            found
            for name, line in policies[0].listed.get("proposal", [])
            if (found := _named(text, name, line))
        ]
    elif proposals:
        text.warn(proposals[0].line, "no IKEv2 policy names a proposal; all of them are taken")
    suites = [suite for each in proposals for suite in _suites(each)]
    return tuple(suites) or DEFAULT.proposals_v2


def _named(text: Text, name: str, line: int) -> Section | None:
    found = text.find("ikev2-proposal", name)
    if found is None:
        text.warn(line, f"IKEv2 proposal `{printable(name)}` is not defined here and left out")
    return found


def _suites(section: Section) -> list[IkeProposal]:
    """One suite for each combination of what a proposal lists; without `prf` it goes with the integrity."""
    for needed in ("encryption", "group"):
        if needed not in section.said:
            raise Refused(section.line, f"IKEv2 proposal `{printable(section.name)}` has no {needed}")
    suites = []
    for (cipher, bits), group in product(section.get("encryption"), section.get("group")):
        for integrity, prf in _protections(section, aead=cipher in AEAD):
            suites.append(IkeProposal(cipher, bits, integrity, prf, Group(group)))
    return suites


def _protections(section: Section, *, aead: bool) -> list[tuple[int, int]]:
    integrities, prfs = section.get("integrity", []), section.get("prf")
    if aead and prfs is None:
        raise Refused(
            section.line, f"IKEv2 proposal `{printable(section.name)}` has an AEAD cipher and no prf"
        )
    if aead:
        return [(Integ.NONE, prf) for prf in prfs]
    if not integrities:
        raise Refused(section.line, f"IKEv2 proposal `{printable(section.name)}` has no integrity")
    if prfs is None:
        return [(integrity, _PRF_OF[integrity]) for integrity in integrities]
    return list(product(integrities, prfs))


_PRF_OF = {Integ.AUTH_HMAC_MD5_96: 1, Integ.AUTH_HMAC_SHA1_96: 2} | {
    Integ.AUTH_HMAC_SHA2_256_128: 5,
    Integ.AUTH_HMAC_SHA2_384_192: 6,
    Integ.AUTH_HMAC_SHA2_512_256: 7,
}


def _child_proposals(text: Text, profile: Section) -> tuple[ChildProposal, ...]:
    names = profile.get("transform-set", ())
    return (
        tuple(each for name in names for each in _transform_set(text, profile, name))
        or DEFAULT.child_proposals
    )


def _transform_set(text: Text, profile: Section, name: str) -> list[ChildProposal]:
    section = text.find("transform-set", name)
    if section is not None:
        return [_child(section.get("transforms"), section.line)]
    sets = (
        (CONVENTIONAL_TRANSFORM_SETS[name],)
        if name in CONVENTIONAL_TRANSFORM_SETS
        else DEFAULT_TRANSFORM_SETS
    )
    taken = ", or ".join(" ".join(each) for each in sets)
    line = profile.line_of("transform-set")
    text.warn(line, f"transform set `{printable(name)}` is not defined here: {taken} is taken")
    return [_child(each, line) for each in sets]


def _child(transforms: Sequence[str], line: int) -> ChildProposal:
    cipher: tuple[int, int | None] | None = None
    esp: int | None = None
    ah: int | None = None
    words = list(transforms)
    while words:
        two, one = tuple(words[:2]), tuple(words[:1])
        if two in ESP_CIPHERS or one in ESP_CIPHERS:
            taken = two if two in ESP_CIPHERS else one
            cipher, words = ESP_CIPHERS[taken], words[len(taken) :]
        elif words[0] in ESP_INTEGRITY:
            esp = ESP_INTEGRITY[words.pop(0)]
        elif words[0] in AH_INTEGRITY:
            ah = AH_INTEGRITY[words.pop(0)]
        else:
            raise Refused(line, f"`{printable(words[0])}` is no transform that is understood")
    return _protected(cipher, esp, ah, line)


def _protected(
    cipher: tuple[int, int | None] | None, esp: int | None, ah: int | None, line: int
) -> ChildProposal:
    if ah is not None and (cipher or esp is not None):
        raise Refused(line, "a transform set of AH and ESP together is not played; take one of them")
    if ah is not None:
        return ChildProposal(Protocol.AH, 0, None, ah, Esn.NO_ESN)
    if cipher is None:
        raise Refused(line, "a transform set has a cipher, if only esp-null, or AH")
    return ChildProposal(Protocol.ESP, *cipher, Integ.NONE if esp is None else esp, Esn.NO_ESN)


# --- times ------------------------------------------------------------------------------------------------


def _lifetimes(text: Text, profile: Section, ikev2: Section | None) -> Lifetimes:
    usual = DEFAULT.lifetimes
    seconds = _said(profile, text.top, "seconds", usual.child_hard)
    hard = ikev2.get("lifetime") if ikev2 else None
    if hard is None:
        hard = usual.ike_hard
    idle = _said(profile, text.top, "idle-time", None)
    return replace(
        usual,
        ike_hard=_float(hard),
        ike_soft=_soft(hard),
        child_hard=_float(seconds),
        child_soft=_soft(seconds),
        child_kilobytes=_said(profile, text.top, "kilobytes", usual.child_kilobytes),
        idle=_float(idle),
    )


def _said(profile: Section, top: Section, what: str, otherwise: Any) -> Any:
    for section in (profile, top):
        if what in section.said:
            value = section.get(what)
            if value == 0:
                raise Refused(
                    section.line_of(what), "a lifetime of 0 is none; `disable` is the word for no limit"
                )
            return value
    return otherwise


def _float(value: float | None) -> float | None:
    return None if value is None else float(value)


def _soft(hard: float | None) -> float | None:
    return None if hard is None else hard * SOFT_SHARE


def _dpd(text: Text, isakmp: Section | None, ikev2: Section | None) -> Dpd | None:
    said = ikev2.get("dpd") if ikev2 else None
    said = said or (isakmp.get("keepalive") if isakmp else None)
    said = said or text.top.get("keepalive") or text.top.get("dpd")
    return Dpd(float(said[0]), float(said[1])) if said else None


# --- who and where ----------------------------------------------------------------------------------------


def _addresses(
    text: Text, tunnel: Section | None, isakmp: Section | None, ikev2: Section | None
) -> dict[str, Any]:
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


# --- keys -------------------------------------------------------------------------------------------------

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


def _key(text: Text, isakmp: Section | None, ikev2: Section | None, peer: str | None) -> bytes | None:
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
        return keys[:1]
    host = ip_network(peer)
    fitting = [
        key for key in keys if key[0] is None or (key[0].version == host.version and host.subnet_of(key[0]))
    ]
    widest = max((_length(key) for key in fitting), default=0)
    return [key for key in fitting if _length(key) == widest]


def _length(key: _Key) -> int:
    return -1 if key[0] is None else int(key[0].prefixlen)
