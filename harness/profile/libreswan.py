"""Prints a Configuration as Libreswan's files (ipsec.conf, ipsec.secrets); it runs and finds nothing."""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from math import ceil
from types import MappingProxyType

from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePublicKey
from cryptography.x509 import load_der_x509_certificate

from harness.codes import AuthMethodV1, Encr, EncrV1, Esn, Group, HashV1, Integ, Prf, Protocol
from harness.profile.configuration import (
    ChildProposal,
    Configuration,
    Identity,
    IkeProposal,
    IsakmpPolicy,
    Lifetimes,
)
from harness.profile.credentials import Proof
from harness.profile.exchanges import Fragments
from harness.profile.profiles import PROFILES, Start
from harness.profile.switches import Switch
from harness.profile.ways import WAYS, Way, own_way, speaks
from harness.profile.written import HIDDEN

_CIPHERS: Mapping[tuple[int, int | None], str] = {
    (Encr.ENCR_3DES, None): "3des",
    (Encr.ENCR_NULL, None): "null",
    (Encr.ENCR_CHACHA20_POLY1305, None): "chacha20poly1305",
    **{(Encr.ENCR_AES_CBC, bits): f"aes{bits}" for bits in (128, 192, 256)},
    **{(Encr.ENCR_AES_CTR, bits): f"aesctr{bits}" for bits in (128, 192, 256)},
    **{(Encr.ENCR_AES_GCM_8, bits): f"aes_gcm_a{bits}" for bits in (128, 192, 256)},
    **{(Encr.ENCR_AES_GCM_12, bits): f"aes_gcm_b{bits}" for bits in (128, 192, 256)},
    **{(Encr.ENCR_AES_GCM_16, bits): f"aes_gcm{bits}" for bits in (128, 192, 256)},
}
_CIPHERS_V1: Mapping[tuple[int, int | None], str] = {
    (EncrV1.TRIPLE_DES_CBC, None): "3des",
    **{(EncrV1.AES_CBC, bits): f"aes{bits}" for bits in (128, 192, 256)},
}
_INTEGRITIES: Mapping[int, str] = {
    Integ.AUTH_HMAC_MD5_96: "md5",
    Integ.AUTH_HMAC_SHA1_96: "sha1",
    Integ.AUTH_HMAC_SHA2_256_128: "sha2_256",
    Integ.AUTH_HMAC_SHA2_384_192: "sha2_384",
    Integ.AUTH_HMAC_SHA2_512_256: "sha2_512",
}
_PRFS: Mapping[int, str] = {
    Prf.PRF_HMAC_MD5: "md5",
    Prf.PRF_HMAC_SHA1: "sha1",
    Prf.PRF_HMAC_SHA2_256: "sha2_256",
    Prf.PRF_HMAC_SHA2_384: "sha2_384",
    Prf.PRF_HMAC_SHA2_512: "sha2_512",
}
_HASHES_V1: Mapping[int, str] = {
    HashV1.MD5: "md5",
    HashV1.SHA1: "sha1",
    HashV1.SHA2_256: "sha2_256",
    HashV1.SHA2_384: "sha2_384",
    HashV1.SHA2_512: "sha2_512",
}
_GROUPS: Mapping[int, str] = {
    group: f"dh{int(group)}"
    for group in (
        *(Group.MODP_1536, Group.MODP_2048, Group.MODP_3072, Group.MODP_4096, Group.MODP_6144),
        *(Group.MODP_8192, Group.ECP_256, Group.ECP_384, Group.ECP_521, Group.CURVE25519),
    )
}
_PROOFS: Mapping[Proof, str] = {"psk": "secret", "signature": "rsasig", "null": "null"}
_METHODS_V1: Mapping[int, str] = {
    AuthMethodV1.PRE_SHARED_KEY: "secret",
    AuthMethodV1.RSA_SIGNATURES: "rsasig",
    AuthMethodV1.XAUTH_INIT_PRE_SHARED: "secret",
    AuthMethodV1.XAUTH_INIT_RSA: "rsasig",
}
_XAUTH = (AuthMethodV1.XAUTH_INIT_PRE_SHARED, AuthMethodV1.XAUTH_INIT_RSA)
NICKNAME = "local"
"""What its own certificate is called in its key store."""
_RETRANSMISSION_MS = 4000
"""Its half a second repeats what a machine that has much to do is about to answer."""
_MOST_S = 24 * 60 * 60
"""The longest life it takes."""
_ROUTELESS = ("leftupdown=%disabled",)
"""A connection that leaves the machine's routes alone."""
_SERVING: Mapping[Way, tuple[str, ...]] = {
    "v2": ("narrowing=yes", "intermediate=yes"),
    "v1-main": (),
    "v1-aggressive": (),
}
"""What a connection is told besides that serves initiators of all kinds."""
SAYS = frozenset(
    {
        *("profile", "versions", "initiate_version", "initiate_mode", "aggressive"),
        *("proposals_v1", "proposals_v2", "child_proposals", "pfs_group", "children.transport"),
        *("local_address", "peer", "local_id", "remote_id", "local_subnets", "remote_subnets"),
        *("local_auth", "remote_auth", "psk", "credentials", "peer_credentials", "users", "ppk"),
        *("lifetimes.ike_soft", "lifetimes.ike_hard", "lifetimes.child_soft", "lifetimes.child_hard"),
        *("lifetimes.child_kilobytes", "dpd", "cookie_threshold", "fragments", "version1.xauth"),
    }
)
"""The settings that its files have words for."""


def ipsec_conf(
    configuration: Configuration,
    directory: str,
    *,
    ways: Sequence[Way] = WAYS,
    boots: bool = False,
    serves: bool = False,
    further: Mapping[str, Sequence[str]] = MappingProxyType({}),
) -> str:
    """The connections of a Libreswan that is `configuration`; for an initiator give it the mirrored one.

    It computes without helper threads, which may outlive its cryptographic library when it ends. None of its
    connections touches the machine's routes. One that `boots` starts what its profile allows as soon as it is
    there; any other waits for a reason. One that `serves`, and calls nobody, leaves the address of its peer open, as
    it keeps a trap for traffic where a child of a peer was whose address it knows, and narrows what a peer asks for,
    which one that is to have a trap can't. `further` are lines for `setup` and for `conn`, every connection.
    ValueError if it has no word for something.
    """
    serves = serves and not _calls(configuration)
    if serves:
        configuration = replace(configuration, peer=None)
    setup = _section(
        "config setup",
        ["ikev1-policy=accept", "uniqueids=no", "dnssec-enable=no", "nhelpers=0"],
        _cookies(configuration.cookie_threshold),
        [f"listen={configuration.local_address}", "virtual-private=", f"dumpdir={directory}"],
        [f"logfile={directory}/pluto.log", "logappend=no", "plutodebug=none"],
        further.get("setup", ()),
    )
    spoken = [way for way in ways if speaks(configuration, way)]
    connections = [
        connection(
            configuration,
            way,
            boots=boots,
            further=(*_ROUTELESS, *(_SERVING[way] if serves else ()), *further.get("conn", ())),
        )
        for way in spoken
    ]
    return "\n".join([*setup, *(line for each in connections for line in ("", *each)), ""])


def connection(
    configuration: Configuration, way: Way, *, boots: bool = False, further: Sequence[str] = ()
) -> list[str]:
    """The section of one connection."""
    return _section(f"conn {way}", _connection(configuration, way, boots=boots), further)


def unfit(configuration: Configuration) -> str:
    """What of a configuration has no words where its settings have, as a sentence; empty if all of it has."""
    lifetimes, fragments = configuration.lifetimes, configuration.fragments
    if fragments not in (None, Fragments()):
        return "Libreswan has no word for the size of fragments"
    offered = min((each.lifetime for each in configuration.proposals_v1), default=0)
    sooner = min(offered, lifetimes.child_hard or offered)
    if own_way(configuration) != "v2" and (lifetimes.ike_hard or sooner) < sooner:
        return "Libreswan has no word for lifetimes.ike_hard of version 1: it takes what its peer offers"
    try:
        ipsec_conf(configuration, "")
        ipsec_secrets(configuration)
    except ValueError as why:
        return str(why)
    return ""


def ipsec_secrets(configuration: Configuration, *, serves: bool = False, hide_secrets: bool = False) -> str:
    """The keys that both ends share, and the passwords of users, as octets so that no quoting can go wrong.

    Of one that `serves` they are for whoever comes: in Main Mode the address alone tells whose key is meant.
    With `hide_secrets` the pre-shared key is left out and must be filled in.
    """
    who = configuration.remote_id
    peer = "%any" if who is None or serves else identity(who)
    ends = f"{identity(configuration.local_id)} {peer}"
    ppk = configuration.ppk
    key = f'"{HIDDEN}"' if hide_secrets else f"0x{configuration.psk.hex()}"
    lines = [
        f"{ends} : PSK {key}",
        *([f'{ends} : PPKS "{_ppk_id(ppk.identity)}" 0x{ppk.secret.hex()}'] if ppk else []),
        *(f"@{_user(each.name)} : XAUTH 0x{each.password.encode().hex()}" for each in configuration.users),
    ]
    return "".join(f"{line}\n" for line in lines)


def _ppk_id(octets: bytes) -> str:
    text = octets.decode("ascii", "replace")
    if not re.fullmatch(r"[!#-~]+", text):
        raise ValueError(f"Libreswan has no words for the PPK_ID {text!r}")
    return text


def _user(name: str) -> str:
    if not re.fullmatch(r"[\w.@-]+", name):
        raise ValueError(f"Libreswan has no words for the user {name!r}")
    return name


def identity(who: Identity) -> str:
    """An identity as Libreswan reads it: `@` keeps a name from being looked up."""
    if who.kind == "dn" or not re.fullmatch(r"[!#-~]+", who.value):
        raise ValueError(f"Libreswan has no words for the identity {who.value!r}")
    match who.kind:
        case "fqdn":
            return f"@{who.value}"
        case "key_id":
            return f"@#{who.data.hex()}"
        case _:
            return who.value


def _calls(configuration: Configuration) -> bool:
    return Start.IKE_SA in PROFILES[configuration.profile].may


def switches(
    configuration: Configuration, way: Way, *, boots: bool = False, serves: bool = False
) -> tuple[Switch, ...]:
    """What makes a connection one of the configuration's profile: what it may start by itself, and what it may not."""
    if serves and not _calls(configuration):
        configuration = replace(configuration, peer=None)
    may = PROFILES[configuration.profile].may
    return (
        Switch(f"right={configuration.peer}", "the address of its peer is known")
        if configuration.peer
        else Switch("right=%any", "nobody's address is known, so there is nobody to call"),
        _auto(may, way, configuration, boots=boots),
        *_renewal(configuration, way),
        Switch("keyingtries=%forever", "what it starts it goes on trying")
        if Start.IKE_SA in may
        else Switch("keyingtries=1", "what an operator starts is tried once"),
        *_dpd(configuration),
    )


def _auto(may: frozenset[Start], way: Way, configuration: Configuration, *, boots: bool) -> Switch:
    if Start.IKE_SA not in may:
        return Switch("auto=add", "loaded, and started by nothing: not by its own start, not by traffic")
    if boots and way == own_way(configuration):
        return Switch("auto=start", "started with the daemon, and again whenever it ends")
    return Switch("auto=keep", "made again whenever it ends, once a peer has made it")


def _connection(configuration: Configuration, way: Way, *, boots: bool) -> list[str]:
    return [
        f"ikev2={'insist' if way == 'v2' else 'no'}",
        *(["aggressive=yes"] if way == "v1-aggressive" else []),
        f"left={configuration.local_address}",
        f"leftid={'%null' if configuration.local_auth == 'null' else identity(configuration.local_id)}",
        *_subnet("left", configuration.local_subnets, configuration),
        *_known_by(configuration),
        *_subnet("right", configuration.remote_subnets, configuration),
        *_proofs(configuration, way),
        f"type={'transport' if configuration.children.transport else 'tunnel'}",
        f"ike={_ike(configuration, way)}",
        f"esp={_esp(configuration, way)}",
        f"esn={'yes' if any(each.esn == Esn.ESN for each in configuration.child_proposals) else 'no'}",
        f"pfs={'no' if configuration.pfs_group is None else 'yes'}",
        *_times(configuration),
        *_fragmentation(configuration, way),
        *(each.setting for each in switches(configuration, way, boots=boots)),
    ]


def _known_by(configuration: Configuration) -> list[str]:
    if configuration.remote_auth == "null":
        return ["rightid=%null"]
    return [] if configuration.remote_id is None else [f"rightid={identity(configuration.remote_id)}"]


def _proofs(configuration: Configuration, way: Way) -> list[str]:
    """How both ends prove themselves; of Libreswan's connections they do it in the same way."""
    if way != "v2":
        return _proofs_v1(configuration)
    if configuration.local_auth != configuration.remote_auth or configuration.local_auth not in _PROOFS:
        ends = f"{configuration.local_auth!r} and {configuration.remote_auth!r}"
        raise ValueError(f"Libreswan has no words for ends that prove themselves by {ends}")
    ppk = configuration.ppk
    return [
        f"authby={_authby(configuration)}",
        *(_certificate(configuration) if configuration.local_auth == "signature" else []),
        *([f"ppk={'insist' if ppk.mandatory else 'propose'}"] if ppk else []),
    ]


def _authby(configuration: Configuration) -> str:
    """It does not look at its key: told of RSA and ECDSA both, it names RSA and sends no signature."""
    chain = () if configuration.credentials is None else configuration.credentials.chain
    if configuration.local_auth == "signature" and chain:
        key = load_der_x509_certificate(chain[0]).public_key()
        return "ecdsa" if isinstance(key, EllipticCurvePublicKey) else "rsasig"
    return _PROOFS[configuration.local_auth]


def _proofs_v1(configuration: Configuration) -> list[str]:
    method = configuration.proposals_v1[0].auth
    if method not in _METHODS_V1:
        raise ValueError(f"Libreswan has no word for the method {method} of phase 1")
    authby = _METHODS_V1[method]
    lines = [f"authby={authby}", *(_certificate(configuration) if authby == "rsasig" else [])]
    if method not in _XAUTH:
        return lines
    if configuration.version1.xauth is not None:
        return [*lines, "leftxauthserver=yes", "rightxauthclient=yes"]
    return [
        *lines,
        "leftxauthclient=yes",
        "rightxauthserver=yes",
        f"leftusername={_user(configuration.users[0].name)}",
    ]


def _certificate(configuration: Configuration) -> list[str]:
    if configuration.credentials is None or not configuration.credentials.chain:
        return ["rightrsasigkey=%cert"]
    return [f"leftcert={NICKNAME}", "leftsendcert=always", "leftrsasigkey=%cert", "rightrsasigkey=%cert"]


def _subnet(side: str, subnets: Sequence[str], configuration: Configuration) -> list[str]:
    """Libreswan's connections have one pair of subnets; of transport mode, and where there is none, that of the ends."""
    if len(subnets) > 1:
        raise ValueError(f"a connection of Libreswan has one subnet an end, not {len(subnets)}")
    return [] if configuration.children.transport else [f"{side}subnet={subnet}" for subnet in subnets]


# --- times ------------------------------------------------------------------------------------------------


def _times(configuration: Configuration) -> list[str]:
    lifetimes, dpd = configuration.lifetimes, configuration.dpd
    most = lifetimes.child_kilobytes
    return [
        f"ikelifetime={_life(lifetimes.ike_hard)}s",
        f"salifetime={_life(lifetimes.child_hard)}s",
        *([] if most is None else [f"ipsec-max-bytes={most}KiB"]),
        f"retransmit-interval={_RETRANSMISSION_MS if dpd is None else ceil(dpd.retry * 1000)}",
        *([] if dpd is None else [f"retransmit-timeout={ceil(dpd.retry * dpd.retries)}s"]),
    ]


def _life(seconds: float | None) -> int:
    return _MOST_S if seconds is None else min(_MOST_S, max(1, ceil(seconds)))


def _renewal(configuration: Configuration, way: Way) -> list[Switch]:
    """One word renews children and IKE SAs both, in version 1 by another phase 1, which is an initiation."""
    may = PROFILES[configuration.profile].may
    renews = {Start.CHILD_REKEY} if way == "v2" else {Start.CHILD_REKEY, Start.PHASE1_RENEWAL}
    if not renews <= may:
        return [Switch("rekey=no", "its SAs end at their limits: none is renewed, or replaced")]
    return [
        Switch("rekey=yes", "its SAs are renewed before their limits"),
        Switch(f"rekeymargin={_margin(configuration.lifetimes)}s", "how long before, at most"),
        Switch("rekeyfuzz=0%", "not left to chance"),
    ]


def _margin(lifetimes: Lifetimes) -> int:
    """Libreswan has one margin for both kinds; the smaller one ends neither too early."""
    pairs = ((lifetimes.ike_soft, lifetimes.ike_hard), (lifetimes.child_soft, lifetimes.child_hard))
    return min((max(1, int(hard - soft)) for soft, hard in pairs if soft and hard), default=1)


def _dpd(configuration: Configuration) -> list[Switch]:
    dpd = configuration.dpd
    if dpd is None:
        return []
    again = Start.RECREATE in PROFILES[configuration.profile].may
    return [
        Switch(f"dpddelay={ceil(dpd.interval)}s", "liveness checks, which every profile allows"),
        Switch(
            f"dpdtimeout={ceil(dpd.interval + dpd.retry * dpd.retries)}s", "when a peer of version 1 is lost"
        ),
        Switch("dpdaction=restart", "a lost peer is called")
        if again
        else Switch("dpdaction=clear", "the SAs of a lost peer are removed, and nothing takes their place"),
    ]


def _cookies(threshold: int | None) -> list[str]:
    """It demands them always, never, or above a number of half-open SAs."""
    if threshold is None:
        return ["ddos-mode=unlimited"]
    return ["ddos-mode=busy"] if threshold == 0 else ["ddos-mode=auto", f"ddos-ike-threshold={threshold}"]


def _fragmentation(configuration: Configuration, way: Way) -> list[str]:
    """It agrees to fragments unless it is told not to."""
    return ["fragmentation=no"] if way == "v2" and configuration.fragments is None else []


# --- suites -----------------------------------------------------------------------------------------------


def _joined(suites: Iterable[str | None], what: str) -> str:
    known = list(dict.fromkeys(suite for suite in suites if suite))
    if not known:
        raise ValueError(f"Libreswan has no word for any suite of {what}")
    return ",".join(known)


def _dashed(*words: str | None) -> str | None:
    """The words of a suite, or None if one of them is missing."""
    return "-".join(word for word in words if word) if None not in words else None


def _ike(configuration: Configuration, way: Way) -> str:
    what = f"an IKE SA by {way}"
    if way == "v2":
        return _joined(map(ike_suite, configuration.proposals_v2), what)
    method = configuration.proposals_v1[0].auth
    policies = [each for each in configuration.proposals_v1 if each.auth == method and policy_suite(each)]
    if way == "v1-aggressive":  # the KE payload is in the first message, so there is one group
        policies = [each for each in policies if each.group == policies[0].group]
    return _joined(map(policy_suite, policies), what)


def ike_suite(proposal: IkeProposal) -> str | None:
    """A suite for an IKE SA of version 2 in its words, which know no PRF but that of the integrity."""
    prf = _PRFS.get(proposal.prf)
    if proposal.integ != Integ.NONE and _INTEGRITIES.get(proposal.integ) != prf:
        return None
    return _dashed(_CIPHERS.get((proposal.encr, proposal.key_bits)), prf, _GROUPS.get(proposal.group))


def policy_suite(policy: IsakmpPolicy) -> str | None:
    """A policy of phase 1 in its words; None where it lacks one."""
    return _dashed(
        _CIPHERS_V1.get((policy.encr, policy.key_bits)),
        _HASHES_V1.get(policy.hash),
        _GROUPS.get(policy.group),
    )


def _esp(configuration: Configuration, way: Way) -> str:
    suites = (
        child_suite(each, configuration.pfs_group, way)
        for each in configuration.child_proposals
        if each.protocol == Protocol.ESP
    )
    return _joined(suites, "a Child SA")


def child_suite(proposal: ChildProposal, pfs_group: int | None, way: Way) -> str | None:
    """A suite for a child in its words; None where it lacks one."""
    if way != "v2" and proposal.encr == Encr.ENCR_CHACHA20_POLY1305:
        return None
    integrity = "none" if proposal.integ == Integ.NONE else _INTEGRITIES.get(proposal.integ)
    group = "" if pfs_group is None else _GROUPS.get(pfs_group)
    return _dashed(_CIPHERS.get((proposal.encr, proposal.key_bits)), integrity, group)


def _section(name: str, *parts: Iterable[str]) -> list[str]:
    """A section with its lines indented, as its end is told by the next line that is not."""
    return [name, *(f"    {line}" for part in parts for line in part)]
