"""Prints a Configuration as OpenIKED's iked.conf; it runs and finds nothing. OpenIKED speaks IKEv2 alone."""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from math import ceil
from types import MappingProxyType

from harness.codes import Encr, Esn, Group, Integ, Prf, Protocol
from harness.profile.configuration import DEFAULT, ChildProposal, Configuration, Identity, IkeProposal
from harness.profile.exchanges import Fragments
from harness.profile.profiles import PROFILES, Start
from harness.profile.switches import Switch
from harness.profile.written import HIDDEN

POLICY = "v2"
"""The name of the one policy."""

_CIPHERS: Mapping[tuple[int, int | None], str] = {
    (Encr.ENCR_3DES, None): "3des",
    **{(Encr.ENCR_AES_CBC, bits): f"aes-{bits}" for bits in (128, 192, 256)},
}
_IKE_CIPHERS: Mapping[tuple[int, int | None], str] = {
    **_CIPHERS,
    **{(Encr.ENCR_AES_GCM_12, bits): f"aes-{bits}-gcm-12" for bits in (128, 256)},
    **{(Encr.ENCR_AES_GCM_16, bits): f"aes-{bits}-gcm" for bits in (128, 256)},
}
_CHILD_CIPHERS: Mapping[tuple[int, int | None], str] = {**_CIPHERS, (Encr.ENCR_NULL, None): "null"}
"""Debian's build leaves out of a proposal what Linux has no number for in PF_KEY: AEAD, above all."""

_INTEGRITIES: Mapping[int, str] = {
    Integ.AUTH_HMAC_MD5_96: "hmac-md5",
    Integ.AUTH_HMAC_SHA1_96: "hmac-sha1",
    Integ.AUTH_HMAC_SHA2_256_128: "hmac-sha2-256",
    Integ.AUTH_HMAC_SHA2_384_192: "hmac-sha2-384",
    Integ.AUTH_HMAC_SHA2_512_256: "hmac-sha2-512",
}
_CHILD_INTEGRITIES = (Integ.AUTH_HMAC_MD5_96, Integ.AUTH_HMAC_SHA1_96)
"""Debian's build negotiates the others too, then can't install them and drops its SA without a word."""

_PRFS: Mapping[int, str] = {
    Prf.PRF_HMAC_MD5: "hmac-md5",
    Prf.PRF_HMAC_SHA1: "hmac-sha1",
    Prf.PRF_HMAC_SHA2_256: "hmac-sha2-256",
    Prf.PRF_HMAC_SHA2_384: "hmac-sha2-384",
    Prf.PRF_HMAC_SHA2_512: "hmac-sha2-512",
}
SAYS = frozenset(
    {
        *("profile", "versions", "initiate_version", "proposals_v2", "child_proposals", "pfs_group"),
        *("local_address", "peer", "local_id", "remote_id", "local_subnets", "remote_subnets"),
        *("local_auth", "remote_auth", "psk", "credentials", "peer_credentials", "users"),
        *("second_selector", "fragments", "children.transport"),
        *(f"lifetimes.{kind}_{limit}" for kind in ("ike", "child") for limit in ("soft", "hard")),
        "lifetimes.child_kilobytes",
    }
)
"""The settings that its file has words for."""

_GROUPS: Mapping[int, str] = {
    Group.MODP_768: "modp768",
    Group.MODP_1024: "modp1024",
    Group.MODP_1536: "modp1536",
    Group.MODP_2048: "modp2048",
    Group.MODP_3072: "modp3072",
    Group.MODP_4096: "modp4096",
    Group.MODP_6144: "modp6144",
    Group.MODP_8192: "modp8192",
    Group.ECP_256: "ecp256",
    Group.ECP_384: "ecp384",
    Group.ECP_521: "ecp521",
    Group.CURVE25519: "curve25519",
}


def switches(
    configuration: Configuration, *, active: bool = False, waits: bool = False, serves: bool = False
) -> tuple[Switch, ...]:
    """What makes it one of the configuration's profile: what it may start by itself, and what it may not.

    Those that begin with `set` are for the whole of it, the others for its policy.
    """
    lifetimes, may = configuration.lifetimes, PROFILES[configuration.profile].may
    ike = lifetimes.ike_soft if Start.IKE_REKEY in may else None
    child = lifetimes.child_hard if Start.CHILD_REKEY in may else None
    waits = waits or (serves and Start.IKE_SA not in may)
    octets = (lifetimes.child_kilobytes or 0) * 1024 if Start.CHILD_REKEY in may else 0
    dpd = configuration.dpd
    return (
        *(
            [
                Switch(
                    "set passive",
                    "nothing is started, not even for the kernel, until it is told to be active",
                )
            ]
            if waits
            else []
        ),
        Switch(f"set dpd_check_interval {ceil(dpd.interval)}", "liveness checks, which every profile allows")
        if dpd
        else Switch("set dpd_check_interval 0", "no liveness checks"),
        Switch("active", "its IKE SA is started at once, and again whenever it is gone")
        if active
        else Switch("passive", "it waits for its peer"),
        _limit("ikelifetime", ike, "the IKE SA"),
        _limit("lifetime", child, "a child", f" bytes {octets}"),
    )


def _limit(word: str, seconds: float | None, what: str, more: str = "") -> Switch:
    """A limit is when it rekeys; it has none at which it only removes."""
    why = f"{what} is never rekeyed, and so never ends" if seconds is None else f"when {what} is rekeyed"
    return Switch(f"{word} {ceil(seconds or 0)}{more}", why)


def unfit(configuration: Configuration) -> str:
    """What of a configuration has no words where its settings have, as a sentence; empty if all of it has."""
    may, fragments = PROFILES[configuration.profile].may, configuration.fragments
    if 2 not in configuration.versions or configuration.initiate_version == 1:
        return "OpenIKED speaks IKEv2 alone"
    if configuration.lifetimes != DEFAULT.lifetimes and Start.CHILD_REKEY not in may:
        return "OpenIKED has no lifetimes but those at which it rekeys: of one that does not, ikelifetime and lifetime are 0"
    if fragments not in (None, Fragments()):
        return "OpenIKED has no word for the size of fragments"
    try:
        iked_conf(configuration)
    except ValueError as why:
        return str(why)
    return ""


def iked_conf(
    configuration: Configuration,
    *,
    active: bool = False,
    waits: bool = False,
    serves: bool = False,
    hide_secrets: bool = False,
    further: Mapping[str, Sequence[str]] = MappingProxyType({}),
) -> str:
    """The policy of an OpenIKED that is `configuration`; for an initiator give it the mirrored one.

    An active one starts at once, and again whenever its IKE SA is gone; one that `waits` does so when it is told
    to be active. One that `serves`, and calls nobody, leaves the address of its peer open, and is deaf to a kernel
    that asks for an SA. With `hide_secrets` the key is left out and must be filled in. `further` are lines for
    `global` and words for `policy`. ValueError if it has no word for any suite.
    """
    told = [each.setting for each in switches(configuration, active=active, waits=waits, serves=serves)]
    if serves and Start.IKE_SA not in PROFILES[configuration.profile].may:
        configuration = replace(configuration, peer=None)
    whole = [setting for setting in told if setting.startswith("set ")]
    start, *limits = told[len(whole) :]
    peer = configuration.remote_id
    mode = "transport" if configuration.children.transport else "tunnel"
    policy = [
        f'ikev2 "{POLICY}" {start} {mode} esp',
        *_flows(configuration),
        f"local {configuration.local_address} peer {configuration.peer or 'any'}",
        *_joined(map(ike_suite, configuration.proposals_v2), "an IKE SA"),
        *_joined((child_suite(each, configuration) for each in configuration.child_proposals), "a Child SA"),
        f"srcid {identity(configuration.local_id)}",
        *([f"dstid {identity(peer)}"] if peer else []),
        *limits,
        *_proof(configuration, hide=hide_secrets),
        *further.get("policy", ()),
    ]
    return "\n".join(
        [
            *whole,
            f"set {'nofragmentation' if configuration.fragments is None else 'fragmentation'}",
            f"set {'nomobike' if configuration.mobility is None else 'mobike'}",
            *(f'user "{_word(each.name)}" "{_word(each.password)}"' for each in configuration.users),
            *further.get("global", ()),
            " \\\n    ".join(policy),
            "",
        ]
    )


def identity(who: Identity) -> str:
    """An identity as OpenIKED reads it, which tells its kind from its look."""
    if who.kind == "key_id" or not re.fullmatch(r"[\w.:@-]+", who.value):
        raise ValueError(f"OpenIKED has no words for the identity {who.value!r}")
    return who.value


def _word(text: str) -> str:
    if not re.fullmatch(r"[ !#-\[\]-~]+", text):
        raise ValueError("OpenIKED has no words for a name or password with quotes or control characters")
    return text


def _flows(configuration: Configuration) -> list[str]:
    """One for each pair of subnets; where there is none the address is meant that the peer gives or is given."""
    locals_, remotes = (
        subnets or ("dynamic",) for subnets in (configuration.local_subnets, configuration.remote_subnets)
    )
    pairs = [(local, remote) for local in locals_ for remote in remotes]
    second = configuration.second_selector
    return [f"from {local} to {remote}" for local, remote in (*pairs, *([second] if second else []))]


def _proof(configuration: Configuration, *, hide: bool) -> list[str]:
    """Where nothing is said it signs with whatever key it has, and takes any signature."""
    ends = (configuration.local_auth, configuration.remote_auth)
    match ends:
        case ("psk", "psk"):
            return [f'psk "{HIDDEN}"' if hide else f"psk 0x{configuration.psk.hex()}"]
        case ("signature", "signature"):
            return []
        case ("signature", "eap"):
            return ['eap "mschap-v2"']
    raise ValueError(f"OpenIKED has no words for ends that prove themselves by {ends[0]!r} and {ends[1]!r}")


def _joined(suites: Iterable[str | None], what: str) -> list[str]:
    known = list(dict.fromkeys(suite for suite in suites if suite))
    if not known:
        raise ValueError(f"OpenIKED has no word for any suite of {what}")
    return known


def _words(*words: str | None) -> str | None:
    """The words of a suite, or None if one of them is missing."""
    return " ".join(word for word in words if word) if None not in words else None


def _named(word: str, name: str | None) -> str | None:
    return None if name is None else f"{word} {name}"


def ike_suite(proposal: IkeProposal) -> str | None:
    """A suite for an IKE SA of version 2 in its words; None where it lacks one."""
    return _words(
        "ikesa",
        _named("enc", _IKE_CIPHERS.get((proposal.encr, proposal.key_bits))),
        "" if proposal.integ == Integ.NONE else _named("auth", _INTEGRITIES.get(proposal.integ)),
        _named("prf", _PRFS.get(proposal.prf)),
        _named("group", _GROUPS.get(proposal.group)),
    )


def child_suite(proposal: ChildProposal, configuration: Configuration) -> str | None:
    """A suite for a child in its words; None where it lacks one, or Debian's build can't have it."""
    if proposal.protocol != Protocol.ESP or proposal.integ not in _CHILD_INTEGRITIES:
        return None
    group = configuration.pfs_group
    return _words(
        "childsa",
        _named("enc", _CHILD_CIPHERS.get((proposal.encr, proposal.key_bits))),
        _named("auth", _INTEGRITIES.get(proposal.integ)),
        "" if group is None else _named("group", _GROUPS.get(group)),
        "esn" if proposal.esn == Esn.ESN else "noesn",
    )
