"""Prints a Configuration as Cisco IOS text; what IOS has no command for follows in comments."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import replace
from ipaddress import ip_address, ip_network
from itertools import product

from harness.codes import Integ, ProfileName, Protocol
from harness.profile.configuration import (
    DEFAULT,
    ChildProposal,
    Configuration,
    Identity,
    IkeProposal,
    IsakmpPolicy,
)
from harness.profile.credentials import Ppk
from harness.profile.ios import extras
from harness.profile.ios.lines import ConfigurationError
from harness.profile.ios.reader import read
from harness.profile.ios.words import (
    AEAD,
    AH_INTEGRITY,
    ESP_CIPHERS,
    ESP_INTEGRITY,
    IKEV2_CIPHERS,
    IKEV2_INTEGRITY,
    IKEV2_PRFS,
    POLICY_AUTHENTICATION,
    POLICY_CIPHERS,
    POLICY_HASHES,
)
from harness.profile.written import HIDDEN

_CIPHER_WORDS = {cipher: words for words, cipher in POLICY_CIPHERS.items()}
_HASH_WORDS = {code: word for word, code in POLICY_HASHES.items()}
_AUTHENTICATION_WORDS = {code: word for word, code in POLICY_AUTHENTICATION.items()}
_IKEV2_CIPHER_WORDS = {cipher: word for word, cipher in IKEV2_CIPHERS.items()}
_IKEV2_INTEGRITY_WORDS = {code: word for word, code in IKEV2_INTEGRITY.items()}
_PRF_WORDS = {code: word for word, code in IKEV2_PRFS.items()}
_ESP_CIPHER_WORDS = {cipher: words for words, cipher in ESP_CIPHERS.items()}
_ESP_INTEGRITY_WORDS = {code: word for word, code in ESP_INTEGRITY.items()}
_PROOF_WORDS = {"psk": "pre-share", "signature": "rsa-sig", "eap": "eap"}
_AH_WORDS = {code: word for word, code in AH_INTEGRITY.items()}


def show(configuration: Configuration, *, hide_secrets: bool = False) -> str:
    """The text that reads back as `configuration`; with `hide_secrets` the key is left out and must be filled in."""
    in_commands = _sayable(configuration)
    said = read("\n".join(_commands(in_commands, hide_secrets=False))).configuration
    comments = extras.missing(configuration, said, hide_secrets=hide_secrets)
    return "\n".join([*_commands(in_commands, hide_secrets=hide_secrets), *comments, "end", ""])


def _sayable(configuration: Configuration) -> Configuration:
    """As much of it as commands can say: with the further peers only if all of them come back as they are."""
    try:
        said = read("\n".join(_commands(configuration, hide_secrets=False))).configuration
    except ConfigurationError:
        return replace(configuration, further_peers=())
    exact = said.further_peers == configuration.further_peers
    return configuration if exact else replace(configuration, further_peers=())


def _commands(configuration: Configuration, *, hide_secrets: bool) -> Iterator[str]:
    if 1 in configuration.versions:
        yield from _device_v1(configuration)
    if 2 in configuration.versions:
        yield from _device_v2(configuration)
    if window := _said(configuration.packets.replay_window, DEFAULT.packets.replay_window):
        yield f"crypto ipsec security-association replay window-size {window}"
    sets: set[str] = set()
    for at, view in enumerate(configuration.each_peer()):
        yield from _tunnel(view, f"-{at}" if at else "", at, sets, hide_secrets=hide_secrets)


def _tunnel(view: Configuration, mark: str, at: int, sets: set[str], *, hide_secrets: bool) -> Iterator[str]:
    """One tunnel: its keys, its profiles and its interface, whose names end in `mark`."""
    key = _key_word(view.psk)
    if key and hide_secrets:
        key = HIDDEN
    if 1 in view.versions:
        yield from _version_1(view, key, mark)
    if 2 in view.versions:
        yield from _version_2(view, key, mark)
    yield from _ipsec(view, mark, sets)
    yield from _interface(view, mark, at)


def _key_word(psk: bytes) -> str | None:
    """A key as IOS takes it on a line: printable, without the `?` of its help; None: not to be said so."""
    return psk.decode("ascii") if re.fullmatch(rb"[!->@-~]{1,127}", psk) else None


def _host(address: str) -> str:
    """One host, as a mask says it."""
    return f"{address} 255.255.255.255" if ip_address(address).version == 4 else f"ipv6 {address}/128"


def _device_v1(configuration: Configuration) -> Iterator[str]:
    for at, policy in enumerate(configuration.proposals_v1):
        if _fits_policy(policy):
            yield from _policy(10 * (at + 1), policy)
    if not configuration.aggressive:
        yield "crypto isakmp aggressive-mode disable"
    if keepalive := _said(configuration.packets.nat_keepalive, DEFAULT.packets.nat_keepalive):
        yield f"crypto isakmp nat keepalive {keepalive}"


def _version_1(configuration: Configuration, key: str | None, mark: str) -> Iterator[str]:
    if key:
        yield f"crypto keyring keys{mark}"
        host = _host(configuration.peer) if configuration.peer else "0.0.0.0 0.0.0.0"
        yield f" pre-shared-key address {host} key 0 {key}"
    yield f"crypto isakmp profile clients{mark}"
    if key:
        yield f" keyring keys{mark}"
    if whom := _matched(configuration.remote_id, fqdn="host", user_fqdn="user", key_id="group"):
        yield f" match identity {whom}"
    if own := _own_v1(configuration):
        yield f" self-identity {own}"
    if configuration.initiate_mode == "aggressive":
        yield " initiate mode aggressive"
    if dpd := _keepalive(configuration):
        yield f" keepalive {dpd[0]} retry {dpd[1]}"


def _fits_policy(policy: IsakmpPolicy) -> bool:
    return (
        (policy.encr, policy.key_bits) in _CIPHER_WORDS
        and policy.hash in _HASH_WORDS
        and policy.auth in _AUTHENTICATION_WORDS
        and _whole(policy.lifetime) is not None
        and _whole(policy.group) is not None
    )


def _policy(priority: int, policy: IsakmpPolicy) -> Iterator[str]:
    yield f"crypto isakmp policy {priority}"
    yield f" encryption {' '.join(_CIPHER_WORDS[policy.encr, policy.key_bits])}"
    yield f" hash {_HASH_WORDS[policy.hash]}"
    yield f" authentication {_AUTHENTICATION_WORDS[policy.auth]}"
    yield f" group {int(policy.group)}"
    yield f" lifetime {policy.lifetime}"


def _matched(identity: Identity | None, *, fqdn: str, user_fqdn: str, key_id: str) -> str | None:
    """What follows `match identity`; None where IOS can't say it."""
    if identity is None:
        return "address 0.0.0.0 0.0.0.0"
    if identity.kind in ("ipv4", "ipv6"):
        return f"address {_host(identity.value)}"
    return _named(identity, {"fqdn": fqdn, "user_fqdn": user_fqdn, "key_id": key_id})


def _named(identity: Identity, words: Mapping[str, str]) -> str | None:
    if identity.kind not in words or not _is_word(identity.value):
        return None
    return f"{words[identity.kind]} {identity.value}"


def _own_v1(configuration: Configuration) -> str | None:
    identity = configuration.local_id
    if identity.kind in ("ipv4", "ipv6"):
        return "address" if identity.value == configuration.local_address else None
    return _named(identity, {"fqdn": "fqdn", "user_fqdn": "user-fqdn"})


def _own_v2(configuration: Configuration) -> str | None:
    identity = configuration.local_id
    if identity.kind in ("ipv4", "ipv6"):
        return f"address {identity.value}"
    return _named(identity, {"fqdn": "fqdn", "user_fqdn": "email", "key_id": "key-id"})


def _is_word(value: str) -> bool:
    """Whether IOS takes it as one word; `domain` would be taken for another command."""
    return bool(re.fullmatch(r"[!->@-~]+", value)) and value != "domain"


def _keepalive(configuration: Configuration) -> tuple[int, int] | None:
    dpd = configuration.dpd
    interval, retry = (_whole(dpd.interval), _whole(dpd.retry)) if dpd else (None, None)
    return None if interval is None or retry is None else (interval, retry)


def _device_v2(configuration: Configuration) -> Iterator[str]:
    names = []
    for at, proposal in enumerate(configuration.proposals_v2):
        if _fits_proposal(proposal):
            names.append(f"suite-{10 * (at + 1)}")
            yield from _proposal(names[-1], proposal)
    if names:
        yield "crypto ikev2 policy suites"
        yield from (f" proposal {name}" for name in names)
    if (threshold := _whole(configuration.cookie_threshold)) is not None:
        yield f"crypto ikev2 cookie-challenge {threshold}"
    if keepalive := _said(configuration.packets.nat_keepalive, DEFAULT.packets.nat_keepalive):
        yield f"crypto ikev2 nat keepalive {keepalive}"
    if window := _said(configuration.exchanges.window, DEFAULT.exchanges.window):
        yield f"crypto ikev2 window {window}"
    if configuration.fragments:
        yield f"crypto ikev2 fragmentation mtu {configuration.fragments.size}"


def _said(value: float | None, unsaid: float | None) -> int | None:
    """A number to be printed, if it is another than is meant without a word."""
    return None if value == unsaid else _whole(value)


def _version_2(configuration: Configuration, key: str | None, mark: str) -> Iterator[str]:
    if key:
        yield f"crypto ikev2 keyring keys{mark}"
        yield " peer peer"
        yield f"  address {_prefix(configuration.peer)}"
        yield f"  pre-shared-key 0 {key}"
        yield from _ppk(configuration.ppk, hidden=key == HIDDEN)
    yield f"crypto ikev2 profile clients{mark}"
    if whom := _matched(configuration.remote_id, fqdn="fqdn", user_fqdn="email", key_id="key-id"):
        yield f" match identity remote {whom}"
    if own := _own_v2(configuration):
        yield f" identity local {own}"
    yield f" authentication remote {_PROOF_WORDS.get(configuration.remote_auth, 'pre-share')}"
    yield f" authentication local {_PROOF_WORDS.get(configuration.local_auth, 'pre-share')}"
    if key:
        yield f" keyring local keys{mark}"
    if seconds := _whole(configuration.lifetimes.ike_hard):
        yield f" lifetime {seconds}"
    if dpd := _keepalive(configuration):
        yield f" dpd {dpd[0]} {dpd[1]} periodic"


def _ppk(ppk: Ppk | None, *, hidden: bool) -> Iterator[str]:
    name, secret = (_key_word(ppk.identity), _key_word(ppk.secret)) if ppk else (None, None)
    if ppk and name and secret:
        required = " required" if ppk.mandatory else ""
        yield f"  ppk manual id {name} key clear {HIDDEN if hidden else secret}{required}"


def _prefix(peer: str | None) -> str:
    if peer is None:
        return "0.0.0.0 0.0.0.0"
    return f"{peer} 255.255.255.255" if ip_address(peer).version == 4 else f"{peer}/128"


def _fits_proposal(proposal: IkeProposal) -> bool:
    cipher = (proposal.encr, proposal.key_bits)
    if (
        proposal.additional
        or cipher not in _IKEV2_CIPHER_WORDS
        or proposal.prf not in _PRF_WORDS
        or _whole(proposal.group) is None
    ):
        return False
    if proposal.encr in AEAD:
        return proposal.integ == Integ.NONE
    return proposal.integ in _IKEV2_INTEGRITY_WORDS


def _proposal(name: str, proposal: IkeProposal) -> Iterator[str]:
    yield f"crypto ikev2 proposal {name}"
    yield f" encryption {_IKEV2_CIPHER_WORDS[proposal.encr, proposal.key_bits]}"
    if proposal.integ != Integ.NONE:
        yield f" integrity {_IKEV2_INTEGRITY_WORDS[proposal.integ]}"
    yield f" prf {_PRF_WORDS[proposal.prf]}"
    yield f" group {int(proposal.group)}"


def _whole(number: float | None) -> int | None:
    """A number that IOS can be told: whole, not negative, of at most ten digits."""
    return int(number) if number is not None and 0 <= number < 10**10 and number == int(number) else None


def _ipsec(configuration: Configuration, mark: str, sets: set[str]) -> Iterator[str]:
    """The IPsec profile, with the transform sets that are not among those printed already."""
    names: list[str] = []
    for proposal in configuration.child_proposals:
        if words := _transforms(proposal):
            names.append(_set_name(words))
            if names[-1] not in sets:
                sets.add(names[-1])
                yield f"crypto ipsec transform-set {names[-1]} {' '.join(words)}"
                yield f" mode {'transport' if configuration.children.transport else 'tunnel'}"
    yield f"crypto ipsec profile vti{mark}"
    if names:
        yield f" set transform-set {' '.join(names)}"
    yield from (f" set security-association {line}" for line in _child_lifetimes(configuration))
    if configuration.pfs_group is not None and 0 <= configuration.pfs_group < 10**5:
        yield f" set pfs group{int(configuration.pfs_group)}"
    if 1 in configuration.versions:
        yield f" set isakmp-profile clients{mark}"
    if 2 in configuration.versions:
        yield f" set ikev2-profile clients{mark}"
    if configuration.profile is ProfileName.STRICT:
        yield " responder-only"


def _set_name(words: tuple[str, ...]) -> str:
    """As in `3dessha`: the transforms run together."""
    return "".join(re.sub(r"^esp-|-hmac$", "", word) for word in words)


def _transforms(proposal: ChildProposal) -> tuple[str, ...]:
    """The words of a transform set; empty where IOS has none for it."""
    if proposal.protocol == Protocol.AH:
        word = _AH_WORDS.get(proposal.integ)
        return (word,) if word and proposal.encr == 0 and proposal.key_bits is None else ()
    cipher = _ESP_CIPHER_WORDS.get((proposal.encr, proposal.key_bits))
    if proposal.protocol != Protocol.ESP or cipher is None or proposal.additional:
        return ()
    if proposal.integ == Integ.NONE:
        return cipher
    word = _ESP_INTEGRITY_WORDS.get(proposal.integ)
    return (*cipher, word) if word else ()


def _child_lifetimes(configuration: Configuration) -> Iterator[str]:
    lifetimes = configuration.lifetimes
    if seconds := _whole(lifetimes.child_hard):
        yield f"lifetime seconds {seconds}"
    elif lifetimes.child_hard is None:
        yield "lifetime seconds disable"
    if lifetimes.child_kilobytes is None:
        yield "lifetime kilobytes disable"
    elif kilobytes := _whole(lifetimes.child_kilobytes):
        yield f"lifetime kilobytes {kilobytes}"
    if idle := _whole(lifetimes.idle):
        yield f"idle-time {idle}"


def _interface(configuration: Configuration, mark: str, at: int) -> Iterator[str]:
    family = 6 if any(":" in subnet for subnet in configuration.local_subnets) else 4
    pairs = [*product(configuration.local_subnets, configuration.remote_subnets)]
    pairs = [pair for pair in pairs if all(ip_network(subnet).version == family for subnet in pair)]
    if pairs:
        kind = "ip access-list extended" if family == 4 else "ipv6 access-list"
        yield f"{kind} protected{mark}"
        yield from (f" permit {_listed(local)} {_bare(remote)}" for local, remote in pairs)
    if configuration.peer:
        yield f"interface Tunnel{at}"
    else:
        yield f"interface Virtual-Template{at + 1} type tunnel"
    outer = ip_address(configuration.local_address).version
    yield f" tunnel source {configuration.local_address}"
    yield f" tunnel mode ipsec ipv{outer}"
    if configuration.peer:
        yield f" tunnel destination {configuration.peer}"
    if pairs:
        yield f" tunnel protection ipsec policy ipv{family} protected{mark}"
    yield f" tunnel protection ipsec profile vti{mark}"


def _listed(subnet: str) -> str:
    return f"{'ipv6' if ':' in subnet else 'ip'} {_bare(subnet)}"


def _bare(subnet: str) -> str:
    """A subnet as access lists write it: with the inverted mask, or with a prefix length."""
    network = ip_network(subnet)
    return str(network) if network.version == 6 else f"{network.network_address} {network.hostmask}"
