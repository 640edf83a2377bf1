"""Prints a Configuration as strongSwan's files (swanctl.conf, strongswan.conf); it runs and finds nothing."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from math import ceil, inf
from types import MappingProxyType

from harness.codes import Encr, EncrV1, Esn, Group, HashV1, Integ, Prf, ProfileName, Protocol
from harness.profile.configuration import (
    ChildProposal,
    Configuration,
    IkeProposal,
    IsakmpPolicy,
    Lifetimes,
)
from harness.profile.exchanges import Fragments
from harness.profile.extensions import Mobility
from harness.profile.profiles import PROFILES, Profile, Start
from harness.profile.strongswan_proofs import (
    ends,
    method_v1,
    post_quantum,
    quoted,
    secrets,
    section,
)
from harness.profile.switches import Switch
from harness.profile.ways import WAYS, Way, own_way, speaks

Further = Mapping[str, Sequence[str]]
"""Lines by the section that they are added to."""
NOTHING: Further = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class Role:
    """What makes a child come up without a command, and whether the daemon is there to be called.

    One that `answers` takes peers from any address, and makes key exchanges for children where the peer wants one.
    """

    loaded: str = "none"
    """What is done with a child whose connection was loaded,"""
    closed: str = "none"
    """with one that the peer deleted,"""
    lost: str = "clear"
    """and with one whose peer is dead."""
    answers: bool = False


CALLS = Role()
"""It does what it is told, and nothing else."""
ANSWERS = Role(answers=True)
ON_TRAFFIC = Role("trap", "start", "restart", answers=True)
"""A packet for the tunnel starts it, and it is made again whenever it ends otherwise than by a command."""
AT_ONCE = Role("trap|start", "start", "restart", answers=True)
"""The same, and it is started as soon as it is loaded."""

POOL = "inner"
"""The name of the pool of inner addresses."""
CHILD = "net"
"""The name of the child in every connection; `second` is that of a second selector pair."""

_CIPHERS: Mapping[tuple[int, int | None], str] = {
    (Encr.ENCR_DES, None): "des",
    (Encr.ENCR_3DES, None): "3des",
    (Encr.ENCR_NULL, None): "null",
    **{(Encr.ENCR_AES_CBC, bits): f"aes{bits}" for bits in (128, 192, 256)},
    **{(Encr.ENCR_AES_CTR, bits): f"aes{bits}ctr" for bits in (128, 192, 256)},
    **{(Encr.ENCR_CAMELLIA_CBC, bits): f"camellia{bits}" for bits in (128, 192, 256)},
    **{(Encr.ENCR_AES_CCM_8, bits): f"aes{bits}ccm8" for bits in (128, 192, 256)},
    **{(Encr.ENCR_AES_CCM_12, bits): f"aes{bits}ccm12" for bits in (128, 192, 256)},
    **{(Encr.ENCR_AES_CCM_16, bits): f"aes{bits}ccm16" for bits in (128, 192, 256)},
    **{(Encr.ENCR_AES_GCM_8, bits): f"aes{bits}gcm8" for bits in (128, 192, 256)},
    **{(Encr.ENCR_AES_GCM_12, bits): f"aes{bits}gcm12" for bits in (128, 192, 256)},
    **{(Encr.ENCR_AES_GCM_16, bits): f"aes{bits}gcm16" for bits in (128, 192, 256)},
    **{(Encr.ENCR_NULL_AUTH_AES_GMAC, bits): f"aes{bits}gmac" for bits in (128, 192, 256)},
    (Encr.ENCR_CHACHA20_POLY1305, None): "chacha20poly1305",
}
_CIPHERS_V1: Mapping[tuple[int, int | None], str] = {
    (EncrV1.DES_CBC, None): "des",
    (EncrV1.TRIPLE_DES_CBC, None): "3des",
    **{(EncrV1.AES_CBC, bits): f"aes{bits}" for bits in (128, 192, 256)},
    **{(EncrV1.CAMELLIA_CBC, bits): f"camellia{bits}" for bits in (128, 192, 256)},
    **{(EncrV1.BLOWFISH_CBC, bits): f"blowfish{bits}" for bits in (128, 192, 256)},
    (EncrV1.CAST_CBC, None): "cast128",
}
_HASHES: Mapping[int, str] = {
    Integ.AUTH_HMAC_MD5_96: "md5",
    Integ.AUTH_HMAC_SHA1_96: "sha1",
    Integ.AUTH_HMAC_SHA2_256_128: "sha256",
    Integ.AUTH_HMAC_SHA2_384_192: "sha384",
    Integ.AUTH_HMAC_SHA2_512_256: "sha512",
    Integ.AUTH_AES_XCBC_96: "aesxcbc",
    Integ.AUTH_AES_CMAC_96: "aescmac",
}
_HASHES_V1: Mapping[int, str] = {
    HashV1.MD5: "md5",
    HashV1.SHA1: "sha1",
    HashV1.SHA2_256: "sha256",
    HashV1.SHA2_384: "sha384",
    HashV1.SHA2_512: "sha512",
}
_PRFS: Mapping[int, str] = {
    Prf.PRF_HMAC_MD5: "prfmd5",
    Prf.PRF_HMAC_SHA1: "prfsha1",
    Prf.PRF_HMAC_SHA2_256: "prfsha256",
    Prf.PRF_HMAC_SHA2_384: "prfsha384",
    Prf.PRF_HMAC_SHA2_512: "prfsha512",
    Prf.PRF_AES128_XCBC: "prfaesxcbc",
    Prf.PRF_AES128_CMAC: "prfaescmac",
}
_GROUPS: Mapping[int, str] = {
    Group.MODP_768: "modp768",
    Group.MODP_1024: "modp1024",
    Group.MODP_1536: "modp1536",
    Group.MODP_2048: "modp2048",
    Group.MODP_3072: "modp3072",
    Group.MODP_4096: "modp4096",
    Group.MODP_6144: "modp6144",
    Group.MODP_8192: "modp8192",
    Group.MODP_1024_160: "modp1024s160",
    Group.MODP_2048_224: "modp2048s224",
    Group.MODP_2048_256: "modp2048s256",
    Group.ECP_192: "ecp192",
    Group.ECP_224: "ecp224",
    Group.ECP_256: "ecp256",
    Group.ECP_384: "ecp384",
    Group.ECP_521: "ecp521",
    Group.BRAINPOOL_P256R1: "ecp256bp",
    Group.BRAINPOOL_P384R1: "ecp384bp",
    Group.BRAINPOOL_P512R1: "ecp512bp",
    Group.CURVE25519: "curve25519",
    Group.CURVE448: "curve448",
    Group.ML_KEM_512: "mlkem512",
    Group.ML_KEM_768: "mlkem768",
    Group.ML_KEM_1024: "mlkem1024",
}


def swanctl_conf(
    configuration: Configuration,
    *,
    ways: Sequence[Way] = WAYS,
    remote_port: int = 500,
    hide_secrets: bool = False,
    further: Further = NOTHING,
    role: Role = CALLS,
) -> str:
    """The connections of a strongSwan that is `configuration`; for an initiator give it the mirrored one.

    It rekeys by itself only if the configuration's profile allows that, and starts only what its role says, by
    the way in which the configuration would start. strongSwan puts the non-ESP marker before everything that it
    sends to a port other than 500. `further` lines, which outdo what is printed, are for the sections
    `connection`, `local`, `remote` and `child`. ValueError if it has no word for something.
    """
    other_ways = Role(answers=role.answers)
    connections = [
        _connection(
            configuration, way, remote_port, further, role if way == own_way(configuration) else other_ways
        )
        for way in ways
        if speaks(configuration, way)
    ]
    shared = secrets(configuration, hide=hide_secrets)
    return "\n".join(
        [
            *section("connections", *connections),
            *section("secrets", *(section(name, lines) for name, lines in shared.items())),
            *(_pools(configuration) if role.answers else []),
            "",
        ]
    )


def role_of(configuration: Configuration, *, booted: bool) -> Role:
    """That of a daemon under test: a two-way one waits for a reason to start, until it has booted with one."""
    if Start.IKE_SA not in PROFILES[configuration.profile].may:
        return ANSWERS
    return AT_ONCE if booted else ON_TRAFFIC


def initiate_command(way: Way, child: str = CHILD) -> tuple[str, ...]:
    """The arguments that make a running strongSwan start `way` as printed above."""
    return ("swanctl", "--initiate", "--child", child, "--ike", way, "--timeout", "8")


def strongswan_conf(
    directory: str,
    *,
    port: int = 500,
    nat_port: int = 4500,
    userspace_esp: bool = False,
    further: Further = NOTHING,
) -> str:
    """The daemon's own settings: everything it writes lies in `directory`, and no defence hides an answer.

    `userspace_esp` takes the plugin kernel-libipsec, which pretends to stand behind a NAT and so moves to
    the NAT port. Sixteen threads are needed: that plugin keeps half of them busy. `further` has lines for the
    section `charon`.
    """
    plugins = [*_PLUGINS, *(["kernel-libipsec"] if userspace_esp else []), *_LAST_PLUGINS]
    log = section(
        "charon-log",
        [f"path = {quoted(f'{directory}/charon.log')}", "default = 1", "ike = 2", "cfg = 2", "knl = 2"],
        ["time_format = %H:%M:%S", "flush_line = yes"],
    )
    charon = section(
        "charon",
        ["load_modular = no", f"load = {' '.join(plugins)}", f"port = {port}", f"port_nat_t = {nat_port}"],
        ["i_dont_care_about_security_and_use_aggressive_mode_psk = yes"],
        ["dos_protection = no", "cookie_threshold = 0", "block_threshold = 0", "init_limit_half_open = 0"],
        ["install_routes = no", "threads = 16"],
        section("filelog", log),
        section("plugins", section("vici", [f"socket = {quoted(f'unix://{directory}/charon.vici')}"])),
        further.get("charon", ()),
    )
    return "\n".join([*charon, *section("swanctl", ["load = pem pkcs1 pkcs8 x509 openssl random"]), ""])


def charon_options(configuration: Configuration) -> list[str]:
    """What strongSwan settles for the whole daemon, as lines of the section `charon`."""
    again = configuration.exchanges.retransmission
    return [
        f"half_open_timeout = {_whole(configuration.lifetimes.half_open)}",
        f"retransmit_timeout = {again.first}",
        f"retransmit_base = {again.factor}",
        f"retransmit_tries = {again.tries - 1}",
        f"fragment_size = {_fragment_size(configuration)}",
    ]


def _fragment_size(configuration: Configuration) -> int:
    return (configuration.fragments or configuration.version1.fragmentation or Fragments()).size


def unfit(configuration: Configuration) -> str:
    """What a strongSwan of version 5.9 can't be, in words; empty if nothing.

    It lets an IKE SA end by its age only as the end of a time for rekeying it, and asks nobody for a cookie while
    no IKE SA is half-open.
    """
    renewal = Start.IKE_REKEY if configuration.initiate_version == 2 else Start.PHASE1_RENEWAL
    renews = renewal in PROFILES[configuration.profile].may
    additional = [
        *(suite.additional for suite in configuration.proposals_v2),
        *(suite.additional for suite in configuration.child_proposals),
    ]
    lifetime = configuration.lifetimes.ike_hard or inf
    if configuration.profile is ProfileName.P1_ONLY:
        return "it can't be told to start Child SAs on a peer's IKE SA and yet no IKE SA"
    if lifetime < OUT_OF_REACH_S and not renews:
        return f"with rekey_time = 0 and reauth_time = 0 no IKE SA of it ends by its age, not after {lifetime:.0f} s"
    if any(additional):
        return "it has no additional key exchanges"
    if configuration.mobility not in (None, Mobility()):
        return "it has no words for the details of mobility"
    if configuration.fragments not in (None, Fragments(size=_fragment_size(configuration))):
        return "it has no words for what is kept of a fragmented message"
    if configuration.pool is not None and configuration.pool.demanded:
        return "it refuses no client that asks for no address"
    try:
        swanctl_conf(configuration)
    except ValueError as why:
        return str(why)
    return ""


OUT_OF_REACH_S = 3600.0
"""No case waits for so long where time is real."""

_PLUGINS = (
    *("random", "nonce", "openssl", "aes", "sha1", "sha2", "md5", "hmac", "kdf", "gmp", "curve25519", "xcbc"),
    *("cmac", "gcm", "ccm", "ctr", "chapoly", "pem", "pkcs1", "pkcs8", "x509", "pubkey"),
    *("eap-identity", "eap-md5", "eap-mschapv2", "xauth-generic"),
)
_LAST_PLUGINS = ("kernel-netlink", "socket-default", "vici", "counters", "error-notify", "updown")


# --- connections ------------------------------------------------------------------------------------------


def _connection(
    configuration: Configuration, way: Way, remote_port: int, further: Further, role: Role
) -> list[str]:
    policies = [each for each in configuration.proposals_v1 if each.auth == method_v1(configuration)]
    suites = map(ike_suite, configuration.proposals_v2) if way == "v2" else map(policy_suite, policies)
    return section(
        way,
        [f"version = {2 if way == 'v2' else 1}"],
        ["aggressive = yes"] if way == "v1-aggressive" else [],
        [f"local_addrs = {configuration.local_address}"],
        _remote(configuration, remote_port, anybody=role.answers),
        [f"proposals = {_joined(suites, f'an IKE SA by {way}')}", _mobility(configuration)],
        post_quantum(configuration) if way == "v2" else [],
        _settings(_of_connection(configuration, way)),
        _as_responder(configuration, way) if role.answers else [],
        further.get("connection", ()),
        *(section(name, lines, further.get(name, ())) for name, lines in ends(configuration, way).items()),
        section("children", *_children(configuration, way, role, further.get("child", ()))),
    )


def _remote(configuration: Configuration, port: int, *, anybody: bool) -> list[str]:
    """The first of several addresses is the one that is called."""
    addresses = [*filter(None, [configuration.peer]), *(["0.0.0.0/0", "::/0"] if anybody else [])]
    return [
        f"remote_addrs = {','.join(addresses) or '%any'}",
        *([f"remote_port = {port}"] if port != 500 else []),
    ]


def _as_responder(configuration: Configuration, way: Way) -> list[str]:
    """What only who is called has a say in."""
    if way != "v2":
        return [f"fragmentation = {_yes(configuration.version1.fragmentation)}"]
    return [
        f"fragmentation = {_yes(configuration.fragments)}",
        f"childless = {'allow' if configuration.childless else 'never'}",
        *([f"pools = {POOL}"] if configuration.pool else []),
    ]


def _yes(wanted: object) -> str:
    return "no" if wanted is None else "yes"


def _pools(configuration: Configuration) -> list[str]:
    pool = configuration.pool
    if pool is None:
        return []
    servers = [f"dns = {','.join(pool.dns)}"] if pool.dns else []
    return section("pools", section(POOL, [f"addrs = {pool.subnet}"], servers))


def _mobility(configuration: Configuration) -> str:
    return f"mobike = {_yes(configuration.mobility)}"


def switches(configuration: Configuration, way: Way, role: Role = ANSWERS) -> tuple[Switch, ...]:
    """What makes a connection one of the configuration's profile: what it may start by itself, and what it may not."""
    of_child = (
        Switch(f"children.{CHILD}.{each.setting}", each.why) for each in _of_child(configuration, role)
    )
    return (*_of_connection(configuration, way), *of_child)


def _of_connection(configuration: Configuration, way: Way) -> list[Switch]:
    may = PROFILES[configuration.profile]
    return [*_ike_times(configuration.lifetimes, may, way), *_dpd(configuration, way)]


def _of_child(configuration: Configuration, role: Role) -> list[Switch]:
    rekeys = Start.CHILD_REKEY in PROFILES[configuration.profile].may
    return [*_child_times(configuration.lifetimes, rekeys=rekeys), *_actions(role)]


def _settings(told: Iterable[Switch]) -> list[str]:
    return [each.setting for each in told]


def _ike_times(lifetimes: Lifetimes, may: Profile, way: Way) -> Iterator[Switch]:
    """Version 1 has no rekeying of phase 1 but a new one, which strongSwan calls reauthentication."""
    word, start = ("rekey_time", Start.IKE_REKEY) if way == "v2" else ("reauth_time", Start.PHASE1_RENEWAL)
    other = "reauth_time" if way == "v2" else "rekey_time"
    if start not in may.may or lifetimes.ike_soft is None:
        yield Switch("rekey_time = 0", "no IKE SA is rekeyed, and so none ends by its age")
        yield Switch("reauth_time = 0", "none is made in place of another")
        if way != "v2" and lifetimes.ike_hard is not None:
            why = "the life that is offered: what comes on top of a renewal, and 0 seconds without this"
            yield Switch(f"over_time = {_seconds(lifetimes.ike_hard)}", why)
        return
    yield Switch(f"{word} = {_seconds(lifetimes.ike_soft)}", "the soft limit of an IKE SA: it is renewed")
    yield Switch(f"{other} = 0", "in this way alone")
    yield Switch("rand_time = 0", "not left to chance")
    if lifetimes.ike_hard is not None:
        over = _seconds(lifetimes.ike_hard - lifetimes.ike_soft)
        yield Switch(f"over_time = {over}", "how long after that limit it ends")


def _dpd(configuration: Configuration, way: Way) -> Iterator[Switch]:
    dpd = configuration.dpd
    if dpd is None:
        yield Switch("dpd_delay = 0", "no liveness checks")
        return
    yield Switch(f"dpd_delay = {_seconds(dpd.interval)}", "liveness checks, which every profile allows")
    if way != "v2":
        patience = _seconds(dpd.interval + dpd.retry * dpd.retries)
        yield Switch(f"dpd_timeout = {patience}", "when a peer that answers none is dead")


def _children(
    configuration: Configuration, way: Way, role: Role, further: Sequence[str]
) -> Iterator[list[str]]:
    given = role.answers and configuration.pool is not None and way == "v2"
    pairs = {CHILD: (configuration.local_subnets, () if given else configuration.remote_subnets)}
    if configuration.second_selector:
        local, remote = configuration.second_selector
        pairs["second"] = (local,), (remote,)
    for name, (locals_, remotes) in pairs.items():
        yield section(name, _child(configuration, way, role, locals_, remotes), further)


def _child(
    configuration: Configuration,
    way: Way,
    role: Role,
    local: Sequence[str],
    remote: Sequence[str],
) -> list[str]:
    protocols = {Protocol.ESP: "esp_proposals", Protocol.AH: "ah_proposals"}
    suites = {
        word: [
            child_suite(each, group, way)
            for group in _child_groups(configuration, way, role)
            for each in configuration.child_proposals
            if each.protocol == protocol
        ]
        for protocol, word in protocols.items()
    }
    return [
        f"local_ts = {','.join(local) or 'dynamic'}",
        f"remote_ts = {','.join(remote) or 'dynamic'}",
        *(f"{word} = {_joined(each, 'a Child SA')}" for word, each in suites.items() if each),
        *(["mode = transport"] if configuration.children.transport else []),
        *_settings(_of_child(configuration, role)),
    ]


def _child_groups(configuration: Configuration, way: Way, role: Role) -> Iterable[int | None]:
    """The groups of key exchanges for a child, None where there may be none."""
    if configuration.pfs_group is not None or not role.answers:
        return [configuration.pfs_group]
    suites = configuration.proposals_v2 if way == "v2" else configuration.proposals_v1
    return dict.fromkeys([None, *(suite.group for suite in suites)])


def _child_times(lifetimes: Lifetimes, *, rekeys: bool) -> Iterator[Switch]:
    """A lifetime alone would bring rekeying back at nine tenths of it, so rekeying is always said.

    What is not said of the jitter is the whole lifetime, which turns a rekeying at 0 into one at a random volume.
    """
    soft = lifetimes.child_soft if rekeys else None
    octets = (lifetimes.child_kilobytes or 0) * 1024
    none = "no child is rekeyed; unsaid, the hard limit would bring that back"
    yield Switch(
        f"rekey_time = {_seconds(soft)}", "the soft limit of a child: it is rekeyed" if soft else none
    )
    yield Switch(f"life_time = {_seconds(lifetimes.child_hard)}", _HARD_LIMIT)
    yield Switch("rand_time = 0", "not left to chance")
    yield Switch(f"rekey_bytes = {octets * 9 // 10 if rekeys else 0}", "the same by volume")
    yield Switch(f"life_bytes = {octets}", "and the hard limit by volume")
    yield Switch("rand_bytes = 0", "unsaid, it would put a rekeying at 0 to a random volume")
    yield Switch("rekey_packets = 0", "none by the number of packets")
    yield Switch("rand_packets = 0", "as for octets")


_HARD_LIMIT = (
    "the hard limit of a child; version 5.9 deletes it then, and makes it again whatever else is said"
)
_WHEN_LOADED = {
    "none": "nothing starts a child",
    "start": "a child is started at once",
    "trap": "a packet for it starts a child",
    "trap|start": "a child is started at once, and again by a packet for it",
}


def _actions(role: Role) -> Iterator[Switch]:
    again = "is made again" if role.closed == "start" else "is not made again"
    yield Switch(f"start_action = {role.loaded}", _WHEN_LOADED[role.loaded])
    yield Switch(f"close_action = {role.closed}", f"a child that its peer deleted {again}")
    yield Switch(f"dpd_action = {role.lost}", f"a child whose peer is dead {again}")


def _seconds(seconds: float | None) -> str:
    """Whole seconds, at least one; 0 says never."""
    return "0" if seconds is None else f"{_whole(seconds)}s"


def _whole(seconds: float) -> int:
    return max(1, ceil(seconds))


# --- suites -----------------------------------------------------------------------------------------------


def _joined(suites: Iterable[str | None], what: str) -> str:
    known = list(dict.fromkeys(suite for suite in suites if suite))
    if not known:
        raise ValueError(f"strongSwan has no word for any suite of {what}")
    return ",".join(known)


def _dashed(*words: str | None) -> str | None:
    """The words of a suite, or None if one of them is missing."""
    return "-".join(word for word in words if word) if None not in words else None


def ike_suite(proposal: IkeProposal) -> str | None:
    """A suite for an IKE SA of version 2 in its words; None where it lacks one."""
    cipher, group = _CIPHERS.get((proposal.encr, proposal.key_bits)), _GROUPS.get(proposal.group)
    prf, further = _PRFS.get(proposal.prf), _additional(proposal.additional)
    if proposal.integ == Integ.NONE:
        return _dashed(cipher, prf, group, *further)
    integrity = _HASHES.get(proposal.integ)
    implied = prf is not None and prf == f"prf{integrity}"
    return _dashed(cipher, integrity, "" if implied else prf, group, *further)


def _additional(methods: tuple[int, ...]) -> Iterable[str | None]:
    """A word for each additional key exchange (RFC 9370), as version 6.0 and later read it."""
    for number, method in enumerate(methods, 1):
        word = _GROUPS.get(method)
        yield word and f"ke{number}_{word}"


def policy_suite(policy: IsakmpPolicy) -> str | None:
    """A policy of phase 1 in its words; None where it lacks one."""
    return _dashed(
        _CIPHERS_V1.get((policy.encr, policy.key_bits)),
        _HASHES_V1.get(policy.hash),
        _GROUPS.get(policy.group),
    )


def child_suite(proposal: ChildProposal, pfs_group: int | None, way: Way) -> str | None:
    """A suite for a child in its words; None where it lacks one."""
    cipher = "" if proposal.protocol == Protocol.AH else _CIPHERS.get((proposal.encr, proposal.key_bits))
    integrity = "" if proposal.integ == Integ.NONE else _HASHES.get(proposal.integ)
    group = "" if pfs_group is None else _GROUPS.get(pfs_group)
    further = _additional(proposal.additional) if group and way == "v2" else ()
    extended = "esn" if way == "v2" and proposal.esn == Esn.ESN else ""
    return _dashed(cipher, integrity, group, *further, extended) or None
